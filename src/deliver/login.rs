//! What we log in with: secrets are read when they are needed, from where the
//! configuration says, and kept for a minute.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::hop::{Place, Remote};
use crate::class::{Class, Classify};
use crate::route::access::{Access, SecretSource};
use crate::smtp::sasl::Secret;
use crate::smtp::sasl::client::Login;

mod netrc;
#[cfg(test)]
mod tests;

/// Longest secret, and largest netrc file.
const LONGEST: u64 = 64 * 1024;

/// How long a program may take to tell a secret: somebody may have to type at it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a secret is kept: a program is not asked for each connection, and a
/// token is not used long after it ran out.
const KEPT: Duration = Duration::from_secs(60);

/// Asks the person at the terminal: for whom, at which server.
pub type Prompt = fn(&str, &str) -> io::Result<Secret>;

/// Why there is no secret: which source, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(
        "no password for {0} at {1} is configured: give password_file, password_command, \
             password_credential or netrc"
    )]
    None(String, String),
    #[error("password file {0}: {1}")]
    File(String, String),
    #[error("password command {0}: {1}")]
    Command(String, String),
    #[error("netrc {0}: {1}")]
    Netrc(String, String),
    #[error("password from the terminal: {0}")]
    Prompt(io::Error),
}

impl Classify for LoginError {
    /// It can be mended while the mail waits.
    fn class(&self) -> Class {
        Class::Temporary
    }
}

/// Logins of a process.
#[derive(Debug, Default)]
pub struct Logins {
    kept: Mutex<HashMap<String, (Instant, Arc<Login>)>>,
    /// Only where somebody sits there.
    pub prompt: Option<Prompt>,
}

impl Logins {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Login>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to log in with at this next hop; `None`: no login.
    pub async fn get(&self, remote: &Remote) -> Result<Option<Arc<Login>>, LoginError> {
        if !remote.access.logs_in() {
            return Ok(None);
        }
        let key = remote.key();
        let fresh = |entry: &(Instant, Arc<Login>)| entry.0.elapsed() < KEPT;
        if let Some((_, login)) = self.kept().get(&key).filter(|entry| fresh(entry)) {
            return Ok(Some(login.clone()));
        }
        let host = match &remote.place {
            Place::Host { name, .. } => name,
            _ => &remote.route,
        };
        let login = Arc::new(self.read(&remote.access, host).await?);
        self.kept().insert(key, (Instant::now(), login.clone()));
        Ok(Some(login))
    }

    /// It was refused: the next try reads it anew.
    pub fn forget(&self, remote: &Remote) {
        self.kept().remove(&remote.key());
    }

    async fn read(&self, access: &Access, host: &str) -> Result<Login, LoginError> {
        let named = access.user.as_deref();
        let (user, secret) = match &access.secret {
            None if access.client_certificate.is_some() => (named.map(str::to_string), None),
            None => (named.map(str::to_string), Some(self.ask(named, host)?)),
            Some(SecretSource::File(path)) => (named.map(str::to_string), Some(of_file(path)?)),
            Some(SecretSource::Credential(name)) => {
                let path = credential(name)?;
                (named.map(str::to_string), Some(of_file(&path)?))
            }
            Some(SecretSource::Command(words)) => {
                (named.map(str::to_string), Some(of_command(words).await?))
            }
            Some(SecretSource::Netrc(path)) => {
                let (user, secret) = of_netrc(path.as_deref(), host, named)?;
                (Some(user), Some(secret))
            }
        };
        Ok(Login {
            user: user.unwrap_or_default(),
            secret,
            mechanisms: access.mechanisms.clone(),
        })
    }

    fn ask(&self, user: Option<&str>, host: &str) -> Result<Secret, LoginError> {
        let user = user.unwrap_or_default();
        match self.prompt {
            None => Err(LoginError::None(user.to_string(), host.to_string())),
            Some(prompt) => prompt(user, host).map_err(LoginError::Prompt),
        }
    }
}

fn credential(name: &str) -> Result<PathBuf, LoginError> {
    let place = format!("$CREDENTIALS_DIRECTORY/{name}");
    match std::env::var_os("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty()) {
        Some(dir) => Ok(Path::new(&dir).join(name)),
        None => Err(LoginError::File(
            place,
            "the service manager gave no credentials (LoadCredential=)".to_string(),
        )),
    }
}

fn of_file(path: &Path) -> Result<Secret, LoginError> {
    let wrong = |why: String| LoginError::File(path.display().to_string(), why);
    let text = private_file(path).map_err(wrong)?;
    first_line(&text).map_err(wrong)
}

/// A file that nobody but its owner and group can read; and no stranger's, who
/// would learn where mail goes.
fn private_file(path: &Path) -> Result<Secret, String> {
    let unreadable =
        |e: io::Error| format!("cannot be read: {}", crate::class::plain(e.to_string()));
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    let us = rustix::process::geteuid().as_raw();
    if !facts.is_file() {
        return Err("is no regular file".to_string());
    }
    if facts.mode() & 0o007 != 0 {
        return Err("everybody may use it: chmod o= would make it private".to_string());
    }
    if facts.uid() != us && facts.uid() != 0 {
        return Err("belongs to another user".to_string());
    }
    let mut text = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut text);
    let secret = Secret::from(text);
    match read.map_err(unreadable)? as u64 > LONGEST {
        true => Err("is larger than 64 KiB".to_string()),
        false => Ok(secret),
    }
}

/// The secret is the first line; NUL would end it early on the wire.
fn first_line(text: &Secret) -> Result<Secret, String> {
    let line = text.octets().split(|b| *b == b'\n').next();
    let line = line.unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err("the first line is empty".to_string()),
        line if line.contains(&0) => Err("there is a NUL in it".to_string()),
        line => Ok(line.to_vec().into()),
    }
}

/// No shell, nothing on its standard input; what it says on standard error goes
/// where ours does.
async fn of_command(words: &[String]) -> Result<Secret, LoginError> {
    let (program, arguments) = words
        .split_first()
        .map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    let wrong = |why: String| LoginError::Command(program.to_string(), crate::class::plain(why));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| wrong(format!("cannot be started: {e}")))?;
    let said = child.stdout.take();
    let work = async {
        let mut text = Vec::new();
        if let Some(said) = said {
            said.take(LONGEST).read_to_end(&mut text).await?;
        }
        // Read to the bound: a program that says more must not wait for us.
        io::Result::Ok((Secret::from(text), child.wait().await?))
    };
    match timeout(PATIENCE, work).await {
        Err(_) => Err(wrong(format!(
            "took longer than {} seconds",
            PATIENCE.as_secs()
        ))),
        Ok(Err(e)) => Err(wrong(e.to_string())),
        Ok(Ok((_, status))) if !status.success() => Err(wrong(format!("ended with {status}"))),
        Ok(Ok((text, _))) => first_line(&text).map_err(wrong),
    }
}

fn of_netrc(
    path: Option<&Path>,
    host: &str,
    user: Option<&str>,
) -> Result<(String, Secret), LoginError> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".netrc"));
    let Some(path) = path.map(Path::to_path_buf).or_else(home) else {
        return Err(LoginError::Netrc(
            "~/.netrc".into(),
            "there is no $HOME".into(),
        ));
    };
    let wrong = |why: String| LoginError::Netrc(path.display().to_string(), why);
    let text = private_file(&path).map_err(wrong)?;
    let Some(text) = text.text() else {
        return Err(wrong("is not UTF-8".to_string()));
    };
    netrc::find(text, host, user).map_err(wrong)
}
