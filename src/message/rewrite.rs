//! Rewriting of submissions by the configuration: the sender of cron and
//! daemons, aliases for bare names, everything to one address. Envelope and
//! header alike.

use std::ops::Range;

use super::addrlist::{self, Bare, Member};
use super::fold;
use super::header::Field;
use super::submit::{Facts, named};
use crate::smtp::addr::{Mailbox, ReversePath};

/// What is changed in one submission.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// Who sends, whatever was said: a caller who may not give another sender
    /// did (H4). Named in a Sender field.
    pub own: Option<Mailbox>,
    /// Sender of the envelope and of From.
    pub from: Option<Mailbox>,
    /// Name in From.
    pub from_name: Option<String>,
    /// What bare names in recipient fields are aliases for.
    pub bare: Option<Bare>,
    /// The one who gets everything.
    pub all_to: Option<Mailbox>,
    /// Nobody gets anything.
    pub discard: bool,
}

/// Fields that name recipients to their readers.
pub(super) const TO: [&str; 4] = ["To", "Cc", "Resent-To", "Resent-Cc"];

/// Where the recipients of the envelope stand after `all_to`.
const ORIGINAL: &str = "X-Original-To";

impl Rewrite {
    /// The envelope's sender. The null reverse-path stays: a bounce of a bounce
    /// would go out else.
    pub fn sender(&self, sender: ReversePath) -> ReversePath {
        match (self.from.as_ref().or(self.own.as_ref()), sender) {
            (Some(from), ReversePath::Mailbox(_)) => ReversePath::Mailbox(from.clone()),
            (_, sender) => sender,
        }
    }

    /// Who is named in a Sender field besides From.
    pub(super) fn sender_field(&self) -> Option<&Mailbox> {
        self.own.as_ref().filter(|_| self.from.is_none())
    }

    /// The envelope's recipients; where `all_to` replaces them, those that were
    /// there come second.
    pub fn recipients(&self, recipients: Vec<Mailbox>) -> (Vec<Mailbox>, Vec<Mailbox>) {
        match &self.all_to {
            Some(one) => (vec![one.clone()], recipients),
            None => (recipients, Vec::new()),
        }
    }
}

/// Which fields came already: of several only the first is left.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<&'static str>);

impl Seen {
    /// True the first time.
    fn first(&mut self, name: &'static str) -> bool {
        let is_new = !self.0.contains(&name);
        if is_new {
            self.0.push(name);
        }
        is_new
    }
}

/// Writes the field as the profile wants it; false: it is none of its business.
pub(super) fn field(field: &Field<'_>, facts: &Facts, seen: &mut Seen, out: &mut Vec<u8>) -> bool {
    let rewrite = &facts.rewrite;
    let one_of = |names: &[&'static str]| names.iter().copied().find(|name| field.is(name));
    if let Some(all_to) = &rewrite.all_to
        && let Some(name) = one_of(&TO)
    {
        // The first To or Cc becomes a To, whatever they were.
        let prefix = if name.starts_with("Resent-") {
            "Resent-To"
        } else {
            "To"
        };
        if seen.first(prefix) {
            out.extend_from_slice(fold::field(prefix, named("", all_to)).as_bytes());
        }
        return true;
    }
    // There is one From, and it is who sends (RFC 5322 section 3.6.2).
    let is_sender = || one_of(&["Sender", "Resent-Sender"]).is_some();
    if (rewrite.own.is_some() || (rewrite.from.is_some() && !facts.gateway)) && is_sender() {
        return true;
    }
    if facts.gateway || (rewrite.from.is_none() && rewrite.from_name.is_none()) {
        return false;
    }
    if let Some(name) = one_of(&["From", "Resent-From"]) {
        if seen.first(name) {
            from(name, field, facts, out);
        }
        return true;
    }
    false
}

/// From with another address, another name, or both. What is not changed stays
/// byte for byte; of several mailboxes the first counts.
fn from(name: &str, field: &Field<'_>, facts: &Facts, out: &mut Vec<u8>) {
    let rewrite = &facts.rewrite;
    let mut members = addrlist::members(field.value);
    let first = members.next();
    let written = || first.as_ref()?.mailbox(&facts.origin).ok();
    let address = rewrite.from.clone().or_else(written);
    let address = address.unwrap_or_else(|| facts.sender.clone());
    let range = first.as_ref().and_then(Member::address_range);
    match (&rewrite.from_name, range) {
        (None, Some(range)) => {
            let head = field.raw.len() - field.value.len();
            let end = match members.next() {
                Some(_) => first.map_or(range.end, |first| first.end),
                None => field.value.len(),
            };
            out.extend_from_slice(&field.raw[..head]);
            out.extend_from_slice(&field.value[..range.start]);
            out.extend_from_slice(fold::printable(&address.to_string()).as_bytes());
            out.extend_from_slice(&field.value[range.end..end]);
            if !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
        (given, _) => {
            let items = named(given.as_deref().unwrap_or_default(), &address);
            out.extend_from_slice(fold::field(name, items).as_bytes());
        }
    }
}

/// What the profile adds to a header.
pub(super) fn added(facts: &Facts) -> String {
    let mut text = String::new();
    if let Some(own) = facts.rewrite.sender_field() {
        text.push_str(&fold::field("Sender", named("", own)));
    }
    if facts.rewrite.all_to.is_some() {
        text.push_str(&original(&facts.original));
    }
    text
}

/// What takes a bare name's place, and which: one address goes where the name
/// is, several take the place of the whole member.
pub(super) fn replacement(member: &Member, others: &[Mailbox]) -> (Range<usize>, String) {
    let text: Vec<String> = others
        .iter()
        .map(|mailbox| fold::printable(&mailbox.to_string()))
        .collect();
    let whole = member.start..member.end;
    match (text.as_slice(), member.address_range()) {
        ([one], Some(range)) => (range, one.clone()),
        _ => (whole, text.join(",\r\n ")),
    }
}

/// The field that keeps whom a message was for.
fn original(recipients: &[Mailbox]) -> String {
    let last = recipients.len().saturating_sub(1);
    let items = recipients.iter().enumerate().map(|(n, mailbox)| {
        let comma = if n == last { "" } else { "," };
        format!("{}{comma}", fold::printable(&mailbox.to_string()))
    });
    fold::field(ORIGINAL, items)
}

#[cfg(test)]
mod tests;
