//! The delivery engine: claim, expand, route, send, record, settle, bounce.
//!
//! A run ([`run`]) reads the spool and hands each due message to a thread of its
//! own ([`job`]): the spool blocks, and a message whose host is slow must hold
//! up nobody. The network is async and answers those threads through one
//! runtime. Connections to one destination are bounded and reused ([`pool`]); a
//! message that finds its destination busy waits for it without holding its
//! claim.

mod attempt;
mod batch;
mod board;
mod content;
mod expand;
mod explain;
mod finish;
mod flow;
mod forward;
mod giveup;
mod hop;
mod hosts;
mod job;
mod line;
mod local;
mod login;
pub mod metrics;
mod notice;
mod now;
mod parent;
mod pool;
mod remote;
mod result;
mod schedule;
mod wake;
mod worker;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::class::{Class, Classify};
use crate::config::{self, Book, BookFiles, Config};
use crate::log;
use crate::net::dns::Resolver;
use crate::net::tls::Connector;
use crate::route::table::Table;
use crate::route::transport::Transport;
use crate::smtp::client::{Talk, Trace};
use crate::spool::{Attempt, Envelope, Id, Outcome, Spool, State, Target};

pub use explain::{Explanation, explain_route};
pub use finish::{Told, ToldOf, told_of};
pub use giveup::{GaveUp, GiveUp};
pub use local::append_to_mbox;
pub use login::Prompt;
pub use now::{Delivered, now};

/// How long a run lasts.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// Each due message once (`all`: also those not due), then end.
    Pass { all: bool },
    /// These messages once, due or not.
    Only(Vec<Id>),
    /// Resident until SIGTERM (`--watch`).
    Watch,
    /// Resident until nothing is left in `new/` and `cur/` (`--drain`).
    Drain,
}

impl Mode {
    /// As the log names it.
    fn name(&self) -> &'static str {
        match self {
            Mode::Pass { .. } | Mode::Only(_) => "pass",
            Mode::Watch => "watch",
            Mode::Drain => "drain",
        }
    }
}

/// What a run did, in recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub delivered: u64,
    pub deferred: u64,
    pub failed: u64,
}

impl Summary {
    fn count<'a>(&mut self, attempts: impl IntoIterator<Item = &'a Attempt>) {
        for attempt in attempts {
            match attempt.result {
                Outcome::Delivered => self.delivered += 1,
                Outcome::Failed => self.failed += 1,
                Outcome::Deferred | Outcome::Unknown => self.deferred += 1,
            }
        }
    }

    fn add(&mut self, other: Summary) {
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.failed += other.failed;
    }
}

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Spool(#[from] crate::spool::SpoolError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error("{0}: {1}")]
    System(&'static str, std::io::Error),
    #[error("message {0} cannot be worked on and stays queued: {1}")]
    Message(Id, crate::spool::SpoolError),
    #[error("{0}")]
    NotAllowed(String),
    /// In the worker's words.
    #[error("{0}")]
    Worker(String),
}

impl Classify for RunError {
    fn class(&self) -> Class {
        match self {
            RunError::Spool(e) => e.class(),
            RunError::Config(e) => e.class(),
            RunError::Message(_, e) => e.class(),
            RunError::System(..) => Class::OsErr,
            // Whatever it was, the mail is still queued.
            RunError::Worker(_) => Class::Temporary,
            RunError::NotAllowed(_) => Class::Permission,
        }
    }
}

/// What all deliveries of a process share.
#[derive(Debug)]
struct Engine {
    config: Config,
    table: Table,
    /// Without `hold:` routes, for messages that were released.
    released: Table,
    book: BookFiles,
    /// Made when the first name is asked for: many a next hop is an address.
    resolver: LazyLock<Result<Resolver, String>, MakeResolver>,
    connector: Connector,
    logins: login::Logins,
    pool: pool::Pool,
    runtime: Handle,
    stop: watch::Receiver<bool>,
    parent: Option<Arc<parent::Link>>,
    /// What whoever waits wants of each dialogue.
    talk: Talk,
    notices: notice::Cap,
    /// The first message that the spool's own errors kept from being worked on.
    trouble: Mutex<Option<(Id, crate::spool::SpoolError)>>,
}

type MakeResolver = Box<dyn FnOnce() -> Result<Resolver, String> + Send>;

/// Inside `runtime`, whose clock and sockets the resolver uses.
fn make_resolver(config: &Config, runtime: &Handle) -> MakeResolver {
    let (dns, runtime) = (config.dns.clone(), runtime.clone());
    Box::new(move || {
        let _inside = runtime.enter();
        Resolver::new(&dns).map_err(|e| e.to_string())
    })
}

impl Engine {
    fn new(
        config: Config,
        runtime: Handle,
        stop: watch::Receiver<bool>,
        parent: Option<Arc<parent::Link>>,
    ) -> Engine {
        let table = config.table();
        let mut released = table.clone();
        released.routes.retain(|r| r.transport != Transport::Hold);
        if released.default.transport == Transport::Hold {
            released.default.transport = Transport::Mx;
        }
        Engine {
            table,
            released,
            book: BookFiles::default(),
            resolver: LazyLock::new(make_resolver(&config, &runtime)),
            connector: Connector::new(config.tls.ca_file.clone()),
            logins: login::Logins::default(),
            pool: pool::Pool::new(config.delivery.per_destination),
            runtime,
            stop,
            parent,
            talk: Talk::default(),
            notices: notice::Cap::default(),
            trouble: Mutex::default(),
            config,
        }
    }

    fn note_trouble(&self, id: Id, error: crate::spool::SpoolError) {
        let mut first = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert((id, error));
    }

    /// The routing table of a message: `hold:` routes catch it once, one that was
    /// released goes on; one that an operator rerouted goes where he said.
    fn table_for(&self, state: &State) -> Cow<'_, Table> {
        let given = state.route.as_deref();
        let given = given.and_then(|to| config::route_to(&self.config, to).ok());
        match given {
            Some(route) => Cow::Owned(Table::of_one(route)),
            None if state.was_released() => Cow::Borrowed(&self.released),
            None => Cow::Borrowed(&self.table),
        }
    }

    fn expand(&self, envelope: &Envelope) -> Result<Vec<Target>, String> {
        let mut forward = |name: &str| forward::targets(&self.config, forward::Reader::Own, name);
        expand::targets(&self.book(), envelope, &mut forward)
    }

    fn book(&self) -> Arc<Book> {
        self.book
            .get(&self.config, |error| log::config_error(error))
    }

    /// Is this the name of this host (MX-08)?
    fn is_self(&self, host: &str) -> bool {
        host.trim_end_matches('.')
            .eq_ignore_ascii_case(&self.config.hostname)
    }

    /// Does `work` with the sockets and clocks of the runtime that outlives any
    /// worker's: the resolver's connections are for all.
    async fn shared<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            let _inside = self.runtime.enter();
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Ends when the run is told to end.
    async fn stopped(&self) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn runtime() -> Result<Runtime, RunError> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| RunError::System("starting the runtime", e))
}

/// The runtime that a connection lives on.
enum Home<'r> {
    /// Of all the process: driven by its own threads.
    Shared(&'r Handle),
    /// A worker's: driven while that waits.
    Own(&'r Runtime),
}

impl Home<'_> {
    fn block_on<F: Future>(&self, work: F) -> F::Output {
        match self {
            Home::Shared(handle) => handle.block_on(work),
            Home::Own(runtime) => runtime.block_on(work),
        }
    }
}

/// Runs the queue; builds the runtime itself. Blocks until the run is over.
/// Started as root on another user's spool it works as that user and leaves a
/// parent behind for local deliveries (DESIGN section 5); so it has to be called
/// before any thread is started. `trace` is told of every dialogue.
pub fn run(
    config: Config,
    spool: Spool,
    mode: Mode,
    trace: Option<Trace>,
) -> Result<Summary, RunError> {
    let parent = match parent::split(&config, &spool)? {
        parent::Side::Alone => None,
        parent::Side::Worker(link) => Some(link),
        parent::Side::Parent(summary) => return summary,
    };
    let parent = parent.map(Arc::new);
    let result = run_here(config, &spool, mode, trace, parent.clone());
    match parent {
        Some(link) => parent::end_worker(&link, &result),
        None => result,
    }
}

fn run_here(
    config: Config,
    spool: &Spool,
    mode: Mode,
    trace: Option<Trace>,
    parent: Option<Arc<parent::Link>>,
) -> Result<Summary, RunError> {
    let name = mode.name();
    log::runner_started(name, &spool.path().display());
    let runtime = runtime()?;
    let once = matches!(mode, Mode::Pass { .. } | Mode::Only(_));
    let (stop, stopped) = watch::channel(false);
    if mode == Mode::Watch {
        let _inside = runtime.enter();
        metrics::listen(&config.queue.metrics, spool.path());
    }
    let mut engine = Engine::new(config, runtime.handle().clone(), stopped, parent);
    engine.talk.trace = trace;
    let board = board::Board::default();
    let summary = std::thread::scope(|threads| {
        runtime.block_on(schedule::run(&engine, spool, &board, mode, threads, stop))
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match &summary {
        Ok(s) => log::runner_stopped(name, s.delivered, s.deferred, s.failed),
        Err(error) => log::run_failed(name, error),
    }
    let trouble = engine.trouble.into_inner();
    match trouble.unwrap_or_else(PoisonError::into_inner) {
        // Who stays tries again by itself, and the log has it.
        Some((id, error)) if once => Err(RunError::Message(id, error)),
        _ => summary,
    }
}

/// Whose spool it is, for people.
fn owner_name(path: &Path, uid: u32) -> String {
    match crate::sys::user_by_uid(uid) {
        Some(user) => format!("{} belongs to {}", path.display(), user.name),
        None => format!("{} belongs to user {uid}", path.display()),
    }
}
