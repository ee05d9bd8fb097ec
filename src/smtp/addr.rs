//! Addresses of the envelope (RFC 5321 section 4.1.2 and 4.1.3, RFC 6531
//! section 3.3): parse and print. Header addresses (RFC 5322) are
//! `message::addrlist`'s.
//!
//! What is printed parses to the same value. Three leniencies, each a constant
//! below: [`LENIENT_DOTS`], [`LENIENT_UNDERSCORE`], [`LENIENT_FINAL_DOT`].

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::class::{Class, Classify};

mod parse;

use parse::{
    CONTROL, check_local_length, is_dot_string, take_domain, take_mailbox, take_path, whole,
};

/// Longest local part in octets, without quotes and backslashes (RFC 5321
/// section 4.5.3.1.1).
pub const MAX_LOCAL: usize = 64;

/// Longest domain in octets, brackets of a literal included (section
/// 4.5.3.1.2). The limit of 256 for a whole path (4.5.3.1.3) is not enforced
/// apart: a domain of 255, which must be taken too, would not fit into it.
pub const MAX_DOMAIN: usize = 255;

/// `a..b@` and `.a@` are outside of Dot-string, but old phone providers gave
/// such addresses out and Postfix takes them. They are printed quoted, which
/// is their correct form.
pub const LENIENT_DOTS: bool = true;

/// `_` is outside of sub-domain, but hosts are named so and both Postfix and
/// OpenSMTPD take it.
pub const LENIENT_UNDERSCORE: bool = true;

/// The dot that ends a name in the DNS is not part of a mail domain; people
/// paste it. It is dropped.
pub const LENIENT_FINAL_DOT: bool = true;

/// What follows the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// A name as it was written (case kept, no trailing dot), maybe with U-labels.
    Name(String),
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
    /// `[tag:content]`, General-address-literal, held without the brackets.
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

/// True for what no address, parameter or reply text may hold: the control
/// characters (C0, DEL, C1) and Unicode's two line ends.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

impl Domain {
    /// Parses a domain or address literal, whole input.
    pub fn parse(text: &str) -> Result<Domain, AddrError> {
        whole(
            take_domain(text)?,
            "the domain holds a character it may not",
        )
    }

    /// The name in lower case; literals in their canonical form. Two domains
    /// are the same where these are equal (U-labels apart: see `route`).
    pub fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl Mailbox {
    /// A mailbox of parts: `local` as it is meant, without quotes. Refuses
    /// control characters and a local part that is too long.
    pub fn new(local: impl Into<String>, domain: Domain) -> Result<Mailbox, AddrError> {
        let local = local.into();
        if local.chars().any(is_control) || domain.to_string().chars().any(is_control) {
            return Err(CONTROL);
        }
        check_local_length(&local)?;
        Ok(Mailbox { local, domain })
    }

    /// Parses `local@domain`, whole input, no angle brackets, no route.
    pub fn parse(text: &str) -> Result<Mailbox, AddrError> {
        whole(
            take_mailbox(text)?,
            "the domain holds a character it may not",
        )
    }

    /// True where the local part or the domain holds a byte over 127, so that
    /// the address may be sent only with SMTPUTF8 (RFC 6531).
    pub fn needs_utf8(&self) -> bool {
        let domain_is_ascii = match &self.domain {
            Domain::Name(text) | Domain::General(text) => text.is_ascii(),
            Domain::V4(_) | Domain::V6(_) => true,
        };
        !(self.local.is_ascii() && domain_is_ascii)
    }

    /// The same mailbox for duplicate elimination: domain without case, local
    /// part exact.
    pub fn same(&self, other: &Mailbox) -> bool {
        self.local == other.local && self.domain.key() == other.domain.key()
    }
}

impl ReversePath {
    /// Parses `<...>` as in MAIL, a source route dropped (RFC 5321 appendix C).
    /// Returns the path and what follows it.
    pub fn parse_prefix(text: &str) -> Result<(ReversePath, &str), AddrError> {
        if let Some(rest) = text.strip_prefix("<>") {
            return Ok((ReversePath::Null, rest));
        }
        let (mailbox, rest) = take_path(text)?;
        Ok((ReversePath::Mailbox(mailbox), rest))
    }

    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(m) => Some(m),
        }
    }

    /// As [`Mailbox::needs_utf8`].
    pub fn needs_utf8(&self) -> bool {
        self.mailbox().is_some_and(Mailbox::needs_utf8)
    }
}

impl ForwardPath {
    /// As [`ReversePath::parse_prefix`], for RCPT.
    pub fn parse_prefix(text: &str) -> Result<(ForwardPath, &str), AddrError> {
        const POSTMASTER: &str = "<postmaster>";
        if let Some((path, rest)) = text.split_at_checked(POSTMASTER.len())
            && path.eq_ignore_ascii_case(POSTMASTER)
        {
            return Ok((ForwardPath::Postmaster, rest));
        }
        let (mailbox, rest) = take_path(text)?;
        Ok((ForwardPath::Mailbox(mailbox), rest))
    }

    /// `None` for the bare `<Postmaster>`.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(m) => Some(m),
        }
    }

    /// As [`Mailbox::needs_utf8`].
    pub fn needs_utf8(&self) -> bool {
        self.mailbox().is_some_and(Mailbox::needs_utf8)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Name(name) => f.write_str(name),
            Domain::V4(address) => write!(f, "[{address}]"),
            Domain::V6(address) => write!(f, "[IPv6:{address}]"),
            Domain::General(inner) => write!(f, "[{inner}]"),
        }
    }
}

/// Without angle brackets; the local part quoted where it has to be.
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

/// With angle brackets: `<>` or `<a@b>`.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// With angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<Postmaster>"),
            ForwardPath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
