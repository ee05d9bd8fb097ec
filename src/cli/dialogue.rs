//! What may be asked of a delivery that somebody waits for: the options that
//! `smtp-send --now` and `smtp-queue deliver` have in common.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::Stop;
use super::trace::to_stderr;
use crate::class::Class;
use crate::config::{self, Account, Config};
use crate::route::access::{Access, SecretSource};
use crate::route::table::Route;
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::addr::Domain;
use crate::smtp::client::{Parameter, Talk, Trace, Until};

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Dialogue {
    /// To smtp://HOST, smtps:, submission:, lmtp:
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Use this account of the configuration
    #[arg(long, value_name = "NAME", conflicts_with = "server")]
    account: Option<String>,
    /// Log in at --server; asks for the password
    #[arg(long, value_name = "NAME", requires = "server")]
    user: Option<String>,
    /// The password is the first line of FILE
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// TLS: none, opportunistic, required, pinned
    #[arg(long, value_name = "POLICY")]
    tls: Option<String>,
    /// One JSON object a recipient
    #[arg(long)]
    json: bool,
    /// Show the dialogue on stderr, secrets masked
    #[arg(long)]
    trace: bool,
    /// Tell who would get it how; send nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: show the message itself
    #[arg(long, requires = "dry_run")]
    print: bool,
    /// End after ehlo, starttls, auth, mail, rcpt, data
    #[arg(long, value_name = "STAGE", conflicts_with = "dry_run")]
    until: Option<String>,
    /// Our name in EHLO
    #[arg(long, value_name = "NAME")]
    ehlo: Option<String>,
    /// KEYWORD[=VALUE] for MAIL, offered or not
    #[arg(long, value_name = "PARAM")]
    mail_param: Vec<String>,
    /// The same for RCPT
    #[arg(long, value_name = "PARAM")]
    rcpt_param: Vec<String>,
    /// One command at a time
    #[arg(long)]
    no_pipelining: bool,
}

/// The options, understood.
#[derive(Debug, Default)]
pub struct Understood {
    pub json: bool,
    /// Nothing is sent; `print`: the message is shown.
    pub dry_run: bool,
    pub print: bool,
    pub talk: Talk,
    /// What is accepted is only so by a server that was not asked for more.
    pub is_test: bool,
    server: Option<Route>,
    account: Option<String>,
    tls: Option<TlsPolicy>,
}

impl Dialogue {
    /// Was anything asked for that only a delivery now can do?
    pub fn is_any(&self) -> bool {
        let texts = [&self.server, &self.tls, &self.until, &self.ehlo];
        let flags = [self.json, self.trace, self.dry_run, self.no_pipelining];
        let lists = [&self.mail_param, &self.rcpt_param];
        texts.iter().any(|t| t.is_some())
            || flags.contains(&true)
            || lists.iter().any(|l| !l.is_empty())
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn as_json(&self) -> Dialogue {
        Dialogue {
            json: true,
            ..self.clone()
        }
    }

    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    pub fn has_server(&self) -> bool {
        self.server.is_some()
    }

    pub fn ends_early(&self) -> bool {
        self.dry_run || self.until.is_some()
    }

    /// The same options for another program's command line.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let flags = [
            ("--json", self.json),
            ("--trace", self.trace),
            ("--dry-run", self.dry_run),
            ("--print", self.print),
            ("--no-pipelining", self.no_pipelining),
        ];
        words.extend(flags.iter().filter(|f| f.1).map(|f| f.0.into()));
        let texts = [
            ("server", &self.server),
            ("account", &self.account),
            ("user", &self.user),
            ("tls", &self.tls),
            ("until", &self.until),
            ("ehlo", &self.ehlo),
        ];
        let lists = [
            ("mail-param", &self.mail_param),
            ("rcpt-param", &self.rcpt_param),
        ];
        let one = texts
            .into_iter()
            .flat_map(|(n, t)| t.iter().map(move |t| (n, t)));
        let many = lists
            .into_iter()
            .flat_map(|(n, l)| l.iter().map(move |t| (n, t)));
        words.extend(
            one.chain(many)
                .map(|(n, text)| format!("--{n}={text}").into()),
        );
        words
    }

    pub fn understand(&self) -> Result<Understood, Stop> {
        let usage = |option: &str, why: &str| Stop::usage(format!("--{option}: {why}"));
        let tls = self.tls.as_deref().map(str::parse::<TlsPolicy>).transpose();
        let tls = tls.map_err(|why| usage("tls", &why.to_string()))?;
        let (user, file) = (self.user.as_deref(), self.password_file.as_ref());
        let server = self
            .server
            .as_deref()
            .map(|url| server(url, user, file, tls));
        let hello = self.ehlo.clone();
        if hello
            .as_deref()
            .is_some_and(|name| !name.is_ascii() || Domain::parse(name).is_err())
        {
            return Err(usage("ehlo", "a domain or an address literal is needed"));
        }
        let until = self.until.as_deref().map(stage).transpose()?;
        Ok(Understood {
            json: self.json,
            dry_run: self.dry_run,
            print: self.print,
            talk: Talk {
                trace: self.trace.then_some(to_stderr as Trace),
                until,
                mail: parameters("mail-param", &self.mail_param)?,
                rcpt: parameters("rcpt-param", &self.rcpt_param)?,
                hello,
                no_pipelining: self.no_pipelining,
            },
            is_test: until.is_some(),
            server: server.transpose()?,
            account: self.account.clone(),
            tls,
        })
    }
}

impl Understood {
    /// The configuration as this delivery is to have it: a server or an account
    /// that was named gets all mail, and as it is addressed.
    pub fn apply(&self, config: &mut Config) -> Result<(), Stop> {
        let named = match (&self.server, &self.account) {
            (Some(route), _) => Some(route.clone()),
            (None, Some(name)) => Some(account(config, name)?.route.clone()),
            (None, None) => None,
        };
        if let Some(route) = named {
            config.smarthost = Some(route);
            config.accounts.clear();
            config.routes.clear();
            config.local_domains.clear();
            config.aliases.clear();
        }
        match self.tls {
            Some(tls) => set_tls(config, tls),
            None => Ok(()),
        }
    }
}

/// The same policy for every route.
fn set_tls(config: &mut Config, tls: TlsPolicy) -> Result<(), Stop> {
    let default = config.table().default;
    config.smarthost.get_or_insert(default);
    let accounts = config.accounts.iter_mut().map(|account| &mut account.route);
    let others = config.smarthost.iter_mut().chain(&mut config.routes);
    for route in accounts.chain(others) {
        if tls == TlsPolicy::Pinned && route.access.fingerprints.is_empty() {
            return Err(Stop::usage(
                "--tls pinned: the configuration gives no fingerprint for this server",
            ));
        }
        route.tls = tls;
    }
    Ok(())
}

pub fn account<'c>(config: &'c Config, name: &str) -> Result<&'c Account, Stop> {
    config.account(name).ok_or_else(|| {
        let known: Vec<&str> = config.accounts.iter().map(|a| a.name.as_str()).collect();
        let known = match known.is_empty() {
            true => "none is configured".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        Stop::new(
            Class::Config,
            format!("--account {name}: no such account; {known}"),
        )
    })
}

/// A server by its URL, and how to log in there.
fn server(
    url: &str,
    user: Option<&str>,
    password_file: Option<&PathBuf>,
    policy: Option<TlsPolicy>,
) -> Result<Route, Stop> {
    let wrong = |why: String| Stop::usage(format!("--server: {why}"));
    let mut route = config::named_server(url).map_err(wrong)?;
    if let Some(user) = user {
        if !matches!(route.transport, Transport::Smtp { .. }) {
            return Err(Stop::usage(
                "--user: only for smtp://, smtps:// and submission://",
            ));
        }
        if user.is_empty() || user.contains(char::is_control) {
            return Err(Stop::new(
                Class::Data,
                "--user: a name without control characters",
            ));
        }
        route.access = Arc::new(Access {
            user: Some(user.to_owned()),
            secret: password_file.cloned().map(SecretSource::File),
            ..Access::default()
        });
        // A password goes to nobody but whom it is for.
        route.tls = policy.unwrap_or(TlsPolicy::Required);
    }
    Ok(route)
}

fn parameters(option: &str, texts: &[String]) -> Result<Vec<Parameter>, Stop> {
    let read = |text: &String| {
        let parsed = text.parse::<Parameter>();
        parsed.map_err(|why| Stop::new(Class::Data, format!("--{option}: {why}")))
    };
    texts.iter().map(read).collect()
}

fn stage(name: &str) -> Result<Until, Stop> {
    match name {
        "ehlo" => Ok(Until::Ehlo),
        "starttls" => Ok(Until::StartTls),
        "auth" => Ok(Until::Auth),
        "mail" => Ok(Until::Mail),
        "rcpt" => Ok(Until::Rcpt),
        "data" => Ok(Until::Data),
        _ => Err(Stop::usage(
            "--until: ehlo, starttls, auth, mail, rcpt or data",
        )),
    }
}
