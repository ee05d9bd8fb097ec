//! Content-Transfer-Encodings as streams (RFC 2045 section 6): lines in,
//! encoded lines out, memory of a few octets.

use std::io::{self, Write};

/// Longest encoded line (RFC 2045 section 6.7 (5) and 6.8).
const LINE: usize = 76;

const HEX: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Quoted-printable.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    column: usize,
    /// A blank that must be encoded if the line ends behind it.
    blank: Option<u8>,
}

impl QuotedPrintable {
    /// Part of a line. A bare CR or LF in it is data.
    pub fn text(&mut self, text: &[u8], out: &mut dyn Write) -> io::Result<()> {
        // A line of text at most, so that the writer is not called for each octet.
        let mut line = Vec::with_capacity(text.len() + text.len() / 8);
        for &byte in text {
            if let Some(blank) = self.blank.take() {
                self.put(&[blank], &mut line);
            }
            match byte {
                b' ' | b'\t' => self.blank = Some(byte),
                b'=' | 0..=31 | 127.. => self.put(&escape(byte), &mut line),
                _ => self.put(&[byte], &mut line),
            }
        }
        out.write_all(&line)
    }

    /// A line end of the content.
    pub fn line_end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.finish(out)?;
        self.column = 0;
        out.write_all(b"\r\n")
    }

    /// The content is over; what follows begins with CRLF of its own.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let Some(blank) = self.blank.take() else {
            return Ok(());
        };
        let mut line = Vec::new();
        self.put(&escape(blank), &mut line);
        out.write_all(&line)
    }

    fn put(&mut self, octets: &[u8], line: &mut Vec<u8>) {
        if self.column + octets.len() > LINE - 1 {
            line.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        line.extend_from_slice(octets);
        self.column += octets.len();
    }
}

fn escape(byte: u8) -> [u8; 3] {
    [
        b'=',
        HEX[usize::from(byte >> 4)],
        HEX[usize::from(byte & 15)],
    ]
}

/// Base64 in lines of 76.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// Octets that do not fill a line yet.
    rest: Vec<u8>,
}

impl Base64 {
    pub fn data(&mut self, data: &[u8], out: &mut dyn Write) -> io::Result<()> {
        self.rest.extend_from_slice(data);
        let full = self.rest.len() - self.rest.len() % (LINE / 4 * 3);
        for line in self.rest[..full].chunks(LINE / 4 * 3) {
            write_base64(line, out)?;
        }
        self.rest.drain(..full);
        Ok(())
    }

    /// The content is over; every line has its CRLF.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.rest.is_empty() {
            write_base64(&self.rest, out)?;
            self.rest.clear();
        }
        Ok(())
    }
}

fn write_base64(data: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::with_capacity(LINE + 2);
    for group in data.chunks(3) {
        let octet = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for n in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * n) & 63) as usize];
            line.push(if n <= group.len() { digit } else { b'=' });
        }
    }
    line.extend_from_slice(b"\r\n");
    out.write_all(&line)
}

#[cfg(test)]
mod tests;
