//! Address lists of header fields and of `sendmail`'s arguments (RFC 5322
//! section 3.4 with the obsolete forms, RFC 6532): names, comments, groups,
//! routes, quoted local parts, unqualified names.
//!
//! Taken although RFC 5322 does not have it, because callers write it:
//! `a@x; b@x`, `<a@x` without `>`, `a@x>`, `<a@x> Name`, `a@x,,b@x,`, a comma
//! inside an encoded word, `:include:/file` as a local part. What could mean
//! two things (`a@x b@x`) is refused instead.
//!
//! Works on bytes, in one pass and without recursion: neither nested comments
//! nor 100,000 members cost more than their length.

mod lex;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::smtp::addr::{AddrError, Domain, Mailbox};
use lex::{Kind, Lexer, Token};

/// Longest excerpt of an unreadable member in an error, in characters.
const EXCERPT: usize = 80;

/// What a name without a domain stands for.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Goes behind a name that is nothing else.
    pub origin: &'a str,
    pub bare: Option<&'a Bare>,
}

impl<'a> Names<'a> {
    /// Every name gets this domain.
    pub fn at(origin: &'a str) -> Names<'a> {
        Names { origin, bare: None }
    }
}

/// Looks a bare name up; `None` where it stands for nothing else.
#[derive(Clone)]
pub struct Bare(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<Vec<Mailbox>> + Send + Sync;

impl Bare {
    pub fn new(look_up: impl Fn(&str) -> Option<Vec<Mailbox>> + Send + Sync + 'static) -> Bare {
        Bare(Arc::new(look_up))
    }

    pub(super) fn look_up(&self, name: &str) -> Option<Vec<Mailbox>> {
        (self.0)(name).filter(|found| !found.is_empty())
    }
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bare")
    }
}

/// Reads a list; an address without a domain gets `origin`. Empty groups and
/// superfluous commas add nobody. The second half names each member that could
/// not be read, with the reason.
pub fn parse(text: &[u8], origin: &str) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    parse_names(text, Names::at(origin))
}

/// As [`parse`], where bare names may stand for other addresses.
pub fn parse_names(text: &[u8], names: Names<'_>) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for member in members(text) {
        if let Some(others) = names.bare.and_then(|bare| member.stands_for(bare)) {
            good.extend(others);
            continue;
        }
        match member.mailbox(names.origin) {
            Ok(mailbox) => good.push(mailbox),
            Err(error) => bad.push((excerpt(&text[member.start..member.end]), error)),
        }
    }
    (good, bad)
}

/// The same mailboxes without repetition, in order: domain without case, local
/// part exact.
pub fn dedup(mailboxes: Vec<Mailbox>) -> Vec<Mailbox> {
    let mut seen = HashSet::with_capacity(mailboxes.len());
    mailboxes
        .into_iter()
        .filter(|m| seen.insert((m.local.clone(), m.domain.key())))
        .collect()
}

/// An address with the name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: Option<String>,
    /// As it stands in a field: with a domain where it was written with one.
    pub address: String,
}

/// Reads a list as [`parse`] does, with names; those of groups are dropped.
pub fn people(text: &[u8]) -> (Vec<Person>, Vec<(String, AddrError)>) {
    const NOWHERE: &str = "nowhere.invalid";
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for member in members(text) {
        let raw = &text[member.start..member.end];
        let is_bare = member.unqualified_at().is_some();
        match member.mailbox(NOWHERE) {
            Ok(mailbox) => {
                let whole = mailbox.to_string();
                let bare = whole
                    .strip_suffix(NOWHERE)
                    .and_then(|w| w.strip_suffix('@'));
                good.push(Person {
                    name: name(raw),
                    address: bare.filter(|_| is_bare).unwrap_or(&whole).to_owned(),
                });
            }
            Err(error) => bad.push((excerpt(raw), error)),
        }
    }
    (good, bad)
}

/// The words outside the angle brackets, quotes taken off.
fn name(member: &[u8]) -> Option<String> {
    let mut lexer = Lexer::new(member);
    let (mut words, mut inside, mut has_brackets) = (Vec::new(), false, false);
    while let Some(token) = lexer.next() {
        match token.kind {
            Kind::Open => (inside, has_brackets) = (true, true),
            Kind::Close => inside = false,
            Kind::Atom if !inside => words.push(member[token.start..token.end].to_vec()),
            Kind::Quoted if !inside => {
                let mut word = Vec::new();
                lex::unquote(&member[token.start..token.end], &mut word);
                words.push(word);
            }
            _ => {}
        }
    }
    let name = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
    (has_brackets && !name.is_empty()).then_some(name)
}

/// One address of a list.
pub(super) struct Member {
    /// Where it stands in the text.
    pub(super) start: usize,
    /// Where the next one may begin on a new line.
    pub(super) end: usize,
    spec: Result<Spec, AddrError>,
}

struct Spec {
    /// Local part, quotes and backslashes taken off.
    local: Vec<u8>,
    /// `None` where there is no `@`.
    domain: Option<Vec<u8>>,
    start: usize,
    /// Where `@domain` belongs if it is missing.
    local_end: usize,
    end: usize,
}

impl Member {
    /// Where `@origin` goes, for an address that lacks a domain.
    pub(super) fn unqualified_at(&self) -> Option<usize> {
        let spec = self.spec.as_ref().ok()?;
        spec.domain.is_none().then_some(spec.local_end)
    }

    /// What a name without a domain is an alias for.
    pub(super) fn stands_for(&self, bare: &Bare) -> Option<Vec<Mailbox>> {
        let spec = self.spec.as_ref().ok()?;
        let name = std::str::from_utf8(&spec.local).ok()?;
        spec.domain.is_none().then(|| bare.look_up(name)).flatten()
    }

    /// Where the address itself is, without a name, brackets and comments.
    pub(super) fn address_range(&self) -> Option<Range<usize>> {
        let spec = self.spec.as_ref().ok()?;
        Some(spec.start..spec.end)
    }

    pub(super) fn mailbox(&self, origin: &str) -> Result<Mailbox, AddrError> {
        let spec = self.spec.as_ref().map_err(Clone::clone)?;
        let utf8 = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| AddrError("the address is not valid UTF-8"))
        };
        let domain = match &spec.domain {
            Some(domain) => Domain::parse(&utf8(domain)?)?,
            None => Domain::parse(origin)?,
        };
        let built = Mailbox {
            local: utf8(&spec.local)?,
            domain,
        };
        // One grammar judges: what is printed must be readable as an envelope address.
        Mailbox::parse(&built.to_string())
    }
}

/// Splits a list into its addresses.
pub(super) struct Members<'a> {
    lexer: Lexer<'a>,
    /// Of the current member.
    tokens: Vec<Token>,
    angle: Angle,
    /// Only words so far: what may name a group.
    is_phrase: bool,
    in_group: bool,
    is_over: bool,
}

/// Where in `<@r1,@r2:a@x>` the reader is: commas in a route split nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Angle {
    Outside,
    Opened,
    Route,
    Inside,
}

pub(super) fn members(text: &[u8]) -> Members<'_> {
    Members {
        lexer: Lexer::new(text),
        tokens: Vec::new(),
        angle: Angle::Outside,
        is_phrase: true,
        in_group: false,
        is_over: false,
    }
}

impl Iterator for Members<'_> {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        while !self.is_over {
            match self.lexer.next() {
                None => {
                    self.is_over = true;
                    return self.take();
                }
                Some(token) if self.ends_member(token) => {
                    self.in_group &= token.kind != Kind::Semicolon;
                    if let Some(member) = self.take() {
                        return Some(member);
                    }
                }
                Some(token) if token.kind == Kind::Colon && self.opens_group() => {
                    self.in_group = true;
                    self.tokens.clear();
                }
                Some(token) => self.add(token),
            }
        }
        None
    }
}

impl Members<'_> {
    fn ends_member(&self, token: Token) -> bool {
        token.kind == Kind::Semicolon || (token.kind == Kind::Comma && self.angle != Angle::Route)
    }

    /// Whether a colon here ends a group's name. Groups do not nest.
    fn opens_group(&self) -> bool {
        self.is_phrase && !self.in_group
    }

    fn add(&mut self, token: Token) {
        self.is_phrase &= matches!(token.kind, Kind::Atom | Kind::Quoted);
        self.angle = match (self.angle, token.kind) {
            (Angle::Outside, Kind::Open) => Angle::Opened,
            (Angle::Opened, Kind::At) => Angle::Route,
            (Angle::Opened, _) | (Angle::Route, Kind::Colon | Kind::Close) => Angle::Inside,
            (angle, _) => angle,
        };
        self.tokens.push(token);
    }

    fn take(&mut self) -> Option<Member> {
        let (first, last) = (self.tokens.first()?, self.tokens.last()?);
        let (start, end) = (first.start, last.end);
        let spec = spec(self.lexer.text(), &self.tokens);
        self.tokens.clear();
        self.angle = Angle::Outside;
        self.is_phrase = true;
        Some(Member { start, end, spec })
    }
}

/// The address among a member's tokens.
fn spec(text: &[u8], tokens: &[Token]) -> Result<Spec, AddrError> {
    if let Some(reason) = tokens.iter().find_map(|t| t.kind.broken()) {
        return Err(AddrError(reason));
    }
    let Some(open) = tokens.iter().position(|t| t.kind == Kind::Open) else {
        let stray = tokens.len() > 1 && tokens.last().is_some_and(|t| t.kind == Kind::Close);
        return addr_spec(text, &tokens[..tokens.len() - usize::from(stray)]);
    };
    let inner = &tokens[open + 1..];
    let close = inner
        .iter()
        .position(|t| t.kind == Kind::Close)
        .unwrap_or(inner.len());
    let (inner, trail) = inner.split_at(close);
    if !trail
        .iter()
        .skip(1)
        .all(|t| matches!(t.kind, Kind::Atom | Kind::Quoted))
    {
        return Err(AddrError(
            "there is more behind the `>`: a comma is missing",
        ));
    }
    addr_spec(text, without_route(inner)?)
}

/// obs-route: `@r1,@r2:` is read and dropped (RFC 5322 section 4.4).
fn without_route(inner: &[Token]) -> Result<&[Token], AddrError> {
    match inner.first().map(|t| t.kind) {
        None => Err(AddrError("`<>` is nobody's address")),
        Some(Kind::At) => match inner.iter().position(|t| t.kind == Kind::Colon) {
            Some(colon) => Ok(&inner[colon + 1..]),
            None => Err(AddrError("there is nothing before the `@`")),
        },
        Some(_) => Ok(inner),
    }
}

/// addr-spec, or a local part alone.
fn addr_spec(text: &[u8], tokens: &[Token]) -> Result<Spec, AddrError> {
    let at = tokens.iter().position(|t| t.kind == Kind::At);
    let (local, domain) = tokens.split_at(at.unwrap_or(tokens.len()));
    let (Some(first), Some(last)) = (local.first(), local.last()) else {
        return Err(AddrError("there is nothing before the `@`"));
    };
    let (start, local_end) = (first.start, last.end);
    let end = tokens.last().map_or(local_end, |token| token.end);
    if local.iter().any(|t| t.kind == Kind::Literal) {
        return Err(AddrError("an address literal needs an `@` before it"));
    }
    let local = join(text, local)?;
    let domain = match domain {
        [] => None,
        [_] => return Err(AddrError("there is nothing behind the `@`")),
        [_, rest @ ..] => Some(join(text, rest)?),
    };
    Ok(Spec {
        local,
        domain,
        start,
        local_end,
        end,
    })
}

/// Words with dots between them, blanks and comments around the dots dropped
/// (obs-local-part, obs-domain).
fn join(text: &[u8], tokens: &[Token]) -> Result<Vec<u8>, AddrError> {
    let mut joined = Vec::new();
    let mut ends_with_dot = true;
    for token in tokens {
        let raw = &text[token.start..token.end];
        let starts_with_dot = token.kind == Kind::Atom && raw.starts_with(b".");
        if !ends_with_dot && !starts_with_dot {
            return Err(AddrError(
                "two words without a comma, a dot or `<>` around the address",
            ));
        }
        match token.kind {
            Kind::Atom => joined.extend_from_slice(raw),
            Kind::Quoted => lex::unquote(raw, &mut joined),
            Kind::Literal => joined.extend(raw.iter().filter(|b| !lex::is_space(**b))),
            Kind::At => return Err(AddrError("there is more than one `@`")),
            _ => return Err(AddrError("a special character stands outside quotes")),
        }
        ends_with_dot = token.kind == Kind::Atom && raw.ends_with(b".");
    }
    Ok(joined)
}

/// What a person sees of a member in an error.
fn excerpt(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(4 * EXCERPT)]);
    let mut short: String = text
        .chars()
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(EXCERPT).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests;
