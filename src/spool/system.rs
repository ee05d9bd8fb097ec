//! A system installation's spool: who owns what in it, and with which mode.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Dir, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::Spool;
use super::error::{Result, SpoolError};
use super::store::{DIRECTORIES, DIRECTORY, EXPAND, FOLDERS, create, directory_mode};

/// Whose a file is: a message stays its submitter's.
struct Shape {
    owner: Option<u32>,
    group: u32,
    mode: u32,
}

impl Spool {
    /// Makes a system installation's spool, as root: it belongs to the service
    /// user, but for `expand/`, which only the privileged parent may write. One
    /// that is there, root's own from before the installation or copied, gets
    /// what it lacks and the same owners and modes; its mail stays.
    pub fn create_system(path: &Path, owner: u32, group: u32) -> Result<Spool> {
        let failed =
            |e| SpoolError::io(format!("give the spool {} to its owner", path.display()), e);
        create(path, Some(group))
            .map_err(|e| SpoolError::io(format!("make the spool {}", path.display()), e))?;
        let root = rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(failed)?;
        for dir in DIRECTORIES {
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let fd = rustix::fs::openat(&root, dir, flags, Mode::empty()).map_err(failed)?;
            let keeper = if dir == EXPAND { 0 } else { owner };
            shape_files(&fd, &files_of(dir, keeper, group)).map_err(failed)?;
            let mode = directory_mode(Some(group), dir);
            shape(&fd, Some(keeper), group, mode).map_err(failed)?;
        }
        for folder in FOLDERS {
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let fd = rustix::fs::openat(&root, folder, flags, Mode::empty()).map_err(failed)?;
            let mark = Shape {
                owner: Some(owner),
                group,
                mode: 0o600,
            };
            shape_files(&fd, &mark).map_err(failed)?;
        }
        shape_files(&root, &files_of("", owner, group)).map_err(failed)?;
        // Last: whose this is, the spool is.
        shape(&root, Some(owner), group, directory_mode(Some(group), "")).map_err(failed)?;
        Spool::open(path)
    }
}

fn files_of(dir: &str, owner: u32, group: u32) -> Shape {
    let (owner, mode) = match dir {
        "" | "state" | "history" => (Some(owner), 0o660),
        EXPAND => (Some(owner), 0o640),
        _ => (None, 0o640),
    };
    Shape { owner, group, mode }
}

/// Regular files with one name, none through a link: what is written here is
/// another's (S4).
fn shape_files(dir: &OwnedFd, wanted: &Shape) -> rustix::io::Result<()> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(dir, entry.file_name(), flags, Mode::empty()) {
            Ok(file) => file,
            // Retired meanwhile, or nothing that is ours.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => continue,
            Err(e) => return Err(e),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1 {
            shape(&file, wanted.owner, wanted.group, wanted.mode)?;
        }
    }
    Ok(())
}

fn shape(fd: &OwnedFd, owner: Option<u32>, group: u32, mode: u32) -> rustix::io::Result<()> {
    rustix::fs::fchown(fd, owner.map(Uid::from_raw), Some(Gid::from_raw(group)))?;
    // After the owner, whose change takes set-id bits away.
    rustix::fs::fchmod(fd, Mode::from_raw_mode(mode))
}
