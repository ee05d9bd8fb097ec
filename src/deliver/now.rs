//! Delivery while the caller waits (`smtp-send --now`): nothing is queued.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use tokio::sync::watch;

use super::attempt::{Plan, for_each};
use super::batch::Batch;
use super::content::{At, Letter, nameless};
use super::hop::{Local, Remote};
use super::local;
use super::login::Prompt;
use super::remote::{self, Settled, Stop};
use super::result::Instead;
use super::{Engine, RunError, result, runtime};
use crate::config::Config;
use crate::log;
use crate::smtp::client::Talk;
use crate::spool::{Attempt, BodyKind, Envelope, Id, Outcome, SpoolError, Target};

/// What became of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// As the envelope has it.
    pub original: String,
    /// After aliases.
    pub to: String,
    pub attempt: Attempt,
}

/// One attempt for every recipient, now; the caller tells the user. What is not
/// delivered is nobody's afterwards: no bounce is made, nothing is retried.
/// Lists keep the message's own sender. The message has CRLF line ends. `id` is
/// for the log, which hears nothing of a dialogue that is to end early: what is
/// `Delivered` then was only agreed to.
pub fn now(
    config: Config,
    id: Id,
    envelope: &Envelope,
    message: &mut dyn Read,
    talk: Talk,
    prompt: Option<Prompt>,
) -> Result<Vec<Delivered>, RunError> {
    let is_test = talk.until.is_some();
    let results = attempts(config, envelope, message, talk, prompt)?;
    if is_test {
        return Ok(results);
    }
    for Delivered { to, attempt, .. } in &results {
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
    talk: Talk,
    prompt: Option<Prompt>,
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
    let mut engine = Engine::new(config, runtime.handle().clone(), stopped, None);
    engine.talk = talk;
    engine.logins.prompt = prompt;
    let targets = match engine.expand(envelope) {
        Ok(targets) => targets,
        Err(error) => {
            let attempt = result::deferred("4.3.5", error.clone());
            let to = |r: &crate::spool::Recipient| Delivered {
                original: r.address.to_string(),
                to: r.address.to_string(),
                attempt: attempt.clone(),
            };
            return Ok(envelope.recipients.iter().map(to).collect());
        }
    };
    let numbered = (0u32..).zip(&targets);
    let attempts = deliver(&engine, envelope, &letter, &targets);
    let original = |target: &Target| {
        let recipient = envelope.recipients.get(target.recipient as usize);
        recipient.map_or_else(|| target.to.clone(), |r| r.address.to_string())
    };
    let results = numbered.map(|(n, target)| Delivered {
        original: original(target),
        to: target.to.clone(),
        attempt: attempts.get(&n).cloned().unwrap_or_else(untried),
    });
    let results = results.collect();
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

fn untried() -> Attempt {
    result::deferred("4.4.0", "nothing was tried")
}

/// One attempt for each target: those with the same next hop in one transaction
/// (CL-07), the next hops one after the other.
fn deliver(
    engine: &Engine,
    envelope: &Envelope,
    letter: &Letter<'_>,
    targets: &[Target],
) -> BTreeMap<u32, Attempt> {
    let mut plan = Plan::default();
    let table = engine.table.for_sender(&envelope.sender);
    for (number, target) in (0u32..).zip(targets) {
        plan.add(&table, number, target);
    }
    let words = "a route would hold this mail: queue it instead";
    let held = for_each(&plan.held, &result::deferred("4.7.1", words));
    let done = plan.immediate.into_iter().chain(held);
    let mut results: BTreeMap<u32, Attempt> = done.map(|a| (a.target, a)).collect();
    for (number, to) in &plan.local {
        if let Some(target) = targets.get(*number as usize) {
            let attempt = here(engine, envelope, letter, target, to);
            results.insert(*number, attempt);
        }
    }
    let results = RefCell::new(results);
    let settled = |attempts: Vec<Attempt>| {
        let attempts = attempts.into_iter().map(|a| (a.target, a));
        results.borrow_mut().extend(attempts);
    };
    for (remote, members) in plan.remote.into_values() {
        let batch = Batch::new(envelope, targets, &members);
        if let Err(why) = there(engine, &remote, &batch, letter, &settled) {
            for (number, _) in &members {
                let mut results = results.borrow_mut();
                results.entry(*number).or_insert_with(|| (*why).clone());
            }
        }
    }
    results.into_inner()
}

/// `Err`: the result of all that `settled` was not told of.
fn there(
    engine: &Engine,
    remote: &Remote,
    batch: &Batch<'_>,
    letter: &Letter<'_>,
    settled: Settled<'_>,
) -> Result<(), Instead> {
    let Some(slot) = engine.pool.slot(&remote.key()) else {
        return Err(result::deferred("4.3.2", "too many connections").into());
    };
    let sending = remote::deliver(engine, remote, &slot, batch, letter, settled);
    engine.runtime.block_on(sending).map_err(|stop| match stop {
        Stop::Ending => result::deferred("4.3.2", "ended").into(),
        Stop::Damaged(why) => damaged(why).into(),
    })
}

fn damaged(why: String) -> Attempt {
    result::deferred("4.3.0", why)
}

fn here(
    engine: &Engine,
    envelope: &Envelope,
    letter: &Letter<'_>,
    target: &Target,
    to: &Local,
) -> Attempt {
    match local::order(&engine.config, &engine.book(), to, envelope, target) {
        Err(attempt) => *attempt,
        Ok(order) => local::here(order, letter, &target.to).unwrap_or_else(damaged),
    }
}
