//! `smtp-queue export`: queued messages as a stream, in the spool's own form or
//! as batch SMTP.

use std::io::{self, Read, Write};

use super::Context;
use super::select::Selection;
use crate::class::Class;
use crate::cli::output::Out;
use crate::cli::{Done, Stop};
use crate::smtp::addr::Mailbox;
use crate::smtp::batch::{self, Content};
use crate::smtp::param::Body;
use crate::spool::{
    self, BodyKind, Entry, Envelope, Head, Origin, Recipient, Spool, State, unexpanded,
};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    selection: Selection,
    /// As batch SMTP (RFC 2442) instead of the spool's form
    #[arg(long)]
    bsmtp: bool,
}

pub fn export(context: &Context, options: &Options) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(false);
    if options.bsmtp {
        batch::begin(&mut Raw(&mut out), &context.config.hostname).map_err(failed)?;
    }
    let done = options.selection.each(context.tool, &spool, |entry| {
        one(&spool, entry, options.bsmtp, &mut out)
    });
    if options.bsmtp {
        batch::end(&mut Raw(&mut out)).map_err(failed)?;
    }
    out.flush()?;
    done
}

/// Octets to standard output; what stops it is told by [`Out`].
struct Raw<'a>(&'a mut Out);

impl Write for Raw<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.0.raw(octets) {
            Ok(()) => Ok(octets.len()),
            Err(Stop::Quiet) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(stop) => Err(io::Error::other(stop.text().to_owned())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::Quiet,
        io::ErrorKind::InvalidData => Stop::new(Class::Data, format!("damaged: {error}")),
        _ => Stop::new(Class::Io, error.to_string()),
    }
}

/// The content is read to its end before anything is written: a damaged message
/// would break the stream off in its middle.
fn one(spool: &Spool, entry: &Entry, bsmtp: bool, out: &mut Out) -> Done {
    let (head, mut message) = spool.read(entry)?;
    let state = spool.state(entry.id)?;
    let Some(envelope) = open_envelope(&head, &state) else {
        return Err(Stop::new(Class::Data, "no recipient is left"));
    };
    let mut tail = Tail::default();
    let octets = spool::print_head_anew(&head, &envelope, &mut tail.of(&mut message))?;
    let (_, mut message) = spool.read(entry)?;
    if bsmtp {
        let recipients = envelope.recipients.iter();
        return batch::message(
            &mut Raw(out),
            &envelope.sender,
            &envelope.params,
            &mut recipients.map(|r| (&r.address, &r.params)),
            content(&head, &tail),
            &mut message,
        )
        .map_err(failed);
    }
    out.raw(&octets)?;
    io::copy(&mut message, &mut Raw(out)).map_err(failed)?;
    Ok(())
}

fn content(head: &Head, tail: &Tail) -> Content {
    let length = head.check.length;
    let octets = |body| Content::Octets { length, body };
    match head.check.body {
        BodyKind::Binary => octets(Some(Body::BinaryMime)),
        kind if !tail.ends_a_line() => {
            octets((kind == BodyKind::EightBit).then_some(Body::EightBitMime))
        }
        kind => Content::Lines {
            eight_bit: kind == BodyKind::EightBit,
        },
    }
}

/// The last two octets that were read; none of an empty message.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn of<'a>(&'a mut self, input: &'a mut dyn Read) -> impl Read + 'a {
        Watched { tail: self, input }
    }

    fn ends_a_line(&self) -> bool {
        self.0.is_empty() || self.0 == b"\r\n"
    }
}

struct Watched<'a> {
    tail: &'a mut Tail,
    input: &'a mut dyn Read,
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        let tail = &mut self.tail.0;
        tail.extend_from_slice(&buf[n.saturating_sub(2)..n]);
        tail.drain(..tail.len().saturating_sub(2));
        Ok(n)
    }
}

/// The envelope for those who have no final result; `None`: there are none.
///
/// After aliases, which are not to be applied again; but what an alias leads to
/// here (a program, a file, a list's copies) only its address leads to elsewhere.
fn open_envelope(head: &Head, state: &State) -> Option<Envelope> {
    let own = unexpanded(head);
    let targets = state.targets.as_deref().unwrap_or(&own);
    let last = state.last(targets.len());
    let open: Vec<_> = targets
        .iter()
        .zip(last)
        .filter(|(_, last)| !last.is_some_and(|a| a.result.is_final()))
        .map(|(target, _)| target)
        .collect();
    let given = |n: u32| head.envelope.recipients.get(n as usize);
    let direct: Option<Vec<Recipient>> = open
        .iter()
        .map(|target| {
            let address = Mailbox::parse(&target.to).ok()?;
            let params = given(target.recipient)?.params.clone();
            target
                .owner
                .is_none()
                .then_some(Recipient { address, params })
        })
        .collect();
    let mut envelope = head.envelope.clone();
    match direct {
        Some(recipients) => {
            let is_expanded = targets != own.as_slice();
            envelope.recipients = recipients;
            if is_expanded && !envelope.origin.has_no_aliases() {
                let (key, value) = Origin::NO_ALIASES;
                let word = (key.to_owned(), value.to_owned());
                envelope.origin.words.push(word);
            }
        }
        None => {
            let mut numbers: Vec<u32> = open.iter().map(|t| t.recipient).collect();
            numbers.dedup();
            envelope.recipients = numbers.into_iter().filter_map(given).cloned().collect();
        }
    }
    (!envelope.recipients.is_empty()).then_some(envelope)
}
