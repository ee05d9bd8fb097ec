//! Connecting to a mail host only to ask: which addresses may be asked, and why
//! one cannot be reached. A blocked port is not a host that is down.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::net::conn::{Address, Reach, reach};
use crate::net::drive::{OpenError, Peer, Session};
use crate::net::tls::{Connector, Demand, Files, Trust};
use crate::route::network::{Network, is_public};
use crate::smtp::client::{Failure, Settings, Stage, Talk, Timeouts, TlsWish};

/// Ports that tell whether a host is there when its mail port is silent:
/// submission and the web. An answer of any kind will do.
const OTHER_PORTS: [u16; 3] = [587, 443, 80];

/// Longest wait for such an answer.
const OTHER_PORTS_LIMIT: Duration = Duration::from_secs(5);

/// How to connect.
pub struct Caller {
    hello: String,
    port: u16,
    connect_timeout: Duration,
    timeouts: Timeouts,
    allow: Vec<Network>,
    connector: Connector,
    demand: Demand,
}

/// A session past its EHLO.
pub struct Opened {
    pub session: Session,
    /// STARTTLS was offered and went wrong: the session is in clear.
    pub tls_problem: Option<String>,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreached {
    pub state: State,
    pub words: String,
    /// What the server said or did, where it came to that.
    pub failure: Option<Failure>,
}

/// What became of the attempt to talk to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// The address is not one that strangers' mail may lead to (D2).
    NotPublic,
    /// The host is there, and nothing listens.
    Refused,
    /// The host, or the way to it, lets this port not through.
    Blocked,
    NoRoute,
    /// Nothing of the host answers: it is down, or all is filtered.
    NoAnswer,
    /// It refused us at the greeting or at EHLO.
    Rejected,
    /// Connected, and then nothing came in time.
    TimedOut,
    /// What it said is no SMTP, or it closed.
    Broken,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::NotPublic => "not public",
            State::Refused => "refused",
            State::Blocked => "blocked",
            State::NoRoute => "no route",
            State::NoAnswer => "no answer",
            State::Rejected => "rejected",
            State::TimedOut => "time-out",
            State::Broken => "broken",
        }
    }
}

impl Caller {
    /// As deliveries connect, by the configuration; `timeout` limits the
    /// connection and each reply.
    pub fn new(config: &Config, port: u16, timeout: Duration, trust: Trust) -> Caller {
        let ca_file: Option<PathBuf> = config.tls.ca_file.clone();
        Caller {
            hello: config.hostname.clone(),
            port,
            connect_timeout: timeout,
            timeouts: Timeouts {
                greeting: timeout,
                command: timeout,
                ..Timeouts::default()
            },
            allow: config.delivery.allow_networks.clone(),
            connector: Connector::new(ca_file),
            demand: Demand {
                trust,
                files: Files::default(),
            },
        }
    }

    pub fn hello(&self) -> &str {
        &self.hello
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same guard that deliveries have (D2).
    pub fn may_reach(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|net| net.contains(address))
    }

    /// Connects and says EHLO, with TLS where it is offered. Where TLS fails the
    /// host is asked again in clear, as a delivery would.
    pub async fn open(&self, host: &str, address: IpAddr) -> Result<Opened, Unreached> {
        if !self.may_reach(address) {
            let words = format!(
                "{address} is not public; delivery.allow_networks would allow to connect there"
            );
            return Err(Unreached {
                state: State::NotPublic,
                words,
                failure: None,
            });
        }
        let address = SocketAddr::new(address, self.port);
        let (error, tls_problem) = match self.session(host, address, TlsWish::IfOffered).await {
            Ok(session) => {
                return Ok(Opened {
                    session,
                    tls_problem: None,
                });
            }
            Err(OpenError::Failed(failure)) => (failure, None),
            Err(OpenError::Tls(why)) => match self.session(host, address, TlsWish::No).await {
                Ok(session) => {
                    return Ok(Opened {
                        session,
                        tls_problem: Some(why),
                    });
                }
                Err(OpenError::Failed(failure)) => (failure, Some(why)),
                Err(OpenError::Tls(words)) => {
                    return Err(Unreached {
                        state: State::Broken,
                        words,
                        failure: None,
                    });
                }
            },
        };
        let mut unreached = match error.stage {
            Stage::Connect => self.why_not(address, error).await,
            _ => refused(error),
        };
        if let Some(why) = tls_problem {
            unreached.words = format!("{}; before that: {why}", unreached.words);
        }
        Err(unreached)
    }

    async fn session(
        &self,
        host: &str,
        address: SocketAddr,
        tls: TlsWish,
    ) -> Result<Session, OpenError> {
        let address = Address::Tcp(address);
        let peer = Peer {
            address: &address,
            host,
            implicit_tls: false,
            demand: &self.demand,
            connect_timeout: self.connect_timeout,
        };
        let settings = Settings {
            hello: self.hello.clone(),
            tls,
            pipelining: true,
            chunking: false,
            timeouts: self.timeouts,
            talk: Talk::default(),
            auth: None,
            lmtp: false,
        };
        // A session's state is some kilobytes large, and futures are moved about.
        Box::pin(Session::open(&peer, settings, &self.connector)).await
    }

    /// The port gave no connection: asks it again, and other ports of the host.
    async fn why_not(&self, address: SocketAddr, failure: Failure) -> Unreached {
        let limit = OTHER_PORTS_LIMIT.min(self.connect_timeout);
        let others = OTHER_PORTS.map(|port| reach(SocketAddr::new(address.ip(), port), limit));
        let (same, others) = tokio::join!(
            reach(address, limit),
            crate::net::lookup::join_all(others.into())
        );
        let there = others
            .iter()
            .any(|r| matches!(r, Reach::Open | Reach::Refused));
        let (state, hint) = diagnosis(same, there);
        let words = match hint {
            "" => failure.text.clone(),
            hint => format!("{}; {hint}", failure.text),
        };
        Unreached {
            state,
            words,
            failure: Some(failure),
        }
    }
}

/// What a port's silence means, with what other ports of the host said.
fn diagnosis(port: Reach, host_is_there: bool) -> (State, &'static str) {
    match (port, host_is_there) {
        (Reach::Refused, _) => (State::Refused, ""),
        (Reach::Forbidden, _) => (
            State::Blocked,
            "this system's own packet filter does not let it out",
        ),
        (Reach::NoAnswer | Reach::NoRoute, true) => (
            State::Blocked,
            "other ports of the host answer: this one is blocked on the way or there",
        ),
        (Reach::NoRoute, false) => (State::NoRoute, ""),
        (Reach::NoAnswer, false) => (
            State::NoAnswer,
            "no other port answers either: the host is down, or all of it is filtered",
        ),
        (Reach::Open, _) => (State::TimedOut, "a second attempt connected"),
    }
}

/// Connected, and no session came of it.
fn refused(failure: Failure) -> Unreached {
    let (state, words) = match &failure.reply {
        Some(reply) => (State::Rejected, reply.to_string()),
        None if failure.text.contains("timed out") => (State::TimedOut, failure.text.clone()),
        None => (State::Broken, failure.text.clone()),
    };
    Unreached {
        state,
        words,
        failure: Some(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_port_is_not_a_host_that_is_down() {
        for (port, there, state) in [
            (Reach::Refused, false, State::Refused),
            (Reach::Forbidden, false, State::Blocked),
            (Reach::NoAnswer, true, State::Blocked),
            (Reach::NoRoute, true, State::Blocked),
            (Reach::NoRoute, false, State::NoRoute),
            (Reach::NoAnswer, false, State::NoAnswer),
        ] {
            assert_eq!(diagnosis(port, there).0, state, "{port:?} {there}");
        }
    }
}
