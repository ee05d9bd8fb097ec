//! Alias files and their expansion. A line is `name: target, target`; a line
//! that begins with white space continues the one before, `#` begins a comment
//! line. Files named by `:include:` are read by a function of the caller's.

mod parse;

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{Destination, domain_key};
use crate::class::{Class, Classify};
use crate::smtp::addr::Mailbox;

pub use parse::forward;

/// How deep aliases may lead to aliases (R5).
pub const MAX_DEPTH: usize = 50;
/// How deep included files may include others (R5).
pub const MAX_INCLUDE_DEPTH: usize = 10;
/// Most destinations of one address, and most targets read through `:include:`
/// for one alias (R5).
pub const MAX_TARGETS: usize = 100_000;

/// A fault in a file, `file:line: what`; line 0 stands for the file as a whole.
/// Never quotes the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct AliasError {
    pub file: String,
    pub line: usize,
    pub text: String,
}

impl fmt::Display for AliasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

impl Classify for AliasError {
    fn class(&self) -> Class {
        Class::Data
    }
}

/// An address leads to more than [`MAX_TARGETS`] destinations. The mail waits
/// until the aliases are mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} expands to more than {MAX_TARGETS} destinations: shorten the alias")]
pub struct TooManyTargets(pub String);

impl Classify for TooManyTargets {
    fn class(&self) -> Class {
        Class::Config
    }
}

/// One target of an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub to: Destination,
    /// Written `\user`: delivered as it stands, not looked up again.
    pub last: bool,
}

/// The administrator's aliases; names without case.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    names: HashMap<String, Vec<Target>>,
}

/// Reads a file named by `:include:`; the error says why it cannot be.
pub type Include<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

impl Aliases {
    /// Adds a file's text; `origin` qualifies bare names. Every faulty line is
    /// reported, the others count. A name that an earlier file has stays as it
    /// is there. `:include:` is reported: see [`Aliases::add_with`].
    pub fn add(&mut self, file: &str, text: &str, origin: &str) -> Vec<AliasError> {
        self.add_with(file, text, origin, &mut |_| {
            Err(":include: is not allowed here".to_owned())
        })
    }

    /// As [`Aliases::add`]; `include` reads the files that `:include:` names.
    pub fn add_with(
        &mut self,
        file: &str,
        text: &str,
        origin: &str,
        include: &mut Include<'_>,
    ) -> Vec<AliasError> {
        let (entries, errors) = parse::file(file, text, origin, include);
        for (name, targets) in entries {
            self.names.entry(name).or_insert(targets);
        }
        errors
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Targets of a local part, if it is an alias.
    pub fn get(&self, local: &str) -> Option<&[Target]> {
        self.names.get(&local.to_lowercase()).map(Vec::as_slice)
    }

    /// Follows aliases to their ends. `is_local` tells local mailboxes, whose
    /// local parts are looked up. Each destination once, in order; a name that
    /// leads back to itself and depths over [`MAX_DEPTH`] end quietly at the
    /// last name seen. With each destination the nearest list on the way to it
    /// that has an `owner-` alias, if any.
    pub fn expand(
        &self,
        address: &Mailbox,
        is_local: &dyn Fn(&Mailbox) -> bool,
    ) -> Result<Vec<(Destination, Option<String>)>, TooManyTargets> {
        let mut walk = Walk {
            aliases: self,
            is_local,
            under_way: HashSet::new(),
            done: HashSet::new(),
            seen: HashSet::new(),
            found: Vec::new(),
        };
        match walk.mailbox(address, None, 0) {
            Ok(()) => Ok(walk.found),
            Err(Full) => Err(TooManyTargets(address.to_string())),
        }
    }
}

/// One expansion. Each alias is opened once, so the work grows with the size of
/// the aliases and not with the number of ways through them.
struct Walk<'a> {
    aliases: &'a Aliases,
    is_local: &'a dyn Fn(&Mailbox) -> bool,
    under_way: HashSet<String>,
    done: HashSet<String>,
    seen: HashSet<String>,
    found: Vec<(Destination, Option<String>)>,
}

struct Full;

impl Walk<'_> {
    fn mailbox(
        &mut self,
        address: &Mailbox,
        owner: Option<&str>,
        depth: usize,
    ) -> Result<(), Full> {
        let name = address.local.to_lowercase();
        let aliases = self.aliases;
        let targets = match aliases.names.get(&name) {
            Some(targets) if (self.is_local)(address) => targets,
            _ => return self.end(&Destination::Mailbox(address.clone()), owner),
        };
        if self.done.contains(&name) {
            return Ok(());
        }
        if depth >= MAX_DEPTH || !self.under_way.insert(name.clone()) {
            return self.end(&Destination::Mailbox(address.clone()), owner);
        }
        let owned = aliases.names.contains_key(&format!("owner-{name}"));
        let owner = if owned { Some(name.as_str()) } else { owner };
        for target in targets {
            match &target.to {
                Destination::Mailbox(next) if !target.last => {
                    self.mailbox(next, owner, depth + 1)?;
                }
                end => self.end(end, owner)?,
            }
        }
        self.under_way.remove(&name);
        self.done.insert(name);
        Ok(())
    }

    fn end(&mut self, to: &Destination, owner: Option<&str>) -> Result<(), Full> {
        if self.seen.insert(key(to)) {
            if self.found.len() >= MAX_TARGETS {
                return Err(Full);
            }
            self.found.push((to.clone(), owner.map(str::to_owned)));
        }
        Ok(())
    }
}

/// The same for destinations that are the same: domains without case.
fn key(to: &Destination) -> String {
    match to {
        Destination::Mailbox(m) => {
            let domain = domain_key(&m.domain).unwrap_or_else(|_| m.domain.key());
            format!("@{}@{domain}", m.local)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
