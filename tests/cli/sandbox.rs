//! A directory with a spool, a configuration and the programs, and beside them
//! a `smtp-queue` that only tells how it was called.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode};
use smtputils::spool::{Head, Spool};

pub const QUEUE: &str = env!("CARGO_BIN_EXE_smtp-queue");

/// Longest wait for what must happen.
const PATIENCE: i64 = 20;

pub struct Sandbox {
    dir: tempfile::TempDir,
    /// What the `smtp-queue` here wrote; held open so that it never waits.
    runs: File,
}

/// A message in the spool.
pub struct Queued {
    pub head: Head,
    /// As stored, CRLF lines.
    pub message: Vec<u8>,
}

impl Queued {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }

    pub fn header(&self) -> String {
        let text = self.text();
        text.split_once("\r\n\r\n")
            .map_or(text.clone(), |(h, _)| format!("{h}\r\n"))
    }

    pub fn body(&self) -> &[u8] {
        let at = self
            .message
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap();
        &self.message[at + 4..]
    }

    /// Lines of the header that begin so.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let header = self.header();
        let lines = header.lines();
        lines
            .filter(|l| l.starts_with(name))
            .map(str::to_owned)
            .collect()
    }

    pub fn recipients(&self) -> Vec<String> {
        self.head
            .envelope
            .recipients
            .iter()
            .map(|r| r.address.to_string())
            .collect()
    }

    pub fn sender(&self) -> String {
        self.head.envelope.sender.to_string()
    }
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_smtp-send"));
        let program = bin.join("smtp-send");
        if fs::hard_link(built, &program).is_err() {
            fs::copy(built, &program).unwrap();
        }
        for name in ["sendmail", "send-mail", "mailq", "newaliases"] {
            symlink("smtp-send", bin.join(name)).unwrap();
        }
        let fifo = dir.path().join("runs");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let runs = File::options().read(true).write(true).open(&fifo).unwrap();
        let sandbox = Sandbox { dir, runs };
        sandbox.write_program("smtp-queue", &format!("echo \"$*\" >{}\n", fifo.display()));
        sandbox.configure("");
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write_program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Settings besides those that every test has.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "spool = \"{}\"\nhostname = \"h.example\"\norigin = \"o.example\"\nlog = \"none\"\naliases = []\n{more}\n",
            self.path("spool").display()
        );
        fs::write(self.path("config.toml"), text).unwrap();
    }

    /// One of the programs by a name that it answers to.
    pub fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/smtp-send"));
        command.arg0(name).args(args);
        self.surround(&mut command);
        command
    }

    /// Another of the programs as it was built, called by `name`. It stands
    /// beside the `smtp-queue` that only tells.
    pub fn other(&self, built: &str, name: &str, args: &[&str]) -> Command {
        let program = self.path("bin").join(format!("built-{name}"));
        if !program.exists() && fs::hard_link(built, &program).is_err() {
            fs::copy(built, &program).unwrap();
        }
        let mut command = Command::new(program);
        command.arg0(name).args(args);
        self.surround(&mut command);
        command
    }

    pub fn queue(&self, args: &[&str], input: impl AsRef<[u8]>) -> Output {
        let mut command = self.other(QUEUE, "smtp-queue", args);
        finish(command.spawn().unwrap(), input.as_ref())
    }

    /// What `smtp-queue` says; it must end well and say nothing else.
    pub fn queue_says(&self, args: &[&str], input: impl AsRef<[u8]>) -> String {
        let output = self.queue(args, input);
        assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
        stdout(&output)
    }

    /// Puts the real `smtp-queue` in the place of the one that only tells.
    pub fn deliver_for_real(&self) {
        let place = self.path("bin/smtp-queue");
        fs::remove_file(&place).unwrap();
        if fs::hard_link(QUEUE, &place).is_err() {
            fs::copy(QUEUE, &place).unwrap();
        }
    }

    /// The sandbox's environment and nothing else.
    pub fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .env("SMTPUTILS_CONFIG", self.path("config.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    pub fn run(&self, name: &str, args: &[&str], input: impl AsRef<[u8]>) -> Output {
        finish(self.command(name, args).spawn().unwrap(), input.as_ref())
    }

    pub fn sendmail(&self, args: &[&str], input: impl AsRef<[u8]>) -> Output {
        self.run("sendmail", args, input)
    }

    /// Submits; must end well and silently.
    pub fn accept(&self, args: &[&str], input: impl AsRef<[u8]>) -> Queued {
        let output = self.sendmail(args, input);
        assert_silent(&output, 0);
        let mut queued = self.queued();
        assert_eq!(queued.len(), 1, "{args:?}");
        fs::remove_dir_all(self.path("spool")).unwrap();
        queued.remove(0)
    }

    /// All messages of the spool, each read whole and checked.
    pub fn queued(&self) -> Vec<Queued> {
        read_spool(&self.path("spool"))
    }

    /// The next words that the sandbox's `smtp-queue` was called with.
    pub fn next_run(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let timeout = Timespec {
                tv_sec: PATIENCE,
                tv_nsec: 0,
            };
            let n = poll(
                &mut [PollFd::new(&self.runs, PollFlags::IN)],
                Some(&timeout),
            )
            .unwrap();
            assert_eq!(n, 1, "smtp-queue was not called");
            let mut byte = [0];
            self.runs.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let text = String::from_utf8(line).unwrap();
        let spool = format!(" --spool {}", self.path("spool").display());
        text.trim_end().replacen(&spool, "", 1)
    }
}

/// All messages, each read whole: reading fails where the check does not fit.
pub fn read_spool(path: &Path) -> Vec<Queued> {
    if !path.exists() {
        return Vec::new();
    }
    let spool = Spool::open(path).unwrap();
    let mut entries = spool.list().unwrap();
    entries.sort_by_key(|e| e.id);
    let mut all = Vec::new();
    for entry in entries {
        let (head, mut reader) = spool.read(&entry).unwrap();
        let mut message = Vec::new();
        reader.read_to_end(&mut message).unwrap();
        assert_eq!(message.len() as u64, head.check.length);
        all.push(Queued { head, message });
    }
    all
}

/// Feeds and waits. The child may end before it has read all.
pub fn finish(mut child: Child, input: &[u8]) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

pub fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn assert_silent(output: &Output, expected: i32) {
    assert_eq!(
        (stdout(output), stderr(output)),
        (String::new(), String::new())
    );
    assert_eq!(status(output), expected);
}

/// Refused: this status, nothing on stdout, one line that names the program.
pub fn assert_refused(output: &Output, expected: i32, word: &str) {
    let line = stderr(output);
    assert_eq!(stdout(output), "");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.starts_with("sendmail: ") || line.starts_with("smtp-"),
        "{line}"
    );
    assert!(line.contains(word), "{line:?} does not name {word:?}");
    assert_eq!(status(output), expected, "{line}");
}
