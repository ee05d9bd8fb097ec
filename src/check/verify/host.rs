//! Talking to mail hosts: each at its pace, one connection for many addresses.
//!
//! Questions about domains with the same hosts wait in one queue. A worker of the
//! queue holds one connection and takes questions until there are none; the limits
//! go by address, so that domains that share a host share its patience.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::judge::{Cause, Meaning, Pattern, judge, judge_opening};
use crate::check::pace::Pace;
use crate::check::reach::{Caller, State, Unreached};
use crate::net::drive::Session;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::client::Question;
use crate::smtp::reply::Reply;

/// How hosts are treated.
#[derive(Clone, Debug)]
pub struct Manners {
    pub sender: ReversePath,
    /// Connections in all.
    pub connections: usize,
    /// Connections to one address.
    pub per_host: usize,
    /// Questions a second to one address; 0: no limit.
    pub rate: f64,
    /// Questions on one connection.
    pub per_connection: usize,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Rcpt(Mailbox),
    Vrfy(String),
    Expn(String),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub meaning: Meaning,
    pub host: Option<String>,
    pub address: Option<IpAddr>,
    pub reply: Option<Reply>,
    pub tls: Option<bool>,
    /// There was no answer to the question: reason and words.
    pub failure: Option<(&'static str, String)>,
    /// The address needs SMTPUTF8, and the host does not offer it.
    pub no_utf8: bool,
}

impl Answer {
    fn none(meaning: Meaning, reason: &'static str, words: impl Into<String>) -> Answer {
        Answer {
            meaning,
            host: None,
            address: None,
            reply: None,
            tls: None,
            failure: Some((reason, words.into())),
            no_utf8: false,
        }
    }
}

/// Names and addresses, in the order in which they are tried.
pub type Place = Vec<(String, Vec<IpAddr>)>;

pub struct Hosts {
    caller: Caller,
    manners: Manners,
    replies: Vec<Pattern>,
    connections: Arc<Semaphore>,
    queues: Mutex<HashMap<Arc<Place>, Arc<Queue>>>,
    limits: Mutex<HashMap<IpAddr, Arc<Limits>>>,
}

struct Limits {
    connections: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

#[derive(Default)]
struct Queue {
    inner: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    asks: VecDeque<Ask>,
    workers: usize,
    /// Nobody can be reached there until then, for this reason.
    down: Option<(Instant, Answer)>,
}

struct Ask {
    query: Query,
    tries: u32,
    to: oneshot::Sender<Answer>,
}

/// Recipients of one transaction; many servers allow a hundred.
const TRANSACTION: usize = 100;

/// How often a question is asked again after the connection was lost.
const TRIES: u32 = 3;

/// For how long hosts that could not be reached are left alone.
const DOWN: Duration = Duration::from_secs(120);

/// A host that asked for less is left alone for so long.
const PAUSE: Duration = Duration::from_secs(30);

/// So many refusals of us in a row, and the rest need not be asked.
const BLOCKED_IN_A_ROW: u32 = 5;

/// Addresses whose limits are remembered; those not in use go first.
const LIMITS: usize = 10_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hosts {
    pub fn new(caller: Caller, manners: Manners, replies: Vec<Pattern>) -> Hosts {
        Hosts {
            caller,
            connections: Arc::new(Semaphore::new(manners.connections)),
            manners,
            replies,
            queues: Mutex::default(),
            limits: Mutex::default(),
        }
    }

    /// Puts a question to the hosts of a place.
    pub async fn ask(self: &Arc<Hosts>, place: &Arc<Place>, query: Query) -> Answer {
        let (to, answer) = oneshot::channel();
        {
            let mut queues = lock(&self.queues);
            let queue = queues.entry(Arc::clone(place)).or_default();
            let mut waiting = lock(&queue.inner);
            match &waiting.down {
                Some((until, answer)) if *until > Instant::now() => return answer.clone(),
                _ => waiting.down = None,
            }
            waiting.asks.push_back(Ask {
                query,
                tries: 0,
                to,
            });
            if waiting.workers < self.manners.per_host {
                waiting.workers += 1;
                let (hosts, place) = (Arc::clone(self), Arc::clone(place));
                let queue = Arc::clone(queue);
                tokio::spawn(async move {
                    Worker {
                        hosts,
                        place,
                        queue,
                    }
                    .work()
                    .await
                });
            }
        }
        answer.await.unwrap_or_else(|_| {
            Answer::none(
                Meaning::Later,
                "broken",
                "the talk with the host ended by a defect",
            )
        })
    }

    fn limits(&self, address: IpAddr) -> Arc<Limits> {
        let mut limits = lock(&self.limits);
        if limits.len() >= LIMITS {
            let now = Instant::now();
            limits.retain(|_, l| Arc::strong_count(l) > 1 || lock(&l.pace).pending(now).is_some());
        }
        let new = || {
            Arc::new(Limits {
                connections: Arc::new(Semaphore::new(self.manners.per_host)),
                pace: Mutex::new(Pace::per_second(self.manners.rate)),
            })
        };
        Arc::clone(limits.entry(address).or_insert_with(new))
    }
}

/// One connection at a time, for the questions of one queue.
struct Worker {
    hosts: Arc<Hosts>,
    place: Arc<Place>,
    queue: Arc<Queue>,
}

/// A connection with what it holds.
struct Talk {
    session: Session,
    host: String,
    address: IpAddr,
    limits: Arc<Limits>,
    tls: bool,
    asked: usize,
    /// Recipients of the open transaction; `None`: MAIL is owed.
    recipients: Option<usize>,
    utf8: bool,
    blocked: u32,
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Worker {
    async fn work(self) {
        loop {
            match self.open().await {
                Ok(mut talk) => {
                    self.converse(&mut talk).await;
                    let Talk { session, .. } = talk;
                    // A courtesy that nobody waits for.
                    tokio::spawn(session.quit());
                }
                Err(answer) => self.give_up(answer),
            }
            if self.is_done() {
                return;
            }
        }
    }

    /// True where nothing waits; the worker is counted out then.
    fn is_done(&self) -> bool {
        let mut queues = lock(&self.hosts.queues);
        let mut waiting = lock(&self.queue.inner);
        if !waiting.asks.is_empty() {
            return false;
        }
        waiting.workers = waiting.workers.saturating_sub(1);
        if waiting.workers == 0 && waiting.down.is_none() {
            queues.remove(&self.place);
        }
        true
    }

    /// All that wait get this answer, and those to come for a while.
    fn give_up(&self, answer: Answer) {
        let mut waiting = lock(&self.queue.inner);
        waiting.down = Some((Instant::now() + DOWN, answer.clone()));
        for ask in waiting.asks.drain(..) {
            let _ = ask.to.send(answer.clone());
        }
    }

    /// The first host that talks to us.
    async fn open(&self) -> Result<Talk, Answer> {
        let mut first = None;
        for (host, addresses) in self.place.iter() {
            for address in addresses {
                match self.open_one(host, *address).await {
                    Ok(talk) => return Ok(talk),
                    Err(answer) => first = first.or(Some(answer)),
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            Answer::none(Meaning::Later, "unreachable", "no host has an address")
        }))
    }

    async fn open_one(&self, host: &str, address: IpAddr) -> Result<Talk, Answer> {
        let closed = |_| Answer::none(Meaning::Later, "broken", "the run is ending");
        let limits = self.hosts.limits(address);
        let here = Arc::clone(&limits.connections);
        let here = here.acquire_owned().await.map_err(closed)?;
        let all = Arc::clone(&self.hosts.connections);
        let all = all.acquire_owned().await.map_err(closed)?;
        // A host that asked for less is not connected to before its pause is over.
        let pause = lock(&limits.pace).pending(Instant::now());
        if let Some(until) = pause {
            tokio::time::sleep_until(until.into()).await;
        }
        let opened = Box::pin(self.hosts.caller.open(host, address)).await;
        match opened {
            Ok(opened) => Ok(Talk {
                tls: opened.session.tls().is_some(),
                session: opened.session,
                host: host.to_owned(),
                address,
                limits,
                asked: 0,
                recipients: None,
                utf8: false,
                blocked: 0,
                _room: (here, all),
            }),
            Err(why) => Err(Answer {
                host: Some(host.to_owned()),
                address: Some(address),
                ..self.unreached(why)
            }),
        }
    }

    fn unreached(&self, why: Unreached) -> Answer {
        let reply = why.failure.and_then(|failure| failure.reply);
        let (meaning, reason) = match (why.state, &reply) {
            (State::Rejected, Some(reply)) => {
                let meaning = judge_opening(reply, &self.hosts.replies);
                (meaning, reason_of(meaning))
            }
            (State::TimedOut, _) => (Meaning::Later, "time-out"),
            (State::Broken | State::Rejected | State::Ok, _) => (Meaning::Later, "broken"),
            _ => (Meaning::NotTold, "unreachable"),
        };
        Answer {
            reply,
            ..Answer::none(
                meaning,
                reason,
                format!("{}: {}", why.state.name(), why.words),
            )
        }
    }

    /// Takes questions until there are none, or the connection is used up.
    async fn converse(&self, talk: &mut Talk) {
        let manners = &self.hosts.manners;
        while talk.session.is_open() && talk.asked < manners.per_connection {
            let limited = {
                let pace = lock(&talk.limits.pace);
                pace.is_limited() || pace.pending(Instant::now()).is_some()
            };
            let most = match limited || !talk.session.caps().pipelining {
                true => 1,
                false => TRANSACTION.min(manners.per_connection - talk.asked),
            };
            let Some(batch) = self.take(most, talk) else {
                return;
            };
            if limited {
                let turn = lock(&talk.limits.pace).turn(Instant::now());
                tokio::time::sleep_until(turn.into()).await;
            }
            talk.asked += batch.len();
            self.put(talk, batch).await;
        }
    }

    /// The next questions of one kind. Those that cannot be asked here are answered.
    fn take(&self, most: usize, talk: &Talk) -> Option<Vec<Ask>> {
        let caps = talk.session.caps();
        let mut waiting = lock(&self.queue.inner);
        let mut batch: Vec<Ask> = Vec::new();
        while batch.len() < most {
            let fits = |ask: &Ask| batch.first().is_none_or(|f| is_alike(&f.query, &ask.query));
            if !waiting.asks.front().is_some_and(fits) {
                break;
            }
            let Some(ask) = waiting.asks.pop_front() else {
                break;
            };
            let impossible = match &ask.query {
                Query::Rcpt(mailbox) => mailbox.needs_utf8() && !caps.smtputf8,
                Query::Vrfy(_) => !caps.vrfy,
                Query::Expn(_) => !caps.expn,
            };
            if impossible {
                let no_utf8 = matches!(ask.query, Query::Rcpt(_));
                let _ = ask.to.send(Answer {
                    no_utf8,
                    failure: None,
                    ..talk.answer(Meaning::NotSupported, None)
                });
                continue;
            }
            batch.push(ask);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Puts a batch to the host, and deals the answers out.
    async fn put(&self, talk: &mut Talk, batch: Vec<Ask>) {
        let before = talk.prepare(&batch, &self.hosts.manners.sender);
        let owed = before.len();
        let mut questions = before;
        questions.extend(batch.iter().map(|ask| question(&ask.query)));
        let mut replies = talk.session.ask(questions).await.into_iter();
        let opening: Vec<Reply> = replies.by_ref().take(owed).collect();
        if let Some(refusal) = opening.iter().find(|reply| !reply.is_positive()) {
            return self.refused(talk, refusal, batch);
        }
        let mut left = batch.into_iter();
        let mut progress = false;
        for reply in replies {
            if let Some(ask) = left.next() {
                progress = true;
                self.answer(talk, ask, reply);
            }
        }
        let left: Vec<Ask> = left.collect();
        if !left.is_empty() {
            self.ended(talk, left, progress);
        }
        if talk.blocked >= BLOCKED_IN_A_ROW {
            let words = "it refused us so often that the rest was not asked";
            let answer = Answer {
                failure: Some(("blocked", words.to_owned())),
                ..talk.answer(Meaning::Blocked(Cause::Address), None)
            };
            self.give_up(answer);
        }
    }

    fn answer(&self, talk: &mut Talk, mut ask: Ask, reply: Reply) {
        let meaning = judge(&reply, &self.hosts.replies);
        talk.blocked = match meaning {
            Meaning::Blocked(_) => talk.blocked + 1,
            _ => 0,
        };
        // Too many recipients of one transaction is no complaint: another one.
        if reply.code == 452 && meaning == Meaning::RateLimited && ask.tries < TRIES {
            talk.recipients = talk.recipients.map(|_| TRANSACTION);
            ask.tries += 1;
            return self.again(vec![ask]);
        }
        if meaning == Meaning::RateLimited {
            lock(&talk.limits.pace).slow_down(Instant::now(), PAUSE);
        }
        let _ = ask.to.send(talk.answer(meaning, Some(reply)));
    }

    /// MAIL was refused: that is about us, for all of them.
    fn refused(&self, talk: &mut Talk, refusal: &Reply, batch: Vec<Ask>) {
        let meaning = judge_opening(refusal, &self.hosts.replies);
        let words = "MAIL was refused".to_owned();
        let answer = Answer {
            failure: Some((reason_of(meaning), words)),
            ..talk.answer(meaning, Some(refusal.clone()))
        };
        for ask in batch {
            let _ = ask.to.send(answer.clone());
        }
        self.give_up(answer);
        talk.asked = usize::MAX;
    }

    /// The connection ended before these were answered: on another one, as long
    /// as there is progress, or, after some of those, not at all.
    fn ended(&self, talk: &Talk, left: Vec<Ask>, progress: bool) {
        let failure = talk.session.ended();
        let reply = failure.and_then(|f| f.reply.clone());
        let words = failure.map_or("the connection ended".to_owned(), |f| f.text.clone());
        let (meaning, reason) = match &reply {
            Some(reply) => {
                let meaning = judge_opening(reply, &self.hosts.replies);
                (meaning, reason_of(meaning))
            }
            None if words.contains("timed out") => (Meaning::Later, "time-out"),
            None => (Meaning::Later, "broken"),
        };
        if meaning == Meaning::RateLimited {
            lock(&talk.limits.pace).slow_down(Instant::now(), PAUSE);
        }
        let answer = Answer {
            failure: Some((reason, words)),
            ..talk.answer(meaning, reply)
        };
        let mut again = Vec::new();
        for mut ask in left {
            ask.tries += u32::from(!progress);
            match progress || (reason == "broken" && ask.tries < TRIES) {
                true => again.push(ask),
                false => drop(ask.to.send(answer.clone())),
            }
        }
        self.again(again);
    }

    /// Back to the front of the queue.
    fn again(&self, asks: Vec<Ask>) {
        let mut waiting = lock(&self.queue.inner);
        for ask in asks.into_iter().rev() {
            waiting.asks.push_front(ask);
        }
    }
}

impl Talk {
    /// What has to be said before these: RSET and MAIL where they are due.
    fn prepare(&mut self, batch: &[Ask], sender: &ReversePath) -> Vec<Question> {
        let recipients: Vec<&Mailbox> = batch.iter().filter_map(|a| recipient(&a.query)).collect();
        if recipients.is_empty() {
            return Vec::new();
        }
        let utf8 = sender.needs_utf8() || recipients.iter().any(|m| m.needs_utf8());
        let full = self
            .recipients
            .is_none_or(|n| n + recipients.len() > TRANSACTION);
        if !full && (self.utf8 || !utf8) {
            self.recipients = self.recipients.map(|n| n + recipients.len());
            return Vec::new();
        }
        let mut before = Vec::new();
        if self.recipients.is_some() {
            before.push(Question::Rset);
        }
        before.push(Question::Mail {
            sender: sender.clone(),
            utf8,
        });
        self.recipients = Some(recipients.len());
        self.utf8 = utf8;
        before
    }

    fn answer(&self, meaning: Meaning, reply: Option<Reply>) -> Answer {
        Answer {
            meaning,
            host: Some(self.host.clone()),
            address: Some(self.address),
            reply,
            tls: Some(self.tls),
            failure: None,
            no_utf8: false,
        }
    }
}

fn recipient(query: &Query) -> Option<&Mailbox> {
    match query {
        Query::Rcpt(mailbox) => Some(mailbox),
        Query::Vrfy(_) | Query::Expn(_) => None,
    }
}

fn question(query: &Query) -> Question {
    match query {
        Query::Rcpt(mailbox) => Question::Rcpt(mailbox.clone()),
        Query::Vrfy(word) => Question::Vrfy(word.clone()),
        Query::Expn(word) => Question::Expn(word.clone()),
    }
}

/// Recipients go together, with or without SMTPUTF8; the others each alone.
fn is_alike(a: &Query, b: &Query) -> bool {
    match (a, b) {
        (Query::Rcpt(a), Query::Rcpt(b)) => a.needs_utf8() == b.needs_utf8(),
        _ => false,
    }
}

fn reason_of(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::RateLimited => "rate-limited",
        Meaning::Greylisted => "greylisted",
        Meaning::Later => "later",
        _ => "blocked",
    }
}
