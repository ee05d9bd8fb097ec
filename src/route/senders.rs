//! Which senders a user may use (RFC 6409 section 6.1).

use std::collections::BTreeMap;

use super::table::fits;
use crate::smtp::addr::Mailbox;

/// By user; the entry `*` is for those who have none of their own. Patterns as of
/// [`super::table::pattern`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Senders(pub BTreeMap<String, Vec<String>>);

/// For those without an entry.
const OTHERS: &str = "*";

impl Senders {
    /// A user whose name is the address may use it, whatever is written.
    pub fn may_use(&self, user: &str, sender: &Mailbox) -> bool {
        let own = Mailbox::parse(user).is_ok_and(|own| own.same(sender));
        let listed = self.0.get(user).or_else(|| self.0.get(OTHERS));
        own || listed.is_some_and(|patterns| fits(patterns, sender))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::table::pattern;

    /// EX-40.
    #[test]
    fn who_may_send_as_whom() {
        let patterns = |texts: &[&str]| texts.iter().map(|t| pattern(t).unwrap()).collect();
        let senders = Senders(BTreeMap::from([
            (
                "ann".to_string(),
                patterns(&["Ann@here.example", "lists.example"]),
            ),
            ("root".to_string(), patterns(&["*"])),
            ("*".to_string(), patterns(&["guests.example"])),
            ("nobody".to_string(), Vec::new()),
        ]));
        for (user, sender, may) in [
            ("ann", "ann@here.example", true),
            ("ann", "x@lists.example", true),
            ("ann", "bob@here.example", false),
            ("ann", "x@guests.example", false),
            ("root", "bob@far.example", true),
            ("eve", "x@guests.example", true),
            ("eve", "eve@here.example", false),
            ("nobody", "x@guests.example", false),
            ("eve@here.example", "eve@here.example", true),
        ] {
            let sender = Mailbox::parse(sender).unwrap();
            assert_eq!(senders.may_use(user, &sender), may, "{user} {sender}");
        }
    }
}
