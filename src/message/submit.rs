//! Completing a local submission's header: rules H1 to H15 and recipients from
//! `-t`. All other bytes stay as they are.

use crate::smtp::addr::{AddrError, Mailbox};

use super::addrlist::Names;
use super::header::{self, Field};
use super::rewrite::{self, Rewrite};
use super::{addrlist, date, fold, phrase};

/// What completion needs to know.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Domain appended to unqualified addresses.
    pub origin: String,
    /// Right side of a Message-ID, and of `by` in Received.
    pub hostname: String,
    /// Address for a missing From: and Sender:.
    pub sender: Mailbox,
    /// Full name for a missing From:.
    pub full_name: Option<String>,
    pub now: jiff::Timestamp,
    /// Unique part of a missing Message-ID.
    pub unique: String,
    /// `-G`: no qualification, nothing added.
    pub gateway: bool,
    pub rewrite: Rewrite,
    /// Whom the message was for before everything went to one address.
    pub original: Vec<Mailbox>,
}

/// Fields that never leave with a submission: Bcc lists (H10), what only final
/// delivery writes, and a length that no longer fits (H11).
const REMOVED: [&str; 4] = ["Bcc", "Resent-Bcc", "Return-Path", "Content-Length"];

/// Fields whose addresses get the origin (section 3.2).
const QUALIFIED: [&str; 10] = [
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Sender",
    "Resent-From",
    "Resent-To",
    "Resent-Cc",
    "Resent-Sender",
    "Resent-Reply-To",
];

/// Fields that hold recipients, and those of a message sent again.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
const RESENT_RECIPIENTS: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];

/// A line that qualification makes longer than this is folded between two
/// addresses, well before it could pass 998 (RFC 5322 section 2.1.1).
const FOLD_QUALIFIED: usize = 900;

/// Recipients that `-t` finds, and the members that could not be read. A
/// header with Resent fields gives the recipients of its first block of them,
/// and no others.
pub fn recipients(header: &[u8], names: Names<'_>) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    let block = resent_block(header);
    let (fields, wanted): (Vec<Field<'_>>, _) = if block.is_empty() {
        (header::fields(header).collect(), RECIPIENTS)
    } else {
        (block, RESENT_RECIPIENTS)
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for field in fields.iter().filter(|f| is_one_of(f, &wanted)) {
        let (more, unread) = addrlist::parse_names(field.value, names);
        good.extend(more);
        bad.extend(unread);
    }
    (addrlist::dedup(good), bad)
}

/// The first block of Resent fields. Each resending puts its own on top (RFC
/// 5322 section 3.6.6), so an older block begins behind a trace field, or
/// where a name comes again. The same name twice in a row is one long list.
fn resent_block(header: &[u8]) -> Vec<Field<'_>> {
    let mut block: Vec<Field<'_>> = Vec::new();
    for field in header::fields(header) {
        let is_trace = field.is("Received") || field.is("Return-Path");
        if is_trace && !block.is_empty() {
            break;
        }
        if !field.has_prefix("Resent-") {
            continue;
        }
        let same = |other: &Field<'_>| other.name.eq_ignore_ascii_case(field.name);
        if !block.last().is_some_and(same) && block.iter().any(same) {
            break;
        }
        block.push(field);
    }
    block
}

/// The header to store: Bcc, Resent-Bcc, Return-Path, Content-Length and mbox
/// `From ` lines removed, unqualified addresses qualified, missing From, Date
/// and Message-ID added. CRLF lines in and out, blank line not included.
pub fn complete(header: &[u8], facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() + 512);
    let block = resent_block(header);
    let is_resent = |field: &Field<'_>| {
        let first = block.first().filter(|_| !facts.gateway);
        first.is_some_and(|first| std::ptr::eq(first.raw, field.raw))
    };
    let mut present = Present::default();
    let mut seen = rewrite::Seen::default();
    for field in header::fields(header) {
        if is_resent(&field) {
            add_resent(&block, facts, &mut out);
        }
        present.note(&field);
        if is_mbox_line(&field) || is_one_of(&field, &REMOVED) {
            continue;
        }
        if rewrite::field(&field, facts, &mut seen, &mut out) {
            continue;
        }
        if !facts.gateway && is_one_of(&field, &QUALIFIED) {
            qualify(&field, facts, &mut out);
        } else {
            out.extend_from_slice(field.raw);
        }
        if !field.raw.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    if !facts.gateway {
        present.add_missing("", facts, &mut out);
    }
    out.extend_from_slice(rewrite::added(facts).as_bytes());
    out
}

/// Missing fields of the block that resends go before its first, wherever that
/// is: a trace field between them would make two blocks of it (H8).
fn add_resent(block: &[Field<'_>], facts: &Facts, out: &mut Vec<u8>) {
    let mut present = Present::default();
    block
        .iter()
        .for_each(|field| present.note_name(field.name.get("Resent-".len()..).unwrap_or_default()));
    present.add_missing("Resent-", facts, out);
}

/// Which of the three fields that every message has are there.
#[derive(Default)]
struct Present {
    from: bool,
    date: bool,
    message_id: bool,
}

impl Present {
    fn note(&mut self, field: &Field<'_>) {
        self.note_name(field.name);
    }

    fn note_name(&mut self, name: &[u8]) {
        self.from |= name.eq_ignore_ascii_case(b"From");
        self.date |= name.eq_ignore_ascii_case(b"Date");
        self.message_id |= name.eq_ignore_ascii_case(b"Message-ID");
    }

    fn add_missing(&self, prefix: &str, facts: &Facts, out: &mut Vec<u8>) {
        let mut add = |name: &str, items: Vec<String>| {
            out.extend_from_slice(fold::field(&format!("{prefix}{name}"), items).as_bytes());
        };
        if !self.date {
            add("Date", vec![date::rfc5322(facts.now)]);
        }
        if !self.from {
            add("From", from(facts));
        }
        if !self.message_id {
            // Two fields of one name must differ, or a reader takes the
            // resending for the message.
            let mark = if prefix.is_empty() { "" } else { "r." };
            let id = format!("<{mark}{}@{}>", facts.unique, facts.hostname);
            add("Message-ID", vec![fold::printable(&id)]);
        }
    }
}

/// `FULLNAME <sender>`, or the bare address (H5).
fn from(facts: &Facts) -> Vec<String> {
    let rewrite = &facts.rewrite;
    let name = rewrite.from_name.as_ref().or(facts.full_name.as_ref());
    named(
        name.map_or("", String::as_str),
        rewrite.from.as_ref().unwrap_or(&facts.sender),
    )
}

/// The items of a field for one mailbox, with a name or without.
pub(super) fn named(name: &str, address: &Mailbox) -> Vec<String> {
    let address = fold::printable(&address.to_string());
    let mut words = phrase::words(name);
    if words.is_empty() {
        return vec![address];
    }
    words.push(format!("<{address}>"));
    words
}

/// Copies a field, with `@origin` behind each address that lacks a domain, or,
/// where the rewriting profile asks for it, with what the name stands for.
fn qualify(field: &Field<'_>, facts: &Facts, out: &mut Vec<u8>) {
    let head = field.raw.len() - field.value.len();
    out.extend_from_slice(&field.raw[..head]);
    let bare = facts.rewrite.bare.as_ref();
    let bare = bare.filter(|_| is_one_of(field, &rewrite::TO));
    let mut line = out.len() - head;
    let mut copied = 0;
    let mut fold_at = None;
    for member in addrlist::members(field.value) {
        if let Some(at) = member.unqualified_at() {
            let others = bare.and_then(|bare| member.stands_for(bare));
            let (range, text) = match others {
                Some(others) => rewrite::replacement(&member, &others),
                None => (at..at, format!("@{}", facts.origin)),
            };
            // Only lines that grow here are folded, and only between addresses.
            line = copy_to(field.value, copied..fold_at.unwrap_or(copied), line, out);
            copied = fold_at.unwrap_or(copied);
            let length = out.len() - line + (range.start - copied) + text.len();
            if fold_at.is_some() && length > FOLD_QUALIFIED {
                out.extend_from_slice(b"\r\n");
                line = out.len();
                if !matches!(field.value.get(copied), Some(b' ' | b'\t')) {
                    out.push(b' ');
                }
            }
            line = copy_to(field.value, copied..range.start, line, out);
            copied = range.end;
            line = copy_to(text.as_bytes(), 0..text.len(), line, out);
        }
        fold_at = after_comma(field.value, member.end);
    }
    out.extend_from_slice(&field.value[copied..]);
}

/// Copies a range; returns where the line that is being written begins.
fn copy_to(value: &[u8], range: std::ops::Range<usize>, line: usize, out: &mut Vec<u8>) -> usize {
    let from = out.len();
    out.extend_from_slice(&value[range]);
    memchr::memrchr(b'\n', &out[from..]).map_or(line, |at| from + at + 1)
}

/// Where a fold may go behind a member: only directly after its comma, and not
/// where there is one already.
fn after_comma(value: &[u8], member_end: usize) -> Option<usize> {
    match value.get(member_end..)? {
        [b',', b'\r' | b'\n', ..] => None,
        [b',', ..] => Some(member_end + 1),
        _ => None,
    }
}

/// Lines of an mbox, which a header has only on top (H12).
fn is_mbox_line(field: &Field<'_>) -> bool {
    let rest = field
        .raw
        .iter()
        .position(|&b| b != b'>')
        .map_or(field.raw, |n| &field.raw[n..]);
    field.name.is_empty() && rest.starts_with(b"From ")
}

fn is_one_of(field: &Field<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| field.is(name))
}

/// The full name in a GECOS field (H5): up to the first comma, `&` standing
/// for the login name with a capital.
pub fn full_name_from_gecos(gecos: &str, login: &str) -> Option<String> {
    let name = gecos.split(',').next().unwrap_or_default().trim();
    let mut letters = login.chars();
    let capital: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect();
    let name = name.replace('&', &capital);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
