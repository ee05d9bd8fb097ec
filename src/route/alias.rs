//! Alias files. A line is `name: target, target`; a line
//! that begins with white space continues the one before, `#` begins a comment
//! line. Files named by `:include:` are read by a function of the caller's.

mod parse;

use std::collections::HashMap;
use std::fmt;

use super::Destination;
use crate::class::{Class, Classify};

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
}

/// Targets as they stand behind a key of a map: without `:include:`.
pub fn targets(list: &str, origin: &str) -> Result<Vec<Target>, String> {
    let (targets, faults) = forward(list, origin);
    match faults.into_iter().next() {
        Some((_, fault)) => Err(fault),
        None if targets.is_empty() => Err("no target".to_owned()),
        None => Ok(targets),
    }
}

#[cfg(test)]
mod tests;
