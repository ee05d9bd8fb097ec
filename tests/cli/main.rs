//! The programs as their callers see them.

// Helpers of tests are tests: what they unwrap fails the test that called.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/dns.rs"]
mod dns;
#[allow(dead_code)] // The delivery tests use the rest of it.
#[path = "../deliver/smtp.rs"]
mod smtp;

mod compose;
mod crash;
mod doctor;
mod faults;
mod foreground;
mod hostile;
mod hosts;
mod loss;
mod mailq;
mod mx;
mod now;
mod operator;
mod queue;
mod rewrite;
mod sandbox;
mod send;
mod sendmail;
mod setgid;
mod stream;
mod submit;
mod talk;
mod verify;
