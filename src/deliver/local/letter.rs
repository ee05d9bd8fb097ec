//! A message as a mailbox holds it: LF line ends, its old Return-Path gone.

use std::io::{self, Read};

use crate::message::header;
use crate::message::lf::LfReader;

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

/// The message was delivered to this address before: an error of reading it (R5).
#[derive(Debug, thiserror::Error)]
#[error("mail for {0} is in a loop: it was delivered to that address before")]
pub struct Loop(String);

/// A message of the spool (CRLF) with LF line ends and without its Return-Path
/// fields, which only final delivery may write (SV-55).
pub struct Letter<'m, Q> {
    message: LfReader<'m>,
    /// What no Delivered-To field may hold.
    delivered_to: &'m str,
    lines: Lines<Q>,
    /// Octets of `lines.out` that were handed on.
    given: usize,
    at: At,
}

#[derive(PartialEq)]
enum At {
    Header,
    Body,
    End,
}

impl<'m, Q: Quote> Letter<'m, Q> {
    pub fn new(message: &'m mut dyn Read, quote: Q, delivered_to: &'m str) -> Self {
        Letter {
            message: LfReader::new(message),
            delivered_to,
            lines: Lines::new(quote),
            given: 0,
            at: At::Header,
        }
    }

    /// Reads the header now: a loop is told before anybody gets an octet.
    pub fn checked(mut self) -> io::Result<Self> {
        self.header()?;
        Ok(self)
    }

    fn header(&mut self) -> io::Result<()> {
        let mut head = Vec::new();
        let mut piece = vec![0; PIECE];
        let end = loop {
            let n = self.message.read(&mut piece)?;
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
        for field in header::fields(fields) {
            if field.is("Delivered-To") && self.is_ours(field.value) {
                return Err(io::Error::other(Loop(self.delivered_to.to_owned())));
            }
            if !field.is("Return-Path") {
                self.lines.write(field.raw);
            }
        }
        self.lines.write(rest);
        self.at = At::Body;
        Ok(())
    }

    fn is_ours(&self, value: &[u8]) -> bool {
        let value = value.trim_ascii();
        !value.is_empty() && value.eq_ignore_ascii_case(self.delivered_to.as_bytes())
    }

    fn body(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        match self.message.read(&mut piece)? {
            0 => {
                self.lines.finish();
                self.at = At::End;
            }
            n => self.lines.write(piece.get(..n).unwrap_or_default()),
        }
        Ok(())
    }
}

impl<Q: Quote> Read for Letter<'_, Q> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.lines.out.len() {
            self.lines.out.clear();
            self.given = 0;
            match self.at {
                At::Header => self.header()?,
                At::Body => self.body()?,
                At::End => return Ok(0),
            }
        }
        let mut rest = self.lines.out.get(self.given..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.given += n;
        Ok(n)
    }
}

/// Longest run of `>` that is still seen as quoting.
const LOOK: usize = 256;

/// Quotes LF lines that come in pieces cut anywhere.
struct Lines<Q> {
    out: Vec<u8>,
    quote: Q,
    /// The begin of a line, held until it is known whether it is quoted.
    start: Vec<u8>,
    at_start: bool,
}

impl<Q: Quote> Lines<Q> {
    fn new(quote: Q) -> Self {
        Lines {
            out: Vec::new(),
            quote,
            start: Vec::new(),
            at_start: true,
        }
    }

    fn write(&mut self, octets: &[u8]) {
        if !Q::LOOKS {
            return self.out.extend_from_slice(octets);
        }
        for line in octets.split_inclusive(|b| *b == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    self.text(text);
                    self.end_line();
                }
                None => self.text(line),
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        if !self.at_start {
            return self.out.extend_from_slice(text);
        }
        self.start.extend_from_slice(text);
        if self.start.len() >= LOOK {
            self.release();
        }
    }

    fn release(&mut self) {
        if self.quote.needs(&self.start) {
            self.out.push(b'>');
        }
        self.out.append(&mut self.start);
        self.at_start = false;
    }

    fn end_line(&mut self) {
        if self.at_start {
            self.release();
        }
        self.at_start = true;
        self.out.push(b'\n');
    }

    /// A message in an mbox ends with a line end.
    fn finish(&mut self) {
        if Q::LOOKS && (!self.start.is_empty() || !self.at_start) {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mailbox<Q: Quote>(message: &[u8], quote: Q) -> String {
        let mut out = String::new();
        let mut message = message;
        Letter::new(&mut message, quote, "me@here.example")
            .read_to_string(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn old_return_path_goes_and_line_ends_become_lf() {
        // SV-55
        let message =
            b"return-path: <old@x>\r\n folded\r\nFrom: a@b\r\n\r\nFrom me\r\n>From you\r\n";
        assert_eq!(mailbox(message, Plain), "From: a@b\n\nFrom me\n>From you\n");
        assert_eq!(
            mailbox(message, Mboxrd),
            "From: a@b\n\n>From me\n>>From you\n"
        );
    }

    #[test]
    fn r5_what_was_delivered_here_before_is_a_loop() {
        let again = |field: &str| {
            let message = format!("{field}\r\n\r\nDelivered-To: me@here.example\r\n");
            let mut message = message.as_bytes();
            let read = Letter::new(&mut message, Plain, "me@here.example")
                .read_to_string(&mut String::new());
            read.is_err_and(|e| e.get_ref().is_some_and(|e| e.is::<Loop>()))
        };
        assert!(again("delivered-to:  Me@Here.Example "));
        assert!(!again("Delivered-To: you@here.example"));
        assert!(!again("X-Delivered-To: me@here.example"));
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
            let mut out = String::new();
            let mut cut = Cut(message.as_bytes(), size);
            Letter::new(&mut cut, Mboxrd, "").read_to_string(&mut out).unwrap();
            prop_assert_eq!(out, mailbox(message.as_bytes(), Mboxrd));
        }
    }
}
