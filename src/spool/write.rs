//! Commit: a nameless file in `new/`, written, synced, linked, and `new/`
//! synced. Where nameless files cannot be had: a file in `tmp/`, renamed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;

use super::content::Content;
use super::envelope::{self, CHECK_WIDTH, Check, Envelope, MAX_LENGTH, Printed};
use super::error::{Result, SpoolError};
use super::{Id, Spool, scan};
use crate::sys::with_spool_group;

/// Octets kept back before they are written: a small message is one write.
const BUFFER: usize = 64 * 1024;

/// A message being written. Written octets are CRLF lines (or binary).
/// After an error it can only be dropped; dropping it leaves nothing.
#[derive(Debug)]
pub struct Draft<'s> {
    spool: &'s Spool,
    id: Id,
    file: File,
    /// Its name in `tmp/`, where it has one.
    tmp: Option<TmpName<'s>>,
    buffer: Vec<u8>,
    check_at: usize,
    head_length: u64,
    crc32c: u32,
    content: Content,
    /// Something is in the file already: the check goes there by its offset.
    flushed: bool,
    /// A write failed: this draft can never be committed.
    failed: Option<Errno>,
}

/// A name in `tmp/`, removed when dropped.
#[derive(Debug)]
struct TmpName<'s> {
    spool: &'s Spool,
    path: String,
}

impl Drop for TmpName<'_> {
    fn drop(&mut self) {
        // A left-over is swept after 36 hours.
        let _ = with_spool_group(|| {
            rustix::fs::unlinkat(&self.spool.root, &self.path, AtFlags::empty())
        });
    }
}

/// What a file system without nameless files answers to O_TMPFILE.
const NO_TMPFILE: [Errno; 4] = [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL, Errno::NOSYS];

impl Spool {
    /// Begins a message. Dropping the draft leaves nothing.
    pub fn draft(&self, envelope: &Envelope) -> Result<Draft<'_>> {
        self.draft_as(self.new_id()?, envelope)
    }

    /// An id for a message to come ([`Spool::draft_as`]).
    pub fn new_id(&self) -> Result<Id> {
        Id::generate().map_err(|e| SpoolError::io("get random octets", e))
    }

    /// As [`Spool::draft`], with an id of [`Spool::new_id`], or with the one that
    /// a message has already (import). No other of that id may be in the queue.
    pub fn draft_as(&self, id: Id, envelope: &Envelope) -> Result<Draft<'_>> {
        self.begin(id, envelope, true)
    }

    /// The same with an id of [`Id::derived`]; `None` where a message of that
    /// id is there already. The caller holds the claim of the original.
    ///
    /// A state file of that id, synced before the message can appear, tells
    /// the usual case, nothing there, without reading the directories.
    pub fn derived_draft(&self, id: Id, envelope: &Envelope) -> Result<Option<Draft<'_>>> {
        let path = format!("state/{id}");
        if self.inode_at(&path)?.is_some()
            && (!self.names_of(id)?.is_empty() || self.is_removed(id)?)
        {
            return Ok(None);
        }
        let flags = OFlags::RDWR | OFlags::CREATE;
        self.open_file(&path, flags)
            .map_err(|e| SpoolError::io(format!("open {path} in the spool"), e))?;
        self.sync_dir("state")?;
        self.begin(id, envelope, true).map(Some)
    }

    /// As on a file system without nameless files.
    #[cfg(test)]
    pub fn named_draft(&self, envelope: &Envelope) -> Result<Draft<'_>> {
        let id = Id::generate().map_err(|e| SpoolError::io("get random octets", e))?;
        self.begin(id, envelope, false)
    }

    /// `nameless`: with O_TMPFILE, where it can be had.
    pub(super) fn begin(&self, id: Id, envelope: &Envelope, nameless: bool) -> Result<Draft<'_>> {
        let Printed { octets, check_at } = envelope::print(id, envelope)?;
        let head_length = octets.len() as u64;
        let crc32c = envelope::crc_of_head(&octets, check_at);
        let failed = |e: Errno| self.failed("create a file in", e);
        let (file, tmp) = match self.nameless().map_err(failed) {
            Ok(Some(file)) if nameless => (file, None),
            Ok(_) => self.named(id).map(|(file, tmp)| (file, Some(tmp)))?,
            Err(e) => return Err(e),
        };
        Ok(Draft {
            spool: self,
            id,
            file: File::from(file),
            tmp,
            buffer: octets,
            check_at,
            head_length,
            crc32c,
            content: Content::default(),
            flushed: false,
            failed: None,
        })
    }

    /// `None`: the file system has none.
    fn nameless(&self) -> rustix::io::Result<Option<OwnedFd>> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match self.create(&self.new, ".", flags) {
            Ok(file) => Ok(Some(file)),
            Err(e) if NO_TMPFILE.contains(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn named(&self, id: Id) -> Result<(OwnedFd, TmpName<'_>)> {
        let path = format!("tmp/{id}");
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
        let mut file = self.create(&self.root, &path, flags);
        if file.as_ref().is_err_and(|e| *e == Errno::EXIST) && id.is_derived() {
            // Left by a crash; the claim of the original says that nobody writes it.
            let _ = with_spool_group(|| rustix::fs::unlinkat(&self.root, &path, AtFlags::empty()));
            file = self.create(&self.root, &path, flags);
        }
        let file = file.map_err(|e| self.failed(&format!("create {path} in"), e))?;
        Ok((file, TmpName { spool: self, path }))
    }

    /// With its mode whatever the umask.
    fn create(&self, dir: &OwnedFd, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let mode = self.message_mode();
        let file = with_spool_group(|| rustix::fs::openat(dir, path, flags, mode))?;
        if rustix::fs::fstat(&file)?.st_mode & 0o777 != mode.as_raw_mode() {
            rustix::fs::fchmod(&file, mode)?;
        }
        Ok(file)
    }
}

impl Draft<'_> {
    pub fn id(&self) -> Id {
        self.id
    }

    /// What an error of [`Write`] on this draft means.
    pub fn failed(&self, error: io::Error) -> SpoolError {
        self.spool.failed("write the message to", error)
    }

    /// Writes a piece of a large message without keeping it back.
    pub fn write_through(&mut self, octets: &[u8]) -> io::Result<()> {
        self.take(octets)?;
        if !self.buffer.is_empty() {
            self.flush_buffer()?;
            self.buffer = Vec::new();
        }
        let written = self.file.write_all(octets);
        self.note(written)
    }

    /// Octets of the message so far.
    pub fn length(&self) -> u64 {
        self.content.length
    }

    /// What was written so far, from its begin.
    pub fn content(&mut self) -> io::Result<impl io::Read + use<>> {
        if !self.buffer.is_empty() {
            self.flush_buffer()?;
        }
        Ok(Written {
            file: self.file.try_clone()?,
            at: self.head_length,
        })
    }

    /// An empty draft of the same id, to take this one's place. One of the two may
    /// be committed.
    pub fn second(&mut self, envelope: &Envelope) -> Result<Self> {
        if let Some(tmp) = &mut self.tmp {
            let (root, aside) = (&self.spool.root, format!("{}-1", tmp.path));
            with_spool_group(|| rustix::fs::renameat(root, &tmp.path, root, &aside))
                .map_err(|e| self.spool.failed("rename a draft in", e))?;
            tmp.path = aside;
        }
        self.spool.begin(self.id, envelope, self.tmp.is_none())
    }

    /// Makes it durable: when this returns Ok the message is on stable storage,
    /// file and directory. After an error it is not there.
    pub fn commit(mut self) -> Result<Id> {
        self.write_check()?;
        self.publish()?;
        Ok(self.id)
    }

    /// As [`Draft::commit`], locked before it is linked; the lock is held until
    /// the guard is dropped.
    pub fn commit_locked(mut self) -> Result<Lock> {
        self.write_check()?;
        rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| SpoolError::io(format!("lock message {}", self.id), e))?;
        self.publish()?;
        let file = self.file;
        Ok(Lock::new(file, &self.spool.locks))
    }

    /// Writes what is left, the check with it, and syncs the file.
    fn write_check(&mut self) -> Result<()> {
        let spool = self.spool;
        let failed = |e: io::Error| spool.failed("write to", e);
        if let Some(errno) = self.failed {
            return Err(failed(errno.into()));
        }
        let check = Check {
            length: self.content.length,
            crc32c: self.crc32c,
            body: self.content.body(),
            long_lines: self.content.has_long_lines(),
        };
        let value = Printed::value(&check);
        if self.flushed {
            self.flush_buffer().map_err(failed)?;
            self.file
                .write_all_at(&value, self.check_at as u64)
                .map_err(failed)?;
        } else {
            if let Some(place) = self
                .buffer
                .get_mut(self.check_at..self.check_at + CHECK_WIDTH)
            {
                place.copy_from_slice(&value);
            }
            self.flush_buffer().map_err(failed)?;
        }
        // Never tried again after an error: the kernel may have forgotten the
        // pages that it could not write (S8).
        rustix::fs::fsync(&self.file).map_err(|e| spool.failed("sync a message in", e))
    }

    /// Gives the file its name in `new/` and makes that durable.
    fn publish(&mut self) -> Result<()> {
        let size = self.head_length.saturating_add(self.content.length);
        let name = scan::name(self.id, size, None);
        match self.tmp.take() {
            None => self.link(&name),
            Some(tmp) => self.rename(tmp, &name),
        }
        .map_err(|e| {
            self.spool
                .failed(&format!("link message {} into new/ of", self.id), e)
        })?;
        self.spool.together.sync(&self.spool.new).map_err(|e| {
            let _ =
                with_spool_group(|| rustix::fs::unlinkat(&self.spool.new, &name, AtFlags::empty()));
            self.spool.failed("sync new/ of", e)
        })
    }

    fn link(&self, name: &str) -> rustix::io::Result<()> {
        let new = &self.spool.new;
        let direct = AtFlags::EMPTY_PATH;
        match with_spool_group(|| rustix::fs::linkat(&self.file, "", new, name, direct)) {
            // Allowed since Linux 6.10 to who opened it, with the same rights.
            Err(Errno::NOENT) => {
                let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                let follow = AtFlags::SYMLINK_FOLLOW;
                with_spool_group(|| rustix::fs::linkat(CWD, &path, new, name, follow))
            }
            other => other,
        }
    }

    fn rename(&self, tmp: TmpName<'_>, name: &str) -> rustix::io::Result<()> {
        let (root, new) = (&self.spool.root, &self.spool.new);
        let moved = with_spool_group(|| {
            let never_over = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(root, &tmp.path, new, name, never_over) {
                Err(Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::linkat(root, &tmp.path, new, name, AtFlags::empty())
                }
                other => other,
            }
        });
        // Over a network a rename that failed may have been done all the same.
        let there = || self.spool.inode_at(&format!("new/{name}")).ok().flatten();
        if moved.is_err() && there() != Some(inode_of(&self.file)?) {
            return moved;
        }
        // Dropping the name unlinks it where a link was made, else finds nothing.
        drop(tmp);
        Ok(())
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.buffer);
        self.note(written)?;
        self.flushed = true;
        self.buffer.clear();
        Ok(())
    }

    /// Counts what is about to be written.
    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        if let Some(errno) = self.failed {
            return Err(errno.into());
        }
        if self.content.length.saturating_add(octets.len() as u64) > MAX_LENGTH {
            return self.note(Err(Errno::FBIG.into()));
        }
        self.content.take(octets);
        self.crc32c = crc32c::crc32c_append(self.crc32c, octets);
        Ok(())
    }

    /// Remembers a failure.
    fn note(&mut self, written: io::Result<()>) -> io::Result<()> {
        if let Err(e) = &written {
            self.failed = Some(Errno::from_io_error(e).unwrap_or(Errno::IO));
        }
        written
    }
}

/// Inode and device of an open file.
pub(super) fn inode_of(file: &File) -> rustix::io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(file)?;
    Ok((stat.st_ino, stat.st_dev))
}

impl Write for Draft<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.take(buf)?;
        if self.buffer.len() + buf.len() > BUFFER {
            self.flush_buffer()?;
        }
        if buf.len() > BUFFER {
            let written = self.file.write_all(buf);
            self.note(written)?;
        } else {
            self.buffer.extend_from_slice(buf);
        }
        Ok(buf.len())
    }

    /// Nothing to do: what counts is the commit.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a draft's content back.
struct Written {
    file: File,
    at: u64,
}

impl io::Read for Written {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

/// Holds a message's lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    held: Arc<AtomicUsize>,
}

impl Lock {
    fn new(file: File, held: &Arc<AtomicUsize>) -> Lock {
        held.fetch_add(1, Ordering::Relaxed);
        Lock {
            _file: file,
            held: Arc::clone(held),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}
