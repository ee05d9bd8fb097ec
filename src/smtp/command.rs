//! SMTP commands (RFC 5321 section 4.1.1): parse one line, print one line.
//! [`Command::write`] is the one function that makes every command we send; it
//! refuses control characters (I1).

use std::fmt;

use super::addr::{AddrError, Domain, ForwardPath, ReversePath, is_control};
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
    /// The argument, without the SMTPUTF8 keyword (RFC 6531 section 3.7.4.2);
    /// a byte over 127 means that it was given.
    Vrfy(String),
    /// As VRFY.
    Expn(String),
    Help(Option<String>),
    StartTls,
    /// Mechanism (upper case), initial response.
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

/// RFC 5321 section 3.3 allows no blank between `FROM:` or `TO:` and the path,
/// but clients of all times have sent one (SV-21).
pub const LENIENT_BLANK_BEFORE_PATH: bool = true;

/// Blanks (and tabs) before CRLF say nothing (SV-13).
pub const LENIENT_TRAILING_BLANKS: bool = true;

impl Command {
    /// Parses a command line without its line end.
    pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
        let text = str::from_utf8(line).map_err(|_| CommandError::Character)?;
        let text = if LENIENT_TRAILING_BLANKS {
            text.trim_end_matches([' ', '\t'])
        } else {
            text
        };
        if text.contains(is_control) {
            return Err(CommandError::Character);
        }
        let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
        parse_verb(&verb.to_ascii_uppercase(), argument.trim_start_matches(' '))
    }

    /// Appends the command and CRLF. Refuses (and appends nothing) where a
    /// value holds a control character, or, without `utf8`, a byte over 127,
    /// or where a value would be read as something else than it is.
    pub fn write(&self, utf8: bool, out: &mut Vec<u8>) -> Result<(), CommandError> {
        let line = Unchecked(self).to_string();
        if line.contains(is_control) || !(utf8 || line.is_ascii()) {
            return Err(CommandError::Character);
        }
        // Values are public fields, so one may hold a blank, a bracket or an
        // encoded line feed that makes another command of it. What reads back
        // as itself cannot.
        if Command::parse(line.as_bytes())? != *self {
            return Err(CommandError::Syntax("a value does not fit into a command"));
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

fn parse_verb(verb: &str, argument: &str) -> Result<Command, CommandError> {
    match verb {
        "EHLO" => hello(argument).map(Command::Ehlo),
        "HELO" => hello(argument).map(Command::Helo),
        "LHLO" => hello(argument).map(Command::Lhlo),
        "MAIL" => mail(argument),
        "RCPT" => rcpt(argument),
        "DATA" => alone(argument, Command::Data),
        "BDAT" => bdat(argument),
        "RSET" => alone(argument, Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => name(argument).map(Command::Vrfy),
        "EXPN" => name(argument).map(Command::Expn),
        "HELP" => Ok(Command::Help(
            (!argument.is_empty()).then(|| argument.to_owned()),
        )),
        "STARTTLS" => alone(argument, Command::StartTls),
        "AUTH" => auth(argument),
        "ETRN" => word(argument).map(Command::Etrn),
        "QUIT" => alone(argument, Command::Quit),
        "TURN" | "SEND" | "SOML" | "SAML" | "ATRN" => Err(CommandError::NotImplemented),
        _ => Err(CommandError::Unknown),
    }
}

/// For a verb that takes no argument (SV-14).
fn alone(argument: &str, command: Command) -> Result<Command, CommandError> {
    if argument.is_empty() {
        Ok(command)
    } else {
        Err(CommandError::Syntax("this command takes no argument"))
    }
}

/// ehlo = "EHLO" SP ( Domain / address-literal ); ASCII, for nothing is agreed
/// before it. Names without a dot and with `_` pass ([`Domain::parse`]).
fn hello(argument: &str) -> Result<String, CommandError> {
    const NEEDED: CommandError = CommandError::Syntax("a domain or an address literal is needed");
    if !argument.is_ascii() {
        return Err(CommandError::Character);
    }
    Domain::parse(argument).map_err(|_| NEEDED)?;
    Ok(argument.to_owned())
}

/// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]
fn mail(argument: &str) -> Result<Command, CommandError> {
    let path = strip_keyword(argument, "FROM:")
        .ok_or(CommandError::Syntax("MAIL needs FROM:<address>"))?;
    let (path, rest) = ReversePath::parse_prefix(path)?;
    Ok(Command::Mail(path, MailParams::parse(parameters(rest)?)?))
}

/// rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters]
fn rcpt(argument: &str) -> Result<Command, CommandError> {
    let path =
        strip_keyword(argument, "TO:").ok_or(CommandError::Syntax("RCPT needs TO:<address>"))?;
    let (path, rest) = ForwardPath::parse_prefix(path)?;
    Ok(Command::Rcpt(path, RcptParams::parse(parameters(rest)?)?))
}

fn strip_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, path) = argument.split_at_checked(keyword.len())?;
    let path = if LENIENT_BLANK_BEFORE_PATH {
        path.trim_start_matches(' ')
    } else {
        path
    };
    head.eq_ignore_ascii_case(keyword).then_some(path)
}

fn parameters(rest: &str) -> Result<&str, CommandError> {
    if rest.is_empty() || rest.starts_with(' ') {
        Ok(rest)
    } else {
        Err(CommandError::Syntax("a blank is needed behind the address"))
    }
}

/// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]
fn bdat(argument: &str) -> Result<Command, CommandError> {
    const WRONG: CommandError =
        CommandError::Syntax("BDAT needs a number of octets, then LAST or nothing");
    let (size, mark) = argument.split_once(' ').unwrap_or((argument, ""));
    // `parse` alone would take a sign.
    if size.is_empty() || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG);
    }
    let mark = mark.trim_start_matches(' ');
    if !(mark.is_empty() || mark.eq_ignore_ascii_case("LAST")) {
        return Err(WRONG);
    }
    let octets = size.parse().map_err(|_| WRONG)?;
    Ok(Command::Bdat(octets, !mark.is_empty()))
}

/// The argument of VRFY or EXPN; UTF-8 in it only with the keyword behind it.
fn name(argument: &str) -> Result<String, CommandError> {
    const KEYWORD: &str = " SMTPUTF8";
    let split = argument.len().checked_sub(KEYWORD.len());
    let name = match split.and_then(|at| argument.split_at_checked(at)) {
        Some((name, keyword)) if keyword.eq_ignore_ascii_case(KEYWORD) => {
            name.trim_end_matches(' ')
        }
        _ if argument.is_ascii() => argument,
        _ => return Err(CommandError::Character),
    };
    if name.is_empty() {
        return Err(CommandError::Syntax("a name is needed"));
    }
    Ok(name.to_owned())
}

/// auth-command = "AUTH" SP sasl-mech [SP initial-response] (RFC 4954). What
/// the response means is the mechanism's.
fn auth(argument: &str) -> Result<Command, CommandError> {
    const WRONG: CommandError =
        CommandError::Syntax("AUTH needs a mechanism, then one word or nothing");
    let (mechanism, response) = match argument.split_once(' ') {
        Some((mechanism, response)) => (mechanism, Some(response.trim_start_matches(' '))),
        None => (argument, None),
    };
    // sasl-mech of RFC 4422 section 3.1.
    let is_sound = matches!(mechanism.len(), 1..=20)
        && mechanism
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_sound || response.is_some_and(|text| text.contains(' ')) {
        return Err(WRONG);
    }
    Ok(Command::Auth(
        mechanism.to_ascii_uppercase(),
        response.map(str::to_owned),
    ))
}

fn word(argument: &str) -> Result<String, CommandError> {
    if argument.is_empty() || argument.contains(' ') {
        return Err(CommandError::Syntax("one name is needed"));
    }
    Ok(argument.to_owned())
}

/// The line without its end, not checked; private, for it shows what AUTH
/// carries.
struct Unchecked<'a>(&'a Command);

impl fmt::Display for Unchecked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyword = |name: &str| if name.is_ascii() { "" } else { " SMTPUTF8" };
        match self.0 {
            Command::Ehlo(name) => write!(f, "EHLO {name}"),
            Command::Helo(name) => write!(f, "HELO {name}"),
            Command::Lhlo(name) => write!(f, "LHLO {name}"),
            Command::Mail(path, params) => write!(f, "MAIL FROM:{path}{params}"),
            Command::Rcpt(path, params) => write!(f, "RCPT TO:{path}{params}"),
            Command::Data => f.write_str("DATA"),
            Command::Bdat(octets, false) => write!(f, "BDAT {octets}"),
            Command::Bdat(octets, true) => write!(f, "BDAT {octets} LAST"),
            Command::Rset => f.write_str("RSET"),
            Command::Noop => f.write_str("NOOP"),
            Command::Vrfy(name) => write!(f, "VRFY {name}{}", keyword(name)),
            Command::Expn(name) => write!(f, "EXPN {name}{}", keyword(name)),
            Command::Help(None) => f.write_str("HELP"),
            Command::Help(Some(topic)) => write!(f, "HELP {topic}"),
            Command::StartTls => f.write_str("STARTTLS"),
            Command::Auth(mechanism, None) => write!(f, "AUTH {mechanism}"),
            Command::Auth(mechanism, Some(response)) => write!(f, "AUTH {mechanism} {response}"),
            Command::Etrn(name) => write!(f, "ETRN {name}"),
            Command::Quit => f.write_str("QUIT"),
        }
    }
}

#[cfg(test)]
mod tests;
