//! The mail log: one function an event, one line each, `key=value` in a fixed
//! order, control characters escaped (I7). Lines about a message carry its id.
//! To stderr, syslog or journald. A log that fails never fails mail.

mod escape;
mod events;
mod sink;
mod table;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::config::LogTo;
use sink::Sink;

pub use escape::{Octets, printable};
pub use events::*;
pub use table::{EVENTS, Listed, Severity};

static SINK: Mutex<Sink> = Mutex::new(Sink::None);

/// Chooses where lines go; `tag` is the program's name (or `-L`). Before this,
/// they go nowhere. May be called again.
pub fn open(to: LogTo, tag: &str) {
    set(match to {
        LogTo::Auto if sink::stderr_is_read() => Sink::stderr(tag),
        LogTo::Auto if sink::has_syslog() => Sink::syslog(tag),
        LogTo::Stderr => Sink::stderr(tag),
        LogTo::Syslog => Sink::syslog(tag),
        LogTo::Auto | LogTo::None => Sink::None,
    });
}

/// As [`open`], never to stderr: what a caller of `sendmail` reads there is
/// taken for an error (cron mails it).
pub fn open_quiet(to: LogTo, tag: &str) {
    set(match to {
        LogTo::Syslog => Sink::syslog(tag),
        LogTo::Auto | LogTo::Stderr if sink::has_syslog() => Sink::syslog(tag),
        LogTo::Auto | LogTo::Stderr | LogTo::None => Sink::None,
    });
}

fn set(sink: Sink) {
    *SINK.lock().unwrap_or_else(PoisonError::into_inner) = sink;
}

/// Lines are JSON objects from now on.
pub fn as_json() {
    JSON.store(true, Ordering::Relaxed);
}

static JSON: AtomicBool = AtomicBool::new(false);

fn write(severity: Severity, event: &str, pairs: &[(&str, &dyn Display)]) {
    let mut sink = SINK.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*sink, Sink::None) {
        return;
    }
    if JSON.load(Ordering::Relaxed) {
        let time = jiff::Timestamp::now();
        sink.write_bare(severity, &object(time, severity, event, pairs));
    } else {
        sink.write(severity, &line(event, pairs));
    }
}

/// One line too: what a terminal obeys is escaped in JSON's way.
fn object(
    time: jiff::Timestamp,
    severity: Severity,
    event: &str,
    pairs: &[(&str, &dyn Display)],
) -> String {
    let mut map = serde_json::Map::new();
    let mut add = |key: &str, value: String| map.insert(key.to_owned(), value.into());
    add("time", format!("{time:.3}"));
    add("severity", format!("{severity:?}").to_lowercase());
    add("event", event.to_owned());
    for (key, value) in pairs {
        add(key, value.to_string());
    }
    map.insert("v".to_owned(), 1.into());
    let text = serde_json::Value::Object(map).to_string();
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match escape::is_hidden(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                line.push_str(&format!("\\u{unit:04x}"));
            }),
            false => line.push(c),
        }
    }
    line
}

/// Longest line, octets; datagrams of syslog are cut by daemons above it.
const LONGEST_LINE: usize = 8000;

fn line(event: &str, pairs: &[(&str, &dyn Display)]) -> String {
    let mut line = String::with_capacity(160);
    line.push_str(event);
    for (key, value) in pairs {
        if line.len() >= LONGEST_LINE {
            break;
        }
        line.push(' ');
        line.push_str(key);
        line.push('=');
        escape::value(&mut line, &value.to_string());
    }
    line
}

#[cfg(test)]
mod tests;
