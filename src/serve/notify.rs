//! Talking to a service manager (sd_notify): ready, reloading, stopping, alive.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Sends `words` where `NOTIFY_SOCKET` names a socket; a manager that cannot
/// be told is logged, for it would wait and then kill us.
pub fn tell(words: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&name, words.as_bytes()) {
        crate::log::notify_failed(&error);
    }
}

/// A reload begins; `READY=1` ends it. The time tells the manager that this is
/// about its own signal (`Type=notify-reload`).
pub fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec.saturating_mul(1_000_000) + now.tv_nsec / 1000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}

/// How often the manager wants to hear that we live: twice in its limit
/// (`WATCHDOG_USEC`), where it asks this process (`WATCHDOG_PID`).
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let limit = number("WATCHDOG_USEC").filter(|micros| *micros > 0)?;
    let mine = match number("WATCHDOG_PID") {
        Some(pid) => pid == u64::from(std::process::id()),
        None => true,
    };
    mine.then(|| Duration::from_micros(limit / 2).max(Duration::from_millis(1)))
}

/// A name with `@` first is in the abstract namespace.
fn send(name: &OsStr, words: &[u8]) -> io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(rest) => SocketAddr::from_abstract_name(rest)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(words, &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_by_path_and_by_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), b"READY=1").unwrap();
        let unique = format!("smtputils-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(unique.as_bytes()).unwrap();
        let abstract_one = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{unique}")), b"READY=1").unwrap();
        for socket in [by_path, abstract_one] {
            let mut buf = [0; 32];
            let n = socket.recv(&mut buf).unwrap();
            assert_eq!(&buf[..n], b"READY=1");
        }
    }
}
