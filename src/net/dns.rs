//! Name service: one resolver a process, names with a trailing dot, a bound on
//! queries in flight, NXDOMAIN told from SERVFAIL and time-out everywhere.
//!
//! Two ways of asking stand behind [`Resolver`]: hickory's resolver, which can
//! validate, and `stub`, for programs that ask of many names.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::Semaphore;

use super::kept::Kept;
use crate::config::{ConfigError, Dns};
use crate::route::mx::{MxAnswer, Trouble};

mod stub;

use stub::Stub;

/// Queries in flight at once. More only costs, and over TCP fails.
const IN_FLIGHT: usize = 100;

/// As many where answers take [`LONG_WAIT`]: on a long way more must be under
/// way to keep the same pace.
const IN_FLIGHT_FAR: usize = 400;

const LONG_WAIT: Duration = Duration::from_millis(20);

/// Answers kept; a queue run asks for a few names many times.
const CACHE: u64 = 1024;

/// No answer is kept longer, whatever its records say.
const LONGEST_LIFE: Duration = Duration::from_secs(300);

/// How long it is remembered that there is nothing.
const NEGATIVE_LIFE: Duration = Duration::from_secs(60);

/// What an address lookup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    Found(Vec<IpAddr>),
    /// The host has none, or does not exist.
    None,
    Temporary(Trouble),
}

/// What a validating resolver makes of an answer (RFC 4035 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dnssec {
    Bogus,
    /// Nobody validated, or it could not be told.
    Indeterminate,
    Insecure,
    Secure,
}

impl Dnssec {
    pub fn name(self) -> &'static str {
        match self {
            Dnssec::Bogus => "bogus",
            Dnssec::Indeterminate => "indeterminate",
            Dnssec::Insecure => "insecure",
            Dnssec::Secure => "secure",
        }
    }
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The name asked for is an alias.
    pub alias: bool,
    /// The worst of its records; `None` where nobody validated, or there is no
    /// record.
    pub dnssec: Option<Dnssec>,
}

/// Cheap to clone; the clones share cache, sockets and bound.
#[derive(Clone)]
pub struct Resolver {
    engine: Engine,
    in_flight: Arc<Semaphore>,
    far: Arc<AtomicUsize>,
    /// After this long a look-up is over, whatever the servers do (MX-13).
    limit: Duration,
}

#[derive(Clone)]
enum Engine {
    Hickory(TokioResolver),
    Validating(TokioResolver),
    Stub(Arc<Bulk>),
}

/// What a question came to.
type Records = Result<Vec<Record>, Nothing>;

struct Bulk {
    stub: Stub,
    kept: Kept<(String, RecordType), Arc<Records>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Why there are no records.
#[derive(Clone, Debug)]
enum Nothing {
    NoData,
    NoSuchName,
    Temporary(Trouble),
}

impl Resolver {
    /// By the configuration, or the system's. Must be called inside a runtime.
    pub fn new(dns: &Dns) -> Result<Resolver, ConfigError> {
        let inner = hickory(dns, None)?;
        Ok(Resolver::with(Engine::Hickory(inner), dns))
    }

    /// The same for questions by the thousand.
    pub fn bulk(dns: &Dns) -> Result<Resolver, ConfigError> {
        let servers = match dns.servers.is_empty() {
            false => dns.servers.clone(),
            true => system_servers()?,
        };
        let bulk = Bulk {
            stub: Stub::new(servers, whole_limit(dns)),
            kept: Kept::new(),
        };
        Ok(Resolver::with(Engine::Stub(Arc::new(bulk)), dns))
    }

    /// One that validates (DNSSEC), from the root's keys or those of a file of
    /// DNSKEY records.
    pub fn validating(dns: &Dns, anchor: Option<&Path>) -> Result<Resolver, ConfigError> {
        let anchors = match anchor {
            None => TrustAnchors::default(),
            Some(path) => TrustAnchors::from_file(path)
                .map_err(|e| ConfigError(format!("trust anchor {}: {e}", path.display())))?,
        };
        let inner = hickory(dns, Some(anchors))?;
        Ok(Resolver::with(Engine::Validating(inner), dns))
    }

    fn with(engine: Engine, dns: &Dns) -> Resolver {
        Resolver {
            engine,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
            far: Arc::new(AtomicUsize::new(IN_FLIGHT)),
            limit: whole_limit(dns),
        }
    }

    /// MX of a domain (A-labels), CNAMEs followed (MX-07).
    pub async fn mx(&self, domain: &str) -> MxAnswer {
        self.mx_and_way(domain).await.0
    }

    /// The same, and how the answer came about.
    pub async fn mx_and_way(&self, domain: &str) -> (MxAnswer, Way) {
        let read = |data: &RData| match data {
            RData::MX(mx) => Some((mx.preference, host_text(&mx.exchange))),
            _ => None,
        };
        match self.ask(domain, RecordType::MX, read).await {
            Ok((records, way)) => (MxAnswer::Records(records), way),
            Err(Nothing::NoData) => (MxAnswer::NoRecords, Way::default()),
            Err(Nothing::NoSuchName) => (MxAnswer::NoSuchDomain, Way::default()),
            Err(Nothing::Temporary(why)) => (MxAnswer::Temporary(why), Way::default()),
        }
    }

    /// A and AAAA of a host, both asked at once (MX-10). IPv6 comes first.
    /// What one family finds counts even where the other's look-up fails.
    pub async fn addresses(&self, host: &str) -> Addresses {
        self.addresses_and_way(host).await.0
    }

    /// The same, and how the answer came about.
    pub async fn addresses_and_way(&self, host: &str) -> (Addresses, Way) {
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
        let mut ways = Vec::new();
        let mut temporary = None;
        for answer in [six, four] {
            match answer {
                Ok((addresses, way)) => {
                    found.extend(addresses);
                    ways.push(way);
                }
                Err(Nothing::Temporary(why)) => temporary = Some(why),
                Err(Nothing::NoData | Nothing::NoSuchName) => {}
            }
        }
        let way = Way {
            alias: ways.iter().any(|way| way.alias),
            dnssec: ways.iter().filter_map(|way| way.dnssec).min(),
        };
        let addresses = match temporary {
            _ if !found.is_empty() => Addresses::Found(found),
            Some(why) => Addresses::Temporary(why),
            None => Addresses::None,
        };
        (addresses, way)
    }

    /// The names that an address has by PTR; none where there is no record.
    pub async fn pointers(&self, address: IpAddr) -> Result<Vec<String>, Trouble> {
        let name = Name::from(address.to_canonical()).to_ascii();
        let read = |data: &RData| match data {
            RData::PTR(to) => Some(host_text(&to.0)),
            _ => None,
        };
        match self.ask(&name, RecordType::PTR, read).await {
            Ok((names, _)) => Ok(names),
            Err(Nothing::NoData | Nothing::NoSuchName) => Ok(Vec::new()),
            Err(Nothing::Temporary(why)) => Err(why),
        }
    }

    /// One question. The name is taken as absolute: no search list (MX-11).
    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<(Vec<T>, Way), Nothing> {
        // A name that DNS cannot hold (a label over 63 octets) does not exist.
        let absolute = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))
            .map_err(|_| Nothing::NoSuchName)?;
        match &self.engine {
            Engine::Stub(bulk) => {
                let key = (name.to_ascii_lowercase(), kind);
                let fresh = Box::pin(async {
                    let answer = self.bounded(bulk.stub.ask(&absolute, kind)).await;
                    (life(&answer), Arc::new(answer))
                });
                let answer = bulk.kept.get(key, Instant::now(), fresh).await;
                read_all(answer.as_ref().as_ref().map_err(Clone::clone)?, read, false)
            }
            Engine::Hickory(inner) | Engine::Validating(inner) => {
                // Its look-up is some kilobytes large, and futures are moved about.
                let records = Box::pin(self.by_hickory(inner, absolute, kind)).await?;
                read_all(&records, read, matches!(self.engine, Engine::Validating(_)))
            }
        }
    }

    async fn by_hickory(
        &self,
        inner: &TokioResolver,
        name: Name,
        kind: RecordType,
    ) -> Result<Vec<Record>, Nothing> {
        let looking = tokio::time::timeout(self.limit, inner.lookup(name.clone(), kind));
        match self.bounded(looking).await {
            Err(_) => {
                let words = about(&name, kind, "timed out");
                Err(Nothing::Temporary(Trouble::Silent(words)))
            }
            Ok(Err(error)) => Err(classify(&error, &name, kind)),
            Ok(Ok(lookup)) => Ok(lookup.answers().to_vec()),
        }
    }

    /// Waits for room among the queries in flight.
    async fn bounded<T>(&self, work: impl Future<Output = T>) -> T {
        let _permit = self.in_flight.acquire().await;
        let began = Instant::now();
        let done = work.await;
        if matches!(self.engine, Engine::Stub(_))
            && began.elapsed() > LONG_WAIT
            && self.far.fetch_add(1, Ordering::Relaxed) < IN_FLIGHT_FAR
        {
            self.in_flight.add_permits(1);
        }
        done
    }
}

fn hickory(dns: &Dns, anchors: Option<TrustAnchors>) -> Result<TokioResolver, ConfigError> {
    let mut builder = if dns.servers.is_empty() {
        TokioResolver::builder_tokio().map_err(|e| ConfigError(format!("/etc/resolv.conf: {e}")))?
    } else {
        let servers = dns.servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = dns.timeout;
    options.attempts = dns.attempts.max(1);
    options.cache_size = CACHE;
    options.validate = anchors.is_some();
    if let Some(anchors) = anchors {
        builder = builder.with_trust_anchor(Arc::new(anchors));
    }
    builder
        .build()
        .map_err(|e| ConfigError(format!("resolver: {e}")))
}

/// The servers of `/etc/resolv.conf`.
fn system_servers() -> Result<Vec<SocketAddr>, ConfigError> {
    let (config, _) =
        read_system_conf().map_err(|e| ConfigError(format!("/etc/resolv.conf: {e}")))?;
    let port = |server: &NameServerConfig| server.connections.first().map_or(53, |c| c.port);
    let address = |server: &NameServerConfig| SocketAddr::new(server.ip, port(server));
    Ok(config.name_servers().iter().map(address).collect())
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
fn whole_limit(dns: &Dns) -> Duration {
    let attempts = u32::try_from(dns.attempts.max(1)).unwrap_or(u32::MAX);
    dns.timeout.saturating_mul(attempts.saturating_add(2))
}

/// For how long an answer is good.
fn life(answer: &Result<Vec<Record>, Nothing>) -> Duration {
    match answer {
        Ok(records) => {
            let seconds = records.iter().map(|r| r.ttl).min().unwrap_or(0);
            Duration::from_secs(seconds.into()).min(LONGEST_LIFE)
        }
        Err(Nothing::NoData | Nothing::NoSuchName) => NEGATIVE_LIFE,
        Err(Nothing::Temporary(_)) => Duration::ZERO,
    }
}

/// The values among the records, and how they came.
fn read_all<T>(
    records: &[Record],
    read: impl Fn(&RData) -> Option<T>,
    validated: bool,
) -> Result<(Vec<T>, Way), Nothing> {
    let found: Vec<T> = records.iter().filter_map(|r| read(&r.data)).collect();
    if found.is_empty() {
        return Err(Nothing::NoData);
    }
    let proof = |record: &Record| match record.proof {
        Proof::Secure => Dnssec::Secure,
        Proof::Insecure => Dnssec::Insecure,
        Proof::Bogus => Dnssec::Bogus,
        Proof::Indeterminate => Dnssec::Indeterminate,
    };
    let way = Way {
        alias: records.iter().any(|r| matches!(r.data, RData::CNAME(_))),
        dnssec: validated.then(|| records.iter().map(proof).min()).flatten(),
    };
    Ok((found, way))
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

fn about(name: &Name, kind: RecordType, words: &str) -> String {
    format!("{kind} look-up of {}: {words}", host_text(name))
}

/// Only NXDOMAIN says that a name does not exist, only an empty answer with
/// NOERROR that it has no such records; everything else may pass (MX-05, D3).
fn classify(error: &NetError, name: &Name, kind: RecordType) -> Nothing {
    let failed = |words: &str| Nothing::Temporary(Trouble::Failed(about(name, kind, words)));
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => {
            let words = about(name, kind, "timed out");
            return Nothing::Temporary(Trouble::Silent(words));
        }
        other => return failed(&other.to_string()),
    };
    match code {
        ResponseCode::NXDomain => Nothing::NoSuchName,
        ResponseCode::NoError => Nothing::NoData,
        ResponseCode::ServFail => failed("SERVFAIL"),
        ResponseCode::Refused => failed("REFUSED"),
        other => failed(&other.to_string()),
    }
}
