//! What wakes a run: signals, and the spool.

use std::os::fd::AsFd;

use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::RunError;
use crate::spool::{Spool, Wake, Watch};

/// SIGTERM and SIGINT end a run; SIGHUP asks for one.
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

pub enum Told {
    End,
    Run,
}

impl Signals {
    pub fn new() -> Result<Signals, RunError> {
        let on = |kind| signal(kind).map_err(|e| RunError::System("signal handlers", e));
        Ok(Signals {
            term: on(SignalKind::terminate())?,
            int: on(SignalKind::interrupt())?,
            hup: on(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.term.recv() => Told::End,
            _ = self.int.recv() => Told::End,
            _ = self.hup.recv() => Told::Run,
        }
    }
}

/// The spool's wake-ups, as the runtime can wait for them.
pub struct Wakes {
    watch: Watch,
    /// A second descriptor of the same queue of events: tells when there are any.
    bell: Receiver,
}

impl Wakes {
    pub fn new(spool: &Spool) -> Result<Wakes, RunError> {
        let failed = |e| RunError::System("watching the spool", e);
        let watch = spool.watch()?;
        let second = watch.as_fd().try_clone_to_owned().map_err(failed)?;
        let bell = Receiver::from_owned_fd_unchecked(second).map_err(failed)?;
        Ok(Wakes { watch, bell })
    }

    pub async fn wait(&mut self) -> Result<Wake, RunError> {
        let failed = |e| RunError::System("watching the spool", e);
        self.bell.readable().await.map_err(failed)?;
        let wake = self.watch.take()?;
        // Refused where the queue is empty, and then the runtime waits anew;
        // refused otherwise too, for an event is longer: none is taken here.
        let _ = self.bell.try_read(&mut [0]);
        Ok(wake)
    }
}
