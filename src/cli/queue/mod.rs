//! `smtp-queue`: everything about the spool.

mod act;
mod check;
mod deliver;
mod explain;
mod export;
mod giveup;
mod import;
mod list;
mod metrics;
mod report;
mod route;
mod run;
mod select;
mod setup;
mod show;
mod stats;

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::drain::Runner;
use super::{Done, Stop};
use crate::class::Class;
use crate::config::{Config, LogTo, Overrides};
use crate::spool::{Spool, SpoolError};
use crate::sys;

pub const TOOL: &str = "smtp-queue";

/// List, run, act on and report queued mail.
#[derive(Parser)]
#[command(name = TOOL, version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone, Debug, Default)]
struct Common {
    /// Configuration file instead of the usual ones
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Spool directory
    #[arg(long, value_name = "DIR", global = true)]
    spool: Option<PathBuf>,
    /// No progress bar on long work
    #[arg(long, global = true)]
    no_progress: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List queued messages, oldest first
    List(list::Options),
    /// Show a message's envelope and state
    Show(show::ShowOptions),
    /// Print a message
    Cat(show::CatOptions),
    /// Tell what happened to a message and what will
    Explain(explain::Options),
    /// Count the queue by destination, reason or state, and age
    Stats(stats::Options),
    /// Deliver what is due
    Run(run::Options),
    /// Deliver one message from standard input, without the queue
    Deliver(deliver::Options),
    /// Stop trying until released
    Hold(act::Options),
    /// Let held messages go again
    Release(act::Options),
    /// Try messages now
    Retry(act::Options),
    /// Remove messages; nobody is told, a day long they can be restored
    Remove(act::RemoveOptions),
    /// Put removed messages back
    Restore(act::RestoreOptions),
    /// Return messages to their senders
    Bounce(giveup::BounceOptions),
    /// Give messages up as if their time were over
    Expire(act::Options),
    /// Give messages another route
    Reroute(act::RerouteOptions),
    /// Write messages to standard output, for import or as batch SMTP
    Export(export::Options),
    /// Queue messages from standard input
    Import(import::Options),
    /// Look for what is wrong in the spool
    Check(check::Options),
    /// Print figures for Prometheus
    Metrics,
    /// Report what became of the mail of a time
    Report(report::Options),
    /// Tell where mail to an address would go, sending nothing
    Route(route::Options),
    /// Make the spool, or put owners and modes of one that is there right
    Setup,
    /// Print the configuration in force and where each value came from
    Config(route::ConfigOptions),
}

/// What every command works with.
struct Context {
    config: Config,
    /// What `--config` said, for a runner to be started.
    config_file: Option<PathBuf>,
    /// The program to name in messages: `smtp-queue hold`.
    tool: &'static str,
    no_progress: bool,
}

impl Context {
    fn spool(&self) -> Result<Spool, Stop> {
        self.ours(Spool::open(&self.config.spool))
    }

    fn ours(&self, opened: Result<Spool, SpoolError>) -> Result<Spool, Stop> {
        opened.map_err(|error| match error.is_refused() {
            true => self.not_ours(),
            false => error.into(),
        })
    }

    /// Whoever may not look at a spool gets one line and 77.
    fn not_ours(&self) -> Stop {
        let path = self.config.spool.display();
        let owner = std::fs::metadata(&self.config.spool).ok().map(|m| m.uid());
        let name = owner.and_then(sys::user_by_uid).map(|user| user.name);
        let owner = match (name, owner) {
            (Some(name), _) => format!("{name}'s"),
            (None, Some(uid)) => format!("user {uid}'s"),
            (None, None) => "another user's".to_owned(),
        };
        let words =
            format!("the spool {path} is {owner}: run this as root, or give your own with --spool");
        Stop::new(Class::Permission, words)
    }

    /// Root does the spool's work as its owner, whose the files then are.
    fn as_owner<T>(
        &self,
        spool: &Spool,
        work: impl FnOnce() -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let is_foreign = rustix::process::geteuid().is_root() && spool.owner() != 0;
        if !is_foreign {
            return work();
        }
        let failed = |e: std::io::Error| Stop::new(Class::OsErr, format!("change the user: {e}"));
        sys::with_effective_group(spool.group(), || {
            sys::with_effective_user(spool.owner(), work)
        })
        .map_err(failed)?
        .map_err(failed)?
    }

    /// Wakes the resident runner, or starts one.
    fn wake(&self, spool: &Spool) -> Done {
        if spool.has_runner()? {
            spool.ask_run()?;
        } else {
            Runner::new(&self.config.spool, self.config_file.as_deref()).wake(spool);
        }
        Ok(())
    }
}

/// The program's body. Called as `runq` it is `smtp-queue run`.
pub fn main(mut args: Vec<OsString>) -> Done {
    let name = std::env::args_os().next().unwrap_or_default();
    if std::path::Path::new(&name).file_name() == Some("runq".as_ref()) {
        args.insert(0, "run".into());
    }
    let Cli { common, command } = super::parse(TOOL, args)?;
    let config = Config::load(&Overrides {
        config: common.config.clone(),
        spool: common.spool,
        privileged: false,
    })?;
    let to = match (&command, config.log) {
        // What was done stands on the terminal already.
        (command, LogTo::Auto) if !matches!(command, Command::Run(_)) => LogTo::Syslog,
        (_, to) => to,
    };
    crate::log::open(to, TOOL);
    let context = |tool| Context {
        config,
        config_file: common.config,
        no_progress: common.no_progress,
        tool,
    };
    match command {
        Command::List(o) => list::list(&context("smtp-queue list"), &o),
        Command::Show(o) => show::show(&context("smtp-queue show"), &o),
        Command::Cat(o) => show::cat(&context("smtp-queue cat"), &o),
        Command::Explain(o) => explain::explain(&context("smtp-queue explain"), &o),
        Command::Stats(o) => stats::stats(&context("smtp-queue stats"), &o),
        Command::Run(o) => run::run(context("smtp-queue run"), &o),
        Command::Deliver(o) => deliver::deliver(context("smtp-queue deliver"), &o),
        Command::Hold(o) => act::act(&context("smtp-queue hold"), &o, act::Act::Hold),
        Command::Release(o) => act::act(&context("smtp-queue release"), &o, act::Act::Release),
        Command::Retry(o) => act::act(&context("smtp-queue retry"), &o, act::Act::Retry),
        Command::Remove(o) => act::remove(&context("smtp-queue remove"), &o),
        Command::Restore(o) => act::restore(&context("smtp-queue restore"), &o),
        Command::Bounce(o) => giveup::bounce(&context("smtp-queue bounce"), &o),
        Command::Expire(o) => giveup::expire(&context("smtp-queue expire"), &o),
        Command::Export(o) => export::export(&context("smtp-queue export"), &o),
        Command::Import(o) => import::import(&context("smtp-queue import"), &o),
        Command::Check(o) => check::check(&context("smtp-queue check"), &o),
        Command::Metrics => metrics::metrics(&context("smtp-queue metrics")),
        Command::Report(o) => report::report(&context("smtp-queue report"), &o),
        Command::Reroute(o) => act::reroute(&context("smtp-queue reroute"), &o),
        Command::Route(o) => route::route(&context("smtp-queue route"), &o),
        Command::Setup => setup::setup(&context("smtp-queue setup")),
        Command::Config(o) => route::config(&context("smtp-queue config"), &o),
    }
}
