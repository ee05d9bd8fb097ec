//! SMTP commands (RFC 5321 section 4.1.1): parse one line, print one line.
//! [`Command::write`] is the one function that makes every command we send; it
//! refuses control characters (I1).

use super::addr::{AddrError, ForwardPath, ReversePath};
use super::param::{MailParams, ParamError, RcptParams};
use crate::class::{Class, Classify};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The argument as given (a domain or an address literal, checked).
    Ehlo(String),
    Helo(String),
    Lhlo(String),
    Mail(ReversePath, MailParams),
    Rcpt(ForwardPath, RcptParams),
    Data,
    /// Octets, LAST (RFC 3030).
    Bdat(u64, bool),
    Rset,
    Noop,
    Vrfy(String),
    Expn(String),
    Help(Option<String>),
    StartTls,
    /// Mechanism, initial response.
    Auth(String, Option<String>),
    Etrn(String),
    Quit,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such verb (500 5.5.2).
    #[error("command not recognised")]
    Unknown,
    /// Known, not implemented (502 5.5.1): TURN, SEND, SOML, SAML, ATRN.
    #[error("command not implemented")]
    NotImplemented,
    /// A bad or missing argument (501 5.5.4).
    #[error("{0}")]
    Syntax(&'static str),
    #[error(transparent)]
    Addr(#[from] AddrError),
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A byte that no command may hold: a control character, or one over 127
    /// where UTF-8 is not agreed.
    #[error("a command may not hold this character")]
    Character,
}

impl Classify for CommandError {
    fn class(&self) -> Class {
        Class::Data
    }
}

impl Command {
    /// Parses a command line without its line end.
    pub fn parse(_line: &[u8]) -> Result<Command, CommandError> {
        todo!()
    }

    /// Appends the command and CRLF. Refuses (and appends nothing) where a
    /// value holds a control character, or, without `utf8`, a byte over 127.
    pub fn write(&self, _utf8: bool, _out: &mut Vec<u8>) -> Result<(), CommandError> {
        todo!()
    }
}
