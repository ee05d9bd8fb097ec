//! `smtp-serve passwd`: who may log in.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::Args;

use super::{Done, Stop, prompt};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::serve::auth::file::{self, FileError};
use crate::serve::auth::users::{Kinds, SetError};
use crate::smtp::sasl::Secret;
use crate::sys;

/// Where users stand unless the configuration says otherwise.
const DEFAULT: &str = "/etc/smtputils/users";

/// Longest password that is read.
const LONGEST: u64 = 1024;

/// Sets the password of a user who may log in; adds the user where it is new
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The user
    #[arg(required_unless_present = "list", value_name = "USER")]
    user: Option<String>,
    /// The file of users (auth.users, else /etc/smtputils/users)
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Remove the user
    #[arg(long, conflicts_with_all = ["check", "list", "scram_sha_1", "cram_md5"])]
    delete: bool,
    /// Change nothing, tell whether this is the password
    #[arg(long, conflicts_with_all = ["list", "scram_sha_1", "cram_md5"])]
    check: bool,
    /// Print the users
    #[arg(long, conflicts_with_all = ["user", "scram_sha_1", "cram_md5"])]
    list: bool,
    /// Also for clients that know no better than SCRAM-SHA-1
    #[arg(long)]
    scram_sha_1: bool,
    /// Also for CRAM-MD5: keeps the password itself
    #[arg(long)]
    cram_md5: bool,
}

/// Why a user was not changed.
enum Fault {
    File(FileError),
    Set(SetError),
    NoUser,
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Fault {
        Fault::File(error)
    }
}

pub fn run(options: &Options, config: Option<PathBuf>) -> Done {
    let config = Config::load(&Overrides {
        config,
        privileged: sys::is_privileged(),
        ..Overrides::default()
    })?;
    let named = options.file.clone().or_else(|| config.auth.users.clone());
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT));
    let Some(user) = &options.user else {
        return list(&path);
    };
    let group = sys::user_by_name(&config.service_user).map(|user| user.gid);
    let told = |fault: Fault| match fault {
        Fault::File(error) => error.into(),
        Fault::Set(error) => Stop::new(Class::Data, format!("{user}: {error}")),
        Fault::NoUser => Stop::new(Class::NoUser, format!("{user}: no such user")),
    };
    if options.check {
        let users = file::read(&path)?;
        return match users.verify(user, &password(user, false)?) {
            true => Ok(()),
            false => Err(Stop::new(Class::Permission, format!("{user}: wrong"))),
        };
    }
    if options.delete {
        let removed = file::change(&path, group, |users| match users.remove(user) {
            true => Ok(()),
            false => Err(Fault::NoUser),
        });
        removed.map_err(told)?;
        return say(&format!("{user}: removed"));
    }
    let password = password(user, true)?;
    let kinds = Kinds {
        sha1: options.scram_sha_1,
        cram_md5: options.cram_md5,
    };
    let set = file::change(&path, group, |users| {
        users.set(user, &password, kinds).map_err(Fault::Set)
    });
    match set.map_err(told)? {
        true => say(&format!("{user}: added")),
        false => say(&format!("{user}: changed")),
    }
}

fn list(path: &std::path::Path) -> Done {
    let users = file::read(path)?;
    users.names().try_for_each(say)
}

/// From the terminal, `twice` so that it is what was meant; else the first line of
/// standard input.
fn password(user: &str, twice: bool) -> Result<Secret, Stop> {
    let unread = |e: io::Error| Stop::new(Class::NoInput, format!("password: {e}"));
    if !io::stdin().is_terminal() {
        let mut text = Vec::new();
        let read = io::stdin().lock().take(LONGEST).read_to_end(&mut text);
        let text = Secret::from(text);
        read.map_err(unread)?;
        let line = text.octets().split(|b| *b == b'\n').next();
        let line = line.unwrap_or_default();
        return Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec().into());
    }
    let first = prompt::hidden(&format!("Password of {user}: ")).map_err(unread)?;
    if twice && first != prompt::hidden("Again: ").map_err(unread)? {
        return Err(Stop::new(Class::Data, "the passwords differ"));
    }
    Ok(first)
}

fn say(line: &str) -> Done {
    writeln!(io::stdout(), "{line}")
        .map_err(|e| Stop::new(Class::Io, format!("standard output: {e}")))
}
