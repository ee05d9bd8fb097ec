//! Delivery status notifications (RFC 3461, 3464, 6522).

use crate::smtp::param::{Orcpt, Ret};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

/// One recipient's block.
#[derive(Clone, Debug)]
pub struct Block {
    pub final_recipient: String,
    pub original: Option<Orcpt>,
    pub action: Action,
    /// Enhanced status code, class fitting the action.
    pub status: String,
    /// The remote server's reply; `None` where none was involved.
    pub diagnostic: Option<String>,
    pub remote_mta: Option<String>,
    /// What happened, in plain words.
    pub text: String,
    pub last_attempt: Option<jiff::Timestamp>,
    pub retry_until: Option<jiff::Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Our host name (Reporting-MTA, Message-ID, boundary).
    pub hostname: &'a str,
    /// Domain of MAILER-DAEMON.
    pub origin: &'a str,
    /// Whom it goes to, as in the reverse-path.
    pub to: String,
    pub unique: &'a str,
    pub now: jiff::Timestamp,
    pub arrival: jiff::Timestamp,
    pub envid: Option<&'a str>,
    pub ret: Option<Ret>,
    pub blocks: Vec<Block>,
    /// Octets of the original; over `return_limit` only its header goes back.
    pub original_size: u64,
    pub return_limit: u64,
    pub eight_bit: bool,
}

/// Writes the notice with CRLF lines; `original` is read once.
pub fn write(
    _notice: &Notice<'_>,
    _original: &mut dyn std::io::Read,
    _out: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    todo!()
}
