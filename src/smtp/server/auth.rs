//! AUTH (RFC 4954): the exchange as far as it is SMTP's. What the mechanism makes
//! of it, and who knows the users, is the carrier's ([`Ask::Auth`]).

use std::time::Instant;

use super::actions::{error, out_of_order};
use super::{AuthStep, Event, Question, Session, State};
use crate::smtp::command::Command;
use crate::smtp::line::{Line, LineReader};
use crate::smtp::reply::Reply;
use crate::smtp::sasl::{self, MAX_LINE, Mechanism, Secret};

/// Failed logins of a session; the last one ends it (P7).
const MAX_FAILURES: u32 = 3;

pub(super) fn auth(session: &mut Session, command: Command) {
    let Command::Auth(name, initial) = command else {
        return;
    };
    if session.user.is_some() {
        return session.refuse(out_of_order("Logged in already"));
    }
    let known = session.settings.caps.auth.contains(&name);
    let mechanism = name.parse().ok().filter(|_| known);
    let Some(mechanism) = mechanism else {
        return session.refuse(error(504, (5, 5, 4), "This mechanism is not offered"));
    };
    if !session.may_use(mechanism) {
        let text = "Say STARTTLS first: this mechanism tells the password";
        return session.refuse(error(538, (5, 7, 11), text));
    }
    let initial = match initial.as_deref() {
        None => None,
        // RFC 4954 section 4: an initial response that is empty.
        Some("=") => Some(Secret::default()),
        Some(text) => match sasl::decode(text.as_bytes()) {
            Some(octets) => Some(octets.into()),
            None => return session.refuse(not_base64()),
        },
    };
    session.ask(Question::Auth(AuthStep::Begin(mechanism, initial)));
}

fn not_base64() -> super::Refusal {
    error(501, (5, 5, 2), "That is not base64")
}

impl Session {
    /// Mechanisms that tell the password to whoever listens need TLS (EX-28).
    pub(super) fn may_use(&self, mechanism: Mechanism) -> bool {
        self.tls || mechanism.hides_the_secret()
    }

    /// What EHLO tells, as things stand.
    pub(super) fn mechanisms(&self) -> Vec<String> {
        let may = |name: &&String| name.parse().is_ok_and(|m| self.may_use(m));
        self.settings
            .caps
            .auth
            .iter()
            .filter(may)
            .cloned()
            .collect()
    }

    /// Reads the answer to a challenge.
    pub(super) fn read_response<'i>(
        &mut self,
        input: &mut &'i [u8],
        now: Instant,
    ) -> Option<Event<'i>> {
        let waiting = *self.waiting.get_or_insert(now);
        let mut rest: &[u8] = input;
        let answer = match self.line.read(&mut rest) {
            None => None,
            Some(Line::TooLong) => Some(Err(error(500, (5, 5, 6), "Line too long"))),
            Some(Line::BareLineEnd) => Some(Err(error(
                500,
                (5, 5, 2),
                "Lines end with CR LF, and only so",
            ))),
            Some(Line::Whole(b"*")) => Some(Err(error(501, (5, 7, 0), "Login cancelled"))),
            Some(Line::Whole(line)) => {
                Some(sasl::decode(line).map(Secret::from).ok_or_else(not_base64))
            }
        };
        let used = input.len() - rest.len();
        *input = input.get(used..).unwrap_or_default();
        let Some(answer) = answer else {
            self.waiting = Some(waiting);
            return Some(Event::Input);
        };
        self.waiting = None;
        match answer {
            Ok(octets) => self.ask(Question::Auth(AuthStep::Response(octets))),
            Err(refusal) => {
                self.end_exchange();
                self.refuse(refusal);
            }
        }
        None
    }

    pub(super) fn challenge(&mut self, octets: &[u8]) {
        // Not by `Reply`, which keeps lines short: this one may be long.
        let line = format!("334 {}\r\n", sasl::encode(octets));
        self.out.extend_from_slice(line.as_bytes());
        self.line = LineReader::with_limit(self.settings.local, MAX_LINE);
        self.state = State::Response;
    }

    pub(super) fn logged_in(&mut self, user: String) {
        self.end_exchange();
        self.user = Some(user);
        self.respond(Reply::new(235, (2, 7, 0), "Welcome"));
    }

    pub(super) fn login_refused(&mut self, reply: Reply) {
        self.end_exchange();
        self.failures = self.failures.saturating_add(1);
        match self.failures >= MAX_FAILURES {
            true => self.close(Reply::new(
                421,
                (4, 7, 0),
                "Too many failed logins, closing",
            )),
            false => self.refuse(super::Refusal::Junk(reply)),
        }
    }

    /// The lines that follow are commands again.
    fn end_exchange(&mut self) {
        self.line = LineReader::new(self.settings.local);
        self.state = State::Command;
    }
}
