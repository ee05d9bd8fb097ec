use std::io::{Cursor, Read};

use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::super::addrlist::people;
use super::*;
use crate::class::{Class, Classify};

fn text(text: &[u8]) -> Text {
    let mut from = text;
    Text::read(&mut from, u64::MAX, &|| tempfile::tempfile()).unwrap()
}

fn file(name: &str, octets: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        content: FileContent::Octets {
            source: Box::new(Cursor::new(octets.to_vec())),
            charset: Some("utf-8"),
        },
    }
}

fn message(name: &str, octets: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        content: FileContent::Message(text(octets)),
    }
}

fn written(letter: Letter) -> Vec<u8> {
    let mut all = Vec::new();
    let mut reader = letter.into_reader("unique");
    reader.read_to_end(&mut all).unwrap();
    all
}

fn to(list: &str) -> Vec<Person> {
    let (good, bad) = people(list.as_bytes());
    assert!(bad.is_empty(), "{bad:?}");
    good
}

/// Lines that any server takes, and headers that any reader takes.
fn assert_sound(octets: &[u8], is_ascii: bool) {
    assert!(octets.is_ascii() || !is_ascii);
    for line in octets.split_inclusive(|&b| b == b'\n') {
        assert!(line.len() <= 1000);
        let whole = line.ends_with(b"\r\n") || !line.contains(&b'\n');
        assert!(whole, "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn text_alone_is_no_container() {
    let letter = Letter {
        to: to("Bob <b@x.example>, c"),
        subject: Some("disk".to_owned()),
        text: Some(text(b"hello\nworld")),
        ..Letter::default()
    };
    let all = String::from_utf8(written(letter)).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "hello\r\nworld\r\n");
    assert_eq!(
        head,
        "To: \"Bob\" <b@x.example>, <c>\r\nSubject: disk\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 7bit"
    );
}

#[test]
fn everything_at_once_nests_as_readers_expect() {
    let letter = Letter {
        text: Some(text("Grüße\n".as_bytes())),
        html: Some(text(b"<img src=\"cid:my_logo.png\">\n")),
        inline: vec![file("my logo.png", b"\x89PNG")],
        attached: vec![file("a.csv", b"1,2\n"), file("ünï.bin", &[0, 255, 10])],
        ..Letter::default()
    };
    let all = written(letter);
    assert_sound(&all, true);
    let parsed = MessageParser::new().parse(&all).unwrap();
    let kinds: Vec<String> = parsed
        .parts
        .iter()
        .map(|p| {
            let kind = p.content_type().unwrap();
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png",
            "text/csv",
            "application/octet-stream"
        ]
    );
    assert_eq!(parsed.body_text(0).unwrap(), "Grüße\r\n");
    let logo = &parsed.parts[5];
    assert_eq!(logo.content_id(), Some("my_logo.png"));
    assert_eq!(logo.attachment_name(), Some("my logo.png"));
    assert_eq!(parsed.parts[7].attachment_name(), Some("ünï.bin"));
    assert_eq!(parsed.parts[7].contents(), [0, 255, 10]);
}

#[test]
fn encodings_by_what_they_hold() {
    let encoded = |octets: &[u8]| {
        let letter = Letter {
            text: Some(text(octets)),
            ..Letter::default()
        };
        let all = written(letter);
        assert_sound(&all, true);
        let body = MessageParser::new().parse(&all).unwrap();
        let decoded = match &body.parts[0].body {
            PartType::Text(text) => text.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        };
        let all = String::from_utf8(all).unwrap();
        let start = all.find("Transfer-Encoding: ").unwrap() + 19;
        let name = all[start..].lines().next().unwrap().to_owned();
        (name, decoded, all)
    };
    for (octets, name) in [
        ("".to_owned(), "7bit"),
        ("plain\n".to_owned(), "7bit"),
        ("x".repeat(998), "7bit"),
        ("x".repeat(999), "quoted-printable"),
        ("mostly ascii, an ü\n".to_owned(), "quoted-printable"),
        ("これは日本語です\n".to_owned(), "base64"),
    ] {
        let (got, decoded, _) = encoded(octets.as_bytes());
        assert_eq!(got, name, "{octets:.20}");
        let line_end = if octets.is_empty() { "" } else { "\r\n" };
        let wanted = octets.trim_end().to_owned() + line_end;
        assert_eq!(String::from_utf8(decoded).unwrap(), wanted);
    }
    // What is no UTF-8 is kept, and named so (RFC 1428).
    let (_, _, all) = encoded(b"caf\xe9 for everybody who likes it\n");
    assert!(all.contains("charset=\"unknown-8bit\""), "{all}");
    assert!(all.contains("caf=E9"), "{all}");
}

/// RFC 2046 section 5.2.1: a message inside is never encoded.
#[test]
fn messages_are_attached_as_they_are() {
    let attach = |octets: &[u8]| {
        let all = written(Letter {
            text: Some(text(b"see there\n")),
            attached: vec![message("a.eml", octets)],
            ..Letter::default()
        });
        String::from_utf8_lossy(&all).into_owned()
    };
    let all = attach("Subject: x\n\nGrüße\n".as_bytes());
    assert!(all.contains("Content-Type: message/rfc822\r\n"), "{all}");
    assert_eq!(all.matches("Encoding: 8bit").count(), 2, "{all}");
    assert!(all.contains("\r\n\r\nSubject: x\r\n\r\nGrüße\r\n"), "{all}");
    let all = attach(format!("Subject: x\n\n{}\n", "x".repeat(999)).as_bytes());
    assert!(all.contains("application/octet-stream"), "{all}");
}

#[test]
fn own_fields_stay_as_typed_or_are_refused() {
    let own = |text: &str| text.parse::<OwnField>();
    let references = format!("References:{}", " <0123456789@x.example>".repeat(9));
    let all = written(Letter {
        own: vec![own(&references).unwrap(), own("X-Ort: Köln").unwrap()],
        ..Letter::default()
    });
    let all = String::from_utf8(all).unwrap();
    assert!(all.lines().all(|line| line.len() <= 78), "{all}");
    assert_eq!(all.matches("<0123456789@x.example>").count(), 9, "{all}");
    assert!(all.contains("X-Ort: =?utf-8?"), "{all}");
    for (text, class) in [
        ("no colon", Class::Data),
        (": empty", Class::Data),
        ("A B: c", Class::Data),
        ("X: a\r\nBcc: evil@x", Class::Data),
        ("X\r\nBcc: evil@x", Class::Data),
        ("X: a\0", Class::Data),
        ("subject: x", Class::Usage),
        ("Content-Type: x/y", Class::Usage),
        ("Bcc: x@y", Class::Usage),
    ] {
        assert_eq!(own(text).unwrap_err().class(), class, "{text:?}");
    }
}

#[test]
fn names_of_people() {
    let people = |list: &str| -> Vec<(String, Option<String>)> {
        to(list).into_iter().map(|p| (p.address, p.name)).collect()
    };
    let named = |address: &str, name: &str| (address.to_owned(), Some(name.to_owned()));
    assert_eq!(
        people(
            "Jürgen Groß <j@x.example>, \"Doe, \\\"J\\\"\" <d@x.example>, <e@x.example> E, G: f;"
        ),
        [
            named("j@x.example", "Jürgen Groß"),
            named("d@x.example", "Doe, \"J\""),
            named("e@x.example", "E"),
            ("f".to_owned(), None)
        ]
    );
}

/// A reader that gives few octets at a time.
struct Slow(Box<dyn Read>, usize);

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = buf.len().min(self.1);
        self.0.read(&mut buf[..n])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is given comes back, and no value makes a line of its own.
    #[test]
    fn what_is_given_comes_back(
        subject in "\\PC{0,200}",
        name in "\\PC{1,80}",
        filename in "[^\\x00-\\x1f\\x7f/]{1,120}",
        lines in proptest::collection::vec("[^\\x00\r\n]{0,300}", 0..20),
        octets in proptest::collection::vec(any::<u8>(), 0..3000),
        cut in 1usize..50,
    ) {
        let said: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let slow: Box<dyn Read> = Box::new(Slow(Box::new(Cursor::new(octets.clone())), cut));
        let mut body = Slow(Box::new(Cursor::new(said.clone().into_bytes())), cut);
        let letter = Letter {
            to: vec![Person { name: Some(name.clone()), address: "b@x.example".to_owned() }],
            subject: Some(subject.clone()),
            text: Some(Text::read(&mut body, u64::MAX, &|| tempfile::tempfile()).unwrap()),
            attached: vec![Attachment {
                name: filename.clone(),
                content: FileContent::Octets { source: slow, charset: None },
            }],
            ..Letter::default()
        };
        let all = written(letter);
        assert_sound(&all, true);
        let parsed = MessageParser::new().parse(&all).unwrap();
        let fields: Vec<_> = parsed.headers().iter().map(|h| h.name().to_lowercase()).collect();
        prop_assert_eq!(fields, ["to", "subject", "mime-version", "content-type"]);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(parsed.subject().unwrap_or_default()), words(&subject));
        let person = parsed.to().unwrap().first().unwrap();
        prop_assert_eq!(person.address(), Some("b@x.example"));
        let file = parsed.parts.last().unwrap();
        prop_assert_eq!(file.contents(), octets.as_slice());
        let text = parsed.body_text(0).unwrap_or_default().into_owned();
        prop_assert_eq!(text, said.replace('\n', "\r\n"));
    }
}
