//! The content of one message, in the form that a next hop can take.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::{Mutex, PoisonError};

use crate::message::encode;
use crate::message::{header, trace};
use crate::smtp::caps::Caps;
use crate::spool::BodyKind;

/// A header over this is not looked at beyond it (DESIGN section 8: the limit of
/// local submissions).
const MAX_HEADER: usize = 16 * 1024 * 1024;

type Open<'c> = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'c>;

/// What is known of a message's content, and how to read it.
pub struct Letter<'c> {
    pub size: u64,
    pub body: BodyKind,
    pub long_lines: bool,
    /// Received fields.
    pub hops: usize,
    /// The header holds octets over 127 (RFC 6532).
    pub header_eight_bit: bool,
    open: Open<'c>,
    /// Converted once for all next hops that need it.
    seven_bit: Mutex<Option<(File, u64)>>,
}

/// What a header tells.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    hops: usize,
    header_eight_bit: bool,
}

/// A form that a server can take.
pub struct Form {
    pub reader: Box<dyn Read + Send>,
    pub size: u64,
    pub eight_bit: bool,
}

/// Why there is no such form.
#[derive(Debug)]
pub enum Unfit {
    /// Status and words for a bounce.
    Never(&'static str, String),
    Io(io::Error),
}

impl<'c> Letter<'c> {
    /// Reads the header; `open` gives the content from its start each time.
    pub fn read(size: u64, body: BodyKind, long_lines: bool, open: Open<'c>) -> io::Result<Self> {
        let head = read_header(&mut *open()?)?;
        let seen = Seen {
            hops: trace::hops(&head),
            header_eight_bit: !head.is_ascii(),
        };
        Ok(Letter::known(size, body, long_lines, seen, open))
    }

    /// The same where the header was read before.
    pub fn known(
        size: u64,
        body: BodyKind,
        long_lines: bool,
        seen: Seen,
        open: Open<'c>,
    ) -> Letter<'c> {
        Letter {
            size,
            body,
            long_lines,
            hops: seen.hops,
            header_eight_bit: seen.header_eight_bit,
            open,
            seven_bit: Mutex::new(None),
        }
    }

    /// What reading the header told.
    pub fn seen(&self) -> Seen {
        Seen {
            hops: self.hops,
            header_eight_bit: self.header_eight_bit,
        }
    }

    /// The content as it is stored.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        (self.open)()
    }

    /// As stored; `None` where the server does not take it so.
    pub fn plain_form(&self, caps: &Caps) -> Option<io::Result<Form>> {
        let fits = match self.body {
            BodyKind::SevenBit => true,
            BodyKind::EightBit => caps.eight_bit_mime,
            BodyKind::Binary => false,
        };
        let as_stored = |reader| Form {
            reader,
            size: self.size,
            eight_bit: self.body == BodyKind::EightBit,
        };
        (fits && !self.long_lines).then(|| self.open().map(as_stored))
    }

    /// As stored where the server takes it so, else converted (CL-13, CL-22).
    pub fn form(&self, caps: &Caps) -> Result<Form, Unfit> {
        if let Some(form) = self.plain_form(caps) {
            return form.map_err(Unfit::Io);
        }
        let (file, size) = self.converted()?;
        Ok(Form {
            reader: Box::new(BufReader::with_capacity(64 * 1024, At { file, offset: 0 })),
            size,
            eight_bit: false,
        })
    }

    fn converted(&self) -> Result<(File, u64), Unfit> {
        let mut kept = self
            .seven_bit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((file, size)) = &*kept {
            return Ok((file.try_clone().map_err(Unfit::Io)?, *size));
        }
        let file = nameless().map_err(Unfit::Io)?;
        let mut out = BufWriter::new(file.try_clone().map_err(Unfit::Io)?);
        let mut message = self.open().map_err(Unfit::Io)?;
        encode::seven_bit(&mut message, &mut out)
            .map_err(Unfit::Io)?
            .map_err(|e| Unfit::Never(e.status, e.text))?;
        out.flush().map_err(Unfit::Io)?;
        let size = file.metadata().map_err(Unfit::Io)?.len();
        let result = file.try_clone().map_err(Unfit::Io)?;
        *kept = Some((file, size));
        Ok((result, size))
    }
}

fn read_header(message: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let n = message.read(&mut piece)?;
        head.extend_from_slice(piece.get(..n).unwrap_or_default());
        let is_all = n == 0 || head.len() >= MAX_HEADER;
        if let Some((end, _)) = header::split(&head, is_all) {
            head.truncate(end);
            return Ok(head);
        }
        if is_all {
            return Ok(head);
        }
    }
}

/// A file for this process alone that is gone with it.
pub fn nameless() -> io::Result<File> {
    let random = u128::from_ne_bytes(crate::sys::random()?);
    let name = format!("smtputils-{random:032x}");
    let path = std::env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Reads a file from its start without moving the offset that others share.
pub struct At {
    pub file: File,
    pub offset: u64,
}

impl Read for At {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}
