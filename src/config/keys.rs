//! The one table of settings, and the checks of their values.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use super::slot::{Slot, Wrong, expected};
use super::value::LONGEST;
use super::{Config, slot};
use crate::route::domain_key;
use crate::route::rewrite::{self, Override};
use crate::route::table::{Route, pattern};
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::addr::{Domain, Mailbox};

/// A setting: its name in the file (`section.name`), its default as it would be
/// written there, and what it means.
pub struct Key {
    pub name: &'static str,
    /// Empty where there is none.
    pub default: &'static str,
    pub meaning: &'static str,
    pub(super) slot: fn(&mut Config) -> Slot<'_>,
}

/// Keys of a `[[route]]` table beside [`super::access::ACCESS_KEYS`].
pub const ROUTE_KEYS: [&str; 2] = ["route.match", "route.to"];

/// Keys of a `[[rewrite.override]]` table that `[rewrite]` has not; all of that
/// one it has too.
pub const OVERRIDE_KEYS: [&str; 2] = ["rewrite.override.uid", "rewrite.override.sender"];

const ANY: std::ops::RangeInclusive<u64> = 0..=LONGEST;
const WAIT: std::ops::RangeInclusive<u64> = 1..=LONGEST;
const MOST: u64 = 1_000_000;
const OCTETS: u64 = 1 << 50;

macro_rules! keys {
    ($($name:literal = $default:literal, $meaning:literal, $slot:expr;)*) => {
        &[$(Key { name: $name, default: $default, meaning: $meaning, slot: $slot }),*]
    };
}

/// All settings, in the order in which they are shown.
#[rustfmt::skip]
pub const KEYS: &[Key] = keys! {
    "hostname" = "", "our name in greetings, EHLO and Received: (the host's full name)", |c| Slot::Domain(&mut c.hostname);
    "origin" = "", "domain put behind bare names (first line of /etc/mailname, else hostname)", |c| Slot::Domain(&mut c.origin);
    "local_domains" = "", "domains whose mailboxes are here (hostname, origin, localhost)", |c| Slot::Domains(&mut c.local_domains);
    "spool" = "", "where queued mail is (/var/spool/smtputils; see FILES)", |c| Slot::Path(&mut c.spool);
    "postmaster" = "\"postmaster\"", "who gets what can be returned to nobody", |c| Slot::Address(&mut c.postmaster);
    "aliases" = "[\"/etc/aliases\"]", "alias files; missing ones are skipped", |c| Slot::Paths(&mut c.aliases);
    "virtual" = "[]", "maps of virtual domains: user@domain and @domain to addresses", |c| Slot::Paths(&mut c.virtuals);
    "moved" = "[]", "maps of users who left to their new addresses: refused with 551", |c| Slot::Paths(&mut c.moved);
    "moved_forward" = "[]", "the same, and their mail is sent on: 251", |c| Slot::Paths(&mut c.moved_forward);
    "address_separator" = "\"+\"", "between a user's name and an extension; empty: none", |c| Slot::Separator(&mut c.address_separator);
    "forward_file" = "\".forward\"", "file at home that says where a user's mail goes; empty: none", |c| Slot::FileName(&mut c.forward_file);
    "local" = "\"mbox:/var/mail/{user}\"", "transport for local mailboxes", |c| Slot::Local(&mut c.local);
    "smarthost" = "", "next hop for all mail that is not local", |c| Slot::Smarthost(&mut c.smarthost);
    "smarthost_tls" = "\"opportunistic\"", "TLS towards the smarthost: none, opportunistic, required", |c| Slot::Tls(&mut c.smarthost_tls);
    "default_user" = "\"nobody\"", "as whom |program and /file of alias files run, and mail to root is delivered", |c| Slot::User(&mut c.default_user);
    "service_user" = "\"smtputils\"", "as whom server and runner work when started as root", |c| Slot::User(&mut c.service_user);
    "message_size" = "\"50M\"", "largest message", |c| Slot::Size(&mut c.message_size, 1024..=OCTETS);
    "delay_notice" = "\"4h\"", "when the sender is told of a delay; 0: never", |c| Slot::Duration(&mut c.delay_notice, ANY);
    "history_days" = "30", "days for which results are kept", |c| Slot::Number(&mut c.history_days, 0..=36500);
    "return_limit" = "\"50K\"", "larger messages are returned as header only", |c| Slot::Size(&mut c.return_limit, 0..=OCTETS);
    "mailq_total" = "true", "print Total requests: in mailq", |c| Slot::Flag(&mut c.mailq_total);
    "mailq_private" = "false", "hide addresses of other users' mail in mailq", |c| Slot::Flag(&mut c.mailq_private);
    "trusted_users" = "[]", "who may give a sender that is not the own address; empty: everybody", |c| Slot::Words(&mut c.trusted_users);
    "log" = "\"auto\"", "where the log goes: auto, stderr, syslog, none", |c| Slot::Log(&mut c.log);
    "retry.first" = "\"5m\"", "wait before the second attempt", |c| Slot::Duration(&mut c.retry.first, WAIT);
    "retry.factor" = "2.0", "each further wait is longer by this", |c| Slot::Float(&mut c.retry.factor, 1.0..=100.0);
    "retry.longest" = "\"4h\"", "longest wait", |c| Slot::Duration(&mut c.retry.longest, WAIT);
    "retry.jitter" = "0.1", "share by which a wait may be longer or shorter", |c| Slot::Float(&mut c.retry.jitter, 0.0..=1.0);
    "retry.give_up" = "\"5d\"", "when undelivered mail is returned", |c| Slot::Duration(&mut c.retry.give_up, ANY);
    "notices.template" = "", "file with the words of notices instead of the built-in ones", |c| Slot::OptionalPath(&mut c.notices.template);
    "notices.per_hour" = "1000", "notices made in an hour, at most; 0: any number", |c| Slot::Number(&mut c.notices.per_hour, 0..=MOST);
    "queue.metrics" = "[]", "where a resident runner gives figures to Prometheus", |c| Slot::Listen(&mut c.queue.metrics);
    "dns.servers" = "[]", "name servers instead of the system's", |c| Slot::Servers(&mut c.dns.servers);
    "dns.timeout" = "\"5s\"", "wait for one answer", |c| Slot::Duration(&mut c.dns.timeout, 1..=300);
    "dns.attempts" = "2", "how often a question is sent", |c| Slot::Count(&mut c.dns.attempts, 1..=10);
    "delivery.concurrency" = "50", "messages under way at once", |c| Slot::Count(&mut c.delivery.concurrency, 1..=10_000);
    "delivery.per_destination" = "5", "connections to one destination at once", |c| Slot::Count(&mut c.delivery.per_destination, 1..=1_000);
    "delivery.port" = "25", "port of MX hosts", |c| Slot::Port(&mut c.delivery.port);
    "delivery.allow_networks" = "[]", "networks that MX hosts may be in although they are not public", |c| Slot::Networks(&mut c.delivery.allow_networks);
    "delivery.connect_timeout" = "\"30s\"", "wait for a connection", |c| Slot::Duration(&mut c.delivery.connect_timeout, 1..=3600);
    "delivery.command_timeout" = "\"5m\"", "wait for a reply", |c| Slot::Duration(&mut c.delivery.command_timeout, 1..=7200);
    "delivery.program_timeout" = "\"10m\"", "longest a program may take with a message", |c| Slot::Duration(&mut c.delivery.program_timeout, 1..=86400);
    "serve.listen" = "[]", "places to listen on: host:port, role://host:port, role:/path; see smtp-serve(8)", |c| Slot::Listen(&mut c.serve.listen);
    "serve.relay_from" = "[]", "networks whose clients may send to any domain", |c| Slot::Networks(&mut c.serve.relay_from);
    "serve.users" = "[]", "where users are looked up besides aliases; empty: the system's", |c| Slot::Users(&mut c.serve.users);
    "serve.relay_domains" = "[]", "domains that this host is a backup for", |c| Slot::Patterns(&mut c.serve.relay_domains);
    "serve.relay_recipients" = "[]", "lists of their recipients; none: anybody", |c| Slot::Paths(&mut c.serve.relay_recipients);
    "serve.greeting_delay" = "\"0s\"", "wait before the greeting; clients that talk meanwhile are refused", |c| Slot::Duration(&mut c.serve.greeting_delay, 0..=60);
    "serve.max_messages" = "0", "messages of one session; 0: any", |c| Slot::Count(&mut c.serve.max_messages, 0..=MOST);
    "serve.refuse_all" = "false", "take no mail at all: this host has no mailboxes", |c| Slot::Flag(&mut c.serve.refuse_all);
    "serve.proxy_from" = "[]", "networks of proxies that are believed on listeners with the option proxy", |c| Slot::Networks(&mut c.serve.proxy_from);
    "serve.vrfy_from" = "[]", "networks that VRFY and EXPN tell who is here", |c| Slot::Networks(&mut c.serve.vrfy_from);
    "serve.filter" = "[]", "program, with arguments, that every message passes through", |c| Slot::Command(&mut c.serve.filter.command);
    "serve.filter_timeout" = "\"1m\"", "longest it may take with a message", |c| Slot::Duration(&mut c.serve.filter.timeout, 1..=540);
    "serve.filter_memory" = "\"1G\"", "most memory it may have", |c| Slot::Size(&mut c.serve.filter.memory, 1 << 20..=OCTETS);
    "serve.max_sessions" = "256", "sessions at once", |c| Slot::Count(&mut c.serve.max_sessions, 1..=MOST);
    "serve.max_sessions_per_address" = "32", "sessions at once from one address", |c| Slot::Count(&mut c.serve.max_sessions_per_address, 1..=MOST);
    "serve.max_recipients" = "1000", "recipients of one message", |c| Slot::Count(&mut c.serve.max_recipients, 100..=MOST);
    "serve.max_errors" = "10", "refused commands before a session is closed", |c| Slot::Number(&mut c.serve.max_errors, 1..=MOST);
    "serve.max_junk" = "100", "commands that do nothing before a session is closed", |c| Slot::Number(&mut c.serve.max_junk, 1..=MOST);
    "serve.max_line" = "\"64K\"", "longest line of a message", |c| Slot::Octets(&mut c.serve.max_line, 1000..=1 << 30);
    "serve.command_timeout" = "\"5m\"", "wait for a command or for more of a message", |c| Slot::Duration(&mut c.serve.command_timeout, 1..=7200);
    "serve.min_rate" = "500", "least octets a second of a message; 0: any", |c| Slot::Size(&mut c.serve.min_rate, 0..=1 << 30);
    "serve.reserve" = "\"64M\"", "free space below which mail is refused for now", |c| Slot::Size(&mut c.serve.reserve, 0..=OCTETS);
    "tls.certificate" = "", "the server's certificate chain, PEM", |c| Slot::OptionalPath(&mut c.tls.certificate);
    "tls.key" = "", "the key to it, PEM", |c| Slot::OptionalPath(&mut c.tls.key);
    "tls.ca_file" = "", "trusted roots instead of the system's, PEM", |c| Slot::OptionalPath(&mut c.tls.ca_file);
    "account" = "", "accounts, see ACCOUNTS", |c| Slot::Accounts(&mut c.accounts);
    "rewrite.from" = "", "sender of all submissions, in the envelope and in From", |c| Slot::Sender(c.rewrite.general.from.get_or_insert_default());
    "rewrite.from_name" = "", "name in From", |c| Slot::Phrase(c.rewrite.general.from_name.get_or_insert_default());
    "rewrite.to_bare" = "false", "bare names become what they are aliases for, in the header too", |c| Slot::Flag(c.rewrite.general.to_bare.get_or_insert_default());
    "rewrite.all_to" = "", "who gets everything instead of the recipients", |c| Slot::Mailbox(c.rewrite.general.all_to.get_or_insert_default());
    "rewrite.discard" = "false", "take everything, send nothing", |c| Slot::Flag(c.rewrite.general.discard.get_or_insert_default());
    "rewrite.override" = "", "rewriting for some callers, see REWRITING", |c| Slot::Overrides(&mut c.rewrite.overrides);
    "route" = "", "routes, see ROUTES", |c| Slot::Routes(&mut c.routes);
};

/// What another part reads, with its words where it is wrong.
pub fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Wrong> {
    text.parse::<T>().map_err(|e| e.to_string())
}

/// A domain's key (as of [`domain_key`]).
pub fn domain(text: &str) -> Result<String, Wrong> {
    let wrong = |_| expected("a domain name");
    domain_key(&Domain::parse(text).map_err(wrong)?).map_err(wrong)
}

pub fn address(text: &str) -> Result<String, Wrong> {
    let whole = match text.contains('@') {
        true => Mailbox::parse(text),
        false => Mailbox::parse(&format!("{text}@localhost")),
    };
    whole
        .map(|_| text.to_owned())
        .map_err(|_| expected("an address or a local part"))
}

/// A name that can be a user's, a local part or a word: printable, no blanks.
pub fn user(text: &str) -> Result<String, Wrong> {
    let plain = !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| expected("a name without blanks"))
}

/// `127.0.0.1`, `127.0.0.1:5353`, `[::1]`, `[::1]:53`, `::1`.
pub fn server(text: &str) -> Result<SocketAddr, Wrong> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let address: Result<IpAddr, _> = bare.unwrap_or(text).parse();
    match (text.parse(), address) {
        (Ok(with_port), _) => Ok(with_port),
        (_, Ok(address)) => Ok(SocketAddr::new(address, 53)),
        _ => Err(expected(
            "an address like 127.0.0.1, 127.0.0.1:5353 or [::1]",
        )),
    }
}

/// What the server makes of it is its own matter; here only: one printable word.
pub fn listen(text: &str) -> Result<String, Wrong> {
    user(text).map_err(|_| expected("an address to listen on, like 0.0.0.0:25 or [::]:25"))
}

/// A transport for local mailboxes. `mx:` or a next hop would send local mail
/// in a circle, so it has to be written as a route.
/// One mark that stands in local parts without quotes, and nothing else does.
pub fn separator(text: &str) -> Result<String, Wrong> {
    match text {
        "" | "+" | "-" | "=" | "_" | "#" => Ok(text.to_owned()),
        _ => Err(expected("one of + - = _ # or nothing")),
    }
}

pub fn file_name(text: &str) -> Result<String, Wrong> {
    match text.contains(['/', '\0']) || text == "." || text == ".." {
        true => Err(expected(
            "the name of a file in the home directory, without /",
        )),
        false => Ok(text.to_owned()),
    }
}

/// An entry of `serve.users`.
pub fn users(text: &str) -> Result<String, Wrong> {
    const FORM: &str = "a name, an address, any, passwd:, file:/path or maildir:/path/{user}";
    let fine = match text.split_once(':') {
        None if text.contains('@') => Mailbox::parse(text).is_ok(),
        None => user(text).is_ok(),
        Some(("passwd", rest)) => rest.is_empty(),
        Some(("file", path)) => path.starts_with('/'),
        Some(("maildir", path)) => {
            path.contains("{user}") && format!("maildir:{path}").parse::<Transport>().is_ok()
        }
        Some(_) => false,
    };
    fine.then(|| text.to_owned()).ok_or_else(|| expected(FORM))
}

/// A domain, or `.domain` for those below it.
pub fn domain_pattern(text: &str) -> Result<String, Wrong> {
    let pattern = pattern(text).ok().filter(|p| p != "*" && !p.contains('@'));
    pattern.ok_or_else(|| expected("a domain, or .domain"))
}

pub fn local(text: &str) -> Result<Transport, Wrong> {
    match parsed(text)? {
        Transport::Mx | Transport::Smtp { .. } => Err(expected(
            "lmtp:, maildir:, mbox:, pipe:, discard:, error: or hold: for local mailboxes",
        )),
        local => Ok(local),
    }
}

/// The TLS policy is filled in when all is read.
pub fn smarthost(text: &str) -> Result<Route, Wrong> {
    match parsed(text)? {
        transport @ Transport::Smtp { .. } => Ok(everything_to(transport, text)),
        _ => Err(expected("smtp://host, smtps://host or submission://host")),
    }
}

/// A server that somebody names for one delivery (`smtp-send --server`).
pub fn named_server(text: &str) -> Result<Route, Wrong> {
    const SCHEMES: [&str; 4] = ["smtp", "smtps", "submission", "lmtp"];
    let scheme = text.split(':').next().unwrap_or_default();
    match SCHEMES.contains(&scheme) {
        true => Ok(everything_to(parsed(text)?, text)),
        false => Err(expected(
            "smtp://host, smtps://host, submission://host, lmtp://host or lmtp:/socket",
        )),
    }
}

fn everything_to(transport: Transport, text: &str) -> Route {
    Route {
        matches: vec!["*".to_owned()],
        transport,
        tls: unsaid_tls(text),
        access: Arc::default(),
    }
}

/// A pinned one needs its fingerprint beside it, as a route or an account has it.
pub fn smarthost_tls(text: &str) -> Result<TlsPolicy, Wrong> {
    match text.parse() {
        Ok(TlsPolicy::Pinned) | Err(_) => Err(expected("none, opportunistic or required")),
        Ok(tls) => Ok(tls),
    }
}

/// Where no policy is written (CL-31): towards a submission service a password
/// may travel and the administrator named the host, so nothing but verified TLS
/// will do; `smtp://` stays opportunistic as between MX hosts.
pub fn unsaid_tls(transport: &str) -> TlsPolicy {
    match transport.split_once(':') {
        Some(("smtps" | "submission", _)) => TlsPolicy::Required,
        _ => TlsPolicy::Opportunistic,
    }
}

/// A sender's address, with placeholders or without.
pub fn sender(text: &str) -> Result<String, Wrong> {
    let example = rewrite::Sender {
        user: "u",
        host: "h.example",
    };
    match text.is_empty() || example.address(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(expected("an address, in which {user} and {host} may stand")),
    }
}

/// One value of a `[[rewrite.override]]` table.
pub fn rewrite_override(
    to: &mut Override,
    name: &str,
    value: &toml::de::DeValue<'_>,
) -> Result<(), Wrong> {
    let profile = &mut to.profile;
    let slot = match name {
        "uid" => Slot::Words(&mut to.uid),
        "sender" => {
            let form = |_| expected("a domain, .domain, user@domain or *");
            to.sender = slot::list(value, |v| pattern(slot::text(v)?).map_err(form))?;
            return Ok(());
        }
        "from" => Slot::Sender(profile.from.get_or_insert_default()),
        "from_name" => Slot::Phrase(profile.from_name.get_or_insert_default()),
        "to_bare" => Slot::Flag(profile.to_bare.get_or_insert_default()),
        "all_to" => Slot::Mailbox(profile.all_to.get_or_insert_default()),
        "discard" => Slot::Flag(profile.discard.get_or_insert_default()),
        _ => return Err(expected("a key of [rewrite], uid or sender")),
    };
    slot.set(value)
}
