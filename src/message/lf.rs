//! A message as Unix programs and mailboxes want it: LF ends a line.

use std::io::{self, Read};

/// Read at once.
const PIECE: usize = 64 * 1024;

/// Reads CRLF as LF. A CR that no LF follows stays.
pub struct LfReader<'a> {
    message: &'a mut dyn Read,
    piece: Vec<u8>,
    out: Vec<u8>,
    given: usize,
    /// A CR that a LF may follow.
    cr: bool,
    is_over: bool,
}

impl<'a> LfReader<'a> {
    pub fn new(message: &'a mut dyn Read) -> LfReader<'a> {
        LfReader {
            message,
            piece: vec![0; PIECE],
            out: Vec::new(),
            given: 0,
            cr: false,
            is_over: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.given = 0;
        let n = self.message.read(&mut self.piece)?;
        let mut rest = self.piece.get(..n).unwrap_or_default();
        if self.cr && !rest.starts_with(b"\n") {
            self.out.push(b'\r');
        }
        self.cr = false;
        self.is_over = n == 0;
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (before, behind) = rest.split_at(at);
            self.out.extend_from_slice(before);
            match behind.get(1) {
                None => self.cr = true,
                Some(b'\n') => {}
                Some(_) => self.out.push(b'\r'),
            }
            rest = behind.get(1..).unwrap_or_default();
        }
        self.out.extend_from_slice(rest);
        Ok(())
    }
}

impl Read for LfReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() && !self.is_over {
            self.fill()?;
        }
        let mut rest = self.out.get(self.given..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its text in pieces of the size given.
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
        fn pieces_do_not_matter(text in "[\r\nab]{0,40}", size in 1usize..9) {
            let mut out = String::new();
            LfReader::new(&mut Cut(text.as_bytes(), size)).read_to_string(&mut out).unwrap();
            prop_assert_eq!(out, text.replace("\r\n", "\n"));
        }
    }
}
