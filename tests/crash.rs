//! The spool's state table under fire: each arrow is stopped before every
//! system call that changes the disk, and each of these calls is made to fail.
//! Whatever is left has to be a legal row, nothing acknowledged may be lost,
//! and the next run has to finish the arrow (S3, S7, S8, Q1, Q4).
//!
//! The subject is this very program, run again under strace (a Debian package
//! of that name). Power cuts: `tests/powercut.sh`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are tests

#[path = "crash/arrows.rs"]
mod arrows;
#[path = "crash/strace.rs"]
mod strace;
#[path = "crash/wakeup.rs"]
mod wakeup;

use arrows::{Arrow, Spooled};
use strace::Fault;

/// Runs one arrow and ends, when this program was started by the others here;
/// else there is nothing to do.
#[test]
fn subject() {
    if let Ok(arrow) = std::env::var(strace::ARROW) {
        let spool = std::env::var(strace::SPOOL).unwrap();
        strace::run_subject(|| arrows::run(&arrow, spool.as_ref()));
    }
}

/// Stops and fails the arrow at every call; `calls` are those that it must at
/// least make, so that a test cannot pass by tracing nothing.
fn survives(arrow: &Arrow, calls: &[&str]) {
    let extra = arrow
        .by_name
        .then(|| strace::refuse_nameless(arrow.name, &Spooled::prepare(arrow).path()));
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let mut plan = strace::plan(arrow.name, &extra, &Spooled::prepare(arrow).path());
    for call in calls {
        let made = plan.iter().any(|p| p.name == *call);
        assert!(made, "{call} is not in {plan:?}");
    }
    plan.retain(|p| !arrow.by_name || p.name != "openat");
    for point in &plan {
        let before = Spooled::prepare(arrow);
        let end = strace::run(arrow.name, &extra, &before.path(), point, Fault::Kill);
        assert!(end.is_none(), "not killed at {point:?}");
        before.check(arrow, None, &format!("killed before {point:?}"));
        for errno in ["EIO", "ENOSPC"] {
            let before = Spooled::prepare(arrow);
            let fault = Fault::Error(errno);
            let end = strace::run(arrow.name, &extra, &before.path(), point, fault);
            before.check(arrow, end, &format!("{errno} at {point:?}"));
        }
    }
    let before = Spooled::prepare(arrow);
    let end = strace::run_whole(arrow.name, &extra, &before.path());
    assert_eq!(end, Some(true));
    before.check(arrow, end, "not disturbed");
}

macro_rules! arrows {
    ($($test:ident: $arrow:ident, $calls:expr;)*) => {
        $(#[test]
        fn $test() {
            survives(&arrows::$arrow, &$calls);
        })*
    };
}

arrows! {
    commit_none_to_new: COMMIT, ["write", "fsync", "linkat"];
    commit_of_a_large_message: COMMIT_LARGE, ["write", "pwrite64", "fsync", "linkat"];
    commit_by_name_none_to_new: COMMIT_BY_NAME, ["write", "fsync", "renameat2"];
    derived_commit_none_to_new_state: DERIVED, ["write", "fsync", "linkat"];
    expand_new_to_new_state: EXPAND, ["openat", "write", "fsync"];
    record_new_to_new_state: RECORD, ["openat", "write", "fsync"];
    defer_new_to_cur: DEFER, ["write", "renameat"];
    hold_new_to_hold: HOLD, ["renameat", "fsync"];
    release_hold_to_new: RELEASE, ["renameat", "fsync"];
    set_aside_new_to_failed: SET_ASIDE, ["write", "renameat", "fsync"];
    retire_new_to_none: RETIRE, ["write", "unlinkat"];
    retire_new_state_to_none: RETIRE_WITH_STATE, ["write", "unlinkat"];
}
