//! The running service: accepts until it is told to stop, then lets running
//! transactions end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::intake::{self, Desk, Intake};
use super::listen::{Listener, Slots};
use super::policy::Client;
use super::session::{Dialogue, Shared};
use crate::config::Config;
use crate::log;
use crate::net::conn::Conn;
use crate::net::stdio::Handler;
use crate::net::tls::Acceptor;

/// Sessions at work on files at once: enough for their fsyncs to share a
/// journal commit, few enough threads.
const FILES: usize = 64;

/// How long running transactions may take after SIGTERM; below the 90 seconds
/// after which service managers kill.
const GRACE: Duration = Duration::from_secs(60);

/// Pause of the accept loop when descriptors or memory are short: what is
/// served meanwhile gives some back.
const SHORTAGE: Duration = Duration::from_millis(100);

/// Least time between two looks for somebody who delivers: the one just started
/// needs a moment to take its lock.
const DELIVER_AGAIN: Duration = Duration::from_secs(1);

/// Runs the service on these sockets until SIGTERM or SIGINT. `desk.committed`
/// is called away from the sessions, at most once a second.
pub fn run(
    config: &Config,
    mut desk: Desk,
    listeners: Vec<Listener>,
    acceptor: Option<Acceptor>,
) -> io::Result<()> {
    let news = Arc::new(News::default());
    let deliver = std::mem::replace(&mut desk.committed, {
        let news = news.clone();
        Box::new(move |_| news.tell())
    });
    let settings = intake::settings(config, false, acceptor.is_some());
    let slots = Slots::new(
        config.serve.max_sessions,
        config.serve.max_sessions_per_address,
    );
    runtime()?.block_on(async move {
        // One a process, used to its end: sessions borrow from it.
        let desk: &'static Desk = Box::leak(Box::new(desk));
        let deliver: Arc<dyn Fn() + Send + Sync> = Arc::new(move || deliver(&desk.spool));
        tokio::spawn(keep_delivering(news.clone(), deliver.clone()));
        let (stopper, stop) = watch::channel(false);
        let files = Semaphore::new(FILES);
        let shared = Shared {
            settings,
            acceptor,
            files,
            stop,
        };
        let service = Service {
            shared: Arc::new(shared),
            slots,
            sessions: JoinSet::new(),
        };
        let mut signals = Signals::new()?;
        service
            .run(
                listeners,
                move |conn| Intake::new(desk, client(conn)),
                async move {
                    signals.wait().await;
                    stopper
                },
            )
            .await
    })
}

/// Serves one connection that somebody else accepted (inetd), as
/// [`run`] would.
pub fn run_one(
    config: &Config,
    desk: Desk,
    socket: std::net::TcpStream,
    acceptor: Option<Acceptor>,
) -> io::Result<()> {
    let settings = intake::settings(config, false, acceptor.is_some());
    runtime()?.block_on(async move {
        let (stopper, stop) = watch::channel(false);
        let shared = Shared {
            settings,
            acceptor,
            files: Semaphore::new(FILES),
            stop,
        };
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            signals.wait().await;
            let _ = stopper.send(true);
            stopper.closed().await;
        });
        socket.set_nonblocking(true)?;
        let conn = Conn::new(TcpStream::from_std(socket)?)?;
        let handler = Intake::new(&desk, client(&conn));
        serve(conn, false, Arc::new(shared), handler).await;
        Ok(())
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

fn client(conn: &Conn) -> Client {
    Client {
        address: Some(conn.peer().ip()),
        own_address: Some(conn.local().ip()),
    }
}

/// Mail was committed that somebody must deliver.
#[derive(Default)]
struct News {
    is_owed: AtomicBool,
    wake: Notify,
}

impl News {
    fn tell(&self) {
        self.is_owed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn take(&self) -> bool {
        self.is_owed.swap(false, Ordering::AcqRel)
    }
}

async fn keep_delivering(news: Arc<News>, deliver: Arc<dyn Fn() + Send + Sync>) {
    loop {
        news.wake.notified().await;
        if news.take() {
            tokio::task::block_in_place(|| deliver());
        }
        sleep(DELIVER_AGAIN).await;
    }
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

struct Service {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    sessions: JoinSet<()>,
}

impl Service {
    /// `stop` gives the sender that tells the sessions.
    async fn run<H, F>(
        mut self,
        listeners: Vec<Listener>,
        handler: F,
        stop: impl Future<Output = watch::Sender<bool>>,
    ) -> io::Result<()>
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn) -> H,
    {
        let (accepted, mut incoming) = tokio::sync::mpsc::channel(1);
        let mut acceptors = JoinSet::new();
        for listener in listeners {
            acceptors.spawn(accept(listener, accepted.clone())?);
        }
        tokio::pin!(stop);
        super::notify::ready();
        let stopper = loop {
            tokio::select! {
                Some((tcp, implicit_tls)) = incoming.recv() => {
                    self.begin(tcp, implicit_tls, &handler);
                }
                Some(ended) = self.sessions.join_next() => report(ended),
                stopper = &mut stop => break stopper,
            }
        };
        acceptors.shutdown().await;
        let _ = stopper.send(true);
        self.finish().await;
        Ok(())
    }

    fn begin<H, F>(&mut self, tcp: TcpStream, implicit_tls: bool, handler: &F)
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn) -> H,
    {
        // A connection that is gone already has nobody to tell.
        let Ok(conn) = Conn::new(tcp) else { return };
        match self.slots.take(conn.peer().ip()) {
            Ok(slot) => {
                let handler = handler(&conn);
                let session = serve(conn, implicit_tls, self.shared.clone(), handler);
                self.sessions.spawn(async move {
                    let _slot = slot;
                    session.await;
                });
            }
            Err(busy) => {
                let client = conn.peer().ip();
                log::refused(&client, None, None, &busy.reply().trim_end());
                if !implicit_tls {
                    conn.try_say(busy.reply().as_bytes());
                }
            }
        }
    }

    async fn finish(mut self) {
        let all = async {
            while let Some(ended) = self.sessions.join_next().await {
                report(ended);
            }
        };
        if timeout(GRACE, all).await.is_err() {
            let left = self.sessions.len();
            log::stopped_sessions(left);
        }
    }
}

type Accepted = tokio::sync::mpsc::Sender<(TcpStream, bool)>;

fn accept(listener: Listener, accepted: Accepted) -> io::Result<impl Future<Output = ()>> {
    let (name, implicit_tls) = (listener.to_string(), listener.implicit_tls);
    let socket = TcpListener::from_std(listener.socket)?;
    Ok(accept_all(socket, name, implicit_tls, accepted))
}

async fn accept_all(socket: TcpListener, name: String, implicit_tls: bool, accepted: Accepted) {
    loop {
        match socket.accept().await {
            Ok((tcp, _)) => {
                if accepted.send((tcp, implicit_tls)).await.is_err() {
                    return;
                }
            }
            Err(e) if is_shortage(&e) => {
                log::accept_failed(&name, &e);
                sleep(SHORTAGE).await;
            }
            // That one connection failed before it was accepted.
            Err(_) => {}
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|short| code == Some(short.raw_os_error()))
}

/// One session, with its two lines in the log.
fn serve<H: Handler>(
    conn: Conn,
    implicit_tls: bool,
    shared: Arc<Shared>,
    handler: H,
) -> impl Future<Output = ()> {
    let (client, listener) = (conn.peer().ip(), conn.local());
    let dialogue = Dialogue::new(conn, shared, handler);
    async move {
        log::connected(client, &listener);
        let began = Instant::now();
        let (messages, ended) = dialogue.run(implicit_tls).await;
        let error = ended.err().map(|e| e.to_string());
        log::disconnected(client, messages, began.elapsed(), error.as_deref());
    }
}

/// A defect ends one session; the others, and the service, go on.
fn report(ended: Result<(), JoinError>) {
    if let Err(defect) = ended {
        log::session_defect(&defect);
    }
}

#[cfg(test)]
mod tests;
