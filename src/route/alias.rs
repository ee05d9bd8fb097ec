//! Alias files: `name: target, target`, comments, continuation lines,
//! `:include:` left to the caller, `owner-` lists; and the expansion.

use super::Destination;
use crate::smtp::addr::Mailbox;

/// A syntax error, `file:line: what`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {text}")]
pub struct AliasError {
    pub file: String,
    pub line: usize,
    pub text: String,
}

/// The administrator's aliases; names without case.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    _private: (),
}

impl Aliases {
    /// Adds a file's text; `origin` qualifies bare names. Every faulty line is
    /// reported, the others count.
    pub fn add(&mut self, _file: &str, _text: &str, _origin: &str) -> Vec<AliasError> {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// Targets of a local part, if it is an alias.
    pub fn get(&self, _local: &str) -> Option<&[Destination]> {
        todo!()
    }

    /// Follows aliases to their ends. `is_local` tells local mailboxes, whose
    /// local parts are looked up. Each destination once, in order; loops and
    /// depths over 50 end quietly at the last name seen. With each destination
    /// the list whose `owner-` alias exists, if it came through one.
    pub fn expand(
        &self,
        _address: &Mailbox,
        _is_local: &dyn Fn(&Mailbox) -> bool,
    ) -> Vec<(Destination, Option<String>)> {
        todo!()
    }
}
