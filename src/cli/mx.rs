//! `smtp-mx`: how domains take mail.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;

use super::output::{Out, Record};
use super::words::words;
use super::{Done, Stop, Worst};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::dns::Addresses;
use crate::net::lookup::{self, MailHosts};
use crate::route::domain_key;
use crate::route::mx::Plan;
use crate::smtp::addr::Domain;

pub const TOOL: &str = "smtp-mx";

/// Tell how domains take mail: MX hosts in order, their addresses, null MX.
#[derive(clap::Parser)]
#[command(name = TOOL, version, max_term_width = 100)]
pub struct Cli {
    /// Domains, or addresses whose domain counts; - reads them from standard input
    #[arg(required = true, value_name = "DOMAIN")]
    domains: Vec<String>,
    /// One JSON object a host
    #[arg(long)]
    json: bool,
    /// Configuration file instead of the usual ones
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One host of one domain; a domain without hosts has one line as well.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    domain: String,
    /// `mx`, `implicit` (no MX, the domain's own address), `null` (takes no
    /// mail), `none` (no such domain, or neither MX nor address), `error`.
    kind: &'static str,
    preference: Option<u16>,
    host: Option<String>,
    addresses: Vec<String>,
    /// What went wrong, with the status a bounce would have.
    problem: Option<String>,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("DOMAIN", 24),
        ("KIND", 8),
        ("PREF", 5),
        ("HOST", 28),
        ("ADDRESSES", 30),
        ("PROBLEM", 0),
    ];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: Option<String>| s.unwrap_or_else(|| "-".into());
        vec![
            self.domain.clone(),
            self.kind.into(),
            or_dash(self.preference.map(|p| p.to_string())),
            or_dash(self.host.clone()),
            or_dash((!self.addresses.is_empty()).then(|| self.addresses.join(","))),
            or_dash(self.problem.clone()),
        ]
    }
}

/// The program's body.
pub fn main(args: Vec<OsString>) -> Done {
    let cli: Cli = super::parse(TOOL, args)?;
    let config = Config::load(&Overrides {
        config: cli.config,
        ..Overrides::default()
    })?;
    let mut out = Out::stdout(cli.json);
    let mut worst = Worst::new(TOOL);
    let mut wrong = Vec::new();
    let mut ended = Ok(());
    let keys = words(&cli.domains).filter_map(|word| {
        let (word, key) = match word {
            Ok(word) => (format!("\"{word}\""), key(&word)),
            Err(stop) => ("-".to_owned(), Err(stop)),
        };
        key.map_err(|stop| wrong.push((word, stop))).ok()
    });
    lookup::mail_hosts(&config.dns, keys, &mut |found| {
        ended = print(&mut out, &found, &mut worst);
        ended.is_ok()
    })?;
    ended?;
    for (word, stop) in wrong {
        worst.take(&word, Err(stop))?;
    }
    out.flush()?;
    worst.end()
}

/// A domain as it is looked up.
fn key(word: &str) -> Result<String, Stop> {
    let name = word.rsplit_once('@').map_or(word, |(_, domain)| domain);
    match Domain::parse(name)? {
        domain @ Domain::Name(_) => Ok(domain_key(&domain)?),
        _ => Err(Stop::new(
            Class::Data,
            "an address literal has no MX: mail goes to that address",
        )),
    }
}

fn print(out: &mut Out, found: &MailHosts, worst: &mut Worst<'_>) -> Done {
    for line in lines(found) {
        out.record(&line)?;
    }
    match &found.plan {
        Plan::Hosts(_) | Plan::Implicit => {
            let done = unreachable(found).map_or(Ok(()), Err);
            worst.take(&found.domain, done)
        }
        Plan::NullMx | Plan::Permanent(..) => {
            worst.take(&found.domain, Err(Stop::Status(Class::NoHost)))
        }
        Plan::Temporary(why) => {
            let stop = Stop::new(Class::Temporary, format!("{why}; try again later"));
            worst.take(&found.domain, Err(stop))
        }
    }
}

/// Hosts there are; but has one of them an address?
fn unreachable(found: &MailHosts) -> Option<Stop> {
    let any = |kind: fn(&Addresses) -> bool| found.hosts.iter().any(|h| kind(&h.addresses));
    if any(|a| matches!(a, Addresses::Found(_))) {
        None
    } else if any(|a| matches!(a, Addresses::Temporary(_))) {
        let words = "no address of its mail hosts can be found now; try again later";
        Some(Stop::new(Class::Temporary, words))
    } else {
        Some(Stop::Status(Class::NoHost))
    }
}

fn lines(found: &MailHosts) -> Vec<Line> {
    let bare = |kind, problem| Line {
        domain: found.domain.clone(),
        kind,
        preference: None,
        host: None,
        addresses: Vec::new(),
        problem,
    };
    let kind = match &found.plan {
        Plan::Hosts(_) => "mx",
        Plan::Implicit => "implicit",
        Plan::NullMx => return vec![bare("null", Some("5.1.10 the domain takes no mail".into()))],
        Plan::Permanent(status, why) => {
            return vec![bare("none", Some(format!("{status} {why}")))];
        }
        Plan::Temporary(why) => return vec![bare("error", Some(format!("4.4.3 {why}")))],
    };
    found
        .hosts
        .iter()
        .map(|host| {
            let (addresses, problem) = match &host.addresses {
                Addresses::Found(list) => (list.iter().map(|a| a.to_string()).collect(), None),
                Addresses::None => (Vec::new(), Some("the host has no address".into())),
                Addresses::Temporary(why) => (Vec::new(), Some(why.clone())),
            };
            Line {
                preference: Some(host.preference),
                host: Some(host.name.clone()),
                addresses,
                ..bare(kind, problem)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_host_and_one_for_a_domain_without() {
        let found = MailHosts {
            domain: "b.example".into(),
            plan: Plan::Hosts(vec![(10, "mx.b.example".into())]),
            hosts: vec![lookup::Host {
                preference: 10,
                name: "mx.b.example".into(),
                addresses: Addresses::Found(vec!["192.0.2.1".parse().unwrap()]),
            }],
        };
        assert_eq!(
            lines(&found)[0].row(),
            ["b.example", "mx", "10", "mx.b.example", "192.0.2.1", "-"]
        );
        let null = MailHosts {
            domain: "n.example".into(),
            plan: Plan::NullMx,
            hosts: Vec::new(),
        };
        assert_eq!(
            lines(&null)[0].row(),
            [
                "n.example",
                "null",
                "-",
                "-",
                "-",
                "5.1.10 the domain takes no mail"
            ]
        );
    }
}
