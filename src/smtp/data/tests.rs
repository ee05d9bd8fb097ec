use proptest::prelude::*;

use super::*;

const LINE: usize = 1000;

/// Content, findings (once the end was read), and what is left of the input.
#[derive(Debug, PartialEq)]
struct Read {
    content: Vec<u8>,
    end: Option<Content>,
    rest: Vec<u8>,
}

fn read(lf_ends: bool, pieces: &[&[u8]]) -> Read {
    let mut reader = DataReader::new(lf_ends, LINE);
    let mut read = Read {
        content: Vec::new(),
        end: None,
        rest: Vec::new(),
    };
    for mut piece in pieces.iter().copied() {
        while let Some(data) = reader.read(&mut piece) {
            match data {
                Data::Chunk(chunk) => {
                    assert!(!chunk.is_empty() && read.end.is_none());
                    read.content.extend_from_slice(chunk);
                }
                Data::End(content) => assert_eq!(read.end.replace(content), None, "two ends"),
            }
        }
        assert!(piece.is_empty() || read.end.is_some());
        read.rest.extend_from_slice(piece);
    }
    read
}

/// The plain meaning of the wire form, seen whole.
fn reference(lf_ends: bool, wire: &[u8]) -> Read {
    let mut content = Vec::new();
    let (mut bare_cr, mut bare_lf, mut long_line) = (false, false, false);
    let mut start = 0;
    for at in 0..wire.len() {
        let after_cr = at > start && wire[at - 1] == b'\r';
        if wire[at] != b'\n' || !(after_cr || lf_ends) {
            continue;
        }
        let line = &wire[start..at - usize::from(after_cr)];
        start = at + 1;
        if line == b"." {
            let fault = match () {
                () if bare_lf => Some(Fault::BareLf),
                () if bare_cr => Some(Fault::BareCr),
                () if content.contains(&0) => Some(Fault::Nul),
                () if long_line => Some(Fault::LongLine),
                () => None,
            };
            let eight_bit = content.iter().any(|b| *b > 127);
            let end = Some(Content {
                octets: content.len() as u64,
                eight_bit,
                fault,
            });
            return Read {
                content,
                end,
                rest: wire[start..].to_vec(),
            };
        }
        let line = line.strip_prefix(b".").unwrap_or(line);
        bare_cr |= line.contains(&b'\r');
        bare_lf |= line.contains(&b'\n');
        long_line |= line.len() + 2 > LINE;
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
    }
    Read {
        content,
        end: None,
        rest: Vec::new(),
    }
}

fn ended(content: &[u8], fault: Option<Fault>, rest: &[u8]) -> Read {
    let eight_bit = !content.is_ascii();
    let end = Some(Content {
        octets: content.len() as u64,
        eight_bit,
        fault,
    });
    Read {
        content: content.to_vec(),
        end,
        rest: rest.to_vec(),
    }
}

/// Every sequence of the table in security.md, put between text and commands:
/// none ends the message, the true end does, and the fault is told.
#[test]
fn l1_sv46_nothing_but_crlf_dot_crlf_ends_a_message() {
    use Fault::{BareCr, BareLf, Nul};
    for (sequence, fault) in [
        ("\n.\n", Some(BareLf)),
        ("\n.\r\n", Some(BareLf)),
        ("\r\n.\n", Some(BareLf)),
        ("\r.\r", Some(BareCr)),
        ("\r.\n", Some(BareLf)),
        ("\r.\r\n", Some(BareCr)),
        ("\n.\r", Some(BareLf)),
        ("\r\n.\r", Some(BareCr)),
        ("\r\n.\r\r\n", Some(BareCr)),
        ("\r\r\n.\r\r\n", Some(BareCr)),
        ("\n\r.\n\r", Some(BareLf)),
        ("\r\n\0.\r\n", Some(Nul)),
        ("\r\n.\0\r\n", Some(Nul)),
        ("\r\n.\r\0\n", Some(BareLf)),
        ("\r\n. \r\n", None),
        (" .\r\n", None),
        ("\t.\r\n", None),
        ("\r\n.\t\r\n", None),
        ("\x0b.\x0b", None),
        ("\x0c.\x0c", None),
        ("\u{85}.\u{85}", None),
        ("\u{2028}.\u{2028}", None),
        ("\r\n.\u{2028}", None),
        ("\r\n..\r\n", None),
    ] {
        let smuggled = format!("a{sequence}MAIL FROM:<x@y>\r\nRCPT TO:<z@y>\r\nDATA\r\n");
        let wire = format!("{smuggled}.\r\nQUIT\r\n");
        let read = read(false, &[wire.as_bytes()]);
        let end = read.end.expect(&wire);
        assert_eq!(end.fault, fault, "{sequence:?}");
        assert_eq!(read.rest, b"QUIT\r\n", "{sequence:?}");
        let unstuffed = smuggled.replace("\r\n.", "\r\n");
        assert_eq!(
            String::from_utf8_lossy(&read.content),
            unstuffed,
            "{sequence:?}"
        );
    }
    // CR CRLF before a true mark: a bare CR, but the mark is true.
    let after_cr = read(false, &[b"a\r\r\n.\r\nQUIT\r\n"]);
    assert_eq!(after_cr, ended(b"a\r\r\n", Some(BareCr), b"QUIT\r\n"));
}

#[test]
fn l2_the_true_end_in_pieces() {
    let empty = ended(b"", None, b"");
    assert_eq!(read(false, &[b".\r\n"]), empty);
    assert_eq!(read(false, &[b".", b"\r", b"\n"]), empty);
    let pieces: [&[u8]; 7] = [b"a", b"\r", b"\n", b".", b"\r", b"\n", b"NOOP\r\n"];
    assert_eq!(read(false, &pieces), ended(b"a\r\n", None, b"NOOP\r\n"));
}

#[test]
fn l3_sv45_exactly_one_dot_is_removed() {
    for (wire, content) in [
        (&b"..\r\n.\r\n"[..], &b".\r\n"[..]),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"..x\r\n...\r\nx.\r\n.\r\n", b".x\r\n..\r\nx.\r\n"),
        (b"\r\n..\r\n.\r\n", b"\r\n.\r\n"),
    ] {
        assert_eq!(read(false, &[wire]), ended(content, None, b""), "{wire:?}");
    }
    for n in [4095, 4096, 8191] {
        let line = [vec![b'x'; 62], b"\r\n".to_vec()].concat();
        let mut wire = line.repeat(n / 64);
        wire.resize(n - 2, b'y');
        wire.extend_from_slice(b"\r\n..\r\n.\r\n");
        let (head, tail) = wire.split_at(n + 1);
        let whole = read(false, &[&wire]);
        assert_eq!(whole.end.unwrap().fault, None);
        assert_eq!(read(false, &[head, tail]), whole);
    }
}

#[test]
fn l6_sv48_the_longest_line_passes_and_a_longer_one_is_told() {
    for (length, fault) in [
        (LINE - 2, None),
        (LINE - 1, Some(Fault::LongLine)),
        (100_000, Some(Fault::LongLine)),
    ] {
        let content = [vec![b'x'; length], b"\r\nnext\r\n".to_vec()].concat();
        let wire = [&content[..], b".\r\n"].concat();
        assert_eq!(read(false, &[&wire]), ended(&content, fault, b""));
        let pieces: Vec<&[u8]> = wire.chunks(7).collect();
        assert_eq!(read(false, &pieces), ended(&content, fault, b""));
    }
}

#[test]
fn l7_sv51_octets_pass_unchanged() {
    let content: Vec<u8> = (0..=255).filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let content = [&content[..], b"  \t\r\n"].concat();
    let wire = [&content[..], b".\r\n"].concat();
    assert_eq!(
        read(false, &[&wire]),
        ended(&content, Some(Fault::Nul), b"")
    );
    let clean = &content[1..];
    assert_eq!(read(false, &[&wire[1..]]), ended(clean, None, b""));
}

#[test]
fn bs_lf_ends_lines_and_comes_out_as_crlf() {
    for (wire, expected) in [
        (&b"a\n.\nQUIT\n"[..], ended(b"a\r\n", None, b"QUIT\n")),
        (b".\n", ended(b"", None, b"")),
        (b".\r\n", ended(b"", None, b"")),
        (
            b"a\r\nb\n\n..c\n.\r\n",
            ended(b"a\r\nb\r\n\r\n.c\r\n", None, b""),
        ),
        (b"a\rb\n.\n", ended(b"a\rb\r\n", Some(Fault::BareCr), b"")),
        (b".\rb\n.\n", ended(b"\rb\r\n", Some(Fault::BareCr), b"")),
        (b"a\r\r\n.\n", ended(b"a\r\r\n", Some(Fault::BareCr), b"")),
    ] {
        assert_eq!(read(true, &[wire]), expected, "{wire:?}");
    }
}

#[test]
fn nothing_is_taken_after_the_end() {
    let mut reader = DataReader::new(false, LINE);
    let mut input = &b".\r\n.\r\n"[..];
    assert!(matches!(reader.read(&mut input), Some(Data::End(_))));
    assert_eq!(reader.read(&mut input), None);
    assert_eq!(input, b".\r\n");
}

#[test]
fn clean_content_is_handed_out_in_one_piece() {
    let wire = b"line one\r\nline two\r\n".repeat(1000);
    let mut reader = DataReader::new(false, LINE);
    assert_eq!(reader.read(&mut &wire[..]), Some(Data::Chunk(&wire)));
}

#[test]
fn ex10_l8_bdat_takes_what_was_announced_and_no_more() {
    let mut reader = BdatReader::new(false, LINE);
    let mut input = &b"a\r"[..];
    reader.begin_chunk(0);
    assert_eq!(reader.read(&mut input), None);
    reader.begin_chunk(3);
    assert_eq!(reader.read(&mut input), Some(&b"a\r"[..]));
    assert_eq!((reader.read(&mut input), reader.left()), (None, 1));
    let mut input = &b"\n.\r\nMAIL"[..];
    assert_eq!(reader.read(&mut input), Some(&b"\n"[..]));
    assert_eq!((reader.read(&mut input), reader.left()), (None, 0));
    reader.begin_chunk(3);
    assert_eq!(reader.read(&mut input), Some(&b".\r\n"[..]));
    assert_eq!(input, b"MAIL");
    assert_eq!(
        reader.content(),
        Content {
            octets: 6,
            eight_bit: false,
            fault: None
        }
    );
    reader.begin_chunk(u64::MAX);
    assert_eq!(reader.read(&mut input), Some(&b"MAIL"[..]));
    assert_eq!(reader.left(), u64::MAX - 4);
}

#[test]
fn ex14_bdat_faults_as_with_data_but_for_binary() {
    for (content, fault) in [
        (&b"a\r\nb\r\n"[..], None),
        (b"a\r\nb", None),
        (b"a\r\n.\r\n..b\r\n", None),
        (b"a\r\n.\nb", Some(Fault::BareLf)),
        (b"a\nb\r\n", Some(Fault::BareLf)),
        (b"a\rb\r\n", Some(Fault::BareCr)),
        (b"a\r", Some(Fault::BareCr)),
        (b"\0", Some(Fault::Nul)),
        (&[b'x'; LINE + 1], Some(Fault::LongLine)),
    ] {
        for (binary, size) in [(false, 1), (false, 9999), (true, 1), (true, 9999)] {
            let mut reader = BdatReader::new(binary, LINE);
            for chunk in content.chunks(size) {
                reader.begin_chunk(chunk.len() as u64);
                assert_eq!(reader.read(&mut { chunk }), Some(chunk));
            }
            let fault = fault.filter(|_| !binary);
            let expected = Content {
                octets: content.len() as u64,
                eight_bit: false,
                fault,
            };
            assert_eq!(reader.content(), expected, "{content:?}");
        }
    }
}

fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let mut stuffer = Stuffer::default();
    let mut out = b"before".to_vec();
    for piece in pieces {
        stuffer.write(piece, &mut out);
    }
    stuffer.finish(&mut out);
    out.split_off(6)
}

#[test]
fn cl11_cl12_l4_what_is_sent() {
    for (content, wire) in [
        (&b""[..], &b".\r\n"[..]),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\r\n.b", b"a\r\n\r\n..b\r\n.\r\n"),
        (b"a\n\r.b", b"a\r\n\r\n..b\r\n.\r\n"),
        (b"\n", b"\r\n.\r\n"),
        (b"a.\r\nb.", b"a.\r\nb.\r\n.\r\n"),
    ] {
        assert_eq!(stuffed(&[content]), wire, "{content:?}");
        for cut in 0..=content.len() {
            let (head, tail) = content.split_at(cut);
            assert_eq!(stuffed(&[head, tail]), wire, "{content:?} cut at {cut}");
        }
    }
}

/// Bytes made of what matters here, and some filling.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    const LONG: [u8; LINE - 3] = [b'x'; LINE - 3];
    let atoms: [&[u8]; 11] = [
        b"\r\n", b"\r\n", b"\r\n.", b".", b".\r\n", b"\r", b"\n", b"\0", b"\xff", b"ab", &LONG,
    ];
    let atom = prop::sample::select(atoms.to_vec());
    proptest::collection::vec(atom, 0..20).prop_map(|atoms| atoms.concat())
}

proptest! {
    #[test]
    fn the_reader_equals_the_reference_however_it_is_cut(
        wire in tricky(),
        size in 1usize..40,
        lf_ends: bool,
    ) {
        let mut wire = wire;
        // Mostly with an end; without one the reference has whole lines only.
        if reference(lf_ends, &wire).end.is_none() {
            wire.extend_from_slice(b"\r\n.\r\nrest");
        }
        let expected = reference(lf_ends, &wire);
        prop_assert!(expected.end.is_some());
        let pieces: Vec<&[u8]> = wire.chunks(size).collect();
        prop_assert_eq!(&read(lf_ends, &pieces), &expected);
        prop_assert_eq!(&read(lf_ends, &[&wire]), &expected);
    }

    /// Two cuts at every place: packet borders mean nothing (EX-05).
    #[test]
    fn sent_content_is_read_back_at_every_cut(
        lines in proptest::collection::vec("[.a\\x00é]{0,3}", 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let content: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let (head, tail) = content.split_at(cut.index(content.len() + 1));
        let wire = stuffed(&[head, tail]);
        prop_assert_eq!(&wire, &stuffed(&[&content]));
        for cut in 0..=wire.len() {
            let (head, tail) = wire.split_at(cut);
            let read = read(false, &[head, tail, b"QUIT\r\n"]);
            prop_assert_eq!(&read.content, &content);
            prop_assert_eq!(&read.rest, b"QUIT\r\n");
        }
    }

    /// Whatever is stuffed arrives as one message without a bare line end.
    #[test]
    fn l4_the_stuffer_never_sends_a_bare_line_end(content in tricky(), size in 1usize..40) {
        let pieces: Vec<&[u8]> = content.chunks(size).collect();
        let wire = stuffed(&pieces);
        prop_assert_eq!(&wire, &stuffed(&[&content]));
        let read = read(false, &[&wire]);
        prop_assert!(read.rest.is_empty());
        let fault = read.end.unwrap().fault;
        prop_assert!(!matches!(fault, Some(Fault::BareCr | Fault::BareLf)), "{:?}", fault);
        let visible = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect()
        };
        prop_assert_eq!(visible(&read.content), visible(&content));
    }
}
