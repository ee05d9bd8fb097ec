//! Address lists of header fields and of `sendmail`'s arguments (RFC 5322
//! section 3.4 with the obsolete forms, RFC 6532), as `spec` of the sendmail
//! drop-in has them: names, comments, groups, routes, quoted local parts,
//! unqualified names.

use crate::smtp::addr::{AddrError, Mailbox};

/// Reads a list; an address without a domain gets `origin`. Empty groups and
/// superfluous commas add nobody. The second half names each member that could
/// not be read, with the reason.
pub fn parse(_text: &[u8], _origin: &str) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    todo!()
}
