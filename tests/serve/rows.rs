//! Rows of the standards that only the whole program can show: what strangers
//! send over TCP, what is in the spool afterwards, what memory it took.

use std::fs;

use crate::site::{Client, Server, Site};

/// The content that the client sent: the trace field's first.
fn content(stored: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in stored.split_inclusive(|b| *b == b'\n') {
        if at > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        at += line.len();
    }
    &stored[at..]
}

/// Peak resident memory of the server, in KiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.worker())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn begin(client: &mut Client) {
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.expect("DATA", "354");
}

#[test]
fn sv_33_nothing_is_relayed_for_strangers() {
    let site = Site::with_bob("max_errors = 1000\nmax_junk = 1000");
    let server = site.start();
    for sender in ["alice@a.example", "bob@b.example", ""] {
        let mut client = server.hello();
        client.expect(&format!("MAIL FROM:<{sender}>"), "250");
        for to in [
            "u@r.example",
            "u%r.example@b.example",
            "r.example!u@b.example",
            "\"u@r.example\"@b.example",
            "\"u%r.example\"@b.example",
            "@b.example:u@r.example",
            "@r.example,@b.example:u@r.example",
            "u@r.example.",
            "u@b.example.r.example",
            "u@b.example@r.example",
            "u@[192.0.2.1]",
            "u@[IPv6:2001:db8::1]",
            "postmaster@r.example",
            "u(@b.example)@r.example",
            "u@xn--r-example",
        ] {
            // R3 ends a session that guesses; each address has its own.
            let mut other = server.hello();
            other.expect(&format!("MAIL FROM:<{sender}>"), "250");
            other.expect(&format!("RCPT TO:<{to}>"), "5");
        }
        client.expect("DATA", "5");
    }
    assert!(site.queued().is_empty());
}

/// SV-34, SV-37: told at RCPT, and nobody else's mail suffers.
#[test]
fn sv_34_an_unknown_user_is_refused_at_once() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<nobody.here@b.example>", "550 5.1.1");
    client.expect("DATA", "5");
    assert!(site.queued().is_empty());
}

#[test]
fn sv_35_sv_36_a_hundred_recipients_and_not_one_more() {
    let relay = "relay_from = [\"127.0.0.0/8\"]\nmax_recipients = 100";
    let site = Site::with_bob(relay);
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<alice@a.example>", "250");
    for n in 0..100 {
        client.expect(&format!("RCPT TO:<u{n}@r.example>"), "250");
    }
    for n in 100..103 {
        client.expect(&format!("RCPT TO:<u{n}@r.example>"), "452 4.5.3");
    }
    client.expect("DATA", "354");
    client.expect("Subject: x\r\n\r\nx\r\n.", "250");
    let queued = site.queued();
    assert_eq!(queued[0].0.envelope.recipients.len(), 100);
    // SV-54: a hundred names, none of them in the message.
    assert!(!String::from_utf8_lossy(&queued[0].1).contains("@r.example"));
}

/// SV-38, SV-43, SV-63: what ends without content leaves nothing to the next.
#[test]
fn sv_63_three_messages_and_no_recipient_too_many() {
    let site = Site::with_bob("relay_from = [\"127.0.0.0/8\"]");
    let server = site.start();
    let mut client = server.hello();
    for n in 0..3 {
        client.expect("MAIL FROM:<alice@a.example>", "250");
        client.expect("RCPT TO:<left@r.example>", "250");
        client.expect("RSET", "250");
        let to = format!("u{n}@r.example");
        let reply = client.deliver(&[&to], b"Subject: x\r\n\r\n");
        assert!(reply.starts_with("250"), "{reply}");
    }
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<left@r.example>", "250");
    client.expect("QUIT", "221");
    assert_eq!(client.line(), "");
    let queued = site.queued();
    assert_eq!(queued.len(), 3);
    for (n, (head, _)) in queued.iter().enumerate() {
        let to: Vec<_> = head.envelope.recipients.iter().collect();
        assert_eq!(to.len(), 1);
        assert_eq!(to[0].address.to_string(), format!("u{n}@r.example"));
    }
}

/// SV-44: a client that goes in the middle of the content, and a server that
/// stays.
#[test]
fn sv_44_a_client_that_leaves_leaves_nothing() {
    let site = Site::with_bob("");
    let server = site.start();
    for words in ["", "Subject: x\r\n\r\nhalf\r\n", "x\r\n.", "x\r\n.\r"] {
        let mut client = server.hello();
        begin(&mut client);
        client.send(words.as_bytes());
        client.half_close();
        // What is said, if anything, is no success.
        let said = client.line();
        assert!(!said.starts_with('2'), "{words:?}: {said}");
    }
    assert!(site.queued().is_empty());
    let reply = server.hello().deliver(&["bob@b.example"], b"\r\n");
    assert!(reply.starts_with("250"), "{reply}");
}

/// SV-46, L1: the whole table, with commands behind it in the same segment.
#[test]
fn l1_only_crlf_dot_crlf_ends_a_message() {
    let site = Site::with_bob("max_errors = 1000\nmax_junk = 1000");
    let server = site.start();
    // Sequences with a bare CR, a bare LF or NUL; then those that are text.
    let refused: [&[u8]; 15] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\n",
        b"\r.\r\n",
        b"\n.\r",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\r\n.\r\n",
        b"\n\r.\n\r",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n.\r\0\n",
    ];
    let kept: [&[u8]; 8] = [
        b"\r\n. \r\n",
        b" .\r\n",
        b"\t.\r\n",
        b"\r\n.\t\r\n",
        b"\x0b.\x0b",
        b"\x0c.\x0c",
        b"\x85.\x85",
        b"\xe2\x80\xa8.\xe2\x80\xa8",
    ];
    let smuggled = b"MAIL FROM:<evil@a.example>\r\nRCPT TO:<bob@b.example>\r\nDATA\r\nevil\r\n";
    for (sequences, wanted) in [(&refused[..], "55"), (&kept, "250")] {
        for sequence in sequences {
            let before = site.queued().len();
            let mut client = server.hello();
            begin(&mut client);
            // A true end inside the sequence (CRCRLF.CRLF) ends the message
            // there, refused; what follows is then no message's content.
            let talk = [b"text", *sequence, smuggled, b".\r\n"].concat();
            client.send(&talk);
            let reply = client.reply();
            assert!(reply.starts_with(wanted), "{sequence:?}: {reply}");
            let added = site.queued().len() - before;
            assert!(added <= 1, "{sequence:?} made {added} messages");
            if wanted == "250" {
                let queued = site.queued();
                let stored = content(&queued.last().unwrap().1);
                let sent = [b"text", *sequence, smuggled].concat();
                // ". " at a line's beginning is a stuffed dot's line.
                assert_eq!(stored, unstuffed(&sent), "{sequence:?}");
            } else if !sequence.ends_with(b"\r\r\n.\r\n") {
                assert_eq!(added, 0, "{sequence:?}");
            }
        }
    }
}

fn unstuffed(sent: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut at_start = true;
    for (n, octet) in sent.iter().enumerate() {
        if !(at_start && *octet == b'.') {
            lines.push(*octet);
        }
        at_start = sent[..=n].ends_with(b"\r\n");
    }
    lines
}

/// SV-48, SV-49, SV-50, L6: lines and messages kept whole or refused, in
/// memory that does not grow with them.
#[test]
fn l6_long_lines_and_large_messages_in_flat_memory() {
    let site = Site::with_bob("max_errors = 1000");
    let server = site.start();
    let mut client = server.hello();
    for length in [998, 1001, 5_000, 65_000] {
        let line = [vec![b'x'; length], b"\r\n".to_vec()].concat();
        let reply = client.deliver(&["bob@b.example"], &line);
        assert!(reply.starts_with("250"), "{length}: {reply}");
        let queued = site.queued();
        assert!(content(&queued.last().unwrap().1) == line, "{length}");
    }
    let before = peak(&server);
    for length in [65_536, 10 << 20] {
        begin(&mut client);
        for _ in 0..length / 4096 {
            client.send(&[b'x'; 4096]);
        }
        client.send(b"\r\nMAIL FROM:<evil@a.example>\r\n.\r\n");
        let reply = client.reply();
        assert!(reply.starts_with("550 5.6.0"), "{length}: {reply}");
    }
    // A command of 1 MB is one reply, and so is one with an end much later.
    for length in [513, 4_097, 1 << 20] {
        client.send(&vec![b'y'; length]);
        client.expect("", "500 5.5.2");
        client.expect("NOOP", "250");
    }
    let line = [vec![b'z'; 76], b"\r\n".to_vec()].concat();
    let large = line.repeat((5 << 20) / line.len());
    let reply = client.deliver(&["bob@b.example"], &large);
    assert!(reply.starts_with("250"), "{reply}");
    assert!(content(&site.queued().last().unwrap().1) == large);
    let grown = peak(&server) - before;
    assert!(grown < 2048, "grown by {grown} KiB");
    assert_eq!(site.queued().len(), 5);
}

/// EX-10, L8: 100,000 chunks of one octet; memory is that of one.
#[test]
fn l8_a_hundred_thousand_chunks_of_one_octet() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    let before = peak(&server);
    let line = [&[b'x'; 98][..], b"\r\n"].concat();
    let chunks: Vec<u8> = line
        .iter()
        .flat_map(|octet| [&b"BDAT 1\r\n"[..], &[*octet]].concat())
        .collect();
    for _ in 0..1000 {
        client.send(&chunks);
        for _ in 0..100 {
            let reply = client.reply();
            assert!(reply.starts_with("250"), "{reply}");
        }
    }
    client.send(b"BDAT 0 LAST\r\n");
    assert!(client.reply().starts_with("250"));
    let grown = peak(&server) - before;
    assert!(grown < 1024, "grown by {grown} KiB");
    let queued = site.queued();
    assert!(content(&queued[0].1) == line.repeat(1000));
    client.expect("NOOP", "250");
}

fn with_certificate(site: &Site) {
    let (certificate, key) = crate::certificate::make("mx.b.example");
    let file = |name: &str, octets: &[u8]| {
        let path = site.dir.path().join(name);
        fs::write(&path, octets).unwrap();
        path
    };
    let (certificate, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let text = fs::read_to_string(site.config()).unwrap();
    let text = format!("{text}\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    fs::write(site.config(), text).unwrap();
}

/// EX-23, EX-24, P1: what came in clear behind STARTTLS is never obeyed, and
/// inside TLS everything begins anew.
#[test]
fn ex_24_nothing_in_clear_reaches_the_session_inside_tls() {
    use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
    let site = Site::with_bob("");
    with_certificate(&site);
    let server = site.start();
    for behind in ["RSET", "EHLO x", "MAIL FROM:<evil@a.example>"] {
        let mut client = server.hello();
        client.send(format!("STARTTLS\r\n{behind}\r\n").as_bytes());
        let reply = client.reply();
        assert!(reply.starts_with("554 5.5.0"), "{behind}: {reply}");
        assert_eq!(client.line(), "", "{behind}");
    }
    let mut client = server.hello();
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    // P4: not in the middle of a transaction.
    client.expect("STARTTLS", "503");
    client.expect("RSET", "250");
    client.expect("STARTTLS now", "501");
    client.expect("STARTTLS", "220");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let tls = builder
        .build()
        .connect("mx.b.example", client.into_stream());
    let mut tls = tls.unwrap();
    let mut ask = |line: &str| -> String {
        use std::io::{Read, Write};
        tls.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut said = Vec::new();
        let mut octet = [0];
        loop {
            tls.read_exact(&mut octet).unwrap();
            said.push(octet[0]);
            let text = String::from_utf8_lossy(&said);
            let last = text.rsplit_terminator("\r\n").next().unwrap_or_default();
            if text.ends_with("\r\n") && last.as_bytes().get(3) == Some(&b' ') {
                return text.into_owned();
            }
        }
    };
    assert!(ask("RCPT TO:<bob@b.example>").starts_with("503"));
    assert!(ask("MAIL FROM:<alice@a.example>").starts_with("503"));
    let keywords = ask("EHLO c.example");
    assert!(keywords.starts_with("250-"), "{keywords}");
    assert!(!keywords.contains("STARTTLS"), "{keywords}");
    assert!(ask("STARTTLS").starts_with('5'));
    assert!(ask("DATA").starts_with("503"));
    assert!(site.queued().is_empty());
}

/// SV-58: header fields that are odd, or not there, are no reason to refuse.
#[test]
fn sv_58_an_odd_header_is_taken_as_it_is() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    let odd: [&[u8]; 4] = [
        b"no header at all\r\n",
        b"Resent-To: x@y.example\r\n\r\n",
        b"From: \r\nFrom: two\r\nDate: yesterday\r\n\r\nx\r\n",
        b": no name\r\n folded\r\n\r\n",
    ];
    for message in odd {
        let reply = client.deliver(&["bob@b.example"], message);
        assert!(reply.starts_with("250"), "{reply}");
    }
    let queued = site.queued();
    let kept: Vec<_> = queued.iter().map(|(_, stored)| content(stored)).collect();
    assert_eq!(kept, odd);
}

/// L7: NUL and octets over 127 where they may not be; the session stays in step.
#[test]
fn l7_octets_that_no_command_may_hold() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    for path in [
        &b"a\0b@a.example"[..],
        b"a\x01@a.example",
        b"\xff@a.example",
    ] {
        client.send(&[b"MAIL FROM:<", path, b">\r\n"].concat());
        let reply = client.reply();
        assert!(reply.starts_with('5'), "{path:?}: {reply}");
    }
    client.send(b"NO\0OP\r\n");
    assert!(client.reply().starts_with("50"));
    client.expect("NOOP", "250");
    begin(&mut client);
    client.send(b"NUL \0 in the text\r\n.\r\n");
    let reply = client.reply();
    assert!(reply.starts_with('5'), "{reply}");
    assert!(site.queued().is_empty());
}
