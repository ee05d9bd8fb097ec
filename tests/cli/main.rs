//! The programs as their callers see them.

mod crash;
mod hostile;
mod mailq;
mod sandbox;
mod send;
mod sendmail;
mod setgid;
mod submit;
