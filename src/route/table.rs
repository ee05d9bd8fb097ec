//! The first route that matches decides.

use std::borrow::Cow;
use std::sync::Arc;

use super::access::Access;
use super::domain_key;
use super::transport::{TlsPolicy, Transport};
use crate::smtp::addr::{AddrError, Domain, Mailbox, ReversePath};

/// One route of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `example.net` (that domain), `.example.net` (its subdomains),
    /// `user@example.net`, `*`; as [`pattern`] gives them.
    pub matches: Vec<String>,
    pub transport: Transport,
    pub tls: TlsPolicy,
    /// Login and trust.
    pub access: Arc<Access>,
}

/// Local domains and routes together.
#[derive(Clone, Debug)]
pub struct Table {
    /// Keys as of `domain_key`.
    pub local_domains: Vec<String>,
    pub local: Transport,
    pub routes: Vec<Route>,
    /// Where everything else goes: the smarthost, or `mx:`.
    pub default: Route,
    /// Next hops by the sender, instead of the default: name, and the senders as
    /// patterns.
    pub accounts: Vec<(String, Route)>,
    /// The account that is the default.
    pub account: Option<String>,
}

/// A decision and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'a> {
    pub transport: &'a Transport,
    pub tls: TlsPolicy,
    pub access: Arc<Access>,
    /// `local domain example.org`, `route 2 (.example.net)`, `account work`,
    /// `smarthost`, `default`.
    pub because: String,
}

/// A pattern in the form that is compared: domains as of `domain_key`, local
/// parts without case.
pub fn pattern(text: &str) -> Result<String, AddrError> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if let Some(parent) = text.strip_prefix('.') {
        return Ok(format!(".{}", domain_key(&Domain::parse(parent)?)?));
    }
    if text.contains('@') {
        let mailbox = Mailbox::parse(text)?;
        return Ok(address_key(&mailbox.local, &domain_key(&mailbox.domain)?));
    }
    domain_key(&Domain::parse(text)?)
}

/// Deviation from RFC 5321 section 2.4: a route for `Bob@example.net` takes
/// `bob@example.net` too. Nobody runs two mailboxes that differ in case, and a
/// route that is missed sends mail to the wrong place.
fn address_key(local: &str, domain: &str) -> String {
    format!("{}@{domain}", local.to_lowercase())
}

/// Does a pattern (as of [`pattern`]) take this address?
pub fn matches(pattern: &str, mailbox: &Mailbox) -> bool {
    Subject::of(mailbox).is_some_and(|subject| subject.matches(pattern))
}

/// An address as patterns see it.
struct Subject {
    address: String,
    domain: String,
}

impl Subject {
    fn of(mailbox: &Mailbox) -> Option<Subject> {
        let domain = domain_key(&mailbox.domain).ok()?;
        let address = address_key(&mailbox.local, &domain);
        Some(Subject { address, domain })
    }

    /// By name: the address or its very domain, not a wildcard.
    fn is_named_by(&self, pattern: &str) -> bool {
        pattern == self.domain || pattern == self.address
    }

    fn matches(&self, pattern: &str) -> bool {
        let below = |parent: &str| parent.starts_with('.') && self.domain.ends_with(parent);
        pattern == "*" || self.is_named_by(pattern) || below(pattern)
    }
}

impl Table {
    /// Everything goes by this route, local domains too.
    pub fn of_one(route: Route) -> Table {
        Table {
            local_domains: Vec::new(),
            local: route.transport.clone(),
            routes: Vec::new(),
            default: route,
            accounts: Vec::new(),
            account: None,
        }
    }

    pub fn is_local(&self, address: &Mailbox) -> bool {
        domain_key(&address.domain).is_ok_and(|key| self.local_domains.contains(&key))
    }

    /// The table as it is for mail of this sender: the account that names it takes
    /// the place of the smarthost.
    pub fn for_sender(&self, sender: &ReversePath) -> Cow<'_, Table> {
        let subject = sender.mailbox().and_then(Subject::of);
        let Some(subject) = subject.filter(|_| !self.accounts.is_empty()) else {
            return Cow::Borrowed(self);
        };
        let is_ours =
            |(_, route): &&(String, Route)| route.matches.iter().any(|p| subject.matches(p));
        match self.accounts.iter().find(is_ours) {
            None => Cow::Borrowed(self),
            Some((name, route)) => Cow::Owned(Table {
                default: route.clone(),
                account: Some(name.clone()),
                ..self.clone()
            }),
        }
    }

    /// Routes that name the address or its very domain go before local domains,
    /// so that a local domain can have a place of its own; wildcards go after
    /// them, so that `*` doesn't catch local mail.
    pub fn decide(&self, address: &Mailbox) -> Decision<'_> {
        let Some(subject) = Subject::of(address) else {
            return self.fallback();
        };
        if let Some(named) = self.route(|p| subject.is_named_by(p)) {
            return named;
        }
        if self.local_domains.contains(&subject.domain) {
            return Decision {
                transport: &self.local,
                tls: TlsPolicy::None,
                access: Arc::default(),
                because: format!("local domain {}", subject.domain),
            };
        }
        self.route(|p| subject.matches(p))
            .unwrap_or_else(|| self.fallback())
    }

    fn route(&self, matches: impl Fn(&str) -> bool) -> Option<Decision<'_>> {
        self.routes.iter().enumerate().find_map(|(i, route)| {
            let pattern = route.matches.iter().find(|p| matches(p))?;
            Some(Decision {
                transport: &route.transport,
                tls: route.tls,
                access: route.access.clone(),
                because: format!("route {} ({pattern})", i + 1),
            })
        })
    }

    fn fallback(&self) -> Decision<'_> {
        let because = match (&self.account, &self.default.transport) {
            (Some(account), _) => format!("account {account}"),
            (None, Transport::Mx) => "default".to_owned(),
            (None, _) => "smarthost".to_owned(),
        };
        Decision {
            transport: &self.default.transport,
            tls: self.default.tls,
            access: self.default.access.clone(),
            because,
        }
    }
}

#[cfg(test)]
mod tests;
