//! A run: what is due, in order; who waits; when to look again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::Scope;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::board::{Board, Item};
use super::job::{Carried, Next, Report};
use super::wake::{Signals, Told, Wakes};
use super::worker::{self, Hands};
use super::{Engine, Mode, RunError, Summary};
use crate::log;
use crate::spool::{Entry, Id, Place, RunLock, Spool, Wake};

/// How soon to look again at a message that another process works on; doubled
/// each time up to [`BUSY_LONGEST`].
const BUSY: Duration = Duration::from_millis(50);
const BUSY_LONGEST: Duration = Duration::from_secs(30);

/// A pass looks again only while the pause is shorter than this. (Two runners
/// may hold a message for a moment just to find that its destination is busy;
/// neither may take that for the other's delivery.)
const BUSY_IN_PASS: Duration = Duration::from_secs(2);

/// How often a resident runner that found the lock taken asks again.
const LOCK_PAUSE: Duration = Duration::from_secs(5);

/// How often it looks at the directories although nothing was reported.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);

/// How often old files are swept.
const SWEEP: Duration = Duration::from_secs(3600);

/// While there is work, the directories are read no more often than this: each
/// deferral wakes its own runner.
const RESCAN: Duration = Duration::from_secs(1);

/// After a directory was read, wake-ups are gathered for this long.
const GATHER: Duration = Duration::from_millis(20);

struct Run<'scope, 'env> {
    engine: &'env Engine,
    spool: &'env Spool,
    mode: Mode,
    threads: &'scope Scope<'scope, 'env>,
    hands: Arc<Hands<'env>>,
    /// On the board or under way: not to be taken up again.
    known: HashSet<Id>,
    /// Those that another holds: not before then, and how long the next pause is.
    busy: HashMap<Id, (Instant, Duration)>,
    /// Under way when a run was asked for: tried again after that.
    flushed: HashSet<Id>,
    /// Results that could not be recorded, to be recorded before anything else.
    carried: HashMap<Id, Carried>,
    /// In a pass: had their turn.
    seen: HashSet<Id>,
    stopping: bool,
    /// The next due time among those not due, Unix seconds.
    next_due: Option<u64>,
    /// Anything in `new/` or `cur/` when the directories were last read.
    is_empty: bool,
    summary: Summary,
}

/// Runs until the mode's end, or SIGTERM or SIGINT.
pub async fn run<'scope, 'env: 'scope>(
    engine: &'env Engine,
    spool: &'env Spool,
    board: &'env Board,
    mode: Mode,
    threads: &'scope Scope<'scope, 'env>,
    stop: watch::Sender<bool>,
) -> Result<Summary, RunError> {
    let (reports, incoming) = mpsc::unbounded_channel();
    let run = Run {
        engine,
        spool,
        mode,
        threads,
        hands: Arc::new(Hands {
            engine,
            spool,
            board,
            reports,
        }),
        known: HashSet::new(),
        busy: HashMap::new(),
        flushed: HashSet::new(),
        carried: HashMap::new(),
        seen: HashSet::new(),
        stopping: false,
        next_due: None,
        is_empty: false,
        summary: Summary::default(),
    };
    let mut signals = Signals::new()?;
    let ended = match run.mode {
        Mode::Pass { .. } | Mode::Only(_) => run.pass(incoming, &mut signals, &stop).await,
        Mode::Watch | Mode::Drain => run.resident(incoming, &mut signals, &stop).await,
    };
    // Whoever waits for work has none to wait for.
    board.end();
    say_goodbye(engine, true).await;
    ended
}

type Incoming = mpsc::UnboundedReceiver<Vec<Report>>;

impl Run<'_, '_> {
    /// Each message that is due once, those made on the way too.
    async fn pass(
        mut self,
        mut incoming: Incoming,
        signals: &mut Signals,
        stop: &watch::Sender<bool>,
    ) -> Result<Summary, RunError> {
        loop {
            if !self.stopping {
                self.scan(false)?;
            }
            self.start()?;
            if self.known.is_empty() {
                if self.stopping || self.busy.is_empty() {
                    return Ok(self.summary);
                }
                tokio::time::sleep(self.pause(true)).await;
            }
            while !self.known.is_empty() {
                tokio::select! {
                    Some(reports) = incoming.recv() => self.take_all(reports),
                    signal = signals.next() => match signal {
                        Told::End => self.end(stop),
                        Told::Run => {}
                    },
                    () = tokio::time::sleep(super::pool::IDLE), if self.engine.pool.has_idle() => {}
                }
                say_goodbye(self.engine, false).await;
                self.start()?;
            }
        }
    }

    /// Stays: wake-ups come from the spool, from due times and from signals.
    async fn resident(
        mut self,
        mut incoming: Incoming,
        signals: &mut Signals,
        stop: &watch::Sender<bool>,
    ) -> Result<Summary, RunError> {
        let mut lock = self.spool.lock_run()?;
        if lock.is_none() && self.mode == Mode::Drain {
            return Ok(self.summary);
        }
        // Watched before the directories are read: nothing slips in between.
        let mut wakes = Wakes::new(self.spool)?;
        let mut rescan = true;
        let mut all = false;
        let mut scanned = Instant::now();
        let mut swept: Option<Instant> = None;
        loop {
            if swept.is_none_or(|then| then.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                self.sweep();
            }
            let is_time = self.hands.board.is_empty() || scanned.elapsed() >= RESCAN;
            if rescan && is_time && !self.stopping {
                self.scan(all)?;
                (rescan, all) = (false, false);
                scanned = Instant::now();
            }
            self.start()?;
            if self.stopping && self.known.is_empty() {
                return Ok(self.summary);
            }
            if self.mode == Mode::Drain && self.is_over() {
                match self.hand_over(&mut lock)? {
                    true => return Ok(self.summary),
                    false => {
                        rescan = true;
                        continue;
                    }
                }
            }
            let mut pause = self.pause(lock.is_some());
            if rescan {
                pause = pause.min(RESCAN);
            }
            let mut wake = Wake::default();
            tokio::select! {
                Some(reports) = incoming.recv() => {
                    rescan |= self.take_and_look(reports);
                }
                told = wakes.wait() => wake = told?,
                signal = signals.next() => match signal {
                    Told::End => self.end(stop),
                    Told::Run => wake.flush = true,
                },
                () = tokio::time::sleep(pause) => rescan = true,
            }
            if wake.flush {
                self.engine.pool.forget_dead();
            }
            if wake.rescan || wake.flush {
                all |= wake.flush;
                rescan = true;
                tokio::time::sleep(GATHER).await;
            }
            if lock.is_none() {
                lock = self.spool.lock_run()?;
            }
            say_goodbye(self.engine, false).await;
        }
    }

    fn is_over(&self) -> bool {
        self.is_empty && self.known.is_empty()
    }

    /// Gives the lock up and looks again: mail that was committed meanwhile saw
    /// the lock held and started nobody. True where the run is over.
    fn hand_over(&mut self, lock: &mut Option<RunLock>) -> Result<bool, RunError> {
        *lock = None;
        let left = self.spool.list()?;
        if left.iter().all(|entry| !is_queued(entry)) {
            return Ok(true);
        }
        *lock = self.spool.lock_run()?;
        Ok(lock.is_none())
    }

    /// Reads the directories; what is due becomes ready, oldest due time first.
    fn scan(&mut self, all: bool) -> Result<(), RunError> {
        let now = unix_now();
        let clock = Instant::now();
        self.next_due = None;
        self.is_empty = true;
        let mut listed = self.spool.list()?;
        if all {
            // What they come to is no answer to who asked just now.
            self.flushed.extend(&self.known);
        }
        if !(self.busy.is_empty() && self.carried.is_empty() && self.flushed.is_empty()) {
            let there: HashSet<Id> = listed.iter().map(|entry| entry.id).collect();
            self.busy.retain(|id, _| there.contains(id));
            self.carried.retain(|id, _| there.contains(id));
            self.flushed.retain(|id| there.contains(id));
        }
        listed.retain(|entry| self.has_its_turn(entry, now, clock, all));
        listed.sort_unstable_by_key(|entry| (entry.due, entry.id));
        self.known.reserve(listed.len());
        self.known.extend(listed.iter().map(|entry| entry.id));
        let carried = &mut self.carried;
        let items = listed.into_iter().map(|entry| {
            let carried = carried.remove(&entry.id);
            Item::new(entry, carried)
        });
        self.hands.board.put(items);
        Ok(())
    }

    /// Is it to be worked on now? Keeps the next due time of those that are not.
    fn has_its_turn(&mut self, entry: &Entry, now: u64, clock: Instant, all: bool) -> bool {
        if !is_queued(entry) {
            return false;
        }
        self.is_empty = false;
        if self.known.contains(&entry.id) || self.seen.contains(&entry.id) {
            return false;
        }
        if self.busy.get(&entry.id).is_some_and(|b| b.0 > clock) {
            return false;
        }
        let is_asked = self.flushed.remove(&entry.id);
        let is_due = is_asked || self.is_due(entry, now, all);
        if !is_due {
            self.next_due = Some(self.next_due.unwrap_or(u64::MAX).min(entry.due));
        }
        is_due
    }

    fn is_due(&self, entry: &Entry, now: u64, all: bool) -> bool {
        match &self.mode {
            Mode::Only(ids) => ids.contains(&entry.id),
            Mode::Pass { all: true } => true,
            _ if all => true,
            _ => entry.due <= now || self.is_beyond(entry.due, now),
        }
    }

    /// D5: a due time that no schedule gives comes from a clock that was wrong.
    fn is_beyond(&self, due: u64, now: u64) -> bool {
        let schedule = &self.engine.config.retry;
        let longest = schedule.longest.max(schedule.first).as_secs();
        due > now
            .saturating_add(longest.saturating_mul(2))
            .saturating_add(600)
    }

    /// Sees that somebody works where there is work.
    fn start(&self) -> Result<(), RunError> {
        let limit = self.engine.config.delivery.concurrency.max(1);
        match self.hands.board.has_hands(limit) || self.stopping {
            true => Ok(()),
            false => worker::start(self.threads, Arc::clone(&self.hands), limit),
        }
    }

    fn take_all(&mut self, reports: Vec<Report>) {
        for report in reports {
            self.take(report);
        }
    }

    /// A message had its turn.
    fn take(&mut self, report: Report) {
        self.summary.add(report.summary);
        if report.next == Next::Later {
            return;
        }
        self.known.remove(&report.id);
        if report.next != Next::Busy {
            self.busy.remove(&report.id);
        }
        if !report.carried.is_empty() {
            self.carried.insert(report.id, report.carried);
        }
        match report.next {
            Next::Done => self.note_seen(report.id),
            Next::Busy => {
                let pause = self.busy.get(&report.id).map_or(BUSY, |b| b.1);
                if self.is_pass() && pause >= BUSY_IN_PASS {
                    self.busy.remove(&report.id);
                    self.seen.insert(report.id);
                } else {
                    let next = (pause * 2).min(BUSY_LONGEST);
                    self.busy.insert(report.id, (Instant::now() + pause, next));
                }
            }
            // Those that wait are on the board.
            Next::Waiting { .. } | Next::Later | Next::Stopped => {}
        }
    }

    /// [`Run::take`]; true where the directories are to be read once more: due
    /// times were set. (What was made on the way is told by the watch.)
    fn take_and_look(&mut self, reports: Vec<Report>) -> bool {
        let is_asked = reports.iter().any(|r| self.flushed.contains(&r.id));
        self.take_all(reports);
        is_asked || self.known.is_empty()
    }

    fn note_seen(&mut self, id: Id) {
        if self.is_pass() {
            self.seen.insert(id);
        }
    }

    fn is_pass(&self) -> bool {
        matches!(self.mode, Mode::Pass { .. } | Mode::Only(_))
    }

    /// Nothing new is begun; dialogues that reached a message are finished.
    fn end(&mut self, stop: &watch::Sender<bool>) {
        self.stopping = true;
        let _ = stop.send(true);
        for id in self.hands.board.end() {
            self.known.remove(&id);
        }
    }

    /// How long nothing is expected to happen.
    fn pause(&self, has_lock: bool) -> Duration {
        let mut pause = LONGEST_SLEEP;
        if self.stopping {
            return pause;
        }
        if let Some(due) = self.next_due {
            let now = Timestamp::now().as_millisecond();
            let due = i64::try_from(due).unwrap_or(i64::MAX).saturating_mul(1000);
            let wait = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
            pause = pause.min(Duration::from_millis(wait));
        }
        let clock = Instant::now();
        for (until, _) in self.waits() {
            pause = pause.min(until.saturating_duration_since(clock));
        }
        if self.engine.pool.has_idle() {
            pause = pause.min(super::pool::IDLE);
        }
        if !has_lock {
            pause = pause.min(LOCK_PAUSE);
        }
        pause.max(Duration::from_millis(1))
    }

    /// Pauses of messages that are not under way again.
    fn waits(&self) -> impl Iterator<Item = &(Instant, Duration)> {
        let idle = |(id, _): &(&Id, _)| !self.known.contains(*id);
        self.busy.iter().filter(idle).map(|(_, wait)| wait)
    }

    fn sweep(&self) {
        let days = self.engine.config.history_days;
        if let Err(error) = self.spool.sweep(Timestamp::now(), days) {
            log::sweep_failed(&error);
        }
    }
}

fn is_queued(entry: &Entry) -> bool {
    matches!(entry.place, Place::New | Place::Deferred)
}

fn unix_now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

/// QUIT for sessions that nobody used for a while, or for all.
async fn say_goodbye(engine: &Engine, all: bool) {
    let gone = engine.pool.expired(Instant::now(), all);
    if gone.is_empty() {
        return;
    }
    let mut quitting = JoinSet::new();
    for kept in gone {
        quitting.spawn(kept.session.quit());
    }
    match all {
        true => {
            let _ = timeout(Duration::from_secs(5), quitting.join_all()).await;
        }
        false => quitting.detach_all(),
    }
}
