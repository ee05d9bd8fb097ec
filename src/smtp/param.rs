//! Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, 3030), RET,
//! ENVID, NOTIFY, ORCPT (RFC 3461), SMTPUTF8 (RFC 6531), AUTH (RFC 4954
//! section 5). Parse and print; the spool's envelope uses the same syntax.

use std::fmt;

use crate::class::{Class, Classify};

/// BODY= of MAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    SevenBit,
    EightBitMime,
    BinaryMime,
}

/// RET= of MAIL: what a failure report returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

/// NOTIFY= of RCPT. `NEVER` is all three false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

/// ORCPT= of RCPT, the address decoded from xtext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orcpt {
    /// `rfc822`, `utf-8`, ...
    pub kind: String,
    pub address: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParams {
    pub size: Option<u64>,
    pub body: Option<Body>,
    pub ret: Option<Ret>,
    /// Decoded from xtext: printable ASCII, at most 100 characters encoded.
    pub envid: Option<String>,
    pub smtputf8: bool,
    /// AUTH=: `Some(None)` is `AUTH=<>`.
    pub auth: Option<Option<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParams {
    pub notify: Option<Notify>,
    pub orcpt: Option<Orcpt>,
}

/// Why a parameter was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A keyword that is not known (555 5.5.4).
    #[error("parameter {0} is not known here")]
    Unknown(String),
    /// A known one with a bad or missing value, or given twice (501 5.5.4).
    #[error("{0}")]
    Bad(String),
}

impl Classify for ParamError {
    fn class(&self) -> Class {
        Class::Data
    }
}

impl MailParams {
    /// Parses what follows the path: blanks and `KEYWORD[=VALUE]` words.
    pub fn parse(_text: &str) -> Result<MailParams, ParamError> {
        todo!()
    }
}

impl RcptParams {
    pub fn parse(_text: &str) -> Result<RcptParams, ParamError> {
        todo!()
    }
}

/// Each parameter with a blank before it, nothing when none is set.
impl fmt::Display for MailParams {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Each parameter with a blank before it, nothing when none is set.
impl fmt::Display for RcptParams {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// xtext of RFC 3461 section 4: parse. Refuses what decodes to a control
/// character.
pub fn xtext_decode(_text: &str) -> Option<String> {
    todo!()
}

/// xtext of RFC 3461 section 4: print.
pub fn xtext_encode(_text: &str) -> String {
    todo!()
}
