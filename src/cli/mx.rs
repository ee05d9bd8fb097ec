//! `smtp-mx`: how domains take mail.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::lines::{Item, items};
use super::output::Out;
use super::{Done, Stop, Worst};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::dns::Resolver;
use crate::net::lookup::{self, Event, LookupError, MailHosts};
use crate::route::domain_key;
use crate::smtp::addr::Domain;

mod line;

pub const TOOL: &str = "smtp-mx";

/// Tell how domains take mail: MX hosts in order, their addresses, null MX.
#[derive(clap::Parser)]
#[command(name = TOOL, version, max_term_width = 100)]
pub struct Cli {
    /// Domains, or addresses whose domain counts; none or -: lines of standard input
    #[arg(value_name = "DOMAIN")]
    domains: Vec<String>,
    /// MX only, no addresses of the hosts
    #[arg(long)]
    mx_only: bool,
    /// Name server to ask instead of the system's; may be repeated
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = super::server)]
    resolver: Vec<SocketAddr>,
    /// Validate by DNSSEC and show the state
    #[arg(long)]
    dnssec: bool,
    /// DNSKEY records to trust instead of the root's
    #[arg(long, value_name = "FILE", requires = "dnssec")]
    trust_anchor: Option<PathBuf>,
    /// Longest wait for one answer
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    timeout: Option<Duration>,
    /// How many such waits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=10))]
    attempts: Option<u8>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Configuration file instead of the usual ones
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Cli {
    fn config(&self) -> Result<Config, Stop> {
        let mut config = Config::load(&Overrides {
            config: self.config.clone(),
            ..Overrides::default()
        })?;
        if !self.resolver.is_empty() {
            config.dns.servers.clone_from(&self.resolver);
        }
        config.dns.timeout = self.timeout.unwrap_or(config.dns.timeout);
        config.dns.attempts = self.attempts.map_or(config.dns.attempts, usize::from);
        Ok(config)
    }

    fn resolver(&self, config: &Config) -> Result<Resolver, Stop> {
        Ok(match self.dnssec {
            true => Resolver::validating(&config.dns, self.trust_anchor.as_deref())?,
            false => Resolver::bulk(&config.dns)?,
        })
    }
}

/// The program's body.
pub fn main(args: Vec<OsString>) -> Done {
    let cli: Cli = super::parse(TOOL, args)?;
    if cli.domains.is_empty() && std::io::stdin().is_terminal() {
        return Err(Stop::usage("<DOMAIN> is missing; see --help"));
    }
    let config = cli.config()?;
    let runtime = lookup::runtime().map_err(LookupError::Runtime)?;
    runtime.block_on(list(&cli, &config))
}

/// Each domain in its turn.
async fn list(cli: &Cli, config: &Config) -> Done {
    let resolver = cli.resolver(config)?;
    let mut out = Out::stdout(cli.json);
    let mut worst = Worst::new(TOOL);
    let mut ended = Ok(());
    let addresses = !cli.mx_only;
    let work = |item: Item| {
        let resolver = resolver.clone();
        async move {
            let number = item.number;
            let found = match key(item) {
                Ok(domain) => Ok(lookup::one(&resolver, domain, addresses).await),
                Err(stop) => Err(stop),
            };
            (number, found)
        }
    };
    let mut each = |event| {
        ended = match event {
            Event::Found((_, Ok(found))) => print(&mut out, &found, config, &mut worst),
            Event::Found((number, Err(stop))) => worst.take(&format!("line {number}"), Err(stop)),
            Event::Idle => out.flush(),
        };
        ended.is_ok()
    };
    lookup::in_order(items(cli.domains.clone()), work, &mut each).await;
    ended?;
    out.flush()?;
    worst.end()
}

/// A domain as it is looked up.
fn key(item: Item) -> Result<String, Stop> {
    let text = item.text.map_err(|why| Stop::new(Class::Data, why))?;
    let word = text.split_whitespace().next().unwrap_or_default();
    let about = |stop: Stop| stop.about(&format!("\"{word}\""));
    let name = word.rsplit_once('@').map_or(word, |(_, domain)| domain);
    match Domain::parse(name).map_err(|e| about(e.into()))? {
        domain @ Domain::Name(_) => domain_key(&domain).map_err(|e| about(e.into())),
        _ => Err(about(Stop::new(
            Class::Data,
            "an address literal has no MX: mail goes to that address",
        ))),
    }
}

fn print(out: &mut Out, found: &MailHosts, config: &Config, worst: &mut Worst<'_>) -> Done {
    let (lines, class) = line::lines(found, &config.hostname);
    for line in &lines {
        out.record(line)?;
    }
    match class {
        Some(class) => worst.take(&found.domain, Err(Stop::Status(class))),
        None => Ok(()),
    }
}
