//! The server's side: challenges, and what is asked of whoever keeps the users.

use super::scram::{self, Hash, Keys};
use super::{Mechanism, Secret, cram_md5, encode};

/// Who keeps users and what is known of their passwords. May block.
///
/// A user who does not exist has to look like one whose password was wrong: the
/// same time, the same shape (P7).
pub trait Directory {
    /// Is this the user's password?
    fn check(&self, user: &str, password: &Secret) -> Result<bool, Refusal>;
    /// What SCRAM needs; for a user who does not exist, made up, and the same
    /// each time.
    fn keys(&self, hash: Hash, user: &str) -> Result<Keys, Refusal>;
    /// The password itself, for CRAM-MD5; made up as above.
    fn password(&self, user: &str) -> Result<Secret, Refusal>;
}

/// Why a login ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong user or password, or one user speaking for another (535 5.7.8).
    Denied,
    /// The client broke the mechanism's grammar (501 5.5.2).
    Malformed(&'static str),
    /// Nobody can tell now: words for the log (454 4.7.0).
    Unavailable(String),
}

/// What the server says next.
#[derive(Debug, PartialEq)]
pub enum Turn {
    /// 334 with this, before its base64.
    Challenge(Vec<u8>),
    /// Logged in as.
    User(String),
}

/// One run of a mechanism.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet; our nonce, or CRAM-MD5's whole challenge.
    Begun(String),
    /// LOGIN: asked for the user.
    AskedUser,
    /// LOGIN: asked for the password of this user.
    AskedPassword(String),
    /// CRAM-MD5: this challenge was sent.
    Challenged(String),
    Scram(Box<Scram>),
    /// SCRAM: our signature was sent; an empty answer ends it.
    Signed(String),
    Over,
}

#[derive(Debug)]
struct Scram {
    hash: Hash,
    user: String,
    /// The client's header and its first message without it.
    header: String,
    client_first: String,
    server_first: String,
    nonce: String,
    keys: Keys,
}

impl Exchange {
    /// `fresh`: unguessable, never used before; printable ASCII without a comma,
    /// for CRAM-MD5 the challenge itself, `<...@host>`. `None`: not done here.
    pub fn new(mechanism: Mechanism, fresh: String) -> Option<Exchange> {
        let done = matches!(
            mechanism,
            Mechanism::Plain
                | Mechanism::Login
                | Mechanism::CramMd5
                | Mechanism::ScramSha1
                | Mechanism::ScramSha256
        );
        done.then_some(Exchange {
            mechanism,
            state: State::Begun(fresh),
        })
    }

    /// `response`: what the client said, decoded; `None`: AUTH without an initial
    /// response.
    pub fn step(
        &mut self,
        response: Option<&[u8]>,
        directory: &dyn Directory,
    ) -> Result<Turn, Refusal> {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, self.mechanism, response) {
            (State::Begun(challenge), Mechanism::CramMd5, None) => {
                let words = challenge.clone().into_bytes();
                self.state = State::Challenged(challenge);
                Ok(Turn::Challenge(words))
            }
            (State::Begun(_), Mechanism::CramMd5, Some(_)) => {
                Err(Refusal::Malformed("CRAM-MD5 has no initial response"))
            }
            (State::Begun(_), Mechanism::Login, None) => {
                self.state = State::AskedUser;
                Ok(Turn::Challenge(b"Username:".to_vec()))
            }
            (State::Begun(_) | State::AskedUser, Mechanism::Login, Some(user)) => {
                self.state = State::AskedPassword(name(user)?);
                Ok(Turn::Challenge(b"Password:".to_vec()))
            }
            (State::AskedPassword(user), _, Some(password)) => {
                checked(user, &Secret::from(password.to_vec()), directory)
            }
            (State::Begun(fresh), _, None) => {
                self.state = State::Begun(fresh);
                Ok(Turn::Challenge(Vec::new()))
            }
            (State::Begun(_), Mechanism::Plain, Some(message)) => plain(message, directory),
            (State::Begun(nonce), _, Some(message)) => self.scram(&nonce, message, directory),
            (State::Challenged(challenge), _, Some(message)) => {
                cram(&challenge, message, directory)
            }
            (State::Scram(scram), _, Some(message)) => {
                let (user, signature) = scram.finish(message)?;
                self.state = State::Signed(user);
                Ok(Turn::Challenge(signature.into_bytes()))
            }
            (State::Signed(user), _, Some([])) => Ok(Turn::User(user)),
            _ => Err(Refusal::Malformed("nothing more was asked for")),
        }
    }

    fn scram(
        &mut self,
        ours: &str,
        message: &[u8],
        directory: &dyn Directory,
    ) -> Result<Turn, Refusal> {
        const WRONG: Refusal = Refusal::Malformed("not a first message of SCRAM");
        let hash = match self.mechanism {
            Mechanism::ScramSha1 => Hash::Sha1,
            _ => Hash::Sha256,
        };
        let text = str::from_utf8(message).map_err(|_| WRONG)?;
        // gs2-header: "n" or "y" (no binding was offered), then another identity.
        let (binding, rest) = text.split_once(',').ok_or(WRONG)?;
        let (identity, bare) = rest.split_once(',').ok_or(WRONG)?;
        if !matches!(binding, "n" | "y") {
            return Err(Refusal::Malformed("channel binding is not offered"));
        }
        let mut parts = bare.split(',');
        let user = scram::attribute(&mut parts, 'n').and_then(scram::unescape);
        let user = name(user.ok_or(WRONG)?.as_bytes())?;
        let theirs = scram::attribute(&mut parts, 'r').filter(|nonce| !nonce.is_empty());
        let nonce = format!("{}{ours}", theirs.ok_or(WRONG)?);
        if !identity.is_empty() {
            let other = identity.strip_prefix("a=").and_then(scram::unescape);
            only_oneself(&other.ok_or(WRONG)?, &user)?;
        }
        let keys = directory.keys(hash, &user)?;
        let server_first = format!("r={nonce},s={},i={}", encode(&keys.salt), keys.iterations);
        let words = server_first.clone().into_bytes();
        self.state = State::Scram(Box::new(Scram {
            hash,
            user,
            header: format!("{binding},{identity},"),
            client_first: bare.to_string(),
            server_first,
            nonce,
            keys,
        }));
        Ok(Turn::Challenge(words))
    }
}

impl Scram {
    /// The user, and the signature that proves us.
    fn finish(self: Box<Self>, message: &[u8]) -> Result<(String, String), Refusal> {
        const WRONG: Refusal = Refusal::Malformed("not a final message of SCRAM");
        let text = str::from_utf8(message).map_err(|_| WRONG)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(WRONG)?;
        let proof = super::decode(proof.as_bytes()).ok_or(WRONG)?;
        let mut parts = without_proof.split(',');
        let header = scram::attribute(&mut parts, 'c').ok_or(WRONG)?;
        let nonce = scram::attribute(&mut parts, 'r').ok_or(WRONG)?;
        if header != encode(self.header.as_bytes()) || nonce != self.nonce {
            return Err(Refusal::Denied);
        }
        let Scram {
            client_first,
            server_first,
            ..
        } = &*self;
        let message = format!("{client_first},{server_first},{without_proof}");
        if !self.keys.accept(self.hash, &message, &proof) {
            return Err(Refusal::Denied);
        }
        let signature = self.keys.sign(self.hash, &message);
        Ok((self.user, format!("v={}", encode(signature.octets()))))
    }
}

/// message = [authzid] NUL authcid NUL passwd (RFC 4616 section 2)
fn plain(message: &[u8], directory: &dyn Directory) -> Result<Turn, Refusal> {
    let parts: Vec<&[u8]> = message.split(|b| *b == 0).collect();
    let [identity, user, password] = parts[..] else {
        return Err(Refusal::Malformed(
            "PLAIN holds two NUL, no more and no fewer",
        ));
    };
    let user = name(user)?;
    if !identity.is_empty() {
        only_oneself(&name(identity)?, &user)?;
    }
    checked(user, &Secret::from(password.to_vec()), directory)
}

/// username SP hex (RFC 2195 section 2)
fn cram(challenge: &str, message: &[u8], directory: &dyn Directory) -> Result<Turn, Refusal> {
    const WRONG: Refusal = Refusal::Malformed("CRAM-MD5 wants a name, a blank and a digest");
    let at = message.iter().rposition(|b| *b == b' ').ok_or(WRONG)?;
    let (user, digest) = message.split_at_checked(at).ok_or(WRONG)?;
    let user = name(user)?;
    let digest = Secret::from(digest.get(1..).unwrap_or_default().to_ascii_lowercase());
    match digest == cram_md5(&directory.password(&user)?, challenge.as_bytes()) {
        true => Ok(Turn::User(user)),
        false => Err(Refusal::Denied),
    }
}

fn checked(user: String, password: &Secret, directory: &dyn Directory) -> Result<Turn, Refusal> {
    let fits = !password.is_empty() && !password.octets().contains(&0);
    match fits && directory.check(&user, password)? {
        true => Ok(Turn::User(user)),
        false => Err(Refusal::Denied),
    }
}

/// Longest user name.
const MAX_USER: usize = 255;

/// What goes into logs, trace fields and other programs: UTF-8 without control
/// characters, blanks or slashes (P7).
fn name(octets: &[u8]) -> Result<String, Refusal> {
    let text = str::from_utf8(octets).unwrap_or_default();
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '/';
    match text.is_empty() || text.len() > MAX_USER || text.contains(is_odd) {
        true => Err(Refusal::Denied),
        false => Ok(text.to_string()),
    }
}

/// Nobody speaks for somebody else.
fn only_oneself(identity: &str, user: &str) -> Result<(), Refusal> {
    match identity == user {
        true => Ok(()),
        false => Err(Refusal::Denied),
    }
}
