//! `smtp-queue list`.

use serde::Serialize;

use super::Context;
use super::select::{Filter, state_name};
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Worst, human};
use crate::spool::{Entry, Head, Spool, SpoolError, State};

#[derive(clap::Args)]
pub struct Options {
    /// Only the ids, one a line
    #[arg(long, conflicts_with = "json")]
    ids: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only messages in this state: new, deferred, held or failed
    #[arg(long, value_name = "STATE", value_parser = ["new", "deferred", "held", "failed"])]
    state: Option<String>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Serialize)]
struct Line {
    id: String,
    state: &'static str,
    /// Octets of the message, envelope not counted.
    size: u64,
    arrived: String,
    /// Next attempt; `-` where none is planned.
    due: String,
    sender: String,
    /// Recipients not yet settled.
    recipients: Vec<String>,
    attempts: usize,
    /// The last thing that went wrong.
    reason: String,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("ID", 16),
        ("STATE", 8),
        ("SIZE", 9),
        ("ARRIVED", 20),
        ("DUE", 20),
        ("SENDER", 24),
        ("RECIPIENTS", 24),
        ("REASON", 0),
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.to_owned(),
            self.size.to_string(),
            self.arrived.clone(),
            self.due.clone(),
            self.sender.clone(),
            self.recipients.join(","),
            self.reason.clone(),
        ]
    }
}

pub fn list(context: &Context, options: &Options) -> Done {
    let mut out = Out::stdout(options.json);
    let spool = match context.spool() {
        Ok(spool) => spool,
        // Nothing was ever queued: an empty list, not an error.
        Err(_) if !context.config.spool.exists() => return Ok(()),
        Err(stop) => return Err(stop),
    };
    let mut entries = spool.list()?;
    entries.retain(|e| {
        options
            .state
            .as_ref()
            .is_none_or(|s| s == state_name(e.place))
    });
    entries.sort_unstable_by_key(|e| e.id);
    let mut worst = Worst::new(context.tool);
    for entry in &entries {
        if options.ids && options.filter.is_empty() {
            out.line(entry.id.as_str())?;
            continue;
        }
        match spool.head(entry) {
            Ok(head) if !options.filter.takes(&head) => {}
            Ok(_) if options.ids => out.line(entry.id.as_str())?,
            Ok(head) => out.record(&line(&spool, entry, &head))?,
            // Delivered since the directories were read.
            Err(SpoolError::NoSuchId(_)) => {}
            Err(error) => worst.take(entry.id.as_str(), Err(error.into()))?,
        }
    }
    out.flush()?;
    worst.end()
}

fn line(spool: &Spool, entry: &Entry, head: &Head) -> Line {
    let state = spool.state(entry.id).unwrap_or_default();
    Line {
        id: entry.id.to_string(),
        state: state_name(entry.place),
        size: head.check.length,
        arrived: human::utc(head.envelope.origin.time),
        due: human::utc_seconds(entry.due),
        sender: head.envelope.sender.to_string(),
        recipients: open_recipients(head, &state),
        attempts: state.attempts.len(),
        reason: state
            .attempts
            .iter()
            .rev()
            .find(|a| a.result != crate::spool::Outcome::Delivered)
            .map_or(String::new(), |a| a.text.clone()),
    }
}

/// Who is still to get the message: expanded recipients without a final
/// result, or the envelope's before the expansion.
pub fn open_recipients(head: &Head, state: &State) -> Vec<String> {
    match &state.targets {
        Some(targets) => (0u32..)
            .zip(targets)
            .filter(|(n, _)| state.settled(*n).is_none())
            .map(|(_, t)| t.to.clone())
            .collect(),
        None => (0u32..)
            .zip(&head.envelope.recipients)
            .filter(|(n, _)| state.settled(*n).is_none())
            .map(|(_, r)| r.address.to_string())
            .collect(),
    }
}
