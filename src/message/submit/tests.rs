use proptest::prelude::*;

use super::*;

fn facts() -> Facts {
    Facts {
        origin: "origin.example".to_owned(),
        hostname: "host.example".to_owned(),
        sender: Mailbox::parse("root@origin.example").unwrap(),
        full_name: Some("Super User".to_owned()),
        now: jiff::Timestamp::from_second(1_795_295_143).unwrap(),
        unique: "0ABC".to_owned(),
        gateway: false,
        rewrite: Rewrite::default(),
        original: Vec::new(),
    }
}

const ALL: &str = "From: a@x\r\nDate: d\r\nMessage-ID: <m>\r\n";

fn done(header: &str) -> String {
    String::from_utf8(complete(header.as_bytes(), &facts())).unwrap()
}

/// What completion makes of `header` below a complete one's three fields.
fn rest(header: &str) -> String {
    done(&format!("{ALL}{header}"))
        .strip_prefix(ALL)
        .unwrap()
        .to_owned()
}

fn to(header: &str) -> Vec<String> {
    let (good, bad) = recipients(header.as_bytes(), Names::at("origin.example"));
    assert_eq!(bad, []);
    good.iter().map(ToString::to_string).collect()
}

/// H5, H7, CL-39: what is missing is added, once each, behind the caller's.
#[test]
fn missing_fields_are_added() {
    let date = date::rfc5322(facts().now);
    let added = format!(
        "Date: {date}\r\nFrom: Super User <root@origin.example>\r\nMessage-ID: <0ABC@host.example>\r\n"
    );
    assert_eq!(done(""), added);
    assert_eq!(done("Subject: x\r\n"), format!("Subject: x\r\n{added}"));
    assert_eq!(done("Subject: x"), format!("Subject: x\r\n{added}"));
}

/// H6, H7: what is there stays, in any case and form.
#[test]
fn present_fields_are_not_added_again() {
    let header = "FROM : x@y\r\ndate:\r\n folded\r\nMESSAGE-Id: <a>\r\n";
    assert_eq!(done(header), header);
}

#[test]
fn from_without_a_name_is_the_bare_address() {
    let facts = Facts {
        full_name: None,
        ..facts()
    };
    let text = String::from_utf8(complete(b"Date: d\r\nMessage-ID: <m>\r\n", &facts)).unwrap();
    assert!(text.ends_with("From: root@origin.example\r\n"), "{text}");
}

/// I2: a name with line ends makes no field.
#[test]
fn names_cannot_make_fields() {
    let facts = Facts {
        full_name: Some("X\r\nBcc: evil@x\r\n\r\nbody".to_owned()),
        ..facts()
    };
    let text = complete(b"", &facts);
    assert_eq!(header::fields(&text).count(), 3);
    assert!(header::fields(&text).any(|f| f.value.starts_with(b" \"X Bcc: evil@x body\" <root@")));
}

/// H10, H11, H12: removed in every case, folded and repeated too.
#[test]
fn private_fields_are_removed() {
    assert_eq!(
        rest("Bcc: b@x,\r\n c@x\r\nSubject: s\r\nbcc : d@x\r\n"),
        "Subject: s\r\n"
    );
    assert!(!done("RESENT-BCC: e@x,\r\n f@x\r\nResent-To: g@x\r\n").contains("e@x"));
}

#[test]
fn lengths_paths_and_mbox_lines_are_removed() {
    assert_eq!(
        rest("Return-Path: <a@x>\r\nContent-Length: 5\r\nX: y\r\n"),
        "X: y\r\n"
    );
    assert_eq!(
        done(&format!("From a@x Sat\r\n>From b\r\n>>From c\r\n{ALL}")),
        ALL
    );
    assert_eq!(rest("X-Bcc: a\r\nBcc-X: b\r\n"), "X-Bcc: a\r\nBcc-X: b\r\n");
}

/// Section 3.2: only addresses that lack a domain are touched.
#[test]
fn unqualified_addresses_get_the_origin() {
    let table = [
        ("To: bob\r\n", "To: bob@origin.example\r\n"),
        ("To:bob\r\n", "To:bob@origin.example\r\n"),
        (
            "Cc: bob , a@x,\r\n\tc (d, e)\r\n",
            "Cc: bob@origin.example , a@x,\r\n\tc@origin.example (d, e)\r\n",
        ),
        (
            "Reply-To: Anacron <root>\r\n",
            "Reply-To: Anacron <root@origin.example>\r\n",
        ),
        (
            "Sender: root (Cron Daemon)\r\n",
            "Sender: root@origin.example (Cron Daemon)\r\n",
        ),
        ("To: \"a b\"\r\n", "To: \"a b\"@origin.example\r\n"),
        (
            "To: G: bob, a@x;\r\n",
            "To: G: bob@origin.example, a@x;\r\n",
        ),
        (
            "To: undisclosed-recipients:;\r\n",
            "To: undisclosed-recipients:;\r\n",
        ),
        (
            "To: Jane Doe, <>, a@x b@x\r\n",
            "To: Jane Doe, <>, a@x b@x\r\n",
        ),
        (
            "To: \u{fc}, A\u{fc} <b>\r\n",
            "To: \u{fc}@origin.example, A\u{fc} <b@origin.example>\r\n",
        ),
        ("Subject: bob\r\n", "Subject: bob\r\n"),
        ("To:\r\n", "To:\r\n"),
        ("to : bob\r\n", "to : bob@origin.example\r\n"),
    ];
    for (header, want) in table {
        assert_eq!(rest(header), want);
    }
    let cron = "From: root (Cron Daemon)\r\nDate: d\r\nMessage-ID: <m>\r\n";
    assert_eq!(done(cron), cron.replace("root (", "root@origin.example ("));
}

/// CL-40: qualification does not push a line over 998.
#[test]
fn a_line_that_grows_too_long_is_folded() {
    for comma in [",", ", "] {
        let names: Vec<String> = (0..120).map(|n| format!("user{n}")).collect();
        let text = rest(&format!("To: {}\r\n", names.join(comma)));
        assert!(text.split("\r\n").all(|line| line.len() <= 998), "{text}");
        assert_eq!(
            to(&text),
            names
                .iter()
                .map(|n| format!("{n}@origin.example"))
                .collect::<Vec<_>>()
        );
        assert_eq!(header::fields(text.as_bytes()).count(), 1);
    }
}

/// `-G`: nothing added, nothing qualified; Bcc goes all the same.
#[test]
fn gateway_only_removes() {
    let facts = Facts {
        gateway: true,
        ..facts()
    };
    assert_eq!(
        complete(b"To: bob\r\nBcc: c\r\nResent-To: d\r\n", &facts),
        b"To: bob\r\nResent-To: d\r\n"
    );
}

/// H8.
#[test]
fn resent_fields_are_completed_on_top() {
    let text = done(&format!("Resent-To: bob\r\n{ALL}"));
    let names: Vec<_> = header::fields(text.as_bytes())
        .map(|f| String::from_utf8_lossy(f.name).into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "Resent-Date",
            "Resent-From",
            "Resent-Message-ID",
            "Resent-To",
            "From",
            "Date",
            "Message-ID"
        ]
    );
    let whole = format!(
        "Resent-From: a@x\r\nResent-Date: d\r\nResent-Message-ID: <r>\r\nResent-To: b@x\r\n{ALL}"
    );
    assert_eq!(done(&whole), whole);
    // An older block's fields do not count.
    let older = format!("Resent-To: b@x\r\nReceived: x\r\nResent-From: a@x\r\n{ALL}");
    assert!(done(&older).contains("Resent-From: Super User"));
    // A block behind a trace field stays one block; completed once, it stays.
    let behind = done(&format!("Received: x\r\nResent-To: b@x\r\n{ALL}"));
    assert!(behind.starts_with("Received: x\r\nResent-"), "{behind}");
    assert_eq!(done(&behind), behind);
    // The plain ones are added too.
    assert!(done("Resent-To: b@x\r\n").contains("\r\nFrom: Super User"));
}

/// Section 3: who gets the mail with `-t`.
#[test]
fn recipients_come_from_to_cc_bcc() {
    let header = "Subject: s\r\nTo: a@x,\r\n b@x\r\nCC : c@x\r\nbcc: bob\r\nTo: a@X, d@x\r\nApparently-To: z@x\r\n";
    assert_eq!(
        to(header),
        ["a@x", "b@x", "c@x", "bob@origin.example", "d@x"]
    );
    assert_eq!(to("Subject: none\r\n"), [""; 0]);
}

#[test]
fn only_the_first_resent_block_counts() {
    let plain = "To: a@x\r\nBcc: b@x\r\n";
    let table: [(&str, &[&str]); 6] = [
        (
            "Resent-To: r@x\r\nResent-Cc: s@x\r\nResent-Bcc: t@x\r\n",
            &["r@x", "s@x", "t@x"],
        ),
        ("Resent-From: r@x\r\n", &[]),
        ("Resent-To: r@x\r\nResent-To: s@x\r\n", &["r@x", "s@x"]),
        (
            "Resent-To: r@x\r\nReceived: y\r\nResent-Cc: s@x\r\n",
            &["r@x"],
        ),
        (
            "Resent-From: f@x\r\nResent-To: r@x\r\nResent-From: g@x\r\nResent-To: s@x\r\n",
            &["r@x"],
        ),
        (
            "Received: y\r\nResent-To: r@x\r\nX: y\r\nResent-Cc: s@x\r\n",
            &["r@x", "s@x"],
        ),
    ];
    for (resent, want) in table {
        assert_eq!(to(&format!("{resent}{plain}")), want, "{resent}");
        assert_eq!(to(&format!("{plain}{resent}")), want, "{resent}");
    }
}

#[test]
fn unreadable_recipients_are_named() {
    let (good, bad) = recipients(b"To: a@x, b@\r\nCc: c@x d@x\r\n", Names::at("o"));
    assert_eq!(good.len(), 1);
    assert_eq!(
        bad.iter().map(|b| b.0.as_str()).collect::<Vec<_>>(),
        ["b@", "c@x d@x"]
    );
}

#[test]
fn full_name_is_gecos_up_to_the_comma() {
    let table = [
        ("Jane Doe,Room 1,,", "jane", Some("Jane Doe")),
        ("& Doe", "jane", Some("Jane Doe")),
        ("", "jane", None),
        (",,,", "jane", None),
        ("&", "", None),
        ("\u{c9}mile", "e", Some("\u{c9}mile")),
    ];
    for (gecos, login, want) in table {
        assert_eq!(full_name_from_gecos(gecos, login).as_deref(), want);
    }
}

/// R7.
#[test]
fn large_headers_take_linear_time() {
    let many = format!(
        "To: {}\r\n{}",
        "bob, a@x,\r\n ".repeat(50_000),
        "X: y\r\nBcc: z\r\nResent-X: y\r\n".repeat(30_000)
    );
    assert!(complete(many.as_bytes(), &facts()).len() > many.len() - 30_000 * 8);
    assert_eq!(
        recipients(
            &"To: bob, a@x\r\n".repeat(50_000).into_bytes(),
            Names::at("o")
        )
        .0
        .len(),
        2
    );
}

proptest! {
    /// H11, H14: fields that are not ours to change keep every byte and their order.
    #[test]
    fn other_bytes_stay(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>().prop_filter("one line", |b| !b"\r\n".contains(b)), 0..20), 0..8),
        bcc in 0_usize..8)
    {
        let mut header = Vec::new();
        let mut want = Vec::new();
        for (n, value) in values.iter().enumerate() {
            let field = [format!("X-{n}:").as_bytes(), value, b"\r\n \t", value, b"\r\n"].concat();
            if n == bcc {
                header.extend_from_slice(b"Bcc: x,\r\n y\r\n");
            }
            header.extend_from_slice(&field);
            want.extend_from_slice(&field);
        }
        let out = complete(&header, &facts());
        prop_assert!(out.starts_with(&want));
    }

    /// Nothing panics, no line of ours is torn, nothing is added twice.
    #[test]
    fn any_header_is_completed(text in "(To|From|Resent-To|Bcc|X|Date|: |[a-z@<>(),;\"]|\r\n ?|\\PC){0,60}") {
        let (header, _) = header::split(text.as_bytes(), true).unwrap();
        let header = &text.as_bytes()[..header];
        let once = complete(header, &facts());
        prop_assert_eq!(&complete(&once, &facts()), &once);
        recipients(header, Names::at("o"));
    }
}
