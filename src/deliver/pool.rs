//! Connections to destinations: how many at once, which are kept open for the
//! next message, and which destination was found dead.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::net::drive::Session;
use crate::spool::Attempt;

/// A session without work is kept this long.
pub const IDLE: Duration = Duration::from_secs(2);

/// Messages over one connection to a stranger; some grow suspicious beyond.
pub const MAX_MESSAGES: u32 = 100;

/// The same to a host that the administrator named.
pub const MAX_MESSAGES_NAMED: u32 = 100_000;

/// A session between two messages.
#[derive(Debug)]
pub struct Kept {
    pub session: Session,
    pub host: String,
    pub address: String,
    /// Messages carried so far, and how many there may be.
    pub sent: u32,
    pub limit: u32,
    /// Whole transactions may be streamed to it.
    pub may_stream: bool,
    pub since: Instant,
}

#[derive(Debug, Default)]
struct Destination {
    active: usize,
    idle: Vec<Kept>,
    dead: Option<(Instant, Attempt)>,
}

#[derive(Debug)]
pub struct Pool {
    limit: usize,
    destinations: Mutex<HashMap<String, Destination>>,
    /// Hosts that met a stream of transactions with a surprise.
    distrusted: Mutex<HashSet<String>>,
}

/// Leave to use one connection to a destination; given back when dropped.
#[derive(Debug)]
pub struct Slot<'p> {
    pool: &'p Pool,
    key: String,
    /// Sessions stay with who holds the slot, for they live on its runtime.
    private: Option<RefCell<Vec<Kept>>>,
}

impl Pool {
    /// `limit`: connections to one destination at once.
    pub fn new(limit: usize) -> Pool {
        Pool {
            limit: limit.max(1),
            destinations: Mutex::default(),
            distrusted: Mutex::default(),
        }
    }

    /// A panic elsewhere leaves the table whole: each change is one step.
    fn table(&self) -> MutexGuard<'_, HashMap<String, Destination>> {
        self.destinations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn slot(&self, key: &str) -> Option<Slot<'_>> {
        let mut table = self.table();
        let destination = table.entry(key.to_string()).or_default();
        if destination.active >= self.limit {
            return None;
        }
        destination.active += 1;
        Some(Slot {
            pool: self,
            key: key.to_string(),
            private: None,
        })
    }

    /// Nothing is streamed to this host any more.
    pub fn distrust(&self, host: &str) {
        self.distrusted().insert(host.to_string());
    }

    pub fn is_distrusted(&self, host: &str) -> bool {
        self.distrusted().contains(host)
    }

    fn distrusted(&self) -> MutexGuard<'_, HashSet<String>> {
        self.distrusted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions to say goodbye to: those idle for long, or (`all`) every one.
    pub fn expired(&self, now: Instant, all: bool) -> Vec<Kept> {
        let mut gone = Vec::new();
        let is_old = |kept: &mut Kept| all || now.duration_since(kept.since) >= IDLE;
        self.table().retain(|_, destination| {
            gone.extend(destination.idle.extract_if(.., is_old));
            if destination.dead.as_ref().is_some_and(|d| d.0 <= now) {
                destination.dead = None;
            }
            destination.active > 0 || !destination.idle.is_empty() || destination.dead.is_some()
        });
        gone
    }

    pub fn has_idle(&self) -> bool {
        self.table().values().any(|d| !d.idle.is_empty())
    }

    /// Somebody asked for a run now: the dead get another chance.
    pub fn forget_dead(&self) {
        for destination in self.table().values_mut() {
            destination.dead = None;
        }
    }
}

impl Slot<'_> {
    /// Keeps its sessions to itself from now on.
    pub fn make_private(&mut self) {
        self.private = Some(RefCell::default());
    }

    pub fn has_session(&self) -> bool {
        self.private
            .as_ref()
            .is_some_and(|own| !own.borrow().is_empty())
    }

    pub fn take(&self) -> Option<Kept> {
        if let Some(own) = &self.private {
            return own.borrow_mut().pop();
        }
        let mut table = self.pool.table();
        table.get_mut(&self.key)?.idle.pop()
    }

    /// Keeps the session for the next message; hands it back where it has done
    /// enough.
    pub fn keep(&self, kept: Kept) -> Option<Kept> {
        let mut table = self.pool.table();
        let Some(destination) = table.get_mut(&self.key).filter(|_| kept.sent < kept.limit) else {
            return Some(kept);
        };
        destination.dead = None;
        match &self.private {
            Some(own) => own.borrow_mut().push(kept),
            None => destination.idle.push(kept),
        }
        None
    }

    /// What the last try came to, where no host could be reached a moment ago.
    pub fn dead(&self, now: Instant) -> Option<Attempt> {
        let table = self.pool.table();
        let (until, attempt) = table.get(&self.key)?.dead.as_ref()?;
        (*until > now).then(|| attempt.clone())
    }

    /// No host could be reached: until then no message need try it.
    pub fn set_dead(&self, until: Instant, attempt: &Attempt) {
        if let Some(destination) = self.pool.table().get_mut(&self.key) {
            destination.dead = Some((until, attempt.clone()));
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(destination) = self.pool.table().get_mut(&self.key) {
            destination.active = destination.active.saturating_sub(1);
        }
    }
}
