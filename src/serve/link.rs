//! What the parent and its workers say to each other: a stream of single
//! octets, and the words of a worker that cannot begin.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// To a worker: others accept now, finish your sessions.
pub const FINISH: u8 = b'F';
/// To a worker: stop, telling your sessions.
pub const STOP: u8 = b'S';
/// To a worker and back: are you there?
pub const PING: u8 = b'P';
/// From a worker: I accept.
pub const READY: u8 = b'R';
/// From a worker: I accept no more.
pub const CLOSED: u8 = b'C';
/// From a worker: mail was committed that somebody must deliver.
pub const MAIL: u8 = b'M';
/// From a worker: I cannot begin; an exit status and words follow to the end.
pub const FAILED: u8 = b'E';

/// Least time between two words about mail: who delivers needs a moment to take
/// its lock, and looks again before it ends.
pub const AGAIN: Duration = Duration::from_secs(1);

/// A worker's end.
#[derive(Debug)]
pub struct Worker {
    socket: UnixStream,
    news: Arc<News>,
}

/// Mail was committed that the parent was not told of yet.
#[derive(Debug, Default)]
pub struct News {
    is_owed: AtomicBool,
    wake: OnceLock<Arc<Notify>>,
}

impl News {
    /// From any thread; costs nothing while a word is owed already.
    pub fn tell(&self) {
        if !self.is_owed.swap(true, Ordering::AcqRel)
            && let Some(wake) = self.wake.get()
        {
            wake.notify_one();
        }
    }
}

impl Worker {
    pub fn new(socket: UnixStream) -> Worker {
        Worker {
            socket,
            news: Arc::default(),
        }
    }

    pub fn news(&self) -> Arc<News> {
        self.news.clone()
    }

    /// Why this worker cannot begin. Its last word.
    pub fn failed(&self, status: u8, words: &str) {
        let octets = [&[FAILED, status], words.as_bytes()].concat();
        // A parent that is gone needs no words.
        let _ = (&self.socket).write_all(&octets);
    }

    /// To be called inside the runtime that will wait for orders.
    pub fn attach(self) -> io::Result<Attached> {
        self.socket.set_nonblocking(true)?;
        let wake = self.news.wake.get_or_init(Arc::default).clone();
        if self.news.is_owed.load(Ordering::Acquire) {
            wake.notify_one();
        }
        Ok(Attached {
            mouth: self.socket.try_clone()?,
            socket: tokio::net::UnixStream::from_std(self.socket)?,
            news: self.news,
            wake,
            told: None,
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            _hup: signal(SignalKind::hangup())?,
        })
    }
}

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Finish,
    Stop,
}

/// A worker's end at work.
#[derive(Debug)]
pub struct Attached {
    socket: tokio::net::UnixStream,
    /// The same, for words that wait for nothing.
    mouth: UnixStream,
    news: Arc<News>,
    wake: Arc<Notify>,
    /// When the parent was last told of mail.
    told: Option<Instant>,
    term: Signal,
    int: Signal,
    /// Reloading is the parent's; a signal to the whole group ends nobody.
    _hup: Signal,
}

impl Attached {
    pub fn ready(&mut self) -> io::Result<()> {
        self.say(READY)
    }

    pub fn closed(&mut self) {
        // A parent that is gone is found out by the next order.
        let _ = self.say(CLOSED);
    }

    /// The next order. A parent that is gone says stop, and so do the signals
    /// that service managers and terminals send to all of a group.
    pub async fn order(&mut self) -> Order {
        loop {
            let not_before = self.told.map(|at| at + AGAIN);
            let mail = async {
                self.wake.notified().await;
                if let Some(at) = not_before {
                    sleep_until(at).await;
                }
            };
            let mut octet = [0];
            let came = tokio::select! {
                came = self.socket.read(&mut octet) => came,
                _ = self.term.recv() => return Order::Stop,
                _ = self.int.recv() => return Order::Stop,
                () = mail => {
                    self.tell_mail();
                    continue;
                }
            };
            match (came, octet) {
                (Ok(0) | Err(_), _) | (_, [STOP]) => return Order::Stop,
                (_, [FINISH]) => return Order::Finish,
                (_, [PING]) => {
                    let _ = self.say(PING);
                }
                _ => {}
            }
        }
    }

    fn tell_mail(&mut self) {
        if self.news.is_owed.swap(false, Ordering::AcqRel) {
            self.told = Some(Instant::now());
            let _ = self.say(MAIL);
        }
    }

    /// Full, or gone: a parent that does not read will not be helped by more.
    fn say(&self, octet: u8) -> io::Result<()> {
        match (&self.mouth).write(&[octet]) {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// SIGTERM or SIGINT, for a session without a parent.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// The parent's end of a worker.
#[derive(Debug)]
pub struct Hand {
    socket: UnixStream,
}

/// What a worker said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Ready,
    Closed,
    Mail,
    Pong,
    /// With an exit status.
    Failed(u8, String),
}

/// Longest words of a worker that are read.
const LONGEST: u64 = 4096;

impl Hand {
    /// Both ends; the parent's does not block.
    pub fn pair() -> io::Result<(Hand, Worker)> {
        let (here, there) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        Ok((Hand { socket: here }, Worker::new(there)))
    }

    /// A worker that does not listen is found out by other means.
    pub fn say(&self, octet: u8) {
        let _ = (&self.socket).write(&[octet]);
    }

    /// What was said since the last call; what makes no sense is dropped.
    pub fn hear(&self) -> Vec<Said> {
        let mut octets = Vec::new();
        let _ = (&self.socket).take(LONGEST).read_to_end(&mut octets);
        let mut said = Vec::new();
        for (at, octet) in octets.iter().enumerate() {
            said.push(match *octet {
                READY => Said::Ready,
                CLOSED => Said::Closed,
                MAIL => Said::Mail,
                PING => Said::Pong,
                FAILED => {
                    if let Some((status, words)) =
                        octets.get(at + 1..).and_then(<[u8]>::split_first)
                    {
                        let words = String::from_utf8_lossy(words).into_owned();
                        said.push(Said::Failed(*status, words));
                    }
                    return said;
                }
                _ => continue,
            });
        }
        said
    }
}

impl std::os::fd::AsFd for Hand {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_sides_understand_each_other() {
        let (hand, worker) = Hand::pair().unwrap();
        let news = worker.news();
        news.tell();
        news.tell();
        let mut worker = worker.attach().unwrap();
        worker.ready().unwrap();
        hand.say(PING);
        hand.say(FINISH);
        assert_eq!(worker.order().await, Order::Finish);
        let said = hand.hear();
        for word in [Said::Ready, Said::Pong, Said::Mail] {
            assert_eq!(said.iter().filter(|s| **s == word).count(), 1, "{said:?}");
        }
        assert_eq!(hand.hear(), []);
        drop(hand);
        assert_eq!(worker.order().await, Order::Stop);
    }

    #[test]
    fn a_worker_says_why_it_cannot_begin() {
        let (hand, worker) = Hand::pair().unwrap();
        worker.failed(78, "no MR");
        drop(worker);
        assert_eq!(hand.hear(), [Said::Failed(78, "no MR".into())]);
    }
}
