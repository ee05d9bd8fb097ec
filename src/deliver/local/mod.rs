//! Delivery into a mailbox of this host.

mod letter;
mod mbox;

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use letter::{Letter, Plain};

use super::content;
use super::hop::{Local, LocalKind};
use super::job::{Job, lock};
use super::result::{self, Instead};
use crate::config::Config;
use crate::message::trace;
use crate::route::transport::{Transport, fill_user};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::spool::{Attempt, Envelope, Target, maildir};
use crate::sys;

/// A delivery with nothing left to decide but what only the recipient may see:
/// whether the mailbox is a file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub path: PathBuf,
    pub form: Form,
    /// Whose mailbox it is; `None` where the user database does not know the
    /// name and the mailbox is whoever's who runs the queue.
    pub owner: Option<Owner>,
    /// `serve.users` names it: a mailbox of ours that is made when it is needed.
    pub is_listed: bool,
    /// Fields put on top (SV-55), LF line ends.
    pub trace: String,
    /// For mbox's `From ` line.
    pub sender: String,
}

/// Appends a message to a user's mbox, as that user. Names no runtime.
pub fn append_to_mbox(
    path: &Path,
    owner: u32,
    sender: &str,
    content: &mut dyn Read,
) -> io::Result<()> {
    let order = Order {
        path: path.to_owned(),
        form: Form::Mbox,
        owner: None,
        is_listed: false,
        trace: String::new(),
        sender: sender.to_owned(),
    };
    mbox::append(mbox::open(path, owner)?, &order, content)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Maildir,
    Mbox,
}

/// Whom the delivery process becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// The mailbox is root's own file, opened as root and written as this user.
    pub is_roots: bool,
}

/// Why a delivery ended without a result: the message does not read right.
pub type Damaged = String;

/// Delivers one target of a message: through the parent where there is one,
/// else in this process, as far as this user may.
pub(super) fn deliver(job: &Job<'_, '_>, number: u32, local: &Local) -> Result<Attempt, Damaged> {
    let Some(target) = job.targets.get(number as usize) else {
        return Ok(result::failed("5.3.0", "no such target"));
    };
    let config = &job.engine.config;
    let order = match order(config, local, &job.head.envelope, target) {
        Ok(order) => order,
        Err(attempt) => return Ok(*attempt),
    };
    if let Some(parent) = &job.engine.parent {
        if order.owner.is_none() {
            return Ok(unknown(&target.to));
        }
        // A second descriptor, not to hold up those who record meanwhile.
        let message = lock(job.claim).as_fd().try_clone_to_owned();
        return match message {
            Ok(message) => parent.deliver(message.as_fd(), job.head.id, number),
            Err(error) => Ok(result::deferred("4.3.0", error.to_string())),
        };
    }
    here(&order, job.letter, &target.to)
}

/// Delivers in this process.
pub fn here(order: &Order, letter: &content::Letter<'_>, to: &str) -> Result<Attempt, Damaged> {
    if order.is_nobody() {
        return Ok(unknown(to));
    }
    if let Err(words) = may_deliver(&order.path) {
        return Ok(result::deferred("4.3.0", words));
    }
    match letter.open() {
        Ok(mut content) => post(order, None, &mut content),
        Err(error) => damaged_or_deferred(&error),
    }
}

/// Without a parent, mail goes only where this user's own mailboxes are: neither
/// may root write among others' files, nor is another's mailbox ours to make.
fn may_deliver(path: &Path) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    let parent = path.parent().unwrap_or(Path::new("/"));
    let found = fs::symlink_metadata(path).or_else(|_| fs::symlink_metadata(parent));
    match found {
        Ok(found) if found.uid() == me => Ok(()),
        Ok(_) => Err(format!(
            "mailbox {} is not this user's: mail for it is delivered by a runner started as root",
            path.display()
        )),
        Err(error) => Err(format!("mailbox {}: {error}", path.display())),
    }
}

pub fn unknown(name: &str) -> Attempt {
    result::failed("5.1.1", format!("{name}: no such user here"))
}

/// Decides path, form and owner.
pub fn order(
    config: &Config,
    local: &Local,
    envelope: &Envelope,
    target: &Target,
) -> Result<Order, Instead> {
    let (path, form, owner) = match &local.kind {
        LocalKind::User { transport, local } => of_user(config, transport, local)?,
        LocalKind::File(path) => {
            let form = match path.ends_with('/') {
                true => Form::Maildir,
                false => Form::Mbox,
            };
            (path.into(), form, Some(default_user(config, false)?))
        }
        LocalKind::Program(_) => {
            let words = "mail to programs is not delivered by this version";
            return Err(result::failed("5.3.5", words).into());
        }
    };
    let address = envelope.recipients.get(target.recipient as usize);
    let delivered_to = match Mailbox::parse(&target.to) {
        Ok(_) => target.to.clone(),
        Err(_) => address.map_or_else(String::new, |r| r.address.to_string()),
    };
    let return_path = trace::return_path(&envelope.sender).replace("\r\n", "\n");
    let sender = match &envelope.sender {
        ReversePath::Null => "MAILER-DAEMON".to_string(),
        ReversePath::Mailbox(mailbox) => mailbox.to_string(),
    };
    let is_listed = match &local.kind {
        LocalKind::User { local, .. } => config.serve.lists_user(local),
        _ => false,
    };
    Ok(Order {
        path,
        form,
        owner,
        is_listed,
        trace: format!("{return_path}Delivered-To: {delivered_to}\n"),
        sender,
    })
}

fn of_user(
    config: &Config,
    transport: &Transport,
    local: &str,
) -> Result<(PathBuf, Form, Option<Owner>), Instead> {
    let (template, form) = match transport {
        Transport::Maildir(template) => (template, Form::Maildir),
        Transport::Mbox(template) => (template, Form::Mbox),
        other => return Err(result::failed("5.3.5", format!("{other} is not local")).into()),
    };
    let user = sys::user_by_name(local).or_else(|| sys::user_by_name(&local.to_lowercase()));
    let name = user.as_ref().map_or(local, |user| user.name.as_str());
    let path = fill_user(template, name).ok_or_else(|| unknown(local))?;
    let owner = match &user {
        None => None,
        Some(user) if user.uid == 0 => Some(default_user(config, true)?),
        Some(user) => Some(Owner {
            name: user.name.clone(),
            uid: user.uid,
            gid: user.gid,
            is_roots: false,
        }),
    };
    Ok((path.into(), form, owner))
}

/// Nothing that strangers send is handled as root: mail to root is written by
/// this user, through a descriptor that was opened as root.
fn default_user(config: &Config, is_roots: bool) -> Result<Owner, Instead> {
    let name = &config.default_user;
    match sys::user_by_name(name) {
        Some(user) if user.uid != 0 => Ok(Owner {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            is_roots,
        }),
        Some(_) => Err(result::deferred("4.3.5", "default_user must not be root").into()),
        None => {
            let words = format!("default_user {name}: no such user");
            Err(result::deferred("4.3.5", words).into())
        }
    }
}

/// An mbox that is open already.
pub struct Opened(mbox::Opened);

/// The group a delivery needs: that of the mailbox's directory where its group
/// may write there (DESIGN section 3), for it has to make lock and mailbox.
pub fn group_of(order: &Order) -> Option<u32> {
    let directory = fs::metadata(order.path.parent()?).ok()?;
    let group_writable = directory.mode() & 0o020 != 0;
    (order.form == Form::Mbox && group_writable).then(|| directory.gid())
}

/// Opens root's mailbox as root, before the process becomes somebody else.
pub fn open_as_root(order: &Order) -> io::Result<Opened> {
    mbox::open(&order.path, 0).map(Opened)
}

/// Writes the message into the mailbox, as whoever this process is by now.
pub fn post(
    order: &Order,
    opened: Option<Opened>,
    content: &mut dyn Read,
) -> Result<Attempt, Damaged> {
    let written = match opened {
        Some(Opened(opened)) => mbox::append(opened, order, content),
        None if !order.is_mbox() => into_maildir(order, content),
        None => mbox::open(&order.path, rustix::process::geteuid().as_raw())
            .and_then(|opened| mbox::append(opened, order, content)),
    };
    match written {
        Ok(()) => {
            let path = order.path.display();
            Ok(result::delivered(format!("delivered to mailbox {path}")))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error.to_string()),
        Err(error) => Ok(refused(&order.path, &error)),
    }
}

/// A user's Maildir that is not there yet is made, as their mail program would.
fn into_maildir(order: &Order, content: &mut dyn Read) -> io::Result<()> {
    let letter = Letter::new(content, Plain);
    let mut whole = order.trace.as_bytes().chain(letter);
    maildir::deliver(&order.path, true, &mut whole).map(drop)
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

/// What a mailbox refuses may be mended: the mail waits.
fn refused(path: &Path, error: &io::Error) -> Attempt {
    let status = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "4.2.2",
        io::ErrorKind::WouldBlock => "4.2.0",
        _ => "4.3.0",
    };
    result::deferred(status, format!("mailbox {}: {error}", path.display()))
}

impl Order {
    /// Neither a user, nor named in the configuration, nor a mailbox that is
    /// there.
    pub fn is_nobody(&self) -> bool {
        self.owner.is_none() && !self.is_listed && !self.path.exists()
    }

    /// False where the mailbox turned out to be a Maildir.
    pub fn is_mbox(&self) -> bool {
        self.form == Form::Mbox && !self.path.is_dir()
    }
}

/// As routes are written: `mbox:/var/mail/ann`.
impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_mbox() { "mbox" } else { "maildir" };
        write!(f, "{kind}:{}", self.path.display())
    }
}
