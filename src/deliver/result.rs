//! What became of a target, in the form of `state/`.

use std::time::Instant;

use jiff::Timestamp;

use crate::smtp::client::{Failure, Outcome, Stage, Verdict};
use crate::smtp::reply::Reply;
use crate::spool::{self, Attempt};

/// A result of ours: no host had a word in it.
pub fn ours(result: spool::Outcome, status: &str, text: impl Into<String>) -> Attempt {
    Attempt {
        time: Timestamp::now(),
        target: 0,
        result,
        status: status.to_string(),
        text: text.into(),
        remote: false,
        host: None,
        address: None,
        route: None,
        tls: None,
        ms: 0,
    }
}

pub fn delivered(text: impl Into<String>) -> Attempt {
    ours(spool::Outcome::Delivered, "2.0.0", text)
}

pub fn deferred(status: &str, text: impl Into<String>) -> Attempt {
    ours(spool::Outcome::Deferred, status, text)
}

pub fn failed(status: &str, text: impl Into<String>) -> Attempt {
    ours(spool::Outcome::Failed, status, text)
}

/// Milliseconds since `start`, for `Attempt::ms`.
pub fn since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A recipient's result as the client machine tells it.
pub fn of_outcome(outcome: &Outcome) -> Attempt {
    of_reply(
        outcome.verdict,
        outcome.stage,
        outcome.reply.as_ref(),
        &outcome.text,
    )
}

/// The same for all recipients of a connection that came to nothing.
pub fn of_failure(failure: &Failure) -> Attempt {
    of_reply(
        failure.verdict,
        failure.stage,
        failure.reply.as_ref(),
        &failure.text,
    )
}

fn of_reply(verdict: Verdict, stage: Stage, reply: Option<&Reply>, text: &str) -> Attempt {
    let result = match verdict {
        Verdict::Accepted => spool::Outcome::Delivered,
        Verdict::Deferred => spool::Outcome::Deferred,
        Verdict::Refused => spool::Outcome::Failed,
        Verdict::Unknown => spool::Outcome::Unknown,
    };
    let text = match reply {
        Some(reply) => reply.to_string(),
        None => text.to_string(),
    };
    Attempt {
        remote: reply.is_some(),
        ..ours(result, &status(verdict, stage, reply), text)
    }
}

/// The server's own code where its class fits what we make of the reply
/// (BN-06), else one by stage.
fn status(verdict: Verdict, stage: Stage, reply: Option<&Reply>) -> String {
    let class = match verdict {
        Verdict::Accepted => 2,
        Verdict::Deferred | Verdict::Unknown => 4,
        Verdict::Refused => 5,
    };
    if let Some(code) = reply.and_then(|r| r.enhanced)
        && code.0 == class
    {
        return code.to_string();
    }
    let detail = match (reply.is_some(), stage) {
        (false, Stage::Connect) => "4.1",
        (false, Stage::StartTls) => "7.5",
        (false, _) if class != 2 => "4.2",
        _ => "0.0",
    };
    format!("{class}.{detail}")
}
