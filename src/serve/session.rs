//! The async driver of the server machine: one task a connection.
//!
//! What may wait (for the disk, the user database, other programs) is done by a
//! thread of the pool: the whole [`Dialogue`] moves there and comes back.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until, timeout};

use super::pool::Pool;
use crate::net::conn::Conn;
use crate::net::stdio::{Handler, ask};
use crate::net::tls::{Acceptor, TlsError};
use crate::route::network::Network;
use crate::smtp::server::{Answer, Ask, Session, Settings, Step};

/// After our last word: so long, and so many octets, are waited for the peer to
/// close. Closing with unread input would make the kernel throw that word away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 256 * 1024;

/// What the service is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Serve,
    /// Others accept; sessions go on to their end.
    Finish,
    /// Sessions are told; running transactions may end.
    Stop,
}

/// What sessions of a listener share.
pub struct Shared {
    pub settings: Arc<Settings>,
    pub acceptor: Option<Acceptor>,
    /// TLS comes before the greeting.
    pub implicit_tls: bool,
    /// Who talks before it is over is refused.
    pub greeting_delay: Duration,
    /// No mail is taken here.
    pub refuse_all: bool,
    /// Who may send a PROXY header, where the listener wants one.
    pub proxy: Option<Vec<Network>>,
    /// The listener's name, for the log.
    pub listener: String,
    /// Does what blocks, for all listeners.
    pub pool: Arc<Pool>,
    pub phase: watch::Receiver<Phase>,
}

/// Why a session ended without QUIT.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the peer takes no output")]
    Stuck,
    #[error("the peer closed in the middle of a message")]
    Broken,
}

/// One session. On the heap, so that the tasks that hand it on stay small.
pub struct Dialogue<H> {
    conn: Conn,
    session: Session,
    handler: H,
    shared: Arc<Shared>,
    /// Wakes the session when the machine's deadline may be over. Set anew only
    /// after it rang: deadlines move on with every command.
    alarm: Pin<Box<Sleep>>,
    stopping: bool,
    messages: u64,
}

/// Why [`Dialogue::talk`] came back.
enum Next {
    StartTls,
    /// Our last word is said.
    Close,
    /// The peer closed.
    Lost,
}

impl<H: Handler + Send + 'static> Dialogue<H> {
    pub fn new(conn: Conn, shared: Arc<Shared>, handler: H) -> Box<Dialogue<H>> {
        let now = Instant::now();
        Box::new(Dialogue {
            conn,
            session: Session::new(shared.settings.clone(), false, now),
            handler,
            alarm: Box::pin(sleep_until((now + shared.settings.command_timeout).into())),
            shared,
            stopping: false,
            messages: 0,
        })
    }

    /// Runs to the end. Gives how many messages were taken, and the end where it
    /// was no QUIT.
    pub async fn run(mut self: Box<Self>) -> (u64, Result<(), SessionError>) {
        if self.shared.implicit_tls {
            self = match Box::pin(self.shake_hands()).await {
                Ok(inside) => inside,
                Err(error) => return (0, Err(error)),
            };
            self.session = Session::new(self.shared.settings.clone(), true, Instant::now());
        }
        self.greet().await;
        loop {
            let (back, next) = self.talk().await;
            self = back;
            let messages = self.messages;
            match next {
                Ok(Next::StartTls) => match Box::pin(self.shake_hands()).await {
                    Ok(inside) => self = inside,
                    Err(error) => return (messages, Err(error)),
                },
                Ok(Next::Close) => {
                    Box::pin(linger(self.conn)).await;
                    return (messages, Ok(()));
                }
                Ok(Next::Lost) => return (messages, self.lost().await),
                Err(error) => return (messages, Err(error)),
            }
        }
    }

    /// Decides on the greeting, which the machine has ready (SV-02, SV-03).
    async fn greet(&mut self) {
        let delay = self.shared.greeting_delay;
        if self.shared.refuse_all {
            self.session.refuse_all();
        } else if !delay.is_zero() {
            let mut early = Vec::new();
            let talked = timeout(delay, self.conn.fill(&mut early)).await;
            if talked.is_ok() {
                self.session.refuse_early();
            }
        }
    }

    /// Input that came before the handshake is gone with [`Dialogue::talk`] (P1).
    async fn shake_hands(mut self: Box<Self>) -> Result<Box<Self>, SessionError> {
        let Some(acceptor) = &self.shared.acceptor else {
            return Err(TlsError::Setup("TLS without a certificate".to_string()).into());
        };
        let limit = self.shared.settings.command_timeout;
        self.conn = self.conn.accept_tls(acceptor, limit).await?;
        self.session.tls_started();
        Ok(self)
    }

    async fn talk(mut self: Box<Self>) -> (Box<Self>, Result<Next, SessionError>) {
        let (mut input, mut used) = (Vec::new(), 0);
        loop {
            let mut rest = input.get(used..).unwrap_or_default();
            let step = self.session.step(&mut rest, Instant::now());
            used = input.len() - rest.len();
            match step {
                Step::Ask(question) if self.handler.may_block(&question) => {
                    self = self.apart(Dialogue::answer).await;
                }
                Step::Ask(_) => self.answer(),
                Step::Body(octets) => {
                    if self.handler.body(octets) {
                        self = self.apart(|d| d.handler.store()).await;
                    }
                }
                Step::Discard => self = self.apart(|d| d.handler.discard()).await,
                Step::Flush => {
                    if let Err(error) = self.flush().await {
                        return (self, Err(error));
                    }
                }
                Step::Input => {
                    // Nothing is held while the peer thinks.
                    (input, used) = (Vec::new(), 0);
                    match self.exchange(&mut input).await {
                        Ok(true) => {}
                        Ok(false) => return (self, Ok(Next::Lost)),
                        Err(error) => return (self, Err(error)),
                    }
                }
                Step::StartTls => {
                    let next = self.flush().await.map(|()| Next::StartTls);
                    return (self, next);
                }
                Step::Close => {
                    let next = self.flush().await.map(|()| Next::Close);
                    return (self, next);
                }
            }
        }
    }

    /// Puts the machine's question to the handler.
    fn answer(&mut self) {
        let Some(question) = self.session.question() else {
            return;
        };
        let is_end = matches!(question, Ask::End(_));
        let answer = match ask(&mut self.handler, &question) {
            Some(answer) => answer,
            None => {
                let tls = self.conn.tls().map(ToString::to_string);
                self.handler.data(&self.session, tls.as_deref())
            }
        };
        self.messages += u64::from(is_end && is_yes(&answer));
        self.session.answer(answer);
    }

    /// Has a thread of the pool do what may block.
    async fn apart(
        mut self: Box<Self>,
        work: impl FnOnce(&mut Self) + Send + 'static,
    ) -> Box<Self> {
        let pool = self.shared.pool.clone();
        pool.run(move || {
            work(&mut self);
            self
        })
        .await
    }

    /// Says what is to be said and waits for input, the deadline or the end of
    /// the service; false: the peer closed.
    async fn exchange(&mut self, input: &mut Vec<u8>) -> Result<bool, SessionError> {
        self.flush().await?;
        let mut phase = self.shared.phase.clone();
        let mut stopped = pin!(phase.wait_for(|phase| *phase == Phase::Stop));
        poll_fn(|cx| {
            if let Poll::Ready(came) = self.conn.poll_fill(cx, input) {
                return Poll::Ready(came.map(|n| n > 0));
            }
            if !self.stopping && stopped.as_mut().poll(cx).is_ready() {
                self.stopping = true;
                self.session.shut_down();
                return Poll::Ready(Ok(true));
            }
            let Some(deadline) = self.session.deadline() else {
                return Poll::Pending;
            };
            if self.alarm.deadline() > deadline.into() {
                self.alarm.as_mut().reset(deadline.into());
            }
            while self.alarm.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    self.session.expire();
                    return Poll::Ready(Ok(true));
                }
                self.alarm.as_mut().reset(deadline.into());
            }
            Poll::Pending
        })
        .await
        .map_err(SessionError::Io)
    }

    async fn flush(&mut self) -> Result<(), SessionError> {
        if self.session.output().is_empty() {
            return Ok(());
        }
        // Nearly always there is room at once, and no clock is needed.
        let at_once = self.conn.try_write(self.session.output());
        self.session.written(at_once);
        let octets = self.session.output().len();
        if octets == 0 {
            return Ok(());
        }
        let limit = self.shared.settings.command_timeout;
        let written = timeout(limit, self.conn.write_all(self.session.output())).await;
        written.map_err(|_| SessionError::Stuck)??;
        self.session.written(octets);
        Ok(())
    }

    async fn lost(self: Box<Self>) -> Result<(), SessionError> {
        let this = self.apart(|d| d.handler.discard()).await;
        match this.session.transaction() {
            None => Ok(()),
            Some(_) => Err(SessionError::Broken),
        }
    }
}

fn is_yes(answer: &Answer) -> bool {
    match answer {
        Answer::Yes => true,
        Answer::Reply(reply) => reply.is_positive(),
        Answer::Challenge(_) | Answer::User(_) => false,
    }
}

async fn linger(mut conn: Conn) {
    let goodbye = async {
        let (mut seen, mut input) = (0, Vec::new());
        conn.finish().await?;
        while seen < LINGER_OCTETS {
            match conn.fill(&mut input).await? {
                0 => break,
                n => seen += n,
            }
            input.clear();
        }
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, goodbye).await;
}
