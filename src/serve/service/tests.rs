//! The service with a handler that stores nothing: limits, ends, TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::*;
use crate::net::tls::{Connector, self_signed};
use crate::serve::listen::Endpoint;
use crate::smtp::addr::{ForwardPath, ReversePath};
use crate::smtp::caps::Caps;
use crate::smtp::data::Content;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::server::{Answer, Role, Session, Settings};

/// Every wait of a test ends here.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes everything, counts messages, and fails where it is told to.
#[derive(Clone, Default)]
struct Counter {
    taken: Arc<AtomicUsize>,
}

impl Handler for Counter {
    fn mail(&mut self, _: &ReversePath, _: &MailParams) -> Answer {
        Answer::Yes
    }
    fn rcpt(&mut self, path: &ForwardPath, _: &RcptParams) -> Answer {
        assert!(
            !path.to_string().contains("defect"),
            "a defect in the handler"
        );
        Answer::Yes
    }
    fn data(&mut self, _: &Session, _: Option<&str>) -> Answer {
        Answer::Yes
    }
    fn body(&mut self, _: &[u8]) -> bool {
        false
    }
    fn store(&mut self) {}
    fn end(&mut self, _: Content) -> Answer {
        self.taken.fetch_add(1, Ordering::SeqCst);
        Answer::Yes
    }
    fn discard(&mut self) {}
}

struct Server {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
    control: watch::Sender<Phase>,
    ended: tokio::task::JoinHandle<io::Result<()>>,
}

/// What a test may want otherwise.
struct Wish {
    sessions: usize,
    per_address: usize,
    timeout: Duration,
    min_rate: u64,
    implicit_tls: bool,
}

const USUAL: Wish = Wish {
    sessions: 256,
    per_address: 256,
    timeout: PATIENCE,
    min_rate: 0,
    implicit_tls: false,
};

fn start(wish: Wish) -> Server {
    let place = match wish.implicit_tls {
        true => "smtps://127.0.0.1:0",
        false => "127.0.0.1:0",
    };
    let endpoint: Endpoint = place.parse().unwrap();
    let socket = endpoint.bind().unwrap().remove(0).socket;
    let Socket::Tcp(listener) = &socket else {
        panic!("a TCP socket")
    };
    let address = listener.local_addr().unwrap();
    let (certificate, key) = self_signed("mx.example");
    let settings = Settings {
        role: Role::Mx,
        hostname: "mx.example".into(),
        caps: Caps {
            pipelining: true,
            starttls: true,
            enhanced: true,
            ..Caps::default()
        },
        local: false,
        origin: None,
        max_recipients: 100,
        max_errors: 10,
        max_junk: 100,
        max_line: 65536,
        command_timeout: wish.timeout,
        min_rate: wish.min_rate,
    };
    let (control, phase) = watch::channel(Phase::Serve);
    let shared = Shared {
        settings: Arc::new(settings),
        acceptor: Some(Acceptor::from_pem(&certificate, &key).unwrap()),
        implicit_tls: wish.implicit_tls,
        greeting_delay: Duration::ZERO,
        refuse_all: false,
        proxy: None,
        listener: place.to_string(),
        pool: Pool::new(4),
        phase: phase.clone(),
    };
    let service = Service {
        slots: Slots::new(wish.sessions, wish.per_address),
        sessions: JoinSet::new(),
        accepting: None,
    };
    let counter = Counter::default();
    let taken = counter.taken.clone();
    let places = vec![(socket, Arc::new(shared))];
    let ended = tokio::spawn(service.run(places, move |_, _| counter.clone(), phase));
    Server {
        address,
        taken,
        control,
        ended,
    }
}

struct Client<S>(BufReader<S>);

impl Client<TcpStream> {
    /// Connected and greeted.
    async fn new(server: &Server) -> Client<TcpStream> {
        let mut client = Client::silent(server).await;
        assert_eq!(client.line().await, "220 mx.example ESMTP");
        client
    }

    async fn silent(server: &Server) -> Client<TcpStream> {
        Client(BufReader::new(
            TcpStream::connect(server.address).await.unwrap(),
        ))
    }
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// One line; empty at the end.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line))
            .await
            .unwrap()
            .unwrap();
        line.trim_end().to_string()
    }

    /// The last line of one reply.
    async fn reply(&mut self) -> String {
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.reply().await
    }

    /// Greets, names sender and recipient, and is told to go on.
    async fn begin(&mut self) {
        self.say("EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n")
            .await;
        self.say("RCPT TO:<c@d.example>\r\nDATA\r\n").await;
        for code in ["250", "250", "250", "354"] {
            let reply = self.reply().await;
            assert!(reply.starts_with(code), "{reply}");
        }
    }
}

fn run<F: Future>(test: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

#[test]
fn a_defect_ends_one_session_only() {
    run(async {
        let server = start(USUAL);
        let mut other = Client::new(&server).await;
        other.begin().await;
        let mut victim = Client::new(&server).await;
        victim
            .say("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<defect@d.example>\r\n")
            .await;
        while !victim.line().await.is_empty() {}
        assert!(other.ask("text\r\n.\r\n").await.starts_with("250"));
        assert!(
            Client::new(&server)
                .await
                .ask("QUIT\r\n")
                .await
                .starts_with("221")
        );
    });
}

#[test]
fn sv_61_stopping_ends_idle_sessions_and_lets_transactions_finish() {
    run(async {
        let server = start(USUAL);
        let mut idle = Client::new(&server).await;
        let mut busy = Client::new(&server).await;
        busy.begin().await;
        server.control.send(Phase::Stop).unwrap();
        assert!(idle.line().await.starts_with("421 4.3.2"));
        assert_eq!(idle.line().await, "");
        drop(idle);
        assert!(busy.ask("text\r\n.\r\n").await.starts_with("250"));
        assert!(busy.line().await.starts_with("421 4.3.2"));
        drop(busy);
        timeout(PATIENCE, server.ended)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(server.taken.load(Ordering::SeqCst), 1);
        assert!(TcpStream::connect(server.address).await.is_err());
    });
}

#[test]
fn d4_too_many_sessions_are_told_so_and_places_come_back() {
    run(async {
        let server = start(Wish {
            per_address: 2,
            ..USUAL
        });
        let mut one = Client::new(&server).await;
        let _two = Client::new(&server).await;
        let mut three = Client::silent(&server).await;
        assert!(three.line().await.starts_with("421 4.7.0"));
        assert_eq!(three.line().await, "");
        assert!(one.ask("QUIT\r\n").await.starts_with("221"));
        drop(one);
        let mut greeting = String::new();
        while !greeting.starts_with("220") {
            greeting = Client::silent(&server).await.line().await;
        }

        let server = start(Wish {
            sessions: 1,
            ..USUAL
        });
        let _one = Client::new(&server).await;
        let mut two = Client::silent(&server).await;
        assert!(two.line().await.starts_with("421 4.3.2"));
    });
}

#[test]
fn sv_60_d4_slow_talkers_are_sent_away() {
    run(async {
        let server = start(Wish {
            timeout: Duration::from_millis(150),
            ..USUAL
        });
        // Silence, and a command that never ends.
        for beginning in ["", "EHLO c"] {
            let mut client = Client::new(&server).await;
            client.say(beginning).await;
            assert!(client.line().await.starts_with("421 4.4.2"));
            assert_eq!(client.line().await, "");
        }
    });
}

#[test]
fn d4_content_below_the_least_rate_is_given_up() {
    run(async {
        let wish = Wish {
            timeout: Duration::from_millis(300),
            min_rate: 1_000_000,
            ..USUAL
        };
        let server = start(wish);
        let mut client = Client::new(&server).await;
        client.begin().await;
        // Never idle for long, and yet too slow.
        let (mut read, mut write) = client.0.into_inner().into_split();
        let drip = tokio::spawn(async move {
            while write.write_all(b"x\r\n").await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
        let mut said = String::new();
        // The connection may be reset under what is still dripping.
        let _ = timeout(PATIENCE, read.read_to_string(&mut said))
            .await
            .unwrap();
        assert!(said.is_empty() || said.starts_with("421 4.4.2"), "{said}");
        assert_eq!(server.taken.load(Ordering::SeqCst), 0);
        drip.abort();
    });
}

#[test]
fn sv_62_many_sessions_at_once() {
    run(async {
        let server = start(USUAL);
        let mut clients = Vec::new();
        for _ in 0..50 {
            let mut client = Client::new(&server).await;
            client.begin().await;
            clients.push(client);
        }
        for client in &mut clients {
            assert!(client.ask("text\r\n.\r\n").await.starts_with("250"));
        }
        assert_eq!(server.taken.load(Ordering::SeqCst), 50);
    });
}

#[test]
fn sv_44_a_lost_connection_leaves_nothing() {
    run(async {
        let server = start(USUAL);
        let mut client = Client::new(&server).await;
        client.begin().await;
        client.say("half a mess").await;
        drop(client);
        let mut other = Client::new(&server).await;
        other.begin().await;
        assert!(other.ask("whole\r\n.\r\n").await.starts_with("250"));
        assert_eq!(server.taken.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn d4_output_that_nobody_reads_is_bounded() {
    run(async {
        let server = start(Wish {
            timeout: Duration::from_millis(500),
            ..USUAL
        });
        let client = TcpStream::connect(server.address).await.unwrap();
        let (_unread, mut write) = client.into_split();
        // Replies to these fill both sockets; then the server stops reading.
        let flood = "EHLO c.example\r\n".repeat(4096);
        let flooding = async { while write.write_all(flood.as_bytes()).await.is_ok() {} };
        timeout(PATIENCE, flooding)
            .await
            .expect("the session ends by itself");
    });
}

async fn tls(client: Client<TcpStream>) -> Client<Conn> {
    let conn = Conn::new(client.0.into_inner()).unwrap();
    let connector = Connector::new(None);
    Client(BufReader::new(
        conn.start_tls_opportunistic(&connector, "mx.example", PATIENCE)
            .await
            .unwrap(),
    ))
}

#[test]
fn ex_23_starttls_then_everything_begins_anew() {
    run(async {
        let server = start(USUAL);
        let mut client = Client::new(&server).await;
        assert!(client.ask("EHLO c.example\r\n").await.starts_with("250"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220"));
        let mut client = tls(client).await;
        assert!(
            client
                .ask("MAIL FROM:<a@b.example>\r\n")
                .await
                .starts_with("503")
        );
        client.begin().await;
        assert!(client.ask("text\r\n.\r\n").await.starts_with("250"));
        assert!(client.ask("STARTTLS\r\n").await.starts_with('5'));
        assert!(client.ask("QUIT\r\n").await.starts_with("221"));
        assert_eq!(client.line().await, "");
    });
}

#[test]
fn p1_ex_24_commands_behind_starttls_in_clear_are_never_run() {
    run(async {
        let server = start(USUAL);
        let mut client = Client::new(&server).await;
        client.ask("EHLO c.example\r\n").await;
        // One segment: what is injected reaches the server with the STARTTLS.
        let reply = client
            .ask("STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n")
            .await;
        if reply.starts_with("220") {
            let mut client = tls(client).await;
            assert!(client.ask("NOOP\r\n").await.starts_with("250"));
            assert!(client.ask("EHLO c.example\r\n").await.starts_with("250"));
            assert!(
                client
                    .ask("RCPT TO:<c@d.example>\r\n")
                    .await
                    .starts_with("503")
            );
        } else {
            assert!(reply.starts_with('5'), "{reply}");
        }
    });
}

#[test]
fn ex_26_implicit_tls_greets_inside() {
    run(async {
        let server = start(Wish {
            implicit_tls: true,
            ..USUAL
        });
        let mut client = tls(Client::silent(&server).await).await;
        assert_eq!(client.line().await, "220 mx.example ESMTP");
        client.say("EHLO c.example\r\n").await;
        let mut offered = Vec::new();
        loop {
            offered.push(client.line().await);
            if offered.last().unwrap().starts_with("250 ") {
                break;
            }
        }
        assert!(
            !offered.iter().any(|line| line.contains("STARTTLS")),
            "{offered:?}"
        );
    });
}

/// What a session at rest takes of the heap, apart from its socket: the task and
/// the dialogue. Futures grow unseen when they carry their arguments along.
#[test]
fn a_session_at_rest_costs_a_small_constant() {
    fn task<A, B, C, T>(_: &dyn Fn(A, B, C) -> T) -> usize {
        size_of::<T>()
    }
    let octets = task(&serve::<Intake<'static>>) + size_of::<Dialogue<Intake<'static>>>();
    assert!(octets <= 2048, "{octets}");
}
