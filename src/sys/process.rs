//! Other processes.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::signals::empty_signal_set;

/// Starts a program detached from the terminal and the caller: new session,
/// `/` as working directory, descriptors on /dev/null, default signals, no
/// waiting, without the setgid group (exec drops the saved one). It has `kept`
/// as descriptor 3 until it closes what it inherited. Returns its process id; a
/// caller that lives on reaps it.
pub fn spawn_detached(
    program: &Path,
    args: &[&OsStr],
    kept: Option<BorrowedFd<'_>>,
) -> io::Result<u32> {
    let strings = std::iter::once(program.as_os_str())
        .chain(args.iter().copied())
        .map(|s| CString::new(s.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut argv: Vec<*mut libc::c_char> = strings.iter().map(|s| s.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    let mut attributes = MaybeUninit::uninit();
    let mut actions = MaybeUninit::uninit();
    let mut pid = 0;
    let none = empty_signal_set();
    // SAFETY: both objects are initialised before use and destroyed after it;
    // argv ends in null and points into strings, which live to the end;
    // environ is the process's own and no thread changes it (set_var is
    // called in start alone).
    let code = unsafe {
        libc::posix_spawnattr_init(attributes.as_mut_ptr());
        libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
        let (attributes, actions) = (attributes.as_mut_ptr(), actions.as_mut_ptr());
        let flags = libc::POSIX_SPAWN_SETSID as i32
            | libc::POSIX_SPAWN_SETSIGDEF
            | libc::POSIX_SPAWN_SETSIGMASK;
        libc::posix_spawnattr_setflags(attributes, flags as libc::c_short);
        libc::posix_spawnattr_setsigmask(attributes, &none);
        libc::posix_spawnattr_setsigdefault(attributes, &ignored_signals());
        for fd in 0..=2 {
            libc::posix_spawn_file_actions_addopen(actions, fd, c"/dev/null".as_ptr(), 2, 0);
        }
        if let Some(kept) = kept {
            libc::posix_spawn_file_actions_adddup2(actions, kept.as_raw_fd(), 3);
        }
        libc::posix_spawn_file_actions_addchdir_np(actions, c"/".as_ptr());
        let code = libc::posix_spawn(
            &mut pid,
            argv[0],
            actions,
            attributes,
            argv.as_ptr(),
            environ.cast(),
        );
        libc::posix_spawn_file_actions_destroy(actions);
        libc::posix_spawnattr_destroy(attributes);
        code
    };
    match code {
        0 => Ok(pid.unsigned_abs()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// Those that [`start`] ignores: a program that we start expects the default.
fn ignored_signals() -> libc::sigset_t {
    let mut set = empty_signal_set();
    // SAFETY: set is initialised, the numbers are valid.
    unsafe {
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::sigaddset(&mut set, libc::SIGXFSZ);
    }
    set
}

/// Which side of a [`fork`] this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// With the child's process id; the caller reaps it.
    Parent(u32),
    Child,
}

/// Forks. Refused when another thread runs: its locks would stay held in the
/// child for ever.
pub fn fork() -> io::Result<Fork> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other("fork after threads were started"));
    }
    // SAFETY: no other thread exists, so the child's memory is whole and
    // every lock in it is as the one thread left it.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid.unsigned_abs())),
    }
}
