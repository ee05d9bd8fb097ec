//! Asking without sending: what a server says about addresses. DATA cannot be
//! asked for, so nothing is ever delivered by it (VF-06).

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use super::{Client, Expect, State};
use crate::smtp::addr::{ForwardPath, Mailbox, ReversePath};
use crate::smtp::command::Command;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::{Enhanced, Reply};

/// One command that carries no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// MAIL; with SMTPUTF8 where `utf8` is set.
    Mail {
        sender: ReversePath,
        utf8: bool,
    },
    Rcpt(Mailbox),
    Rset,
    Vrfy(String),
    Expn(String),
}

impl Question {
    fn command(self) -> Command {
        match self {
            Question::Mail { sender, utf8 } => {
                let params = MailParams {
                    smtputf8: utf8,
                    ..MailParams::default()
                };
                Command::Mail(sender, params)
            }
            Question::Rcpt(to) => Command::Rcpt(ForwardPath::Mailbox(to), RcptParams::default()),
            Question::Rset => Command::Rset,
            Question::Vrfy(word) => Command::Vrfy(word),
            Question::Expn(word) => Command::Expn(word),
        }
    }

    /// Nothing may stand behind these in a group (RFC 2920 section 3.1).
    fn ends_group(&self) -> bool {
        matches!(self, Question::Vrfy(_) | Question::Expn(_))
    }
}

/// Questions under way, and what was answered.
#[derive(Debug, Default)]
pub(super) struct Asking {
    left: VecDeque<Question>,
    answers: Vec<Reply>,
    under_way: bool,
    /// The last one sent ends its group.
    ended: bool,
}

impl Asking {
    pub(super) fn answered(&mut self, reply: Reply) {
        self.answers.push(reply);
    }

    /// True where questions were under way, which are over now.
    pub(super) fn end(&mut self) -> bool {
        self.left.clear();
        mem::take(&mut self.under_way)
    }
}

impl Client {
    /// Only after `Ready` or `Done`. Sends the questions, in groups where
    /// PIPELINING is on; `Done` once all are answered, or the connection failed.
    pub fn ask(&mut self, questions: Vec<Question>, now: Instant) {
        self.asking = Asking {
            left: questions.into(),
            under_way: true,
            ..Asking::default()
        };
        if self.failure.is_some() {
            self.asking.end();
            self.done += 1;
            return;
        }
        self.state = State::Busy;
        self.progress = now;
    }

    /// The replies, in the order of the questions; fewer where the connection
    /// failed.
    pub fn take_answers(&mut self) -> Vec<Reply> {
        mem::take(&mut self.asking.answers)
    }

    /// Sends what may be sent now.
    pub(super) fn pump_questions(&mut self) {
        while self.asking.under_way && self.state == State::Busy {
            if self.expect.is_empty() {
                self.asking.ended = false;
            }
            match self.asking.left.front() {
                None if self.expect.is_empty() => {
                    self.asking.end();
                    self.state = State::Ready;
                    self.done += 1;
                }
                Some(_) if self.has_room() && !self.asking.ended => self.send_question(),
                _ => return,
            }
        }
    }

    fn send_question(&mut self) {
        let Some(question) = self.asking.left.pop_front() else {
            return;
        };
        let utf8 = self.caps.smtputf8;
        self.asking.ended = question.ends_group();
        self.dirty |= matches!(question, Question::Mail { .. });
        if let Err(why) = self.try_send(&question.command(), utf8, Expect::Asked) {
            let stage = Expect::Asked.stage();
            self.fail(stage, None, Enhanced(5, 6, 7), &why.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ready, said};
    use super::super::{Stage, Step};
    use super::*;

    fn rcpt(local: &str) -> Question {
        Question::Rcpt(Mailbox::parse(&format!("{local}@example.org")).unwrap())
    }

    fn mail() -> Question {
        Question::Mail {
            sender: ReversePath::Null,
            utf8: false,
        }
    }

    #[test]
    fn vf_06_questions_go_in_groups_and_every_answer_comes_back() {
        let now = Instant::now();
        let mut client = ready(false, now);
        client.ask(vec![mail(), rcpt("a"), rcpt("b"), Question::Rset], now);
        assert_eq!(client.step(&mut &b""[..], now), Step::Input);
        let group =
            "MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRSET\r\n";
        assert_eq!(said(&mut client), group);
        let mut input = &b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n"[..];
        assert_eq!(client.step(&mut input, now), Step::Done);
        let codes: Vec<u16> = client.take_answers().iter().map(|r| r.code).collect();
        assert_eq!(codes, [250, 250, 550, 250]);
        assert_eq!(client.step(&mut &b""[..], now), Step::Ready);
    }

    #[test]
    fn vrfy_and_expn_end_their_group() {
        let now = Instant::now();
        let mut client = ready(false, now);
        let words = ["a@b.example", "c@b.example"];
        client.ask(words.map(|w| Question::Vrfy(w.into())).into(), now);
        assert_eq!(client.step(&mut &b""[..], now), Step::Input);
        assert_eq!(said(&mut client), "VRFY a@b.example\r\n");
        assert_eq!(
            client.step(&mut &b"252 who knows\r\n"[..], now),
            Step::Input
        );
        assert_eq!(said(&mut client), "VRFY c@b.example\r\n");
        assert_eq!(client.step(&mut &b"502 no\r\n"[..], now), Step::Done);
        assert_eq!(client.take_answers().len(), 2);
    }

    #[test]
    fn a_421_ends_it_with_the_answers_so_far() {
        let now = Instant::now();
        let mut client = ready(false, now);
        client.ask(vec![mail(), rcpt("a"), rcpt("b")], now);
        assert_eq!(client.step(&mut &b""[..], now), Step::Input);
        let mut input = &b"250 ok\r\n421 4.7.0 too many\r\n"[..];
        assert_eq!(client.step(&mut input, now), Step::Done);
        assert_eq!(client.take_answers().len(), 1);
        assert_eq!(client.step(&mut &b""[..], now), Step::Closed);
        assert_eq!(client.failure().map(|f| f.stage), Some(Stage::Rcpt));
        // A dead connection answers nothing, and says so at once.
        client.ask(vec![mail()], now);
        assert_eq!(client.step(&mut &b""[..], now), Step::Done);
        assert!(client.take_answers().is_empty());
    }
}
