//! Telling a service manager that the sockets are open (sd_notify).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1` where `NOTIFY_SOCKET` names a socket; a manager that cannot
/// be told is logged, for it would wait and then kill us.
pub fn ready() {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&name, b"READY=1") {
        crate::log::notify_failed(&error);
    }
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
    fn ready_arrives_by_path_and_by_abstract_name() {
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
