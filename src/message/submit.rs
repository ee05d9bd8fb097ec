//! Completing a local submission's header: rules H1 to H15 and recipients from
//! `-t`. All other bytes stay as they are.

use crate::smtp::addr::{AddrError, Mailbox};

/// What completion needs to know.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Domain appended to unqualified addresses.
    pub origin: String,
    /// Right side of a Message-ID, and of `by` in Received.
    pub hostname: String,
    /// Address for a missing From: and Sender:.
    pub sender: Mailbox,
    /// Full name for a missing From:.
    pub full_name: Option<String>,
    pub now: jiff::Timestamp,
    /// Unique part of a missing Message-ID.
    pub unique: String,
    /// `-G`: no qualification, nothing added.
    pub gateway: bool,
}

/// Recipients that `-t` finds (Resent-* first, H-rules of section 3), and the
/// members that could not be read.
pub fn recipients(_header: &[u8], _origin: &str) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    todo!()
}

/// The header to store: Bcc, Resent-Bcc, Return-Path, Content-Length and mbox
/// `From ` lines removed, unqualified addresses qualified, missing From, Date
/// and Message-ID added. CRLF lines in and out, blank line not included.
pub fn complete(_header: &[u8], _facts: &Facts) -> Vec<u8> {
    todo!()
}
