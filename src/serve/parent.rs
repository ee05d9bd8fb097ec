//! The small parent of a server (DESIGN section 5): one thread that holds the
//! listening sockets and what root read, forks workers, and hears no client.
//!
//! A worker begins from what [`Site::prepare`] made of the configuration; fork
//! hands it over. SIGHUP makes another one: the old worker finishes its sessions
//! once the new one is ready, and stays where the new one cannot begin. A worker
//! that dies is replaced.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

use super::link::{AGAIN, FINISH, Hand, PING, STOP, Said, Worker};
use super::notify;
use crate::log;
use crate::sys::{self, Fork};

/// A worker that is not ready by then is given up.
const BEGIN: Duration = Duration::from_secs(60);

/// Time for workers to end after they were told to; a little more than theirs.
const END: Duration = Duration::from_secs(65);

/// Wait before a worker that died is replaced: doubled each time, back to the
/// first once one lived for long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONG_LIFE: Duration = Duration::from_secs(60);

/// What the parent does not know by itself.
pub trait Site {
    /// All that a worker needs.
    type Work;

    /// Reads the configuration anew. The words of an error go to the log.
    fn prepare(&mut self) -> Result<Self::Work, String>;

    /// A worker's whole life, in a process of its own.
    fn work(&self, work: &Self::Work, link: Worker) -> Result<(), String>;

    /// The first worker accepts.
    fn begun(&mut self, work: &Self::Work);

    /// Mail was committed: somebody must deliver it.
    fn mail(&mut self, work: &Self::Work);
}

#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    /// The first worker cannot begin: an exit status, and why.
    #[error("{1}")]
    Worker(u8, String),
    #[error("supervising the server's worker: {0}")]
    System(#[from] io::Error),
}

/// What a worker is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Serving,
    /// Its sessions end.
    Finishing,
}

#[derive(Debug)]
struct Child {
    pid: Pid,
    hand: Hand,
    state: State,
    born: Instant,
    /// Why it could not begin.
    words: Option<(u8, String)>,
}

struct Parent<S: Site> {
    site: S,
    signals: OwnedFd,
    children: Vec<Child>,
    /// What workers are begun with.
    work: S::Work,
    /// The same after a reload, until its worker is ready.
    next: Option<S::Work>,
    reload: bool,
    stopping: Option<Instant>,
    /// When a worker that died is replaced, and the wait before that.
    again: Option<Instant>,
    pause: Duration,
    mail_owed: bool,
    mail_told: Option<Instant>,
    watchdog: Option<(Duration, Instant)>,
    begun: bool,
}

/// Runs until SIGTERM or SIGINT. Comes back in the parent only.
pub fn run<S: Site>(site: S, work: S::Work) -> Result<(), ParentError> {
    let signals = sys::take_signals(&[
        libc_signal(Signal::TERM),
        libc_signal(Signal::INT),
        libc_signal(Signal::HUP),
        libc_signal(Signal::CHILD),
    ])?;
    let watchdog = notify::watchdog().map(|every| (every, Instant::now() + every));
    let mut parent = Parent {
        site,
        signals,
        children: Vec::new(),
        work,
        next: None,
        reload: false,
        stopping: None,
        again: None,
        pause: FIRST_WAIT,
        mail_owed: false,
        mail_told: None,
        watchdog,
        begun: false,
    };
    parent.begin_worker()?;
    while !parent.is_over() {
        parent.turn()?;
    }
    Ok(())
}

fn libc_signal(signal: Signal) -> i32 {
    signal.as_raw()
}

impl<S: Site> Parent<S> {
    fn is_over(&self) -> bool {
        self.stopping.is_some() && self.children.is_empty()
    }

    /// Waits for something to happen, and does what is due.
    fn turn(&mut self) -> Result<(), ParentError> {
        self.wait_for_events()?;
        while let Some(signal) = sys::next_signal(self.signals.as_fd())? {
            match signal {
                s if s == libc_signal(Signal::HUP) => self.reload = true,
                s if s == libc_signal(Signal::CHILD) => {}
                _ => self.stop(),
            }
        }
        for at in 0..self.children.len() {
            self.hear(at);
        }
        self.reap()?;
        self.replace()?;
        self.reload()?;
        self.tell_mail();
        self.keep_time();
        Ok(())
    }

    fn wait_for_events(&self) -> io::Result<()> {
        let now = Instant::now();
        let starting = self.children.iter().filter(|c| c.state == State::Starting);
        let mail = self.mail_told.map_or(now, |at| at + AGAIN);
        let due = starting
            .map(|child| child.born + BEGIN)
            .chain(self.again)
            .chain(self.stopping)
            .chain(self.watchdog.map(|(_, at)| at))
            .chain(self.mail_owed.then_some(mail))
            .min();
        let wait = due.map(|at| at.saturating_duration_since(now));
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(
            self.children
                .iter()
                .filter(|child| child.words.is_none())
                .map(|child| PollFd::new(&child.hand, PollFlags::IN)),
        );
        match poll(&mut fds, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn hear(&mut self, at: usize) {
        for said in self.children[at].hand.hear() {
            match said {
                Said::Ready => self.is_ready(at),
                Said::Mail => self.mail_owed = true,
                Said::Pong => notify::tell("WATCHDOG=1"),
                Said::Closed => notify::tell("READY=1"),
                Said::Failed(status, words) => self.children[at].words = Some((status, words)),
            }
        }
    }

    /// From here on this worker accepts, and no other.
    fn is_ready(&mut self, ready: usize) {
        if self.children[ready].state != State::Starting || self.stopping.is_some() {
            return;
        }
        let mut waits = false;
        for (at, child) in self.children.iter_mut().enumerate() {
            if at == ready {
                child.state = State::Serving;
            } else if child.state == State::Serving {
                child.state = State::Finishing;
                child.hand.say(FINISH);
                waits = true;
            }
        }
        if let Some(work) = self.next.take() {
            self.work = work;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.site.begun(&self.work);
        }
        // Where there was another, ready means that it accepts no more.
        if !waits {
            notify::tell("READY=1");
        }
    }

    /// Takes note of children that ended, those that deliver among them.
    fn reap(&mut self) -> Result<(), ParentError> {
        loop {
            let (pid, status) = match wait(WaitOptions::NOHANG) {
                Ok(Some(ended)) => ended,
                Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(io::Error::from(e).into()),
            };
            let Some(at) = self.children.iter().position(|c| c.pid == pid) else {
                continue;
            };
            // What it said last may still be unread.
            self.hear(at);
            let child = self.children.remove(at);
            self.ended(child, status)?;
        }
    }

    fn ended(&mut self, child: Child, status: WaitStatus) -> Result<(), ParentError> {
        if self.stopping.is_some() || child.state == State::Finishing {
            return Ok(());
        }
        let (status, words) = child.words.unwrap_or_else(|| (71, describe(status)));
        if !self.begun {
            return Err(ParentError::Worker(status, words));
        }
        log::worker_ended(&child.pid.as_raw_nonzero(), &words);
        if child.state == State::Starting && self.next.take().is_some() {
            // The reload failed; the old worker goes on.
            notify::tell("READY=1");
        }
        if !self.serves() {
            if child.born.elapsed() >= LONG_LIFE {
                self.pause = FIRST_WAIT;
            }
            self.again = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_WAIT);
        }
        Ok(())
    }

    /// Is somebody accepting, or about to?
    fn serves(&self) -> bool {
        self.children.iter().any(|c| c.state != State::Finishing)
    }

    fn replace(&mut self) -> Result<(), ParentError> {
        if self.again.is_some_and(|at| at <= Instant::now()) && self.stopping.is_none() {
            self.again = None;
            if !self.serves() {
                self.begin_worker()?;
            }
        }
        Ok(())
    }

    fn reload(&mut self) -> Result<(), ParentError> {
        let busy = self.children.iter().any(|c| c.state == State::Starting);
        if !self.reload || busy || self.stopping.is_some() {
            return Ok(());
        }
        self.reload = false;
        notify::reloading();
        match self.site.prepare() {
            Ok(work) => {
                self.next = Some(work);
                self.again = None;
                self.begin_worker()
            }
            Err(words) => {
                log::config_error(&words);
                notify::tell("READY=1");
                Ok(())
            }
        }
    }

    fn begin_worker(&mut self) -> Result<(), ParentError> {
        let (hand, link) = Hand::pair()?;
        match sys::fork()? {
            Fork::Parent(pid) => {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                let child = Child {
                    pid: pid.ok_or_else(|| io::Error::other("a process without a number"))?,
                    hand,
                    state: State::Starting,
                    born: Instant::now(),
                    words: None,
                };
                self.children.push(child);
                Ok(())
            }
            Fork::Child => {
                drop(hand);
                self.children.clear();
                sys::clear_signals();
                let work = self.next.as_ref().unwrap_or(&self.work);
                // Never back into the parent's loop, whatever happens.
                let life = || self.site.work(work, link);
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
                if let Ok(Err(words)) = &ended {
                    log::worker_ended(&std::process::id(), words);
                }
                std::process::exit(i32::from(!matches!(ended, Ok(Ok(())))))
            }
        }
    }

    fn stop(&mut self) {
        if self.stopping.is_none() {
            notify::tell("STOPPING=1");
            self.stopping = Some(Instant::now() + END);
            for child in &self.children {
                child.hand.say(STOP);
            }
        }
    }

    fn tell_mail(&mut self) {
        let now = Instant::now();
        if self.mail_owed && self.mail_told.is_none_or(|at| at + AGAIN <= now) {
            self.mail_owed = false;
            self.mail_told = Some(now);
            self.site.mail(&self.work);
        }
    }

    /// Ends who is too late, and asks the worker whether it lives.
    fn keep_time(&mut self) {
        let now = Instant::now();
        let stop_over = self.stopping.is_some_and(|at| at <= now);
        for child in &self.children {
            let late = child.state == State::Starting && child.born + BEGIN <= now;
            if stop_over || late {
                let _ = kill_process(child.pid, Signal::KILL);
            }
        }
        if let Some((every, at)) = &mut self.watchdog
            && *at <= now
        {
            *at = now + *every;
            for child in self.children.iter().filter(|c| c.state == State::Serving) {
                child.hand.say(PING);
            }
        }
        if stop_over {
            self.stopping = Some(now + END);
        }
    }
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (_, Some(signal)) => format!("ended by signal {signal}"),
        _ => "ended".to_string(),
    }
}
