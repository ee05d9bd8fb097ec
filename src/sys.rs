//! The few system calls that no safe wrapper covers, and the only modules with
//! `unsafe`: each block says why it is sound.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

mod identity;
mod lock;
mod nss;
mod process;
mod signals;
mod start;
mod users;

pub use identity::{
    become_user, become_user_to_run, is_privileged, with_effective_group, with_effective_user,
    with_spool_group,
};
pub use lock::{is_ofd_locked, ofd_unlock, try_ofd_lock};
pub use nss::{User, find_user, group_by_name, groups_of, user_by_name};
pub use process::{Fork, fork, spawn_detached};
pub use signals::{clear_signals, next_signal, take_signals};
pub use start::{run_main, start, take_descriptors};
pub use users::{login_groups, user_by_uid};

/// Octets from the kernel's random generator.
///
/// # Errors
/// The kernel has no such call.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    let mut done = 0;
    while let Some(rest) = octets.get_mut(done..).filter(|r| !r.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        done += rustix::io::retry_on_intr(|| rustix::rand::getrandom(&mut *rest, flags))?;
    }
    Ok(octets)
}

/// The kernel's host name; `localhost` where there is none.
pub fn hostname() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the length is one less than the buffer's, so a NUL is always left.
    let code = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer)
        .ok()
        .and_then(|n| n.to_str().ok());
    match name {
        Some(name) if code == 0 && !name.is_empty() => name.to_owned(),
        _ => "localhost".to_owned(),
    }
}

fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// True where the descriptor is an Internet socket (for `-bs` started by
/// inetd: the client is a stranger), connected or not.
pub fn is_internet_socket(fd: impl AsFd) -> bool {
    rustix::net::getsockname(fd).is_ok_and(|a| SocketAddr::try_from(a).is_ok())
}

/// The other end of an Internet socket.
pub fn internet_peer(fd: impl AsFd) -> Option<SocketAddr> {
    let address = rustix::net::getpeername(fd).ok()??;
    SocketAddr::try_from(address).ok()
}

#[cfg(test)]
mod tests;
