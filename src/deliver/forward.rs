//! `.forward`: where users say that their mail goes. Read as the user whose it
//! is, in a process that became that user where this one is root (DESIGN
//! section 5).

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::log;
use crate::route::Destination;
use crate::route::alias::{self, AliasError, Target};
use crate::route::people::Trouble;
use crate::sys::{self, Fork, User};

/// Largest file that is read, octets.
const LARGEST: u64 = 64 * 1024;

/// A home directory that is away keeps the mail of its user waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whose files this process reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Its own user's alone.
    Own,
    /// Everybody's: root, with one thread.
    Root,
}

/// What a file says, as the process that read it tells it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Reading {
    Nothing,
    /// Destinations, true where they are the last; lines with their faults.
    Targets(Vec<(String, bool)>, Vec<(usize, String)>),
    Later(String),
}

/// The user of this name, if a file of theirs is to be looked for. Root has none:
/// nothing that strangers send is handled as root.
pub fn owner(config: &Config, name: &str) -> Result<Option<User>, Trouble> {
    if config.forward_file.is_empty() {
        return Ok(None);
    }
    let user = match sys::find_user(name)? {
        Some(user) => Some(user),
        None => sys::find_user(&name.to_lowercase())?,
    };
    Ok(user.filter(|user| user.uid != 0))
}

/// Where a user's mail goes; `None`: to the mailbox. A file that others could
/// have written, or that says nothing that can be understood, is told in the log
/// and counts as none.
pub fn targets(
    config: &Config,
    reader: Reader,
    name: &str,
) -> Result<Option<Vec<Target>>, Trouble> {
    let Some(user) = owner(config, name)? else {
        return Ok(None);
    };
    let me = rustix::process::geteuid().as_raw();
    let reading = match reader {
        _ if me == user.uid => read(config, &user),
        Reader::Root if me == 0 => read_as(config, &user)
            .unwrap_or_else(|e| Reading::Later(format!("reading the mail rules of {name}: {e}"))),
        _ => Reading::Nothing,
    };
    let path = user.home.join(&config.forward_file);
    match reading {
        Reading::Nothing => Ok(None),
        Reading::Later(words) => Err(Trouble(words)),
        Reading::Targets(targets, faults) => {
            for (line, text) in faults {
                log::config_error(&AliasError {
                    file: path.display().to_string(),
                    line,
                    text,
                });
            }
            let parse = |(to, last): (String, bool)| {
                let to: Option<Destination> = to.parse().ok();
                to.map(|to| Target { to, last })
            };
            let targets: Vec<Target> = targets.into_iter().filter_map(parse).collect();
            Ok((!targets.is_empty()).then_some(targets))
        }
    }
}

/// In a process that becomes the user before it touches the home directory.
fn read_as(config: &Config, user: &User) -> io::Result<Reading> {
    let (mut here, mut there) = UnixStream::pair()?;
    match sys::fork()? {
        Fork::Child => {
            drop(here);
            let became = sys::groups_of(&user.name, user.gid)
                .and_then(|groups| sys::become_user(user.uid, user.gid, &groups));
            let reading = match became {
                Ok(()) => read(config, user),
                Err(error) => Reading::Later(format!("becoming {}: {error}", user.name)),
            };
            if let Ok(octets) = serde_json::to_vec(&reading) {
                let _ = there.write_all(&octets);
            }
            std::process::exit(0)
        }
        Fork::Parent(pid) => {
            drop(there);
            here.set_read_timeout(Some(PATIENCE))?;
            let mut octets = Vec::new();
            let told = here.read_to_end(&mut octets);
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            if told.is_err() {
                // Not waited for: it may hang in the file system for good.
                let _ = pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
            } else {
                let _ = pid.map(|pid| waitpid(Some(pid), WaitOptions::empty()));
            }
            told.map_err(|_| io::Error::other("the home directory does not answer"))?;
            serde_json::from_slice(&octets).map_err(io::Error::from)
        }
    }
}

/// As this process may.
fn read(config: &Config, user: &User) -> Reading {
    let path = user.home.join(&config.forward_file);
    let text = match text(&path, user.uid) {
        Ok(Some(text)) => text,
        Ok(None) => return Reading::Nothing,
        Err(Wrong::Fault(what)) => return Reading::Targets(Vec::new(), vec![(0, what)]),
        Err(Wrong::Io(error)) => return Reading::Later(format!("{}: {error}", path.display())),
    };
    let (targets, faults) = alias::forward(&text, &config.origin);
    let targets = targets.into_iter().map(|t| (t.to.to_string(), t.last));
    Reading::Targets(targets.collect(), faults)
}

enum Wrong {
    /// The file is not believed.
    Fault(String),
    Io(io::Error),
}

/// A regular file of one name, the user's own or root's, that nobody else can
/// write (S4).
fn text(path: &Path, uid: u32) -> Result<Option<String>, Wrong> {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), NotFound | NotADirectory | PermissionDenied) => {
            return Ok(None);
        }
        Err(e) if e.raw_os_error() == Some(libc::ELOOP) => {
            return Err(Wrong::Fault("a symbolic link: not used".to_owned()));
        }
        Err(e) => return Err(Wrong::Io(e)),
    };
    let found = file.metadata().map_err(Wrong::Io)?;
    let fault = match &found {
        _ if !found.is_file() => Some("no regular file"),
        _ if found.uid() != uid && found.uid() != 0 => Some("its owner is another user"),
        _ if found.mode() & 0o022 != 0 => Some("others can write it"),
        _ if found.nlink() != 1 => Some("it has several names"),
        _ if found.len() > LARGEST => Some("larger than 64 KiB"),
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(Wrong::Fault(format!("{fault}: not used")));
    }
    let mut octets = Vec::new();
    file.take(LARGEST)
        .read_to_end(&mut octets)
        .map_err(Wrong::Io)?;
    Ok(Some(String::from_utf8_lossy(&octets).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// S4: what others could have put there is not used.
    #[test]
    fn s4_files_of_others_are_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let me = rustix::process::geteuid().as_raw();
        let path = dir.path().join(".forward");
        let fault = |uid| match text(&path, uid) {
            Ok(text) => text.unwrap_or_default(),
            Err(Wrong::Fault(what)) => what,
            Err(Wrong::Io(error)) => panic!("{error}"),
        };
        assert_eq!(fault(me), "");
        fs::write(&path, "bob\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(fault(me), "bob\n");
        if me != 0 {
            assert_eq!(fault(me + 1), "its owner is another user: not used");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(fault(me), "others can write it: not used");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        assert_eq!(fault(me), "it has several names: not used");
        fs::remove_file(&path).unwrap();
        symlink(dir.path().join("other"), &path).unwrap();
        assert_eq!(fault(me), "a symbolic link: not used");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(fault(me), "no regular file: not used");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, vec![b'a'; 65 << 10]).unwrap();
        assert_eq!(fault(me), "larger than 64 KiB: not used");
    }
}
