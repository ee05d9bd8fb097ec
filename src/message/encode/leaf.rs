//! The content of one part: kept as it is where it fits, encoded where it does
//! not, refused where it may not be touched.

use std::io::Write;

use super::super::header;
use super::super::transfer::{Base64, QuotedPrintable};
use super::mime::{Entity, Kind, Transfer};
use super::{Fail, LINE};

/// How much of a part is held until it is known whether it needs encoding. A
/// longer one is encoded: that is always right, only sometimes not needed.
const HELD: usize = 256 * 1024;

/// Base64 lines are cut at a multiple of four digits (RFC 2045 section 6.8
/// lets readers ignore line ends).
const BASE64_LINE: usize = 76;

/// What a piece of content has that a 7-bit hop cannot take.
#[derive(Clone, Copy, Default)]
struct Trouble {
    wide: bool,
    long: bool,
}

pub(super) struct Leaf {
    mode: Mode,
    /// Octets of the current line so far.
    column: usize,
    /// A line end that belongs to the content unless a boundary follows.
    line_end: bool,
}

enum Mode {
    Held(Held),
    Quoted(QuotedPrintable),
    Base64(Base64),
    /// Copied, and checked.
    Fixed {
        is_base64: bool,
    },
}

pub(super) struct Held {
    pub header: Vec<u8>,
    /// The blank line, or nothing where the header ended without one.
    pub separator: &'static [u8],
    pub entity: Entity,
    /// The header of a message, not of a part.
    pub is_message: bool,
    pub content: Vec<u8>,
    trouble: Trouble,
}

impl Leaf {
    /// A part that may be encoded.
    pub fn held(
        header: Vec<u8>,
        separator: &'static [u8],
        entity: Entity,
        is_message: bool,
    ) -> Leaf {
        let trouble = Trouble::default();
        Leaf::new(Mode::Held(Held {
            header,
            separator,
            entity,
            is_message,
            content: Vec::new(),
            trouble,
        }))
    }

    /// One whose header is written already and whose octets stay.
    pub fn fixed(is_base64: bool) -> Leaf {
        Leaf::new(Mode::Fixed { is_base64 })
    }

    fn new(mode: Mode) -> Leaf {
        Leaf {
            mode,
            column: 0,
            line_end: false,
        }
    }

    /// The next piece of a line, and whether the line ends with it.
    pub fn push(&mut self, text: &[u8], ends: bool, out: &mut dyn Write) -> Result<(), Fail> {
        if std::mem::take(&mut self.line_end) {
            self.put_line_end(out)?;
        }
        self.put(text, out)?;
        self.column = if ends {
            0
        } else {
            self.column.saturating_add(text.len())
        };
        self.line_end = ends;
        Ok(())
    }

    /// The part is over; `at_boundary` where a boundary follows, to which the
    /// last line end belongs (RFC 2046 section 5.1.1).
    pub fn finish(mut self, at_boundary: bool, out: &mut dyn Write) -> Result<(), Fail> {
        if self.line_end && !at_boundary {
            self.put_line_end(out)?;
        }
        match self.mode {
            Mode::Held(held) => held.finish(out)?,
            Mode::Quoted(mut encoder) => encoder.finish(out)?,
            Mode::Base64(mut encoder) => encoder.finish(out)?,
            Mode::Fixed { .. } => {}
        }
        if self.line_end && at_boundary {
            out.write_all(b"\r\n")?;
        }
        Ok(())
    }

    fn put(&mut self, text: &[u8], out: &mut dyn Write) -> Result<(), Fail> {
        match &mut self.mode {
            Mode::Held(held) => {
                held.trouble.note(text, self.column);
                held.content.extend_from_slice(text);
                if held.content.len() > HELD {
                    self.mode = held.encode(false, out)?;
                }
            }
            Mode::Quoted(encoder) => encoder.text(text, out)?,
            Mode::Base64(encoder) => encoder.data(text, out)?,
            Mode::Fixed { is_base64 } => {
                let mut trouble = Trouble::default();
                trouble.note(text, self.column);
                trouble.refuse(*is_base64)?;
                if trouble.long {
                    wrap(text, out)?
                } else {
                    out.write_all(text)?
                }
            }
        }
        Ok(())
    }

    fn put_line_end(&mut self, out: &mut dyn Write) -> Result<(), Fail> {
        match &mut self.mode {
            Mode::Held(held) => held.content.extend_from_slice(b"\r\n"),
            Mode::Quoted(encoder) => encoder.line_end(out)?,
            Mode::Base64(encoder) => encoder.data(b"\r\n", out)?,
            Mode::Fixed { .. } => out.write_all(b"\r\n")?,
        }
        Ok(())
    }
}

impl Trouble {
    fn note(&mut self, text: &[u8], column: usize) {
        // A CR or LF here is a bare one.
        self.wide |= text
            .iter()
            .any(|&b| b >= 128 || matches!(b, 0 | b'\r' | b'\n'));
        self.long |= column.saturating_add(text.len()) > LINE;
    }

    fn refuse(self, is_base64: bool) -> Result<(), Fail> {
        if self.wide {
            return Err(Fail::cannot(
                "5.6.3",
                "an 8-bit part is signed, encrypted or broken and may not be converted",
            ));
        }
        if self.long && !is_base64 {
            return Err(Fail::cannot(
                "5.6.0",
                "a part with lines over 998 octets may not be converted",
            ));
        }
        Ok(())
    }
}

/// A long line of base64, cut into short ones.
fn wrap(text: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
    for (n, line) in text.chunks(BASE64_LINE).enumerate() {
        if n > 0 {
            out.write_all(b"\r\n")?;
        }
        out.write_all(line)?;
    }
    Ok(())
}

impl Held {
    fn finish(mut self, out: &mut dyn Write) -> Result<(), Fail> {
        if !self.trouble.wide && !self.trouble.long {
            out.write_all(&label_seven_bit(&self.header, &self.entity))?;
            out.write_all(self.separator)?;
            return Ok(out.write_all(&self.content)?);
        }
        match self.encode(true, out)? {
            Mode::Quoted(mut encoder) => encoder.finish(out)?,
            Mode::Base64(mut encoder) => encoder.finish(out)?,
            Mode::Held(_) | Mode::Fixed { .. } => {}
        }
        Ok(())
    }

    /// Writes the header and what is held, encoded; the rest follows in the
    /// same encoding.
    fn encode(&mut self, is_all: bool, out: &mut dyn Write) -> Result<Mode, Fail> {
        let is_text = self.entity.kind == Kind::Text;
        let name = if is_text {
            "quoted-printable"
        } else {
            "base64"
        };
        let mut head = label(&self.header, name);
        if self.is_message && !header::fields(&head).any(|field| field.is("MIME-Version")) {
            head.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if !self.entity.has_type {
            let charset = self.charset(is_all);
            head.extend_from_slice(
                format!("Content-Type: text/plain; charset={charset}\r\n").as_bytes(),
            );
        }
        out.write_all(&head)?;
        out.write_all(b"\r\n")?;
        let content = std::mem::take(&mut self.content);
        if is_text {
            return Ok(Mode::Quoted(quote(&content, out)?));
        }
        let mut encoder = Base64::default();
        encoder.data(&content, out)?;
        Ok(Mode::Base64(encoder))
    }

    /// For content without a Content-Type: what it looks like, `unknown-8bit`
    /// (RFC 1428) where that is nothing known.
    fn charset(&self, is_all: bool) -> &'static str {
        match std::str::from_utf8(&self.content) {
            Ok(text) if is_all && text.is_ascii() => "us-ascii",
            Ok(_) => "utf-8",
            // The last character may not have come whole.
            Err(e) if !is_all && e.error_len().is_none() => "utf-8",
            Err(_) => "unknown-8bit",
        }
    }
}

fn quote(content: &[u8], out: &mut dyn Write) -> std::io::Result<QuotedPrintable> {
    let mut encoder = QuotedPrintable::default();
    let mut from = 0;
    for at in memchr::memmem::find_iter(content, b"\r\n") {
        encoder.text(&content[from..at], out)?;
        encoder.line_end(out)?;
        from = at + 2;
    }
    encoder.text(&content[from..], out)?;
    Ok(encoder)
}

/// The header of content that is 7-bit now.
pub(super) fn label_seven_bit(header: &[u8], entity: &Entity) -> Vec<u8> {
    if entity.transfer == Transfer::Wide {
        label(header, "7bit")
    } else {
        header.to_vec()
    }
}

/// The header with the encoding's name in place of the one it had.
fn label(header: &[u8], name: &str) -> Vec<u8> {
    const FIELD: &str = "Content-Transfer-Encoding";
    let new = format!("{FIELD}: {name}\r\n");
    let mut out = Vec::with_capacity(header.len() + new.len());
    let mut is_there = false;
    for field in header::fields(header) {
        let is_label = field.is(FIELD);
        is_there |= is_label;
        out.extend_from_slice(if is_label { new.as_bytes() } else { field.raw });
    }
    if !is_there {
        out.extend_from_slice(new.as_bytes());
    }
    out
}
