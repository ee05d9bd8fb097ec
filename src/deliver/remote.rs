//! One message to one next hop by SMTP: its hosts in order, until every
//! recipient has an answer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use super::batch::Batch;
use super::content::{Letter, Unfit};
use super::hop::{Place, Remote};
use super::hosts::{Candidate, candidates};
use super::pool::{Kept, MAX_MESSAGES, MAX_MESSAGES_NAMED, Slot};
use super::result;
use crate::log;
use crate::net::conn::{Address, Conn};
use crate::net::drive::{OpenError, Peer, Session};
use crate::route::transport::TlsPolicy;
use crate::smtp::client::{Auth, Needs, Settings, Stage, Timeouts, TlsWish, Until, Verdict};
use crate::spool::{Attempt, Outcome};

/// Connections that got a greeting, per attempt (D1).
const MAX_SESSIONS: u32 = 5;

/// Recipients of one transaction; servers with a lower limit say 452 (CL-09).
const MAX_RECIPIENTS: usize = 1000;

/// Longest time that a destination is left alone after none of its hosts could
/// be reached.
const DEAD: Duration = Duration::from_secs(60);

/// The status of a host that did not answer (RFC 3463, X.4.1).
const NO_ANSWER: &str = "4.4.1";

/// Why a batch came to an end before its time.
#[derive(Debug)]
pub enum Stop {
    /// The run is ending; nobody without a result is tried any more.
    Ending,
    /// The content does not read right.
    Damaged(String),
}

/// One batch under way.
struct Delivery<'a> {
    engine: &'a Engine,
    remote: &'a Remote,
    slot: &'a Slot<'a>,
    batch: &'a Batch<'a>,
    letter: &'a Letter<'a>,
    /// Recipients (places in the batch) without a final answer.
    pending: BTreeSet<usize>,
    /// Takes results as they become final.
    settled: Settled<'a>,
    /// The latest of each recipient that was not handed on.
    results: Vec<Option<Attempt>>,
    /// A failure that may pass was among those of the hosts.
    transient: Option<Attempt>,
    sessions: u32,
    reached: bool,
    no_login: bool,
}

/// Records results, target numbers filled in.
pub type Settled<'a> = &'a dyn Fn(Vec<Attempt>);

/// Delivers. `settled` gets one attempt for each recipient: those with an answer
/// while others still wait for theirs, the rest at the end. After a `Stop` it has
/// had every answer that there was.
pub async fn deliver(
    engine: &Engine,
    remote: &Remote,
    slot: &Slot<'_>,
    batch: &Batch<'_>,
    letter: &Letter<'_>,
    settled: Settled<'_>,
) -> Result<(), Stop> {
    let mut delivery = Delivery {
        engine,
        remote,
        slot,
        batch,
        letter,
        pending: (0..batch.recipients.len()).collect(),
        settled,
        results: vec![None; batch.recipients.len()],
        transient: None,
        sessions: 0,
        reached: false,
        no_login: false,
    };
    let ended = delivery.run().await;
    match ended {
        Ok(()) => delivery.finish(),
        Err(_) => delivery.hand_on(),
    }
    ended
}

impl Delivery<'_> {
    async fn run(&mut self) -> Result<(), Stop> {
        self.over_kept_session().await?;
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Some(attempt) = self.slot.dead(Instant::now()) {
            let text = format!("{} (found so a moment ago, not tried anew)", attempt.text);
            let ms = 0;
            self.all_pending(&Attempt {
                text,
                ms,
                time: Timestamp::now(),
                ..attempt
            });
            return Ok(());
        }
        let start = Instant::now();
        let found = tokio::select! {
            biased;
            found = self.engine.shared(candidates(self.engine, self.remote)) => found,
            () = self.engine.stopped() => return Err(Stop::Ending),
        };
        let candidates = match found {
            Ok(candidates) => candidates,
            Err(attempt) => {
                let ms = result::since(start);
                self.all_pending(&Attempt { ms, ..*attempt });
                return Ok(());
            }
        };
        for same in candidates.chunk_by(|a, b| a.host == b.host) {
            self.at_host(same.to_vec()).await?;
        }
        self.mark_dead();
        Ok(())
    }

    /// A connection kept from the message before. One that has gone stale
    /// meanwhile is no result for anybody.
    async fn over_kept_session(&mut self) -> Result<(), Stop> {
        while let Some(kept) = self.slot.take() {
            self.transactions(kept).await?;
            for n in &self.pending {
                if let Some(result) = self.results.get_mut(*n) {
                    *result = None;
                }
            }
            self.transient = None;
            if self.pending.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Everything that one host can do for this batch: its addresses race for
    /// the connection, and who lost is tried where the winner was of no use.
    async fn at_host(&mut self, mut same: Vec<Candidate>) -> Result<(), Stop> {
        let limit = self.engine.config.delivery.connect_timeout;
        while !same.is_empty() {
            if self.pending.is_empty() || self.no_login || self.sessions >= MAX_SESSIONS {
                break;
            }
            let start = Instant::now();
            let addresses: Vec<Address> = same.iter().map(|c| c.address.clone()).collect();
            let connected = tokio::select! {
                biased;
                connected = Conn::connect_any(&addresses, limit) => connected,
                () = self.engine.stopped() => return Err(Stop::Ending),
            };
            match connected {
                Ok((n, conn)) => {
                    let candidate = same.remove(n);
                    self.at(&candidate, conn, start).await?;
                }
                Err(error) => {
                    self.engine.talk.note(&error.to_string());
                    let attempt = result::deferred(NO_ANSWER, error.to_string());
                    self.not_open(&same.remove(0), attempt, start);
                    break;
                }
            }
        }
        Ok(())
    }

    fn not_open(&mut self, candidate: &Candidate, attempt: Attempt, start: Instant) {
        let attempt = Attempt {
            host: Some(candidate.host.clone()),
            address: Some(candidate.address.to_string()),
            ms: result::since(start),
            ..attempt
        };
        // A host that takes the call and says nothing is as dead as one that
        // is not there.
        self.reached |= attempt.remote || attempt.status.starts_with("4.7");
        self.slot.went_badly();
        self.all_pending(&attempt);
    }

    /// Everything that one address can do for this batch.
    async fn at(&mut self, candidate: &Candidate, conn: Conn, start: Instant) -> Result<(), Stop> {
        let stopped = self.engine.stopped();
        let opened = tokio::select! {
            biased;
            opened = self.open(candidate, conn) => opened,
            () = stopped => return Err(Stop::Ending),
        };
        match opened {
            Ok(session) => {
                self.sessions += 1;
                self.reached = true;
                let session = match self.until_hello(session, candidate, start).await {
                    Some(session) => session,
                    None => return Ok(()),
                };
                let caps = session.caps();
                let kept = Kept {
                    may_stream: self.remote.may_stream() && caps.chunking && caps.pipelining,
                    session,
                    host: candidate.host.clone(),
                    address: candidate.address.to_string(),
                    sent: 0,
                    limit: match self.remote.place {
                        Place::Mx(_) | Place::Literal(_) => MAX_MESSAGES,
                        Place::Host { .. } | Place::Socket(_) => MAX_MESSAGES_NAMED,
                    },
                    since: start,
                };
                self.transactions(kept).await
            }
            Err(attempt) => {
                self.not_open(candidate, attempt, start);
                Ok(())
            }
        }
    }

    /// Gives the session back unless a person wanted no more than it. Then every
    /// recipient has the answer that there was.
    async fn until_hello(
        &mut self,
        session: Session,
        candidate: &Candidate,
        start: Instant,
    ) -> Option<Session> {
        let until = self.engine.talk.until;
        if until.is_none_or(|until| until > Until::Auth) {
            return Some(session);
        }
        let attempt = Attempt {
            host: Some(candidate.host.clone()),
            address: Some(candidate.address.to_string()),
            tls: session.tls(),
            ms: result::since(start),
            ..result::delivered("the server is ready for mail")
        };
        session.quit().await;
        self.all_final(&attempt);
        None
    }

    /// A session, in clear where TLS is only a wish and does not come about
    /// (CL-28).
    async fn open(&mut self, candidate: &Candidate, conn: Conn) -> Result<Session, Attempt> {
        let engine = self.engine;
        let implicit_tls = matches!(
            self.remote.place,
            Place::Host {
                implicit_tls: true,
                ..
            }
        );
        let host = candidate.host.trim_matches(|c| c == '[' || c == ']');
        let demand = self.remote.demand();
        let peer = Peer {
            address: &candidate.address,
            host,
            implicit_tls,
            demand: &demand,
            connect_timeout: engine.config.delivery.connect_timeout,
        };
        let until = engine.talk.until;
        let wish = match self.remote.tls {
            _ if implicit_tls || until == Some(Until::Ehlo) => TlsWish::No,
            _ if until == Some(Until::StartTls) => TlsWish::Must,
            // Nobody listens in between.
            _ if matches!(candidate.address, Address::Unix(_)) => TlsWish::No,
            TlsPolicy::None => TlsWish::No,
            TlsPolicy::Opportunistic => TlsWish::IfOffered,
            TlsPolicy::Required | TlsPolicy::Pinned => TlsWish::Must,
        };
        let auth = self.auth(candidate, implicit_tls).await?;
        let settings = |wish| Settings {
            auth: auth.clone(),
            lmtp: self.remote.is_lmtp(),
            ..engine.settings(wish)
        };
        let first = Session::over(conn, &peer, settings(wish), &engine.connector).await;
        let last = match first {
            Err(OpenError::Tls(_)) if wish == TlsWish::IfOffered => {
                self.sessions += 1;
                Session::open(&peer, settings(TlsWish::No), &engine.connector).await
            }
            other => other,
        };
        let user = auth.as_ref().map_or("", |auth| auth.login.user.as_str());
        if let Ok(Some(mechanism)) = last.as_ref().map(Session::login) {
            log::login(host, user, mechanism.name());
        }
        last.map_err(|e| match e {
            OpenError::Tls(words) => result::deferred("4.7.5", words),
            OpenError::Failed(failure) if failure.stage == Stage::Auth => {
                self.login_failed(host, user, result::of_failure(&failure))
            }
            OpenError::Failed(failure) => result::of_failure(&failure),
        })
    }

    /// What to log in with, where that is asked for.
    async fn auth(
        &mut self,
        candidate: &Candidate,
        implicit_tls: bool,
    ) -> Result<Option<Auth>, Attempt> {
        let found = self.engine.logins.get(self.remote).await;
        let nonce = result::nonce().map_err(|e| result::deferred("4.3.0", e.to_string()))?;
        let is_here = candidate.address.tcp().is_none_or(|a| a.ip().is_loopback());
        let on_this_host = self.remote.tls == TlsPolicy::None && is_here;
        match found {
            Ok(None) => Ok(None),
            Ok(Some(login)) => Ok(Some(Auth {
                login,
                host: candidate.host.clone(),
                port: candidate.address.tcp().map_or(0, |a| a.port()),
                nonce,
                private: implicit_tls || on_this_host,
            })),
            Err(why) => {
                let attempt = result::deferred("4.7.8", why.to_string());
                let user = self.remote.access.user.as_deref().unwrap_or_default();
                Err(self.login_failed(&candidate.host, user, attempt))
            }
        }
    }

    /// The same password at the next address, or for the next message a moment
    /// later, would look like guessing, and get this host banned.
    fn login_failed(&mut self, host: &str, user: &str, attempt: Attempt) -> Attempt {
        log::login_failed(host, user, &attempt.text);
        self.no_login = true;
        self.engine.logins.forget(self.remote);
        attempt
    }

    /// Transactions until all have an answer or the connection is over.
    async fn transactions(&mut self, mut kept: Kept) -> Result<(), Stop> {
        let mut is_of_use = true;
        while is_of_use && !self.pending.is_empty() && kept.session.is_open() {
            let before = self.pending.len();
            self.transaction(&mut kept).await?;
            is_of_use = self.pending.len() < before;
            if !self.pending.is_empty() {
                self.hand_on();
            }
        }
        if !is_of_use {
            // To keep it would have it tried again at once.
            kept.session.quit().await;
        } else if kept.session.is_open() {
            kept.since = Instant::now();
            if let Some(done) = self.slot.keep(kept) {
                done.session.quit().await;
            }
        }
        Ok(())
    }

    async fn transaction(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        let start = Instant::now();
        let mut form = match self.letter.form(kept.session.caps()) {
            Ok(form) => form,
            Err(unfit) => return self.unfit(unfit),
        };
        let caps = kept.session.caps();
        if let Some(limit) = caps.size.filter(|limit| *limit > 0 && form.size > *limit) {
            let size = form.size;
            let words = format!("the message has {size} octets, the host takes {limit}");
            self.all_final(&result::failed("5.3.4", words));
            return Ok(());
        }
        let utf8 = self
            .batch
            .wants_utf8(self.pending.iter().copied(), self.letter);
        if let (Some((status, words)), false) = (utf8, caps.smtputf8) {
            self.all_final(&result::failed(status, words));
            return Ok(());
        }
        let limit = caps.rcpt_max.unwrap_or(MAX_RECIPIENTS).min(MAX_RECIPIENTS);
        let chosen: Vec<usize> = self.pending.iter().copied().take(limit).collect();
        let message = self.batch.message(&chosen, &form, utf8.is_some());
        let sent = kept.session.send(message, &mut *form.reader).await;
        kept.sent += 1;
        if let Some(error) = sent.unreadable {
            self.unfit(Unfit::Io(error))?;
            return Ok(());
        }
        let ms = result::since(start);
        let tls = kept.session.tls();
        let passed_on = kept.session.caps().dsn;
        let open = kept.session.is_open();
        self.slot.learn(&sent.outcomes, open);
        for (n, outcome) in chosen.into_iter().zip(&sent.outcomes) {
            let attempt = Attempt {
                host: Some(kept.host.clone()),
                address: Some(kept.address.clone()),
                tls: tls.clone(),
                passed_on,
                ms,
                ..result::of_outcome(outcome)
            };
            let again = match outcome.verdict {
                Verdict::Accepted | Verdict::Unknown => false,
                Verdict::Deferred => !open || outcome.needs == Some(Needs::AnotherTransaction),
                Verdict::Refused => false,
            };
            match again {
                true => self.remember(n, &attempt),
                false => self.settle(n, attempt),
            }
        }
        Ok(())
    }

    fn unfit(&mut self, unfit: Unfit) -> Result<(), Stop> {
        match unfit {
            Unfit::Never(status, words) => self.all_final(&result::failed(status, words)),
            Unfit::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                return Err(Stop::Damaged(e.to_string()));
            }
            Unfit::Io(e) => {
                self.all_final(&result::deferred(
                    "4.3.0",
                    format!("reading the message here: {e}"),
                ));
            }
        }
        Ok(())
    }

    /// A result that another host may still better.
    fn remember(&mut self, n: usize, attempt: &Attempt) {
        // What a host said tells more than that another one was not there.
        let says_less = |before: &Option<Attempt>| {
            attempt.status == NO_ANSWER
                && before
                    .as_ref()
                    .is_some_and(|b| b.result == Outcome::Deferred)
        };
        if attempt.result == Outcome::Deferred && !says_less(&self.transient) {
            self.transient = Some(attempt.clone());
        }
        if let Some(place) = self.results.get_mut(n)
            && !says_less(place)
        {
            *place = Some(attempt.clone());
        }
    }

    fn settle(&mut self, n: usize, attempt: Attempt) {
        self.pending.remove(&n);
        if let Some(place) = self.results.get_mut(n) {
            *place = Some(attempt);
        }
    }

    fn all_pending(&mut self, attempt: &Attempt) {
        for n in self.pending.clone() {
            self.remember(n, attempt);
        }
    }

    fn all_final(&mut self, attempt: &Attempt) {
        for n in std::mem::take(&mut self.pending) {
            self.remember(n, attempt);
        }
    }

    fn mark_dead(&self) {
        let is_of_use = self.reached && !self.no_login;
        if let (false, Some(attempt)) = (is_of_use, &self.transient) {
            let pause = DEAD.min(self.engine.config.retry.first / 2);
            self.slot.set_dead(Instant::now() + pause, attempt);
        }
    }

    /// CL-03: refused by all hosts is permanent; one that may change its mind
    /// keeps the rest queued.
    fn finish(mut self) {
        for n in std::mem::take(&mut self.pending) {
            let Some(last) = self.results.get_mut(n) else {
                continue;
            };
            match (&last, &self.transient) {
                (Some(attempt), Some(transient)) if attempt.result == Outcome::Failed => {
                    *last = Some(transient.clone());
                }
                (Some(_), _) => {}
                (None, _) => *last = Some(result::deferred("4.4.0", "no host was tried")),
            }
        }
        self.hand_on();
    }

    /// Hands on the results of those who have an answer.
    fn hand_on(&mut self) {
        let mut ready = Vec::new();
        let recipients = self.batch.recipients.iter().zip(&mut self.results);
        for (n, ((target, ..), result)) in recipients.enumerate() {
            if let Some(attempt) = result.take_if(|_| !self.pending.contains(&n)) {
                ready.push(Attempt {
                    target: *target,
                    route: Some(self.remote.route.clone()),
                    ..attempt
                });
            }
        }
        if !ready.is_empty() {
            (self.settled)(ready);
        }
    }
}

impl Engine {
    pub(super) fn settings(&self, tls: TlsWish) -> Settings {
        let command = self.config.delivery.command_timeout;
        Settings {
            hello: match &self.talk.hello {
                Some(name) => name.clone(),
                None => self.config.hostname.clone(),
            },
            tls,
            pipelining: !self.talk.no_pipelining,
            chunking: false,
            lmtp: false,
            talk: self.talk.clone(),
            // The proportions of RFC 5321 section 4.5.3.2.
            timeouts: Timeouts {
                greeting: command,
                command,
                data: command.mul_f64(0.4),
                content: command.mul_f64(0.6),
                end_of_data: command.mul_f64(2.0),
            },
            auth: None,
        }
    }
}
