//! The parts of a message one after the other, encoded as they are read.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use super::super::transfer::{Base64, QuotedPrintable};

/// Octets read from a part at once.
const PIECE: usize = 32 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    SevenBit,
    EightBit,
    /// Of CRLF lines.
    QuotedPrintable,
    Base64,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
        }
    }
}

/// Sources one behind the other.
#[derive(Default)]
pub(super) struct Chain {
    links: VecDeque<Box<dyn Read>>,
    /// The last content ends its line itself; that line end belongs to the
    /// delimiter behind it (RFC 2046 section 5.1.1).
    ends_line: bool,
}

impl Chain {
    pub fn octets(&mut self, octets: Vec<u8>) {
        self.links.push_back(Box::new(Cursor::new(octets)));
    }

    /// The header of a container, whose first delimiter follows at once.
    pub fn start_many(&mut self, head: Vec<u8>) {
        self.octets(head);
        self.ends_line = true;
    }

    pub fn content(&mut self, source: Box<dyn Read>, encoding: Encoding) {
        self.ends_line = encoding == Encoding::Base64;
        self.links.push_back(match encoding {
            Encoding::SevenBit | Encoding::EightBit => source,
            Encoding::QuotedPrintable => Encoded::link(source, Encoder::Quoted(Lines::default())),
            Encoding::Base64 => Encoded::link(source, Encoder::Base64(Base64::default())),
        });
    }

    pub fn delimiter(&mut self, boundary: &str, is_last: bool) {
        let start = if std::mem::take(&mut self.ends_line) {
            ""
        } else {
            "\r\n"
        };
        let end = if is_last { "--" } else { "" };
        // A container inside another ends with the line of its last delimiter.
        self.ends_line = is_last;
        self.octets(format!("{start}--{boundary}{end}\r\n").into_bytes());
    }
}

impl Read for Chain {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(link) = self.links.front_mut() {
            match link.read(buf)? {
                0 if !buf.is_empty() => drop(self.links.pop_front()),
                n => return Ok(n),
            }
        }
        Ok(0)
    }
}

enum Encoder {
    Quoted(Lines),
    Base64(Base64),
}

/// Quoted-printable of a stream that may be cut between CR and LF.
#[derive(Default)]
struct Lines {
    encoder: QuotedPrintable,
    cr: bool,
}

impl Lines {
    fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        for line in octets.split_inclusive(|&b| b == b'\n') {
            let ends = line.ends_with(b"\n");
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if std::mem::take(&mut self.cr) && !(ends && text.is_empty()) {
                self.encoder.text(b"\r", out)?;
            }
            let text = match text.strip_suffix(b"\r") {
                Some(text) if !ends => {
                    self.cr = true;
                    text
                }
                Some(text) => text,
                None => text,
            };
            self.encoder.text(text, out)?;
            if ends {
                self.encoder.line_end(out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if std::mem::take(&mut self.cr) {
            self.encoder.text(b"\r", out)?;
        }
        self.encoder.finish(out)
    }
}

/// A source as it is encoded.
struct Encoded {
    source: Box<dyn Read>,
    encoder: Encoder,
    piece: Vec<u8>,
    /// Encoded and not given out yet, from `at` on.
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Encoded {
    fn link(source: Box<dyn Read>, encoder: Encoder) -> Box<dyn Read> {
        Box::new(Encoded {
            source,
            encoder,
            piece: Vec::new(),
            out: Vec::new(),
            at: 0,
            ended: false,
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.piece.resize(PIECE, 0);
        let n = self.source.read(&mut self.piece)?;
        let octets = self.piece.get(..n).unwrap_or_default();
        self.out.clear();
        self.at = 0;
        self.ended = n == 0;
        match (&mut self.encoder, self.ended) {
            (Encoder::Quoted(lines), false) => lines.push(octets, &mut self.out),
            (Encoder::Quoted(lines), true) => lines.finish(&mut self.out),
            (Encoder::Base64(encoder), false) => encoder.data(octets, &mut self.out),
            (Encoder::Base64(encoder), true) => encoder.finish(&mut self.out),
        }
    }
}

impl Read for Encoded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && !self.ended {
            self.fill()?;
        }
        let mut rest = self.out.get(self.at..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.at += n;
        Ok(n)
    }
}
