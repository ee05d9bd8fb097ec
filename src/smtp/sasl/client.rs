//! The client's side: which mechanism, and what it answers.

use super::scram::{self, Hash, MAX_ITERATIONS, MIN_ITERATIONS};
use super::{MAX_LINE, Mechanism, Secret, cram_md5, decode, encode};

/// What we log in with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Login {
    pub user: String,
    /// Password or token; none where only the client certificate speaks.
    pub secret: Option<Secret>,
    /// Only these; empty: all that take a password, and EXTERNAL where there is
    /// no secret.
    pub mechanisms: Vec<Mechanism>,
}

/// Why we do not log in, or stopped doing so: words for the log and the reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SaslError(pub String);

fn error<T>(text: impl Into<String>) -> Result<T, SaslError> {
    Err(SaslError(text.into()))
}

impl Login {
    fn wants(&self, mechanism: Mechanism) -> bool {
        let has_secret = self.secret.as_ref().is_some_and(|s| !s.is_empty());
        let fits = match mechanism {
            Mechanism::External => self.mechanisms.contains(&mechanism) || !has_secret,
            m if m.takes_a_token() => has_secret && self.mechanisms.contains(&m),
            _ => has_secret,
        };
        let prepared = |m: Mechanism| {
            let text = self.secret.as_ref().and_then(Secret::text);
            !m.hides_the_secret()
                || (scram::prepared(&self.user).is_some()
                    && text.and_then(scram::prepared).is_some())
        };
        fits && (self.mechanisms.is_empty() || self.mechanisms.contains(&mechanism))
            && prepared(mechanism)
    }

    /// The strongest that both sides have (CL-30). `refused`: those that the
    /// server did not take after all. `private`: inside TLS, or where nobody can
    /// listen; elsewhere nothing that tells the secret is chosen.
    pub fn choose(
        &self,
        offered: &[String],
        refused: &[Mechanism],
        private: bool,
    ) -> Result<Mechanism, SaslError> {
        let ours = |m: &Mechanism| {
            self.wants(*m) && !refused.contains(m) && offered.iter().any(|o| o == m.name())
        };
        let both: Vec<Mechanism> = Mechanism::ALL.into_iter().filter(ours).collect();
        match both.iter().find(|m| private || m.hides_the_secret()) {
            Some(mechanism) => Ok(*mechanism),
            None if !both.is_empty() => {
                error("the server has no TLS, and the secret is not sent without")
            }
            None if offered.is_empty() => error("the server offers no AUTH here"),
            None => error(format!(
                "no common way to log in; the server offers {}",
                offered.join(" ")
            )),
        }
    }
}

/// Where the token is good for (RFC 7628 section 3.1).
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub host: &'a str,
    pub port: u16,
}

/// client-first-message of SCRAM.
#[derive(Debug)]
struct First {
    /// Without the header that says "no channel binding".
    bare: String,
    nonce: String,
    is_sent: bool,
}

/// The header: no channel binding, no other identity (RFC 5802 section 7).
const GS2_HEADER: &str = "n,,";

/// One run of a mechanism.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    user: String,
    secret: Secret,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be sent first, with AUTH or to the first, empty challenge.
    First(Secret),
    /// LOGIN: the user was sent.
    User,
    /// LOGIN and CRAM-MD5: a challenge comes first.
    Challenge,
    Scram(First),
    /// SCRAM: the proof was sent; the signature that has to come.
    Proof(Secret),
    /// Nothing more is to be said.
    Said,
    /// The server said why not, in this form; the dummy was sent.
    Refused(String),
}

impl Exchange {
    /// `nonce`: unguessable printable ASCII without a comma.
    pub fn new(mechanism: Mechanism, login: &Login, place: Place<'_>, nonce: &str) -> Exchange {
        let user = &login.user;
        let secret = login.secret.clone().unwrap_or_default();
        let first = |octets: Vec<u8>| State::First(octets.into());
        let joined = |parts: [&[u8]; 3]| first(parts.concat());
        let state = match mechanism {
            Mechanism::External => joined([user.as_bytes(), b"", b""]),
            Mechanism::Plain => first([b"\0", user.as_bytes(), b"\0", secret.octets()].concat()),
            Mechanism::XOAuth2 => {
                let head = format!("user={user}\x01auth=Bearer ");
                joined([head.as_bytes(), secret.octets(), b"\x01\x01"])
            }
            Mechanism::OAuthBearer => {
                let (name, Place { host, port }) = (scram::escape(user), place);
                let head = format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer ");
                joined([head.as_bytes(), secret.octets(), b"\x01\x01"])
            }
            Mechanism::ScramSha256 | Mechanism::ScramSha1 => State::Scram(First {
                bare: format!("n={},r={nonce}", scram::escape(user)),
                nonce: nonce.to_string(),
                is_sent: false,
            }),
            Mechanism::Login | Mechanism::CramMd5 => State::Challenge,
        };
        Exchange {
            mechanism,
            user: user.clone(),
            secret,
            state,
        }
    }

    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The initial response as it goes on the wire, where the mechanism has one
    /// and it fits into a command line of `room` octets (RFC 4954 section 4).
    pub fn initial(&mut self, room: usize) -> Option<Secret> {
        let first = match &self.state {
            State::First(octets) => octets.clone(),
            State::Scram(first) if !first.is_sent => format!("{GS2_HEADER}{}", first.bare).into(),
            _ => return None,
        };
        let text = match first.is_empty() {
            true => "=".to_string(),
            false => encode(first.octets()),
        };
        if text.len() > room {
            return None;
        }
        match &mut self.state {
            State::Scram(first) => first.is_sent = true,
            state => *state = State::Said,
        }
        Some(text.into())
    }

    /// The answer to a challenge, both as they stand on the wire. An error means
    /// that the exchange is to be cancelled with `*`.
    pub fn respond(&mut self, challenge: &str) -> Result<Secret, SaslError> {
        let Some(challenge) = decode(challenge.trim().as_bytes()) else {
            return error("the server's challenge is not base64");
        };
        let response = self.answer(&challenge)?;
        let line = encode(response.octets());
        match line.len() + 2 > MAX_LINE {
            true => error("the response is longer than a line may be"),
            false => Ok(line.into()),
        }
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Secret, SaslError> {
        let state = std::mem::replace(&mut self.state, State::Said);
        match state {
            State::First(octets) => Ok(octets),
            State::Challenge if self.mechanism == Mechanism::Login => {
                self.state = State::User;
                Ok(self.user.as_str().into())
            }
            State::User => Ok(self.secret.clone()),
            State::Challenge => {
                let digest = cram_md5(&self.secret, challenge);
                Ok([self.user.as_bytes(), b" ", digest.octets()]
                    .concat()
                    .into())
            }
            State::Scram(first) if first.is_sent => self.prove(&first, challenge),
            State::Scram(first) => {
                let text = format!("{GS2_HEADER}{}", first.bare);
                self.state = State::Scram(First {
                    is_sent: true,
                    ..first
                });
                Ok(text.into())
            }
            State::Proof(expected) => self.check(&expected, challenge),
            // RFC 7628 section 3.2.3: the error is acknowledged, then comes 535.
            State::Said if self.mechanism.takes_a_token() => {
                let dummy = match self.mechanism {
                    Mechanism::OAuthBearer => "\x01",
                    _ => "",
                };
                self.state = State::Refused(String::from_utf8_lossy(challenge).into_owned());
                Ok(dummy.into())
            }
            State::Said | State::Refused(_) => error("the server asks for more than there is"),
        }
    }

    fn prove(&mut self, ours: &First, challenge: &[u8]) -> Result<Secret, SaslError> {
        let First { bare, nonce, .. } = ours;
        let first = str::from_utf8(challenge).unwrap_or_default();
        let Some((whole_nonce, salt, iterations)) = scram::server_first(first) else {
            return error("the server's first SCRAM message does not read right");
        };
        if !whole_nonce.starts_with(nonce.as_str()) || whole_nonce.len() == nonce.len() {
            return error("the server's nonce does not continue ours");
        }
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return error(format!(
                "the server wants {iterations} iterations of SCRAM; \
                 {MIN_ITERATIONS} to {MAX_ITERATIONS} are done"
            ));
        }
        let hash = match self.mechanism {
            Mechanism::ScramSha1 => Hash::Sha1,
            _ => Hash::Sha256,
        };
        let without_proof = format!("c={},r={whole_nonce}", encode(GS2_HEADER.as_bytes()));
        let message = format!("{bare},{first},{without_proof}");
        let Some((proof, expected)) = scram::prove(hash, &self.secret, &salt, iterations, &message)
        else {
            return error("a password with other characters than ASCII is not hashed");
        };
        self.state = State::Proof(expected);
        Ok(format!("{without_proof},p={}", encode(&proof)).into())
    }

    fn check(&mut self, expected: &Secret, challenge: &[u8]) -> Result<Secret, SaslError> {
        let text = str::from_utf8(challenge).unwrap_or_default();
        let mut parts = text.split(',');
        if let Some(why) = text.strip_prefix("e=") {
            return error(format!("the server refused the proof: {why}"));
        }
        let signature = scram::attribute(&mut parts, 'v').and_then(|v| decode(v.as_bytes()));
        match signature.map(Secret::from) == Some(expected.clone()) {
            true => Ok(Secret::default()),
            false => error("the server does not know the password: its signature is wrong"),
        }
    }

    /// The server said 235: is it entitled to (RFC 5802 section 3)?
    pub fn finish(&self) -> Result<(), SaslError> {
        match self.state {
            State::Scram(_) | State::Proof(_) => {
                error("the server took the login without proving that it knows the password")
            }
            _ => Ok(()),
        }
    }

    /// The server's own words about a refused token.
    pub fn refusal(&self) -> Option<&str> {
        match &self.state {
            State::Refused(words) => Some(words),
            _ => None,
        }
    }
}
