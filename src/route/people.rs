//! Whose an address is: moved users, virtual domains, aliases, users and
//! catch-alls, in one order. The server's RCPT, VRFY and EXPN, delivery and
//! `smtp-queue route` ask the same [`Book`], so that what is taken in a dialogue
//! is what can be delivered.

use std::borrow::Cow;
use std::io;

use super::alias::{AliasError, Aliases, Target, targets};
use super::map::{Entry, Map};
use super::table::Table;
use super::transport::{Transport, fill_path};
use super::{Destination, domain_key};
use crate::class::{Class, Classify};
use crate::smtp::addr::{Domain, Mailbox};

/// Everything the administrator says about addresses.
#[derive(Clone, Debug)]
pub struct Book {
    pub aliases: Aliases,
    /// `user@domain` and `@domain`; their domains are ours.
    pub virtuals: Map,
    /// Users who left; the value is their new address.
    pub moved: Map,
    /// Users who left and whose mail is sent on.
    pub moved_forward: Map,
    pub users: Vec<Users>,
    /// Domains we are a backup for, in the form of route patterns.
    pub relay_domains: Vec<String>,
    /// Who is a recipient there; `None`: anybody.
    pub relay_recipients: Option<Map>,
    pub table: Table,
    /// Between a user's name and its extension; empty: there are none.
    pub separator: String,
    /// Put behind bare names.
    pub origin: String,
    /// Who gets mail to a postmaster nobody thought of (SV-23).
    pub postmaster: String,
    /// An alias file that cannot be read: who is not found may be in it.
    pub trouble: Option<AliasError>,
}

/// Where users are looked up.
#[derive(Clone, Debug)]
pub enum Users {
    /// Every name is one.
    Any,
    /// A name, or a whole address, in lower case.
    Named(String),
    /// The system's user database.
    System,
    /// Names and addresses of a file.
    Listed(Map),
    /// Who has a directory: a template with `{user}` and `{domain}`.
    Maildirs(String),
}

/// What only the host knows. An error: it cannot be told now.
pub trait Host {
    fn has_user(&self, name: &str) -> io::Result<bool>;
    fn has_directory(&self, path: &str) -> io::Result<bool>;
}

/// For those who follow aliases and ask nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoUsers;

impl Host for NoUsers {
    fn has_user(&self, _: &str) -> io::Result<bool> {
        Ok(false)
    }

    fn has_directory(&self, _: &str) -> io::Result<bool> {
        Ok(false)
    }
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing<'b> {
    /// In no domain of ours.
    Foreign,
    /// In a domain that we are a backup for; `false`: the list of its recipients
    /// does not have it.
    Backup(bool),
    /// Not here any more, but there.
    Moved(Mailbox),
    /// It leads to others.
    Leads(Lead<'b>),
    /// A mailbox of this host: the user's name and the extension behind it.
    User { name: String, extension: String },
    /// A domain of ours whose mail a route takes elsewhere.
    Routed,
    /// In a domain of ours, and nobody's.
    Unknown,
}

/// An entry that names others.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead<'b> {
    /// Kind and name of the entry: `alias team`, `virtual info@example.net`.
    pub key: String,
    pub targets: Cow<'b, [Target]>,
    /// The list, where it has an `owner-` of its own.
    pub list: Option<String>,
    /// The user has moved: told in the dialogue (251).
    pub is_moved: bool,
}

/// Whose an address is cannot be told now: the mail waits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl Classify for Trouble {
    fn class(&self) -> Class {
        Class::Temporary
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble(format!("looking up users: {error}"))
    }
}

impl From<&AliasError> for Trouble {
    fn from(error: &AliasError) -> Trouble {
        Trouble(error.to_string())
    }
}

/// `user@domain` as maps have it: the local part in lower case, the domain as of
/// [`domain_key`].
pub fn address_key(address: &Mailbox) -> Option<String> {
    let domain = domain_key(&address.domain).ok()?;
    Some(format!("{}@{domain}", address.local.to_lowercase()))
}

/// A local part cut at its first separator: user and extension. `None` where it
/// has none, or nothing before it.
pub fn split<'l>(local: &'l str, separator: &str) -> Option<(&'l str, &'l str)> {
    let parts = local.split_once(Some(separator).filter(|s| !s.is_empty())?);
    parts.filter(|(name, _)| !name.is_empty())
}

/// Names to look up, with the extension each leaves: the whole local part first.
pub fn candidates<'l>(local: &'l str, separator: &str) -> impl Iterator<Item = (&'l str, &'l str)> {
    std::iter::once((local, "")).chain(split(local, separator))
}

impl Book {
    /// A book of aliases alone.
    pub fn new(table: Table, origin: &str) -> Book {
        Book {
            aliases: Aliases::default(),
            virtuals: Map::default(),
            moved: Map::default(),
            moved_forward: Map::default(),
            users: Vec::new(),
            relay_domains: Vec::new(),
            relay_recipients: None,
            table,
            separator: String::new(),
            origin: origin.to_owned(),
            postmaster: String::new(),
            trouble: None,
        }
    }

    /// As a sender wants it who asked for no aliases.
    pub fn without_aliases(&self) -> Book {
        Book {
            aliases: Aliases::default(),
            ..self.clone()
        }
    }

    /// Is mail for this domain ours to deliver?
    pub fn is_ours(&self, address: &Mailbox) -> bool {
        domain_key(&address.domain).is_ok_and(|d| self.is_our_domain(&d))
    }

    fn is_our_domain(&self, domain: &str) -> bool {
        self.table.local_domains.iter().any(|d| d == domain) || self.virtuals.has_domain(domain)
    }

    /// Is this name a user by the configuration itself? One with an entry of its
    /// own in a virtual domain is.
    pub fn lists(&self, name: &str, domain: &str) -> bool {
        let whole = format!("{}@{domain}", name.to_lowercase());
        if self.virtuals.get(&whole).is_some() {
            return true;
        }
        self.users.iter().any(|users| match users {
            Users::Any => true,
            Users::Named(listed) => is_named(listed, name, domain),
            Users::Listed(map) => has_user(map, name, domain),
            Users::System | Users::Maildirs(_) => false,
        })
    }

    /// Whose is it? Entries for which `is_open` is true, by their key, are passed
    /// over: an alias that leads to itself means the mailbox of that name.
    pub fn standing(
        &self,
        address: &Mailbox,
        host: &dyn Host,
        is_open: &dyn Fn(&str) -> bool,
    ) -> Result<Standing<'_>, Trouble> {
        let Ok(domain) = domain_key(&address.domain) else {
            return Ok(Standing::Foreign);
        };
        let look = Look {
            book: self,
            host,
            is_open,
            is_local: self.table.local_domains.contains(&domain),
            local: address.local.to_lowercase(),
            domain,
            address,
        };
        look.up()
    }
}

fn is_named(listed: &str, name: &str, domain: &str) -> bool {
    match listed.rsplit_once('@') {
        Some((local, of)) => of == domain && local == name.to_lowercase(),
        None => listed == name || listed == name.to_lowercase(),
    }
}

fn has_user(map: &Map, name: &str, domain: &str) -> bool {
    let name = name.to_lowercase();
    map.get(&name).is_some() || map.get(&format!("{name}@{domain}")).is_some()
}

/// One look-up.
struct Look<'b, 'a> {
    book: &'b Book,
    host: &'a dyn Host,
    is_open: &'a dyn Fn(&str) -> bool,
    is_local: bool,
    /// In lower case.
    local: String,
    domain: String,
    address: &'a Mailbox,
}

impl<'b> Look<'b, '_> {
    fn up(&self) -> Result<Standing<'b>, Trouble> {
        if !self.book.is_our_domain(&self.domain) {
            return self.backup();
        }
        if let Some(found) = self.moved()? {
            return Ok(found);
        }
        if let Some(found) = self.lead()? {
            return Ok(found);
        }
        if self.is_own_virtual() {
            return Ok(Standing::Routed);
        }
        if self.is_local
            && let Some(found) = self.user()?
        {
            return Ok(found);
        }
        if let Some(found) = self.last_resort()? {
            return Ok(found);
        }
        self.certain()?;
        Ok(Standing::Unknown)
    }

    /// The names under which entries of this address stand: with the extension,
    /// then without.
    fn names(&self) -> impl Iterator<Item = &str> {
        candidates(&self.local, &self.book.separator).map(|(name, _)| name)
    }

    fn backup(&self) -> Result<Standing<'b>, Trouble> {
        let below = |d: &String| d.starts_with('.') && self.domain.ends_with(d.as_str());
        let is_backup = |d: &String| *d == self.domain || below(d);
        if !self.book.relay_domains.iter().any(is_backup) {
            return Ok(Standing::Foreign);
        }
        let Some(map) = &self.book.relay_recipients else {
            return Ok(Standing::Backup(true));
        };
        let listed = map.get(&format!("@{}", self.domain)).is_some()
            || self
                .names()
                .any(|name| map.get(&format!("{name}@{}", self.domain)).is_some());
        match (listed, map.trouble()) {
            (false, Some(trouble)) => Err(trouble.into()),
            (listed, _) => Ok(Standing::Backup(listed)),
        }
    }

    fn moved(&self) -> Result<Option<Standing<'b>>, Trouble> {
        let maps = [(&self.book.moved, false), (&self.book.moved_forward, true)];
        for (map, is_forwarded) in maps {
            for name in self.names() {
                let whole = format!("{name}@{}", self.domain);
                let bare = || map.get(name).filter(|_| self.is_local);
                let Some(entry) = map.get(&whole).or_else(bare) else {
                    continue;
                };
                let key = format!("moved {whole}");
                if is_forwarded && (self.is_open)(&key) {
                    continue;
                }
                let targets = self.targets(&entry)?;
                let Some(Destination::Mailbox(new)) = targets.first().map(|t| &t.to) else {
                    let wrong = format!("{}:{}: expected the new address", entry.file, entry.line);
                    return Err(Trouble(wrong));
                };
                return Ok(Some(match is_forwarded {
                    false => Standing::Moved(new.clone()),
                    true => Standing::Leads(Lead {
                        key,
                        targets: targets.into(),
                        list: None,
                        is_moved: true,
                    }),
                }));
            }
        }
        Ok(None)
    }

    /// Virtual domains, then aliases.
    fn lead(&self) -> Result<Option<Standing<'b>>, Trouble> {
        for name in self.names() {
            let whole = format!("{name}@{}", self.domain);
            let owner = format!("owner-{whole}");
            let list = self
                .book
                .virtuals
                .get(&owner)
                .is_some()
                .then(|| whole.clone());
            let key = format!("virtual {whole}");
            if let Some(found) = self.virtual_entry(&whole, key, list)? {
                return Ok(Some(found));
            }
        }
        if !self.is_local {
            return Ok(None);
        }
        let aliases = &self.book.aliases;
        for name in self.names() {
            let key = format!("alias {name}");
            if let Some(targets) = aliases.get(name).filter(|_| !(self.is_open)(&key)) {
                let owned = aliases.get(&format!("owner-{name}")).is_some();
                return Ok(Some(Standing::Leads(Lead {
                    key,
                    targets: targets.into(),
                    list: owned.then(|| name.to_owned()),
                    is_moved: false,
                })));
            }
        }
        Ok(None)
    }

    fn virtual_entry(
        &self,
        entry: &str,
        key: String,
        list: Option<String>,
    ) -> Result<Option<Standing<'b>>, Trouble> {
        match self.book.virtuals.get(entry) {
            Some(entry) if !(self.is_open)(&key) => Ok(Some(Standing::Leads(Lead {
                targets: self.targets(&entry)?.into(),
                key,
                list,
                is_moved: false,
            }))),
            _ => Ok(None),
        }
    }

    /// An entry of a virtual domain that leads to itself: a mailbox, which a route
    /// has a place for.
    fn is_own_virtual(&self) -> bool {
        !self.is_local
            && self.names().any(|name| {
                let whole = format!("{name}@{}", self.domain);
                self.book.virtuals.get(&whole).is_some()
            })
    }

    fn user(&self) -> Result<Option<Standing<'b>>, Trouble> {
        let is_postmaster = self.local == "postmaster";
        if is_postmaster && !self.host.has_user("postmaster")? {
            return Ok(None);
        }
        match self.book.table.decide(self.address).transport {
            Transport::Mx
            | Transport::Smtp { .. }
            | Transport::Discard
            | Transport::Error(..)
            | Transport::Hold => return Ok(Some(Standing::Routed)),
            _ => {}
        }
        for (name, extension) in candidates(&self.address.local, &self.book.separator) {
            if self.is_user(name, extension)? {
                return Ok(Some(Standing::User {
                    name: name.to_owned(),
                    extension: extension.to_owned(),
                }));
            }
        }
        Ok(None)
    }

    /// What could not be a mailbox's file name is no user, whoever is asked (R2).
    fn is_user(&self, name: &str, extension: &str) -> Result<bool, Trouble> {
        let is_plain = |c: char| c.is_alphanumeric() || "._+=-".contains(c);
        if fill_path("{user}", name, "").is_none() || !extension.chars().all(is_plain) {
            return Ok(false);
        }
        if self.book.users.is_empty() {
            return Ok(self.host.has_user(name)?);
        }
        if self.book.lists(name, &self.domain) {
            return Ok(true);
        }
        for users in &self.book.users {
            let found = match users {
                Users::System => self.host.has_user(name)?,
                Users::Maildirs(template) => {
                    self.has_directory(template, name)?
                        || self.has_directory(template, &name.to_lowercase())?
                }
                _ => false,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_directory(&self, template: &str, name: &str) -> Result<bool, Trouble> {
        match fill_path(template, name, &self.domain) {
            Some(path) => Ok(self.host.has_directory(&path)?),
            None => Ok(false),
        }
    }

    /// The catch-all of the domain; its postmaster.
    fn last_resort(&self) -> Result<Option<Standing<'b>>, Trouble> {
        let catch_all = format!("@{}", self.domain);
        if self.local == "postmaster" {
            let key = format!("postmaster of {}", self.domain);
            if !(self.is_open)(&key)
                && let Some(targets) = self.postmaster()
            {
                return Ok(Some(Standing::Leads(Lead {
                    key,
                    targets: targets.into(),
                    list: None,
                    is_moved: false,
                })));
            }
            return Ok(None);
        }
        // Who is not found for now must not fall to the catch-all.
        if self.book.virtuals.get(&catch_all).is_some() {
            self.certain()?;
        }
        self.virtual_entry(&catch_all, format!("catch-all {catch_all}"), None)
    }

    /// SV-23: mail to postmaster arrives even where nobody thought of an alias.
    fn postmaster(&self) -> Option<Vec<Target>> {
        let named = Mailbox::parse(&self.book.postmaster).unwrap_or_else(|_| Mailbox {
            local: self.book.postmaster.clone(),
            domain: self.address.domain.clone(),
        });
        let itself = address_key(&named) == address_key(self.address);
        let to = match itself || named.local.is_empty() {
            true => Mailbox {
                local: "root".to_owned(),
                domain: Domain::Name(self.book.origin.clone()),
            },
            false => named,
        };
        let to = Destination::Mailbox(to);
        Some(vec![Target { to, last: false }])
    }

    fn targets(&self, entry: &Entry<'_>) -> Result<Vec<Target>, Trouble> {
        targets(entry.value, &self.book.origin)
            .map_err(|what| Trouble(format!("{}:{}: {what}", entry.file, entry.line)))
    }

    /// Could everything be asked that might know this address?
    fn certain(&self) -> Result<(), Trouble> {
        let book = self.book;
        let maps = [&book.moved, &book.moved_forward, &book.virtuals];
        let lists = book.users.iter().filter_map(|users| match users {
            Users::Listed(map) => Some(map),
            _ => None,
        });
        let mut all = maps.into_iter().chain(lists).filter_map(Map::trouble);
        match all.next().or(book.trouble.as_ref()) {
            Some(trouble) => Err(trouble.into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
