//! Name service: one resolver a process, names with a trailing dot, a bound on
//! queries in flight, NXDOMAIN told from SERVFAIL and time-out everywhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::Semaphore;

use crate::config::{ConfigError, Dns};
use crate::route::mx::MxAnswer;

/// Queries in flight at once. More only costs, and over TCP fails.
const IN_FLIGHT: usize = 100;

/// Answers kept; a queue run asks for a few names many times.
const CACHE: u64 = 1024;

/// What an address lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    Found(Vec<IpAddr>),
    /// The host has none, or does not exist.
    None,
    Temporary(String),
}

/// Cheap to clone; the clones share cache, sockets and bound.
#[derive(Clone)]
pub struct Resolver {
    inner: TokioResolver,
    in_flight: Arc<Semaphore>,
    /// After this long a look-up is over, whatever the servers do (MX-13).
    limit: Duration,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Why there are no records.
enum Nothing {
    NoData,
    NoSuchName,
    Temporary(String),
}

impl Resolver {
    /// By the configuration, or the system's. Must be called inside a runtime.
    pub fn new(dns: &Dns) -> Result<Resolver, ConfigError> {
        let mut builder = if dns.servers.is_empty() {
            TokioResolver::builder_tokio()
                .map_err(|e| ConfigError(format!("/etc/resolv.conf: {e}")))?
        } else {
            let servers = dns.servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let attempts = dns.attempts.max(1);
        let options = builder.options_mut();
        options.timeout = dns.timeout;
        options.attempts = attempts;
        options.cache_size = CACHE;
        let inner = builder
            .build()
            .map_err(|e| ConfigError(format!("resolver: {e}")))?;
        Ok(Resolver {
            inner,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
            limit: whole_limit(dns.timeout, attempts),
        })
    }

    /// MX of a domain (A-labels), CNAMEs followed (MX-07).
    pub async fn mx(&self, domain: &str) -> MxAnswer {
        let read = |data: &RData| match data {
            RData::MX(mx) => Some((mx.preference, host_text(&mx.exchange))),
            _ => None,
        };
        match self.ask(domain, RecordType::MX, read).await {
            Ok(records) => MxAnswer::Records(records),
            Err(Nothing::NoData) => MxAnswer::NoRecords,
            Err(Nothing::NoSuchName) => MxAnswer::NoSuchDomain,
            Err(Nothing::Temporary(why)) => MxAnswer::Temporary(why),
        }
    }

    /// A and AAAA of a host, both asked at once (MX-10). IPv6 comes first.
    /// What one family finds counts even where the other's look-up fails.
    pub async fn addresses(&self, host: &str) -> Addresses {
        let (six, four) = tokio::join!(
            self.ask(host, RecordType::AAAA, |data| match data {
                RData::AAAA(a) => Some(IpAddr::V6(a.0)),
                _ => None,
            }),
            self.ask(host, RecordType::A, |data| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                _ => None,
            }),
        );
        let mut found = Vec::new();
        let mut temporary = None;
        for answer in [six, four] {
            match answer {
                Ok(addresses) => found.extend(addresses),
                Err(Nothing::Temporary(why)) => temporary = Some(why),
                Err(Nothing::NoData | Nothing::NoSuchName) => {}
            }
        }
        match temporary {
            _ if !found.is_empty() => Addresses::Found(found),
            Some(why) => Addresses::Temporary(why),
            None => Addresses::None,
        }
    }

    /// One question. The name is taken as absolute: no search list (MX-11).
    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, Nothing> {
        // A name that DNS cannot hold (a label over 63 octets) does not exist.
        let absolute = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))
            .map_err(|_| Nothing::NoSuchName)?;
        let _permit = self.in_flight.acquire().await;
        let answer = tokio::time::timeout(self.limit, self.inner.lookup(absolute, kind)).await;
        let words = |why: &dyn std::fmt::Display| {
            Nothing::Temporary(format!("{kind} look-up of {name}: {why}"))
        };
        match answer {
            Err(_) => Err(words(&"timed out")),
            Ok(Err(error)) => Err(classify(&error, words)),
            Ok(Ok(lookup)) => {
                let found: Vec<T> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| read(&record.data))
                    .collect();
                if found.is_empty() {
                    return Err(Nothing::NoData);
                }
                Ok(found)
            }
        }
    }
}

/// A server of the configuration, on its own port, by UDP and, on truncation,
/// by TCP (MX-12).
fn name_server(address: &SocketAddr) -> NameServerConfig {
    let on_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![
        on_port(ConnectionConfig::udp()),
        on_port(ConnectionConfig::tcp()),
    ];
    NameServerConfig::new(address.ip(), true, connections)
}

/// Time for all attempts and a chain of CNAMEs, so that no answer can hold a
/// delivery for long.
fn whole_limit(timeout: Duration, attempts: usize) -> Duration {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    timeout.saturating_mul(attempts.saturating_add(2))
}

/// Lower case, no trailing dot; the root is empty (null MX, RFC 7505). Octets
/// that are not printable ASCII come out escaped (D1).
fn host_text(name: &Name) -> String {
    let mut text = name.to_lowercase().to_ascii();
    if text.ends_with('.') {
        text.pop();
    }
    text
}

/// Only NXDOMAIN says that a name does not exist, only an empty answer with
/// NOERROR that it has no such records; everything else may pass (MX-05, D3).
fn classify(error: &NetError, words: impl Fn(&dyn std::fmt::Display) -> Nothing) -> Nothing {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => return words(&"timed out"),
        other => return words(other),
    };
    match code {
        ResponseCode::NXDomain => Nothing::NoSuchName,
        ResponseCode::NoError => Nothing::NoData,
        ResponseCode::ServFail => words(&"SERVFAIL"),
        ResponseCode::Refused => words(&"REFUSED"),
        other => words(&other),
    }
}
