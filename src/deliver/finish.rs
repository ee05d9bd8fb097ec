//! After an attempt: bounces, delay notices, and what becomes of the file.

use std::collections::HashSet;

use jiff::Timestamp;

use super::attempt::for_each;
use super::job::{Decision, Job, Next, lock};
use super::notice::{self, About, Kind, Made, MakeError};
use super::result;
use crate::log;
use crate::smtp::addr::ReversePath;
use crate::spool::{Attempt, Id, Outcome, SpoolError, State, Target};

/// What a note in `state/` says of a notice to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub kind: ToldOf,
    /// The targets that it is about, told of or not, as the sender asked.
    pub targets: Vec<u32>,
    /// The notice; `None` where none was made.
    pub notice: Option<Id>,
}

/// What the sender was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldOf {
    Failure,
    Delay,
    Success,
}

impl ToldOf {
    /// First word of the note.
    fn word(self) -> &'static str {
        match self {
            ToldOf::Failure => "told",
            ToldOf::Delay => "delay-told",
            ToldOf::Success => "success-told",
        }
    }

    fn of(word: &str) -> Option<ToldOf> {
        let all = [ToldOf::Failure, ToldOf::Delay, ToldOf::Success];
        all.into_iter().find(|kind| kind.word() == word)
    }

    /// The notice that a message without a sender, or with one, makes of it.
    fn notice(self, sender: &ReversePath) -> Kind {
        match (self, sender) {
            (ToldOf::Failure, ReversePath::Null) => Kind::Double,
            (ToldOf::Failure, ReversePath::Mailbox(_)) => Kind::Bounce,
            (ToldOf::Delay, _) => Kind::Delay,
            (ToldOf::Success, _) => Kind::Success,
        }
    }
}

/// Reads such a note: `told 0,2 8V3...`. `None`: it is a note of another kind.
pub fn told_of(words: &str) -> Option<Told> {
    let mut words = words.split(' ');
    let kind = ToldOf::of(words.next()?)?;
    let targets = words.next()?.split(',').filter_map(|n| n.parse().ok());
    Some(Told {
        kind,
        targets: targets.collect(),
        notice: words.next().and_then(Id::parse),
    })
}

/// Targets that the sender was told of, as far as it is recorded.
fn told(state: &State, kind: ToldOf) -> HashSet<u32> {
    let notes = state.notes.iter().filter_map(|(_, words)| told_of(words));
    notes
        .filter(|told| told.kind == kind)
        .flat_map(|told| told.targets)
        .collect()
}

/// May a notice with this id, made from the message with this state, be one
/// that the state does not know of yet?
pub(super) fn is_untold(state: &State, kind: &str, id: Id) -> bool {
    let mut notes = state.notes.iter().filter_map(|(_, words)| told_of(words));
    if notes.any(|told| told.notice == Some(id)) {
        return false;
    }
    let targets = state.targets.as_deref().unwrap_or_default();
    let kind = match kind {
        "bounce" | "double" => ToldOf::Failure,
        "delay" => ToldOf::Delay,
        "success" => ToldOf::Success,
        _ => return false,
    };
    let told = told(state, kind);
    let covers = |(n, last): (u32, Option<&Attempt>)| {
        !told.contains(&n) && last.is_some_and(|a| kind.covers(a.result))
    };
    (0..).zip(state.last(targets.len())).any(covers)
}

impl ToldOf {
    /// Of an expansion the sender is told whatever became of its members, so of
    /// a success there is no telling by one result.
    fn covers(self, result: Outcome) -> bool {
        match self {
            ToldOf::Failure => result == Outcome::Failed,
            ToldOf::Delay => matches!(result, Outcome::Deferred | Outcome::Unknown),
            ToldOf::Success => true,
        }
    }
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
        None if job.is_dead() && !job.is_returned() => Decision::Undeliverable,
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

    /// An operator's word: nobody is tried any more.
    pub(super) fn give_up_all(&self, words: Option<(&str, &str)>) {
        let open = self.open_targets();
        let Some((status, words)) = words else {
            return self.give_up(&open);
        };
        self.record(for_each(&open, &result::failed(status, words)));
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
        for kind in [ToldOf::Failure, ToldOf::Success] {
            let mut left = self.untold(kind);
            left.retain(|(n, _)| !self.tried.contains(n));
            if let Err(error) = self.tell(kind, &left, None) {
                lock(&self.progress).untellable = Some(error);
                return;
            }
        }
    }

    /// Commits one notice of these targets, and records that it was.
    fn tell(
        &self,
        kind: ToldOf,
        which: &[(u32, Attempt)],
        until: Option<Timestamp>,
    ) -> Result<(), MakeError> {
        if which.is_empty() {
            return Ok(());
        }
        let notice = kind.notice(&self.head.envelope.sender);
        let made = self.with_about(which, |about| {
            notice::send(self.engine, self.spool, about, notice, until)
        })?;
        self.note_told(kind, notice, which, made);
        Ok(())
    }

    /// Tells the sender of what there is to tell. What a success is told by is
    /// on stable storage before: it must not turn into a delay after a crash.
    fn notices(&self, due: Option<u64>) -> Result<(), MakeError> {
        self.tell(ToldOf::Failure, &self.untold(ToldOf::Failure), None)?;
        let arrived = self.untold(ToldOf::Success);
        if !arrived.is_empty() {
            lock(self.claim).record(&[], true)?;
            self.tell(ToldOf::Success, &arrived, None)?;
        }
        if due.is_some() && self.is_late() {
            let until = self.head.envelope.origin.time + self.engine.config.retry.give_up;
            self.tell(ToldOf::Delay, &self.untold(ToldOf::Delay), Some(until))?;
        }
        Ok(())
    }

    fn is_late(&self) -> bool {
        let after = self.engine.config.delay_notice;
        let waited = Timestamp::now().duration_since(self.head.envelope.origin.time);
        !after.is_zero() && waited.unsigned_abs() >= after && !waited.is_negative()
    }

    /// Targets that this kind of notice would be about.
    fn untold(&self, kind: ToldOf) -> Vec<(u32, Attempt)> {
        if kind == ToldOf::Success && !self.wants_success() {
            return Vec::new();
        }
        let mut told = told(self.state, kind);
        for (kind_told, targets) in &lock(&self.progress).told {
            if *kind_told == kind {
                told.extend(targets);
            }
        }
        let is_due = |n: u32, attempt: &Attempt| match kind {
            ToldOf::Success => attempt.result == Outcome::Delivered || self.is_expanded(n),
            _ => kind.covers(attempt.result),
        };
        self.numbers()
            .filter(|n| !told.contains(n))
            .filter_map(|n| Some((n, self.latest(n)?)))
            .filter(|(n, attempt)| is_due(*n, attempt))
            .collect()
    }

    /// Nearly no message asks for it.
    fn wants_success(&self) -> bool {
        let envelope = &self.head.envelope;
        let mut notify = envelope.recipients.iter().map(|r| r.params.notify);
        envelope.sender != ReversePath::Null && notify.any(|n| n.is_some_and(|n| n.success))
    }

    fn is_expanded(&self, number: u32) -> bool {
        let target = self.targets.get(number as usize);
        target.is_some_and(|t| notice::is_one_of_many(self.targets, t))
    }

    /// The postmaster has all of it, from now or from an earlier run.
    fn is_returned(&self) -> bool {
        let notes = self.state.notes.iter();
        let was_told = notes
            .filter_map(|(_, words)| told_of(words))
            .any(|told| told.kind == ToldOf::Failure && told.notice.is_some());
        let is_told = was_told || lock(&self.progress).is_returned;
        is_told && notice::goes_back_whole(self.engine, self.head, self.letter)
    }

    fn with_about<T>(&self, which: &[(u32, Attempt)], f: impl FnOnce(&About<'_>) -> T) -> T {
        let targets: Vec<(u32, &Target, &Attempt)> = which
            .iter()
            .filter_map(|(n, attempt)| Some((*n, self.targets.get(*n as usize)?, attempt)))
            .collect();
        f(&About {
            head: self.head,
            letter: self.letter,
            all: self.targets,
            targets: &targets,
        })
    }

    /// The notice stays locked until the message's own record is synced: where
    /// that fails, it does not go before the next turn has made up for it.
    fn note_told(&self, kind: ToldOf, notice: Kind, which: &[(u32, Attempt)], made: Option<Made>) {
        let numbers: Vec<String> = which.iter().map(|(n, _)| n.to_string()).collect();
        let mut words = format!("{} {}", kind.word(), numbers.join(","));
        match &made {
            Some(made) => words.push_str(&format!(" {}", made.id)),
            // Of a success most are not to be told.
            None if kind == ToldOf::Success => {}
            None if kind == ToldOf::Delay => {
                log::no_notice(&self.head.id, Kind::Delay.name(), numbers.len());
            }
            None => log::no_notice(&self.head.id, Kind::Bounce.name(), numbers.len()),
        }
        let noted = lock(self.claim).note(&words);
        let mut progress = lock(&self.progress);
        if let Some(made) = made {
            progress.is_returned |= notice == Kind::Double;
            progress.locks.push(made.lock);
        }
        match noted {
            Ok(()) => {
                let numbers = which.iter().map(|(n, _)| *n);
                progress.told.push((kind, numbers.collect()));
            }
            Err(error) => progress.error = Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_notices_are_read_back() {
        let id = Id::parse("8V3").unwrap();
        for (words, told) in [
            (
                "told 0,2 8V3",
                Some((ToldOf::Failure, vec![0, 2], Some(id))),
            ),
            ("told 1", Some((ToldOf::Failure, vec![1], None))),
            ("delay-told 1,x", Some((ToldOf::Delay, vec![1], None))),
            ("success-told 3", Some((ToldOf::Success, vec![3], None))),
            ("held by the operator", None),
            ("told", None),
        ] {
            let told = told.map(|(kind, targets, notice)| Told {
                kind,
                targets,
                notice,
            });
            assert_eq!(told_of(words), told, "{words}");
        }
    }
}
