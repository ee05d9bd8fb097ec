//! What follows DATA and BDAT: read to its true end, whatever becomes of it
//! (L1, L5, EX-07, EX-11), then stored, refused or dropped.

use std::time::Instant;

use super::{Event, Question, Refusal, Session, State};
use crate::smtp::data::{BdatReader, Content, Data, DataReader, Fault};
use crate::smtp::param::Body;
use crate::smtp::reply::Reply;

/// Content under way.
#[derive(Debug)]
pub(super) struct Incoming {
    framing: Framing,
    octets: u64,
    /// Over the size limit: read on, store nothing.
    over: bool,
}

#[derive(Debug)]
enum Framing {
    Dot(DataReader),
    Chunks(BdatReader),
}

impl Incoming {
    fn new(framing: Framing) -> Option<Box<Incoming>> {
        Some(Box::new(Incoming {
            framing,
            octets: 0,
            over: false,
        }))
    }

    /// The carrier holds a draft of it.
    pub(super) fn is_stored(&self) -> bool {
        !self.over
    }
}

impl Session {
    pub(super) fn begin_data(&mut self) {
        let reader = DataReader::new(self.settings.local, self.settings.max_line);
        self.incoming = Incoming::new(Framing::Dot(reader));
        self.state = State::Data;
        self.respond(Reply::new(
            354,
            (0, 0, 0),
            "Send the message; end it with a dot on a line of its own",
        ));
    }

    pub(super) fn begin_chunks(&mut self, octets: u64, last: bool) {
        let body = self.transaction().and_then(|t| t.params.body);
        let binary = body == Some(Body::BinaryMime);
        let reader = BdatReader::new(binary, self.settings.max_line);
        self.incoming = Incoming::new(Framing::Chunks(reader));
        self.next_chunk(octets, last);
    }

    pub(super) fn next_chunk(&mut self, octets: u64, last: bool) {
        if let Some(Framing::Chunks(reader)) = self.incoming.as_mut().map(|i| &mut i.framing) {
            reader.begin_chunk(octets);
            self.state = State::Chunk { last };
        }
    }

    pub(super) fn read_data<'i>(
        &mut self,
        input: &mut &'i [u8],
        now: Instant,
    ) -> Option<Event<'i>> {
        let before = input.len();
        let Some(Framing::Dot(reader)) = self.incoming.as_mut().map(|i| &mut i.framing) else {
            self.state = State::Command;
            return None;
        };
        let piece = reader.read(input);
        self.progress(before - input.len(), now);
        match piece {
            None => Some(Event::Input),
            Some(Data::Chunk(octets)) => self.store(octets),
            Some(Data::End(content)) => {
                self.state = State::Command;
                self.content_end(content);
                None
            }
        }
    }

    pub(super) fn read_chunk<'i>(
        &mut self,
        input: &mut &'i [u8],
        last: bool,
        now: Instant,
    ) -> Option<Event<'i>> {
        let Some(Framing::Chunks(reader)) = self.incoming.as_mut().map(|i| &mut i.framing) else {
            self.state = State::Command;
            return None;
        };
        let whole = reader.left() == 0;
        let octets = reader.read(input).unwrap_or_default();
        let content = reader.content();
        if whole {
            self.state = State::Command;
            self.chunk_end(content, last);
            return None;
        }
        self.progress(octets.len(), now);
        if octets.is_empty() {
            return Some(Event::Input);
        }
        self.store(octets)
    }

    pub(super) fn skip_chunk<'i>(
        &mut self,
        input: &mut &'i [u8],
        left: u64,
        now: Instant,
    ) -> Option<Event<'i>> {
        let octets = take(input, left).len();
        self.progress(octets, now);
        let left_now = left - octets as u64;
        if left_now > 0 {
            if let State::Skip { left, .. } = &mut self.state {
                *left = left_now;
            }
            return Some(Event::Input);
        }
        if let State::Skip { refusal, .. } = std::mem::replace(&mut self.state, State::Command) {
            self.flow = None;
            self.waiting = None;
            self.refuse(*refusal);
        }
        None
    }

    /// Octets came: the wait begins anew, the rate is measured from the first.
    fn progress(&mut self, octets: usize, now: Instant) {
        if octets > 0 || self.waiting.is_none() {
            self.waiting = Some(now);
        }
        if octets > 0 {
            let (_, sum) = self.flow.get_or_insert((now, 0));
            *sum = sum.saturating_add(octets as u64);
        }
    }

    /// Hands content on, up to the size limit.
    fn store<'i>(&mut self, octets: &'i [u8]) -> Option<Event<'i>> {
        let limit = self.settings.caps.size.filter(|&limit| limit > 0);
        let incoming = self.incoming.as_mut()?;
        incoming.octets = incoming.octets.saturating_add(octets.len() as u64);
        if incoming.over {
            return None;
        }
        if limit.is_some_and(|limit| incoming.octets > limit) {
            incoming.over = true;
            self.discard = true;
            return None;
        }
        Some(Event::Body(octets))
    }

    /// An oversize chunk is refused at its own end, faults at the last one's:
    /// what looks like a fault may be a CRLF cut in two.
    fn chunk_end(&mut self, content: Content, last: bool) {
        if last || self.incoming.as_ref().is_some_and(|i| i.over) {
            self.content_end(content);
        } else {
            self.waiting = None;
            self.respond(Reply::new(250, (2, 0, 0), "Chunk taken"));
        }
    }

    fn content_end(&mut self, content: Content) {
        self.waiting = None;
        self.flow = None;
        let over = self.incoming.as_ref().is_some_and(|i| i.over);
        let refusal = match content.fault {
            _ if over => Reply::new(552, (5, 3, 4), "Message too big"),
            Some(fault) => Reply::new(550, (5, 6, 0), describe(fault)),
            None => {
                self.state = State::Asking(Box::new(Question::End(content)));
                return;
            }
        };
        self.respond_to_others(&refusal);
        self.reset();
        self.refuse(Refusal::Error(refusal));
    }
}

fn describe(fault: Fault) -> &'static str {
    match fault {
        Fault::BareCr => "Message holds a CR without LF",
        Fault::BareLf => "Message holds a LF without CR",
        Fault::Nul => "Message holds a NUL",
        Fault::LongLine => "Message holds a line that is too long",
    }
}

/// Up to `left` octets from the front of `input`.
fn take<'i>(input: &mut &'i [u8], left: u64) -> &'i [u8] {
    let n = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    let (octets, rest) = input.split_at(n);
    *input = rest;
    octets
}
