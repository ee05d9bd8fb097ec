//! The spool's directories: opened, made, looked at.

use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::history::Today;
use super::sync::Together;
use crate::sys::with_spool_group;

/// An open spool.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    pub(super) root: OwnedFd,
    pub(super) new: OwnedFd,
    /// Syncs `new/` for all threads at once.
    pub(super) together: Together,
    owner: u32,
    group: u32,
    /// A system's: its group may write.
    shared: bool,
    /// Locks of messages made from others that are still held.
    pub(super) locks: Arc<AtomicUsize>,
    pub(super) today: Mutex<Option<Today>>,
}

pub(super) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Directories of a spool, parents first; `new`, whose presence says that the
/// spool is whole, is made last.
pub(super) const DIRECTORIES: [&str; 18] = [
    "tmp",
    "cur",
    ".Hold",
    ".Hold/tmp",
    ".Hold/new",
    ".Hold/cur",
    ".Failed",
    ".Failed/tmp",
    ".Failed/new",
    ".Failed/cur",
    ".Removed",
    ".Removed/tmp",
    ".Removed/new",
    ".Removed/cur",
    "state",
    "history",
    EXPAND,
    "new",
];

/// Only a privileged parent, whose it is, writes here.
pub(super) const EXPAND: &str = "expand";

/// Folders of the maildir above (Maildir++), and the file that says so.
pub(super) const FOLDERS: [&str; 3] = [".Hold", ".Failed", ".Removed"];
const FOLDER_MARK: &str = "maildirfolder";

impl Spool {
    /// Opens an existing spool.
    pub fn open(path: &Path) -> Result<Spool> {
        with_spool_group(|| {
            let root = rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(|e| match e {
                Errno::NOENT | Errno::NOTDIR => {
                    SpoolError::Missing(format!("there is no spool at {}", path.display()))
                }
                e => SpoolError::io(format!("open the spool {}", path.display()), e),
            })?;
            Spool::from_root(path, root)
        })
    }

    fn from_root(path: &Path, root: OwnedFd) -> Result<Spool> {
        let failed = |e| SpoolError::io(format!("open the spool {}", path.display()), e);
        let stat = rustix::fs::fstat(&root).map_err(failed)?;
        if stat.st_mode & 0o002 != 0 {
            // Another's links and files would be taken for mail (S5).
            let what = format!("use {}, which everyone can write to", path.display());
            return Err(SpoolError::io(what, Errno::PERM));
        }
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        let new = match rustix::fs::openat(&root, "new", flags, Mode::empty()) {
            Ok(new) => new,
            Err(Errno::NOENT) => {
                let what = format!("{} is not a spool: it has no new/", path.display());
                return Err(SpoolError::Missing(what));
            }
            Err(e) => return Err(failed(e)),
        };
        Ok(Spool {
            path: path.to_owned(),
            root,
            new,
            together: Together::default(),
            owner: stat.st_uid,
            group: stat.st_gid,
            shared: stat.st_mode & 0o020 != 0,
            locks: Arc::default(),
            today: Mutex::default(),
        })
    }

    /// Opens it, or makes it, durably, for this user alone (0700), or with
    /// `group` for a system installation (2770).
    pub fn open_or_create(path: &Path, group: Option<u32>) -> Result<Spool> {
        match Spool::open(path) {
            Err(SpoolError::Missing(_)) => {
                create(path, group)
                    .map_err(|e| match e.kind() {
                        // Some file stands where a directory has to be.
                        std::io::ErrorKind::AlreadyExists => Errno::NOTDIR.into(),
                        _ => e,
                    })
                    .map_err(|e| SpoolError::io(format!("make the spool {}", path.display()), e))?;
                Spool::open(path)
            }
            other => other,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error that names this spool behind `what`: "write to", "sync new/ of".
    pub(super) fn failed(&self, what: &str, error: impl Into<std::io::Error>) -> SpoolError {
        SpoolError::io(format!("{what} the spool {}", self.path.display()), error)
    }

    /// Owner of the spool's directory: who may run the queue.
    pub fn owner(&self) -> u32 {
        self.owner
    }

    /// Its group, which a system's has for its users.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// A system's: its group may write.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Octets that may still be written by us.
    pub fn free_space(&self) -> Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.root)
            .map_err(|e| SpoolError::io("look at the spool's file system", e))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Mode of a message.
    pub(super) fn message_mode(&self) -> Mode {
        Mode::from_raw_mode(if self.shared { 0o640 } else { 0o600 })
    }

    /// Mode of other files.
    pub(super) fn file_mode(&self) -> Mode {
        Mode::from_raw_mode(if self.shared { 0o660 } else { 0o600 })
    }

    /// Opens a file in the spool, a regular one, no link followed. With CREATE
    /// it gets its mode whatever the umask.
    pub(super) fn open_file(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let common = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let create = flags.contains(OFlags::CREATE);
        with_spool_group(|| {
            let at = |flags| rustix::fs::openat(&self.root, path, flags | common, self.file_mode());
            if !create {
                return at(flags);
            }
            match at(flags - OFlags::CREATE) {
                Err(Errno::NOENT) => {}
                other => return other,
            }
            match at(flags | OFlags::EXCL) {
                Err(Errno::EXIST) => at(flags - OFlags::CREATE),
                Ok(file) => {
                    rustix::fs::fchmod(&file, self.file_mode())?;
                    Ok(file)
                }
                Err(e) => Err(e),
            }
        })
    }

    /// Makes what a spool of an earlier version lacks of its directories.
    pub(super) fn complete(&self) -> Result<()> {
        let group = self.shared.then_some(self.group);
        with_spool_group(|| create(&self.path, group)).map_err(|e| self.failed("complete", e))
    }

    /// Makes a directory's entries durable.
    pub(super) fn sync_dir(&self, dir: &str) -> Result<()> {
        with_spool_group(|| {
            let fd =
                rustix::fs::openat(&self.root, dir, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
            rustix::fs::fsync(fd)
        })
        .map_err(|e| SpoolError::io(format!("sync {dir} of the spool"), e))
    }
}

/// Mode of a directory of the spool; `""` is the spool itself. The setgid bit
/// gives what users submit the spool's group.
pub(super) fn directory_mode(group: Option<u32>, dir: &str) -> u32 {
    match (group, dir) {
        (Some(_), EXPAND) => 0o2750,
        (Some(_), _) => 0o2770,
        (None, _) => 0o700,
    }
}

/// Makes all that is missing of a spool. May be repeated.
pub(super) fn create(path: &Path, group: Option<u32>) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(if group.is_some() { 0o755 } else { 0o700 })
            .create(parent)?;
    }
    make_directory(CWD, path, group, directory_mode(group, ""))?;
    let root = rustix::fs::open(path, DIRECTORY, Mode::empty())?;
    for dir in DIRECTORIES {
        if dir == "new" {
            rustix::fs::fsync(&root)?;
        }
        make_directory(&root, Path::new(dir), group, directory_mode(group, dir))?;
    }
    for dir in FOLDERS {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mark = format!("{dir}/{FOLDER_MARK}");
        rustix::fs::openat(&root, mark, flags, Mode::from_raw_mode(0o600))?;
        rustix::fs::fsync(rustix::fs::openat(&root, dir, DIRECTORY, Mode::empty())?)?;
    }
    rustix::fs::fsync(&root)?;
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => rustix::fs::fsync(rustix::fs::open(parent, DIRECTORY, Mode::empty())?)?,
        None => rustix::fs::fsync(rustix::fs::open(".", DIRECTORY, Mode::empty())?)?,
    }
    Ok(())
}

/// Group and mode are set on a directory of ours only, whatever the umask.
fn make_directory(
    at: impl std::os::fd::AsFd,
    path: &Path,
    group: Option<u32>,
    mode: u32,
) -> std::io::Result<()> {
    match rustix::fs::mkdirat(&at, path, Mode::from_raw_mode(0o700)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(e) => return Err(e.into()),
    }
    let dir = rustix::fs::openat(&at, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    if let Some(group) = group {
        rustix::fs::fchown(&dir, None, Some(Gid::from_raw(group)))?;
    }
    rustix::fs::fchmod(&dir, Mode::from_raw_mode(mode))?;
    Ok(())
}
