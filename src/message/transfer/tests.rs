use mail_parser::decoders::base64::base64_decode;
use proptest::prelude::*;

use super::*;

fn quoted(text: &[u8]) -> Vec<u8> {
    let (mut encoder, mut out) = (QuotedPrintable::default(), Vec::new());
    for (n, line) in text.split(|&b| b == b'\n').enumerate() {
        if n > 0 {
            encoder.line_end(&mut out).unwrap();
        }
        for piece in line.chunks(5) {
            encoder.text(piece, &mut out).unwrap();
        }
    }
    encoder.finish(&mut out).unwrap();
    out
}

/// RFC 2045 section 6.7, read by its rules.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'=' if rest.starts_with(b"\r\n") => rest = &rest[2..],
            b'=' => {
                out.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                rest = &rest[2..];
            }
            b'\r' => {}
            b => out.push(b),
        }
    }
    out
}

#[test]
fn quoted_printable_encodes_what_must_be() {
    assert_eq!(quoted(b"a=b \xfc\t\nc "), b"a=3Db =FC=09\r\nc=20");
    assert_eq!(quoted(b"a\rb\0"), b"a=0Db=00");
    let long = quoted(&[b'x'; 80]);
    assert_eq!(long, [&[b'x'; 75][..], b"=\r\n", &[b'x'; 5]].concat());
}

#[test]
fn base64_pads() {
    for (data, want) in [
        ("", ""),
        ("f", "Zg==\r\n"),
        ("fo", "Zm8=\r\n"),
        ("foo", "Zm9v\r\n"),
    ] {
        let (mut encoder, mut out) = (Base64::default(), Vec::new());
        encoder.data(data.as_bytes(), &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        assert_eq!(out, want.as_bytes());
    }
}

proptest! {
    #[test]
    fn quoted_printable_reads_back(text in proptest::collection::vec(prop_oneof![
        any::<u8>(), Just(b' '), Just(b'\n'), Just(b'='), Just(b'a')], 0..400))
    {
        let text: Vec<u8> = text.into_iter().filter(|&b| b != b'\r').collect();
        let encoded = quoted(&text);
        prop_assert_eq!(unquoted(&encoded), text);
        for line in String::from_utf8(encoded).unwrap().split("\r\n") {
            prop_assert!(line.len() <= LINE && line.is_ascii());
            prop_assert!(!line.ends_with([' ', '\t']) && !line.contains(['\r', '\n']));
        }
    }

    #[test]
    fn base64_reads_back(data in proptest::collection::vec(any::<u8>(), 0..400), cut in 1_usize..80) {
        let (mut encoder, mut out) = (Base64::default(), Vec::new());
        for piece in data.chunks(cut) {
            encoder.data(piece, &mut out).unwrap();
        }
        encoder.finish(&mut out).unwrap();
        prop_assert!(out.split(|&b| b == b'\n').all(|line| line.len() <= LINE + 1));
        prop_assert_eq!(base64_decode(&out).unwrap_or_default(), data);
    }
}
