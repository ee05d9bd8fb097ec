//! What a person may want of one dialogue: to see it, to end it early, to say
//! something of their own in it.

use std::str::FromStr;

use crate::class::{Class, Classify};
use crate::smtp::reply::Reply;

/// Told of each thing said and heard, in order.
pub type Trace = fn(&Said<'_>);

#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// Our command, without its line end; secrets are replaced by `****`.
    Sent(&'a str),
    Heard(&'a Reply),
    /// So many octets of content, as they were stored.
    Content(u64),
    /// What no side says: a connection, a handshake, a failure.
    Note(&'a str),
}

/// The last thing to be done; later ones are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    /// DATA is answered, and the connection is cut before the content.
    Data,
}

#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub trace: Option<Trace>,
    pub until: Option<Until>,
    /// Said behind MAIL and RCPT whether offered or not, in the place of ours of
    /// the same keyword.
    pub mail: Vec<Parameter>,
    pub rcpt: Vec<Parameter>,
    /// A name for EHLO in the place of the usual one, and no PIPELINING; for
    /// whoever makes [`Settings`](super::Settings).
    pub hello: Option<String>,
    pub no_pipelining: bool,
}

impl Talk {
    pub fn note(&self, text: &str) {
        self.tell(&Said::Note(text));
    }

    pub(super) fn tell(&self, said: &Said<'_>) {
        if let Some(trace) = self.trace {
            trace(said);
        }
    }

    pub(super) fn ends_at(&self, until: Until) -> bool {
        self.until == Some(until)
    }
}

/// `KEYWORD` or `KEYWORD=value` (esmtp-param of RFC 5321 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is KEYWORD or KEYWORD=value, printable ASCII without blanks")]
pub struct ParameterError;

impl Classify for ParameterError {
    fn class(&self) -> Class {
        Class::Data
    }
}

impl FromStr for Parameter {
    type Err = ParameterError;
    fn from_str(text: &str) -> Result<Parameter, ParameterError> {
        let (keyword, value) = match text.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (text, None),
        };
        let of_keyword = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let good_keyword = keyword.bytes().all(of_keyword)
            && keyword.starts_with(|c: char| c.is_ascii_alphanumeric());
        let of_value = |v: &str| !v.is_empty() && v.bytes().all(|b| matches!(b, 33..=126));
        (good_keyword && value.is_none_or(of_value))
            .then(|| Parameter(text.to_owned()))
            .ok_or(ParameterError)
    }
}

/// Adds our own parameters to a command's line, which ends in CRLF; one of ours
/// takes the place of the same keyword's.
pub(super) fn add(line: &mut Vec<u8>, from: usize, own: &[Parameter]) {
    if own.is_empty() {
        return;
    }
    let keyword = |word: &str| word.split('=').next().unwrap_or(word).to_ascii_uppercase();
    let said = String::from_utf8_lossy(line.get(from..).unwrap_or_default()).into_owned();
    line.truncate(from);
    // A quoted local part may hold blanks; what follows the path has none.
    let (path, params) = match said.trim_end().rsplit_once('>') {
        Some((path, params)) if params.starts_with(' ') || params.is_empty() => {
            (format!("{path}>"), params)
        }
        _ => (said.trim_end().to_owned(), ""),
    };
    line.extend_from_slice(path.as_bytes());
    let is_own = |word: &&str| own.iter().any(|o| keyword(&o.0) == keyword(word));
    let kept = params.split_whitespace().filter(|word| !is_own(word));
    for word in kept.chain(own.iter().map(|o| o.0.as_str())) {
        line.push(b' ');
        line.extend_from_slice(word.as_bytes());
    }
    line.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_one_word() {
        for good in ["SIZE=1", "BODY=8BITMIME", "SMTPUTF8", "X-A=b=c"] {
            assert!(good.parse::<Parameter>().is_ok(), "{good}");
        }
        for bad in ["", "=", "A=", "A B", "A=\r\nRSET", "-A", "A=é", "A\u{0}"] {
            assert!(bad.parse::<Parameter>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn own_parameters_replace_ours() {
        let own = |text: &str| vec![text.parse::<Parameter>().unwrap()];
        let line = |said: &str, text: &str| {
            let mut line = said.as_bytes().to_vec();
            add(&mut line, 0, &own(text));
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            line("MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME\r\n", "size=99"),
            "MAIL FROM:<a@b> BODY=8BITMIME size=99\r\n"
        );
        assert_eq!(
            line("RCPT TO:<\"a > b\"@c>\r\n", "X=1"),
            "RCPT TO:<\"a > b\"@c> X=1\r\n"
        );
        assert_eq!(line("MAIL FROM:<>\r\n", "X"), "MAIL FROM:<> X\r\n");
    }
}
