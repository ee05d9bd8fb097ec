//! The one [`Doorkeeper`]: a source of users, whoever it is, with limits on
//! guessing.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::dovecot::{self, Conversation};
use super::program::Program;
use super::users::Users;
use super::{Doorkeeper, Login, answer, file};
use crate::class::plain;
use crate::config::{self, ConfigError};
use crate::log;
use crate::smtp::reply::Reply;
use crate::smtp::sasl::server::{Exchange, Refusal, Turn};
use crate::smtp::sasl::{Mechanism, Secret, encode};
use crate::smtp::server::{Answer, AuthStep};
use crate::sys;

/// Failures of one address within [`WINDOW`] after which it is not listened to.
const MAX_FAILURES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// Addresses remembered; where they are more, the oldest go.
const MAX_ADDRESSES: usize = 10_000;

/// Failures by which the wait grows.
const LONGEST_PAUSE: u32 = 5;

/// Who is let in.
#[derive(Debug)]
pub struct Door {
    source: Source,
    mechanisms: Vec<Mechanism>,
    hostname: String,
    /// Wait after a failure; each further one of that address takes longer.
    delay: Duration,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf, Mutex<Kept>),
    Program(Program),
    Dovecot(PathBuf),
}

/// A file as it was read, and what it was like then.
#[derive(Debug)]
struct Kept {
    users: Arc<Users>,
    state: Option<State>,
}

/// Change of any of these means another file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl State {
    fn of(path: &Path) -> Option<State> {
        let facts = fs::metadata(path).ok()?;
        Some(State {
            inode: facts.ino(),
            size: facts.size(),
            changed: (facts.mtime(), facts.mtime_nsec()),
        })
    }
}

impl Door {
    /// By the configuration; `None`: nobody logs in. Reads the file of users.
    pub fn open(config: &config::Config) -> Result<Option<Door>, ConfigError> {
        let auth = &config.auth;
        let wrong = |what: String| ConfigError(what);
        let source = match (&auth.users, &auth.dovecot, auth.program.is_empty()) {
            (None, None, true) => return Ok(None),
            (Some(path), None, true) => {
                let state = State::of(path);
                let users = file::read(path)
                    .map_err(|e| wrong(format!("{e}; smtp-serve passwd writes it")))?;
                let users = Arc::new(users);
                Source::File(path.clone(), Mutex::new(Kept { users, state }))
            }
            (None, Some(socket), true) => Source::Dovecot(socket.clone()),
            (None, None, false) => Source::Program(Program(auth.program.clone())),
            _ => {
                let what = "auth.users, auth.dovecot and auth.program: give one of them";
                return Err(wrong(what.to_string()));
            }
        };
        let offered = source.mechanisms();
        let mechanisms = match auth.mechanisms.as_slice() {
            [] => offered,
            named => source.can(named).map_err(wrong)?,
        };
        Ok(Some(Door {
            source,
            mechanisms,
            hostname: config.hostname.clone(),
            delay: auth.delay,
            failures: Mutex::default(),
        }))
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<IpAddr, (u32, Instant)>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Failures of this address of late.
    fn count(&self, address: IpAddr) -> u32 {
        match self.failures().get(&neighbourhood(address)) {
            Some((count, last)) if last.elapsed() < WINDOW => *count,
            _ => 0,
        }
    }

    fn failed(&self, address: IpAddr) -> u32 {
        let mut failures = self.failures();
        if failures.len() >= MAX_ADDRESSES {
            failures.retain(|_, (_, last)| last.elapsed() < WINDOW);
        }
        if failures.len() >= MAX_ADDRESSES {
            failures.clear();
        }
        let entry = failures.entry(neighbourhood(address));
        let (count, last) = entry.or_insert((0, Instant::now()));
        if last.elapsed() >= WINDOW {
            *count = 0;
        }
        (*count, *last) = (count.saturating_add(1), Instant::now());
        *count
    }
}

/// Who has one address of an IPv6 network has all of it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(a) => {
            let [a, b, c, d, ..] = a.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl Source {
    /// What is offered where nothing is written: all that is safe to have.
    fn mechanisms(&self) -> Vec<Mechanism> {
        match self {
            Source::File(_, kept) => lock(kept).users.mechanisms(),
            Source::Program(_) => vec![Mechanism::Plain, Mechanism::Login],
            Source::Dovecot(socket) => {
                let mut found = dovecot::mechanisms(socket).unwrap_or_else(|e| {
                    log::auth_unavailable(&format!(
                        "{}: {}",
                        socket.display(),
                        plain(e.to_string())
                    ));
                    vec![Mechanism::Plain, Mechanism::Login]
                });
                found.retain(|m| *m != Mechanism::CramMd5 && *m != Mechanism::External);
                found
            }
        }
    }

    /// Those that were asked for by name, where they can be.
    fn can(&self, named: &[Mechanism]) -> Result<Vec<Mechanism>, String> {
        let can = |m: Mechanism| match self {
            Source::File(..) => Exchange::new(m, String::new()).is_some(),
            Source::Program(_) => matches!(m, Mechanism::Plain | Mechanism::Login),
            Source::Dovecot(_) => m != Mechanism::External,
        };
        match named.iter().find(|m| !can(**m)) {
            Some(m) => Err(format!(
                "auth.mechanisms: {m} cannot be done with these users"
            )),
            None => Ok(named.to_vec()),
        }
    }

    /// Users as they are now: the file is read again when it has changed. One that
    /// cannot be read (any more) leaves those that were known.
    fn users(&self) -> Option<Arc<Users>> {
        let Source::File(path, kept) = self else {
            return None;
        };
        let mut kept = lock(kept);
        let state = State::of(path);
        if state.is_some() && state != kept.state {
            match file::read(path) {
                Ok(users) => kept.users = Arc::new(users),
                Err(why) => log::auth_unavailable(&why.to_string()),
            }
            kept.state = state;
        }
        Some(kept.users.clone())
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Doorkeeper for Door {
    fn mechanisms(&self) -> &[Mechanism] {
        &self.mechanisms
    }

    fn open(&self, client: Option<IpAddr>) -> Box<dyn Login + Send + '_> {
        Box::new(Visitor {
            door: self,
            client,
            mechanism: None,
            exchange: None,
            pause: Duration::ZERO,
        })
    }
}

/// The logins of one session.
struct Visitor<'d> {
    door: &'d Door,
    client: Option<IpAddr>,
    mechanism: Option<Mechanism>,
    exchange: Option<Run<'d>>,
    pause: Duration,
}

/// One exchange.
enum Run<'d> {
    Ours(Exchange, Arc<Users>),
    Program(Exchange, &'d Program),
    Dovecot(Conversation),
}

impl<'d> Visitor<'d> {
    fn begin(&mut self, mechanism: Mechanism) -> Result<(), Refusal> {
        self.mechanism = Some(mechanism);
        let fresh = self.fresh(mechanism);
        let fresh = fresh.map_err(|e| Refusal::Unavailable(e.to_string()))?;
        let ours = Exchange::new(mechanism, fresh);
        let run = match (&self.door.source, ours) {
            (Source::Dovecot(socket), _) => {
                Some(Run::Dovecot(Conversation::new(socket, self.client)))
            }
            (Source::Program(program), ours) => ours.map(|run| Run::Program(run, program)),
            (source, ours) => source
                .users()
                .zip(ours)
                .map(|(users, run)| Run::Ours(run, users)),
        };
        self.exchange = run;
        Ok(())
    }

    /// RFC 2195 wants the form of a Message-ID of CRAM-MD5.
    fn fresh(&self, mechanism: Mechanism) -> io::Result<String> {
        let random = encode(&sys::random::<18>()?);
        Ok(match mechanism {
            Mechanism::CramMd5 => format!("<{random}@{}>", self.door.hostname),
            _ => random,
        })
    }

    fn turn(&mut self, step: &AuthStep) -> Result<Turn, Refusal> {
        let said = match step {
            AuthStep::Begin(mechanism, initial) => {
                self.begin(*mechanism)?;
                initial.as_ref()
            }
            AuthStep::Response(octets) => Some(octets),
        };
        let octets = said.map(Secret::octets);
        match (&mut self.exchange, step) {
            (Some(Run::Ours(run, users)), _) => run.step(octets, users.as_ref()),
            (Some(Run::Program(run, program)), _) => run.step(octets, *program),
            (Some(Run::Dovecot(talk)), AuthStep::Begin(m, initial)) => {
                talk.begin(*m, initial.as_ref())
            }
            (Some(Run::Dovecot(talk)), AuthStep::Response(octets)) => talk.respond(octets),
            (None, _) => Err(Refusal::Malformed("this mechanism is not done here")),
        }
    }

    fn name(&self) -> &'static str {
        self.mechanism.map_or("", Mechanism::name)
    }

    fn told(&mut self, turn: &Result<Turn, Refusal>) {
        let client = self.client.map_or("local".to_string(), |a| a.to_string());
        match turn {
            Ok(Turn::Challenge(_)) => {}
            Ok(Turn::User(user)) => log::authenticated(&client, user, self.name()),
            Err(Refusal::Denied) => {
                let count = self.client.map_or(1, |a| self.door.failed(a));
                self.pause = self.door.delay * count.min(LONGEST_PAUSE);
                log::auth_failed(&client, self.name());
            }
            Err(Refusal::Malformed(_)) => {}
            Err(Refusal::Unavailable(why)) => log::auth_unavailable(why),
        }
    }
}

impl Login for Visitor<'_> {
    fn step(&mut self, step: &AuthStep) -> Answer {
        let client = self.client;
        if client.is_some_and(|a| self.door.count(a) >= MAX_FAILURES) {
            // Without a look at the password, so that guessing on is of no use.
            let text = "Too many failed logins from your address, try later";
            return Answer::Reply(Reply::new(454, (4, 7, 0), text));
        }
        let turn = self.turn(step);
        self.told(&turn);
        if !matches!(turn, Ok(Turn::Challenge(_))) {
            self.exchange = None;
        }
        answer(turn)
    }

    fn pause(&mut self) -> Duration {
        std::mem::take(&mut self.pause)
    }
}

#[cfg(test)]
mod tests;
