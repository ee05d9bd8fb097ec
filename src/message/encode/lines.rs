//! CRLF lines of a stream, long ones in pieces.

use std::io::{self, ErrorKind, Read};

const BUFFER: usize = 64 * 1024;

pub(super) struct Lines<'a> {
    source: &'a mut dyn Read,
    buffer: Vec<u8>,
    /// What of the buffer is still to be given out, and how much of that is
    /// known to hold no line end.
    start: usize,
    end: usize,
    searched: usize,
    is_over: bool,
}

impl<'a> Lines<'a> {
    pub fn new(source: &'a mut dyn Read) -> Lines<'a> {
        let buffer = vec![0; BUFFER];
        Lines {
            source,
            buffer,
            start: 0,
            end: 0,
            searched: 0,
            is_over: false,
        }
    }

    /// Puts the next line, or a piece of a long one, into `text`, without its
    /// CRLF. True where the line ends with it; `None` at the end. Only CRLF
    /// ends a line, and it is never cut in two.
    pub fn next(&mut self, text: &mut Vec<u8>) -> io::Result<Option<bool>> {
        text.clear();
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(len) = crlf(held, self.searched) {
                text.extend_from_slice(&held[..len]);
                self.take(len + 2);
                return Ok(Some(true));
            }
            self.searched = held.len().saturating_sub(1);
            if self.is_over || held.len() == self.buffer.len() {
                let keep = usize::from(!self.is_over && held.ends_with(b"\r"));
                let len = held.len() - keep;
                text.extend_from_slice(&held[..len]);
                self.take(len);
                return Ok((len > 0).then_some(false));
            }
            self.fill()?;
        }
    }

    fn take(&mut self, len: usize) {
        self.start += len;
        self.searched = 0;
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(len) => {
                    self.is_over = len == 0;
                    self.end += len;
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

fn crlf(text: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(text.get(from..)?, b"\r\n").map(|at| from + at)
}
