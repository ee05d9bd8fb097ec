//! The first route that matches decides.

use super::transport::{TlsPolicy, Transport};
use crate::smtp::addr::Mailbox;

/// One route of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `example.net` (that domain), `.example.net` (its subdomains),
    /// `user@example.net`, `*`.
    pub matches: Vec<String>,
    pub transport: Transport,
    pub tls: TlsPolicy,
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
}

/// A decision and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'a> {
    pub transport: &'a Transport,
    pub tls: TlsPolicy,
    /// `local domain example.org`, `route 2 (.example.net)`, `smarthost`, `default`.
    pub because: String,
}

impl Table {
    pub fn is_local(&self, _address: &Mailbox) -> bool {
        todo!()
    }

    /// Routes written for an address go before local domains.
    pub fn decide(&self, _address: &Mailbox) -> Decision<'_> {
        todo!()
    }
}
