//! The server: listeners, limits, one task a connection, hand-off to the spool.
//!
//! `policy` decides, `content` and `intake` store, `local` drives a session on
//! descriptors 0 and 1 without a runtime; `session` drives one on a connection,
//! `listen` and `service` hold many; `parent` holds the sockets and the processes
//! that serve them, `link` is what these say to each other.

pub mod auth;
pub mod confine;
pub mod content;
mod filter;
pub mod identity;
pub mod intake;
pub mod link;
pub mod listen;
pub mod local;
mod notify;
pub mod parent;
pub mod policy;
pub mod pool;
pub mod service;
pub mod session;
pub mod slots;
mod verify;
