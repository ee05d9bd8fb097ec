//! What a local delivery will do: which mailbox or program, and as whom. All of
//! it but what only the recipient may see: whether a mailbox is a file or a
//! directory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::hop::{Local, LocalKind};
use super::super::result::{self, Instead};
use super::unknown;
use crate::config::{Book, Config};
use crate::message::trace;
use crate::program::Program;
use crate::route::transport::{Transport, fill_argument, fill_path, words};
use crate::route::{domain_key, people};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::spool::{Envelope, Target};
use crate::sys;

/// A delivery with nothing left to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub place: Place,
    /// Whom the delivery process becomes; `None` where the user database does not
    /// know the name and the mailbox is whoever's who runs the queue.
    pub owner: Option<Owner>,
    /// The configuration says that this recipient is one: a mailbox is made when
    /// it is needed.
    pub is_listed: bool,
    /// The address that is delivered to: in the field put on top, and a loop where
    /// the message has it already (R5).
    pub delivered_to: String,
    /// For the Return-Path field (SV-55), with its LF.
    pub return_path: String,
    /// For mbox's `From ` line, and for programs.
    pub sender: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Maildir(PathBuf),
    Mbox(PathBuf),
    Program(Program),
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

/// What is known of the recipient.
struct Facts<'a> {
    config: &'a Config,
    book: &'a Book,
    delivered_to: &'a str,
    original: String,
    sender: String,
}

/// The recipient's name here.
struct Person {
    name: String,
    extension: String,
    domain: String,
    user: Option<sys::User>,
    is_listed: bool,
}

/// Decides place and owner.
pub fn order(
    config: &Config,
    book: &Book,
    local: &Local,
    envelope: &Envelope,
    target: &Target,
) -> Result<Order, Instead> {
    let recipient = envelope.recipients.get(target.recipient as usize);
    let original = recipient.map_or_else(String::new, |r| r.address.to_string());
    let delivered_to = match Mailbox::parse(&target.to) {
        Ok(_) => target.to.clone(),
        Err(_) => original.clone(),
    };
    let sender = match &envelope.sender {
        ReversePath::Null => "MAILER-DAEMON".to_string(),
        ReversePath::Mailbox(mailbox) => mailbox.to_string(),
    };
    let facts = Facts {
        config,
        book,
        delivered_to: &delivered_to,
        original,
        sender: sender.clone(),
    };
    let (place, owner, is_listed) = match &local.kind {
        LocalKind::User { transport, address } => facts.of_user(transport, address)?,
        LocalKind::File(path) => {
            let owner = facts.writer(target)?;
            let place = match path.ends_with('/') {
                true => Place::Maildir(path.into()),
                false => Place::Mbox(path.into()),
            };
            (place, Some(owner), false)
        }
        LocalKind::Program(line) => facts.of_line(line, target)?,
    };
    Ok(Order {
        place,
        owner,
        is_listed,
        return_path: trace::return_path(&envelope.sender).replace("\r\n", "\n"),
        delivered_to,
        sender,
    })
}

type Decided = (Place, Option<Owner>, bool);

impl Facts<'_> {
    fn of_user(&self, transport: &Transport, address: &Mailbox) -> Result<Decided, Instead> {
        let person = self.person(transport, address)?;
        let path = |template: &String| {
            let filled = fill_path(template, &person.name, &person.domain);
            filled
                .map(PathBuf::from)
                .ok_or_else(|| Instead::new(unknown(&address.local)))
        };
        let place = match transport {
            Transport::Maildir(template) => Place::Maildir(path(template)?),
            Transport::Mbox(template) => Place::Mbox(path(template)?),
            Transport::Pipe(words) => Place::Program(self.program(words, &person)?),
            other => return Err(result::failed("5.3.5", format!("{other} is not local")).into()),
        };
        let owner = match (&person.user, &place) {
            (Some(user), _) if user.uid == 0 => Some(default_user(self.config, true)?),
            (Some(user), _) => Some(Owner::of(user)),
            (None, Place::Program(_)) => Some(default_user(self.config, false)?),
            (None, Place::Maildir(path) | Place::Mbox(path)) => {
                let is_here = person.is_listed || fs::symlink_metadata(path).is_ok();
                is_here.then(|| owner_of_place(path)).flatten()
            }
        };
        Ok((place, owner, person.is_listed))
    }

    /// The whole local part first, then without its extension: as the server
    /// looks it up for RCPT.
    fn person(&self, transport: &Transport, address: &Mailbox) -> Result<Person, Instead> {
        let domain = domain_key(&address.domain).unwrap_or_else(|_| address.domain.key());
        let whole = Person {
            name: address.local.clone(),
            extension: String::new(),
            domain: domain.clone(),
            user: None,
            is_listed: false,
        };
        let separator = self.config.address_separator.as_str();
        for (name, extension) in people::candidates(&address.local, separator) {
            let user = user(name)
                .map_err(|e| result::deferred("4.3.0", format!("looking up user {name}: {e}")))?;
            let is_listed = self.book.lists(name, &domain);
            let is_there = has_mailbox(transport, name, &domain);
            if user.is_some() || is_listed || is_there {
                let mailbox = match is_there {
                    true => name.to_owned(),
                    // One mailbox, however the name is written.
                    false => name.to_lowercase(),
                };
                return Ok(Person {
                    name: user.as_ref().map_or(mailbox, |u| u.name.clone()),
                    extension: extension.to_owned(),
                    user,
                    is_listed,
                    ..whole
                });
            }
        }
        match transport {
            // Who is a recipient there, the configuration says or nobody does.
            Transport::Pipe(_) => Err(unknown(&address.to_string()).into()),
            _ => Ok(whole),
        }
    }

    fn program(&self, words: &[String], person: &Person) -> Result<Program, Instead> {
        let value = |place: &str| match place {
            "sender" => self.sender.clone(),
            "recipient" => self.delivered_to.to_owned(),
            "user" => person.name.clone(),
            "extension" => person.extension.clone(),
            _ => person.domain.clone(),
        };
        let filled: Result<Vec<String>, &str> = words
            .iter()
            .map(|word| fill_argument(word, value))
            .collect();
        let argv = filled.map_err(|place| {
            let words = format!("the {place} begins with -, which a program would misread");
            result::failed("5.1.3", words)
        })?;
        let home = person.user.as_ref().filter(|u| u.uid != 0);
        Ok(self.run(argv, home, &person.extension))
    }

    /// `|command` of an alias file or a `.forward`. Like every other mail system,
    /// a shell of the one who wrote it reads what only a shell understands; no
    /// octet of the mail is ever part of it.
    fn of_line(&self, line: &str, target: &Target) -> Result<Decided, Instead> {
        let owner = self.writer(target)?;
        let argv = match line.contains(SHELL_CHARACTERS) {
            true => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
            false => words(line).unwrap_or_default(),
        };
        let user = user(&owner.name).ok().flatten();
        let local = Mailbox::parse(self.delivered_to).map_or(String::new(), |m| m.local);
        let separator = self.config.address_separator.as_str();
        let extension = people::split(&local, separator).map_or("", |(_, extension)| extension);
        let program = self.run(argv, user.as_ref(), extension);
        Ok((Place::Program(program), Some(owner), false))
    }

    fn run(&self, argv: Vec<String>, user: Option<&sys::User>, extension: &str) -> Program {
        let address = Mailbox::parse(self.delivered_to).ok();
        let part = |part: fn(&Mailbox) -> String| address.as_ref().map_or(String::new(), part);
        let user_name = user.map_or("nobody", |u| u.name.as_str()).to_owned();
        Program {
            argv,
            env: vec![
                ("SENDER", self.sender.clone()),
                ("RECIPIENT", self.delivered_to.to_owned()),
                ("ORIGINAL_RECIPIENT", self.original.clone()),
                ("LOCAL", part(|a| a.local.clone())),
                ("DOMAIN", part(|a| a.domain.to_string())),
                ("EXTENSION", extension.to_owned()),
                ("USER", user_name.clone()),
                ("LOGNAME", user_name),
                ("SHELL", "/bin/sh".to_owned()),
                ("HOME", home(user).display().to_string()),
            ],
            directory: home(user),
            time: self.config.delivery.program_timeout,
            memory: None,
        }
    }

    /// Who writes what an alias file or a `.forward` names.
    fn writer(&self, target: &Target) -> Result<Owner, Instead> {
        let Some(name) = &target.user else {
            return default_user(self.config, false);
        };
        match user(name) {
            Ok(Some(user)) if user.uid != 0 => Ok(Owner::of(&user)),
            Ok(_) => Err(result::deferred("4.3.5", format!("{name} is no user by now")).into()),
            Err(e) => {
                let words = format!("looking up user {name}: {e}");
                Err(result::deferred("4.3.0", words).into())
            }
        }
    }
}

/// What only a shell understands.
const SHELL_CHARACTERS: [char; 22] = [
    '$', '`', ';', '&', '|', '<', '>', '(', ')', '*', '?', '[', ']', '#', '~', '=', '\'', '{', '}',
    '!', '%', '^',
];

fn home(user: Option<&sys::User>) -> PathBuf {
    user.map_or_else(|| PathBuf::from("/"), |user| user.home.clone())
}

/// A login name, or that in lower case.
fn user(name: &str) -> std::io::Result<Option<sys::User>> {
    match sys::find_user(name)? {
        Some(user) => Ok(Some(user)),
        None => sys::find_user(&name.to_lowercase()),
    }
}

fn has_mailbox(transport: &Transport, name: &str, domain: &str) -> bool {
    let (Transport::Maildir(template) | Transport::Mbox(template)) = transport else {
        return false;
    };
    fill_path(template, name, domain).is_some_and(|path| fs::symlink_metadata(path).is_ok())
}

/// Who owns a mailbox that no user of the system has: the owner of what is there
/// of its path. `None` where that is root, who writes no mailboxes.
fn owner_of_place(path: &Path) -> Option<Owner> {
    let found = nearest(path)?;
    (found.uid() != 0).then(|| Owner {
        name: sys::user_by_uid(found.uid()).map_or_else(|| found.uid().to_string(), |u| u.name),
        uid: found.uid(),
        gid: found.gid(),
        is_roots: false,
    })
}

/// What is there of a path: itself, or the directory that it would be made in.
pub fn nearest(path: &Path) -> Option<fs::Metadata> {
    path.ancestors().find_map(|p| fs::symlink_metadata(p).ok())
}

/// Nothing that strangers send is handled as root: mail to root is written by
/// this user, through a descriptor that was opened as root.
fn default_user(config: &Config, is_roots: bool) -> Result<Owner, Instead> {
    let name = &config.default_user;
    match sys::user_by_name(name) {
        Some(user) if user.uid != 0 => Ok(Owner {
            is_roots,
            ..Owner::of(&user)
        }),
        Some(_) => Err(result::deferred("4.3.5", "default_user must not be root").into()),
        None => {
            let words = format!("default_user {name}: no such user");
            Err(result::deferred("4.3.5", words).into())
        }
    }
}

impl Owner {
    fn of(user: &sys::User) -> Owner {
        Owner {
            name: user.name.clone(),
            uid: user.uid,
            gid: user.gid,
            is_roots: false,
        }
    }
}

impl Order {
    /// The mailbox; `None` for a program.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Maildir(path) | Place::Mbox(path) => Some(path),
            Place::Program(_) => None,
        }
    }

    /// Neither a user, nor named in the configuration, nor a mailbox that is
    /// there.
    pub fn is_nobody(&self) -> bool {
        self.owner.is_none() && !self.is_listed && !self.path().is_some_and(Path::exists)
    }

    /// False where the mailbox turned out to be a Maildir.
    pub fn is_mbox(&self) -> bool {
        matches!(&self.place, Place::Mbox(path) if !path.is_dir())
    }

    /// Fields put on top, LF line ends.
    pub fn trace(&self) -> String {
        format!("{}Delivered-To: {}\n", self.return_path, self.delivered_to)
    }
}

/// As routes are written: `mbox:/var/mail/ann`.
impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Program(program) => {
                let pipe = Transport::Pipe(program.argv.clone());
                write!(f, "{pipe}")
            }
            Place::Maildir(path) | Place::Mbox(path) => {
                let kind = if self.is_mbox() { "mbox" } else { "maildir" };
                write!(f, "{kind}:{}", path.display())
            }
        }
    }
}
