use proptest::prelude::*;

use super::super::tests::envelope;
use super::*;

fn id() -> Id {
    Id::parse("01J9ZK3F8Q2V7M").unwrap()
}

fn filled(envelope: &Envelope, check: &Check) -> Vec<u8> {
    let mut printed = print(id(), envelope).unwrap();
    let value = Printed::value(check);
    printed.octets[printed.check_at..printed.check_at + CHECK_WIDTH].copy_from_slice(&value);
    printed.octets
}

const SHORT: Check = Check {
    length: 12345,
    crc32c: 0x5d2a_9e01,
    body: BodyKind::EightBit,
    long_lines: false,
};

fn sample() -> String {
    let octets = filled(&envelope(&["bob@example.net", "carol@example.net"]), &SHORT);
    String::from_utf8(octets).unwrap()
}

#[test]
fn every_check_has_one_width_and_reads_back() {
    for body in [BodyKind::SevenBit, BodyKind::EightBit, BodyKind::Binary] {
        for (length, long_lines) in [(0, false), (MAX_LENGTH, true)] {
            let check = Check {
                length,
                body,
                long_lines,
                ..SHORT
            };
            assert_eq!(check.print().len(), CHECK_WIDTH);
            assert_eq!(Check::parse(&check.print()), Some(check));
        }
    }
}

#[test]
fn a_printed_envelope_reads_back() {
    let parsed = parse(sample().as_bytes()).unwrap();
    assert_eq!(parsed.head.id, id());
    assert_eq!(
        parsed.head.envelope,
        envelope(&["bob@example.net", "carol@example.net"])
    );
    assert_eq!(parsed.head.check, SHORT);
    assert_eq!(parsed.head.offset, sample().len() as u64);
}

/// The example of the design, with its parameters.
#[test]
fn parameters_are_kept() {
    let text = sample()
        .replace(
            "<alice@example.org>",
            "<alice@example.org> RET=HDRS ENVID=xyz",
        )
        .replace(
            "<bob@example.net>",
            "<bob@example.net> NOTIFY=FAILURE ORCPT=rfc822;bob@example.net",
        )
        .replace(
            " local uid=1000",
            " smtp client=[192.0.2.7] helo=h.example auth=alice",
        );
    let head = parse(text.as_bytes()).unwrap().head;
    assert_eq!(head.envelope.params.envid.as_deref(), Some("xyz"));
    assert!(
        head.envelope.recipients[0]
            .params
            .notify
            .is_some_and(|n| n.failure && !n.delay)
    );
    assert_eq!(head.envelope.origin.words.len(), 3);
    assert_eq!(filled(&head.envelope, &head.check), text.as_bytes());
}

/// S6: anything else than the form that is written is refused, never guessed.
#[test]
fn what_is_not_an_envelope_is_refused() {
    let good = sample();
    let line = |name: &str| {
        let at = good.find(name).unwrap();
        &good[at..at + good[at..].find("\r\n").unwrap() + 2]
    };
    let without = |name: &str| good.replace(line(name), "");
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let bad = [
        String::new(),
        without("Envelope-Id"),
        without("Envelope-Sender"),
        without("Envelope-Recipient: <bob")
            .replace("Envelope-Recipient: <carol@example.net>\r\n", ""),
        without("Envelope-Origin"),
        without("Envelope-Check"),
        without("Envelope-End"),
        with("Envelope-Origin", "X-Record: 1\r\nEnvelope-Origin"),
        with("Envelope-Origin", "envelope-origin"),
        with(
            "Envelope-Sender: <alice@example.org>",
            "Envelope-Sender: alice@example.org",
        ),
        with("<alice@example.org>", "<alice@example.org> SIZE=x"),
        with("<alice@example.org>", "<alice@example.org> NEW=1"),
        with("<bob@example.net>", "<Postmaster>"),
        with("<bob@example.net>", "<bob@example.net> ORCPT=rfc822;a+0Ab"),
        with("<bob@example.net>", "<bob@example.net>\0"),
        with("00000012345", "0000012345 "),
        with("00000012345", "-0000012345"),
        with("crc32c=5d2a9e01", "crc32c=5D2A9E01"),
        with("body=8bit", "body=9bit"),
        with("lines=short", "lines=brief"),
        with("2026-11-21T", "2026-13-21T"),
        with("uid=1000", "uid"),
        with("uid=1000", "uid=1\t2"),
        with("Envelope-End: 01J9", "Envelope-End: 01J8"),
        good.replace("\r\n", "\n"),
        good.clone() + "x",
        good[..good.len() - 1].to_owned(),
    ];
    for text in bad {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(parse(&[b'\xff'; 10]).is_err());
}

/// I6: no value can end its record.
#[test]
fn the_writer_refuses_control_characters() {
    let refused = |envelope: Envelope| {
        assert!(
            matches!(print(id(), &envelope), Err(SpoolError::Invalid(_))),
            "{envelope:?}"
        );
    };
    for bad in ["a\r\nb", "a\nb", "a\0b", "a\u{7f}b"] {
        let mut e = envelope(&["bob@example.net"]);
        e.recipients[0].address.local = bad.to_owned();
        refused(e);
        let mut e = envelope(&["bob@example.net"]);
        e.origin.words.push(("helo".to_owned(), bad.to_owned()));
        refused(e);
        let mut e = envelope(&["bob@example.net"]);
        e.origin.kind = bad.to_owned();
        refused(e);
    }
    let mut e = envelope(&["bob@example.net"]);
    e.origin.words.push(("helo".to_owned(), "a b".to_owned()));
    refused(e);
    refused(envelope(&[]));
    let mut e = envelope(&["bob@example.net"]);
    e.origin
        .words
        .push(("helo".to_owned(), "x".repeat(MAX_RECORD)));
    refused(e);
    let mut e = envelope(&["bob@example.net"]);
    e.recipients = vec![e.recipients[0].clone(); MAX_RECIPIENTS + 1];
    refused(e);
}

#[test]
fn the_largest_envelope_reads_back() {
    let mut e = envelope(&["bob@example.net"]);
    e.recipients = vec![e.recipients[0].clone(); MAX_RECIPIENTS];
    let octets = filled(&e, &SHORT);
    assert_eq!(
        parse(&octets).unwrap().head.envelope.recipients.len(),
        MAX_RECIPIENTS
    );
}

#[test]
fn the_end_is_found_wherever_the_reads_are_cut() {
    let text = sample() + "Envelope-End: of the message\r\n";
    let text = text.as_bytes();
    for step in [1, 2, 7, 64, 10_000] {
        let mut seen = 0;
        let found = (0..).find_map(|i: usize| {
            let octets = &text[..((i + 1) * step).min(text.len())];
            let end = end(octets, seen).unwrap();
            seen = octets.len();
            end
        });
        assert_eq!(found, Some(sample().len()), "{step}");
    }
    assert!(end(b"From: a\r\n", 0).is_err());
    assert_eq!(end(b"Env", 0), Ok(None));
}

proptest! {
    /// S6: no input makes the reader panic, and what it takes it prints the same.
    #[test]
    fn any_octets_are_refused_or_print_the_same(
        at in 0..400usize, octets in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut text = sample().into_bytes();
        let at = at.min(text.len());
        let to = (at + octets.len()).min(text.len());
        text.splice(at..to, octets);
        let _ = end(&text, 0);
        if let Ok(parsed) = parse(&text) {
            let again = filled(&parsed.head.envelope, &parsed.head.check);
            prop_assert_eq!(parse(&again).unwrap().head.envelope, parsed.head.envelope);
        }
    }
}
