//! Who may send to whom: the answer to RCPT. An address is judged as it will be
//! delivered: the same parse, the same aliases, the same routes (R1).

use std::net::IpAddr;

use crate::config::{self, Config};
use crate::route::alias::Aliases;
use crate::route::table::Table;
use crate::route::transport::{Transport, fill_user};
use crate::smtp::addr::{Domain, ForwardPath, Mailbox};
use crate::smtp::reply::Reply;
use crate::smtp::server::Role;

/// Who is on the other side of a session.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// `None`: a local caller, who may send anywhere.
    pub address: Option<IpAddr>,
    /// Our own address on this connection: mail to it as a literal is ours.
    pub own_address: Option<IpAddr>,
    /// What the listener is for.
    pub role: Role,
}

/// The answer to RCPT.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As [`Policy::mailbox`] has it.
    Take,
    /// No such user: counted, for somebody may be guessing (R3).
    Unknown(Reply),
    Refuse(Reply),
}

/// Everything that is asked about an address.
#[derive(Debug)]
pub struct Policy {
    table: Table,
    aliases: Aliases,
    serve: config::Serve,
    /// Domain of `<Postmaster>` and of mail to our own address.
    local_domain: String,
    user_exists: fn(&str) -> bool,
}

impl Policy {
    /// `relay_from` of the configuration is empty by default: nobody relays, not
    /// even the loopback.
    pub fn new(config: &Config, aliases: Aliases) -> Policy {
        Policy {
            table: config.table(),
            aliases,
            serve: config.serve.clone(),
            local_domain: config
                .local_domains
                .first()
                .unwrap_or(&config.hostname)
                .clone(),
            // As delivery looks them up: a login name, or that in lower case.
            user_exists: |name| {
                [name, &name.to_lowercase()]
                    .into_iter()
                    .any(|name| crate::sys::user_by_name(name).is_some())
            },
        }
    }

    /// May this client send to anybody?
    pub fn may_relay(&self, client: &Client) -> bool {
        match client.address {
            None => true,
            Some(address) => self
                .serve
                .relay_from
                .iter()
                .any(|network| network.contains(address)),
        }
    }

    /// Does judging this recipient look users up, which may block?
    pub fn asks_users(&self, client: &Client, path: &ForwardPath) -> bool {
        self.table.is_local(&self.mailbox(client, path))
    }

    /// Judges one recipient (R1, R4, SV-33, SV-34). Looks users up: may block.
    pub fn rcpt(&self, client: &Client, path: &ForwardPath) -> Verdict {
        let mailbox = self.mailbox(client, path);
        let local = self.table.is_local(&mailbox);
        if !local && !self.may_relay(client) {
            let text = "not a domain of this server, and you may not relay through it";
            return Verdict::Refuse(Reply::new(550, (5, 7, 1), text));
        }
        if local && self.is_alias(&mailbox.local) {
            return Verdict::Take;
        }
        match self.table.decide(&mailbox).transport {
            Transport::Error(status, text) => Verdict::Refuse(refusal(status, text)),
            Transport::Maildir(_) | Transport::Mbox(_) if !self.is_user(&mailbox.local) => {
                Verdict::Unknown(Reply::new(550, (5, 1, 1), "no such user here"))
            }
            _ => Verdict::Take,
        }
    }

    /// The recipient as it is queued: `<Postmaster>` gets a domain; an address
    /// literal that is our own address becomes our domain (SV-23, SV-26).
    pub fn mailbox(&self, client: &Client, path: &ForwardPath) -> Mailbox {
        let ours = |local: &str| Mailbox {
            local: local.to_string(),
            domain: Domain::Name(self.local_domain.clone()),
        };
        match path {
            ForwardPath::Postmaster => ours("postmaster"),
            ForwardPath::Mailbox(m) => {
                let literal = match m.domain {
                    Domain::V4(a) => Some(IpAddr::from(a)),
                    Domain::V6(a) => Some(IpAddr::from(a).to_canonical()),
                    _ => None,
                };
                match literal {
                    Some(a) if Some(a) == client.own_address => ours(&m.local),
                    _ => m.clone(),
                }
            }
        }
    }

    /// Postmaster always is one (RFC 5321 section 4.5.1): where no alias says
    /// otherwise, delivery gives it to the configured postmaster.
    fn is_alias(&self, local: &str) -> bool {
        local.eq_ignore_ascii_case("postmaster") || self.aliases.get(local).is_some()
    }

    /// What could not be a mailbox's file name is no user, whoever is asked (R2).
    fn is_user(&self, local: &str) -> bool {
        fill_user("{user}", local).is_some()
            && match self.serve.users.is_empty() {
                true => (self.user_exists)(local),
                false => self.serve.lists_user(local),
            }
    }
}

/// The reply of a route `error:STATUS text`.
fn refusal(status: &str, text: &str) -> Reply {
    let enhanced = status
        .parse()
        .map_or((5, 7, 1), |e: crate::smtp::reply::Enhanced| (e.0, e.1, e.2));
    let code = if enhanced.0 == 4 { 450 } else { 550 };
    Reply::new(code, enhanced, text)
}

#[cfg(test)]
mod tests;
