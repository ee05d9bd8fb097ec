//! Signals as a descriptor, and masks.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// From now on these signals are not delivered but read by [`next_signal`]. The
/// descriptor never blocks. For single-threaded programs.
pub fn take_signals(signals: &[i32]) -> io::Result<OwnedFd> {
    let mut set = empty_signal_set();
    // SAFETY: set is initialised; sigaddset refuses numbers that are none, and
    // the result of signalfd is a new descriptor or -1.
    unsafe {
        for signal in signals {
            check(libc::sigaddset(&mut set, *signal))?;
        }
        check(libc::sigprocmask(
            libc::SIG_BLOCK,
            &set,
            std::ptr::null_mut(),
        ))?;
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        match fd {
            0.. => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The next signal that came, by its number.
pub fn next_signal(from: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    let mut about = [0; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(from, &mut about) {
        Ok(n) if n == about.len() => {
            // The number stands first (signalfd(2)).
            let number = about.first_chunk().map(|raw| u32::from_ne_bytes(*raw));
            Ok(number.and_then(|n| i32::try_from(n).ok()))
        }
        Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Signals are delivered again: for a child of a process that took them.
pub fn clear_signals() {
    let none = empty_signal_set();
    // SAFETY: the set is initialised; only this thread's mask changes.
    unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

pub(super) fn empty_signal_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}
