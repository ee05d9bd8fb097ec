//! Locks that belong to an open file description (fcntl(2)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// F_OFD_SETLK, write lock on the whole file, without waiting: false when
/// another open file description holds it.
pub fn try_ofd_lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    match ofd(fd, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

pub fn ofd_unlock(fd: BorrowedFd<'_>) -> io::Result<()> {
    ofd(fd, libc::F_OFD_SETLK, libc::F_UNLCK).map(drop)
}

/// F_OFD_GETLK: would [`try_ofd_lock`] be refused?
pub fn is_ofd_locked(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let lock = ofd(fd, libc::F_OFD_GETLK, libc::F_WRLCK)?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

fn ofd(fd: BorrowedFd<'_>, command: i32, kind: i32) -> io::Result<libc::flock> {
    // SAFETY: flock is plain data, for which all zeroes are valid; zero start,
    // length and pid mean the whole file, as these commands require.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: the descriptor is open while it is borrowed; lock is valid.
        if unsafe { libc::fcntl(fd.as_raw_fd(), command, &mut lock) } == 0 {
            return Ok(lock);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
