//! A message in the spool's form outside the spool: as it travels through pipes
//! and is shown with its envelope.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::envelope;
use super::error::{Result, SpoolError};
use super::read::head_octets;
use super::{Entry, Head, MessageReader, Spool};

/// Reads a message in the spool's form from a file that holds nothing else,
/// from its first octet on. Reading the content ends with an error where it
/// does not match the envelope's check.
///
/// # Errors
/// Invalid where it is not in that form, Io where it cannot be read.
pub fn read_form(file: File) -> Result<(Head, MessageReader)> {
    let wrong = |why: String| SpoolError::Invalid(format!("this is no queued message: {why}"));
    let octets = head_octets(&file)
        .map_err(|e| SpoolError::io("read the message", e))?
        .map_err(wrong)?;
    let parsed = envelope::parse(&octets).map_err(wrong)?;
    let size = file
        .metadata()
        .map_err(|e| SpoolError::io("read the message", e))?
        .len();
    if parsed.head.offset.checked_add(parsed.head.check.length) != Some(size) {
        return Err(wrong("its length is not what its envelope says".to_owned()));
    }
    let reader = MessageReader::new(Arc::new(file), &parsed);
    Ok((parsed.head, reader))
}

impl Spool {
    /// The envelope of a message as it stands in its file, without claiming.
    pub fn envelope_octets(&self, entry: &Entry) -> Result<Vec<u8>> {
        let (file, parsed) = self.parsed(entry)?;
        let mut octets = vec![0; usize::try_from(parsed.head.offset).unwrap_or(0)];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut octets, 0)
            .map_err(|e: io::Error| SpoolError::io(format!("read message {}", entry.id), e))?;
        Ok(octets)
    }
}
