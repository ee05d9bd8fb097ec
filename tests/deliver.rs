//! The delivery engine against scripted servers, a fake name service and real
//! mailboxes, all on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)] // The command line tests use the rest of it.
#[path = "support/dns.rs"]
mod dns;
#[path = "deliver/site.rs"]
mod site;
#[path = "deliver/smtp.rs"]
mod smtp;

#[path = "deliver/bounces.rs"]
mod bounces;
#[path = "deliver/flow.rs"]
mod flow;
#[path = "deliver/killed.rs"]
mod killed;
#[path = "deliver/lmtp.rs"]
mod lmtp;
#[path = "deliver/local.rs"]
mod local;
#[path = "deliver/log.rs"]
mod log;
#[path = "deliver/notices.rs"]
mod notices;
#[path = "deliver/processes.rs"]
mod processes;
#[path = "deliver/remote.rs"]
mod remote;
#[path = "deliver/resolver.rs"]
mod resolver;
#[path = "deliver/runs.rs"]
mod runs;
#[path = "deliver/tls.rs"]
mod tls;
