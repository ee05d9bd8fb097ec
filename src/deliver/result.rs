//! What became of a target, in the form of `state/`.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::class::plain;
use crate::log;
use crate::smtp::client::{self, Failure, Stage, Verdict};
use crate::smtp::reply::Reply;
use crate::smtp::sasl;
use crate::spool::{Attempt, Envelope, Id, Outcome};

/// A result of ours: no host had a word in it.
pub fn ours(result: Outcome, status: &str, text: impl Into<String>) -> Attempt {
    attempt(result, status, plain(text))
}

fn attempt(result: Outcome, status: &str, text: String) -> Attempt {
    Attempt {
        time: Timestamp::now(),
        target: 0,
        result,
        status: status.to_string(),
        text,
        remote: false,
        host: None,
        address: None,
        route: None,
        tls: None,
        passed_on: false,
        ms: 0,
    }
}

pub fn delivered(text: impl Into<String>) -> Attempt {
    ours(Outcome::Delivered, "2.0.0", text)
}

pub fn deferred(status: &str, text: impl Into<String>) -> Attempt {
    ours(Outcome::Deferred, status, text)
}

pub fn failed(status: &str, text: impl Into<String>) -> Attempt {
    ours(Outcome::Failed, status, text)
}

/// What the log has to say of an attempt for `to`.
pub fn in_log<'a>(
    id: &'a Id,
    envelope: &Envelope,
    to: &'a str,
    attempt: &'a Attempt,
) -> log::Attempt<'a> {
    let age = Timestamp::now().duration_since(envelope.origin.time);
    log::Attempt {
        id: id.as_str(),
        to,
        via: attempt.route.as_deref(),
        host: attempt.host.as_deref(),
        address: attempt.address.as_deref(),
        tls: attempt.tls.as_deref(),
        // A clock that was set back makes no delay.
        delay: Duration::try_from(age).unwrap_or_default(),
        status: &attempt.status,
        reply: &attempt.text,
    }
}

/// A result in the place of what was asked for.
pub type Instead = Box<Attempt>;

/// Milliseconds since `start`, for `Attempt::ms`.
pub fn since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A recipient's result as the client machine tells it.
pub fn of_outcome(outcome: &client::Outcome) -> Attempt {
    Attempt {
        status: outcome.status.to_string(),
        ..of_reply(outcome.verdict, outcome.reply.as_ref(), &outcome.text)
    }
}

/// Unguessable, never used before: printable, without a comma.
pub fn nonce() -> std::io::Result<String> {
    Ok(sasl::encode(&crate::sys::random::<18>()?))
}

/// The same for all recipients of a connection that came to nothing.
pub fn of_failure(failure: &Failure) -> Attempt {
    // Of a login the mechanism and our own reasons count beside the reply.
    if let (Stage::Auth, Some(reply)) = (failure.stage, &failure.reply) {
        let text = format!("{}: {reply}", failure.text);
        return deferred(&failure.status.to_string(), text);
    }
    Attempt {
        status: failure.status.to_string(),
        ..of_reply(failure.verdict, failure.reply.as_ref(), &failure.text)
    }
}

fn of_reply(verdict: Verdict, reply: Option<&Reply>, text: &str) -> Attempt {
    let result = match verdict {
        Verdict::Accepted => Outcome::Delivered,
        Verdict::Deferred => Outcome::Deferred,
        Verdict::Refused => Outcome::Failed,
        Verdict::Unknown => Outcome::Unknown,
    };
    match reply {
        Some(reply) => Attempt {
            remote: true,
            ..attempt(result, "", reply.to_string())
        },
        None => ours(result, "", text),
    }
}
