//! Where to listen and what for: the grammar of a place, and the sockets.

use std::fmt;
use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::class::{Class, Classify};
use crate::smtp::server::Role;

/// Connections the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;

/// Where to listen and what for:
/// `[ROLE://]HOST:PORT[,OPTION...]` or `ROLE:/PATH[,OPTION...]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub place: Place,
    pub role: Role,
    /// TLS from the first octet.
    pub implicit_tls: bool,
    pub options: Options,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Host and port; port 0: any free one.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What stands behind the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Access to a Unix socket; without it its owner alone.
    pub mode: Option<u32>,
    /// Group of a Unix socket.
    pub group: Option<String>,
    /// Certificate chain and key of this listener, PEM.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Each connection begins with a PROXY header.
    pub proxy: bool,
}

/// The words for a role, each with what it means. The first one of a kind is
/// the one that is shown.
const ROLES: [(&str, Role, bool); 7] = [
    ("mx", Role::Mx, false),
    ("smtp", Role::Mx, false),
    ("smtps", Role::Mx, true),
    ("submission", Role::Submission, false),
    ("submissions", Role::Submission, true),
    ("lmtp", Role::Lmtp, false),
    ("lmtps", Role::Lmtp, true),
];

/// Role, and whether TLS comes first, of a word like `submissions`.
pub fn role(word: &str) -> Option<(Role, bool)> {
    let known = ROLES.iter().find(|(known, ..)| *known == word)?;
    Some((known.1, known.2))
}

/// What a port number says where nothing else does (RFC 5321, 6409, 8314, 2033).
pub fn role_of_port(port: u16) -> (Role, bool) {
    match port {
        465 => (Role::Submission, true),
        587 => (Role::Submission, false),
        24 => (Role::Lmtp, false),
        _ => (Role::Mx, false),
    }
}

/// A listening socket; shown as what a client would be told.
#[derive(Debug)]
pub struct Listener {
    pub socket: Socket,
    pub name: String,
    pub role: Role,
    pub implicit_tls: bool,
    pub options: Options,
}

/// Bound and listening.
#[derive(Debug)]
pub enum Socket {
    Tcp(std::net::TcpListener),
    Unix(UnixListener),
}

impl Socket {
    /// The same socket once more.
    pub fn try_clone(&self) -> io::Result<Socket> {
        Ok(match self {
            Socket::Tcp(socket) => Socket::Tcp(socket.try_clone()?),
            Socket::Unix(socket) => Socket::Unix(socket.try_clone()?),
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "{0:?} is no place to listen: write HOST:PORT, ROLE://HOST:PORT or ROLE:/PATH; roles are \
         mx, submission, submissions, smtps and lmtp"
    )]
    Syntax(String),
    #[error("{0:?}: {1}")]
    Option(String, &'static str),
    #[error("cannot listen on {0}: {1}{advice}", advice = advice(.1))]
    Io(String, io::Error),
}

/// What a person can do about it; empty where that is not known.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop who listens there, or choose another port or path",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this host",
        io::ErrorKind::PermissionDenied => "; ports under 1024 are root's to open",
        _ => "",
    }
}

impl Classify for ListenError {
    fn class(&self) -> Class {
        match self {
            ListenError::Syntax(_) | ListenError::Option(..) => Class::Usage,
            ListenError::Io(_, e) if e.kind() == io::ErrorKind::PermissionDenied => {
                Class::Permission
            }
            ListenError::Io(..) => Class::OsErr,
        }
    }
}

impl FromStr for Endpoint {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Endpoint, ListenError> {
        let wrong = || ListenError::Syntax(text.to_string());
        let mut parts = text.split(',');
        let place = parts.next().unwrap_or_default();
        let (word, place) = match place.split_once("://") {
            Some((word, rest)) => (word, tcp(rest)),
            None => match place.split_once(":/") {
                Some((word, rest)) => (word, Some(Place::Unix(format!("/{rest}").into()))),
                None => ("mx", tcp(place)),
            },
        };
        let (role, implicit_tls) = role(word).ok_or_else(wrong)?;
        let endpoint = Endpoint {
            place: place.ok_or_else(wrong)?,
            role,
            implicit_tls,
            options: options(parts).map_err(|why| ListenError::Option(text.to_string(), why))?,
        };
        endpoint.check(text)
    }
}

fn tcp(text: &str) -> Option<Place> {
    let (host, port) = text.rsplit_once(':')?;
    let plain = !host.is_empty() && port.parse::<u16>().is_ok();
    plain.then(|| Place::Tcp(text.to_string()))
}

fn options<'t>(words: impl Iterator<Item = &'t str>) -> Result<Options, &'static str> {
    let mut options = Options::default();
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("mode", octal) => {
                let mode = u32::from_str_radix(octal, 8).ok().filter(|m| *m <= 0o777);
                options.mode = Some(mode.ok_or("mode is octal, like 0660")?);
            }
            ("group", name) if !name.is_empty() => options.group = Some(name.to_string()),
            ("certificate", path) => options.certificate = Some(absolute(path)?),
            ("key", path) => options.key = Some(absolute(path)?),
            ("proxy", "") => options.proxy = true,
            _ => return Err("options are mode, group, certificate, key and proxy"),
        }
    }
    Ok(options)
}

fn absolute(path: &str) -> Result<PathBuf, &'static str> {
    match path.starts_with('/') {
        true => Ok(PathBuf::from(path)),
        false => Err("certificate and key are absolute paths"),
    }
}

impl Endpoint {
    fn check(self, text: &str) -> Result<Endpoint, ListenError> {
        let wrong = |why| Err(ListenError::Option(text.to_string(), why));
        let options = &self.options;
        if options.certificate.is_some() != options.key.is_some() {
            return wrong("certificate and key come together");
        }
        match &self.place {
            Place::Tcp(_) if options.mode.is_some() || options.group.is_some() => {
                wrong("mode and group are for Unix sockets")
            }
            Place::Unix(_) if self.implicit_tls || options.certificate.is_some() => {
                wrong("there is no TLS on a Unix socket")
            }
            // RFC 2033 section 5: never where strangers come for SMTP.
            Place::Tcp(place) if self.role == Role::Lmtp && place.ends_with(":25") => {
                wrong("LMTP is not spoken on port 25")
            }
            _ => Ok(self),
        }
    }

    /// Opens a socket for each address that the host has. One on an IPv6 address
    /// takes IPv6 alone, so that `0.0.0.0:25` and `[::]:25` stand together.
    pub fn bind(&self) -> Result<Vec<Listener>, ListenError> {
        match &self.place {
            Place::Tcp(place) => {
                let failed = |e| ListenError::Io(place.clone(), e);
                let addresses: Vec<_> = place.to_socket_addrs().map_err(failed)?.collect();
                let listen = |a: &SocketAddr| bind_tcp(*a).map_err(failed);
                addresses
                    .iter()
                    .map(|a| Ok(self.listener(Socket::Tcp(listen(a)?))))
                    .collect()
            }
            Place::Unix(path) => {
                let failed = |e| ListenError::Io(path.display().to_string(), e);
                let socket = bind_unix(path, &self.options).map_err(failed)?;
                Ok(vec![self.listener(Socket::Unix(socket))])
            }
        }
    }

    /// The sockets of this place once more, for what it is now.
    pub fn adopt(&self, bound: &[Listener]) -> Result<Vec<Listener>, ListenError> {
        let again = |listener: &Listener| -> io::Result<Listener> {
            if let Place::Unix(path) = &self.place {
                set_access(path, &self.options)?;
            }
            Ok(self.listener(listener.socket.try_clone()?))
        };
        bound
            .iter()
            .map(|listener| again(listener).map_err(|e| ListenError::Io(listener.to_string(), e)))
            .collect()
    }

    fn listener(&self, socket: Socket) -> Listener {
        Listener::new(socket, self.role, self.implicit_tls, self.options.clone())
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A socket that nobody listens on any more is replaced. The directory is the
/// administrator's: whoever may write there could as well listen himself.
fn bind_unix(path: &Path, options: &Options) -> io::Result<UnixListener> {
    let is_socket = |m: fs::Metadata| m.file_type().is_socket();
    if fs::symlink_metadata(path).is_ok_and(is_socket) && UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    set_access(path, options)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn set_access(path: &Path, options: &Options) -> io::Result<()> {
    if let Some(group) = &options.group {
        let unknown = || io::Error::other(format!("there is no group {group:?}"));
        let gid = crate::sys::group_by_name(group).ok_or_else(unknown)?;
        std::os::unix::fs::chown(path, None, Some(gid))?;
    }
    let mode = options.mode.unwrap_or(0o600);
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

impl Listener {
    pub fn new(socket: Socket, role: Role, implicit_tls: bool, options: Options) -> Listener {
        Listener {
            name: name(&socket, role, implicit_tls),
            socket,
            role,
            implicit_tls,
            options,
        }
    }

    /// The same socket once more, for another process.
    pub fn try_clone(&self) -> io::Result<Listener> {
        Ok(Listener {
            socket: self.socket.try_clone()?,
            name: self.name.clone(),
            options: self.options.clone(),
            ..*self
        })
    }
}

/// A plain `mx` is its address alone.
fn name(socket: &Socket, role: Role, implicit_tls: bool) -> String {
    let word = ROLES
        .iter()
        .find(|(_, r, tls)| (*r, *tls) == (role, implicit_tls))
        .map_or("", |(word, ..)| word);
    match socket {
        Socket::Tcp(socket) => {
            let address = socket.local_addr().map(|a| a.to_string());
            let address = address.unwrap_or_default();
            match word {
                "mx" => address,
                word => format!("{word}://{address}"),
            }
        }
        Socket::Unix(socket) => {
            let address = socket.local_addr().ok();
            let path = address.as_ref().and_then(|a| a.as_pathname());
            format!("{word}:{}", path.unwrap_or(Path::new("/")).display())
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What a service manager or inetd gave us.
#[derive(Debug)]
pub enum Inherited {
    /// Maybe none.
    Listeners(Vec<Listener>),
    /// A connection that it accepted, and its name.
    Connection(std::net::TcpStream, Option<String>),
}

/// Takes what was handed over: by LISTEN_FDS (sd_listen_fds(3)), the names of
/// LISTEN_FDNAMES being roles; and a listening socket on standard input (inetd's
/// `wait`). Every other descriptor over 2 is closed. To be called once, before
/// any file is opened.
pub fn inherited() -> io::Result<Inherited> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let is_ours = number("LISTEN_PID") == Some(std::process::id());
    let count = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0);
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    // First: it closes what it does not take.
    let taken = crate::sys::take_descriptors(count)?;
    let mut listeners = Vec::new();
    if is_listening(io::stdin()) {
        listeners.push(adopted(io::stdin().as_fd().try_clone_to_owned()?, "")?);
    }
    for fd in taken {
        let word = names.next().unwrap_or_default();
        if is_listening(&fd) {
            listeners.push(adopted(fd, word)?);
        } else if crate::sys::internet_peer(&fd).is_some() {
            return Ok(Inherited::Connection(fd.into(), Some(word.to_string())));
        }
    }
    Ok(Inherited::Listeners(listeners))
}

fn is_listening(fd: impl AsFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false)
}

/// What the socket is for says `word`, else its port.
fn adopted(fd: OwnedFd, word: &str) -> io::Result<Listener> {
    let address = SocketAddr::try_from(rustix::net::getsockname(fd.as_fd())?).ok();
    let by_port = || address.map_or((Role::Mx, false), |a| role_of_port(a.port()));
    let (role, implicit_tls) = role(word).unwrap_or_else(by_port);
    let socket = match address {
        Some(_) => {
            let socket = std::net::TcpListener::from(fd);
            socket.set_nonblocking(true)?;
            Socket::Tcp(socket)
        }
        None => {
            let socket = UnixListener::from(fd);
            socket.set_nonblocking(true)?;
            Socket::Unix(socket)
        }
    };
    let options = Options::default();
    Ok(Listener::new(socket, role, implicit_tls, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Option<(String, Role, bool)> {
        let endpoint = text.parse::<Endpoint>().ok()?;
        let place = match endpoint.place {
            Place::Tcp(place) => place,
            Place::Unix(path) => path.display().to_string(),
        };
        Some((place, endpoint.role, endpoint.implicit_tls))
    }

    #[test]
    fn places_are_read() {
        let table = [
            ("127.0.0.1:25", "127.0.0.1:25", Role::Mx, false),
            ("smtp://localhost:0", "localhost:0", Role::Mx, false),
            ("mx://[::]:25", "[::]:25", Role::Mx, false),
            ("smtps://[::1]:465", "[::1]:465", Role::Mx, true),
            ("submission://h:587,proxy", "h:587", Role::Submission, false),
            ("submissions://h:465", "h:465", Role::Submission, true),
            ("lmtp://127.0.0.1:24", "127.0.0.1:24", Role::Lmtp, false),
            ("lmtp:/run/x.sock", "/run/x.sock", Role::Lmtp, false),
            ("mx:/s,mode=0660,group=mail", "/s", Role::Mx, false),
        ];
        for (text, place, role, tls) in table {
            assert_eq!(endpoint(text), Some((place.into(), role, tls)), "{text}");
        }
        for text in [
            "",
            "25",
            ":25",
            "host",
            "host:smtp",
            "host:70000",
            "h:-1",
            "pop://h:110",
            "lmtp://h:25",
            "lmtps:/run/x",
            "h:25,mode=0660",
            "mx:/s,mode=9",
            "h:25,key=/k",
            "h:25,certificate=c,key=/k",
            "h:25,colour=red",
            "h:25,proxy=yes",
        ] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn a_unix_socket_has_its_mode_and_replaces_a_dead_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let endpoint: Endpoint = format!("lmtp:{},mode=0640", path.display())
            .parse()
            .unwrap();
        let first = endpoint.bind().unwrap();
        assert_eq!(first[0].to_string(), format!("lmtp:{}", path.display()));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let error = endpoint.bind().unwrap_err().to_string();
        assert!(error.contains("stop who listens there"), "{error}");
        drop(first);
        assert_eq!(endpoint.bind().unwrap().len(), 1);
    }
}
