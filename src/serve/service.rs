//! The running service: accepts until it is told to stop, then lets running
//! transactions end.
//!
//! A thread for each processor has a runtime of its own: a session stays where
//! it was accepted, and no thread waits for another's lock or takes its work.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use super::intake::{self, Desk, Intake};
use super::link::{Order, Worker};
use super::listen::{Listener, Socket};
use super::policy::Client;
use super::pool::Pool;
use super::session::{Dialogue, Phase, Shared};
use super::slots::Slots;
use crate::config::Config;
use crate::log;
use crate::net::conn::Conn;
use crate::net::stdio::Handler;
use crate::net::tls::Acceptor;
use crate::smtp::server::Role;

/// Threads that work on files: enough for their fsyncs to share a journal
/// commit, few enough to be cheap.
const FILES: usize = 32;

/// Threads that talk to clients, where there are more processors.
const MOST_SHARDS: usize = 8;

/// How long running transactions may take after SIGTERM; below the 90 seconds
/// after which service managers kill.
const GRACE: Duration = Duration::from_secs(60);

/// How long sessions go on after others have taken over the listeners.
const OLD_AGE: Duration = Duration::from_secs(3600);

/// Pause of the accept loop when descriptors or memory are short: what is
/// served meanwhile gives some back.
const SHORTAGE: Duration = Duration::from_millis(100);

/// Wait for a PROXY header, which proxies send at once.
const PROXY_LIMIT: Duration = Duration::from_secs(5);

/// A listener with its certificate.
pub type Post = (Listener, Option<Acceptor>);

/// Serves these listeners until the parent says stop, or is gone.
pub fn run(config: &Config, desk: Desk, posts: Vec<Post>, link: Worker) -> io::Result<()> {
    let (control, phase) = watch::channel(Phase::Serve);
    let slots = Slots::new(
        config.serve.max_sessions,
        config.serve.max_sessions_per_address,
    );
    let pool = Pool::new(FILES);
    let places: Vec<_> = posts
        .into_iter()
        .map(|(listener, acceptor)| {
            let shared = Shared {
                settings: intake::settings(config, listener.role, false, acceptor.is_some()),
                acceptor,
                implicit_tls: listener.implicit_tls,
                greeting_delay: config.serve.greeting_delay,
                refuse_all: config.serve.refuse_all,
                proxy: listener
                    .options
                    .proxy
                    .then(|| config.serve.proxy_from.clone()),
                listener: listener.to_string(),
                pool: pool.clone(),
                phase: phase.clone(),
            };
            (listener.socket, Arc::new(shared))
        })
        .collect();
    // One a process, used to its end: sessions borrow from it.
    let desk: &'static Desk = Box::leak(Box::new(desk));
    let shards = thread::available_parallelism().map_or(1, |n| n.get().min(MOST_SHARDS));
    let mut threads = Vec::new();
    let (accepting, closed) = mpsc::channel(1);
    for _ in 0..shards {
        let places = places.iter().map(again).collect::<io::Result<Vec<_>>>()?;
        let (slots, phase, accepting) = (slots.clone(), phase.clone(), accepting.clone());
        let runtime = runtime()?;
        let work = move || {
            let service = Service {
                slots,
                sessions: JoinSet::new(),
                accepting: Some(accepting),
            };
            let handler = |conn: &Conn, role| Intake::new(desk, client(conn, role));
            runtime.block_on(service.run(places, handler, phase))
        };
        threads.push(
            thread::Builder::new()
                .name("serve".to_string())
                .spawn(work)?,
        );
    }
    drop((places, phase, accepting));
    runtime()?.block_on(obey(link, control, closed))?;
    for thread in threads {
        thread
            .join()
            .map_err(|_| io::Error::other("a thread of the service died"))??;
    }
    Ok(())
}

fn again((socket, shared): &(Socket, Arc<Shared>)) -> io::Result<(Socket, Arc<Shared>)> {
    Ok((socket.try_clone()?, shared.clone()))
}

/// Does what the parent says until no session is left to tell.
async fn obey(
    link: Worker,
    control: watch::Sender<Phase>,
    mut closed: mpsc::Receiver<()>,
) -> io::Result<()> {
    let mut link = link.attach()?;
    link.ready()?;
    let mut too_old = None;
    loop {
        let old_age = async {
            match too_old {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let order = tokio::select! {
            order = link.order() => order,
            () = old_age => Order::Stop,
            () = control.closed() => return Ok(()),
        };
        match order {
            Order::Finish => {
                too_old = Some(tokio::time::Instant::now() + OLD_AGE);
                control.send_if_modified(|phase| turn(phase, Phase::Finish));
                // Nothing is ever sent: this is the end of all senders.
                closed.recv().await;
                link.closed();
            }
            Order::Stop => {
                control.send_replace(Phase::Stop);
                control.closed().await;
                return Ok(());
            }
        }
    }
}

/// Never back from Stop.
fn turn(phase: &mut Phase, to: Phase) -> bool {
    let turns = *phase == Phase::Serve;
    if turns {
        *phase = to;
    }
    turns
}

/// Serves one connection that somebody else accepted (inetd), as [`run`] would.
pub fn run_one(
    config: &Config,
    desk: Desk,
    socket: std::net::TcpStream,
    post: (Role, bool),
    acceptor: Option<Acceptor>,
) -> io::Result<()> {
    let (role, implicit_tls) = post;
    let (control, phase) = watch::channel(Phase::Serve);
    let shared = Shared {
        settings: intake::settings(config, role, false, acceptor.is_some()),
        acceptor,
        implicit_tls,
        greeting_delay: config.serve.greeting_delay,
        refuse_all: config.serve.refuse_all,
        proxy: None,
        listener: socket.local_addr()?.to_string(),
        pool: Pool::new(1),
        phase,
    };
    let desk: &'static Desk = Box::leak(Box::new(desk));
    runtime()?.block_on(async move {
        let stop = super::link::stop_signal()?;
        tokio::spawn(async move {
            stop.await;
            let _ = control.send(Phase::Stop);
            control.closed().await;
        });
        socket.set_nonblocking(true)?;
        let conn = Conn::new(TcpStream::from_std(socket)?)?;
        let handler = Intake::new(desk, client(&conn, role));
        serve(conn, Arc::new(shared), handler).await;
        Ok(())
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn client(conn: &Conn, role: Role) -> Client {
    Client {
        address: conn.peer().map(|a| a.ip()),
        own_address: conn.local().map(|a| a.ip()),
        role,
    }
}

struct Service {
    slots: Arc<Slots>,
    sessions: JoinSet<()>,
    /// Dropped when no listener is heard any more.
    accepting: Option<mpsc::Sender<()>>,
}

impl Service {
    async fn run<H, F>(
        mut self,
        places: Vec<(Socket, Arc<Shared>)>,
        handler: F,
        mut phase: watch::Receiver<Phase>,
    ) -> io::Result<()>
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn, Role) -> H + Clone + Send + 'static,
    {
        let (accepted, mut incoming) = mpsc::channel(1);
        let mut acceptors = JoinSet::new();
        for (socket, shared) in places {
            acceptors.spawn(accept_all(Accept::new(socket)?, shared, accepted.clone()));
        }
        drop(accepted);
        loop {
            tokio::select! {
                Some((conn, shared)) = incoming.recv() => self.begin(conn, shared, &handler),
                Some(ended) = self.sessions.join_next() => report(ended),
                _ = phase.wait_for(|phase| *phase != Phase::Serve) => break,
            }
        }
        acceptors.shutdown().await;
        drop(self.accepting.take());
        while let Ok((conn, shared)) = incoming.try_recv() {
            self.begin(conn, shared, &handler);
        }
        self.finish(phase).await;
        Ok(())
    }

    fn begin<H, F>(&mut self, conn: Conn, shared: Arc<Shared>, handler: &F)
    where
        H: Handler + Send + 'static,
        F: Fn(&Conn, Role) -> H + Clone + Send + 'static,
    {
        if shared.proxy.is_none() {
            if let Some(session) = admit(conn, shared, &self.slots, handler) {
                self.sessions.spawn(session);
            }
            return;
        }
        // Whose place it takes is known only behind the header.
        let Ok(waiting) = self.slots.take(None) else {
            return;
        };
        let (slots, handler) = (self.slots.clone(), handler.clone());
        self.sessions.spawn(async move {
            let conn = introduced(conn, &shared).await;
            drop(waiting);
            if let Some(conn) = conn
                && let Some(session) = admit(conn, shared, &slots, &handler)
            {
                session.await;
            }
        });
    }

    async fn finish(mut self, mut phase: watch::Receiver<Phase>) {
        let too_late = async {
            // An error: nobody is left to say it.
            let _ = phase.wait_for(|phase| *phase == Phase::Stop).await;
            sleep(GRACE).await;
        };
        tokio::pin!(too_late);
        loop {
            tokio::select! {
                ended = self.sessions.join_next() => match ended {
                    Some(ended) => report(ended),
                    None => return,
                },
                () = &mut too_late => return log::stopped_sessions(self.sessions.len()),
            }
        }
    }
}

/// A session, where there is a place for it; else a word of regret.
fn admit<H, F>(
    conn: Conn,
    shared: Arc<Shared>,
    slots: &Arc<Slots>,
    handler: &F,
) -> Option<impl Future<Output = ()> + Send + use<H, F>>
where
    H: Handler + Send + 'static,
    F: Fn(&Conn, Role) -> H,
{
    match slots.take(conn.peer().map(|a| a.ip())) {
        Ok(slot) => {
            let handler = handler(&conn, shared.settings.role);
            let session = serve(conn, shared, handler);
            Some(async move {
                let _slot = slot;
                session.await;
            })
        }
        Err(busy) => {
            log::refused(&client_name(&conn), None, None, &busy.reply().trim_end());
            if !shared.implicit_tls {
                conn.try_write(busy.reply().as_bytes());
            }
            None
        }
    }
}

/// The connection as the proxy before us describes it. Only a proxy that is
/// listed is believed, and on such a listener nobody else is served: else anyone
/// could choose his address (P8).
async fn introduced(mut conn: Conn, shared: &Shared) -> Option<Conn> {
    let proxies = shared.proxy.as_deref().unwrap_or_default();
    let is_listed = |peer: SocketAddr| proxies.iter().any(|n| n.contains(peer.ip()));
    let client = client_name(&conn);
    let told = match conn.peer().is_none_or(is_listed) {
        true => conn.read_proxy(PROXY_LIMIT).await,
        false => Err(io::Error::other("not in serve.proxy_from")),
    };
    match told {
        Ok(()) => Some(conn),
        Err(error) => {
            let why = error.to_string();
            log::disconnected(&client, &shared.listener, 0, Duration::ZERO, Some(&why));
            None
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

type Accepted = mpsc::Sender<(Conn, Arc<Shared>)>;

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

/// One session, with its line in the log.
fn serve<H: Handler + Send + 'static>(
    conn: Conn,
    shared: Arc<Shared>,
    handler: H,
) -> impl Future<Output = ()> {
    let client = client_name(&conn);
    let listener = match conn.local() {
        Some(address) => address.to_string(),
        None => shared.listener.clone(),
    };
    let dialogue = Dialogue::new(conn, shared, handler);
    async move {
        let began = Instant::now();
        let (messages, ended) = dialogue.run().await;
        let error = ended.err().map(|e| e.to_string());
        log::disconnected(
            &client,
            &listener,
            messages,
            began.elapsed(),
            error.as_deref(),
        );
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
