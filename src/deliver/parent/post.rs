//! What the parent does for a request, and the delivery process.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::expand;
use super::super::forward::{self, Reader};
use super::super::hop::{self, Hop};
use super::super::local::{self, Order, Place};
use super::super::result::{self, Instead};
use super::link::{Answer, Ask, Asked, reply};
use crate::config::{Book, BookFiles, Config};
use crate::log;
use crate::route::Destination;
use crate::route::table::Table;
use crate::spool::{Claim, Expansions, Id, Spool, SpoolError, Target};
use crate::sys::{self, Fork};

/// What the parent knows: files of the administrator, and the spool.
pub struct Desk<'a> {
    config: &'a Config,
    spool: &'a Spool,
    expansions: Expansions,
    table: Table,
    book: BookFiles,
}

impl<'a> Desk<'a> {
    pub fn new(config: &'a Config, spool: &'a Spool) -> Result<Desk<'a>, SpoolError> {
        Ok(Desk {
            config,
            spool,
            expansions: spool.expansions()?,
            table: config.table(),
            book: BookFiles::default(),
        })
    }

    /// Of the spool only what is the parent's own: the rest is the worker's,
    /// who could put links in the place of its directories.
    pub fn sweep(&self) -> Result<(), SpoolError> {
        self.expansions.sweep(self.spool, Timestamp::now())
    }

    /// Serves a request; true where a process was forked for it.
    pub fn serve(&self, asked: Asked) -> bool {
        let Some((message, socket)) = asked.descriptors else {
            return false;
        };
        let (id, target) = match asked.ask {
            Ask::Expand { id } => (id, None),
            Ask::Deliver { id, target } => (id, Some(target)),
            Ask::Done(_) | Ask::Failed(_) => return false,
        };
        match (self.claim(message, &id), target) {
            (Ok(claim), Some(target)) => self.deliver(&claim, target, socket),
            (Ok(claim), None) => self.expand(&claim, socket),
            (Err(words), _) => {
                reply(socket, &Answer::Refused(words));
                false
            }
        }
    }

    /// The descriptor has to be the message of that id, in this spool.
    fn claim(&self, message: OwnedFd, id: &str) -> Result<Claim<'a>, String> {
        let id = Id::parse(id).ok_or("no id of a message")?;
        match self.spool.adopt(message, id) {
            Ok(Some(claim)) => Ok(claim),
            Ok(None) => Err(format!("message {id} is not the worker's to deliver")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Where no user has a file to look for, here; else in a process that may wait
    /// for their home directories.
    fn expand(&self, claim: &Claim<'_>, socket: UnixStream) -> bool {
        let book = self.book();
        let (mut users, found) = (false, self.recorded(claim));
        let mut look = |name: &str| {
            users |= forward::owner(self.config, name)?.is_some();
            Ok(None)
        };
        let answer = match found {
            Ok(Some(targets)) => Ok(targets),
            Ok(None) => expand::targets(&book, &claim.head().envelope, &mut look),
            Err(words) => Err(words),
        };
        if !users {
            let answer = answer.and_then(|targets| self.record(claim, targets));
            reply(socket, &answer.unwrap_or_else(Answer::Refused));
            return false;
        }
        match sys::fork() {
            Ok(Fork::Parent(_)) => true,
            Ok(Fork::Child) => {
                let mut read = |name: &str| forward::targets(self.config, Reader::Root, name);
                let answer = expand::targets(&book, &claim.head().envelope, &mut read)
                    .and_then(|targets| self.record(claim, targets));
                reply(socket, &answer.unwrap_or_else(Answer::Refused));
                std::process::exit(0)
            }
            Err(error) => {
                log::parent_error(&error);
                let words = format!("starting the expansion: {error}");
                reply(socket, &Answer::Refused(words));
                false
            }
        }
    }

    /// Recorded where the worker cannot write, unless it is the envelope's own
    /// list, which anybody can read again.
    fn record(&self, claim: &Claim<'_>, targets: Vec<Target>) -> Result<Answer, String> {
        if targets != plain(claim) && self.recorded(claim)?.is_none() {
            let recorded = self.expansions.record(claim.head().id, &targets);
            recorded.map_err(|e| e.to_string())?;
        }
        Ok(Answer::Targets(targets))
    }

    fn book(&self) -> Arc<Book> {
        self.book.get(self.config, |error| log::config_error(error))
    }

    fn recorded(&self, claim: &Claim<'_>) -> Result<Option<Vec<Target>>, String> {
        let expansion = self.expansions.get(claim.head().id);
        expansion.map_err(|e| e.to_string())
    }

    /// Recipient, route and mailbox, from the parent's own list.
    fn order(&self, claim: &Claim<'_>, number: u32) -> Result<Order, Instead> {
        let refuse = |words: &str| Instead::new(result::deferred("4.3.0", words));
        let targets = match self.recorded(claim) {
            Ok(Some(targets)) => targets,
            Ok(None) => plain(claim),
            Err(words) => return Err(refuse(&words)),
        };
        let target = targets
            .get(number as usize)
            .ok_or_else(|| refuse("no such target"))?;
        match hop::next(&self.table, &target.to) {
            Ok((Hop::Local(local), _)) => {
                let envelope = &claim.head().envelope;
                let order = local::order(self.config, &self.book(), &local, envelope, target)?;
                match order.owner {
                    None if order.is_nobody() => Err(local::unknown(&target.to).into()),
                    None => {
                        let words = format!("{order}: root's, and root writes no mailboxes");
                        Err(Instead::new(result::deferred("4.3.5", words)))
                    }
                    Some(_) => Ok(order),
                }
            }
            Ok(_) => Err(refuse("the target is not local by now")),
            Err((status, words)) => Err(result::failed(status, words).into()),
        }
    }

    fn deliver(&self, claim: &Claim<'_>, number: u32, socket: UnixStream) -> bool {
        let order = match self.order(claim, number) {
            Ok(order) => order,
            Err(attempt) => {
                reply(socket, &Answer::Attempt(*attempt));
                return false;
            }
        };
        match sys::fork() {
            Ok(Fork::Parent(_)) => true,
            Ok(Fork::Child) => {
                reply(socket, &post(&order, claim));
                std::process::exit(0)
            }
            Err(error) => {
                log::parent_error(&error);
                let words = format!("starting the delivery: {error}");
                reply(socket, &Answer::Refused(words));
                false
            }
        }
    }
}

/// Each recipient of the envelope for itself.
fn plain(claim: &Claim<'_>) -> Vec<Target> {
    let recipients = claim.head().envelope.recipients.iter().zip(0..);
    // I4: as a destination, so that a local part that begins with | or / is read
    // back as the address it is, whatever the worker asks for.
    let target = |(r, n): (&crate::spool::Recipient, u32)| {
        Target::plain(n, Destination::Mailbox(r.address.clone()).to_string())
    };
    recipients.map(target).collect()
}

/// In the delivery process: becomes the recipient, then writes.
fn post(order: &Order, claim: &Claim<'_>) -> Answer {
    let Some(owner) = &order.owner else {
        return Answer::Refused("the mailbox has no owner".to_string());
    };
    let refused = |what: &str, error: std::io::Error| {
        Answer::Attempt(result::deferred("4.3.0", format!("{what}: {error}")))
    };
    let opened = match (owner.is_roots, order.path()) {
        (true, Some(path)) if order.is_mbox() => match local::open_as_root(path) {
            Ok(opened) => Some(opened),
            Err(error) => return refused(&order.to_string(), error),
        },
        _ => None,
    };
    let (gid, groups) = match local::group_of(order) {
        Some(gid) => (gid, Ok(Vec::new())),
        None => (owner.gid, sys::groups_of(&owner.name, owner.gid)),
    };
    let become_owner = match order.place {
        Place::Program(_) => sys::become_user_to_run,
        _ => sys::become_user,
    };
    let changed = groups.and_then(|groups| become_owner(owner.uid, gid, &groups));
    if let Err(error) = changed {
        return refused(&format!("becoming {}", owner.name), error);
    }
    let mut content = match claim.message() {
        Ok(content) => content,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    match local::post(order, opened, &mut content) {
        Ok(attempt) => Answer::Attempt(attempt),
        Err(damaged) => Answer::Damaged(damaged),
    }
}
