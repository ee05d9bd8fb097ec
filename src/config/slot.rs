//! The types of settings: how a TOML value becomes one, and how one is shown.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::access::access_text;
use super::value::{duration_text, parse_duration, parse_size, size_text};
use super::{Account, LogTo, keys};
use crate::route::network::Network;
use crate::route::rewrite::Override;
use crate::route::table::Route;
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::addr::Mailbox;

/// A setting in its place in the configuration, by type.
pub enum Slot<'a> {
    /// A host's or domain's name.
    Domain(&'a mut String),
    Domains(&'a mut Vec<String>),
    /// A local part or a whole address.
    Address(&'a mut String),
    /// A whole address, or empty for none.
    Mailbox(&'a mut String),
    /// As `Mailbox`, with placeholders.
    Sender(&'a mut String),
    /// A person's or program's name.
    Phrase(&'a mut String),
    /// A name of the user database.
    User(&'a mut String),
    Words(&'a mut Vec<String>),
    /// Where users are looked up.
    Users(&'a mut Vec<String>),
    /// Domains and `.domain`.
    Patterns(&'a mut Vec<String>),
    /// Between a name and its extension.
    Separator(&'a mut String),
    FileName(&'a mut String),
    /// A program by its absolute path, and its arguments.
    Command(&'a mut Vec<String>),
    Flag(&'a mut bool),
    Duration(&'a mut Duration, RangeInclusive<u64>),
    Size(&'a mut u64, RangeInclusive<u64>),
    Count(&'a mut usize, RangeInclusive<u64>),
    /// Octets of something held in memory.
    Octets(&'a mut usize, RangeInclusive<u64>),
    Number(&'a mut u32, RangeInclusive<u64>),
    Port(&'a mut u16),
    Float(&'a mut f64, RangeInclusive<f64>),
    Path(&'a mut PathBuf),
    OptionalPath(&'a mut Option<PathBuf>),
    Paths(&'a mut Vec<PathBuf>),
    Networks(&'a mut Vec<Network>),
    Servers(&'a mut Vec<SocketAddr>),
    Listen(&'a mut Vec<String>),
    Log(&'a mut LogTo),
    Tls(&'a mut TlsPolicy),
    Local(&'a mut Transport),
    Smarthost(&'a mut Option<Route>),
    /// `[[rewrite.override]]`, read by its own keys.
    Overrides(&'a mut Vec<Override>),
    /// `[[route]]`, read by its own keys.
    Routes(&'a mut Vec<Route>),
    /// `[account.NAME]`, the same way.
    Accounts(&'a mut Vec<Account>),
}

/// What was expected instead. Never repeats what stands in the file: it may be
/// another file than was meant.
pub type Wrong = String;

pub fn expected(what: &str) -> Wrong {
    format!("expected {what}")
}

impl Slot<'_> {
    /// Takes the value over, or tells what was expected.
    pub fn set(self, value: &DeValue<'_>) -> Result<(), Wrong> {
        match self {
            Slot::Domain(s) => *s = keys::domain(text(value)?)?,
            Slot::Domains(s) => *s = list(value, |v| keys::domain(text(v)?))?,
            Slot::Address(s) => *s = keys::address(text(value)?)?,
            Slot::Mailbox(s) => *s = mailbox(text(value)?)?,
            Slot::Sender(s) => *s = keys::sender(text(value)?)?,
            Slot::Phrase(s) => *s = phrase(text(value)?)?,
            Slot::User(s) => *s = keys::user(text(value)?)?,
            Slot::Words(s) => *s = list(value, |v| keys::user(text(v)?))?,
            Slot::Users(s) => *s = list(value, |v| keys::users(text(v)?))?,
            Slot::Patterns(s) => *s = list(value, |v| keys::domain_pattern(text(v)?))?,
            Slot::Separator(s) => *s = keys::separator(text(value)?)?,
            Slot::FileName(s) => *s = keys::file_name(text(value)?)?,
            Slot::Command(s) => *s = command(value)?,
            Slot::Flag(s) => *s = value.as_bool().ok_or_else(|| expected("true or false"))?,
            Slot::Duration(s, range) => *s = duration(value, range)?,
            Slot::Size(s, range) => *s = size(value, range)?,
            Slot::Count(s, range) => *s = to(whole(value, range)?)?,
            Slot::Octets(s, range) => *s = to(size(value, range)?)?,
            Slot::Number(s, range) => *s = to(whole(value, range)?)?,
            Slot::Port(s) => *s = to(whole(value, 1..=65535)?)?,
            Slot::Float(s, range) => *s = float(value, range)?,
            Slot::Path(s) => *s = path(value)?,
            Slot::OptionalPath(s) => *s = Some(path(value)?),
            Slot::Paths(s) => *s = list(value, path)?,
            Slot::Networks(s) => *s = list(value, network)?,
            Slot::Servers(s) => *s = list(value, |v| keys::server(text(v)?))?,
            Slot::Listen(s) => *s = list(value, |v| keys::listen(text(v)?))?,
            Slot::Log(s) => *s = log(text(value)?)?,
            Slot::Tls(s) => *s = keys::smarthost_tls(text(value)?)?,
            Slot::Local(s) => *s = keys::local(text(value)?)?,
            Slot::Smarthost(s) => *s = Some(keys::smarthost(text(value)?)?),
            Slot::Overrides(_) => {
                return Err(expected("a table for each, [[rewrite.override]]"));
            }
            Slot::Routes(_) => return Err(expected("a table for each route, [[route]]")),
            Slot::Accounts(_) => return Err(expected("a table for each account, [account.NAME]")),
        }
        Ok(())
    }

    /// The value as it could stand in the file; empty where there is none.
    pub fn show(self) -> String {
        match self {
            Slot::Domain(s) | Slot::Address(s) | Slot::User(s) => quoted(s),
            Slot::Separator(s) | Slot::FileName(s) => quoted(s),
            Slot::Domains(s) | Slot::Users(s) | Slot::Listen(s) => array(s),
            Slot::Patterns(s) | Slot::Command(s) | Slot::Words(s) => array(s),
            Slot::Mailbox(s) | Slot::Sender(s) | Slot::Phrase(s) => match s.as_str() {
                "" => String::new(),
                text => quoted(text),
            },
            Slot::Flag(s) => s.to_string(),
            Slot::Duration(s, _) => quoted(duration_text(*s)),
            Slot::Size(s, _) => octets(*s),
            Slot::Count(s, _) => s.to_string(),
            Slot::Octets(s, _) => octets(*s as u64),
            Slot::Number(s, _) => s.to_string(),
            Slot::Port(s) => s.to_string(),
            Slot::Float(s, _) => format!("{s:?}"),
            Slot::Path(s) => quoted(s.display()),
            Slot::OptionalPath(s) => s.as_ref().map_or(String::new(), |p| quoted(p.display())),
            Slot::Paths(s) => array(s.iter().map(|p| p.display())),
            Slot::Networks(s) => array(s),
            Slot::Servers(s) => array(s),
            Slot::Log(s) => quoted(log_name(*s)),
            Slot::Tls(s) => quoted(s),
            Slot::Local(s) => quoted(s),
            Slot::Smarthost(s) => s.as_ref().map_or(String::new(), |r| quoted(&r.transport)),
            Slot::Overrides(s) => {
                let items: Vec<String> = s.iter().map(override_text).collect();
                format!("[{}]", items.join(", "))
            }
            Slot::Routes(s) => s.iter().map(route_text).collect::<Vec<_>>().join(", "),
            Slot::Accounts(s) => s.iter().map(account_text).collect::<Vec<_>>().join(", "),
        }
    }
}

fn route_text(route: &Route) -> String {
    format!(
        "{{ match = {}, to = {}, tls = {}{} }}",
        array(&route.matches),
        quoted(&route.transport),
        quoted(route.tls),
        access_text(&route.access)
    )
}

fn account_text(account: &Account) -> String {
    format!(
        "{} = {{ server = {}, from = {}, tls = {}{} }}",
        account.name,
        quoted(&account.route.transport),
        array(&account.route.matches),
        quoted(account.route.tls),
        access_text(&account.route.access)
    )
}

fn override_text(item: &Override) -> String {
    let profile = &item.profile;
    let list = |name: &str, items: &[String]| {
        let is_said = !items.is_empty();
        is_said.then(|| format!("{name} = {}", array(items)))
    };
    let text = |name: &str, value: &Option<String>| {
        let value = value.as_ref()?;
        Some(format!("{name} = {}", quoted(value)))
    };
    let flag = |name: &str, value: Option<bool>| Some(format!("{name} = {}", value?));
    let said = [
        list("uid", &item.uid),
        list("sender", &item.sender),
        text("from", &profile.from),
        text("from_name", &profile.from_name),
        flag("to_bare", profile.to_bare),
        text("all_to", &profile.all_to),
        flag("discard", profile.discard),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    format!("{{ {} }}", said.join(", "))
}

fn octets(size: u64) -> String {
    match size_text(size) {
        plain if plain == size.to_string() => plain,
        text => quoted(text),
    }
}

/// A TOML basic string.
pub fn quoted(value: impl std::fmt::Display) -> String {
    let mut text = String::from("\"");
    for c in value.to_string().chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
}

pub fn array<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}

pub fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| expected("text in quotes"))
}

/// An address, or nothing.
fn mailbox(text: &str) -> Result<String, Wrong> {
    match text.is_empty() || Mailbox::parse(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(expected("a whole address")),
    }
}

fn phrase(text: &str) -> Result<String, Wrong> {
    match text.chars().any(char::is_control) {
        true => Err(expected("a name without line ends")),
        false => Ok(text.to_owned()),
    }
}

/// An array, or one value for an array of one.
pub fn list<T>(
    value: &DeValue<'_>,
    read: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| read(item.get_ref())).collect(),
        None => read(value).map(|one| vec![one]),
    }
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn whole(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let (low, high) = (*range.start(), *range.end());
    number(value)
        .filter(|n| range.contains(n))
        .ok_or_else(|| format!("expected a whole number from {low} to {high}"))
}

fn to<T: TryFrom<u64>>(number: u64) -> Result<T, Wrong> {
    T::try_from(number).map_err(|_| expected("a smaller number"))
}

fn float(value: &DeValue<'_>, range: RangeInclusive<f64>) -> Result<f64, Wrong> {
    let text = match value {
        DeValue::Float(f) => f.as_str(),
        DeValue::Integer(i) => i.as_str(),
        _ => "",
    };
    let number = text.parse().ok().filter(|n| range.contains(n));
    number.ok_or_else(|| {
        format!(
            "expected a number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

fn duration(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<Duration, Wrong> {
    let read = match value.as_str() {
        Some(text) => parse_duration(text),
        None => number(value).map(Duration::from_secs),
    };
    read.filter(|d| range.contains(&d.as_secs()))
        .ok_or_else(|| {
            let [low, high] = [*range.start(), *range.end()].map(Duration::from_secs);
            let (low, high) = (duration_text(low), duration_text(high));
            format!("expected a duration like \"1h30m\", or whole seconds, from {low} to {high}")
        })
}

fn size(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let read = match value.as_str() {
        Some(text) => parse_size(text),
        None => number(value),
    };
    read.filter(|n| range.contains(n)).ok_or_else(|| {
        let (low, high) = (size_text(*range.start()), size_text(*range.end()));
        format!("expected a size like \"50M\", or octets, from {low} to {high}")
    })
}

pub fn path(value: &DeValue<'_>) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text(value)?);
    let plain = path.is_absolute() && !text(value)?.contains('\0');
    plain
        .then_some(path)
        .ok_or_else(|| expected("an absolute path"))
}

fn command(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let words = list(value, |v| text(v).map(str::to_owned))?;
    let is_plain =
        words.first().is_none_or(|w| w.starts_with('/')) && !words.iter().any(|w| w.contains('\0'));
    is_plain
        .then_some(words)
        .ok_or_else(|| expected("a program's absolute path, then its arguments"))
}

fn network(value: &DeValue<'_>) -> Result<Network, Wrong> {
    keys::parsed(text(value)?)
}

fn log(text: &str) -> Result<LogTo, Wrong> {
    const ALL: [LogTo; 4] = [LogTo::Auto, LogTo::Stderr, LogTo::Syslog, LogTo::None];
    let named = ALL.into_iter().find(|to| log_name(*to) == text);
    named.ok_or_else(|| expected("auto, stderr, syslog or none"))
}

fn log_name(to: LogTo) -> &'static str {
    match to {
        LogTo::Auto => "auto",
        LogTo::Stderr => "stderr",
        LogTo::Syslog => "syslog",
        LogTo::None => "none",
    }
}
