//! The mail log: one function an event, one line each, `key=value` in a fixed
//! order, control characters escaped (I7). Lines about a message carry its id.
//! To stderr, syslog or journald.

/// Chooses where lines go; `tag` is the program's name (or `-L`).
pub fn open(_to: crate::config::LogTo, _tag: &str) {
    todo!()
}

/// One line: `event` and its pairs. The functions per event use this.
pub fn event(_event: &str, _pairs: &[(&str, &dyn std::fmt::Display)]) {
    todo!()
}
