//! The mail log: one function an event, one line each, `key=value` in a fixed
//! order, control characters escaped (I7). Lines about a message carry its id.
//! To stderr, syslog or journald. A log that fails never fails mail.

mod escape;
mod events;
mod sink;

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use crate::config::LogTo;
use sink::Sink;

pub use escape::{Octets, printable};
pub use events::*;

/// Severities of syslog (RFC 5424 section 6.2.1) as far as events have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Error = 3,
    Warning = 4,
    Info = 6,
}

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

/// One line: `event` and its pairs. The functions per event use this.
pub fn event(event: &str, pairs: &[(&str, &dyn Display)]) {
    let mut sink = SINK.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(*sink, Sink::None) {
        sink.write(severity(event), &line(event, pairs));
    }
}

/// Errors are what an administrator has to mend, warnings what did not go well
/// for somebody's mail.
fn severity(event: &str) -> Severity {
    match event {
        "corrupt" | "unattended" => Severity::Error,
        "deferred" | "bounced" | "expired" | "refused" => Severity::Warning,
        other if other.ends_with("-error") => Severity::Error,
        other if other.ends_with("-failed") || other.ends_with("-defect") => Severity::Error,
        _ => Severity::Info,
    }
}

/// Longest line, octets; datagrams of syslog are cut by daemons above it.
const LONGEST_LINE: usize = 8000;

fn line(event: &str, pairs: &[(&str, &dyn Display)]) -> String {
    let mut line = String::with_capacity(160);
    escape::value(&mut line, event);
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
