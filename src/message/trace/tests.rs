use super::*;

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_295_143).unwrap()
}

fn clauses(field: &str) -> String {
    field.replace("\r\n ", " ")
}

#[test]
fn received_follows_rfc_5321_4_4() {
    let bob = Mailbox::parse("bob@example.org").unwrap();
    let received_by = Received {
        from: Some("h.example (rev.example [192.0.2.7])".to_owned()),
        by: "mx.example.net",
        with: "ESMTPS",
        tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384"),
        id: "01J9ZK3F8Q2V7M",
        recipient: Some(&bob),
        comment: None,
    };
    let field = received(&received_by, now());
    let date = date::rfc5322(now());
    assert_eq!(
        clauses(&field),
        format!(
            "Received: from h.example (rev.example [192.0.2.7]) by mx.example.net with ESMTPS \
             (TLSv1.3 TLS_AES_256_GCM_SHA384) id 01J9ZK3F8Q2V7M for <bob@example.org>; {date}\r\n"
        )
    );
    assert!(
        field.split("\r\n").all(|line| line.len() <= fold::WIDTH),
        "{field}"
    );
    let text = format!("{field}\r\n");
    let message = mail_parser::MessageParser::default()
        .parse(text.as_bytes())
        .unwrap();
    let parsed = message.received().unwrap();
    assert_eq!(parsed.id(), Some("01J9ZK3F8Q2V7M"));
    assert_eq!(parsed.for_(), Some("bob@example.org"));
    assert_eq!(parsed.date().unwrap().to_timestamp(), now().as_second());
}

/// H13: who, never what was on the command line.
#[test]
fn local_submission_tells_the_uid() {
    let r = Received {
        by: "h.example",
        with: "local",
        id: "0A",
        comment: Some("uid 1000".to_owned()),
        ..Received::default()
    };
    let want = format!(
        "Received: by h.example (uid 1000) id 0A; {}\r\n",
        date::rfc5322(now())
    );
    assert_eq!(clauses(&received(&r, now())), want);
}

/// SV-54.
#[test]
fn no_recipient_no_for() {
    let r = Received {
        by: "h",
        with: "SMTP",
        id: "0A",
        ..Received::default()
    };
    assert!(!received(&r, now()).contains(" for "));
}

#[test]
fn nothing_begins_another_line() {
    let r = Received {
        from: Some("evil\r\nBcc: x ([192.0.2.7])".to_owned()),
        by: "h",
        with: "SMTP",
        tls: Some("a) by (b\r\n"),
        id: "0A",
        ..Received::default()
    };
    let field = received(&r, now());
    assert_eq!(header::fields(field.as_bytes()).count(), 1);
    assert!(clauses(&field).contains("(a\\) by \\(b??)"));
}

/// SV-55.
#[test]
fn return_path_is_the_reverse_path() {
    let path = ReversePath::Mailbox(Mailbox::parse("a@b.example").unwrap());
    assert_eq!(return_path(&path), "Return-Path: <a@b.example>\r\n");
    assert_eq!(return_path(&ReversePath::Null), "Return-Path: <>\r\n");
}

/// SV-57, R5: fields count, folded lines and look-alikes do not.
#[test]
fn hops_are_received_fields() {
    assert_eq!(hops(b""), 0);
    assert_eq!(
        hops(b"Received: a\r\n Received: b\r\nreceived : c\r\nX-Received: d\r\n"),
        2
    );
    assert_eq!(hops(&b"Received: x\r\n".repeat(110)), 110);
}
