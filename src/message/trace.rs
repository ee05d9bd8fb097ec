//! Trace fields: Received (RFC 5321 section 4.4, RFC 3848), Return-Path, and
//! the count of hops.

use crate::smtp::addr::{Mailbox, ReversePath};

use super::{date, fold, header};

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
///
/// Control characters in any part become `?`: no part can begin a field.
pub fn received(r: &Received<'_>, now: jiff::Timestamp) -> String {
    let mut clauses = Vec::new();
    if let Some(from) = &r.from {
        clauses.push(format!("from {from}"));
    }
    clauses.push(format!("by {}", r.by));
    if let Some(comment) = &r.comment {
        clauses.push(self::comment(comment));
    }
    if !matches!(r.with, "" | "local") {
        clauses.push(format!("with {}", r.with));
    }
    if let Some(tls) = r.tls {
        clauses.push(comment(tls));
    }
    clauses.push(format!("id {}", r.id));
    if let Some(recipient) = r.recipient {
        clauses.push(format!("for <{recipient}>"));
    }
    if let Some(last) = clauses.last_mut() {
        last.push(';');
    }
    clauses.push(date::rfc5322(now));
    fold::field(
        "Received",
        clauses.iter().map(|clause| fold::printable(clause)),
    )
}

/// A comment (RFC 5322 section 3.2.2) whose text cannot end it.
fn comment(text: &str) -> String {
    let mut quoted = String::from("(");
    for c in text.chars() {
        if matches!(c, '(' | ')' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push(')');
    quoted
}

/// `Return-Path: <...>` CRLF.
pub fn return_path(path: &ReversePath) -> String {
    format!("Return-Path: {}\r\n", fold::printable(&path.to_string()))
}

/// Received fields in a header.
pub fn hops(header: &[u8]) -> usize {
    header::fields(header)
        .filter(|field| field.is("Received"))
        .count()
}

#[cfg(test)]
mod tests;
