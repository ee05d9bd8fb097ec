//! `smtp-queue route` (where mail would go, and why) and `smtp-queue config`.

use serde::Serialize;

use super::Context;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::submit::check_text;
use crate::cli::{Done, Stop, Worst};
use crate::config::{self, Config};
use crate::deliver;
use crate::route::Destination;
use crate::route::transport::Transport;
use crate::smtp::addr::{Mailbox, ReversePath};

#[derive(clap::Args)]
pub struct Options {
    /// Addresses; a name without a domain is a local one
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// One JSON object for each place the mail would go to
    #[arg(long)]
    json: bool,
    /// One line an address: whether it can be delivered (`sendmail -bv`)
    #[arg(long, conflicts_with = "json")]
    brief: bool,
}

#[derive(clap::Args)]
pub struct ConfigOptions {
    /// One JSON object a setting
    #[arg(long)]
    json: bool,
}

/// One place that mail to an address would go to.
#[derive(Serialize)]
pub(super) struct Leg {
    address: String,
    /// After aliases.
    to: String,
    transport: String,
    because: String,
    tls: String,
    /// Host and address with port, in the order of trying.
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

impl Leg {
    /// For people.
    pub fn line(&self) -> String {
        let hosts = match self.hosts.is_empty() {
            true => String::new(),
            false => format!(", at {}", self.hosts.join("; ")),
        };
        let tls = match self.tls.as_str() {
            "-" => String::new(),
            tls => format!(", TLS {tls}"),
        };
        let problem = match self.problem.is_empty() {
            true => String::new(),
            false => format!(": {}", self.problem),
        };
        let (to, transport, because) = (&self.to, &self.transport, &self.because);
        format!("{to}: by {transport} ({because}){tls}{hosts}{problem}")
    }

    /// What it does to the exit status.
    pub fn class(&self) -> Option<Class> {
        let transient = self.problem.starts_with('4');
        (!self.problem.is_empty()).then_some(match transient {
            true => Class::Temporary,
            false => Class::Unavailable,
        })
    }
}

pub fn route(context: &Context, options: &Options) -> Done {
    let config = &context.config;
    for error in config::load_book(config).1 {
        crate::cli::say(context.tool, &error.to_string());
    }
    let mut out = Out::stdout(options.json);
    let mut worst = Worst::new(context.tool);
    for text in &options.addresses {
        let done = qualified(config, text).and_then(|address| {
            if options.brief {
                return verdict(config, &address, &mut out);
            }
            for leg in legs(config, &ReversePath::Null, &address)? {
                out.record(&leg)?;
                let class = leg.class();
                worst.take(text, class.map_or(Ok(()), |c| Err(Stop::Status(c))))?;
            }
            Ok(())
        });
        worst.take(text, done)?;
    }
    out.flush()?;
    worst.end()
}

/// Statuses of addresses that are known to lead nowhere make 67, whatever the
/// reason; a name service that does not answer is no such knowledge.
fn verdict(config: &Config, address: &Mailbox, out: &mut Out) -> Done {
    let found = deliver::explain_route(config.clone(), &ReversePath::Null, address, true)?;
    let problem = found.iter().find_map(|leg| leg.problem.as_ref());
    match problem {
        None => {
            let ways: Vec<&str> = found.iter().map(|leg| leg.transport.as_str()).collect();
            out.line(&format!("{address}: deliverable by {}", ways.join(", ")))
        }
        Some((status, words)) if status.starts_with('4') => {
            out.line(&format!("{address}: cannot be told now: {status} {words}"))?;
            Err(Stop::Status(Class::Temporary))
        }
        Some((status, words)) => {
            out.line(&format!("{address}: not deliverable: {status} {words}"))?;
            Err(Stop::Status(Class::NoUser))
        }
    }
}

fn qualified(config: &Config, text: &str) -> Result<Mailbox, Stop> {
    check_text(text.as_bytes())?;
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

/// Where mail from this sender to this address would go.
pub(super) fn legs(
    config: &Config,
    sender: &ReversePath,
    address: &Mailbox,
) -> Result<Vec<Leg>, Stop> {
    let found = deliver::explain_route(config.clone(), sender, address, true)?;
    Ok(found.into_iter().map(|one| leg(address, one)).collect())
}

fn leg(address: &Mailbox, found: deliver::Explanation) -> Leg {
    let or_dash = |s: String| if s.is_empty() { "-".into() } else { s };
    let hosts = found.hosts.into_iter();
    Leg {
        address: address.to_string(),
        to: found.to,
        transport: or_dash(found.transport),
        because: or_dash(found.because),
        tls: or_dash(found.tls),
        hosts: hosts
            .map(|(host, address)| format!("{host} {address}"))
            .collect(),
        problem: found
            .problem
            .map_or(String::new(), |(status, words)| format!("{status} {words}")),
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
        Transport::Mx | Transport::Smtp { .. } | Transport::Lmtp { .. } => {
            format!(", TLS {}", decision.tls)
        }
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
    for (key, value, source) in &context.config.sources() {
        out.record(&Setting { key, value, source })?;
    }
    out.flush()
}
