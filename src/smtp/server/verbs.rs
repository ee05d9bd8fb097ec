//! The commands: one table, one row a verb, one function a row. The loop reads
//! the table only; a new verb is a row, a function and a dialogue under
//! `tests/dialog`.

use std::time::Instant;

use super::{Event, Hello, Question, Refusal, Session, State};
use crate::smtp::caps::Caps;
use crate::smtp::command::{Command, CommandError};
use crate::smtp::line::Line;
use crate::smtp::param::{Body, MailParams, ParamError, RcptParams};
use crate::smtp::reply::Reply;

/// Where in the dialogue a session is: one bit each, sets by `|`.
type Phase = u8;
/// No EHLO yet.
const CONNECTED: Phase = 1;
/// Between transactions.
const READY: Phase = 2;
/// MAIL was taken.
const SENDER: Phase = 4;
/// So was a RCPT.
const RECIPIENT: Phase = 8;
/// A BDAT came that was not the last.
const CHUNKS: Phase = 16;
const ANY: Phase = CONNECTED | READY | SENDER | RECIPIENT | CHUNKS;

/// A row of the table.
struct Verb {
    word: &'static str,
    /// Shown by HELP and with a syntax error.
    usage: &'static str,
    /// Elsewhere: 503 5.5.1.
    phases: Phase,
    /// Elsewhere: 502 5.5.1, and HELP does not tell of it.
    offered: fn(&Caps) -> bool,
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

/// Known, never done here (SV-68; AUTH and ETRN until they come).
const fn absent(word: &'static str) -> Verb {
    Verb {
        offered: |_| false,
        ..verb(word, word, ANY, |_, _| {})
    }
}

#[rustfmt::skip]
static VERBS: &[Verb] = &[
    idle("EHLO", "EHLO domain-or-address-literal", ANY, hello),
    idle("HELO", "HELO domain", ANY, hello),
    Verb { offered: |caps| caps.starttls, ..verb("STARTTLS", "STARTTLS", READY, starttls) },
    verb("MAIL", "MAIL FROM:<address> [parameters]", READY, mail),
    verb("RCPT", "RCPT TO:<address> [parameters]", SENDER | RECIPIENT, rcpt),
    verb("DATA", "DATA", SENDER | RECIPIENT, data),
    // In every phase: the octets that follow have to be read (EX-11).
    Verb { offered: |caps| caps.chunking, ..verb("BDAT", "BDAT octets [LAST]", ANY, bdat) },
    idle("RSET", "RSET", ANY, rset),
    idle("NOOP", "NOOP", ANY, noop),
    idle("VRFY", "VRFY name", ANY, vrfy),
    idle("EXPN", "EXPN list", ANY, expn),
    idle("HELP", "HELP", ANY, help),
    verb("QUIT", "QUIT", ANY, quit),
    absent("AUTH"), absent("ETRN"), absent("ATRN"),
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
    fn new(line: Line<'_>) -> Request {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => return Request::TooLong,
            Line::BareLineEnd => return Request::BareLineEnd,
        };
        let word = line.split(|b| b" \t".contains(b)).next().unwrap_or(line);
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        match VERBS.iter().find(|verb| is(verb.word)) {
            Some(verb) => Request::Known(verb, Command::parse(line), announced(line)),
            None if FOREIGN.iter().any(|f| is(f)) || word.starts_with(b"SSH-") => Request::Foreign,
            None => Request::Unknown,
        }
    }
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

fn error(code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Refusal {
    Refusal::Error(Reply::new(code, enhanced, text))
}

fn out_of_order(text: &str) -> Refusal {
    Refusal::Junk(Reply::new(503, (5, 5, 1), text))
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
        let request = self.line.read(&mut rest).map(Request::new);
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
        if !(verb.offered)(&self.settings.caps) {
            let text = format!("{} is not offered here", verb.word);
            self.refuse_after(octets, error(502, (5, 5, 1), text));
        } else if verb.phases & phase == 0 {
            self.refuse(out_of_order(match phase {
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

    fn phase(&self) -> Phase {
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

    fn ask(&mut self, question: Question) {
        self.state = State::Asking(Box::new(question));
    }

    /// Refuses after the octets of a BDAT, if any, were read and dropped.
    fn refuse_after(&mut self, octets: Option<u64>, refusal: Refusal) {
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

fn hello(session: &mut Session, command: Command) {
    let (name, esmtp) = match command {
        Command::Ehlo(name) => (name, true),
        Command::Helo(name) => (name, false),
        _ => return,
    };
    session.reset();
    session.hello = Some(Hello { name, esmtp });
    let mut reply = Reply::new(250, (0, 0, 0), session.settings.hostname.clone());
    if esmtp {
        let offer = Caps {
            starttls: session.settings.caps.starttls && !session.tls,
            etrn: false,
            auth: Vec::new(),
            ..session.settings.caps.clone()
        };
        reply.lines.extend(offer.lines());
    }
    // Without an enhanced code: RFC 2034 section 4 leaves this reply out.
    reply.write(&mut session.out);
}

fn starttls(session: &mut Session, _: Command) {
    if session.tls {
        return session.refuse(out_of_order("TLS is on already"));
    }
    session.respond(Reply::new(220, (2, 0, 0), "Begin TLS"));
    session.state = State::Handshake;
}

fn mail(session: &mut Session, command: Command) {
    let Command::Mail(path, params) = command else {
        return;
    };
    let caps = &session.settings.caps;
    let limit = caps.size.filter(|&limit| limit > 0);
    let utf8 = path.mailbox().is_some_and(|m| m.needs_utf8());
    if let Some(keyword) = unoffered(&params, caps) {
        session.refuse(error(555, (5, 5, 4), format!("{keyword} is not offered")));
    } else if utf8 && !params.smtputf8 {
        session.refuse(error(553, (5, 6, 7), "This address needs SMTPUTF8"));
    } else if params
        .size
        .zip(limit)
        .is_some_and(|(size, limit)| size > limit)
    {
        let reply = Reply::new(552, (5, 3, 4), "Message too big");
        session.refuse(Refusal::Junk(reply));
    } else {
        session.ask(Question::Mail(path, params));
    }
}

/// A parameter of MAIL whose extension is off.
fn unoffered(params: &MailParams, caps: &Caps) -> Option<&'static str> {
    let body = match params.body {
        None => true,
        Some(Body::BinaryMime) => caps.binarymime && caps.chunking,
        Some(_) => caps.eight_bit_mime,
    };
    [
        ("SIZE", params.size.is_none() || caps.size.is_some()),
        ("BODY", body),
        ("RET", params.ret.is_none() || caps.dsn),
        ("ENVID", params.envid.is_none() || caps.dsn),
        ("SMTPUTF8", !params.smtputf8 || caps.smtputf8),
        ("AUTH", params.auth.is_none()),
    ]
    .into_iter()
    .find_map(|(keyword, fine)| (!fine).then_some(keyword))
}

fn rcpt(session: &mut Session, command: Command) {
    use crate::smtp::addr::ForwardPath;
    let Command::Rcpt(path, params) = command else {
        return;
    };
    let Some(transaction) = &session.transaction else {
        return;
    };
    let utf8 = matches!(&path, ForwardPath::Mailbox(m) if m.needs_utf8());
    if params != RcptParams::default() && !session.settings.caps.dsn {
        session.refuse(error(555, (5, 5, 4), "DSN is not offered"));
    } else if utf8 && !transaction.params.smtputf8 {
        session.refuse(error(553, (5, 6, 7), "This address needs SMTPUTF8"));
    } else if transaction.recipients.len() >= session.settings.max_recipients {
        let reply = Reply::new(452, (4, 5, 3), "Too many recipients in one message");
        session.refuse(Refusal::Free(reply));
    } else {
        session.ask(Question::Rcpt(path, params));
    }
}

fn data(session: &mut Session, _: Command) {
    let body = session.transaction().and_then(|t| t.params.body);
    if session.phase() == SENDER {
        session.refuse(Refusal::Junk(Reply::new(
            554,
            (5, 5, 1),
            "No valid recipients",
        )));
    } else if body == Some(Body::BinaryMime) {
        session.refuse(out_of_order("BINARYMIME needs BDAT"));
    } else {
        session.ask(Question::Data);
    }
}

fn bdat(session: &mut Session, command: Command) {
    let Command::Bdat(octets, last) = command else {
        return;
    };
    let refusal = match session.phase() {
        RECIPIENT => return session.ask(Question::Bdat(octets, last)),
        CHUNKS => return session.next_chunk(octets, last),
        SENDER => Refusal::Junk(Reply::new(554, (5, 5, 1), "No valid recipients")),
        READY => out_of_order("Say MAIL first"),
        _ => out_of_order("Say EHLO first"),
    };
    session.refuse_after(Some(octets), refusal);
}

fn rset(session: &mut Session, _: Command) {
    session.reset();
    session.respond(Reply::new(250, (2, 0, 0), "Forgotten"));
}

fn noop(session: &mut Session, _: Command) {
    session.respond(Reply::new(250, (2, 0, 0), "Ok"));
}

fn vrfy(session: &mut Session, command: Command) {
    if let Command::Vrfy(name) = command {
        session.ask(Question::Vrfy(name));
    }
}

fn expn(session: &mut Session, command: Command) {
    if let Command::Expn(name) = command {
        session.ask(Question::Expn(name));
    }
}

fn help(session: &mut Session, _: Command) {
    let mut reply = Reply::new(214, (2, 0, 0), "Commands here:");
    let offered = VERBS
        .iter()
        .filter(|verb| (verb.offered)(&session.settings.caps));
    reply
        .lines
        .extend(offered.map(|verb| verb.usage.to_string()));
    session.respond(reply);
}

fn quit(session: &mut Session, _: Command) {
    session.close(Reply::new(221, (2, 0, 0), "Bye"));
}
