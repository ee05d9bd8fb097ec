//! The envelope at the head of a queued message: types, print, parse.
//!
//! Records in a fixed order, each a line that ends in CRLF: `Envelope-Id`,
//! `Envelope-Sender`, one or more `Envelope-Recipient`, `Envelope-Origin`,
//! `Envelope-Check`, `Envelope-End`. The message begins at the octet after.

use jiff::Timestamp;

use super::error::{Result, SpoolError};
use super::id::Id;
use crate::smtp::addr::{ForwardPath, Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};

/// Recipients in one envelope, at most.
pub const MAX_RECIPIENTS: usize = 100_000;
/// Octets of one record, its line end not counted, at most.
pub const MAX_RECORD: usize = 16 * 1024;
/// Octets of the whole envelope, at most.
pub const MAX_HEAD: usize = 64 << 20;
/// Octets of a message, at most: what the check's length field can hold.
pub const MAX_LENGTH: u64 = 99_999_999_999;

/// Width of the check's value, blanks at its end included.
pub(super) const CHECK_WIDTH: usize = 51;
/// Longest line that SMTP carries as it is, CRLF not counted (RFC 5321
/// section 4.5.3.1.6).
pub(super) const LONGEST_LINE: u64 = 998;

const ID: &str = "Envelope-Id";
const SENDER: &str = "Envelope-Sender";
const RECIPIENT: &str = "Envelope-Recipient";
const ORIGIN: &str = "Envelope-Origin";
const CHECK: &str = "Envelope-Check";
const END: &str = "Envelope-End";

/// Where a message came from; a line of the envelope file.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Kept to the millisecond.
    pub time: Timestamp,
    /// `local`, `smtp`, `bounce`, `list`, `import`.
    pub kind: String,
    /// `key=value` words: `uid=1000`, `client=[192.0.2.7]`, `helo=h.example`,
    /// `of=ID`, [`Origin::NO_ALIASES`]. Values hold neither blanks nor control characters.
    pub words: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    pub address: Mailbox,
    pub params: RcptParams,
}

/// The envelope of a queued message.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub sender: ReversePath,
    pub params: MailParams,
    pub recipients: Vec<Recipient>,
    pub origin: Origin,
}

/// What the content holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    SevenBit,
    EightBit,
    /// NUL, bare CR or bare LF (BINARYMIME).
    Binary,
}

/// `Envelope-Check`: known at the end of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Octets of the message, envelope not counted.
    pub length: u64,
    /// CRC-32C of envelope (this line's value left out) and message.
    pub crc32c: u32,
    pub body: BodyKind,
    /// A line is longer than 998 octets.
    pub long_lines: bool,
}

/// What a message's file says before the message begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub id: Id,
    pub envelope: Envelope,
    pub check: Check,
    /// Offset of the message's first octet in the file.
    pub offset: u64,
}

impl Check {
    fn print(&self) -> String {
        let body = match self.body {
            BodyKind::SevenBit => "7bit",
            BodyKind::EightBit => "8bit",
            BodyKind::Binary => "binary",
        };
        let lines = if self.long_lines { "long" } else { "short" };
        let value = format!(
            "{:011} crc32c={:08x} body={body} lines={lines}",
            self.length, self.crc32c
        );
        format!("{value:CHECK_WIDTH$}")
    }

    /// Only what [`Check::print`] gives is right.
    fn parse(text: &str) -> Option<Check> {
        let mut words = text.split_ascii_whitespace();
        let check = Check {
            length: words.next()?.parse().ok()?,
            crc32c: u32::from_str_radix(words.next()?.strip_prefix("crc32c=")?, 16).ok()?,
            body: match words.next()?.strip_prefix("body=")? {
                "7bit" => BodyKind::SevenBit,
                "8bit" => BodyKind::EightBit,
                "binary" => BodyKind::Binary,
                _ => return None,
            },
            long_lines: words.next()? == "lines=long",
        };
        (check.print() == text).then_some(check)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} {}", self.time, self.kind)?;
        self.words
            .iter()
            .try_for_each(|(k, v)| write!(f, " {k}={v}"))
    }
}

impl Origin {
    /// Word of a message to which aliases are not applied (`sendmail -n`).
    pub const NO_ALIASES: (&str, &str) = ("noalias", "1");

    /// Are the recipients final, whatever the alias files say?
    pub fn has_no_aliases(&self) -> bool {
        let (key, value) = Origin::NO_ALIASES;
        self.words.iter().any(|(k, v)| k == key && v == value)
    }

    fn parse(text: &str) -> Option<Origin> {
        let mut words = text.split(' ');
        let origin = Origin {
            time: words.next()?.parse().ok()?,
            kind: words.next()?.to_owned(),
            words: words
                .map(|w| w.split_once('='))
                .map(|w| w.map(|(k, v)| (k.to_owned(), v.to_owned())))
                .collect::<Option<_>>()?,
        };
        origin.is_legal().then_some(origin)
    }

    fn is_legal(&self) -> bool {
        let word = |w: &str| !w.contains(|c: char| c.is_whitespace() || c.is_control());
        let key = |k: &str| !k.is_empty() && word(k) && !k.contains('=');
        key(&self.kind) && self.words.iter().all(|(k, v)| key(k) && word(v))
    }
}

/// An envelope as octets, the check's value still blank.
#[derive(Debug)]
pub(super) struct Printed {
    pub octets: Vec<u8>,
    /// Where the check's value goes.
    pub check_at: usize,
}

/// Prints the envelope. Refuses what the reader would: a value with a control
/// character (I6), no recipient, too much of anything.
pub(super) fn print(id: Id, envelope: &Envelope) -> Result<Printed> {
    let invalid = |what: &str| Err(SpoolError::Invalid(what.to_owned()));
    if envelope.recipients.is_empty() {
        return invalid("an envelope without recipients");
    }
    if envelope.recipients.len() > MAX_RECIPIENTS {
        return invalid("an envelope with too many recipients");
    }
    if !envelope.origin.is_legal() {
        return invalid("a blank or control character in the envelope's origin");
    }
    let mut out = Vec::with_capacity(64 * 1024);
    record(&mut out, ID, id.as_str())?;
    record(
        &mut out,
        SENDER,
        &format!("{}{}", envelope.sender, envelope.params),
    )?;
    for recipient in &envelope.recipients {
        let value = format!("<{}>{}", recipient.address, recipient.params);
        record(&mut out, RECIPIENT, &value)?;
    }
    record(&mut out, ORIGIN, &envelope.origin.to_string())?;
    let check_at = out.len() + CHECK.len() + 2;
    record(&mut out, CHECK, &" ".repeat(CHECK_WIDTH))?;
    record(&mut out, END, id.as_str())?;
    if out.len() > MAX_HEAD {
        return invalid("an envelope that is too large");
    }
    Ok(Printed {
        octets: out,
        check_at,
    })
}

fn record(out: &mut Vec<u8>, name: &str, value: &str) -> Result<()> {
    if value.bytes().any(|b| b < b' ' || b == 127) {
        return Err(SpoolError::Invalid(format!(
            "a control character in {name}"
        )));
    }
    if name.len() + 2 + value.len() > MAX_RECORD {
        return Err(SpoolError::Invalid(format!("{name} is too long")));
    }
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

impl Printed {
    /// The check's value.
    pub fn value(check: &Check) -> [u8; CHECK_WIDTH] {
        let mut value = [b' '; CHECK_WIDTH];
        for (to, from) in value.iter_mut().zip(check.print().bytes()) {
            *to = from;
        }
        value
    }
}

/// CRC-32C of an envelope, the check's value left out.
pub(super) fn crc_of_head(head: &[u8], check_at: usize) -> u32 {
    let (before, rest) = head.split_at(check_at.min(head.len()));
    let after = rest.get(CHECK_WIDTH..).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(before), after)
}

/// A head and the CRC-32C of its octets, with which the message's goes on.
#[derive(Debug)]
pub(super) struct Parsed {
    pub head: Head,
    pub crc32c: u32,
}

/// An envelope that came through a pipe; the message follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Piped {
    pub id: Id,
    pub envelope: Envelope,
    /// `None`: blank, for the writer did not know the end of the message yet.
    pub check: Option<Check>,
    /// CRC-32C of the envelope; with the message's octets appended it is the
    /// check's.
    pub crc32c: u32,
}

/// Where the envelope ends in `octets`, which are a file's beginning: `None`
/// when more has to be read, an error when it can be no envelope (S6). Looks
/// from `seen` on only, the length at the last call.
pub(super) fn end(octets: &[u8], seen: usize) -> std::result::Result<Option<usize>, String> {
    let start = [ID.as_bytes(), b": "].concat();
    if !octets.starts_with(&start[..start.len().min(octets.len())]) {
        return Err("it does not begin with an envelope".to_owned());
    }
    let mark = ["\r\n", END, ": "].concat();
    let from = seen.saturating_sub(mark.len() + 20);
    let tail = octets.get(from..).unwrap_or_default();
    let found = memchr::memmem::find(tail, mark.as_bytes()).and_then(|at| {
        let value = from + at + mark.len();
        memchr::memmem::find(octets.get(value..)?, b"\r\n").map(|n| value + n + 2)
    });
    match found {
        Some(end) if end <= MAX_HEAD => Ok(Some(end)),
        None if octets.len() < MAX_HEAD => Ok(None),
        _ => Err("its envelope is too large".to_owned()),
    }
}

/// Parses a whole envelope, `Envelope-End` line included, its check filled in.
pub(super) fn parse(octets: &[u8]) -> std::result::Result<Parsed, String> {
    let piped = parse_piped(octets)?;
    Ok(Parsed {
        crc32c: piped.crc32c,
        head: Head {
            id: piped.id,
            envelope: piped.envelope,
            check: piped.check.ok_or("bad Envelope-Check")?,
            offset: octets.len() as u64,
        },
    })
}

/// The same, where the check may be blank. Never guesses: any record that is
/// unknown, missing or out of order is an error.
pub(super) fn parse_piped(octets: &[u8]) -> std::result::Result<Piped, String> {
    let text = std::str::from_utf8(octets).map_err(|_| "its envelope is not UTF-8".to_owned())?;
    let mut records = Records { text, at: 0 };
    let id = records.take(ID)?;
    let id = Id::parse(id).ok_or("bad Envelope-Id")?;
    let (sender, params) = parse_sender(records.take(SENDER)?).ok_or("bad Envelope-Sender")?;
    let recipients = parse_recipients(&mut records)?;
    let origin = Origin::parse(records.take(ORIGIN)?).ok_or("bad Envelope-Origin")?;
    let check_at = records.at + CHECK.len() + 2;
    let check = match records.take(CHECK)? {
        blank if blank.len() == CHECK_WIDTH && blank.trim_ascii().is_empty() => None,
        value => Some(Check::parse(value).ok_or("bad Envelope-Check")?),
    };
    if records.take(END)? != id.as_str() || records.at != octets.len() {
        return Err("bad Envelope-End".to_owned());
    }
    Ok(Piped {
        id,
        envelope: Envelope {
            sender,
            params,
            recipients,
            origin,
        },
        check,
        crc32c: crc_of_head(octets, check_at),
    })
}

fn parse_recipients(records: &mut Records<'_>) -> std::result::Result<Vec<Recipient>, String> {
    let mut recipients = Vec::new();
    while recipients.is_empty() || records.next_is(RECIPIENT) {
        if recipients.len() == MAX_RECIPIENTS {
            return Err("too many recipients".to_owned());
        }
        let recipient = parse_recipient(records.take(RECIPIENT)?);
        recipients.push(recipient.ok_or("bad Envelope-Recipient")?);
    }
    Ok(recipients)
}

fn parse_sender(text: &str) -> Option<(ReversePath, MailParams)> {
    let (path, rest) = ReversePath::parse_prefix(text).ok()?;
    Some((path, MailParams::parse(rest).ok()?))
}

fn parse_recipient(text: &str) -> Option<Recipient> {
    let (path, rest) = ForwardPath::parse_prefix(text).ok()?;
    let ForwardPath::Mailbox(address) = path else {
        return None;
    };
    Some(Recipient {
        address,
        params: RcptParams::parse(rest).ok()?,
    })
}

struct Records<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Records<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next_is(&self, name: &str) -> bool {
        let rest = self.rest().strip_prefix(name);
        rest.is_some_and(|r| r.starts_with(": "))
    }

    /// The value of the next record, which has to be `name`.
    fn take(&mut self, name: &str) -> std::result::Result<&'a str, String> {
        let missing = || format!("{name} missing");
        if !self.next_is(name) {
            return Err(missing());
        }
        let line = self.rest().split_once("\r\n").ok_or_else(missing)?.0;
        let value = line.get(name.len() + 2..).ok_or_else(missing)?;
        if line.len() > MAX_RECORD || value.bytes().any(|b| b < b' ' || b == 127) {
            return Err(format!("bad {name}"));
        }
        self.at += line.len() + 2;
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
