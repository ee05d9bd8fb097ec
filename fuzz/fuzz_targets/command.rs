//! Command lines: the reader gives the same lines however the input is cut,
//! none beyond its bound; a command that parses is written as one line that
//! means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::smtp::command::Command;
use smtputils::smtp::line::{Line, LineReader, MAX_COMMAND};

// The first octet is the size of the pieces.
fuzz_target!(|data: &[u8]| {
    let Some((&size, input)) = data.split_first() else {
        return;
    };
    for lf_ends in [false, true] {
        let lines = read(lf_ends, std::iter::once(input));
        assert_eq!(lines, read(lf_ends, input.chunks(usize::from(size).max(1))));
        lines.iter().flatten().for_each(|line| check(line));
    }
    check(input);
});

/// `None` for a line that was refused.
fn read<'a>(lf_ends: bool, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut reader = LineReader::new(lf_ends);
    let mut lines = Vec::new();
    for mut piece in pieces {
        while let Some(line) = reader.read(&mut piece) {
            lines.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong | Line::BareLineEnd => None,
            });
        }
        assert!(piece.is_empty());
    }
    for line in lines.iter().flatten() {
        assert!(line.len() <= MAX_COMMAND - 2);
        assert!(!line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
    }
    lines
}

fn check(line: &[u8]) {
    let Ok(command) = Command::parse(line) else {
        return;
    };
    let mut out = Vec::new();
    command
        .write(true, &mut out)
        .expect("what parses can be written");
    let body = out.strip_suffix(b"\r\n").expect("a line");
    assert!(!body.iter().any(u8::is_ascii_control));
    assert_eq!(Command::parse(body).as_ref(), Ok(&command));
    let mut plain = Vec::new();
    assert_eq!(command.write(false, &mut plain).is_ok(), out.is_ascii());
}
