//! Networks as they are written in the configuration, and which addresses mail
//! for strangers may be sent to (D2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::class::{Class, Classify};

/// An address with a prefix length: `192.0.2.0/24`, `2001:db8::/32`, `::1`.
/// IPv4 written as IPv6 (`::ffff:192.0.2.1`) is IPv4 here, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NetworkError(pub &'static str);

impl Classify for NetworkError {
    fn class(&self) -> Class {
        Class::Config
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                (net.to_bits() ^ a.to_bits()) & mask4(self.prefix) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                (net.to_bits() ^ a.to_bits()) & mask6(self.prefix) == 0
            }
            _ => false,
        }
    }
}

fn mask4(prefix: u8) -> u32 {
    !u32::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

fn mask6(prefix: u8) -> u128 {
    !u128::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Bits behind the prefix have to be zero: `10.1.2.3/8` is more often a
    /// slip for `/32` than meant, and guessing wide would open a relay.
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let form = NetworkError("a network like 192.0.2.0/24 or 2001:db8::/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
        let address: IpAddr = bare.unwrap_or(address).parse().map_err(|_| form.clone())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(p) if p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()) => return Err(form),
            Some(p) => p.parse().map_err(|_| form.clone())?,
        };
        if prefix > width {
            return Err(form);
        }
        canonical(address, prefix)
    }
}

fn canonical(address: IpAddr, prefix: u8) -> Result<Network, NetworkError> {
    let (address, prefix) = match (address.to_canonical(), address) {
        (v4 @ IpAddr::V4(_), IpAddr::V6(_)) if prefix >= 96 => (v4, prefix - 96),
        (_, as_written) => (as_written, prefix),
    };
    let rest = match address {
        IpAddr::V4(a) => u128::from(a.to_bits() & !mask4(prefix)),
        IpAddr::V6(a) => a.to_bits() & !mask6(prefix),
    };
    if rest != 0 {
        return Err(NetworkError("no bits set behind the network's prefix"));
    }
    Ok(Network { address, prefix })
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// True where a host found in the DNS may be connected to without leave of the
/// configuration: a global unicast address. Addresses that carry an IPv4
/// address (mapped, NAT64, 6to4, Teredo) count as what they carry.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => is_public_v4(a),
        IpAddr::V6(a) => match embedded_v4(a) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(a),
        },
    }
}

fn is_public_v4(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    let protocol = (first, second, third) == (192, 0, 0);
    let benchmark = first == 198 && second & 0xfe == 18;
    !(first == 0
        || first >= 224
        || shared
        || protocol
        || benchmark
        || a.is_loopback()
        || a.is_private()
        || a.is_link_local()
        || a.is_documentation())
}

/// Only 2000::/3 is global unicast; of it the documentation, ORCHID and other
/// special blocks of 2001::/23, and 3fff::/20, are not.
fn is_public_v6(a: Ipv6Addr) -> bool {
    let [first, second, ..] = a.segments();
    let documentation = (first, second) == (0x2001, 0x0db8) || first & 0xfff0 == 0x3ff0;
    let special = first == 0x2001 && second < 0x0200;
    first & 0xe000 == 0x2000 && !documentation && !special
}

/// The IPv4 address inside: NAT64 (RFC 6052), 6to4 (RFC 3056), the obsolete
/// compatible form, Teredo's client (RFC 4380, bits inverted).
fn embedded_v4(a: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = a.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        [0x2002, high, low, ..] => Some(pair(high, low)),
        [0x2001, 0, .., high, low] => Some(pair(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
