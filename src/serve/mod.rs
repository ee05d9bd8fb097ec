//! The server: listeners, limits, one task a connection, hand-off to the spool.
//!
//! `policy` decides, `content` and `intake` store, `local` drives a session on
//! descriptors 0 and 1 without a runtime; `session` drives one on a connection,
//! `listen` and `service` hold many.

pub mod auth;
pub mod content;
mod filter;
pub mod identity;
pub mod intake;
pub mod listen;
pub mod local;
mod notify;
pub mod policy;
pub mod service;
pub mod session;
pub mod slots;
mod verify;
