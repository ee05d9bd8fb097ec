//! The file of users on the disk: read whole, written anew and renamed into place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::users::Users;
use crate::class::{Class, Classify, plain};
use crate::smtp::sasl::{Secret, encode};
use crate::sys;

/// Who may read it: its owner, and the group that the server runs as.
const MODE: u32 = 0o640;

/// The file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {why}", path = .0.display(), why = plain(.1.to_string()))]
    Io(PathBuf, io::Error),
    /// Names the line.
    #[error("{path}: {1}", path = .0.display())]
    Content(PathBuf, String),
}

impl Classify for FileError {
    fn class(&self) -> Class {
        match self {
            FileError::Io(_, e) if e.kind() == io::ErrorKind::PermissionDenied => Class::Permission,
            FileError::Io(_, e) if e.kind() == io::ErrorKind::NotFound => Class::NoInput,
            FileError::Io(..) => Class::Io,
            FileError::Content(..) => Class::Config,
        }
    }
}

pub fn read(path: &Path) -> Result<Users, FileError> {
    let text = fs::read_to_string(path).map(Secret::from);
    let text = text.map_err(|e| FileError::Io(path.to_owned(), e))?;
    let parsed = Users::parse(text.text().unwrap_or_default());
    parsed.map_err(|why| FileError::Content(path.to_owned(), why))
}

/// Changes the file; makes it where there is none, for `group`. Another who
/// changes it waits. Where `change` gives `Err`, the file stays as it is.
pub fn change<T, E: From<FileError>>(
    path: &Path,
    group: Option<u32>,
    change: impl FnOnce(&mut Users) -> Result<T, E>,
) -> Result<T, E> {
    let io = |e: io::Error| FileError::Io(path.to_owned(), e);
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io(io::ErrorKind::InvalidInput.into()).into()),
    };
    let folder = File::open(folder).map_err(io)?;
    flock(&folder, FlockOperation::LockExclusive).map_err(|e| io(e.into()))?;
    let (mut users, before) = match read(path) {
        Ok(users) => (users, Some(fs::metadata(path).map_err(io)?)),
        Err(FileError::Io(_, e)) if e.kind() == io::ErrorKind::NotFound => {
            (Users::empty().map_err(io)?, None)
        }
        Err(other) => return Err(other.into()),
    };
    let done = change(&mut users)?;
    let owner = before.as_ref().map(MetadataExt::uid);
    let group = before.as_ref().map(MetadataExt::gid).or(group);
    replace(path, &users.to_text(), owner, group).map_err(io)?;
    folder.sync_all().map_err(io)?;
    Ok(done)
}

fn replace(path: &Path, text: &Secret, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    let random = encode(&sys::random::<6>()?).replace('/', "_");
    name.push(format!(".{random}.new"));
    let new = PathBuf::from(name);
    let written = write(&new, text, owner, group).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

fn write(new: &Path, text: &Secret, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(new)?;
    // Only root gives files away; whoever else runs this owns the file already.
    if rustix::process::geteuid().is_root() {
        fchown(&file, owner, group)?;
    }
    // The umask may have taken the group's right away.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(MODE))?;
    file.write_all(text.octets())?;
    file.sync_all()
}
