//! Content on its way out: dot-stuffed for DATA, or cut into chunks for BDAT.

use crate::smtp::data::Stuffer;

/// Octets of a chunk that is not the last: enough that the reply to each costs
/// little, small enough to be held.
const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
pub(super) enum Encoder {
    Dot(Stuffer),
    Chunks {
        /// What the last BDAT may have to carry.
        held: Vec<u8>,
        /// None for BINARYMIME, which goes as it is.
        ends: Option<LineEnds>,
    },
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::Dot(Stuffer::default())
    }
}

impl Encoder {
    pub(super) fn new(chunked: bool, binary: bool) -> Encoder {
        match chunked {
            false => Encoder::default(),
            true => Encoder::Chunks {
                held: Vec::new(),
                ends: (!binary).then(LineEnds::default),
            },
        }
    }

    pub(super) fn is_chunked(&self) -> bool {
        matches!(self, Encoder::Chunks { .. })
    }

    /// Appends content; returns how many BDAT commands that took.
    pub(super) fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        match self {
            Encoder::Dot(stuffer) => {
                stuffer.write(octets, out);
                0
            }
            Encoder::Chunks { held, ends } => octets
                .chunks(CHUNK)
                .map(|piece| {
                    match ends {
                        Some(ends) => ends.write(piece, held),
                        None => held.extend_from_slice(piece),
                    }
                    let full = held.len() >= CHUNK;
                    if full {
                        chunk(held, "", out);
                        held.clear();
                    }
                    usize::from(full)
                })
                .sum(),
        }
    }

    /// The end: one reply is owed for it.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        match self {
            Encoder::Dot(stuffer) => stuffer.finish(out),
            Encoder::Chunks { held, .. } => chunk(&held, " LAST", out),
        }
    }
}

fn chunk(octets: &[u8], last: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("BDAT {}{last}\r\n", octets.len()).as_bytes());
    out.extend_from_slice(octets);
}

/// Makes every line end CRLF: BDAT excuses no bare CR or LF (L4).
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    /// The last octet was a CR, sent as CRLF.
    cr: bool,
}

impl LineEnds {
    fn write(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while let Some((&first, rest)) = octets.split_first() {
            match first {
                b'\n' if self.cr => {}
                b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
                _ => {
                    let n = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
                    let (line, rest) = octets.split_at(n);
                    out.extend_from_slice(line);
                    self.cr = false;
                    octets = rest;
                    continue;
                }
            }
            self.cr = first == b'\r';
            octets = rest;
        }
    }
}
