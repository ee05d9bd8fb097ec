//! The keywords of an EHLO reply (RFC 5321 section 4.1.1.1): what a server
//! offers, printed by ours and parsed from others'.

use super::reply::Reply;

/// What a server offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    pub pipelining: bool,
    /// `Some(0)`: SIZE without a limit.
    pub size: Option<u64>,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub chunking: bool,
    pub binarymime: bool,
    pub dsn: bool,
    pub enhanced: bool,
    pub starttls: bool,
    pub vrfy: bool,
    pub expn: bool,
    pub etrn: bool,
    pub help: bool,
    /// Mechanisms, upper case.
    pub auth: Vec<String>,
}

impl Caps {
    /// Reads the keywords of a 250 reply to EHLO; unknown ones are skipped.
    pub fn parse(_reply: &Reply) -> Caps {
        todo!()
    }

    /// The keyword lines of our own reply, without the first (the domain).
    pub fn lines(&self) -> Vec<String> {
        todo!()
    }
}
