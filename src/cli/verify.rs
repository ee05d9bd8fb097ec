//! `smtp-verify`: is this address good? Syntax and DNS; nobody's mail server is
//! asked.

use std::cell::RefCell;
use std::collections::VecDeque;
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
use crate::smtp::addr::{Domain, Mailbox};

pub const TOOL: &str = "smtp-verify";

/// Tell whether addresses are good, by syntax and DNS.
#[derive(clap::Parser)]
#[command(name = TOOL, version, max_term_width = 100)]
pub struct Cli {
    /// Addresses; - reads them from standard input, one a line
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Only the syntax, no DNS
    #[arg(long)]
    syntax: bool,
    /// One JSON object an address
    #[arg(long)]
    json: bool,
    /// Configuration file instead of the usual ones
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What was found about one address.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    address: String,
    /// `ok`, `bad` (never deliverable) or `unknown` (DNS gave no answer).
    verdict: &'static str,
    /// How far it was looked at: `syntax` or `dns`.
    level: &'static str,
    reason: String,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] =
        &[("ADDRESS", 32), ("VERDICT", 7), ("LEVEL", 6), ("REASON", 0)];

    fn row(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            self.verdict.into(),
            self.level.into(),
            self.reason.clone(),
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
    // Answers come in the order of the questions; what syntax has settled waits
    // in line with them.
    let line = RefCell::new(VecDeque::new());
    let domains = words(&cli.addresses).filter_map(|word| {
        let (pending, domain) = first_look(word, cli.syntax);
        line.borrow_mut().push_back(pending);
        domain
    });
    let mut ended = Ok(());
    lookup::mail_hosts(&config.dns, domains, &mut |found| {
        ended = settle(&mut line.borrow_mut(), Some(&found), &mut out, &mut worst);
        ended.is_ok()
    })?;
    ended?;
    settle(&mut line.borrow_mut(), None, &mut out, &mut worst)?;
    out.flush()?;
    worst.end()
}

type Finding = (Line, Option<Class>);

/// An address in the line of answers.
enum Pending {
    Judged(Finding),
    /// Its domain is being looked up.
    Asked(String),
    Unreadable(Stop),
}

/// Syntax; with the domain to look up where that is to be done.
fn first_look(word: Result<String, Stop>, syntax_only: bool) -> (Pending, Option<String>) {
    let word = match word {
        Ok(word) => word,
        Err(stop) => return (Pending::Unreadable(stop), None),
    };
    let judged = |verdict, reason: String, class| {
        let line = Line {
            address: word.clone(),
            verdict,
            level: "syntax",
            reason,
        };
        (Pending::Judged((line, class)), None)
    };
    let mailbox = match Mailbox::parse(&word) {
        Ok(mailbox) => mailbox,
        Err(error) => return judged("bad", error.to_string(), Some(Class::Data)),
    };
    if syntax_only || !matches!(mailbox.domain, Domain::Name(_)) {
        return judged("ok", "well formed".into(), None);
    }
    match domain_key(&mailbox.domain) {
        Ok(domain) => (Pending::Asked(word), Some(domain)),
        Err(error) => judged("bad", error.to_string(), Some(Class::Data)),
    }
}

/// Prints what is settled, up to the address that `found` answers.
fn settle(
    line: &mut VecDeque<Pending>,
    mut found: Option<&MailHosts>,
    out: &mut Out,
    worst: &mut Worst<'_>,
) -> Done {
    while let Some(pending) = line.pop_front() {
        let (finding, class) = match pending {
            Pending::Judged(finding) => finding,
            Pending::Unreadable(stop) => {
                worst.take("-", Err(stop))?;
                continue;
            }
            Pending::Asked(address) => match found.take() {
                Some(found) => {
                    let (verdict, reason, class) = judge(found);
                    let level = "dns";
                    (
                        Line {
                            address,
                            verdict,
                            level,
                            reason,
                        },
                        class,
                    )
                }
                None => {
                    line.push_front(Pending::Asked(address));
                    return Ok(());
                }
            },
        };
        out.record(&finding)?;
        if let Some(class) = class {
            let stop = match class {
                Class::Temporary => {
                    Stop::new(class, format!("{}; try again later", finding.reason))
                }
                _ => Stop::Status(class),
            };
            worst.take(&finding.address, Err(stop))?;
        }
    }
    Ok(())
}

/// What the domain's names say about any address in it.
fn judge(found: &MailHosts) -> (&'static str, String, Option<Class>) {
    let words = match &found.plan {
        Plan::NullMx => {
            return (
                "bad",
                "5.1.10 the domain takes no mail (null MX)".into(),
                Some(Class::NoHost),
            );
        }
        Plan::Permanent(status, why) => {
            return ("bad", format!("{status} {why}"), Some(Class::NoHost));
        }
        Plan::Temporary(why) => {
            return ("unknown", format!("4.4.3 {why}"), Some(Class::Temporary));
        }
        Plan::Hosts(_) => "mail goes to",
        Plan::Implicit => "no MX, mail goes to the domain's own address,",
    };
    let usable = found
        .hosts
        .iter()
        .find(|h| matches!(h.addresses, Addresses::Found(_)));
    match usable {
        Some(host) => ("ok", format!("{words} {}", host.name), None),
        None if found
            .hosts
            .iter()
            .any(|h| matches!(h.addresses, Addresses::Temporary(_))) =>
        {
            (
                "unknown",
                "4.4.3 the addresses of its mail hosts cannot be found now".into(),
                Some(Class::Temporary),
            )
        }
        None => (
            "bad",
            "5.4.4 none of its mail hosts has an address".into(),
            Some(Class::NoHost),
        ),
    }
}
