//! mbox: one file a user, appended to under three locks, for other programs
//! use any of them: `flock`, `fcntl` and a `.lock` file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, flock};

use super::letter::{Letter, Mboxrd};
use crate::sys;

/// A mailbox locked for longer keeps the message waiting.
const LOCK_LIMIT: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A `.lock` file older than this was left by a program that died.
const STALE: Duration = Duration::from_secs(300);

/// A mailbox that passed its checks.
#[derive(Debug)]
pub struct Opened {
    file: File,
    path: PathBuf,
}

/// Opens or creates it: a regular file with one name, of this owner (S4). In a
/// directory that a group may write, other mail programs come as that group, so
/// a new mailbox is 0660 there.
pub fn open(path: &Path, owner: u32) -> io::Result<Opened> {
    let directory = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    let mode = match directory.mode() & 0o020 {
        0 => 0o600,
        _ => 0o660,
    };
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opening = |create: bool| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(flags);
        options.create_new(create).mode(mode).open(path)
    };
    let file = match opening(false) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => match opening(true) {
            Ok(file) => {
                // The mode is ours to say, whatever the umask.
                file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
                sync_parent(path);
                Ok(file)
            }
            // Another delivery was quicker.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => opening(false),
            other => other,
        },
        other => other,
    }?;
    let found = file.metadata()?;
    let fault = match &found {
        _ if !found.is_file() => Some("is no regular file"),
        _ if found.nlink() != 1 => Some("has several names"),
        _ if found.uid() != owner => Some("belongs to another user"),
        _ => None,
    };
    match fault {
        Some(fault) => Err(io::Error::other(fault)),
        None => Ok(Opened {
            file,
            path: path.to_path_buf(),
        }),
    }
}

/// The name of a new mailbox is as precious as what is in it; where the
/// directory cannot be opened, the message's own fsync has to do.
fn sync_parent(path: &Path) {
    if let Some(directory) = path.parent().and_then(|d| File::open(d).ok()) {
        let _ = directory.sync_all();
    }
}

/// What a message gets on top.
#[derive(Debug)]
pub struct Top<'a> {
    /// For the `From ` line.
    pub sender: &'a str,
    /// Fields, LF line ends.
    pub trace: &'a str,
    /// The message may not have been delivered to this address before; empty: it
    /// may be any.
    pub delivered_to: &'a str,
}

/// Appends the message and syncs it. After a failure the mailbox is as it was.
pub fn append(opened: Opened, top: &Top<'_>, content: &mut dyn Read) -> io::Result<()> {
    let Opened { mut file, path } = opened;
    let _locks = Locks::take(&file, &path)?;
    let before = file.seek(SeekFrom::End(0))?;
    let result = write(&mut file, before, top, content).and_then(|()| file.sync_all());
    if result.is_err() {
        file.set_len(before)?;
        file.sync_all()?;
    }
    result
}

fn write(file: &mut File, end: u64, top: &Top<'_>, content: &mut dyn Read) -> io::Result<()> {
    let separator = match ends_with_blank_line(file, end)? {
        true => "",
        false => "\n",
    };
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let date = now.strftime("%a %b %e %H:%M:%S %Y");
    let sender = top
        .sender
        .replace(|c: char| c.is_whitespace() || c.is_control(), "-");
    write!(file, "{separator}From {sender} {date}\n{}", top.trace)?;
    let mut letter = Letter::new(content, Mboxrd, top.delivered_to);
    io::copy(&mut letter, file)?;
    file.write_all(b"\n")
}

/// Also true of an empty mailbox.
fn ends_with_blank_line(file: &File, end: u64) -> io::Result<bool> {
    let mut last = [0; 2];
    match end {
        0 => Ok(true),
        1 => Ok(false),
        _ => {
            file.read_exact_at(&mut last, end - 2)?;
            Ok(&last == b"\n\n")
        }
    }
}

/// Given up when dropped: the file's locks go with its descriptor.
struct Locks {
    dot: Option<PathBuf>,
}

impl Locks {
    fn take(file: &File, path: &Path) -> io::Result<Locks> {
        let limit = Instant::now() + LOCK_LIMIT;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let locks = Locks {
            dot: wait(limit, || dot_lock(Path::new(&name)))?,
        };
        wait(limit, || {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(())),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
                Err(e) => Err(e.into()),
            }
        })?;
        wait(limit, || Ok(sys::try_ofd_lock(file.as_fd())?.then_some(())))?;
        Ok(locks)
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        if let Some(path) = &self.dot {
            let _ = fs::remove_file(path);
        }
    }
}

fn wait<T>(limit: Instant, mut attempt: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    loop {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        if Instant::now() >= limit {
            let words = "locked by another program";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, words));
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// `Some(None)` where this user cannot make files beside the mailbox: then no
/// other program of this user's can either.
fn dot_lock(path: &Path) -> io::Result<Option<Option<PathBuf>>> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path);
    match made {
        Ok(_) => Ok(Some(Some(path.to_path_buf()))),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if is_stale(path) {
                let _ = fs::remove_file(path);
            }
            Ok(None)
        }
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(Some(None)),
        Err(e) => Err(e),
    }
}

fn is_stale(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|m| m.modified());
    modified.is_ok_and(|then| {
        SystemTime::now()
            .duration_since(then)
            .is_ok_and(|age| age > STALE)
    })
}
