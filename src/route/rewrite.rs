//! Rewriting of what local users submit: which profile of the configuration
//! applies to whom (`[rewrite]`).

use super::table::matches;
use crate::smtp::addr::{AddrError, Domain, Mailbox, ReversePath};

/// What a profile sets; `None` leaves it to the general one, empty text turns
/// it off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// An address; `{user}` and `{host}` in it as [`Sender`] has them.
    pub from: Option<String>,
    pub from_name: Option<String>,
    pub to_bare: Option<bool>,
    pub all_to: Option<String>,
    pub discard: Option<bool>,
}

/// A profile for some callers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Override {
    /// Login names or numbers of real users; empty: everybody.
    pub uid: Vec<String>,
    /// Patterns as of [`super::table::pattern`]; empty: every sender.
    pub sender: Vec<String>,
    pub profile: Profile,
}

/// `[rewrite]` as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub general: Profile,
    pub overrides: Vec<Override>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            general: Profile {
                to_bare: Some(false),
                discard: Some(false),
                ..Profile::default()
            },
            overrides: Vec::new(),
        }
    }
}

/// Who submits.
pub struct Submitter<'a> {
    pub uid: u32,
    /// Asked only where a rule needs it.
    pub login: &'a dyn Fn() -> String,
    /// The envelope's sender as it was given.
    pub sender: &'a ReversePath,
}

impl Rules {
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }

    /// The first override that fits, over the general profile.
    pub fn choose(&self, who: &Submitter<'_>) -> Profile {
        match self.overrides.iter().find(|o| o.fits(who)) {
            Some(found) => found.profile.over(&self.general),
            None => self.general.clone(),
        }
    }
}

impl Override {
    fn fits(&self, who: &Submitter<'_>) -> bool {
        let is_user = self.uid.is_empty() || {
            let number = who.uid.to_string();
            self.uid.contains(&number) || self.uid.contains(&(who.login)())
        };
        is_user && (self.sender.is_empty() || self.fits_sender(who.sender))
    }

    fn fits_sender(&self, sender: &ReversePath) -> bool {
        let mailbox = sender.mailbox();
        mailbox.is_some_and(|m| self.sender.iter().any(|pattern| matches(pattern, m)))
    }
}

impl Profile {
    fn over(&self, general: &Profile) -> Profile {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or(other.clone());
        Profile {
            from: text(&self.from, &general.from),
            from_name: text(&self.from_name, &general.from_name),
            to_bare: self.to_bare.or(general.to_bare),
            all_to: text(&self.all_to, &general.all_to),
            discard: self.discard.or(general.discard),
        }
    }
}

/// What the placeholders of a sender stand for.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// `{user}`: local part of the sender as it was given.
    pub user: &'a str,
    /// `{host}`: our name.
    pub host: &'a str,
}

impl Sender<'_> {
    /// The text with its placeholders filled in.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{host}", self.host)
            .replace("{user}", self.user)
    }

    /// An address of a template; in a local part any name will do.
    pub fn address(&self, template: &str) -> Result<Mailbox, AddrError> {
        let (local, domain) = template.rsplit_once('@').ok_or(NO_DOMAIN)?;
        let domain = Domain::parse(&self.fill(domain))?;
        let local = match local.contains('{') {
            true => self.fill(local),
            false => return Mailbox::parse(&format!("{local}@{domain}")),
        };
        Mailbox::new(local, domain)
    }
}

const NO_DOMAIN: AddrError = AddrError("the address has no domain");

#[cfg(test)]
mod tests;
