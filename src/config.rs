//! The configuration: typed settings, their defaults, and where each came from.
//!
//! TOML, `/etc/smtputils/config.toml`, then `$XDG_CONFIG_HOME/smtputils/config.toml`
//! over it; `--config` or `SMTPUTILS_CONFIG` instead of both. An unknown key is an
//! error with line, column and the nearest known name.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::class::{Class, Classify};
use crate::route::retry::Schedule;
use crate::route::table::Route;
use crate::route::transport::Transport;

/// All settings, each with its default where not set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name in greetings, EHLO, Received: the host's fully qualified name.
    pub hostname: String,
    /// Domain appended to unqualified addresses.
    pub origin: String,
    /// Domains whose mailboxes are here.
    pub local_domains: Vec<String>,
    /// The spool's directory.
    pub spool: PathBuf,
    /// Who gets what can be returned to nobody.
    pub postmaster: String,
    /// Alias files; missing ones are skipped.
    pub aliases: Vec<PathBuf>,
    /// Where local mailboxes are (DESIGN section 3).
    pub local: Transport,
    /// Next hop for everything not local, with its TLS policy; else `mx:`.
    pub smarthost: Option<Route>,
    pub routes: Vec<Route>,
    /// As whom administrators' `|program` and `/file` run, and mail to root is delivered.
    pub default_user: String,
    /// As whom server and runner work when started as root.
    pub service_user: String,
    /// Largest message, octets.
    pub message_size: u64,
    pub retry: Schedule,
    /// When the sender is told of a delay; zero: never.
    pub delay_notice: Duration,
    pub history_days: u32,
    /// Originals over this go back as headers only, octets.
    pub return_limit: u64,
    /// Print `Total requests:` in `mailq`.
    pub mailq_total: bool,
    pub log: LogTo,
    pub dns: Dns,
    pub delivery: Delivery,
    pub serve: Serve,
    pub tls: Tls,
    /// Where each value came from, for `smtp-queue config`: key, value, source.
    pub sources: Vec<(String, String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard error where a person or a service manager reads it, else syslog.
    Auto,
    Stderr,
    Syslog,
    None,
}

#[derive(Clone, Debug)]
pub struct Dns {
    /// Empty: the system's (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
    pub timeout: Duration,
    pub attempts: usize,
}

#[derive(Clone, Debug)]
pub struct Delivery {
    /// Messages under way at once.
    pub concurrency: usize,
    /// Connections to one destination at once.
    pub per_destination: usize,
    /// Port for `mx:` (25).
    pub port: u16,
    /// Networks that MX hosts may be in although they are not public (D2).
    pub allow_networks: Vec<String>,
    pub connect_timeout: Duration,
    pub command_timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Serve {
    pub listen: Vec<String>,
    /// Networks that may relay.
    pub relay_from: Vec<String>,
    /// `any` or empty: local users of these only, by passwd and aliases.
    pub users: Vec<String>,
    pub max_sessions: usize,
    pub max_sessions_per_address: usize,
    pub max_recipients: usize,
    pub max_errors: u32,
    pub max_junk: u32,
    pub max_line: usize,
    pub command_timeout: Duration,
    pub min_rate: u64,
    /// Free space below which mail is refused with 452 4.3.1, octets.
    pub reserve: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Server certificate chain and key, PEM.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Trusted roots instead of the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// `file:line:column: what is wrong and what was meant`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Classify for ConfigError {
    fn class(&self) -> Class {
        Class::Config
    }
}

/// What the command line and the environment say about the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub config: Option<PathBuf>,
    pub spool: Option<PathBuf>,
    /// Raised privilege: only the system's file, no environment.
    pub privileged: bool,
}

impl Config {
    /// Reads the files and fills in what the host itself tells.
    pub fn load(_over: &Overrides) -> Result<Config, ConfigError> {
        todo!()
    }

    /// From one text (for tests and `--config -`); `name` is used in errors.
    pub fn parse(_name: &str, _text: &str) -> Result<Config, ConfigError> {
        todo!()
    }

    /// The routing table.
    pub fn table(&self) -> crate::route::table::Table {
        todo!()
    }
}

/// Reads the alias files named by the configuration; errors go to the caller.
pub fn load_aliases(
    _config: &Config,
) -> (
    crate::route::alias::Aliases,
    Vec<crate::route::alias::AliasError>,
) {
    todo!()
}

/// Default place of an ordinary user's files.
pub fn user_spool() -> Option<PathBuf> {
    todo!()
}

#[allow(unused)]
fn _unused(_: &Path) {}
