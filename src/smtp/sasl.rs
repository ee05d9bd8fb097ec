//! SASL (RFC 4422) as SMTP carries it (RFC 4954): the mechanisms, both sides,
//! sans I/O. `client` answers a server's challenges, `server` makes them;
//! `scram` is the arithmetic of RFC 5802 that both share.
//!
//! User names and passwords that SCRAM hashes have to be printable ASCII: such
//! text is its own SASLprep form (RFC 4013). Other text is refused for these
//! mechanisms, never hashed in a form that the other side may not share; PLAIN
//! carries it inside TLS ([`scram::prepared`]).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub mod client;
pub mod scram;
mod secret;
pub mod server;
#[cfg(test)]
mod tests;

pub use secret::{Secret, wipe};

/// Longest line of an exchange, CRLF included (RFC 4954 section 4).
pub const MAX_LINE: usize = 12_288;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// The client certificate says who it is (RFC 4422 appendix A).
    External,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 7628; the secret is a token.
    OAuthBearer,
    /// The vendors' older form of it.
    XOAuth2,
    /// RFC 4616.
    Plain,
    /// Never standardised, offered everywhere.
    Login,
    /// RFC 2195. What goes over the wire lets passwords be guessed at leisure,
    /// and the server has to keep them readable: the weakest.
    CramMd5,
}

impl Mechanism {
    /// Strongest first: the order of choice.
    pub const ALL: [Mechanism; 8] = [
        Mechanism::External,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::OAuthBearer,
        Mechanism::XOAuth2,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::External => "EXTERNAL",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::XOAuth2 => "XOAUTH2",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
        }
    }

    /// Whoever listens learns nothing that opens the account, and the server
    /// has to prove that it knows the password too: good without TLS.
    pub const fn hides_the_secret(self) -> bool {
        matches!(self, Mechanism::ScramSha256 | Mechanism::ScramSha1)
    }

    /// The secret is a token, not a password.
    pub const fn takes_a_token(self) -> bool {
        matches!(self, Mechanism::OAuthBearer | Mechanism::XOAuth2)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mechanism {
    type Err = String;

    fn from_str(text: &str) -> Result<Mechanism, String> {
        Mechanism::ALL
            .into_iter()
            .find(|m| m.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let names: Vec<_> = Mechanism::ALL.iter().map(|m| m.name()).collect();
                format!("expected one of {}", names.join(", "))
            })
    }
}

/// A response or challenge as it stands on the wire.
pub fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Reads what stands on the wire: base64 with its padding, nothing else.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    (text.len() <= MAX_LINE)
        .then(|| STANDARD.decode(text).ok())
        .flatten()
}

/// HMAC-MD5 as RFC 2195 wants it: hex, lower case.
fn cram_md5(secret: &Secret, challenge: &[u8]) -> Secret {
    use hmac::{Hmac, KeyInit, Mac};
    // Any key length will do, so this cannot fail; no digest never compares equal.
    let digest = Hmac::<md5::Md5>::new_from_slice(secret.octets())
        .map(|mac| mac.chain_update(challenge).finalize().into_bytes().to_vec());
    let hex = digest
        .unwrap_or_default()
        .iter()
        .fold(String::new(), |mut hex, octet| {
            hex.push_str(&format!("{octet:02x}"));
            hex
        });
    Secret::from(hex)
}
