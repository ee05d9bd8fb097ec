//! The configuration: typed settings, their defaults, and where each came from.
//!
//! TOML, `/etc/smtputils/config.toml`, then `$XDG_CONFIG_HOME/smtputils/config.toml`
//! over it; `--config` or `SMTPUTILS_CONFIG` instead of both. An unknown key is an
//! error with line, column and the nearest known name.

mod access;
mod aliases;
mod book;
mod file;
mod host;
mod keys;
mod queue;
mod slot;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::class::{Class, Classify};
use crate::route::network::Network;
use crate::route::retry::Schedule;
use crate::route::rewrite::Rules;
use crate::route::senders::Senders;
use crate::route::table::{Route, Table};
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::sasl::Mechanism;

pub use access::route_to;
pub use aliases::{load_aliases, load_aliases_from};
pub use book::{Book, BookFiles, System, load_book};
pub use host::user_spool;
pub use keys::{KEYS, Key, named_server, server as parse_server};
pub use queue::{Notices, Queue};
pub use value::{duration_text, parse_duration, parse_size};

/// The system's configuration file.
pub const SYSTEM_FILE: &str = "/etc/smtputils/config.toml";
/// The system's spool.
pub const SYSTEM_SPOOL: &str = "/var/spool/smtputils";

/// All settings, each with its default where not set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Our name in greetings, EHLO, Received: the host's fully qualified name.
    pub hostname: String,
    /// Domain appended to unqualified addresses.
    pub origin: String,
    /// Domains whose mailboxes are here.
    pub local_domains: Vec<String>,
    /// The spool's directory.
    pub spool: PathBuf,
    /// Who gets what can be returned to nobody; a whole address after loading.
    pub postmaster: String,
    /// Alias files; missing ones are skipped.
    pub aliases: Vec<PathBuf>,
    /// Maps of virtual domains: `user@domain` and `@domain` to addresses.
    pub virtuals: Vec<PathBuf>,
    /// Users who left, with their new addresses; `moved_forward`: and their mail
    /// is sent on.
    pub moved: Vec<PathBuf>,
    pub moved_forward: Vec<PathBuf>,
    /// Between a user's name and its extension; empty: none.
    pub address_separator: String,
    /// Name of the file at home that says where a user's mail goes; empty: none.
    pub forward_file: String,
    /// Where local mailboxes are (DESIGN section 3).
    pub local: Transport,
    /// Next hop for everything not local, with its TLS policy; else `mx:`.
    pub smarthost: Option<Route>,
    /// The smarthost's TLS policy, set or not set apart from it.
    pub smarthost_tls: TlsPolicy,
    pub routes: Vec<Route>,
    /// Next hops by name or by the sender, `[account.NAME]`.
    pub accounts: Vec<Account>,
    /// How local submissions are rewritten.
    pub rewrite: Rules,
    /// Who may give another envelope sender than the own address; empty: all.
    pub trusted_users: Vec<String>,
    /// As whom administrators' `|program` and `/file` run, and mail to root is delivered.
    pub default_user: String,
    /// As whom server and runner work when started as root.
    pub service_user: String,
    /// Largest message, octets.
    pub message_size: u64,
    /// When what could not be delivered is tried again.
    pub retry: Schedule,
    /// When the sender is told of a delay; zero: never.
    pub delay_notice: Duration,
    pub history_days: u32,
    /// Originals over this go back as headers only, octets.
    pub return_limit: u64,
    pub notices: Notices,
    pub queue: Queue,
    /// Print `Total requests:` in `mailq`.
    pub mailq_total: bool,
    /// Addresses of other users' mail are not shown in `mailq`.
    pub mailq_private: bool,
    pub log: LogTo,
    pub dns: Dns,
    pub delivery: Delivery,
    pub serve: Serve,
    pub auth: Auth,
    pub tls: Tls,
    /// Settings of the files and the command line, with their places.
    set: Vec<(String, String)>,
}

/// An `[account.NAME]`: where mail of some senders goes, and how to log in there.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub name: String,
    /// `matches` are patterns of senders (`account.from`).
    pub route: Route,
    /// The first address among them: the sender where none is given.
    pub from: Option<String>,
}

/// The account that is used where no other is, in place of `smarthost`.
pub const DEFAULT_ACCOUNT: &str = "default";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard error where a person or a service manager reads it, else syslog.
    Auto,
    Stderr,
    Syslog,
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Empty: the system's (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
    pub timeout: Duration,
    pub attempts: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Messages under way at once.
    pub concurrency: usize,
    /// Connections to one destination at once.
    pub per_destination: usize,
    /// Port for `mx:` (25).
    pub port: u16,
    /// Networks that MX hosts may be in although they are not public (D2).
    pub allow_networks: Vec<Network>,
    pub connect_timeout: Duration,
    pub command_timeout: Duration,
    /// Longest a program may take with a message.
    pub program_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Serve {
    pub listen: Vec<String>,
    /// Networks that may relay.
    pub relay_from: Vec<Network>,
    /// Where users of local domains are looked up, besides aliases: names and
    /// addresses, `passwd:`, `file:/path`, `maildir:/path/{user}`, or `any`. Empty:
    /// the system's.
    pub users: Vec<String>,
    /// Domains we are a backup for, in the form of route patterns.
    pub relay_domains: Vec<String>,
    /// Lists of their recipients; none: anybody is one.
    pub relay_recipients: Vec<PathBuf>,
    /// Wait before the greeting; who talks meanwhile is refused.
    pub greeting_delay: Duration,
    /// Transactions of one session; 0: any.
    pub max_messages: usize,
    /// Take no mail at all (RFC 7504).
    pub refuse_all: bool,
    /// Proxies that are believed (PROXY protocol).
    pub proxy_from: Vec<Network>,
    /// Networks that VRFY and EXPN tell who is here.
    pub vrfy_from: Vec<Network>,
    /// Content filter: program and arguments.
    pub filter: Filter,
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

/// Who may log in at the server; at most one source of users.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Our own file (`smtp-serve passwd`).
    pub users: Option<PathBuf>,
    /// Dovecot's socket (auth-client).
    pub dovecot: Option<PathBuf>,
    /// A program and its words; empty: none.
    pub program: Vec<String>,
    /// Offered; empty: what the source can, CRAM-MD5 aside.
    pub mechanisms: Vec<Mechanism>,
    /// Wait after a failed login.
    pub delay: Duration,
    /// By user, or `*` for the others: senders that they may use; `None`: any.
    pub senders: Option<Senders>,
}

/// A program that every message passes through before it is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Program and arguments; empty: none.
    pub command: Vec<String>,
    pub timeout: Duration,
    /// Its address space, octets.
    pub memory: u64,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            command: Vec::new(),
            timeout: Duration::from_secs(60),
            memory: 1 << 30,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
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
    pub fn load(over: &Overrides) -> Result<Config, ConfigError> {
        host::load(over, &host::Surroundings::real())
    }

    /// From one text (for tests and `--config -`); `name` is used in errors.
    pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        file::read(&mut config, name, text)?;
        host::finish(config, &Overrides::default(), &host::Surroundings::real())
    }

    /// The routing table.
    pub fn table(&self) -> Table {
        let keys = self
            .local_domains
            .iter()
            .filter_map(|d| keys::domain(d).ok());
        Table {
            local_domains: keys.collect(),
            local: self.local.clone(),
            routes: self.routes.clone(),
            default: self.default_route(),
            accounts: self
                .accounts
                .iter()
                .map(|account| (account.name.clone(), account.route.clone()))
                .collect(),
            account: None,
        }
    }

    /// An account by its name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    fn default_route(&self) -> Route {
        let account = self.account(DEFAULT_ACCOUNT).map(|a| a.route.clone());
        self.smarthost.clone().or(account).unwrap_or(Route {
            matches: vec!["*".to_owned()],
            transport: Transport::Mx,
            tls: TlsPolicy::Opportunistic,
            access: Arc::default(),
        })
    }
}

/// The values written in [`KEYS`] as defaults; what depends on the host is empty
/// until [`Config::load`] fills it in.
impl Default for Config {
    fn default() -> Config {
        Config {
            hostname: String::new(),
            origin: String::new(),
            local_domains: Vec::new(),
            spool: PathBuf::new(),
            postmaster: "postmaster".to_owned(),
            aliases: vec![PathBuf::from("/etc/aliases")],
            virtuals: Vec::new(),
            moved: Vec::new(),
            moved_forward: Vec::new(),
            address_separator: "+".to_owned(),
            forward_file: ".forward".to_owned(),
            local: Transport::Mbox("/var/mail/{user}".to_owned()),
            smarthost: None,
            smarthost_tls: TlsPolicy::Opportunistic,
            routes: Vec::new(),
            accounts: Vec::new(),
            rewrite: Rules::default(),
            trusted_users: Vec::new(),
            default_user: "nobody".to_owned(),
            service_user: "smtputils".to_owned(),
            message_size: 50 << 20,
            retry: Schedule::default(),
            delay_notice: Duration::from_secs(4 * 3600),
            history_days: 30,
            return_limit: 50 << 10,
            notices: Notices::default(),
            queue: Queue::default(),
            mailq_total: true,
            mailq_private: false,
            log: LogTo::Auto,
            dns: Dns::default(),
            delivery: Delivery::default(),
            serve: Serve::default(),
            auth: Auth::default(),
            tls: Tls::default(),
            set: Vec::new(),
        }
    }
}

impl Default for Dns {
    fn default() -> Dns {
        Dns {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 2,
        }
    }
}

impl Default for Delivery {
    fn default() -> Delivery {
        Delivery {
            concurrency: 50,
            per_destination: 5,
            port: 25,
            allow_networks: Vec::new(),
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(300),
            program_timeout: Duration::from_secs(600),
        }
    }
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            users: None,
            dovecot: None,
            program: Vec::new(),
            mechanisms: Vec::new(),
            delay: Duration::from_secs(1),
            senders: None,
        }
    }
}

/// Limits for strangers: enough for every honest client known, and a stranger
/// can tie up only so much.
impl Default for Serve {
    fn default() -> Serve {
        Serve {
            listen: Vec::new(),
            relay_from: Vec::new(),
            users: Vec::new(),
            relay_domains: Vec::new(),
            relay_recipients: Vec::new(),
            greeting_delay: Duration::ZERO,
            max_messages: 0,
            refuse_all: false,
            proxy_from: Vec::new(),
            vrfy_from: Vec::new(),
            filter: Filter::default(),
            max_sessions: 256,
            max_sessions_per_address: 32,
            max_recipients: 1000,
            max_errors: 10,
            max_junk: 100,
            max_line: 64 << 10,
            command_timeout: Duration::from_secs(300),
            min_rate: 500,
            reserve: 64 << 20,
        }
    }
}

#[cfg(test)]
mod tests;
