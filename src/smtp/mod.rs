//! SMTP without I/O and without a clock (RFC 5321 and its extensions).
//!
//! *Pure* means: bytes and answers come in as arguments, steps and bytes go
//! out as return values, time is an argument. Nothing here can block, so every
//! dialogue can be cut at every byte and replayed. Each grammar is a pair of
//! parse and print; [`server`] and [`client`] are the two machines; a driver
//! (in `net` and `serve`) is one loop with one match over their steps.

pub mod addr;
pub mod batch;
pub mod caps;
pub mod client;
pub mod command;
pub mod data;
pub mod line;
pub mod param;
pub mod reply;
pub mod sasl;
pub mod server;
