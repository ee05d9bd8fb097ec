//! After an attempt: bounces, delay notices, and what becomes of the file.

use std::collections::HashSet;

use jiff::Timestamp;

use super::job::{Decision, Job, Next, lock};
use super::notice::{self, About, MakeError};
use super::result;
use crate::log;
use crate::smtp::addr::ReversePath;
use crate::spool::{Attempt, Lock, Outcome, SpoolError, State, Target};

/// First word of the notes that say which targets a notice covered.
const TOLD: &str = "told";
const DELAY_TOLD: &str = "delay-told";

/// What a note in `state/` says of notices to the sender: was it a delay, and of
/// which targets. `None`: it is a note of another kind.
pub fn told_of(words: &str) -> Option<(bool, Vec<u32>)> {
    let (word, numbers) = words.split_once(' ')?;
    let numbers = || numbers.split(',').filter_map(|n| n.parse().ok()).collect();
    match word {
        TOLD => Some((false, numbers())),
        DELAY_TOLD => Some((true, numbers())),
        _ => None,
    }
}

/// Targets whose failure the sender was told, as far as it is recorded.
pub(super) fn told(state: &State) -> HashSet<u32> {
    numbers_told(state, false)
}

fn numbers_told(state: &State, is_delay: bool) -> HashSet<u32> {
    let notes = state.notes.iter().filter_map(|(_, words)| told_of(words));
    notes
        .filter(|(delay, _)| *delay == is_delay)
        .flat_map(|(_, numbers)| numbers)
        .collect()
}

/// A notice that cannot be written now (disk full) is tried again with the
/// message.
const NOTICE_RETRY: i64 = 300;

/// The decision; what it depends on is on stable storage when this returns.
pub(super) fn decide(job: &Job<'_, '_>) -> Result<Decision, SpoolError> {
    let cut_short = cut_short(job);
    if !matches!(cut_short, Ok(None)) {
        job.log_late(None);
    }
    if let Some(decision) = cut_short? {
        return Ok(decision);
    }
    let is_held = lock(&job.progress).hold;
    let now = Timestamp::now().as_second();
    let open = job.open_targets();
    let due = match open.is_empty() || is_held {
        true => None,
        false => job.next_attempt(now, &open),
    };
    job.log_late(due);
    if due.is_none() && !is_held {
        job.give_up(&open);
    }
    if let Err(error) = job.notices(due) {
        return Ok(retry_notice(job, &error));
    }
    if let Some(error) = lock(&job.progress).error.take() {
        return Err(error);
    }
    Ok(match due {
        _ if is_held => Decision::Hold,
        Some(due) => Decision::Defer(due),
        None if job.is_dead() => Decision::Undeliverable,
        None => Decision::Retire,
    })
}

/// Nothing was made; the message waits until there is room for it.
fn retry_notice(job: &Job<'_, '_>, error: &MakeError) -> Decision {
    log::notice_failed(&job.head.id, error);
    let now = Timestamp::now().as_second();
    Decision::Defer(unsigned(now + NOTICE_RETRY))
}

/// Where not every target has had its attempt, or not every result its record.
fn cut_short(job: &Job<'_, '_>) -> Result<Option<Decision>, SpoolError> {
    let mut progress = lock(&job.progress);
    if let Some(error) = progress.error.take() {
        return Err(error);
    }
    if let Some(error) = progress.untellable.take() {
        return Ok(Some(retry_notice(job, &error)));
    }
    if let Some(why) = progress.damaged.take() {
        return Ok(Some(Decision::SetAside(why)));
    }
    if progress.stopped {
        return Ok(Some(Decision::Keep(Next::Stopped)));
    }
    if progress.waiting.is_empty() {
        return Ok(None);
    }
    let keys = std::mem::take(&mut progress.waiting);
    let mut tried = job.tried.clone();
    tried.extend(progress.results.keys());
    Ok(Some(Decision::Keep(Next::Waiting { keys, tried })))
}

fn unsigned(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

impl Job<'_, '_> {
    /// The latest known attempt of a target.
    fn latest(&self, number: u32) -> Option<Attempt> {
        let now = lock(&self.progress).results.get(&number).cloned();
        now.or_else(|| self.last_before(number).cloned())
    }

    /// The last attempt that was recorded before this turn.
    pub(super) fn last_before(&self, number: u32) -> Option<&Attempt> {
        self.last.get(number as usize).copied().flatten()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        0..u32::try_from(self.targets.len()).unwrap_or(u32::MAX)
    }

    /// Targets without a final result.
    fn open_targets(&self) -> Vec<u32> {
        let is_open = |n: &u32| {
            let result = self.latest(*n).map(|a| a.result);
            !matches!(result, Some(Outcome::Delivered | Outcome::Failed))
        };
        self.numbers().filter(is_open).collect()
    }

    /// Unix seconds; `None` where the message is too old.
    fn next_attempt(&self, now: i64, open: &[u32]) -> Option<u64> {
        let queued = self.head.envelope.origin.time.as_second();
        let progress = lock(&self.progress);
        let all = |n: &u32| {
            let before = self.tries.get(*n as usize).copied().unwrap_or(0);
            before + usize::from(progress.results.contains_key(n))
        };
        let attempts = open.iter().map(all).max().unwrap_or(0);
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let random = f64::from(crate::sys::random().map_or(0, u32::from_ne_bytes))
            / (f64::from(u32::MAX) + 1.0);
        let schedule = &self.engine.config.retry;
        schedule.next(attempts, unsigned(queued), unsigned(now), random)
    }

    /// BN-22: too long in the queue.
    fn give_up(&self, open: &[u32]) {
        let given_up = |n: &u32| {
            let last = self.latest(*n);
            let words = last.as_ref().map_or("never tried", |a| a.text.as_str());
            Attempt {
                host: last.as_ref().and_then(|a| a.host.clone()),
                target: *n,
                ..result::failed("5.4.7", format!("delivery time expired; last: {words}"))
            }
        };
        self.record_expired(open.iter().map(given_up).collect());
    }

    /// Null sender, and somebody did not get it (BN-02, S9).
    fn is_dead(&self) -> bool {
        let failed = |n: u32| self.latest(n).is_some_and(|a| a.result == Outcome::Failed);
        self.head.envelope.sender == ReversePath::Null && self.numbers().any(failed)
    }

    /// Tells of failures that an earlier run recorded before it was cut short. A
    /// bounce may be made of them already, with an id of these very targets, so
    /// none that fails now may come among them.
    pub(super) fn tell_what_is_left(&self) {
        let mut failed = self.untold(TOLD, |a| a.result == Outcome::Failed);
        failed.retain(|(n, _)| !self.tried.contains(n));
        if let Err(error) = self.bounce(&failed) {
            lock(&self.progress).untellable = Some(error);
        }
    }

    fn bounce(&self, failed: &[(u32, Attempt)]) -> Result<(), MakeError> {
        if failed.is_empty() {
            return Ok(());
        }
        let made = self.with_about(failed, |about| {
            notice::bounce(self.engine, self.spool, about)
        })?;
        self.told(TOLD, failed, made);
        Ok(())
    }

    /// Commits what the sender is to be told, and records that it was.
    fn notices(&self, due: Option<u64>) -> Result<(), MakeError> {
        self.bounce(&self.untold(TOLD, |a| a.result == Outcome::Failed))?;
        if due.is_some() && self.is_late() {
            let late = self.untold(DELAY_TOLD, |a| {
                matches!(a.result, Outcome::Deferred | Outcome::Unknown)
            });
            if !late.is_empty() {
                let until = self.head.envelope.origin.time + self.engine.config.retry.give_up;
                let made = self.with_about(&late, |about| {
                    notice::delay(self.engine, self.spool, about, until)
                })?;
                self.told(DELAY_TOLD, &late, made);
            }
        }
        Ok(())
    }

    fn is_late(&self) -> bool {
        let after = self.engine.config.delay_notice;
        let waited = Timestamp::now().duration_since(self.head.envelope.origin.time);
        !after.is_zero() && waited.unsigned_abs() >= after && !waited.is_negative()
    }

    fn untold(&self, word: &str, which: impl Fn(&Attempt) -> bool) -> Vec<(u32, Attempt)> {
        let mut told = numbers_told(self.state, word == DELAY_TOLD);
        if word == TOLD {
            told.extend(&lock(&self.progress).told);
        }
        self.numbers()
            .filter(|n| !told.contains(n))
            .filter_map(|n| Some((n, self.latest(n)?)))
            .filter(|(_, attempt)| which(attempt))
            .collect()
    }

    fn with_about<T>(&self, which: &[(u32, Attempt)], f: impl FnOnce(&About<'_>) -> T) -> T {
        let targets: Vec<(u32, &Target, &Attempt)> = which
            .iter()
            .filter_map(|(n, attempt)| Some((*n, self.targets.get(*n as usize)?, attempt)))
            .collect();
        f(&About {
            head: self.head,
            letter: self.letter,
            targets: &targets,
        })
    }

    /// The notice stays locked until the message's own record is synced: where
    /// that fails, it does not go before the next turn has made up for it.
    fn told(&self, word: &str, which: &[(u32, Attempt)], made: Option<Lock>) {
        let numbers: Vec<String> = which.iter().map(|(n, _)| n.to_string()).collect();
        if made.is_none() {
            let kind = if word == TOLD { "bounce" } else { "delay" };
            log::no_notice(&self.head.id, kind, numbers.len());
        }
        let noted = lock(self.claim).note(&format!("{word} {}", numbers.join(",")));
        let mut progress = lock(&self.progress);
        progress.locks.extend(made);
        match noted {
            Ok(()) if word == TOLD => progress.told.extend(which.iter().map(|(n, _)| n)),
            Ok(()) => {}
            Err(error) => progress.error = Some(error),
        }
    }
}
