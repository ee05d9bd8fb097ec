use jiff::Timestamp;

use super::*;
use crate::smtp::addr::Mailbox;
use crate::smtp::param::{MailParams, RcptParams};
use crate::spool::{Attempt, BodyKind, Check, Envelope, Id, Origin, Recipient, Target};

const TIME: &str = "2026-11-01T21:05:43Z";

fn head(sender: &str, recipients: &[&str]) -> Head {
    Head {
        id: Id::parse("01J9ZK3F8Q2V7M").unwrap(),
        envelope: Envelope {
            sender: ReversePath::parse_prefix(sender).unwrap().0,
            params: MailParams::default(),
            recipients: recipients
                .iter()
                .map(|r| Recipient {
                    address: Mailbox::parse(r).unwrap(),
                    params: RcptParams::default(),
                })
                .collect(),
            origin: Origin {
                time: TIME.parse().unwrap(),
                kind: "local".into(),
                words: Vec::new(),
            },
        },
        check: Check {
            length: 1234,
            crc32c: 0,
            body: BodyKind::SevenBit,
            long_lines: false,
        },
        offset: 300,
    }
}

fn item(place: Place, head: Head, state: State) -> Item {
    Item {
        entry: Entry {
            id: head.id,
            place,
            size: 1534,
            due: 0,
        },
        size: head.check.length,
        is_busy: false,
        known: Some((head, state)),
    }
}

fn attempt(target: u32, result: Outcome, text: &str, host: Option<&str>) -> Attempt {
    Attempt {
        time: TIME.parse::<Timestamp>().unwrap(),
        target,
        result,
        status: "4.2.1".into(),
        text: text.into(),
        remote: host.is_some(),
        host: host.map(str::to_owned),
        address: host.map(|_| "192.0.2.7".to_owned()),
        route: None,
        tls: None,
        passed_on: false,
        ms: 1,
    }
}

#[test]
fn columns_are_those_of_long_queue_ids() {
    let item = item(
        Place::New,
        head("<sender@d.example>", &["rcpt@d.example"]),
        State::default(),
    );
    assert_eq!(
        item.print(&TimeZone::UTC, &Viewer::All),
        "01J9ZK3F8Q2V7M        1234 Sun Nov  1 21:05:43 sender@d.example\n\
         \x20                                              rcpt@d.example\n"
    );
    assert_eq!(HEADING.find("--Sender"), Some(INDENT));
}

#[test]
fn reasons_end_at_the_edge_and_settled_recipients_are_gone() {
    let state = State {
        targets: Some(
            (0..4)
                .map(|recipient| Target::plain(recipient, "x@d.example".into()))
                .collect(),
        ),
        attempts: vec![
            attempt(
                0,
                Outcome::Deferred,
                "450 4.2.1 busy\x1b",
                Some("mx.example"),
            ),
            attempt(1, Outcome::Delivered, "250 ok", Some("mx.example")),
            attempt(2, Outcome::Deferred, "no route", None),
            attempt(3, Outcome::Deferred, "no route", None),
        ],
        route: None,
        notes: Vec::new(),
    };
    let head = head(
        "<>",
        &["a@d.example", "b@d.example", "c@d.example", "d@d.example"],
    );
    let text = item(Place::Held, head, state).print(&TimeZone::UTC, &Viewer::All);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("01J9ZK3F8Q2V7M! "), "{text}");
    assert!(lines[0].ends_with(" MAILER-DAEMON"), "{text}");
    let reason = "(host mx.example[192.0.2.7] said: 450 4.2.1 busy\\x1b)";
    assert_eq!(lines[1], format!("{reason:>78}"));
    assert_eq!(lines[2].trim(), "a@d.example");
    assert_eq!(lines[3].trim(), "(no route)");
    assert_eq!(lines[4].trim(), "c@d.example");
    assert_eq!(lines[5].trim(), "d@d.example");
    assert_eq!(lines.len(), 6, "{text}");
}

#[test]
fn totals_suit_every_parser() {
    assert_eq!(
        totals(1, 2047, true),
        "\n\t\tTotal requests: 1\n-- 1 Kbytes in 1 Request.\n"
    );
    assert_eq!(totals(2, 0, false), "\n-- 0 Kbytes in 2 Requests.\n");
}

#[test]
fn addresses_of_others_are_hidden_where_configured() {
    let mut mine = head("<a@d.example>", &["b@d.example"]);
    mine.envelope.origin.words = vec![("uid".into(), "1000".into())];
    let item = item(Place::New, mine, State::default());
    let print = |uid| item.print(&TimeZone::UTC, &Viewer::Own(uid));
    assert!(print(1000).contains("a@d.example") && print(1000).contains("b@d.example"));
    assert!(!print(1001).contains('@'), "{}", print(1001));
    assert!(print(1001).contains("1234 Sun Nov  1 21:05:43 (hidden)\n"));
}
