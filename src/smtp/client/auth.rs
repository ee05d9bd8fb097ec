//! Logging in (RFC 4954): after TLS, before the first message. What does not
//! work out is a deferral, whatever the server calls it (CL-30): the password
//! can be mended, the message cannot be sent again by those who sent it.

use super::{Client, Expect, Said, Stage, State, Until, Verdict};
use crate::smtp::command::Command;
use crate::smtp::reply::{Enhanced, Reply};
use crate::smtp::sasl::Mechanism;
use crate::smtp::sasl::client::{Exchange, Place, SaslError};

/// Longest command line that needs nobody's leave (RFC 5321 section 4.5.3.1.4).
const COMMAND: usize = 512;

/// Credentials invalid, and something else about security (RFC 3463, RFC 5248).
const INVALID: Enhanced = Enhanced(4, 7, 8);
const OTHER: Enhanced = Enhanced(4, 7, 0);

/// How far logging in is.
#[derive(Debug, Default)]
pub(super) struct LogIn {
    /// Under way: what is written may hold the secret.
    pub(super) exchange: Option<Exchange>,
    /// Offered, but not taken when asked for.
    refused: Vec<Mechanism>,
    pub(super) done: Option<Mechanism>,
    /// Why we cancelled.
    why: Option<SaslError>,
}

impl Client {
    /// What the session is logged in by; `None`: not at all.
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.log_in.done
    }

    /// The output may hold a password or what follows from it: whoever shows the
    /// dialogue masks it.
    pub fn is_secret(&self) -> bool {
        self.log_in.exchange.is_some()
    }

    /// Logs in where that is asked for and not done.
    pub(super) fn log_in(&mut self) {
        let Some(auth) = &self.settings.auth else {
            return;
        };
        let ends_before = self.settings.talk.until.is_some_and(|u| u < Until::Auth);
        if ends_before || self.log_in.done.is_some() {
            return;
        }
        let private = auth.private || self.inside_tls;
        let refused = &self.log_in.refused;
        let mechanism = match auth.login.choose(&self.caps.auth, refused, private) {
            Ok(mechanism) => mechanism,
            Err(why) => return self.no_login(None, INVALID, &why.to_string()),
        };
        let place = Place {
            host: &auth.host,
            port: auth.port,
        };
        let mut exchange = Exchange::new(mechanism, &auth.login, place, &auth.nonce);
        let room = COMMAND.saturating_sub("AUTH  \r\n".len() + mechanism.name().len());
        let initial = exchange.initial(room);
        let initial = initial.and_then(|line| line.text().map(str::to_string));
        self.log_in.exchange = Some(exchange);
        self.state = State::Busy;
        let command = Command::Auth(mechanism.name().to_string(), initial);
        self.send(&command, Expect::Auth);
    }

    pub(super) fn auth_answered(&mut self, reply: Reply) {
        let Some(exchange) = &mut self.log_in.exchange else {
            return;
        };
        match reply.code {
            300..400 => {
                let challenge = reply.lines.first().map_or("", String::as_str);
                let line = exchange.respond(challenge);
                self.respond(line);
            }
            200..300 => match exchange.finish() {
                Ok(()) => {
                    self.log_in.done = Some(exchange.mechanism());
                    self.log_in.exchange = None;
                    self.state = State::Ready;
                }
                Err(why) => self.no_login(None, OTHER, &why.to_string()),
            },
            // Not this mechanism, or not for this user (RFC 4954 sections 4, 6).
            504 | 534 => {
                self.log_in.refused.push(exchange.mechanism());
                self.log_in.exchange = None;
                self.log_in();
            }
            _ => {
                let words = exchange.refusal().map(str::to_string).unwrap_or_default();
                let status = match reply.code {
                    400..500 => OTHER,
                    _ => INVALID,
                };
                self.no_login(Some(reply), status, &words);
            }
        }
    }

    fn respond(&mut self, line: Result<crate::smtp::sasl::Secret, SaslError>) {
        match line {
            Ok(line) => {
                self.settings.talk.tell(&Said::Sent("****"));
                self.out.extend_from_slice(line.octets());
                self.out.extend_from_slice(b"\r\n");
                self.expect.push_back(Expect::Auth);
            }
            Err(why) => {
                self.settings.talk.tell(&Said::Sent("*"));
                self.log_in.why = Some(why);
                self.out.extend_from_slice(b"*\r\n");
                self.expect.push_back(Expect::AuthCancelled);
            }
        }
    }

    /// Whatever is said to `*`: there is no login.
    pub(super) fn auth_cancelled(&mut self) {
        let why = self.log_in.why.take();
        let why = why.map_or(String::new(), |why| why.to_string());
        self.no_login(None, OTHER, &why);
    }

    fn no_login(&mut self, reply: Option<Reply>, status: Enhanced, why: &str) {
        let user = self.settings.auth.as_ref().map(|auth| &auth.login.user);
        let user = user.map_or("", String::as_str);
        let by = self.log_in.exchange.as_ref().map(Exchange::mechanism);
        let by = by.map_or(String::new(), |m| format!(" by {m}"));
        let text = match why {
            "" => format!("the login as {user}{by} was refused"),
            why => format!("the login as {user}{by} failed: {why}"),
        };
        self.log_in.exchange = None;
        let status = match &reply {
            Some(Reply {
                enhanced: Some(Enhanced(_, subject, detail)),
                ..
            }) => Enhanced(4, *subject, *detail),
            _ => status,
        };
        self.give_up(Stage::Auth, reply, status, &text);
        if let Some(failure) = &mut self.failure {
            failure.verdict = Verdict::Deferred;
            failure.status = status;
        }
    }
}
