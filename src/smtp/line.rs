//! The bounded reader of command lines: one at a time out of bytes cut
//! anywhere, at most [`MAX_COMMAND`] octets; what is longer is swallowed to its
//! end and reported once (SV-18, L6).

use memchr::{memchr_iter, memchr2};

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
    /// A line that held a bare CR or bare LF (or NUL): never a command. Only
    /// CRLF ends it, so that no part of it is taken for one either.
    BareLineEnd,
}

/// Keeps the unfinished line only; holds no memory while there is none.
#[derive(Debug)]
pub struct LineReader {
    lf_ends: bool,
    /// Longest line, CRLF included.
    limit: usize,
    /// What came so far of the line; empty where that is already worthless.
    held: Vec<u8>,
    /// Octets of the line so far, held or not.
    octets: usize,
    last_is_cr: bool,
    /// A bare LF was in it.
    bare_lf: bool,
    /// `held` is the line that was handed out last.
    handed_out: bool,
}

impl LineReader {
    /// `lf_ends`: a bare LF ends a line too (`-bs` only, DESIGN section 8).
    pub fn new(lf_ends: bool) -> LineReader {
        LineReader::with_limit(lf_ends, MAX_COMMAND)
    }

    /// For lines of at most `limit` octets, CRLF included.
    pub fn with_limit(lf_ends: bool, limit: usize) -> LineReader {
        LineReader {
            lf_ends,
            limit,
            held: Vec::new(),
            octets: 0,
            last_is_cr: false,
            bare_lf: false,
            handed_out: false,
        }
    }

    /// Takes bytes from the front of `input`, up to and including the first
    /// line end; `None` when the input is used up before. Memory of the line
    /// handed out last is freed by the next call, also one without input.
    pub fn read<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Line<'a>> {
        if self.handed_out {
            *self = LineReader::with_limit(self.lf_ends, self.limit);
        }
        let bytes = *input;
        for lf in memchr_iter(b'\n', bytes) {
            let has_cr = if lf == 0 {
                self.last_is_cr
            } else {
                bytes[lf - 1] == b'\r'
            };
            if has_cr || self.lf_ends {
                *input = &bytes[lf + 1..];
                return Some(self.finish(&bytes[..lf], has_cr));
            }
            self.bare_lf = true;
        }
        *input = &[];
        self.hold(bytes);
        None
    }

    /// True while part of a line is held.
    pub fn is_partial(&self) -> bool {
        self.octets > 0 && !self.handed_out
    }

    /// The line is what is held and `tail`, less a CR that belongs to its end.
    fn finish<'a>(&'a mut self, tail: &'a [u8], has_cr: bool) -> Line<'a> {
        let line = if self.octets == 0 {
            self.octets = tail.len();
            tail
        } else {
            self.hold(tail);
            &self.held
        };
        self.handed_out = true;
        let length = self.octets - usize::from(has_cr);
        if length > self.limit.saturating_sub(2) {
            return Line::TooLong;
        }
        match line.get(..length) {
            Some(line) if !self.bare_lf && memchr2(b'\r', 0, line).is_none() => Line::Whole(line),
            _ => Line::BareLineEnd,
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.octets = self.octets.saturating_add(bytes.len());
        self.last_is_cr = bytes.last().map_or(self.last_is_cr, |&b| b == b'\r');
        if self.bare_lf || self.octets >= self.limit {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
