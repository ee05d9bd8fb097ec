//! S2: what a caller may have done to descriptors, limits, mask and directory.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::sandbox::*;

const MESSAGE: &str = "Subject: x\n\nhello\n";

/// A shell line in which `$M` is the program called as sendmail.
fn shell(sandbox: &Sandbox, line: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    sandbox.surround(&mut command);
    command.env("M", sandbox.path("bin/sendmail"));
    finish(command.spawn().unwrap(), MESSAGE.as_bytes())
}

#[test]
fn s2_closed_descriptors() {
    let sandbox = Sandbox::new();
    for (line, expected) in [
        ("$M -odq x <&-", 66),
        ("$M -odq x <&- >&- 2>&-", 66),
        ("$M -odq x >&-", 0),
        ("$M -odq x 2>&-", 0),
        ("$M -odq x >&- 2>&-", 0),
        ("$M -odq x 0>/dev/null", 66),
        ("$M -odq x </nonexistent", 1),
        ("$M -odq x </", 66),
        ("$M -odq x </dev/null", 0),
    ] {
        let before = sandbox.queued().len();
        let code = status(&shell(&sandbox, line));
        // The shell itself says 1 or 2 where it cannot open.
        assert!(
            code == expected || (expected == 1 && code == 2),
            "{line}: {code}"
        );
        let added = sandbox.queued().len() - before;
        assert_eq!(added, usize::from(expected == 0), "{line}");
    }
}

#[test]
fn s2_limits_mask_and_directory() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "first"], MESSAGE), 0);
    let gone = sandbox.path("gone");
    for (line, expected) in [
        ("ulimit -f 0; exec $M -odq x", 75),
        ("umask 0777; exec $M -odq x", 0),
        ("umask 0; exec $M -odq x", 0),
        ("ulimit -n 12; exec $M -odq x", 0),
        ("trap '' PIPE XFSZ ALRM; exec $M -odq x", 0),
        (
            "mkdir $HOME/gone; cd $HOME/gone; rmdir $HOME/gone; exec $M -odq x",
            0,
        ),
        ("unset HOME PATH; exec $M -odq x", 0),
    ] {
        let before = sandbox.queued().len();
        let output = shell(&sandbox, line);
        assert_eq!(status(&output), expected, "{line}: {}", stderr(&output));
        assert_eq!(
            sandbox.queued().len() - before,
            usize::from(expected == 0),
            "{line}"
        );
    }
    assert!(!gone.exists());
    let new = sandbox.path("spool/new");
    for entry in std::fs::read_dir(new).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o137, 0, "{mode:o}");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
    }
}

/// Inherited descriptors do not reach the runner that stays.
#[test]
fn s2_inherited_descriptors_are_closed() {
    let mut sandbox = Sandbox::new();
    let output = shell(&sandbox, "$M x 7>$HOME/leak");
    assert_eq!(status(&output), 0);
    assert_eq!(sandbox.next_run(), "run --drain");
    let runs = sandbox.path("runs");
    let script = format!(
        "ls /proc/self/fd | tr '\\n' ' ' >{0}; echo >{0}\n",
        runs.display()
    );
    sandbox.write_program("smtp-queue", &script);
    assert_eq!(status(&shell(&sandbox, "$M x 7>$HOME/leak")), 0);
    let open = sandbox.next_run();
    assert!(!open.split(' ').any(|fd| fd == "7"), "{open}");
}

#[test]
fn a_spool_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("file");
    std::fs::write(&file, "").unwrap();
    let args = ["--queue-only", "--spool", file.to_str().unwrap(), "x"];
    let output = sandbox.run("smtp-send", &args, MESSAGE);
    assert_eq!(status(&output), 73, "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(stderr(&output).contains("spool"), "{}", stderr(&output));
}

/// No configuration, no system installation: the user's own place.
#[test]
fn the_first_mail_of_a_user_makes_the_spool() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("state");
    let mut command = sandbox.command("sendmail", &["-odq", "x"]);
    command
        .env_remove("SMTPUTILS_CONFIG")
        .env("XDG_STATE_HOME", &state);
    command.env("SMTPUTILS_SPOOL", state.join("smtputils/spool"));
    let output = finish(command.spawn().unwrap(), MESSAGE.as_bytes());
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert_eq!(read_spool(&state.join("smtputils/spool")).len(), 1);
}

/// DESIGN section 5: root works on another's spool as that user, and starts
/// the runner as root. Where the tests do not run as root there is nothing to
/// see.
#[test]
fn root_works_on_a_spool_as_its_owner() {
    const OTHER: &str = "daemon";
    let Some(other) = smtputils::sys::user_by_name(OTHER) else {
        return;
    };
    if !rustix::process::getuid().is_root() {
        return;
    }
    let mut sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-odq", "x"], MESSAGE), 0);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path(""), open).unwrap();
    let owner = format!("{OTHER}:");
    let spool = sandbox.path("spool");
    let chown = Command::new("chown")
        .arg("-R")
        .arg(&owner)
        .arg(&spool)
        .status();
    assert!(chown.unwrap().success());
    let runs = sandbox.path("runs");
    let script = format!("echo \"$1 $(id -u)\" >{}\n", runs.display());
    sandbox.write_program("smtp-queue", &script);
    let dialogue = "HELO x\nMAIL FROM:<>\nRCPT TO:<y@d.example>\nDATA\n\nx\n.\nQUIT\n";
    for (name, args, input) in [
        ("sendmail", &["x"][..], MESSAGE),
        ("smtp-send", &["x"], MESSAGE),
        ("sendmail", &["-bs"], dialogue),
    ] {
        let output = sandbox.run(name, args, input);
        assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
        assert_eq!(sandbox.next_run(), "run 0");
    }
    assert_refused(&sandbox.sendmail(&["a b@@"], MESSAGE), 65, "a b@@");
    assert_silent(&sandbox.sendmail(&["-oeq", "a b@@"], MESSAGE), 65);
    let entries: Vec<_> = std::fs::read_dir(spool.join("new")).unwrap().collect();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        let meta = entry.unwrap().metadata().unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&meta), other.uid);
    }
}
