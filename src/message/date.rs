//! Dates of mail (RFC 5322 section 3.3), with the local offset.

/// `Sat, 21 Nov 2026 21:05:43 +0000`, in the system's zone.
pub fn rfc5322(_time: jiff::Timestamp) -> String {
    todo!()
}
