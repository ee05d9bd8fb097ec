//! Content on its way from a session into a draft: the header is held back
//! until it is whole, judged, completed where a local caller left something
//! out, and written under our trace field; the body streams.

use std::io::{self, Write};

use super::filter::Filter;
use crate::class::{Class, Classify};
use crate::message::submit::{self, Facts};
use crate::message::{header, trace};
use crate::smtp::reply::Reply;
use crate::spool::{Draft, Envelope, Id, Spool, SpoolError};

/// Octets kept in memory before they are written: the whole of most messages,
/// which are then a file in one go, and what a session that sends may cost.
pub const STORE: usize = 32 * 1024;

/// What a header may hold.
#[derive(Clone, Copy, Debug)]
pub struct HeaderLimits {
    pub octets: usize,
    pub fields: usize,
    /// Received fields; more are a loop (SV-57).
    pub hops: usize,
}

/// For strangers (R7).
pub const STRANGERS: HeaderLimits = HeaderLimits {
    octets: 256 * 1024,
    fields: 1000,
    hops: 100,
};

/// For local callers (DESIGN section 8).
pub const LOCAL: HeaderLimits = HeaderLimits {
    octets: 16 * 1024 * 1024,
    fields: usize::MAX,
    hops: 100,
};

/// Where the octets go.
#[derive(Debug)]
enum Stage<'s> {
    /// No file yet: a small message is one visit to the disk, at its end.
    Planned(&'s Spool, Id, Box<Envelope>),
    Draft(Box<Draft<'s>>),
    /// Something went wrong: the rest is thrown away.
    Failed(Reply),
}

impl<'s> Stage<'s> {
    fn draft(&mut self) -> Result<&mut Draft<'s>, Reply> {
        if let Stage::Planned(spool, id, envelope) = self {
            let draft = spool.draft_as(*id, envelope).map_err(|e| refusal(&e))?;
            *self = Stage::Draft(Box::new(draft));
        }
        match self {
            Stage::Draft(draft) => Ok(draft),
            Stage::Failed(reply) => Err(reply.clone()),
            Stage::Planned(..) => Err(Reply::for_class(Class::Software, "no draft")),
        }
    }
}

/// One message coming in.
#[derive(Debug)]
pub struct Incoming<'s> {
    stage: Stage<'s>,
    buffer: Vec<u8>,
    in_body: bool,
    /// The header's end is not looked for before so much is there: looking at
    /// every piece would cost the square of the header's size.
    look_at: usize,
    trace: String,
    completion: Option<Facts>,
    limits: HeaderLimits,
}

impl<'s> Incoming<'s> {
    /// Touches no file. `trace`: our Received field. `completion`: fill in what
    /// is missing.
    pub fn new(
        spool: &'s Spool,
        id: Id,
        envelope: Envelope,
        trace: String,
        completion: Option<Facts>,
        limits: HeaderLimits,
    ) -> Incoming<'s> {
        Incoming {
            stage: Stage::Planned(spool, id, Box::new(envelope)),
            buffer: Vec::new(),
            in_body: false,
            look_at: STORE,
            trace,
            completion,
            limits,
        }
    }

    /// Keeps a piece; true: [`Incoming::store`] is due.
    pub fn take(&mut self, octets: &[u8]) -> bool {
        if !matches!(self.stage, Stage::Failed(_)) {
            self.buffer.extend_from_slice(octets);
        }
        self.buffer.len() >= STORE
    }

    /// Writes what can be written.
    pub fn store(&mut self) {
        self.pass(false);
    }

    /// Writes the rest, has it filtered, and makes the message durable.
    pub fn finish(mut self, filter: Option<&Filter>) -> Result<Id, Reply> {
        self.pass(true);
        let draft = match self.stage {
            Stage::Draft(draft) => *draft,
            Stage::Failed(reply) => return Err(reply),
            Stage::Planned(..) => return Err(Reply::for_class(Class::Software, "no draft")),
        };
        let draft = match filter {
            Some(filter) => filter.pass(draft)?,
            None => draft,
        };
        draft.commit().map_err(|e| refusal(&e))
    }

    fn pass(&mut self, is_all: bool) {
        if let Err(reply) = self.try_pass(is_all) {
            self.stage = Stage::Failed(reply);
            self.buffer = Vec::new();
        }
    }

    fn try_pass(&mut self, is_all: bool) -> Result<(), Reply> {
        if matches!(self.stage, Stage::Failed(_)) {
            return Ok(());
        }
        if self.in_body {
            let draft = self.stage.draft()?;
            draft
                .write_through(&self.buffer)
                .map_err(|e| write_refusal(&e))?;
            self.buffer.clear();
            return Ok(());
        }
        if !is_all && self.buffer.len() < self.look_at {
            return Ok(());
        }
        let (end, body) = match header::split(&self.buffer, is_all) {
            Some(found) => found,
            None if is_all => (self.buffer.len(), self.buffer.len()),
            None if self.buffer.len() > self.limits.octets => return Err(too_big(&self.limits)),
            None => {
                self.look_at = self.buffer.len().saturating_mul(2);
                return Ok(());
            }
        };
        let head = self.buffer.get(..end).unwrap_or_default();
        judge(head, &self.limits)?;
        let mut out = std::mem::take(&mut self.trace).into_bytes();
        match &self.completion {
            // The header is rewritten: a separating line is there afterwards.
            Some(facts) => {
                out.extend_from_slice(&submit::complete(head, facts));
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(self.buffer.get(body..).unwrap_or_default());
            }
            None => out.extend_from_slice(&self.buffer),
        }
        let draft = self.stage.draft()?;
        // More to come: a large message keeps nothing back in the draft.
        let written = match is_all {
            true => draft.write_all(&out),
            false => draft.write_through(&out),
        };
        written.map_err(|e| write_refusal(&e))?;
        self.buffer.clear();
        self.in_body = true;
        Ok(())
    }
}

fn judge(head: &[u8], limits: &HeaderLimits) -> Result<(), Reply> {
    if head.len() > limits.octets || header::fields(head).count() > limits.fields {
        return Err(too_big(limits));
    }
    if trace::hops(head) > limits.hops {
        let text = format!("over {} hops: the message is in a loop", limits.hops);
        return Err(Reply::new(554, (5, 4, 6), text));
    }
    Ok(())
}

fn too_big(limits: &HeaderLimits) -> Reply {
    let text = format!(
        "the header is over {} octets or {} fields",
        limits.octets, limits.fields
    );
    Reply::new(554, (5, 6, 0), text)
}

/// No room for it now.
pub fn no_room() -> Reply {
    Reply::new(
        452,
        (4, 3, 1),
        "not enough room on the disk, try again later",
    )
}

/// What the peer hears of a failure of the spool; the cause goes to the log
/// alone, for it names our files.
pub fn refusal(error: &SpoolError) -> Reply {
    crate::log::store_failed(error);
    match error {
        SpoolError::Io { error, .. } if is_full(error) => no_room(),
        SpoolError::Invalid(text) => Reply::new(554, (5, 6, 0), text.clone()),
        other => Reply::for_class(other.class(), "the message cannot be stored now"),
    }
}

fn write_refusal(error: &io::Error) -> Reply {
    crate::log::store_failed(error);
    if is_full(error) {
        return no_room();
    }
    Reply::new(451, (4, 3, 0), "the message cannot be stored now")
}

pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
