use proptest::prelude::*;

use super::*;
use crate::message::header;

fn convert(pieces: &[&[u8]], dot_ends: bool) -> (Vec<u8>, Option<End>) {
    let (mut ends, mut out) = (LineEnds::new(dot_ends), Vec::new());
    for piece in pieces {
        ends.push(piece, &mut out);
    }
    ends.finish(&mut out);
    (out, ends.header_end())
}

fn whole(input: &[u8]) -> String {
    String::from_utf8(convert(&[input], true).0).unwrap()
}

#[test]
fn line_ends_become_crlf() {
    let table = [
        ("", ""),
        ("A: 1\n\nb\n", "A: 1\r\n\r\nb\r\n"),
        ("A: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n"),
        ("A: 1\r\n\nb\r\nc\n", "A: 1\r\n\r\nb\r\nc\r\n"),
        ("A: 1\r\r\n\r\r\r\nb", "A: 1\r\n\r\nb\r\n"),
        ("A: 1\n\nno line end", "A: 1\r\n\r\nno line end\r\n"),
        ("A: 1\n\nx\r", "A: 1\r\n\r\nx\r\n"),
        ("\n", "\r\n"),
    ];
    for (input, output) in table {
        assert_eq!(whole(input.as_bytes()), output, "{input:?}");
    }
}

#[test]
fn bare_cr_is_a_blank_in_the_header_and_a_line_end_in_the_body() {
    let table = [
        (
            "A: 1\r2\n\nb\rc\r\rd\n",
            "A: 1 2\r\n\r\nb\r\nc\r\n\r\nd\r\n",
        ),
        // In a line that turns out to be no field, so to be body.
        ("hello\rworld\n", "hello\r\nworld\r\n"),
        ("hello\r: x\n\nb", "hello : x\r\n\r\nb\r\n"),
        ("\rhello\n", "\r\nhello\r\n"),
        ("A: 1\n\rfolded\n\nb\n", "A: 1\r\n folded\r\n\r\nb\r\n"),
        ("one\rtwo\rthree", "one\r\ntwo\r\nthree\r\n"),
    ];
    for (input, output) in table {
        assert_eq!(whole(input.as_bytes()), output, "{input:?}");
    }
}

#[test]
fn only_a_lone_dot_ends_the_message() {
    let table = [
        ("A: 1\n\na\n.\nlost\n", "A: 1\r\n\r\na\r\n"),
        ("A: 1\n\na\n.\r\nlost\n", "A: 1\r\n\r\na\r\n"),
        ("A: 1\n\na\n.", "A: 1\r\n\r\na\r\n"),
        ("A: 1\n\na\n..\n.x\n", "A: 1\r\n\r\na\r\n..\r\n.x\r\n"),
        ("A: 1\n\na\n. \nb", "A: 1\r\n\r\na\r\n. \r\nb\r\n"),
        ("A: 1\n\na.\nb", "A: 1\r\n\r\na.\r\nb\r\n"),
        ("A: 1\n.\nlost", "A: 1\r\n"),
        (".\nlost", ""),
        (".", ""),
        // A stray CR makes no lone dot: what follows stays.
        ("A: 1\n\na\r.\nkept\n", "A: 1\r\n\r\na\r\n.\r\nkept\r\n"),
        ("A: 1\n\na\n.\rkept\n", "A: 1\r\n\r\na\r\n.\r\nkept\r\n"),
        ("A: 1\n\na\n.\0\nkept\n", "A: 1\r\n\r\na\r\n.\r\nkept\r\n"),
        ("A: 1\n\na\n\0.\nlost\n", "A: 1\r\n\r\na\r\n"),
    ];
    for (input, output) in table {
        assert_eq!(whole(input.as_bytes()), output, "{input:?}");
    }
    let (out, _) = convert(&[b"A: 1\n\na\n.\nb\n."], false);
    assert_eq!(out, b"A: 1\r\n\r\na\r\n.\r\nb\r\n.\r\n");
}

#[test]
fn nul_is_dropped() {
    assert_eq!(whole(b"A\0: 1\n\0\nb\0c\r\0\n\0"), "A: 1\r\n\r\nbc\r\n");
}

#[test]
fn body_only_input_keeps_no_header_rules() {
    let (mut ends, mut out) = (LineEnds::new(false), Vec::new());
    ends.in_body();
    ends.push(b"A: 1\r2\n", &mut out);
    ends.finish(&mut out);
    assert_eq!(out, b"A: 1\r\n2\r\n");
    assert_eq!(ends.header_end(), None);
}

#[test]
fn tells_when_the_dot_came() {
    let (mut ends, mut out) = (LineEnds::new(true), Vec::new());
    assert!(!ends.push(b"a\n.", &mut out));
    assert!(ends.push(b"\n", &mut out));
    assert!(ends.push(b"more", &mut out));
    assert_eq!(out, b"a\r\n");
}

#[test]
fn every_cut_gives_the_same() {
    let inputs: [&[u8]; 4] = [
        b"From x\nA: 1\r\r\n b\rc\n\n..\n.\r\rx\0\ny\r\n.\0.\n\r.\n.\r\nlost",
        b"word\r\rword\n.",
        b"A \r: x\r\n\r\r\nb\r",
        b"\r\r.\n..\0\r\n",
    ];
    for input in inputs {
        let once = convert(&[input], true);
        for a in 0..=input.len() {
            for b in a..=input.len() {
                assert_eq!(
                    convert(&[&input[..a], &input[a..b], &input[b..]], true),
                    once,
                    "{a} {b}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn output_is_lines(input in proptest::collection::vec(prop_oneof![
        Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0), Just(b':'), Just(b' '), any::<u8>()], 0..60), cut in 0_usize..60)
    {
        let cut = cut.min(input.len());
        let (out, end) = convert(&[&input[..cut], &input[cut..]], true);
        prop_assert_eq!((&out, end), (&convert(&[&input], true).0, end));
        let without = String::from_utf8_lossy(&out).replace("\r\n", "");
        prop_assert!(!without.contains(['\r', '\n', '\0']));
        prop_assert!(out.is_empty() || out.ends_with(b"\r\n"));
        // The same rule finds the header in what comes out.
        let end = end.unwrap();
        prop_assert_eq!(Some((end.header as usize, end.body as usize)), header::split(&out, true));
    }
}
