//! Runs the subject under strace: once to learn its calls, then with a fault
//! at one of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub const ARROW: &str = "SMTPUTILS_TEST_ARROW";
pub const SPOOL: &str = "SMTPUTILS_TEST_SPOOL";
const BEGIN: &str = "/arrow-begins-here";
const END: &str = "/arrow-ends-here";

/// Calls that may change the disk. A stop before any other is the same as a
/// stop before the next of these.
const CALLS: &str = "openat,write,pwrite64,fsync,linkat,renameat,renameat2,unlinkat,ftruncate,\
                     fchmod,mkdirat";

/// strace counts the calls of each thread by itself. The arrow's thread makes
/// so many first that its numbers are above those of the test runner's.
const AHEAD: usize = 100;

/// The n-th call of a name in the arrow's thread.
#[derive(Debug, Clone)]
pub struct Point {
    pub name: String,
    pub number: usize,
    /// The call as strace printed it, for people.
    shown: String,
}

pub enum Fault<'a> {
    Kill,
    Error(&'a str),
}

/// Runs `arrow` between two marks in the trace and exits: 0 when it succeeded,
/// 9 when it said no.
pub fn run_subject(arrow: impl FnOnce() -> bool) -> ! {
    use std::io::Write;
    for _ in 0..AHEAD {
        let mut null = fs::File::create("/dev/null").unwrap();
        null.write_all(b".").unwrap();
    }
    let _ = fs::metadata(BEGIN).is_ok() || fs::File::open(BEGIN).is_ok();
    let success = arrow();
    let _ = fs::File::open(END);
    std::process::exit(if success { 0 } else { 9 });
}

/// The calls of an undisturbed run, in order.
pub fn plan(arrow: &str, extra: &[&str], spool: &Path) -> Vec<Point> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let code = command(arrow, spool, extra, trace.path())
        .status()
        .unwrap()
        .code();
    assert_eq!(
        code,
        Some(0),
        "the undisturbed arrow {arrow} failed under strace"
    );
    let text = fs::read_to_string(trace.path()).unwrap();
    points(&text)
}

/// The rule that makes a commit find no nameless files. It takes the one rule
/// that strace has for openat: no other fault can be put there beside it.
pub fn refuse_nameless(arrow: &str, spool: &Path) -> String {
    let plan = plan(arrow, &[], spool);
    let point = plan.iter().find(|p| p.shown.contains("O_TMPFILE"));
    let number = point.expect("a commit asks for a nameless file").number;
    format!("inject=openat:error=EOPNOTSUPP:when={number}")
}

fn points(trace: &str) -> Vec<Point> {
    let mut counts = std::collections::HashMap::<(&str, &str), usize>::new();
    let mut points = Vec::new();
    let mut inside = None;
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if name.contains(' ') || !CALLS.split(',').any(|c| c == name) {
            continue;
        }
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        if call.contains(BEGIN) {
            inside = Some(thread);
        } else if call.contains(END) {
            break;
        } else if inside == Some(thread) && !is_read_only(name, call) {
            let (name, number, shown) = (name.to_owned(), *number, call.trim().to_owned());
            points.push(Point {
                name,
                number,
                shown,
            });
        }
    }
    let thread = inside.expect("the arrow's begin is in the trace");
    for point in &points {
        for ((other, name), count) in &counts {
            let alone = *other == thread || *name != point.name || *count < point.number;
            assert!(
                alone,
                "{point:?} is also the number of another thread's call"
            );
        }
    }
    points
}

fn is_read_only(name: &str, call: &str) -> bool {
    name == "openat" && !call.contains("O_CREAT") && !call.contains("O_TMPFILE")
}

/// The arrow with a fault at one point. `None`: killed; else: did it succeed?
pub fn run(arrow: &str, extra: &[&str], spool: &Path, point: &Point, fault: Fault) -> Option<bool> {
    let fault = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(errno) => format!("error={errno}"),
    };
    let inject = format!("inject={}:{fault}:when={}", point.name, point.number);
    let null = Path::new("/dev/null");
    // A later rule for a call replaces an earlier one.
    let status = command(arrow, spool, extra, null)
        .args(["-e", &inject])
        .status();
    result(status.unwrap())
}

/// The arrow undisturbed.
pub fn run_whole(arrow: &str, extra: &[&str], spool: &Path) -> Option<bool> {
    result(
        command(arrow, spool, extra, Path::new("/dev/null"))
            .status()
            .unwrap(),
    )
}

fn result(status: std::process::ExitStatus) -> Option<bool> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => Some(true),
        (Some(9), _) => Some(false),
        (Some(137), _) | (_, Some(9)) => None,
        other => panic!("the subject ended with {other:?}"),
    }
}

/// strace takes its options in any order before `--`: the subject goes through
/// a shell word that is set last.
fn command(arrow: &str, spool: &Path, extra: &[&str], trace: &Path) -> Command {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    assert!(
        found.is_ok(),
        "these tests need strace (apt-get install strace)"
    );
    let this = std::env::current_exe().unwrap();
    // sh -c 'strace OPTIONS "$@" PROGRAM', so that options can still be added.
    let script = r#"exec strace -f -qq -o "$TRACE" "$@" "$PROGRAM" --exact subject --nocapture"#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh", "-e", &format!("trace={CALLS}")])
        .args(extra.iter().flat_map(|e| ["-e", e]))
        .env("TRACE", trace)
        .env("PROGRAM", this)
        .env(ARROW, arrow)
        .env(SPOOL, spool)
        // cargo's directories: looking for libc in each is more than AHEAD calls.
        .env_remove("LD_LIBRARY_PATH")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
