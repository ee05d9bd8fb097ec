//! Delivery on this host: into a mailbox, or to a program.

mod letter;
mod mbox;
mod order;

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use letter::{Letter, Loop, Plain};
pub use order::{Order, Place, order};

use super::content;
use super::hop::Local;
use super::job::{Job, lock};
use super::result;
use crate::program::Program;
use crate::spool::{Attempt, maildir};
use crate::sys;

/// Octets of a program's words that are told.
const TOLD: usize = 500;

/// Why a delivery ended without a result: the message does not read right.
pub type Damaged = String;

/// Delivers one target of a message: through the parent where there is one,
/// else in this process, as far as this user may.
pub(super) fn deliver(job: &Job<'_, '_>, number: u32, local: &Local) -> Result<Attempt, Damaged> {
    let Some(target) = job.targets.get(number as usize) else {
        return Ok(result::failed("5.3.0", "no such target"));
    };
    let config = &job.engine.config;
    let book = job.engine.book();
    let order = match order(config, &book, local, &job.head.envelope, target) {
        Ok(order) => order,
        Err(attempt) => return Ok(*attempt),
    };
    if let Some(parent) = &job.engine.parent {
        if order.is_nobody() {
            return Ok(unknown(&target.to));
        }
        // A second descriptor, not to hold up those who record meanwhile.
        let message = lock(job.claim).as_fd().try_clone_to_owned();
        return match message {
            Ok(message) => parent.deliver(message.as_fd(), job.head.id, number),
            Err(error) => Ok(result::deferred("4.3.0", error.to_string())),
        };
    }
    here(order, job.letter, &target.to)
}

/// Delivers in this process.
pub fn here(mut order: Order, letter: &content::Letter<'_>, to: &str) -> Result<Attempt, Damaged> {
    if order.is_nobody() {
        return Ok(unknown(to));
    }
    if let Some(path) = own_maildir(&order) {
        order.place = Place::Maildir(path);
    }
    if let Err(words) = may_deliver(&order) {
        return Ok(result::deferred("4.3.0", words));
    }
    match letter.open() {
        Ok(mut content) => post(&order, None, &mut content),
        Err(error) => damaged_or_deferred(&error),
    }
}

/// A user without a system installation cannot make `/var/mail/USER`: their mail
/// goes to the Maildir at home, if there is one.
fn own_maildir(order: &Order) -> Option<PathBuf> {
    let me = rustix::process::geteuid().as_raw();
    let owner = order.owner.as_ref().filter(|o| o.uid == me && me != 0)?;
    let path = order
        .path()
        .filter(|path| order.is_mbox() && !path.exists())?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    let may_make = rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).is_ok();
    let maildir = sys::user_by_name(&owner.name)?.home.join("Maildir");
    (!may_make && maildir.is_dir()).then_some(maildir)
}

/// Without a parent, mail goes only where this user's own mailboxes are: neither
/// may root write among others' files, nor is another's mailbox ours to make.
fn may_deliver(order: &Order) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    let (found, what) = match order.path() {
        Some(path) => (
            order::nearest(path).map(|f| f.uid()),
            path.display().to_string(),
        ),
        // Nobody else can be become here; programs of one's own aliases are one's own.
        None => (Some(me).filter(|me| *me != 0), order.to_string()),
    };
    match found {
        Some(uid) if uid == me => Ok(()),
        _ => Err(format!(
            "{what} is not this user's: mail for it is delivered by a runner started as root"
        )),
    }
}

pub fn unknown(name: &str) -> Attempt {
    result::failed("5.1.1", format!("{name}: no such user here"))
}

/// Appends a message to a user's mbox, as that user. Names no runtime.
pub fn append_to_mbox(
    path: &Path,
    owner: u32,
    sender: &str,
    content: &mut dyn Read,
) -> io::Result<()> {
    let top = mbox::Top {
        sender,
        trace: "",
        delivered_to: "",
    };
    mbox::append(mbox::open(path, owner)?, &top, content)
}

/// An mbox that is open already.
pub struct Opened(mbox::Opened);

/// The group a delivery needs: that of the mailbox's directory where its group
/// may write there (DESIGN section 3), for it has to make lock and mailbox.
pub fn group_of(order: &Order) -> Option<u32> {
    let Place::Mbox(path) = &order.place else {
        return None;
    };
    let directory = fs::metadata(path.parent()?).ok()?;
    (directory.mode() & 0o020 != 0).then(|| directory.gid())
}

/// Opens root's mailbox as root, before the process becomes somebody else.
pub fn open_as_root(path: &Path) -> io::Result<Opened> {
    mbox::open(path, 0).map(Opened)
}

/// Delivers, as whoever this process is by now.
pub fn post(
    order: &Order,
    opened: Option<Opened>,
    content: &mut dyn Read,
) -> Result<Attempt, Damaged> {
    let (path, written) = match (&order.place, opened) {
        (Place::Program(program), _) => return run(program, order, content),
        (Place::Maildir(path) | Place::Mbox(path), Some(Opened(opened))) => {
            (path, into_mbox(opened, order, content))
        }
        (Place::Mbox(path), None) if order.is_mbox() => {
            let me = rustix::process::geteuid().as_raw();
            let opened = mbox::open(path, me);
            (path, opened.and_then(|o| into_mbox(o, order, content)))
        }
        (Place::Maildir(path) | Place::Mbox(path), None) => {
            (path, into_maildir(path, order, content))
        }
    };
    let name = path.display();
    match written {
        Ok(()) => Ok(result::delivered(format!("delivered to mailbox {name}"))),
        Err(error) => unwritten(&error, |status| {
            result::deferred(status, format!("mailbox {name}: {error}"))
        }),
    }
}

fn into_mbox(opened: mbox::Opened, order: &Order, content: &mut dyn Read) -> io::Result<()> {
    let top = mbox::Top {
        sender: &order.sender,
        trace: &order.trace(),
        delivered_to: &order.delivered_to,
    };
    mbox::append(opened, &top, content)
}

/// A user's Maildir that is not there yet is made, as their mail program would.
fn into_maildir(path: &Path, order: &Order, content: &mut dyn Read) -> io::Result<()> {
    make_domain(path);
    let trace = order.trace();
    let letter = Letter::new(content, Plain, &order.delivered_to);
    let mut whole = trace.as_bytes().chain(letter);
    maildir::deliver(path, true, &mut whole).map(drop)
}

/// The directory of a domain that gets its first mail (`{domain}` in a template).
/// Where it cannot be made, the Maildir cannot either, and that is told.
fn make_domain(path: &Path) {
    let Some(parent) = path.parent().filter(|parent| !parent.exists()) else {
        return;
    };
    let made = fs::DirBuilder::new().mode(0o700).create(parent);
    if let (Ok(()), Some(above)) = (made, parent.parent()) {
        // The new name has to last as the mail in it does.
        let _ = fs::File::open(above).and_then(|above| above.sync_all());
    }
}

/// The program reads the message on standard input; its exit status decides.
fn run(program: &Program, order: &Order, content: &mut dyn Read) -> Result<Attempt, Damaged> {
    let name = program.argv.first().map_or("", String::as_str);
    let trace = order.trace();
    let mut said = Vec::new();
    let letter = Letter::new(content, Plain, &order.delivered_to).checked();
    let ran = letter.and_then(|letter| {
        program.run(&mut trace.as_bytes().chain(letter), &mut Bounded(&mut said))
    });
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => {
            return unwritten(&error, |_| {
                result::deferred("4.3.5", format!("program {name}: {error}"))
            });
        }
    };
    let Some(status) = ran.end.status() else {
        return Ok(result::delivered(format!("delivered to program {name}")));
    };
    said.extend_from_slice(ran.words.as_bytes());
    let words = String::from_utf8_lossy(said.get(..TOLD).unwrap_or(&said)).into_owned();
    let words: Vec<&str> = words.split(|c: char| c.is_control() || c == ' ').collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let words = match words.is_empty() {
        true => format!("program {name} {}", ran.end),
        false => format!("program {name} {}: {}", ran.end, words.join(" ")),
    };
    Ok(match status.starts_with('5') {
        true => result::failed(status, words),
        false => result::deferred(status, words),
    })
}

/// Keeps the begin of what a program says.
struct Bounded<'a>(&'a mut Vec<u8>);

impl io::Write for Bounded<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let room = TOLD.saturating_sub(self.0.len()).min(buf.len());
        self.0
            .extend_from_slice(buf.get(..room).unwrap_or_default());
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn damaged_or_deferred(error: &io::Error) -> Result<Attempt, Damaged> {
    match error.kind() {
        io::ErrorKind::InvalidData => Err(error.to_string()),
        _ => Ok(result::deferred(
            "4.3.0",
            format!("reading the message: {error}"),
        )),
    }
}

/// What a mailbox or the system refuses may be mended: the mail waits. A loop or
/// a damaged message will not be.
fn unwritten(
    error: &io::Error,
    deferred: impl FnOnce(&str) -> Attempt,
) -> Result<Attempt, Damaged> {
    if let Some(found) = error.get_ref().and_then(|e| e.downcast_ref::<Loop>()) {
        return Ok(result::failed("5.4.6", found.to_string()));
    }
    match error.kind() {
        io::ErrorKind::InvalidData => Err(error.to_string()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Ok(deferred("4.2.2")),
        io::ErrorKind::WouldBlock => Ok(deferred("4.2.0")),
        _ => Ok(deferred("4.3.0")),
    }
}
