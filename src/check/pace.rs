//! How often something may be done, with time as an argument.

use std::time::{Duration, Instant};

/// Hands out turns, at least so far apart. The first one is at once.
#[derive(Debug)]
pub struct Pace {
    apart: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// So many a second; 0: without limit.
    pub fn per_second(rate: f64) -> Pace {
        let apart = match rate > 0.0 {
            true => Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX),
            false => Duration::ZERO,
        };
        Pace { apart, next: None }
    }

    pub fn is_limited(&self) -> bool {
        !self.apart.is_zero()
    }

    /// When the next turn is, where that is not now.
    pub fn pending(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// When the next one may be done; the turn is taken.
    pub fn turn(&mut self, now: Instant) -> Instant {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = at.checked_add(self.apart);
        at
    }

    /// The other side asked for less: half as fast from now on, and a pause.
    pub fn slow_down(&mut self, now: Instant, pause: Duration) {
        self.apart = self.apart.saturating_mul(2).min(pause);
        self.next = now.checked_add(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn turns_are_apart_and_unused_time_is_not_saved_up() {
        let now = Instant::now();
        let mut pace = Pace::per_second(2.0);
        let turns: Vec<_> = (0..3).map(|_| pace.turn(now) - now).collect();
        assert_eq!(turns, [Duration::ZERO, SECOND / 2, SECOND]);
        let later = now + SECOND * 60;
        assert_eq!(pace.turn(later), later);
        assert_eq!(pace.turn(later), later + SECOND / 2);
    }

    #[test]
    fn no_limit_is_no_wait() {
        let now = Instant::now();
        let mut pace = Pace::per_second(0.0);
        assert!((0..1000).all(|_| pace.turn(now) == now));
        assert!(!pace.is_limited());
    }

    #[test]
    fn a_host_that_asks_for_less_gets_less() {
        let now = Instant::now();
        let mut pace = Pace::per_second(1.0);
        pace.turn(now);
        pace.slow_down(now, SECOND * 30);
        assert_eq!(pace.turn(now), now + SECOND * 30);
        assert_eq!(pace.turn(now), now + SECOND * 32);
    }
}
