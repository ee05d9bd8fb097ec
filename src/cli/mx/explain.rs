//! `smtp-mx --explain`: what a delivery of ours would do with an address, step
//! by step, and what is remembered about its hosts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop, TOOL_MX as TOOL, Worst};
use crate::config::{Config, load_aliases};
use crate::deliver::{self, Explanation};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::spool::{Ending, Spool};

/// How far back the spool's history is asked about a host.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One step.
#[derive(Debug, PartialEq, Serialize)]
struct Step {
    address: String,
    /// `expand`, `route`, `tls`, `host`, `remembered`, `problem`.
    step: &'static str,
    what: String,
    why: String,
}

impl Record for Step {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] =
        &[("ADDRESS", 24), ("STEP", 10), ("WHAT", 36), ("WHY", 0)];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: &String| match s.is_empty() {
            true => "-".to_owned(),
            false => s.clone(),
        };
        vec![
            self.address.clone(),
            self.step.into(),
            or_dash(&self.what),
            or_dash(&self.why),
        ]
    }
}

pub fn explain(config: &Config, addresses: &[String], json: bool) -> Done {
    for error in load_aliases(config).1 {
        crate::cli::say(TOOL, &error.to_string());
    }
    let mut out = Out::stdout(json);
    let mut worst = Worst::new(TOOL);
    let history = remembered(config);
    for text in addresses {
        let done = one(config, text, &history, &mut out);
        worst.take(text, done)?;
    }
    out.flush()?;
    worst.end()
}

fn one(config: &Config, text: &str, history: &BTreeMap<String, Host>, out: &mut Out) -> Done {
    let whole = match text.contains('@') {
        true => text.to_owned(),
        false => format!("{text}@{}", config.origin),
    };
    let mailbox = Mailbox::parse(&whole)?;
    let mut class = None;
    for found in deliver::explain_route(config.clone(), &ReversePath::Null, &mailbox, true)? {
        for step in steps(text, &found, history) {
            out.record(&step)?;
        }
        if let Some((status, _)) = &found.problem {
            class = class.max(Some(match status.starts_with('4') {
                true => Class::Temporary,
                false => Class::of_refusal(status),
            }));
        }
    }
    class.map_or(Ok(()), |class| Err(Stop::Status(class)))
}

fn steps(address: &str, found: &Explanation, history: &BTreeMap<String, Host>) -> Vec<Step> {
    let step = |step, what: &str, why: &str| Step {
        address: address.to_owned(),
        step,
        what: what.to_owned(),
        why: why.to_owned(),
    };
    let mut steps = Vec::new();
    if found.to != address {
        let owner = found.owner.as_ref();
        let why = owner.map_or("alias".to_owned(), |o| {
            format!("list, its sender becomes {o}")
        });
        steps.push(step("expand", &found.to, &why));
    }
    if !found.transport.is_empty() {
        steps.push(step("route", &found.transport, &found.because));
    }
    if !found.tls.is_empty() {
        let why = match found.because.as_str() {
            "default" => "no route says otherwise".to_owned(),
            because => format!("of the route that {because} decided"),
        };
        steps.push(step("tls", &found.tls, &why));
    }
    for (n, (host, at)) in found.hosts.iter().enumerate() {
        steps.push(step(
            "host",
            &format!("{host} {at}"),
            &format!("attempt {}", n + 1),
        ));
        if let Some(host) = history.get(host) {
            steps.push(step("remembered", &host.told(), &host.last));
        }
    }
    if let Some((status, words)) = &found.problem {
        steps.push(step("problem", &format!("{status} {words}"), ""));
    }
    steps.dedup();
    steps
}

/// What became of mail to one host.
#[derive(Default)]
struct Host {
    delivered: u32,
    failed: u32,
    tls: Option<String>,
    /// When, and the words.
    last: String,
}

impl Host {
    fn told(&self) -> String {
        let tls = self.tls.as_deref().unwrap_or("no TLS");
        format!(
            "{} delivered, {} refused in 7 days, {tls}",
            self.delivered, self.failed
        )
    }
}

/// The spool's history by host; none where the spool cannot be read.
fn remembered(config: &Config) -> BTreeMap<String, Host> {
    let mut hosts: BTreeMap<String, Host> = BTreeMap::new();
    let Ok(spool) = Spool::open(&config.spool) else {
        return hosts;
    };
    let since = Timestamp::now()
        .checked_sub(REMEMBERED)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let mut see = |ending: Ending| {
        let Some(name) = ending.host.filter(|_| ending.time >= since) else {
            return;
        };
        let host = hosts.entry(name).or_default();
        match ending.result.as_str() {
            "delivered" => host.delivered += 1,
            _ => host.failed += 1,
        }
        host.tls = ending.tls;
        host.last = format!("{} {}", ending.time, ending.text);
    };
    // What cannot be read is not remembered.
    let _ = spool.history(since, &mut see);
    hosts
}
