//! `smtp-serve` as a process: what is acknowledged is safe, what is refused is
//! refused in the dialogue, and it ends when it is told to.

// A test may stop at what cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod addresses;
mod certificate;
mod ends;
mod greeting;
mod intake;
mod limits;
mod log;
mod parent;
mod rows;
mod site;
mod stdin;
