//! Making content fit a 7-bit or short-lined next hop (RFC 6152 section 3, RFC
//! 2045): parts that may be changed are re-encoded, signed and encrypted ones
//! never.

/// Why content cannot be made to fit: 5.6.3 (conversion required but not
/// possible) or 5.6.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CannotEncode {
    pub status: &'static str,
    pub text: String,
}

/// Rewrites a message so that every octet is below 128 and every line at most
/// 998 octets.
pub fn seven_bit(
    _message: &mut dyn std::io::Read,
    _out: &mut dyn std::io::Write,
) -> std::io::Result<Result<(), CannotEncode>> {
    todo!()
}
