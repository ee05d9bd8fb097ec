//! The server machine: one session of SMTP, sans I/O.
//!
//! The carrier owns the read buffer and the socket; the machine owns the state.
//! ```text
//! loop {
//!     match session.step(&mut input, now) {
//!         Input   => write session.output(), read more (until session.deadline())
//!         Flush   => write session.output()
//!         Ask(q)  => decide, store ...; session.answer(a)
//!         Body(b) => append b to the draft
//!         Discard => drop the draft
//!         StartTls=> write output, handshake, session.tls_started()
//!         Close   => write output, close
//!     }
//! }
//! ```
//! No input is parsed while a question is open, so pipelining, packet borders
//! and back-pressure need no thought in the carrier (EX-04, EX-05).

use std::time::{Duration, Instant};

use super::addr::{ForwardPath, ReversePath};
use super::caps::Caps;
use super::data::Content;
use super::param::{MailParams, RcptParams};
use super::reply::Reply;

/// What a session is like; shared by all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// First word of the greeting and of the EHLO reply.
    pub hostname: String,
    /// What is offered. STARTTLS is offered until TLS is on; SIZE is enforced.
    pub caps: Caps,
    /// `-bs`: LF ends lines too, EHLO is optional, no error counting, no deadlines.
    pub local: bool,
    /// More get 452 4.5.3.
    pub max_recipients: usize,
    /// After so many errors: 421 4.7.0 and close.
    pub max_errors: u32,
    /// Commands without effect (NOOP, RSET, VRFY, HELP ...) between messages, then 421.
    pub max_junk: u32,
    /// Longest content line, line end included; longer ones refuse the message.
    pub max_line: usize,
    pub command_timeout: Duration,
    /// Slowest content: octets a second, measured from the first octet with a
    /// grace of one `command_timeout`.
    pub min_rate: u64,
}

#[derive(Debug, PartialEq)]
#[must_use = "an ignored step loses mail or hangs the session"]
pub enum Step<'a> {
    /// The input is used up: write [`Session::output`], then read more.
    Input,
    /// Much output is waiting: write it before going on.
    Flush,
    /// Answer with [`Session::answer`] before the next step.
    Ask(Ask<'a>),
    /// Content, as it is to be stored.
    Body(&'a [u8]),
    /// The transaction is over without a message: drop what was stored of it.
    Discard,
    /// Write the output (220), throw away unread input, shake hands, then
    /// [`Session::tls_started`].
    StartTls,
    /// Write the output, then close.
    Close,
}

#[derive(Debug, PartialEq)]
pub enum Ask<'a> {
    /// May this sender begin a transaction?
    Mail(&'a ReversePath, &'a MailParams),
    /// Is this recipient taken? On a positive answer it joins the transaction.
    Rcpt(&'a ForwardPath, &'a RcptParams),
    /// Content comes next: be ready to store ([`Session::transaction`]).
    Data,
    /// All content is there and sound: commit it.
    End(Content),
    Vrfy(&'a str),
    Expn(&'a str),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The machine's own words for success (for VRFY and EXPN: 252).
    Yes,
    /// This reply; one of 2yz counts as yes.
    Reply(Reply),
}

/// What MAIL and RCPT have collected.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    pub reverse_path: ReversePath,
    pub params: MailParams,
    pub recipients: Vec<(ForwardPath, RcptParams)>,
}

/// How the client said hello, for Received (RFC 3848).
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    pub name: String,
    pub esmtp: bool,
}

#[derive(Debug)]
pub struct Session {
    _private: (),
}

impl Session {
    /// `tls`: the session begins inside TLS (port 465). The greeting is the
    /// first output.
    pub fn new(_settings: std::sync::Arc<Settings>, _tls: bool, _now: Instant) -> Session {
        todo!()
    }

    /// Takes bytes from the front of `input` as far as it can.
    pub fn step<'a>(&'a mut self, _input: &mut &'a [u8], _now: Instant) -> Step<'a> {
        todo!()
    }

    pub fn answer(&mut self, _answer: Answer) {
        todo!()
    }

    /// The handshake is done: everything learnt in clear is forgotten (P1, EX-24).
    pub fn tls_started(&mut self) {
        todo!()
    }

    /// Bytes to write; cleared by [`Session::written`].
    pub fn output(&self) -> &[u8] {
        todo!()
    }

    /// The first `n` octets of the output are out. An empty buffer is freed.
    pub fn written(&mut self, _n: usize) {
        todo!()
    }

    /// When [`Session::expire`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// The deadline passed: 421 4.4.2; the next step is Discard or Close.
    pub fn expire(&mut self) {
        todo!()
    }

    /// The service is stopping: an open transaction may finish, then 421 4.3.2
    /// and close; at once where there is none (SV-61).
    pub fn shut_down(&mut self) {
        todo!()
    }

    pub fn transaction(&self) -> Option<&Transaction> {
        todo!()
    }

    pub fn hello(&self) -> Option<&Hello> {
        todo!()
    }
}
