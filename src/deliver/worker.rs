//! Workers: threads that take what is on the board, each with a runtime of its
//! own for its connection. A message goes from the spool to the wire and out of
//! the spool in one thread.

use std::sync::Arc;
use std::thread::Scope;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;

use super::board::{Board, Course, Item, More, Work};
use super::flow::Flow;
use super::job::{self, Decision, Next, Report, Taken};
use super::pool::{IDLE, Kept, Slot};
use super::{Engine, Home, RunError, finish, flow};
use crate::log;
use crate::spool::{Entry, Id, Spool, SpoolError};

/// Reports are handed on in heaps, for each wakes the run.
const HEAP: usize = 64;

/// ... and no later than this.
const LATEST: Duration = Duration::from_millis(200);

/// What a worker works with.
pub struct Hands<'s> {
    pub engine: &'s Engine,
    pub spool: &'s Spool,
    pub board: &'s Board,
    pub reports: UnboundedSender<Vec<Report>>,
}

impl Hands<'_> {
    pub fn is_stopping(&self) -> bool {
        *self.engine.stop.borrow()
    }

    pub fn next_in(&self, key: &str, wait: Duration) -> Option<Item> {
        self.board.next_in(key, &|item| self.course(item), wait)
    }

    fn course(&self, item: &Item) -> (Course, u64) {
        flow::course(&self.engine.table, self.spool, item)
    }
}

/// What became of messages, until it is handed on.
pub struct Reports {
    to: UnboundedSender<Vec<Report>>,
    heap: Vec<Report>,
    since: Instant,
    /// Taken, and not reported yet.
    open: Vec<Id>,
}

impl Reports {
    fn new(hands: &Hands<'_>) -> Reports {
        Reports {
            to: hands.reports.clone(),
            heap: Vec::new(),
            since: Instant::now(),
            open: Vec::new(),
        }
    }

    pub fn took(&mut self, id: Id) {
        self.open.push(id);
    }

    pub fn add(&mut self, report: Report) {
        self.open.retain(|id| *id != report.id);
        if self.heap.is_empty() {
            self.since = Instant::now();
        }
        let is_urgent = report.next != Next::Done;
        self.heap.push(report);
        if is_urgent || self.heap.len() >= HEAP || self.since.elapsed() >= LATEST {
            self.flush();
        }
    }

    /// Settles a message and reports it.
    pub fn settle<'s>(
        &mut self,
        hands: &Hands<'s>,
        taken: Taken<'s>,
        decision: Result<Decision, SpoolError>,
        mut report: Report,
    ) {
        let entry = taken.entry.clone();
        if let Err(error) = taken.settle(decision, &mut report) {
            report.went_wrong(hands.engine, error);
        }
        self.finish(hands, entry, report);
    }

    /// Reports a message; one that waits for a connection stays on the board.
    fn finish(&mut self, hands: &Hands<'_>, entry: Entry, mut report: Report) {
        let (keys, tried) = match std::mem::replace(&mut report.next, Next::Later) {
            Next::Waiting { keys, tried } => (keys, tried),
            next => {
                report.next = next;
                return self.add(report);
            }
        };
        let carried = std::mem::take(&mut report.carried);
        self.add(report);
        let more = Some(Box::new(More { tried, carried }));
        let key = keys.into_iter().next().unwrap_or_default();
        hands.board.wait_for(&key, Item { entry, more });
    }

    fn flush(&mut self) {
        if !self.heap.is_empty() {
            let _ = self.to.send(std::mem::take(&mut self.heap));
        }
    }

    /// A defect met by one message must not end the others' run.
    fn panicked(&mut self) {
        for id in std::mem::take(&mut self.open) {
            log::delivery_defect(&id, &"the delivery panicked");
            self.heap.push(Report::busy(id));
        }
    }
}

/// Starts a worker; it ends when there is nothing to do for a while.
pub fn start<'scope, 'env: 'scope>(
    threads: &'scope Scope<'scope, 'env>,
    hands: Arc<Hands<'env>>,
    limit: usize,
) -> Result<(), RunError> {
    let failed = |e| RunError::System("starting a worker", e);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    hands.board.enter();
    let board = hands.board;
    let work = move || {
        let mut reports = Reports::new(&hands);
        loop {
            let work = hands
                .board
                .take(&hands.engine.pool, &|item| hands.course(item));
            if let Work::End = work {
                break;
            }
            if !hands.board.has_hands(limit) {
                // Without another the work is done all the same, only later.
                let _ = start(threads, Arc::clone(&hands), limit);
            }
            let go = || do_work(&hands, &runtime, work, &mut reports);
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(go)).is_err() {
                reports.panicked();
            }
            reports.flush();
        }
        hands.board.leave();
        let _ = hands.reports.send(Vec::new());
    };
    let spawned = std::thread::Builder::new().spawn_scoped(threads, work);
    if let Err(error) = spawned {
        board.leave();
        return Err(failed(error));
    }
    Ok(())
}

fn do_work(hands: &Hands<'_>, runtime: &Runtime, work: Work<'_>, reports: &mut Reports) {
    match work {
        Work::End => {}
        Work::Message(item) => message(hands, item, reports),
        Work::Line(key, slot) => line(hands, runtime, &key, slot, reports),
    }
}

/// One message, wherever it goes.
fn message(hands: &Hands<'_>, item: Item, reports: &mut Reports) {
    let entry = item.entry.clone();
    reports.took(entry.id);
    let report = job::work(hands.engine, hands.spool, item);
    reports.finish(hands, entry, report);
}

/// The messages in line for a next hop, for a stint.
fn line(
    hands: &Hands<'_>,
    runtime: &Runtime,
    key: &str,
    mut slot: Slot<'_>,
    reports: &mut Reports,
) {
    slot.make_private();
    let mut wait = Duration::ZERO;
    let mut sent = 0;
    let is_over = |sent| sent >= flow::STINT && hands.board.is_asked_for(key);
    while !is_over(sent) && !hands.is_stopping() {
        let Some(item) = hands.next_in(key, wait) else {
            break;
        };
        sent += 1;
        if item.more.is_some() {
            // It goes to others too, and takes its slots itself.
            goodbye(runtime, &slot);
            drop(slot);
            return message(hands, item, reports);
        }
        first(hands, runtime, key, &slot, item, reports);
        while let Some(kept) = slot.take() {
            let (kept, count) = follow(hands, runtime, key, &slot, kept, reports);
            sent += count;
            match kept {
                Some(kept) if count > 0 && !is_over(sent) => keep(runtime, &slot, kept),
                Some(kept) => {
                    keep(runtime, &slot, kept);
                    break;
                }
                None => {}
            }
        }
        reports.flush();
        wait = match slot.has_session() {
            true => IDLE,
            false => Duration::ZERO,
        };
    }
    goodbye(runtime, &slot);
}

fn keep(runtime: &Runtime, slot: &Slot<'_>, kept: Kept) {
    if let Some(done) = slot.keep(kept) {
        runtime.block_on(done.session.quit());
    }
}

fn goodbye(runtime: &Runtime, slot: &Slot<'_>) {
    while let Some(kept) = slot.take() {
        runtime.block_on(kept.session.quit());
    }
}

/// A message the long way: finding hosts, opening connections.
fn first<'s>(
    hands: &Hands<'s>,
    runtime: &Runtime,
    key: &str,
    slot: &Slot<'_>,
    item: Item,
    reports: &mut Reports,
) {
    let mut report = Report::new(item.entry.id);
    reports.took(report.id);
    match Taken::claim(hands.engine, hands.spool, item, &mut report) {
        Ok(Some(taken)) => long_way(hands, runtime, key, slot, (taken, report), reports),
        ended => {
            if let Err(error) = ended {
                report.went_wrong(hands.engine, error);
            }
            reports.add(report);
        }
    }
}

fn long_way<'s>(
    hands: &Hands<'s>,
    runtime: &Runtime,
    key: &str,
    slot: &Slot<'_>,
    (mut taken, report): (Taken<'s>, Report),
    reports: &mut Reports,
) {
    let home = Home::Own(runtime);
    let decision = taken.with_job(hands.engine, hands.spool, |job| {
        job.tell_what_is_left();
        job.attempt_over(key, slot, &home);
        finish::decide(job)
    });
    reports.settle(hands, taken, decision, report);
}

/// What is in line behind the first, over its connection; gives the session back
/// where it can carry more, and how many messages it carried.
fn follow(
    hands: &Hands<'_>,
    runtime: &Runtime,
    key: &str,
    slot: &Slot<'_>,
    mut kept: Kept,
    reports: &mut Reports,
) -> (Option<Kept>, usize) {
    let is_whole = kept.may_stream && !hands.engine.pool.is_distrusted(&kept.host);
    let mut flow = Flow::new(hands, key, slot, &kept, reports);
    runtime.block_on(kept.session.send_all(&mut flow, is_whole));
    let (sent, left) = flow.end();
    kept.sent = kept
        .sent
        .saturating_add(u32::try_from(sent).unwrap_or(u32::MAX));
    kept.since = Instant::now();
    let is_open = kept.session.is_open();
    if is_whole && sent > 0 && !is_open {
        hands.engine.pool.distrust(&kept.host);
    }
    let mut kept = Some(kept).filter(|_| is_open);
    for under in left {
        if let Some(kept) = kept.take() {
            keep(runtime, slot, kept);
        }
        long_way(hands, runtime, key, slot, under, reports);
    }
    (kept.or_else(|| slot.take()), sent)
}
