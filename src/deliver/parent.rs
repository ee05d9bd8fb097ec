//! The small parent of a runner that was started as root (DESIGN section 5).
//!
//! The worker becomes the spool's owner and does everything that touches the
//! network. For a local delivery it hands over the claimed descriptor and a
//! target's number, nothing else: the parent checks that the descriptor is the
//! message of that id, derives recipient, route and mailbox itself, and forks a
//! process that becomes the recipient, writes the mailbox and answers. That
//! process holds the claim to its end, so nobody else begins meanwhile.

mod link;
mod post;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::{Pid, Signal as Kill, WaitOptions, WaitStatus};
use tokio::io::Interest;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{RunError, Summary, owner_name};
use crate::config::Config;
use crate::log;
use crate::spool::Spool;
use crate::sys::{self, Fork};
pub use link::Link;
use link::{Ask, Asked};
use post::Desk;

/// Deliveries under way at once; more wait in the socket.
const MAX_CHILDREN: usize = 50;

/// How often records of expansions without a message are swept.
const SWEEP: Duration = Duration::from_secs(3600);

/// Which process this is after [`split`].
pub enum Side {
    /// The only one: no other user's mailboxes are written.
    Alone,
    Worker(Link),
    /// The worker's run is over.
    Parent(Result<Summary, RunError>),
}

/// Forks where this process is root and the spool another user's.
pub fn split(config: &Config, spool: &Spool) -> Result<Side, RunError> {
    let me = rustix::process::geteuid().as_raw();
    let owner = spool.owner();
    if me == owner {
        return Ok(Side::Alone);
    }
    if me != 0 {
        let whose = owner_name(spool.path(), owner);
        return Err(RunError::NotAllowed(format!(
            "{whose}: run the queue as that user or as root"
        )));
    }
    let failed = |e| RunError::System("starting the queue's worker", e);
    let desk = Desk::new(config, spool)?;
    let parent = rustix::process::getpid();
    let (here, there) = UnixDatagram::pair().map_err(failed)?;
    match sys::fork().map_err(failed)? {
        Fork::Child => {
            drop((here, desk));
            become_owner(owner)?;
            end_with(parent).map_err(failed)?;
            Ok(Side::Worker(Link::new(there)))
        }
        Fork::Parent(pid) => {
            drop(there);
            Ok(Side::Parent(supervise(desk, here, pid)))
        }
    }
}

fn become_owner(uid: u32) -> Result<(), RunError> {
    let failed = |e| RunError::System("becoming the spool's owner", e);
    let user = sys::user_by_uid(uid)
        .ok_or_else(|| RunError::NotAllowed(format!("the spool's owner {uid} is no user")))?;
    let groups = sys::groups_of(&user.name, user.gid).map_err(failed)?;
    sys::become_user(user.uid, user.gid, &groups).map_err(failed)
}

/// A worker without its parent could deliver to nobody here: it is told to end
/// when the parent does, however that ends.
fn end_with(parent: Pid) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Kill::TERM))?;
    match rustix::process::getppid() == Some(parent) {
        true => Ok(()),
        // It ended before it could be said.
        false => Err(std::io::Error::other("the parent is gone")),
    }
}

/// The worker's last act: its result goes to the parent, which returns it.
pub fn end_worker(link: &Link, result: &Result<Summary, RunError>) -> ! {
    let told = match result {
        Ok(summary) => link.done(*summary),
        Err(error) => link.failed(&error.to_string()),
    };
    std::process::exit(i32::from(told.is_err()))
}

/// What the worker's run came to, once it is over.
fn supervise(desk: Desk<'_>, socket: UnixDatagram, worker: u32) -> Result<Summary, RunError> {
    let failed = |e| RunError::System("supervising the queue's worker", e);
    // One thread, or no child could be forked.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let pid = i32::try_from(worker).ok().and_then(Pid::from_raw);
    let worker = pid.ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?;
    runtime.block_on(async {
        socket.set_nonblocking(true).map_err(failed)?;
        let socket = tokio::net::UnixDatagram::from_std(socket).map_err(failed)?;
        let mut parent = Parent {
            desk,
            worker,
            children: 0,
            ended: None,
            result: None,
        };
        parent.run(&socket).await.map_err(failed)?;
        parent.outcome()
    })
}

struct Parent<'a> {
    desk: Desk<'a>,
    worker: Pid,
    children: usize,
    ended: Option<WaitStatus>,
    result: Option<Result<Summary, String>>,
}

impl Parent<'_> {
    async fn run(&mut self, socket: &tokio::net::UnixDatagram) -> std::io::Result<()> {
        let mut child = signal(SignalKind::child())?;
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let mut sweep = tokio::time::interval(SWEEP);
        // A child may have ended before its signal could be heard.
        self.reap();
        while self.ended.is_none() {
            let has_room = self.children < MAX_CHILDREN;
            tokio::select! {
                _ = child.recv() => self.reap(),
                () = heard(&mut term) => self.tell(Kill::TERM),
                () = heard(&mut int) => self.tell(Kill::TERM),
                () = heard(&mut hup) => self.tell(Kill::HUP),
                _ = sweep.tick() => self.sweep(),
                ready = socket.readable(), if has_room => {
                    ready?;
                    self.read(socket);
                }
            }
        }
        // What the worker said before it ended.
        while self.read(socket) {}
        Ok(())
    }

    /// Takes one request; false where there is none.
    fn read(&mut self, socket: &tokio::net::UnixDatagram) -> bool {
        let asked = match socket.try_io(Interest::READABLE, || link::receive(socket)) {
            Ok(asked) => asked,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                log::parent_error(&error);
                return false;
            }
        };
        match asked {
            Some(Asked {
                ask: Ask::Done(summary),
                ..
            }) => self.result = Some(Ok(summary)),
            Some(Asked {
                ask: Ask::Failed(words),
                ..
            }) => self.result = Some(Err(words)),
            Some(asked) => self.children += usize::from(self.desk.serve(asked)),
            None => log::parent_error(&"a request that makes no sense"),
        }
        true
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            match pid == self.worker {
                true => self.ended = Some(status),
                false => self.children = self.children.saturating_sub(1),
            }
        }
    }

    fn tell(&self, what: Kill) {
        let _ = rustix::process::kill_process(self.worker, what);
    }

    fn sweep(&self) {
        if let Err(error) = self.desk.sweep() {
            log::sweep_failed(&error);
        }
    }

    fn outcome(self) -> Result<Summary, RunError> {
        match self.result {
            Some(Ok(summary)) => Ok(summary),
            Some(Err(words)) => Err(RunError::Worker(words)),
            None => Err(RunError::Worker(format!(
                "the queue's worker ended early: {:?}",
                self.ended
            ))),
        }
    }
}

async fn heard(signal: &mut Signal) {
    signal.recv().await;
}
