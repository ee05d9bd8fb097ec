//! The carriers that are real: the blocking driver on a pair of sockets (as
//! descriptors 0 and 1 are), the server's own driver on TCP, and the same
//! inside TLS. Settings and answers come from the script, as in `memory`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smtputils::net::conn::Conn;
use smtputils::net::stdio::{self, Handler};
use smtputils::net::tls::Acceptor;
use smtputils::serve::pool::Pool;
use smtputils::serve::session::{Dialogue, Phase, Shared};
use smtputils::smtp::addr::{ForwardPath, ReversePath};
use smtputils::smtp::data::Content;
use smtputils::smtp::param::{MailParams, RcptParams};
use smtputils::smtp::server::{Answer, Ask, AuthStep, Session};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::carrier::{Carrier, Conversation};
use super::memory::{Rule, answers, ask, settings};
use super::script::{Act, Directive, Script};
use super::users::Door;

/// Every wait ends here.
const PATIENCE: Duration = Duration::from_secs(30);

/// One for all sessions: they are many and short.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Pool::new(8));

static ACCEPTOR: LazyLock<Acceptor> = LazyLock::new(|| {
    let (chain, key) = super::certificate::make("mx.example.org");
    Acceptor::from_pem(&chain, &key).expect("an acceptor")
});

/// The client's: it verifies nothing, and reads no roots (60 ms).
static CONTEXT: LazyLock<SslContext> = LazyLock::new(|| {
    SslContext::builder(SslMethod::tls_client())
        .expect("a context")
        .build()
});

#[derive(Clone, Copy, PartialEq)]
pub enum Stream {
    Stdin,
    Tcp,
    Tls,
}

impl Carrier for Stream {
    fn name(&self) -> &'static str {
        match self {
            Stream::Stdin => "stdin",
            Stream::Tcp => "tcp",
            Stream::Tls => "tls",
        }
    }

    fn open(&self, script: &Script) -> Option<Box<dyn Conversation>> {
        if !self.can(script) {
            return None;
        }
        let kept = Kept::default();
        let handler = Scripted {
            rules: answers(script),
            door: Door::default(),
            draft: None,
            kept: kept.clone(),
        };
        let (stopper, stop) = watch::channel(Phase::Serve);
        let (over, ended) = mpsc::channel();
        let wire = match self {
            Stream::Stdin => on_pipe(script, handler, over),
            _ => on_tcp(script, handler, over, stop, *self == Stream::Tls),
        };
        Some(Box::new(Talk {
            wire: Some(wire),
            kept,
            stopper,
            ended,
            eof: false,
        }))
    }
}

impl Stream {
    /// The clock cannot be turned here; `inside-tls` is for TLS; a pipe has
    /// neither TLS nor a service that stops.
    fn can(self, script: &Script) -> bool {
        let acts = |word: &str| {
            let is = |act: &Act| matches!(act, Act::Directive(d) if d.word == word);
            script.acts.iter().any(is)
        };
        let offers_tls = script
            .setup
            .iter()
            .any(|d| d.word == "with" && d.rest == "STARTTLS");
        let inside = script.setting("inside-tls").is_some();
        !acts("wait")
            && match self {
                Stream::Stdin => !acts("stop") && !offers_tls && !inside,
                Stream::Tcp => !inside,
                Stream::Tls => inside || !offers_tls,
            }
    }
}

type Kept = Arc<Mutex<Vec<Vec<u8>>>>;

/// Answers as the script says.
struct Scripted {
    rules: Vec<Rule>,
    door: Door,
    draft: Option<Vec<u8>>,
    kept: Kept,
}

impl Handler for Scripted {
    fn auth(&mut self, step: &AuthStep) -> Answer {
        self.door.step(step)
    }

    fn mail(&mut self, path: &ReversePath, params: &MailParams) -> Answer {
        ask(&self.rules, &mut self.door, &Ask::Mail(path, params))
    }
    fn rcpt(&mut self, path: &ForwardPath, params: &RcptParams) -> Answer {
        ask(&self.rules, &mut self.door, &Ask::Rcpt(path, params))
    }
    fn data(&mut self, _: &Session, _: Option<&str>) -> Answer {
        self.draft = Some(Vec::new());
        ask(&self.rules, &mut self.door, &Ask::Data)
    }
    fn body(&mut self, octets: &[u8]) -> bool {
        self.draft
            .as_mut()
            .expect("Data was asked before")
            .extend_from_slice(octets);
        false
    }
    fn store(&mut self) {}
    fn end(&mut self, content: Content) -> Answer {
        let draft = self.draft.take().expect("Data was asked before");
        let answer = ask(&self.rules, &mut self.door, &Ask::End(content));
        if !matches!(&answer, Answer::Reply(reply) if reply.code >= 300) {
            self.kept.lock().unwrap().push(draft);
        }
        answer
    }
    fn discard(&mut self) {
        self.draft = None;
    }
    fn vrfy(&mut self, who: &str) -> Answer {
        ask(&self.rules, &mut self.door, &Ask::Vrfy(who))
    }
    fn expn(&mut self, list: &str) -> Answer {
        ask(&self.rules, &mut self.door, &Ask::Expn(list))
    }
}

struct Pipe(UnixStream);

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl stdio::Carrier for Pipe {}

fn on_pipe(script: &Script, mut handler: Scripted, over: mpsc::Sender<()>) -> Wire {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut session = Session::new(Arc::new(settings(script)), false, Instant::now());
    std::thread::spawn(move || {
        // A client that goes away makes this an error, as it should.
        let _ = stdio::drive(&mut session, &mut handler, &mut Pipe(theirs));
        drop(over);
    });
    Wire::Pipe(ours)
}

fn on_tcp(
    script: &Script,
    handler: Scripted,
    over: mpsc::Sender<()>,
    stop: watch::Receiver<Phase>,
    implicit_tls: bool,
) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    theirs.set_nonblocking(true).unwrap();
    ours.set_nodelay(true).unwrap();
    let shared = Shared {
        settings: Arc::new(settings(script)),
        acceptor: Some(ACCEPTOR.clone()),
        implicit_tls,
        greeting_delay: Duration::ZERO,
        refuse_all: false,
        proxy: None,
        listener: String::new(),
        pool: POOL.clone(),
        phase: stop,
    };
    RUNTIME.spawn(async move {
        let conn = Conn::new(tokio::net::TcpStream::from_std(theirs).unwrap()).unwrap();
        let _ = Dialogue::new(conn, Arc::new(shared), handler).run().await;
        drop(over);
    });
    if implicit_tls {
        return Wire::Tls(shake_hands(ours).expect("a handshake"));
    }
    ours.set_nonblocking(true).unwrap();
    Wire::Tcp(ours)
}

fn shake_hands(tcp: TcpStream) -> Result<SslStream<TcpStream>, String> {
    tcp.set_nonblocking(false).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let ssl = Ssl::new(&CONTEXT).unwrap();
    let stream = ssl.connect(tcp).map_err(|e| e.to_string())?;
    stream.get_ref().set_nonblocking(true).unwrap();
    Ok(stream)
}

enum Wire {
    Pipe(UnixStream),
    Tcp(TcpStream),
    Tls(SslStream<TcpStream>),
}

impl Wire {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Pipe(s) => s.as_fd(),
            Wire::Tcp(s) => s.as_fd(),
            Wire::Tls(s) => s.get_ref().as_fd(),
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Pipe(s) => s.read(buf),
            Wire::Tcp(s) => s.read(buf),
            Wire::Tls(s) => s.read(buf),
        }
    }

    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        match self {
            Wire::Pipe(s) => s.write(octets),
            Wire::Tcp(s) => s.write(octets),
            Wire::Tls(s) => s.write(octets),
        }
    }

    /// False: nothing happened in time.
    fn wait(&self, flags: PollFlags) -> bool {
        let limit = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: 0,
        };
        let fd = self.fd();
        poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&limit)).is_ok_and(|n| n > 0)
    }
}

struct Talk {
    wire: Option<Wire>,
    kept: Kept,
    stopper: watch::Sender<Phase>,
    /// Hangs up when the session is over.
    ended: mpsc::Receiver<()>,
    eof: bool,
}

impl Talk {
    /// What has arrived; sets `eof`.
    fn arrived(&mut self, said: &mut Vec<u8>) {
        let Some(wire) = &mut self.wire else { return };
        let mut buf = [0; 4096];
        loop {
            match wire.read(&mut buf) {
                Ok(n) if n > 0 => said.extend_from_slice(&buf[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.eof = true;
                    return;
                }
            }
        }
    }
}

impl Conversation for Talk {
    fn send(&mut self, mut octets: &[u8]) {
        while let (Some(wire), false) = (&mut self.wire, octets.is_empty()) {
            match wire.write(octets) {
                Ok(n) => octets = &octets[n..],
                // The server reads on once there is room for its replies in the
                // kernel; the scripts are small enough for that.
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    assert!(wire.wait(PollFlags::OUT), "the server does not read");
                }
                Err(_) => return,
            }
        }
    }

    fn receive(&mut self, more: bool) -> Vec<u8> {
        let mut said = Vec::new();
        self.arrived(&mut said);
        while more && said.is_empty() && !self.eof {
            if !self
                .wire
                .as_ref()
                .is_some_and(|wire| wire.wait(PollFlags::IN))
            {
                break;
            }
            self.arrived(&mut said);
        }
        said
    }

    fn is_closed(&mut self) -> bool {
        self.receive(true).is_empty() && self.eof
    }

    fn start_tls(&mut self) -> Result<(), String> {
        match self.wire.take() {
            Some(Wire::Tcp(tcp)) => {
                self.wire = Some(Wire::Tls(shake_hands(tcp)?));
                Ok(())
            }
            _ => Err("there is no TLS here".into()),
        }
    }

    fn act(&mut self, directive: &Directive) -> bool {
        directive.word == "stop" && self.stopper.send(Phase::Stop).is_ok()
    }

    fn close(&mut self) {
        self.wire = None;
        // What the session does with it is seen once it is over.
        let _ = self.ended.recv_timeout(PATIENCE);
    }

    fn stored(&mut self) -> Option<Vec<Vec<u8>>> {
        Some(self.kept.lock().unwrap().clone())
    }
}
