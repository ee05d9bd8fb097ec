//! The next hop of a target, and the groups of targets that share one.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::net::tls::{Demand, Files, Trust};
use crate::route::access::Access;
use crate::route::table::{Decision, Table};
use crate::route::transport::{TlsPolicy, Transport};
use crate::route::{Destination, domain_key};
use crate::smtp::addr::{Domain, Mailbox};

/// Where a target goes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Hop {
    Remote(Remote),
    Local(Local),
    Discard,
    /// Status and words.
    Error(String, String),
    Hold,
}

/// A server, or the servers of a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    pub place: Place,
    pub tls: TlsPolicy,
    pub access: Arc<Access>,
    /// The transport as it is written in routes.
    pub route: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The MX hosts of a domain (A-labels, lower case).
    Mx(String),
    /// The address literal of a recipient.
    Literal(IpAddr),
    /// A host that the administrator named.
    Host {
        name: String,
        port: u16,
        implicit_tls: bool,
        lmtp: bool,
    },
    /// An LMTP server's socket on this host.
    Socket(PathBuf),
}

/// A mailbox of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    pub kind: LocalKind,
    pub route: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LocalKind {
    /// A user's mailbox or program, as the transport has it.
    User {
        transport: Transport,
        address: Mailbox,
    },
    /// A file or, with a slash at its end, a Maildir of an alias.
    File(String),
    /// A program of an alias.
    Program(String),
}

impl Remote {
    /// Streams of whole transactions are for servers that the administrator named.
    pub fn may_stream(&self) -> bool {
        matches!(self.place, Place::Host { lmtp: false, .. })
    }

    /// LMTP is spoken there.
    pub fn is_lmtp(&self) -> bool {
        matches!(
            self.place,
            Place::Host { lmtp: true, .. } | Place::Socket(_)
        )
    }

    /// Whom to take for the next hop, and what to show it.
    pub fn demand(&self) -> Demand {
        let access = &self.access;
        Demand {
            trust: match self.tls {
                TlsPolicy::None | TlsPolicy::Opportunistic => Trust::Anybody,
                TlsPolicy::Required => Trust::Verified,
                TlsPolicy::Pinned => {
                    Trust::Pinned(access.fingerprints.iter().map(|pin| pin.0).collect())
                }
            },
            files: Files {
                ca_file: access.ca_file.clone(),
                certificate: access.client_certificate.clone(),
                key: access.client_key.clone(),
            },
        }
    }

    /// Equal for targets that one connection can carry.
    pub fn key(&self) -> String {
        let tls = match (self.tls, *self.access == Access::default()) {
            (tls, true) => tls.to_string(),
            (tls, false) => format!("{tls} {:?}", self.access),
        };
        match &self.place {
            Place::Mx(domain) => format!("mx:{domain} {tls}"),
            Place::Literal(address) => format!("[{address}] {tls}"),
            Place::Host { .. } | Place::Socket(_) => format!("{} {tls}", self.route),
        }
    }
}

/// Decides for one target; `Err` is status and words of a permanent failure.
pub fn next(table: &Table, to: &str) -> Result<(Hop, String), (&'static str, String)> {
    let destination: Destination = to.parse().map_err(|e| ("5.1.3", format!("{to}: {e}")))?;
    let mailbox = match destination {
        Destination::Mailbox(mailbox) => mailbox,
        Destination::File(path) => return Ok(from_alias(LocalKind::File(path))),
        Destination::Pipe(line) => return Ok(from_alias(LocalKind::Program(line))),
    };
    let decision = table.decide(&mailbox);
    let because = decision.because.clone();
    Ok((by_transport(&decision, &mailbox)?, because))
}

fn from_alias(kind: LocalKind) -> (Hop, String) {
    let route = "alias".to_string();
    (Hop::Local(Local { kind, route }), "alias".to_string())
}

fn by_transport(decision: &Decision<'_>, mailbox: &Mailbox) -> Result<Hop, (&'static str, String)> {
    let place = match decision.transport {
        Transport::Mx => mx_place(&mailbox.domain)?,
        Transport::Smtp {
            host,
            port,
            implicit_tls,
        } => Place::Host {
            name: host.clone(),
            port: *port,
            implicit_tls: *implicit_tls,
            lmtp: false,
        },
        Transport::Lmtp { host, port } => Place::Host {
            name: host.clone(),
            port: *port,
            implicit_tls: false,
            lmtp: true,
        },
        Transport::LmtpSocket(path) => Place::Socket(path.into()),
        Transport::Maildir(_) | Transport::Mbox(_) | Transport::Pipe(_) => {
            return Ok(Hop::Local(Local {
                kind: LocalKind::User {
                    transport: decision.transport.clone(),
                    address: mailbox.clone(),
                },
                route: decision.transport.to_string(),
            }));
        }
        Transport::Discard => return Ok(Hop::Discard),
        Transport::Error(status, words) => return Ok(Hop::Error(status.clone(), words.clone())),
        Transport::Hold => return Ok(Hop::Hold),
    };
    Ok(Hop::Remote(Remote {
        place,
        tls: decision.tls,
        access: decision.access.clone(),
        route: decision.transport.to_string(),
    }))
}

/// MX-09: a literal is the address itself, no question is asked.
fn mx_place(domain: &Domain) -> Result<Place, (&'static str, String)> {
    match domain {
        Domain::V4(a) => Ok(Place::Literal(IpAddr::V4(*a))),
        Domain::V6(a) => Ok(Place::Literal(IpAddr::V6(*a))),
        Domain::General(_) => Err((
            "5.1.2",
            format!("{domain}: no such kind of address literal is known here"),
        )),
        Domain::Name(_) => domain_key(domain)
            .map(Place::Mx)
            .map_err(|e| ("5.1.2", format!("{domain}: {e}"))),
    }
}
