//! `smtp-queue check`, and what is wrong in a spool (S6).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use super::sandbox::*;

const MESSAGE: &str =
    "From: a@d.example\nSubject: x\nDate: d\nMessage-ID: <m@d.example>\n\nhello\n";

fn three() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    for to in ["x@one.example", "y@two.example", "z@two.example"] {
        assert_silent(
            &sandbox.sendmail(&["-odq", "-f", "a@d.example", to], MESSAGE),
            0,
        );
    }
    let ids = sandbox.queue_says(&["list", "--ids"], "");
    (sandbox, ids.lines().map(str::to_owned).collect())
}

/// The file of a message in `new/`.
fn file_of(sandbox: &Sandbox, id: &str) -> std::path::PathBuf {
    let names = fs::read_dir(sandbox.path("spool/new")).unwrap();
    let mut paths = names.map(|n| n.unwrap().path());
    paths
        .find(|p| p.file_name().unwrap().to_str().unwrap().starts_with(id))
        .unwrap()
}

fn check(sandbox: &Sandbox, args: &[&str]) -> (String, i32) {
    let output = sandbox.queue(&[&["check"], args].concat(), "");
    assert_eq!(stderr(&output), "");
    (stdout(&output), status(&output))
}

#[test]
fn a_sound_spool_has_no_findings() {
    let (sandbox, ids) = three();
    sandbox.queue_says(&["hold", &ids[0]], "");
    sandbox.queue_says(&["remove", &ids[1]], "");
    assert_eq!(check(&sandbox, &["--deep"]), (String::new(), 0));
}

#[test]
fn what_is_wrong_is_told_and_put_right() {
    let (sandbox, ids) = three();
    let spool = sandbox.path("spool");
    // Damaged content, which only reading all of it shows.
    let damaged = file_of(&sandbox, &ids[0]);
    let mut octets = fs::read(&damaged).unwrap();
    let last = octets.len() - 3;
    octets[last] ^= 1;
    fs::write(&damaged, octets).unwrap();
    // A damaged state, a torn line, an orphan, a left-over, modes, a directory.
    fs::write(spool.join("state").join(&ids[1]), "nonsense\n").unwrap();
    fs::write(
        spool.join("state").join(&ids[2]),
        "{\"v\":1,\"kind\":\"note\",\"time\":\"2026-11-21T00:00:00Z\",\"words\":\"x\"}\n{\"v\":1,",
    )
    .unwrap();
    let old = SystemTime::now() - Duration::from_secs(40 * 3600);
    for path in ["state/0ABC", "tmp/0DEF"] {
        let file = fs::File::create(spool.join(path)).unwrap();
        file.set_modified(old).unwrap();
    }
    for path in [
        "state/0ABC".to_owned(),
        format!("state/{}", ids[1]),
        format!("state/{}", ids[2]),
    ] {
        fs::set_permissions(spool.join(path), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(spool.join("cur"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir(spool.join(".Removed/tmp")).unwrap();
    fs::write(spool.join("new/README"), "hello").unwrap();
    let (text, code) = check(&sandbox, &["--deep"]);
    assert_eq!(code, 65);
    for (path, what) in [
        ("new/", "does not match its checksum"),
        ("state/", "a damaged line in its state"),
        ("state/", "its last line is torn"),
        ("state/0ABC", "its message is gone"),
        ("tmp/0DEF", "a left-over"),
        ("cur", "its mode is 0755"),
        (".Removed/tmp", "it is missing"),
        ("new/README", "not a message's name"),
    ] {
        let found = |l: &str| l.starts_with(path) && l.contains(what);
        assert!(text.lines().any(found), "{path} {what}: {text}");
    }
    assert_eq!(text.lines().count(), 8, "{text}");
    // One that only a person can mend is left.
    let (text, code) = check(&sandbox, &["--deep", "--repair"]);
    assert_eq!(
        (text.matches("\trepaired\n").count(), code),
        (7, 65),
        "{text}"
    );
    let (text, _) = check(&sandbox, &["--deep"]);
    assert!(
        text.starts_with("new/README") && text.lines().count() == 1,
        "{text}"
    );
    let failed = sandbox.queue_says(&["list", "--ids", "--state", "failed"], "");
    assert_eq!(failed, format!("{}\n{}\n", ids[0], ids[1]));
    fs::remove_file(spool.join("new/README")).unwrap();
    assert_eq!(check(&sandbox, &[]), (String::new(), 0));
}

/// S6: none of them stops what is done with the others.
#[test]
fn s6_odd_files_in_the_queue_stop_nobody() {
    let (sandbox, ids) = three();
    let spool = sandbox.path("spool");
    fs::create_dir(spool.join("new/0AD,S=10")).unwrap();
    symlink("/etc/passwd", spool.join("new/0AE,S=10")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        spool.join("new/0AF,S=10"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    fs::write(spool.join("new/0B0,S=99999999999999999999"), "x").unwrap();
    fs::write(spool.join("new/0B1,S=5"), "hello").unwrap();
    let cut = file_of(&sandbox, &ids[0]);
    let octets = fs::read(&cut).unwrap();
    fs::write(&cut, &octets[..octets.len() / 2]).unwrap();
    // List names each, and goes on.
    let listed = sandbox.queue(&["list"], "");
    assert_eq!(status(&listed), 65);
    assert_eq!(stdout(&listed).lines().count(), 2);
    assert_eq!(stderr(&listed).lines().count(), 5, "{}", stderr(&listed));
    let by_name = sandbox.queue_says(&["list", "--ids"], "");
    assert_eq!(by_name.lines().count(), 7);
    sandbox.queue_says(&["stats"], "");
    sandbox.queue_says(&["metrics"], "");
    sandbox.queue_says(&["report"], "");
    // A run sets them aside and delivers the others.
    sandbox.configure("[[route]]\nmatch = \"*\"\nto = \"discard:\"");
    sandbox.queue(&["run"], "");
    let left = sandbox.queue_says(&["list", "--ids"], "");
    assert_eq!(left.lines().count(), 5, "{left}");
    let failed = sandbox.queue_says(&["list", "--ids", "--state", "failed"], "");
    assert_eq!(failed, left);
    // They can be removed, and be had back.
    let removed = sandbox.queue_says(&["remove", "--state", "failed"], "");
    assert_eq!(removed.lines().count(), 5, "{removed}");
    let back = sandbox.queue_says(&["restore", "0AD", "0AE"], "");
    assert_eq!(back.matches("restored, failed").count(), 2, "{back}");
    let gone = sandbox.queue_says(&["remove", "--now", "0AD", "0AE"], "");
    assert_eq!(gone.lines().count(), 2, "{gone}");
    assert_eq!(sandbox.queue_says(&["list", "--ids"], ""), "");
}

#[test]
fn another_users_spool_is_one_line_and_77() {
    let (sandbox, _) = three();
    let spool = sandbox.path("spool");
    if !rustix::process::geteuid().is_root() {
        fs::set_permissions(&spool, fs::Permissions::from_mode(0o000)).unwrap();
    } else {
        // Nobody may pass through the sandbox, and read nothing in the spool.
        for path in [sandbox.path(""), sandbox.path("bin")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(
            sandbox.path("config.toml"),
            fs::Permissions::from_mode(0o644),
        )
        .unwrap();
    }
    for args in [
        &["list"][..],
        &["stats"],
        &["hold", "0A"],
        &["check"],
        &["report"],
    ] {
        let mut command = sandbox.other(QUEUE, "smtp-queue", args);
        if rustix::process::geteuid().is_root() {
            use std::os::unix::process::CommandExt;
            command.uid(65534).gid(65534);
        }
        let output = finish(command.spawn().unwrap(), b"");
        assert_refused(&output, 77, "run this as root");
    }
}

#[test]
fn a_report_tells_what_became_of_the_mail() {
    let (sandbox, _) = three();
    sandbox.configure(
        "[[route]]\nmatch = \"one.example\"\nto = \"error:5.1.1 no <b>such</b> user\"\n\
         [[route]]\nmatch = \"two.example\"\nto = \"discard:\"\n[[route]]\nmatch = \"*\"\nto = \"discard:\"",
    );
    sandbox.queue_says(&["run"], "");
    let json = sandbox.queue_says(&["report", "--json"], "");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Two, and the bounce of the third.
    assert_eq!(
        (&report["delivered"], &report["failed"]),
        (&3.into(), &1.into())
    );
    let reason = report["reasons"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "5.1.1 no <b>such</b> user");
    let domains: Vec<_> = report["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["domain"].as_str().unwrap())
        .collect();
    assert_eq!(domains[0], "two.example");
    let text = sandbox.queue_says(&["report", "--since", "7d"], "");
    assert!(
        text.contains("3 delivered, 1 failed") && text.contains("Reasons of failure"),
        "{text}"
    );
    let html = sandbox.queue_says(&["report", "--html"], "");
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("<svg "),
        "{html}"
    );
    assert!(html.contains("no &lt;b&gt;such&lt;/b&gt; user"), "{html}");
    assert_refused(
        &sandbox.queue(&["report", "--since", "when"], ""),
        64,
        "--since",
    );
}
