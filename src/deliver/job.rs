//! One message: claim, expand, route, send, record, settle.
//!
//! The order of writes is the whole point: the expansion is on stable storage
//! before the first delivery, each result before whatever depends on it, and a
//! bounce before its original goes. What is cut short anywhere is done again by
//! the next run from what `state/` says.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::board::{Item, More};
use super::content::{Letter, Seen};
use super::notice::MakeError;
use super::{Engine, GaveUp, Summary, finish};
use crate::log;
use crate::spool::{
    Attempt, Claim, Entry, Head, Id, Lock, Outcome, Place, Spool, SpoolError, State, Target,
};

const UNDELIVERABLE: &str = "undeliverable, and there is no sender to tell";

/// What became of one message in this run.
#[derive(Debug)]
pub struct Report {
    pub id: Id,
    pub next: Next,
    pub summary: Summary,
    pub carried: Carried,
}

/// What a message that met an error of the spool takes to its next turn: without
/// it a full disk would have the same mail sent again and again.
#[derive(Debug, Default)]
pub struct Carried {
    /// Results that may not have been recorded.
    pub results: Vec<Attempt>,
    /// Messages made from it, not to go before the record says that they were.
    pub locks: Vec<Lock>,
}

impl Carried {
    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.locks.is_empty()
    }
}

impl Report {
    pub fn new(id: Id) -> Report {
        Report {
            id,
            next: Next::Done,
            summary: Summary::default(),
            carried: Carried::default(),
        }
    }

    /// To be looked at again soon; nothing was done.
    pub fn busy(id: Id) -> Report {
        Report {
            next: Next::Busy,
            ..Report::new(id)
        }
    }

    /// The spool would not.
    pub fn went_wrong(&mut self, engine: &Engine, error: SpoolError) {
        match error {
            SpoolError::Corrupt(..) => {
                log::corrupt(&self.id, &error);
                self.summary.failed += 1;
            }
            error => {
                log::queue_error(&self.id, &error);
                self.next = Next::Busy;
                engine.note_trouble(self.id, error);
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing to do before its next due time, if it is there at all.
    Done,
    /// Somebody else works on it, or the disk would not: look again soon.
    Busy,
    /// These destinations are at their limits, and these targets had their
    /// attempt.
    Waiting {
        keys: Vec<String>,
        tried: HashSet<u32>,
    },
    /// It waits for a connection, on the board.
    Later,
    /// The run is ending.
    Stopped,
}

/// A message under way. The threads of its next hops share it.
pub(super) struct Job<'a, 's> {
    pub engine: &'a Engine,
    pub spool: &'s Spool,
    pub claim: &'a Mutex<Claim<'s>>,
    pub head: &'a Head,
    pub targets: &'a [Target],
    /// As it was when the message was claimed.
    pub state: &'a State,
    /// By target, from `state`: its last attempt, and how many there were.
    pub last: Vec<Option<&'a Attempt>>,
    pub tries: Vec<usize>,
    pub letter: &'a Letter<'a>,
    /// Targets that had their attempt earlier in this run.
    pub tried: &'a HashSet<u32>,
    pub progress: Mutex<Progress>,
}

#[derive(Default)]
pub(super) struct Progress {
    /// The latest attempt of each target in this run.
    pub results: BTreeMap<u32, Attempt>,
    /// Targets that are delivered by now, in whatever run.
    pub delivered: usize,
    /// Targets that the sender was told of in this run.
    pub told: Vec<(finish::ToldOf, Vec<u32>)>,
    /// The postmaster has the whole of a message without a sender.
    pub is_returned: bool,
    /// Those of them that the log has still to tell of.
    pub late: Vec<Attempt>,
    /// Destinations that had no slot to give.
    pub waiting: Vec<String>,
    pub stopped: bool,
    pub hold: bool,
    pub damaged: Option<String>,
    pub error: Option<SpoolError>,
    /// Nothing could be made to tell the sender with.
    pub untellable: Option<MakeError>,
    /// Copies for lists, locked until the original's record is synced.
    pub locks: Vec<Lock>,
}

/// What is to be done with the message's file.
#[derive(Debug)]
pub(super) enum Decision {
    Retire,
    /// It does not read right.
    SetAside(String),
    /// Nobody is left to be told.
    Undeliverable,
    Defer(u64),
    Hold,
    Keep(Next),
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done with a message.
pub(super) enum Task<'a> {
    Attempt,
    /// Whoever has no result fails with this status and these words; `None`: the
    /// time is over.
    GiveUp(Option<(&'a str, &'a str)>),
}

/// Does a task that is no attempt on a message, wherever it is.
pub(super) fn end(
    engine: &Engine,
    spool: &Spool,
    entry: &Entry,
    task: &Task<'_>,
) -> Result<GaveUp, SpoolError> {
    let Some(claim) = spool.claim(entry)? else {
        return Err(SpoolError::Busy(entry.id));
    };
    let mut report = Report::new(entry.id);
    if let Some(taken) = Taken::expand(engine, spool, claim, More::default(), task, &mut report)? {
        taken.do_task(engine, spool, task, &mut report)?;
    }
    if report.next == Next::Busy {
        return Err(SpoolError::Busy(entry.id));
    }
    match spool.find(entry.id.as_str()) {
        Err(SpoolError::NoSuchId(_)) => Ok(GaveUp::Done),
        Ok(left) if left.place == Place::Failed => Ok(GaveUp::SetAside),
        Ok(_) => Ok(GaveUp::Waits),
        Err(error) => Err(error),
    }
}

/// Works on one message, wherever it goes.
pub fn work(engine: &Engine, spool: &Spool, item: Item) -> Report {
    let mut report = Report::new(item.entry.id);
    let result = match Taken::claim(engine, spool, item, &mut report) {
        Ok(Some(taken)) => taken.do_task(engine, spool, &Task::Attempt, &mut report),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        report.went_wrong(engine, error);
    }
    report
}

/// A message in our hands: claimed, expanded, and its content at hand.
pub(super) struct Taken<'s> {
    claim: Mutex<Claim<'s>>,
    pub entry: Entry,
    pub head: Head,
    targets: Vec<Target>,
    state: State,
    tried: HashSet<u32>,
    progress: Progress,
    /// Of the content's header, once it was read.
    seen: Option<Seen>,
}

impl<'s> Taken<'s> {
    /// `None`: it is not to be worked on now, and the report says why.
    pub fn claim(
        engine: &Engine,
        spool: &'s Spool,
        item: Item,
        report: &mut Report,
    ) -> Result<Option<Taken<'s>>, SpoolError> {
        let more = item.more.map(|more| *more).unwrap_or_default();
        match spool.claim(&item.entry)? {
            // Held or set aside since the directories were read: not for a run.
            Some(claim) if !claim.entry().place.is_queued() => Ok(None),
            Some(claim) => Taken::expand(engine, spool, claim, more, &Task::Attempt, report),
            None => {
                report.carried = more.carried;
                report.next = Next::Busy;
                Ok(None)
            }
        }
    }

    fn expand(
        engine: &Engine,
        spool: &'s Spool,
        mut claim: Claim<'s>,
        more: More,
        task: &Task<'_>,
        report: &mut Report,
    ) -> Result<Option<Taken<'s>>, SpoolError> {
        report.carried = more.carried;
        let head = claim.head().clone();
        if is_early(spool, &head)? {
            report.next = Next::Busy;
            return Ok(None);
        }
        let targets = match (&claim.state().targets, task) {
            (Some(targets), _) => targets.clone(),
            // Who was never expanded fails by the address that the sender knows.
            (None, Task::GiveUp(_)) => {
                let targets = crate::spool::unexpanded(&head);
                claim.record_targets(&targets)?;
                targets
            }
            (None, Task::Attempt) => {
                let targets = match expand(engine, &claim, &head) {
                    Ok(targets) => targets,
                    Err(why) => return postpone(engine, claim, &why).map(|()| None),
                };
                claim.record_targets(&targets)?;
                log_expansion(&head, &targets);
                targets
            }
        };
        catch_up(&mut claim, &report.carried.results)?;
        if targets.len() > 1 {
            claim.make_room()?;
        }
        report.carried.results.clear();
        Ok(Some(Taken {
            state: claim.state().clone(),
            entry: claim.entry().clone(),
            claim: Mutex::new(claim),
            head,
            targets,
            tried: more.tried,
            seen: None,
            progress: Progress {
                locks: std::mem::take(&mut report.carried.locks),
                ..Progress::default()
            },
        }))
    }

    fn do_task(
        mut self,
        engine: &Engine,
        spool: &'s Spool,
        task: &Task<'_>,
        report: &mut Report,
    ) -> Result<(), SpoolError> {
        let decision = self.with_job(engine, spool, |job| {
            job.tell_what_is_left();
            match task {
                Task::Attempt => job.attempt(),
                Task::GiveUp(words) => job.give_up_all(*words),
            }
            finish::decide(job)
        });
        self.settle(decision, report)
    }

    /// Does what the decision says with the message's file.
    pub fn settle(
        self,
        decision: Result<Decision, SpoolError>,
        report: &mut Report,
    ) -> Result<(), SpoolError> {
        let id = self.head.id;
        let progress = self.progress;
        let claim = self
            .claim
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        report.summary.count(progress.results.values());
        let done = match decision {
            Ok(Decision::Retire) => claim.retire(),
            Ok(Decision::SetAside(why)) => {
                let done = claim.set_aside(&why);
                done.inspect(|()| log::corrupt(&id, &why))
            }
            Ok(Decision::Undeliverable) => {
                let done = claim.set_aside(UNDELIVERABLE);
                done.inspect(|()| log::set_aside(&id, &UNDELIVERABLE))
            }
            Ok(Decision::Defer(due)) => claim.defer(due),
            Ok(Decision::Hold) => {
                let done = claim.hold();
                done.inspect(|()| log::held(&id, log::By::Route))
            }
            Ok(Decision::Keep(next)) => {
                report.next = next;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if done.is_err() {
            report.carried = Carried {
                results: progress.results.into_values().collect(),
                locks: progress.locks,
            };
        }
        done
    }
}

/// True of a message made from another that is still queued and does not know of
/// it: the run that made it was cut short. Were it gone when the other comes to
/// make it, it would be made twice.
fn is_early(spool: &Spool, head: &Head) -> Result<bool, SpoolError> {
    let origin = &head.envelope.origin;
    let of = origin.words.iter().find(|(name, _)| name == "of");
    let Some(of) = of.and_then(|(_, id)| Id::parse(id)) else {
        return Ok(false);
    };
    let state = match spool.state(of) {
        Err(SpoolError::Corrupt(..)) => return Ok(false),
        state => state?,
    };
    let is_open = match origin.kind.as_str() {
        "list" => has_open_list(&state),
        kind => finish::is_untold(&state, kind, head.id),
    };
    if !is_open {
        return Ok(false);
    }
    match spool.find(of.as_str()) {
        Ok(original) => Ok(matches!(original.place, Place::New | Place::Deferred)),
        Err(SpoolError::NoSuchId(_) | SpoolError::Ambiguous(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn has_open_list(state: &State) -> bool {
    let targets = state.targets.as_deref().unwrap_or_default();
    let is_open = |(target, last): (&Target, Option<&Attempt>)| {
        target.owner.is_some() && !last.is_some_and(|a| a.result.is_final())
    };
    targets.iter().zip(state.last(targets.len())).any(is_open)
}

/// Records what the turn before could not.
fn catch_up(claim: &mut Claim<'_>, results: &[Attempt]) -> Result<(), SpoolError> {
    let known: HashSet<(u32, Timestamp)> = claim
        .state()
        .attempts
        .iter()
        .map(|a| (a.target, a.time))
        .collect();
    let is_lost = |a: &&Attempt| !known.contains(&(a.target, a.time));
    let lost: Vec<Attempt> = results.iter().filter(is_lost).cloned().collect();
    match lost.is_empty() {
        true => Ok(()),
        false => claim.record(&lost, true),
    }
}

/// By the parent where there is one, for it trusts nobody else's list.
fn expand(engine: &Engine, claim: &Claim<'_>, head: &Head) -> Result<Vec<Target>, String> {
    match &engine.parent {
        Some(parent) => parent.expand(claim.as_fd(), head.id),
        None => engine.expand(&head.envelope),
    }
}

/// Aliases that cannot be followed get mended; till then the mail waits.
fn postpone(engine: &Engine, mut claim: Claim<'_>, why: &str) -> Result<(), SpoolError> {
    let wait = engine.config.retry.first.max(Duration::from_secs(1));
    log::postponed(&claim.entry().id, &why, wait);
    claim.note(why)?;
    let now = jiff::Timestamp::now().as_second();
    claim.defer(
        u64::try_from(now)
            .unwrap_or(0)
            .saturating_add(wait.as_secs()),
    )
}

/// Each recipient that became others, or another.
fn log_expansion(head: &Head, targets: &[Target]) {
    let recipients = &head.envelope.recipients;
    let mut counts = vec![(0usize, false); recipients.len()];
    for target in targets {
        let number = target.recipient as usize;
        let (Some(count), Some(given)) = (counts.get_mut(number), recipients.get(number)) else {
            continue;
        };
        count.0 += 1;
        count.1 |= target.to == given.address.to_string();
    }
    for (count, given) in counts.iter().zip(recipients) {
        if *count != (1, true) {
            log::expanded(&head.id, &given.address, count.0);
        }
    }
}

impl<'s> Taken<'s> {
    /// Calls `f` with the message and its content; it decides, or the content
    /// cannot be read.
    pub fn with_job(
        &mut self,
        engine: &Engine,
        spool: &'s Spool,
        f: impl FnOnce(&Job<'_, 's>) -> Result<Decision, SpoolError>,
    ) -> Result<Decision, SpoolError> {
        let claim = &self.claim;
        let open = || -> io::Result<Box<dyn io::Read + Send>> {
            let message = lock(claim).message().map_err(into_io)?;
            Ok(Box::new(message))
        };
        let check = &self.head.check;
        let open = Box::new(open);
        let (length, body, long) = (check.length, check.body, check.long_lines);
        let letter = match self.seen {
            Some(seen) => Ok(Letter::known(length, body, long, seen, open)),
            None => Letter::read(length, body, long, open),
        };
        let letter = match letter {
            Ok(letter) => letter,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Decision::SetAside(error.to_string()));
            }
            Err(error) => {
                let what = "reading a queued message".to_string();
                return Err(SpoolError::Io { what, error });
            }
        };
        let mut tries = vec![0; self.targets.len()];
        for attempt in &self.state.attempts {
            if let Some(n) = tries.get_mut(attempt.target as usize) {
                *n += 1;
            }
        }
        let last = self.state.last(self.targets.len());
        let mut progress = std::mem::take(&mut self.progress);
        if progress.results.is_empty() {
            let is_delivered = |a: &&Attempt| a.result == Outcome::Delivered;
            progress.delivered = last.iter().flatten().filter(|a| is_delivered(a)).count();
        }
        let job = Job {
            engine,
            spool,
            claim,
            head: &self.head,
            targets: &self.targets,
            state: &self.state,
            last,
            tries,
            letter: &letter,
            tried: &self.tried,
            progress: Mutex::new(progress),
        };
        let decision = f(&job);
        self.seen = Some(letter.seen());
        self.progress = job
            .progress
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        decision
    }
}

fn into_io(error: SpoolError) -> io::Error {
    match error {
        SpoolError::Io { error, .. } => error,
        SpoolError::Corrupt(..) => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        other => io::Error::other(other.to_string()),
    }
}
