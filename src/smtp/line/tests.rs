use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Whole(Vec<u8>),
    TooLong,
    Bare,
}

/// Feeds the pieces one after another, as a driver does.
fn events(lf_ends: bool, pieces: &[&[u8]]) -> Vec<Event> {
    let mut reader = LineReader::new(lf_ends);
    let mut events = Vec::new();
    for mut piece in pieces.iter().copied() {
        while let Some(line) = reader.read(&mut piece) {
            events.push(match line {
                Line::Whole(line) => Event::Whole(line.to_vec()),
                Line::TooLong => Event::TooLong,
                Line::BareLineEnd => Event::Bare,
            });
        }
        assert!(piece.is_empty());
    }
    events
}

fn whole(line: &[u8]) -> Event {
    Event::Whole(line.to_vec())
}

#[test]
fn lines_end_at_crlf_only() {
    assert_eq!(
        events(false, &[b"NOOP\r\n\r\nQUIT\r\nxx"]),
        [whole(b"NOOP"), whole(b""), whole(b"QUIT")]
    );
}

#[test]
fn sv47_l7_bare_line_ends_and_nul_are_no_commands() {
    for (line, expected) in [
        (&b"NOOP\nRSET\r\n"[..], vec![Event::Bare]),
        (b"\nNOOP\r\n", vec![Event::Bare]),
        (b"NOOP\n\r\n", vec![Event::Bare]),
        (b"NO\rOP\r\n", vec![Event::Bare]),
        (b"NOOP\r\r\n", vec![Event::Bare]),
        (b"NO\0OP\r\n", vec![Event::Bare]),
        (b"NOOP\n", vec![]),
        (b"A\nB\r\nC\r\n", vec![Event::Bare, whole(b"C")]),
    ] {
        assert_eq!(events(false, &[line]), expected, "{line:?}");
    }
}

#[test]
fn lf_ends_lines_on_stdin() {
    let input = b"NOOP\nRSET\r\n\nA\rB\nC\0\nD\r\r\nE\n";
    let expected = [
        whole(b"NOOP"),
        whole(b"RSET"),
        whole(b""),
        Event::Bare,
        Event::Bare,
        Event::Bare,
        whole(b"E"),
    ];
    assert_eq!(events(true, &[input]), expected);
}

#[test]
fn sv18_l6_a_long_line_is_swallowed_and_told_once() {
    let fits = vec![b'x'; MAX_COMMAND - 2];
    let long = vec![b'x'; MAX_COMMAND - 1];
    let huge = vec![b'x'; 1 << 20];
    for (line, expected) in [
        (&fits, whole(&fits)),
        (&long, Event::TooLong),
        (&huge, Event::TooLong),
    ] {
        let input = [line, &b"\r\nNOOP\r\n"[..]].concat();
        assert_eq!(events(false, &[&input]), [expected.clone(), whole(b"NOOP")]);
        let (head, tail) = input.split_at(line.len() / 2);
        assert_eq!(events(false, &[head, tail]), [expected, whole(b"NOOP")]);
    }
}

#[test]
fn memory_is_bounded_and_gone_when_idle() {
    let mut reader = LineReader::new(false);
    for _ in 0..1000 {
        assert_eq!(reader.read(&mut &[b'x'; 1024][..]), None);
        assert!(reader.held.capacity() <= 2 * MAX_COMMAND);
    }
    assert!(reader.is_partial());
    assert_eq!(reader.read(&mut &b"\r\n"[..]), Some(Line::TooLong));
    assert!(!reader.is_partial());

    assert_eq!(reader.read(&mut &b"NO"[..]), None);
    assert_eq!(reader.read(&mut &b"OP\r\n"[..]), Some(Line::Whole(b"NOOP")));
    assert!(!reader.is_partial());
    assert_eq!(reader.read(&mut &b""[..]), None);
    assert_eq!(reader.held.capacity(), 0);
}

/// What the lines are, seen whole.
fn reference(lf_ends: bool, input: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut start = 0;
    for at in 0..input.len() {
        let after_cr = at > start && input[at - 1] == b'\r';
        if input[at] != b'\n' || !(after_cr || lf_ends) {
            continue;
        }
        let line = &input[start..at - usize::from(after_cr)];
        let is_bare = line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
        events.push(match line {
            line if line.len() > MAX_COMMAND - 2 => Event::TooLong,
            _ if is_bare => Event::Bare,
            line => whole(line),
        });
        start = at + 1;
    }
    events
}

#[test]
fn ex05_every_cut_in_three_gives_the_same() {
    let input = b"NOOP\r\nA\nB\r\n\r\nC\r\r\n\rQUIT\r\n";
    for lf_ends in [false, true] {
        let expected = reference(lf_ends, input);
        for a in 0..=input.len() {
            for b in a..=input.len() {
                let pieces = [&input[..a], &input[a..b], &input[b..]];
                assert_eq!(events(lf_ends, &pieces), expected, "{a} {b}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_read_like_the_whole(
        atoms in proptest::collection::vec(
            prop_oneof![
                "\r\n|\r|\n|\0|[a-c]{1,3}".prop_map(String::into_bytes),
                (4090usize..4100).prop_map(|n| vec![b'x'; n]),
            ],
            0..24,
        ),
        size in 1usize..5000,
        lf_ends: bool,
    ) {
        let input = atoms.concat();
        let pieces: Vec<&[u8]> = input.chunks(size).collect();
        prop_assert_eq!(events(lf_ends, &pieces), reference(lf_ends, &input));
    }
}
