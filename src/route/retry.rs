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
    ///
    /// The last attempt falls on the end of the message's time, so that it is
    /// given up only after a try then. A clock that stepped back makes a
    /// message young again, never old (D5).
    pub fn next(&self, attempts: u32, queued_at: u64, now: u64, random: f64) -> Option<u64> {
        if attempts == 0 {
            return Some(now);
        }
        let left = self
            .give_up
            .as_secs()
            .checked_sub(now.saturating_sub(queued_at))?;
        if left == 0 {
            return None;
        }
        Some(now.saturating_add(self.wait(attempts, random).min(left)))
    }

    /// True where a message due at `due` is to be tried. A due time further
    /// away than the longest wait comes from another clock, so it counts as
    /// past (D5).
    pub fn is_due(&self, due: u64, now: u64) -> bool {
        due <= now || due - now > self.longest_wait()
    }

    /// Seconds, at least one, so that a schedule of zeros doesn't spin.
    fn wait(&self, attempts: u32, random: f64) -> u64 {
        let power = self
            .factor
            .max(1.0)
            .powf(f64::from(attempts.saturating_sub(1)));
        let plain = (self.first.as_secs_f64() * power).min(self.longest.as_secs_f64());
        let swing = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        // A float beyond u64 saturates, NaN becomes 0.
        ((plain * swing).round() as u64).max(1)
    }

    fn longest_wait(&self) -> u64 {
        let longest = self.longest.max(self.first).as_secs_f64();
        ((longest * (1.0 + self.jitter.clamp(0.0, 1.0))).ceil() as u64).max(1)
    }
}

#[cfg(test)]
mod tests;
