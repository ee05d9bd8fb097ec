//! S3, S7, S8: killed at each system call, and each call failing. Status 0
//! means committed; anything else means whole or absent.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::sandbox::*;

const MESSAGE: &[u8] = b"To: a@d.example\nSubject: x\n\nhello\n";

/// Sampled calls of one name.
const SAMPLES: usize = 4;

/// The program under strace, its calls written to `trace`.
pub fn strace(sandbox: &Sandbox, trace: &Path, options: &[&str], args: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(trace).args(options);
    command
        .arg("--")
        .arg(sandbox.path("bin/sendmail"))
        .args(args);
    sandbox.surround(&mut command);
    command
}

/// Names of all calls with their number, from the first one that is ours.
fn calls(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let trace = sandbox.path("trace");
    let child = strace(sandbox, &trace, &[], &["-t", "-odq"]).spawn();
    let output = finish(child.expect("these tests need strace"), MESSAGE);
    assert_silent(&output, 0);
    let mut calls = BTreeMap::new();
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        let Some((before, _)) = line.split_once('(') else {
            continue;
        };
        let name = before.split_whitespace().last().unwrap_or_default();
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && name != "execve" {
            *calls.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    for name in ["fsync", "openat", "write", "linkat"] {
        assert!(calls.contains_key(name), "{name}: {calls:?}");
    }
    calls
}

fn samples(count: usize) -> Vec<usize> {
    let mut picks: Vec<usize> = (0..SAMPLES)
        .map(|i| 1 + i * (count - 1) / (SAMPLES - 1))
        .collect();
    picks.dedup();
    picks
}

/// Runs with a fault; the spool must be as the status says.
fn run(sandbox: &Sandbox, inject: &str) -> Option<i32> {
    let spool = sandbox.path("spool");
    let before = read_spool(&spool).len();
    let trace = sandbox.path("trace");
    let child = strace(sandbox, &trace, &["-e", inject], &["-t", "-odq"])
        .stderr(Stdio::null())
        .spawn();
    let output = finish(child.unwrap(), MESSAGE);
    // Whatever is there reads whole and fits its check.
    let after = read_spool(&spool);
    let added = after.len() - before;
    assert!(added <= 1, "{inject}");
    if added == 1 {
        assert!(after.iter().all(|q| q.body() == b"hello\r\n"), "{inject}");
    }
    if output.status.code() == Some(0) {
        assert_eq!(added, 1, "{inject}: acknowledged and not there");
    }
    output
        .status
        .code()
        .map(|code| if added == 1 && code != 0 { -code } else { code })
}

#[test]
fn s3_killed_at_each_call() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "a"], MESSAGE), 0);
    for (name, count) in calls(&sandbox) {
        for when in samples(count) {
            run(&sandbox, &format!("inject={name}:signal=KILL:when={when}"));
        }
    }
}

/// A call that fails is told by the status, and an error leaves nothing: the
/// caller will send again.
#[test]
fn s7_each_call_of_the_commit_failing() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "a"], MESSAGE), 0);
    let calls = calls(&sandbox);
    for name in [
        "write",
        "pwrite64",
        "writev",
        "fsync",
        "fdatasync",
        "linkat",
        "renameat2",
    ] {
        let Some(count) = calls.get(name) else {
            continue;
        };
        for when in samples(*count) {
            for (error, expected) in [("EIO", 74), ("ENOSPC", 75), ("EDQUOT", 75)] {
                let inject = format!("inject={name}:error={error}:when={when}");
                let status = run(&sandbox, &inject);
                assert!(
                    status == Some(expected) || status == Some(0),
                    "{inject}: {status:?}"
                );
            }
        }
    }
}

/// What a call of this name answers where the system has no more.
fn errors(name: &str) -> &'static [&'static str] {
    match name {
        "openat" | "open" => &["EMFILE", "ENOSPC", "EIO"],
        "mmap" | "mprotect" | "brk" | "mremap" => &["ENOMEM"],
        "read" | "pread64" | "lseek" | "getdents64" => &["EIO"],
        _ => &["ENOMEM", "EIO"],
    }
}

/// Every call there is, the loader's too: status 0 says that the message is
/// there, anything else that it is whole or absent.
#[test]
fn s7_every_call_failing() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "a"], MESSAGE), 0);
    for (name, count) in calls(&sandbox) {
        for when in samples(count) {
            for error in errors(&name) {
                run(
                    &sandbox,
                    &format!("inject={name}:error={error}:when={when}"),
                );
            }
        }
    }
}

/// The message's own calls: none may fail unnoticed.
#[test]
fn s8_a_failed_sync_is_final() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "a"], MESSAGE), 0);
    for when in 1..=calls(&sandbox)["fsync"] {
        let status = run(&sandbox, &format!("inject=fsync:error=EIO:when={when}"));
        assert_eq!(status, Some(74), "call {when}");
    }
}
