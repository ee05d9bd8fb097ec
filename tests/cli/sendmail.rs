//! Flags, names and exit statuses of the drop-in (sections 1, 2 and 6).

use super::sandbox::*;

const MESSAGE: &str = "Subject: x\n\nhello\n";

/// Section 2: each accepted form ends in a queued message for `x`, silently.
#[test]
fn accepted_flags_queue_the_message() {
    let sandbox = Sandbox::new();
    for line in [
        "-Ac x",
        "-B8BITMIME x",
        "-B 7bit x",
        "-bm x",
        "-c x",
        "-T x",
        "-s x",
        "-d0 x",
        "-em x",
        "-E x",
        "-J x",
        "-FName x",
        "-F Name x",
        "-G x",
        "-h3 x",
        "-h no x",
        "-L tag x",
        "-m x",
        "-om x",
        "-Nnever x",
        "-N failure,delay x",
        "-n x",
        "-OFoo=bar x",
        "-O Foo x",
        "-pSMTP x",
        "-R hdrs x",
        "-Rfull x",
        "-rme x",
        "-U x",
        "-V id x",
        "-x x",
        "-i x",
        "-oi x",
        "-oitrue x",
        "-or0s x",
        "-oMrx x",
        "-oem x",
        "-odq x",
        "-odb x",
        "-o i x",
        "-iG x",
        "-- x",
        "-i -- x",
        "-FCronDaemon -i -B8BITMIME -oem x",
        "-FAnacron -odq x",
        "-i -f me@d.example -- x",
        "-oem -oi -N failure,delay -R hdrs -- x",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let queued = sandbox.accept(&args, MESSAGE);
        assert_eq!(queued.recipients(), ["x@o.example"], "{line}");
        assert_eq!(queued.body(), b"hello\r\n", "{line}");
    }
}

/// Section 6: usage errors are 64, nothing is queued, stdin is not waited for.
#[test]
fn refused_flags_are_64() {
    let sandbox = Sandbox::new();
    for (line, word) in [
        ("-Z x", "-Z"),
        ("-M x", "-M"),
        ("-Q x", "-Q"),
        ("-S x", "-S"),
        ("-auUSER x", "-a"),
        ("-4 x", "-4"),
        ("--help x", "--help"),
        ("--foo", "--foo"),
        ("-f", "-f"),
        ("-bt", "-bt"),
        ("-bd", "smtp-serve"),
        ("-bD", "smtp-serve"),
        ("x -f y@d.example", "-f"),
        ("x -t", "-t"),
        ("-q x", "-q"),
        ("-qGnone", "-qG"),
        ("-t -bs", "-t"),
        ("-t -bv", "-t"),
        ("-t -bp", "-t"),
        ("-t -q", "-t"),
        ("-bv", "-bv"),
        ("-i", "no recipients"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        // Never fed: a program that read it would wait for ever.
        let mut child = sandbox.command("sendmail", &args).spawn().unwrap();
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert_refused(&output, 64, word);
        assert!(sandbox.queued().is_empty(), "{line}");
    }
}

#[test]
fn no_recipients_in_the_header_is_64() {
    let sandbox = Sandbox::new();
    assert_refused(&sandbox.sendmail(&["-t"], MESSAGE), 64, "no recipients");
    let resent = "Resent-To: \nTo: a@d.example\n\nx\n";
    assert_refused(&sandbox.sendmail(&["-t"], resent), 64, "no recipients");
    assert!(sandbox.queued().is_empty());
}

/// Section 8, I1 and I3.
#[test]
fn i1_control_characters_in_arguments_are_65() {
    let sandbox = Sandbox::new();
    for args in [
        &["bob@x\r\nRCPT TO:<evil@x>"][..],
        &["-i", "--", "a\nb@x"],
        &["-f", "a@b>\r\nRCPT TO:<x@y", "x"],
        &["-fa\x1b[2Jb", "x"],
        &["-V", "a\nb", "x"],
    ] {
        let output = sandbox.sendmail(args, MESSAGE);
        assert_refused(&output, 65, "control character");
        assert!(!stderr(&output).contains('\x1b'), "I8");
        assert!(sandbox.queued().is_empty(), "{args:?}");
    }
}

#[test]
fn i2_a_full_name_adds_no_field() {
    let sandbox = Sandbox::new();
    let queued = sandbox.accept(&["-F", "Eve\nBcc: evil@d.example", "x"], MESSAGE);
    assert!(queued.fields("Bcc").is_empty());
    assert_eq!(queued.fields("From:").len(), 1);
}

/// I3, section 8.1: paths in arguments are never opened.
#[test]
fn i3_no_path_in_an_argument_is_touched() {
    let sandbox = Sandbox::new();
    let log = sandbox.path("log");
    let path = log.to_str().unwrap();
    for flag in ["-X", "-D", "-oQ", "-oX", "-OQueueDirectory=", "-OLogFile="] {
        sandbox.accept(&[&format!("{flag}{path}"), "x"], MESSAGE);
        assert!(!log.exists(), "{flag}");
    }
    sandbox.accept(&["-X", path, "-D", path, "x"], MESSAGE);
    assert!(!log.exists());
}

#[test]
fn i3_dashes_after_the_end_of_options_are_addresses() {
    let sandbox = Sandbox::new();
    let queued = sandbox.accept(&["-i", "--", "-oQ/tmp", "-t"], MESSAGE);
    assert_eq!(queued.recipients(), ["-oQ/tmp@o.example", "-t@o.example"]);
}

/// Section 3.1: one bad address stops all, unless -oem or -oew.
#[test]
fn a_bad_recipient_is_65_and_named() {
    let sandbox = Sandbox::new();
    for args in [&["good@d.example", "a b@@"][..], &["a b@@"]] {
        assert_refused(&sandbox.sendmail(args, MESSAGE), 65, "a b@@");
        assert!(sandbox.queued().is_empty());
    }
    let header = "To: good@d.example, <bad@@>\n\nx\n";
    assert_refused(&sandbox.sendmail(&["-t"], header), 65, "bad@@");
    assert!(sandbox.queued().is_empty());
}

#[test]
fn error_modes_m_and_e_send_to_the_good_and_bounce_the_bad() {
    for (mode, expected) in [("-oem", 65), ("-oew", 65), ("-oee", 0)] {
        let sandbox = Sandbox::new();
        let args = [
            "-odq",
            mode,
            "-f",
            "me@d.example",
            "good@d.example",
            "a b@@",
        ];
        let output = sandbox.sendmail(&args, MESSAGE);
        assert_eq!(status(&output), expected, "{}", stderr(&output));
        let queued = sandbox.queued();
        let good = queued
            .iter()
            .find(|q| q.sender() == "<me@d.example>")
            .unwrap();
        assert_eq!(good.recipients(), ["good@d.example"]);
        let bounce = queued.iter().find(|q| q.sender() == "<>").unwrap();
        assert_eq!(bounce.recipients(), ["me@d.example"]);
        assert!(bounce.text().contains("a b@@"), "{}", bounce.text());
        assert!(bounce.text().contains("Subject: x"), "{}", bounce.text());
        assert_eq!(queued.len(), 2);
    }
}

/// Section 6: what is found wrong after the input was read goes back too.
#[test]
fn a_message_as_a_whole_goes_back_by_mail() {
    for (mode, expected) in [("-oem", 69), ("-oee", 0), ("-oep", 69)] {
        let sandbox = Sandbox::new();
        sandbox.configure("message_size = 1024");
        let long = format!("Subject: too long\n\n{}", "a line\n".repeat(400));
        let output = sandbox.sendmail(&["-odq", mode, "-fme@d.example", "x", "y"], long);
        assert_eq!(status(&output), expected, "{}", stderr(&output));
        let queued = sandbox.queued();
        if mode == "-oep" {
            assert!(queued.is_empty());
            continue;
        }
        assert_eq!((queued.len(), queued[0].sender()), (1, "<>".to_owned()));
        let text = queued[0].text();
        for word in [
            "x@o.example",
            "y@o.example",
            "message_size",
            "Subject: too long",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn error_mode_q_says_nothing() {
    let sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-oeq", "a b@@"], MESSAGE), 65);
    assert_silent(
        &sandbox.sendmail(&["-oeq", "-V\u{e9}", "-Nx", "x"], MESSAGE),
        0,
    );
}

#[test]
fn values_that_are_not_known_warn_in_one_line() {
    let sandbox = Sandbox::new();
    for args in [
        ["-BFOO", "x"],
        ["-Nsometimes", "x"],
        ["-Rme", "x"],
        ["-V\u{e9}", "x"],
    ] {
        let output = sandbox.sendmail(&args, MESSAGE);
        assert_refused(&output, 0, "ignored");
        let text = stderr(&output);
        assert!(text.contains(&args[0][..2]), "{text}");
    }
    assert_eq!(sandbox.queued().len(), 4);
}

#[test]
fn help_and_version_only_when_alone() {
    let sandbox = Sandbox::new();
    let help = sandbox.sendmail(&["--help"], "");
    assert_eq!((status(&help), stderr(&help)), (0, String::new()));
    assert!(stdout(&help).lines().count() <= 24);
    assert!(stdout(&help).lines().all(|l| l.len() <= 80));
    let version = sandbox.sendmail(&["--version"], "");
    assert!(stdout(&version).contains(env!("CARGO_PKG_VERSION")));
}

/// Section 1: the last component of argv[0], without a leading dash.
#[test]
fn the_name_decides() {
    let sandbox = Sandbox::new();
    for name in [
        "sendmail",
        "/usr/lib/sendmail",
        "-sendmail",
        "send-mail",
        "sendmail.real",
        "",
    ] {
        let output = sandbox.run(name, &["-oi", "-odq", "x"], MESSAGE);
        assert_silent(&output, 0);
    }
    assert_eq!(sandbox.queued().len(), 6);
    for name in ["mailq", "/usr/bin/mailq"] {
        assert!(stdout(&sandbox.run(name, &[], "")).contains("in 6 Requests."));
    }
    assert!(stdout(&sandbox.run("newaliases", &["-bp"], "")).contains("6 Requests"));
    assert_silent(&sandbox.run("newaliases", &[], ""), 0);
    assert_eq!(status(&sandbox.run("smtpd", &[], "")), 64);
    assert_eq!(status(&sandbox.run("smtp-send", &["-oi", "x"], "")), 64);
}

/// Section 2: `-bd`, `-bD`, `-bl` and the name `smtpd` are the server, where
/// one is configured.
#[test]
fn the_server_where_it_is_configured() {
    let mut sandbox = Sandbox::new();
    let script = format!("echo \"$*\" >{}\n", sandbox.path("runs").display());
    sandbox.write_program("smtp-serve", &script);
    sandbox.configure("[serve]\nlisten = \"127.0.0.1:25\"");
    for (name, args) in [
        ("sendmail", &["-bd", "-q30m"][..]),
        ("sendmail", &["-bD"]),
        ("sendmail", &["-L", "tag", "-bl"]),
        ("smtpd", &[]),
    ] {
        assert_silent(&sandbox.run(name, args, ""), 0);
        assert_eq!(sandbox.next_run(), "", "{name} {args:?}");
    }
    let config = sandbox.path("config.toml").display().to_string();
    assert_silent(&sandbox.sendmail(&["-bd", "-C", &config], ""), 0);
    assert_eq!(sandbox.next_run(), format!("--config {config}"));
}

/// Section 2: `-d` gives stderr to the log.
#[test]
fn debugging_tells_the_log() {
    let sandbox = Sandbox::new();
    let output = sandbox.sendmail(&["-d", "-odq", "-f", "a@d.example", "x"], MESSAGE);
    let said = stderr(&output);
    assert_eq!((status(&output), stdout(&output)), (0, String::new()));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("queued") && said.contains("from=a@d.example"),
        "{said}"
    );
    let version = sandbox.sendmail(&["-d0.1"], "");
    assert!(stdout(&version).contains(env!("CARGO_PKG_VERSION")));
}

/// Section 2.1.
#[test]
fn long_options_that_mean_something() {
    let sandbox = Sandbox::new();
    for (option, is_utf8) in [
        ("SMTPUTF8=yes", true),
        ("smtputf8=no", false),
        ("requiretls=yes", false),
    ] {
        let queued = sandbox.accept(&["-odq", "-O", option, "x"], MESSAGE);
        assert_eq!(queued.head.envelope.params.smtputf8, is_utf8, "{option}");
    }
    let dotted = "\na\n.\nb\n";
    let queued = sandbox.accept(&["-OIgnoreDots=True", "-ODeliveryMode=q", "x"], dotted);
    assert_eq!(queued.body(), b"a\r\n.\r\nb\r\n");
    let args = ["-OErrorMode=q", "a b@@"];
    assert_silent(&sandbox.sendmail(&args, MESSAGE), 65);
}

/// Section 5.3.
#[test]
fn queue_runs() {
    let mut sandbox = Sandbox::new();
    assert_silent(&sandbox.sendmail(&["-q"], ""), 0);
    sandbox.sendmail(&["-odq", "x"], MESSAGE);
    for (flag, words) in [
        ("-q", "run --all"),
        ("-qf", "run --all"),
        ("-qI01AB", "run --id=01AB"),
        ("-qRexample.net", "run --recipient=example.net"),
        ("-qS-x", "run --sender=-x"),
    ] {
        assert_silent(&sandbox.sendmail(&[flag], ""), 0);
        assert_eq!(sandbox.next_run(), words, "{flag}");
    }
    let id = sandbox.queued()[0].head.id.to_string();
    assert_silent(&sandbox.sendmail(&["-q!Rexample.net"], ""), 0);
    assert_eq!(sandbox.next_run(), format!("run --id={id}"));
    assert_silent(&sandbox.sendmail(&["-q!RX@o"], ""), 0);
    for flag in ["-q30m", "-q1h", "-qp10m", "-bh", "-bH"] {
        assert_silent(&sandbox.sendmail(&[flag], ""), 0);
    }
    assert_eq!(stdout(&sandbox.sendmail(&["-bP"], "")), "1\n");
}

#[test]
fn a_resident_runner_is_asked() {
    let sandbox = Sandbox::new();
    sandbox.sendmail(&["-odq", "x"], MESSAGE);
    let spool = smtputils::spool::Spool::open(&sandbox.path("spool")).unwrap();
    let _resident = spool.lock_run().unwrap().unwrap();
    let mut watch = spool.watch().unwrap();
    watch.take().unwrap();
    assert_silent(&sandbox.sendmail(&["-q"], ""), 0);
    assert!(watch.take().unwrap().flush);
}

#[test]
fn verify_asks_where_an_address_leads() {
    let mut sandbox = Sandbox::new();
    assert_silent(
        &sandbox.sendmail(&["-bv", "bob", "Al <al@d.example>"], ""),
        0,
    );
    assert_eq!(
        sandbox.next_run(),
        "route --brief -- bob@o.example al@d.example"
    );
    assert_refused(&sandbox.sendmail(&["-bv", "a b@@"], ""), 65, "a b@@");
    assert!(sandbox.queued().is_empty());
}

/// Section 5.5.
#[test]
fn newaliases_tells_what_is_wrong() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("aliases");
    sandbox.configure(&format!("# {}", "aliases"));
    std::fs::write(&file, "root: admin@d.example\nbroken line\n").unwrap();
    let option = format!("-oA{}", file.display());
    let output = sandbox.run("newaliases", &[&option], "");
    assert_eq!(status(&output), 65);
    assert!(stderr(&output).contains(":2:"), "{}", stderr(&output));
    std::fs::write(&file, "root: admin@d.example\n").unwrap();
    assert_silent(&sandbox.sendmail(&["-bi", &option], ""), 0);
    assert_silent(&sandbox.sendmail(&["-I", &option], ""), 0);
    assert_silent(&sandbox.sendmail(&["-bi"], ""), 0);
}

/// Section 6: a wrong configuration is 78 and its text is not shown.
#[test]
fn a_wrong_configuration_is_78() {
    let sandbox = Sandbox::new();
    let output = sandbox.sendmail(&["-C/etc/passwd", "x"], MESSAGE);
    assert_refused(&output, 78, "/etc/passwd");
    assert!(!stderr(&output).contains("root:"), "{}", stderr(&output));
    assert_refused(
        &sandbox.sendmail(&["-C/nonexistent", "x"], MESSAGE),
        78,
        "/nonexistent",
    );
    assert!(sandbox.queued().is_empty());
}

/// Section 7.
#[test]
fn smtp_on_standard_input() {
    let mut sandbox = Sandbox::new();
    let dialogue = "HELO x\nMAIL FROM:<me@d.example>\nRCPT TO:<you@far.example>\nDATA\n\
                    Subject: x\nBcc: z@d.example\n\n..dot\n.\nQUIT\n";
    let output = sandbox.sendmail(&["-bs", "-odb", "-oem"], dialogue);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    let replies = stdout(&output);
    assert!(
        replies.starts_with("220 ") && replies.contains("\r\n354 "),
        "{replies}"
    );
    let queued = sandbox.queued();
    assert_eq!(queued[0].recipients(), ["you@far.example"]);
    assert_eq!(queued[0].sender(), "<me@d.example>");
    assert_eq!(queued[0].body(), b".dot\r\n");
    assert!(queued[0].fields("Bcc").is_empty());
    assert_eq!(queued[0].fields("From:").len(), 1);
    assert_eq!(sandbox.next_run(), "run --drain");
    let cut = sandbox.sendmail(&["-bs"], &dialogue[..dialogue.len() - 10]);
    assert_ne!(status(&cut), 0);
    assert_eq!(status(&sandbox.sendmail(&["-bs"], "")), 0);
    assert_eq!(sandbox.queued().len(), 1);
}
