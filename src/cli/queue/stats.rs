//! `smtp-queue stats`: how long the queue is, by state, destination or reason,
//! and how old.
//!
//! Counts and ages by state come from names alone. Destinations and reasons are
//! in the messages and their state; what was read of them is kept in the spool
//! ([`learn`]), so that the next look reads only what has changed.

mod learn;

pub use learn::reason_group;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use self::learn::{Learnt, Seen};
use super::Context;
use super::select::{seconds_since, state_name};
use crate::cli::output::{Out, Record};
use crate::cli::progress::Progress;
use crate::cli::{Done, human};
use crate::spool::{Entry, Place};

#[derive(clap::Args)]
pub struct Options {
    /// One line for each: destination, reason, or state
    #[arg(long, value_name = "WHAT", value_enum, default_value = "destination")]
    by: By,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Destination,
    Reason,
    State,
}

/// Upper limits of the columns of ages, in minutes, as qshape has them; what is
/// older has the last column.
const AGES: [u64; 9] = [5, 10, 20, 40, 80, 160, 320, 640, 1280];

/// Messages of one destination, reason or state.
#[derive(Clone, Debug, Serialize)]
struct Row {
    /// A domain, a reason, a state; `TOTAL` for all of them.
    #[serde(rename = "of")]
    name: String,
    messages: u64,
    /// Octets of their files.
    octets: u64,
    /// Seconds since the oldest came.
    oldest: u64,
    /// Messages by age: up to 5, 10, 20, 40, 80, 160, 320, 640, 1280 minutes, and
    /// older.
    ages: [u64; AGES.len() + 1],
}

impl Record for Row {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("OF", 30),
        ("MESSAGES", 8),
        ("OCTETS", 12),
        ("OLDEST", 8),
        ("5m", 6),
        ("10m", 6),
        ("20m", 6),
        ("40m", 6),
        ("80m", 6),
        ("160m", 6),
        ("320m", 6),
        ("640m", 6),
        ("1280m", 6),
        ("more", 0),
    ];

    fn row(&self) -> Vec<String> {
        let mut row = vec![
            self.name.clone(),
            self.messages.to_string(),
            self.octets.to_string(),
            human::duration(self.oldest),
        ];
        row.extend(self.ages.iter().map(u64::to_string));
        row
    }
}

impl Row {
    fn new(name: &str) -> Row {
        Row {
            name: name.to_owned(),
            messages: 0,
            octets: 0,
            oldest: 0,
            ages: [0; AGES.len() + 1],
        }
    }

    fn add(&mut self, octets: u64, age: u64) {
        self.messages += 1;
        self.octets = self.octets.saturating_add(octets);
        self.oldest = self.oldest.max(age);
        let column = AGES.iter().position(|limit| age <= limit * 60);
        if let Some(count) = self.ages.get_mut(column.unwrap_or(AGES.len())) {
            *count += 1;
        }
    }
}

pub fn stats(context: &Context, options: &Options) -> Done {
    let mut out = Out::stdout(options.json);
    if !context.config.spool.exists() {
        out.record(&Row::new("TOTAL"))?;
        return out.flush();
    }
    let spool = context.spool()?;
    let rows = context.as_owner(&spool, || {
        let now = Timestamp::now();
        if options.by == By::State {
            let mut count = ByState::new(now);
            spool.each_entry(|entry| {
                count.add(&entry);
                true
            })?;
            return Ok(count.rows());
        }
        let entries = spool.list()?;
        let progress = Progress::new(context.no_progress, "reading", entries.len() as u64);
        let mut count = Count::new(options.by, now);
        learn::learn(&spool, &entries, &progress, |entry, seen, learnt| {
            count.add(entry, seen, learnt);
        })?;
        Ok(count.rows())
    })?;
    rows.iter().try_for_each(|row| out.record(row))?;
    out.flush()
}

/// Counts by state from names. A message made from another has no time in its
/// name: its due time stands for it where that has passed.
pub struct ByState {
    now: Timestamp,
    rows: Vec<(Place, Row)>,
}

impl ByState {
    pub fn new(now: Timestamp) -> ByState {
        let places = [Place::New, Place::Deferred, Place::Held, Place::Failed];
        let row = |place: Place| (place, Row::new(state_name(place)));
        ByState {
            now,
            rows: places.map(row).to_vec(),
        }
    }

    pub fn add(&mut self, entry: &Entry) {
        let due = i64::try_from(entry.due).unwrap_or(i64::MAX);
        let due = Timestamp::from_second(due).ok().filter(|_| entry.due > 0);
        let then = entry.id.time().or(due).unwrap_or(self.now);
        let age = seconds_since(then, self.now);
        if let Some((_, row)) = self.rows.iter_mut().find(|(p, _)| *p == entry.place) {
            row.add(entry.size, age);
        }
    }

    fn rows(self) -> Vec<Row> {
        let mut total = Row::new("TOTAL");
        for (_, row) in &self.rows {
            total.messages += row.messages;
            total.octets = total.octets.saturating_add(row.octets);
            total.oldest = total.oldest.max(row.oldest);
            total
                .ages
                .iter_mut()
                .zip(row.ages)
                .for_each(|(t, n)| *t += n);
        }
        let rows = self.rows.into_iter().map(|(_, row)| row);
        std::iter::once(total).chain(rows).collect()
    }
}

/// Counts by destination or reason, from what was learnt.
struct Count {
    by: By,
    now: Timestamp,
    total: Row,
    /// By number of the domain or of the reason.
    rows: HashMap<u32, Row>,
}

impl Count {
    fn new(by: By, now: Timestamp) -> Count {
        Count {
            by,
            now,
            total: Row::new("TOTAL"),
            rows: HashMap::new(),
        }
    }

    fn add(&mut self, entry: &Entry, seen: Seen, learnt: &Learnt) {
        let now = u64::try_from(self.now.as_second()).unwrap_or(0);
        let age = now.saturating_sub(seen.arrived);
        self.total.add(entry.size, age);
        let (domains, reason) = learnt.group(seen.group);
        let reason = [reason];
        let numbers = match self.by {
            By::Reason => &reason[..],
            _ => domains,
        };
        for number in numbers {
            let row = self.rows.entry(*number);
            let name = || match self.by {
                By::Reason => learnt.reason(*number),
                _ => learnt.domain(*number),
            };
            row.or_insert_with(|| Row::new(name())).add(entry.size, age);
        }
    }

    /// The most messages first.
    fn rows(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.into_values().collect();
        rows.sort_by(|a, b| (b.messages, &a.name).cmp(&(a.messages, &b.name)));
        std::iter::once(self.total).chain(rows).collect()
    }
}
