//! The delivery engine: claim, expand, route, send, record, settle, bounce.

use crate::config::Config;
use crate::spool::{Id, Spool};

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

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub delivered: u64,
    pub deferred: u64,
    pub failed: u64,
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
}

impl crate::class::Classify for RunError {
    fn class(&self) -> crate::class::Class {
        use crate::class::Class;
        match self {
            RunError::Spool(e) => e.class(),
            RunError::Config(e) => e.class(),
            RunError::System(..) => Class::OsErr,
        }
    }
}

/// Runs the queue; builds the runtime itself. Blocks until the run is over.
pub fn run(_config: Config, _spool: Spool, _mode: Mode) -> Result<Summary, RunError> {
    todo!()
}
