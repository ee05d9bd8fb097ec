//! The first acts of every program.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::check;
use super::identity::{give_up_privilege, is_privileged};
use super::signals::empty_signal_set;

/// Variables that a program with raised privilege keeps (S1); all others are
/// removed, and PATH is set to the system's directories.
const KEPT_VARIABLES: [&str; 6] = ["HOME", "USER", "LOGNAME", "NAME", "TERM", "NO_COLOR"];
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes `$body` what the C library calls as `main`, in place of Rust's own
/// start-up: that reads `/proc/self/maps` and prepares a stack for a handler of
/// overflows, which costs a program of a millisecond a thirtieth of it. What
/// else it does, [`start`] does. Only for glibc, which hands the arguments to
/// `std` by itself.
#[macro_export]
macro_rules! c_main {
    ($body:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main() -> core::ffi::c_int {
            $crate::sys::run_main($body)
        }
    };
}

/// Runs a program's body and ends the process as [`std::process::exit`] does,
/// with what is still in the buffer of standard output written. A panic, which
/// must not cross into C, is exit status 70 (EX_SOFTWARE).
pub fn run_main(body: fn() -> u8) -> ! {
    let status = std::panic::catch_unwind(body).unwrap_or(70);
    std::process::exit(i32::from(status))
}

/// First act of every program: /dev/null for closed descriptors 0-2, SIGPIPE
/// and SIGXFSZ ignored (their write errors are handled), an inherited signal
/// mask and alarm cleared, umask 077, and, where the program is setgid, the
/// group given up until [`with_spool_group`] and the environment cut to a few
/// names. Inherited descriptors over 2 are closed when `close_fds`.
///
/// To be called before any file is opened and any thread is started. Ends the
/// process where the privilege cannot be given up.
pub fn start(close_fds: bool) {
    for fd in 0..=2 {
        // SAFETY: F_GETFD and open touch no memory of ours but the literal.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) < 0 && libc::open(c"/dev/null".as_ptr(), 2) != fd {
                libc::_exit(71);
            }
        }
    }
    // SAFETY: plain calls on process-wide settings; no handler of ours is
    // installed, and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::alarm(0);
        let none = empty_signal_set();
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        libc::umask(0o077);
    }
    if close_fds {
        close_inherited();
    }
    if is_privileged() {
        give_up_privilege();
        keep_variables();
    }
}

fn close_inherited() {
    close_from(3);
}

fn close_from(first: libc::c_uint) {
    // SAFETY: the callers run before any file is opened, so no descriptor from
    // `first` on belongs to an owner in this program.
    if unsafe { libc::close_range(first, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    for fd in first..1024 {
        // SAFETY: as above.
        unsafe { libc::close(fd as libc::c_int) };
    }
}

/// Takes the descriptors from 3 on that a service manager handed over, closed
/// for programs that we start; the others above 2 are closed. Once a process,
/// before any file is opened; later calls give none.
pub fn take_descriptors(count: u32) -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let end = count.min(1024) + 3;
    close_from(end);
    let mut taken = Vec::new();
    for fd in 3..end as libc::c_int {
        // SAFETY: fcntl takes numbers alone. Nothing in this program owns the
        // descriptor, and TAKEN says that it gets one owner only.
        unsafe {
            check(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))?;
            taken.push(OwnedFd::from_raw_fd(fd));
        }
    }
    Ok(taken)
}

fn keep_variables() {
    let names: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in names {
        if !KEPT_VARIABLES.iter().any(|kept| name == *kept) && !name.is_empty() {
            // SAFETY: no other thread runs yet, so nobody reads the environment.
            unsafe { std::env::remove_var(name) };
        }
    }
    // SAFETY: as above.
    unsafe { std::env::set_var("PATH", SYSTEM_PATH) };
}
