//! The blocking driver of the server machine, for descriptors 0 and 1 and for
//! tests, and what every driver of that machine asks: the [`Handler`]. Names no
//! runtime and no TLS: `sendmail -bs` links this file.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::smtp::addr::{ForwardPath, ReversePath};
use crate::smtp::data::Content;
use crate::smtp::param::{MailParams, RcptParams};
use crate::smtp::reply::Reply;
use crate::smtp::server::{Answer, Ask, AuthStep, Session, Step};

/// Decides and stores for one session. All of it may block on files; an async
/// driver calls it where that harms nobody.
pub trait Handler {
    /// May this sender begin a transaction?
    fn mail(&mut self, path: &ReversePath, params: &MailParams) -> Answer;
    /// Is this recipient taken?
    fn rcpt(&mut self, path: &ForwardPath, params: &RcptParams) -> Answer;
    /// Content comes next. `tls`: protocol and cipher, where TLS is on.
    fn data(&mut self, session: &Session, tls: Option<&str>) -> Answer;
    /// Keeps content in memory; true: call [`Handler::store`] before the next.
    fn body(&mut self, octets: &[u8]) -> bool;
    /// Writes what is kept. A failure is told at [`Handler::end`].
    fn store(&mut self);
    /// All content is there: a positive answer means that it is on stable storage.
    fn end(&mut self, content: Content) -> Answer;
    /// The transaction is over without a message.
    fn discard(&mut self);

    /// Does the answer wait for the disk, the user database, another program or
    /// a host? A driver of many sessions has a thread apart answer it then.
    fn may_block(&self, _question: &Ask<'_>) -> bool {
        true
    }

    /// Nobody is told who exists here (R3): the machine says 252.
    fn vrfy(&mut self, _who: &str) -> Answer {
        Answer::Yes
    }

    /// The client logs in. Asked only where the session offers AUTH.
    fn auth(&mut self, _step: &AuthStep) -> Answer {
        Answer::Reply(Reply::new(502, (5, 5, 1), "AUTH is not offered here"))
    }

    /// As [`Handler::vrfy`].
    fn expn(&mut self, _list: &str) -> Answer {
        Answer::Yes
    }
}

/// Puts one question to the handler; `None`: it is [`Ask::Data`], which needs
/// the session itself ([`Handler::data`]).
pub fn ask(handler: &mut impl Handler, question: &Ask<'_>) -> Option<Answer> {
    Some(match question {
        Ask::Mail(path, params) => handler.mail(path, params),
        Ask::Rcpt(path, params) => handler.rcpt(path, params),
        Ask::End(content) => handler.end(*content),
        Ask::Vrfy(who) => handler.vrfy(who),
        Ask::Expn(list) => handler.expn(list),
        Ask::Auth(step) => handler.auth(step),
        Ask::Data => return None,
    })
}

/// Two ends of a dialogue that block.
pub trait Carrier: Read + Write {
    /// Bounds the next read and write; one that ends late fails with
    /// `WouldBlock` or `TimedOut`. Pipes and terminals have no bound: their
    /// other end is a local caller, who may wait as long as it likes.
    fn limit(&mut self, _time: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

/// Descriptors 0 and 1.
#[derive(Debug)]
pub struct Standard;

impl Read for Standard {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        rustix::io::read(io::stdin(), buf).map_err(io::Error::from)
    }
}

impl Write for Standard {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        rustix::io::write(io::stdout(), buf).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Carrier for Standard {}

impl Carrier for TcpStream {
    fn limit(&mut self, time: Option<Duration>) -> io::Result<()> {
        // Zero would be refused as "no limit".
        let time = time.map(|t| t.max(Duration::from_millis(1)));
        self.set_read_timeout(time)?;
        self.set_write_timeout(time)
    }
}

/// The Internet socket on descriptor 0, as inetd hands it over: then the caller
/// is a stranger. A pipe, a terminal or a UNIX socket is none.
pub fn internet_socket() -> Option<TcpStream> {
    let stdin = io::stdin();
    let stream = TcpStream::from(stdin.as_fd().try_clone_to_owned().ok()?);
    stream.peer_addr().is_ok().then_some(stream)
}

/// How a dialogue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// QUIT, or our own 421.
    Closed,
    /// The input ended between two messages.
    Eof,
    /// The input ended in a transaction, which is dropped.
    Broken,
}

/// Runs one session to its end. An error is one of reading or writing.
pub fn drive(
    session: &mut Session,
    handler: &mut impl Handler,
    carrier: &mut impl Carrier,
) -> io::Result<End> {
    let mut space = vec![0u8; 16 * 1024];
    let (mut used, mut have) = (0, 0);
    loop {
        let mut rest = space.get(used..have).unwrap_or_default();
        let step = session.step(&mut rest, Instant::now());
        used = have - rest.len();
        match step {
            Step::Ask(question) => {
                let answer = ask(handler, &question);
                let answer = answer.unwrap_or_else(|| handler.data(session, None));
                session.answer(answer);
            }
            Step::Body(octets) => {
                if handler.body(octets) {
                    handler.store();
                }
            }
            Step::Discard => handler.discard(),
            Step::Flush => flush(session, carrier)?,
            Step::Input => {
                flush(session, carrier)?;
                match read(session, carrier, &mut space)? {
                    Some(0) => return Ok(end_of_input(session, handler)),
                    Some(n) => (used, have) = (0, n),
                    None => session.expire(),
                }
            }
            // Never offered here: no TLS is linked.
            Step::StartTls | Step::Close => {
                flush(session, carrier)?;
                return Ok(End::Closed);
            }
        }
    }
}

fn end_of_input(session: &Session, handler: &mut impl Handler) -> End {
    handler.discard();
    match session.transaction() {
        None => End::Eof,
        Some(_) => End::Broken,
    }
}

fn flush(session: &mut Session, carrier: &mut impl Carrier) -> io::Result<()> {
    let octets = session.output().len();
    carrier.write_all(session.output())?;
    session.written(octets);
    carrier.flush()
}

/// `None`: the deadline passed.
fn read(
    session: &Session,
    carrier: &mut impl Carrier,
    space: &mut [u8],
) -> io::Result<Option<usize>> {
    let now = Instant::now();
    carrier.limit(
        session
            .deadline()
            .map(|at| at.saturating_duration_since(now)),
    )?;
    loop {
        match carrier.read(space) {
            Ok(n) => return Ok(Some(n)),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e),
        }
    }
}
