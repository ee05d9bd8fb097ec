//! Connections to destinations: how many at once, which are kept open for the
//! next message, and which destination was found dead.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::net::drive::Session;
use crate::smtp::client::{Outcome, Verdict};
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
    /// Connections allowed at once beyond the first ones: grows with each
    /// success, falls with each sign of trouble.
    trust: usize,
    is_troubled: bool,
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

/// Connections to a destination of which nothing is known.
const FIRST: usize = 2;

impl Destination {
    /// Connections at once now.
    fn allowed(&self, limit: usize) -> usize {
        let first = match self.is_troubled || self.dead.is_some() {
            true => 1,
            false => FIRST,
        };
        (first + self.trust).min(limit)
    }
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
        if destination.active >= destination.allowed(self.limit) {
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
            destination.active > 0
                || destination.trust > 0
                || destination.is_troubled
                || !destination.idle.is_empty()
                || destination.dead.is_some()
        });
        gone
    }

    pub fn has_idle(&self) -> bool {
        self.table().values().any(|d| !d.idle.is_empty())
    }

    /// True where no host of it could be reached a moment ago.
    pub fn is_dead(&self, key: &str) -> bool {
        self.table().get(key).is_some_and(|d| d.dead.is_some())
    }

    /// Somebody asked for a run now: the dead get another chance.
    pub fn forget_dead(&self) {
        for destination in self.table().values_mut() {
            destination.dead = None;
            destination.is_troubled = false;
        }
    }
}

impl Slot<'_> {
    /// Learns from what became of a message.
    pub fn learn(&self, outcomes: &[Outcome], is_open: bool) {
        let is_busy = |o: &Outcome| {
            o.reply
                .as_ref()
                .is_some_and(|r| matches!(r.code, 421 | 451))
        };
        if !is_open || outcomes.iter().any(is_busy) {
            self.went_badly();
        } else if outcomes.iter().any(|o| o.verdict == Verdict::Accepted) {
            self.went_well();
        }
    }

    /// A message was taken: one connection more may be tried.
    pub fn went_well(&self) {
        if let Some(destination) = self.pool.table().get_mut(&self.key) {
            destination.trust = (destination.trust + 1).min(self.pool.limit);
            destination.is_troubled = false;
        }
    }

    /// 421, 451, a time-out, no connection: half as many may do better.
    pub fn went_badly(&self) {
        if let Some(destination) = self.pool.table().get_mut(&self.key) {
            destination.trust /= 2;
            destination.is_troubled = true;
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pool: &Pool) -> Vec<Slot<'_>> {
        std::iter::from_fn(|| pool.slot("a")).collect()
    }

    /// CL-45: up with each success, down with each sign of trouble, never over
    /// the limit and never to nothing.
    #[test]
    fn connections_grow_with_success_and_shrink_with_trouble() {
        let pool = Pool::new(5);
        let slots = taken(&pool);
        assert_eq!(slots.len(), FIRST);
        slots[0].went_well();
        assert_eq!(taken(&pool).len(), 1);
        for _ in 0..10 {
            slots[0].went_well();
        }
        assert_eq!(taken(&pool).len(), 3);
        for _ in 0..10 {
            slots[0].went_badly();
        }
        assert_eq!(taken(&pool).len(), 0);
        drop(slots);
        assert_eq!(taken(&pool).len(), 1);
    }

    #[test]
    fn a_dead_destination_has_one_hand_and_others_all() {
        let pool = Pool::new(5);
        let slot = pool.slot("a").unwrap();
        let attempt = super::super::result::deferred("4.4.1", "no answer");
        slot.set_dead(Instant::now() + Duration::from_secs(60), &attempt);
        assert!(pool.is_dead("a") && pool.slot("a").is_none());
        assert!(pool.slot("b").is_some());
    }
}
