//! `smtp-queue show` and `smtp-queue cat`.

use std::io::{ErrorKind, Read};

use serde::Serialize;

use super::Context;
use super::select::{each, state_name};
use crate::class::Class;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, human};
use crate::spool::{self, BodyKind, Entry, Head, Spool, State, Target};

#[derive(clap::Args)]
pub struct ShowOptions {
    /// Message ids, or their unique beginnings; - reads them from standard input
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct CatOptions {
    /// Message ids, or their unique beginnings; - reads them from standard input
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The envelope lines too
    #[arg(long)]
    envelope: bool,
}

/// One message with everything known of it.
#[derive(Serialize)]
pub struct Detail {
    pub id: String,
    pub state: &'static str,
    pub size: u64,
    pub body: &'static str,
    pub long_lines: bool,
    pub arrived: String,
    pub origin: String,
    pub due: String,
    pub sender: String,
    pub params: String,
    pub recipients: Vec<RecipientDetail>,
    pub targets: Option<Vec<Target>>,
    pub attempts: Vec<crate::spool::Attempt>,
    pub notes: Vec<(String, String)>,
}

#[derive(Serialize)]
pub struct RecipientDetail {
    pub address: String,
    pub params: String,
}

pub fn detail(entry: &Entry, head: &Head, state: &State) -> Detail {
    let origin = &head.envelope.origin;
    let mut words = vec![origin.kind.clone()];
    words.extend(origin.words.iter().map(|(k, v)| format!("{k}={v}")));
    Detail {
        id: entry.id.to_string(),
        state: state_name(entry.place),
        size: head.check.length,
        body: match head.check.body {
            BodyKind::SevenBit => "7bit",
            BodyKind::EightBit => "8bit",
            BodyKind::Binary => "binary",
        },
        long_lines: head.check.long_lines,
        arrived: human::utc(origin.time),
        origin: words.join(" "),
        due: human::utc_seconds(entry.due),
        sender: head.envelope.sender.to_string(),
        params: head.envelope.params.to_string().trim_start().to_owned(),
        recipients: head
            .envelope
            .recipients
            .iter()
            .map(|r| RecipientDetail {
                address: r.address.to_string(),
                params: r.params.to_string().trim_start().to_owned(),
            })
            .collect(),
        targets: state.targets.clone(),
        attempts: state.attempts.clone(),
        notes: state
            .notes
            .iter()
            .map(|(t, w)| (human::utc(*t), w.clone()))
            .collect(),
    }
}

pub fn show(context: &Context, options: &ShowOptions) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(options.json);
    let done = each(context.tool, &spool, &options.ids, |entry| {
        let head = spool.head(entry)?;
        let state = spool.state(entry.id)?;
        let detail = detail(entry, &head, &state);
        if options.json {
            return out.json(1, &detail);
        }
        let notes = state.notes.iter().map(|(time, words)| {
            let words = super::explain::note(words, &head, &state);
            ("note", format!("{} {words}", human::utc(*time)))
        });
        lines(&detail)
            .into_iter()
            .chain(notes)
            .try_for_each(|(name, value)| {
                out.line(&format!("{:<11} {value}", format!("{name}:")))
            })?;
        out.line("")
    });
    out.flush()?;
    done
}

fn lines(d: &Detail) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("id", d.id.clone()),
        ("state", d.state.to_owned()),
        ("arrived", format!("{} ({})", d.arrived, d.origin)),
        ("due", d.due.clone()),
        (
            "size",
            format!(
                "{} octets, {}{}",
                d.size,
                d.body,
                if d.long_lines { ", lines over 998" } else { "" }
            ),
        ),
        (
            "sender",
            format!("{} {}", d.sender, d.params).trim().to_owned(),
        ),
    ];
    for r in &d.recipients {
        let value = format!("{} {}", r.address, r.params);
        lines.push(("recipient", value.trim().to_owned()));
    }
    for a in &d.attempts {
        lines.push(("attempt", super::explain::attempt_line(a)));
    }
    lines
}

pub fn cat(context: &Context, options: &CatOptions) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(false);
    let done = each(context.tool, &spool, &options.ids, |entry| {
        copy(&spool, entry, options.envelope, &mut out)
    });
    out.flush()?;
    done
}

fn copy(spool: &Spool, entry: &Entry, envelope: bool, out: &mut Out) -> Done {
    let (head, mut reader) = spool.read(entry)?;
    if envelope {
        let octets = spool::print_head(head.id, &head.envelope, Some(&head.check))?;
        out.raw(&octets)?;
    }
    let mut piece = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => out.raw(&piece[..n])?,
            Err(e) if e.kind() == ErrorKind::InvalidData => {
                return Err(Stop::new(Class::Data, format!("damaged: {e}")));
            }
            Err(e) => return Err(Stop::new(Class::Io, e.to_string())),
        }
    }
}
