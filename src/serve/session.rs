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

/// What sessions of a process share.
pub struct Shared {
    pub settings: Arc<Settings>,
    pub acceptor: Option<Acceptor>,
    /// Sessions at work on files at once; the others wait.
    pub files: Semaphore,
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

/// Runs one session to its end. `implicit_tls`: TLS comes before the greeting.
/// `messages` counts those that were taken.
pub async fn run<H: Handler>(
    conn: Conn,
    implicit_tls: bool,
    shared: &Shared,
    handler: H,
    messages: &mut u64,
) -> Result<(), SessionError> {
    let limit = shared.settings.command_timeout;
    let conn = match &shared.acceptor {
        Some(acceptor) if implicit_tls => conn.accept_tls(acceptor, limit).await?,
        _ => conn,
    };
    let session = Session::new(shared.settings.clone(), implicit_tls, Instant::now());
    let stop = shared.stop.clone();
    Driver {
        conn,
        session,
        handler,
        shared,
        stop,
        stopping: false,
        messages,
    }
    .run()
    .await
}

struct Driver<'a, H> {
    conn: Conn,
    session: Session,
    handler: H,
    shared: &'a Shared,
    stop: watch::Receiver<bool>,
    stopping: bool,
    messages: &'a mut u64,
}

impl<H: Handler> Driver<'_, H> {
    async fn run(mut self) -> Result<(), SessionError> {
        let (mut input, mut used) = (Vec::new(), 0);
        loop {
            let mut rest = input.get(used..).unwrap_or_default();
            let step = self.session.step(&mut rest, Instant::now());
            used = input.len() - rest.len();
            match step {
                Step::Ask(question) => {
                    let is_end = matches!(question, Ask::End(_));
                    let (files, handler) = (&self.shared.files, &mut self.handler);
                    let answer = match blocking(files, || ask(handler, &question)).await {
                        Some(answer) => answer,
                        None => self.ask_data().await,
                    };
                    *self.messages += u64::from(is_end && is_yes(&answer));
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
                        return self.lost().await;
                    }
                }
                Step::StartTls => {
                    self.flush().await?;
                    (input, used) = (Vec::new(), 0);
                    self = self.start_tls().await?;
                }
                Step::Close => {
                    self.flush().await?;
                    linger(self.conn).await;
                    return Ok(());
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

    async fn start_tls(mut self) -> Result<Self, SessionError> {
        let Some(acceptor) = &self.shared.acceptor else {
            return Err(TlsError::Setup("STARTTLS without a certificate".to_string()).into());
        };
        let limit = self.shared.settings.command_timeout;
        self.conn = self.conn.accept_tls(acceptor, limit).await?;
        self.session.tls_started();
        Ok(self)
    }

    async fn lost(mut self) -> Result<(), SessionError> {
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
