//! Addresses of the envelope (RFC 5321 section 4.1.2 and 4.1.3, RFC 6531
//! section 3.3): parse and print. Header addresses (RFC 5322) are
//! `message::addrlist`'s.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::class::{Class, Classify};

/// What follows the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// A name as it was written (case kept, no trailing dot), maybe with U-labels.
    Name(String),
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
    /// `[tag:content]`, General-address-literal.
    General(String),
}

/// `local-part@domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    /// The local part without quotes and backslashes; case kept. `"a b"` is
    /// held as `a b` and quoted again when printed.
    pub local: String,
    pub domain: Domain,
}

/// The argument of MAIL: a mailbox, or `<>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    Null,
    Mailbox(Mailbox),
}

/// The argument of RCPT: a mailbox, or the bare `<Postmaster>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, in any case (RFC 5321 section 4.1.1.3).
    Postmaster,
    Mailbox(Mailbox),
}

/// Why an address was refused. Its text names what is wrong, never echoes
/// control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddrError(pub &'static str);

impl Classify for AddrError {
    fn class(&self) -> Class {
        Class::Data
    }
}

impl Domain {
    /// Parses a domain or address literal, whole input.
    pub fn parse(_text: &str) -> Result<Domain, AddrError> {
        todo!()
    }

    /// The name in lower case; literals in their canonical form. Two domains
    /// are the same where these are equal (U-labels apart: see `route`).
    pub fn key(&self) -> String {
        todo!()
    }
}

impl Mailbox {
    /// Parses `local@domain`, whole input, no angle brackets, no route.
    pub fn parse(_text: &str) -> Result<Mailbox, AddrError> {
        todo!()
    }

    /// True where the local part or the domain holds a byte over 127, so that
    /// the address may be sent only with SMTPUTF8 (RFC 6531).
    pub fn needs_utf8(&self) -> bool {
        todo!()
    }

    /// The same mailbox for duplicate elimination: domain without case, local
    /// part exact.
    pub fn same(&self, _other: &Mailbox) -> bool {
        todo!()
    }
}

impl ReversePath {
    /// Parses `<...>` as in MAIL, a source route dropped (RFC 5321 appendix C).
    /// Returns the path and what follows it.
    pub fn parse_prefix(_text: &str) -> Result<(ReversePath, &str), AddrError> {
        todo!()
    }

    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(m) => Some(m),
        }
    }
}

impl ForwardPath {
    /// As [`ReversePath::parse_prefix`], for RCPT.
    pub fn parse_prefix(_text: &str) -> Result<(ForwardPath, &str), AddrError> {
        todo!()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Without angle brackets; the local part quoted where it has to be.
impl fmt::Display for Mailbox {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// With angle brackets: `<>` or `<a@b>`.
impl fmt::Display for ReversePath {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// With angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
