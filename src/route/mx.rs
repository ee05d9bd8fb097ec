//! The order in which the hosts of a domain are tried (RFC 5321 section 5.1,
//! RFC 7505).

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

/// Why there is no answer now; the words say what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answered in time.
    Silent(String),
    /// SERVFAIL, REFUSED, or an answer that is none.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Trouble::Silent(words) | Trouble::Failed(words)) = self;
        f.write_str(words)
    }
}

/// What DNS said about MX, told apart as routing needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// Preference and host (lower case, no trailing dot; `.` is empty).
    Records(Vec<(u16, String)>),
    /// The name exists, without MX.
    NoRecords,
    NoSuchDomain,
    /// Try later.
    Temporary(Trouble),
}

/// What to do for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Hosts in order, each with its preference.
    Hosts(Vec<(u16, String)>),
    /// No MX: the domain's own addresses (MX-03).
    Implicit,
    /// `MX 0 .` alone: 5.1.10 at once (MX-06).
    NullMx,
    /// 5.1.2 or 5.4.4 or 5.4.6, with words.
    Permanent(&'static str, String),
    /// 4.4.3, with words.
    Temporary(Trouble),
}

/// Most hosts used of a domain (D1).
pub const MAX_HOSTS: usize = 20;

/// Sorts by preference, equal ones by `random` (MX-01); drops the level where
/// `is_self` is found and all after it (MX-08).
pub fn plan(
    domain: &str,
    answer: MxAnswer,
    is_self: &dyn Fn(&str) -> bool,
    random: &mut dyn FnMut() -> u32,
) -> Plan {
    match answer {
        MxAnswer::Temporary(words) => Plan::Temporary(words),
        MxAnswer::NoSuchDomain => {
            Plan::Permanent("5.1.2", format!("the domain {domain} does not exist"))
        }
        MxAnswer::NoRecords => implicit(domain, is_self),
        MxAnswer::Records(records) if records.is_empty() => implicit(domain, is_self),
        MxAnswer::Records(records) if records.iter().all(|(_, host)| is_root(host)) => Plan::NullMx,
        MxAnswer::Records(records) => ordered(domain, usable(records), is_self, random),
    }
}

fn implicit(domain: &str, is_self: &dyn Fn(&str) -> bool) -> Plan {
    match is_self(domain) {
        true => loops_back(domain),
        false => Plan::Implicit,
    }
}

fn loops_back(domain: &str) -> Plan {
    let words = format!("mail for {domain} loops back to this host, which does not take it");
    Plan::Permanent("5.4.6", words)
}

fn is_root(host: &str) -> bool {
    host.is_empty() || host == "."
}

/// Without the root (it has no meaning beside others, RFC 7505 section 3) and
/// without addresses in the place of names: a resolver would take those as
/// they are and so be led past the DNS (D2).
fn usable(records: Vec<(u16, String)>) -> Vec<(u16, String)> {
    records
        .into_iter()
        .filter(|(_, host)| !is_root(host) && host.parse::<IpAddr>().is_err())
        .collect()
}

fn ordered(
    domain: &str,
    mut hosts: Vec<(u16, String)>,
    is_self: &dyn Fn(&str) -> bool,
    random: &mut dyn FnMut() -> u32,
) -> Plan {
    if hosts.is_empty() {
        // MX-04: there are MX records, so the domain's own address is not used.
        let words = format!("no MX record of {domain} names a host that could be used");
        return Plan::Permanent("5.4.4", words);
    }
    shuffle(&mut hosts, random);
    hosts.sort_by_key(|(preference, _)| *preference);
    let mut seen = HashSet::new();
    hosts.retain(|(_, host)| seen.insert(host.clone()));
    if let Some(own) = hosts.iter().find(|(_, host)| is_self(host)).map(|h| h.0) {
        hosts.retain(|(preference, _)| *preference < own);
        if hosts.is_empty() {
            return loops_back(domain);
        }
    }
    hosts.truncate(MAX_HOSTS);
    Plan::Hosts(hosts)
}

/// Fisher and Yates; the stable sort after it keeps the chance order among
/// equal preferences.
fn shuffle<T>(items: &mut [T], random: &mut dyn FnMut() -> u32) {
    for i in (1..items.len()).rev() {
        // Multiply and shift: the bias is at most items / 2^32.
        let j = (u64::from(random()) * (i as u64 + 1)) >> 32;
        items.swap(i, j as usize);
    }
}

#[cfg(test)]
mod tests;
