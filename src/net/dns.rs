//! Name service: one resolver a process, names with a trailing dot, a bound on
//! queries in flight, NXDOMAIN told from SERVFAIL and time-out everywhere.

use std::net::IpAddr;

use crate::route::mx::MxAnswer;

/// What an address lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    Found(Vec<IpAddr>),
    /// The host has none, or does not exist.
    None,
    Temporary(String),
}

#[derive(Clone)]
pub struct Resolver {
    _private: (),
}

impl Resolver {
    /// By the configuration, or the system's. Must be called inside a runtime.
    pub fn new(_dns: &crate::config::Dns) -> Result<Resolver, crate::config::ConfigError> {
        todo!()
    }

    /// MX of a domain (A-labels), CNAMEs followed (MX-07).
    pub async fn mx(&self, _domain: &str) -> MxAnswer {
        todo!()
    }

    /// A and AAAA of a host, both asked at once (MX-10).
    pub async fn addresses(&self, _host: &str) -> Addresses {
        todo!()
    }
}
