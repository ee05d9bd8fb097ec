//! What a server's certificate says, and whether it would have been trusted,
//! for those who look and accept it either way.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::ssl::SslRef;
use openssl::x509::{X509NameRef, X509Ref, X509VerifyResult};

use super::client::names_of;

/// Links of a chain that are looked at; a server may send any number.
const MAX_CHAIN: usize = 10;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// Host names it is for.
    pub names: Vec<String>,
    /// Unix seconds.
    pub not_before: Option<i64>,
    pub not_after: Option<i64>,
    /// SHA-256 of the whole, hex.
    pub sha256: String,
}

/// The certificates of a session, the server's own first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub chain: Vec<Certificate>,
    /// Why it would not be trusted; `None` where it would.
    pub problem: Option<String>,
}

pub(in crate::net) fn examined(ssl: &SslRef) -> Examined {
    let verdict = ssl.verify_result();
    let chain: Vec<Certificate> = match ssl.peer_cert_chain() {
        Some(stack) => stack.iter().take(MAX_CHAIN).map(certificate).collect(),
        None => Vec::new(),
    };
    let problem = match verdict {
        _ if chain.is_empty() => Some("the server shows no certificate".to_owned()),
        X509VerifyResult::OK => None,
        other => Some(other.error_string().to_owned()),
    };
    Examined { chain, problem }
}

fn certificate(x: &X509Ref) -> Certificate {
    let digest = x.digest(MessageDigest::sha256());
    Certificate {
        subject: name(x.subject_name()),
        issuer: name(x.issuer_name()),
        names: names_of(x),
        not_before: unix(x.not_before()),
        not_after: unix(x.not_after()),
        sha256: digest.map(|d| super::client::hex(&d)).unwrap_or_default(),
    }
}

/// `CN=mx.example.org, O=Example`.
fn name(name: &X509NameRef) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let key = entry.object().nid().short_name().unwrap_or("?").to_owned();
        let value = entry.data().to_string().ok()?;
        Some(format!("{key}={value}"))
    };
    name.entries()
        .filter_map(part)
        .collect::<Vec<_>>()
        .join(", ")
}

fn unix(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * 86400 + i64::from(since.secs))
}
