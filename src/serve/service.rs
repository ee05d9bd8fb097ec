//! The running service: accepts until it is told to stop, then lets running
//! transactions end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::intake::{self, Desk, Intake};
use super::listen::{Listener, Socket};
use super::policy::Client;
use super::session::{Dialogue, Shared};
use super::slots::Slots;
use crate::config::Config;
use crate::log;
use crate::net::conn::Conn;
use crate::net::stdio::Handler;
use crate::net::tls::Acceptor;
use crate::smtp::server::Role;

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
    let slots = Slots::new(
        config.serve.max_sessions,
        config.serve.max_sessions_per_address,
    );
    let (stopper, stop) = watch::channel(false);
    let files = Arc::new(Semaphore::new(FILES));
    let listeners = listeners
        .into_iter()
        .map(|listener| {
            let tls = acceptor.clone();
            let shared = Shared {
                settings: intake::settings(config, listener.role, false, tls.is_some()),
                acceptor: tls,
                implicit_tls: listener.implicit_tls,
                listener: listener.to_string(),
                files: files.clone(),
                stop: stop.clone(),
            };
            (listener.socket, Arc::new(shared))
        })
        .collect();
    runtime()?.block_on(async move {
        // One a process, used to its end: sessions borrow from it.
        let desk: &'static Desk = Box::leak(Box::new(desk));
        let deliver: Arc<dyn Fn() + Send + Sync> = Arc::new(move || deliver(&desk.spool));
        tokio::spawn(keep_delivering(news.clone(), deliver.clone()));
        let service = Service {
            slots,
            sessions: JoinSet::new(),
        };
        let mut signals = Signals::new()?;
        service
            .run(
                listeners,
                move |conn, role| Intake::new(desk, client(conn, role)),
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
    let (stopper, stop) = watch::channel(false);
    let role = Role::Mx;
    let shared = Shared {
        settings: intake::settings(config, role, false, acceptor.is_some()),
        acceptor,
        implicit_tls: false,
        listener: socket.local_addr()?.to_string(),
        files: Arc::new(Semaphore::new(FILES)),
        stop,
    };
    runtime()?.block_on(async move {
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            signals.wait().await;
            let _ = stopper.send(true);
            stopper.closed().await;
        });
        socket.set_nonblocking(true)?;
        let conn = Conn::new(TcpStream::from_std(socket)?)?;
        let handler = Intake::new(&desk, client(&conn, role));
        serve(conn, Arc::new(shared), handler).await;
        Ok(())
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

fn client(conn: &Conn, role: Role) -> Client {
    Client {
        address: conn.peer().map(|a| a.ip()),
        own_address: conn.local().map(|a| a.ip()),
        role,
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
    slots: Arc<Slots>,
    sessions: JoinSet<()>,
}

impl Service {
    /// `stop` gives the sender that tells the sessions.
    async fn run<H, F>(
        mut self,
        listeners: Vec<(Socket, Arc<Shared>)>,
        handler: F,
        stop: impl Future<Output = watch::Sender<bool>>,
    ) -> io::Result<()>
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn, Role) -> H,
    {
        let (accepted, mut incoming) = tokio::sync::mpsc::channel(1);
        let mut acceptors = JoinSet::new();
        for (socket, shared) in listeners {
            acceptors.spawn(accept_all(Accept::new(socket)?, shared, accepted.clone()));
        }
        tokio::pin!(stop);
        super::notify::ready();
        let stopper = loop {
            tokio::select! {
                Some((conn, shared)) = incoming.recv() => {
                    self.begin(conn, shared, &handler);
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

    fn begin<H, F>(&mut self, conn: Conn, shared: Arc<Shared>, handler: &F)
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn, Role) -> H,
    {
        match self.slots.take(conn.peer().map(|a| a.ip())) {
            Ok(slot) => {
                let handler = handler(&conn, shared.settings.role);
                let session = serve(conn, shared, handler);
                self.sessions.spawn(async move {
                    let _slot = slot;
                    session.await;
                });
            }
            Err(busy) => {
                log::refused(&client_name(&conn), None, None, &busy.reply().trim_end());
                if !shared.implicit_tls {
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

/// A listening socket of the runtime.
enum Accept {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accept {
    fn new(socket: Socket) -> io::Result<Accept> {
        Ok(match socket {
            Socket::Tcp(socket) => Accept::Tcp(TcpListener::from_std(socket)?),
            Socket::Unix(socket) => Accept::Unix(UnixListener::from_std(socket)?),
        })
    }

    async fn next(&self) -> io::Result<Conn> {
        match self {
            Accept::Tcp(socket) => Conn::new(socket.accept().await?.0),
            Accept::Unix(socket) => Ok(Conn::unix(socket.accept().await?.0)),
        }
    }
}

type Accepted = tokio::sync::mpsc::Sender<(Conn, Arc<Shared>)>;

async fn accept_all(socket: Accept, shared: Arc<Shared>, accepted: Accepted) {
    loop {
        match socket.next().await {
            Ok(conn) => {
                if accepted.send((conn, shared.clone())).await.is_err() {
                    return;
                }
            }
            Err(e) if is_shortage(&e) => {
                log::accept_failed(&shared.listener, &e);
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
fn serve<H: Handler>(conn: Conn, shared: Arc<Shared>, handler: H) -> impl Future<Output = ()> {
    let client = client_name(&conn);
    let listener = match conn.local() {
        Some(address) => address.to_string(),
        None => shared.listener.clone(),
    };
    let dialogue = Dialogue::new(conn, shared, handler);
    async move {
        log::connected(&client, &listener);
        let began = Instant::now();
        let (messages, ended) = dialogue.run().await;
        let error = ended.err().map(|e| e.to_string());
        log::disconnected(&client, messages, began.elapsed(), error.as_deref());
    }
}

/// The peer's address; `local` on a Unix socket.
fn client_name(conn: &Conn) -> String {
    conn.peer()
        .map_or_else(|| "local".to_string(), |a| a.ip().to_string())
}

/// A defect ends one session; the others, and the service, go on.
fn report(ended: Result<(), JoinError>) {
    if let Err(defect) = ended {
        log::session_defect(&defect);
    }
}

#[cfg(test)]
mod tests;
