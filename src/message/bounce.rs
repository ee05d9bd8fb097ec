//! Delivery status notifications (RFC 3461, 3464, 6522).

mod status;
mod template;
mod words;

use std::io::{self, Read, Write};

use super::header::{self, Scanner};
use super::transfer::QuotedPrintable;
use super::{date, fold, phrase};
use crate::smtp::param::{Orcpt, Ret};

pub use template::{MAX_TEMPLATE, PLACEHOLDERS, Template};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

impl Action {
    /// As in the Action field (RFC 3464 section 2.3.3).
    pub fn word(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

/// One recipient's block.
#[derive(Clone, Debug)]
pub struct Block {
    pub final_recipient: String,
    pub original: Option<Orcpt>,
    pub action: Action,
    /// Enhanced status code, class fitting the action.
    pub status: String,
    /// The remote server's reply; `None` where none was involved.
    pub diagnostic: Option<String>,
    pub remote_mta: Option<String>,
    /// What happened, in plain words.
    pub text: String,
    pub last_attempt: Option<jiff::Timestamp>,
    pub retry_until: Option<jiff::Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Our host name (Reporting-MTA, Message-ID, boundary).
    pub hostname: &'a str,
    /// Domain of MAILER-DAEMON.
    pub origin: &'a str,
    /// Whom it goes to, as in the reverse-path, with or without `<>`.
    pub to: String,
    pub unique: &'a str,
    pub now: jiff::Timestamp,
    pub arrival: jiff::Timestamp,
    pub envid: Option<&'a str>,
    /// Give `Headers` for an original that cannot go as it is through DATA:
    /// bare CR or LF (BINARYMIME), or lines over 998.
    pub ret: Option<Ret>,
    pub blocks: Vec<Block>,
    /// Octets of the original; over `return_limit` only its header goes back.
    pub original_size: u64,
    pub return_limit: u64,
    pub eight_bit: bool,
    /// Id of the original, for people.
    pub of: &'a str,
    pub template: &'a Template,
    /// About mail without a sender, to the postmaster.
    pub is_double: bool,
    /// It goes with SMTPUTF8: addresses stand as they are, in the types of
    /// RFC 6533. Else all of it is ASCII.
    pub is_global: bool,
}

/// Most of a header that goes back; a longer one is cut behind a field.
const RETURNED_HEADER: usize = 256 * 1024;

impl Notice<'_> {
    /// RET rules what a failure returns; other reports never return the
    /// content (RFC 3461 section 4.3).
    fn returns_content(&self) -> bool {
        self.ret != Some(Ret::Headers)
            && self.original_size <= self.return_limit
            && self.blocks.iter().any(|b| b.action == Action::Failed)
    }
}

/// Writes the notice with CRLF lines; `original` is read once, and only its
/// header where no more goes back.
///
/// The boundary holds the 128 random bits given. The original is copied in one
/// pass and cannot be searched first, so whoever wrote it must not be able to
/// guess the boundary (BN-21): `unique` alone could be known.
pub fn write(
    notice: &Notice<'_>,
    random: [u8; 16],
    original: &mut dyn Read,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_with(notice, &boundary(notice.unique, random), original, out)
}

/// At most 70 characters that need no quoting (RFC 2046 section 5.1.1).
fn boundary(unique: &str, random: [u8; 16]) -> String {
    let unique: String = unique
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    format!("{unique}-{:032x}", u128::from_be_bytes(random))
}

fn write_with(
    notice: &Notice<'_>,
    boundary: &str,
    original: &mut dyn Read,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "{}", head(notice, boundary))?;
    write!(
        out,
        "This is a delivery report (RFC 3464) in several parts.\r\n\r\n--{boundary}\r\n"
    )?;
    write_words(&words::text(notice), out)?;
    write!(
        out,
        "\r\n--{boundary}\r\nContent-Type: message/{}\r\n{}\r\n",
        kind(notice, "delivery-status", "global-delivery-status"),
        eight_bit_if(notice.is_global)
    )?;
    write!(out, "{}\r\n--{boundary}\r\n", status::fields(notice))?;
    if notice.returns_content() {
        write!(
            out,
            "Content-Type: message/{}\r\n{}\r\n",
            kind(notice, "rfc822", "global"),
            eight_bit(notice)
        )?;
        io::copy(original, out)?;
    } else {
        write_header(notice, &read_header(original)?, out)?;
    }
    write!(out, "\r\n--{boundary}--\r\n")
}

fn head(notice: &Notice<'_>, boundary: &str) -> String {
    let to = notice.to.trim_start_matches('<').trim_end_matches('>');
    let mut head = String::new();
    let mut add = |name: &str, items: &[&str]| {
        head.push_str(&fold::field(
            name,
            items.iter().map(|item| fold::printable(item)),
        ));
    };
    add(
        "From",
        &[
            "Mail Delivery System",
            &format!("<MAILER-DAEMON@{}>", notice.origin),
        ],
    );
    add("To", &[&format!("<{to}>")]);
    let subject = words::subject(notice);
    match subject.is_ascii() {
        true => add("Subject", &[&subject]),
        false => {
            let words = phrase::encoded(&subject);
            add(
                "Subject",
                &words.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
    }
    add("Date", &[&date::rfc5322(notice.now)]);
    add(
        "Message-ID",
        &[&format!("<{}@{}>", notice.unique, notice.hostname)],
    );
    add("Auto-Submitted", &["auto-replied"]);
    add("MIME-Version", &["1.0"]);
    let boundary = format!("boundary=\"{boundary}\"");
    add(
        "Content-Type",
        &[
            "multipart/report;",
            "report-type=delivery-status;",
            &boundary,
        ],
    );
    let content = notice.eight_bit && notice.returns_content();
    head.push_str(eight_bit_if(content || notice.is_global));
    head.push_str("\r\n");
    head
}

/// BN-18: the label of the part that is 8-bit, and of the whole around it.
fn eight_bit(notice: &Notice<'_>) -> &'static str {
    eight_bit_if(notice.eight_bit)
}

fn eight_bit_if(is_eight_bit: bool) -> &'static str {
    match is_eight_bit {
        true => "Content-Transfer-Encoding: 8bit\r\n",
        false => "",
    }
}

/// A type's name, or what takes its place in internationalised mail (BN-19).
fn kind(notice: &Notice<'_>, plain: &'static str, global: &'static str) -> &'static str {
    if notice.is_global { global } else { plain }
}

/// The text part. Addresses and remote words may be UTF-8 and long, so it is
/// encoded where it has to be; the notice itself stays 7-bit.
fn write_words(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let is_plain = text.is_ascii() && text.lines().all(|line| line.len() <= fold::WIDTH * 4);
    if is_plain {
        write!(out, "Content-Type: text/plain; charset=us-ascii\r\n\r\n")?;
        return text.lines().try_for_each(|line| write!(out, "{line}\r\n"));
    }
    write!(out, "Content-Type: text/plain; charset=utf-8\r\n")?;
    write!(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n")?;
    write_quoted(text.lines().map(str::as_bytes), out)
}

/// The original's header as it stands; quoted-printable where it is not 7-bit
/// (RFC 6522 section 4).
fn write_header(notice: &Notice<'_>, header: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let lines = || {
        let text = header.strip_suffix(b"\n").unwrap_or(header);
        text.split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    };
    let is_plain =
        |line: &[u8]| line.len() <= 998 && line.iter().all(|b| matches!(b, b'\t' | 32..=126));
    let is_global = notice.is_global && std::str::from_utf8(header).is_ok();
    if is_global {
        write!(out, "Content-Type: message/global-headers\r\n")?;
    } else {
        write!(out, "Content-Type: text/rfc822-headers\r\n")?;
    }
    let is_whole = |line: &[u8]| line.len() <= 998 && !line.iter().any(|b| matches!(b, 0 | b'\r'));
    if is_global && lines().all(is_whole) {
        write!(out, "{}\r\n", eight_bit_if(!header.is_ascii()))?;
        return lines()
            .try_for_each(|line| out.write_all(line).and_then(|()| out.write_all(b"\r\n")));
    }
    if lines().all(is_plain) {
        write!(out, "\r\n")?;
        return lines()
            .try_for_each(|line| out.write_all(line).and_then(|()| out.write_all(b"\r\n")));
    }
    write!(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n")?;
    write_quoted(lines(), out)
}

fn write_quoted<'a>(lines: impl Iterator<Item = &'a [u8]>, out: &mut dyn Write) -> io::Result<()> {
    let mut encoder = QuotedPrintable::default();
    for line in lines {
        encoder.text(line, out)?;
        encoder.line_end(out)?;
    }
    Ok(())
}

/// The header of a message, as much as goes back of it.
fn read_header(original: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut scanner = Scanner::new();
    let mut header = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let len = match original.read(&mut piece) {
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        header.extend_from_slice(&piece[..len]);
        let end = scanner
            .push(&piece[..len])
            .or_else(|| (len == 0).then(|| scanner.finish()));
        if let Some(end) = end {
            header.truncate(usize::try_from(end.header).unwrap_or(usize::MAX));
        }
        if end.is_some() || header.len() > RETURNED_HEADER {
            return Ok(cut(header));
        }
    }
}

/// Whole fields, up to the limit.
fn cut(mut header: Vec<u8>) -> Vec<u8> {
    if header.len() > RETURNED_HEADER {
        let mut len = 0;
        for field in header::fields(&header) {
            if len + field.raw.len() > RETURNED_HEADER {
                break;
            }
            len += field.raw.len();
        }
        header.truncate(len);
    }
    header
}

#[cfg(test)]
mod tests;
