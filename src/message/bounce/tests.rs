use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::*;

fn time(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_295_143 + seconds).unwrap()
}

fn block(action: Action) -> Block {
    Block {
        final_recipient: "bob@example.net".to_owned(),
        original: None,
        action,
        status: "5.1.1".to_owned(),
        diagnostic: Some("550 5.1.1 no such user".to_owned()),
        remote_mta: Some("mx.example.net".to_owned()),
        text: "mx.example.net said: 550 5.1.1 no such user".to_owned(),
        last_attempt: Some(time(-5)),
        retry_until: Some(time(3600)),
    }
}

fn notice(blocks: Vec<Block>) -> Notice<'static> {
    Notice {
        hostname: "host.example",
        origin: "origin.example",
        to: "alice@example.org".to_owned(),
        unique: "0ABC",
        now: time(0),
        arrival: time(-100),
        envid: None,
        ret: None,
        blocks,
        original_size: ORIGINAL.len() as u64,
        return_limit: 50_000,
        eight_bit: false,
        of: "0ORIGINAL",
        template: Box::leak(Box::new(Template::default())),
        is_double: false,
        is_global: false,
    }
}

const ORIGINAL: &str = "Received: x\r\nSubject: hello\r\n folded\r\n\r\nbody\r\n..\r\nend\r\n";

fn made(notice: &Notice<'_>, original: &[u8]) -> String {
    let mut out = Vec::new();
    write(
        notice,
        crate::sys::random().unwrap(),
        &mut &original[..],
        &mut out,
    )
    .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.split("\r\n")
            .all(|line| !line.contains(['\r', '\n']) && line.len() <= 998)
    );
    text
}

/// Head and the three parts, by the boundary that the head names.
fn parts(text: &str) -> Vec<String> {
    let boundary = text
        .split("boundary=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let parts: Vec<String> = text
        .split(&format!("--{boundary}"))
        .map(str::to_owned)
        .collect();
    assert_eq!(parts.len(), 5, "{text}");
    assert_eq!(parts[4], "--\r\n");
    parts
}

/// The fields of one group of the delivery-status part.
fn status(text: &str) -> Vec<Vec<(String, String)>> {
    let body = parts(text)[2].split_once("\r\n\r\n").unwrap().1.to_owned();
    let groups = body.trim_end().split("\r\n\r\n");
    groups
        .map(|group| {
            header::fields(format!("{group}\r\n").as_bytes())
                .map(|f| {
                    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
                    (
                        text(f.name),
                        text(f.value).replace("\r\n", "").trim().to_owned(),
                    )
                })
                .collect()
        })
        .collect()
}

fn names(group: &[(String, String)]) -> Vec<&str> {
    group.iter().map(|f| f.0.as_str()).collect()
}

fn value<'a>(group: &'a [(String, String)], name: &str) -> &'a str {
    &group.iter().find(|f| f.0 == name).unwrap().1
}

/// BN-03, BN-17.
#[test]
fn the_report_has_its_form() {
    let text = made(&notice(vec![block(Action::Failed)]), ORIGINAL.as_bytes());
    let message = MessageParser::default().parse(text.as_bytes()).unwrap();
    let kind = message.content_type().unwrap();
    assert_eq!(
        (kind.ctype(), kind.subtype()),
        ("multipart", Some("report"))
    );
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    let from = message.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("MAILER-DAEMON@origin.example"));
    assert_eq!(
        message.to().unwrap().first().unwrap().address(),
        Some("alice@example.org")
    );
    assert_eq!(
        message.header_raw("Auto-Submitted").unwrap().trim(),
        "auto-replied"
    );
    assert_eq!(message.header_raw("MIME-Version").unwrap().trim(), "1.0");
    assert_eq!(message.message_id(), Some("0ABC@host.example"));
    assert_eq!(message.date().unwrap().to_timestamp(), time(0).as_second());
    assert!(message.subject().unwrap().starts_with("Undelivered"));
    let kinds: Vec<_> = message
        .parts
        .iter()
        .skip(1)
        .map(|p| p.content_type().unwrap().subtype().unwrap())
        .collect();
    assert_eq!(kinds, ["plain", "delivery-status", "rfc822"]);
    let PartType::Message(inner) = &message.parts[3].body else {
        panic!("{text}")
    };
    assert_eq!(inner.raw_message(), ORIGINAL.as_bytes());
}

/// The first part begins with what happened, to whom, and what to do.
#[test]
fn the_words_come_first() {
    let text = made(&notice(vec![block(Action::Failed)]), b"");
    let words = parts(&text)[1].split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(words.starts_with(
        "Your message could not be delivered to:\r\n\r\n  <bob@example.net>\r\n    mx.example.net said: 550 5.1.1 no such user\r\n"
    ), "{words}");
    assert!(words.contains("will not be tried again"));
    let text = made(&notice(vec![block(Action::Delayed)]), b"");
    let words = &parts(&text)[1];
    assert!(words.contains("has not been delivered yet"));
    assert!(
        words.contains(&format!("until {}", date::rfc5322(time(3600)))),
        "{words}"
    );
}

/// BN-04 to BN-07.
#[test]
fn status_fields_are_complete() {
    let text = made(
        &notice(vec![block(Action::Failed), block(Action::Delayed)]),
        b"",
    );
    let groups = status(&text);
    assert_eq!(groups.len(), 3);
    assert_eq!(names(&groups[0]), ["Reporting-MTA", "Arrival-Date"]);
    assert_eq!(value(&groups[0], "Reporting-MTA"), "dns; host.example");
    assert_eq!(value(&groups[0], "Arrival-Date"), date::rfc5322(time(-100)));
    let common = [
        "Final-Recipient",
        "Action",
        "Status",
        "Remote-MTA",
        "Diagnostic-Code",
        "Last-Attempt-Date",
    ];
    assert_eq!(names(&groups[1]), common);
    assert_eq!(
        names(&groups[2]),
        [&common[..], &["Will-Retry-Until"]].concat()
    );
    assert_eq!(
        value(&groups[1], "Final-Recipient"),
        "rfc822; bob@example.net"
    );
    assert_eq!(value(&groups[1], "Action"), "failed");
    assert_eq!(value(&groups[2], "Action"), "delayed");
    assert_eq!(
        value(&groups[1], "Diagnostic-Code"),
        "smtp; 550 5.1.1 no such user"
    );
    assert_eq!(
        value(&groups[2], "Will-Retry-Until"),
        date::rfc5322(time(3600))
    );
}

/// BN-05: no remote, no remote fields. BN-22: given up.
#[test]
fn no_remote_no_remote_fields() {
    let expired = Block {
        status: "4.4.7".to_owned(),
        diagnostic: None,
        remote_mta: None,
        last_attempt: None,
        ..block(Action::Failed)
    };
    let groups = status(&made(&notice(vec![expired]), b""));
    assert_eq!(names(&groups[1]), ["Final-Recipient", "Action", "Status"]);
    assert_eq!(value(&groups[1], "Status"), "4.4.7");
}

/// BN-08, BN-09: case kept, nothing invented; RFC 6533 for UTF-8.
#[test]
fn envelope_id_and_original_recipient_come_back() {
    let orcpt = |kind: &str, address: &str| {
        Some(Orcpt {
            kind: kind.to_owned(),
            address: address.to_owned(),
        })
    };
    let table = [
        (
            orcpt("rfc822", "Bob+x@Example.net"),
            "rfc822; Bob+x@Example.net",
        ),
        (
            orcpt("utf-8", "b\u{f6}b+x@example.net"),
            "utf-8; b\\x{F6}b\\x{2B}x@example.net",
        ),
        (
            orcpt("x-y\r\nBcc", "a\r\nStatus: 2.0.0"),
            "x-yBcc; a Status: 2.0.0",
        ),
    ];
    for (original, want) in table {
        let notice = Notice {
            envid: Some("QQ 314+x"),
            ..notice(vec![Block {
                original,
                ..block(Action::Failed)
            }])
        };
        let groups = status(&made(&notice, b""));
        assert_eq!(value(&groups[0], "Original-Envelope-Id"), "QQ 314+x");
        assert_eq!(value(&groups[1], "Original-Recipient"), want);
        assert_eq!(names(&groups[1])[0], "Original-Recipient");
    }
}

#[test]
fn utf8_recipients_are_written_in_7_bits() {
    let recipient = Block {
        final_recipient: "b\u{f6}b@example.net".to_owned(),
        ..block(Action::Failed)
    };
    let text = made(&notice(vec![recipient]), b"");
    assert!(text.is_ascii());
    assert_eq!(
        value(&status(&text)[1], "Final-Recipient"),
        "utf-8; b\\x{F6}b@example.net"
    );
    assert!(parts(&text)[1].contains("<b=C3=B6b@example.net>"), "{text}");
}

/// BN-10, BN-25: what goes back.
#[test]
fn content_goes_back_only_where_it_may() {
    let third = |notice: &Notice<'_>| parts(&made(notice, ORIGINAL.as_bytes()))[3].clone();
    let headers = "\r\nContent-Type: text/rfc822-headers\r\n\r\nReceived: x\r\nSubject: hello\r\n folded\r\n\r\n";
    let full = format!("\r\nContent-Type: message/rfc822\r\n\r\n{ORIGINAL}\r\n");
    let failed = || notice(vec![block(Action::Failed)]);
    assert_eq!(third(&failed()), full);
    assert_eq!(
        third(&Notice {
            ret: Some(Ret::Full),
            ..failed()
        }),
        full
    );
    assert_eq!(
        third(&Notice {
            ret: Some(Ret::Headers),
            ..failed()
        }),
        headers
    );
    assert_eq!(
        third(&Notice {
            original_size: 50_001,
            ..failed()
        }),
        headers
    );
    for action in [
        Action::Delayed,
        Action::Delivered,
        Action::Relayed,
        Action::Expanded,
    ] {
        assert_eq!(
            third(&Notice {
                ret: Some(Ret::Full),
                ..notice(vec![block(action)])
            }),
            headers
        );
    }
}

/// BN-18: declared where it is; a header alone is made 7-bit.
#[test]
fn eight_bit_originals_are_declared() {
    let original = "Subject: gr\u{fc}n\r\nX: y \r\n\r\n\u{fc}\r\n";
    let wide = Notice {
        eight_bit: true,
        ..notice(vec![block(Action::Failed)])
    };
    let all = parts(&made(&wide, original.as_bytes()));
    for part in [0, 3] {
        assert!(
            all[part].contains("\r\nContent-Transfer-Encoding: 8bit\r\n"),
            "{}",
            all[part]
        );
    }
    let cut = made(
        &Notice {
            ret: Some(Ret::Headers),
            ..wide
        },
        original.as_bytes(),
    );
    assert!(cut.is_ascii() && !cut.contains("8bit"));
    assert!(
        parts(&cut)[3].contains("quoted-printable\r\n\r\nSubject: gr=C3=BCn\r\nX: y=20\r\n"),
        "{cut}"
    );
    let kept = MessageParser::default()
        .parse(cut.as_bytes())
        .unwrap()
        .parts[3]
        .contents()
        .to_vec();
    assert!(kept.starts_with("Subject: gr\u{fc}n\r\nX: y \r\n".as_bytes()));
}

/// BN-18: a notice with the content can go to a 7-bit host too.
#[test]
fn the_notice_converts() {
    let original = "Subject: x\r\n\r\n\u{fc}\r\n";
    let text = made(
        &Notice {
            eight_bit: true,
            ..notice(vec![block(Action::Failed)])
        },
        original.as_bytes(),
    );
    let mut out = Vec::new();
    crate::message::encode::seven_bit(&mut text.as_bytes(), &mut out)
        .unwrap()
        .unwrap();
    assert!(out.is_ascii());
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("\r\n\r\n=C3=BC\r\n")
    );
}

/// BN-20: what a remote host says makes no field and no group.
#[test]
fn hostile_replies_are_made_safe() {
    let reply = format!(
        "550 a\r\n\r\nFinal-Recipient: rfc822; evil@x\r\nAction: delivered\0\x1b[2J\u{fc}{}",
        "y".repeat(5000)
    );
    let hostile = Block {
        diagnostic: Some(reply.clone()),
        remote_mta: Some("mx\r\nStatus: 2.0.0".to_owned()),
        text: reply,
        ..block(Action::Failed)
    };
    let text = made(&notice(vec![hostile]), b"");
    assert!(text.is_ascii() && !text.contains('\x1b') && text.len() < 8000);
    let groups = status(&text);
    assert_eq!(groups.len(), 2);
    assert_eq!(value(&groups[1], "Status"), "5.1.1");
    assert!(
        value(&groups[1], "Diagnostic-Code")
            .starts_with("smtp; 550 a Final-Recipient: rfc822; evil@x Action: delivered [2J?yy")
    );
    assert!(parts(&text)[2].split("\r\n").all(|line| line.len() <= 78));
}

/// BN-21: an original full of look-alikes, even of the id and of an earlier
/// notice's boundary, ends no part.
#[test]
fn boundaries_cannot_be_foreseen() {
    let notice = notice(vec![block(Action::Failed)]);
    let first = made(&notice, ORIGINAL.as_bytes());
    let second = made(&notice, first.as_bytes());
    let outer = parts(&second);
    assert_eq!(
        outer[3],
        format!("\r\nContent-Type: message/rfc822\r\n\r\n{first}\r\n")
    );
    assert!(boundary(&"x".repeat(100), [255; 16]).len() <= 70);
}

/// Subjects tell the cases apart.
#[test]
fn subjects_differ() {
    let subject = |action| {
        let text = made(&notice(vec![block(Action::Expanded), block(action)]), b"");
        MessageParser::default()
            .parse(text.as_bytes())
            .unwrap()
            .subject()
            .unwrap()
            .to_owned()
    };
    let all = [
        Action::Failed,
        Action::Delayed,
        Action::Delivered,
        Action::Relayed,
        Action::Expanded,
    ]
    .map(subject);
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), 5);
}

/// BN-19: to an internationalised sender addresses go as they are; else in 7 bits.
#[test]
fn bn_19_internationalised_notices() {
    let recipient = || Block {
        final_recipient: "b\u{f6}b@example.net".to_owned(),
        original: Some(Orcpt {
            kind: "utf-8".to_owned(),
            address: "\u{e4}@example.net".to_owned(),
        }),
        ..block(Action::Failed)
    };
    let original = "Subject: gr\u{fc}n\r\n\r\nbody\r\n";
    let notice = Notice {
        is_global: true,
        to: "<\u{e5}nn@example.org>".to_owned(),
        ret: Some(Ret::Headers),
        ..notice(vec![recipient()])
    };
    let text = made(&notice, original.as_bytes());
    for part in [
        "\r\nTo: <\u{e5}nn@example.org>\r\n",
        "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n",
        "\r\nOriginal-Recipient: utf-8; \u{e4}@example.net\r\n",
        "\r\nFinal-Recipient: utf-8; b\u{f6}b@example.net\r\n",
        "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: gr\u{fc}n\r\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let whole = Notice {
        ret: None,
        ..notice
    };
    let text = made(&whole, original.as_bytes());
    assert!(text.contains("Content-Type: message/global\r\n"), "{text}");
}

/// The administrator's words, in any language; the rest stays as it is.
#[test]
fn words_can_be_replaced() {
    let ours = "[failed]\nSubject: Unzustellbar f\u{fc}r {sender}\n\nLeider nicht an:\n\n{recipients}\n\n[end]\n{host} {id}\n";
    let template = Template::parse(ours).unwrap();
    let notice = Notice {
        template: &template,
        ..notice(vec![block(Action::Failed)])
    };
    let text = made(&notice, b"");
    assert!(text.is_ascii());
    let message = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(
        message.subject(),
        Some("Unzustellbar f\u{fc}r alice@example.org")
    );
    let words = parts(&text)[1].split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(
        words.starts_with("Leider nicht an:\r\n\r\n  <bob@example.net>\r\n"),
        "{words}"
    );
    assert!(words.contains("host.example 0ORIGINAL"), "{words}");
}

#[test]
fn a_huge_header_is_cut_behind_a_field() {
    let original = "X-Field: value\r\n".repeat(100_000);
    let text = made(
        &Notice {
            ret: Some(Ret::Headers),
            ..notice(vec![block(Action::Failed)])
        },
        original.as_bytes(),
    );
    assert!(text.len() < RETURNED_HEADER + 5000);
    assert!(parts(&text)[3].ends_with("X-Field: value\r\n\r\n"));
}

proptest! {
    #[test]
    fn any_words_give_a_readable_report(
        recipient in "\\PC{0,40}", said in "(?s).{0,200}", status_code in "\\PC{0,9}", to in "[a-z@<>\r\n]{0,20}",
        envid in "(?s).{0,20}", original in proptest::collection::vec(any::<u8>(), 0..200), headers in any::<bool>())
    {
        let hostile = Block {
            final_recipient: recipient,
            diagnostic: Some(said.clone()),
            text: said,
            status: status_code,
            ..block(Action::Failed)
        };
        let report = Notice {
            envid: Some(&envid),
            ret: headers.then_some(Ret::Headers),
            eight_bit: true,
            to,
            ..notice(vec![hostile])
        };
        let mut out = Vec::new();
        write(&report, crate::sys::random().unwrap(), &mut &original[..], &mut out).unwrap();
        let message = MessageParser::default().parse(&out).unwrap();
        prop_assert!(message.parts.len() >= 4);
        prop_assert_eq!(message.parts[2].content_type().unwrap().subtype(), Some("delivery-status"));
        let (header, _) = header::split(&out, true).unwrap();
        prop_assert_eq!(header::fields(&out[..header]).filter(|f| !f.is("Content-Transfer-Encoding")).count(), 8);
    }
}
