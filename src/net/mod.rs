//! The network: runtime, names, TLS, connections, and the loops that drive the
//! machines of `smtp`. Only here are hickory and the TLS crates named.

pub mod conn;
pub mod dns;
pub mod drive;
pub mod kept;
pub mod lookup;
pub mod proxy;
pub mod stdio;
pub mod tls;
