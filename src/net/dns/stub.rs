//! Many questions to the configured servers, quickly: hickory's messages over
//! sockets of our own. hickory's resolver makes a socket for each question and
//! spends more on it than the name server does.
//!
//! A question has a socket to itself while it is under way, so an answer needs
//! no sorting; afterwards the socket serves others, until its port is old.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Nothing;
use crate::route::mx::Trouble;

/// A datagram is taken for lost after this; then after twice as long.
const RESEND: Duration = Duration::from_millis(800);

/// Questions that one port sends: an answer from elsewhere has to guess a port
/// that changes, and the id (RFC 5452).
const QUESTIONS_OF_A_PORT: u32 = 128;

/// Largest datagram taken: what crosses any link in one piece (RFC 9715).
const DATAGRAM: u16 = 1232;

/// Truncated answers fetched by TCP at once.
const TCP_AT_ONCE: usize = 8;

/// Steps from alias to alias (D1, MX-13).
const MAX_ALIASES: usize = 12;

pub(super) struct Stub {
    servers: Vec<Server>,
    /// The server asked first: the one that answered last.
    first: AtomicUsize,
    tcp: Semaphore,
    limit: Duration,
}

struct Server {
    address: SocketAddr,
    idle: Mutex<Vec<Port>>,
}

struct Port {
    socket: UdpSocket,
    /// Questions it may still send.
    left: u32,
    buffer: Box<[u8]>,
}

/// A question with the port that it has to itself.
struct Asked {
    port: Port,
    id: u16,
    question: Vec<u8>,
}

/// What one exchange came to.
enum Said {
    Answer(Box<Message>),
    Silence(&'static str),
    Failure(String),
}

impl Stub {
    /// `limit`: the longest that one question takes.
    pub(super) fn new(servers: Vec<SocketAddr>, limit: Duration) -> Stub {
        let server = |address| Server {
            address,
            idle: Mutex::default(),
        };
        Stub {
            servers: servers.into_iter().map(server).collect(),
            first: AtomicUsize::new(0),
            tcp: Semaphore::new(TCP_AT_ONCE),
            limit,
        }
    }

    /// All records that answer, those of aliases on the way included. A chain
    /// of aliases that the server leaves open is followed.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, Nothing> {
        let until = Instant::now() + self.limit;
        let mut asked = name.clone();
        let mut found: Vec<Record> = Vec::new();
        for _ in 0..MAX_ALIASES {
            let message = match self.exchange(&asked, kind, until).await {
                Said::Answer(message) => message,
                Said::Silence(words) => return Err(silent(name, kind, words)),
                Said::Failure(words) => return Err(failed(name, kind, &words)),
            };
            let code = message.metadata.response_code;
            let settled = message
                .authorities
                .iter()
                .any(|r| r.record_type() == RecordType::SOA);
            let (last, open) = end_of_chain(&asked, kind, &message.answers);
            found.extend(message.answers);
            match code {
                ResponseCode::NoError if !open => return Ok(found),
                ResponseCode::NXDomain => return Err(Nothing::NoSuchName),
                ResponseCode::NoError if settled || last == asked => return Err(Nothing::NoData),
                ResponseCode::NoError => asked = last,
                ResponseCode::ServFail => return Err(failed(name, kind, "SERVFAIL")),
                ResponseCode::Refused => return Err(failed(name, kind, "REFUSED")),
                other => return Err(failed(name, kind, &other.to_string())),
            }
        }
        Err(failed(name, kind, "too many aliases, or a loop of them"))
    }

    /// Asks the servers in turn until one has an answer. What a server says of
    /// itself (SERVFAIL, REFUSED) counts once all have been asked.
    async fn exchange(&self, name: &Name, kind: RecordType, until: Instant) -> Said {
        let first = self.first.load(Ordering::Relaxed);
        let mut wait = RESEND;
        let mut refused = 0;
        let mut held: Option<(usize, Asked)> = None;
        let mut last = Said::Silence("no server is configured");
        for turn in 0.. {
            let at = (first + turn) % self.servers.len().max(1);
            let Some(server) = self.servers.get(at) else {
                break;
            };
            // The same server again: the same question from the same port, so
            // that a late answer to an earlier datagram counts.
            let before = held.take_if(|(server, _)| *server == at);
            let patience = (Instant::now() + wait).min(until);
            let asked = match before {
                Some((_, asked)) => Ok(asked),
                None => server.prepare(name, kind).await,
            };
            let said = match asked {
                Ok(mut asked) => {
                    let said = asked.exchange(name, kind, patience).await;
                    held = Some((at, asked));
                    said
                }
                Err(error) => Err(error),
            };
            last = match said {
                Ok(Some(message)) if message.metadata.truncation => {
                    Box::pin(self.by_tcp(server, name, kind, until)).await
                }
                Ok(Some(message)) => Said::Answer(message),
                Ok(None) => Said::Silence("timed out"),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Nobody listens there now; a name server that starts does soon.
                    tokio::time::sleep_until(patience).await;
                    Said::Silence("no name server answers")
                }
                Err(error) => Said::Failure(error.to_string()),
            };
            match &last {
                Said::Answer(message) if is_final(message) => {
                    self.first.store(at, Ordering::Relaxed);
                    server.put_back(held);
                    return last;
                }
                Said::Silence(_) => wait = wait.saturating_mul(2),
                Said::Answer(_) | Said::Failure(_) => refused += 1,
            }
            if refused >= self.servers.len() || Instant::now() >= until {
                break;
            }
        }
        last
    }

    async fn by_tcp(&self, server: &Server, name: &Name, kind: RecordType, until: Instant) -> Said {
        let _permit = self.tcp.acquire().await;
        match timeout_at(until, tcp(server.address, name, kind)).await {
            Err(_) => Said::Silence("timed out"),
            Ok(Ok(message)) => Said::Answer(message),
            Ok(Err(error)) => Said::Failure(format!("by TCP, after a truncated answer: {error}")),
        }
    }
}

impl Server {
    async fn prepare(&self, name: &Name, kind: RecordType) -> io::Result<Asked> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let port = match idle {
            Some(port) => port,
            None => Port::open(self.address).await?,
        };
        let (id, question) = question(name, kind)?;
        Ok(Asked { port, id, question })
    }

    /// A port that waits for nothing serves again, until it is old.
    fn put_back(&self, held: Option<(usize, Asked)>) {
        if let Some((_, Asked { mut port, .. })) = held {
            port.left = port.left.saturating_sub(1);
            if port.left > 0
                && let Ok(mut idle) = self.idle.lock()
            {
                idle.push(port);
            }
        }
    }
}

impl Asked {
    /// Sends, and waits; `None`: no answer in time.
    async fn exchange(
        &mut self,
        name: &Name,
        kind: RecordType,
        until: Instant,
    ) -> io::Result<Option<Box<Message>>> {
        let Port { socket, buffer, .. } = &mut self.port;
        socket.send(&self.question).await?;
        let heard = async {
            loop {
                let n = socket.recv(buffer).await?;
                let octets = buffer.get(..n).unwrap_or_default();
                // What answers another question is late, or forged.
                if let Some(message) = answer_to(octets, self.id, name, kind)? {
                    return Ok::<_, io::Error>(message);
                }
            }
        };
        match timeout_at(until, heard).await {
            Ok(message) => message.map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl Port {
    async fn open(server: SocketAddr) -> io::Result<Port> {
        let any = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Port {
            socket,
            left: QUESTIONS_OF_A_PORT,
            buffer: vec![0; usize::from(DATAGRAM)].into(),
        })
    }
}

async fn tcp(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Box<Message>> {
    let mut stream = TcpStream::connect(server).await?;
    let (id, question) = question(name, kind)?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], &question].concat())
        .await?;
    let mut octets = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut octets).await?;
    answer_to(&octets, id, name, kind)?
        .ok_or_else(|| io::Error::other("an answer to nothing asked"))
}

fn question(name: &Name, kind: RecordType) -> io::Result<(u16, Vec<u8>)> {
    let id = u16::from_ne_bytes(crate::sys::random()?);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM);
    message.set_edns(edns);
    let octets = message.to_vec().map_err(io::Error::other)?;
    Ok((id, octets))
}

/// The message, if it answers this question; an error where it does, and cannot
/// be read (D1).
fn answer_to(
    octets: &[u8],
    id: u16,
    name: &Name,
    kind: RecordType,
) -> io::Result<Option<Box<Message>>> {
    if octets.get(..2) != Some(&id.to_be_bytes()[..]) {
        return Ok(None);
    }
    let message = Message::from_vec(octets)
        .map_err(|e| io::Error::other(format!("an answer that does not read: {e}")))?;
    // A server that cannot read the question may leave it out.
    let asked = match message.queries.first() {
        Some(query) => query.name() == name && query.query_type() == kind,
        None => !is_final(&message),
    };
    let fits = asked && message.metadata.message_type == MessageType::Response;
    Ok(fits.then(|| Box::new(message)))
}

/// An answer about the name, not about the server's own state.
fn is_final(message: &Message) -> bool {
    matches!(
        message.metadata.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    )
}

/// Follows aliases within an answer: the last name, and whether its records are
/// missing there.
fn end_of_chain(asked: &Name, kind: RecordType, answers: &[Record]) -> (Name, bool) {
    let mut at = asked;
    let mut seen = HashSet::new();
    while seen.insert(at) {
        let mut here = answers.iter().filter(|r| r.name == *at);
        if here.clone().any(|r| r.record_type() == kind) {
            return (at.clone(), false);
        }
        match here.find_map(alias) {
            Some(next) => at = next,
            None => break,
        }
    }
    (at.clone(), true)
}

fn alias(record: &Record) -> Option<&Name> {
    match &record.data {
        RData::CNAME(to) => Some(&to.0),
        _ => None,
    }
}

fn silent(name: &Name, kind: RecordType, words: &str) -> Nothing {
    Nothing::Temporary(Trouble::Silent(super::about(name, kind, words)))
}

fn failed(name: &Name, kind: RecordType, words: &str) -> Nothing {
    Nothing::Temporary(Trouble::Failed(super::about(name, kind, words)))
}
