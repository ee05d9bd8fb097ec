use proptest::prelude::*;

use super::*;
use crate::class::Class;

fn written(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn read_all(mut input: &[u8]) -> Result<Vec<Reply>, ReplyError> {
    let mut reader = ReplyReader::default();
    let mut replies = Vec::new();
    while let Some(reply) = reader.read(&mut input)? {
        replies.push(reply);
    }
    Ok(replies)
}

fn read_one(input: &[u8]) -> Reply {
    let mut replies = read_all(input).unwrap();
    assert_eq!(replies.len(), 1, "{input:?}");
    replies.remove(0)
}

fn reply(code: u16, enhanced: Option<Enhanced>, lines: &[&str]) -> Reply {
    Reply {
        code,
        enhanced,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

#[test]
fn sv16_ex15_each_line_bears_code_and_enhanced_code() {
    let no_user = Some(Enhanced(5, 1, 1));
    for (reply, wire) in [
        (reply(250, None, &["ok"]), "250 ok\r\n"),
        (reply(250, None, &[""]), "250 \r\n"),
        (reply(250, None, &[]), "250 \r\n"),
        (
            reply(250, None, &["h", "DSN", "SIZE 0"]),
            "250-h\r\n250-DSN\r\n250 SIZE 0\r\n",
        ),
        (
            reply(550, no_user, &["no", "such"]),
            "550-5.1.1 no\r\n550 5.1.1 such\r\n",
        ),
    ] {
        assert_eq!(written(&reply), wire);
    }
}

#[test]
fn i7_what_is_written_is_printable_ascii() {
    assert_eq!(
        written(&Reply::new(550, (0, 0, 0), "a\r\n250 ok\0\x1b")),
        "550 a??250 ok??\r\n"
    );
    let forged = reply(550, None, &["a\r\n250 ok", "ü"]);
    assert_eq!(written(&forged), "550-a??250 ok\r\n550 ?\r\n");
    assert_eq!(forged.to_string(), "550 a??250 ok ü");
}

#[test]
fn sv17_no_line_is_longer_than_512_octets() {
    let words = "word ".repeat(300);
    let solid = "x".repeat(1500);
    for (text, parts) in [(words.trim_end(), 3), (&solid, 3)] {
        let out = written(&Reply::new(451, (4, 3, 0), text));
        let lines: Vec<&str> = out.split_inclusive("\r\n").collect();
        assert_eq!(lines.len(), parts);
        assert!(lines.iter().all(|line| line.len() <= MAX_REPLY_LINE));
        assert!(lines[0].starts_with("451-4.3.0 ") && lines[2].starts_with("451 4.3.0 "));
    }
    let exact = "x".repeat(MAX_REPLY_LINE - 6);
    assert_eq!(
        written(&Reply::new(250, (0, 0, 0), exact)).len(),
        MAX_REPLY_LINE
    );
    let joined = read_one(written(&Reply::new(451, (4, 3, 0), words.trim_end())).as_bytes());
    assert_eq!(joined.lines.join(" "), words.trim_end());
}

#[test]
fn replies_for_a_class_bear_its_codes() {
    let reply = Reply::for_class(Class::NoUser, "no such user here");
    assert_eq!(reply.to_string(), "550 5.1.1 no such user here");
    assert!(reply.is_permanent() && !reply.is_transient() && !reply.is_positive());
    assert!(Reply::for_class(Class::Io, "x").is_transient());
}

#[test]
fn cl04_replies_in_the_wild() {
    for (wire, expected) in [
        ("250\r\n", reply(250, None, &[""])),
        ("250 \r\n", reply(250, None, &[""])),
        ("250-\r\n250\r\n", reply(250, None, &["", ""])),
        ("299 odd\r\n", reply(299, None, &["odd"])),
        ("354 go\r\n", reply(354, None, &["go"])),
        (
            "550 5.1.1 <a@b>: unknown\r\n",
            reply(550, Some(Enhanced(5, 1, 1)), &["<a@b>: unknown"]),
        ),
        (
            "550-5.7.1 a\r\n550-b\r\n550 5.7.1 c\r\n",
            reply(550, Some(Enhanced(5, 7, 1)), &["a", "b", "c"]),
        ),
        (
            "550-a\r\n550 5.7.1 b\r\n",
            reply(550, Some(Enhanced(5, 7, 1)), &["a", "b"]),
        ),
        ("250 2.0.0\r\n", reply(250, Some(Enhanced(2, 0, 0)), &[""])),
        (
            "550 4.1.1 class differs\r\n",
            reply(550, None, &["4.1.1 class differs"]),
        ),
        ("550 5.1.1x\r\n", reply(550, None, &["5.1.1x"])),
        ("550 5.1 x\r\n", reply(550, None, &["5.1 x"])),
        ("550 5.1234.1 x\r\n", reply(550, None, &["5.1234.1 x"])),
        ("550 5.1.1.1 x\r\n", reply(550, None, &["5.1.1.1 x"])),
        (
            "550 a\0b\rc\x1b\u{202f}\r\n",
            reply(550, None, &["a?b?c?\u{202f}"]),
        ),
        ("220-a\r\n220 b \t\r\n", reply(220, None, &["a", "b"])),
    ] {
        assert_eq!(read_one(wire.as_bytes()), expected, "{wire:?}");
    }
    assert_eq!(read_one(b"550 \xff\xfe\r\n").lines, ["\u{fffd}\u{fffd}"]);
    assert_eq!(
        read_all(b"250 a\r\n250-b\r\n250 c\r\n550").unwrap().len(),
        2
    );
}

#[test]
fn i5_cl05_broken_replies() {
    for wire in [
        &b"hello\r\n"[..],
        b"\r\n",
        b"2x0 ok\r\n",
        b"25\r\n",
        b"000 x\r\n",
        b"199 x\r\n",
        b"600 x\r\n",
        b"999 x\r\n",
        b"2500 x\r\n",
        b"250x\r\n",
        b" 250 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\nb\r\n",
        b"250 a\n",
        b"\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x16\x03\x01\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ] {
        let error = read_all(wire).expect_err(&String::from_utf8_lossy(wire));
        assert!(
            !error.0.contains(is_control) && error.0.len() < 200,
            "{error}"
        );
    }
}

#[test]
fn i5_bounds() {
    let line = |n: usize| [b"250-", vec![b'x'; n].as_slice(), b"\r\n"].concat();
    let end = b"250 end\r\n";
    let reply = read_one(&[&line(60_000)[..], end].concat());
    assert_eq!(reply.lines[0].len(), MAX_KEPT_LINE - 4);
    assert!(read_all(&line(MAX_REPLY)).is_err());
    assert!(read_all(&vec![b'2'; MAX_REPLY + 1]).is_err());
    assert_eq!(
        read_one(&[&line(1).repeat(MAX_REPLY_LINES - 1)[..], end].concat())
            .lines
            .len(),
        100
    );
    assert!(read_all(&[&line(1).repeat(MAX_REPLY_LINES)[..], end].concat()).is_err());
    assert!(read_all(&line(1).repeat(100_000)).is_err());
    // The bounds are those of one reply, not of the connection.
    assert_eq!(read_all(&end.repeat(10_000)).unwrap().len(), 10_000);
}

#[test]
fn a_reply_under_way_is_told() {
    let mut reader = ReplyReader::default();
    assert!(!reader.is_partial());
    for piece in [&b"2"[..], b"50-a\r\n", b"250 b\r"] {
        assert_eq!(reader.read(&mut &*piece), Ok(None));
        assert!(reader.is_partial());
    }
    let mut rest = &b"\n250 next\r\n"[..];
    assert!(reader.read(&mut rest).unwrap().is_some());
    assert!(!reader.is_partial());
    assert_eq!(rest, b"250 next\r\n", "only one reply is taken");
}

#[test]
fn enhanced_codes_parse_and_print() {
    for text in ["2.0.0", "4.3.5", "5.123.456"] {
        assert_eq!(text.parse::<Enhanced>().unwrap().to_string(), text);
    }
    for text in [
        "", "5", "5.1", "5.1.", "3.0.0", "5.1.1.1", "5.1.1234", "5.+1.1", "55.1.1", "5..1",
        " 5.1.1",
    ] {
        assert!(text.parse::<Enhanced>().is_err(), "{text}");
    }
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let enhanced = proptest::option::of((0u16..1000, 0u16..1000));
    // Text that does not itself begin like an enhanced code or end in a blank.
    let lines = proptest::collection::vec("([a-zA-Z<(-]([ -~]{0,80}[!-~])?)?", 1..6);
    (200u16..600, enhanced, lines).prop_map(|(code, enhanced, lines)| {
        let class = u8::try_from(code / 100).unwrap();
        let enhanced = enhanced
            .filter(|_| class != 3)
            .map(|(s, d)| Enhanced(class, s, d));
        Reply {
            code,
            enhanced,
            lines,
        }
    })
}

proptest! {
    #[test]
    fn written_replies_read_back_at_every_cut(reply in any_reply()) {
        let wire = written(&reply);
        for cut in 0..wire.len() {
            let mut reader = ReplyReader::default();
            let (mut head, mut tail) = wire.as_bytes().split_at(cut);
            prop_assert_eq!(reader.read(&mut head), Ok(None));
            prop_assert_eq!(reader.read(&mut tail), Ok(Some(reply.clone())));
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_give_the_same(
        input in r"((250|550|2x)[- ]?(5\.1\.1 )?[a-z\x00é]{0,3}(\r\n|\n|\r)?){0,6}",
        size in 1usize..8,
    ) {
        let whole = read_all(input.as_bytes());
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        let mut failed = false;
        'feed: for mut piece in input.as_bytes().chunks(size) {
            loop {
                match reader.read(&mut piece) {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(_) => { failed = true; break 'feed; }
                }
            }
        }
        prop_assert_eq!(failed, whole.is_err());
        if let Ok(whole) = whole {
            for reply in &whole {
                prop_assert!(!reply.to_string().contains(is_control));
            }
            prop_assert_eq!(replies, whole);
        }
    }
}
