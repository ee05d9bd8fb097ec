//! One message under way to one server: what is to be sent, and what became of
//! each recipient.

use super::chunks::Encoder;
use super::{Message, Needs, Outcome, Settings, Stage, Verdict};
use crate::smtp::addr::ForwardPath;
use crate::smtp::caps::Caps;
use crate::smtp::command::{Command, CommandError};
use crate::smtp::param::{Body, MailParams, RcptParams};
use crate::smtp::reply::{Enhanced, Reply};

/// What is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Rset,
    Mail,
    Rcpt(usize),
    /// DATA, or the first chunk.
    Content,
    /// Nothing: replies are owed.
    Replies,
}

impl Next {
    pub(super) fn stage(self) -> Stage {
        match self {
            Next::Rset | Next::Mail => Stage::Mail,
            Next::Rcpt(_) => Stage::Rcpt,
            Next::Content => Stage::Data,
            Next::Replies => Stage::EndOfData,
        }
    }
}

/// What is known of one recipient.
#[derive(Debug)]
enum Slot {
    /// Not answered yet, or not sent.
    Waiting,
    /// RCPT was taken; the content decides.
    Taken,
    Settled(Outcome),
}

#[derive(Debug)]
pub(super) struct Open {
    message: Message,
    slots: Vec<Slot>,
    /// How many slots are `Settled`, and `Taken`: asked for each recipient.
    settled: usize,
    taken: usize,
    pub(super) next: Next,
    /// Replies owed to what was sent of it.
    pub(super) owed: usize,
    /// It goes out without waiting for replies.
    pub(super) streamed: bool,
    pub(super) encoder: Encoder,
    /// SMTPUTF8 is used.
    pub(super) utf8: bool,
    /// The final dot, or the last chunk, was sent.
    pub(super) ended: bool,
    /// Octets of content so far.
    pub(super) written: u64,
}

impl Open {
    /// `chunking`: BDAT where it is offered; a binary message goes no other way.
    pub(super) fn new(message: Message, caps: &Caps, chunking: bool, reset: bool) -> Box<Open> {
        let slots = message.recipients.iter().map(|_| Slot::Waiting).collect();
        let binary = is_binary(&message);
        let chunked = (chunking || binary) && caps.chunking && caps.pipelining;
        Box::new(Open {
            slots,
            settled: 0,
            taken: 0,
            next: if reset { Next::Rset } else { Next::Mail },
            owed: 0,
            streamed: false,
            encoder: Encoder::new(chunked, binary),
            utf8: needs_utf8(&message) && caps.smtputf8,
            ended: false,
            written: 0,
            message,
        })
    }

    /// MAIL, with the parameters that the server offers and no other (CL-06).
    pub(super) fn mail(&self, caps: &Caps) -> Command {
        let ours = &self.message.params;
        let body = match ours.body {
            Some(Body::BinaryMime) => Some(Body::BinaryMime),
            _ if self.message.eight_bit => Some(Body::EightBitMime),
            _ => None,
        };
        let params = MailParams {
            size: caps.size.map(|_| self.message.size),
            body,
            ret: ours.ret.filter(|_| caps.dsn),
            envid: ours.envid.clone().filter(|_| caps.dsn),
            smtputf8: self.utf8,
            auth: ours.auth.clone().filter(|_| !caps.auth.is_empty()),
        };
        Command::Mail(self.message.reverse_path.clone(), params)
    }

    /// RCPT for the recipient of this number; None after the last.
    pub(super) fn rcpt(&self, n: usize, caps: &Caps) -> Option<Command> {
        let (mailbox, params) = self.message.recipients.get(n)?;
        if self.is_settled() {
            return None;
        }
        let params = if caps.dsn {
            params.clone()
        } else {
            RcptParams::default()
        };
        Some(Command::Rcpt(ForwardPath::Mailbox(mailbox.clone()), params))
    }

    /// RCPT was answered; `is_last` where no content is to follow.
    pub(super) fn rcpt_answered(&mut self, n: usize, reply: Reply, is_last: bool) {
        let more = reply.code == 452 || reply.code == 552;
        let split = more && is_about_number(&reply) && self.is_any_taken();
        if reply.is_positive() && !is_last {
            return self.set(n, Slot::Taken);
        }
        let mut outcome = by_class(Stage::Rcpt, reply);
        if split {
            outcome.verdict = Verdict::Deferred;
            outcome.status.0 = 4;
            outcome.needs = Some(Needs::AnotherTransaction);
        }
        self.set(n, Slot::Settled(outcome));
    }

    /// The same outcome for all that are not settled.
    pub(super) fn settle_all(&mut self, outcome: &Outcome) {
        for n in 0..self.slots.len() {
            self.settle(n, outcome.clone());
        }
    }

    pub(super) fn settle(&mut self, n: usize, outcome: Outcome) {
        self.set(n, Slot::Settled(outcome));
    }

    /// What is settled stays so.
    fn set(&mut self, n: usize, new: Slot) {
        let Some(slot) = self.slots.get_mut(n) else {
            return;
        };
        match (&*slot, &new) {
            (Slot::Waiting, Slot::Taken) => self.taken += 1,
            (Slot::Waiting, Slot::Settled(_)) => self.settled += 1,
            (Slot::Taken, Slot::Settled(_)) => {
                self.settled += 1;
                self.taken -= 1;
            }
            _ => return,
        }
        *slot = new;
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled == self.slots.len()
    }

    /// Numbers of the recipients that were taken and wait for the end.
    pub(super) fn taken(&self) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        let taken = slots.filter(|(_, slot)| matches!(slot, Slot::Taken));
        taken.map(|(n, _)| n).collect()
    }

    pub(super) fn is_any_taken(&self) -> bool {
        self.taken > 0
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.slots
            .into_iter()
            .map(|slot| match slot {
                Slot::Settled(outcome) => outcome,
                Slot::Waiting | Slot::Taken => local(
                    Verdict::Deferred,
                    Enhanced(4, 3, 0),
                    "the server never answered for this recipient",
                ),
            })
            .collect()
    }
}

/// 452 and 552 at RCPT: the number of recipients (RFC 5321 section
/// 4.5.3.1.10), unless the enhanced code speaks of something else (4.2.2, a
/// full mailbox).
fn is_about_number(reply: &Reply) -> bool {
    match reply.enhanced {
        None => true,
        Some(Enhanced(_, subject, detail)) => (subject, detail) == (5, 3),
    }
}

/// The verdict of a reply that ends it for a recipient, by its class (CL-04).
pub(super) fn by_class(stage: Stage, reply: Reply) -> Outcome {
    Outcome {
        verdict: match reply.code {
            200..400 => Verdict::Accepted,
            500.. => Verdict::Refused,
            _ => Verdict::Deferred,
        },
        status: status(&reply),
        needs: None,
        stage,
        reply: Some(reply),
        text: String::new(),
    }
}

/// The enhanced code of a reply, where it fits its class; else the plain one.
pub(super) fn status(reply: &Reply) -> Enhanced {
    let class = match reply.code {
        200..400 => 2,
        500.. => 5,
        _ => 4,
    };
    reply
        .enhanced
        .filter(|enhanced| enhanced.0 == class)
        .unwrap_or(Enhanced(class, 0, 0))
}

fn local(verdict: Verdict, status: Enhanced, text: &str) -> Outcome {
    Outcome {
        verdict,
        status,
        needs: None,
        stage: Stage::Mail,
        reply: None,
        text: text.to_string(),
    }
}

/// An address that cannot stand in a command here.
pub(super) fn unwritable(why: &CommandError, stage: Stage) -> Outcome {
    let text = format!("the address cannot be sent to this server: {why}");
    Outcome {
        stage,
        ..local(Verdict::Refused, Enhanced(5, 6, 7), &text)
    }
}

fn is_binary(message: &Message) -> bool {
    message.params.body == Some(Body::BinaryMime)
}

fn may_chunk(caps: &Caps, settings: &Settings) -> bool {
    caps.chunking && caps.pipelining && settings.pipelining
}

fn has_utf8_address(message: &Message) -> bool {
    let sender = message.reverse_path.mailbox();
    let mut all = message
        .recipients
        .iter()
        .map(|(mailbox, _)| mailbox)
        .chain(sender);
    all.any(|mailbox| mailbox.needs_utf8())
}

fn needs_utf8(message: &Message) -> bool {
    message.utf8 || has_utf8_address(message)
}

/// Why this message cannot go to this server as it is, before a word is said.
pub(super) fn unsendable(message: &Message, caps: &Caps, settings: &Settings) -> Option<Outcome> {
    if message.utf8 && !caps.smtputf8 {
        let detail = if has_utf8_address(message) { 7 } else { 9 };
        return Some(local(
            Verdict::Refused,
            Enhanced(5, 6, detail),
            "the message needs SMTPUTF8, which the server does not offer",
        ));
    }
    let limit = caps.size.filter(|&limit| limit > 0);
    if let Some(limit) = limit.filter(|&limit| message.size > limit) {
        let text = format!("{} octets, and the server takes {limit}", message.size);
        return Some(local(Verdict::Refused, Enhanced(5, 3, 4), &text));
    }
    let fits = if is_binary(message) {
        caps.binarymime && may_chunk(caps, settings)
    } else {
        caps.eight_bit_mime || !message.eight_bit
    };
    (!fits).then(|| Outcome {
        needs: Some(Needs::SevenBit),
        ..local(
            Verdict::Deferred,
            Enhanced(4, 6, 3),
            "the server takes content of 7 bits only",
        )
    })
}
