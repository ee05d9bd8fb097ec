//! `smtp-queue list`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Context;
use super::select::{Filter, last_failure, seconds_since, state_name};
use crate::class::Class;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, Worst, human};
use crate::spool::{Entry, Head, Place, Spool, SpoolError, State};

#[derive(clap::Args)]
pub struct Options {
    /// Only the ids, one a line
    #[arg(long, conflicts_with_all = ["json", "columns"])]
    ids: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// These columns, in this order, instead of the usual ones
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = column)]
    columns: Vec<Column>,
    /// In the order of: arrived (oldest first), due, size, state
    #[arg(long, value_name = "KEY", value_enum)]
    sort: Option<Sort>,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Arrived,
    Due,
    Size,
    State,
}

/// A column: its name, which is its JSON key, and its least width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    name: &'static str,
    heading: &'static str,
    width: usize,
    is_usual: bool,
    /// A name alone tells it.
    is_named: bool,
}

const fn plain(name: &'static str, heading: &'static str, width: usize, is_usual: bool) -> Column {
    Column {
        name,
        heading,
        width,
        is_usual,
        is_named: false,
    }
}

const fn named(column: Column) -> Column {
    Column {
        is_named: true,
        ..column
    }
}

const COLUMNS: [Column; 11] = [
    named(plain("id", "ID", 16, true)),
    named(plain("state", "STATE", 8, true)),
    plain("size", "SIZE", 9, true),
    plain("arrived", "ARRIVED", 20, true),
    named(plain("due", "DUE", 20, true)),
    plain("sender", "SENDER", 24, true),
    plain("recipients", "RECIPIENTS", 24, true),
    plain("reason", "REASON", 0, true),
    plain("attempts", "ATTEMPTS", 8, false),
    plain("age", "AGE", 8, false),
    named(plain("octets", "OCTETS", 9, false)),
];

fn column(name: &str) -> Result<Column, String> {
    let known = COLUMNS.iter().find(|c| c.name == name).copied();
    known.ok_or_else(|| {
        let names: Vec<&str> = COLUMNS.iter().map(|c| c.name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// What is listed of a message; the keys of its JSON form are the columns.
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
    /// Seconds since it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u64>,
    /// Octets of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
}

/// Messages up to which `--ids` keeps its order unasked: reading so many names
/// takes no time that anybody notices. Beyond, the first come at once.
const SORTED_UNASKED: usize = 100_000;

pub fn list(context: &Context, options: &Options) -> Done {
    let mut out = Out::stdout(options.json);
    let spool = match context.spool() {
        Ok(spool) => spool,
        // Nothing was ever queued: an empty list, not an error.
        Err(_) if !context.config.spool.exists() => return Ok(()),
        Err(stop) => return Err(stop),
    };
    let now = Timestamp::now();
    if options.ids && !options.filter.opens() && options.sort.is_none() && !options.reverse {
        return ids_at_once(&spool, options, now, &mut out);
    }
    let mut worst = Worst::new(context.tool);
    let mut listing = Listing::new(options, now);
    for entry in &chosen(&spool, options, now)? {
        let done = listing.one(&spool, entry, &mut out);
        worst.take(entry.id.as_str(), done)?;
    }
    out.flush()?;
    worst.end()
}

/// Those that names do not rule out, in the order asked for.
fn chosen(spool: &Spool, options: &Options, now: Timestamp) -> Result<Vec<Entry>, Stop> {
    let filter = &options.filter;
    let mut entries = match filter.state.iter().any(|s| s == state_name(Place::Removed)) {
        true => spool.removed()?,
        false => Vec::new(),
    };
    entries.extend(spool.list()?);
    entries.retain(|e| filter.takes_name(e, now) != Some(false));
    match options.sort.unwrap_or(Sort::Arrived) {
        Sort::Arrived => entries.sort_unstable_by_key(|e| e.id),
        Sort::Due => entries.sort_unstable_by_key(|e| (e.due, e.id)),
        Sort::Size => entries.sort_unstable_by_key(|e| (e.size, e.id)),
        Sort::State => entries.sort_unstable_by_key(|e| (e.place, e.id)),
    }
    if options.reverse {
        entries.reverse();
    }
    Ok(entries)
}

/// Ids from names. The oldest come first while the queue is no longer than
/// [`SORTED_UNASKED`]; those of a longer one as the directories have them.
fn ids_at_once(spool: &Spool, options: &Options, now: Timestamp, out: &mut Out) -> Done {
    let mut kept: Vec<Entry> = Vec::new();
    let mut done = Ok(());
    let mut sorted = true;
    if options
        .filter
        .state
        .iter()
        .any(|s| s == state_name(Place::Removed))
    {
        kept = spool.removed()?;
        kept.retain(|e| options.filter.takes_name(e, now) != Some(false));
    }
    spool.each_entry(|entry| {
        let taken = match options.filter.takes_name(&entry, now) {
            Some(taken) => taken,
            None => options.filter.takes(spool, &entry, now).unwrap_or(false),
        };
        if !taken {
            return true;
        }
        if !sorted {
            done = out.line(entry.id.as_str());
            return done.is_ok();
        }
        kept.push(entry);
        if kept.len() > SORTED_UNASKED {
            sorted = false;
            done = kept.drain(..).try_for_each(|e| out.line(e.id.as_str()));
        }
        done.is_ok()
    })?;
    done?;
    kept.sort_unstable_by_key(|e| e.id);
    kept.dedup_by_key(|e| e.id);
    kept.iter().try_for_each(|e| out.line(e.id.as_str()))?;
    out.flush()
}

/// How lines are made and printed.
struct Listing<'a> {
    options: &'a Options,
    now: Timestamp,
    columns: Vec<Column>,
    headings: Vec<(&'static str, usize)>,
    /// Names tell all that is asked for.
    by_name: bool,
}

impl<'a> Listing<'a> {
    fn new(options: &'a Options, now: Timestamp) -> Listing<'a> {
        let columns = match options.columns.is_empty() {
            true => COLUMNS.into_iter().filter(|c| c.is_usual).collect(),
            false => options.columns.clone(),
        };
        let headings: Vec<_> = columns.iter().map(|c| (c.heading, c.width)).collect();
        let by_name = options.ids || columns.iter().all(|c| c.is_named);
        Listing {
            options,
            now,
            columns,
            headings,
            by_name: by_name && !(options.json && options.columns.is_empty()),
        }
    }

    fn one(&mut self, spool: &Spool, entry: &Entry, out: &mut Out) -> Done {
        match self.options.filter.takes(spool, entry, self.now) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if self.options.ids {
            return out.line(entry.id.as_str());
        }
        if self.by_name {
            return self.print(&by_name(entry), out);
        }
        match spool.head(entry) {
            Ok(head) => self.print(&self.line(spool, entry, &head), out),
            // Delivered since the directories were read.
            Err(SpoolError::NoSuchId(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn line(&self, spool: &Spool, entry: &Entry, head: &Head) -> Line {
        let state = spool.state(entry.id).unwrap_or_default();
        let asked = |name: &str| self.options.columns.iter().any(|c| c.name == name);
        let age = seconds_since(head.envelope.origin.time, self.now);
        Line {
            size: head.check.length,
            arrived: human::utc(head.envelope.origin.time),
            sender: head.envelope.sender.to_string(),
            recipients: open_recipients(head, &state),
            attempts: state.attempts.len(),
            reason: last_failure(&state).map_or(String::new(), |a| a.text.clone()),
            age: asked("age").then_some(age),
            octets: asked("octets").then_some(entry.size),
            ..by_name(entry)
        }
    }

    fn print(&self, line: &Line, out: &mut Out) -> Done {
        if self.options.json && self.options.columns.is_empty() {
            return out.json(1, line);
        }
        let failed = |e| Stop::new(Class::Software, format!("cannot write JSON: {e}"));
        let Value::Object(keys) = serde_json::to_value(line).map_err(failed)? else {
            return Ok(());
        };
        if self.options.json {
            let of = |c: &Column| Some((c.name.to_owned(), keys.get(c.name)?.clone()));
            let chosen: Map<String, Value> = self.columns.iter().filter_map(of).collect();
            return out.json(1, &chosen);
        }
        let row: Vec<String> = self.columns.iter().map(|c| cell(c, &keys)).collect();
        out.row(&self.headings, &row)
    }
}

fn cell(column: &Column, keys: &Map<String, Value>) -> String {
    match keys.get(column.name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join(",")
        }
        Some(Value::Number(seconds)) if column.name == "age" => {
            human::duration(seconds.as_u64().unwrap_or(0))
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// What the name tells; the rest is blank.
fn by_name(entry: &Entry) -> Line {
    Line {
        id: entry.id.to_string(),
        state: state_name(entry.place),
        size: 0,
        arrived: String::new(),
        due: human::utc_seconds(entry.due),
        sender: String::new(),
        recipients: Vec::new(),
        attempts: 0,
        reason: String::new(),
        age: None,
        octets: Some(entry.size),
    }
}

/// Who is still to get the message: expanded recipients without a final
/// result, or the envelope's before the expansion.
pub fn open_recipients(head: &Head, state: &State) -> Vec<String> {
    let unexpanded;
    let targets = match &state.targets {
        Some(targets) => targets,
        None => {
            unexpanded = crate::spool::unexpanded(head);
            &unexpanded
        }
    };
    let last = state.last(targets.len());
    let open = targets
        .iter()
        .zip(last)
        .filter(|(_, last)| !last.is_some_and(|a| a.result.is_final()));
    open.map(|(target, _)| target.to.clone()).collect()
}
