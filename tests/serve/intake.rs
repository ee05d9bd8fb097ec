//! Messages that are taken: where they go, and what is put on them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use smtputils::spool::BodyKind;

use crate::site::{PATIENCE, Site};

/// What stands below our own trace field.
fn without_trace(content: &[u8]) -> (String, Vec<u8>) {
    let text = content.windows(2).enumerate();
    let mut ends = text
        .filter(|(_, two)| *two == b"\r\n")
        .map(|(at, _)| at + 2);
    let end = ends
        .find(|at| !matches!(content.get(*at), Some(b' ' | b'\t')))
        .expect("a field has an end");
    (
        String::from_utf8(content[..end].to_vec()).unwrap(),
        content[end..].to_vec(),
    )
}

#[test]
fn sv_59_what_is_acknowledged_outlives_kill_9() {
    let site = Site::with_bob("");
    let mut server = site.start();
    let mut client = server.hello();
    let reply = client.deliver(&["bob@b.example"], b"Subject: x\r\n\r\nsafe\r\n");
    server.kill();
    assert!(reply.starts_with("250 2.0.0 queued as "), "{reply}");
    let queued = site.queued();
    assert_eq!(queued.len(), 1);
    assert!(reply.ends_with(&queued[0].0.id.to_string()));
    assert!(queued[0].1.ends_with(b"\r\n\r\nsafe\r\n"));
}

/// Where no runner is resident somebody has to deliver what came in.
#[test]
fn a_drain_is_started_after_a_commit() {
    let site = Site::with_bob("");
    let queue = site.dir.path().join("smtp-queue");
    fs::write(&queue, "#!/bin/sh\nprintf '%s\\n' \"$*\" >\"$3/told\"\n").unwrap();
    fs::set_permissions(&queue, fs::Permissions::from_mode(0o755)).unwrap();
    let server = site.start();
    let mut client = server.hello();
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250")
    );
    let (told, limit) = (site.spool_path().join("told"), Instant::now() + PATIENCE);
    let words = loop {
        match fs::read_to_string(&told) {
            Ok(words) if words.ends_with('\n') => break words,
            _ => assert!(Instant::now() < limit, "nobody delivers"),
        }
        std::thread::yield_now();
    };
    let (spool, config) = (site.spool_path(), site.config());
    let wanted = [
        "run --spool",
        spool.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    assert_eq!(words.trim_end(), wanted.join(" ") + " --drain");
}

#[test]
fn sv_44_kill_9_in_the_middle_leaves_nothing() {
    let site = Site::with_bob("");
    let mut server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@b.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.expect("DATA", "354");
    client.send(&b"half of it\r\n".repeat(20_000));
    server.kill();
    assert_eq!(site.queued().len(), 0);
}

#[test]
fn sv_51_sv_45_content_is_kept_octet_for_octet() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    let long = [
        &b"Subject: long\r\n\r\n"[..],
        &b"0123456789abcdef\r\n".repeat(20_000),
    ]
    .concat();
    let stored: [&[u8]; 7] = [
        b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n",
        b"no header at all\r\n",
        b"Subject: header only\r\n",
        b"",
        b"\r\n",
        b"Subject: \xc3\xa9 \xff\r\n\r\ntrailing  \r\n\t\r\n",
        &long,
    ];
    for content in stored {
        let mut stuffed = Vec::new();
        for line in content.split_inclusive(|b| *b == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        let reply = client.deliver(&["bob@b.example"], &stuffed);
        assert!(reply.starts_with("250"), "{reply}");
    }
    let queued = site.queued();
    let kept: Vec<_> = queued
        .iter()
        .map(|(_, content)| without_trace(content).1)
        .collect();
    assert_eq!(kept, stored);
}

#[test]
fn ex_10_ex_14_chunks_are_kept_octet_for_octet() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@b.example> BODY=BINARYMIME", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.send(b"BDAT 19\r\nSubject: x\r\n\r\na\nb\rc");
    assert!(client.reply().starts_with("250"));
    client.send(b"BDAT 5 LAST\r\n\r\n.\r\n");
    assert!(client.reply().starts_with("250"));
    let queued = site.queued();
    assert_eq!(
        without_trace(&queued[0].1).1,
        b"Subject: x\r\n\r\na\nb\rc\r\n.\r\n"
    );
    assert_eq!(queued[0].0.check.body, BodyKind::Binary);
}

#[test]
fn sv_52_sv_53_sv_54_one_trace_field_and_no_names_of_others() {
    let site = Site::with_bob("relay_from = [\"127.0.0.0/8\"]");
    let server = site.start();
    let mut client = server.hello();
    client.deliver(&["bob@b.example"], b"Received: from old\r\n\r\n1\r\n");
    client.deliver(&["bob@b.example", "far@r.example"], b"\r\n2\r\n");
    client.expect("HELO plain.example", "250");
    client.deliver(&["bob@b.example"], b"\r\n3\r\n");
    client.expect("EHLO c.example", "250");
    client.expect("MAIL FROM:<a@b.example> SMTPUTF8", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.expect("DATA", "354");
    client.expect("4\r\n.", "250");
    let queued = site.queued();
    let trace: Vec<_> = queued
        .iter()
        .map(|(_, content)| without_trace(content).0)
        .collect();
    let flat: Vec<_> = trace
        .iter()
        .map(|field| field.replace("\r\n", ""))
        .collect();
    let id = |n: usize| queued[n].0.id.to_string();
    let begin = |name: &str| format!("Received: from {name} ([127.0.0.1]) by mx.b.example with ");
    assert!(
        flat[0].starts_with(&(begin("c.example") + "ESMTP id " + &id(0))),
        "{}",
        flat[0]
    );
    assert!(flat[0].contains(" for <bob@b.example>; "), "{}", flat[0]);
    assert!(!flat[1].contains("for <"), "{}", flat[1]);
    assert!(
        flat[2].starts_with(&(begin("plain.example") + "SMTP id ")),
        "{}",
        flat[2]
    );
    assert!(
        flat[3].starts_with(&(begin("c.example") + "UTF8SMTP id ")),
        "{}",
        flat[3]
    );
    // SV-56: the older one stays below.
    assert!(
        without_trace(&queued[0].1)
            .1
            .starts_with(b"Received: from old\r\n")
    );
}

#[test]
fn the_envelope_tells_who_brought_it() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect(
        "MAIL FROM:<> SIZE=20 BODY=8BITMIME RET=HDRS ENVID=xyz",
        "250",
    );
    client.expect(
        "RCPT TO:<Postmaster> NOTIFY=NEVER ORCPT=rfc822;p@b.example",
        "250",
    );
    client.expect("RCPT TO:<bob@[127.0.0.1]>", "250");
    client.expect("DATA", "354");
    client.expect(".", "250");
    let (head, _) = site.queued().remove(0);
    let envelope = head.envelope;
    assert_eq!(envelope.sender.to_string(), "<>");
    assert_eq!(
        envelope.params.to_string(),
        " BODY=8BITMIME RET=HDRS ENVID=xyz"
    );
    let to: Vec<_> = envelope
        .recipients
        .iter()
        .map(|r| r.address.to_string())
        .collect();
    assert_eq!(to, ["postmaster@b.example", "bob@b.example"]);
    let notify = envelope.recipients[0].params.to_string();
    assert!(notify.contains("NOTIFY=NEVER"), "{notify}");
    assert_eq!(envelope.origin.kind, "smtp");
    let words: Vec<_> = envelope
        .origin
        .words
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        words,
        ["client=[127.0.0.1]", "helo=c.example", "proto=ESMTP"]
    );
}

#[test]
fn sv_37_the_good_recipients_get_it() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@b.example>", "250");
    client.expect("RCPT TO:<eve@b.example>", "550 5.1.1");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.expect("RCPT TO:<u@r.example>", "550 5.7.1");
    client.expect("DATA", "354");
    client.expect(".", "250");
    // SV-63: what comes next begins with nothing.
    client.expect("MAIL FROM:<a@b.example>", "250");
    client.expect("DATA", "5");
    let queued = site.queued();
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0].0.envelope.recipients.len(), 1);
}

#[test]
fn r3_vrfy_and_expn_tell_nothing() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    for command in ["VRFY bob", "VRFY eve", "EXPN staff"] {
        client.expect(command, "252");
    }
}

#[test]
fn ex_23_the_trace_field_names_protocol_and_cipher() {
    let (certificate, key) = crate::certificate::make("mx.b.example");
    let site = Site::with_bob("");
    let file = |name: &str, octets: &[u8]| {
        let path = site.dir.path().join(name);
        fs::write(&path, octets).unwrap();
        path
    };
    let (certificate, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let text = fs::read_to_string(site.config()).unwrap();
    let text = format!("{text}\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    fs::write(site.config(), text).unwrap();
    let server = site.start_at(&["127.0.0.1:0", "smtps://127.0.0.1:0"]);
    let implicit = server.addresses[1]
        .strip_prefix("smtps://")
        .unwrap()
        .parse()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use smtputils::net::{conn::Conn, tls::Connector};
        let limit = PATIENCE;
        let conn = Conn::connect(implicit, limit).await.unwrap();
        let connector = Connector::new(None);
        let mut conn = conn
            .start_tls_opportunistic(&connector, "mx.b.example", limit)
            .await
            .unwrap();
        let talk = b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@b.example>\r\n\
            BDAT 2 LAST\r\n\r\nQUIT\r\n";
        conn.write_all(talk).await.unwrap();
        let mut said = Vec::new();
        while conn.fill(&mut said).await.unwrap() > 0 {}
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains("queued as") && !said.contains("STARTTLS"),
            "{said}"
        );
    });
    let queued = site.queued();
    let (trace, _) = without_trace(&queued[0].1);
    assert!(trace.contains("with ESMTPS"), "{trace}");
    assert!(trace.contains("TLSv1.3"), "{trace}");
}
