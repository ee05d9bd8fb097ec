//! `smtp-queue run`.

use super::Context;
use super::select::Filter;
use crate::cli::{Done, Stop};
use crate::deliver::{self, Mode};
use crate::smtp::client::Trace;
use crate::spool::Spool;

#[derive(clap::Args)]
pub struct Options {
    /// Stay, and deliver what comes (a service)
    #[arg(long, conflicts_with_all = ["drain", "all", "id", "sender", "recipient", "domain", "reason", "age", "size", "state"])]
    watch: bool,
    /// Stay until nothing is left in the queue
    #[arg(long, conflicts_with_all = ["all", "id", "sender", "recipient", "domain", "reason", "age", "size", "state"])]
    drain: bool,
    /// Try messages that are not yet due as well
    #[arg(long)]
    all: bool,
    /// Only this message, due or not (may be repeated)
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Show each dialogue with a server on stderr, secrets masked
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    filter: Filter,
}

pub fn run(context: Context, options: &Options) -> Done {
    let spool = open(&context)?;
    let mode = mode(&spool, options)?;
    let trace = options
        .trace
        .then_some(crate::cli::trace::to_stderr as Trace);
    deliver::run(context.config, spool, mode, trace)?;
    Ok(())
}

fn mode(spool: &Spool, options: &Options) -> Result<Mode, Stop> {
    if options.watch {
        return Ok(Mode::Watch);
    }
    if options.drain {
        return Ok(Mode::Drain);
    }
    let mut ids = Vec::new();
    for prefix in &options.id {
        ids.push(spool.find(prefix)?.id);
    }
    if !options.filter.is_empty() {
        let queued = options.filter.matching(spool)?.into_iter();
        ids.extend(queued.filter(|e| e.place.is_queued()).map(|e| e.id));
    } else if ids.is_empty() {
        return Ok(Mode::Pass { all: options.all });
    }
    Ok(Mode::Only(ids))
}

/// The spool; where there is none yet, a new one.
fn open(context: &Context) -> Result<Spool, Stop> {
    let path = &context.config.spool;
    match path.exists() {
        true => context.ours(Spool::open_or_create(path, None)),
        false => super::setup::make(&context.config),
    }
}
