//! Durations and sizes as text.

use std::time::Duration;

/// Longest duration taken: ten years. Sums with it stay far from overflow.
pub const LONGEST: u64 = 10 * 365 * 86400;

const UNITS: [(char, u64); 5] = [
    ('w', 7 * 86400),
    ('d', 86400),
    ('h', 3600),
    ('m', 60),
    ('s', 1),
];

/// `5m`, `1h30m`, `5d`: whole numbers, each with a unit of `w d h m s`, larger
/// units first, each once.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut rest = text.trim();
    let mut total = 0u64;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let (_, seconds) = units.find(|(letter, _)| *letter == unit)?;
        total = total.checked_add(number.checked_mul(*seconds)?)?;
        rest = rest[end + unit.len_utf8()..].trim_start();
        if rest.is_empty() {
            return (total <= LONGEST).then(|| Duration::from_secs(total));
        }
    }
}

/// The shortest text that [`parse_duration`] reads as `duration`, which counts
/// in whole seconds.
pub fn duration_text(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    for (letter, seconds) in &UNITS[1..] {
        if left >= *seconds {
            text.push_str(&format!("{}{letter}", left / seconds));
            left %= seconds;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

const SIZES: [(&str, u32); 3] = [("G", 30), ("M", 20), ("K", 10)];

/// `50M`, `50MiB`: powers of 1024 both. `50MB` is refused, as it would be read
/// either way.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let unit = text[end..].trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, shift) = SIZES
        .iter()
        .find(|(letter, _)| unit.strip_suffix("iB").unwrap_or(unit) == *letter)?;
    number.checked_mul(1 << shift)
}

/// The shortest text that [`parse_size`] reads as `size`.
pub fn size_text(size: u64) -> String {
    let unit = SIZES
        .iter()
        .find(|(_, shift)| size > 0 && size.trailing_zeros() >= *shift);
    match unit {
        Some((letter, shift)) => format!("{}{letter}", size >> shift),
        None => size.to_string(),
    }
}
