//! Looking up where mail of many domains goes, for programs without a runtime
//! of their own: a bounded window of domains, answers in the order asked.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::dns::{Addresses, Resolver, Way};
use crate::config::ConfigError;
use crate::route::mx::{self, MxAnswer, Plan};

/// Domains under way at once. The resolver bounds the questions; this lets the
/// later ones go on while an early one waits for its time-out.
pub const WINDOW: usize = 1000;

/// Lines read ahead of the window.
const READ_AHEAD: usize = 256;

/// One host of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub preference: u16,
    pub name: String,
    /// `None`: not asked for.
    pub addresses: Option<Addresses>,
    pub way: Way,
}

/// How a domain takes mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailHosts {
    pub domain: String,
    pub plan: Plan,
    /// Of the MX answer.
    pub way: Way,
    /// In the order they are tried; the domain itself where there is no MX.
    pub hosts: Vec<Host>,
    /// MX records that name a host which nobody would try: too many.
    pub left_out: usize,
}

/// Why nothing was looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot start looking up names: {0}")]
    Runtime(#[from] io::Error),
}

impl crate::class::Classify for LookupError {
    fn class(&self) -> crate::class::Class {
        match self {
            LookupError::Config(e) => e.class(),
            LookupError::Runtime(_) => crate::class::Class::OsErr,
        }
    }
}

/// A runtime of one thread, for a program that waits more than it works.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// What a stream of look-ups hands on.
#[derive(Debug)]
pub enum Event<T> {
    Found(T),
    /// Nothing can be handed on now: time to show what was.
    Idle,
}

/// `None` where SIGINT came first.
pub async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    }
}

/// The order of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Input,
    AsKnown,
}

/// Does `work` for each item, many at once, and hands the results on; stops
/// early where `hand_on` returns false. Items are read on a thread of their own,
/// so that a slow writer before a pipe holds nothing up.
pub async fn each<I, T, W>(
    items: impl Iterator<Item = I> + Send + 'static,
    order: Order,
    window: usize,
    work: impl Fn(I) -> W,
    hand_on: &mut dyn FnMut(Event<T>) -> bool,
) where
    I: Send + 'static,
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let (sender, mut items_read) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        for item in items {
            if sender.blocking_send(item).is_err() {
                return;
            }
        }
    });
    let mut under_way = UnderWay::new(order);
    let (mut open, mut fresh) = (true, false);
    loop {
        tokio::select! {
            biased;
            done = under_way.next(), if !under_way.is_empty() => {
                fresh = true;
                // A look-up that hit a defect ends alone.
                if let Some(found) = done && !hand_on(Event::Found(found)) {
                    return;
                }
            }
            item = items_read.recv(), if open && under_way.len() < window => match item {
                Some(item) => under_way.push(work(item)),
                None => open = false,
            },
            () = std::future::ready(()), if fresh => {
                fresh = false;
                if !hand_on(Event::Idle) {
                    return;
                }
            }
            else => return,
        }
    }
}

/// Tasks, waited for in the order of their beginning or of their end.
enum UnderWay<T> {
    Line(VecDeque<JoinHandle<T>>),
    Crowd(JoinSet<T>),
}

impl<T: Send + 'static> UnderWay<T> {
    fn new(order: Order) -> UnderWay<T> {
        match order {
            Order::Input => UnderWay::Line(VecDeque::new()),
            Order::AsKnown => UnderWay::Crowd(JoinSet::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            UnderWay::Line(tasks) => tasks.len(),
            UnderWay::Crowd(tasks) => tasks.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, work: impl Future<Output = T> + Send + 'static) {
        match self {
            UnderWay::Line(tasks) => tasks.push_back(tokio::spawn(work)),
            UnderWay::Crowd(tasks) => drop(tasks.spawn(work)),
        }
    }

    /// The next result; `None` of a task that did not end well.
    async fn next(&mut self) -> Option<T> {
        match self {
            UnderWay::Line(tasks) => {
                let done = tasks.front_mut()?.await.ok();
                tasks.pop_front();
                done
            }
            UnderWay::Crowd(tasks) => tasks.join_next().await?.ok(),
        }
    }
}

/// Runs all of it at once, on this task.
pub async fn join_all<W: Future>(work: Vec<W>) -> Vec<W::Output> {
    let mut under_way: Vec<Pin<Box<W>>> = work.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<W::Output>> = under_way.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut left = false;
        for (work, done) in under_way.iter_mut().zip(&mut done) {
            if done.is_none() {
                match work.as_mut().poll(cx) {
                    Poll::Ready(output) => *done = Some(output),
                    Poll::Pending => left = true,
                }
            }
        }
        match left {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// One domain, with the addresses of its hosts where they are wished for.
pub async fn one(resolver: &Resolver, domain: String, addresses: bool) -> MailHosts {
    let (answer, way) = resolver.mx_and_way(&domain).await;
    let missing = matches!(answer, MxAnswer::NoRecords);
    let records = match &answer {
        MxAnswer::Records(records) => records.len(),
        _ => 0,
    };
    let plan = mx::plan(&domain, answer, &|_| false, &mut || 0);
    let names = match &plan {
        Plan::Hosts(hosts) => hosts.clone(),
        Plan::Implicit => vec![(0, domain.clone())],
        _ => Vec::new(),
    };
    let left_out = match names.len() {
        mx::MAX_HOSTS => records.saturating_sub(mx::MAX_HOSTS),
        _ => 0,
    };
    let ask = addresses || missing;
    let hosts = names.into_iter().map(|(preference, name)| async move {
        let (addresses, way) = match ask {
            true => {
                let (addresses, way) = resolver.addresses_and_way(&name).await;
                (Some(addresses), way)
            }
            false => (None, Way::default()),
        };
        Host {
            preference,
            name,
            addresses,
            way,
        }
    });
    let hosts = join_all(hosts.collect()).await;
    let plan = match hosts.first().and_then(|h| h.addresses.as_ref()) {
        Some(Addresses::None) if missing => {
            Plan::Permanent("5.4.4", format!("{domain} has neither MX nor address"))
        }
        Some(Addresses::Temporary(why)) if missing => Plan::Temporary(why.clone()),
        _ => plan,
    };
    MailHosts {
        domain,
        plan,
        way,
        hosts,
        left_out,
    }
}

/// True for an address of this host: only such a one can be bound.
pub fn is_own(address: IpAddr) -> bool {
    let special = address.is_unspecified() || address.is_multicast();
    !special && UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}
