//! `smtp-queue import`: what [`super::export`] writes, from standard input.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use super::Context;
use super::act::{Acted, by};
use crate::class::Class;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, Worst};
use crate::log;
use crate::net::stdio::{self, Carrier, Handler};
use crate::smtp::addr::{Domain, ForwardPath, Mailbox, ReversePath};
use crate::smtp::caps::Caps;
use crate::smtp::data;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::Reply;
use crate::smtp::server::{Answer, Role, Session, Settings};
use crate::spool::{
    self, Draft, Envelope, Id, MAX_LENGTH, MAX_RECIPIENTS, Origin, Recipient, Spool, SpoolError,
};

#[derive(clap::Args)]
pub struct Options {
    /// One JSON object a message
    #[arg(long)]
    json: bool,
    /// Only queue; nothing is tried at once
    #[arg(long)]
    queue_only: bool,
}

/// How the spool's own form begins; anything else is batch SMTP.
const OWN_FORM: &[u8] = b"Envelope-Id:";

pub fn import(context: &Context, options: &Options) -> Done {
    let spool = match context.config.spool.exists() {
        true => context.spool()?,
        false => super::setup::make(&context.config)?,
    };
    let mut out = Out::stdout(options.json);
    let mut input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
    let begin = input.fill_buf().map_err(unreadable)?;
    if begin.is_empty() {
        return Ok(());
    }
    let is_own = begin.starts_with(&OWN_FORM[..OWN_FORM.len().min(begin.len())]);
    let done = context.as_owner(&spool, || match is_own {
        true => messages(context, &spool, &mut input, &mut out),
        false => batch(context, &spool, &mut input, &mut out),
    });
    out.flush()?;
    if !options.queue_only {
        context.wake(&spool)?;
    }
    done
}

fn unreadable(error: io::Error) -> Stop {
    Stop::new(Class::NoInput, format!("standard input: {error}"))
}

fn told(out: &mut Out, id: Id, done: &str) -> Done {
    out.record(&Acted {
        id: id.to_string(),
        done: done.to_owned(),
    })
}

/// The spool's form: a message's envelope tells where the next one begins.
fn messages(context: &Context, spool: &Spool, input: &mut dyn BufRead, out: &mut Out) -> Done {
    let mut known: HashSet<Id> = spool.list()?.iter().map(|e| e.id).collect();
    let mut worst = Worst::new(context.tool);
    while !input.fill_buf().map_err(unreadable)?.is_empty() {
        // From here on nothing says where a message begins.
        let piped = spool::read_head(input).map_err(|e| Stop::from(e).about("standard input"))?;
        let length = piped.check.map_or(u64::MAX, |check| check.length);
        let mut message = piped.message(input.take(length));
        let done = match known.insert(piped.id) {
            true => store(spool, piped.id, &piped.envelope, &mut message).map(|()| "imported"),
            false => Ok("queued already"),
        };
        // What was not stored stands before the next one all the same.
        io::copy(&mut message, &mut io::sink()).or_else(damaged)?;
        let done = done.and_then(|words| told(out, piped.id, words));
        worst.take(piped.id.as_str(), done)?;
    }
    worst.end()
}

/// It was told of where it was stored.
fn damaged(error: io::Error) -> Result<u64, Stop> {
    match error.kind() {
        io::ErrorKind::InvalidData => Ok(0),
        _ => Err(unreadable(error)),
    }
}

fn store(spool: &Spool, id: Id, envelope: &Envelope, message: &mut dyn Read) -> Result<(), Stop> {
    let mut draft = spool.draft_as(id, envelope)?;
    let size = io::copy(message, &mut draft).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Stop::new(Class::Data, e.to_string()),
        _ => Stop::from(draft.failed(e)),
    })?;
    draft.commit()?;
    tell_log(id, envelope, size);
    Ok(())
}

fn tell_log(id: Id, envelope: &Envelope, size: u64) {
    let recipients = envelope.recipients.len();
    log::imported(&id, &envelope.sender, recipients, size, by());
}

/// Batch SMTP, through the one SMTP server machine. Its first refusal ends the
/// import: what follows could be content taken for commands.
fn batch(context: &Context, spool: &Spool, input: &mut dyn BufRead, out: &mut Out) -> Done {
    let mut intake = Intake {
        spool,
        origin: &context.config.origin,
        draft: None,
        envelope: None,
        out,
        failure: None,
    };
    let mut carrier = Batch {
        input,
        replies: Vec::new(),
        refused: None,
    };
    let mut session = Session::new(settings(context).into(), false, Instant::now());
    let ended = stdio::drive(&mut session, &mut intake, &mut carrier);
    if let Some(failure) = intake.failure {
        return Err(failure);
    }
    if let Some(refused) = carrier.refused {
        let words = format!("standard input: {refused}; nothing behind it was imported");
        return Err(Stop::new(Class::Data, words));
    }
    match ended.map_err(unreadable)? {
        stdio::End::Broken => {
            let words =
                "standard input: it ends in the middle of a message, which was not imported";
            Err(Stop::new(Class::Data, words))
        }
        _ => Ok(()),
    }
}

/// What a local caller may do, and no limit that a queue could meet.
fn settings(context: &Context) -> Settings {
    Settings {
        role: Role::Mx,
        hostname: context.config.hostname.clone(),
        caps: Caps {
            pipelining: true,
            size: Some(MAX_LENGTH),
            eight_bit_mime: true,
            smtputf8: true,
            chunking: true,
            binarymime: true,
            dsn: true,
            enhanced: true,
            ..Caps::default()
        },
        local: true,
        origin: Some(context.config.origin.clone()),
        max_recipients: MAX_RECIPIENTS,
        max_errors: u32::MAX,
        max_junk: u32::MAX,
        max_line: usize::MAX,
        command_timeout: Duration::from_secs(3600),
        min_rate: 0,
    }
}

/// Standard input a line at a time, so that no line behind a refused command is
/// read; what the machine answers is looked at, not sent.
struct Batch<'a> {
    input: &'a mut dyn BufRead,
    replies: Vec<u8>,
    refused: Option<String>,
}

impl Read for Batch<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.refused.is_some() {
            return Ok(0);
        }
        let waiting = self.input.fill_buf()?;
        let line = memchr::memchr(b'\n', waiting).map_or(waiting.len(), |at| at + 1);
        let n = line.min(buf.len());
        buf[..n].copy_from_slice(&waiting[..n]);
        self.input.consume(n);
        Ok(n)
    }
}

impl Write for Batch<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for octet in octets {
            match octet {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.replies).trim_end().to_owned();
                    self.replies.clear();
                    if line.starts_with(['4', '5']) && self.refused.is_none() {
                        self.refused = Some(line);
                    }
                }
                octet => self.replies.push(*octet),
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Carrier for Batch<'_> {}

/// Stores the messages of a batch.
struct Intake<'a> {
    spool: &'a Spool,
    origin: &'a str,
    draft: Option<Draft<'a>>,
    envelope: Option<Envelope>,
    out: &'a mut Out,
    failure: Option<Stop>,
}

impl Intake<'_> {
    fn fail(&mut self, error: impl Into<Stop>) -> Answer {
        self.failure.get_or_insert(error.into());
        Answer::Reply(Reply::new(451, (4, 3, 0), "it cannot be stored"))
    }
}

impl Handler for Intake<'_> {
    fn mail(&mut self, _path: &ReversePath, _params: &MailParams) -> Answer {
        Answer::Yes
    }

    fn rcpt(&mut self, _path: &ForwardPath, _params: &RcptParams) -> Answer {
        Answer::Yes
    }

    fn data(&mut self, session: &Session, _tls: Option<&str>) -> Answer {
        let Some(transaction) = session.transaction() else {
            return Answer::Reply(Reply::new(503, (5, 5, 1), "MAIL and RCPT come first"));
        };
        let recipient = |(path, params): &(ForwardPath, RcptParams)| Recipient {
            address: match path {
                ForwardPath::Mailbox(mailbox) => mailbox.clone(),
                ForwardPath::Postmaster => Mailbox {
                    local: "postmaster".to_owned(),
                    domain: Domain::Name(self.origin.to_owned()),
                },
            },
            params: params.clone(),
        };
        let envelope = Envelope {
            sender: transaction.reverse_path.clone(),
            params: transaction.params.clone(),
            recipients: transaction.recipients.iter().map(recipient).collect(),
            origin: Origin {
                time: jiff::Timestamp::now(),
                kind: "import".to_owned(),
                words: vec![("uid".to_owned(), rustix::process::getuid().to_string())],
            },
        };
        match self.spool.draft(&envelope) {
            Ok(draft) => {
                self.draft = Some(draft);
                self.envelope = Some(envelope);
                Answer::Yes
            }
            Err(error) => self.fail(error),
        }
    }

    fn body(&mut self, octets: &[u8]) -> bool {
        if let Some(draft) = &mut self.draft
            && let Err(error) = draft.write_all(octets)
        {
            let error: SpoolError = draft.failed(error);
            self.draft = None;
            self.fail(error);
        }
        false
    }

    fn store(&mut self) {}

    fn end(&mut self, content: data::Content) -> Answer {
        let (Some(draft), Some(envelope)) = (self.draft.take(), self.envelope.take()) else {
            return Answer::Reply(Reply::new(451, (4, 3, 0), "it was not stored"));
        };
        match draft.commit() {
            Ok(id) => {
                tell_log(id, &envelope, content.octets);
                if let Err(stop) = told(self.out, id, "imported") {
                    return self.fail(stop);
                }
                Answer::Yes
            }
            Err(error) => self.fail(error),
        }
    }

    fn discard(&mut self) {
        self.draft = None;
    }
}
