//! Settings of the queue's own: notices to senders, figures for monitoring.

use std::path::PathBuf;

/// `[notices]`
#[derive(Clone, Debug, PartialEq)]
pub struct Notices {
    /// The administrator's words in the place of the built-in ones.
    pub template: Option<PathBuf>,
    /// Notices that one runner makes in an hour, at most; 0: any number.
    pub per_hour: u32,
}

impl Default for Notices {
    fn default() -> Notices {
        Notices {
            template: None,
            per_hour: 1000,
        }
    }
}

/// `[queue]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    /// Where a resident runner gives figures to Prometheus: a loopback
    /// `address:port`, or `unix:/path`.
    pub metrics: Vec<String>,
}
