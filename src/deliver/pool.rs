//! Connections to destinations: how many at once, which are kept open for the
//! next message, and which destination was found dead.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::net::drive::Session;
use crate::spool::Attempt;

/// A session without work is kept this long.
pub const IDLE: Duration = Duration::from_secs(2);

/// Messages over one connection; some servers grow suspicious beyond.
const MAX_MESSAGES: u32 = 100;

/// A session between two messages.
#[derive(Debug)]
pub struct Kept {
    pub session: Session,
    pub host: String,
    pub address: String,
    /// Messages carried so far.
    pub sent: u32,
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
    /// Destinations whose slots were given back, one entry a slot, until the run
    /// takes note. A message may go on for long after it gave a slot back.
    freed: Mutex<Vec<String>>,
    bell: Notify,
}

/// Leave to use one connection to a destination; given back when dropped.
#[derive(Debug)]
pub struct Slot<'p> {
    pool: &'p Pool,
    key: String,
}

impl Pool {
    /// `limit`: connections to one destination at once.
    pub fn new(limit: usize) -> Pool {
        Pool {
            limit: limit.max(1),
            destinations: Mutex::default(),
            freed: Mutex::default(),
            bell: Notify::new(),
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
        })
    }

    pub fn is_free(&self, key: &str) -> bool {
        self.table().get(key).is_none_or(|d| d.active < self.limit)
    }

    /// Waits until a slot was given back; cancelling loses nothing.
    pub async fn slot_freed(&self) {
        self.bell.notified().await;
    }

    /// Destinations whose slots were given back since the last call.
    pub fn take_freed(&self) -> Vec<String> {
        std::mem::take(&mut *self.freed.lock().unwrap_or_else(PoisonError::into_inner))
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
    pub fn take(&self) -> Option<Kept> {
        let mut table = self.pool.table();
        table.get_mut(&self.key)?.idle.pop()
    }

    /// Keeps the session for the next message; hands it back where it has done
    /// enough.
    pub fn keep(&self, kept: Kept) -> Option<Kept> {
        let mut table = self.pool.table();
        match table.get_mut(&self.key) {
            Some(destination) if kept.sent < MAX_MESSAGES => {
                destination.dead = None;
                destination.idle.push(kept);
                None
            }
            _ => Some(kept),
        }
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
        let mut freed = self
            .pool
            .freed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        freed.push(std::mem::take(&mut self.key));
        drop(freed);
        self.pool.bell.notify_one();
    }
}
