//! A disk that is full or cannot be written: one line, the status of it, and
//! what was queued is still there. Only root can mount such a disk; for others
//! `hostile` has a limit on file sizes.

use std::process::{Command, Output};

use super::sandbox::*;

/// A shell script in a mount namespace of its own, with a disk of 1 MB at
/// `$D`. `$M` is smtp-send, `$Q` smtp-queue, both on the spool there; `$HOME/big`
/// is a message of 700 kB.
fn on_a_small_disk(sandbox: &Sandbox, script: &str) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let disk = sandbox.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let line = [b'x'; 69];
    let big = [
        b"Subject: x\n\n",
        &[&line[..], b"\n"].concat().repeat(10_000)[..],
    ]
    .concat();
    std::fs::write(sandbox.path("big"), big).unwrap();
    std::fs::write(sandbox.path("small"), "Subject: x\n\nhello\n").unwrap();
    let spool = disk.join("spool");
    let program = |name: &str| format!("{name} --spool {}", spool.display());
    let built = sandbox.other(QUEUE, "smtp-queue", &[]);
    let send = sandbox.path("bin/smtp-send");
    let script = format!("mount -t tmpfs -o size=1m,mode=755 small $D || exit 99\n{script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]);
    sandbox.surround(&mut command);
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("D", &disk)
        .env("M", program(&send.display().to_string()))
        .env("Q", program(&built.get_program().to_string_lossy()));
    let output = finish(command.spawn().unwrap(), b"");
    // A container may not mount.
    (status(&output) != 99 && status(&output) != 1).then_some(output)
}

fn assert_told(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{line:?} does not say {word:?}");
    }
}

#[test]
fn s7_a_full_disk_loses_nothing() {
    let sandbox = Sandbox::new();
    let script = "
        $M --queue-only a@d.example <$HOME/big || exit 2
        $M --queue-only b@d.example <$HOME/big; echo send $?
        dd if=/dev/zero of=$D/fill bs=4k 2>/dev/null
        $M --queue-only b@d.example <$HOME/small; echo send $?
        $Q hold $($Q list --ids); echo hold $?
        $Q run; echo run $?
        ls $D/spool/tmp | wc -l
        rm $D/fill
        $M --queue-only b@d.example <$HOME/small; echo send $?
        $Q list | cut -f2,7
        exit 5";
    let Some(output) = on_a_small_disk(&sandbox, script) else {
        return;
    };
    assert_eq!(status(&output), 5, "{}", stderr(&output));
    assert_eq!(
        stdout(&output).lines().collect::<Vec<_>>(),
        [
            "send 75",
            "send 75",
            "hold 75",
            "run 75",
            "0",
            "send 0",
            "new\ta@d.example",
            "new\tb@d.example"
        ]
    );
    let said = stderr(&output);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for line in &lines {
        assert_told(line, &["No space left", "make room"]);
    }
    assert_told(lines[0], &["smtp-send: write the message to the spool /"]);
    assert_told(lines[2], &["smtp-queue hold: "]);
    assert_told(lines[3], &["smtp-queue: message ", "stays queued"]);
}

#[test]
fn s7_a_spool_that_is_read_only() {
    let sandbox = Sandbox::new();
    let script = "
        $M --queue-only a@d.example <$HOME/small || exit 2
        mount -o remount,ro $D || exit 99
        $M --queue-only b@d.example <$HOME/small; echo send $?
        I=$($Q list --ids)
        $Q hold $I; echo hold $?
        $Q remove $I; echo remove $?
        $Q run; echo run $?
        $Q list | cut -f2,7
        exit 5";
    let Some(output) = on_a_small_disk(&sandbox, script) else {
        return;
    };
    assert_eq!(status(&output), 5, "{}", stderr(&output));
    assert_eq!(
        stdout(&output).lines().collect::<Vec<_>>(),
        [
            "send 73",
            "hold 73",
            "remove 73",
            "run 73",
            "new\ta@d.example"
        ]
    );
    let said = stderr(&output);
    assert_eq!(said.lines().count(), 4, "{said}");
    for line in said.lines() {
        assert_told(line, &["Read-only", "mount it for writing"]);
    }
}
