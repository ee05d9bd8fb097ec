//! The limits on sessions, in all and by address (D4).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// The service has all the sessions it may have.
    All,
    /// This address has.
    Address,
}

impl Busy {
    /// The whole dialogue with a client that comes too much.
    pub fn reply(self) -> &'static str {
        match self {
            Busy::All => "421 4.3.2 too many sessions, try again later\r\n",
            Busy::Address => "421 4.7.0 too many sessions from your address\r\n",
        }
    }
}

/// Counts sessions, in all and by address.
#[derive(Debug)]
pub struct Slots {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One session's place; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    key: Option<IpAddr>,
}

impl Slots {
    pub fn new(most: usize, most_per_address: usize) -> Arc<Slots> {
        Arc::new(Slots {
            most,
            most_per_address,
            taken: Mutex::default(),
        })
    }

    /// Without an address (a Unix socket) only all are counted.
    pub fn take(self: &Arc<Slots>, address: Option<IpAddr>) -> Result<Slot, Busy> {
        let key = address.map(key);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Busy::All);
        }
        if let Some(key) = key {
            let of_address = taken.by_address.entry(key).or_default();
            if *of_address >= self.most_per_address {
                return Err(Busy::Address);
            }
            *of_address = of_address.saturating_add(1);
        }
        taken.all = taken.all.saturating_add(1);
        Ok(Slot {
            slots: self.clone(),
            key,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self
            .slots
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let Some(key) = self.key else { return };
        match taken.by_address.get_mut(&key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by_address.remove(&key)),
        }
    }
}

/// One network of IPv6 is one party: it has 2^64 addresses to come from.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_sessions_are_counted_in_all_and_by_address() {
        let slots = Slots::new(3, 2);
        let take = |a: &str| slots.take(Some(a.parse().unwrap()));
        let _one = take("192.0.2.1").unwrap();
        let two = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Busy::Address);
        let _three = take("2001:db8::1").unwrap();
        assert_eq!(take("192.0.2.9").unwrap_err(), Busy::All);
        drop(two);
        let _four = take("2001:db8::2").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Busy::All);
    }

    #[test]
    fn a_neighbour_in_the_same_ipv6_network_is_the_same_party() {
        let slots = Slots::new(9, 1);
        let _one = slots.take(Some("2001:db8::1".parse().unwrap())).unwrap();
        assert_eq!(
            slots
                .take(Some("2001:db8::2".parse().unwrap()))
                .unwrap_err(),
            Busy::Address
        );
        assert!(slots.take(Some("2001:db8:0:1::1".parse().unwrap())).is_ok());
        assert!(
            slots
                .take(Some("::ffff:192.0.2.1".parse().unwrap()))
                .is_ok()
        );
    }
}
