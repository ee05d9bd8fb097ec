//! The commands: one table, one row a verb. The loop reads the table only; a new
//! verb is a row, a function in `actions` and a dialogue under `tests/dialog`.

use std::borrow::Cow;
use std::time::Instant;

use super::actions::{self, error, out_of_order};
use super::auth;
use super::{Event, Question, Refusal, Role, Session, Settings, State};
use crate::smtp::command::{Command, CommandError};
use crate::smtp::line::Line;
use crate::smtp::param::ParamError;
use crate::smtp::reply::Reply;

/// Where in the dialogue a session is: one bit each, sets by `|`.
pub(super) type Phase = u8;
/// No EHLO yet.
const CONNECTED: Phase = 1;
/// Between transactions.
pub(super) const READY: Phase = 2;
/// MAIL was taken.
pub(super) const SENDER: Phase = 4;
/// So was a RCPT.
pub(super) const RECIPIENT: Phase = 8;
/// A BDAT came that was not the last.
pub(super) const CHUNKS: Phase = 16;
const ANY: Phase = CONNECTED | READY | SENDER | RECIPIENT | CHUNKS;

/// A row of the table.
struct Verb {
    word: &'static str,
    /// Shown by HELP and with a syntax error.
    usage: &'static str,
    /// Elsewhere: 503 5.5.1.
    phases: Phase,
    /// Elsewhere: 502 5.5.1, and HELP does not tell of it.
    offered: fn(&Settings) -> bool,
    /// Counts as junk ([`super::Settings::max_junk`]).
    idle: bool,
    act: fn(&mut Session, Command),
}

const fn verb(
    word: &'static str,
    usage: &'static str,
    phases: Phase,
    act: fn(&mut Session, Command),
) -> Verb {
    Verb {
        word,
        usage,
        phases,
        offered: |_| true,
        idle: false,
        act,
    }
}

const fn idle(
    word: &'static str,
    usage: &'static str,
    phases: Phase,
    act: fn(&mut Session, Command),
) -> Verb {
    Verb {
        idle: true,
        ..verb(word, usage, phases, act)
    }
}

/// Known, never done here (SV-68; ETRN until it comes).
const fn absent(word: &'static str) -> Verb {
    Verb {
        offered: |_| false,
        ..verb(word, word, ANY, |_, _| {})
    }
}

#[rustfmt::skip]
static VERBS: &[Verb] = &[
    Verb { offered: |s| s.role != Role::Lmtp, ..idle("EHLO", "EHLO domain-or-address-literal", ANY, actions::hello) },
    Verb { offered: |s| s.role != Role::Lmtp, ..idle("HELO", "HELO domain", ANY, actions::hello) },
    Verb { offered: |s| s.role == Role::Lmtp, ..idle("LHLO", "LHLO domain-or-address-literal", ANY, actions::hello) },
    Verb { offered: |s| s.caps.starttls, ..verb("STARTTLS", "STARTTLS", READY, actions::starttls) },
    verb("MAIL", "MAIL FROM:<address> [parameters]", READY, actions::mail),
    verb("RCPT", "RCPT TO:<address> [parameters]", SENDER | RECIPIENT, actions::rcpt),
    verb("DATA", "DATA", SENDER | RECIPIENT, actions::data),
    // In every phase: the octets that follow have to be read (EX-11).
    Verb { offered: |s| s.caps.chunking, ..verb("BDAT", "BDAT octets [LAST]", ANY, actions::bdat) },
    Verb { offered: |s| !s.caps.auth.is_empty(), ..verb("AUTH", "AUTH mechanism [initial-response]", READY, auth::auth) },
    idle("RSET", "RSET", ANY, actions::rset),
    idle("NOOP", "NOOP", ANY, actions::noop),
    idle("VRFY", "VRFY name", ANY, actions::vrfy),
    idle("EXPN", "EXPN list", ANY, actions::expn),
    idle("HELP", "HELP", ANY, help),
    verb("QUIT", "QUIT", ANY, actions::quit),
    absent("ETRN"), absent("ATRN"),
    absent("TURN"), absent("SEND"), absent("SOML"), absent("SAML"),
];

/// First words of other protocols. Whoever speaks one makes a browser or a
/// daemon say what it should not (P6): the session ends.
const FOREIGN: &[&str] = &[
    "GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE", "PRI",
];

/// What a line turned out to be.
enum Request {
    /// A verb of the table, the parsed line, and the octets that follow it.
    Known(&'static Verb, Result<Command, CommandError>, Option<u64>),
    Unknown,
    Foreign,
    TooLong,
    BareLineEnd,
}

impl Request {
    /// `origin`: as of [`Settings`](super::Settings).
    fn new(line: Line<'_>, origin: Option<&str>) -> Request {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => return Request::TooLong,
            Line::BareLineEnd => return Request::BareLineEnd,
        };
        let line = &*qualified(line, origin);
        let word = line.split(|b| b" \t".contains(b)).next().unwrap_or(line);
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        match VERBS.iter().find(|verb| is(verb.word)) {
            Some(verb) => Request::Known(verb, Command::parse(line), announced(line)),
            None if FOREIGN.iter().any(|f| is(f)) || word.starts_with(b"SSH-") => Request::Foreign,
            None => Request::Unknown,
        }
    }
}

/// MAIL and RCPT with the origin in a path that has no domain.
fn qualified<'l>(line: &'l [u8], origin: Option<&str>) -> Cow<'l, [u8]> {
    let path = origin.and_then(|origin| Some((origin, bare_path(line)?)));
    let Some((origin, end)) = path else {
        return Cow::Borrowed(line);
    };
    let (before, after) = line.split_at(end);
    Cow::Owned([before, b"@", origin.as_bytes(), after].concat())
}

/// Where the domain is missing. `<>` and `<Postmaster>` need none.
fn bare_path(line: &[u8]) -> Option<usize> {
    let verb = line.get(..5)?;
    let is_address = verb.eq_ignore_ascii_case(b"MAIL ") || verb.eq_ignore_ascii_case(b"RCPT ");
    let open = line
        .iter()
        .position(|b| *b == b'<')
        .filter(|_| is_address)?;
    let end = line.iter().position(|b| *b == b'>')?;
    let path = line.get(open + 1..end)?;
    let is_whole = path.is_empty() || path.contains(&b'@');
    (!is_whole && !path.eq_ignore_ascii_case(b"postmaster")).then_some(end)
}

/// The octets that follow a BDAT, even one that is malformed otherwise: they
/// are never read as commands (L8).
fn announced(line: &[u8]) -> Option<u64> {
    let mut words = line
        .split(|b| b" \t".contains(b))
        .filter(|word| !word.is_empty());
    words.next().filter(|w| w.eq_ignore_ascii_case(b"BDAT"))?;
    let digits = words.next()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl Session {
    pub(super) fn read_command<'i>(
        &mut self,
        input: &mut &'i [u8],
        now: Instant,
    ) -> Option<Event<'i>> {
        if self.stopping && self.transaction.is_none() {
            self.close(Reply::new(421, (4, 3, 2), "Service is stopping, closing"));
            return None;
        }
        let waiting = *self.waiting.get_or_insert(now);
        if let Some(&first) = input.first()
            && std::mem::take(&mut self.fresh)
            && is_binary(first)
        {
            *input = &[];
            self.foreign();
            return None;
        }
        // Also without input: the reader frees the last line.
        let mut rest: &[u8] = input;
        let origin = self.settings.origin.as_deref();
        let request = self.line.read(&mut rest);
        let request = request.map(|line| Request::new(line, origin));
        let used = input.len() - rest.len();
        *input = input.get(used..).unwrap_or_default();
        let Some(request) = request else {
            self.waiting = Some(waiting);
            return Some(Event::Input);
        };
        self.waiting = None;
        let said = self.out.len();
        self.obey(request);
        // P1: what came in clear behind STARTTLS must not be read inside TLS.
        if matches!(self.state, State::Handshake) && !input.is_empty() {
            *input = &[];
            self.out.truncate(said);
            self.close(Reply::new(
                554,
                (5, 5, 0),
                "Nothing may follow STARTTLS before TLS",
            ));
        }
        None
    }

    fn obey(&mut self, request: Request) {
        match request {
            Request::Known(verb, command, octets) => self.obey_verb(verb, command, octets),
            Request::Unknown => self.refuse(error(500, (5, 5, 2), "Command not recognised")),
            Request::Foreign => self.foreign(),
            Request::TooLong => self.refuse(error(500, (5, 5, 2), "Line too long")),
            Request::BareLineEnd => {
                self.refuse(error(500, (5, 5, 2), "Lines end with CR LF, and only so"));
            }
        }
    }

    fn obey_verb(
        &mut self,
        verb: &'static Verb,
        command: Result<Command, CommandError>,
        octets: Option<u64>,
    ) {
        let phase = self.phase();
        if self.refusing && verb.word != "QUIT" {
            let refusal = out_of_order("No mail is taken here, only QUIT");
            return self.refuse_after(octets, refusal);
        }
        let is_hello = matches!(verb.word, "EHLO" | "HELO" | "LHLO");
        if !(verb.offered)(&self.settings) && is_hello {
            // EX-41: the other protocol's hello is no command of this one.
            self.refuse(error(500, (5, 5, 2), "Command not recognised"));
        } else if !(verb.offered)(&self.settings) {
            let text = format!("{} is not offered here", verb.word);
            self.refuse_after(octets, error(502, (5, 5, 1), text));
        } else if verb.phases & phase == 0 {
            self.refuse(out_of_order(match phase {
                CONNECTED if self.settings.role == Role::Lmtp => "Say LHLO first",
                CONNECTED => "Say EHLO first",
                READY => "Say MAIL first",
                CHUNKS => "Not before the last BDAT",
                _ => "Not inside a transaction",
            }));
        } else {
            match command {
                Err(why) => {
                    // A failed BDAT ends the transaction (L8).
                    if verb.word == "BDAT" {
                        self.reset();
                    }
                    self.refuse_after(octets, syntax(verb, why));
                }
                Ok(_) if verb.idle && self.is_junk() => {
                    self.close(Reply::new(
                        421,
                        (4, 7, 0),
                        "Too many idle commands, closing",
                    ));
                }
                Ok(command) => (verb.act)(self, command),
            }
        }
    }

    fn is_junk(&mut self) -> bool {
        self.junk = self.junk.saturating_add(1);
        !self.settings.local && self.junk > self.settings.max_junk
    }

    pub(super) fn phase(&self) -> Phase {
        match &self.transaction {
            Some(_) if self.incoming.is_some() => CHUNKS,
            Some(transaction) if transaction.recipients.is_empty() => SENDER,
            Some(_) => RECIPIENT,
            None if self.hello.is_some() || self.settings.local => READY,
            None => CONNECTED,
        }
    }

    fn foreign(&mut self) {
        self.close(Reply::new(
            554,
            (5, 5, 0),
            "This is an SMTP server, closing",
        ));
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.state = State::Asking(Box::new(question));
    }

    /// Refuses after the octets of a BDAT, if any, were read and dropped.
    pub(super) fn refuse_after(&mut self, octets: Option<u64>, refusal: Refusal) {
        match octets {
            Some(left) => {
                self.reset();
                let refusal = Box::new(refusal);
                self.state = State::Skip { left, refusal };
            }
            None => self.refuse(refusal),
        }
    }
}

/// A first octet that no SMTP client sends: TLS, or something else binary (P6).
fn is_binary(octet: u8) -> bool {
    octet >= 0x80 || (octet < b' ' && !b"\t\r\n".contains(&octet))
}

fn syntax(verb: &Verb, why: CommandError) -> Refusal {
    match why {
        CommandError::Unknown => error(500, (5, 5, 2), "Command not recognised"),
        CommandError::NotImplemented => error(502, (5, 5, 1), "Command not implemented"),
        CommandError::Character => error(500, (5, 5, 2), why.to_string()),
        CommandError::Syntax(what) => {
            error(501, (5, 5, 4), format!("{what}; syntax: {}", verb.usage))
        }
        CommandError::Addr(what) if verb.word == "MAIL" => error(501, (5, 1, 7), what.to_string()),
        CommandError::Addr(what) => error(501, (5, 1, 3), what.to_string()),
        CommandError::Param(ParamError::Unknown(_)) => error(555, (5, 5, 4), why.to_string()),
        CommandError::Param(ParamError::Bad(_)) => error(501, (5, 5, 4), why.to_string()),
    }
}

fn help(session: &mut Session, _: Command) {
    let mut reply = Reply::new(214, (2, 0, 0), "Commands here:");
    let offered = VERBS
        .iter()
        .filter(|verb| (verb.offered)(&session.settings));
    reply
        .lines
        .extend(offered.map(|verb| verb.usage.to_string()));
    session.respond(reply);
}
