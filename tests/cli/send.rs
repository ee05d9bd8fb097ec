//! `smtp-send` under its own name.

use super::sandbox::*;

const MESSAGE: &str = "Subject: x\n\nhello\n.\nend\n";

#[test]
fn recipients_are_arguments_and_the_message_is_whole() {
    let mut sandbox = Sandbox::new();
    let args = [
        "--from",
        "me@d.example",
        "a@d.example",
        "B <b@d.example>, c",
    ];
    assert_silent(&sandbox.run("smtp-send", &args, MESSAGE), 0);
    assert_eq!(sandbox.next_run(), "run --drain");
    let queued = sandbox.queued().remove(0);
    assert_eq!(
        queued.recipients(),
        ["a@d.example", "b@d.example", "c@o.example"]
    );
    assert_eq!(queued.sender(), "<me@d.example>");
    assert_eq!(
        queued.body(),
        b"hello\r\n.\r\nend\r\n",
        "a lone dot is text"
    );
    assert_eq!(queued.fields("From:").len(), 1);
}

#[test]
fn header_recipients_and_queue_only() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(
        "smtp-send",
        &["-t", "--queue-only"],
        "To: a@d.example\n\nx\n",
    );
    assert_silent(&output, 0);
    assert_eq!(sandbox.queued()[0].recipients(), ["a@d.example"]);
}

#[test]
fn wrong_command_lines() {
    let sandbox = Sandbox::new();
    let run = |args: &[&str]| sandbox.run("smtp-send", args, MESSAGE);
    assert_refused(&run(&[]), 64, "no recipients");
    assert_refused(&run(&["--form", "x", "y"]), 64, "--from");
    assert_refused(&run(&["--now", "--queue-only", "y"]), 64, "--queue-only");
    assert_refused(&run(&["--trace", "--queue-only", "y"]), 64, "--queue-only");
    assert_refused(&run(&["-t", "-s", "x"]), 64, "-t");
    assert_refused(&run(&["--or-queue", "--until", "rcpt", "y"]), 64, "--until");
    assert_refused(&run(&["--until", "quit", "y"]), 64, "--until");
    assert_refused(&run(&["--server", "http://x", "y"]), 64, "--server");
    assert_refused(&run(&["--ehlo", "a b", "y"]), 64, "--ehlo");
    assert_refused(&run(&["--mail-param", "A B", "y"]), 65, "--mail-param");
    assert_refused(&run(&["--account", "work", "y"]), 78, "work");
    assert_refused(&run(&["--text", "-", "--html", "-", "y"]), 64, "once");
    assert_refused(&run(&["--from"]), 64, "--from");
    assert_refused(&run(&["a b@@"]), 65, "a b@@");
    assert_refused(&run(&["a@d.example\nRCPT TO:<b@d.example>"]), 65, "control");
    assert_refused(
        &run(&["--from", "a@d.example, b@d.example", "x"]),
        65,
        "--from",
    );
    assert_refused(&run(&["--config", "/nonexistent", "x"]), 78, "/nonexistent");
    assert!(sandbox.queued().is_empty());
}

/// What is wrong around the program: what failed, where, what helps.
#[test]
fn surroundings_that_are_wrong() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("config.toml/spool");
    let file = file.to_str().unwrap();
    let refused = sandbox.run(
        "smtp-send",
        &["--queue-only", "--spool", file, "x"],
        MESSAGE,
    );
    assert_refused(&refused, 73, &format!("the spool {file}: "));
    // Neither text nor a file: what a configuration must be.
    for (name, octets) in [
        ("octets.toml", &b"\xff\xfe"[..]),
        ("half.toml", b"spool = \""),
    ] {
        std::fs::write(sandbox.path(name), octets).unwrap();
        for program in ["smtp-send", "sendmail"] {
            let mut command = sandbox.command(program, &["x"]);
            command.env("SMTPUTILS_CONFIG", sandbox.path(name));
            let refused = finish(command.spawn().unwrap(), MESSAGE.as_bytes());
            assert_refused(&refused, 78, name);
        }
    }
    // What is no directory cannot be a file either; -bs says it before the greeting.
    for args in [&["-odq", "x"][..], &["-bs"]] {
        let mut command = sandbox.command("sendmail", args);
        command.env("SMTPUTILS_SPOOL", file);
        let refused = finish(command.spawn().unwrap(), b"QUIT\r\n");
        assert_refused(&refused, 73, file);
    }
    assert!(sandbox.queued().is_empty());
}

#[test]
fn help_fits_a_screen() {
    let sandbox = Sandbox::new();
    let help = sandbox.run("smtp-send", &["--help"], "");
    assert_eq!((status(&help), stderr(&help)), (0, String::new()));
    let text = stdout(&help);
    assert!(text.lines().count() <= 48, "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
}

#[test]
fn the_spool_can_be_chosen() {
    let sandbox = Sandbox::new();
    let other = sandbox.path("other");
    let args = ["--spool", other.to_str().unwrap(), "--queue-only", "x"];
    assert_silent(&sandbox.run("smtp-send", &args, MESSAGE), 0);
    assert!(sandbox.queued().is_empty());
    assert_eq!(read_spool(&other).len(), 1);
}

/// `--now`: envelope and message in the spool's form on the deliverer's stdin,
/// its exit status is ours, and nothing is left behind.
#[test]
fn now_hands_the_message_to_the_deliverer() {
    let sandbox = Sandbox::new();
    let seen = sandbox.path("seen");
    let script = format!("echo \"$1\" >{0}; cat >>{0}; exit 69\n", seen.display());
    sandbox.write_program("smtp-queue", &script);
    let temp = sandbox.path("tmp");
    std::fs::create_dir(&temp).unwrap();
    let mut command = sandbox.command("smtp-send", &["--now", "-f", "me@d.example", "a@d.example"]);
    let output = finish(
        command.env("TMPDIR", &temp).spawn().unwrap(),
        MESSAGE.as_bytes(),
    );
    assert_silent(&output, 69);
    let text = std::fs::read_to_string(&seen).unwrap();
    assert!(text.starts_with("deliver\nEnvelope-Id: "), "{text}");
    assert!(text.contains("Envelope-Sender: <me@d.example>"), "{text}");
    assert!(text.contains("Envelope-Recipient: <a@d.example>"), "{text}");
    assert!(text.ends_with("\r\nhello\r\n.\r\nend\r\n"), "{text}");
    assert!(sandbox.queued().is_empty());
    assert_eq!(std::fs::read_dir(&temp).unwrap().count(), 0);
}

/// Principle 6: the submission path links no TLS, no resolver, no runtime.
/// Symbols say what is in the program; that `clap` is found shows that they do.
#[test]
fn neither_tls_nor_a_runtime_is_linked() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_smtp-send")).unwrap();
    let has = |name: &str| memchr::memmem::find(&program, name.as_bytes()).is_some();
    // A release build is stripped.
    assert!(has("12clap_builder") || !cfg!(debug_assertions));
    for part in [
        "5tokio7runtime",
        "16hickory_resolver",
        "7openssl3ssl",
        "libssl.so",
    ] {
        assert!(!has(part), "{part}");
    }
}
