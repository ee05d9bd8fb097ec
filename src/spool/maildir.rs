//! Delivery into somebody's Maildir (Q5): `tmp/`, fsync, link, fsync `new/`.
//!
//! To be called as the mailbox's owner. No symbolic link is followed at the
//! Maildir or below (S4).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::sys;

/// Names that are tried where one is there already.
const NAMES: usize = 8;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Delivers what `content` gives, as it is: LF line ends are the caller's
/// part. Returns the name in `new/` once it is durable. With `create` a
/// missing Maildir, its parent being there, is made (0700). After an error
/// nothing is left.
pub fn deliver(maildir: &Path, create: bool, content: &mut dyn Read) -> io::Result<String> {
    let root = directory(CWD, maildir, create)?;
    let [tmp, new, _] = ["tmp", "new", "cur"].map(|d| directory(&root, Path::new(d), create));
    let (tmp, new) = (tmp?, new?);
    let (name, file) = create_file(&tmp)?;
    let delivered = fill(file, content).and_then(|size| publish(&tmp, &name, &new, size));
    if delivered.is_err() {
        let _ = rustix::fs::unlinkat(&tmp, &name, AtFlags::empty());
    }
    delivered
}

fn directory(at: impl std::os::fd::AsFd, path: &Path, create: bool) -> io::Result<OwnedFd> {
    let failed = |e: Errno| {
        let error = io::Error::from(e);
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    match rustix::fs::openat(&at, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) if create => {}
        other => return other.map_err(failed),
    }
    match rustix::fs::mkdirat(&at, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(failed(e)),
    }
    let made = rustix::fs::openat(&at, path, DIRECTORY, Mode::empty()).map_err(failed)?;
    // The new name has to last as the mail in it does.
    let parent = rustix::fs::openat(&made, "..", DIRECTORY, Mode::empty()).map_err(failed)?;
    rustix::fs::fsync(parent).map_err(failed)?;
    Ok(made)
}

fn create_file(tmp: &OwnedFd) -> io::Result<(String, File)> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    for _ in 0..NAMES {
        let name = unique_name()?;
        match rustix::fs::openat(tmp, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => return Ok((name, File::from(file))),
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Errno::EXIST.into())
}

/// Seconds, then microseconds, process and random bits, then the host.
fn unique_name() -> io::Result<String> {
    let now = jiff::Timestamp::now();
    let random = u64::from_ne_bytes(sys::random()?);
    let host = sys::hostname().replace('/', "\\057").replace(':', "\\072");
    Ok(format!(
        "{}.M{}P{}R{:016x}.{host}",
        now.as_second(),
        now.subsec_microsecond(),
        std::process::id(),
        random,
    ))
}

fn fill(mut file: File, content: &mut dyn Read) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let n = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        file.write_all(buffer.get(..n).unwrap_or_default())?;
        size += n as u64;
    }
    rustix::fs::fsync(&file)?;
    Ok(size)
}

/// Into `new/`, over nobody's file, durably.
fn publish(tmp: &OwnedFd, name: &str, new: &OwnedFd, size: u64) -> io::Result<String> {
    let public = format!("{name},S={size}");
    match rustix::fs::renameat_with(tmp, name, new, &public, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(tmp, name, new, &public, AtFlags::empty())?;
            let _ = rustix::fs::unlinkat(tmp, name, AtFlags::empty());
        }
        other => other?,
    }
    rustix::fs::fsync(new).inspect_err(|_| {
        let _ = rustix::fs::unlinkat(new, &public, AtFlags::empty());
    })?;
    Ok(public)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Q5
    #[test]
    fn a_delivery_is_one_file_in_new_and_nothing_in_tmp() {
        let home = tempfile::tempdir().unwrap();
        let maildir = home.path().join("Maildir");
        let name = deliver(&maildir, true, &mut &b"From: a\n\nhello\n"[..]).unwrap();
        let other = deliver(&maildir, false, &mut &b"x"[..]).unwrap();
        assert_ne!(name, other);
        assert!(name.ends_with(",S=15"));
        assert_eq!(
            std::fs::read(maildir.join("new").join(&name)).unwrap(),
            b"From: a\n\nhello\n"
        );
        assert_eq!(names(&maildir.join("new")).len(), 2);
        assert!(names(&maildir.join("tmp")).is_empty());
        assert!(maildir.join("cur").is_dir());
    }

    #[test]
    fn a_missing_maildir_is_made_only_when_asked() {
        let home = tempfile::tempdir().unwrap();
        let error = deliver(&home.path().join("Maildir"), false, &mut &b"x"[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    /// S4
    #[test]
    fn symbolic_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let maildir = home.path().join("Maildir");
        deliver(&maildir, true, &mut &b"x"[..]).unwrap();
        std::os::unix::fs::symlink(&maildir, home.path().join("link")).unwrap();
        assert!(deliver(&home.path().join("link"), true, &mut &b"x"[..]).is_err());
        std::fs::rename(maildir.join("new"), home.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(home.path().join("elsewhere"), maildir.join("new")).unwrap();
        assert!(deliver(&maildir, true, &mut &b"x"[..]).is_err());
        assert_eq!(names(&home.path().join("elsewhere")).len(), 1);
    }

    #[test]
    fn an_unreadable_content_leaves_nothing() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::InvalidData.into())
            }
        }
        let home = tempfile::tempdir().unwrap();
        let maildir = home.path().join("Maildir");
        assert!(deliver(&maildir, true, &mut Broken).is_err());
        assert!(names(&maildir.join("tmp")).is_empty());
        assert!(names(&maildir.join("new")).is_empty());
    }
}
