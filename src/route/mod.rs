//! Where mail goes: aliases, local domains, routes, the order of MX hosts, the
//! retry schedule. Pure functions of facts: files are read and names looked up
//! by the callers.

pub mod alias;
pub mod mx;
pub mod retry;
pub mod table;
pub mod transport;

use std::fmt;

use crate::smtp::addr::{Domain, Mailbox};

/// What an alias may lead to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    Mailbox(Mailbox),
    /// `|program args`, from an administrator's or a user's own file only.
    Pipe(String),
    /// `/file` or `/dir/`.
    File(String),
}

impl fmt::Display for Destination {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl std::str::FromStr for Destination {
    type Err = crate::smtp::addr::AddrError;
    fn from_str(_s: &str) -> Result<Destination, Self::Err> {
        todo!()
    }
}

/// A domain as it is compared and looked up: A-labels in lower case (UTS 46,
/// non-transitional), no trailing dot; literals in canonical form (R6).
pub fn domain_key(_domain: &Domain) -> Result<String, crate::smtp::addr::AddrError> {
    todo!()
}
