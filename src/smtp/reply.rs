//! Replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, 3463).

use std::fmt;

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

impl Reply {
    /// A reply of one line. `enhanced` (0,0,0) means none.
    pub fn new(_code: u16, _enhanced: (u8, u16, u16), _text: impl Into<String>) -> Reply {
        todo!()
    }

    /// The reply for a failure of this class with these words.
    pub fn for_class(_class: crate::class::Class, _text: impl Into<String>) -> Reply {
        todo!()
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
    /// with CRLF (RFC 5321 section 4.5.3.1.5), the enhanced code on each.
    pub fn write(&self, _out: &mut Vec<u8>) {
        todo!()
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
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl std::str::FromStr for Enhanced {
    type Err = ();
    fn from_str(_s: &str) -> Result<Enhanced, ()> {
        todo!()
    }
}

/// Why a peer's reply cannot be used (I5): too long, too many lines, not a
/// reply at all, codes that differ between lines. Always a temporary failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplyError(pub String);

/// Collects a peer's reply from bytes cut anywhere. Bounded: 2 KiB of a line
/// kept, 100 lines, 64 KiB in all; text is made printable on the way in.
#[derive(Debug, Default)]
pub struct ReplyReader {
    _private: (),
}

impl ReplyReader {
    /// Takes bytes from the front of `input`; a reply once it is whole.
    pub fn read(&mut self, _input: &mut &[u8]) -> Result<Option<Reply>, ReplyError> {
        todo!()
    }

    /// True while a reply has begun and not ended.
    pub fn is_partial(&self) -> bool {
        todo!()
    }
}
