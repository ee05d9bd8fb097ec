//! When a deferred message is tried again.

use std::time::Duration;

/// Exponential with jitter.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub first: Duration,
    pub factor: f64,
    pub longest: Duration,
    /// Share by which a wait may be longer or shorter, 0 to 1.
    pub jitter: f64,
    /// After this long in the queue the message is given up.
    pub give_up: Duration,
}

impl Default for Schedule {
    /// 5 minutes, doubling to 4 hours, a tenth of jitter, 5 days.
    fn default() -> Schedule {
        Schedule {
            first: Duration::from_secs(300),
            factor: 2.0,
            longest: Duration::from_secs(4 * 3600),
            jitter: 0.1,
            give_up: Duration::from_secs(5 * 86400),
        }
    }
}

impl Schedule {
    /// Unix seconds of the next attempt after `attempts` have failed, or `None`
    /// where the message has been tried and is too old. `random` is in 0..1.
    pub fn next(&self, _attempts: u32, _queued_at: u64, _now: u64, _random: f64) -> Option<u64> {
        todo!()
    }
}
