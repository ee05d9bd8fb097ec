//! One attempt: each target that is not settled goes to its next hop, and each
//! result is recorded as it comes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::batch::Batch;
use super::hop::{self, Hop, Local, Remote};
use super::job::{Job, lock};
use super::pool::Slot;
use super::remote::{self, Stop};
use super::{Home, local, metrics, notice, result};
use crate::log;
use crate::route::table::Table;
use crate::smtp::addr::Mailbox;
use crate::spool::{Attempt, Outcome, Target};

/// Received fields beyond which mail is in a loop (DESIGN section 8, R5).
pub const MAX_HOPS: usize = 100;

/// Next hops of one message worked on at once.
const PARALLEL: usize = 16;

impl<'s> Job<'_, 's> {
    /// One attempt for each target that is not settled and has a slot.
    pub fn attempt(&self) {
        self.attempt_by(|plan| self.remotes(plan));
    }

    /// The same where all of it goes to one next hop whose slot is held already.
    pub fn attempt_over(&self, key: &str, slot: &Slot<'_>, home: &Home<'_>) {
        self.attempt_by(|plan| match plan.get(key) {
            Some((remote, members)) if plan.len() == 1 => self.over(slot, home, remote, members),
            _ => self.remotes(plan),
        });
    }

    fn attempt_by(&self, remotes: impl FnOnce(Groups)) {
        let stopped = {
            let progress = lock(&self.progress);
            progress.error.is_some() || progress.untellable.is_some()
        };
        if stopped {
            return;
        }
        let pending = self.pending();
        if self.letter.hops > MAX_HOPS {
            let words = format!(
                "{} Received fields: the mail is in a loop",
                self.letter.hops
            );
            let attempt = result::failed("5.4.6", words);
            self.record(for_each(&pending, &attempt));
            return;
        }
        let plan = self.plans(pending);
        lock(&self.progress).hold |= !plan.held.is_empty();
        self.record(plan.immediate);
        for (owner, members) in plan.lists {
            self.list_copy(&owner, &members);
        }
        for (number, local) in plan.local {
            let start = Instant::now();
            match local::deliver(self, number, &local) {
                Ok(attempt) => self.record(vec![Attempt {
                    target: number,
                    route: Some(local.route),
                    ms: result::since(start),
                    ..attempt
                }]),
                Err(why) => lock(&self.progress).damaged = Some(why),
            }
        }
        remotes(plan.remote);
    }

    /// Targets that are to be tried now.
    pub fn pending(&self) -> Vec<u32> {
        let progress = lock(&self.progress);
        let is_settled = |n| {
            let last = progress.results.get(&n).or(self.last_before(n));
            last.is_some_and(|a| a.result.is_final())
        };
        self.numbers()
            .filter(|n| !is_settled(*n) && !self.tried.contains(n))
            .collect()
    }

    /// Where these targets go.
    pub fn plans(&self, pending: Vec<u32>) -> Plan {
        let mut plan = Plan::default();
        let table = self.engine.table_for(self.state);
        let table = table.for_sender(&self.head.envelope.sender);
        for number in pending {
            self.plan(number, &table, &mut plan);
        }
        plan
    }

    fn plan(&self, number: u32, table: &Table, plan: &mut Plan) {
        let Some(target) = self.targets.get(number as usize) else {
            return;
        };
        if let (Some(owner), Ok(mailbox)) = (&target.owner, Mailbox::parse(&target.to)) {
            let members = plan.lists.entry(owner.clone()).or_default();
            return members.push((number, mailbox));
        }
        plan.add(table, number, target);
    }

    fn remotes(&self, groups: Groups) {
        let threads = groups.len().min(PARALLEL);
        let queue = Mutex::new(groups.into_iter());
        let work = || {
            loop {
                let Some((key, (remote, members))) = lock(&queue).next() else {
                    return;
                };
                self.remote(&key, &remote, &members);
            }
        };
        // One next hop, the common case, needs no thread of its own.
        if threads <= 1 {
            return work();
        }
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Fewer do where there are no more to be had.
                if std::thread::Builder::new()
                    .spawn_scoped(scope, work)
                    .is_err()
                {
                    break;
                }
            }
            work();
        });
    }

    fn remote(&self, key: &str, remote: &Remote, members: &[(u32, Mailbox)]) {
        let Some(slot) = self.engine.pool.slot(key) else {
            lock(&self.progress).waiting.push(key.to_string());
            return;
        };
        let home = Home::Shared(&self.engine.runtime);
        self.over(&slot, &home, remote, members);
    }

    /// Delivers to one next hop over this slot's connections.
    pub fn over(
        &self,
        slot: &Slot<'_>,
        home: &Home<'_>,
        remote: &Remote,
        members: &[(u32, Mailbox)],
    ) {
        let batch = Batch::new(&self.head.envelope, self.targets, members);
        let record = |attempts| self.record(attempts);
        let sending = remote::deliver(self.engine, remote, slot, &batch, self.letter, &record);
        match home.block_on(sending) {
            Ok(()) => {}
            Err(Stop::Ending) => lock(&self.progress).stopped = true,
            Err(Stop::Damaged(why)) => lock(&self.progress).damaged = Some(why),
        }
    }

    fn list_copy(&self, owner: &str, members: &[(u32, Mailbox)]) {
        let numbers: Vec<u32> = members.iter().map(|m| m.0).collect();
        let Ok(sender) = Mailbox::parse(owner) else {
            let words = format!("{owner}: the list's owner is no address");
            self.record(for_each(&numbers, &result::failed("5.1.3", words)));
            return;
        };
        match notice::list_copy(self.spool, self.head, self.letter, &sender, members) {
            Ok(made) => {
                lock(&self.progress).locks.extend(made);
                let words = format!("sent on as mail of {owner}");
                self.record(for_each(&numbers, &result::delivered(words)));
            }
            Err(error) => {
                let words = format!("copying for the list: {error}");
                self.record(for_each(&numbers, &result::deferred("4.3.0", words)));
            }
        }
    }

    /// On stable storage when this returns, unless removing the message is all
    /// that is left to do and so is the record itself.
    pub fn record(&self, attempts: Vec<Attempt>) {
        if attempts.is_empty() {
            return;
        }
        let mut progress = lock(&self.progress);
        for attempt in &attempts {
            metrics::count(attempt, self.head.envelope.origin.time);
            match attempt.result {
                Outcome::Delivered => log::sent(&self.in_log(attempt)),
                Outcome::Failed => log::bounced(&self.in_log(attempt)),
                // Told once it is known when the next attempt is.
                Outcome::Deferred | Outcome::Unknown => progress.late.push(attempt.clone()),
            }
        }
        drop(progress);
        self.write(attempts);
    }

    /// Given up: [`Job::record`] of what no host said.
    pub fn record_expired(&self, attempts: Vec<Attempt>) {
        for attempt in &attempts {
            log::expired(&self.in_log(attempt));
        }
        self.write(attempts);
    }

    fn write(&self, attempts: Vec<Attempt>) {
        let mut progress = lock(&self.progress);
        for attempt in &attempts {
            let before = progress.results.insert(attempt.target, attempt.clone());
            let is_delivered = |a: &Attempt| a.result == Outcome::Delivered;
            progress.delivered += usize::from(is_delivered(attempt));
            progress.delivered -= usize::from(before.is_some_and(|a| is_delivered(&a)));
        }
        // What came to nothing yet settles nobody: nothing depends on it.
        let is_final = attempts.iter().any(|a| a.result.is_final());
        let is_open = progress.delivered < self.targets.len();
        let sync = is_final && is_open || !progress.locks.is_empty();
        drop(progress);
        if let Err(error) = lock(self.claim).record(&attempts, sync) {
            lock(&self.progress).error = Some(error);
        }
    }

    /// Tells of the attempts that came to nothing yet, and when the next are.
    pub fn log_late(&self, due: Option<u64>) {
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
        let again = due.map(|due| Duration::from_secs(due.saturating_sub(now)));
        let late = std::mem::take(&mut lock(&self.progress).late);
        for attempt in &late {
            log::deferred(&self.in_log(attempt), again);
        }
    }

    fn in_log<'a>(&'a self, attempt: &'a Attempt) -> log::Attempt<'a> {
        let target = self.targets.get(attempt.target as usize);
        let to = target.map_or("", |t| &t.to);
        result::in_log(&self.head.id, &self.head.envelope, to, attempt)
    }
}

/// By the key of the next hop: it, and who goes there.
pub(super) type Groups = BTreeMap<String, (Remote, Vec<(u32, Mailbox)>)>;

/// What is to be done for the pending targets.
#[derive(Default)]
pub(super) struct Plan {
    /// Results that no delivery is needed for.
    pub immediate: Vec<Attempt>,
    pub lists: BTreeMap<String, Vec<(u32, Mailbox)>>,
    pub local: Vec<(u32, Local)>,
    pub remote: Groups,
    pub held: Vec<u32>,
}

impl Plan {
    /// Finds the next hop of a target.
    pub fn add(&mut self, table: &Table, number: u32, target: &Target) {
        let to = target.to.as_str();
        if let Some(words) = &target.refused {
            let (status, words) = words.split_once(' ').unwrap_or(("5.1.1", words));
            return self.immediate.push(Attempt {
                target: number,
                ..result::failed(status, words)
            });
        }
        let attempt = match (hop::next(table, to), Mailbox::parse(to)) {
            (Ok((Hop::Remote(remote), _)), Ok(mailbox)) => {
                let group = self
                    .remote
                    .entry(remote.key())
                    .or_insert((remote, Vec::new()));
                return group.1.push((number, mailbox));
            }
            (Ok((Hop::Local(local), _)), _) => return self.local.push((number, local)),
            (Ok((Hop::Hold, _)), _) => return self.held.push(number),
            (Ok((Hop::Discard, because)), _) => result::delivered(format!("discarded: {because}")),
            (Ok((Hop::Error(status, words), _)), _) if status.starts_with('4') => {
                result::deferred(&status, words)
            }
            (Ok((Hop::Error(status, words), _)), _) => result::failed(&status, words),
            (Ok((Hop::Remote(_), _)), Err(error)) => result::failed("5.1.3", error.to_string()),
            (Err((status, words)), _) => result::failed(status, words),
        };
        self.immediate.push(Attempt {
            target: number,
            ..attempt
        });
    }
}

/// The same attempt for several targets.
pub(super) fn for_each(numbers: &[u32], attempt: &Attempt) -> Vec<Attempt> {
    let with = |target: &u32| Attempt {
        target: *target,
        ..attempt.clone()
    };
    numbers.iter().map(with).collect()
}
