//! The one intake of messages by SMTP: questions of a session become policy, a
//! draft in the spool, a commit. Names no runtime: `sendmail -bs` links it.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::content::{self, HeaderLimits, Incoming};
use super::filter::Filter;
use super::policy::{Client, Policy, Verdict};
use crate::config::{self, Config};
use crate::log;
use crate::message::rewrite::Rewrite;
use crate::message::submit::Facts;
use crate::message::trace::{self, Received};
use crate::net::stdio::Handler;
use crate::smtp::addr::{Domain, ForwardPath, Mailbox, ReversePath};
use crate::smtp::caps::Caps;
use crate::smtp::data::Content;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::Reply;
use crate::smtp::server::{Answer, Ask, Hello, Role, Session, Settings, Transaction};
use crate::spool::{Envelope, Id, Origin, Recipient, Spool};

/// Unknown recipients of a session before it is sent away (R3).
const MAX_UNKNOWN: u32 = 15;

/// Told that mail is in the spool.
pub type Committed = Box<dyn Fn(&Spool) + Send + Sync>;

/// What all sessions of a process share.
pub struct Desk {
    pub spool: Spool,
    pub policy: Policy,
    pub hostname: String,
    pub origin: String,
    /// Free octets of the disk below which mail waits at the sender's.
    pub reserve: u64,
    pub room: Room,
    /// A program that mail from the network passes through, and the most octets
    /// that it may write.
    pub filter: Option<(config::Filter, u64)>,
    /// Called after each commit: somebody must deliver it.
    pub committed: Committed,
}

/// The user at the other end of `-bs`.
pub struct Caller {
    pub uid: u32,
    /// For a missing From, where the envelope's sender is empty.
    pub address: Mailbox,
    pub full_name: Option<String>,
    /// What the configuration rewrites for this sender; the error is for the
    /// log.
    pub rewrite: Box<Rewriting>,
}

/// What the disk has free, asked seldom: at thousands of messages a second the
/// answer is needed more often than it changes much.
#[derive(Debug, Default)]
pub struct Room(Mutex<Option<(Instant, u64)>>);

/// For so long an answer stands.
const ROOM_STANDS: Duration = Duration::from_millis(100);

impl Room {
    /// Octets; no limit where the system does not tell.
    fn free(&self, spool: &Path) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *last {
            Some((at, free)) if now.duration_since(at) < ROOM_STANDS => free,
            _ => {
                let disk = rustix::fs::statvfs(spool);
                let free = disk.map_or(u64::MAX, |d| d.f_bavail.saturating_mul(d.f_frsize));
                *last = Some((now, free));
                free
            }
        }
    }
}

/// What is made of a sender.
type Rewriting = dyn Fn(&ReversePath) -> Result<Rewrite, String> + Send;

/// What a session is like by the configuration.
pub fn settings(config: &Config, role: Role, local: bool, starttls: bool) -> Arc<Settings> {
    let serve = &config.serve;
    // RFC 3030 does not say who is answered for a chunk that is not the last one.
    let chunking = role != Role::Lmtp;
    Arc::new(Settings {
        role,
        hostname: config.hostname.clone(),
        caps: Caps {
            pipelining: true,
            size: Some(config.message_size),
            eight_bit_mime: true,
            smtputf8: true,
            chunking,
            // A filter reads and writes lines.
            binarymime: chunking && serve.filter.command.is_empty(),
            dsn: true,
            enhanced: true,
            starttls,
            vrfy: true,
            expn: true,
            help: true,
            // RFC 9422 (EX-45).
            rcpt_max: (!local).then_some(serve.max_recipients),
            mail_max: (!local && serve.max_messages > 0).then_some(serve.max_messages),
            ..Caps::default()
        },
        local,
        origin: local.then(|| config.origin.clone()),
        max_recipients: if local { 100_000 } else { serve.max_recipients },
        max_errors: serve.max_errors,
        max_junk: serve.max_junk,
        max_line: if local { usize::MAX } else { serve.max_line },
        command_timeout: serve.command_timeout,
        min_rate: serve.min_rate,
    })
}

/// One session's [`Handler`].
pub struct Intake<'s> {
    desk: &'s Desk,
    client: Client,
    /// Complete headers in this user's name.
    caller: Option<Caller>,
    unknown: u32,
    incoming: Option<Box<Incoming<'s>>>,
    filter: Option<Box<Filter>>,
    /// The configuration says that it is to be thrown away.
    discard: bool,
    /// What the log will say of it.
    about: About,
}

#[derive(Default)]
struct About {
    sender: String,
    recipients: usize,
    tls: Option<String>,
}

impl<'s> Intake<'s> {
    /// For a stranger, or a local caller without a name.
    pub fn new(desk: &'s Desk, client: Client) -> Intake<'s> {
        Intake {
            desk,
            client,
            caller: None,
            unknown: 0,
            incoming: None,
            filter: None,
            discard: false,
            about: About::default(),
        }
    }

    /// For `-bs`: what the header lacks is filled in.
    pub fn for_caller(desk: &'s Desk, caller: Caller) -> Intake<'s> {
        let client = Client::default();
        Intake {
            caller: Some(caller),
            ..Intake::new(desk, client)
        }
    }

    fn begin(
        &mut self,
        transaction: &Transaction,
        hello: Option<&Hello>,
        tls: Option<&str>,
    ) -> Result<Incoming<'s>, Reply> {
        let now = Timestamp::now();
        let rewrite = self.rewrite(&transaction.reverse_path)?;
        let to = transaction.recipients.iter();
        let to = to.map(|(path, _)| self.desk.policy.mailbox(&self.client, path));
        let (to, original) = rewrite.recipients(to.collect());
        let params = |n: usize| transaction.recipients.get(n).map(|(_, params)| params);
        let envelope = Envelope {
            sender: rewrite.sender(transaction.reverse_path.clone()),
            // SIZE is about this hop: our own trace field makes it wrong.
            params: MailParams {
                size: None,
                ..transaction.params.clone()
            },
            recipients: to
                .into_iter()
                .enumerate()
                .map(|(n, address)| Recipient {
                    address,
                    params: params(n).cloned().unwrap_or_default(),
                })
                .collect(),
            origin: self.origin(hello, tls.is_some(), now),
        };
        let spool = &self.desk.spool;
        let id = spool.new_id().map_err(|e| content::refusal(&e))?;
        let only = match envelope.recipients.as_slice() {
            [one] => Some(&one.address),
            _ => None,
        };
        let with = protocol(
            self.client.role,
            hello,
            tls.is_some(),
            transaction.params.smtputf8,
        );
        let field = trace::received(
            &Received {
                from: hello.map(|h| self.from(h)),
                by: &self.desk.hostname,
                with: if self.caller.is_some() {
                    "local"
                } else {
                    &with
                },
                tls,
                id: id.as_str(),
                recipient: only,
                comment: self.caller.as_ref().map(|c| format!("uid {}", c.uid)),
            },
            now,
        );
        self.filter = self.filter(&envelope, hello);
        self.discard = rewrite.discard;
        let facts = match &self.caller {
            Some(caller) => Some(Facts {
                rewrite,
                original,
                full_name: caller.full_name.clone().filter(|_| {
                    let sender = envelope.sender.mailbox();
                    sender.is_none_or(|sender| sender.same(&caller.address))
                }),
                ..self.facts(&envelope.sender, &caller.address, id.as_str(), now)
            }),
            // RFC 6409 section 8: a submission server adds what is missing, a
            // relay must not (EX-39).
            None if self.client.role == Role::Submission => {
                let policy = &self.desk.policy;
                let nobody = policy.mailbox(&self.client, &ForwardPath::Postmaster);
                Some(self.facts(&envelope.sender, &nobody, id.as_str(), now))
            }
            None => None,
        };
        let limits = self.limits();
        Ok(Incoming::new(spool, id, envelope, field, facts, limits))
    }

    /// What the configuration makes of a local caller's message.
    fn rewrite(&self, sender: &ReversePath) -> Result<Rewrite, Reply> {
        let Some(caller) = &self.caller else {
            return Ok(Rewrite::default());
        };
        (caller.rewrite)(sender).map_err(|error| {
            log::config_error(&error);
            Reply::new(451, (4, 3, 5), error)
        })
    }

    /// Not for `-bs`: that is the mail of this host's own users.
    fn filter(&self, envelope: &Envelope, hello: Option<&Hello>) -> Option<Box<Filter>> {
        let (settings, limit) = self.desk.filter.clone()?;
        let address = self.client.address;
        self.caller.is_none().then(|| {
            Box::new(Filter {
                settings,
                limit,
                envelope: envelope.clone(),
                client_address: address.map_or(String::new(), |a| a.to_string()),
                client_helo: hello.map_or(String::new(), |h| h.name.clone()),
            })
        })
    }

    fn limits(&self) -> HeaderLimits {
        match self.client.address {
            Some(_) => content::STRANGERS,
            None => content::LOCAL,
        }
    }

    fn from(&self, hello: &Hello) -> String {
        match self.client.address {
            Some(address) => format!("{} ({})", hello.name, literal(address)),
            None => hello.name.clone(),
        }
    }

    fn origin(&self, hello: Option<&Hello>, tls: bool, now: Timestamp) -> Origin {
        let mut words = Vec::new();
        let mut word = |key: &str, value: String| words.push((key.to_string(), value));
        if let Some(caller) = &self.caller {
            word("uid", caller.uid.to_string());
        }
        if let Some(address) = self.client.address {
            word("client", literal(address));
        }
        if let Some(hello) = hello {
            word("helo", hello.name.clone());
        }
        if self.caller.is_none() {
            word("proto", protocol(self.client.role, hello, tls, false));
        }
        let kind = if self.caller.is_some() {
            "local"
        } else {
            "smtp"
        };
        Origin {
            time: now,
            kind: kind.to_string(),
            words,
        }
    }

    /// `fallback` stands where the envelope has no sender.
    fn facts(&self, sender: &ReversePath, fallback: &Mailbox, id: &str, now: Timestamp) -> Facts {
        Facts {
            origin: self.desk.origin.clone(),
            hostname: self.desk.hostname.clone(),
            sender: sender.mailbox().unwrap_or(fallback).clone(),
            full_name: None,
            now,
            unique: id.to_string(),
            gateway: false,
            rewrite: Rewrite::default(),
            original: Vec::new(),
        }
    }

    fn log_taken(&mut self, id: &Id, octets: u64) {
        let About {
            sender,
            recipients,
            tls,
        } = std::mem::take(&mut self.about);
        match &self.caller {
            Some(caller) => log::queued(id, caller.uid, &sender, recipients, octets),
            None => {
                let client = shown(&self.client);
                log::received(id, &client, &sender, recipients, octets, tls.as_deref());
            }
        }
    }

    /// Our no, with its line in the log; `to` where it is about one recipient.
    fn refuse(&self, to: Option<&dyn Display>, reply: Reply) -> Answer {
        log::refused(&shown(&self.client), Some(&self.about.sender), to, &reply);
        Answer::Reply(reply)
    }

    /// Less room than the reserve and what the client announces.
    fn is_disk_full(&self, announced: u64) -> bool {
        let free = self.desk.room.free(self.desk.spool.path());
        free < self.desk.reserve.saturating_add(announced)
    }
}

impl Handler for Intake<'_> {
    fn mail(&mut self, path: &ReversePath, params: &MailParams) -> Answer {
        self.incoming = None;
        self.about.sender = path.to_string();
        if self.is_disk_full(params.size.unwrap_or(0)) {
            return self.refuse(None, content::no_room());
        }
        Answer::Yes
    }

    fn rcpt(&mut self, path: &ForwardPath, _params: &RcptParams) -> Answer {
        let reply = match self.desk.policy.rcpt(&self.client, path) {
            Verdict::Take => return Answer::Yes,
            Verdict::TakeWith(reply) => return Answer::Reply(reply),
            Verdict::Refuse(reply) => reply,
            Verdict::Unknown(reply) => {
                self.unknown = self.unknown.saturating_add(1);
                if self.unknown > MAX_UNKNOWN && self.client.address.is_some() {
                    Reply::new(421, (4, 7, 0), "too many unknown recipients, closing")
                } else {
                    reply
                }
            }
        };
        self.refuse(Some(path), reply)
    }

    fn data(&mut self, session: &Session, tls: Option<&str>) -> Answer {
        let Some(transaction) = session.transaction() else {
            return Answer::Reply(Reply::new(503, (5, 5, 1), "MAIL and RCPT come first"));
        };
        match self.begin(transaction, session.hello(), tls) {
            Ok(incoming) => {
                self.incoming = Some(Box::new(incoming));
                self.about.recipients = transaction.recipients.len();
                self.about.tls = tls.map(str::to_string);
                Answer::Yes
            }
            Err(reply) => self.refuse(None, reply),
        }
    }

    fn body(&mut self, octets: &[u8]) -> bool {
        self.incoming
            .as_mut()
            .is_some_and(|incoming| incoming.take(octets))
    }

    fn store(&mut self) {
        if let Some(incoming) = &mut self.incoming {
            incoming.store();
        }
    }

    fn end(&mut self, content: Content) -> Answer {
        let Some(incoming) = self.incoming.take() else {
            return Answer::Reply(Reply::new(451, (4, 3, 0), "the message was not stored"));
        };
        if let Some(caller) = self.caller.as_ref().filter(|_| self.discard) {
            log::discarded(caller.uid, &self.about.sender, self.about.recipients);
            return Answer::Reply(Reply::new(250, (2, 0, 0), "thrown away"));
        }
        match incoming.finish(self.filter.take().as_deref()) {
            Ok(id) => {
                self.log_taken(&id, content.octets);
                (self.desk.committed)(&self.desk.spool);
                Answer::Reply(Reply::new(250, (2, 0, 0), format!("queued as {id}")))
            }
            Err(reply) => self.refuse(None, reply),
        }
    }

    fn discard(&mut self) {
        self.incoming = None;
    }

    fn may_block(&self, question: &Ask<'_>) -> bool {
        match question {
            Ask::Mail(..) | Ask::Data => false,
            Ask::Rcpt(path, _) => self.desk.policy.asks_users(&self.client, path),
            _ => true,
        }
    }

    fn vrfy(&mut self, who: &str) -> Answer {
        let told = self.desk.policy.vrfy(&self.client, who);
        told.map_or(Answer::Yes, Answer::Reply)
    }

    fn expn(&mut self, list: &str) -> Answer {
        let told = self.desk.policy.expn(&self.client, list);
        told.map_or(Answer::Yes, Answer::Reply)
    }
}

/// RFC 3848 and RFC 6531 section 4.3 (SV-53).
fn protocol(role: Role, hello: Option<&Hello>, tls: bool, utf8: bool) -> String {
    let base = match hello {
        _ if role == Role::Lmtp && utf8 => "UTF8LMTP",
        _ if role == Role::Lmtp => "LMTP",
        Some(hello) if hello.esmtp && utf8 => "UTF8SMTP",
        Some(hello) if hello.esmtp => "ESMTP",
        _ => "SMTP",
    };
    // Without EHLO there is no STARTTLS, but there is implicit TLS: ESMTPS is
    // the nearest registered name.
    match (tls, base) {
        (false, base) => base.to_string(),
        (true, "SMTP") => "ESMTPS".to_string(),
        (true, base) => format!("{base}S"),
    }
}

fn literal(address: std::net::IpAddr) -> String {
    let domain = match address {
        std::net::IpAddr::V4(a) => Domain::V4(a),
        std::net::IpAddr::V6(a) => Domain::V6(a),
    };
    domain.to_string()
}

fn shown(client: &Client) -> String {
    client
        .address
        .map_or_else(|| "local".to_string(), |a| a.to_string())
}

#[cfg(test)]
mod tests;
