//! From an address to the ends that its mail goes to: moved users, virtual
//! domains, aliases, lists and `.forward` files are followed, each once.

use std::collections::HashSet;

use super::alias::{MAX_DEPTH, MAX_TARGETS, Target};
use super::people::{Book, Host, Lead, Standing, Trouble};
use super::{Destination, domain_key};
use crate::class::{Class, Classify};
use crate::smtp::addr::Mailbox;

/// One end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub to: Destination,
    /// The nearest list on the way that has an `owner-`, if any.
    pub list: Option<String>,
    /// The user whose `.forward` named this program or file.
    pub user: Option<String>,
    /// Status and words where it is nobody.
    pub refused: Option<(&'static str, String)>,
    /// The way: `alias team, forward of ann`.
    pub via: String,
}

/// Reads the `.forward` of a user; `None`: there is none that counts.
pub type Forward<'a> = dyn FnMut(&str) -> Result<Option<Vec<Target>>, Trouble> + 'a;

/// Why an address cannot be expanded now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// More than [`MAX_TARGETS`]: the mail waits until the aliases are mended.
    #[error("{0} expands to more than {MAX_TARGETS} destinations: shorten the alias")]
    TooMany(String),
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The file of a list cannot be read: its mail would be lost.
    #[error("{0} leads to nobody")]
    Nobody(String),
}

impl Classify for ExpandError {
    fn class(&self) -> Class {
        match self {
            ExpandError::TooMany(_) | ExpandError::Nobody(_) => Class::Config,
            ExpandError::Trouble(trouble) => trouble.class(),
        }
    }
}

/// Follows an address to its ends. Each destination once, in order; an entry that
/// leads back to itself, and depths over [`MAX_DEPTH`], end quietly at the last
/// name seen.
pub fn expand(
    book: &Book,
    host: &dyn Host,
    address: &Mailbox,
    forward: &mut Forward<'_>,
) -> Result<Vec<End>, ExpandError> {
    let mut walk = Walk {
        book,
        host,
        forward,
        asked: address,
        open: HashSet::new(),
        done: HashSet::new(),
        seen: HashSet::new(),
        way: Vec::new(),
        found: Vec::new(),
    };
    walk.mailbox(address, None)?;
    Ok(walk.found)
}

/// One expansion. Each entry is opened once, so the work grows with the size of
/// the aliases and not with the number of ways through them.
struct Walk<'a, 'f> {
    book: &'a Book,
    host: &'a dyn Host,
    forward: &'a mut Forward<'f>,
    asked: &'a Mailbox,
    /// Entries on the way to here.
    open: HashSet<String>,
    /// Entries that were followed to their ends.
    done: HashSet<String>,
    seen: HashSet<String>,
    way: Vec<String>,
    found: Vec<End>,
}

impl Walk<'_, '_> {
    fn mailbox(&mut self, address: &Mailbox, list: Option<&str>) -> Result<(), ExpandError> {
        let to = Destination::Mailbox(address.clone());
        if self.way.len() >= MAX_DEPTH {
            return self.end(&to, list, None, None);
        }
        let open = &self.open;
        let standing = self
            .book
            .standing(address, self.host, &|key| open.contains(key))?;
        match standing {
            Standing::Leads(lead) => self.lead(lead, list),
            Standing::User { name, .. } => self.user(&name, &to, list),
            Standing::Moved(new) => {
                let words = format!("{address} has moved to {new}");
                self.end(&to, list, None, Some(("5.1.6", words)))
            }
            // Of a local name delivery knows best: its mailbox may be there.
            Standing::Unknown if !self.book.table.is_local(address) => {
                let words = format!("{address}: no such user here");
                self.end(&to, list, None, Some(("5.1.1", words)))
            }
            Standing::Unknown | Standing::Routed | Standing::Foreign | Standing::Backup(_) => {
                self.end(&to, list, None, None)
            }
        }
    }

    fn lead(&mut self, lead: Lead<'_>, list: Option<&str>) -> Result<(), ExpandError> {
        if self.done.contains(&lead.key) {
            return Ok(());
        }
        if lead.targets.is_empty() {
            return Err(ExpandError::Nobody(lead.key));
        }
        let list = lead.list.as_deref().or(list);
        self.follow(lead.key, &lead.targets, list, None)
    }

    fn user(
        &mut self,
        name: &str,
        to: &Destination,
        list: Option<&str>,
    ) -> Result<(), ExpandError> {
        let key = format!("forward of {name}");
        if self.done.contains(&key) {
            return Ok(());
        }
        let targets = match self.open.contains(&key) {
            true => None,
            false => (self.forward)(name)?,
        };
        match targets {
            Some(targets) => self.follow(key, &targets, list, Some(name)),
            None => self.end(to, list, None, None),
        }
    }

    fn follow(
        &mut self,
        key: String,
        targets: &[Target],
        list: Option<&str>,
        user: Option<&str>,
    ) -> Result<(), ExpandError> {
        self.open.insert(key.clone());
        self.way.push(key.clone());
        for target in targets {
            match &target.to {
                Destination::Mailbox(next) if !target.last => self.mailbox(next, list)?,
                Destination::Mailbox(_) => self.end(&target.to, list, None, None)?,
                _ => self.end(&target.to, list, user, None)?,
            }
        }
        self.way.pop();
        self.open.remove(&key);
        self.done.insert(key);
        Ok(())
    }

    fn end(
        &mut self,
        to: &Destination,
        list: Option<&str>,
        user: Option<&str>,
        refused: Option<(&'static str, String)>,
    ) -> Result<(), ExpandError> {
        if !self.seen.insert(key(to, user)) {
            return Ok(());
        }
        if self.found.len() >= MAX_TARGETS {
            return Err(ExpandError::TooMany(self.asked.to_string()));
        }
        self.found.push(End {
            to: to.clone(),
            list: list.map(str::to_owned),
            user: user.map(str::to_owned),
            refused,
            via: self.way.join(", "),
        });
        Ok(())
    }
}

/// The same for destinations that are the same: domains without case.
fn key(to: &Destination, user: Option<&str>) -> String {
    match to {
        Destination::Mailbox(m) => {
            let domain = domain_key(&m.domain).unwrap_or_else(|_| m.domain.key());
            format!("@{}@{domain}", m.local)
        }
        other => format!("{} {other}", user.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
