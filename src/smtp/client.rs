//! The client machine: one connection's worth of sending, sans I/O.
//!
//! ```text
//! loop {
//!     match client.step(&mut input, now) {
//!         Input    => write output, read more (until client.deadline())
//!         StartTls => handshake, client.tls_started() or client.tls_failed()
//!         Ready    => client.begin(message) or client.quit()
//!         Content  => write output, then content()... content_end(), or abort()
//!         Done     => client.take_outcomes(); begin(message), quit(), or step on
//!         Closed   => write output; client.failure() says why where it was no QUIT
//!     }
//! }
//! ```
//! In `Content` one piece a step is best: the server may answer early, and a
//! step reads that. Each transaction begun gives exactly one `Done`, also where
//! the connection fails: then `Closed` comes after it. What was read before the
//! end of the input goes through `step` first, then
//! [`Client::connection_lost`].
//!
//! Where [`Client::may_follow`] says so, the next transaction may be begun
//! before the last one is `Done`: its commands go out behind the final dot, and
//! the replies to both are read together. Outcomes come in the order of begin.
//!
//! `types` and `talk` are what a driver sees; `send` says what is sent and when, `replies`
//! what a reply means; `transaction` holds one message under way, `chunks`
//! writes BDAT; this file holds the loop and the ends.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use super::caps::Caps;
use super::command::Command;
use super::reply::{Enhanced, Reply, ReplyReader};
use super::sasl;

mod ask;
mod auth;
mod chunks;
mod replies;
mod send;
mod talk;
#[cfg(test)]
mod tests;
mod transaction;
mod types;

use ask::Asking;
pub use ask::Question;
use auth::LogIn;
pub use talk::{Parameter, ParameterError, Said, Talk, Trace, Until};
use transaction::Open;
pub use types::{
    Auth, Failure, Message, Needs, Outcome, Settings, Stage, Step, Timeouts, TlsWish, Verdict,
};

/// Chunks of one message sent ahead of their replies.
const CHUNK_WINDOW: usize = 16;

/// Transactions under way at once, the one being sent among them.
const MAX_OPEN: usize = 32;

#[derive(Debug)]
pub struct Client {
    settings: Settings,
    caps: Caps,
    out: Vec<u8>,
    reader: ReplyReader,
    /// Replies owed, in order.
    expect: VecDeque<Expect>,
    state: State,
    /// Under way: the first has replies owed, the last is being sent.
    open: VecDeque<Box<Open>>,
    /// Of transactions that are over and were not asked for, oldest first.
    settled: VecDeque<Vec<Outcome>>,
    /// How many times [`Step::Done`] is owed.
    done: usize,
    /// A transaction did not go as it should: none is begun behind another.
    surprised: bool,
    asking: Asking,
    /// What the server said to begin with.
    greeting: Option<Reply>,
    hello_reply: Option<Reply>,
    /// RSET is owed before the next MAIL.
    dirty: bool,
    /// TLS is on, or was given up.
    tls_settled: bool,
    inside_tls: bool,
    log_in: LogIn,
    /// The last time either side made progress.
    progress: Instant,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Replies are owed, or commands wait for room.
    Busy,
    Handshake,
    Ready,
    /// The content of the open transaction is streamed.
    Content,
    Quitting,
    Closed,
}

/// What a reply will be the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// AUTH, or a response to a challenge.
    Auth,
    /// The `*` that ends an exchange.
    AuthCancelled,
    Rset,
    Mail,
    Rcpt(usize),
    Data,
    /// BDAT, not the last.
    Chunk,
    /// The final dot, or the last BDAT.
    End,
    /// The same by LMTP: one for each recipient that was taken.
    EndOf(usize),
    Asked,
    Quit,
}

impl Expect {
    fn stage(self) -> Stage {
        match self {
            Expect::Greeting => Stage::Greeting,
            Expect::Ehlo | Expect::Helo | Expect::Quit => Stage::Hello,
            Expect::StartTls => Stage::StartTls,
            Expect::Auth | Expect::AuthCancelled => Stage::Auth,
            Expect::Rset | Expect::Mail => Stage::Mail,
            Expect::Rcpt(_) | Expect::Asked => Stage::Rcpt,
            Expect::Data => Stage::Data,
            Expect::Chunk => Stage::Content,
            Expect::End | Expect::EndOf(_) => Stage::EndOfData,
        }
    }
}

impl Client {
    /// Nothing is sent before the greeting (CL-01).
    pub fn new(settings: Settings, now: Instant) -> Client {
        Client {
            tls_settled: settings.tls == TlsWish::No,
            settings,
            caps: Caps::default(),
            out: Vec::new(),
            reader: ReplyReader::default(),
            expect: VecDeque::from([Expect::Greeting]),
            state: State::Busy,
            open: VecDeque::new(),
            settled: VecDeque::new(),
            done: 0,
            surprised: false,
            asking: Asking::default(),
            greeting: None,
            hello_reply: None,
            dirty: false,
            inside_tls: false,
            log_in: LogIn::default(),
            progress: now,
            failure: None,
        }
    }

    /// Takes bytes from the front of `input` as far as it can.
    pub fn step(&mut self, input: &mut &[u8], now: Instant) -> Step {
        loop {
            if self.done > 0 {
                self.done -= 1;
                return Step::Done;
            }
            match self.state {
                State::Closed => return Step::Closed,
                State::Handshake => return Step::StartTls,
                _ => {}
            }
            if self.read_reply(input, now) {
                continue;
            }
            self.pump(now);
            self.pump_questions();
            if self.done > 0 || self.state == State::Closed {
                continue;
            }
            return match self.state {
                State::Ready => Step::Ready,
                State::Content if self.open.len() > 1 || self.expect.len() < CHUNK_WINDOW => {
                    self.progress = now;
                    Step::Content
                }
                _ => Step::Input,
            };
        }
    }

    /// Only after `Ready` or `Done`. A message that cannot be sent here at all
    /// (too big for SIZE, UTF-8 address without SMTPUTF8, 8-bit content without
    /// 8BITMIME) is Done at once, and nothing is sent.
    pub fn begin(&mut self, message: Message, now: Instant) {
        debug_assert!(matches!(self.state, State::Ready | State::Closed));
        self.surprised = false;
        let dirty = self.dirty;
        self.open(message, self.settings.chunking, dirty, now);
    }

    /// True where [`Client::follow`] may be called: the server takes commands
    /// ahead of its replies, all of the last transaction is sent, and nothing went
    /// wrong so far.
    pub fn may_follow(&self) -> bool {
        let is_sent = |open: &Open| open.ended && open.next == transaction::Next::Replies;
        self.state == State::Busy
            && self.settings.pipelining
            && self.caps.pipelining
            && !self.settings.lmtp
            && !self.surprised
            && self.open.len() < MAX_OPEN
            && self.open.back().is_some_and(|open| is_sent(open))
            && self.out.len() < send::STREAM_BOUND
    }

    /// Begins a transaction behind one whose end was not answered yet. With
    /// `stream` it goes out whole, by BDAT, waiting for no reply (RFC 3030
    /// section 4.2): RSET first, for what the one before leaves is not known yet.
    /// Only where [`Client::may_follow`].
    pub fn follow(&mut self, message: Message, stream: bool, now: Instant) {
        let chunked = stream && self.caps.chunking;
        self.open(message, chunked, chunked, now);
        if let Some(open) = self.open.back_mut() {
            open.streamed = chunked;
        }
    }

    fn open(&mut self, message: Message, chunking: bool, reset: bool, now: Instant) {
        let refusal = match &self.failure {
            Some(failure) => Some(failure.outcome(Verdict::Deferred)),
            None => transaction::unsendable(&message, &self.caps, &self.settings),
        };
        let chunking = chunking && self.settings.pipelining;
        let mut open = Open::new(message, &self.caps, chunking, reset);
        if let Some(outcome) = refusal {
            open.settle_all(&outcome);
            open.next = transaction::Next::Replies;
        }
        self.open.push_back(open);
        if self.state != State::Closed {
            self.state = State::Busy;
        }
        self.progress = now;
        self.settle();
    }

    /// Appends content, dot-stuffed or chunked, to the output. Any cut will do.
    /// Without effect where the transaction is settled already.
    pub fn content(&mut self, octets: &[u8]) {
        if self.state != State::Content {
            return;
        }
        if let Some(open) = self.open.back_mut() {
            open.written += octets.len() as u64;
            let chunks = open.encoder.write(octets, &mut self.out);
            open.owed += chunks;
            self.expect.extend((0..chunks).map(|_| Expect::Chunk));
        }
    }

    /// The content is whole: the final dot, or the last chunk.
    pub fn content_end(&mut self, now: Instant) {
        if self.state != State::Content {
            return;
        }
        if let Some(open) = self.open.back_mut() {
            open.ended = true;
            let written = open.written;
            self.settings.talk.tell(&Said::Content(written));
            self.state = State::Busy;
            self.progress = now;
            self.end_content();
        }
    }

    /// The content cannot be finished: the connection must end without the
    /// final dot; recipients are deferred with these words.
    pub fn abort(&mut self, why: &str) {
        if !self.open.is_empty() {
            self.fail(Stage::Content, None, Enhanced(4, 3, 0), why);
        }
    }

    /// One for each recipient of the transaction that was `Done`, in its order.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        self.settled.pop_front().unwrap_or_default()
    }

    /// True where a transaction went otherwise than well since the last
    /// [`Client::begin`]: what was sent behind it is finished, nothing more follows.
    pub fn is_surprised(&self) -> bool {
        self.surprised
    }

    /// Only after `Ready` or `Done`. A server that goes without 221 is no failure.
    pub fn quit(&mut self, now: Instant) {
        if self.state != State::Closed {
            self.state = State::Quitting;
            self.progress = now;
            self.send(&Command::Quit, Expect::Quit);
        }
    }

    /// After the handshake; unread input before it is an error the machine
    /// finds itself (P2). What was offered in clear is forgotten.
    pub fn tls_started(&mut self, now: Instant) {
        if self.state == State::Handshake {
            self.caps = Caps::default();
            self.reader = ReplyReader::default();
            self.tls_settled = true;
            self.inside_tls = true;
            self.state = State::Busy;
            self.progress = now;
            self.hello();
        }
    }

    /// The handshake went wrong, in these words: the connection is over (CL-28).
    pub fn tls_failed(&mut self, why: &str) {
        if self.state == State::Handshake {
            self.fail(Stage::StartTls, None, Enhanced(4, 7, 5), why);
        }
    }

    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// The first `n` octets of the output are out. An empty buffer is freed.
    pub fn written(&mut self, n: usize) {
        if self.is_secret() {
            let n = n.min(self.out.len());
            sasl::wipe(self.out.get_mut(..n).unwrap_or_default());
        }
        if n >= self.out.len() {
            self.out = Vec::new();
        } else {
            self.out.drain(..n);
        }
    }

    /// When the server has been silent too long (CL-19); then
    /// [`Client::connection_lost`]. None where nothing is awaited.
    pub fn deadline(&self) -> Option<Instant> {
        let limits = &self.settings.timeouts;
        let limit = match (self.state, self.expect.front()) {
            (State::Ready | State::Handshake | State::Closed, _) => return None,
            (State::Content, _) | (_, Some(Expect::Chunk)) => limits.content,
            (_, Some(Expect::Greeting)) => limits.greeting,
            (_, Some(Expect::Data)) => limits.data,
            (_, Some(Expect::End | Expect::EndOf(_))) => limits.end_of_data,
            _ => limits.command,
        };
        self.progress.checked_add(limit)
    }

    /// The deadline passed, the peer closed, or reading failed, in these words.
    pub fn connection_lost(&mut self, why: &str) {
        match self.state {
            State::Closed => {}
            State::Quitting => self.state = State::Closed,
            _ => self.fail(self.stage(), None, Enhanced(4, 4, 2), why),
        }
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The greeting, once it came.
    pub fn greeting(&self) -> Option<&Reply> {
        self.greeting.as_ref()
    }

    /// The latest reply to EHLO or HELO, keywords as they were written.
    pub fn hello_reply(&self) -> Option<&Reply> {
        self.hello_reply.as_ref()
    }

    /// What the server offers, after EHLO.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    fn stage(&self) -> Stage {
        match (self.state, self.expect.front()) {
            (State::Handshake, _) => Stage::StartTls,
            (State::Content, _) => Stage::Content,
            (_, Some(expect)) => expect.stage(),
            _ => self
                .open
                .front()
                .map_or(Stage::Mail, |open| open.next.stage()),
        }
    }

    /// Takes away what is over, oldest first: all is sent, and every reply is
    /// there.
    fn settle(&mut self) {
        let is_over = |open: &Open| open.next == transaction::Next::Replies && open.owed == 0;
        // The last one may have nothing owed because its content is on its way.
        let kept = usize::from(self.state == State::Content);
        while self.open.len() > kept && self.open.front().is_some_and(|open| is_over(open)) {
            let over = self.open.pop_front();
            self.settled.extend(over.map(|open| open.into_outcomes()));
            self.done += 1;
        }
        if self.open.is_empty() && self.state == State::Busy {
            self.state = State::Ready;
        }
    }

    /// The connection is over. What is open is deferred, or unknown where its
    /// end was sent and not answered (CL-15).
    fn fail(&mut self, stage: Stage, reply: Option<Reply>, status: Enhanced, text: &str) {
        let failure = Failure {
            verdict: match &reply {
                Some(reply) if reply.is_permanent() => Verdict::Refused,
                _ => Verdict::Deferred,
            },
            stage,
            status: reply.as_ref().map_or(status, transaction::status),
            reply,
            text: text.to_string(),
        };
        if failure.reply.is_none() {
            self.settings.talk.note(&failure.text);
        }
        for (n, mut open) in mem::take(&mut self.open).into_iter().enumerate() {
            // A reply is the answer to the first; what the server made of those
            // behind it is not known.
            let is_answered = n == 0 && failure.reply.is_some();
            let verdict = match open.ended && !is_answered {
                true => Verdict::Unknown,
                false => Verdict::Deferred,
            };
            open.settle_all(&failure.outcome(verdict));
            self.settled.push_back(open.into_outcomes());
            self.done += 1;
        }
        if self.asking.end() {
            self.done += 1;
        }
        self.failure = Some(failure);
        self.expect.clear();
        self.state = State::Closed;
    }
}

impl Failure {
    fn outcome(&self, verdict: Verdict) -> Outcome {
        let Enhanced(_, subject, detail) = self.status;
        Outcome {
            verdict,
            status: Enhanced(4, subject, detail),
            needs: None,
            stage: self.stage,
            reply: self.reply.clone(),
            text: self.text.clone(),
        }
    }
}
