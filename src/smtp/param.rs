//! Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, 3030), RET,
//! ENVID, NOTIFY, ORCPT (RFC 3461), SMTPUTF8 (RFC 6531), AUTH (RFC 4954
//! section 5). Parse and print; the spool's envelope uses the same syntax.

use std::fmt;

use crate::class::{Class, Classify};

mod xtext;

pub use xtext::{LENIENT_XTEXT_CASE, xtext_decode, xtext_encode};
use xtext::{unitext_decode, unitext_encode};

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
    /// `rfc822`, `utf-8`, ... as it was written.
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

/// Longest ENVID, encoded (RFC 3461 section 4.4).
const MAX_ENVID: usize = 100;
/// Longest ORCPT, encoded (RFC 3461 section 4.2) and AUTH (RFC 4954 section 5).
const MAX_ADDRESS: usize = 500;
/// Digits of SIZE (RFC 1870 section 4).
const MAX_SIZE_DIGITS: usize = 20;

impl MailParams {
    /// Parses what follows the path: blanks and `KEYWORD[=VALUE]` words.
    pub fn parse(text: &str) -> Result<MailParams, ParamError> {
        let mut params = MailParams::default();
        for word in words(text) {
            let (keyword, value) = split_word(word)?;
            let value = Value {
                keyword: &keyword,
                text: value,
            };
            match keyword.as_str() {
                "SIZE" => value.set(&mut params.size, parse_size)?,
                "BODY" => value.set(&mut params.body, parse_body)?,
                "RET" => value.set(&mut params.ret, parse_ret)?,
                "ENVID" => value.set(&mut params.envid, parse_envid)?,
                "AUTH" => value.set(&mut params.auth, parse_auth)?,
                "SMTPUTF8" => value.set_flag(&mut params.smtputf8)?,
                _ => return Err(ParamError::Unknown(keyword)),
            }
        }
        Ok(params)
    }
}

impl RcptParams {
    /// As [`MailParams::parse`], for RCPT.
    pub fn parse(text: &str) -> Result<RcptParams, ParamError> {
        let mut params = RcptParams::default();
        for word in words(text) {
            let (keyword, value) = split_word(word)?;
            let value = Value {
                keyword: &keyword,
                text: value,
            };
            match keyword.as_str() {
                "NOTIFY" => value.set(&mut params.notify, parse_notify)?,
                "ORCPT" => value.set(&mut params.orcpt, parse_orcpt)?,
                _ => return Err(ParamError::Unknown(keyword)),
            }
        }
        Ok(params)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// esmtp-param = esmtp-keyword ["=" esmtp-value]; the keyword in upper case.
fn split_word(word: &str) -> Result<(String, Option<&str>), ParamError> {
    let (keyword, value) = match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    };
    let is_sound = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_sound {
        return Err(ParamError::Bad("a parameter is malformed".into()));
    }
    Ok((keyword.to_ascii_uppercase(), value))
}

/// The value of one parameter word.
struct Value<'a> {
    keyword: &'a str,
    text: Option<&'a str>,
}

impl Value<'_> {
    fn set<T>(self, slot: &mut Option<T>, parse: fn(&str) -> Option<T>) -> Result<(), ParamError> {
        self.refuse_second(slot.is_some())?;
        let value = self.text.and_then(parse);
        if value.is_none() {
            let what = if self.text.is_none() {
                "needs a value"
            } else {
                "has a bad value"
            };
            return Err(ParamError::Bad(format!("{} {what}", self.keyword)));
        }
        *slot = value;
        Ok(())
    }

    fn set_flag(self, slot: &mut bool) -> Result<(), ParamError> {
        self.refuse_second(*slot)?;
        if self.text.is_some() {
            return Err(ParamError::Bad(format!("{} takes no value", self.keyword)));
        }
        *slot = true;
        Ok(())
    }

    fn refuse_second(&self, is_set: bool) -> Result<(), ParamError> {
        if is_set {
            return Err(ParamError::Bad(format!("{} is given twice", self.keyword)));
        }
        Ok(())
    }
}

/// size-value = 1*20DIGIT; what 64 bits cannot hold is as good as their limit.
fn parse_size(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_number && text.len() <= MAX_SIZE_DIGITS).then(|| text.parse().unwrap_or(u64::MAX))
}

fn parse_body(text: &str) -> Option<Body> {
    [Body::SevenBit, Body::EightBitMime, Body::BinaryMime]
        .into_iter()
        .find(|body| body.keyword().eq_ignore_ascii_case(text))
}

fn parse_ret(text: &str) -> Option<Ret> {
    [Ret::Full, Ret::Headers]
        .into_iter()
        .find(|ret| ret.keyword().eq_ignore_ascii_case(text))
}

fn parse_envid(text: &str) -> Option<String> {
    let envid = xtext_decode(text)?;
    (!envid.is_empty() && envid.is_ascii() && text.len() <= MAX_ENVID).then_some(envid)
}

fn parse_auth(text: &str) -> Option<Option<String>> {
    let mailbox = xtext_decode(text)?;
    if mailbox == "<>" {
        return Some(None);
    }
    (!mailbox.is_empty() && text.len() <= MAX_ADDRESS).then_some(Some(mailbox))
}

fn parse_notify(text: &str) -> Option<Notify> {
    let mut notify = Notify {
        success: false,
        failure: false,
        delay: false,
    };
    if text.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in text.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

fn parse_orcpt(text: &str) -> Option<Orcpt> {
    let (kind, encoded) = text.split_once(';')?;
    let orcpt = Orcpt {
        kind: kind.to_owned(),
        address: if is_utf8_kind(kind) {
            unitext_decode(encoded)?
        } else {
            xtext_decode(encoded)?
        },
    };
    // Measured as we print it, or our own envelope would not read back.
    let is_sound =
        is_kind(kind) && !orcpt.address.is_empty() && orcpt.to_string().len() <= MAX_ADDRESS;
    is_sound.then_some(orcpt)
}

/// addr-type of RFC 3461; its registered names need no more than this.
fn is_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_utf8_kind(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("utf-8")
}

impl Body {
    pub const fn keyword(self) -> &'static str {
        match self {
            Body::SevenBit => "7BIT",
            Body::EightBitMime => "8BITMIME",
            Body::BinaryMime => "BINARYMIME",
        }
    }
}

impl Ret {
    pub const fn keyword(self) -> &'static str {
        match self {
            Ret::Full => "FULL",
            Ret::Headers => "HDRS",
        }
    }
}

/// As the value of NOTIFY=.
impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ];
        let mut words = words
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, word)| *word);
        f.write_str(words.next().unwrap_or("NEVER"))?;
        words.try_for_each(|word| write!(f, ",{word}"))
    }
}

/// As the value of ORCPT=; always in ASCII, so that it may go to any server
/// that offers DSN (RFC 6533 section 3).
impl fmt::Display for Orcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = if is_utf8_kind(&self.kind) {
            unitext_encode
        } else {
            xtext_encode
        };
        write!(f, "{};{}", self.kind, encode(&self.address))
    }
}

/// Each parameter with a blank before it, nothing when none is set.
impl fmt::Display for MailParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={}", body.keyword())?;
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={}", ret.keyword())?;
        }
        if let Some(envid) = &self.envid {
            write!(f, " ENVID={}", xtext_encode(envid))?;
        }
        match &self.auth {
            Some(Some(mailbox)) => write!(f, " AUTH={}", xtext_encode(mailbox)),
            Some(None) => f.write_str(" AUTH=<>"),
            None => Ok(()),
        }
    }
}

/// Each parameter with a blank before it, nothing when none is set.
impl fmt::Display for RcptParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(orcpt) = &self.orcpt {
            write!(f, " ORCPT={orcpt}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
