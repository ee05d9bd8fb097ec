//! Connections: plain or TLS behind one type, with limits on time.
//!
//! A connection that waits holds no read buffer: each attempt to read uses the
//! stack, and only what came is kept ([`Conn::fill`]).

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::proxy::{self, NOBODY, Progress, Told};
use super::tls::examine::{Examined, examined};
use super::tls::{Acceptor, Connector, Demand, Session, TlsError, TlsInfo};
use crate::class::{Class, Classify};

/// How long one address of a host is waited for before the next is tried beside
/// it (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Most octets of one read: a whole TLS record.
const READ: usize = 16 * 1024;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// `None`: a socket of this host.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A connection was not made: words for the log, the bounce and `explain`.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered within this time.
    #[error("connect to {0}: no answer within {1:?}")]
    TimedOut(SocketAddr, Duration),
    /// Refused, unreachable, or no descriptor left.
    #[error("connect to {0}: {1}")]
    Io(SocketAddr, io::Error),
    /// No such socket, nobody listens there, or this user may not.
    #[error("connect to {path}: {1}", path = .0.display())]
    Unix(PathBuf, io::Error),
    #[error("there is no address to connect to")]
    Nowhere,
}

impl Classify for ConnectError {
    fn class(&self) -> Class {
        Class::Temporary
    }
}

/// How a port answers to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Open,
    /// The host is there, and refuses.
    Refused,
    NoAnswer,
    /// No way there: the network or the host is unreachable.
    NoRoute,
    /// This system's own rules forbid it.
    Forbidden,
}

/// Tries a port, at most this long.
pub async fn reach(to: SocketAddr, limit: Duration) -> Reach {
    match timeout(limit, TcpStream::connect(to)).await {
        Err(_) => Reach::NoAnswer,
        Ok(Ok(_)) => Reach::Open,
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Reach::Refused,
            io::ErrorKind::PermissionDenied => Reach::Forbidden,
            io::ErrorKind::TimedOut => Reach::NoAnswer,
            _ => Reach::NoRoute,
        },
    }
}

/// What [`Conn::write_or_fill`] did first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many octets were written.
    Wrote(usize),
    /// So many octets came in; 0: the peer closed.
    Read(usize),
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Unix(UnixStream),
    /// The server's side, and the client's where the platform's roots do not decide.
    Openssl(Box<SslStream<TcpStream>>),
    /// The client's, verified by the platform.
    Native(Box<tokio_native_tls::TlsStream<TcpStream>>),
}

/// One connection: of TCP, in clear or inside TLS, or of a Unix socket.
#[derive(Debug)]
pub struct Conn {
    stream: Stream,
    tls: Option<Box<TlsInfo>>,
    /// This side and the other; a Unix socket has no addresses.
    ends: Option<Ends>,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
}

impl Conn {
    /// Connects to a host's port, at most this long.
    pub async fn connect(to: SocketAddr, limit: Duration) -> Result<Conn, ConnectError> {
        let io = |error| ConnectError::Io(to, error);
        match timeout(limit, TcpStream::connect(to)).await {
            Ok(stream) => Conn::new(stream.map_err(io)?).map_err(io),
            Err(_) => Err(ConnectError::TimedOut(to, limit)),
        }
    }

    /// Takes a connected socket. Small segments go out at once (TCP_NODELAY):
    /// a dialogue of short lines would otherwise wait for delayed
    /// acknowledgements.
    pub fn new(stream: TcpStream) -> io::Result<Conn> {
        stream.set_nodelay(true)?;
        let ends = Ends {
            peer: plain_v4(stream.peer_addr()?),
            local: plain_v4(stream.local_addr()?),
        };
        Ok(Conn {
            ends: Some(ends),
            stream: Stream::Plain(stream),
            tls: None,
        })
    }

    /// Connects to either.
    pub async fn connect_to(to: &Address, limit: Duration) -> Result<Conn, ConnectError> {
        match to {
            Address::Tcp(address) => Conn::connect(*address, limit).await,
            Address::Unix(path) => Conn::connect_unix(path, limit).await,
        }
    }

    /// Connects to any of a host's addresses, each with this limit: the next is
    /// tried as soon as one fails, or keeps silent for [`STAGGER`] (RFC 8305
    /// section 5). Gives back which it was; the error is the last one's.
    pub async fn connect_any(
        to: &[Address],
        limit: Duration,
    ) -> Result<(usize, Conn), ConnectError> {
        let mut tries = JoinSet::new();
        let mut waiting = to.iter().cloned().enumerate();
        let mut last = ConnectError::Nowhere;
        loop {
            let has_more = match waiting.next() {
                Some((n, address)) => {
                    tries.spawn(async move { (n, Conn::connect_to(&address, limit).await) });
                    true
                }
                None => false,
            };
            let pause = match has_more {
                true => STAGGER,
                false => limit,
            };
            match timeout(pause, tries.join_next()).await {
                Ok(Some(Ok((n, Ok(conn))))) => return Ok((n, conn)),
                Ok(Some(Ok((_, Err(error))))) => last = error,
                Ok(None) if !has_more => return Err(last),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Connects to a Unix socket, at most this long.
    pub async fn connect_unix(to: &Path, limit: Duration) -> Result<Conn, ConnectError> {
        let failed = |error| ConnectError::Unix(to.to_owned(), error);
        match timeout(limit, UnixStream::connect(to)).await {
            Ok(stream) => stream.map(Conn::unix).map_err(failed),
            Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Takes a connected Unix socket.
    pub fn unix(stream: UnixStream) -> Conn {
        Conn {
            stream: Stream::Unix(stream),
            tls: None,
            ends: None,
        }
    }

    /// Shakes hands as the server (RFC 3207, or implicit TLS), at most this long.
    pub async fn accept_tls(self, with: &Acceptor, limit: Duration) -> Result<Conn, TlsError> {
        let ends = self.ends;
        let tcp = self.into_plain()?;
        let handshake = with.accept(tcp);
        let (stream, tls) = timeout(limit, handshake)
            .await
            .map_err(|_| TlsError::TimedOut)??;
        let stream = Stream::Openssl(Box::new(stream));
        Ok(Conn {
            stream,
            tls: Some(Box::new(tls)),
            ends,
        })
    }

    /// Shakes hands as the client and makes sure of the server as `demand` has it,
    /// at most this long. `host` is the name in its certificate, and SNI. After a
    /// failure the connection is gone.
    pub async fn start_tls(
        self,
        with: &Connector,
        host: &str,
        demand: &Demand,
        limit: Duration,
    ) -> Result<Conn, TlsError> {
        let ends = self.ends;
        let tcp = self.into_plain()?;
        let handshake = with.connect(host, tcp, demand);
        let (session, tls) = timeout(limit, handshake)
            .await
            .map_err(|_| TlsError::TimedOut)??;
        let stream = match session {
            Session::Openssl(stream) => Stream::Openssl(Box::new(stream)),
            Session::Native(stream) => Stream::Native(Box::new(stream)),
        };
        Ok(Conn {
            stream,
            tls: Some(Box::new(tls)),
            ends,
        })
    }

    /// The same with whoever answers (opportunistic, RFC 7435).
    pub async fn start_tls_opportunistic(
        self,
        with: &Connector,
        host: &str,
        limit: Duration,
    ) -> Result<Conn, TlsError> {
        self.start_tls(with, host, &Demand::default(), limit).await
    }

    pub(super) fn into_plain(self) -> Result<TcpStream, TlsError> {
        match self.stream {
            Stream::Plain(tcp) => Ok(tcp),
            Stream::Unix(_) => Err(TlsError::Handshake(
                "TLS is for TCP, not for Unix sockets".to_string(),
            )),
            _ => Err(TlsError::Handshake("TLS is on already".to_string())),
        }
    }

    /// Reads the header of the PROXY protocol, and no octet more; from then on
    /// the connection has the ends that it tells. At most this long.
    pub async fn read_proxy(&mut self, limit: Duration) -> io::Result<()> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no PROXY header");
        let header = async {
            let (mut header, mut more) = (Vec::new(), 1);
            loop {
                let read = header.len();
                header.resize(read + more, 0);
                let space = header.get_mut(read..).unwrap_or_default();
                self.read_exact(space).await?;
                match proxy::progress(&header) {
                    Progress::More(octets) => more = octets,
                    Progress::Over(told) => return Ok(told),
                    Progress::Wrong => return Err(wrong()),
                }
            }
        };
        match timeout(limit, header).await {
            Ok(told) => {
                self.ends = Some(match told? {
                    Told::Ends { peer, local } => Ends { peer, local },
                    Told::Nothing => Ends {
                        peer: NOBODY,
                        local: self.local().unwrap_or(NOBODY),
                    },
                });
                Ok(())
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// What was agreed; `None` in clear.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_deref()
    }

    /// The peer's certificates, where the session was made by `openssl`.
    pub fn examined(&self) -> Option<Examined> {
        match &self.stream {
            Stream::Openssl(stream) => Some(examined(stream.ssl())),
            _ => None,
        }
    }

    /// The other side; an IPv4 address that came in over IPv6 is given as IPv4.
    /// `None` for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.ends.map(|ends| ends.peer)
    }

    /// This side, as [`Conn::peer`].
    pub fn local(&self) -> Option<SocketAddr> {
        self.ends.map(|ends| ends.local)
    }

    /// Waits for octets and appends them to `input`; 0: the peer closed.
    /// Cancelling loses nothing.
    pub async fn fill(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, input)).await
    }

    /// Writes all of it. The caller sets the limit on time.
    pub async fn write_all(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            match poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, octets)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => octets = octets.get(n..).unwrap_or_default(),
            }
        }
        poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)).await
    }

    /// Writes what there is room for now, waiting for nothing; how much that was.
    /// Inside TLS nothing. What fails here fails again in [`Conn::write_all`].
    pub fn try_write(&self, octets: &[u8]) -> usize {
        let wrote = match &self.stream {
            Stream::Plain(tcp) => tcp.try_write(octets),
            Stream::Unix(unix) => unix.try_write(octets),
            _ => Ok(0),
        };
        wrote.unwrap_or(0)
    }

    /// Writes part of `output`, or reads into `input`, whichever can be done
    /// first; reading goes first where both can. For a sender that must not
    /// stop reading replies while it streams. `output` must not be empty.
    pub async fn write_or_fill(&mut self, output: &[u8], input: &mut Vec<u8>) -> io::Result<Moved> {
        poll_fn(|cx| {
            if let Poll::Ready(n) = self.poll_fill(cx, input) {
                return Poll::Ready(n.map(Moved::Read));
            }
            let n = ready!(Pin::new(&mut *self).poll_write(cx, output))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            Poll::Ready(Ok(Moved::Wrote(n)))
        })
        .await
    }

    /// Says goodbye (close_notify where TLS is on) and ends the sending half,
    /// waiting for nothing but room in the socket.
    pub async fn close(mut self) {
        let _ = self.finish().await;
    }

    /// As [`Conn::close`]; what the peer still sends can be read.
    pub async fn finish(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await
    }

    /// As [`Conn::fill`], for futures made by hand.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::<u8>::uninit(); READ];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(Pin::new(self).poll_read(cx, &mut buf))?;
        input.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }
}

/// `::ffff:192.0.2.1` is 192.0.2.1: limits, networks and trace fields must not
/// depend on the kind of socket that listened.
fn plain_v4(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A peer that closes without close_notify has closed: the end of an SMTP
/// dialogue is marked by QUIT and the final dot, never by the transport.
fn unclean_eof(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        other => other,
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Unix(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Openssl(s) => Pin::new(s).poll_read(cx, buf).map(unclean_eof),
            Stream::Native(s) => Pin::new(s).poll_read(cx, buf).map(unclean_eof),
        }
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Unix(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Openssl(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Native(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Unix(s) => Pin::new(s).poll_flush(cx),
            Stream::Openssl(s) => Pin::new(s).poll_flush(cx),
            Stream::Native(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Unix(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Openssl(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Native(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
