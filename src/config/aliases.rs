//! The alias files that the configuration names.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Config;
use crate::route::alias::{AliasError, Aliases};

/// Largest alias or included file that is read.
const LARGEST_FILE: u64 = 64 << 20;

/// Reads the alias files named by the configuration; errors go to the caller.
pub fn load_aliases(config: &Config) -> (Aliases, Vec<AliasError>) {
    load_aliases_from(&config.aliases, &config.origin)
}

/// Reads these alias files (`newaliases -oA`). A missing one is no error; one
/// that others could have written is not read.
pub fn load_aliases_from(files: &[PathBuf], origin: &str) -> (Aliases, Vec<AliasError>) {
    let read = load_files(files, origin, &mut Included::default());
    (read.aliases, read.errors)
}

/// What alias files hold.
pub(super) struct Loaded {
    pub aliases: Aliases,
    pub errors: Vec<AliasError>,
    /// The first file that is there and cannot be read.
    pub unreadable: Option<AliasError>,
}

/// Files that `:include:` named.
#[derive(Default)]
pub(super) struct Included {
    pub files: Vec<PathBuf>,
}

pub(super) fn load_files(files: &[PathBuf], origin: &str, included: &mut Included) -> Loaded {
    let mut read = Loaded {
        aliases: Aliases::default(),
        errors: Vec::new(),
        unreadable: None,
    };
    for path in files {
        let name = path.to_string_lossy();
        match read_trusted(path) {
            Ok(text) => {
                let mut include = |path: &str| {
                    included.files.push(PathBuf::from(path));
                    include(path)
                };
                let errors = read.aliases.add_with(&name, &text, origin, &mut include);
                read.errors.extend(errors);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                let error = AliasError {
                    file: name.into_owned(),
                    line: 0,
                    text: format!("cannot be read: {e}"),
                };
                read.unreadable.get_or_insert_with(|| error.clone());
                read.errors.push(error);
            }
        }
    }
    read
}

fn include(path: &str) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err("expected an absolute path after :include:".to_owned());
    }
    read_trusted(Path::new(path)).map_err(|e| format!("the included file cannot be read: {e}"))
}

/// A regular file of root's or our own that only its owner or group can write:
/// what stands in it is run as `default_user` (I4).
pub(super) fn read_trusted(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    let about = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if about.uid() != 0 && about.uid() != own {
        return Err(io::Error::other("its owner is neither root nor this user"));
    }
    if about.mode() & 0o002 != 0 {
        return Err(io::Error::other("everybody can write it"));
    }
    let mut text = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other("larger than 64 MiB"));
    }
    // Comments in an old character set do no harm; an address in one is reported.
    Ok(String::from_utf8_lossy(&text).into_owned())
}
