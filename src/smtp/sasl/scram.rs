//! SCRAM (RFC 5802, RFC 7677): keys, proofs and the grammar of its messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Secret;

/// Fewest iterations that a server may ask for (RFC 7677 section 4): fewer make
/// the proof cheap to guess from.
pub const MIN_ITERATIONS: u32 = 4096;
/// Most that a server may ask for: half a second of work, not a way to keep us
/// busy.
pub const MAX_ITERATIONS: u32 = 1_000_000;
/// Those of the entries we write.
pub const ITERATIONS: u32 = 10_000;
/// Longest salt that is taken.
const MAX_SALT: usize = 1024;

/// The hash under the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    pub const fn mechanism(self) -> super::Mechanism {
        match self {
            Hash::Sha1 => super::Mechanism::ScramSha1,
            Hash::Sha256 => super::Mechanism::ScramSha256,
        }
    }

    const fn length(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
        }
    }

    fn digest(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha1 => Sha1::digest(octets).to_vec(),
            Hash::Sha256 => Sha256::digest(octets).to_vec(),
        }
    }

    pub(super) fn hmac(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        // A key of any length will do, so neither can fail.
        match self {
            Hash::Sha1 => Hmac::<Sha1>::new_from_slice(key)
                .map(|mac| mac.chain_update(octets).finalize().into_bytes().to_vec()),
            Hash::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .map(|mac| mac.chain_update(octets).finalize().into_bytes().to_vec()),
        }
        .unwrap_or_default()
    }

    fn salted(self, password: &Secret, salt: &[u8], iterations: u32) -> Secret {
        let mut out = vec![0; self.length()];
        let password = password.octets();
        match self {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut out),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out),
        }
        out.into()
    }
}

/// What a server keeps of a password (RFC 5802 section 3).
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub iterations: u32,
    pub salt: Vec<u8>,
    pub stored: Secret,
    pub server: Secret,
}

impl Keys {
    /// `None` where the password has no prepared form.
    pub fn new(hash: Hash, password: &Secret, salt: Vec<u8>, iterations: u32) -> Option<Keys> {
        Keys::derive(hash, password, salt, iterations).map(|(_, keys)| keys)
    }

    /// Also the client's key.
    fn derive(
        hash: Hash,
        password: &Secret,
        salt: Vec<u8>,
        iterations: u32,
    ) -> Option<(Secret, Keys)> {
        prepared(password.text()?)?;
        let salted = hash.salted(password, &salt, iterations);
        let client = Secret::from(hash.hmac(salted.octets(), b"Client Key"));
        let keys = Keys {
            iterations,
            salt,
            stored: hash.digest(client.octets()).into(),
            server: hash.hmac(salted.octets(), b"Server Key").into(),
        };
        Some((client, keys))
    }

    /// The server's signature.
    pub(super) fn sign(&self, hash: Hash, message: &str) -> Secret {
        hash.hmac(self.server.octets(), message.as_bytes()).into()
    }

    /// Does the proof come from the password (RFC 5802 section 3)?
    pub(super) fn accept(&self, hash: Hash, message: &str, proof: &[u8]) -> bool {
        let signature = hash.hmac(self.stored.octets(), message.as_bytes());
        if proof.len() != signature.len() {
            return false;
        }
        let key = Secret::from(xor(proof, &signature));
        hash.digest(key.octets()).ct_eq(self.stored.octets()).into()
    }
}

/// The two answers that follow from a password: the client's proof, and the
/// signature that the server has to give.
pub(super) fn prove(
    hash: Hash,
    password: &Secret,
    salt: &[u8],
    iterations: u32,
    message: &str,
) -> Option<(Vec<u8>, Secret)> {
    let (client, keys) = Keys::derive(hash, password, salt.to_vec(), iterations)?;
    let signature = hash.hmac(keys.stored.octets(), message.as_bytes());
    let expected = keys.sign(hash, message);
    Some((xor(client.octets(), &signature), expected))
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// Text that is its own SASLprep form: printable ASCII (RFC 4013 section 2.3
/// prohibits control characters; nothing of ASCII is mapped).
pub fn prepared(text: &str) -> Option<&str> {
    let plain = !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~'));
    plain.then_some(text)
}

/// saslname (RFC 5802 section 5.1).
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name, where every `=` begins one of the two escapes.
pub(super) fn unescape(name: &str) -> Option<String> {
    let mut pieces = name.split('=');
    let mut out = pieces.next()?.to_string();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        out.push(match code {
            "3D" | "3d" => '=',
            "2C" | "2c" => ',',
            _ => return None,
        });
        out.push_str(rest);
    }
    (!out.is_empty()).then_some(out)
}

/// The value of the attribute that has to stand next.
pub(super) fn attribute<'a>(
    parts: &mut impl Iterator<Item = &'a str>,
    name: char,
) -> Option<&'a str> {
    parts.next()?.strip_prefix(name)?.strip_prefix('=')
}

/// server-first-message: nonce, salt, iterations.
pub(super) fn server_first(text: &str) -> Option<(&str, Vec<u8>, u32)> {
    let mut parts = text.split(',');
    let nonce = attribute(&mut parts, 'r')?;
    let salt = STANDARD.decode(attribute(&mut parts, 's')?).ok()?;
    let digits = attribute(&mut parts, 'i')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let iterations = plain.then(|| digits.parse().ok()).flatten()?;
    (!salt.is_empty() && salt.len() <= MAX_SALT).then_some((nonce, salt, iterations))
}
