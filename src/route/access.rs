//! How to log in at a next hop, and whom to trust there: the options of a route
//! or an account beside its transport. No secret is held here, only where it is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::smtp::sasl::Mechanism;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whom to log in as; none: no login, unless netrc names one.
    pub user: Option<String>,
    pub secret: Option<SecretSource>,
    /// Only these; empty: all that take a password.
    pub mechanisms: Vec<Mechanism>,
    /// Trusted roots instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// What we show to the server, PEM.
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// For `tls = "pinned"`: of the server's certificate or of its public key.
    pub fingerprints: Vec<Fingerprint>,
}

impl Access {
    /// Is there a login to be done?
    pub fn logs_in(&self) -> bool {
        self.user.is_some() || self.secret.is_some() || self.is_external()
    }

    /// The client certificate is the login.
    fn is_external(&self) -> bool {
        self.mechanisms.contains(&Mechanism::External)
    }
}

/// Where a secret is read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line of a file that others cannot read.
    File(PathBuf),
    /// The first line that a program prints; no shell.
    Command(Vec<String>),
    /// A file of this name in `$CREDENTIALS_DIRECTORY` (systemd).
    Credential(String),
    /// A netrc file; `None`: `~/.netrc`.
    Netrc(Option<PathBuf>),
}

/// SHA-256 of a certificate, or of its public key (SubjectPublicKeyInfo), in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl FromStr for Fingerprint {
    type Err = String;

    /// `sha256:` or nothing, then 64 hexadecimal digits, colons between them as
    /// `openssl x509 -fingerprint` has them or not.
    fn from_str(text: &str) -> Result<Fingerprint, String> {
        let wrong = || "expected sha256: and 64 hexadecimal digits".to_string();
        let digits = match text.split_at_checked("sha256:".len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case("sha256:") => rest,
            _ => text,
        };
        let digits = digits.replace(':', "");
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut octets = [0; 32];
        for (n, octet) in octets.iter_mut().enumerate() {
            let pair = digits.get(2 * n..2 * n + 2).ok_or_else(wrong)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Fingerprint(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_as_openssl_prints_them() {
        let plain = "00ff".repeat(16);
        let colons = ["00:FF"; 16].join(":");
        for text in [
            &plain,
            &format!("sha256:{plain}"),
            &format!("SHA256:{colons}"),
        ] {
            let print: Fingerprint = text.parse().unwrap();
            assert_eq!(print.to_string(), format!("sha256:{plain}"));
        }
        for text in [
            "",
            "sha256:",
            "sha1:00",
            &plain[1..],
            &"zz".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
