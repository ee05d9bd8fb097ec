//! `smtp-queue metrics`: figures for Prometheus' text file collector.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{Timestamp, tz::TimeZone};

use super::Context;
use crate::class::Class;
use crate::cli::output::Out;
use crate::cli::{Done, Stop};
use crate::deliver::metrics::{DELIVERY_LIMITS, Histogram, head, line, queue};
use crate::spool::{Ending, Spool};

pub fn metrics(context: &Context) -> Done {
    let spool = context.spool()?;
    let now = Timestamp::now();
    let mut text = queue(&spool, now)?;
    today(&spool, now, &mut text)?;
    let mut out = Out::stdout(false);
    out.raw(text.as_bytes())?;
    out.flush()
}

/// What reached its end since midnight (UTC), from the history: begins anew each
/// day, as a counter may.
fn today(spool: &Spool, now: Timestamp, out: &mut String) -> Done {
    let midnight = now
        .to_zoned(TimeZone::UTC)
        .start_of_day()
        .map_err(|e| Stop::new(Class::Software, e.to_string()))?;
    // The last line of a recipient counts.
    let mut last: HashMap<u64, (bool, u64)> = HashMap::new();
    let mut results: HashMap<u64, &'static str> = HashMap::new();
    spool.history(midnight.timestamp(), |ending| {
        let key = key(&ending);
        let waited = ending.time.duration_since(ending.arrived).as_millis();
        let is_delivered = ending.result == "delivered";
        last.insert(key, (is_delivered, u64::try_from(waited).unwrap_or(0)));
        results.insert(key, word(&ending.result));
    })?;
    let name = "smtputils_today_recipients_total";
    head(
        name,
        "Recipients since midnight (UTC), by their end.",
        "counter",
        out,
    );
    for result in RESULTS {
        let count = results.values().filter(|r| **r == result).count();
        line(out, &format!("{name}{{result=\"{result}\"}}"), count as u64);
    }
    let histogram = Histogram::default();
    for (_, waited) in last.values().filter(|(is_delivered, _)| *is_delivered) {
        histogram.add(&DELIVERY_LIMITS, *waited);
    }
    let name = "smtputils_today_delivery_seconds";
    histogram.print(
        name,
        "Time from coming to delivery, since midnight (UTC).",
        &DELIVERY_LIMITS,
        out,
    );
    Ok(())
}

const RESULTS: [&str; 3] = ["delivered", "failed", "removed"];

fn word(result: &str) -> &'static str {
    let known = RESULTS.into_iter().find(|r| *r == result);
    known.unwrap_or("failed")
}

/// One number for a recipient of a message.
pub fn key(ending: &Ending) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&ending.id, ending.target).hash(&mut hasher);
    hasher.finish()
}
