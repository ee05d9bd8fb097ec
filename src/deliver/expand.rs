//! From envelope recipients to targets.

use std::collections::HashSet;

use crate::config::{Book, System};
use crate::route::Destination;
use crate::route::expand::{End, Forward, expand};
use crate::smtp::addr::Mailbox;
use crate::spool::{Envelope, Target};

/// Targets of a message, each destination once, in the recipients' order. A
/// message that is a list's copy already makes no further copies: two lists
/// that name each other would never end. The sender may have asked for no aliases
/// at all. `Err`: in words, what has to be mended before the mail can go.
pub fn targets(
    book: &Book,
    envelope: &Envelope,
    forward: &mut Forward<'_>,
) -> Result<Vec<Target>, String> {
    let found = with_ways(book, envelope, forward)?;
    Ok(found.into_iter().map(|(target, _)| target).collect())
}

/// The same, each with the way it was come to.
pub fn with_ways(
    book: &Book,
    envelope: &Envelope,
    forward: &mut Forward<'_>,
) -> Result<Vec<(Target, String)>, String> {
    let plain;
    let book = match envelope.origin.has_no_aliases() {
        true => {
            plain = book.without_aliases();
            &plain
        }
        false => book,
    };
    let is_list_copy = envelope.origin.kind == "list";
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for (n, recipient) in envelope.recipients.iter().enumerate() {
        let Ok(number) = u32::try_from(n) else { break };
        let ends = expand(book, &System, &recipient.address, forward);
        for end in ends.map_err(|e| e.to_string())? {
            let target = target(number, &end, &recipient.address, is_list_copy);
            if seen.insert((target.to.clone(), target.owner.clone(), target.user.clone())) {
                targets.push((target, end.via));
            }
        }
    }
    Ok(targets)
}

fn target(recipient: u32, end: &End, through: &Mailbox, is_list_copy: bool) -> Target {
    let goes_on = matches!(end.to, Destination::Mailbox(_)) && end.refused.is_none();
    let list = end.list.as_ref().filter(|_| goes_on && !is_list_copy);
    let refused = end.refused.as_ref();
    Target {
        recipient,
        to: end.to.to_string(),
        owner: list.map(|list| owner(list, through)),
        user: end.user.clone(),
        refused: refused.map(|(status, words)| format!("{status} {words}")),
    }
}

/// `owner-LIST` at the list's domain, or at that of the address that led there.
fn owner(list: &str, through: &Mailbox) -> String {
    let list = Mailbox::parse(list).unwrap_or_else(|_| Mailbox {
        local: list.to_string(),
        domain: through.domain.clone(),
    });
    let owner = Mailbox {
        local: format!("owner-{}", list.local),
        domain: list.domain,
    };
    owner.to_string()
}
