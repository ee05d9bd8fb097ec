//! Who may send to whom: the answers to RCPT, VRFY and EXPN. An address is judged
//! as it will be delivered: the same parse, the same book, the same routes (R1).

use std::net::IpAddr;
use std::sync::Arc;

use super::verify;
use crate::config::{Book, BookFiles, Config, System};
use crate::log;
use crate::route::people::{Host, Standing, Trouble};
use crate::route::transport::Transport;
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
    /// The same, in these words (251).
    TakeWith(Reply),
    /// No such user: counted, for somebody may be guessing (R3).
    Unknown(Reply),
    Refuse(Reply),
}

/// Everything that is asked about an address.
pub struct Policy {
    config: Config,
    book: BookFiles,
    host: Box<dyn Host + Send + Sync>,
    /// Domain of `<Postmaster>` and of mail to our own address.
    local_domain: String,
}

impl Policy {
    /// `relay_from` of the configuration is empty by default: nobody relays, not
    /// even the loopback. The files are read now and again when they change.
    pub fn new(config: &Config) -> Policy {
        let policy = Policy {
            local_domain: config
                .local_domains
                .first()
                .unwrap_or(&config.hostname)
                .clone(),
            config: config.clone(),
            book: BookFiles::default(),
            host: Box::new(System),
        };
        policy.book();
        policy
    }

    fn book(&self) -> Arc<Book> {
        self.book
            .get(&self.config, |error| log::config_error(error))
    }

    /// May this client send to anybody? LMTP is for mailboxes of this host.
    pub fn may_relay(&self, client: &Client) -> bool {
        match client.address {
            _ if client.role == Role::Lmtp => false,
            None => true,
            Some(address) => {
                let networks = &self.config.serve.relay_from;
                networks.iter().any(|network| network.contains(address))
            }
        }
    }

    /// Does judging this recipient look users up, which may block?
    pub fn asks_users(&self, client: &Client, path: &ForwardPath) -> bool {
        self.book().is_ours(&self.mailbox(client, path))
    }

    /// Judges one recipient (R1, R4, SV-33, SV-34). Looks users up: may block.
    pub fn rcpt(&self, client: &Client, path: &ForwardPath) -> Verdict {
        let mailbox = self.mailbox(client, path);
        let book = self.book();
        match book.standing(&mailbox, &*self.host, &|_| false) {
            Ok(standing) => self.judge(client, &book, &mailbox, standing),
            Err(trouble) => Verdict::Refuse(not_now(&trouble)),
        }
    }

    fn judge(
        &self,
        client: &Client,
        book: &Book,
        mailbox: &Mailbox,
        standing: Standing<'_>,
    ) -> Verdict {
        let text = match standing {
            Standing::Foreign if !self.may_relay(client) => {
                let text = "not a domain of this server, and you may not relay through it";
                return Verdict::Refuse(Reply::new(550, (5, 7, 1), text));
            }
            Standing::Backup(false) if !self.may_relay(client) => {
                "no such user in that domain, as far as this server knows"
            }
            Standing::Unknown => "no such user here",
            Standing::Moved(new) => {
                let text = format!("User not local; please try <{new}>");
                return Verdict::Unknown(Reply::new(551, (5, 1, 6), text));
            }
            Standing::Leads(lead) => {
                let new = lead.targets.first().filter(|_| lead.is_moved);
                return new.map_or(Verdict::Take, |new| {
                    let text = format!("User not local; will forward to <{}>", new.to);
                    Verdict::TakeWith(Reply::new(251, (2, 1, 5), text))
                });
            }
            Standing::User { .. } => return Verdict::Take,
            Standing::Foreign | Standing::Backup(_) | Standing::Routed => {
                return match book.table.decide(mailbox).transport {
                    Transport::Error(status, text) => Verdict::Refuse(refusal(status, text)),
                    _ => Verdict::Take,
                };
            }
        };
        Verdict::Unknown(Reply::new(550, (5, 1, 1), text))
    }

    /// Is this client told who is here (R3)?
    fn may_ask(&self, client: &Client) -> bool {
        let networks = &self.config.serve.vrfy_from;
        let listed = |a| networks.iter().any(|network| network.contains(a));
        client.address.is_none_or(listed)
    }

    /// The answer to VRFY; `None`: nothing is told.
    pub fn vrfy(&self, client: &Client, who: &str) -> Option<Reply> {
        let may = self.may_ask(client);
        may.then(|| verify::vrfy(&self.book(), &*self.host, &self.local_domain, who))
    }

    /// The answer to EXPN; `None`: nothing is told.
    pub fn expn(&self, client: &Client, list: &str) -> Option<Reply> {
        let may = self.may_ask(client);
        may.then(|| verify::expn(&self.book(), &*self.host, &self.local_domain, list))
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
}

/// A look-up that failed refuses nobody for good. The cause goes to the log
/// alone, for it names our files.
pub(super) fn not_now(trouble: &Trouble) -> Reply {
    log::config_error(trouble);
    Reply::new(
        451,
        (4, 3, 0),
        "this address cannot be looked up now, try again later",
    )
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
