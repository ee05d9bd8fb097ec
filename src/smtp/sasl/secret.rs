//! A secret in memory.

use std::fmt;
use std::hint::black_box;

use subtle::ConstantTimeEq;

/// A password, a token, or a line that carries one. It prints as `(secret)`,
/// compares in constant time, and is overwritten when it is dropped. Copies that
/// the kernel and the TLS library make are out of reach.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As text, where it is.
    pub fn text(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Secret {
        Secret(octets)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.as_bytes().to_vec())
    }
}

/// Overwrites; what the optimiser cannot see through stays done.
pub fn wipe(octets: &mut [u8]) {
    octets.fill(0);
    black_box(octets);
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
