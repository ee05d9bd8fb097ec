//! Replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, 3463).

use std::fmt;

use super::addr::is_control;

/// An enhanced status code, `class.subject.detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enhanced(pub u8, pub u16, pub u16);

/// One reply, of one or many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    /// At least one; no line holds CR, LF or another control character. The
    /// enhanced code is not part of the text.
    pub lines: Vec<String>,
}

/// Longest reply line, CRLF included (RFC 5321 section 4.5.3.1.5).
pub const MAX_REPLY_LINE: usize = 512;

impl Reply {
    /// A reply of one line. `enhanced` (0,0,0) means none.
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Reply {
        let (class, subject, detail) = enhanced;
        let text: String = text.into();
        Reply {
            code,
            enhanced: (enhanced != (0, 0, 0)).then_some(Enhanced(class, subject, detail)),
            lines: vec![text.replace(is_control, "?")],
        }
    }

    /// The reply for a failure of this class with these words.
    pub fn for_class(class: crate::class::Class, text: impl Into<String>) -> Reply {
        let (code, enhanced) = class.reply();
        Reply::new(code, enhanced, text)
    }

    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it goes on the wire, lines of at most 512 octets
    /// with CRLF (RFC 5321 section 4.5.3.1.5), the enhanced code on each. What
    /// is not printable ASCII goes out as `?`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let enhanced = self
            .enhanced
            .map_or(String::new(), |code| format!("{code} "));
        let room = MAX_REPLY_LINE - "250-\r\n".len() - enhanced.len();
        let lines: Vec<String> = self.lines.iter().map(|line| wire_text(line)).collect();
        let mut pieces = lines.iter().flat_map(|line| Pieces {
            rest: Some(line),
            room,
        });
        let mut piece = pieces.next().unwrap_or("");
        loop {
            let next = pieces.next();
            let mark = if next.is_some() { '-' } else { ' ' };
            out.extend_from_slice(
                format!("{:03}{mark}{enhanced}{piece}\r\n", self.code).as_bytes(),
            );
            match next {
                Some(next) => piece = next,
                None => break,
            }
        }
    }
}

fn wire_text(text: &str) -> String {
    text.replace(|c: char| !matches!(c, ' '..='~'), "?")
}

/// Breaks a line of ASCII that is too long, at a blank where there is one.
struct Pieces<'a> {
    rest: Option<&'a str>,
    room: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.rest.take()?;
        let Some((head, tail)) = line
            .split_at_checked(self.room)
            .filter(|(_, tail)| !tail.is_empty())
        else {
            return Some(line);
        };
        let (head, tail) = match head.rfind(' ').filter(|at| *at > 0) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (head, tail),
        };
        self.rest = Some(tail);
        Some(head)
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// On one line, as logs, `state/` and Diagnostic-Code show it: lines joined by
/// a blank, `550 5.1.1 no such user`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            write!(f, " {}", line.replace(is_control, "?"))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Enhanced {
    type Err = ();

    /// status-code = class "." subject "." detail (RFC 3463 section 2).
    fn from_str(s: &str) -> Result<Enhanced, ()> {
        let number = |part: Option<&str>| {
            let part = part.filter(|p| matches!(p.len(), 1..=3))?;
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse::<u16>().ok())?
        };
        let mut parts = s.split('.');
        let class = match parts.next() {
            Some("2") => 2,
            Some("4") => 4,
            Some("5") => 5,
            _ => return Err(()),
        };
        let subject = number(parts.next()).ok_or(())?;
        let detail = number(parts.next()).ok_or(())?;
        match parts.next() {
            None => Ok(Enhanced(class, subject, detail)),
            Some(_) => Err(()),
        }
    }
}

/// Why a peer's reply cannot be used (I5): too long, too many lines, not a
/// reply at all, codes that differ between lines. Always a temporary failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplyError(pub String);

impl crate::class::Classify for ReplyError {
    fn class(&self) -> crate::class::Class {
        crate::class::Class::Protocol
    }
}

/// Octets of a reply line that are kept; the rest is dropped (I5).
pub const MAX_KEPT_LINE: usize = 2048;
/// Most lines of a reply (I5).
pub const MAX_REPLY_LINES: usize = 100;
/// Most octets of a reply, dropped ones included (I5).
pub const MAX_REPLY: usize = 64 * 1024;

/// Collects a peer's reply from bytes cut anywhere. Bounded: 2 KiB of a line
/// kept, 100 lines, 64 KiB in all; text is made printable on the way in.
#[derive(Debug, Default)]
pub struct ReplyReader {
    /// The line under way, CR included, cut at [`MAX_KEPT_LINE`].
    line: Vec<u8>,
    last_is_cr: bool,
    octets: usize,
    code: u16,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes bytes from the front of `input`; a reply once it is whole. After
    /// an error the stream cannot be trusted any more.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, ReplyError> {
        while !input.is_empty() {
            let lf = memchr::memchr(b'\n', input);
            let (piece, rest) = input.split_at(lf.map_or(input.len(), |lf| lf + 1));
            *input = rest;
            self.take(piece)?;
            if lf.is_some() && self.end_line()? {
                return Ok(Some(self.finish()));
            }
        }
        Ok(None)
    }

    /// True while a reply has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.octets > 0
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ReplyError> {
        self.octets = self.octets.saturating_add(piece.len());
        if self.octets > MAX_REPLY {
            return Err(ReplyError("the reply is longer than 64 KiB".into()));
        }
        let text = piece.strip_suffix(b"\n").unwrap_or(piece);
        if text.len() < piece.len() && !text.last().map_or(self.last_is_cr, |b| *b == b'\r') {
            return Err(ReplyError("a reply line ends in a bare LF".into()));
        }
        self.last_is_cr = piece.ends_with(b"\r");
        let room = MAX_KEPT_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&text[..text.len().min(room)]);
        Ok(())
    }

    /// Takes in the line that ended; true where it was the last one.
    fn end_line(&mut self) -> Result<bool, ReplyError> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let (code, is_last, text) = split_line(line)
            .ok_or_else(|| ReplyError(format!("not a reply: {}", excerpt(line))))?;
        if self.lines.is_empty() {
            self.code = code;
        } else if self.code != code {
            let first = self.code;
            return Err(ReplyError(format!(
                "the codes of one reply differ: {first} and {code}"
            )));
        }
        if self.lines.len() == MAX_REPLY_LINES {
            return Err(ReplyError("the reply has more than 100 lines".into()));
        }
        self.lines.push(printable(text));
        Ok(is_last)
    }

    fn finish(&mut self) -> Reply {
        let mut whole = std::mem::take(self);
        let enhanced = whole
            .lines
            .iter()
            .find_map(|line| leading_code(line, whole.code));
        if let Some(code) = enhanced {
            for line in &mut whole.lines {
                if leading_code(line, whole.code) == Some(code) {
                    *line = line
                        .split_once(' ')
                        .map_or(String::new(), |(_, text)| text.to_owned());
                }
            }
        }
        Reply {
            code: whole.code,
            enhanced,
            lines: whole.lines,
        }
    }
}

/// Reply-line without its end: code, whether it is the last line, text. A code
/// alone is a last line without text.
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (&[class @ b'2'..=b'5', tens, units], rest) = line.split_first_chunk::<3>()? else {
        return None;
    };
    if !(tens.is_ascii_digit() && units.is_ascii_digit()) {
        return None;
    }
    let digit = |d: u8| u16::from(d - b'0');
    let code = 100 * digit(class) + 10 * digit(tens) + digit(units);
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.trim_ascii_end());
    text.replace(is_control, "?")
}

fn excerpt(line: &[u8]) -> String {
    printable(line).chars().take(60).collect()
}

/// The enhanced code at the front of a line, where its class fits the reply's.
fn leading_code(line: &str, code: u16) -> Option<Enhanced> {
    let word = line.split_once(' ').map_or(line, |(word, _)| word);
    let enhanced: Enhanced = word.parse().ok()?;
    (u16::from(enhanced.0) == code / 100).then_some(enhanced)
}

#[cfg(test)]
mod tests;
