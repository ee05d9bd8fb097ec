//! Names of messages.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys;

/// Name of a message: upper-case letters and digits, a hex digit first, at most
/// 16, sorted by arrival, unique without coordination.
///
/// Ours have 16 characters of 5 bits (the first of 4): 49 bits of time in
/// 1/32 ms since 1970, whose first bit stays 0 until the year 2248, then 30
/// random bits. Those made from another message have the first bit set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

/// In ASCII order, without I, L, O, U: ids sort as the numbers do.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_BITS: u32 = 30;
const TIME_MASK: u64 = (1 << 48) - 1;
const DERIVED: u128 = 1 << 78;

/// Time part of the last id made by this process.
static LAST: AtomicU64 = AtomicU64::new(0);

impl Id {
    /// A new one, from the clock and random bits. Later ones of a process are
    /// greater, whatever the clock does.
    pub fn generate() -> io::Result<Id> {
        let random = u32::from_ne_bytes(sys::random()?) >> (32 - RANDOM_BITS);
        Ok(Id::from_bits(
            u128::from(next_tick(now())) << RANDOM_BITS | u128::from(random),
        ))
    }

    /// The id of a message made from another (bounce, delay or success notice,
    /// list child): hashed, so that a repeat after a crash gets the same.
    /// FNV-1a of 128 bits, folded to 78.
    pub fn derived(from: &Id, kind: &str, targets: &[u32]) -> Id {
        let numbers = targets.iter().flat_map(|t| t.to_le_bytes());
        let octets = from.as_str().bytes().chain([0]);
        let hash = fnv1a(octets.chain(kind.bytes()).chain([0]).chain(numbers));
        Id::from_bits((hash ^ hash >> 78) & (DERIVED - 1) | DERIVED)
    }

    /// When it was made, to 1/32 ms; `None` where it does not tell: made from
    /// another message, or not by us.
    pub fn time(&self) -> Option<jiff::Timestamp> {
        if self.is_derived() || self.as_str().len() != self.0.len() {
            return None;
        }
        let bits = self.0.iter().try_fold(0u128, |bits, symbol| {
            let value = ALPHABET.binary_search(symbol).ok()?;
            Some(bits << 5 | value as u128)
        })?;
        let ticks = i128::try_from(bits >> RANDOM_BITS).ok()?;
        jiff::Timestamp::from_nanosecond(ticks * 31_250).ok()
    }

    /// True where it was made by [`Id::derived`].
    pub fn is_derived(&self) -> bool {
        self.0[0] >= b'8'
    }

    /// Any legal id, of ours or not: 1 to 16 of 0-9 and A-Z, a hex digit first.
    pub fn parse(text: &str) -> Option<Id> {
        Id::from_bytes(text.as_bytes())
    }

    pub(super) fn from_bytes(text: &[u8]) -> Option<Id> {
        let legal = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !matches!(text.first(), Some(b'0'..=b'9' | b'A'..=b'F')) || !text.iter().all(legal) {
            return None;
        }
        let mut id = [0; 16];
        id.get_mut(..text.len())?.copy_from_slice(text);
        Some(Id(id))
    }

    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(16);
        // Only ASCII gets in.
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    fn from_bits(bits: u128) -> Id {
        let mut id = [0; 16];
        for (i, symbol) in id.iter_mut().rev().enumerate() {
            *symbol = ALPHABET[(bits >> (5 * i) & 31) as usize];
        }
        Id(id)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 1/32 ms since 1970.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos() / 31_250).unwrap_or(u64::MAX) & TIME_MASK
}

/// `now`, or one more than the last.
fn next_tick(now: u64) -> u64 {
    let step = |last: u64| Some(now.max(last.saturating_add(1)));
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
        Ok(last) => now.max(last.saturating_add(1)) & TIME_MASK,
        Err(_) => now,
    }
}

fn fnv1a(octets: impl Iterator<Item = u8>) -> u128 {
    const OFFSET: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    octets.fold(OFFSET, |hash, octet| {
        (hash ^ u128::from(octet)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_strictly_increase() {
        let ids: Vec<Id> = (0..10_000).map(|_| Id::generate().unwrap()).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1]));
        assert!(ids.iter().all(|i| Id::parse(i.as_str()) == Some(*i)));
        assert!(
            ids.iter()
                .all(|i| i.as_str().len() == 16 && !i.is_derived())
        );
    }

    #[test]
    fn a_clock_that_goes_back_gives_greater_ids_all_the_same() {
        let later = next_tick(now() + 1_000_000);
        assert!(next_tick(5) > later);
    }

    #[test]
    fn derived_ids_repeat_and_stand_apart() {
        let from = Id::generate().unwrap();
        let id = Id::derived(&from, "bounce", &[1, 2]);
        assert_eq!(id, Id::derived(&from, "bounce", &[1, 2]));
        assert!(id.is_derived() && id > from);
        let others = [
            Id::derived(&from, "delay", &[1, 2]),
            Id::derived(&from, "bounce", &[1]),
            Id::derived(&from, "bounce", &[2, 1]),
            Id::derived(&Id::generate().unwrap(), "bounce", &[1, 2]),
        ];
        assert!(!others.contains(&id));
        assert_eq!(Id::parse(id.as_str()), Some(id));
    }

    #[test]
    fn ids_tell_their_time() {
        let before = jiff::Timestamp::now();
        let id = Id::generate().unwrap();
        let since = id.time().unwrap().duration_since(before);
        // Ids of one process run ahead of the clock where they come fast.
        assert!(since.as_millis().abs() < 60_000, "{since:?}");
        assert_eq!(Id::derived(&id, "bounce", &[0]).time(), None);
        for other in ["0A", "0IIIIIIIIIIIIIII"] {
            assert_eq!(Id::parse(other).unwrap().time(), None);
        }
    }

    #[test]
    fn parse_takes_legal_ids_only() {
        assert_eq!(
            Id::parse("01J9ZK3F8Q2V7M").unwrap().as_str(),
            "01J9ZK3F8Q2V7M"
        );
        for bad in [
            "",
            "G1",
            "abc",
            "0.1",
            "0/1",
            "0 ",
            "01234567890123456",
            "0\u{e9}",
            "0\0",
        ] {
            assert_eq!(Id::parse(bad), None, "{bad:?}");
        }
    }

    /// The published check values of the FNV specification.
    #[test]
    fn fnv1a_gives_the_published_values() {
        assert_eq!(fnv1a([].into_iter()), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(
            fnv1a([b'a'].into_iter()),
            0xd228cb696f1a8caf78912b704e4a8964
        );
    }
}
