//! What a user who is logged in may write as a sender (RFC 6409 section 6.1): in
//! the envelope, and in From and Sender.

use crate::message::addrlist;
use crate::message::header;
use crate::route::senders::Senders;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::reply::Reply;

/// One user's.
#[derive(Clone, Debug)]
pub struct Rights<'p> {
    pub senders: &'p Senders,
    pub user: String,
}

impl Rights<'_> {
    /// The null path is anybody's: a notice is sent with it. Its From still counts.
    pub fn envelope(&self, path: &ReversePath) -> Result<(), Reply> {
        match path.mailbox() {
            Some(sender) => self.one(sender),
            None => Ok(()),
        }
    }

    /// Each address of From and Sender; what does not read as one is nobody's.
    pub fn header(&self, head: &[u8]) -> Result<(), Reply> {
        let named = header::fields(head).filter(|f| f.is("From") || f.is("Sender"));
        for field in named {
            // No domain is put behind a bare name: it is no address of anybody's.
            let (good, bad) = addrlist::parse(field.value, "invalid");
            good.iter().try_for_each(|sender| self.one(sender))?;
            if !bad.is_empty() {
                return Err(no("what stands in From or Sender"));
            }
        }
        Ok(())
    }

    fn one(&self, sender: &Mailbox) -> Result<(), Reply> {
        match self.senders.may_use(&self.user, sender) {
            true => Ok(()),
            false => Err(no(&sender.to_string())),
        }
    }
}

fn no(what: &str) -> Reply {
    Reply::new(550, (5, 7, 1), format!("you may not send as {what}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// EX-40, RFC 6409 section 6.1.
    #[test]
    fn envelope_and_header_are_judged() {
        let own = vec!["ann@here.example".to_string()];
        let senders = Senders(BTreeMap::from([("ann".to_string(), own)]));
        let rights = Rights {
            senders: &senders,
            user: "ann".into(),
        };
        let path = |text: &str| ReversePath::parse_prefix(text).unwrap().0;
        assert_eq!(rights.envelope(&path("<ann@here.example>")), Ok(()));
        assert_eq!(rights.envelope(&path("<>")), Ok(()));
        let told = rights.envelope(&path("<bob@here.example>")).unwrap_err();
        assert_eq!(
            told.to_string(),
            "550 5.7.1 you may not send as bob@here.example"
        );
        for (head, fine) in [
            (
                "From: Ann <ann@here.example>\r\nTo: bob@x.example\r\n",
                true,
            ),
            ("To: bob@x.example\r\n", true),
            ("From: bob@here.example\r\n", false),
            ("From: ann@here.example, bob@here.example\r\n", false),
            (
                "From: ann@here.example\r\nFROM : bob@here.example\r\n",
                false,
            ),
            (
                "From: ann@here.example\r\nSender: bob@here.example\r\n",
                false,
            ),
            ("From: \"ann@here.example\" <bob@here.example>\r\n", false),
            ("From: ann\r\n", false),
            ("From: ann@\r\n", false),
        ] {
            assert_eq!(rights.header(head.as_bytes()).is_ok(), fine, "{head}");
        }
    }
}
