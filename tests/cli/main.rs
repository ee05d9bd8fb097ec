//! The programs as their callers see them.

// Helpers of tests are tests: what they unwrap fails the test that called.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crash;
mod foreground;
mod hostile;
mod mailq;
mod sandbox;
mod send;
mod sendmail;
mod setgid;
mod submit;
