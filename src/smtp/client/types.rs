//! What a driver and the machine say to each other.

use std::sync::Arc;
use std::time::Duration;

use super::Talk;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::{Enhanced, Reply};
use crate::smtp::sasl::client::Login;

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
    /// LMTP (RFC 2033): LHLO, and a reply for each recipient after the content.
    pub lmtp: bool,
    pub timeouts: Timeouts,
    pub talk: Talk,
    /// Log in before the first message; without success there is none.
    pub auth: Option<Auth>,
}

/// How to log in (RFC 4954).
#[derive(Clone, Debug)]
pub struct Auth {
    pub login: Arc<Login>,
    /// The server, as tokens name it (RFC 7628).
    pub host: String,
    pub port: u16,
    /// Unguessable, for this connection only: printable ASCII without a comma.
    pub nonce: String,
    /// Nobody can listen even before STARTTLS: TLS is on from the first octet, or
    /// the connection stays on this host. Elsewhere no secret is told in clear.
    pub private: bool,
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
    Auth,
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
