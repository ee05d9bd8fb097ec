//! Messages made of options, text and files.

use super::sandbox::*;

fn composed(sandbox: &Sandbox, args: &[&str], input: impl AsRef<[u8]>) -> Queued {
    let args = [&["--queue-only"], args].concat();
    assert_silent(&sandbox.run("smtp-send", &args, input), 0);
    let mut queued = sandbox.queued();
    assert_eq!(queued.len(), 1, "{args:?}");
    std::fs::remove_dir_all(sandbox.path("spool")).unwrap();
    queued.remove(0)
}

/// `df -h | smtp-send --subject disk ops@example.com`
#[test]
fn what_a_command_prints_is_the_text() {
    let sandbox = Sandbox::new();
    let args = ["--subject", "disk", "ops@example.com"];
    let mail = composed(
        &sandbox,
        &args,
        "From: looks like a field\n/dev/sda 99%\n.\n",
    );
    assert_eq!(mail.recipients(), ["ops@example.com"]);
    assert_eq!(mail.fields("To:"), ["To: <ops@example.com>"]);
    assert_eq!(mail.fields("Subject:"), ["Subject: disk"]);
    assert_eq!(mail.fields("From:").len(), 1, "{}", mail.header());
    assert_eq!(mail.fields("Date:").len(), 1);
    assert_eq!(mail.fields("Message-ID:").len(), 1);
    let body = b"From: looks like a field\r\n/dev/sda 99%\r\n.\r\n";
    assert_eq!(mail.body(), body);
}

#[test]
fn each_kind_of_recipient_has_its_place() {
    let sandbox = Sandbox::new();
    let args = [
        "--from",
        "J\u{fc}rgen Gro\u{df} <me@d.example>",
        "--to",
        "A <a@d.example>, bob",
        "--cc",
        "\u{e7} <c@d.example>",
        "--bcc",
        "secret@d.example",
        "--reply-to",
        "lists@d.example",
        "arg@m\u{fc}nchen.example",
    ];
    let mail = composed(&sandbox, &args, "");
    assert_eq!(
        mail.recipients(),
        [
            "arg@m\u{fc}nchen.example",
            "a@d.example",
            "bob@o.example",
            "c@d.example",
            "secret@d.example"
        ]
    );
    assert_eq!(mail.sender(), "<me@d.example>");
    let header = mail.header();
    assert!(!header.contains("secret"), "{header}");
    // A name without a domain gets one; A-labels where they do.
    let to = "To: <arg@xn--mnchen-3ya.example>, \"A\" <a@d.example>, <bob@o.example>";
    assert_eq!(mail.fields("To:"), [to]);
    assert_eq!(mail.fields("Cc:"), ["Cc: =?utf-8?B?w6c=?= <c@d.example>"]);
    assert_eq!(mail.fields("Reply-To:"), ["Reply-To: <lists@d.example>"]);
    let from = "From: =?utf-8?Q?J=C3=BCrgen_Gro=C3=9F?= <me@d.example>";
    assert_eq!(mail.fields("From:"), [from]);
    assert!(header.is_ascii());
}

#[test]
fn html_text_and_files_together() {
    let sandbox = Sandbox::new();
    let write = |name: &str, octets: &[u8]| {
        let path = sandbox.path(name);
        std::fs::write(&path, octets).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let html = write("page.html", b"<img src=\"cid:logo.png\">\n");
    let logo = write("logo.png", b"\x89PNG");
    let report = write("r\u{e9}sum\u{e9}.csv", "a,\u{e9}\n".as_bytes());
    let letter = write("letter.eml", b"Subject: inside\n\nhello\n");
    let args = [
        "--subject",
        "x",
        "--html",
        &html,
        "--inline",
        &logo,
        "-a",
        &report,
        "--attach",
        &letter,
        "b@d.example",
    ];
    let mail = composed(&sandbox, &args, "plain text\n");
    let text = mail.text();
    for part in [
        "multipart/mixed",
        "multipart/alternative",
        "multipart/related",
        "text/html",
        "Content-ID: <logo.png>",
        "filename*=UTF-8''r%C3%A9sum%C3%A9.csv",
        "text/csv; charset=\"utf-8\"",
        "message/rfc822",
        "\r\n\r\nSubject: inside\r\n\r\nhello\r\n",
        "\r\n\r\nplain text\r\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // HTML alone, where there is no text.
    let text = composed(&sandbox, &["--html", &html, "b@d.example"], "").text();
    assert!(
        text.contains("text/html") && !text.contains("multipart"),
        "{text}"
    );
    let text = composed(
        &sandbox,
        &["--html", "-", "--text", "t", "b@d.example"],
        "<p>",
    )
    .text();
    assert!(
        text.contains("alternative") && text.contains("<p>"),
        "{text}"
    );
}

/// I1, I2: no value makes a field of its own; one line says what is wrong.
#[test]
fn no_value_makes_a_second_line() {
    let sandbox = Sandbox::new();
    let evil = "x\r\nBcc: evil@d.example";
    let lf = "x\nBcc: evil@d.example";
    let named = sandbox.path("a\nBcc: evil");
    std::fs::write(&named, "x").unwrap();
    let named = named.to_str().unwrap();
    for option in [
        "--from",
        "--to",
        "--cc",
        "--bcc",
        "--reply-to",
        "--subject",
        "--header",
    ] {
        for value in [evil, lf, "X: a\u{b}b", "X: \u{1b}[2J"] {
            let args = ["--text", "x", option, value, "b@d.example"];
            let refused = sandbox.run("smtp-send", &args, "");
            assert_refused(&refused, 65, "control character");
        }
    }
    let run = |args: &[&str]| sandbox.run("smtp-send", args, "");
    assert_refused(&run(&["--subject", evil, "b@d.example"]), 65, "--subject");
    assert_refused(&run(&["--attach", named, "b@d.example"]), 65, "--attach");
    assert_refused(
        &run(&["-F", evil, "--subject", "\u{7f}", "b"]),
        65,
        "--subject",
    );
    assert_refused(
        &run(&["--header", "Subject: x", "b@d.example"]),
        64,
        "Subject",
    );
    assert_refused(
        &run(&["-s", "x", "--to", "a b@@", "b@d.example"]),
        65,
        "a b@@",
    );
    assert!(sandbox.queued().is_empty());
}

/// What cannot be read is named; nothing is sent without it.
#[test]
fn files_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    for option in ["--attach", "--inline", "--html"] {
        for (path, why) in [("/nonexistent", "No such file"), ("/etc", "directory")] {
            let run = sandbox.run("smtp-send", &[option, path, "b@d.example"], "");
            assert_refused(&run, 66, path);
            assert!(stderr(&run).contains(why), "{}", stderr(&run));
        }
    }
    let same = [
        "--html",
        "-",
        "--inline",
        "/etc/hostname",
        "--inline",
        "/etc/hostname",
        "b",
    ];
    assert_refused(&sandbox.run("smtp-send", &same, ""), 64, "cid:hostname");
    let mut command = sandbox.command("smtp-send", &["-s", "x", "b@d.example"]);
    command.stdin(std::fs::File::open("/").unwrap());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_refused(&output, 66, "standard input");
    assert!(sandbox.queued().is_empty());
}

/// The limit holds for text and for files.
#[test]
fn message_size_is_a_limit() {
    let sandbox = Sandbox::new();
    sandbox.configure("message_size = \"100K\"");
    let big = sandbox.path("big");
    std::fs::write(&big, vec![b'x'; 200_000]).unwrap();
    let big = big.to_str().unwrap();
    let text = "line of text\n".repeat(20_000);
    for (args, input) in [
        (&["-s", "x", "b@d.example"][..], text.as_str()),
        (&["-a", big, "b@d.example"], ""),
    ] {
        assert_refused(&sandbox.run("smtp-send", args, input), 69, "message_size");
    }
    assert!(sandbox.queued().is_empty());
}

/// Long texts go through a file, and come out whole.
#[test]
fn a_long_text_is_whole() {
    let sandbox = Sandbox::new();
    let text = "Zeile mit \u{fc}ber 30 Zeichen Text darin\n".repeat(20_000);
    let mail = composed(&sandbox, &["-s", "x", "b@d.example"], &text);
    let line = "Zeile mit =C3=BCber 30 Zeichen Text darin\r\n";
    assert_eq!(mail.body().len(), line.len() * 20_000);
    assert!(mail.body().starts_with(line.as_bytes()));
}
