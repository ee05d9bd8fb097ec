//! The rules of RFC 5321 section 4.1.2 and 4.1.3 as functions that take their
//! part from the front of a text and return what follows.

use super::{AddrError, Domain, LENIENT_DOTS, LENIENT_FINAL_DOT, LENIENT_UNDERSCORE};
use super::{MAX_DOMAIN, MAX_LOCAL, Mailbox, is_control};

/// Longest label in octets (RFC 1035 section 2.3.4); one with U-labels is
/// measured in its A-label form where it meets the DNS.
const MAX_LABEL: usize = 63;

pub(super) const CONTROL: AddrError = AddrError("a control character in the address");
const UNCLOSED_QUOTE: AddrError = AddrError("the quoted local part has no closing quote");

pub(super) fn whole<T>((value, rest): (T, &str), wrong: &'static str) -> Result<T, AddrError> {
    match rest.chars().next() {
        None => Ok(value),
        Some(c) if is_control(c) => Err(CONTROL),
        Some(_) => Err(AddrError(wrong)),
    }
}

/// Path = "<" [ A-d-l ":" ] Mailbox ">"
pub(super) fn take_path(text: &str) -> Result<(Mailbox, &str), AddrError> {
    let inner = text
        .strip_prefix('<')
        .ok_or(AddrError("the address is not in angle brackets"))?;
    let (mailbox, rest) = take_mailbox(skip_route(inner)?)?;
    match rest.strip_prefix('>') {
        Some(rest) => Ok((mailbox, rest)),
        None if rest.is_empty() => Err(AddrError("the angle bracket is not closed")),
        None if rest.starts_with(is_control) => Err(CONTROL),
        None => Err(AddrError("the domain holds a character it may not")),
    }
}

/// A-d-l = At-domain *( "," At-domain ); what follows it and its colon.
fn skip_route(text: &str) -> Result<&str, AddrError> {
    const BAD_ROUTE: AddrError = AddrError("the source route is malformed");
    let mut rest = text;
    while let Some(domain) = rest.strip_prefix('@') {
        let (_, after) = take_domain(domain)?;
        if let Some(mailbox) = after.strip_prefix(':') {
            return Ok(mailbox);
        }
        rest = after.strip_prefix(',').ok_or(BAD_ROUTE)?;
        if !rest.starts_with('@') {
            return Err(BAD_ROUTE);
        }
    }
    Ok(rest)
}

/// Mailbox = Local-part "@" ( Domain / address-literal )
pub(super) fn take_mailbox(text: &str) -> Result<(Mailbox, &str), AddrError> {
    let (local, rest) = match text.strip_prefix('"') {
        Some(quoted) => take_quoted(quoted)?,
        None => take_dot_string(text)?,
    };
    check_local_length(&local)?;
    let domain = match rest.chars().next() {
        Some('@') => &rest[1..],
        Some(c) if is_control(c) => return Err(CONTROL),
        Some('>') | None => return Err(AddrError("the domain is missing")),
        Some(_) => return Err(AddrError("the local part holds a character it may not")),
    };
    let (domain, rest) = take_domain(domain)?;
    Ok((Mailbox { local, domain }, rest))
}

pub(super) fn check_local_length(local: &str) -> Result<(), AddrError> {
    if local.len() > MAX_LOCAL {
        return Err(AddrError("the local part is longer than 64 octets"));
    }
    Ok(())
}

/// Dot-string = Atom *("." Atom), wider by [`LENIENT_DOTS`].
fn take_dot_string(text: &str) -> Result<(String, &str), AddrError> {
    let end = text
        .find(|c| !(is_atext(c) || c == '.'))
        .unwrap_or(text.len());
    let (local, rest) = text.split_at(end);
    if local.is_empty() && !rest.starts_with(is_control) {
        return Err(AddrError("the local part is missing"));
    }
    if !LENIENT_DOTS && !is_dot_string(local) {
        return Err(AddrError("the local part has a dot in the wrong place"));
    }
    Ok((local.to_owned(), rest))
}

/// Quoted-string after its first quote: QcontentSMTP = qtextSMTP / quoted-pair.
fn take_quoted(text: &str) -> Result<(String, &str), AddrError> {
    let mut local = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let literal = match c {
            '"' => return Ok((local, &text[at + 1..])),
            '\\' => chars.next().ok_or(UNCLOSED_QUOTE)?.1,
            c => c,
        };
        if is_control(literal) {
            return Err(CONTROL);
        }
        local.push(literal);
    }
    Err(UNCLOSED_QUOTE)
}

pub(super) fn take_domain(text: &str) -> Result<(Domain, &str), AddrError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, rest) = inner
            .split_once(']')
            .ok_or(AddrError("the address literal is not closed"))?;
        return Ok((parse_literal(inner)?, rest));
    }
    let end = text
        .find(|c| !(is_label_char(c) || c == '.'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    Ok((parse_name(name)?, rest))
}

/// Domain = sub-domain *("." sub-domain), sub-domain = Let-dig [Ldh-str], or a
/// U-label (RFC 6531 section 3.3).
fn parse_name(text: &str) -> Result<Domain, AddrError> {
    let name = match text.strip_suffix('.') {
        Some(name) if LENIENT_FINAL_DOT => name,
        _ => text,
    };
    if name.is_empty() {
        return Err(AddrError("the domain is missing"));
    }
    if name.len() > MAX_DOMAIN {
        return Err(AddrError("the domain is longer than 255 octets"));
    }
    for label in name.split('.') {
        check_label(label)?;
    }
    Ok(Domain::Name(name.to_owned()))
}

fn check_label(label: &str) -> Result<(), AddrError> {
    if label.is_empty() {
        return Err(AddrError("the domain has an empty label"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(AddrError(
            "a label of the domain begins or ends with a hyphen",
        ));
    }
    if label.is_ascii() && label.len() > MAX_LABEL {
        return Err(AddrError("a label of the domain is longer than 63 octets"));
    }
    Ok(())
}

/// IPv4-address-literal / IPv6-address-literal / General-address-literal.
fn parse_literal(inner: &str) -> Result<Domain, AddrError> {
    const BAD: AddrError = AddrError("the address literal is not a valid address");
    if inner.len() > MAX_DOMAIN - 2 {
        return Err(AddrError("the domain is longer than 255 octets"));
    }
    if let Ok(address) = inner.parse() {
        return Ok(Domain::V4(address));
    }
    let (tag, content) = inner.split_once(':').ok_or(BAD)?;
    if tag.eq_ignore_ascii_case("IPv6") {
        return content.parse().map(Domain::V6).map_err(|_| BAD);
    }
    let tag_is_sound = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && tag.ends_with(|c: char| c.is_ascii_alphanumeric());
    let is_dcontent = |b: u8| matches!(b, 33..=90 | 94..=126);
    if tag_is_sound && !content.is_empty() && content.bytes().all(is_dcontent) {
        return Ok(Domain::General(inner.to_owned()));
    }
    Err(BAD)
}

/// atext of RFC 5322, and UTF8-non-ascii (RFC 6531).
fn is_atext(c: char) -> bool {
    match c {
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => !is_control(c),
    }
}

fn is_label_char(c: char) -> bool {
    match c {
        '-' => true,
        '_' => LENIENT_UNDERSCORE,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c => !is_control(c) && !c.is_whitespace(),
    }
}

pub(super) fn is_dot_string(local: &str) -> bool {
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}
