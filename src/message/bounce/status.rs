//! The part that programs read: message/delivery-status (RFC 3464), always
//! 7-bit (RFC 6533 section 3 for addresses that are not).

use std::fmt::Write as _;

use super::super::{date, fold};
use super::{Action, Block, Notice};
use crate::smtp::param::Orcpt;

/// Longest remote text that is repeated, in characters.
const DIAGNOSTIC: usize = 2000;

/// A word longer than this is cut, so that the field can be folded.
const WORD: usize = 70;

pub(super) fn fields(notice: &Notice<'_>) -> String {
    let mut text = String::new();
    if let Some(envid) = notice.envid {
        field(&mut text, "Original-Envelope-Id", envid);
    }
    field(
        &mut text,
        "Reporting-MTA",
        &format!("dns; {}", notice.hostname),
    );
    field(&mut text, "Arrival-Date", &date::rfc5322(notice.arrival));
    for block in &notice.blocks {
        text.push_str("\r\n");
        recipient(&mut text, block, notice.is_global);
    }
    text
}

fn recipient(text: &mut String, block: &Block, is_global: bool) {
    let mut address = |name: &str, original: &Orcpt| match is_global {
        true => global(text, name, original),
        false => field(text, name, &typed(original)),
    };
    if let Some(original) = &block.original {
        address("Original-Recipient", original);
    }
    address("Final-Recipient", &final_recipient(&block.final_recipient));
    field(text, "Action", block.action.word());
    field(text, "Status", &block.status);
    if let Some(host) = &block.remote_mta {
        field(text, "Remote-MTA", &format!("dns; {host}"));
    }
    if let Some(reply) = &block.diagnostic {
        let reply: String = reply.chars().take(DIAGNOSTIC).collect();
        field(text, "Diagnostic-Code", &format!("smtp; {reply}"));
    }
    if let Some(time) = block.last_attempt {
        field(text, "Last-Attempt-Date", &date::rfc5322(time));
    }
    // Only where there is another attempt to come (RFC 3464 section 2.3.9).
    if let (Action::Delayed, Some(time)) = (block.action, block.retry_until) {
        field(text, "Will-Retry-Until", &date::rfc5322(time));
    }
}

/// One field, made safe: control characters are blanks, other characters than
/// ASCII are `?`, long values are folded at blanks.
fn field(text: &mut String, name: &str, value: &str) {
    let ascii: String = value
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() {
                c
            } else if c.is_whitespace() || c.is_control() {
                ' '
            } else {
                '?'
            }
        })
        .collect();
    let words = ascii.split(' ').filter(|w| !w.is_empty()).flat_map(|word| {
        // ASCII only, so that every octet is a character.
        (0..word.len())
            .step_by(WORD)
            .map(|at| &word[at..word.len().min(at + WORD)])
    });
    text.push_str(&fold::field(name, words));
}

/// An address as it stands (RFC 6533 section 3, utf-8-address), on one line.
fn global(text: &mut String, name: &str, address: &Orcpt) {
    if address.address.is_ascii() || !address.kind.eq_ignore_ascii_case("utf-8") {
        return field(text, name, &typed(address));
    }
    let plain = fold::printable(&address.address).replace(char::is_whitespace, "?");
    text.push_str(&fold::field(name, ["utf-8;", &plain]));
}

fn final_recipient(address: &str) -> Orcpt {
    let kind = if address.is_ascii() {
        "rfc822"
    } else {
        "utf-8"
    };
    Orcpt {
        kind: kind.to_owned(),
        address: address.to_owned(),
    }
}

/// `type; address`, the type checked to be a word.
fn typed(original: &Orcpt) -> String {
    let kind: String = original
        .kind
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    if original.kind.eq_ignore_ascii_case("utf-8") {
        format!("{kind}; {}", seven_bit(&original.address))
    } else {
        format!("{kind}; {}", original.address)
    }
}

/// utf-8-addr-xtext of RFC 6533 section 3.
fn seven_bit(address: &str) -> String {
    let mut text = String::new();
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') {
            text.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    text
}
