//! `smtp-mx`: how domains take mail.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::lines::{Item, items};
use super::output::Out;
use super::{Done, Stop, Worst};
use crate::check::probe::{Probe, Prober};
use crate::check::reach::Caller;
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::dns::{Addresses, Resolver};
use crate::net::lookup::{self, Event, LookupError, MailHosts, Order, WINDOW};
use crate::net::tls::Trust;
use crate::route::domain_key;
use crate::smtp::addr::Domain;

mod explain;
mod line;
mod own;

pub use super::TOOL_MX as TOOL;

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
    /// Connect to each host: what it offers, its TLS and certificate
    #[arg(long)]
    probe: bool,
    /// What a delivery of ours to these addresses would do, step by step
    #[arg(long, conflicts_with_all = ["probe", "own", "mx_only", "dnssec"], requires = "domains")]
    explain: bool,
    /// How this host looks to others: addresses, PTR, EHLO name
    #[arg(long = "self", conflicts_with_all = ["probe", "domains"])]
    own: bool,
    /// With --self: a host to try port 25 of
    #[arg(long, value_name = "HOST[:PORT]", requires = "own")]
    test_host: Option<String>,
    /// Port of the mail hosts, for --probe
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Connections at once, for --probe
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = super::at_least_one)]
    connections: usize,
    /// New connections a second, for --probe; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = super::rate)]
    rate: f64,
    /// Wait for a connection and for each reply, for --probe and --test-host
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = super::time)]
    smtp_timeout: Duration,
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
    if cli.domains.is_empty() && !cli.own && std::io::stdin().is_terminal() {
        return Err(Stop::usage("<DOMAIN> is missing; see --help"));
    }
    let config = cli.config()?;
    if cli.explain {
        return explain::explain(&config, &cli.domains, cli.json);
    }
    let runtime = lookup::runtime().map_err(LookupError::Runtime)?;
    let done = runtime.block_on(async {
        let resolver = cli.resolver(&config)?;
        match cli.own {
            true => {
                let test = cli.test_host.as_deref();
                own::own(&config, &resolver, test, cli.smtp_timeout, cli.json).await
            }
            false => list(&cli, &config, resolver).await,
        }
    });
    // A reader of standard input may still wait; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// What is known of a domain, and of each address of its hosts in their order.
type Found = (MailHosts, Vec<Arc<Probe>>);

/// Each domain in its turn.
async fn list(cli: &Cli, config: &Config, resolver: Resolver) -> Done {
    let prober = cli.probe.then(|| {
        let port = cli.port.unwrap_or(config.delivery.port);
        let caller = Caller::new(config, port, cli.smtp_timeout, Trust::Examined);
        Arc::new(Prober::new(caller, cli.connections, cli.rate))
    });
    let mut out = Out::stdout(cli.json);
    let mut worst = Worst::new(TOOL);
    let mut ended = Ok(());
    let addresses = !cli.mx_only;
    let work = |item: Item| {
        let (resolver, prober) = (resolver.clone(), prober.clone());
        async move {
            let place = format!("{} {}", item.what, item.number);
            let found = match key(item) {
                Ok(domain) => Ok(find(&resolver, prober.as_deref(), domain, addresses).await),
                Err(stop) => Err(stop),
            };
            (place, found)
        }
    };
    let mut each = |event: Event<(String, Result<Found, Stop>)>| {
        ended = match event {
            Event::Found((_, Ok(found))) => print(&mut out, &found, config, &mut worst),
            Event::Found((place, Err(stop))) => worst.take(&place, Err(stop)),
            Event::Idle => out.flush(),
        };
        ended.is_ok()
    };
    let items = items(cli.domains.clone());
    lookup::each(items, Order::Input, WINDOW, work, &mut each).await;
    ended?;
    out.flush()?;
    worst.end()
}

async fn find(
    resolver: &Resolver,
    prober: Option<&Prober>,
    domain: String,
    addresses: bool,
) -> Found {
    let hosts = lookup::one(resolver, domain, addresses).await;
    let Some(prober) = prober else {
        return (hosts, Vec::new());
    };
    let addresses = |host: &lookup::Host| match &host.addresses {
        Some(Addresses::Found(list)) => list.clone(),
        _ => Vec::new(),
    };
    let probes = hosts.hosts.iter().flat_map(|host| {
        let of = |address| prober.probe(&host.name, address);
        addresses(host).into_iter().map(of).collect::<Vec<_>>()
    });
    let probes = lookup::join_all(probes.collect()).await;
    (hosts, probes)
}

/// A domain as it is looked up.
fn key(item: Item) -> Result<String, Stop> {
    let text = item.text.map_err(|why| Stop::new(Class::Data, why))?;
    // Of a line only the first column counts, so that a list feeds what reads it.
    let word = match item.what {
        "line" => text.split_whitespace().next().unwrap_or_default(),
        _ => text.as_str(),
    };
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

fn print(out: &mut Out, (found, probes): &Found, config: &Config, worst: &mut Worst<'_>) -> Done {
    let (mut lines, class) = line::lines(found, &config.hostname);
    let reached = lines.iter_mut().filter(|line| line.address.is_some());
    for (line, probe) in reached.zip(probes) {
        line.probe = Some(Box::new(probe.as_ref().clone()));
    }
    for line in &lines {
        out.record(line)?;
    }
    let talked = probes.is_empty() || probes.iter().any(|probe| probe.state == "ok");
    let class = class.or((!talked).then_some(Class::Temporary));
    match class {
        Some(class) => worst.take(&found.domain, Err(Stop::Status(class))),
        None => Ok(()),
    }
}
