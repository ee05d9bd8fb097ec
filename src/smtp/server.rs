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
//! and back-pressure need no thought in the carrier (EX-04, EX-05). The end of
//! the input is no step: the carrier drops session and draft (SV-44).
//!
//! `types` is what a carrier sees; `verbs` holds the table of commands,
//! `actions` a function for each, `content` what comes after DATA and BDAT; this
//! file holds the loop and the one reset.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::addr::{ForwardPath, ReversePath};
use super::data::Content;
use super::line::LineReader;
use super::param::{MailParams, RcptParams};
use super::reply::{Enhanced, Reply};
use crate::class::Class;

mod actions;
mod auth;
mod content;
#[cfg(test)]
mod tests;
mod types;
mod verbs;

use content::Incoming;
pub use types::{Answer, Ask, AuthStep, Hello, Role, Settings, Step, Transaction};

/// Output that makes the machine stop and ask for writing, octets. It goes over
/// by one reply at most, so a client that sends and never reads costs no more.
const OUTPUT_BOUND: usize = 4096;

#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    line: LineReader,
    out: Vec<u8>,
    state: State,
    hello: Option<Hello>,
    transaction: Option<Box<Transaction>>,
    /// Content under way: from the answer to [`Ask::Data`] to its end.
    incoming: Option<Box<Incoming>>,
    /// When the wait for what comes next began.
    waiting: Option<Instant>,
    /// Content on its way in, stored or skipped: its begin and octets so far.
    flow: Option<(Instant, u64)>,
    errors: u32,
    junk: u32,
    tls: bool,
    /// Logged in as.
    user: Option<String>,
    /// Failed logins.
    failures: u32,
    /// Nothing was read yet.
    fresh: bool,
    /// A [`Step::Discard`] is owed.
    discard: bool,
    stopping: bool,
    /// QUIT is all that is heard (RFC 7504 section 3).
    refusing: bool,
    /// Transactions begun, towards [`Caps::mail_max`](super::caps::Caps).
    mails: usize,
}

/// What is read next.
#[derive(Debug)]
enum State {
    Command,
    /// The answer to a challenge of AUTH.
    Response,
    Asking(Box<Question>),
    /// DATA until its dot.
    Data,
    /// A chunk of BDAT that is kept.
    Chunk {
        last: bool,
    },
    /// A chunk of BDAT that is refused when it is through.
    Skip {
        left: u64,
        refusal: Box<Refusal>,
    },
    Handshake,
    Closing,
}

/// An open question, owning what [`Ask`] shows.
#[derive(Debug)]
enum Question {
    Mail(ReversePath, MailParams),
    Rcpt(ForwardPath, RcptParams),
    /// Asked by DATA.
    Data,
    /// Asked by the first BDAT: its octets, LAST.
    Bdat(u64, bool),
    End(Content),
    Vrfy(String),
    Expn(String),
    Auth(AuthStep),
}

/// How a negative reply of the machine's own counts.
#[derive(Debug)]
enum Refusal {
    /// Towards [`Settings::max_errors`].
    Error(Reply),
    /// Towards [`Settings::max_junk`].
    Junk(Reply),
    /// Not at all.
    Free(Reply),
}

/// [`Step`] before it borrows from the session.
enum Event<'i> {
    Input,
    Flush,
    Ask,
    Body(&'i [u8]),
    Discard,
    StartTls,
    Close,
}

impl Session {
    /// `tls`: the session begins inside TLS (port 465). The greeting is the
    /// first output.
    pub fn new(settings: Arc<Settings>, tls: bool, now: Instant) -> Session {
        let protocol = match settings.role {
            Role::Lmtp => "LMTP",
            _ => "ESMTP",
        };
        let greeting = Reply::new(220, (0, 0, 0), format!("{} {protocol}", settings.hostname));
        let mut out = Vec::new();
        greeting.write(&mut out);
        Session {
            line: LineReader::new(settings.local),
            settings,
            out,
            state: State::Command,
            hello: None,
            transaction: None,
            incoming: None,
            waiting: Some(now),
            flow: None,
            errors: 0,
            junk: 0,
            tls,
            user: None,
            failures: 0,
            fresh: true,
            discard: false,
            stopping: false,
            refusing: false,
            mails: 0,
        }
    }

    /// In place of the greeting: no mail is taken here (RFC 7504, SV-03). The
    /// client is to say QUIT; all else gets 503.
    pub fn refuse_all(&mut self) {
        self.out.clear();
        self.refusing = true;
        let text = format!("{} takes no mail", self.settings.hostname);
        Reply::new(554, (0, 0, 0), text).write(&mut self.out);
    }

    /// In place of the greeting: the client talked before it (SV-02, P5).
    pub fn refuse_early(&mut self) {
        self.out.clear();
        let text = "You talk before you are greeted, closing";
        self.close(Reply::new(554, (5, 5, 0), text));
    }

    /// Takes bytes from the front of `input` as far as it can.
    pub fn step<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8], now: Instant) -> Step<'s> {
        match self.advance(input, now) {
            Event::Input => Step::Input,
            Event::Flush => Step::Flush,
            Event::Body(octets) => Step::Body(octets),
            Event::Discard => Step::Discard,
            Event::StartTls => Step::StartTls,
            Event::Close => Step::Close,
            Event::Ask => self.question().map_or(Step::Close, Step::Ask),
        }
    }

    fn advance<'i>(&mut self, input: &mut &'i [u8], now: Instant) -> Event<'i> {
        loop {
            if mem::take(&mut self.discard) {
                return Event::Discard;
            }
            let event = match self.state {
                State::Closing => Some(Event::Close),
                State::Handshake => Some(Event::StartTls),
                State::Asking(_) => Some(Event::Ask),
                _ if self.out.len() >= OUTPUT_BOUND => Some(Event::Flush),
                State::Command => self.read_command(input, now),
                State::Response => self.read_response(input, now),
                State::Data => self.read_data(input, now),
                State::Chunk { last } => self.read_chunk(input, last, now),
                State::Skip { left, .. } => self.skip_chunk(input, left, now),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// The open question, where there is one.
    pub fn question(&self) -> Option<Ask<'_>> {
        match &self.state {
            State::Asking(question) => Some(question.ask()),
            _ => None,
        }
    }

    /// Answers the open question; without one it does nothing.
    pub fn answer(&mut self, answer: Answer) {
        if !matches!(self.state, State::Asking(_)) {
            return;
        }
        let State::Asking(question) = mem::replace(&mut self.state, State::Command) else {
            return;
        };
        self.waiting = None;
        match answer {
            Answer::Reply(reply) if !(200..300).contains(&reply.code) => {
                self.answered_no(*question, reply);
            }
            Answer::Reply(reply) => self.answered_yes(*question, Some(reply)),
            Answer::Yes => self.answered_yes(*question, None),
            Answer::Challenge(octets) => self.challenge(&octets),
            Answer::User(user) => self.logged_in(user),
        }
    }

    fn answered_yes(&mut self, question: Question, reply: Option<Reply>) {
        let own =
            |code, enhanced, text: &str| reply.unwrap_or_else(|| Reply::new(code, enhanced, text));
        let reply = match question {
            Question::Mail(reverse_path, params) => {
                self.transaction = Some(Box::new(Transaction {
                    reverse_path,
                    params,
                    recipients: Vec::new(),
                }));
                own(250, (2, 1, 0), "Sender ok")
            }
            Question::Rcpt(path, params) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients.push((path, params));
                }
                own(250, (2, 1, 5), "Recipient ok")
            }
            Question::Data => return self.begin_data(),
            Question::Bdat(octets, last) => return self.begin_chunks(octets, last),
            Question::End(_) => {
                self.incoming = None;
                (self.errors, self.junk) = (0, 0);
                let reply = own(250, (2, 0, 0), "Message taken");
                self.respond_to_others(&reply);
                self.reset();
                reply
            }
            // Who says yes has to say who it is.
            Question::Auth(_) => {
                return self.login_refused(Reply::for_class(Class::Software, "No usable answer"));
            }
            Question::Vrfy(_) | Question::Expn(_) => {
                own(252, (2, 1, 5), "Not told; send the message and see")
            }
        };
        self.respond(reply);
    }

    fn answered_no(&mut self, question: Question, reply: Reply) {
        // A 3yz here would make the client send what is read as commands.
        let reply = match reply.code {
            400.. => reply,
            _ => Reply::for_class(Class::Software, "No usable answer"),
        };
        match question {
            Question::Auth(_) => return self.login_refused(reply),
            Question::Data => self.reset(),
            Question::Bdat(left, _) => {
                self.reset();
                let refusal = Box::new(Refusal::Junk(reply));
                self.state = State::Skip { left, refusal };
                return;
            }
            Question::End(_) => {
                self.incoming = None;
                self.respond_to_others(&reply);
                self.reset();
            }
            _ => {}
        }
        self.refuse(Refusal::Junk(reply));
    }

    /// The handshake is done: everything learnt in clear is forgotten (P1, EX-24).
    pub fn tls_started(&mut self) {
        self.reset();
        self.hello = None;
        self.line = LineReader::new(self.settings.local);
        self.state = State::Command;
        self.waiting = None;
        self.tls = true;
        self.user = None;
    }

    /// Bytes to write; cleared by [`Session::written`].
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

    /// When [`Session::expire`] is due. None while a question is open, while
    /// the carrier shakes hands, and for `local` sessions.
    pub fn deadline(&self) -> Option<Instant> {
        if self.settings.local {
            return None;
        }
        let grace = self.settings.command_timeout;
        match self.state {
            State::Asking(_) | State::Handshake | State::Closing => None,
            State::Command | State::Response => self.waiting?.checked_add(grace),
            State::Data | State::Chunk { .. } | State::Skip { .. } => {
                let idle = self.waiting.and_then(|since| since.checked_add(grace));
                let slow = self.flow.and_then(|(begun, octets)| {
                    let at_least = octets.checked_div(self.settings.min_rate)?;
                    begun
                        .checked_add(grace)?
                        .checked_add(Duration::from_secs(at_least))
                });
                idle.into_iter().chain(slow).min()
            }
        }
    }

    /// The deadline passed: 421 4.4.2; the next step is Discard or Close.
    pub fn expire(&mut self) {
        if !matches!(self.state, State::Asking(_)) {
            self.close(Reply::new(421, (4, 4, 2), "Too slow, closing"));
        }
    }

    /// The service is stopping: an open transaction may finish, then 421 4.3.2
    /// and close; at once where there is none (SV-61). The next step shows it.
    pub fn shut_down(&mut self) {
        self.stopping = true;
    }

    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_deref()
    }

    /// Who is logged in.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// The one reset: whatever ends a transaction goes through here (P4). Owes
    /// the carrier a Discard where content was being stored.
    fn reset(&mut self) {
        self.transaction = None;
        self.flow = None;
        if self
            .incoming
            .take()
            .is_some_and(|incoming| incoming.is_stored())
        {
            self.discard = true;
        }
    }

    /// Says no, and ends the session where that was once too often.
    fn refuse(&mut self, refusal: Refusal) {
        let reply = match refusal {
            Refusal::Error(reply) => {
                self.errors = self.errors.saturating_add(1);
                reply
            }
            Refusal::Junk(reply) => {
                self.junk = self.junk.saturating_add(1);
                reply
            }
            Refusal::Free(reply) => reply,
        };
        if !self.settings.local
            && (self.errors >= self.settings.max_errors || self.junk > self.settings.max_junk)
        {
            self.close(Reply::new(421, (4, 7, 0), "Too many errors, closing"));
        } else if reply.code == 421 {
            self.close(reply);
        } else {
            self.respond(reply);
        }
    }

    fn close(&mut self, reply: Reply) {
        self.reset();
        self.respond(reply);
        self.state = State::Closing;
    }

    /// LMTP: the content's reply goes out once for each recipient (RFC 2033
    /// section 4.2); this says all but the last one.
    fn respond_to_others(&mut self, reply: &Reply) {
        if self.settings.role != Role::Lmtp {
            return;
        }
        let recipients = self.transaction.as_ref().map_or(0, |t| t.recipients.len());
        for _ in 1..recipients {
            self.respond(reply.clone());
        }
    }

    /// Puts a reply to the output. EX-15: one from an [`Answer`] without an
    /// enhanced code gets the plain one of its class.
    fn respond(&mut self, mut reply: Reply) {
        if reply.enhanced.is_none() && !(300..400).contains(&reply.code) {
            let class = if reply.code < 300 {
                2
            } else {
                (reply.code / 100) as u8
            };
            reply.enhanced = Some(Enhanced(class, 0, 0));
        }
        reply.write(&mut self.out);
    }
}

impl Question {
    fn ask(&self) -> Ask<'_> {
        match self {
            Question::Mail(path, params) => Ask::Mail(path, params),
            Question::Rcpt(path, params) => Ask::Rcpt(path, params),
            Question::Data | Question::Bdat(..) => Ask::Data,
            Question::End(content) => Ask::End(*content),
            Question::Vrfy(name) => Ask::Vrfy(name),
            Question::Expn(name) => Ask::Expn(name),
            Question::Auth(step) => Ask::Auth(step),
        }
    }
}
