//! The server: listeners, limits, one task a connection, hand-off to the spool.

pub mod content;
pub mod intake;
pub mod local;
pub mod policy;
