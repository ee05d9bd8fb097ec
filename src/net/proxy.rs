//! The header of the PROXY protocol, versions 1 and 2 (HAProxy's
//! proxy-protocol.txt): who is behind the proxy. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest header of version 1, line end included.
const LONGEST_V1: usize = 107;

/// What follows the fixed part of version 2: addresses and extensions. Proxies
/// send some hundred octets; what is longer is no header.
const LONGEST_V2: usize = 4096;

/// First octets of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets before the addresses of version 2.
const FIXED: usize = 16;

/// The client of whom a proxy tells nothing (`UNKNOWN`, `LOCAL`). The protocol
/// would have the receiver go by the connection itself: then a stranger had the
/// rights of the proxy's address, or on a Unix socket those of a local caller,
/// and could relay. This address is in no network but that of all.
pub const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What a header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The proxy itself speaks (a health check), or it cannot say for whom.
    Nothing,
    /// The client, and the address that it connected to.
    Ends { peer: SocketAddr, local: SocketAddr },
}

/// How far the header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least so many octets more belong to it.
    More(usize),
    Over(Told),
    /// This is no header.
    Wrong,
}

/// Judges what was read so far; never asks for an octet that is behind the
/// header.
pub fn progress(octets: &[u8]) -> Progress {
    let start = octets.len().min(SIGNATURE.len());
    if octets.get(..start) == SIGNATURE.get(..start) && !octets.is_empty() {
        return version_2(octets);
    }
    const WORD: &[u8] = b"PROXY ";
    let start = octets.len().min(WORD.len());
    if octets.get(..start) != WORD.get(..start) {
        return Progress::Wrong;
    }
    match octets.strip_suffix(b"\r\n") {
        Some(line) => version_1(line).map_or(Progress::Wrong, Progress::Over),
        None if octets.len() >= LONGEST_V1 => Progress::Wrong,
        None => Progress::More(1),
    }
}

fn version_1(line: &[u8]) -> Option<Told> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Told::Nothing);
    }
    let (peer, local): (IpAddr, IpAddr) =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    let fits = match family {
        "TCP4" => peer.is_ipv4() && local.is_ipv4(),
        "TCP6" => peer.is_ipv6() && local.is_ipv6(),
        _ => false,
    };
    (fits && words.next().is_none()).then(|| ends(peer, from, local, to))
}

/// Decimal, without sign and leading zero.
fn port(text: &str) -> Option<u16> {
    let plain = text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9'));
    text.parse().ok().filter(|_| plain)
}

fn version_2(octets: &[u8]) -> Progress {
    let Some(&[version_command, family, high, low]) = octets
        .get(SIGNATURE.len()..FIXED)
        .and_then(|fixed| fixed.first_chunk())
    else {
        return Progress::More(FIXED.saturating_sub(octets.len()));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_command >> 4 != 2 || length > LONGEST_V2 {
        return Progress::Wrong;
    }
    let missing = (FIXED + length).saturating_sub(octets.len());
    if missing > 0 {
        return Progress::More(missing);
    }
    let body = octets.get(FIXED..FIXED + length).unwrap_or_default();
    match (version_command & 15, family) {
        (0, _) => Progress::Over(Told::Nothing),
        (1, 0x11) => addresses_v4(body).map_or(Progress::Wrong, Progress::Over),
        (1, 0x21) => addresses_v6(body).map_or(Progress::Wrong, Progress::Over),
        // A Unix socket, or a family that nobody knows: no address to go by.
        (1, _) => Progress::Over(Told::Nothing),
        _ => Progress::Wrong,
    }
}

fn addresses_v4(body: &[u8]) -> Option<Told> {
    let (peer, rest) = body.split_first_chunk::<4>()?;
    let (local, rest) = rest.split_first_chunk::<4>()?;
    let (from, to) = ports(rest)?;
    let (peer, local) = (Ipv4Addr::from(*peer), Ipv4Addr::from(*local));
    Some(ends(peer.into(), from, local.into(), to))
}

fn addresses_v6(body: &[u8]) -> Option<Told> {
    let (peer, rest) = body.split_first_chunk::<16>()?;
    let (local, rest) = rest.split_first_chunk::<16>()?;
    let (from, to) = ports(rest)?;
    let (peer, local) = (Ipv6Addr::from(*peer), Ipv6Addr::from(*local));
    Some(ends(peer.into(), from, local.into(), to))
}

fn ports(rest: &[u8]) -> Option<(u16, u16)> {
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let (to, _) = rest.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*from), u16::from_be_bytes(*to)))
}

fn ends(peer: IpAddr, from: u16, local: IpAddr, to: u16) -> Told {
    Told::Ends {
        peer: SocketAddr::new(peer.to_canonical(), from),
        local: SocketAddr::new(local.to_canonical(), to),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend((body.len() as u16).to_be_bytes());
        header.extend(body);
        header
    }

    fn told(peer: &str, local: &str) -> Progress {
        Progress::Over(Told::Ends {
            peer: peer.parse().unwrap(),
            local: local.parse().unwrap(),
        })
    }

    #[test]
    fn p8_headers_of_both_versions() {
        let four = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0, 25];
        let over = Progress::Over(Told::Nothing);
        let client = told("192.0.2.7:4660", "198.51.100.1:25");
        let mut longer = four.to_vec();
        longer.extend([3, 0, 4, 1, 2, 3, 4]);
        let mut six = [0; 36];
        (six[15], six[31], six[35]) = (1, 2, 25);
        for (header, wanted) in [
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\n".to_vec(),
                client,
            ),
            (
                b"PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n".to_vec(),
                told("[2001:db8::1]:1", "[2001:db8::2]:25"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), over),
            (b"PROXY UNKNOWN whatever it says\r\n".to_vec(), over),
            (v2(0x21, 0x11, &four), client),
            (v2(0x21, 0x11, &longer), client),
            (v2(0x21, 0x21, &six), told("[::1]:0", "[::2]:25")),
            (v2(0x20, 0x00, &[]), over),
            (v2(0x21, 0x31, &[0; 216]), over),
        ] {
            assert_eq!(progress(&header), wanted, "{header:?}");
            // Any beginning asks for more, and never for too much.
            for cut in 1..header.len() {
                match progress(&header[..cut]) {
                    Progress::More(n) => assert!(n > 0 && cut + n <= header.len()),
                    other => panic!("{other:?} after {cut} of {header:?}"),
                }
            }
        }
    }

    #[test]
    fn p8_what_is_no_header_is_wrong() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
        for header in [
            &b"EHLO h.example\r\n"[..],
            b"PROXY\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4660\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 70000\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 25\r\n",
            b"PROXY TCP4 ::1 ::2 1 25\r\n",
            b"PROXY TCP6 192.0.2.7 198.51.100.1 1 25\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 1 25 26\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 1 25\r\n",
            b"\r\n\r\nEHLO",
            &long,
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
            &v2(0x21, 0x21, &[0; 35]),
            &v2(0x21, 0x11, &[0; 5000]),
        ] {
            assert_eq!(progress(header), Progress::Wrong, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_ask_for_ever(octets in prop::collection::vec(any::<u8>(), 0..600), v2: bool) {
            let mut header = match v2 {
                true => SIGNATURE.to_vec(),
                false => b"PROXY ".to_vec(),
            };
            header.extend(octets);
            if let Progress::More(n) = progress(&header) {
                prop_assert!(n > 0 && n <= FIXED + LONGEST_V2);
            }
        }
    }
}
