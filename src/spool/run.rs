//! Who runs the queue, and how it is told: `run.lock`, `flush`, inotify.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, flock};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::store::DIRECTORY;
use super::{Entry, Place, Spool, scan};
use crate::sys;

const RUN_LOCK: &str = "run.lock";
const FLUSH: &str = "flush";

/// The resident runner's lock on `run.lock`; given up when dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Who starts a runner.
#[derive(Debug)]
pub enum Start {
    /// The caller does, and hands the lock on, where there is one.
    Free(Option<OwnedFd>),
    /// Another does just now.
    UnderWay,
}

impl Spool {
    /// Asks for a run now: touches `flush`.
    pub fn ask_run(&self) -> Result<()> {
        let failed = |e: Errno| SpoolError::io("touch flush in the spool", e);
        let file = self
            .open_file(FLUSH, OFlags::WRONLY | OFlags::CREATE)
            .map_err(failed)?;
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        rustix::fs::futimens(file, &times).map_err(failed)
    }

    /// Is a resident runner at work?
    pub fn has_runner(&self) -> Result<bool> {
        let failed = |e: std::io::Error| SpoolError::io("ask for run.lock in the spool", e);
        match self.open_file(RUN_LOCK, OFlags::RDONLY) {
            Ok(file) => sys::is_ofd_locked(file.as_fd()).map_err(failed),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(failed(e.into())),
        }
    }

    /// The right to start a runner, so that of many who submit at once one
    /// does: a lock on `new/`. The program that is started inherits it and gives
    /// it up when it begins, before it locks `run.lock` and reads the
    /// directories: it sees what those committed who found the right taken.
    pub fn begin_start(&self) -> Start {
        let new = rustix::fs::openat(&self.root, "new", DIRECTORY, Mode::empty());
        let Ok(new) = new else {
            return Start::Free(None);
        };
        match flock(&new, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Start::Free(Some(new)),
            Err(Errno::WOULDBLOCK) => Start::UnderWay,
            // No such locks on this file system: two runners too many do no harm.
            Err(_) => Start::Free(None),
        }
    }

    /// The resident runner's lock; `None` where another holds it.
    pub fn lock_run(&self) -> Result<Option<RunLock>> {
        let failed = |e: std::io::Error| SpoolError::io("lock run.lock in the spool", e);
        let file = self
            .open_file(RUN_LOCK, OFlags::RDWR | OFlags::CREATE)
            .map_err(|e| failed(e.into()))?;
        let locked = sys::try_ofd_lock(file.as_fd()).map_err(failed)?;
        Ok(locked.then(|| RunLock {
            _file: File::from(file),
        }))
    }

    /// Wake-ups: new mail and `flush`. To be made before the directories are
    /// read, so that nothing comes unseen in between.
    pub fn watch(&self) -> Result<Watch> {
        let failed = |e: Errno| SpoolError::io("watch the spool", e);
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
        let names = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        let touched = WatchFlags::CREATE | WatchFlags::ATTRIB | WatchFlags::ONLYDIR;
        let add = |path: &str, flags| {
            inotify::add_watch(&fd, self.path().join(path), flags).map_err(failed)
        };
        let new = add("new", names)?;
        let cur = add("cur", names)?;
        let root = add(".", touched)?;
        Ok(Watch { fd, new, cur, root })
    }
}

/// A source of wake-ups; poll its descriptor for reading.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
    new: i32,
    cur: i32,
    root: i32,
}

/// What a [`Watch`] saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// `flush` was touched: try all now.
    pub flush: bool,
    /// Mail came, moved, or events were lost: read the directories again.
    pub rescan: bool,
}

impl Watch {
    /// Takes all waiting events without blocking.
    pub fn take(&mut self) -> Result<Wake> {
        let mut rescan = false;
        let mut wake = self.take_entries(|_| rescan = true)?;
        wake.rescan |= rescan;
        Ok(wake)
    }

    /// The same, but messages that came or moved are given to `see`, our own
    /// deferrals among them; `rescan` is set only where events were lost.
    pub fn take_entries(&mut self, mut see: impl FnMut(Entry)) -> Result<Wake> {
        let mut wake = Wake::default();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = inotify::Reader::new(&self.fd, &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(wake),
                Err(Errno::INTR) => continue,
                Err(e) => return Err(SpoolError::io("read events of the spool", e)),
            };
            if event
                .events()
                .intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED)
            {
                wake.rescan = true;
                continue;
            }
            let name = event.file_name().map_or(&b""[..], |n| n.to_bytes());
            let place = match event.wd() {
                wd if wd == self.new => Place::New,
                wd if wd == self.cur => Place::Deferred,
                wd => {
                    wake.flush |= wd == self.root && name == FLUSH.as_bytes();
                    continue;
                }
            };
            if let Some(entry) = scan::parse(name, place) {
                see(entry);
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
