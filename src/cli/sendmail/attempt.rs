//! The first attempt of a message just queued: left to a runner, or waited for
//! (`-odi`, `-v`) and read back from the spool's records.

use std::cell::RefCell;

use super::super::drain::{self, Runner};
use super::super::{Done, Stop, say};
use super::args::{Args, Errors, When};
use crate::class::Class;
use crate::config::Config;
use crate::spool::{Attempt, Ending, Id, Outcome, Spool, SpoolError, Target};

pub struct FirstAttempt<'a> {
    tool: &'a str,
    args: &'a Args,
    spool: &'a Spool,
    runner: Runner,
    /// Nobody got the message, nor will.
    refused: RefCell<Option<Stop>>,
}

impl<'a> FirstAttempt<'a> {
    pub fn new(tool: &'a str, args: &'a Args, config: &Config, spool: &'a Spool) -> Self {
        FirstAttempt {
            tool,
            args,
            spool,
            runner: Runner::new(&config.spool, super::trusted(args.config.as_deref())),
            refused: RefCell::default(),
        }
    }

    /// To be called when the message is on stable storage.
    pub fn make(&self, id: Option<Id>) {
        match (self.args.when, id) {
            (When::Queued, _) => {}
            (When::Foreground, Some(id)) if Runner::may_run(self.spool) => self.wait(id),
            (When::Foreground, Some(id)) => {
                drain::ask(self.spool);
                self.tell(&format!("{id} is queued; the system's runner delivers it"));
            }
            (When::Background | When::Foreground, _) => {
                self.runner.wake(self.spool);
            }
        }
    }

    fn wait(&self, id: Id) {
        // What cannot be started leaves the message to the next runner.
        let id_word = format!("--id={id}");
        let mut words = vec!["run".as_ref(), id_word.as_ref()];
        let is_heard = self.is_verbose();
        if is_heard {
            words.push("--trace".as_ref());
        }
        let _ = self.runner.run(&words, is_heard);
        self.runner.wake(self.spool);
        // What cannot be read is not told; the message is safe all the same.
        let fates = fates(self.spool, id).unwrap_or_default();
        for fate in &fates {
            self.tell(&fate.line());
        }
        if fates.is_empty() {
            self.tell(&format!("{id} is queued; its first attempt is not over"));
        }
        *self.refused.borrow_mut() = refusal(&fates);
    }

    fn is_verbose(&self) -> bool {
        self.args.verbose && self.args.errors != Errors::Quiet
    }

    /// `-v`
    fn tell(&self, line: &str) {
        if self.is_verbose() {
            say(self.tool, line);
        }
    }

    /// An error where the attempt that was waited for was refused for good, for
    /// every recipient. Had one of them got the message, or could still, a
    /// caller that sends again would send it twice.
    pub fn refused(&self) -> Done {
        match self.refused.take() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }
}

/// What one destination's attempt came to.
struct Fate {
    to: String,
    /// `None`: not tried yet.
    result: Option<Outcome>,
    status: String,
    host: Option<String>,
    text: String,
}

impl Fate {
    fn line(&self) -> String {
        let what = match self.result {
            Some(Outcome::Delivered) => "delivered",
            Some(Outcome::Failed) => "refused",
            Some(Outcome::Deferred) => "deferred, stays queued",
            Some(Outcome::Unknown) => "maybe delivered, stays queued",
            None => return format!("{}: not tried yet, stays queued", self.to),
        };
        let by = match &self.host {
            Some(host) => format!(" by {host}"),
            None => String::new(),
        };
        format!("{}: {what}{by}: {} {}", self.to, self.status, self.text)
    }

    fn tried(target: &Target, last: Option<&Attempt>) -> Fate {
        let to = target.to.clone();
        match last {
            None => Fate {
                to,
                result: None,
                status: String::new(),
                host: None,
                text: String::new(),
            },
            Some(last) => Fate {
                to,
                result: Some(last.result),
                status: last.status.clone(),
                host: last.host.clone(),
                text: last.text.clone(),
            },
        }
    }

    fn ended(ending: Ending) -> Fate {
        Fate {
            to: ending.to,
            result: match ending.result.as_str() {
                "delivered" => Some(Outcome::Delivered),
                "failed" => Some(Outcome::Failed),
                _ => None,
            },
            status: ending.status,
            host: ending.host,
            text: ending.text,
        }
    }
}

/// From the state while the message is there, else from the history; empty
/// where no attempt is known.
fn fates(spool: &Spool, id: Id) -> Result<Vec<Fate>, SpoolError> {
    let state = spool.state(id)?;
    match &state.targets {
        Some(targets) if !state.attempts.is_empty() => {
            let last = state.last(targets.len());
            let each = targets.iter().zip(last);
            Ok(each.map(|(t, last)| Fate::tried(t, last)).collect())
        }
        _ => Ok(spool.just_ended(id)?.into_iter().map(Fate::ended).collect()),
    }
}

/// All were refused for good: the first one's words, and the class where they
/// have one in common.
fn refusal(fates: &[Fate]) -> Option<Stop> {
    let first = fates.first()?;
    if fates.iter().any(|f| f.result != Some(Outcome::Failed)) {
        return None;
    }
    let class = Class::of_refusal(&first.status);
    let is_common = fates.iter().all(|f| Class::of_refusal(&f.status) == class);
    let more = match fates.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let class = if is_common { class } else { Class::Unavailable };
    Some(Stop::new(
        class,
        format!("nobody gets the message: {}{more}", first.line()),
    ))
}
