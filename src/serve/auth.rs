//! Who may log in: one source of users behind one interface.
//!
//! `users` is our own file, `program` asks another program, `dovecot` hands the
//! whole exchange to Dovecot. All of it may block: a login takes tens of
//! milliseconds of work on purpose, and others may be slow.

use std::net::IpAddr;
use std::time::Duration;

use crate::smtp::reply::Reply;
use crate::smtp::sasl::Mechanism;
use crate::smtp::sasl::server::{Refusal, Turn};
use crate::smtp::server::{Answer, AuthStep};

/// Takes logins for all sessions of a process.
pub trait Doorkeeper: Send + Sync {
    /// What EHLO offers, inside TLS.
    fn mechanisms(&self) -> &[Mechanism];

    /// The logins of one session.
    fn open(&self, client: Option<IpAddr>) -> Box<dyn Login + Send + '_>;
}

/// The logins of one session, one exchange at a time.
pub trait Login {
    fn step(&mut self, step: &AuthStep) -> Answer;

    /// How long the last answer is to be held back: after a failure, so that
    /// guessing takes time.
    fn pause(&mut self) -> Duration;
}

/// The reply to where an exchange is (RFC 4954 section 6). A user who does not
/// exist and a wrong password look the same (P7).
pub fn answer(turn: Result<Turn, Refusal>) -> Answer {
    Answer::Reply(match turn {
        Ok(Turn::Challenge(octets)) => return Answer::Challenge(octets),
        Ok(Turn::User(user)) => return Answer::User(user),
        Err(Refusal::Denied) => Reply::new(535, (5, 7, 8), "Wrong user name or password"),
        Err(Refusal::Malformed(why)) => Reply::new(501, (5, 5, 2), why),
        Err(Refusal::Unavailable(_)) => {
            Reply::new(454, (4, 7, 0), "Logins cannot be checked now, try later")
        }
    })
}
