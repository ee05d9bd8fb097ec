//! `smtp-verify`: is this address good? Syntax, DNS, and what its mail host says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;

use super::{Done, Stop, Worst};
use crate::check::reach::Caller;
use crate::check::verify::ledger::{Ledger, LedgerError, Life};
use crate::check::verify::lists::Lists;
use crate::check::verify::{Finding, Level, Manners, Verdict, Verifier, Wishes};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::dns::Resolver;
use crate::net::lookup::{self, Event, LookupError};
use crate::net::tls::Trust;
use crate::smtp::addr::{Mailbox, ReversePath};

mod input;
mod output;

use input::Row;
use output::{Form, Printer};

pub const TOOL: &str = "smtp-verify";

/// Records under way at once: what one host is slow about must not hold up the rest.
const WINDOW: usize = 20_000;

/// Tell whether addresses are good: syntax, DNS, and what their mail hosts say.
#[derive(clap::Parser)]
#[command(name = TOOL, version, max_term_width = 100)]
pub struct Cli {
    /// Addresses; none or -: lines of standard input
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// How far to look
    #[arg(long, value_enum, default_value_t = LevelName::Smtp)]
    level: LevelName,
    /// Column of CSV on standard input that holds addresses, by name or number
    #[arg(long, value_name = "NAME|N", conflicts_with_all = ["addresses", "key"])]
    column: Option<String>,
    /// The first line of CSV is a header, though the column is given by number
    #[arg(long, requires = "column")]
    header: bool,
    /// What stands between the columns of CSV
    #[arg(long, value_name = "CHAR", default_value_t = ',')]
    delimiter: char,
    /// Key of JSON lines on standard input that holds addresses
    #[arg(long, value_name = "NAME", conflicts_with = "addresses")]
    key: Option<String>,
    /// Print only the records of these verdicts, as they came
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',')]
    only: Vec<VerdictName>,
    /// One JSON object a record
    #[arg(long)]
    json: bool,
    /// CSV, our columns behind those that came
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// In the order of input, not as they become known
    #[arg(long)]
    ordered: bool,
    /// Ask by VRFY first, where it is offered
    #[arg(long)]
    vrfy: bool,
    /// Ask by EXPN for the members of lists, where it is offered
    #[arg(long)]
    expn: bool,
    /// Sender of the questions, instead of the null one
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Do not find out whether a host takes any address
    #[arg(long)]
    no_catch_all: bool,
    /// Longest time to wait for greylisting hosts
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = super::time)]
    wait: Duration,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = super::at_least_one)]
    connections: usize,
    /// Connections to one host at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::at_least_one)]
    per_host: usize,
    /// Questions a second to one host; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = super::rate)]
    rate: f64,
    /// Questions on one connection
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = super::at_least_one)]
    per_connection: usize,
    /// Port of the mail hosts
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Wait for a connection and for each reply
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = super::time)]
    smtp_timeout: Duration,
    /// Name server to ask instead of the system's; may be repeated
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = super::server)]
    resolver: Vec<SocketAddr>,
    /// Remember there what is done: the same call goes on where it was ended
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Remember there what was found, for other calls
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// For how long good and risky addresses are remembered
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = super::time)]
    cache_good: Duration,
    /// For how long undeliverable addresses are remembered
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = super::time)]
    cache_bad: Duration,
    /// Directory of lists that replace those built in
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// No progress bar on a terminal
    #[arg(long)]
    no_progress: bool,
    /// Configuration file instead of the usual ones
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LevelName {
    Syntax,
    Dns,
    Smtp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerdictName {
    Deliverable,
    Undeliverable,
    Risky,
    Unknown,
}

impl Cli {
    fn wishes(&self) -> Wishes {
        Wishes {
            level: match self.level {
                LevelName::Syntax => Level::Syntax,
                LevelName::Dns => Level::Dns,
                LevelName::Smtp => Level::Smtp,
            },
            vrfy: self.vrfy,
            expn: self.expn,
            catch_all: !self.no_catch_all,
            wait: self.wait,
        }
    }

    fn manners(&self) -> Result<Manners, Stop> {
        let sender = match &self.sender {
            None => ReversePath::Null,
            Some(text) => ReversePath::Mailbox(
                Mailbox::parse(text).map_err(|e| Stop::usage(format!("--sender {text}: {e}")))?,
            ),
        };
        Ok(Manners {
            sender,
            connections: self.connections,
            per_host: self.per_host,
            rate: self.rate,
            per_connection: self.per_connection,
        })
    }

    fn form(&self) -> Form {
        match (self.json, self.csv, self.only.is_empty()) {
            (true, ..) => Form::Json,
            (_, true, _) => Form::Csv,
            (.., false) => Form::Records,
            _ if self.key.is_some() => Form::Json,
            _ if self.column.is_some() => Form::Csv,
            _ => Form::Lines,
        }
    }

    fn only(&self) -> Vec<Verdict> {
        let verdict = |name: &VerdictName| match name {
            VerdictName::Deliverable => Verdict::Deliverable,
            VerdictName::Undeliverable => Verdict::Undeliverable,
            VerdictName::Risky => Verdict::Risky,
            VerdictName::Unknown => Verdict::Unknown,
        };
        self.only.iter().map(verdict).collect()
    }

    /// Must be called inside a runtime.
    fn verifier(&self, config: &Config) -> Result<Verifier, Stop> {
        let wishes = self.wishes();
        let lists = Lists::load(self.lists.as_deref())?;
        let resolver = match wishes.level {
            Level::Syntax => None,
            _ => Some(Resolver::bulk(&config.dns)?),
        };
        let port = self.port.unwrap_or(config.delivery.port);
        let caller = Caller::new(config, port, self.smtp_timeout, Trust::Anybody);
        let open = |path: &Option<PathBuf>, life| {
            path.as_deref()
                .map(|path| Ledger::open(path, life))
                .transpose()
        };
        let long = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        let cache = Life::Cache {
            positive: long(self.cache_good),
            negative: long(self.cache_bad),
        };
        let (state, cache) = (open(&self.state, Life::Run)?, open(&self.cache, cache)?);
        let verifier = Verifier::new(wishes, lists, resolver, caller, self.manners()?);
        Ok(verifier.remember(state, cache))
    }
}

/// The program's body.
pub fn main(args: Vec<OsString>) -> Done {
    let cli: Cli = super::parse(TOOL, args)?;
    let from_stdin = cli.addresses.is_empty();
    if from_stdin && cli.column.is_none() && cli.key.is_none() && std::io::stdin().is_terminal() {
        return Err(Stop::usage("<ADDRESS> is missing; see --help"));
    }
    let mut config = Config::load(&Overrides {
        config: cli.config.clone(),
        ..Overrides::default()
    })?;
    if !cli.resolver.is_empty() {
        config.dns.servers.clone_from(&cli.resolver);
    }
    let runtime = lookup::runtime().map_err(LookupError::Runtime)?;
    let done = runtime.block_on(run(&cli, &config));
    // Goodbyes and a reader of standard input may still wait; nobody waits for them.
    runtime.shutdown_background();
    done
}

async fn run(cli: &Cli, config: &Config) -> Done {
    let verifier = Arc::new(cli.verifier(config)?);
    let (rows, header) = input::rows(cli)?;
    let mut printer = Printer::new(cli.form(), cli.delimiter, cli.only());
    printer.head(header.as_ref())?;
    let mut tally = Tally::new(cli, printer);
    let work = |row: Row| {
        let verifier = Arc::clone(&verifier);
        async move {
            let found = match &row.address {
                Ok(address) => verifier.verify(address).await.map(Some),
                Err(_) => Ok(None),
            };
            (row, found)
        }
    };
    let mut ended = Ok(());
    let mut each = |event| {
        ended = tally.take(event);
        ended.is_ok()
    };
    let order = if cli.ordered || cli.level != LevelName::Smtp {
        lookup::Order::Input
    } else {
        lookup::Order::AsKnown
    };
    let asking = lookup::each(rows, order, WINDOW, work, &mut each);
    if lookup::unless_interrupted(asking).await.is_none() {
        ended = Err(interrupted(cli));
    }
    let flushed = tally.printer.flush();
    tally.bar.finish_and_clear();
    ended?;
    flushed?;
    tally.worst.end()
}

fn interrupted(cli: &Cli) -> Stop {
    let words = match &cli.state {
        Some(path) => format!(
            "interrupted; the same call with --state {} goes on from here",
            path.display()
        ),
        None => "interrupted; with --state FILE a call can be gone on with".to_owned(),
    };
    Stop::new(Class::Temporary, words)
}

/// What is printed and counted.
struct Tally {
    printer: Printer,
    worst: Worst<'static>,
    bar: ProgressBar,
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn new(cli: &Cli, printer: Printer) -> Tally {
        let from_stdin = cli.addresses.is_empty() || cli.addresses.iter().any(|a| a == "-");
        let quiet = cli.no_progress || !std::io::stderr().is_terminal() || !from_stdin;
        let bar = match quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner().with_style(style()),
        };
        Tally {
            printer,
            worst: Worst::new(TOOL),
            bar,
            counts: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: Event<(Row, Result<Option<Finding>, LedgerError>)>) -> Done {
        let (row, found) = match event {
            Event::Idle => return self.printer.flush(),
            Event::Found(found) => found,
        };
        let Some(finding) = found? else {
            let why = row.address.err().unwrap_or_default();
            let stop = Stop::new(Class::Data, why);
            return self
                .worst
                .take(&format!("{} {}", row.what, row.number), Err(stop));
        };
        self.bar.suspend(|| self.printer.print(&row, &finding))?;
        self.count(finding.verdict);
        let class = match finding.verdict {
            Verdict::Deliverable | Verdict::Risky => return Ok(()),
            Verdict::Undeliverable => Class::NoUser,
            Verdict::Unknown => Class::Temporary,
        };
        self.worst.take("", Err(Stop::Status(class)))
    }

    fn count(&mut self, verdict: Verdict) {
        if self.bar.is_hidden() {
            return;
        }
        *self.counts.entry(verdict.name()).or_default() += 1;
        self.bar.inc(1);
        let told = self.counts.iter().map(|(name, n)| format!("{n} {name}"));
        self.bar.set_message(told.collect::<Vec<_>>().join(", "));
    }
}

/// Without a template that fits, the bar's own.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {pos} ({per_sec}) {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
