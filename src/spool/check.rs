//! `smtp-queue check`: what is wrong in the spool, and putting it right.

use std::collections::HashMap;
use std::io::{self, Read};

use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};

use super::error::{Result, SpoolError};
use super::scan::{Sub, parse};
use super::store::{DIRECTORIES, EXPAND, directory_mode};
use super::sweep::LEFT_OVER;
use super::{Entry, Id, Place, Spool, State, lines};
use crate::sys::with_spool_group;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In the spool.
    pub path: String,
    pub what: String,
    /// What [`Spool::repair`] would do; `None`: a person has to.
    pub repair: Option<Repair>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Make the directories that are missing.
    Complete,
    /// Give it this mode.
    Mode(u32),
    /// Set the message aside in `.Failed/`.
    SetAside(Entry),
    /// Cut the unfinished last line off.
    CutTorn,
    /// Remove what belongs to nothing.
    Remove,
}

impl Repair {
    /// In words: what is done, or would be.
    pub fn words(&self) -> &'static str {
        match self {
            Repair::Complete => "make it",
            Repair::Mode(_) => "set its mode",
            Repair::SetAside(_) => "set it aside in .Failed/",
            Repair::CutTorn => "cut the unfinished line off",
            Repair::Remove => "remove it",
        }
    }
}

/// Called with each finding.
type See<'a> = &'a mut dyn FnMut(Finding);

fn finding(path: impl Into<String>, what: impl Into<String>, repair: Option<Repair>) -> Finding {
    Finding {
        path: path.into(),
        what: what.into(),
        repair,
    }
}

impl Spool {
    /// Directories, modes, names and left-overs. Messages are for
    /// [`Spool::check_message`].
    pub fn check(&self, now: Timestamp, see: See<'_>) -> Result<()> {
        for dir in DIRECTORIES {
            if !self.check_directory(dir, see)? {
                continue;
            }
            match dir {
                "tmp" | "state" | EXPAND | "history" => self.check_files(dir, now, see)?,
                _ => {}
            }
        }
        for sub in Sub::ALL {
            self.check_names(sub, see)?;
        }
        self.check_twins(see)
    }

    /// False: it is not there.
    fn check_directory(&self, dir: &str, see: See<'_>) -> Result<bool> {
        let failed = |e| SpoolError::io(format!("look at {dir} of the spool"), e);
        let stat = match rustix::fs::statat(&self.root, dir, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => {
                see(finding(dir, "it is missing", Some(Repair::Complete)));
                return Ok(false);
            }
            Err(e) => return Err(failed(e)),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            see(finding(dir, "it is no directory", None));
            return Ok(false);
        }
        let keeper = if dir == EXPAND {
            stat.st_uid
        } else {
            self.owner()
        };
        if stat.st_uid != keeper {
            let what = format!(
                "it belongs to user {}; smtp-queue setup gives it to its owner",
                stat.st_uid
            );
            see(finding(dir, what, None));
        }
        let wanted = directory_mode(self.is_shared().then_some(0), dir);
        let has = stat.st_mode & 0o7777;
        // What belongs to another only he can change.
        if has & 0o777 != wanted & 0o777 && dir != EXPAND {
            let what = format!("its mode is {has:04o}, not {wanted:04o}");
            see(finding(dir, what, Some(Repair::Mode(wanted))));
        }
        Ok(true)
    }

    fn check_files(&self, dir: &str, now: Timestamp, see: See<'_>) -> Result<()> {
        let mut queued: HashMap<Id, ()> = HashMap::new();
        if dir != "tmp" && dir != "history" {
            self.each_entry(|entry| {
                queued.insert(entry.id, ());
                true
            })?;
            queued.extend(self.removed()?.iter().map(|e| (e.id, ())));
        }
        let before = now.saturating_sub(LEFT_OVER).unwrap_or(Timestamp::MIN);
        for name in self.names_in(dir)? {
            let path = format!("{dir}/{name}");
            let Ok(stat) = rustix::fs::statat(&self.root, &path, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                see(finding(path, "it is no regular file", None));
                continue;
            }
            let is_old = stat.st_mtime < before.as_second();
            let id = Id::parse(&name);
            match dir {
                "tmp" if is_old => {
                    see(finding(
                        path,
                        "a left-over of a writer",
                        Some(Repair::Remove),
                    ));
                }
                "tmp" => {}
                "history" => self.check_lines(&path, stat.st_size, see)?,
                _ if id.is_none() => see(finding(path, "its name is no id", None)),
                _ if is_old && id.is_some_and(|id| !queued.contains_key(&id)) => {
                    see(finding(path, "its message is gone", Some(Repair::Remove)));
                }
                _ => self.check_lines(&path, stat.st_size, see)?,
            }
            let wanted = self.file_mode().as_raw_mode();
            let has = stat.st_mode & 0o7777;
            if dir != EXPAND && dir != "tmp" && has & 0o007 != 0 {
                let what = format!("everyone has rights on it: its mode is {has:04o}");
                see(finding(
                    format!("{dir}/{name}"),
                    what,
                    Some(Repair::Mode(wanted)),
                ));
            }
        }
        Ok(())
    }

    /// The last octet tells whether the last line ended.
    fn check_lines(&self, path: &str, size: i64, see: See<'_>) -> Result<()> {
        let failed = |e: io::Error| SpoolError::io(format!("read {path} in the spool"), e);
        let Some(last) = u64::try_from(size)
            .ok()
            .and_then(|size| size.checked_sub(1))
        else {
            return Ok(());
        };
        let Ok(fd) = self.open_file(path, OFlags::RDONLY) else {
            return Ok(());
        };
        let mut octet = [0];
        let read = std::os::unix::fs::FileExt::read_at(&std::fs::File::from(fd), &mut octet, last);
        if read.map_err(failed)? == 1 && octet != *b"\n" {
            let what = "its last line is torn, by a crash or a full disk";
            see(finding(path, what, Some(Repair::CutTorn)));
        }
        Ok(())
    }

    fn check_names(&self, sub: Sub, see: See<'_>) -> Result<()> {
        if self.inode_at(sub.path())?.is_none() {
            return Ok(());
        }
        self.each_name(sub.path(), |name| {
            if !name.starts_with(b".") && parse(name, sub.place()).is_none() {
                let name = String::from_utf8_lossy(name);
                let path = format!("{}/{name}", sub.path());
                see(finding(
                    path,
                    "it is not a message's name, nobody delivers it",
                    None,
                ));
            }
        })
    }

    /// Two files of one id: one of them was put here by hand.
    fn check_twins(&self, see: See<'_>) -> Result<()> {
        let mut all = Vec::new();
        self.each_entry(|entry| {
            all.push((entry.id, entry.place, entry.due));
            true
        })?;
        all.sort_unstable();
        for pair in all.windows(2) {
            let [(one, ..), (other, ..)] = pair else {
                continue;
            };
            if one != other {
                continue;
            }
            let names = self.names_of(*one)?;
            let inodes: Vec<_> = names
                .iter()
                .filter_map(|at| self.inode_at(&at.path()).ok().flatten())
                .collect();
            if inodes.windows(2).any(|w| w[0] != w[1]) {
                let paths: Vec<String> = names.iter().map(|at| at.path()).collect();
                see(finding(paths.join(" "), "several files have one id", None));
            }
        }
        Ok(())
    }

    /// One message and its state; with `is_deep` its whole content is read and
    /// compared with its checksum.
    pub fn check_message(&self, entry: &Entry, is_deep: bool) -> Option<Finding> {
        if entry.place == Place::Failed {
            // That it is wrong is known.
            return None;
        }
        let set_aside = Some(Repair::SetAside(entry.clone()));
        let path = || match Spool::hints(entry)
            .iter()
            .find(|at| self.inode_at(&at.path()).ok().flatten().is_some())
        {
            Some(at) => at.path(),
            None => entry.id.to_string(),
        };
        let wrong = match self.read(entry) {
            // Delivered meanwhile.
            Err(SpoolError::NoSuchId(_)) => return None,
            Err(SpoolError::Corrupt(_, why)) => Some(why),
            Err(error) => return Some(finding(path(), error.to_string(), None)),
            Ok((_, mut message)) if is_deep => {
                read_through(&mut message).err().map(|e| e.to_string())
            }
            Ok(_) => None,
        };
        if let Some(why) = wrong {
            return Some(finding(
                path(),
                format!("it does not read right: {why}"),
                set_aside,
            ));
        }
        match self.state(entry.id) {
            Err(SpoolError::Corrupt(_, why)) => {
                let what = format!("there is {why}");
                Some(finding(format!("state/{}", entry.id), what, set_aside))
            }
            Err(error) => Some(finding(
                format!("state/{}", entry.id),
                error.to_string(),
                None,
            )),
            Ok(State { .. }) => None,
        }
    }

    /// Puts it right. What somebody works on just now is [`SpoolError::Busy`].
    pub fn repair(&self, finding: &Finding) -> Result<()> {
        let path = &finding.path;
        let failed =
            |e: rustix::io::Errno| SpoolError::io(format!("repair {path} in the spool"), e);
        match &finding.repair {
            None => Ok(()),
            Some(Repair::Complete) => self.complete(),
            Some(Repair::Mode(mode)) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(&self.root, path, flags, Mode::empty());
                let mode = Mode::from_raw_mode(*mode);
                fd.and_then(|fd| rustix::fs::fchmod(fd, mode))
                    .map_err(failed)
            }
            Some(Repair::SetAside(entry)) => match self.claim(entry) {
                Err(SpoolError::Corrupt(..)) => Ok(()),
                Ok(Some(claim)) => claim.set_aside(&finding.what),
                Ok(None) => Err(SpoolError::Busy(entry.id)),
                Err(error) => Err(error),
            },
            Some(Repair::CutTorn) => self.cut_torn(path),
            Some(Repair::Remove) => match self.unlink(path) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
                Err(e) => Err(failed(e)),
            },
        }
    }

    /// Under the lock of whoever writes there: the message's claim, or the
    /// file's own.
    fn cut_torn(&self, path: &str) -> Result<()> {
        let failed = |e: io::Error| SpoolError::io(format!("repair {path} in the spool"), e);
        let id = path.strip_prefix("state/").and_then(Id::parse);
        let _claim = match id.map(|id| self.find(id.as_str())) {
            Some(Ok(entry)) => match self.claim(&entry)? {
                Some(claim) => Some(claim),
                None => return Err(SpoolError::Busy(entry.id)),
            },
            _ => None,
        };
        let flags = OFlags::RDWR | OFlags::APPEND;
        let file = self.open_file(path, flags).map_err(|e| failed(e.into()))?;
        with_spool_group(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map_err(|e| failed(e.into()))?;
        lines::append(&file, b"").map_err(failed)
    }

    fn names_in(&self, dir: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_name(dir, |name| {
            if name != b"." && name != b".." {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        })?;
        Ok(names)
    }
}

fn read_through(message: &mut dyn Read) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    while message.read(&mut piece)? > 0 {}
    Ok(())
}
