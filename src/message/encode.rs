//! Making content fit a 7-bit or short-lined next hop (RFC 6152 section 3, RFC
//! 2045): parts that may be changed are re-encoded, signed and encrypted ones
//! never.
//!
//! One pass, with a stack of the open multiparts instead of recursion. A
//! message that fits already comes out as it was. A DKIM signature of the
//! whole does not hold conversion up: the next hop could not have had the
//! message otherwise.

mod leaf;
mod lines;
mod mime;

use std::io::{self, Read, Write};

use super::header::Scanner;
use leaf::Leaf;
use lines::Lines;
use mime::{Entity, Kind, Transfer};

/// Longest line without CRLF (RFC 5321 section 4.5.3.1.6).
const LINE: usize = 998;

/// Multiparts and messages inside one another.
const DEPTH: usize = 100;

/// Octets of one header; what a local submission may have at most.
const HEADER: usize = 16 * 1024 * 1024;

/// Why content cannot be made to fit: 5.6.3 (conversion required but not
/// possible), 5.6.9 (a header that is not ASCII, RFC 6531) or 5.6.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CannotEncode {
    pub status: &'static str,
    pub text: String,
}

enum Fail {
    Io(io::Error),
    Cannot(CannotEncode),
}

impl Fail {
    fn cannot(status: &'static str, text: &str) -> Fail {
        Fail::Cannot(CannotEncode {
            status,
            text: text.to_owned(),
        })
    }
}

impl From<io::Error> for Fail {
    fn from(error: io::Error) -> Fail {
        Fail::Io(error)
    }
}

/// Rewrites a message (CRLF lines) so that every octet is below 128 and every
/// line at most 998 octets. What has been written is worth nothing where the
/// answer is `CannotEncode`.
///
/// Memory does not grow with the message: the largest header, and 256 KiB of
/// the part at hand.
pub fn seven_bit(
    message: &mut dyn Read,
    out: &mut dyn Write,
) -> io::Result<Result<(), CannotEncode>> {
    let mut walk = Walk {
        out,
        open: Vec::new(),
        state: State::head(true, false),
    };
    match walk.run(&mut Lines::new(message)) {
        Ok(()) => Ok(Ok(())),
        Err(Fail::Cannot(reason)) => Ok(Err(reason)),
        Err(Fail::Io(error)) => Err(error),
    }
}

struct Walk<'a> {
    out: &'a mut dyn Write,
    open: Vec<Open>,
    state: State,
}

/// A multipart that is not closed, or a message inside another.
enum Open {
    Multipart { boundary: Vec<u8>, is_digest: bool },
    Message,
}

enum State {
    Head(Head),
    Leaf(Leaf),
    /// Before a multipart's first part or behind its last: no content (RFC
    /// 2046 section 5.1.1). Holds the octets of the current line.
    Between(usize),
    /// Only while one state makes the next.
    Gone,
}

struct Head {
    raw: Vec<u8>,
    scanner: Scanner,
    /// Of a message, not of a part.
    is_message: bool,
    is_digest: bool,
}

impl State {
    fn head(is_message: bool, is_digest: bool) -> State {
        State::Head(Head {
            raw: Vec::new(),
            scanner: Scanner::new(),
            is_message,
            is_digest,
        })
    }
}

impl Walk<'_> {
    fn run(&mut self, lines: &mut Lines<'_>) -> Result<(), Fail> {
        let mut text = Vec::new();
        let mut is_start = true;
        while let Some(ends) = lines.next(&mut text)? {
            self.take(&text, is_start, ends)?;
            is_start = ends;
        }
        self.finish(false)
    }

    fn take(&mut self, text: &[u8], is_start: bool, ends: bool) -> Result<(), Fail> {
        match self.boundary(text).filter(|_| is_start) {
            Some((level, closes)) => self.part(level, closes, text, ends),
            None => self.line(text, ends),
        }
    }

    /// Which open multipart has this line as its boundary, and whether it
    /// closes it. An outer one ends those inside it.
    fn boundary(&self, text: &[u8]) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--")?.trim_ascii_end();
        self.open
            .iter()
            .enumerate()
            .rev()
            .find_map(|(level, open)| {
                let Open::Multipart { boundary, .. } = open else {
                    return None;
                };
                match text.strip_prefix(boundary.as_slice())? {
                    b"" => Some((level, false)),
                    b"--" => Some((level, true)),
                    _ => None,
                }
            })
    }

    fn part(&mut self, level: usize, closes: bool, text: &[u8], ends: bool) -> Result<(), Fail> {
        self.finish(true)?;
        self.out.write_all(text)?;
        self.out.write_all(if ends { b"\r\n" } else { b"" })?;
        self.open.truncate(level + usize::from(!closes));
        self.state = match self.open.get(level) {
            Some(Open::Multipart { is_digest, .. }) => State::head(false, *is_digest),
            _ => State::Between(0),
        };
        Ok(())
    }

    fn line(&mut self, text: &[u8], ends: bool) -> Result<(), Fail> {
        match &mut self.state {
            State::Head(head) => {
                let Some(separator) = head.push(text, ends)? else {
                    return Ok(());
                };
                self.header_done(separator)?;
                // A line that is no field is the first below the header, and
                // may be the boundary that the header has just named.
                if separator.is_empty() {
                    self.take(text, true, ends)
                } else {
                    Ok(())
                }
            }
            State::Leaf(leaf) => leaf.push(text, ends, self.out),
            State::Between(column) => {
                *column = column.saturating_add(text.len());
                check_length(*column)?;
                *column = if ends { 0 } else { *column };
                Ok(write_between(text, ends, self.out)?)
            }
            State::Gone => Ok(()),
        }
    }

    /// Ends what is being read; `at_boundary` where a boundary comes next.
    fn finish(&mut self, at_boundary: bool) -> Result<(), Fail> {
        if matches!(self.state, State::Head(_)) {
            self.header_done(b"")?;
        }
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Leaf(leaf) => leaf.finish(at_boundary, self.out),
            // The empty header of a message inside.
            State::Head(head) => Ok(self.out.write_all(&head.raw)?),
            State::Between(_) | State::Gone => Ok(()),
        }
    }

    /// A header is whole: decides about the content below it.
    fn header_done(&mut self, separator: &'static [u8]) -> Result<(), Fail> {
        let State::Head(head) = std::mem::replace(&mut self.state, State::Gone) else {
            return Ok(());
        };
        let entity = Entity::read(&head.raw, head.is_digest);
        self.state = match entity.kind {
            Kind::Text | Kind::Data => {
                State::Leaf(Leaf::held(head.raw, separator, entity, head.is_message))
            }
            Kind::Fixed => {
                self.write_head(&head.raw, separator)?;
                State::Leaf(Leaf::fixed(entity.transfer == Transfer::Base64))
            }
            Kind::Message => {
                self.write_head(&leaf::label_seven_bit(&head.raw, &entity), separator)?;
                self.enter(Open::Message)?;
                State::head(true, false)
            }
            Kind::Multipart {
                ref boundary,
                is_digest,
            } => {
                self.write_head(&leaf::label_seven_bit(&head.raw, &entity), separator)?;
                self.enter(Open::Multipart {
                    boundary: boundary.clone(),
                    is_digest,
                })?;
                State::Between(0)
            }
        };
        Ok(())
    }

    fn write_head(&mut self, header: &[u8], separator: &[u8]) -> io::Result<()> {
        self.out.write_all(header)?;
        self.out.write_all(separator)
    }

    fn enter(&mut self, open: Open) -> Result<(), Fail> {
        if self.open.len() >= DEPTH {
            return Err(Fail::cannot("5.6.0", "parts are nested too deeply"));
        }
        self.open.push(open);
        Ok(())
    }
}

impl Head {
    /// Takes a line; the blank line, or nothing in its place, once the header
    /// is whole.
    fn push(&mut self, text: &[u8], ends: bool) -> Result<Option<&'static [u8]>, Fail> {
        if memchr::memchr3(b'\r', b'\n', 0, text).is_some() {
            return Err(Fail::cannot("5.6.0", "a header holds a bare CR, LF or NUL"));
        }
        let line_end: &[u8] = if ends { b"\r\n" } else { b"" };
        let line = self.raw.len() as u64;
        let end = self
            .scanner
            .push(text)
            .or_else(|| self.scanner.push(line_end));
        match end.or_else(|| (!ends).then(|| self.scanner.finish())) {
            Some(end) if end.body > end.header => return Ok(Some(b"\r\n")),
            Some(end) if end.header == line => return Ok(Some(b"")),
            // A field: either more follows, or it is all there is.
            _ => {}
        }
        check_length(text.len())?;
        if !text.is_ascii() {
            return Err(Fail::cannot(
                "5.6.9",
                "a header field is not ASCII and the next host takes no UTF-8",
            ));
        }
        if self.raw.len() + text.len() > HEADER {
            return Err(Fail::cannot("5.6.0", "a header is too large"));
        }
        self.raw.extend_from_slice(text);
        self.raw.extend_from_slice(line_end);
        Ok(None)
    }
}

fn check_length(octets: usize) -> Result<(), Fail> {
    if octets > LINE {
        return Err(Fail::cannot(
            "5.6.0",
            "a line over 998 octets stands where none can be encoded",
        ));
    }
    Ok(())
}

/// Nobody is shown this text, so its odd octets are replaced, not encoded.
fn write_between(text: &[u8], ends: bool, out: &mut dyn Write) -> io::Result<()> {
    let clean: Vec<u8> = text
        .iter()
        .map(|&b| {
            if b >= 128 || matches!(b, 0 | b'\r' | b'\n') {
                b'?'
            } else {
                b
            }
        })
        .collect();
    out.write_all(&clean)?;
    out.write_all(if ends { b"\r\n" } else { b"" })
}

#[cfg(test)]
mod tests;
