//! Our own file of users: a line a user, its name and what is kept of the
//! password, parted by blanks.
//!
//! ```text
//! !salt U29tZSBzYWx0LCBzZWNyZXQ=
//! alice $argon2id$v=19$... SCRAM-SHA-256$10000:salt$stored:server
//! ```
//! `$argon2id$` is the PHC form, `SCRAM-SHA-...` that of RFC 5803, `CRAM-MD5$` is
//! followed by the password itself in base64. `!salt` makes the salts of users who
//! do not exist, so that they are the same at each try.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::smtp::sasl::scram::{Hash, ITERATIONS, Keys, MAX_ITERATIONS, MIN_ITERATIONS};
use crate::smtp::sasl::server::{Directory, Refusal};
use crate::smtp::sasl::{Mechanism, Secret, decode, encode};
use crate::sys;

/// What the password of a user who does not exist is compared with: as much work as
/// that of the others, and no password leads to it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Octets of a salt we make.
const SALT: usize = 16;

/// What is written for a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Also for SCRAM-SHA-1.
    pub sha1: bool,
    /// Also for CRAM-MD5: the password itself.
    pub cram_md5: bool,
}

/// What is kept of one user.
#[derive(Clone, Debug, Default)]
struct Entry {
    argon2: Option<phc::PasswordHash>,
    sha256: Option<Keys>,
    sha1: Option<Keys>,
    clear: Option<Secret>,
}

/// The whole file.
#[derive(Clone, Debug)]
pub struct Users {
    entries: BTreeMap<String, Entry>,
    salt: Secret,
    /// The hash that a password of nobody is compared with.
    nobody: Option<phc::PasswordHash>,
    comments: Vec<String>,
}

/// What is wrong with a password or a name that is to be written.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error(
        "a user name has neither blanks nor control characters nor a slash, begins with \
             neither # nor !, and is at most 255 octets long"
    )]
    Name,
    #[error("the password is empty, or holds a line end or a NUL")]
    Password,
    #[error("no random numbers: {0}")]
    Random(#[from] io::Error),
    #[error("hashing failed: {0}")]
    Hash(String),
}

impl Users {
    /// A file without users.
    pub fn empty() -> io::Result<Users> {
        Ok(Users {
            entries: BTreeMap::new(),
            salt: sys::random::<SALT>()?.to_vec().into(),
            nobody: phc::PasswordHash::new(NOBODY).ok(),
            comments: Vec::new(),
        })
    }

    /// The error names the line, and nothing that stands in it.
    pub fn parse(text: &str) -> Result<Users, String> {
        let mut users = Users::empty().map_err(|e| e.to_string())?;
        for (n, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}", n + 1);
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                None => {}
                Some(word) if word.starts_with('#') => users.comments.push(line.to_string()),
                Some("!salt") => {
                    let salt = words.next().and_then(|w| decode(w.as_bytes()));
                    let salt = salt.filter(|octets| !octets.is_empty());
                    users.salt = salt.ok_or_else(|| wrong("!salt wants base64"))?.into();
                }
                Some(name) if !is_name(name) => return Err(wrong("no name of a user")),
                Some(name) => {
                    let mut entry = Entry::default();
                    for word in words {
                        entry
                            .read(word)
                            .ok_or_else(|| wrong("an unknown kind of hash"))?;
                    }
                    if users.entries.insert(name.to_string(), entry).is_some() {
                        return Err(wrong("this user stands above already"));
                    }
                }
            }
        }
        Ok(users)
    }

    /// As [`Users::parse`] reads it.
    pub fn to_text(&self) -> Secret {
        let mut text = String::new();
        for comment in &self.comments {
            text.push_str(comment);
            text.push('\n');
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "!salt {}", encode(self.salt.octets()));
        for (name, entry) in &self.entries {
            let _ = writeln!(text, "{name}{}", entry.words());
        }
        text.into()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Sets a password, and adds the user where it is new: true.
    pub fn set(&mut self, name: &str, password: &Secret, kinds: Kinds) -> Result<bool, SetError> {
        if !is_name(name) {
            return Err(SetError::Name);
        }
        let octets = password.octets();
        if octets.is_empty() || octets.iter().any(|b| matches!(b, b'\n' | b'\r' | 0)) {
            return Err(SetError::Password);
        }
        let keys = |hash: Hash| -> io::Result<Option<Keys>> {
            let salt = sys::random::<SALT>()?.to_vec();
            Ok(Keys::new(hash, password, salt, ITERATIONS))
        };
        let entry = Entry {
            argon2: Some(hash(password).map_err(SetError::Hash)?),
            sha256: keys(Hash::Sha256)?,
            sha1: if kinds.sha1 { keys(Hash::Sha1)? } else { None },
            clear: kinds.cram_md5.then(|| password.clone()),
        };
        Ok(self.entries.insert(name.to_string(), entry).is_none())
    }

    /// True where there was such a user.
    pub fn remove(&mut self, name: &str) -> bool {
        self.entries.remove(name).is_some()
    }

    /// Is this the user's password? Takes as long for a user who does not exist.
    pub fn verify(&self, name: &str, password: &Secret) -> bool {
        let entry = self.entries.get(name);
        let kept = entry.and_then(|e| e.argon2.as_ref());
        let compared = kept.or(self.nobody.as_ref());
        let fits = compared.is_some_and(|kept| {
            Argon2::default()
                .verify_password(password.octets(), kept)
                .is_ok()
        });
        match entry {
            None => false,
            Some(_) if kept.is_some() => fits,
            Some(entry) => entry.fits(password),
        }
    }

    /// What users can log in by.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let any = |has: fn(&Entry) -> bool| self.entries.values().any(has);
        let mut all = vec![Mechanism::Plain, Mechanism::Login];
        if self.entries.is_empty() || any(|e| e.sha256.is_some()) {
            all.push(Mechanism::ScramSha256);
        }
        if any(|e| e.sha1.is_some()) {
            all.push(Mechanism::ScramSha1);
        }
        all
    }
}

impl Directory for Users {
    fn check(&self, user: &str, password: &Secret) -> Result<bool, Refusal> {
        Ok(self.verify(user, password))
    }

    fn keys(&self, hash: Hash, user: &str) -> Result<Keys, Refusal> {
        let of = |entry: &Entry| match hash {
            Hash::Sha256 => entry.sha256.clone(),
            Hash::Sha1 => entry.sha1.clone(),
        };
        if let Some(keys) = self.entries.get(user).and_then(of) {
            return Ok(keys);
        }
        // As many iterations as those who exist, or the number would tell.
        let iterations = self.entries.values().find_map(of);
        Ok(Keys::made_up(
            hash,
            self.salt.octets(),
            user,
            SALT,
            iterations.map_or(ITERATIONS, |keys| keys.iterations),
        ))
    }

    fn password(&self, user: &str) -> Result<Secret, Refusal> {
        let kept = self.entries.get(user).and_then(|e| e.clear.clone());
        // The salt is nobody's password.
        Ok(kept.unwrap_or_else(|| self.salt.clone()))
    }
}

impl Entry {
    fn read(&mut self, word: &str) -> Option<()> {
        if word.starts_with("$argon2") {
            self.argon2 = Some(phc::PasswordHash::new(word).ok()?);
        } else if let Some(rest) = word.strip_prefix("SCRAM-SHA-256$") {
            self.sha256 = Some(read_keys(rest, 32)?);
        } else if let Some(rest) = word.strip_prefix("SCRAM-SHA-1$") {
            self.sha1 = Some(read_keys(rest, 20)?);
        } else {
            let clear = decode(word.strip_prefix("CRAM-MD5$")?.as_bytes())?;
            self.clear = Some(clear.into());
        }
        Some(())
    }

    fn words(&self) -> String {
        let mut text = String::new();
        if let Some(kept) = &self.argon2 {
            let _ = write!(text, " {kept}");
        }
        for (name, keys) in [("SCRAM-SHA-256", &self.sha256), ("SCRAM-SHA-1", &self.sha1)] {
            if let Some(keys) = keys {
                let (salt, stored) = (encode(&keys.salt), encode(keys.stored.octets()));
                let server = encode(keys.server.octets());
                let count = keys.iterations;
                let _ = write!(text, " {name}${count}:{salt}${stored}:{server}");
            }
        }
        if let Some(clear) = &self.clear {
            let _ = write!(text, " CRAM-MD5${}", encode(clear.octets()));
        }
        text
    }

    /// Against what there is beside argon2.
    fn fits(&self, password: &Secret) -> bool {
        let by = |hash, keys: &Keys| {
            Keys::new(hash, password, keys.salt.clone(), keys.iterations)
                .is_some_and(|made| made.stored == keys.stored)
        };
        match (&self.sha256, &self.sha1, &self.clear) {
            (Some(keys), _, _) => by(Hash::Sha256, keys),
            (None, Some(keys), _) => by(Hash::Sha1, keys),
            (None, None, clear) => clear.as_ref() == Some(password),
        }
    }
}

/// iterations ":" salt "$" stored ":" server (RFC 5803 section 3).
fn read_keys(text: &str, length: usize) -> Option<Keys> {
    let (count, rest) = text.split_once(':')?;
    let (salt, rest) = rest.split_once('$')?;
    let (stored, server) = rest.split_once(':')?;
    let iterations = count.parse().ok()?;
    let key = |text: &str| decode(text.as_bytes()).filter(|k| k.len() == length);
    let range = MIN_ITERATIONS..=MAX_ITERATIONS;
    range.contains(&iterations).then_some(Keys {
        iterations,
        salt: decode(salt.as_bytes()).filter(|salt| !salt.is_empty())?,
        stored: key(stored)?.into(),
        server: key(server)?.into(),
    })
}

fn is_name(name: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '/';
    (1..=255).contains(&name.len()) && !name.starts_with(['#', '!']) && !name.contains(is_odd)
}

/// Argon2id, 19 MiB, 2 passes: tens of milliseconds for whoever guesses.
fn hash(password: &Secret) -> Result<phc::PasswordHash, String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    argon2
        .hash_password(password.octets())
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests;
