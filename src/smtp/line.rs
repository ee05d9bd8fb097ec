//! The bounded reader of command lines: one at a time out of bytes cut
//! anywhere, at most [`MAX_COMMAND`] octets; what is longer is swallowed to its
//! end and reported once (SV-18, L6).

/// Longest command line taken, CRLF included. RFC 5321 section 4.5.3.1.4 asks
/// for 512 and more for extensions; ENVID, ORCPT and AUTH need some KiB.
pub const MAX_COMMAND: usize = 4096;

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, its end removed.
    Whole(&'a [u8]),
    /// A line that was too long, now swallowed to its end.
    TooLong,
    /// A line that held a bare CR or bare LF (or NUL): never a command.
    BareLineEnd,
}

/// Keeps the unfinished line only; holds no memory while there is none.
#[derive(Debug, Default)]
pub struct LineReader {
    _private: (),
}

impl LineReader {
    /// `lf_ends`: a bare LF ends a line too (`-bs` only, DESIGN section 8).
    pub fn new(_lf_ends: bool) -> LineReader {
        todo!()
    }

    /// Takes bytes from the front of `input`, up to and including the first
    /// line end; `None` when the input is used up before.
    pub fn read<'a>(&'a mut self, _input: &mut &'a [u8]) -> Option<Line<'a>> {
        todo!()
    }

    /// True while part of a line is held.
    pub fn is_partial(&self) -> bool {
        todo!()
    }
}
