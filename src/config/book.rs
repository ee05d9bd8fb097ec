//! The files that say whose addresses are: aliases, maps, lists of users.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Config;
use super::aliases::{Included, load_files, read_trusted};
use crate::route::alias::AliasError;
use crate::route::map::{Keys, Map};
use crate::route::people::{Host, Users};
use crate::sys;

pub use crate::route::people::Book;

/// The users of this host.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Host for System {
    /// As delivery looks them up: a login name, or that in lower case.
    fn has_user(&self, name: &str) -> io::Result<bool> {
        let lower = name.to_lowercase();
        Ok(sys::find_user(name)?.is_some() || (lower != name && sys::find_user(&lower)?.is_some()))
    }

    fn has_directory(&self, path: &str) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) => Ok(found.is_dir()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Reads all files; what is wrong with them goes to the caller. The files that
/// were looked at come along.
fn load(config: &Config) -> (Book, Vec<AliasError>, HashSet<PathBuf>) {
    let mut loader = Loader::default();
    let mut book = Book::new(config.table(), &config.origin);
    let mut included = Included::default();
    let read = load_files(&config.aliases, &config.origin, &mut included);
    (book.aliases, book.trouble) = (read.aliases, read.unreadable);
    loader.errors = read.errors;
    loader.files.extend(config.aliases.iter().cloned());
    loader.files.extend(included.files);
    book.virtuals = loader.map(&config.virtuals, Keys::Addresses);
    book.moved = loader.map(&config.moved, Keys::Users);
    book.moved_forward = loader.map(&config.moved_forward, Keys::Users);
    let backup = &config.serve.relay_recipients;
    book.relay_recipients = (!backup.is_empty()).then(|| loader.map(backup, Keys::Addresses));
    book.relay_domains = config.serve.relay_domains.clone();
    book.users = config.serve.users.iter().map(|u| loader.users(u)).collect();
    book.separator = config.address_separator.clone();
    book.postmaster = config.postmaster.clone();
    (book, loader.errors, loader.files)
}

#[derive(Default)]
struct Loader {
    errors: Vec<AliasError>,
    files: HashSet<PathBuf>,
}

impl Loader {
    /// A file that is not there is as bad as one that cannot be read: without it
    /// mail for its users would be refused.
    fn map(&mut self, files: &[PathBuf], keys: Keys) -> Map {
        let mut map = Map::default();
        for path in files {
            self.files.insert(path.clone());
            let name = path.to_string_lossy();
            match read_trusted(path) {
                Ok(text) => self.errors.extend(map.add(&name, text, keys)),
                Err(e) => {
                    let error = AliasError {
                        file: name.into_owned(),
                        line: 0,
                        text: format!("cannot be read: {e}"),
                    };
                    self.errors.push(error.clone());
                    map.unreadable(error);
                }
            }
        }
        map
    }

    /// An entry of `serve.users`.
    fn users(&mut self, text: &str) -> Users {
        match text.split_once(':') {
            None if text == "any" => Users::Any,
            Some(("passwd", _)) => Users::System,
            Some(("file", path)) => Users::Listed(self.map(&[PathBuf::from(path)], Keys::Users)),
            Some(("maildir", template)) => Users::Maildirs(template.to_owned()),
            _ => Users::Named(text.to_lowercase()),
        }
    }
}

/// The book without its files' faults.
pub fn load_book(config: &Config) -> (Book, Vec<AliasError>) {
    let (book, errors, _) = load(config);
    (book, errors)
}

/// The book, read again when one of its files changed.
#[derive(Debug, Default)]
pub struct BookFiles {
    read: Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    stamps: Vec<(PathBuf, Stamp)>,
    book: Arc<Book>,
}

/// Time of change, size, inode; `None`: not there.
type Stamp = Option<(SystemTime, u64, u64)>;

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}

impl BookFiles {
    /// `tell` gets the faults of files that were read anew.
    pub fn get(&self, config: &Config, tell: impl Fn(&AliasError)) -> Arc<Book> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = &*read
            && read.stamps.iter().all(|(path, then)| stamp(path) == *then)
        {
            return Arc::clone(&read.book);
        }
        // Stamps first: a change while the files are read is seen next time.
        let known = read
            .as_ref()
            .map(|r| r.stamps.iter().map(|(path, _)| path.clone()));
        let mut before: Vec<_> = known
            .into_iter()
            .flatten()
            .map(|p| (stamp(&p), p))
            .collect();
        let (book, errors, files) = load(config);
        errors.iter().for_each(tell);
        before.retain(|(_, path)| files.contains(path));
        let mut stamps: Vec<_> = before
            .into_iter()
            .map(|(stamp, path)| (path, stamp))
            .collect();
        for path in files {
            if !stamps.iter().any(|(known, _)| *known == path) {
                let now = stamp(&path);
                stamps.push((path, now));
            }
        }
        let book = Arc::new(book);
        *read = Some(Read {
            stamps,
            book: Arc::clone(&book),
        });
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        let text = format!(
            "origin = \"o.example\"\nlocal_domains = [\"o.example\"]\naliases = [\"{0}/aliases\"]\n\
             virtual = [\"{0}/virtual\"]\n[serve]\nusers = [\"file:{0}/users\", \"passwd:\"]\n",
            dir.display()
        );
        Config::parse("test", &text).unwrap()
    }

    #[test]
    fn files_that_changed_are_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        put(
            "aliases",
            &format!("team: :include:{}/list\n", dir.path().display()),
        );
        put("list", "ann\n");
        put("virtual", "a@v.example: ann\n");
        put("users", "bob\n");
        let config = config(dir.path());
        let files = BookFiles::default();
        let get = || files.get(&config, |error| panic!("{error}"));
        let first = get();
        assert!(Arc::ptr_eq(&first, &get()));
        assert!(first.lists("bob", "o.example") && !first.lists("eve", "o.example"));
        put("users", "bob\neve\n");
        assert!(get().lists("eve", "o.example"));
        put("list", "ann\ncarol\n");
        assert_eq!(get().aliases.get("team").unwrap().len(), 2);
        put("virtual", "a@v.example: ann\nb@v.example: ann\n");
        assert!(get().virtuals.get("b@v.example").is_some());
    }

    /// A missing map would have its users refused.
    #[test]
    fn a_map_that_is_not_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (book, errors) = load_book(&config(dir.path()));
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(book.virtuals.trouble().is_some() && book.trouble.is_none());
    }
}
