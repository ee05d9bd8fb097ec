//! The form of a queued message in a pipe: the same envelope, then the message.

use std::io::{self, BufRead, Read};

use super::envelope::{self, Check, Envelope, Head, Piped, Printed};
use super::error::{Result, SpoolError};
use super::id::Id;

/// The envelope as octets, for what follows it: the message. Without a check
/// its place stays blank, and the reader cannot compare.
pub fn print_head(id: Id, envelope: &Envelope, check: Option<&Check>) -> Result<Vec<u8>> {
    let Printed {
        mut octets,
        check_at,
    } = envelope::print(id, envelope)?;
    if let Some(check) = check {
        let value = Printed::value(check);
        if let Some(place) = octets.get_mut(check_at..check_at + value.len()) {
            place.copy_from_slice(&value);
        }
    }
    Ok(octets)
}

/// The envelope as octets, its check worked out anew for `message`, which is
/// read to its end: the content of a message of which `head` says the rest.
pub fn print_head_anew(
    head: &Head,
    envelope: &Envelope,
    message: &mut dyn Read,
) -> Result<Vec<u8>> {
    let blank = print_head(head.id, envelope, None)?;
    let mut crc32c = read_head(&mut &blank[..])?.crc32c;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = match message.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(SpoolError::Corrupt(head.id, e.to_string()));
            }
            Err(e) => return Err(SpoolError::io(format!("read message {}", head.id), e)),
        };
        crc32c = crc32c::crc32c_append(crc32c, &piece[..n]);
    }
    let check = Check {
        crc32c,
        ..head.check
    };
    print_head(head.id, envelope, Some(&check))
}

/// Reads an envelope and not an octet of the message behind it. What is none,
/// or has more than the limits allow, is `Invalid`.
pub fn read_head(input: &mut dyn BufRead) -> Result<Piped> {
    let invalid = |why: String| SpoolError::Invalid(format!("not a queued message: {why}"));
    let mut octets = Vec::new();
    loop {
        let seen = octets.len();
        let count = Read::take(&mut *input, MAX_LINE as u64)
            .read_until(b'\n', &mut octets)
            .map_err(|e| SpoolError::io("read an envelope", e))?;
        if count == 0 || octets.last() != Some(&b'\n') {
            return Err(invalid("a record does not end".to_owned()));
        }
        if let Some(end) = envelope::end(&octets, seen).map_err(invalid)? {
            octets.truncate(end);
            return envelope::parse_piped(&octets).map_err(invalid);
        }
    }
}

/// The message behind an envelope, up to the end of the input. Where the
/// envelope has a check, reading ends with an error if the message does not
/// match it.
#[derive(Debug)]
pub struct PipedMessage<R> {
    input: R,
    crc32c: u32,
    length: u64,
    check: Option<Check>,
}

impl Piped {
    /// `input`: what [`read_head`] read from.
    pub fn message<R: Read>(&self, input: R) -> PipedMessage<R> {
        PipedMessage {
            input,
            crc32c: self.crc32c,
            length: 0,
            check: self.check,
        }
    }
}

impl<R: Read> Read for PipedMessage<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        self.crc32c = crc32c::crc32c_append(self.crc32c, buf.get(..n).unwrap_or_default());
        self.length = self.length.saturating_add(n as u64);
        let right = |c: Check| (c.length, c.crc32c) == (self.length, self.crc32c);
        if n == 0 && !buf.is_empty() && !self.check.is_none_or(right) {
            let text = "the message does not match its checksum";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(n)
    }
}

/// A record with its line end.
const MAX_LINE: usize = envelope::MAX_RECORD + 2;

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::super::tests::envelope;
    use super::*;

    #[test]
    fn a_message_that_does_not_match_its_check_ends_with_an_error() {
        let text = b"Subject: x\r\n\r\nhi\r\n";
        let sent = envelope(&["bob@example.net"]);
        let blank = print_head(id(), &sent, None).unwrap();
        let crc = read_head(&mut &blank[..]).unwrap().crc32c;
        let check = Check {
            length: text.len() as u64,
            crc32c: crc32c::crc32c_append(crc, text),
            body: crate::spool::BodyKind::SevenBit,
            long_lines: false,
        };
        let head = print_head(id(), &sent, Some(&check)).unwrap();
        let read = |message: &[u8]| {
            let octets = [&head, message].concat();
            let mut input = &octets[..];
            let piped = read_head(&mut input).unwrap();
            let mut all = Vec::new();
            piped.message(input).read_to_end(&mut all).map(|_| all)
        };
        assert_eq!(read(text).unwrap(), text);
        assert!(read(&text[1..]).is_err());
        assert!(read(b"Subject: y\r\n\r\nhi\r\n").is_err());
        assert!(read(b"").is_err());
    }

    fn id() -> Id {
        Id::parse("01J9ZK3F8Q2V7M").unwrap()
    }

    #[test]
    fn an_envelope_goes_through_a_pipe_and_leaves_the_message() {
        let sent = envelope(&["bob@example.net", "carol@example.net"]);
        let mut octets = print_head(id(), &sent, None).unwrap();
        let message = b"\r\nEnvelope-End: 0\r\nrest";
        octets.extend_from_slice(message);
        for size in [1, 3, 8192] {
            let mut input = BufReader::with_capacity(size, &octets[..]);
            let piped = read_head(&mut input).unwrap();
            assert_eq!(
                (piped.id, &piped.envelope, piped.check),
                (id(), &sent, None)
            );
            let mut rest = Vec::new();
            input.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, message);
        }
    }

    #[test]
    fn a_check_goes_with_it() {
        let check = Check {
            length: 7,
            crc32c: 9,
            body: super::super::BodyKind::Binary,
            long_lines: true,
        };
        let octets = print_head(id(), &envelope(&["bob@example.net"]), Some(&check)).unwrap();
        assert_eq!(read_head(&mut &octets[..]).unwrap().check, Some(check));
    }

    /// The seeds of the fuzz target are read, or it would start from nothing.
    #[test]
    fn the_seeds_of_the_fuzz_target_are_right() {
        for seed in ["full", "blank-check"] {
            let path = format!("{}/fuzz/seeds/envelope/{seed}", env!("CARGO_MANIFEST_DIR"));
            let octets = std::fs::read(path).unwrap();
            read_head(&mut &octets[..]).unwrap();
        }
    }

    /// S6: bounded, whatever comes.
    #[test]
    fn what_is_no_envelope_is_refused_at_once() {
        let endless = std::io::repeat(b'E');
        assert!(read_head(&mut BufReader::new(endless)).is_err());
        for text in [
            "",
            "From: a\r\n\r\nb\r\n",
            "Envelope-Id: 0A\r\n",
            "Envelope-Id: 0A",
        ] {
            assert!(read_head(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
