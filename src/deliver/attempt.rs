//! One attempt: each target that is not settled goes to its next hop, and each
//! result is recorded as it comes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::hop::{self, Hop, Local, Remote};
use super::job::{Job, lock};
use super::remote::{self, Batch, Stop};
use super::{local, notice, result};
use crate::log;
use crate::smtp::addr::Mailbox;
use crate::spool::{Attempt, Outcome, Place};

/// Received fields beyond which mail is in a loop (DESIGN section 8, R5).
const MAX_HOPS: usize = 100;

/// Next hops of one message worked on at once.
const PARALLEL: usize = 16;

impl<'s> Job<'_, 's> {
    /// One attempt for each target that is not settled and has a slot.
    pub fn attempt(&self) {
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
        let mut plan = Plan::default();
        for number in pending {
            self.plan(number, &mut plan);
        }
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
        self.remotes(plan.remote);
    }

    fn pending(&self) -> Vec<u32> {
        let numbers = 0..u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        numbers
            .filter(|n| self.state.settled(*n).is_none() && !self.tried.contains(n))
            .collect()
    }

    fn plan(&self, number: u32, plan: &mut Plan) {
        let Some(target) = self.targets.get(number as usize) else {
            return;
        };
        let mailbox = Mailbox::parse(&target.to);
        if let (Some(owner), Ok(mailbox)) = (&target.owner, &mailbox) {
            let members = plan.lists.entry(owner.clone()).or_default();
            members.push((number, mailbox.clone()));
            return;
        }
        let is_new = self.claim_is_new();
        let attempt = match (hop::next(self.engine.table(is_new), &target.to), mailbox) {
            (Ok((Hop::Remote(remote), _)), Ok(mailbox)) => {
                let group = plan
                    .remote
                    .entry(remote.key())
                    .or_insert((remote, Vec::new()));
                group.1.push((number, mailbox));
                return;
            }
            (Ok((Hop::Local(local), _)), _) => {
                plan.local.push((number, local));
                return;
            }
            (Ok((Hop::Hold, _)), _) => {
                lock(&self.progress).hold = true;
                return;
            }
            (Ok((Hop::Discard, because)), _) => result::delivered(format!("discarded: {because}")),
            (Ok((Hop::Error(status, words), _)), _) if status.starts_with('4') => {
                result::deferred(&status, words)
            }
            (Ok((Hop::Error(status, words), _)), _) => result::failed(&status, words),
            (Ok((Hop::Remote(_), _)), Err(error)) => result::failed("5.1.3", error.to_string()),
            (Err((status, words)), _) => result::failed(status, words),
        };
        plan.immediate.push(Attempt {
            target: number,
            ..attempt
        });
    }

    /// `hold:` routes catch a message once: one that was released goes on.
    fn claim_is_new(&self) -> bool {
        lock(self.claim).entry().place == Place::New
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
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }

    fn remote(&self, key: &str, remote: &Remote, members: &[(u32, Mailbox)]) {
        let Some(slot) = self.engine.pool.slot(key) else {
            lock(&self.progress).waiting.push(key.to_string());
            return;
        };
        lock(&self.progress).used.push(key.to_string());
        let params = |number: u32| {
            let target = self.targets.get(number as usize)?;
            let recipients = &self.head.envelope.recipients;
            Some(recipients.get(target.recipient as usize)?.params.clone())
        };
        let recipients = members
            .iter()
            .map(|(n, mailbox)| (*n, mailbox.clone(), params(*n).unwrap_or_default()));
        let batch = Batch {
            sender: &self.head.envelope.sender,
            params: &self.head.envelope.params,
            recipients: recipients.collect(),
        };
        let sending = remote::deliver(self.engine, remote, &slot, &batch, self.letter);
        match self.engine.runtime.block_on(sending) {
            Ok(attempts) => self.record(attempts),
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
            progress.results.insert(attempt.target, attempt.clone());
        }
        let is_delivered = |n: u32| {
            let now = progress.results.get(&n).or_else(|| self.state.settled(n));
            now.is_some_and(|a| a.result == Outcome::Delivered)
        };
        let all = 0..u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let sync = !all.into_iter().all(is_delivered) || !progress.locks.is_empty();
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

type Groups = BTreeMap<String, (Remote, Vec<(u32, Mailbox)>)>;

/// What is to be done for the pending targets.
#[derive(Default)]
struct Plan {
    immediate: Vec<Attempt>,
    lists: BTreeMap<String, Vec<(u32, Mailbox)>>,
    local: Vec<(u32, Local)>,
    remote: Groups,
}

/// The same attempt for several targets.
pub(super) fn for_each(numbers: &[u32], attempt: &Attempt) -> Vec<Attempt> {
    let with = |target: &u32| Attempt {
        target: *target,
        ..attempt.clone()
    };
    numbers.iter().map(with).collect()
}
