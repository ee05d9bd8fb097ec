//! Claim: the exclusive lock on a message's file, taken and then checked
//! against its name; and all that its holder may do.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;

use super::envelope::{Head, Parsed};
use super::error::{Result, SpoolError};
use super::history::endings;
use super::read::{MessageReader, Opened, Reading, head};
use super::scan::{At, Sub, name};
use super::state::{Attempt, Line, State, StateFile, Stored, Target, is_identity};
use super::write::inode_of;
use super::{Entry, Id, Place, Spool, lines, removed};
use crate::sys::with_spool_group;

/// Renames that are tried when a maildir reader moves the file meanwhile.
const MOVES: usize = 8;

/// A message held for work: nobody else delivers it while this lives.
#[derive(Debug)]
pub struct Claim<'s> {
    spool: &'s Spool,
    file: Arc<File>,
    at: At,
    entry: Entry,
    parsed: Parsed,
    state: State,
    has_state: bool,
    has_expansion: bool,
    state_file: Option<StateFile>,
    /// Lines that wait for the next write.
    unwritten: Vec<u8>,
}

impl Spool {
    /// Locks the message for work. `Ok(None)`: gone, or locked by another.
    /// A file that does not read right is set aside in `.Failed/`, and the
    /// error says why (`Corrupt`); the caller logs it.
    pub fn claim(&self, entry: &Entry) -> Result<Option<Claim<'_>>> {
        match self.open_message(entry)? {
            Opened::Gone => Ok(None),
            Opened::Wrong(at, why) => {
                self.move_aside(&at, entry.id)?;
                Err(SpoolError::Corrupt(entry.id, why))
            }
            Opened::Found(file, at) => self.claim_file(file, at, entry.id),
        }
    }

    /// Takes over a message by the descriptor that carries its lock, sent by
    /// the process that claimed it. `Ok(None)`: it leads to no message of
    /// that id.
    pub fn adopt(&self, descriptor: OwnedFd, id: Id) -> Result<Option<Claim<'_>>> {
        let file = File::from(descriptor);
        let at = kernels_name(&file, id).unwrap_or(At {
            sub: Sub::New,
            name: String::new(),
        });
        self.claim_file(file, at, id)
    }

    fn claim_file(&self, file: File, at: At, id: Id) -> Result<Option<Claim<'_>>> {
        let failed = |e: std::io::Error| SpoolError::io(format!("claim message {id}"), e);
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(e) => return Err(failed(e.into())),
        }
        // Locked; but does a name still lead to it? (It may have been retired
        // or renamed between the open and the lock.)
        let Some(at) = self.locate(&file, at, id)? else {
            return Ok(None);
        };
        let Some(entry) = at.entry() else {
            return Ok(None);
        };
        let wrong = self.has_foreign_names(&file, id)?;
        let reading = match wrong {
            true => Reading::Wrong("it has other names outside the spool".to_owned()),
            false => head(&file, &entry).map_err(failed)?,
        };
        let parsed = match reading {
            Reading::Right(parsed) => *parsed,
            Reading::Wrong(why) => return Err(self.corrupt(&at, id, why)),
        };
        let stored = match self.stored(id) {
            Err(SpoolError::Corrupt(_, why)) => return Err(self.corrupt(&at, id, why)),
            stored => stored?,
        };
        let Stored {
            state,
            has_state,
            has_expansion,
        } = stored;
        Ok(Some(Claim {
            spool: self,
            file: Arc::new(file),
            at,
            entry,
            parsed,
            state,
            has_state,
            has_expansion,
            state_file: None,
            unwritten: Vec::new(),
        }))
    }

    fn corrupt(&self, at: &At, id: Id, why: String) -> SpoolError {
        match self.move_aside(at, id) {
            Ok(()) => SpoolError::Corrupt(id, why),
            Err(e) => e,
        }
    }

    /// The name that leads to this file: the remembered one, or any with its id.
    fn locate(&self, file: &File, hint: At, id: Id) -> Result<Option<At>> {
        let inode =
            inode_of(file).map_err(|e| SpoolError::io(format!("look at message {id}"), e))?;
        if !hint.name.is_empty() && self.inode_at(&hint.path())? == Some(inode) {
            return Ok(Some(hint));
        }
        for _ in 0..2 {
            for at in self.names_of(id)? {
                if self.inode_at(&at.path())? == Some(inode) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// True where the file has more names than those of its id in the spool
    /// (S4). Several of its own are legal: a maildir reader may move by link
    /// and unlink, and a commit without renameat2 does.
    fn has_foreign_names(&self, file: &File, id: Id) -> Result<bool> {
        let failed = |e: Errno| SpoolError::io(format!("look at message {id}"), e);
        let stat = rustix::fs::fstat(file).map_err(failed)?;
        if stat.st_nlink <= 1 {
            return Ok(false);
        }
        let mut paths: Vec<String> = self.names_of(id)?.iter().map(At::path).collect();
        paths.push(format!("tmp/{id}"));
        let mut own = 0;
        for path in paths {
            if self.inode_at(&path)? == Some((stat.st_ino, stat.st_dev)) {
                own += 1;
            }
        }
        let now = rustix::fs::fstat(file).map_err(failed)?.st_nlink;
        Ok(now > own)
    }

    /// Moves a name into `.Failed/`, durably; there already: nothing to do.
    fn move_aside(&self, at: &At, id: Id) -> Result<()> {
        if at.sub.place() == Place::Failed {
            return Ok(());
        }
        let plain = at.name.split(':').next().unwrap_or(&at.name).to_owned();
        let to = At {
            sub: Sub::FailedNew,
            name: plain,
        };
        self.move_name(at, &to)
            .map_err(|e| SpoolError::io(format!("set message {id} aside"), e))?;
        self.sync_dir(to.sub.path())?;
        self.sync_dir(at.sub.path())
    }

    pub(super) fn move_name(&self, from: &At, to: &At) -> rustix::io::Result<()> {
        let (from, to) = (from.path(), to.path());
        with_spool_group(|| rustix::fs::renameat(&self.root, from, &self.root, to))
    }

    pub(super) fn unlink(&self, path: &str) -> rustix::io::Result<()> {
        with_spool_group(|| rustix::fs::unlinkat(&self.root, path, AtFlags::empty()))
    }

    /// Also a directory that stands where a message should, if it is empty.
    pub(super) fn unlink_any(&self, path: &str) -> rustix::io::Result<()> {
        match self.unlink(path) {
            Err(Errno::ISDIR) => {
                with_spool_group(|| rustix::fs::unlinkat(&self.root, path, AtFlags::REMOVEDIR))
            }
            done => done,
        }
    }

    /// Removes a message that does not read right (operator): kept in `.Removed/`
    /// until `until` where that is given. One that does is for [`Claim`].
    pub fn remove_unreadable(&self, entry: &Entry, until: Option<u64>) -> Result<()> {
        let id = entry.id;
        let failed = |e: Errno| SpoolError::io(format!("remove message {id}"), e);
        let (at, _locked) = match self.open_message(entry)? {
            Opened::Gone => return Err(SpoolError::NoSuchId(id.to_string())),
            Opened::Wrong(at, _) => (at, None),
            Opened::Found(file, at) => {
                match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                    Err(Errno::AGAIN) => return Err(SpoolError::Busy(id)),
                    locked => locked.map_err(failed)?,
                }
                let found = self.locate(&file, at, id)?;
                let at = found.ok_or_else(|| SpoolError::NoSuchId(id.to_string()))?;
                (at, Some(file))
            }
        };
        if let Some(until) = until {
            self.complete_for_removed()?;
            let to = At {
                sub: Sub::Removed,
                name: name(id, entry.size, Some(until)),
            };
            self.move_name(&at, &to).map_err(failed)?;
            self.sync_dir(to.sub.path())?;
            return self.sync_dir(at.sub.path());
        }
        self.unlink_any(&at.path()).map_err(failed)?;
        self.sync_dir(at.sub.path())?;
        match self.unlink(&format!("state/{id}")) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(failed(e)),
        }
    }
}

impl Claim<'_> {
    pub fn head(&self) -> &Head {
        &self.parsed.head
    }

    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// The content from its start. Reading ends with an error where it does not
    /// match the check, so a sender that stops at errors never ends a damaged
    /// message. Several may be open at once.
    pub fn message(&self) -> Result<MessageReader> {
        Ok(MessageReader::new(Arc::clone(&self.file), &self.parsed))
    }

    /// The descriptor that carries the lock (for a delivery process).
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn id(&self) -> Id {
        self.entry.id
    }

    /// Records the expansion; synced when this returns. Where every envelope
    /// recipient stands for itself it is written with the first other record:
    /// a message without any has settled nobody, and may be expanded anew.
    pub fn record_targets(&mut self, targets: &[Target]) -> Result<()> {
        if self.state.targets.is_some() {
            return Ok(());
        }
        let targets = targets.to_vec();
        let alone = is_identity(&targets, self.head());
        self.state.targets = Some(targets.clone());
        self.push(Line::Targets { targets })?;
        if alone { Ok(()) } else { self.write(true) }
    }

    /// Records attempts; with `sync` on stable storage when this returns.
    /// Without, they are written at the latest when the claim is given up.
    pub fn record(&mut self, attempts: &[Attempt], sync: bool) -> Result<()> {
        for attempt in attempts {
            self.push(Line::Attempt(attempt.clone()))?;
            self.state.attempts.push(attempt.clone());
        }
        if sync { self.write(true) } else { Ok(()) }
    }

    /// Writes what is known before anything is sent, so that a full disk says so
    /// then and not when results are to be recorded. Not synced.
    pub fn make_room(&mut self) -> Result<()> {
        match self.unwritten.is_empty() {
            true => Ok(()),
            false => self.write(false),
        }
    }

    /// Records an operator's act.
    pub fn note(&mut self, words: &str) -> Result<()> {
        let (time, words) = (Timestamp::now(), words.to_owned());
        self.state.notes.push((time, words.clone()));
        self.push(Line::Note { time, words })?;
        self.write(true)
    }

    /// Gives the message another transport, or the configuration's again;
    /// synced, with the operator's note, when this returns.
    pub fn reroute(&mut self, to: Option<&str>, words: &str) -> Result<()> {
        let to = to.map(str::to_owned);
        self.state.route.clone_from(&to);
        self.push(Line::Route { to })?;
        self.note(words)
    }

    fn push(&mut self, line: Line) -> Result<()> {
        lines::push(&mut self.unwritten, line)
            .map_err(|e| SpoolError::io(format!("print the state of message {}", self.id()), e))
    }

    /// Writes what waits. After an error the lines wait on; a torn one is cut
    /// off by the next write.
    fn write(&mut self, sync: bool) -> Result<()> {
        let mut file = match self.state_file.take() {
            Some(file) => file,
            None => StateFile::open(self.spool, format!("state/{}", self.id()))?,
        };
        self.has_state = true;
        file.append(self.spool, &self.unwritten, sync)?;
        self.unwritten.clear();
        self.state_file = Some(file);
        Ok(())
    }

    /// Writes attempts that were not to be synced, with the expansion that
    /// their numbers go by; an expansion alone can be had again.
    fn write_waiting(&mut self) -> Result<()> {
        if self.unwritten.is_empty() || self.state.attempts.is_empty() {
            return Ok(());
        }
        self.write(false)
    }

    /// Into `cur/` with this due time (Unix seconds).
    pub fn defer(mut self, due: u64) -> Result<()> {
        self.write_waiting()?;
        // Not synced: a power cut brings the old name back, which is due earlier.
        self.rename(Sub::Cur, Some(due)).map(drop)
    }

    /// Into `.Hold/`.
    pub fn hold(mut self) -> Result<()> {
        self.write_waiting()?;
        match self.at.sub {
            Sub::New => self.rename_synced(Sub::HoldNew, None),
            Sub::HoldNew | Sub::HoldCur => Ok(()),
            _ => self.rename_synced(Sub::HoldCur, Some(self.entry.due)),
        }
    }

    /// Out of `.Hold/` (or `.Failed/`), due now.
    pub fn release(mut self) -> Result<()> {
        self.write_waiting()?;
        match self.at.sub {
            Sub::HoldNew => self.rename_synced(Sub::New, None),
            Sub::New => Ok(()),
            _ => self.rename_synced(Sub::Cur, Some(0)),
        }
    }

    /// Into `.Failed/`, state kept.
    pub fn set_aside(mut self, why: &str) -> Result<()> {
        self.note(why)?;
        let due = (self.entry.due > 0).then_some(self.entry.due);
        self.rename_synced(Sub::FailedNew, due)
    }

    fn rename_synced(&mut self, sub: Sub, due: Option<u64>) -> Result<()> {
        let from = self.rename(sub, due)?;
        self.spool.sync_dir(sub.path())?;
        self.spool.sync_dir(from.path())
    }

    /// Renames the message, wherever a reader has put it meanwhile; returns
    /// the directory that it left.
    fn rename(&mut self, sub: Sub, due: Option<u64>) -> Result<Sub> {
        let to = At {
            sub,
            name: name(self.id(), self.entry.size, due),
        };
        for _ in 0..MOVES {
            match self.spool.move_name(&self.at, &to) {
                Ok(()) => return Ok(std::mem::replace(&mut self.at, to).sub),
                Err(Errno::NOENT) => {
                    let found = self.spool.locate(&self.file, self.at.clone(), self.id())?;
                    self.at = found.ok_or_else(|| SpoolError::NoSuchId(self.id().to_string()))?;
                }
                Err(e) => return Err(SpoolError::io(format!("rename message {}", self.id()), e)),
            }
        }
        Err(SpoolError::Busy(self.id()))
    }

    /// Every recipient is settled: history, then the message, then the state.
    /// The removal is synced while a lock of [`super::Draft::commit_locked`] is held.
    /// An error of the history alone comes when the message is gone already.
    pub fn retire(self) -> Result<()> {
        let synced = self.spool.locks.load(Ordering::Relaxed) > 0;
        self.end(None, synced)
    }

    /// Removes the message unsent (operator), for good; history says so.
    pub fn remove(self, why: &str) -> Result<()> {
        self.end(Some(why), true)
    }

    /// Takes the message out of the queue and keeps it in `.Removed/` until
    /// `until` (Unix seconds); history says that it was removed.
    /// [`Spool::restore`] undoes it.
    pub fn put_away(mut self, why: &str, until: u64) -> Result<()> {
        let lines = endings(self.head(), &self.state, Some(why));
        self.note(&removed::note(why, &self.at))?;
        self.spool.complete_for_removed()?;
        let history = self.spool.add_history(&lines);
        self.rename_synced(Sub::Removed, Some(until))?;
        history
    }

    fn end(mut self, removed: Option<&str>, synced: bool) -> Result<()> {
        // The removal is the record: nothing is written for a last recipient.
        self.unwritten.clear();
        let lines = endings(self.head(), &self.state, removed);
        let history = self.spool.add_history(&lines);
        let last = self.unlink_all()?;
        if synced {
            self.spool.sync_dir(last.path())?;
        }
        if self.has_state {
            self.unlink_quietly("state")?;
        }
        if self.has_expansion {
            self.unlink_quietly("expand")?;
        }
        history
    }

    /// Unlinks every name of the message; returns the last one's directory.
    fn unlink_all(&mut self) -> Result<Sub> {
        let id = self.id();
        let failed = |e: Errno| SpoolError::io(format!("remove message {id}"), e);
        loop {
            match self.spool.unlink(&self.at.path()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(failed(e)),
            }
            if rustix::fs::fstat(&*self.file).map_err(failed)?.st_nlink == 0 {
                return Ok(self.at.sub);
            }
            match self.spool.locate(&self.file, self.at.clone(), id)? {
                Some(at) => self.at = at,
                // Only the name in tmp/ of a commit that was cut short is left.
                None => {
                    let _ = self.spool.unlink(&format!("tmp/{id}"));
                    return Ok(self.at.sub);
                }
            }
        }
    }

    /// `expand/` belongs to a privileged parent, who sweeps it.
    fn unlink_quietly(&self, dir: &str) -> Result<()> {
        match self.spool.unlink(&format!("{dir}/{}", self.id())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ACCESS | Errno::PERM) if dir == "expand" => Ok(()),
            Err(e) => Err(SpoolError::io(format!("remove {dir}/{}", self.id()), e)),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // What cannot be written now is as if the power had failed.
        let _ = self.write_waiting();
    }
}

/// Where the kernel has the open file, if that is a name of this id: a hint that
/// spares the parent, who is handed descriptors alone, reading every directory
/// for each message. Only ever a hint: it may be of another spool.
fn kernels_name(file: &File, id: Id) -> Option<At> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = std::fs::read_link(link).ok()?;
    let (directory, name) = path.to_str()?.rsplit_once('/')?;
    let within = |sub: &Sub| directory.ends_with(&format!("/{}", sub.path()));
    let sub = Sub::ALL
        .into_iter()
        .filter(within)
        .max_by_key(|sub| sub.path().len())?;
    let name = name.to_owned();
    let at = At { sub, name };
    at.entry().filter(|entry| entry.id == id).map(|_| at)
}
