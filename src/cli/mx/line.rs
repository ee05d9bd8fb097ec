//! The lines of `smtp-mx`: one for each host and address of a domain.

use serde::Serialize;

use crate::check::probe::{Probe, Tls};
use crate::class::Class;
use crate::cli::output::Record;
use crate::net::dns::{Addresses, Way};
use crate::net::lookup::{Host, MailHosts, is_own};
use crate::route::mx::{Plan, Trouble};

/// One address of one host; what has none has a line as well.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    pub domain: String,
    pub preference: Option<u16>,
    pub host: Option<String>,
    pub address: Option<String>,
    /// `implicit`, `null MX`, `CNAME`, `no address`, `self`, `not used`,
    /// `NXDOMAIN`, `no data`, `SERVFAIL`, `time-out`.
    pub note: Vec<&'static str>,
    /// In words, with the status a bounce would have.
    pub problem: Option<String>,
    /// Of MX and address together, with `--dnssec`.
    pub dnssec: Option<&'static str>,
    /// With `--probe`, where there is an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Box<Probe>>,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("DOMAIN", 24),
        ("PREF", 5),
        ("HOST", 28),
        ("ADDRESS", 16),
        ("NOTE", 0),
    ];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: Option<&String>| s.map_or("-".to_owned(), Clone::clone);
        let preference = self.preference.map(|p| p.to_string());
        let mut note: Vec<&str> = self.note.clone();
        note.extend(self.dnssec);
        let mut row = vec![
            self.domain.clone(),
            or_dash(preference.as_ref()),
            or_dash(self.host.as_ref()),
            or_dash(self.address.as_ref()),
            match note.is_empty() {
                true => "-".to_owned(),
                false => note.join(", "),
            },
        ];
        if let Some(probe) = &self.probe {
            row.extend(probed(probe));
        }
        row
    }
}

/// State, TLS, certificate, names and last day of it, size, keywords, greeting.
fn probed(probe: &Probe) -> [String; 8] {
    let or_dash = |s: Option<String>| s.filter(|s| !s.is_empty()).unwrap_or("-".into());
    let own = probe.tls.as_ref().and_then(|tls| tls.chain.first());
    let state = match &probe.problem {
        Some(problem) => format!("{}: {problem}", probe.state),
        None => probe.state.to_owned(),
    };
    [
        state,
        or_dash(encryption(probe)),
        or_dash(probe.tls.as_ref().map(trust)),
        or_dash(own.map(|c| c.names.join(","))),
        or_dash(own.and_then(|c| c.not_after.clone())),
        or_dash(probe.size.map(|size| size.to_string())),
        or_dash(Some(probe.keywords.join(","))),
        or_dash(probe.greeting.clone()),
    ]
}

/// A broken certificate, or a handshake that fails, is not "no STARTTLS".
fn encryption(probe: &Probe) -> Option<String> {
    match (&probe.tls, &probe.tls_problem) {
        (Some(tls), _) => {
            let parts = [tls.protocol.clone(), tls.cipher.clone()];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        (None, Some(why)) => Some(format!("STARTTLS failed: {why}")),
        (None, None) if probe.state == "ok" => Some("no STARTTLS".to_owned()),
        (None, None) => None,
    }
}

fn trust(tls: &Tls) -> String {
    match &tls.problem {
        None => "verified".to_owned(),
        Some(why) => format!("not verified: {why}"),
    }
}

/// What the lines of a domain tell, and what it does to the exit status.
pub fn lines(found: &MailHosts, own_name: &str) -> (Vec<Line>, Option<Class>) {
    let bare = |note, problem: String| Line {
        domain: found.domain.clone(),
        note: vec![note],
        problem: Some(problem),
        dnssec: found.way.dnssec.map(|state| state.name()),
        ..Line::default()
    };
    let (only, class) = match &found.plan {
        Plan::Hosts(_) | Plan::Implicit => return of_hosts(found, own_name),
        Plan::NullMx => {
            let words = "5.1.10 the domain takes no mail (null MX)".to_owned();
            (bare("null MX", words), Class::NoHost)
        }
        Plan::Permanent("5.1.2", why) => (bare("NXDOMAIN", format!("5.1.2 {why}")), Class::NoHost),
        Plan::Permanent(status, why) => (
            bare("no data", format!("{status} {why}")),
            Class::Unavailable,
        ),
        Plan::Temporary(why) => {
            let (note, class) = trouble(why);
            (bare(note, format!("4.4.3 {why}")), class)
        }
    };
    (vec![only], Some(class))
}

/// No answer and an answer that is none differ: the one is ours or the
/// network's trouble, the other the domain's.
fn trouble(why: &Trouble) -> (&'static str, Class) {
    match why {
        Trouble::Silent(_) => ("time-out", Class::Temporary),
        Trouble::Failed(_) => ("SERVFAIL", Class::Protocol),
    }
}

fn of_hosts(found: &MailHosts, own_name: &str) -> (Vec<Line>, Option<Class>) {
    let mut lines = Vec::new();
    let mut reached = false;
    let mut worst = None;
    for host in &found.hosts {
        let start = blank(found, host, own_name);
        match &host.addresses {
            None => {
                reached = true;
                lines.push(start);
            }
            Some(Addresses::Found(addresses)) => {
                reached = true;
                let of = |address: &std::net::IpAddr| {
                    let mut line = start.clone();
                    line.address = Some(address.to_string());
                    if is_own(*address) && !line.note.contains(&"self") {
                        line.note.push("self");
                    }
                    line
                };
                lines.extend(addresses.iter().map(of));
            }
            Some(Addresses::None) => {
                worst = worst.max(Some(Class::Unavailable));
                lines.push(with(start, "no address", "5.4.4 the host has no address"));
            }
            Some(Addresses::Temporary(why)) => {
                let (note, class) = trouble(why);
                worst = worst.max(Some(class));
                lines.push(with(start, note, &format!("4.4.3 {why}")));
            }
        }
    }
    if found.left_out > 0 {
        let words = format!("{} more MX records, which nobody would try", found.left_out);
        let line = Line {
            domain: found.domain.clone(),
            ..Line::default()
        };
        lines.push(with(line, "not used", &words));
    }
    (lines, worst.filter(|_| !reached))
}

fn blank(found: &MailHosts, host: &Host, own_name: &str) -> Line {
    let implicit = matches!(found.plan, Plan::Implicit);
    let mut note = Vec::new();
    if implicit {
        note.push("implicit");
    }
    if found.way.alias || host.way.alias {
        note.push("CNAME");
    }
    if host.name == own_name {
        note.push("self");
    }
    let dnssec = |way: &Way| way.dnssec;
    let states = [found.way, host.way];
    let state = states.iter().filter_map(dnssec).min();
    Line {
        domain: found.domain.clone(),
        preference: (!implicit).then_some(host.preference),
        host: Some(host.name.clone()),
        note,
        dnssec: state.map(|state| state.name()),
        ..Line::default()
    }
}

fn with(mut line: Line, note: &'static str, problem: &str) -> Line {
    line.note.push(note);
    line.problem = Some(problem.to_owned());
    line
}
