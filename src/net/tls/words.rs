//! What the TLS library says, for people.

use super::TlsError;

/// What the library's words mean to whoever reads a bounce. Both crates give
/// text only; the library's own words stand behind ours.
const MEANINGS: &[(&str, bool, &str)] = &[
    (
        "certificate has expired",
        true,
        "the server's certificate has expired",
    ),
    (
        "certificate is not yet valid",
        true,
        "the server's certificate is not valid yet",
    ),
    (
        "ostname mismatch",
        true,
        "the server's certificate is for another name",
    ),
    (
        "IP address mismatch",
        true,
        "the server's certificate is for another name",
    ),
    (
        "self-signed certificate in certificate chain",
        true,
        "the server's certificate is signed by no known authority",
    ),
    (
        "self-signed certificate",
        true,
        "the server's certificate is self-signed",
    ),
    (
        "self signed certificate",
        true,
        "the server's certificate is self-signed",
    ),
    (
        "local issuer certificate",
        true,
        "the server's certificate is signed by no known authority",
    ),
    (
        "certificate revoked",
        true,
        "the server's certificate is revoked",
    ),
    (
        "certificate verify failed",
        true,
        "the server's certificate was not accepted",
    ),
    (
        "unsupported protocol",
        false,
        "the other side wants a version older than TLS 1.2",
    ),
    (
        "alert protocol version",
        false,
        "the other side refuses TLS 1.2 and newer",
    ),
    (
        "wrong version number",
        false,
        "the other side does not speak TLS on this connection",
    ),
    (
        "no shared cipher",
        false,
        "no cipher is known to both sides",
    ),
];

pub(super) fn handshake(text: &str) -> TlsError {
    let known = MEANINGS.iter().find(|(needle, _, _)| text.contains(needle));
    match known {
        Some((_, true, words)) => TlsError::Certificate(format!("{words} ({text})")),
        Some((_, false, words)) => TlsError::Handshake(format!("{words} ({text})")),
        None => TlsError::Handshake(text.to_string()),
    }
}
