//! `expand/`: what a privileged parent keeps for itself (DESIGN section 5).
//!
//! The spool around it is the worker's, who could put another directory in its
//! place: it is opened once, checked, and used by its descriptor from then on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::state::{Line, State, Target};
use super::store::{DIRECTORY, EXPAND, directory_mode};
use super::sweep::LEFT_OVER;
use super::{Id, Spool, lines};

/// Readable for the worker, by the spool's group.
const MODE: Mode = Mode::from_raw_mode(0o640);

/// Directories others may write to are not believed.
const OTHERS_WRITE: u32 = 0o022;

/// The directory, nobody else's to write to.
#[derive(Debug)]
pub struct Expansions {
    dir: OwnedFd,
}

impl Spool {
    /// For root on another user's spool. A directory that was not root's alone
    /// becomes it and is emptied: what it held may be anybody's word.
    pub fn expansions(&self) -> Result<Expansions> {
        let failed = |e| SpoolError::io("take expand/ of the spool", e);
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        let dir = rustix::fs::openat(&self.root, EXPAND, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&dir).map_err(failed)?;
        let me = rustix::process::geteuid();
        if stat.st_uid != me.as_raw() || stat.st_mode & OTHERS_WRITE != 0 {
            take(&dir, me, stat.st_gid).map_err(failed)?;
        }
        Ok(Expansions { dir })
    }
}

/// First nobody else may write any more, then it is emptied.
fn take(dir: &OwnedFd, me: Uid, group: u32) -> rustix::io::Result<()> {
    rustix::fs::fchown(dir, Some(me), None)?;
    rustix::fs::fchmod(
        dir,
        Mode::from_raw_mode(directory_mode(Some(group), EXPAND)),
    )?;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            rustix::fs::unlinkat(dir, entry.file_name(), AtFlags::empty())?;
        }
    }
    rustix::fs::fsync(dir)
}

impl Expansions {
    /// The targets recorded for a message.
    pub fn get(&self, id: Id) -> Result<Option<Vec<Target>>> {
        let failed = |e| SpoolError::io(format!("read expand/{id} in the spool"), e);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut octets = Vec::new();
        match rustix::fs::openat(&self.dir, id.as_str(), flags, Mode::empty()) {
            Ok(fd) => File::from(fd).read_to_end(&mut octets).map_err(failed)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(failed(e.into())),
        };
        let mut state = State::default();
        let read = state.read(&octets);
        read.map_err(|why| SpoolError::Corrupt(id, why))?;
        Ok(state.targets)
    }

    /// Records them; on stable storage when this returns. The caller holds the
    /// message's claim and found none recorded: what is there was cut short.
    pub fn record(&self, id: Id, targets: &[Target]) -> Result<()> {
        let failed = |e| SpoolError::io(format!("write expand/{id} in the spool"), e);
        let mut octets = Vec::new();
        let targets = targets.to_vec();
        lines::push(&mut octets, Line::Targets { targets }).map_err(failed)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.dir, id.as_str(), flags, MODE)
            .map_err(|e| failed(e.into()))?;
        rustix::fs::fchmod(&fd, MODE).map_err(|e| failed(e.into()))?;
        let mut file = File::from(fd);
        file.write_all(&octets).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        rustix::fs::fsync(&self.dir).map_err(|e| failed(e.into()))
    }

    /// Removes those older than 36 hours whose message is gone.
    pub fn sweep(&self, spool: &Spool, now: Timestamp) -> Result<()> {
        let failed = |e| SpoolError::io("sweep expand/ of the spool", e);
        let before = now.saturating_sub(LEFT_OVER).unwrap_or(Timestamp::MIN);
        let mut old = self.older(before).map_err(failed)?;
        // Two listings, for a message may move in the middle of one.
        for _ in 0..2 {
            if old.is_empty() {
                return Ok(());
            }
            let queued: std::collections::HashSet<Id> =
                spool.list()?.iter().map(|e| e.id).collect();
            old.retain(|id| !queued.contains(id));
        }
        for id in old {
            match rustix::fs::unlinkat(&self.dir, id.as_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(())
    }

    fn older(&self, before: Timestamp) -> rustix::io::Result<Vec<Id>> {
        let mut ids = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(id) = name.to_str().ok().and_then(Id::parse) else {
                continue;
            };
            let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if is_file && stat.st_mtime < before.as_second() {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}
