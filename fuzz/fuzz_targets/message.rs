//! A message as a program hands it to us: the header ends at the same place
//! however the input is cut; addresses that are taken can be written and read
//! again; completion leaves all other fields as they were and adds nothing the
//! second time; what is made fit for a 7-bit host is fit, and left alone where
//! it was.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use smtputils::message::header::{self, Scanner};
use smtputils::message::input::LineEnds;
use smtputils::message::rewrite::Rewrite;
use smtputils::message::submit::{self, Facts};
use smtputils::message::{addrlist, encode};
use smtputils::smtp::addr::Mailbox;

const ORIGIN: &str = "here.example";

/// Fields that completion adds, qualifies or removes.
const TOUCHED: [&str; 18] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Sender",
    "Date",
    "Message-ID",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-Date",
    "Resent-Message-ID",
    "Return-Path",
    "Content-Length",
];

// The first octet is the size of the pieces.
fuzz_target!(|data: &[u8]| {
    let Some((&size, input)) = data.split_first() else {
        return;
    };
    let size = usize::from(size).max(1);
    scan(input, size);
    addresses(input);
    let _ = encode::seven_bit(&mut { input }, &mut Vec::new());
    let message = lines(input);
    let (end, _) = header::split(&message, true).expect("all of it is there");
    complete(&message[..end]);
    fit(&message);
});

fn lines(input: &[u8]) -> Vec<u8> {
    let mut ends = LineEnds::new(false);
    let mut out = Vec::new();
    ends.push(input, &mut out);
    ends.finish(&mut out);
    check_lines(&out);
    out
}

fn check_lines(text: &[u8]) {
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b'\n' => assert!(at > 0 && text[at - 1] == b'\r', "a bare LF"),
            b'\r' => assert_eq!(text.get(at + 1), Some(&b'\n'), "a bare CR"),
            _ => {}
        }
    }
}

fn end<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> header::End {
    let mut scanner = Scanner::new();
    pieces
        .find_map(|piece| scanner.push(piece))
        .unwrap_or_else(|| scanner.finish())
}

fn scan(input: &[u8], size: usize) {
    let whole = end(std::iter::once(input));
    assert_eq!(whole, end(input.chunks(size)));
    let length = usize::try_from(whole.header).unwrap();
    assert!(whole.header <= whole.body && whole.body <= input.len() as u64);
    let fields: Vec<u8> = header::fields(&input[..length])
        .flat_map(|f| f.raw.iter().copied())
        .collect();
    assert_eq!(fields, &input[..length]);
}

fn addresses(text: &[u8]) {
    let (good, bad) = addrlist::parse(text, ORIGIN);
    for mailbox in &good {
        let written = mailbox.to_string();
        assert!(!written.contains(char::is_control), "{written:?}");
        assert_eq!(Mailbox::parse(&written).as_ref(), Ok(mailbox), "{written}");
    }
    for (excerpt, _) in &bad {
        assert!(excerpt.chars().count() < 100);
    }
}

fn facts(gateway: bool) -> Facts {
    Facts {
        origin: ORIGIN.to_owned(),
        hostname: ORIGIN.to_owned(),
        sender: Mailbox::parse("ann@here.example").unwrap(),
        full_name: Some("Ann O'Nymous (\"x\")".to_owned()),
        now: Timestamp::UNIX_EPOCH,
        unique: "01J9ZK3F8Q2V7M".to_owned(),
        gateway,
        rewrite: Rewrite::default(),
        original: Vec::new(),
    }
}

fn complete(head: &[u8]) {
    for gateway in [true, false] {
        let out = submit::complete(head, &facts(gateway));
        check_lines(&out);
        assert!(out.is_empty() || out.ends_with(b"\r\n"));
        assert_eq!(others(&out), others(head));
        let fields: Vec<_> = header::fields(&out).collect();
        for gone in ["Bcc", "Resent-Bcc", "Return-Path", "Content-Length"] {
            assert!(!fields.iter().any(|f| f.is(gone)), "{gone} is left");
        }
        if !gateway {
            for there in ["From", "Date", "Message-ID"] {
                assert!(fields.iter().any(|f| f.is(there)), "{there} is missing");
            }
        }
        assert_eq!(
            submit::complete(&out, &facts(gateway)),
            out,
            "a second time"
        );
    }
}

/// Fields that are nobody's business, octet for octet.
fn others(head: &[u8]) -> Vec<Vec<u8>> {
    let other =
        |f: &header::Field<'_>| !f.name.is_empty() && !TOUCHED.iter().any(|touched| f.is(touched));
    let whole = |f: header::Field<'_>| {
        let text = f.raw.strip_suffix(b"\r\n").unwrap_or(f.raw);
        text.to_vec()
    };
    header::fields(head).filter(other).map(whole).collect()
}

fn fit(message: &[u8]) {
    let is_fit =
        |text: &[u8]| text.is_ascii() && text.split(|b| *b == b'\n').all(|line| line.len() <= 999);
    let mut out = Vec::new();
    let done = encode::seven_bit(&mut { message }, &mut out).expect("no disk is in it");
    if done.is_err() {
        return;
    }
    check_lines(&out);
    assert!(is_fit(&out), "not fit");
    if is_fit(message) {
        assert_eq!(out, message, "was fit already");
    }
    let mut again = Vec::new();
    let done = encode::seven_bit(&mut { &out[..] }, &mut again).expect("no disk is in it");
    assert_eq!(done, Ok(()));
    assert_eq!(again, out, "a second time");
}
