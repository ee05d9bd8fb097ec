//! What is sent, and when: one command at a time, or a group where PIPELINING
//! is on (RFC 2920 section 3.1).

use std::time::Instant;

use super::talk::{self, Said};
use super::transaction::{self, Next};
use super::{Client, Expect, Stage, State, Until};
use crate::smtp::command::{Command, CommandError};
use crate::smtp::reply::Enhanced;

/// Commands sent ahead of their replies, and octets of them that wait to be
/// written: bounds, so that both ends reading late never block each other.
pub(super) const WINDOW: usize = 100;
pub(super) const OUTPUT_BOUND: usize = 16 * 1024;

/// Octets that wait to be written, beyond which no further transaction is begun.
pub(super) const STREAM_BOUND: usize = 64 * 1024;

impl Client {
    /// EHLO (LHLO, RFC 2033 section 4.1), first or again.
    pub(super) fn hello(&mut self) {
        let name = self.settings.hello.clone();
        let hello = match self.settings.lmtp {
            true => Command::Lhlo(name),
            false => Command::Ehlo(name),
        };
        self.send(&hello, Expect::Ehlo);
    }

    /// Sends a command of which no part is from outside.
    pub(super) fn send(&mut self, command: &Command, expect: Expect) {
        if let Err(why) = self.try_send(command, false, expect) {
            self.fail(expect.stage(), None, Enhanced(4, 3, 5), &why.to_string());
        }
    }

    pub(super) fn try_send(
        &mut self,
        command: &Command,
        utf8: bool,
        expect: Expect,
    ) -> Result<(), CommandError> {
        let from = self.out.len();
        command.write(utf8, &mut self.out)?;
        let talk = &self.settings.talk;
        match expect {
            Expect::Mail => talk::add(&mut self.out, from, &talk.mail),
            Expect::Rcpt(_) => talk::add(&mut self.out, from, &talk.rcpt),
            _ => {}
        }
        if talk.trace.is_some() {
            let line = String::from_utf8_lossy(self.out.get(from..).unwrap_or_default());
            let shown = match command {
                Command::Auth(mechanism, Some(_)) => &format!("AUTH {mechanism} ****"),
                _ => line.trim_end(),
            };
            talk.tell(&Said::Sent(shown));
        }
        self.owe(expect);
        Ok(())
    }

    /// One more reply is owed to the transaction that is being sent.
    pub(super) fn owe(&mut self, expect: Expect) {
        if let Some(open) = self.open.back_mut() {
            open.owed += 1;
        }
        self.expect.push_back(expect);
    }

    /// The final dot or the last chunk: one reply is owed for it, by LMTP one for
    /// each recipient that was taken (RFC 2033 section 4.2).
    pub(super) fn end_content(&mut self) {
        let Some(open) = self.open.back_mut() else {
            return;
        };
        std::mem::take(&mut open.encoder).finish(&mut self.out);
        match self.settings.lmtp {
            false => self.owe(Expect::End),
            true => {
                for n in open.taken() {
                    self.owe(Expect::EndOf(n));
                }
            }
        }
    }

    /// Sends what the open transaction has to send next: one command at a time,
    /// or a group of them where PIPELINING is on (CL-20).
    pub(super) fn pump(&mut self, now: Instant) {
        while self.state == State::Busy && self.has_room() {
            let Some(open) = self.open.back_mut() else {
                return;
            };
            if self.expect.is_empty() {
                self.progress = now;
            }
            match open.next {
                Next::Rset => {
                    open.next = Next::Mail;
                    self.send(&Command::Rset, Expect::Rset);
                }
                Next::Mail => self.send_mail(),
                Next::Rcpt(_) if self.settings.talk.ends_at(Until::Mail) => {
                    open.next = Next::Replies;
                }
                Next::Rcpt(n) => self.send_rcpt(n),
                Next::Content if self.settings.talk.ends_at(Until::Rcpt) => {
                    open.next = Next::Replies;
                }
                Next::Content if open.is_settled() => open.next = Next::Replies,
                Next::Content if open.encoder.is_chunked() => {
                    if !self.expect.is_empty() && !open.streamed {
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
                    self.settle();
                    return;
                }
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        let group = self.settings.pipelining && self.caps.pipelining;
        self.expect.is_empty()
            || (group && self.expect.len() < WINDOW && self.out.len() < OUTPUT_BOUND)
    }

    fn send_mail(&mut self) {
        let Some(open) = self.open.back_mut() else {
            return;
        };
        open.next = Next::Rcpt(0);
        let (command, utf8) = (open.mail(&self.caps), open.utf8);
        self.dirty = true;
        if let Err(why) = self.try_send(&command, utf8, Expect::Mail)
            && let Some(open) = self.open.back_mut()
        {
            open.settle_all(&transaction::unwritable(&why, Stage::Mail));
        }
    }

    fn send_rcpt(&mut self, n: usize) {
        let Some(open) = self.open.back_mut() else {
            return;
        };
        let Some(command) = open.rcpt(n, &self.caps) else {
            open.next = Next::Content;
            return;
        };
        open.next = Next::Rcpt(n + 1);
        let utf8 = open.utf8;
        if let Err(why) = self.try_send(&command, utf8, Expect::Rcpt(n))
            && let Some(open) = self.open.back_mut()
        {
            open.settle(n, transaction::unwritable(&why, Stage::Rcpt));
        }
    }
}
