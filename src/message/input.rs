//! What `sendmail` reads on stdin, turned into the spool's form: LF and CRLF
//! end a line and become CRLF, a lone dot ends the message unless told
//! otherwise, a bare CR becomes a line end in the body and a space in the
//! header, NUL is dropped (DESIGN section 8).

use memchr::memchr3;

use super::header::{End, Scanner};

/// Push converter; memory does not grow with the message, and how the input is
/// cut into pieces makes no difference.
///
/// It finds the end of the header itself ([`header_end`](Self::header_end)):
/// what a bare CR means depends on it.
#[derive(Debug)]
pub struct LineEnds {
    dot_ends: bool,
    ended: bool,
    /// CRs that a LF may still follow.
    crs: usize,
    /// A dot at the start of a line, not written yet.
    dot: bool,
    at_line_start: bool,
    /// `None` where there is no header.
    header: Option<Scanner>,
    in_header: bool,
}

impl LineEnds {
    /// With `dot_ends` a line of exactly `.` ends the message (no `-i`).
    pub fn new(dot_ends: bool) -> LineEnds {
        LineEnds {
            dot_ends,
            ended: false,
            crs: 0,
            dot: false,
            at_line_start: true,
            header: Some(Scanner::new()),
            in_header: true,
        }
    }

    /// Converts the next piece; true once a lone dot ended the message (what
    /// follows is ignored).
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = input;
        while !self.ended && !rest.is_empty() {
            let run = memchr3(b'\n', b'\r', 0, rest).unwrap_or(rest.len());
            if run > 0 {
                self.text(&rest[..run], out);
                rest = &rest[run..];
                continue;
            }
            match rest[0] {
                b'\n' => self.line_end(out),
                b'\r' => self.crs += 1,
                // NUL: dropped, but `.` NUL is not exactly a dot.
                _ => self.release_dot(out),
            }
            rest = &rest[1..];
        }
        self.ended
    }

    /// From here on all is body: for input that has no header of its own.
    pub fn in_body(&mut self) {
        self.header = None;
        self.in_header = false;
    }

    /// Where the header ends and the body begins, counted in all octets
    /// written so far; `None` where it is not known yet or there is no header.
    /// Known at the latest after [`finish`](Self::finish).
    pub fn header_end(&self) -> Option<End> {
        self.header.as_ref().and_then(Scanner::end)
    }

    /// The input is over: adds a missing final line end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.ended && (self.crs > 0 || self.dot || !self.at_line_start) {
            self.line_end(out);
        }
        self.ended = true;
        self.in_header = false;
        if let Some(scanner) = &mut self.header {
            scanner.finish();
        }
    }

    fn text(&mut self, run: &[u8], out: &mut Vec<u8>) {
        if self.crs > 0 {
            self.bare_crs(run[0], out);
        }
        if self.dot_ends && self.at_line_start && !self.dot && run == b"." {
            self.dot = true;
            return;
        }
        self.release_dot(out);
        self.write(run, out);
        self.at_line_start = false;
    }

    /// LF, with the CRs before it.
    fn line_end(&mut self, out: &mut Vec<u8>) {
        self.crs = 0;
        if self.dot {
            self.dot = false;
            self.ended = true;
            return;
        }
        self.write(b"\r\n", out);
        self.at_line_start = true;
    }

    /// CRs that no LF followed. They end lines of the body, but no dot before
    /// or after them ends the message: nothing may be lost to a stray CR.
    fn bare_crs(&mut self, next: u8, out: &mut Vec<u8>) {
        self.release_dot(out);
        let crs = std::mem::take(&mut self.crs);
        if self.is_header_text(next) {
            (0..crs).for_each(|_| self.write(b" ", out));
        } else {
            (0..crs).for_each(|_| self.write(b"\r\n", out));
        }
        self.at_line_start = false;
    }

    /// Whether CRs before `next` stand in the header. In a line that is no
    /// field yet they do only where the colon follows.
    fn is_header_text(&mut self, next: u8) -> bool {
        let Some(scanner) = self.header.as_mut().filter(|_| self.in_header) else {
            return false;
        };
        if self.at_line_start && scanner.is_before_fields() {
            // A blank line ends the header that never began.
            return false;
        }
        if scanner.is_undecided() && next != b':' {
            scanner.no_field();
            self.in_header = false;
        }
        self.in_header
    }

    fn release_dot(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.dot) {
            self.write(b".", out);
            self.at_line_start = false;
        }
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        if self.in_header
            && let Some(scanner) = &mut self.header
        {
            self.in_header = scanner.push(bytes).is_none();
        }
    }
}

#[cfg(test)]
mod tests;
