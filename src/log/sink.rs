//! Where lines go.

use std::io::{ErrorKind, IsTerminal, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use super::Severity;

const SYSLOG_SOCKET: &str = "/dev/log";

/// Facility `mail` of syslog, shifted to its place.
const MAIL: u8 = 2 << 3;

/// Longest wait for a syslog daemon that doesn't read.
const PATIENCE: Duration = Duration::from_millis(100);

pub enum Sink {
    None,
    Stderr {
        tag: String,
        /// journald reads it: a priority instead of the tag.
        journal: bool,
    },
    Syslog {
        tag: String,
        socket: Option<UnixDatagram>,
    },
}

/// A person or a service manager reads stderr.
pub fn stderr_is_read() -> bool {
    let managed = |name| std::env::var_os(name).is_some();
    std::io::stderr().is_terminal() || managed("JOURNAL_STREAM") || managed("INVOCATION_ID")
}

pub fn has_syslog() -> bool {
    Path::new(SYSLOG_SOCKET).exists()
}

/// `JOURNAL_STREAM` names the device and inode of journald's stream; it is
/// inherited, so only the comparison tells whether stderr still is that stream.
fn stderr_is_journal() -> bool {
    let Some(named) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(about) = rustix::fs::fstat(std::io::stderr()) else {
        return false;
    };
    named.to_str() == Some(&format!("{}:{}", about.st_dev, about.st_ino))
}

impl Sink {
    pub fn stderr(tag: &str) -> Sink {
        Sink::Stderr {
            tag: tag.to_owned(),
            journal: stderr_is_journal(),
        }
    }

    pub fn syslog(tag: &str) -> Sink {
        Sink::Syslog {
            tag: tag.to_owned(),
            socket: None,
        }
    }

    /// As [`Sink::write`], without the program's name where no protocol wants it.
    pub fn write_bare(&mut self, severity: Severity, line: &str) {
        match self {
            Sink::Stderr { journal: false, .. } => {
                let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
            }
            _ => self.write(severity, line),
        }
    }

    /// Whatever fails here stays here: mail goes on without its log.
    pub fn write(&mut self, severity: Severity, line: &str) {
        match self {
            Sink::None => {}
            Sink::Stderr { tag, journal } => {
                let text = match journal {
                    true => format!("<{}>{line}\n", severity as u8),
                    false => format!("{tag}: {line}\n"),
                };
                // One write a line, so that lines of several processes don't mix.
                let _ = std::io::stderr().write_all(text.as_bytes());
            }
            Sink::Syslog { tag, socket } => {
                send(
                    socket,
                    Path::new(SYSLOG_SOCKET),
                    &datagram(severity, tag, line),
                );
            }
        }
    }
}

/// RFC 3164 section 4.1, in the form that local daemons take: without a host.
pub fn datagram(severity: Severity, tag: &str, line: &str) -> String {
    let time = jiff::Zoned::now().strftime("%b %e %H:%M:%S").to_string();
    let priority = MAIL + severity as u8;
    format!("<{priority}>{time} {tag}[{}]: {line}", std::process::id())
}

/// Connects where needed; once more where the daemon was restarted in between.
pub fn send(socket: &mut Option<UnixDatagram>, path: &Path, text: &str) {
    for _ in 0..2 {
        if socket.is_none() {
            *socket = connect(path).ok();
        }
        match socket.as_ref().map(|open| open.send(text.as_bytes())) {
            Some(Ok(_)) => return,
            // Alive but full: this line is lost.
            Some(Err(e)) if e.kind() == ErrorKind::WouldBlock => return,
            _ => *socket = None,
        }
    }
}

fn connect(path: &Path) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}
