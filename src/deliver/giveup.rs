//! Giving a message up at an operator's word: who is left is failed, the sender
//! is told, the message goes. The way of a run, without the attempt.

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::job::{self, Task};
use super::{Engine, RunError, runtime};
use crate::config::Config;
use crate::spool::{Entry, Spool, SpoolError};

/// Gives messages up, one after another.
pub struct GiveUp {
    engine: Engine,
    // Dropped after what lives in it.
    _runtime: Runtime,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Gone; who was to be told was told.
    Done,
    /// It stays: the notice cannot be made now.
    Waits,
    /// There is nobody to tell: in `.Failed/`.
    SetAside,
}

impl GiveUp {
    /// Builds its own runtime; nothing is looked up or sent.
    pub fn new(config: Config) -> Result<GiveUp, RunError> {
        let runtime = runtime()?;
        let (_stop, stopped) = watch::channel(false);
        let engine = Engine::new(config, runtime.handle().clone(), stopped, None);
        Ok(GiveUp {
            engine,
            _runtime: runtime,
        })
    }

    /// Fails whoever has no result yet. `words`: an enhanced status code and why;
    /// `None`: the time is over (5.4.7).
    pub fn message(
        &self,
        spool: &Spool,
        entry: &Entry,
        words: Option<(&str, &str)>,
    ) -> Result<GaveUp, SpoolError> {
        job::end(&self.engine, spool, entry, &Task::GiveUp(words))
    }
}
