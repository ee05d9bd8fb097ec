//! The client machine: one connection's worth of sending, sans I/O.
//!
//! ```text
//! loop {
//!     match client.step(&mut input, now) {
//!         Input    => write output, read more (until client.deadline())
//!         StartTls => handshake, client.tls_started() or client.tls_failed()
//!         Ready    => client.begin(message) or client.quit()
//!         Content  => write output, then content()... content_end(), or abort()
//!         Done     => client.take_outcomes()
//!         Closed   => write output; client.failure() says why where it was no QUIT
//!     }
//! }
//! ```

use std::time::{Duration, Instant};

use super::addr::{Mailbox, ReversePath};
use super::caps::Caps;
use super::param::{MailParams, RcptParams};
use super::reply::Reply;

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
    /// Use BDAT where offered.
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

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub stage: Stage,
    /// The server's words, where it said any.
    pub reply: Option<Reply>,
    /// Our words, where it said none.
    pub text: String,
}

/// Why the connection is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub verdict: Verdict,
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
    _private: (),
}

impl Client {
    pub fn new(_settings: Settings, _now: Instant) -> Client {
        todo!()
    }

    pub fn step(&mut self, _input: &mut &[u8], _now: Instant) -> Step {
        todo!()
    }

    /// Only after `Ready` or `Done`. A message that cannot be sent here at all
    /// (too big for SIZE, UTF-8 address without SMTPUTF8) is Done at once.
    pub fn begin(&mut self, _message: Message, _now: Instant) {
        todo!()
    }

    /// Appends content, dot-stuffed or chunked, to the output.
    pub fn content(&mut self, _octets: &[u8]) {
        todo!()
    }

    /// The content is whole: the final dot, or the last chunk.
    pub fn content_end(&mut self, _now: Instant) {
        todo!()
    }

    /// The content cannot be finished: the connection must end without the
    /// final dot; recipients are deferred with these words.
    pub fn abort(&mut self, _why: &str) {
        todo!()
    }

    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        todo!()
    }

    pub fn quit(&mut self, _now: Instant) {
        todo!()
    }

    /// After the handshake; unread input before it is an error the machine
    /// finds itself (P2).
    pub fn tls_started(&mut self, _now: Instant) {
        todo!()
    }

    pub fn output(&self) -> &[u8] {
        todo!()
    }

    pub fn written(&mut self, _n: usize) {
        todo!()
    }

    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// The deadline passed, the peer closed, or reading failed, in these words.
    pub fn connection_lost(&mut self, _why: &str) {
        todo!()
    }

    pub fn failure(&self) -> Option<&Failure> {
        todo!()
    }

    /// What the server offers, after EHLO.
    pub fn caps(&self) -> &Caps {
        todo!()
    }
}
