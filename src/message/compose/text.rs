//! A text part: read once, looked at, and kept until it is known how it must
//! be encoded.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};

use super::super::input::LineEnds;
use super::stream::Encoding;
use super::{Content, Part, fields};
use crate::class::{Class, Classify};

/// Text up to this is held in memory, more in a file.
const HELD: usize = 256 * 1024;

/// Longest line without CRLF (RFC 5321 section 4.5.3.1.6).
const LINE: u64 = 998;

const PIECE: usize = 32 * 1024;

/// Lines with CRLF, and what they hold.
pub struct Text {
    held: Held,
    facts: Facts,
}

enum Held {
    Memory(Vec<u8>),
    File(File),
}

#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("{0}")]
    Read(io::Error),
    #[error("a temporary file: {0}")]
    Keep(io::Error),
    #[error("it is larger than {0} octets (message_size)")]
    TooLarge(u64),
}

impl Classify for TextError {
    fn class(&self) -> Class {
        match self {
            TextError::Read(_) => Class::NoInput,
            TextError::Keep(e) if e.kind() == io::ErrorKind::StorageFull => Class::Temporary,
            TextError::Keep(_) => Class::CantCreate,
            TextError::TooLarge(_) => Class::Unavailable,
        }
    }
}

impl Text {
    pub fn empty() -> Text {
        Text {
            held: Held::Memory(Vec::new()),
            facts: Facts::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.facts.length == 0
    }

    /// Reads all of it, at most `limit` octets; line ends become CRLF as on the
    /// standard input of `sendmail`. `spill` makes a file for what is long.
    pub fn read(
        from: &mut dyn Read,
        limit: u64,
        spill: &dyn Fn() -> io::Result<File>,
    ) -> Result<Text, TextError> {
        let mut ends = LineEnds::new(false);
        ends.in_body();
        let mut text = Text::empty();
        let mut piece = vec![0; PIECE];
        let mut lines = Vec::new();
        loop {
            let n = match from.read(&mut piece) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(TextError::Read)?,
            };
            lines.clear();
            match n {
                0 => ends.finish(&mut lines),
                n => drop(ends.push(piece.get(..n).unwrap_or_default(), &mut lines)),
            }
            text.facts.note(&lines);
            if text.facts.length > limit {
                return Err(TextError::TooLarge(limit));
            }
            text.held.add(&lines, spill).map_err(TextError::Keep)?;
            if n == 0 {
                text.held.rewind().map_err(TextError::Keep)?;
                return Ok(text);
            }
        }
    }

    /// `text/KIND` in the encoding that it needs.
    pub(super) fn into_part(self, kind: &str) -> Part {
        let charset = self.facts.charset();
        Part {
            head: fields::content_type(&format!("text/{kind}"), &[("charset", charset)]),
            content: Content::One(self.held.into_reader(), self.facts.encoding()),
        }
    }

    /// As it stands, for what may not be encoded (RFC 2046 section 5.2.1);
    /// gives it back where it has lines that no server takes.
    pub(super) fn into_itself(self) -> Result<(Box<dyn Read>, Encoding), Text> {
        match self.facts {
            Facts { longest, .. } if longest > LINE => Err(self),
            Facts { wide: 0, .. } => Ok((self.held.into_reader(), Encoding::SevenBit)),
            _ => Ok((self.held.into_reader(), Encoding::EightBit)),
        }
    }

    pub(super) fn into_source(self) -> Box<dyn Read> {
        self.held.into_reader()
    }
}

impl Held {
    fn add(&mut self, octets: &[u8], spill: &dyn Fn() -> io::Result<File>) -> io::Result<()> {
        if let Held::Memory(text) = self {
            if text.len() + octets.len() <= HELD {
                text.extend_from_slice(octets);
                return Ok(());
            }
            let mut file = spill()?;
            file.write_all(text)?;
            *self = Held::File(file);
        }
        match self {
            Held::File(file) => file.write_all(octets),
            Held::Memory(_) => Ok(()),
        }
    }

    fn rewind(&mut self) -> io::Result<()> {
        match self {
            Held::File(file) => file.rewind(),
            Held::Memory(_) => Ok(()),
        }
    }

    fn into_reader(self) -> Box<dyn Read> {
        match self {
            Held::Memory(text) => Box::new(Cursor::new(text)),
            Held::File(file) => Box::new(file),
        }
    }
}

/// `utf-8` where it is that to its end; else nobody knows.
pub fn charset(from: &mut dyn Read) -> io::Result<Option<&'static str>> {
    let mut facts = Facts::default();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => facts.note(piece.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        if facts.not_utf8 {
            return Ok(None);
        }
    }
    Ok(facts.begun.is_empty().then_some("utf-8"))
}

/// What decides about encoding and charset.
#[derive(Debug, Default)]
pub(super) struct Facts {
    length: u64,
    /// Octets over 127.
    wide: u64,
    /// The longest line, and the current one, without line ends.
    longest: u64,
    column: u64,
    not_utf8: bool,
    /// The beginning of a character whose rest has not come.
    begun: Vec<u8>,
}

impl Facts {
    /// The next octets; any cut will do.
    pub(super) fn note(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        self.wide += octets.iter().filter(|b| !b.is_ascii()).count() as u64;
        for line in octets.split_inclusive(|&b| b == b'\n') {
            let ends = line.ends_with(b"\n");
            self.column += line.len() as u64;
            let text = self.column - if ends { 2.min(self.column) } else { 0 };
            self.longest = self.longest.max(text);
            if ends {
                self.column = 0;
            }
        }
        self.note_utf8(octets);
    }

    fn note_utf8(&mut self, octets: &[u8]) {
        if self.not_utf8 || (self.begun.is_empty() && octets.is_ascii()) {
            return;
        }
        self.begun.extend_from_slice(octets);
        match std::str::from_utf8(&self.begun) {
            Ok(_) => self.begun.clear(),
            Err(e) if e.error_len().is_none() => drop(self.begun.drain(..e.valid_up_to())),
            Err(_) => self.not_utf8 = true,
        }
    }

    /// `unknown-8bit` (RFC 1428) for what is no UTF-8: kept, not guessed at.
    pub(super) fn charset(&self) -> &'static str {
        match self.not_utf8 || !self.begun.is_empty() {
            true => "unknown-8bit",
            false => "utf-8",
        }
    }

    /// As it is where every server takes it; else what is shorter and, for text
    /// that is mostly ASCII, still readable.
    fn encoding(&self) -> Encoding {
        match (self.wide, self.longest) {
            (0, ..=LINE) => Encoding::SevenBit,
            (wide, _) if wide.saturating_mul(6) <= self.length => Encoding::QuotedPrintable,
            _ => Encoding::Base64,
        }
    }
}
