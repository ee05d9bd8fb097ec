//! The library under the five programs of smtputils.
//!
//! Arrows run one way: `bin -> cli -> {serve, deliver, check} -> {net, spool, route,
//! message} -> smtp`; `class`, `config`, `log`, `program` and `sys` are leaves that
//! all may use. `smtp` and `route` are pure: no I/O, no clock. Only `net`, `serve`,
//! `deliver` and `check` name tokio; only `net` names hickory and the TLS crates; only
//! `cli` names clap, anyhow and stdout. `tests/docs.rs` holds the rule.

pub mod check;
pub mod class;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod log;
pub mod message;
pub mod net;
pub mod program;
pub mod route;
pub mod serve;
pub mod smtp;
pub mod spool;
pub mod sys;
