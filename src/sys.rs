//! The few system calls that no safe wrapper covers, and the only module with
//! `unsafe`: each block says why it is sound.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// An entry of the user database (through NSS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// GECOS field, whole.
    pub gecos: String,
    pub home: PathBuf,
    pub shell: PathBuf,
}

pub fn user_by_uid(_uid: u32) -> Option<User> {
    todo!()
}

pub fn user_by_name(_name: &str) -> Option<User> {
    todo!()
}

/// Group id by name.
pub fn group_by_name(_name: &str) -> Option<u32> {
    todo!()
}

/// The kernel's host name.
pub fn hostname() -> String {
    todo!()
}

/// True where the effective ids are not the real ones (setuid, setgid, or
/// AT_SECURE).
pub fn is_privileged() -> bool {
    todo!()
}

/// First act of every program: /dev/null for closed descriptors 0-2, SIGPIPE
/// and SIGXFSZ ignored (their write errors are handled), umask 077, and, where
/// the program is setgid, the group given up until [`with_spool_group`].
/// Inherited descriptors over 2 are closed when `close_fds`.
pub fn start(_close_fds: bool) {
    todo!()
}

/// Runs `f` with the saved effective group, where the program is setgid.
pub fn with_spool_group<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// F_OFD_SETLK, write lock on the whole file, without waiting: false when
/// another open file description holds it.
pub fn try_ofd_lock(_fd: BorrowedFd<'_>) -> io::Result<bool> {
    todo!()
}

pub fn ofd_unlock(_fd: BorrowedFd<'_>) -> io::Result<()> {
    todo!()
}

/// F_OFD_GETLK: would [`try_ofd_lock`] be refused?
pub fn is_ofd_locked(_fd: BorrowedFd<'_>) -> io::Result<bool> {
    todo!()
}

/// Becomes `uid` and `gid` with these supplementary groups, for good and
/// verified; then no_new_privs. Single-threaded callers only.
pub fn become_user(_uid: u32, _gid: u32, _groups: &[u32]) -> io::Result<()> {
    todo!()
}

/// Starts a program detached from the terminal and the caller: new session,
/// descriptors on /dev/null, no waiting, without the setgid group.
pub fn spawn_detached(_program: &std::path::Path, _args: &[&std::ffi::OsStr]) -> io::Result<()> {
    todo!()
}
