//! The figures of a report.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::list::open_recipients;
use super::super::metrics::key;
use super::super::select::{last_failure, seconds_since, state_name};
use super::super::stats::reason_group;
use crate::cli::{Stop, human};
use crate::spool::{Ending, Entry, Place, Spool};

/// Rows of each table, at most: the rest is in the JSON of the history.
const ROWS: usize = 20;
/// Stuck messages that are told of.
const STUCK: usize = 10;
/// Bars of the chart of volume, about.
const BARS: i64 = 48;

#[derive(Debug, Serialize)]
pub struct Report {
    pub host: String,
    pub since: String,
    pub until: String,
    pub messages: u64,
    pub recipients: u64,
    /// Octets of the messages.
    pub octets: u64,
    pub delivered: u64,
    pub failed: u64,
    pub removed: u64,
    pub volume: Vec<Volume>,
    pub destinations: Vec<Destination>,
    pub reasons: Vec<Reason>,
    /// Protocol and cipher of what went to other hosts.
    pub tls: Vec<Share>,
    /// Attempts that each delivery took.
    pub attempts: Vec<Share>,
    /// Messages by state, now.
    pub queue: Vec<Share>,
    pub stuck: Vec<Stuck>,
}

/// Recipients that reached their end in a stretch of time.
#[derive(Debug, Serialize)]
pub struct Volume {
    pub from: String,
    pub delivered: u64,
    pub failed: u64,
}

/// One domain; delays in seconds, of which half, nine of ten and 99 of 100
/// deliveries took no more.
#[derive(Debug, Serialize)]
pub struct Destination {
    pub domain: String,
    pub delivered: u64,
    pub failed: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
}

#[derive(Debug, Serialize)]
pub struct Reason {
    pub reason: String,
    pub count: u64,
    pub host: String,
}

#[derive(Debug, Serialize)]
pub struct Share {
    pub name: String,
    pub count: u64,
}

#[derive(Debug, Serialize)]
pub struct Stuck {
    pub id: String,
    /// Seconds.
    pub age: u64,
    pub sender: String,
    pub recipients: Vec<String>,
    pub reason: String,
}

/// One recipient's end, as much of it as is counted.
struct End {
    message: u64,
    time: Timestamp,
    delay: u64,
    size: u64,
    result: Outcome,
    domain: u32,
    /// Of a failure: the reason; of a delivery elsewhere: its TLS.
    text: Option<u32>,
    host: Option<u32>,
    attempts: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Failed,
    Removed,
}

/// Texts that come again and again, by number.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u32) -> String {
        self.texts.get(number as usize).cloned().unwrap_or_default()
    }
}

pub fn collect(
    spool: &Spool,
    host: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Report, Stop> {
    let mut texts = Texts::default();
    // The last line of a recipient counts.
    let mut ends: HashMap<u64, End> = HashMap::new();
    spool.history(since, |ending| {
        ends.insert(key(&ending), end(&ending, &mut texts));
    })?;
    let ends: Vec<End> = ends.into_values().collect();
    let of = |result| ends.iter().filter(move |e| e.result == result);
    let mut messages: HashMap<u64, u64> = HashMap::new();
    for e in &ends {
        messages.insert(e.message, e.size);
    }
    let entries = spool.list()?;
    Ok(Report {
        host: host.to_owned(),
        since: human::utc(since),
        until: human::utc(now),
        messages: messages.len() as u64,
        recipients: ends.len() as u64,
        octets: messages.values().sum(),
        delivered: of(Outcome::Delivered).count() as u64,
        failed: of(Outcome::Failed).count() as u64,
        removed: of(Outcome::Removed).count() as u64,
        volume: volume(&ends, since, now),
        destinations: destinations(&ends, &texts),
        reasons: reasons(&ends, &texts),
        tls: shares(
            of(Outcome::Delivered)
                .filter_map(|e| e.text)
                .map(|t| texts.text(t)),
        ),
        attempts: shares(of(Outcome::Delivered).map(|e| attempts(e.attempts))),
        queue: queue(&entries),
        stuck: stuck(spool, &entries, now),
    })
}

fn end(ending: &Ending, texts: &mut Texts) -> End {
    let result = match ending.result.as_str() {
        "delivered" => Outcome::Delivered,
        "removed" => Outcome::Removed,
        _ => Outcome::Failed,
    };
    let domain = ending.to.rsplit_once('@').map_or("(here)", |(_, d)| d);
    let elsewhere = ending.host.is_some() && result == Outcome::Delivered;
    let text = match result {
        Outcome::Failed => Some(reason_group(&ending.status, &ending.text)),
        _ => elsewhere.then(|| ending.tls.clone().unwrap_or_else(|| "in clear".to_owned())),
    };
    End {
        message: key(&Ending {
            target: 0,
            ..ending.clone()
        }),
        time: ending.time,
        delay: seconds_since(ending.arrived, ending.time),
        size: ending.size,
        result,
        domain: texts.number(&domain.to_lowercase()),
        text: text.map(|t| texts.number(&t)),
        host: ending.host.as_ref().map(|h| texts.number(h)),
        attempts: ending.attempts,
    }
}

fn attempts(count: u32) -> String {
    match count {
        0 | 1 => "1".to_owned(),
        2 | 3 => count.to_string(),
        4..=6 => "4 to 6".to_owned(),
        _ => "more".to_owned(),
    }
}

/// Stretches of whole hours or days, as many as make a chart.
fn volume(ends: &[End], since: Timestamp, now: Timestamp) -> Vec<Volume> {
    let first = ends.iter().map(|e| e.time).min().unwrap_or(now).max(since);
    let length = now.as_second().saturating_sub(first.as_second()).max(1);
    let steps = [300, 900, 3600, 4 * 3600, 86400, 7 * 86400];
    let step = steps.into_iter().find(|s| length / s <= BARS);
    let step = step.unwrap_or(30 * 86400);
    let begin = first.as_second().div_euclid(step) * step;
    let count = usize::try_from((now.as_second() - begin) / step + 1).unwrap_or(1);
    let from = |n: usize| {
        let offset = i64::try_from(n).unwrap_or(0).saturating_mul(step);
        Timestamp::from_second(begin.saturating_add(offset)).unwrap_or(now)
    };
    let mut bars: Vec<Volume> = (0..count.min(400))
        .map(|n| Volume {
            from: human::utc(from(n)),
            delivered: 0,
            failed: 0,
        })
        .collect();
    for e in ends {
        let place = usize::try_from((e.time.as_second() - begin) / step).unwrap_or(0);
        if let Some(bar) = bars.get_mut(place) {
            bar.delivered += u64::from(e.result == Outcome::Delivered);
            bar.failed += u64::from(e.result == Outcome::Failed);
        }
    }
    bars
}

fn destinations(ends: &[End], texts: &Texts) -> Vec<Destination> {
    let mut by_domain: HashMap<u32, (Vec<u64>, u64)> = HashMap::new();
    for e in ends {
        let (delays, failed) = by_domain.entry(e.domain).or_default();
        match e.result {
            Outcome::Delivered => delays.push(e.delay),
            Outcome::Failed => *failed += 1,
            Outcome::Removed => {}
        }
    }
    let mut rows: Vec<Destination> = by_domain
        .into_iter()
        .map(|(domain, (mut delays, failed))| {
            delays.sort_unstable();
            Destination {
                domain: texts.text(domain),
                delivered: delays.len() as u64,
                failed,
                p50: percentile(&delays, 50),
                p90: percentile(&delays, 90),
                p99: percentile(&delays, 99),
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        let total = |d: &Destination| d.delivered + d.failed;
        (total(b), &a.domain).cmp(&(total(a), &b.domain))
    });
    rows.truncate(ROWS);
    rows
}

/// The least value that so many of a hundred do not exceed; 0 of none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

fn reasons(ends: &[End], texts: &Texts) -> Vec<Reason> {
    let mut by_reason: HashMap<u32, (u64, Timestamp, Option<u32>)> = HashMap::new();
    for e in ends.iter().filter(|e| e.result == Outcome::Failed) {
        let Some(reason) = e.text else { continue };
        let row = by_reason.entry(reason).or_insert((0, e.time, e.host));
        row.0 += 1;
        if e.time >= row.1 {
            (row.1, row.2) = (e.time, e.host);
        }
    }
    let mut rows: Vec<Reason> = by_reason
        .into_iter()
        .map(|(reason, (count, _, host))| Reason {
            reason: texts.text(reason),
            count,
            host: host.map_or("-".to_owned(), |h| texts.text(h)),
        })
        .collect();
    rows.sort_by(|a, b| (b.count, &a.reason).cmp(&(a.count, &b.reason)));
    rows.truncate(ROWS);
    rows
}

fn shares(names: impl Iterator<Item = String>) -> Vec<Share> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut rows: Vec<Share> = counts
        .into_iter()
        .map(|(name, count)| Share { name, count })
        .collect();
    rows.sort_by(|a, b| (b.count, &a.name).cmp(&(a.count, &b.name)));
    rows.truncate(ROWS);
    rows
}

fn queue(entries: &[Entry]) -> Vec<Share> {
    let places = [Place::New, Place::Deferred, Place::Held, Place::Failed];
    places
        .map(|place| Share {
            name: state_name(place).to_owned(),
            count: entries.iter().filter(|e| e.place == place).count() as u64,
        })
        .into()
}

/// The oldest that wait for delivery, by the time in their names.
fn stuck(spool: &Spool, entries: &[Entry], now: Timestamp) -> Vec<Stuck> {
    const A_WHILE: SignedDuration = SignedDuration::from_hours(1);
    let is_old = |e: &&Entry| {
        e.id.time()
            .is_none_or(|then| now.duration_since(then) > A_WHILE)
    };
    let mut rows = Vec::new();
    // Sorted by id, which is by time.
    for entry in entries
        .iter()
        .filter(|e| e.place.is_queued())
        .filter(is_old)
    {
        let Ok(head) = spool.head(entry) else {
            continue;
        };
        let age = seconds_since(head.envelope.origin.time, now);
        let state = spool.state(entry.id).unwrap_or_default();
        let mut recipients = open_recipients(&head, &state);
        let more = recipients.len().saturating_sub(3);
        recipients.truncate(3);
        if more > 0 {
            recipients.push(format!("{more} more"));
        }
        rows.push(Stuck {
            id: entry.id.to_string(),
            age,
            sender: head.envelope.sender.to_string(),
            recipients,
            reason: last_failure(&state).map_or("not tried yet".to_owned(), |a| {
                format!("{} {}", a.status, a.text)
            }),
        });
        if rows.len() == STUCK {
            break;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (percent, value) in [(50, 50), (90, 90), (99, 99)] {
            assert_eq!(percentile(&hundred, percent), value);
        }
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 99), 0);
        assert_eq!(percentile(&[1, 9], 99), 9);
    }
}
