//! `smtp-mx --self`: how this host looks to those it sends mail to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

use crate::check::selfcheck::{Names, Source, examine, source, sources};
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop, TOOL_MX as TOOL, Worst};
use crate::config::Config;
use crate::net::conn::{Reach, reach};
use crate::net::dns::{Addresses, Resolver};

/// One finding.
#[derive(Debug, PartialEq, Serialize)]
struct Finding {
    /// `ehlo`, `address`, `ptr`, `port`.
    check: &'static str,
    what: String,
    /// `ok`, `bad`, `unknown`.
    result: &'static str,
    why: String,
}

impl Record for Finding {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] =
        &[("CHECK", 8), ("WHAT", 40), ("RESULT", 8), ("WHY", 0)];

    fn row(&self) -> Vec<String> {
        vec![
            self.check.into(),
            self.what.clone(),
            self.result.into(),
            self.why.clone(),
        ]
    }
}

fn finding(check: &'static str, what: &str, result: &'static str, why: &str) -> Finding {
    Finding {
        check,
        what: what.to_owned(),
        result,
        why: why.to_owned(),
    }
}

/// Findings about the addresses that mail comes from, the name that EHLO gives,
/// and the way out to `test`.
pub async fn own(
    config: &Config,
    resolver: &Resolver,
    test: Option<&str>,
    limit: Duration,
    json: bool,
) -> Done {
    let mut found = Vec::new();
    let test = match test {
        Some(text) => Some((text, target(resolver, text).await?)),
        None => None,
    };
    let used: Vec<IpAddr> = match test {
        Some((_, far)) => source(far).into_iter().collect(),
        None => sources(),
    };
    found.push(hello(config, resolver, &used).await);
    if used.is_empty() {
        found.push(finding(
            "address",
            "-",
            "bad",
            "there is no way to anywhere",
        ));
    }
    for address in used {
        found.extend(of_source(
            &examine(resolver, address).await,
            &config.hostname,
        ));
    }
    if let Some((text, far)) = test {
        found.push(way_out(text, far, reach(far, limit).await));
    }
    tell(&found, json)
}

fn tell(found: &[Finding], json: bool) -> Done {
    let mut out = Out::stdout(json);
    let mut worst = Worst::new(TOOL);
    for finding in found {
        out.record(finding)?;
        let class = match finding.result {
            "bad" => Class::Unavailable,
            "unknown" => Class::Temporary,
            _ => continue,
        };
        worst.take(finding.check, Err(Stop::Status(class)))?;
    }
    out.flush()?;
    worst.end()
}

/// `host`, `address`, either with a port; 25 without.
async fn target(resolver: &Resolver, text: &str) -> Result<SocketAddr, Stop> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(SocketAddr::new(address, 25));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let wrong = |_| Stop::usage(format!("--test-host {text}: the port is no number"));
            (host, port.parse().map_err(wrong)?)
        }
        None => (text, 25),
    };
    match resolver.addresses(host).await {
        Addresses::Found(list) => list
            .first()
            .map(|address| SocketAddr::new(*address, port))
            .ok_or_else(|| Stop::new(Class::NoHost, format!("{host} has no address"))),
        Addresses::None => Err(Stop::new(Class::NoHost, format!("{host} has no address"))),
        Addresses::Temporary(why) => Err(Stop::new(Class::Temporary, why.to_string())),
    }
}

async fn hello(config: &Config, resolver: &Resolver, used: &[IpAddr]) -> Finding {
    let name = &config.hostname;
    let told = |result, why: &str| finding("ehlo", name, result, why);
    if !name.contains('.') || name.ends_with(".localdomain") {
        return told("bad", "not a full name: set hostname");
    }
    match resolver.addresses(name).await {
        Addresses::Found(list) if used.iter().any(|a| list.contains(a)) => {
            told("ok", "leads to an address in use")
        }
        Addresses::Found(_) => told("bad", "leads to another address than those in use"),
        Addresses::None => told("bad", "has no address in the DNS"),
        Addresses::Temporary(why) => told("unknown", &why.to_string()),
    }
}

fn of_source(source: &Source, own_name: &str) -> Vec<Finding> {
    let address = source.address.to_string();
    let here = finding("address", &address, "ok", "mail goes out from it");
    let reverse = match &source.names {
        Names::Unknown(why) => finding("ptr", &address, "unknown", why),
        Names::None => finding(
            "ptr",
            &address,
            "bad",
            "it has no PTR; many hosts refuse such mail",
        ),
        Names::Pointer(name, false) => {
            let why = format!("{name} does not lead back to it");
            finding("ptr", &address, "bad", &why)
        }
        Names::Pointer(name, true) if name == own_name => finding(
            "ptr",
            &address,
            "ok",
            &format!("{name}, forward-confirmed, as in EHLO"),
        ),
        Names::Pointer(name, true) => {
            let why = format!("{name}, forward-confirmed; EHLO says {own_name}");
            finding("ptr", &address, "ok", &why)
        }
    };
    vec![here, reverse]
}

fn way_out(text: &str, far: SocketAddr, answer: Reach) -> Finding {
    let (result, why) = match answer {
        Reach::Open => ("ok", "connected"),
        Reach::Refused => ("unknown", "the test host refuses connections there"),
        Reach::Forbidden => ("bad", "this system's own packet filter does not let it out"),
        Reach::NoAnswer => (
            "bad",
            "no answer: blocked on the way, or the test host is down",
        ),
        Reach::NoRoute => ("bad", "there is no way to the test host"),
    };
    finding("port", &format!("{text} {far}"), result, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reverse_name_counts_only_where_it_leads_back() {
        let address = "192.0.2.1".parse().unwrap();
        let told = |names| {
            let source = Source { address, names };
            of_source(&source, "mx.example.org")[1].result
        };
        assert_eq!(told(Names::Pointer("mx.example.org".into(), true)), "ok");
        assert_eq!(told(Names::Pointer("mx.example.org".into(), false)), "bad");
        assert_eq!(told(Names::None), "bad");
        assert_eq!(told(Names::Unknown("SERVFAIL".into())), "unknown");
    }
}
