//! What a reply means, by what it answers. Only its class counts (CL-04); what
//! is no reply, or comes where none is owed, ends the connection (CL-05).

use std::time::Instant;

use super::transaction::by_class;
use super::{Client, Expect, Said, Stage, State, TlsWish, Until, Verdict};
use crate::smtp::caps::Caps;
use crate::smtp::command::Command;
use crate::smtp::reply::{Enhanced, Reply};

const PROTOCOL: Enhanced = Enhanced(4, 5, 0);

impl Client {
    /// Reads one reply and acts on it; false where there is none yet.
    pub(super) fn read_reply(&mut self, input: &mut &[u8], now: Instant) -> bool {
        let reply = match self.reader.read(input) {
            Ok(None) => return false,
            Ok(Some(reply)) => reply,
            Err(why) => {
                self.broken(&why.to_string());
                return true;
            }
        };
        self.progress = now;
        self.settings.talk.tell(&Said::Heard(&reply));
        let expect = self.expect.pop_front();
        if expect.is_some()
            && let Some(open) = self.open.front_mut()
        {
            open.owed = open.owed.saturating_sub(1);
        }
        match expect {
            None => self.unasked(reply),
            Some(Expect::Quit) => self.state = State::Closed,
            Some(expect) if reply.code == 421 => {
                self.fail(expect.stage(), Some(reply), PROTOCOL, "");
            }
            Some(expect) => self.take(expect, reply, input),
        }
        if self.open.len() > 1 {
            self.settle();
        }
        true
    }

    fn take(&mut self, expect: Expect, reply: Reply, input: &mut &[u8]) {
        match (expect, reply.code / 100) {
            (Expect::Greeting, 2) => {
                self.greeting = Some(reply);
                self.hello();
            }
            (Expect::Ehlo, 2) => {
                self.caps = Caps::parse(&reply);
                self.hello_reply = Some(reply);
                self.said_hello();
            }
            (Expect::Ehlo, 5) if !self.settings.lmtp => {
                let name = self.settings.hello.clone();
                self.send(&Command::Helo(name), Expect::Helo);
            }
            (Expect::Helo, 2) => {
                self.hello_reply = Some(reply);
                self.said_hello();
            }
            (Expect::Asked, 2 | 4 | 5) => self.asking.answered(reply),
            (Expect::StartTls, 2) => self.start_tls(input),
            (Expect::StartTls, 4 | 5) if self.settings.tls == TlsWish::IfOffered => {
                self.tls_settled = true;
                self.state = State::Ready;
                self.log_in();
            }
            (Expect::StartTls, 4 | 5) => self.no_tls(Some(reply), "the server refused STARTTLS"),
            (Expect::Auth, 2..=5) => self.auth_answered(reply),
            (Expect::AuthCancelled, _) => self.auth_cancelled(),
            (Expect::Rset, 2) => {}
            (Expect::Greeting | Expect::Ehlo | Expect::Helo | Expect::Rset, 4 | 5) => {
                self.surprised = true;
                self.give_up(expect.stage(), Some(reply), PROTOCOL, "");
            }
            (Expect::Mail, 2) if self.settings.talk.ends_at(Until::Mail) => {
                self.decide(expect.stage(), reply);
            }
            (Expect::Mail, 2) | (Expect::Chunk, 2) => {}
            (Expect::Rcpt(n), 2 | 4 | 5) => {
                let is_last = self.settings.talk.ends_at(Until::Rcpt);
                if let Some(open) = self.open.front_mut() {
                    open.rcpt_answered(n, reply, is_last);
                }
            }
            (Expect::Data, 3) if self.settings.talk.ends_at(Until::Data) => self.cut(reply),
            (Expect::Data, 3) => self.go_ahead(),
            (Expect::End, 2) => {
                // With another behind it, MAIL was said again already.
                self.dirty = self.open.len() > 1;
                self.decide(expect.stage(), reply);
            }
            (Expect::Mail | Expect::Data | Expect::Chunk | Expect::End, 4 | 5) => {
                self.surprised = true;
                self.decide(expect.stage(), reply);
            }
            (Expect::EndOf(n), 2 | 4 | 5) => {
                self.dirty = false;
                if let Some(open) = self.open.front_mut() {
                    open.settle(n, by_class(Stage::EndOfData, reply));
                }
            }
            _ => {
                self.expect.push_front(expect);
                self.broken(&format!("the server said {reply} where that means nothing"));
            }
        }
    }

    /// EHLO or HELO was taken: TLS, if it is wanted, then the login.
    fn said_hello(&mut self) {
        self.state = State::Ready;
        if self.tls_settled {
            self.log_in();
        } else if self.caps.starttls {
            self.state = State::Busy;
            self.send(&Command::StartTls, Expect::StartTls);
        } else if self.settings.tls == TlsWish::Must {
            self.no_tls(None, "the server does not offer STARTTLS");
        } else {
            self.log_in();
        }
    }

    fn start_tls(&mut self, input: &mut &[u8]) {
        self.state = State::Handshake;
        if !input.is_empty() {
            let why = "the server sent more behind its reply to STARTTLS";
            self.fail(Stage::StartTls, None, Enhanced(4, 7, 5), why);
        }
    }

    fn no_tls(&mut self, reply: Option<Reply>, why: &str) {
        let (stage, status) = (Stage::StartTls, Enhanced(4, 7, 10));
        self.give_up(stage, reply, status, why);
        // Whatever the class: no TLS today is no reason to bounce (CL-28).
        if let Some(failure) = &mut self.failure {
            failure.verdict = Verdict::Deferred;
            failure.status = status;
        }
    }

    /// DATA may go on. With nobody to send to, an empty message ends what it
    /// began (RFC 2920 section 3.1).
    fn go_ahead(&mut self) {
        let Some(open) = self.open.back() else {
            return;
        };
        match open.is_any_taken() {
            true => self.state = State::Content,
            false => self.end_content(),
        }
    }

    /// DATA was all that was asked for. No command can follow it but content, so
    /// the connection ends here.
    fn cut(&mut self, reply: Reply) {
        self.decide(Stage::Data, reply);
        let why = "cut before the content, as asked for";
        self.fail(Stage::Data, None, Enhanced(4, 3, 0), why);
    }

    /// The same verdict for every recipient not settled.
    fn decide(&mut self, stage: Stage, reply: Reply) {
        if let Some(open) = self.open.front_mut() {
            open.settle_all(&by_class(stage, reply));
        }
        // After a refused chunk nothing more of this content is sent.
        if self.state == State::Content && self.open.len() == 1 {
            self.state = State::Busy;
        }
    }

    /// A reply that nothing asked for. While content is streamed it is an early
    /// no to the content; the final dot cannot be sent any more.
    fn unasked(&mut self, reply: Reply) {
        let stage = self.stage();
        match reply.code {
            421 => self.fail(stage, Some(reply), PROTOCOL, ""),
            400.. if stage == Stage::Content => {
                self.decide(stage, reply);
                self.fail(
                    stage,
                    None,
                    PROTOCOL,
                    "the server refused the content half-way",
                );
            }
            _ => self.broken(&format!("the server said {reply} unasked")),
        }
    }

    /// The server does not speak SMTP as we know it.
    fn broken(&mut self, why: &str) {
        if self.state == State::Quitting {
            self.state = State::Closed;
        } else {
            self.fail(self.stage(), None, PROTOCOL, why);
        }
    }

    /// Ends a connection that is in step: with QUIT, but no waiting.
    pub(super) fn give_up(
        &mut self,
        stage: Stage,
        reply: Option<Reply>,
        status: Enhanced,
        why: &str,
    ) {
        self.send(&Command::Quit, Expect::Quit);
        self.fail(stage, reply, status, why);
    }
}
