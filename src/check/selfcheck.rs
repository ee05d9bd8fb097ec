//! How this host looks to those it sends mail to (`smtp-mx --self`).

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::net::dns::{Addresses, Resolver};

/// Addresses that nobody is sent to by asking for a route to them: of the
/// documentation networks (RFC 5737, RFC 3849), so they are routed like any
/// other far away.
const FAR: [&str; 2] = ["192.0.2.1:25", "[2001:db8::1]:25"];

/// One address that mail of this host comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub address: IpAddr,
    pub names: Names,
}

/// What the reverse of an address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// The name, and whether it leads back to the address.
    Pointer(String, bool),
    /// No PTR record.
    None,
    /// It cannot be found out now.
    Unknown(String),
}

/// The addresses that a connection out of here has. Nothing is sent.
pub fn sources() -> Vec<IpAddr> {
    FAR.iter()
        .filter_map(|far| source(far.parse().ok()?))
        .collect()
}

/// The address that connections to `far` come from.
pub fn source(far: SocketAddr) -> Option<IpAddr> {
    let any = match far {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(far).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// PTR, and the name's addresses: receivers want the one to confirm the other.
pub async fn examine(resolver: &Resolver, address: IpAddr) -> Source {
    let names = match resolver.pointers(address).await {
        Err(why) => Names::Unknown(why.to_string()),
        Ok(names) => match names.into_iter().next() {
            None => Names::None,
            Some(name) => match resolver.addresses(&name).await {
                Addresses::Found(back) => {
                    let confirmed = back.contains(&address);
                    Names::Pointer(name, confirmed)
                }
                Addresses::None => Names::Pointer(name, false),
                Addresses::Temporary(why) => Names::Unknown(why.to_string()),
            },
        },
    };
    Source { address, names }
}
