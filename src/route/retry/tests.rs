use super::*;

const DAY: u64 = 86400;

fn steady() -> Schedule {
    Schedule {
        jitter: 0.0,
        ..Schedule::default()
    }
}

#[test]
fn waits_double_up_to_the_longest() {
    let waits: Vec<u64> = (1..9)
        .map(|n| steady().next(n, 0, 0, 0.5).unwrap())
        .collect();
    assert_eq!(waits, [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]);
}

/// A whole life: every due time is kept, the last attempt is at the very end.
#[test]
fn five_days_of_attempts() {
    let (mut now, mut attempts) = (1000, 0);
    while let Some(next) = steady().next(attempts, 1000, now, 0.5) {
        assert!(next > now || attempts == 0);
        now = next;
        attempts += 1;
    }
    assert_eq!(now, 1000 + 5 * DAY);
    assert_eq!(attempts, 36);
}

#[test]
fn jitter_swings_by_its_share() {
    let schedule = Schedule::default();
    assert_eq!(schedule.next(1, 0, 0, 0.0), Some(270));
    assert_eq!(schedule.next(1, 0, 0, 0.999_999), Some(330));
}

/// D5: nothing is given up without a try, whatever the clock says.
#[test]
fn clocks_that_jump() {
    let schedule = steady();
    assert_eq!(
        schedule.next(0, 1000, 1000 + 10 * DAY, 0.5),
        Some(1000 + 10 * DAY)
    );
    assert_eq!(schedule.next(1, 1000, 1000 + 10 * DAY, 0.5), None);
    // Back: the message seems to come from the future.
    assert_eq!(schedule.next(1, 5000, 1000, 0.5), Some(1300));
    assert!(schedule.is_due(1000, 1000));
    assert!(!schedule.is_due(1000 + 4 * 3600, 1000));
    assert!(schedule.is_due(1000 + 10 * DAY, 1000));
}

#[test]
fn odd_schedules_stay_sane() {
    let zero = Schedule {
        first: Duration::ZERO,
        factor: 0.0,
        longest: Duration::ZERO,
        jitter: 9.0,
        give_up: Duration::from_secs(1),
    };
    assert_eq!(zero.next(1, 0, 0, 0.0), Some(1));
    assert_eq!(zero.next(2, 0, 1, 0.0), None);
    let seconds = Schedule {
        first: Duration::from_secs(1),
        ..steady()
    };
    assert_eq!(seconds.next(1, 0, 0, 0.5), Some(1));
    assert_eq!(steady().next(u32::MAX, 0, 0, 0.5), Some(14400));
    let nan = Schedule {
        factor: f64::NAN,
        jitter: f64::NAN,
        ..steady()
    };
    assert!(nan.next(3, 0, 0, f64::NAN).is_some());
    let never = Schedule {
        give_up: Duration::ZERO,
        ..steady()
    };
    assert_eq!(never.next(0, 7, 7, 0.5), Some(7));
    assert_eq!(never.next(1, 7, 7, 0.5), None);
}

proptest::proptest! {
    #[test]
    fn the_next_attempt_is_ahead_and_near(attempts: u32, queued: u64, now: u64, random in 0.0..1.0f64) {
        let schedule = Schedule::default();
        if let Some(next) = schedule.next(attempts, queued, now, random) {
            assert!(next >= now && next - now <= schedule.longest_wait());
            assert!(schedule.is_due(next, next));
        }
    }
}
