//! Looking up where mail of many domains goes, for programs without a runtime
//! of their own: a bounded window of queries, answers in the order asked.

use std::collections::VecDeque;
use std::io;

use super::dns::{Addresses, Resolver};
use crate::config::{ConfigError, Dns};
use crate::route::mx::{self, MxAnswer, Plan};

/// Domains looked up at once: past 200 more only costs.
const WINDOW: usize = 100;

/// One host of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub preference: u16,
    pub name: String,
    pub addresses: Addresses,
}

/// How a domain takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHosts {
    pub domain: String,
    pub plan: Plan,
    /// In the order they are tried; the domain itself where there is no MX.
    pub hosts: Vec<Host>,
}

/// Why nothing was looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot start looking up names: {0}")]
    Runtime(#[from] io::Error),
}

impl crate::class::Classify for LookupError {
    fn class(&self) -> crate::class::Class {
        match self {
            LookupError::Config(e) => e.class(),
            LookupError::Runtime(_) => crate::class::Class::OsErr,
        }
    }
}

/// Looks up each domain (A-labels) and hands on what was found; stops early
/// where `each` returns false.
pub fn mail_hosts(
    dns: &Dns,
    domains: impl Iterator<Item = String>,
    each: &mut dyn FnMut(MailHosts) -> bool,
) -> Result<(), LookupError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let resolver = Resolver::new(dns)?;
        let mut waiting = VecDeque::new();
        for domain in domains {
            let resolver = resolver.clone();
            waiting.push_back(tokio::spawn(async move { one(&resolver, domain).await }));
            if waiting.len() >= WINDOW && !hand_on(&mut waiting, each).await {
                return Ok(());
            }
        }
        while !waiting.is_empty() && hand_on(&mut waiting, each).await {}
        Ok(())
    })
}

async fn hand_on(
    waiting: &mut VecDeque<tokio::task::JoinHandle<MailHosts>>,
    each: &mut dyn FnMut(MailHosts) -> bool,
) -> bool {
    match waiting.pop_front() {
        Some(task) => match task.await {
            Ok(found) => each(found),
            // A lookup that hit a defect ends alone.
            Err(_) => true,
        },
        None => false,
    }
}

/// One domain with the addresses of its hosts.
pub async fn one(resolver: &Resolver, domain: String) -> MailHosts {
    let answer = resolver.mx(&domain).await;
    let missing = matches!(answer, MxAnswer::NoRecords);
    let plan = mx::plan(&domain, answer, &|_| false, &mut || 0);
    let names = match &plan {
        Plan::Hosts(hosts) => hosts.clone(),
        Plan::Implicit => vec![(0, domain.clone())],
        _ => Vec::new(),
    };
    let mut hosts = Vec::new();
    for (preference, name) in names {
        let addresses = resolver.addresses(&name).await;
        hosts.push(Host {
            preference,
            name,
            addresses,
        });
    }
    let plan = match hosts.first().map(|h| &h.addresses) {
        Some(Addresses::None) if missing => {
            Plan::Permanent("5.4.4", format!("{domain} has neither MX nor address"))
        }
        Some(Addresses::Temporary(why)) if missing => Plan::Temporary(why.clone()),
        _ => plan,
    };
    MailHosts {
        domain,
        plan,
        hosts,
    }
}
