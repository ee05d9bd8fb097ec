//! What becomes of the bytes and the header (sections 3 to 5.2).

use super::sandbox::*;

fn body(sandbox: &Sandbox, args: &[&str], input: &[u8]) -> Vec<u8> {
    sandbox.accept(args, input).body().to_vec()
}

/// Section 5.1.
#[test]
fn bytes() {
    let sandbox = Sandbox::new();
    for (input, args, expected) in [
        (&b"A: b\n\na\nb\n"[..], &["x"][..], &b"a\r\nb\r\n"[..]),
        (b"A: b\r\n\r\na\r\nb\n", &["x"], b"a\r\nb\r\n"),
        (b"A: b\n\na", &["x"], b"a\r\n"),
        (b"A: b\n\na\n.\nrest\n", &["x"], b"a\r\n"),
        (b"A: b\n\na\n.", &["x"], b"a\r\n"),
        (b"A: b\n\na\n.\nrest\n", &["-i", "x"], b"a\r\n.\r\nrest\r\n"),
        (
            b"A: b\n\na\n.\nrest\n",
            &["-oi", "x"],
            b"a\r\n.\r\nrest\r\n",
        ),
        (b"A: b\n\n..\n.x\n", &["x"], b"..\r\n.x\r\n"),
        (b"A: b\n\na\rb\n", &["x"], b"a\r\nb\r\n"),
        (b"A: b\n\na\0b\n", &["x"], b"ab\r\n"),
        (b"A: b\n\n\xff\xfe\n", &["x"], b"\xff\xfe\r\n"),
        (b"hello there\n", &["x"], b"hello there\r\n"),
        (
            b" led by a blank\nA: b\n",
            &["x"],
            b" led by a blank\r\nA: b\r\n",
        ),
        (b"", &["x"], b""),
        (b"A: b\n", &["x"], b""),
    ] {
        let name = String::from_utf8_lossy(input);
        assert_eq!(body(&sandbox, args, input), expected, "{name:?}");
    }
}

/// A long message passes whole, in pieces.
#[test]
fn a_long_message_is_whole() {
    let sandbox = Sandbox::new();
    let mut input = b"Subject: long\n\n".to_vec();
    let mut expected = Vec::new();
    for n in 0..60_000 {
        input.extend(format!("line {n} of a long message\n").bytes());
        expected.extend(format!("line {n} of a long message\r\n").bytes());
    }
    assert!(body(&sandbox, &["x"], &input) == expected);
}

/// After a lone dot the writer gets no SIGPIPE: the rest is read.
#[test]
fn what_follows_a_lone_dot_is_read_and_dropped() {
    use std::io::Write;
    let sandbox = Sandbox::new();
    let mut child = sandbox.command("sendmail", &["-odq", "x"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\nx\n.\n").unwrap();
    for _ in 0..64 {
        stdin.write_all(&[b'y'; 4096]).unwrap();
    }
    drop(stdin);
    assert_silent(&child.wait_with_output().unwrap(), 0);
}

#[test]
fn missing_fields_are_added_and_others_left() {
    let sandbox = Sandbox::new();
    let queued = sandbox.accept(
        &["-f", "me@d.example", "x"],
        "Subject:  a  b\nX-Odd : 1\n\nx\n",
    );
    for (name, count) in [
        ("Received:", 1),
        ("From:", 1),
        ("Date:", 1),
        ("Message-I", 1),
        ("To:", 0),
    ] {
        assert_eq!(
            queued.fields(name).len(),
            count,
            "{name} {}",
            queued.header()
        );
    }
    let header = queued.header();
    assert!(header.starts_with("Received: "), "added fields go first");
    assert!(
        header.contains("Subject:  a  b\r\nX-Odd : 1\r\n"),
        "{header}"
    );
    assert!(
        queued.fields("From:")[0].contains("me@d.example"),
        "{header}"
    );
    let whole =
        "From: a@d.example\nDate: Sat, 21 Nov 2026 21:05:43 +0000\nMessage-ID: <1@d>\n\nx\n";
    let queued = sandbox.accept(&["-Fother", "x"], whole);
    for name in ["From:", "Date:", "Message-I"] {
        assert_eq!(queued.fields(name).len(), 1, "{name}");
    }
    assert!(queued.header().ends_with(
        "\r\nFrom: a@d.example\r\nDate: Sat, 21 Nov 2026 21:05:43 +0000\r\nMessage-ID: <1@d>\r\n"
    ));
}

/// H10, H11.
#[test]
fn h10_blind_copies_are_recipients_and_never_text() {
    let sandbox = Sandbox::new();
    let input = "To: a@d.example\nBcc: b@d.example,\n c@d.example\nReturn-Path: <z@d.example>\n\
                 Content-Length: 7\nSubject: x\n\nx\n";
    let queued = sandbox.accept(&["-t"], input);
    assert_eq!(
        queued.recipients(),
        ["a@d.example", "b@d.example", "c@d.example"]
    );
    let header = queued.header();
    for word in [
        "Bcc",
        "b@d.example",
        "c@d.example",
        "Return-Path",
        "Content-Length",
    ] {
        assert!(!header.contains(word), "{word}: {header}");
    }
    let queued = sandbox.accept(&["x"], "Resent-Bcc: q@d.example\nBcc: b@d.example\n\nx\n");
    assert!(!queued.header().contains("cc:"), "also without -t");
    assert_eq!(queued.recipients(), ["x@o.example"]);
}

/// Section 3.
#[test]
fn recipients_of_header_and_arguments() {
    let sandbox = Sandbox::new();
    for (args, header, expected) in [
        (
            &["-t", "x@d.example"][..],
            "To: a@d.example\n",
            "x@d.example a@d.example",
        ),
        (&["x@d.example"], "To: a@d.example\n", "x@d.example"),
        (
            &["-t"],
            "To: a@d.example, A@D.example, a@D.EXAMPLE\n",
            "a@d.example A@D.example",
        ),
        (
            &["-t"],
            "To: Name <a@d.example>, b@d.example (c)\n",
            "a@d.example b@d.example",
        ),
        (&["-t"], "TO : a@d.example\n", "a@d.example"),
        (
            &["-t"],
            "To: a@d.example,\n\tb@d.example\nCc: c\n",
            "a@d.example b@d.example c@o.example",
        ),
        (
            &["-t"],
            "To: G: a@d.example, b@d.example;\nCc: u:;\n",
            "a@d.example b@d.example",
        ),
        (
            &["-t"],
            "To: a@d.example\nResent-To: r@d.example\n",
            "r@d.example",
        ),
        (&["-t"], "To: \"a b\"@d.example\n", "\"a b\"@d.example"),
        (
            &["-t"],
            "Apparently-To: z@d.example\nTo: a@d.example\n",
            "a@d.example",
        ),
        (
            &["-t"],
            "To: <@r1,@r2:a@d.example>, |cmd@d.example, ,\n",
            "a@d.example |cmd@d.example",
        ),
        (
            &["a@d.example, b@d.example", "N <c@d.example>", "a@d.example"],
            "",
            "a@d.example b@d.example c@d.example",
        ),
    ] {
        let queued = sandbox.accept(args, format!("{header}\nx\n"));
        assert_eq!(
            queued.recipients().join(" "),
            expected,
            "{args:?} {header:?}"
        );
    }
}

/// H1 to H4.
#[test]
fn h1_envelope_sender() {
    let sandbox = Sandbox::new();
    for (args, expected) in [
        (&["-f", "", "x"][..], "<>"),
        (&["-f<>", "x"], "<>"),
        (&["-f", "<>", "x"], "<>"),
        (&["-fbob", "x"], "<bob@o.example>"),
        (&["-f", "Bob <bob@d.example>", "x"], "<bob@d.example>"),
        (&["-r", "<bob@d.example>", "x"], "<bob@d.example>"),
        (&["-fa@d.example", "-fb@d.example", "x"], "<b@d.example>"),
    ] {
        assert_eq!(sandbox.accept(args, "\nx\n").sender(), expected, "{args:?}");
    }
    let uid = rustix::process::getuid().as_raw();
    let login = smtputils::sys::user_by_uid(uid).map_or(uid.to_string(), |u| u.name);
    let mut command = sandbox.command("sendmail", &["-odq", "x"]);
    command.env("USER", "mallory").env("LOGNAME", "mallory");
    let child = command.spawn().unwrap();
    assert_silent(&finish(child, b"From: other@d.example\n\nx\n"), 0);
    let queued = sandbox.queued().remove(0);
    assert_eq!(queued.sender(), format!("<{login}@o.example>"));
    assert!(
        queued.header().contains(&format!("uid {uid}")),
        "{}",
        queued.header()
    );
    let words = &queued.head.envelope.origin.words;
    assert_eq!(queued.head.envelope.origin.kind, "local");
    assert!(
        words.contains(&("uid".to_owned(), uid.to_string())),
        "{words:?}"
    );
    assert!(words.iter().any(|(k, _)| k == "pid"), "{words:?}");
}

#[test]
fn several_senders_warn_and_a_bad_one_is_65() {
    let sandbox = Sandbox::new();
    let output = sandbox.sendmail(&["-odq", "-f", "a@d.example, b@d.example", "x"], "\nx\n");
    assert_refused(&output, 0, "-f");
    assert_eq!(sandbox.queued()[0].sender(), "<a@d.example>");
    assert_refused(&sandbox.sendmail(&["-fa b@@", "x"], "\nx\n"), 65, "sender");
}

#[test]
fn dsn_values_reach_the_envelope() {
    let sandbox = Sandbox::new();
    let queued = sandbox.accept(
        &["-Nfailure,delay", "-RHdrs", "-Vid+1", "-B8bitmime", "x"],
        "\nx\n",
    );
    let envelope = &queued.head.envelope;
    let params = envelope.params.to_string();
    for word in ["RET=HDRS", "ENVID=id+2B1", "BODY=8BITMIME"] {
        assert!(params.contains(word), "{params}");
    }
    let rcpt = envelope.recipients[0].params.to_string();
    assert!(rcpt.contains("FAILURE") && rcpt.contains("DELAY"), "{rcpt}");
}

/// Sections 5.2 and 6; DESIGN section 8.
#[test]
fn limits() {
    let sandbox = Sandbox::new();
    sandbox.configure("message_size = 4096");
    let output = sandbox.sendmail(&["x"], format!("\n{}\n", "y\n".repeat(4096)));
    assert_refused(&output, 69, "4096");
    let header = format!("{}\nx\n", "Received: by h.example; x\n".repeat(101));
    assert_refused(&sandbox.sendmail(&["x"], header), 69, "circles");
    let large = format!("X: {}\n", "y".repeat(17 << 20));
    assert_refused(&sandbox.sendmail(&["x"], large), 69, "header");
    assert!(sandbox.queued().is_empty());
}

#[test]
fn a_hundred_thousand_recipients_and_not_one_more() {
    let sandbox = Sandbox::new();
    sandbox.configure("message_size = 100_000_000");
    let to = |n: usize| {
        let list: Vec<String> = (0..n).map(|i| format!("r{i}@d.example")).collect();
        format!("To: {}\n\nx\n", list.join(",\n "))
    };
    let queued = sandbox.accept(&["-t"], to(100_000));
    assert_eq!(queued.head.envelope.recipients.len(), 100_000);
    assert_refused(&sandbox.sendmail(&["-t"], to(100_001)), 69, "100000");
}

/// Section 5.2 and DESIGN section 5: who makes the first attempt.
#[test]
fn the_first_attempt() {
    let mut sandbox = Sandbox::new();
    sandbox.sendmail(&["x"], "\nx\n");
    assert_eq!(sandbox.next_run(), "run --drain");
    sandbox.accept_queued_first_attempt("-odi", "");
    sandbox.accept_queued_first_attempt("-v", " is queued; its first attempt is not over");
}

impl Sandbox {
    fn accept_queued_first_attempt(&mut self, flag: &str, told: &str) {
        let known: Vec<String> = self.ids();
        let output = self.sendmail(&[flag, "x"], "\nx\n");
        assert_eq!((stdout(&output), status(&output)), (String::new(), 0));
        assert!(stderr(&output).trim_end().ends_with(told), "{flag}");
        assert_eq!(
            stderr(&output).lines().count(),
            usize::from(!told.is_empty())
        );
        let new = self
            .ids()
            .into_iter()
            .find(|id| !known.contains(id))
            .unwrap();
        let trace = if flag == "-v" { " --trace" } else { "" };
        assert_eq!(self.next_run(), format!("run --id={new}{trace}"));
        assert_eq!(self.next_run(), "run --drain", "for what was deferred");
    }

    fn ids(&self) -> Vec<String> {
        self.queued()
            .iter()
            .map(|q| q.head.id.to_string())
            .collect()
    }
}

/// A resident runner sees new mail by itself: nothing is started.
#[test]
fn no_drain_beside_a_resident_runner_nor_with_queue_only() {
    let sandbox = Sandbox::new();
    sandbox.sendmail(&["-odq", "x"], "\nx\n");
    let spool = smtputils::spool::Spool::open(&sandbox.path("spool")).unwrap();
    assert!(!starts_a_program(&sandbox, "-odq"));
    assert!(
        starts_a_program(&sandbox, "-odb"),
        "or the test sees nothing"
    );
    let _resident = spool.lock_run().unwrap().unwrap();
    assert!(!starts_a_program(&sandbox, "-odb"));
}

fn starts_a_program(sandbox: &Sandbox, flag: &str) -> bool {
    let trace = sandbox.path("trace");
    let mut command = super::crash::strace(sandbox, &trace, &["-e", "trace=execve"], &[flag, "x"]);
    let output = finish(command.spawn().unwrap(), b"\nx\n");
    assert_silent(&output, 0);
    let calls = std::fs::read_to_string(&trace).unwrap();
    calls.lines().filter(|l| l.contains("execve(")).count() > 1
}
