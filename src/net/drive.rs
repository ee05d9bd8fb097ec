//! The async driver of the client machine: one connection, one loop, one match.
//!
//! [`Session::send`] reads the content with blocking reads: files answer from
//! the page cache or the disk, and each delivery has a thread of its own.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use tokio::time::{Instant as Moment, timeout_at};

use super::conn::{Address, Conn, Moved};
use super::tls::examine::Examined;
use super::tls::{Connector, Demand, TlsInfo};
use crate::smtp::caps::Caps;
use crate::smtp::client::{
    Client, Failure, Message, Outcome, Question, Settings, Stage, Step, Talk, TlsWish, Verdict,
};
use crate::smtp::reply::{Enhanced, Reply};
use crate::smtp::sasl::Mechanism;

/// Octets of content read and handed on at once.
const CONTENT: usize = 64 * 1024;

/// A server that says more than this before it is asked has lost its mind (I5).
const MAX_UNASKED: usize = 64 * 1024;

/// QUIT is a courtesy; its answer is not waited for longer than this (CL-14).
const QUIT_LIMIT: Duration = Duration::from_secs(5);

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    pub address: &'a Address,
    /// The name the certificate is checked for, and SNI.
    pub host: &'a str,
    /// TLS from the first octet.
    pub implicit_tls: bool,
    /// Whom we take for it, and what we show.
    pub demand: &'a Demand,
    /// Limit on connecting, and on the handshake.
    pub connect_timeout: Duration,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenError {
    /// TLS was agreed on and failed: in clear it may work (CL-28).
    Tls(String),
    Failed(Failure),
}

/// What became of one message.
#[derive(Debug)]
pub struct Sent {
    /// One for each recipient, in order.
    pub outcomes: Vec<Outcome>,
    /// Reading the content failed: it was not ended on the wire.
    pub unreadable: Option<io::Error>,
}

/// Who has messages for a session, and takes what became of them.
pub trait Feed {
    /// The next message and its content, where one can be had at once.
    fn next(&mut self, caps: &Caps) -> Option<(Message, Vec<u8>)>;

    /// What became of the oldest message that has no result yet, one outcome for
    /// each recipient. `is_open`: the connection goes on.
    fn done(&mut self, outcomes: Vec<Outcome>, is_open: bool);
}

/// A connection past its greeting, EHLO, TLS and login, as far as asked for.
#[derive(Debug)]
pub struct Session {
    conn: Option<Conn>,
    client: Client,
    input: Vec<u8>,
    content_limit: Duration,
}

impl Session {
    /// Connects, shakes hands where asked for, and says EHLO.
    pub async fn open(
        peer: &Peer<'_>,
        settings: Settings,
        connector: &Connector,
    ) -> Result<Session, OpenError> {
        let conn = Conn::connect_to(peer.address, peer.connect_timeout)
            .await
            .inspect_err(|e| settings.talk.note(&e.to_string()))
            .map_err(|e| failed(Stage::Connect, e.to_string()))?;
        Session::over(conn, peer, settings, connector).await
    }

    /// The same over a connection to `peer` that was made already.
    pub async fn over(
        conn: Conn,
        peer: &Peer<'_>,
        settings: Settings,
        connector: &Connector,
    ) -> Result<Session, OpenError> {
        let talk = settings.talk.clone();
        talk.note(&format!("connected to {} ({})", peer.host, peer.address));
        let conn = match peer.implicit_tls {
            true => handshake(conn, peer, connector, &talk).await?,
            false => conn,
        };
        let optional_tls = settings.tls == TlsWish::IfOffered;
        let mut session = Session {
            conn: Some(conn),
            content_limit: settings.timeouts.content,
            client: Client::new(settings, Instant::now()),
            input: Vec::new(),
        };
        loop {
            match session.advance().await {
                Step::StartTls => {
                    let conn = session.conn.take().ok_or_else(closed)?;
                    session.conn = Some(handshake(conn, peer, connector, &talk).await?);
                    session.client.tls_started(Instant::now());
                }
                Step::Ready | Step::Done => return Ok(session),
                Step::Closed | Step::Content | Step::Input => {
                    let failure = session.failure();
                    return Err(match failure.stage {
                        Stage::StartTls if optional_tls => OpenError::Tls(failure.text),
                        _ => OpenError::Failed(failure),
                    });
                }
            }
        }
    }

    /// What the server offers.
    pub fn caps(&self) -> &Caps {
        self.client.caps()
    }

    /// Protocol and cipher, or `verified`; `None` in clear.
    pub fn tls(&self) -> Option<String> {
        Some(self.conn.as_ref()?.tls()?.to_string())
    }

    /// How we are logged in; `None`: not at all.
    pub fn login(&self) -> Option<Mechanism> {
        self.client.mechanism()
    }

    /// False once the connection can carry no further message.
    pub fn is_open(&self) -> bool {
        self.client.failure().is_none() && self.conn.is_some()
    }

    /// One transaction. The content is read from where it stands to its end;
    /// an error while reading ends the connection without the final dot.
    pub async fn send(&mut self, message: Message, content: &mut dyn Read) -> Sent {
        let recipients = message.recipients.len();
        let mut unreadable = None;
        self.client.begin(message, Instant::now());
        loop {
            match self.advance().await {
                Step::Content => match self.stream(content).await {
                    Ok(Some(Step::Done)) => break,
                    Ok(_) => {}
                    Err(error) => unreadable = Some(error),
                },
                Step::Done | Step::Ready => break,
                Step::Closed => {
                    self.conn = None;
                    break;
                }
                Step::StartTls | Step::Input => self.lost("the dialogue went astray"),
            }
        }
        let mut outcomes = self.client.take_outcomes();
        // A recipient without an outcome is tried again, never forgotten.
        outcomes.resize_with(recipients, || Outcome {
            verdict: Verdict::Deferred,
            status: Enhanced(4, 4, 2),
            needs: None,
            stage: Stage::Mail,
            reply: None,
            text: "the connection ended before this recipient".to_string(),
        });
        Sent {
            outcomes,
            unreadable,
        }
    }

    /// Asks, and gives the replies in the order of the questions. Fewer replies
    /// than questions: the connection is over, and [`Session::ended`] says why.
    pub async fn ask(&mut self, questions: Vec<Question>) -> Vec<Reply> {
        self.client.ask(questions, Instant::now());
        loop {
            match self.advance().await {
                Step::Done | Step::Ready => break,
                Step::Closed => {
                    self.conn = None;
                    break;
                }
                _ => self.lost("the dialogue went astray"),
            }
        }
        self.client.take_answers()
    }

    /// Why the connection is over.
    pub fn ended(&self) -> Option<&Failure> {
        self.client.failure()
    }

    /// The greeting, and the latest reply to EHLO or HELO.
    pub fn opening(&self) -> (Option<&Reply>, Option<&Reply>) {
        (self.client.greeting(), self.client.hello_reply())
    }

    /// What was agreed by TLS, and the server's certificates.
    pub fn examined(&self) -> Option<(TlsInfo, Examined)> {
        let conn = self.conn.as_ref()?;
        Some((conn.tls()?.clone(), conn.examined()?))
    }

    /// Transactions until the feed has no more, or the connection is over: each
    /// begun behind the end of the one before where the server takes commands
    /// ahead of its replies. `whole`: and sent whole, by BDAT, where it offers that.
    pub async fn send_all(&mut self, feed: &mut dyn Feed, whole: bool) {
        let mut content = Vec::new();
        let mut is_dry = false;
        loop {
            if !is_dry && self.client.may_follow() {
                match feed.next(self.client.caps()) {
                    None => is_dry = true,
                    Some((message, octets)) => {
                        content = octets;
                        self.client.follow(message, whole, Instant::now());
                    }
                }
            }
            match self.heard() {
                Step::Content => {
                    self.client.content(&content);
                    self.client.content_end(Instant::now());
                }
                Step::Done => feed.done(self.client.take_outcomes(), self.is_open()),
                Step::Ready => match feed.next(self.client.caps()) {
                    None => return,
                    Some((message, octets)) => {
                        is_dry = false;
                        content = octets;
                        self.client.begin(message, Instant::now());
                    }
                },
                Step::Input => self.exchange().await,
                Step::Closed | Step::StartTls => {
                    self.flush().await;
                    self.conn = None;
                    return;
                }
            }
        }
    }

    /// QUIT, and a short wait for its answer.
    pub async fn quit(mut self) {
        if !self.is_open() {
            return;
        }
        self.client.quit(Instant::now());
        let _ = tokio::time::timeout(QUIT_LIMIT, self.advance()).await;
        if let Some(conn) = self.conn.take() {
            let _ = tokio::time::timeout(QUIT_LIMIT, conn.close()).await;
        }
    }

    /// Why the connection is over.
    fn failure(&self) -> Failure {
        self.client.failure().cloned().unwrap_or_else(|| Failure {
            verdict: Verdict::Deferred,
            status: Enhanced(4, 4, 2),
            stage: Stage::Greeting,
            reply: None,
            text: "the connection ended".to_string(),
        })
    }

    fn lost(&mut self, why: &str) {
        self.conn = None;
        self.client.connection_lost(why);
    }

    /// Moves octets until the machine needs an answer that only the caller has.
    async fn advance(&mut self) -> Step {
        loop {
            match self.heard() {
                Step::Input => self.exchange().await,
                step @ (Step::Closed | Step::StartTls) => {
                    self.flush().await;
                    return step;
                }
                step @ (Step::Ready | Step::Content | Step::Done) => return step,
            }
        }
    }

    /// Writes what is to be written while reading what comes; then reads.
    async fn exchange(&mut self) {
        let deadline = self.client.deadline();
        let Some(conn) = &mut self.conn else {
            return self.lost("connection closed");
        };
        let client = &mut self.client;
        let input = &mut self.input;
        let moved = async {
            match client.output().is_empty() {
                true => conn.fill(input).await.map(Moved::Read),
                false => conn.write_or_fill(client.output(), input).await,
            }
        };
        match until(deadline, moved).await {
            None => self.lost("timed out"),
            Some(Err(e)) => self.lost(&format!("connection lost: {e}")),
            Some(Ok(Moved::Read(0))) => self.lost("the server closed the connection"),
            Some(Ok(Moved::Read(_))) => {}
            Some(Ok(Moved::Wrote(n))) => self.client.written(n),
        }
    }

    /// Sends what the machine still has to say; nobody waits for its fate.
    async fn flush(&mut self) {
        let deadline = Some(self.client.deadline().unwrap_or_else(Instant::now));
        if let Some(conn) = &mut self.conn
            && !self.client.output().is_empty()
        {
            let _ = until(deadline, conn.write_all(self.client.output())).await;
            let n = self.client.output().len();
            self.client.written(n);
        }
    }

    /// The content, to its end. `Err` only where it could not be read;
    /// `Some` where the server had the last word before that end.
    async fn stream(&mut self, content: &mut dyn Read) -> io::Result<Option<Step>> {
        let mut piece = vec![0; CONTENT];
        loop {
            match content.read(&mut piece) {
                Ok(0) => {
                    self.client.content_end(Instant::now());
                    return Ok(None);
                }
                Ok(n) => self.client.content(piece.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.client.abort(&format!("reading the message: {e}"));
                    self.conn = None;
                    return Err(e);
                }
            }
            if let Some(step) = self.drain_output().await {
                return Ok(Some(step));
            }
        }
    }

    /// Writes all output. A server that refuses in mid-content says why before
    /// it closes, so what it said goes to the machine first.
    async fn drain_output(&mut self) -> Option<Step> {
        while !self.client.output().is_empty() {
            let deadline = Some(Instant::now() + self.content_limit);
            let Some(conn) = &mut self.conn else {
                return Some(Step::Closed);
            };
            let moving = conn.write_or_fill(self.client.output(), &mut self.input);
            let lost = match until(deadline, moving).await {
                Some(Ok(Moved::Wrote(n))) => {
                    self.client.written(n);
                    continue;
                }
                Some(Ok(Moved::Read(0))) => "the server closed in mid-message".to_string(),
                Some(Ok(Moved::Read(_))) if self.input.len() < MAX_UNASKED => match self.heard() {
                    Step::Content => continue,
                    step => return Some(step),
                },
                Some(Ok(Moved::Read(_))) => "the server talks without being asked".to_string(),
                Some(Err(e)) => format!("connection lost: {e}"),
                None => "timed out while sending the message".to_string(),
            };
            self.lost(&lost);
            return Some(Step::Closed);
        }
        None
    }

    /// Gives the machine what came in.
    fn heard(&mut self) -> Step {
        let mut rest = self.input.as_slice();
        let step = self.client.step(&mut rest, Instant::now());
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        if self.input.is_empty() {
            // An idle session holds no buffer.
            self.input = Vec::new();
        }
        step
    }
}

async fn handshake(
    conn: Conn,
    peer: &Peer<'_>,
    connector: &Connector,
    talk: &Talk,
) -> Result<Conn, OpenError> {
    let limit = peer.connect_timeout;
    let result = conn
        .start_tls(connector, peer.host, peer.demand, limit)
        .await;
    match &result {
        Ok(conn) => talk.note(&match conn.tls() {
            Some(tls) => format!("TLS: {tls}"),
            None => "TLS".to_owned(),
        }),
        Err(error) => talk.note(&error.to_string()),
    }
    result.map_err(|e| OpenError::Tls(e.to_string()))
}

fn failed(stage: Stage, text: String) -> OpenError {
    OpenError::Failed(Failure {
        verdict: Verdict::Deferred,
        status: Enhanced(4, 4, 1),
        stage,
        reply: None,
        text,
    })
}

fn closed() -> OpenError {
    failed(Stage::StartTls, "the connection ended".to_string())
}

/// `None` when the deadline passed first.
async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(Moment::from_std(deadline), work).await.ok(),
        None => Some(work.await),
    }
}
