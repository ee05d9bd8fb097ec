//! Trace fields: Received (RFC 5321 section 4.4, RFC 3848), Return-Path, and
//! the count of hops.

use crate::smtp::addr::{Mailbox, ReversePath};

/// What a Received field tells.
#[derive(Clone, Debug, Default)]
pub struct Received<'a> {
    /// EHLO name, reverse name if known, address literal: `h.example ([192.0.2.7])`.
    pub from: Option<String>,
    pub by: &'a str,
    /// `ESMTPS`, `SMTP`, `UTF8SMTP`; `local` gives no `with` but a comment.
    pub with: &'a str,
    /// TLS version and cipher, as a comment.
    pub tls: Option<&'a str>,
    pub id: &'a str,
    /// Only where there is exactly one recipient (SV-54).
    pub recipient: Option<&'a Mailbox>,
    /// Comment for local submissions: `uid 1000`.
    pub comment: Option<String>,
}

/// The field with its CRLF, folded at 78 where it can be.
pub fn received(_r: &Received<'_>, _now: jiff::Timestamp) -> String {
    todo!()
}

/// `Return-Path: <...>` CRLF.
pub fn return_path(_path: &ReversePath) -> String {
    todo!()
}

/// Received fields in a header.
pub fn hops(_header: &[u8]) -> usize {
    todo!()
}
