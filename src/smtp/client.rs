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
//! `replies` says what a reply means, `transaction` holds one message under way,
//! `chunks` writes BDAT; this file holds the types, the loop and what is sent.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use super::addr::{Mailbox, ReversePath};
use super::caps::Caps;
use super::command::{Command, CommandError};
use super::param::{MailParams, RcptParams};
use super::reply::{Enhanced, Reply, ReplyReader};

mod chunks;
mod replies;
#[cfg(test)]
mod tests;
mod transaction;

use transaction::{Next, Open};

/// Commands sent ahead of their replies, and octets of them that wait to be
/// written: bounds, so that both ends reading late never block each other.
const WINDOW: usize = 100;
const OUTPUT_BOUND: usize = 16 * 1024;
/// Chunks sent ahead of their replies.
const CHUNK_WINDOW: usize = 16;

/// What to do about STARTTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWish {
    /// Never ask (or TLS is on from the start).
    No,
    /// When offered; a 454 means going on in clear.
    IfOffered,
    /// Not offered, or refused: the connection fails, temporarily.
    Must,
}

/// Time-outs of RFC 5321 section 4.5.3.2.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub greeting: Duration,
    pub command: Duration,
    pub data: Duration,
    pub content: Duration,
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    /// 5, 5, 2, 3 and 10 minutes.
    fn default() -> Timeouts {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Timeouts {
            greeting: minutes(5),
            command: minutes(5),
            data: minutes(2),
            content: minutes(3),
            end_of_data: minutes(10),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name for EHLO: a domain or an address literal.
    pub hello: String,
    pub tls: TlsWish,
    /// Use PIPELINING where offered.
    pub pipelining: bool,
    /// Use BDAT where CHUNKING and PIPELINING are offered. Without it BDAT is
    /// used for BODY=BINARYMIME only.
    pub chunking: bool,
    pub timeouts: Timeouts,
}

/// One message for this host. Parameters are sent only where offered (CL-06).
#[derive(Clone, Debug)]
pub struct Message {
    pub reverse_path: ReversePath,
    pub params: MailParams,
    pub recipients: Vec<(Mailbox, RcptParams)>,
    /// Octets of the content as it is stored.
    pub size: u64,
    /// The content holds octets over 127.
    pub eight_bit: bool,
    /// An address or the header needs SMTPUTF8.
    pub utf8: bool,
}

/// Where in the dialogue something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Greeting,
    Hello,
    StartTls,
    Mail,
    Rcpt,
    Data,
    Content,
    EndOfData,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Try again later.
    Deferred,
    /// Never try again.
    Refused,
    /// The answer to the final dot was lost: it may have been delivered. Try
    /// again, and say so.
    Unknown,
}

/// What the engine can do at once about a recipient that was deferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The content in 7 bits: 8BITMIME (or BINARYMIME) is not offered (CL-22).
    SevenBit,
    /// Another transaction: this one had too many recipients (CL-09).
    AnotherTransaction,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// For a report's Status field: the server's, or ours of the same class.
    pub status: Enhanced,
    pub needs: Option<Needs>,
    pub stage: Stage,
    /// The server's words, where it said any.
    pub reply: Option<Reply>,
    /// Our words, where it said none.
    pub text: String,
}

/// Why the connection is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// `Deferred`, or `Refused` where the server said 5yz.
    pub verdict: Verdict,
    pub status: Enhanced,
    pub stage: Stage,
    pub reply: Option<Reply>,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an ignored step loses mail or hangs the connection"]
pub enum Step {
    Input,
    StartTls,
    /// Nothing is under way.
    Ready,
    /// 354 (or BDAT may begin): stream the content.
    Content,
    /// The transaction begun last is settled for every recipient.
    Done,
    Closed,
}

#[derive(Debug)]
pub struct Client {
    settings: Settings,
    caps: Caps,
    out: Vec<u8>,
    reader: ReplyReader,
    /// Replies owed, in order.
    expect: VecDeque<Expect>,
    state: State,
    open: Option<Box<Open>>,
    settled: Vec<Outcome>,
    /// A [`Step::Done`] is owed.
    done: bool,
    /// RSET is owed before the next MAIL.
    dirty: bool,
    /// TLS is on, or was given up.
    tls_settled: bool,
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
    Rset,
    Mail,
    Rcpt(usize),
    Data,
    /// BDAT, not the last.
    Chunk,
    /// The final dot, or the last BDAT.
    End,
    Quit,
}

impl Expect {
    fn stage(self) -> Stage {
        match self {
            Expect::Greeting => Stage::Greeting,
            Expect::Ehlo | Expect::Helo | Expect::Quit => Stage::Hello,
            Expect::StartTls => Stage::StartTls,
            Expect::Rset | Expect::Mail => Stage::Mail,
            Expect::Rcpt(_) => Stage::Rcpt,
            Expect::Data => Stage::Data,
            Expect::Chunk => Stage::Content,
            Expect::End => Stage::EndOfData,
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
            open: None,
            settled: Vec::new(),
            done: false,
            dirty: false,
            progress: now,
            failure: None,
        }
    }

    /// Takes bytes from the front of `input` as far as it can.
    pub fn step(&mut self, input: &mut &[u8], now: Instant) -> Step {
        loop {
            if mem::take(&mut self.done) {
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
            if self.done || self.state == State::Closed {
                continue;
            }
            return match self.state {
                State::Ready => Step::Ready,
                State::Content if self.expect.len() < CHUNK_WINDOW => {
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
        let refusal = match &self.failure {
            Some(failure) => Some(failure.outcome(Verdict::Deferred)),
            None => transaction::unsendable(&message, &self.caps, &self.settings),
        };
        if let Some(outcome) = refusal {
            self.settled = vec![outcome; message.recipients.len()];
            self.done = true;
            return;
        }
        self.open = Some(Open::new(message, &self.caps, &self.settings, self.dirty));
        self.state = State::Busy;
        self.progress = now;
    }

    /// Appends content, dot-stuffed or chunked, to the output. Any cut will do.
    /// Without effect where the transaction is settled already.
    pub fn content(&mut self, octets: &[u8]) {
        if self.state != State::Content {
            return;
        }
        if let Some(open) = &mut self.open {
            let chunks = open.encoder.write(octets, &mut self.out);
            self.expect.extend((0..chunks).map(|_| Expect::Chunk));
        }
    }

    /// The content is whole: the final dot, or the last chunk.
    pub fn content_end(&mut self, now: Instant) {
        if self.state != State::Content {
            return;
        }
        if let Some(open) = &mut self.open {
            open.ended = true;
            mem::take(&mut open.encoder).finish(&mut self.out);
            self.expect.push_back(Expect::End);
            self.state = State::Busy;
            self.progress = now;
        }
    }

    /// The content cannot be finished: the connection must end without the
    /// final dot; recipients are deferred with these words.
    pub fn abort(&mut self, why: &str) {
        if self.open.is_some() {
            self.fail(Stage::Content, None, Enhanced(4, 3, 0), why);
        }
    }

    /// One for each recipient of the transaction that was `Done`, in its order.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        mem::take(&mut self.settled)
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
            (_, Some(Expect::End)) => limits.end_of_data,
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
                .as_ref()
                .map_or(Stage::Mail, |open| open.next.stage()),
        }
    }

    /// EHLO, first or again.
    fn hello(&mut self) {
        self.send(&Command::Ehlo(self.settings.hello.clone()), Expect::Ehlo);
    }

    /// Sends a command of which no part is from outside.
    fn send(&mut self, command: &Command, expect: Expect) {
        if let Err(why) = self.try_send(command, false, expect) {
            self.fail(expect.stage(), None, Enhanced(4, 3, 5), &why.to_string());
        }
    }

    fn try_send(
        &mut self,
        command: &Command,
        utf8: bool,
        expect: Expect,
    ) -> Result<(), CommandError> {
        command.write(utf8, &mut self.out)?;
        self.expect.push_back(expect);
        Ok(())
    }

    /// Sends what the open transaction has to send next: one command at a time,
    /// or a group of them where PIPELINING is on (CL-20).
    fn pump(&mut self, now: Instant) {
        while self.state == State::Busy && self.has_room() {
            let Some(open) = &mut self.open else { return };
            if self.expect.is_empty() {
                self.progress = now;
            }
            match open.next {
                Next::Rset => {
                    open.next = Next::Mail;
                    self.send(&Command::Rset, Expect::Rset);
                }
                Next::Mail => self.send_mail(),
                Next::Rcpt(n) => self.send_rcpt(n),
                Next::Content if open.is_settled() => open.next = Next::Replies,
                Next::Content if open.encoder.is_chunked() => {
                    if !self.expect.is_empty() {
                        return;
                    }
                    open.next = Next::Replies;
                    self.state = State::Content;
                }
                Next::Content => {
                    open.next = Next::Replies;
                    self.send(&Command::Data, Expect::Data);
                }
                Next::Replies => {
                    if self.expect.is_empty() {
                        self.settle();
                    }
                    return;
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        let group = self.settings.pipelining && self.caps.pipelining;
        self.expect.is_empty()
            || (group && self.expect.len() < WINDOW && self.out.len() < OUTPUT_BOUND)
    }

    fn send_mail(&mut self) {
        let Some(open) = &mut self.open else { return };
        open.next = Next::Rcpt(0);
        let (command, utf8) = (open.mail(&self.caps), open.utf8);
        self.dirty = true;
        if let Err(why) = self.try_send(&command, utf8, Expect::Mail)
            && let Some(open) = &mut self.open
        {
            open.refuse_all(transaction::unwritable(&why, Stage::Mail));
        }
    }

    fn send_rcpt(&mut self, n: usize) {
        let Some(open) = &mut self.open else { return };
        let Some(command) = open.rcpt(n, &self.caps) else {
            open.next = Next::Content;
            return;
        };
        open.next = Next::Rcpt(n + 1);
        let utf8 = open.utf8;
        if let Err(why) = self.try_send(&command, utf8, Expect::Rcpt(n))
            && let Some(open) = &mut self.open
        {
            open.settle(n, transaction::unwritable(&why, Stage::Rcpt));
        }
    }

    /// The open transaction is over, for better or worse.
    fn settle(&mut self) {
        if let Some(open) = self.open.take() {
            self.settled = open.into_outcomes();
            self.done = true;
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
        if let Some(mut open) = self.open.take() {
            let unknown = open.ended && failure.reply.is_none();
            let verdict = if unknown {
                Verdict::Unknown
            } else {
                Verdict::Deferred
            };
            open.refuse_all(failure.outcome(verdict));
            self.settled = open.into_outcomes();
            self.done = true;
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
