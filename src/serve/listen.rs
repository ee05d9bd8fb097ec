//! Listening sockets, the accept loop, and the limits on sessions (D4).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::class::{Class, Classify};

/// Connections the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;

/// Where to listen: `HOST:PORT`, `smtp://HOST:PORT`, or `smtps://HOST:PORT` for
/// TLS from the first octet. Port 0: any free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host_port: String,
    pub implicit_tls: bool,
}

/// A listening socket; shown as what a client would be told.
#[derive(Debug)]
pub struct Listener {
    pub socket: std::net::TcpListener,
    pub address: SocketAddr,
    pub implicit_tls: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{0:?} is no place to listen: write HOST:PORT, or smtps://HOST:PORT")]
    Syntax(String),
    #[error("cannot listen on {0}: {1}{advice}", advice = advice(.1))]
    Io(String, io::Error),
}

/// What a person can do about it; empty where that is not known.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop who listens there, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this host",
        io::ErrorKind::PermissionDenied => "; ports under 1024 are root's to open",
        _ => "",
    }
}

impl Classify for ListenError {
    fn class(&self) -> Class {
        match self {
            ListenError::Syntax(_) => Class::Usage,
            ListenError::Io(_, e) if e.kind() == io::ErrorKind::PermissionDenied => {
                Class::Permission
            }
            ListenError::Io(..) => Class::OsErr,
        }
    }
}

impl FromStr for Endpoint {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Endpoint, ListenError> {
        let wrong = || ListenError::Syntax(text.to_string());
        let (implicit_tls, host_port) = match text.split_once("://") {
            None => (false, text),
            Some(("smtp", rest)) => (false, rest),
            Some(("smtps", rest)) => (true, rest),
            Some(_) => return Err(wrong()),
        };
        let (host, port) = host_port.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        Ok(Endpoint {
            host_port: host_port.to_string(),
            implicit_tls,
        })
    }
}

impl Endpoint {
    /// Opens a socket for each address that the host has. One on an IPv6 address
    /// takes IPv6 alone, so that `0.0.0.0:25` and `[::]:25` stand together.
    pub fn bind(&self) -> Result<Vec<Listener>, ListenError> {
        let failed = |e| ListenError::Io(self.host_port.clone(), e);
        let addresses: Vec<_> = self.host_port.to_socket_addrs().map_err(failed)?.collect();
        addresses
            .iter()
            .map(|a| listen(*a, self.implicit_tls).map_err(failed))
            .collect()
    }
}

fn listen(address: SocketAddr, implicit_tls: bool) -> io::Result<Listener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let socket = std::net::TcpListener::from(socket);
    let address = socket.local_addr()?;
    Ok(Listener {
        socket,
        address,
        implicit_tls,
    })
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.implicit_tls { "smtps://" } else { "" };
        write!(f, "{scheme}{}", self.address)
    }
}

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
    key: IpAddr,
}

impl Slots {
    pub fn new(most: usize, most_per_address: usize) -> Arc<Slots> {
        Arc::new(Slots {
            most,
            most_per_address,
            taken: Mutex::default(),
        })
    }

    pub fn take(self: &Arc<Slots>, address: IpAddr) -> Result<Slot, Busy> {
        let key = key(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Busy::All);
        }
        let of_address = taken.by_address.get(&key).copied().unwrap_or(0);
        if of_address >= self.most_per_address {
            return Err(Busy::Address);
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_address.insert(key, of_address.saturating_add(1));
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
        match taken.by_address.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by_address.remove(&self.key)),
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
    fn endpoints_are_read() {
        let endpoint = |text: &str| {
            text.parse::<Endpoint>()
                .ok()
                .map(|e| (e.host_port, e.implicit_tls))
        };
        assert_eq!(
            endpoint("127.0.0.1:25"),
            Some(("127.0.0.1:25".into(), false))
        );
        assert_eq!(
            endpoint("smtp://localhost:0"),
            Some(("localhost:0".into(), false))
        );
        assert_eq!(
            endpoint("smtps://[::1]:465"),
            Some(("[::1]:465".into(), true))
        );
        for text in [
            "",
            "25",
            ":25",
            "host",
            "host:smtp",
            "host:70000",
            "lmtp://h:24",
            "h:-1",
        ] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn d4_sessions_are_counted_in_all_and_by_address() {
        let slots = Slots::new(3, 2);
        let take = |a: &str| slots.take(a.parse().unwrap());
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
        let _one = slots.take("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(
            slots.take("2001:db8::2".parse().unwrap()).unwrap_err(),
            Busy::Address
        );
        assert!(slots.take("2001:db8:0:1::1".parse().unwrap()).is_ok());
        assert!(slots.take("::ffff:192.0.2.1".parse().unwrap()).is_ok());
    }
}
