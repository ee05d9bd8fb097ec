//! Delivery while the caller waits (`smtp-send --now`): nothing is queued.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use tokio::sync::watch;

use super::content::{At, Letter, nameless};
use super::hop::{self, Hop};
use super::local;
use super::remote::{self, Batch, Stop};
use super::{Engine, RunError, result, runtime};
use crate::config::Config;
use crate::log;
use crate::smtp::addr::Mailbox;
use crate::smtp::param::RcptParams;
use crate::spool::{Attempt, BodyKind, Envelope, Id, Outcome, SpoolError, Target};

/// What became of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// After aliases.
    pub to: String,
    pub attempt: Attempt,
}

/// One attempt for every recipient, now; the caller tells the user. What is not
/// delivered is nobody's afterwards: no bounce is made, nothing is retried.
/// Lists keep the message's own sender. The message has CRLF line ends. `id` is
/// for the log.
pub fn now(
    config: Config,
    id: Id,
    envelope: &Envelope,
    message: &mut dyn Read,
) -> Result<Vec<Delivered>, RunError> {
    let results = attempts(config, envelope, message)?;
    for Delivered { to, attempt } in &results {
        let told = result::in_log(&id, envelope, to, attempt);
        match attempt.result {
            Outcome::Delivered => log::sent(&told),
            Outcome::Failed => log::bounced(&told),
            Outcome::Deferred | Outcome::Unknown => log::deferred(&told, None),
        }
    }
    Ok(results)
}

fn attempts(
    config: Config,
    envelope: &Envelope,
    message: &mut dyn Read,
) -> Result<Vec<Delivered>, RunError> {
    let io = |e: io::Error| {
        RunError::Spool(match e.kind() {
            io::ErrorKind::InvalidData => SpoolError::Invalid(format!("the message: {e}")),
            _ => SpoolError::io("copy the message to a temporary file", e),
        })
    };
    let (file, body, long_lines) = spooled(message).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let open = || -> io::Result<Box<dyn Read + Send>> {
        let file = file.try_clone()?;
        Ok(Box::new(At { file, offset: 0 }))
    };
    let letter = Letter::read(size, body, long_lines, Box::new(open)).map_err(io)?;
    let runtime = runtime()?;
    let (_stop, stopped) = watch::channel(false);
    let engine = Engine::new(config, runtime.handle().clone(), stopped, None);
    let targets = match engine.expand(envelope) {
        Ok(targets) => targets,
        Err(error) => {
            let attempt = result::deferred("4.3.5", error.to_string());
            let to = |r: &crate::spool::Recipient| Delivered {
                to: r.address.to_string(),
                attempt: attempt.clone(),
            };
            return Ok(envelope.recipients.iter().map(to).collect());
        }
    };
    let one = |(n, target): (usize, &Target)| {
        let number = u32::try_from(n).unwrap_or(u32::MAX);
        let attempt = deliver(&engine, envelope, &letter, number, target);
        Delivered {
            to: target.to.clone(),
            attempt,
        }
    };
    let results = targets.iter().enumerate().map(one).collect();
    runtime.block_on(async {
        for kept in engine.pool.expired(std::time::Instant::now(), true) {
            kept.session.quit().await;
        }
    });
    Ok(results)
}

/// The message in a nameless file, with what it holds.
fn spooled(message: &mut dyn Read) -> io::Result<(File, BodyKind, bool)> {
    let mut file = nameless()?;
    let mut piece = vec![0; 64 * 1024];
    let (mut eight_bit, mut long, mut line) = (false, false, 0usize);
    loop {
        let n = message.read(&mut piece)?;
        let octets = piece.get(..n).unwrap_or_default();
        if octets.is_empty() {
            break;
        }
        eight_bit |= !octets.is_ascii();
        for part in octets.split_inclusive(|b| *b == b'\n') {
            line = line.saturating_add(part.len());
            // 998 octets and CRLF (RFC 5321 section 4.5.3.1.6).
            long |= line > 1000;
            if part.ends_with(b"\n") {
                line = 0;
            }
        }
        file.write_all(octets)?;
    }
    file.rewind()?;
    let body = match eight_bit {
        true => BodyKind::EightBit,
        false => BodyKind::SevenBit,
    };
    Ok((file, body, long))
}

fn deliver(
    engine: &Engine,
    envelope: &Envelope,
    letter: &Letter<'_>,
    number: u32,
    target: &Target,
) -> Attempt {
    let hop = match hop::next(&engine.table, &target.to) {
        Ok((hop, _)) => hop,
        Err((status, words)) => return result::failed(status, words),
    };
    let damaged = |why: String| result::deferred("4.3.0", why);
    match hop {
        Hop::Discard => result::delivered("discarded"),
        Hop::Hold => result::deferred("4.7.1", "a route would hold this mail: queue it instead"),
        Hop::Error(status, words) => result::failed(&status, words),
        Hop::Local(local) => match local::order(&engine.config, &local, envelope, target) {
            Err(attempt) => *attempt,
            Ok(order) => local::here(&order, letter, &target.to).unwrap_or_else(damaged),
        },
        Hop::Remote(remote) => {
            let Ok(mailbox) = Mailbox::parse(&target.to) else {
                return result::failed("5.1.3", "no mail address");
            };
            let params = envelope.recipients.get(target.recipient as usize);
            let params = params.map_or_else(RcptParams::default, |r| r.params.clone());
            let batch = Batch {
                sender: &envelope.sender,
                params: &envelope.params,
                recipients: vec![(number, mailbox, params)],
            };
            let Some(slot) = engine.pool.slot(&remote.key()) else {
                return result::deferred("4.3.2", "too many connections");
            };
            let sending = remote::deliver(engine, &remote, &slot, &batch, letter);
            match engine.runtime.block_on(sending) {
                Ok(mut attempts) => attempts
                    .pop()
                    .unwrap_or_else(|| result::deferred("4.4.0", "nothing was tried")),
                Err(Stop::Ending) => result::deferred("4.3.2", "ended"),
                Err(Stop::Damaged(why)) => damaged(why),
            }
        }
    }
}
