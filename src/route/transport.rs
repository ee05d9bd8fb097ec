//! Transports as they are written in routes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::class::{Class, Classify};

/// TLS towards a next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    None,
    #[default]
    Opportunistic,
    /// Chain, name and date verified.
    Required,
    /// The certificate, or its public key, is one of those written down.
    Pinned,
}

impl TlsPolicy {
    pub const NAMES: [&str; 4] = ["none", "opportunistic", "required", "pinned"];
}

impl FromStr for TlsPolicy {
    type Err = TransportError;
    fn from_str(s: &str) -> Result<TlsPolicy, TransportError> {
        match s {
            "none" => Ok(TlsPolicy::None),
            "opportunistic" => Ok(TlsPolicy::Opportunistic),
            "required" => Ok(TlsPolicy::Required),
            "pinned" => Ok(TlsPolicy::Pinned),
            _ => Err(expected("none, opportunistic, required or pinned")),
        }
    }
}

impl fmt::Display for TlsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TlsPolicy::NAMES[*self as usize])
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `mx:`
    Mx,
    /// `smtp://host[:25]`, `smtps://host[:465]`, `submission://host[:587]`.
    Smtp {
        /// Lower case; an address without brackets.
        host: String,
        port: u16,
        implicit_tls: bool,
    },
    /// `lmtp://host[:24]` (RFC 2033)
    Lmtp {
        /// As of `Smtp`.
        host: String,
        port: u16,
    },
    /// `lmtp:/path/of/socket`
    LmtpSocket(String),
    /// `maildir:/path/{user}`
    Maildir(String),
    /// `mbox:/path/{user}`
    Mbox(String),
    /// `pipe:/path/program arg {recipient}`: the program and its arguments, with
    /// the names of [`PLACES`] in braces.
    Pipe(Vec<String>),
    Discard,
    /// `error:5.1.1 text`: status and words.
    Error(String, String),
    Hold,
}

/// Text that is no transport, or one that is not built in; says which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

impl Classify for TransportError {
    fn class(&self) -> Class {
        Class::Config
    }
}

fn expected(what: &str) -> TransportError {
    TransportError(format!("expected {what}"))
}

impl FromStr for Transport {
    type Err = TransportError;
    fn from_str(s: &str) -> Result<Transport, TransportError> {
        let (scheme, rest) = s.split_once(':').ok_or_else(unknown)?;
        match (scheme, rest) {
            ("mx", "") => Ok(Transport::Mx),
            ("discard", "") => Ok(Transport::Discard),
            ("hold", "") => Ok(Transport::Hold),
            ("mx" | "discard" | "hold", _) => Err(expected(&format!("nothing after {scheme}:"))),
            ("smtp", rest) => server(rest, 25, false),
            ("submission", rest) => server(rest, 587, false),
            ("smtps", rest) => server(rest, 465, true),
            ("lmtp", rest) if rest.starts_with("//") => {
                next_hop(rest, 24).map(|(host, port)| Transport::Lmtp { host, port })
            }
            ("lmtp", path) => socket(path).map(Transport::LmtpSocket),
            ("maildir", path) => template(path).map(Transport::Maildir),
            ("mbox", path) => template(path).map(Transport::Mbox),
            ("pipe", command) => pipe(command).map(Transport::Pipe),
            ("error", text) => refusal(text),
            ("bsmtp", _) => Err(TransportError(format!(
                "{scheme}: is not built into this version"
            ))),
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> TransportError {
    expected(
        "a transport: mx:, smtp://host, smtps://host, submission://host, lmtp://host, \
         lmtp:/socket, maildir:/path, mbox:/path, pipe:/program, discard:, error:status text, or hold:",
    )
}

fn server(rest: &str, port: u16, implicit_tls: bool) -> Result<Transport, TransportError> {
    let (host, port) = next_hop(rest, port)?;
    Ok(Transport::Smtp {
        host,
        port,
        implicit_tls,
    })
}

/// `//host[:port][/]`; an IPv6 address in brackets. A user name or password is
/// refused: secrets never stand in a route.
fn next_hop(rest: &str, port: u16) -> Result<(String, u16), TransportError> {
    let form = || expected("//host or //host:port after the scheme, an IPv6 address in brackets");
    let authority = rest.strip_prefix("//").ok_or_else(form)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains('@') {
        return Err(expected("no user name or password in a transport"));
    }
    let (host, digits) = match authority.strip_prefix('[') {
        Some(literal) => literal.split_once(']').ok_or_else(form)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match digits.strip_prefix(':') {
        None if digits.is_empty() => port,
        Some(digits) => port_number(digits).ok_or_else(|| expected("a port from 1 to 65535"))?,
        None => return Err(form()),
    };
    let host = match authority.starts_with('[') {
        true => host.parse::<IpAddr>().map_err(|_| form())?.to_string(),
        false => host_name(host).ok_or_else(form)?,
    };
    Ok((host, port))
}

fn socket(path: &str) -> Result<String, TransportError> {
    match path.starts_with('/') && !path.contains(char::is_control) {
        true => Ok(path.to_owned()),
        false => Err(expected(
            "//host or the absolute path of a socket after lmtp:",
        )),
    }
}

fn port_number(digits: &str) -> Option<u16> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok().filter(|&port| port > 0))
        .flatten()
}

/// A host name of at most 253 octets in LDH labels (RFC 1123 section 2.1), one
/// trailing dot dropped; `_` is tolerated because networks in use have it.
fn host_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

/// An absolute path; of braces only `{user}` and `{domain}`.
fn template(path: &str) -> Result<String, TransportError> {
    let bare = path.replace("{user}", "").replace("{domain}", "");
    if !path.starts_with('/') || bare.contains(['{', '}']) || path.contains(char::is_control) {
        return Err(expected(
            "an absolute path, in which {user} and {domain} stand for those of the address",
        ));
    }
    Ok(path.to_owned())
}

/// What may stand in braces in the arguments of `pipe:`.
pub const PLACES: [&str; 5] = ["sender", "recipient", "user", "extension", "domain"];

/// `/program arg "arg with blanks" {recipient}`. No shell ever reads it.
fn pipe(command: &str) -> Result<Vec<String>, TransportError> {
    let words = words(command).ok_or_else(|| expected("every quote closed"))?;
    if !words.first().is_some_and(|w| w.starts_with('/')) || command.contains(char::is_control) {
        return Err(expected("an absolute path of a program after pipe:"));
    }
    let (program, arguments) = words.split_at(1);
    let is_plain = |word: &String| {
        let known = |w: String, place: &&str| w.replace(&format!("{{{place}}}"), "");
        !PLACES.iter().fold(word.clone(), known).contains(['{', '}'])
    };
    if program.iter().any(|p| p.contains(['{', '}'])) || !arguments.iter().all(is_plain) {
        return Err(expected(
            "of braces only {sender}, {recipient}, {user}, {extension} and {domain}, in arguments",
        ));
    }
    Ok(words)
}

/// Splits a command at blanks; quotes `"` hold words together, a backslash takes
/// a quote or backslash as it stands. `None` where a quote stays open.
pub fn words(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if matches!(chars.peek(), Some('"' | '\\')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            ' ' | '\t' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

/// A word as [`words`] reads it back.
fn quoted(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '"', '\\']) {
        return word.to_owned();
    }
    let plain = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{plain}\"")
}

/// Puts values into an argument of `pipe:`: `value` gives that of a name of
/// [`PLACES`]. One pass: what a value holds in braces stays as it is. `Err`: the
/// name of a value that begins with `-`, which a program would take for an
/// option (I3).
pub fn fill_argument(word: &str, value: impl Fn(&str) -> String) -> Result<String, &'static str> {
    let (mut filled, mut rest) = (String::new(), word);
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let place = PLACES.iter().find(|p| {
            let after = behind.strip_prefix(**p);
            after.is_some_and(|after| after.starts_with('}'))
        });
        match place {
            Some(place) => {
                let value = value(place);
                if value.starts_with('-') {
                    return Err(place);
                }
                filled.push_str(&value);
                rest = behind.get(place.len() + 1..).unwrap_or_default();
            }
            None => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// `5.1.1 text` (RFC 3463 section 2).
fn refusal(text: &str) -> Result<Transport, TransportError> {
    let (status, words) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !is_status(status) || words.contains(char::is_control) {
        return Err(expected(
            "error: and an enhanced status code of class 4 or 5 and words, as in \
             error:5.1.1 no such user",
        ));
    }
    Ok(Transport::Error(status.to_owned(), words.trim().to_owned()))
}

fn is_status(text: &str) -> bool {
    let detail = |s: &str| (1..=3).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    match text.split('.').collect::<Vec<_>>()[..] {
        [class, subject, what] => matches!(class, "4" | "5") && detail(subject) && detail(what),
        _ => false,
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Mx => f.write_str("mx:"),
            Transport::Smtp {
                host,
                port,
                implicit_tls,
            } => {
                let scheme = match (implicit_tls, port) {
                    (true, _) => "smtps",
                    (false, 587) => "submission",
                    (false, _) => "smtp",
                };
                write_host(f, scheme, host, *port)
            }
            Transport::Lmtp { host, port } => write_host(f, "lmtp", host, *port),
            Transport::LmtpSocket(path) => write!(f, "lmtp:{path}"),
            Transport::Maildir(path) => write!(f, "maildir:{path}"),
            Transport::Mbox(path) => write!(f, "mbox:{path}"),
            Transport::Pipe(words) => {
                let words: Vec<String> = words.iter().map(|w| quoted(w)).collect();
                write!(f, "pipe:{}", words.join(" "))
            }
            Transport::Discard => f.write_str("discard:"),
            Transport::Error(status, words) if words.is_empty() => write!(f, "error:{status}"),
            Transport::Error(status, words) => write!(f, "error:{status} {words}"),
            Transport::Hold => f.write_str("hold:"),
        }
    }
}

fn write_host(f: &mut fmt::Formatter<'_>, scheme: &str, host: &str, port: u16) -> fmt::Result {
    match host.contains(':') {
        true => write!(f, "{scheme}://[{host}]:{port}"),
        false => write!(f, "{scheme}://{host}:{port}"),
    }
}

/// Longest local part that becomes a file name (RFC 5321 section 4.5.3.1.1).
const LONGEST_USER: usize = 64;

/// Puts a local part into `{user}`; refuses one that could leave the directory
/// or is no plain file name (R2): ASCII letters, digits and `._+=-`, the first
/// one a letter, digit or `_`, at most 64 octets.
pub fn fill_user(template: &str, local: &str) -> Option<String> {
    let first = local.bytes().next()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+=-".contains(&b);
    let named = first.is_ascii_alphanumeric() || first == b'_';
    (named && local.len() <= LONGEST_USER && local.bytes().all(plain))
        .then(|| template.replace("{user}", local))
}

/// As [`fill_user`], with `{domain}` too: letters, digits, `-`, `_` and dots
/// between them, in lower case.
pub fn fill_path(template: &str, user: &str, domain: &str) -> Option<String> {
    let label = |l: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !l.is_empty() && l.bytes().all(plain)
    };
    let path = fill_user(template, user)?;
    match template.contains("{domain}") {
        false => Some(path),
        // The user's name holds no brace, so nothing of it is filled in here.
        true => domain
            .split('.')
            .all(label)
            .then(|| path.replace("{domain}", &domain.to_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests;
