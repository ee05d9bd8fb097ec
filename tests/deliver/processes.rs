//! The runner as a process: signals, and root's parent with its worker.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::site::Site;
use crate::smtp::{PATIENCE, Server};

fn runner(site: &Site, config: &str, args: &[&str]) -> Child {
    let path = site.path("config.toml");
    std::fs::write(&path, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_smtp-queue"))
        .arg("run")
        .args(args)
        .env("SMTPUTILS_CONFIG", path)
        .spawn()
        .unwrap()
}

pub fn configuration(site: &Site, extra: &str) -> String {
    let dir = site.dir.path().display();
    format!(
        "hostname = \"here.example\"\norigin = \"here.example\"\n\
         local_domains = [\"here.example\"]\nspool = \"{dir}/spool\"\nlog = \"none\"\n\
         aliases = [\"{dir}/aliases\"]\n{extra}"
    )
}

fn ends(child: &mut Child, what: &str) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        assert!(start.elapsed() < PATIENCE, "{what} does not end");
        thread::yield_now();
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::yield_now();
    }
}

/// DESIGN 2 Running: resident, woken by mail and by `flush`, ended by SIGTERM.
#[test]
fn a_resident_runner_is_woken_and_ends_when_told() {
    let server = Server::start("127.0.0.1:0");
    let site = Site::new("");
    let port = server.address.port();
    let config = configuration(
        &site,
        &format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\nretry = {{ first = \"1h\" }}\n"),
    );
    let mut child = runner(&site, &config, &["--watch"]);
    until("it holds the lock", || site.spool().has_runner().unwrap());
    site.queue("a@here.example", &["b@x.example"]);
    server.wait_mails(1);
    server.say("mail", "451 4.3.0 later");
    site.queue("a@here.example", &["c@x.example"]);
    until("it is deferred", || {
        let entries = site.entries();
        entries.len() == 1 && entries[0].due > 0
    });
    // Asked in the instant between the new name and the end of the attempt, the
    // request counts for that attempt: so it is asked until it is heard.
    until("asked, it is sent", || {
        site.spool().ask_run().unwrap();
        site.entries().is_empty()
    });
    server.wait_mails(2);
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(ends(&mut child, "the runner"), 0);
    assert!(!site.spool().has_runner().unwrap());
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

/// Users of every Debian: `daemon` owns the spool, `bin` and root get mail.
const OWNER: u32 = 1;
const BIN: u32 = 2;
const MAIL: u32 = 8;

/// DESIGN 5, S10: as root, in a world where others own spool and mailboxes.
/// Needs root; without it there is nothing to test.
#[test]
fn a_runner_started_as_root_delivers_as_each_recipient() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new("");
    let dir = site.dir.path();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
    let boxes = site.path("boxes");
    std::fs::create_dir(&boxes).unwrap();
    chown(&boxes, Some(0), Some(MAIL)).unwrap();
    std::fs::set_permissions(&boxes, PermissionsExt::from_mode(0o2775)).unwrap();
    site.aliases("both: bin, root\n");
    site.queue(
        "s@x.example",
        &["both@here.example", "missing-user@here.example"],
    );
    site.queue("", &["missing-user@here.example"]);
    give(&site.path("spool"), OWNER);
    let extra = format!(
        "local = \"mbox:{}/{{user}}\"\nsmarthost = \"smtp://[127.0.0.1]:9\"\n",
        boxes.display()
    );
    let mut child = runner(&site, &configuration(&site, &extra), &["--all"]);
    assert_eq!(ends(&mut child, "the pass"), 0);

    for (user, uid) in [("bin", BIN), ("root", 0)] {
        let path = boxes.join(user);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(&format!("Delivered-To: {user}@here.example\n")),
            "{text}"
        );
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (uid, MAIL), "{user}");
        assert_eq!(meta.mode() & 0o7777, 0o660, "{user}");
    }
    assert!(!boxes.join("missing-user").exists());
    assert!(!boxes.join("bin.lock").exists());
    // What is left belongs to the spool's owner: the worker was no root.
    let spool = site.spool();
    let left = spool.list().unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    for file in ["history", "state"] {
        for entry in std::fs::read_dir(site.path("spool").join(file)).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().uid(), OWNER, "{file}");
        }
    }
    let bounce = left.iter().find(|e| e.id.is_derived()).unwrap();
    assert_eq!(spool.head(bounce).unwrap().envelope.origin.kind, "bounce");
}

/// DESIGN 5: the parent ends its worker when it is told to end.
#[test]
fn a_parent_passes_signals_on() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new("");
    std::fs::set_permissions(site.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    give(&site.path("spool"), OWNER);
    let mut child = runner(&site, &configuration(&site, ""), &["--watch"]);
    until("the worker holds the lock", || {
        site.spool().has_runner().unwrap()
    });
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(ends(&mut child, "the parent"), 0);
    assert!(!site.spool().has_runner().unwrap());
}
