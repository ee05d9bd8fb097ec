//! Names: what they say, where they are, all of them.

use std::mem::MaybeUninit;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::id::Id;
use super::{Entry, Place, Spool};
use crate::sys::with_spool_group;

/// A directory of messages, in the order of listing: a message that moves on
/// while they are read may be seen twice, but is not missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sub {
    New,
    Cur,
    /// Held, never tried.
    HoldNew,
    /// Held after a try.
    HoldCur,
    FailedNew,
    FailedCur,
    /// Removed by the operator, to be had back for a while. In no list.
    Removed,
}

impl Sub {
    pub const ALL: [Sub; 6] = [
        Sub::New,
        Sub::Cur,
        Sub::HoldNew,
        Sub::HoldCur,
        Sub::FailedNew,
        Sub::FailedCur,
    ];

    pub fn path(self) -> &'static str {
        match self {
            Sub::New => "new",
            Sub::Cur => "cur",
            Sub::HoldNew => ".Hold/new",
            Sub::HoldCur => ".Hold/cur",
            Sub::FailedNew => ".Failed/new",
            Sub::FailedCur => ".Failed/cur",
            Sub::Removed => ".Removed/cur",
        }
    }

    pub fn place(self) -> Place {
        match self {
            Sub::New => Place::New,
            Sub::Cur => Place::Deferred,
            Sub::HoldNew | Sub::HoldCur => Place::Held,
            Sub::FailedNew | Sub::FailedCur => Place::Failed,
            Sub::Removed => Place::Removed,
        }
    }
}

/// A name and its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub sub: Sub,
    pub name: String,
}

impl At {
    pub fn path(&self) -> String {
        format!("{}/{}", self.sub.path(), self.name)
    }

    pub fn entry(&self) -> Option<Entry> {
        parse(self.name.as_bytes(), self.sub.place())
    }
}

/// `ID,S=SIZE`, and `,T=DUE` where it was tried.
pub(super) fn name(id: Id, size: u64, due: Option<u64>) -> String {
    match due {
        Some(due) => format!("{id},S={size},T={due}"),
        None => format!("{id},S={size}"),
    }
}

/// Reads a name; what a maildir reader added behind `:` is left out of
/// account, as are attributes that are not ours. `None`: not one of ours.
pub(super) fn parse(name: &[u8], place: Place) -> Option<Entry> {
    let name = name.split(|b| *b == b':').next()?;
    let mut parts = name.split(|b| *b == b',');
    let id = Id::from_bytes(parts.next()?)?;
    let (mut size, mut due) = (None, 0);
    for part in parts {
        match part {
            [b'S', b'=', digits @ ..] => size = Some(number(digits)?),
            [b'T', b'=', digits @ ..] => due = number(digits)?,
            _ => {}
        }
    }
    let size = size?;
    let due = if place == Place::New { 0 } else { due };
    Some(Entry {
        id,
        place,
        size,
        due,
    })
}

/// Of messages sorted by id, the one whose id is this, or begins so.
pub fn the_one(sorted: &[Entry], prefix: &str) -> Result<Entry> {
    let wanted = prefix.to_ascii_uppercase();
    let first = sorted.partition_point(|e| e.id.as_str() < wanted.as_str());
    let begins = |e: &&Entry| e.id.as_str().starts_with(&wanted);
    let mut found = sorted.get(first..).unwrap_or_default().iter();
    let legal = Id::parse(&wanted).is_some();
    match (found.next().filter(begins), found.next().filter(begins)) {
        (Some(one), other) if legal && (other.is_none() || one.id.as_str() == wanted) => {
            Ok(one.clone())
        }
        (Some(_), Some(_)) => Err(SpoolError::Ambiguous(wanted)),
        _ => Err(SpoolError::NoSuchId(prefix.escape_default().to_string())),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, d| {
        let digit = d.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

impl Spool {
    /// Calls `see` with each file name of a directory, a path in the spool.
    pub(super) fn each_name(&self, dir: &str, mut see: impl FnMut(&[u8])) -> Result<()> {
        self.names_while(dir, |name| {
            see(name);
            true
        })
        .map(drop)
    }

    /// The same until `see` says false; true where it never did.
    fn names_while(&self, dir: &str, mut see: impl FnMut(&[u8]) -> bool) -> Result<bool> {
        let failed = |e: Errno| SpoolError::io(format!("read {dir} of the spool"), e);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = with_spool_group(|| rustix::fs::openat(&self.root, dir, flags, Mode::empty()))
            .map_err(failed)?;
        let mut buffer = vec![MaybeUninit::uninit(); 256 * 1024];
        let mut names = RawDir::new(fd, &mut buffer);
        while let Some(entry) = names.next() {
            match entry {
                Ok(entry) if !see(entry.file_name().to_bytes()) => return Ok(false),
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(true)
    }

    /// Calls `see` with each message as its name is read, in no order, until it
    /// says false. A message that moves meanwhile may come twice.
    pub fn each_entry(&self, mut see: impl FnMut(Entry) -> bool) -> Result<()> {
        for sub in Sub::ALL {
            let more = self.names_while(sub.path(), |name| {
                parse(name, sub.place()).is_none_or(&mut see)
            })?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// All messages, by name alone, sorted by id. Names that are not ours are
    /// left out; a message that moves meanwhile comes once.
    pub fn list(&self) -> Result<Vec<Entry>> {
        self.beginning_with("")
    }

    fn beginning_with(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        for sub in Sub::ALL {
            self.each_name(sub.path(), |name| {
                if name.starts_with(prefix.as_bytes()) {
                    entries.extend(parse(name, sub.place()));
                }
            })?;
        }
        entries.sort_unstable_by_key(|e| (e.id, e.place, e.due));
        entries.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                std::mem::swap(earlier, later);
            }
            same
        });
        Ok(entries)
    }

    /// The message of this id, or of the one id that begins so.
    pub fn find(&self, prefix: &str) -> Result<Entry> {
        let wanted = prefix.to_ascii_uppercase();
        let unknown = || SpoolError::NoSuchId(prefix.escape_default().to_string());
        Id::parse(&wanted).ok_or_else(unknown)?;
        let mut found = self.beginning_with(&wanted)?;
        if found.is_empty() {
            // It may just have moved from a directory read late to one read early.
            found = self.beginning_with(&wanted)?;
        }
        the_one(&found, prefix)
    }

    /// Every name of this id in the directories of messages.
    pub(super) fn names_of(&self, id: Id) -> Result<Vec<At>> {
        let mut found = Vec::new();
        for sub in Sub::ALL {
            self.each_name(sub.path(), |name| {
                let ours = parse(name, sub.place()).is_some_and(|e| e.id == id);
                if let (true, Ok(name)) = (ours, std::str::from_utf8(name)) {
                    let name = name.to_owned();
                    found.push(At { sub, name });
                }
            })?;
        }
        Ok(found)
    }

    /// The names that an entry had when it was listed, and those that a
    /// maildir reader gives it first.
    pub(super) fn hints(entry: &Entry) -> Vec<At> {
        let due = Some(entry.due);
        let places: &[(Sub, Option<u64>)] = match entry.place {
            Place::New => &[(Sub::New, None), (Sub::Cur, None)],
            Place::Deferred => &[(Sub::Cur, due), (Sub::Cur, None)],
            Place::Held => &[(Sub::HoldCur, due), (Sub::HoldNew, None)],
            Place::Failed => &[(Sub::FailedNew, due), (Sub::FailedNew, None)],
            Place::Removed => &[(Sub::Removed, due)],
        };
        let named = |(sub, due): &(Sub, Option<u64>)| {
            let plain = name(entry.id, entry.size, *due);
            ["", ":2,", ":2,S"].map(|flags| At {
                sub: *sub,
                name: format!("{plain}{flags}"),
            })
        };
        places.iter().flat_map(named).collect()
    }

    /// Inode and device that a name leads to; `None`: there is none.
    pub(super) fn inode_at(&self, path: &str) -> Result<Option<(u64, u64)>> {
        let stat =
            with_spool_group(|| rustix::fs::statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW));
        match stat {
            Ok(stat) => Ok(Some((stat.st_ino, stat.st_dev))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(SpoolError::io(format!("look at {path} in the spool"), e)),
        }
    }
}

#[cfg(test)]
mod tests;
