//! Networks as settings name them: `192.0.2.0/24`, `2001:db8::/32`, `::1`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// Text that is no network; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: {1}")]
pub struct NetworkError(String, &'static str);

impl Network {
    /// IPv4 inside IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                let shift = 32u32.saturating_sub(self.prefix);
                net.to_bits().checked_shr(shift) == a.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                let shift = 128u32.saturating_sub(self.prefix);
                net.to_bits().checked_shr(shift) == a.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// An address alone is a network of one. Bits set behind the prefix are an
    /// error: whoever wrote them meant something else.
    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let wrong = |why| NetworkError(text.to_string(), why);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong("not an IP address"))?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(p) if p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit()) => {
                p.parse().map_err(|_| wrong("no prefix length behind /"))?
            }
            Some(_) => return Err(wrong("no prefix length behind /")),
        };
        if prefix > longest {
            return Err(wrong("the prefix is longer than the address"));
        }
        let network = Network { first, prefix };
        if network.has_host_bits() {
            return Err(wrong("bits are set behind the prefix"));
        }
        Ok(network)
    }
}

impl Network {
    fn has_host_bits(&self) -> bool {
        match self.first {
            IpAddr::V4(a) => a
                .to_bits()
                .checked_shl(self.prefix)
                .is_some_and(|rest| rest != 0),
            IpAddr::V6(a) => a
                .to_bits()
                .checked_shl(self.prefix)
                .is_some_and(|rest| rest != 0),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_shares_the_prefix() {
        let cases = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
        ];
        for (network, address, inside) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in [
            "",
            "x",
            "192.0.2",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.1/24",
            "10.0.0.0/+8",
            "1.2.3.4/",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
