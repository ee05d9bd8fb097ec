//! The async driver of the server machine: one task a connection.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep_until, timeout};

use crate::net::conn::Conn;
use crate::net::stdio::{Handler, ask};
use crate::net::tls::{Acceptor, TlsError};
use crate::smtp::server::{Answer, Ask, Session, Settings, Step};

/// After our last word: so long, and so many octets, are waited for the peer to
/// close. Closing with unread input would make the kernel throw that word away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 256 * 1024;

/// What sessions of a listener share.
pub struct Shared {
    pub settings: Arc<Settings>,
    pub acceptor: Option<Acceptor>,
    /// TLS comes before the greeting.
    pub implicit_tls: bool,
    /// The listener's name, for the log.
    pub listener: String,
    /// Sessions at work on files at once, of all listeners; the others wait.
    pub files: Arc<Semaphore>,
    /// True once the service is stopping.
    pub stop: watch::Receiver<bool>,
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
    stop: watch::Receiver<bool>,
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

impl<H: Handler> Dialogue<H> {
    pub fn new(conn: Conn, shared: Arc<Shared>, handler: H) -> Box<Dialogue<H>> {
        Box::new(Dialogue {
            conn,
            session: Session::new(shared.settings.clone(), false, Instant::now()),
            handler,
            stop: shared.stop.clone(),
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
        loop {
            let messages = self.messages;
            match self.talk().await {
                Ok(Next::StartTls) => match Box::pin(self.shake_hands()).await {
                    Ok(inside) => self = inside,
                    Err(error) => return (messages, Err(error)),
                },
                Ok(Next::Close) => {
                    let messages = self.messages;
                    Box::pin(linger(self.conn)).await;
                    return (messages, Ok(()));
                }
                Ok(Next::Lost) => return (self.messages, self.lost().await),
                Err(error) => return (self.messages, Err(error)),
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

    async fn talk(&mut self) -> Result<Next, SessionError> {
        let (mut input, mut used) = (Vec::new(), 0);
        loop {
            let mut rest = input.get(used..).unwrap_or_default();
            let step = self.session.step(&mut rest, Instant::now());
            used = input.len() - rest.len();
            match step {
                Step::Ask(question) => {
                    let is_end = matches!(question, Ask::End(_));
                    let (files, handler) = (&self.shared.files, &mut self.handler);
                    // A blocking call costs a change of threads: only where
                    // files or the user database are read.
                    let answer = match question {
                        Ask::Data => ask(handler, &question),
                        _ => blocking(files, || ask(handler, &question)).await,
                    };
                    let answer = match answer {
                        Some(answer) => answer,
                        None => self.ask_data().await,
                    };
                    self.messages += u64::from(is_end && is_yes(&answer));
                    self.session.answer(answer);
                }
                Step::Body(octets) => {
                    if self.handler.body(octets) {
                        blocking(&self.shared.files, || self.handler.store()).await;
                    }
                }
                Step::Discard => blocking(&self.shared.files, || self.handler.discard()).await,
                Step::Flush => self.flush().await?,
                Step::Input => {
                    self.flush().await?;
                    // Nothing is held while the peer thinks.
                    (input, used) = (Vec::new(), 0);
                    if !self.wait(&mut input).await? {
                        return Ok(Next::Lost);
                    }
                }
                Step::StartTls => {
                    self.flush().await?;
                    return Ok(Next::StartTls);
                }
                Step::Close => {
                    self.flush().await?;
                    return Ok(Next::Close);
                }
            }
        }
    }

    async fn ask_data(&mut self) -> Answer {
        let tls = self.conn.tls().map(ToString::to_string);
        let (handler, session) = (&mut self.handler, &self.session);
        blocking(&self.shared.files, || handler.data(session, tls.as_deref())).await
    }

    /// Waits for input, the deadline or the end of the service; false: the peer
    /// closed.
    async fn wait(&mut self, input: &mut Vec<u8>) -> io::Result<bool> {
        let deadline = self.session.deadline();
        let expiry = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            came = self.conn.fill(input) => return Ok(came? > 0),
            () = expiry => self.session.expire(),
            _ = self.stop.wait_for(|stop| *stop), if !self.stopping => {
                self.stopping = true;
                self.session.shut_down();
            }
        }
        Ok(true)
    }

    async fn flush(&mut self) -> Result<(), SessionError> {
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

    async fn lost(&mut self) -> Result<(), SessionError> {
        blocking(&self.shared.files, || self.handler.discard()).await;
        match self.session.transaction() {
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

/// Runs what may block on files; the runtime moves the other tasks of this
/// thread elsewhere meanwhile. `files` bounds how many do so at once.
async fn blocking<T>(files: &Semaphore, work: impl FnOnce() -> T) -> T {
    let _permit = files.acquire().await;
    tokio::task::block_in_place(work)
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
