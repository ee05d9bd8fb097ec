//! Reading a queued message: its head, then its content, checked on the way.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::envelope::{self, Head, Parsed};
use super::error::{Result, SpoolError};
use super::scan::At;
use super::{Entry, Spool};

/// Octets of an envelope that are read at first: nearly always all of it.
const FIRST_READ: usize = 4096;

/// Content of a queued message, checked while it is read.
///
/// The last octets come only when length and checksum are right: otherwise
/// there is an error in their place. It shares the claim's descriptor: the
/// message stays locked until the last of both is dropped.
#[derive(Debug)]
pub struct MessageReader {
    file: Arc<File>,
    at: u64,
    left: u64,
    crc32c: u32,
    expected: u32,
    failed: bool,
}

impl MessageReader {
    pub(super) fn new(file: Arc<File>, parsed: &Parsed) -> MessageReader {
        MessageReader {
            file,
            at: parsed.head.offset,
            left: parsed.head.check.length,
            crc32c: parsed.crc32c,
            expected: parsed.head.check.crc32c,
            // An empty message is checked by its envelope alone.
            failed: parsed.head.check.length == 0 && parsed.crc32c != parsed.head.check.crc32c,
        }
    }
}

impl Read for MessageReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let damaged = || {
            let text = "the message does not match its checksum";
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        if self.failed {
            return Err(damaged());
        }
        let want = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let Some(buf) = buf.get_mut(..want).filter(|b| !b.is_empty()) else {
            return Ok(0);
        };
        let n = self.file.read_at(buf, self.at)?;
        if n == 0 {
            self.failed = true;
            return Err(damaged());
        }
        self.crc32c = crc32c::crc32c_append(self.crc32c, &buf[..n]);
        self.at += n as u64;
        self.left -= n as u64;
        if self.left == 0 && self.crc32c != self.expected {
            self.failed = true;
            return Err(damaged());
        }
        Ok(n)
    }
}

/// What reading a head came to.
pub(super) enum Reading {
    Right(Box<Parsed>),
    /// Why it does not read right.
    Wrong(String),
}

/// Reads and checks the head of `file`, the message of `entry`: what cannot be
/// a message is Wrong, what cannot be read is an error.
pub(super) fn head(file: &File, entry: &Entry) -> io::Result<Reading> {
    let wrong = |why: &str| Ok(Reading::Wrong(why.to_owned()));
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return wrong("it is not a regular file");
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size != entry.size {
        return wrong("its size is not what its name says");
    }
    let octets = match head_octets(file)? {
        Ok(octets) => octets,
        Err(why) => return Ok(Reading::Wrong(why)),
    };
    let parsed = match envelope::parse(&octets) {
        Ok(parsed) => parsed,
        Err(why) => return Ok(Reading::Wrong(why)),
    };
    if parsed.head.id != entry.id {
        return wrong("its id is not what its name says");
    }
    if parsed.head.offset.checked_add(parsed.head.check.length) != Some(size) {
        return wrong("its length is not what its envelope says");
    }
    Ok(Reading::Right(Box::new(parsed)))
}

fn head_octets(file: &File) -> io::Result<std::result::Result<Vec<u8>, String>> {
    let mut octets = Vec::new();
    let mut step = FIRST_READ;
    loop {
        let seen = octets.len();
        octets.resize(seen + step, 0);
        let n = file.read_at(&mut octets[seen..], seen as u64)?;
        octets.truncate(seen + n);
        match envelope::end(&octets, seen) {
            Ok(Some(end)) => {
                octets.truncate(end);
                return Ok(Ok(octets));
            }
            Ok(None) if n == 0 => return Ok(Err("its envelope does not end".to_owned())),
            Ok(None) => step = (step * 2).min(1 << 20),
            Err(why) => return Ok(Err(why)),
        }
    }
}

impl Spool {
    /// Reads envelope and check without claiming.
    pub fn head(&self, entry: &Entry) -> Result<Head> {
        Ok(self.parsed(entry)?.1.head)
    }

    /// Envelope and content without claiming (for `cat`).
    pub fn read(&self, entry: &Entry) -> Result<(Head, MessageReader)> {
        let (file, parsed) = self.parsed(entry)?;
        let reader = MessageReader::new(Arc::new(file), &parsed);
        Ok((parsed.head, reader))
    }

    fn parsed(&self, entry: &Entry) -> Result<(File, Parsed)> {
        let id = entry.id;
        let (file, at) = match self.open_message(entry)? {
            Opened::Found(file, at) => (file, at),
            Opened::Gone => return Err(SpoolError::NoSuchId(id.to_string())),
            Opened::Wrong(_, why) => return Err(SpoolError::Corrupt(id, why)),
        };
        let entry = at.entry().unwrap_or_else(|| entry.clone());
        match head(&file, &entry).map_err(|e| SpoolError::io(format!("read message {id}"), e))? {
            Reading::Right(parsed) => Ok((file, *parsed)),
            Reading::Wrong(why) => Err(SpoolError::Corrupt(id, why)),
        }
    }

    /// Opens a message by the names it had, then by its id wherever it is.
    pub(super) fn open_message(&self, entry: &Entry) -> Result<Opened> {
        for at in Spool::hints(entry) {
            if let Some(opened) = self.open_at(at)? {
                return Ok(opened);
            }
        }
        // A second look where it moved in the middle of the first.
        for _ in 0..2 {
            for at in self.names_of(entry.id)? {
                if let Some(opened) = self.open_at(at)? {
                    return Ok(opened);
                }
            }
        }
        Ok(Opened::Gone)
    }

    fn open_at(&self, at: At) -> Result<Option<Opened>> {
        match self.open_file(&at.path(), OFlags::RDONLY) {
            Ok(fd) => Ok(Some(Opened::Found(File::from(fd), at))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) => Ok(Some(Opened::Wrong(at, "it is a symbolic link".to_owned()))),
            Err(Errno::NXIO) => Ok(Some(Opened::Wrong(at, "it is a socket".to_owned()))),
            Err(e) => Err(SpoolError::io(
                format!("open {} in the spool", at.path()),
                e,
            )),
        }
    }
}

/// What opening a message by its id came to.
pub(super) enum Opened {
    Found(File, At),
    Gone,
    /// Something that is no file: it cannot be locked.
    Wrong(At, String),
}
