//! The server machine without a network: settings and answers from the script,
//! the clock a number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smtputils::smtp::addr::{ForwardPath, ReversePath};
use smtputils::smtp::caps::Caps;
use smtputils::smtp::reply::{Enhanced, Reply};
use smtputils::smtp::server::{Answer, Ask, Role, Session, Settings, Step};

use super::carrier::{Carrier, Conversation};
use super::script::{Directive, Script, glob};
use super::users::Door;

pub struct Memory;

impl Carrier for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn open(&self, script: &Script) -> Option<Box<dyn Conversation>> {
        let now = Instant::now();
        let tls = script.setting("inside-tls").is_some();
        let mut server = Server {
            session: Session::new(Arc::new(settings(script)), tls, now),
            answers: answers(script),
            door: Door::default(),
            now,
            said: Vec::new(),
            draft: None,
            stored: Vec::new(),
            handshake: false,
            closed: false,
        };
        server.send(b"");
        Some(Box::new(server))
    }
}

/// What `!answer` says: verb, pattern, reply.
pub struct Rule(pub String, pub String, pub Reply);

pub fn answers(script: &Script) -> Vec<Rule> {
    let rules = script.setup.iter().filter(|d| d.word == "answer");
    rules
        .map(|directive| {
            let mut words = directive.rest.splitn(3, ' ');
            let mut next = || {
                words
                    .next()
                    .expect("!answer VERB PATTERN REPLY")
                    .to_string()
            };
            Rule(next(), next(), reply(&next()))
        })
        .collect()
}

/// `550 5.1.1 text`
pub fn reply(text: &str) -> Reply {
    let (code, rest) = text.split_at(3);
    let rest = rest.trim_start();
    let (first, tail) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = code.parse().expect("a code");
    match first.parse::<Enhanced>() {
        Ok(e) => Reply::new(code, (e.0, e.1, e.2), tail),
        Err(()) => Reply::new(code, (0, 0, 0), rest),
    }
}

pub fn caps() -> Caps {
    Caps {
        pipelining: true,
        size: Some(10_000_000),
        eight_bit_mime: true,
        smtputf8: true,
        chunking: true,
        binarymime: true,
        dsn: true,
        enhanced: true,
        help: true,
        ..Caps::default()
    }
}

pub fn settings(script: &Script) -> Settings {
    let mut caps = caps();
    caps.size = Some(script.number("size", 10_000_000));
    for directive in &script.setup {
        match directive.word.as_str() {
            "auth" => caps.auth = directive.rest.split(' ').map(str::to_string).collect(),
            "with" => *keyword(&mut caps, &directive.rest) = true,
            "without" if directive.rest == "SIZE" => caps.size = None,
            "without" => *keyword(&mut caps, &directive.rest) = false,
            _ => {}
        }
    }
    Settings {
        role: match script.setting("lmtp") {
            Some(_) => Role::Lmtp,
            None => Role::Mx,
        },
        hostname: "mx.example.org".into(),
        caps,
        local: script.setting("local").is_some(),
        origin: script.setting("local").map(|_| "origin.example".to_owned()),
        max_recipients: script.number("recipients", 1000) as usize,
        max_errors: script.number("errors", 10) as u32,
        max_junk: script.number("junk", 100) as u32,
        max_line: script.number("line", 65_536) as usize,
        command_timeout: Duration::from_secs(300),
        min_rate: script.number("rate", 500),
    }
}

fn keyword<'a>(caps: &'a mut Caps, word: &str) -> &'a mut bool {
    match word {
        "PIPELINING" => &mut caps.pipelining,
        "8BITMIME" => &mut caps.eight_bit_mime,
        "SMTPUTF8" => &mut caps.smtputf8,
        "CHUNKING" => &mut caps.chunking,
        "BINARYMIME" => &mut caps.binarymime,
        "DSN" => &mut caps.dsn,
        "STARTTLS" => &mut caps.starttls,
        "HELP" => &mut caps.help,
        _ => panic!("{word} is not known here"),
    }
}

struct Server {
    session: Session,
    answers: Vec<Rule>,
    door: Door,
    now: Instant,
    said: Vec<u8>,
    draft: Option<Vec<u8>>,
    stored: Vec<Vec<u8>>,
    handshake: bool,
    closed: bool,
}

fn answer(rules: &[Rule], verb: &str, text: &str) -> Answer {
    rules
        .iter()
        .find(|Rule(v, pattern, _)| v == verb && glob(pattern, text))
        .map_or(Answer::Yes, |Rule(_, _, reply)| {
            Answer::Reply(reply.clone())
        })
}

pub fn ask(rules: &[Rule], door: &mut Door, ask: &Ask) -> Answer {
    match ask {
        Ask::Auth(step) => door.step(step),
        Ask::Mail(ReversePath::Null, _) => answer(rules, "mail", "<>"),
        Ask::Mail(path, _) => answer(rules, "mail", &path.mailbox().expect("one").to_string()),
        Ask::Rcpt(ForwardPath::Postmaster, _) => answer(rules, "rcpt", "postmaster"),
        Ask::Rcpt(ForwardPath::Mailbox(mailbox), _) => answer(rules, "rcpt", &mailbox.to_string()),
        Ask::Data => answer(rules, "data", ""),
        Ask::End(_) => answer(rules, "end", ""),
        Ask::Vrfy(name) => answer(rules, "vrfy", name),
        Ask::Expn(name) => answer(rules, "expn", name),
    }
}

impl Server {
    fn flush(&mut self) {
        let n = self.session.output().len();
        assert!(n <= 16_384, "output is bounded");
        self.said.extend_from_slice(self.session.output());
        self.session.written(n);
    }

    fn ended(&mut self, answer: &Answer) {
        let draft = self.draft.take().expect("Data was asked before End");
        if !matches!(answer, Answer::Reply(reply) if reply.code >= 300) {
            self.stored.push(draft);
        }
    }

    fn run(&mut self, mut input: &[u8]) {
        while !self.closed && !self.handshake {
            let before = input.len();
            let answer = match self.session.step(&mut input, self.now) {
                Step::Input => {
                    assert!(input.is_empty(), "{before} octets are not taken");
                    return self.flush();
                }
                Step::Flush => {
                    self.flush();
                    continue;
                }
                Step::Body(octets) => {
                    let draft = self.draft.as_mut().expect("Data was asked before");
                    draft.extend_from_slice(octets);
                    continue;
                }
                Step::Discard => {
                    self.draft.take().expect("there is something to discard");
                    continue;
                }
                Step::StartTls => {
                    self.flush();
                    self.handshake = true;
                    continue;
                }
                Step::Close => {
                    self.flush();
                    self.closed = true;
                    assert!(self.draft.is_none(), "a draft is left at the end");
                    continue;
                }
                Step::Ask(question) => {
                    let answer = ask(&self.answers, &mut self.door, &question);
                    let (data, end) = (question == Ask::Data, matches!(question, Ask::End(_)));
                    if data && answer == Answer::Yes {
                        assert!(
                            self.draft.replace(Vec::new()).is_none(),
                            "one draft at a time"
                        );
                    }
                    if end {
                        self.ended(&answer);
                    }
                    answer
                }
            };
            self.session.answer(answer);
        }
    }
}

impl Conversation for Server {
    fn send(&mut self, octets: &[u8]) {
        if self.handshake && !octets.is_empty() {
            // Clear text where a handshake is due: no TLS library goes on.
            self.closed = true;
        }
        self.run(octets);
    }

    fn receive(&mut self, _more: bool) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }

    fn is_closed(&mut self) -> bool {
        self.closed
    }

    fn start_tls(&mut self) -> Result<(), String> {
        if !std::mem::take(&mut self.handshake) {
            return Err("the server does not shake hands".into());
        }
        self.session.tls_started();
        self.run(b"");
        Ok(())
    }

    fn act(&mut self, directive: &Directive) -> bool {
        match directive.word.as_str() {
            "wait" => {
                self.now += Duration::from_secs(directive.rest.parse().expect("seconds"));
                if self.session.deadline().is_some_and(|due| due <= self.now) {
                    self.session.expire();
                }
            }
            "stop" => self.session.shut_down(),
            _ => return false,
        }
        self.run(b"");
        true
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn stored(&mut self) -> Option<Vec<Vec<u8>>> {
        Some(self.stored.clone())
    }
}
