//! What a carrier and the machine say to each other.

use std::time::Duration;

use crate::smtp::addr::{ForwardPath, ReversePath};
use crate::smtp::caps::Caps;
use crate::smtp::data::Content;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::Reply;
use crate::smtp::sasl::{Mechanism, Secret};

/// What a listener is for: which commands it knows and which rules hold there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Mail from other hosts (port 25).
    #[default]
    Mx,
    /// Mail from users (RFC 6409: ports 587 and, inside TLS, 465).
    Submission,
    /// Mail for local mailboxes, with a reply for each recipient (RFC 2033).
    Lmtp,
}

/// What a session is like; shared by all sessions of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    pub role: Role,
    /// First word of the greeting and of the EHLO reply.
    pub hostname: String,
    /// What is offered. STARTTLS is offered until TLS is on; SIZE is enforced.
    /// Of AUTH, mechanisms that tell the password are offered inside TLS only.
    /// ETRN is not done by this machine and never shown.
    pub caps: Caps,
    /// `-bs`: LF ends lines too, EHLO is optional, no error counting, no deadlines.
    pub local: bool,
    /// Goes behind names without a domain in MAIL and RCPT; `None` refuses them.
    /// For local sessions: programs that speak on a pipe name users of the host.
    pub origin: Option<String>,
    /// More get 452 4.5.3.
    pub max_recipients: usize,
    /// The error of this number is answered with 421 4.7.0 and the end. Errors
    /// are broken commands and broken content; a message taken sets back to 0.
    pub max_errors: u32,
    /// Commands without effect between messages (NOOP, RSET, VRFY, HELP ..., out
    /// of order, refused by an answer); one more gets 421. These are no errors:
    /// a client that pipelines sends many before it can know.
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
    /// The input is used up: write [`super::Session::output`], then read more.
    Input,
    /// Much output is waiting: write it before going on.
    Flush,
    /// Answer with [`super::Session::answer`] before the next step.
    Ask(Ask<'a>),
    /// Content, as it is to be stored.
    Body(&'a [u8]),
    /// The transaction is over without a message: drop what was stored of it.
    Discard,
    /// Write the output (220), throw away unread input, shake hands, then
    /// [`super::Session::tls_started`].
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
    /// Content comes next: be ready to store ([`super::Session::transaction`]).
    Data,
    /// All content is there and sound: commit it. After a negative answer the
    /// transaction is over and the draft is the carrier's to drop.
    End(Content),
    Vrfy(&'a str),
    Expn(&'a str),
    /// The client logs in: answer with a challenge, a user, or a refusal.
    Auth(&'a AuthStep),
}

/// What a client says to log in, decoded.
#[derive(Debug, PartialEq)]
pub enum AuthStep {
    /// AUTH, with its initial response. What was begun before is void.
    Begin(Mechanism, Option<Secret>),
    /// The answer to the last challenge.
    Response(Secret),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The machine's own words for success (for VRFY and EXPN: 252).
    Yes,
    /// This reply; one of 2yz counts as yes.
    Reply(Reply),
    /// Of AUTH: 334 with this, before its base64.
    Challenge(Vec<u8>),
    /// Of AUTH: logged in as.
    User(String),
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
