//! `smtp-queue route` (where mail would go, and why) and `smtp-queue config`.

use serde::Serialize;

use super::Context;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop, Worst};
use crate::config::{self, Config};
use crate::net::dns::Addresses;
use crate::net::lookup::{self, MailHosts};
use crate::route::mx::Plan;
use crate::route::transport::Transport;
use crate::route::{Destination, domain_key};
use crate::smtp::addr::Mailbox;

#[derive(clap::Args)]
pub struct Options {
    /// Addresses; a name without a domain is a local one
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// One JSON object for each place the mail would go to
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct ConfigOptions {
    /// One JSON object a setting
    #[arg(long)]
    json: bool,
}

/// One place that mail to an address would go to.
#[derive(Serialize)]
struct Leg {
    address: String,
    /// After aliases.
    to: String,
    transport: String,
    because: String,
    tls: String,
    /// `preference host address,address` in the order of trying.
    hosts: Vec<String>,
    /// Why it would not be delivered, as far as names can tell.
    problem: String,
}

impl Record for Leg {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("ADDRESS", 24),
        ("TO", 24),
        ("TRANSPORT", 24),
        ("BECAUSE", 24),
        ("TLS", 13),
        ("HOSTS", 30),
        ("PROBLEM", 0),
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            self.to.clone(),
            self.transport.clone(),
            self.because.clone(),
            self.tls.clone(),
            self.hosts.join("; "),
            self.problem.clone(),
        ]
    }
}

pub fn route(context: &Context, options: &Options) -> Done {
    let config = &context.config;
    let (aliases, errors) = config::load_aliases(config);
    for error in errors {
        crate::cli::say(context.tool, &error.to_string());
    }
    let table = config.table();
    let mut out = Out::stdout(options.json);
    let mut worst = Worst::new(context.tool);
    for text in &options.addresses {
        let address = match qualified(config, text) {
            Ok(address) => address,
            Err(stop) => {
                worst.take(text, Err(stop))?;
                continue;
            }
        };
        for (destination, _) in aliases.expand(&address, &|m| table.is_local(m))? {
            let leg = leg(context, &address, &destination)?;
            out.record(&leg)?;
            if !leg.problem.is_empty() {
                worst.take(text, Err(Stop::Status(Class::Unavailable)))?;
            }
        }
    }
    out.flush()?;
    worst.end()
}

fn qualified(config: &Config, text: &str) -> Result<Mailbox, Stop> {
    let (mut found, errors) = crate::message::addrlist::parse(text.as_bytes(), &config.origin);
    if let Some((_, error)) = errors.into_iter().next() {
        return Err(error.into());
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        n => Err(Stop::new(
            Class::Data,
            format!("{n} addresses, one expected"),
        )),
    }
}

fn leg(context: &Context, address: &Mailbox, to: &Destination) -> Result<Leg, Stop> {
    let config = &context.config;
    let mut leg = Leg {
        address: address.to_string(),
        to: to.to_string(),
        transport: String::new(),
        because: "alias".into(),
        tls: "-".into(),
        hosts: Vec::new(),
        problem: String::new(),
    };
    let mailbox = match to {
        Destination::Mailbox(mailbox) => mailbox,
        Destination::Pipe(_) => {
            leg.transport = "pipe".into();
            leg.problem = "programs as alias targets are not run by this version".into();
            return Ok(leg);
        }
        Destination::File(path) => {
            leg.transport = format!("file {path}");
            return Ok(leg);
        }
    };
    let table = config.table();
    let decision = table.decide(mailbox);
    leg.transport = decision.transport.to_string();
    leg.because = decision.because.clone();
    match decision.transport {
        Transport::Smtp { .. } => leg.tls = decision.tls.to_string(),
        Transport::Error(status, words) => leg.problem = format!("{status} {words}"),
        Transport::Mx => {
            leg.tls = decision.tls.to_string();
            let domain = domain_key(&mailbox.domain)?;
            lookup::mail_hosts(&config.dns, std::iter::once(domain), &mut |found| {
                (leg.hosts, leg.problem) = hosts(&found);
                true
            })?;
        }
        _ => {}
    }
    Ok(leg)
}

/// Hosts as words, and what is wrong with them.
fn hosts(found: &MailHosts) -> (Vec<String>, String) {
    let words = found
        .hosts
        .iter()
        .map(|h| format!("{} {} {}", h.preference, h.name, addresses(&h.addresses)))
        .collect();
    let problem = match &found.plan {
        Plan::NullMx => "5.1.10 the domain takes no mail (null MX)".into(),
        Plan::Permanent(status, why) => format!("{status} {why}"),
        Plan::Temporary(why) => format!("4.4.3 {why}"),
        Plan::Hosts(_) | Plan::Implicit => String::new(),
    };
    (words, problem)
}

/// Addresses joined by commas, or why there are none in brackets.
pub fn addresses(found: &Addresses) -> String {
    match found {
        Addresses::Found(list) => {
            let words: Vec<String> = list.iter().map(|a| a.to_string()).collect();
            words.join(",")
        }
        Addresses::None => "(no address)".into(),
        Addresses::Temporary(why) => format!("({why})"),
    }
}

/// How an expanded recipient goes, in words; nothing is looked up.
pub fn decision(config: &Config, to: &str) -> Option<String> {
    let Ok(Destination::Mailbox(mailbox)) = to.parse() else {
        return None;
    };
    let table = config.table();
    let decision = table.decide(&mailbox);
    let tls = match decision.transport {
        Transport::Mx | Transport::Smtp { .. } => format!(", TLS {}", decision.tls),
        _ => String::new(),
    };
    Some(format!(
        "{} ({}){tls}",
        decision.transport, decision.because
    ))
}

#[derive(Serialize)]
struct Setting<'a> {
    key: &'a str,
    value: &'a str,
    source: &'a str,
}

impl Record for Setting<'_> {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[("KEY", 28), ("VALUE", 36), ("SOURCE", 0)];

    fn row(&self) -> Vec<String> {
        vec![self.key.into(), self.value.into(), self.source.into()]
    }
}

pub fn config(context: &Context, options: &ConfigOptions) -> Done {
    let mut out = Out::stdout(options.json);
    for (key, value, source) in &context.config.sources {
        out.record(&Setting { key, value, source })?;
    }
    out.flush()
}
