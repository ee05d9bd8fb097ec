//! The program with the spool's group (DESIGN section 5, S1): what it takes
//! from its caller, and what the caller cannot do with it. In a mount namespace
//! with an `/etc` of its own, so that the system's configuration is ours; only
//! root can make one, others see nothing of this.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Output};

use smtputils::spool::Spool;

use super::sandbox::*;

/// A group that no user of the test is in.
const GROUP: u32 = 65_500;
/// The caller, and another ordinary user.
const UID: u32 = 65_501;

struct System(Sandbox);

impl System {
    fn new() -> Option<System> {
        if !rustix::process::getuid().is_root() {
            return None;
        }
        let sandbox = Sandbox::new();
        let open = |name: &str, mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(sandbox.path(name), permissions).unwrap();
        };
        open("", 0o755);
        let program = sandbox.path("bin/smtp-send");
        std::fs::remove_file(&program).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_smtp-send"), &program).unwrap();
        chown(&program, None, Some(GROUP)).unwrap();
        open("bin/smtp-send", 0o2755);
        Spool::open_or_create(&sandbox.path("spool"), Some(GROUP)).unwrap();
        let etc = sandbox.path("etc/smtputils");
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::copy(sandbox.path("config.toml"), etc.join("config.toml")).unwrap();
        open("etc/smtputils/config.toml", 0o644);
        Some(System(sandbox))
    }

    /// Settings besides those that every test has.
    fn configure(&self, more: &str) {
        self.0.configure(more);
        let to = self.0.path("etc/smtputils/config.toml");
        std::fs::copy(self.0.path("config.toml"), to).unwrap();
    }

    /// A shell line as the ordinary user; `$M` is the program as sendmail.
    fn run(&self, line: &str, input: &str) -> Output {
        let script = "mount --make-rprivate / && mount -t tmpfs none /etc && \
                      cp -r \"$HOME/etc/.\" /etc && \
                      exec setpriv --reuid \"$U\" --regid \"$U\" --clear-groups sh -c \"$1\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh", line]);
        self.0.surround(&mut command);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .env("M", self.0.path("bin/sendmail"))
            .env("U", UID.to_string());
        finish(command.spawn().unwrap(), input.as_bytes())
    }
}

const MESSAGE: &str = "To: a@d.example\nSubject: x\n\nhello\n";

#[test]
fn a_user_submits_into_a_spool_that_is_closed_to_all() {
    let Some(system) = System::new() else { return };
    for flags in [
        "-t",
        "-t -odq",
        "-t -odi",
        "-t -v",
        "-t -X/tmp/x -OQueueDirectory=/tmp",
    ] {
        let output = system.run(&format!("exec $M {flags}"), MESSAGE);
        if flags == "-t -v" {
            let told = stderr(&output);
            assert!(told.ends_with(" is queued; the system's runner delivers it\n"));
            assert_eq!((status(&output), told.lines().count()), (0, 1), "{told}");
            continue;
        }
        assert_silent(&output, 0);
    }
    let queued = system.0.queued();
    assert_eq!(queued.len(), 5);
    for message in &queued {
        assert_eq!(message.sender(), format!("<{UID}@o.example>"));
        assert_eq!(message.fields("Received:").len(), 1);
        assert!(message.header().contains(&format!("uid {UID}")));
    }
    for entry in std::fs::read_dir(system.0.path("spool/new")).unwrap() {
        let meta = entry.unwrap().metadata().unwrap();
        assert_eq!(
            (meta.uid(), meta.gid(), meta.mode() & 0o7777),
            (UID, GROUP, 0o640)
        );
    }
    // -odi and -v asked for a run.
    let flush = std::fs::metadata(system.0.path("spool/flush")).unwrap();
    assert_eq!(flush.mode() & 0o7777, 0o660);
    let listed = system.run("exec $M -bp", "");
    assert!(
        stdout(&listed).contains("in 5 Requests."),
        "{}",
        stderr(&listed)
    );
    assert_silent(&system.run("exec $M -q", ""), 0);
    let session = system.run(
        "exec $M -bs",
        "HELO x\nMAIL FROM:<>\nRCPT TO:<a@d.example>\nDATA\n\nx\n.\nQUIT\n",
    );
    assert_eq!((status(&session), stderr(&session)), (0, String::new()));
    assert_eq!(system.0.queued().len(), 6);
    let closed = system.run("ls $HOME/spool/new", "");
    assert_ne!(status(&closed), 0, "the user itself reads nothing");
}

/// S1: neither environment nor options choose files.
#[test]
fn s1_the_caller_chooses_no_file() {
    let Some(system) = System::new() else { return };
    let evil = system.0.path("evil");
    std::fs::write(&evil, "nonsense = 1\n").unwrap();
    let line = "SMTPUTILS_CONFIG=$HOME/evil SMTPUTILS_SPOOL=$HOME/evil XDG_CONFIG_HOME=$HOME/evil \
                XDG_STATE_HOME=$HOME/evil TZ=$HOME/evil exec $M -C $HOME/evil -t";
    assert_silent(&system.run(line, MESSAGE), 0);
    let line = "exec $HOME/bin/smtp-send --config $HOME/evil --spool $HOME/evil -t";
    assert_silent(&system.run(line, MESSAGE), 0);
    assert_eq!(system.0.queued().len(), 2);
    // A file that only the group may read: read as the user, so not at all.
    let secret = system.0.path("secret");
    std::fs::write(&secret, "broken\n").unwrap();
    chown(&secret, Some(UID), Some(GROUP)).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o040)).unwrap();
    let output = system.run("exec $M -bi -oA$HOME/secret", "");
    assert!(!stderr(&output).contains("broken"), "{}", stderr(&output));
    assert!(!stderr(&output).contains(":1:"), "{}", stderr(&output));
}

/// What is started has the group no more.
#[test]
fn s1_other_programs_run_without_the_group() {
    let Some(system) = System::new() else { return };
    let script = format!("id -G >{}\n", system.0.path("runs").display());
    system.0.write_program("smtp-queue", &script);
    chown(system.0.path("runs"), Some(UID), None).unwrap();
    let mut system = system;
    assert_silent(&system.run("exec $M -bv a@d.example", ""), 0);
    assert_eq!(system.0.next_run(), UID.to_string());
}

/// H4: who may give which sender.
#[test]
fn h4_trusted_users_may_choose_their_sender() {
    let Some(system) = System::new() else { return };
    let submit = |trusted: &str, flags: &str| {
        system.configure(&format!("trusted_users = {trusted}"));
        let line = format!("exec $M -odq {flags}");
        assert_silent(&system.run(&line, MESSAGE), 0);
        let queued = system.0.queued().pop().unwrap();
        (queued.sender(), queued.fields("Sender:"))
    };
    let own = format!("{UID}@o.example");
    let named = vec![format!("Sender: {own}")];
    let boss = "<boss@o.example>".to_owned();
    for (trusted, flags, expected) in [
        ("[]", "-fboss x", (boss.clone(), vec![])),
        ("[\"www-data\"]", "-fboss x", (format!("<{own}>"), named)),
        ("[\"www-data\"]", "-f$U x", (format!("<{own}>"), vec![])),
        ("[\"www-data\"]", "-f '' x", ("<>".to_owned(), vec![])),
        ("[\"65501\"]", "-fboss x", (boss, vec![])),
    ] {
        assert_eq!(submit(trusted, flags), expected, "{trusted} {flags}");
    }
    let dialogue = "MAIL FROM:<boss@o.example>\nRCPT TO:<x@d.example>\nDATA\n\nx\n.\nQUIT\n";
    system.configure("trusted_users = [\"root\"]");
    assert_eq!(status(&system.run("exec $M -bs -odq", dialogue)), 0);
    assert_eq!(
        system.0.queued().pop().unwrap().sender(),
        format!("<{own}>")
    );
}

/// Section 5.3: who may see what in the queue.
#[test]
fn a_user_sees_the_own_addresses_where_others_are_private() {
    let Some(system) = System::new() else { return };
    system.configure("mailq_private = true");
    assert_silent(&system.run("exec $M -odq -t", MESSAGE), 0);
    let built = env!("CARGO_BIN_EXE_smtp-send");
    let args = ["-odq", "-f", "eve@d.example", "other@d.example"];
    let mut other = system.0.other(built, "sendmail", &args);
    assert_silent(&finish(other.spawn().unwrap(), b"\nx\n"), 0);
    let listed = stdout(&system.run("exec $M -bp", ""));
    assert!(
        listed.contains("a@d.example") && listed.contains("in 2 Requests."),
        "{listed}"
    );
    assert!(
        !listed.contains("other@") && !listed.contains("eve@"),
        "{listed}"
    );
}

/// Section 6: where a report cannot be queued either, the message is kept in
/// the caller's home.
#[test]
fn dead_letters() {
    let Some(system) = System::new() else { return };
    let home = system.0.path("home");
    std::fs::create_dir(&home).unwrap();
    chown(&home, Some(UID), Some(UID)).unwrap();
    let entry = format!("ann:x:{UID}:{UID}::{}:/bin/sh\n", home.display());
    std::fs::write(system.0.path("etc/passwd"), entry).unwrap();
    let letter = home.join("dead.letter");
    // A block of 512 octets: too small for what is queued, enough for a letter.
    let run = |flags: &str| system.run(&format!("ulimit -f 1; exec $M {flags} x"), MESSAGE);
    for flags in ["-oep", "-oee", ""] {
        assert_refused(&run(flags), 75, "spool");
        assert!(!letter.exists(), "{flags}");
    }
    let output = run("-oem -f eve@d.example");
    assert_refused(
        &output,
        75,
        &format!("the message is in {}", letter.display()),
    );
    let text = std::fs::read_to_string(&letter).unwrap();
    let (from, message) = text.split_once('\n').unwrap();
    assert!(from.starts_with("From eve@d.example "), "{from}");
    assert_eq!(message, format!("{MESSAGE}\n"));
    let meta = std::fs::metadata(&letter).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o7777), (UID, 0o600));
    // Through a link nothing is written (S4).
    let victim = system.0.path("victim");
    std::fs::write(&victim, "").unwrap();
    chown(&victim, Some(UID), None).unwrap();
    std::fs::remove_file(&letter).unwrap();
    std::os::unix::fs::symlink(&victim, &letter).unwrap();
    assert_refused(&run("-oew"), 75, "nor could it be kept");
    assert_eq!(std::fs::metadata(&victim).unwrap().len(), 0);
    assert!(system.0.queued().is_empty());
    // Where a report can be queued there is no letter.
    std::fs::remove_file(&letter).unwrap();
    let output = system.run("exec $M -odq -oem 'a b@@'", MESSAGE);
    assert_refused(&output, 65, "a b@@");
    assert!(!letter.exists() && system.0.queued().len() == 1);
}

/// S2 with the bit: descriptors, limits, mask, directory and name are the
/// caller's to spoil; the message is whole or absent, its mode ours.
#[test]
fn s2_what_a_caller_may_have_spoilt() {
    let Some(system) = System::new() else { return };
    let gone = "mkdir $W/gone; cd $W/gone; rmdir $W/gone; exec $M -odq x";
    for (line, expected) in [
        ("exec $M -odq x <&-", 66),
        ("exec $M -odq x <&- >&- 2>&-", 66),
        ("exec $M -odq x >&-", 0),
        ("exec $M -odq x >&- 2>&-", 0),
        ("ulimit -f 0; exec $M -odq x", 75),
        // Not even the C library can be loaded.
        ("ulimit -n 3; exec $M -odq x", 127),
        ("ulimit -n 4; exec $M -odq x", 75),
        ("ulimit -n 12; exec $M -odq x", 0),
        ("umask 0; exec $M -odq x", 0),
        ("umask 0777; exec $M -odq x", 0),
        ("trap '' PIPE XFSZ ALRM TERM HUP; exec $M -odq x", 0),
        (gone, 0),
        ("unset HOME PATH USER LOGNAME; exec $M -odq x", 0),
        ("exec 7>$W/leak 9</etc; exec $M -odq x", 0),
        ("bash -c 'exec -a \"\" $M -odq x'", 0),
        ("bash -c 'exec -a -sendmail $M -odq x'", 0),
        ("perl -e 'exec { $ENV{M} } \"\", \"-odq\", \"x\"'", 0),
    ] {
        let before = system.0.queued().len();
        let output = system.run(&format!("W=/tmp; {line}"), MESSAGE);
        assert_eq!(status(&output), expected, "{line}: {}", stderr(&output));
        let added = system.0.queued().len() - before;
        assert_eq!(added, usize::from(expected == 0), "{line}");
        assert!(stderr(&output).lines().count() <= 1, "{}", stderr(&output));
    }
    for entry in std::fs::read_dir(system.0.path("spool/new")).unwrap() {
        let meta = entry.unwrap().metadata().unwrap();
        assert_eq!((meta.gid(), meta.mode() & 0o7777), (GROUP, 0o640));
    }
    assert_eq!(
        std::fs::read_dir(system.0.path("spool/tmp"))
            .unwrap()
            .count(),
        0
    );
}

/// I1 to I3 with the bit: no argument adds a command, a field or a file.
#[test]
fn i1_to_i3_arguments_are_only_arguments() {
    let Some(system) = System::new() else { return };
    let evil = "/tmp/smtputils-evil";
    for (line, expected) in [
        ("exec $M -odq \"$(printf 'a@x\\nb@x')\"", 65),
        (
            "exec $M -odq -f \"$(printf 'a@x>\\r\\nRCPT TO:<b@x')\" x",
            65,
        ),
        ("exec $M -odq -V \"$(printf 'a\\nb')\" x", 65),
        ("exec $M -odq -F \"$(printf 'Eve\\nBcc: b@x')\" x", 0),
        (
            "exec $M -odq -X$E -D$E -oQ$E -OQueueDirectory=$E -OLogFile=$E x",
            0,
        ),
        ("exec $M -odq -C $E x", 0),
        ("exec $M -odq -- -X$E -C$E", 0),
        (
            "exec $M -odq '|touch' ':include:/etc/passwd' /etc/passwd",
            0,
        ),
        ("exec $M -odq x -X$E", 64),
        ("exec $M -bi -oA/etc/smtputils/config.toml", 77),
    ] {
        let before = system.0.queued().len();
        let output = system.run(&format!("E={evil}; {line}"), MESSAGE);
        assert_eq!(status(&output), expected, "{line}: {}", stderr(&output));
        let added = system.0.queued().len() - before;
        assert_eq!(added, usize::from(expected == 0), "{line}");
    }
    assert!(!std::path::Path::new(evil).exists());
    for message in system.0.queued() {
        assert!(message.fields("Bcc").is_empty(), "{}", message.header());
    }
}

/// S5: what is in the spool is nobody's to read, change, add or take away.
#[test]
fn s5_the_spool_is_closed_to_users() {
    let Some(system) = System::new() else { return };
    assert_silent(&system.run("exec $M -odq -t", MESSAGE), 0);
    let id = system.0.queued()[0].head.id;
    for line in [
        "ls $S",
        "ls $S/new",
        "cat $S/new/$I*",
        "echo x >$S/new/0AAAAAAA,S=1",
        "echo x >>$S/flush",
        "cat $S/run.lock",
        "ln -s /etc/passwd $S/new/x",
        "ln /etc/smtputils/config.toml $S/new/x",
        "rm -f $S/new/$I* && false",
        "mv $S/new $S/old",
        "mkdir $S/x",
        "chmod 777 $S",
    ] {
        let line = format!("S=$HOME/spool; I={id}; {line}");
        assert_ne!(status(&system.run(&line, "")), 0, "{line}");
    }
    assert_eq!(system.0.queued().len(), 1);
}
