//! Where mail goes: whose an address is, aliases, local domains, routes, the order of MX hosts, the
//! retry schedule. Pure functions of facts: files are read and names looked up
//! by the callers.

pub mod access;
pub mod alias;
pub mod expand;
pub mod map;
pub mod mx;
pub mod network;
pub mod people;
pub mod retry;
pub mod rewrite;
pub mod table;
pub mod transport;

use std::fmt;

use crate::smtp::addr::{AddrError, Domain, Mailbox};

/// What an alias may lead to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    Mailbox(Mailbox),
    /// `|program args`, from an administrator's or a user's own file only.
    Pipe(String),
    /// `/file` or `/dir/`.
    File(String),
}

/// The form that the spool records. A mailbox never begins with `|` or `/`
/// there: such a local part is quoted, so that an address from outside is not
/// read back as a program or file (I4).
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Mailbox(m) if m.local.starts_with(['|', '/']) => {
                let quoted = m.local.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{quoted}\"@{}", m.domain)
            }
            Destination::Mailbox(m) => m.fmt(f),
            Destination::Pipe(command) => write!(f, "|{command}"),
            Destination::File(path) => f.write_str(path),
        }
    }
}

impl std::str::FromStr for Destination {
    type Err = AddrError;
    fn from_str(s: &str) -> Result<Destination, AddrError> {
        if s.contains(char::is_control) {
            return Err(AddrError("control character in a destination"));
        }
        match s.strip_prefix('|') {
            Some(command) if command.trim().is_empty() => Err(AddrError("no program after |")),
            Some(command) => Ok(Destination::Pipe(command.trim().to_owned())),
            None if s.starts_with('/') => Ok(Destination::File(s.to_owned())),
            None => Mailbox::parse(s).map(Destination::Mailbox),
        }
    }
}

/// A domain as it is compared and looked up: A-labels in lower case (UTS 46,
/// non-transitional), no trailing dot; literals in canonical form (R6, MX-20).
pub fn domain_key(domain: &Domain) -> Result<String, AddrError> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
    const INVALID: AddrError = AddrError("no valid internationalised domain name");
    let Domain::Name(name) = domain else {
        return Ok(domain.key());
    };
    let lower = name.to_ascii_lowercase();
    if lower.is_ascii() && !lower.split('.').any(|label| label.starts_with("xn--")) {
        return Ok(lower);
    }
    let ascii = Uts46::new()
        .to_ascii(
            lower.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| INVALID)?;
    // Mapped characters may have made another name of it: the grammar again.
    match Domain::parse(&ascii)? {
        Domain::Name(name) => Ok(name),
        _ => Err(INVALID),
    }
}

#[cfg(test)]
mod tests;
