//! Standard input as a message: the header held, the body in pieces.

use std::io::{self, Cursor, Read};

use rustix::fs::OFlags;

use super::super::Stop;
use crate::class::Class;
use crate::message::input::LineEnds;

/// Largest header taken, octets (DESIGN section 8).
pub const MAX_HEADER: usize = 16 << 20;

/// Octets read at once: at first as many as nearly all mail has, then more.
const FIRST_PIECE: usize = 4 << 10;
const PIECE: usize = 32 << 10;

/// Refuses a standard input that the caller had closed. The descriptor was
/// filled with `/dev/null` before `main`, for reading and writing, which no
/// shell's `< /dev/null` does: that is an empty message and allowed.
pub fn check_input() -> Result<(), Stop> {
    let input = io::stdin();
    let mode = rustix::fs::fcntl_getfl(&input).map(|f| f & OFlags::ACCMODE);
    if mode != Ok(OFlags::RDWR) {
        return Ok(());
    }
    let null = rustix::fs::stat("/dev/null").map(|s| s.st_rdev);
    let device = rustix::fs::fstat(&input).map(|s| s.st_rdev);
    match (null, device) {
        (Ok(null), Ok(device)) if null == device => Err(Stop::new(
            Class::NoInput,
            "standard input is closed; nothing was sent",
        )),
        _ => Ok(()),
    }
}

/// Standard input without a buffer of its own and without std's kindness of
/// taking a descriptor that cannot be read for an empty one.
#[derive(Debug)]
pub struct Input;

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin(), buf)?)
    }
}

/// A message being read.
pub struct Incoming<R> {
    from: R,
    /// What `from` is called in errors.
    what: &'static str,
    ends: LineEnds,
    piece: Vec<u8>,
    /// Converted and not yet given out: the header with what was read behind it.
    text: Vec<u8>,
    header: usize,
    body: usize,
    dotted: bool,
    ended: bool,
    kept: Option<Kept>,
}

/// Octets of a body that are kept for a message that may come back.
const MAX_KEPT: usize = 1 << 20;

/// What was given out of a message, for the case that nobody else has it.
#[derive(Debug, Default)]
struct Kept {
    header: Vec<u8>,
    body: Vec<u8>,
    /// There was more of it.
    is_cut: bool,
}

impl Kept {
    fn add(&mut self, piece: &[u8]) {
        let room = MAX_KEPT.saturating_sub(self.body.len());
        let fits = piece.get(..room).unwrap_or(piece);
        self.body.extend_from_slice(fits);
        self.is_cut |= fits.len() < piece.len();
    }
}

impl<R: Read> Incoming<R> {
    /// Reads up to the end of the header.
    pub fn open(from: R, dot_ends: bool) -> Result<Incoming<R>, Stop> {
        Incoming::of(from, "standard input", dot_ends)
    }

    /// The same of something else than standard input.
    pub fn of(from: R, what: &'static str, dot_ends: bool) -> Result<Incoming<R>, Stop> {
        let mut incoming = Incoming {
            from,
            what,
            ends: LineEnds::new(dot_ends),
            piece: vec![0; FIRST_PIECE],
            text: Vec::new(),
            header: 0,
            body: 0,
            dotted: false,
            ended: false,
            kept: None,
        };
        incoming.read_header()?;
        Ok(incoming)
    }

    /// CRLF lines, without the blank line.
    pub fn header(&self) -> &[u8] {
        &self.text[..self.header]
    }

    /// From now on what is given out is kept: the header, and of the body the
    /// first mebibyte.
    pub fn keep(&mut self) {
        self.kept = Some(Kept {
            header: self.header().to_vec(),
            ..Kept::default()
        });
    }

    /// The header that was kept.
    pub fn kept_header(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| &kept.header)
    }

    /// The message from its beginning, as far as it was kept, and the rest; in
    /// place of what is lost a line says so.
    pub fn whole(&mut self) -> impl Read {
        let kept = self.kept.take().unwrap_or_default();
        let lost: &[u8] = if kept.is_cut { LOST } else { b"" };
        Cursor::new(kept.header)
            .chain(&b"\r\n"[..])
            .chain(Cursor::new(kept.body))
            .chain(lost)
            .chain(Rest(self))
    }

    /// The next piece of the body; `None` at its end.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, Stop> {
        self.refill()?;
        let start = std::mem::replace(&mut self.body, self.text.len());
        if let Some(kept) = &mut self.kept {
            kept.add(&self.text[start..]);
        }
        Ok((start < self.text.len()).then(|| &self.text[start..]))
    }

    /// Reads on where all was given out.
    fn refill(&mut self) -> Result<(), Stop> {
        if self.body == self.text.len() {
            self.text.clear();
            self.header = 0;
            self.body = 0;
            while self.text.is_empty() && !self.ended {
                self.fill()?;
            }
        }
        Ok(())
    }

    fn read_header(&mut self) -> Result<(), Stop> {
        let end = loop {
            if let Some(end) = self.ends.header_end() {
                break end;
            }
            if self.text.len() > MAX_HEADER {
                return Err(too_large());
            }
            self.fill()?;
        };
        // Both lie within the text: nothing has been given out yet.
        let within = |octets: u64| {
            usize::try_from(octets).map_or(self.text.len(), |n| n.min(self.text.len()))
        };
        (self.header, self.body) = (within(end.header), within(end.body));
        Ok(())
    }

    /// Reads and converts one piece more.
    fn fill(&mut self) -> Result<(), Stop> {
        let n = match self.from.read(&mut self.piece) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(Stop::new(Class::NoInput, format!("{}: {e}", self.what))),
        };
        if n == 0 {
            self.ended = true;
            self.ends.finish(&mut self.text);
        } else if !self.dotted {
            // After a lone dot the rest is read and dropped: a writer must not
            // get SIGPIPE.
            self.dotted = self.ends.push(&self.piece[..n], &mut self.text);
        }
        if n == FIRST_PIECE {
            self.piece.resize(PIECE, 0);
        }
        Ok(())
    }
}

/// Stands where a part of a message is missing.
const LOST: &[u8] = b"\r\n[a part of the message is lost]\r\n";

/// What is left of a body.
struct Rest<'m, R>(&'m mut Incoming<R>);

impl<R: Read> Read for Rest<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let incoming = &mut *self.0;
        let failed = |stop: Stop| io::Error::other(stop.text().to_owned());
        incoming.refill().map_err(failed)?;
        let left = &incoming.text[incoming.body..];
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        incoming.body += n;
        Ok(n)
    }
}

fn too_large() -> Stop {
    Stop::new(
        Class::Unavailable,
        format!(
            "the header is larger than {} MiB; nothing was sent",
            MAX_HEADER >> 20
        ),
    )
}
