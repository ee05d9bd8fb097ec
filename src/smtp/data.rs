//! Message content on the wire: the one reader of end-of-data, the one
//! dot-stuffer, the counter of BDAT octets. The only file that knows that CRLF
//! `.` CRLF ends a message (RFC 5321 section 4.1.1.4 and 4.5.2).
//!
//! Nothing here copies content: pieces of the input are handed on as they are.
//! The scan costs one search for LF and three vector passes (CR, NUL, 8-bit).

use memchr::{memchr, memchr_iter};

/// What content broke on its way in. Any of these refuses the message after it
/// was read to its true end (L1, DESIGN section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    BareLf,
    BareCr,
    Nul,
    /// A line over the limit for strangers.
    LongLine,
}

/// What the content was like; known at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub octets: u64,
    pub eight_bit: bool,
    /// Where there are several: the one that comes first in [`Fault`].
    pub fault: Option<Fault>,
}

/// Reads dot-stuffed content until CRLF `.` CRLF.
#[derive(Debug)]
pub struct DataReader {
    scan: Scan,
    dot: Dot,
}

/// Where a [`DataReader`] stands about a dot that began a line. The dot, and
/// the CR behind it, are withheld until it is known what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dot {
    None,
    Seen,
    CrSeen,
    /// The mark was read: the reader is done.
    End,
}

/// A piece of [`DataReader::read`].
#[derive(Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Content, unstuffed, line ends CRLF. May be any length but 0.
    Chunk(&'a [u8]),
    /// The end-of-data mark was read; what is left of the input is commands.
    End(Content),
}

impl DataReader {
    /// `lf_ends`: LF ends a line as well (`-bs`): it comes out as CRLF and is
    /// no fault. `max_line`: longest line without a fault, line end included.
    pub fn new(lf_ends: bool, max_line: usize) -> DataReader {
        let scan = Scan::new(max_line, lf_ends, true);
        DataReader {
            scan,
            dot: Dot::None,
        }
    }

    /// Takes bytes from the front of `input`; `None` when used up, and after
    /// the end, when nothing is taken any more.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Option<Data<'a>> {
        loop {
            let first = *input.first()?;
            match (self.dot, first) {
                (Dot::End, _) => return None,
                (Dot::None, b'.') if self.scan.at == At::LineStart => {
                    advance(input, 1);
                    self.dot = Dot::Seen;
                }
                (Dot::None, _) => return Some(Data::Chunk(self.scan.take(input))),
                (Dot::Seen, b'\r') => {
                    advance(input, 1);
                    self.dot = Dot::CrSeen;
                }
                (Dot::CrSeen, b'\n') => return Some(self.end(input)),
                (Dot::Seen, b'\n') if self.scan.lf_ends => return Some(self.end(input)),
                (Dot::Seen, _) => {
                    // Only a doubled dot: the line goes on behind it.
                    self.dot = Dot::None;
                    self.scan.at = At::InLine;
                }
                (Dot::CrSeen, _) => {
                    self.dot = Dot::None;
                    return Some(Data::Chunk(self.scan.take(&mut &b"\r"[..])));
                }
            }
        }
    }

    fn end<'a>(&mut self, input: &mut &'a [u8]) -> Data<'a> {
        advance(input, 1);
        self.dot = Dot::End;
        Data::End(self.scan.content())
    }
}

/// Counts the octets of BDAT chunks (RFC 3030) and looks at them as
/// [`DataReader`] does. One reader serves all the chunks of a message.
#[derive(Debug)]
pub struct BdatReader {
    scan: Scan,
    binary: bool,
    left: u64,
}

impl BdatReader {
    /// `binary`: BODY=BINARYMIME was agreed, so that bare CR, bare LF, NUL and
    /// lines of any length are no faults (RFC 3030 section 3).
    pub fn new(binary: bool, max_line: usize) -> BdatReader {
        let scan = Scan::new(max_line, false, false);
        BdatReader {
            scan,
            binary,
            left: 0,
        }
    }

    /// A BDAT command announced so many octets.
    pub fn begin_chunk(&mut self, octets: u64) {
        self.left = octets;
    }

    /// Octets of the chunk still to come; 0 means commands follow.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes bytes of the chunk from the front of `input`; `None` when the
    /// input is used up or the chunk is whole.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let there = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        let (chunk, rest) = input.split_at(there);
        if chunk.is_empty() {
            return None;
        }
        *input = rest;
        self.left -= chunk.len() as u64;
        self.scan.take(&mut { chunk });
        Some(chunk)
    }

    /// What all chunks so far were like; final when the one with LAST is whole.
    pub fn content(&self) -> Content {
        let mut content = self.scan.content();
        if self.binary {
            content.fault = None;
        }
        content
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    InLine,
    /// After a CR that was handed out and waits for its LF.
    Cr,
}

impl At {
    /// After an octet of content in which every LF ends a line.
    fn after(octet: u8) -> At {
        match octet {
            b'\n' => At::LineStart,
            b'\r' => At::Cr,
            _ => At::InLine,
        }
    }
}

/// Looks at content as it passes. Its findings do not depend on where the
/// input was cut.
#[derive(Debug)]
struct Scan {
    lf_ends: bool,
    /// Stop before a line that begins with a dot.
    dots: bool,
    max_line: usize,
    at: At,
    /// Octets of the line under way.
    line: usize,
    octets: u64,
    eight_bit: bool,
    bare_lf: bool,
    bare_cr: bool,
    nul: bool,
    long_line: bool,
}

impl Scan {
    fn new(max_line: usize, lf_ends: bool, dots: bool) -> Scan {
        Scan {
            lf_ends,
            dots,
            max_line,
            at: At::LineStart,
            line: 0,
            octets: 0,
            eight_bit: false,
            bare_lf: false,
            bare_cr: false,
            nul: false,
            long_line: false,
        }
    }

    fn content(&self) -> Content {
        let fault = if self.bare_lf {
            Some(Fault::BareLf)
        } else if self.bare_cr || self.at == At::Cr {
            Some(Fault::BareCr)
        } else if self.nul {
            Some(Fault::Nul)
        } else if self.long_line || self.line > self.max_line {
            Some(Fault::LongLine)
        } else {
            None
        };
        Content {
            octets: self.octets,
            eight_bit: self.eight_bit,
            fault,
        }
    }

    /// Takes the longest piece of the (not empty) input that can be handed out
    /// as it stands; a lone LF that ends a line is replaced.
    fn take<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        if self.lf_ends && input[0] == b'\n' && self.at != At::Cr {
            advance(input, 1);
            self.octets = self.octets.saturating_add(2);
            self.end_line(2);
            return b"\r\n";
        }
        let (chunk, rest) = input.split_at(self.lines(input));
        *input = rest;
        self.octets = self.octets.saturating_add(chunk.len() as u64);
        self.eight_bit |= !chunk.is_ascii();
        self.nul |= memchr(0, chunk).is_some();
        chunk
    }

    /// Walks over the lines of `bytes` up to a place that needs the caller, and
    /// returns how far it got (at least 1 octet).
    fn lines(&mut self, bytes: &[u8]) -> usize {
        let after_cr = self.at == At::Cr;
        self.bare_cr |= after_cr && bytes[0] != b'\n';
        let mut line_start = 0;
        // CRs followed by LF. Any other CR of the piece is a bare one, so one
        // count instead of a search finds them.
        let mut paired = 0;
        let mut end = bytes.len();
        for lf in memchr_iter(b'\n', bytes) {
            let has_cr = if lf == 0 {
                after_cr
            } else {
                bytes[lf - 1] == b'\r'
            };
            if !has_cr && self.lf_ends {
                end = lf;
                break;
            }
            if !has_cr {
                self.bare_lf = true;
                continue;
            }
            paired += usize::from(lf > 0);
            self.end_line(lf + 1 - line_start);
            line_start = lf + 1;
            if self.dots && bytes.get(line_start) == Some(&b'.') {
                end = line_start;
                break;
            }
        }
        self.line = self.line.saturating_add(end - line_start);
        self.at = match bytes[end - 1] {
            _ if line_start == end => At::LineStart,
            b'\r' => At::Cr,
            _ => At::InLine,
        };
        let waiting = usize::from(self.at == At::Cr);
        self.bare_cr |= memchr_iter(b'\r', &bytes[..end]).count() > paired + waiting;
        end
    }

    fn end_line(&mut self, octets: usize) {
        self.long_line |= self.line.saturating_add(octets) > self.max_line;
        self.line = 0;
        self.at = At::LineStart;
    }
}

fn advance(input: &mut &[u8], octets: usize) {
    *input = &input[octets..];
}

/// Makes content ready for DATA: doubles a dot that begins a line, adds the
/// final line end where missing, then the mark. Input has CRLF line ends (the
/// spool's form); a bare CR or LF never leaves (L4): it becomes CRLF.
#[derive(Debug)]
pub struct Stuffer {
    at: At,
}

impl Default for Stuffer {
    fn default() -> Stuffer {
        Stuffer { at: At::LineStart }
    }
}

impl Stuffer {
    /// Appends the next piece of content.
    pub fn write(&mut self, content: &[u8], out: &mut Vec<u8>) {
        if content.is_empty() {
            return;
        }
        out.reserve(content.len() + content.len() / 64);
        let begin = out.len();
        if self.write_sound(content, out) {
            self.at = At::after(content[content.len() - 1]);
        } else {
            out.truncate(begin);
            self.write_mending(content, out);
        }
    }

    /// The quick way, for content whose line ends are all CRLF; `false`, with
    /// a part of it appended, when they are not.
    fn write_sound(&self, content: &[u8], out: &mut Vec<u8>) -> bool {
        let after_cr = self.at == At::Cr;
        if after_cr && content[0] != b'\n' {
            return false;
        }
        if self.at == At::LineStart && content[0] == b'.' {
            out.push(b'.');
        }
        let mut copied = 0;
        let mut paired = 0;
        for lf in memchr_iter(b'\n', content) {
            let has_cr = if lf == 0 {
                after_cr
            } else {
                content[lf - 1] == b'\r'
            };
            if !has_cr {
                return false;
            }
            paired += usize::from(lf > 0);
            if content.get(lf + 1) == Some(&b'.') {
                out.extend_from_slice(&content[copied..=lf]);
                out.push(b'.');
                copied = lf + 1;
            }
        }
        let waiting = usize::from(content.ends_with(b"\r"));
        if memchr_iter(b'\r', content).count() != paired + waiting {
            return false;
        }
        out.extend_from_slice(&content[copied..]);
        true
    }

    /// The same octet by octet, for content that needs mending.
    fn write_mending(&mut self, content: &[u8], out: &mut Vec<u8>) {
        for &octet in content {
            if self.at == At::Cr {
                out.push(b'\n');
                self.at = At::LineStart;
                if octet == b'\n' {
                    continue;
                }
            }
            match octet {
                b'\n' => out.extend_from_slice(b"\r\n"),
                b'.' if self.at == At::LineStart => out.extend_from_slice(b".."),
                octet => out.push(octet),
            }
            self.at = At::after(octet);
        }
    }

    /// Appends the final line end, if missing, and `.` CRLF.
    pub fn finish(self, out: &mut Vec<u8>) {
        let line_end: &[u8] = match self.at {
            At::LineStart => b"",
            At::Cr => b"\n",
            At::InLine => b"\r\n",
        };
        out.extend_from_slice(line_end);
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests;
