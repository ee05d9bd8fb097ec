//! The addresses to try for a next hop, in order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Engine;
use super::hop::{Place, Remote};
use super::result::{self, Instead};
use crate::net::conn::Address;
use crate::net::dns::Addresses;
use crate::net::lookup::is_own;
use crate::route::mx::{MxAnswer, Plan, Trouble, plan};
use crate::route::network::is_public;

/// Addresses tried of one next hop in one attempt (D1).
pub const MAX_ADDRESSES: usize = 10;

/// An address to connect to, with the name it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub host: String,
    pub address: Address,
}

impl Candidate {
    fn new(host: &str, address: IpAddr, port: u16) -> Candidate {
        Candidate {
            host: host.to_string(),
            address: Address::Tcp(SocketAddr::new(address, port)),
        }
    }
}

/// What an address means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Usable,
    /// One of our own (MX-08).
    Own,
    /// Mail from strangers must not be able to reach it (D2).
    Forbidden,
}

/// At least one address, or the result for every recipient of this next hop.
pub async fn candidates(engine: &Engine, remote: &Remote) -> Result<Vec<Candidate>, Instead> {
    let mut found = match &remote.place {
        Place::Mx(domain) => by_mx(engine, domain).await?,
        Place::Literal(address) => literal(engine, *address)?,
        Place::Host { name, port, .. } => by_name(engine, name, *port).await?,
        Place::Socket(path) => vec![Candidate {
            host: engine.config.hostname.clone(),
            address: Address::Unix(path.clone()),
        }],
    };
    found.truncate(MAX_ADDRESSES);
    Ok(found)
}

async fn by_mx(engine: &Engine, domain: &str) -> Result<Vec<Candidate>, Instead> {
    let answer = match &*engine.resolver {
        Ok(resolver) => resolver.mx(domain).await,
        Err(why) => MxAnswer::Temporary(Trouble::Failed(why.clone())),
    };
    let is_self = |host: &str| engine.is_self(host);
    match plan(domain, answer, &is_self, &mut random) {
        Plan::Hosts(hosts) => of_hosts(engine, domain, hosts).await,
        Plan::Implicit => of_hosts(engine, domain, vec![(0, domain.to_string())]).await,
        Plan::NullMx => {
            let words = format!("the domain {domain} takes no mail (null MX)");
            Err(result::failed("5.1.10", words).into())
        }
        Plan::Permanent(status, words) => Err(result::failed(status, words).into()),
        Plan::Temporary(why) => Err(result::deferred("4.4.3", why.to_string()).into()),
    }
}

/// Addresses of MX hosts, level by level: where one of ours is found, its level
/// and all behind it are dropped (MX-08).
async fn of_hosts(
    engine: &Engine,
    domain: &str,
    hosts: Vec<(u16, String)>,
) -> Result<Vec<Candidate>, Instead> {
    let mut found = Vec::new();
    let mut none = None;
    for level in hosts.chunk_by(|a, b| a.0 == b.0) {
        let mut here = Vec::new();
        for (_, host) in level {
            match of_host(engine, host).await {
                Ok(Some(candidates)) => here.extend(candidates),
                Ok(None) if found.is_empty() => return Err(none.unwrap_or_else(|| looping(domain))),
                Ok(None) => return Ok(found),
                Err(attempt) => none = Some(worse(none, attempt)),
            }
        }
        found.extend(here);
        if found.len() >= MAX_ADDRESSES {
            break;
        }
    }
    match none {
        Some(attempt) if found.is_empty() => Err(attempt),
        _ => Ok(found),
    }
}

/// A temporary failure of one host keeps the message queued, whatever the others
/// came to.
fn worse(before: Option<Instead>, now: Instead) -> Instead {
    match before {
        Some(before) if before.result == crate::spool::Outcome::Deferred => before,
        _ => now,
    }
}

fn looping(domain: &str) -> Instead {
    let words = format!("mail for {domain} loops back to this host, which does not take it");
    result::failed("5.4.6", words).into()
}

/// `Ok(None)`: the host is this one.
async fn of_host(engine: &Engine, host: &str) -> Result<Option<Vec<Candidate>>, Instead> {
    let addresses = match look_up(engine, host).await {
        Addresses::Found(addresses) => addresses,
        Addresses::None => {
            let words = format!("the mail host {host} has no address");
            return Err(result::failed("5.4.4", words).into());
        }
        Addresses::Temporary(why) => {
            return Err(result::deferred("4.4.3", why.to_string()).into());
        }
    };
    let port = engine.config.delivery.port;
    let mut usable = Vec::new();
    for address in &addresses {
        match judge(engine, *address) {
            Verdict::Own => return Ok(None),
            Verdict::Forbidden => {}
            Verdict::Usable => usable.push(Candidate::new(host, *address, port)),
        }
    }
    match (usable.is_empty(), addresses.first()) {
        (true, Some(address)) => Err(forbidden(host, *address)),
        _ => Ok(Some(usable)),
    }
}

async fn look_up(engine: &Engine, host: &str) -> Addresses {
    match &*engine.resolver {
        Ok(resolver) => resolver.addresses(host).await,
        Err(why) => Addresses::Temporary(Trouble::Failed(why.clone())),
    }
}

fn literal(engine: &Engine, address: IpAddr) -> Result<Vec<Candidate>, Instead> {
    let host = format!("[{address}]");
    match judge(engine, address) {
        Verdict::Usable => Ok(vec![Candidate::new(
            &host,
            address,
            engine.config.delivery.port,
        )]),
        Verdict::Own => Err(looping(&host)),
        Verdict::Forbidden => Err(forbidden(&host, address)),
    }
}

fn forbidden(host: &str, address: IpAddr) -> Instead {
    let words = format!(
        "the mail host {host} has the address {address}, which is not public; \
         delivery.allow_networks would allow it"
    );
    result::failed("5.4.4", words).into()
}

fn judge(engine: &Engine, address: IpAddr) -> Verdict {
    let allowed = engine
        .config
        .delivery
        .allow_networks
        .iter()
        .any(|net| net.contains(address));
    let loopback = address.to_canonical().is_loopback();
    if !loopback && is_own(address) {
        return Verdict::Own;
    }
    match allowed || is_public(address) {
        true => Verdict::Usable,
        false if loopback => Verdict::Own,
        false => Verdict::Forbidden,
    }
}

/// A host that the administrator wrote: no guard, and no bounce where the name
/// does not exist, for that is more often a slip than the truth.
async fn by_name(engine: &Engine, name: &str, port: u16) -> Result<Vec<Candidate>, Instead> {
    let addresses = match written_address(name) {
        Some(addresses) => addresses,
        None => match look_up(engine, name).await {
            Addresses::Found(addresses) => addresses,
            Addresses::None => {
                let words = format!("the configured host {name} has no address");
                return Err(result::deferred("4.3.5", words).into());
            }
            Addresses::Temporary(why) => {
                return Err(result::deferred("4.4.3", why.to_string()).into());
            }
        },
    };
    let candidate = |address| Candidate::new(name, address, port);
    Ok(addresses.into_iter().map(candidate).collect())
}

/// Literals, and `localhost` (RFC 6761 section 6.3: no question is asked).
fn written_address(name: &str) -> Option<Vec<IpAddr>> {
    if name.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let bare = bare.unwrap_or(name);
    let bare = match bare.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => bare.get(5..)?,
        _ => bare,
    };
    Some(vec![bare.parse().ok()?])
}

/// Chance among equals; without it the order stays as it came.
fn random() -> u32 {
    crate::sys::random().map_or(u32::MAX, u32::from_ne_bytes)
}
