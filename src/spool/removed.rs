//! `.Removed/`: what the operator took out of the queue, to be had back for a
//! while.

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::scan::{At, Sub, name, parse, the_one};
use super::state::{Line, StateFile};
use super::{Entry, Id, Place, Spool, lines};

/// How long a removed message can be had back.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Between the operator's words and the name that the message had.
const FROM: &str = " from ";

/// What is noted of a removal: the words, and where the message was.
pub(super) fn note(why: &str, at: &At) -> String {
    format!("{why}{FROM}{}", at.path())
}

/// Where a message of this id was, as its last note says.
fn noted(words: &str, id: Id) -> Option<At> {
    let path = words.rsplit_once(FROM)?.1;
    let (dir, name) = path.rsplit_once('/')?;
    let sub = Sub::ALL.into_iter().find(|sub| sub.path() == dir)?;
    let is_its = parse(name.as_bytes(), sub.place())?.id == id;
    is_its.then(|| At {
        sub,
        name: name.to_owned(),
    })
}

impl Spool {
    /// A spool of an earlier version has no place for them.
    pub(super) fn complete_for_removed(&self) -> Result<()> {
        match self.inode_at(Sub::Removed.path())? {
            Some(_) => Ok(()),
            None => self.complete(),
        }
    }

    /// Removed messages that can be had back, sorted by id.
    pub fn removed(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        if self.inode_at(Sub::Removed.path())?.is_some() {
            self.each_name(Sub::Removed.path(), |name| {
                entries.extend(parse(name, Place::Removed));
            })?;
        }
        entries.sort_unstable_by_key(|e| e.id);
        Ok(entries)
    }

    /// The removed message of this id, or of the one id that begins so.
    pub fn find_removed(&self, prefix: &str) -> Result<Entry> {
        the_one(&self.removed()?, prefix)
    }

    /// Puts a removed message back where it was: queued, held or set aside.
    /// Where that is not known it is set aside.
    pub fn restore(&self, entry: &Entry) -> Result<Place> {
        let id = entry.id;
        let failed = |e: Errno| SpoolError::io(format!("restore message {id}"), e);
        let from = At {
            sub: Sub::Removed,
            name: name(id, entry.size, Some(entry.due)),
        };
        // Another restores or sweeps it; what is no file cannot be locked.
        let _locked = match self.open_file(&from.path(), OFlags::RDONLY) {
            Ok(file) => {
                match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                    Err(Errno::AGAIN) => return Err(SpoolError::Busy(id)),
                    locked => locked.map_err(failed)?,
                }
                Some(file)
            }
            Err(Errno::NOENT) => return Err(SpoolError::NoSuchId(id.to_string())),
            Err(_) => None,
        };
        if !self.names_of(id)?.is_empty() {
            let what = format!("message {id} is in the queue already");
            return Err(SpoolError::Invalid(what));
        }
        let state = self.state(id).unwrap_or_default();
        let last = state.notes.iter().rev().find_map(|(_, w)| noted(w, id));
        let to = last.unwrap_or_else(|| At {
            sub: Sub::FailedNew,
            name: name(id, entry.size, None),
        });
        self.note_restored(id)?;
        self.move_name(&from, &to).map_err(failed)?;
        self.sync_dir(to.sub.path())?;
        self.sync_dir(from.sub.path())?;
        Ok(to.sub.place())
    }

    fn note_restored(&self, id: Id) -> Result<()> {
        let mut octets = Vec::new();
        let line = Line::Note {
            time: Timestamp::now(),
            words: "restored by the operator".to_owned(),
        };
        lines::push(&mut octets, line)
            .map_err(|e| SpoolError::io(format!("print the state of message {id}"), e))?;
        StateFile::open(self, format!("state/{id}"))?.append(self, &octets, true)
    }

    /// Removes for good what was to be had back until before `now`.
    pub fn sweep_removed(&self, now: Timestamp) -> Result<()> {
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        for entry in self.removed()? {
            if entry.due >= now {
                continue;
            }
            let path = format!(
                "{}/{}",
                Sub::Removed.path(),
                name(entry.id, entry.size, Some(entry.due))
            );
            match self.unlink_any(&path) {
                // A directory with something in it is not ours to empty.
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
                Err(e) => return Err(SpoolError::io(format!("remove {path} in the spool"), e)),
            }
            if self.names_of(entry.id)?.is_empty() {
                for dir in ["state", "expand"] {
                    self.sweep_away(&format!("{dir}/{}", entry.id))?;
                }
            }
        }
        Ok(())
    }

    /// Was a message of this id removed a short while ago?
    pub(super) fn is_removed(&self, id: Id) -> Result<bool> {
        Ok(self.removed()?.iter().any(|e| e.id == id))
    }
}
