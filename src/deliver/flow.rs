//! Messages in line for one next hop, over one connection: the next is claimed
//! and read while the last is still under way, and its commands go out behind
//! the last one's end.
//!
//! Only what is plain goes this way: small, in a form that the server takes, all
//! of it to this next hop. The rest, and whatever did not get its answer here,
//! is left to [`super::remote`].

use std::collections::VecDeque;
use std::io::Read;
use std::time::{Duration, Instant};

use super::attempt::{MAX_HOPS, Plan};
use super::batch::Batch;
use super::board::{Course, Item};
use super::finish;
use super::job::{Decision, Job, Next, Report, Taken, lock};
use super::pool::{Kept, Slot};
use super::result;
use super::worker::{Hands, Reports};
use crate::net::drive::Feed;
use crate::route::table::Table;
use crate::smtp::caps::Caps;
use crate::smtp::client::{Message, Needs, Outcome, Verdict};
use crate::spool::{Attempt, Spool, SpoolError};

/// Octets of a message that is held in memory.
const SMALL: u64 = 128 * 1024;

/// Messages over one connection before other next hops that wait get their turn.
pub const STINT: usize = 200;

/// A message under way.
struct Under<'s> {
    taken: Taken<'s>,
    report: Report,
    route: String,
    /// Targets, in the order of the transaction's recipients.
    numbers: Vec<u32>,
    start: Instant,
}

/// What a message that was claimed for this line turned out to be.
enum Found {
    Plain(Plain),
    /// To be delivered by the long way.
    Other,
    /// Decided without a word said.
    Over(Result<Decision, SpoolError>),
}

struct Plain {
    message: Message,
    content: Vec<u8>,
    numbers: Vec<u32>,
    route: String,
}

/// Where the session leads, for the record.
struct Peer {
    host: String,
    address: String,
    tls: Option<String>,
    passed_on: bool,
}

/// Feeds one session.
pub struct Flow<'a, 's> {
    hands: &'a Hands<'s>,
    key: &'a str,
    slot: &'a Slot<'a>,
    peer: Peer,
    /// Messages that the session may still carry.
    room: usize,
    reports: &'a mut Reports,
    under: VecDeque<Under<'s>>,
    /// To be delivered by the long way, in order.
    left: Vec<(Taken<'s>, Report)>,
    sent: usize,
}

impl<'a, 's> Flow<'a, 's> {
    pub fn new(
        hands: &'a Hands<'s>,
        key: &'a str,
        slot: &'a Slot<'a>,
        kept: &Kept,
        reports: &'a mut Reports,
    ) -> Flow<'a, 's> {
        let mail_max = kept.session.caps().mail_max.unwrap_or(usize::MAX);
        let sent = kept.sent as usize;
        let limit = mail_max.min(kept.limit as usize);
        Flow {
            hands,
            key,
            slot,
            peer: Peer {
                host: kept.host.clone(),
                address: kept.address.clone(),
                tls: kept.session.tls(),
                passed_on: kept.session.caps().dsn,
            },
            room: limit.saturating_sub(sent),
            reports,
            under: VecDeque::new(),
            left: Vec::new(),
            sent: 0,
        }
    }

    /// How many messages went over the session, and those left for the long way.
    pub fn end(self) -> (usize, Vec<(Taken<'s>, Report)>) {
        // The machine answers for each that was begun: none is under way now.
        for under in self.under {
            self.reports.add(Report::busy(under.taken.head.id));
        }
        (self.sent, self.left)
    }

    /// The stint is over, or somebody has to look at a message.
    fn is_over(&self) -> bool {
        let is_asked_for = || self.hands.board.is_asked_for(self.key);
        self.sent >= STINT && is_asked_for()
            || self.room == 0
            || !self.left.is_empty()
            || self.hands.is_stopping()
    }

    fn take(&mut self, item: Item, caps: &Caps) -> Option<(Message, Vec<u8>)> {
        let hands = self.hands;
        let mut report = Report::new(item.entry.id);
        self.reports.took(report.id);
        let mut taken = match Taken::claim(hands.engine, hands.spool, item, &mut report) {
            Ok(Some(taken)) => taken,
            ended => {
                if let Err(error) = ended {
                    report.went_wrong(hands.engine, error);
                }
                self.reports.add(report);
                return None;
            }
        };
        match taken.look(hands, self.key, caps) {
            Found::Plain(plain) => {
                self.under.push_back(Under {
                    taken,
                    report,
                    route: plain.route,
                    numbers: plain.numbers,
                    start: Instant::now(),
                });
                self.room -= 1;
                self.sent += 1;
                Some((plain.message, plain.content))
            }
            Found::Other => {
                self.left.push((taken, report));
                None
            }
            Found::Over(decision) => {
                self.reports.settle(hands, taken, decision, report);
                None
            }
        }
    }
}

impl Feed for Flow<'_, '_> {
    fn next(&mut self, caps: &Caps) -> Option<(Message, Vec<u8>)> {
        loop {
            if self.is_over() {
                return None;
            }
            let item = self.hands.next_in(self.key, Duration::ZERO)?;
            let found = self.take(item, caps);
            if found.is_some() {
                return found;
            }
        }
    }

    fn done(&mut self, outcomes: Vec<Outcome>, is_open: bool) {
        self.slot.learn(&outcomes, is_open);
        let Some(mut under) = self.under.pop_front() else {
            return;
        };
        let ms = result::since(under.start);
        let mut attempts = Vec::with_capacity(outcomes.len());
        let mut is_left = outcomes.len() < under.numbers.len();
        for (number, outcome) in under.numbers.iter().zip(&outcomes) {
            is_left |= match outcome.verdict {
                Verdict::Deferred => !is_open || outcome.needs == Some(Needs::AnotherTransaction),
                _ => false,
            };
            attempts.push(Attempt {
                target: *number,
                host: Some(self.peer.host.clone()),
                address: Some(self.peer.address.clone()),
                route: Some(under.route.clone()),
                tls: self.peer.tls.clone(),
                passed_on: self.peer.passed_on,
                ms,
                ..result::of_outcome(outcome)
            });
        }
        let hands = self.hands;
        let mut taken = under.taken;
        if is_left {
            attempts.retain(|attempt| attempt.result.is_final());
        }
        let decision = taken.with_job(hands.engine, hands.spool, |job| {
            job.record(attempts);
            match is_left {
                true => Ok(Decision::Keep(Next::Done)),
                false => finish::decide(job),
            }
        });
        match (is_left, decision) {
            (true, Ok(Decision::Keep(_))) => self.left.push((taken, under.report)),
            (_, decision) => {
                let report = std::mem::replace(&mut under.report, Report::new(taken.head.id));
                self.reports.settle(hands, taken, decision, report);
            }
        }
    }
}

impl<'s> Taken<'s> {
    fn look(&mut self, hands: &Hands<'s>, key: &str, caps: &Caps) -> Found {
        let mut found = Found::Other;
        let decision = self.with_job(hands.engine, hands.spool, |job| {
            job.tell_what_is_left();
            if let Some(plain) = plain(job, key, caps) {
                found = Found::Plain(plain);
            }
            Ok(Decision::Keep(Next::Done))
        });
        match decision {
            Ok(Decision::Keep(_)) => found,
            decision => Found::Over(decision),
        }
    }
}

/// The message as it goes to a server that offers this; `None`: it is not plain.
fn plain(job: &Job<'_, '_>, key: &str, caps: &Caps) -> Option<Plain> {
    let progress = lock(&job.progress);
    if progress.error.is_some() || progress.untellable.is_some() {
        return None;
    }
    drop(progress);
    let letter = job.letter;
    if letter.size > SMALL || letter.hops > MAX_HOPS {
        return None;
    }
    let mut plan = job.plans(job.pending());
    let is_alone = plan.immediate.is_empty()
        && plan.lists.is_empty()
        && plan.local.is_empty()
        && plan.held.is_empty()
        && plan.remote.len() == 1;
    let (group, (remote, members)) = plan.remote.pop_first().filter(|_| is_alone)?;
    let most = caps.rcpt_max.unwrap_or(100).min(100);
    if group != key || members.len() > most {
        return None;
    }
    let batch = Batch::new(&job.head.envelope, job.targets, &members);
    let chosen: Vec<usize> = (0..members.len()).collect();
    if batch.wants_utf8(chosen.iter().copied(), letter).is_some() {
        return None;
    }
    let mut form = letter.plain_form(caps)?.ok()?;
    let is_too_big = caps
        .size
        .is_some_and(|limit| limit > 0 && form.size > limit);
    if is_too_big {
        return None;
    }
    let mut content = Vec::with_capacity(usize::try_from(form.size).unwrap_or(0) + 1);
    form.reader.read_to_end(&mut content).ok()?;
    Some(Plain {
        message: batch.message(&chosen, &form, false),
        content,
        numbers: members.iter().map(|(number, _)| *number).collect(),
        route: remote.route.clone(),
    })
}

/// Where a message goes, and who it is from, as its envelope tells it.
pub fn course(table: &Table, spool: &Spool, item: &Item) -> (Course, u64) {
    let Ok(head) = spool.head(&item.entry) else {
        return (Course::Common, 0);
    };
    let sender = head.envelope.sender.to_string();
    let hash = sender
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
    if item.more.is_some() {
        return (Course::Common, hash);
    }
    let table = table.for_sender(&head.envelope.sender);
    let mut plan = Plan::default();
    for target in crate::spool::unexpanded(&head) {
        plan.add(&table, 0, &target);
        let is_plain = plan.immediate.is_empty() && plan.local.is_empty() && plan.held.is_empty();
        if !is_plain || plan.remote.len() > 1 {
            return (Course::Common, hash);
        }
    }
    match plan.remote.pop_first() {
        Some((key, _)) => (Course::One(key), hash),
        None => (Course::Common, hash),
    }
}
