//! Sizes and times as people read them.

use jiff::Timestamp;

/// `2h 5m`, `3d 4h`, `12s`: the largest unit of a number of seconds and the one
/// below it.
pub fn duration(seconds: u64) -> String {
    let pair = |length: u64, name, below: u64, small| {
        let rest = seconds % length / below;
        match rest {
            0 => format!("{}{name}", seconds / length),
            _ => format!("{}{name} {rest}{small}", seconds / length),
        }
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => pair(60, "m", 1, "s"),
        3600..86400 => pair(3600, "h", 60, "m"),
        _ => pair(86400, "d", 3600, "h"),
    }
}

/// `812 B`, `3.2 KiB`, `100 MiB`.
pub fn size(octets: u64) -> String {
    let mut value = octets as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// RFC 3339 in UTC, whole seconds, never later than it was.
pub fn utc(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// Unix seconds as RFC 3339 in UTC; `-` for 0 and for what no calendar holds.
pub fn utc_seconds(seconds: u64) -> String {
    match i64::try_from(seconds).map(Timestamp::from_second) {
        Ok(Ok(time)) if seconds > 0 => utc(time),
        _ => "-".into(),
    }
}

/// `5m ago`, `in 2h 5m`, `now`.
pub fn relative(seconds: u64, now: Timestamp) -> String {
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    match seconds.cmp(&now) {
        std::cmp::Ordering::Equal => "now".into(),
        std::cmp::Ordering::Less => format!("{} ago", duration(now - seconds)),
        std::cmp::Ordering::Greater => format!("in {}", duration(seconds - now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7500, "2h 5m"),
            (3600, "1h"),
            (86400 * 3 + 4 * 3600 + 59, "3d 4h"),
            (86400 + 59, "1d"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn sizes() {
        for (octets, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (3277, "3.2 KiB"),
            (100 << 20, "100 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(size(octets), words);
        }
    }

    #[test]
    fn times() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(relative(1_000_000 + 7500, now), "in 2h 5m");
        assert_eq!(relative(999_940, now), "1m ago");
        assert_eq!(relative(1_000_000, now), "now");
        assert_eq!(utc_seconds(0), "-");
        assert_eq!(utc_seconds(1_000_000), "1970-01-12T13:46:40Z");
        assert_eq!(utc_seconds(u64::MAX), "-");
    }
}
