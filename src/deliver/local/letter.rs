//! A message as a mailbox holds it: LF line ends, its old Return-Path gone.

use std::io::{self, BufWriter, Read, Write};

use crate::message::header;

/// Read at once.
const PIECE: usize = 64 * 1024;

/// A header over this keeps what it has (DESIGN section 8).
const MAX_HEADER: usize = 16 * 1024 * 1024;

/// What a form of mailbox does at the begin of each line.
pub trait Quote {
    /// `line`: the line's first octets, up to its end or what is known of it.
    /// True where `>` goes before it.
    fn needs(&mut self, line: &[u8]) -> bool;
    /// Whether lines have to be looked at.
    const LOOKS: bool;
}

/// A Maildir holds a message as it is.
pub struct Plain;

impl Quote for Plain {
    const LOOKS: bool = false;
    fn needs(&mut self, _: &[u8]) -> bool {
        false
    }
}

/// mboxrd: `From `, also behind any number of `>`, gets one more `>`.
pub struct Mboxrd;

impl Quote for Mboxrd {
    const LOOKS: bool = true;
    fn needs(&mut self, line: &[u8]) -> bool {
        let bare = line.iter().position(|b| *b != b'>').unwrap_or(line.len());
        line.get(bare..).unwrap_or_default().starts_with(b"From ")
    }
}

/// Copies a message of the spool (CRLF) with LF line ends and without its
/// Return-Path fields, which only final delivery may write (SV-55).
pub fn copy<Q: Quote>(
    message: &mut dyn Read,
    out: &mut dyn Write,
    quote: &mut Q,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(PIECE, out);
    let mut head = Vec::new();
    let mut piece = vec![0; PIECE];
    let end = loop {
        let n = read(message, &mut piece)?;
        head.extend_from_slice(piece.get(..n).unwrap_or_default());
        let is_all = n == 0 || head.len() >= MAX_HEADER;
        if let Some((end, _)) = header::split(&head, is_all) {
            break end;
        }
        if is_all {
            break 0;
        }
    };
    let (fields, rest) = head.split_at_checked(end).unwrap_or((&head, &[]));
    let mut lines = Lines::new(&mut out, quote);
    for field in header::fields(fields) {
        if !field.is("Return-Path") {
            lines.write(field.raw)?;
        }
    }
    lines.write(rest)?;
    loop {
        match read(message, &mut piece)? {
            0 => break,
            n => lines.write(piece.get(..n).unwrap_or_default())?,
        }
    }
    lines.finish()?;
    out.flush()
}

fn read(from: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(piece) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Longest run of `>` that is still seen as quoting.
const LOOK: usize = 256;

/// Turns CRLF into LF, line by line, in pieces cut anywhere.
struct Lines<'a, W: Write, Q> {
    out: &'a mut W,
    quote: &'a mut Q,
    /// The begin of a line, held until it is known whether it is quoted.
    start: Vec<u8>,
    at_start: bool,
    cr: bool,
}

impl<'a, W: Write, Q: Quote> Lines<'a, W, Q> {
    fn new(out: &'a mut W, quote: &'a mut Q) -> Self {
        Lines {
            out,
            quote,
            start: Vec::new(),
            at_start: true,
            cr: false,
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        for line in octets.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = match line.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (line, false),
            };
            if std::mem::take(&mut self.cr) && !(ends && text.is_empty()) {
                self.text(b"\r")?;
            }
            let (text, cr) = match text.strip_suffix(b"\r") {
                Some(text) => (text, true),
                None => (text, false),
            };
            self.text(text)?;
            match ends {
                true => self.end_line()?,
                false => self.cr = cr,
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        if !(Q::LOOKS && self.at_start) {
            return self.out.write_all(text);
        }
        self.start.extend_from_slice(text);
        if self.start.len() >= LOOK {
            self.release()?;
        }
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        if self.quote.needs(&self.start) {
            self.out.write_all(b">")?;
        }
        self.out.write_all(&self.start)?;
        self.start.clear();
        self.at_start = false;
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if Q::LOOKS && self.at_start {
            self.release()?;
        }
        self.at_start = true;
        self.out.write_all(b"\n")
    }

    /// A mailbox's message ends with a line end.
    fn finish(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.cr) {
            self.text(b"\r")?;
        }
        let unended = !self.start.is_empty() || (Q::LOOKS && !self.at_start);
        match unended {
            true => self.end_line(),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mailbox<Q: Quote>(message: &[u8], mut quote: Q) -> String {
        let mut out = Vec::new();
        copy(&mut &message[..], &mut out, &mut quote).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn old_return_path_goes_and_line_ends_become_lf() {
        // SV-55
        let message = b"return-path: <old@x>\r\n folded\r\nFrom: a@b\r\n\r\nFrom me\r\n>From you\r\n";
        assert_eq!(
            mailbox(message, Plain),
            "From: a@b\n\nFrom me\n>From you\n"
        );
        assert_eq!(
            mailbox(message, Mboxrd),
            "From: a@b\n\n>From me\n>>From you\n"
        );
    }

    #[test]
    fn a_body_that_looks_like_a_field_stays() {
        let message = b"From: a@b\r\n\r\nReturn-Path: <x>\r\n";
        assert_eq!(mailbox(message, Plain), "From: a@b\n\nReturn-Path: <x>\n");
    }

    #[test]
    fn a_missing_last_line_end_is_added_in_an_mbox() {
        assert_eq!(mailbox(b"A: b\r\n\r\nFrom x", Mboxrd), "A: b\n\n>From x\n");
        assert_eq!(mailbox(b"A: b\r\n\r\nno", Mboxrd), "A: b\n\nno\n");
    }

    /// Gives its text in pieces of the sizes given.
    struct Cut<'a>(&'a [u8], usize);

    impl Read for Cut<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buf.len()).min(self.0.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(body in "(\r\n|\r|>|From |x){0,40}", size in 1usize..9) {
            let message = format!("A: b\r\n\r\n{body}\r\n");
            let mut out = Vec::new();
            copy(&mut Cut(message.as_bytes(), size), &mut out, &mut Mboxrd).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), mailbox(message.as_bytes(), Mboxrd));
        }
    }
}
