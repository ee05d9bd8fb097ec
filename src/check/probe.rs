//! What a mail host says of itself: greeting, keywords, TLS and certificate
//! (`smtp-mx --probe`).

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Semaphore;

use super::pace::Pace;
use super::reach::{Caller, Opened, State};
use crate::net::drive::Session;
use crate::net::kept::Kept;

/// A host that serves many domains is asked once.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// One address of one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Probe {
    /// `ok`, or why there was no talk: a name of [`State`].
    pub state: &'static str,
    pub problem: Option<String>,
    pub greeting: Option<String>,
    /// Of the last EHLO, as they were written.
    pub keywords: Vec<String>,
    /// 0: any size.
    pub size: Option<u64>,
    /// STARTTLS is offered.
    pub starttls: bool,
    pub tls: Option<Tls>,
    /// STARTTLS is offered and no session came of it.
    pub tls_problem: Option<String>,
    pub milliseconds: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tls {
    pub protocol: Option<String>,
    pub cipher: Option<String>,
    /// Chain, date and name would be trusted.
    pub verified: bool,
    /// Why not.
    pub problem: Option<String>,
    pub chain: Vec<Certificate>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub names: Vec<String>,
    pub not_before: Option<String>,
    pub not_after: Option<String>,
    pub sha256: String,
}

/// Connects, listens, says QUIT.
pub async fn probe(caller: &Caller, host: &str, address: IpAddr) -> Probe {
    let began = Instant::now();
    let mut probe = match caller.open(host, address).await {
        Ok(opened) => {
            let probe = told(&opened);
            opened.session.quit().await;
            probe
        }
        Err(unreached) => Probe {
            state: unreached.state.name(),
            problem: Some(unreached.words),
            ..Probe::default()
        },
    };
    probe.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    probe
}

fn told(opened: &Opened) -> Probe {
    let session = &opened.session;
    let (greeting, hello) = session.opening();
    let tls = tls(session);
    Probe {
        state: State::Ok.name(),
        greeting: greeting.map(|reply| reply.lines.join(" ")),
        keywords: hello.map_or(Vec::new(), |r| r.lines.iter().skip(1).cloned().collect()),
        size: session.caps().size,
        starttls: tls.is_some() || opened.tls_problem.is_some() || session.caps().starttls,
        tls,
        tls_problem: opened.tls_problem.clone(),
        ..Probe::default()
    }
}

fn tls(session: &Session) -> Option<Tls> {
    let (info, examined) = session.examined()?;
    let date =
        |seconds: Option<i64>| Some(jiff::Timestamp::from_second(seconds?).ok()?.to_string());
    let chain = examined.chain.into_iter().map(|c| Certificate {
        subject: c.subject,
        issuer: c.issuer,
        names: c.names,
        not_before: date(c.not_before),
        not_after: date(c.not_after),
        sha256: c.sha256,
    });
    Some(Tls {
        protocol: info.protocol,
        cipher: info.cipher,
        verified: examined.problem.is_none(),
        chain: chain.collect(),
        problem: examined.problem,
    })
}

/// Probes many: so many at once, so many a second, each address once.
pub struct Prober {
    caller: Caller,
    at_once: Semaphore,
    pace: Mutex<Pace>,
    known: Kept<(String, IpAddr), Arc<Probe>>,
}

impl Prober {
    pub fn new(caller: Caller, at_once: usize, per_second: f64) -> Prober {
        Prober {
            caller,
            at_once: Semaphore::new(at_once),
            pace: Mutex::new(Pace::per_second(per_second)),
            known: Kept::new(),
        }
    }

    fn turn(&self) -> Option<Instant> {
        Some(self.pace.lock().ok()?.turn(Instant::now()))
    }

    pub async fn probe(&self, host: &str, address: IpAddr) -> Arc<Probe> {
        let key = (host.to_owned(), address);
        let ask = Box::pin(async {
            let _permit = self.at_once.acquire().await;
            if let Some(turn) = self.turn() {
                tokio::time::sleep_until(turn.into()).await;
            }
            (
                KNOWN_FOR,
                Arc::new(probe(&self.caller, host, address).await),
            )
        });
        self.known.get(key, Instant::now(), ask).await
    }
}
