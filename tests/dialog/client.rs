//! Plays a script against the client machine: `S:` is fed, `C:` is compared.
//!
//! `!message from=<a@b> to=<c@d>,<e@f> [body=OCTETS] [size=N] [8bit] [utf8]
//! [binary] [ret=HDRS] [envid=X] [notify=NEVER]` is mail that the client sends
//! when it is ready; after the last one it quits. `!abort`: so does the next
//! content end. `!outcome VERDICT STAGE STATUS [NEEDS]` is what became of the
//! next recipient, `!failure VERDICT STAGE STATUS` why the connection ended
//! (none: it did not fail). `!login USER PASSWORD [MECHANISM ...]` logs in, with
//! the nonce `rOprNGfwEbeRWgbNEkqO`; `!private`: the connection stays on this host. Acts: `!lost`, `!wait SECONDS`, `!tls`,
//! `!tls-failed`. Settings: `!tls-wish must|if-offered`, `!no-pipelining`,
//! `!until`, `!mail-param`, `!rcpt-param`,
//! `!chunking`, `!lmtp`; `!follow`: the next message is begun behind the last
//! one's end, `!stream`: and goes out whole.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::smtp::client::{
    Auth, Client, Message, Outcome, Settings, Stage, Step, Talk, Timeouts, TlsWish, Until, Verdict,
};
use smtputils::smtp::param::{Body, MailParams, RcptParams};
use smtputils::smtp::reply::Enhanced;
use smtputils::smtp::sasl::Secret;
use smtputils::smtp::sasl::client::Login;

use super::play::Cut;
use super::script::{Act, Directive, Expected, Script, unescape};

pub fn play(script: &Script, cut: Cut) -> Result<(), String> {
    let mut player = Player::new(script, cut);
    for act in &script.acts {
        match act {
            Act::Server(Expected::Line(line)) => {
                player.fed.extend_from_slice(line.as_bytes());
                player.fed.extend_from_slice(b"\r\n");
            }
            Act::Server(_) => return Err("only S: can be fed".into()),
            Act::Client(octets) => player.expect(octets)?,
            Act::Directive(directive) => player.act(directive)?,
        }
    }
    player.end(script)
}

/// What the script says about ends, read ahead.
pub fn mail(script: &Script, word: &str) -> Vec<String> {
    script
        .acts
        .iter()
        .filter_map(|act| match act {
            Act::Directive(d) if d.word == word => Some(d.rest.clone()),
            _ => None,
        })
        .collect()
}

fn login(script: &Script, text: &str) -> Auth {
    let mut words = text.split(' ').map(str::to_string);
    let mut word = || words.next().filter(|w| w != "-");
    let (user, password) = (word().unwrap_or_default(), word());
    Auth {
        login: Arc::new(Login {
            user,
            secret: password.map(Secret::from),
            mechanisms: words.map(|w| w.parse().expect("a mechanism")).collect(),
        }),
        host: "mx.example.org".into(),
        port: 587,
        nonce: "rOprNGfwEbeRWgbNEkqO".into(),
        private: script.setting("private").is_some(),
    }
}

struct Player {
    client: Client,
    cut: Cut,
    now: Instant,
    /// To be fed before the next comparison; octets fed so far.
    fed: Vec<u8>,
    count: usize,
    said: Vec<u8>,
    mail: VecDeque<(Message, Vec<u8>)>,
    content: VecDeque<Vec<u8>>,
    /// Begin behind the end of another; stream whole transactions.
    follow: Option<bool>,
    abort: bool,
    outcomes: Vec<Outcome>,
    closed: bool,
}

/// `!until STAGE`, `!mail-param WORD`, `!rcpt-param WORD`.
fn talk(script: &Script) -> Talk {
    let own = |word| script.setting(word).map(|text| text.parse().unwrap());
    Talk {
        trace: None,
        hello: None,
        no_pipelining: false,
        until: script.setting("until").map(|stage| match stage {
            "mail" => Until::Mail,
            "rcpt" => Until::Rcpt,
            "data" => Until::Data,
            other => panic!("{other}"),
        }),
        mail: own("mail-param").into_iter().collect(),
        rcpt: own("rcpt-param").into_iter().collect(),
    }
}

impl Player {
    fn new(script: &Script, cut: Cut) -> Player {
        let now = Instant::now();
        let settings = Settings {
            hello: "client.example".into(),
            tls: match script.setting("tls-wish") {
                None => TlsWish::No,
                Some("must") => TlsWish::Must,
                Some(_) => TlsWish::IfOffered,
            },
            pipelining: script.setting("no-pipelining").is_none(),
            chunking: script.setting("chunking").is_some(),
            lmtp: script.setting("lmtp").is_some(),
            timeouts: Timeouts::default(),
            talk: talk(script),
            auth: script.setting("login").map(|text| login(script, text)),
        };
        Player {
            client: Client::new(settings, now),
            cut,
            now,
            fed: Vec::new(),
            count: 0,
            said: Vec::new(),
            mail: mail(script, "message").iter().map(|m| message(m)).collect(),
            content: VecDeque::new(),
            follow: match script.setting("stream") {
                Some(_) => Some(true),
                None => script.setting("follow").map(|_| false),
            },
            abort: !mail(script, "abort").is_empty(),
            outcomes: Vec::new(),
            closed: false,
        }
    }

    fn feed(&mut self) {
        let fed = std::mem::take(&mut self.fed);
        let pieces: Vec<&[u8]> = match self.cut {
            Cut::Octets => fed.chunks(1).collect(),
            Cut::At(n) if (self.count..self.count + fed.len()).contains(&n) => {
                let (head, tail) = fed.split_at(n - self.count);
                vec![head, tail]
            }
            _ => vec![&fed],
        };
        self.count += fed.len();
        if fed.is_empty() {
            self.run(b"");
        }
        for piece in pieces {
            self.run(piece);
        }
    }

    fn run(&mut self, mut input: &[u8]) {
        loop {
            self.begin_behind();
            let step = self.client.step(&mut input, self.now);
            self.said.extend_from_slice(self.client.output());
            self.client.written(self.client.output().len());
            match step {
                Step::Input | Step::StartTls => return,
                Step::Closed => {
                    self.closed = true;
                    return;
                }
                Step::Done => self.outcomes.extend(self.client.take_outcomes()),
                Step::Ready => match self.mail.pop_front() {
                    Some((message, content)) => {
                        self.content.push_back(content);
                        self.client.begin(message, self.now);
                    }
                    None => self.client.quit(self.now),
                },
                Step::Content => self.stream(),
            }
        }
    }

    fn begin_behind(&mut self) {
        while let Some(stream) = self.follow.filter(|_| self.client.may_follow())
            && let Some((message, content)) = self.mail.pop_front()
        {
            self.content.push_back(content);
            self.client.follow(message, stream, self.now);
        }
    }

    fn stream(&mut self) {
        let content = self.content.pop_back().expect("content is asked once");
        match self.cut {
            Cut::Octets => content
                .chunks(1)
                .for_each(|piece| self.client.content(piece)),
            _ => self.client.content(&content),
        }
        match self.abort {
            true => self.client.abort("the file is damaged"),
            false => self.client.content_end(self.now),
        }
    }

    fn expect(&mut self, octets: &[u8]) -> Result<(), String> {
        self.feed();
        if self.said.starts_with(octets) {
            self.said.drain(..octets.len());
            return Ok(());
        }
        let (wanted, said) = (text(octets), text(&self.said));
        Err(format!("wanted {wanted:?}, the client said {said:?}"))
    }

    fn act(&mut self, directive: &Directive) -> Result<(), String> {
        match directive.word.as_str() {
            "message" | "outcome" | "failure" | "abort" => return Ok(()),
            _ => self.feed(),
        }
        match directive.word.as_str() {
            "lost" => self.client.connection_lost("connection lost"),
            "tls" => self.client.tls_started(self.now),
            "tls-failed" => self.client.tls_failed("no common cipher"),
            "wait" => {
                self.now += Duration::from_secs(directive.rest.parse().expect("seconds"));
                if self.client.deadline().is_some_and(|due| due <= self.now) {
                    self.client.connection_lost("timed out");
                }
            }
            word => return Err(format!("!{word} is not known")),
        }
        self.feed();
        Ok(())
    }

    fn end(mut self, script: &Script) -> Result<(), String> {
        self.feed();
        if !self.said.is_empty() {
            return Err(format!("the client said more: {:?}", text(&self.said)));
        }
        if !self.closed {
            return Err("the client does not end".into());
        }
        let outcomes: Vec<String> = self.outcomes.iter().map(describe).collect();
        let wanted = mail(script, "outcome");
        if outcomes != wanted {
            return Err(format!("outcomes {outcomes:?}, not {wanted:?}"));
        }
        let failure = self.client.failure().map(|failure| {
            let words = (failure.verdict, failure.stage, failure.status);
            words_of(words.0, words.1, words.2)
        });
        match failure.as_deref() == mail(script, "failure").first().map(String::as_str) {
            true => Ok(()),
            false => Err(format!("failure {:?}", self.client.failure())),
        }
    }
}

fn describe(outcome: &Outcome) -> String {
    let words = words_of(outcome.verdict, outcome.stage, outcome.status);
    match outcome.needs {
        Some(needs) => format!("{words} {needs:?}").to_lowercase(),
        None => words,
    }
}

fn words_of(verdict: Verdict, stage: Stage, status: Enhanced) -> String {
    format!("{verdict:?} {stage:?} {status}").to_lowercase()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// `from=<> to=<a@b>,<c@d> body=text\r\n 8bit`
pub fn message(words: &str) -> (Message, Vec<u8>) {
    let mut content = b"Subject: test\r\n\r\nhello\r\n".to_vec();
    let mut size = None;
    let mut rcpt = RcptParams::default();
    let mut message = Message {
        reverse_path: ReversePath::Null,
        params: MailParams::default(),
        recipients: Vec::new(),
        size: 0,
        eight_bit: false,
        utf8: false,
    };
    for word in words.split(' ') {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "from" => message.reverse_path = ReversePath::parse_prefix(value).expect("a path").0,
            "to" => message.recipients.extend(value.split(',').map(|path| {
                let mailbox = path.trim_matches(['<', '>']);
                (
                    Mailbox::parse(mailbox).expect("a mailbox"),
                    RcptParams::default(),
                )
            })),
            "body" => content = unescape(&value.replace('_', " ")),
            "size" => size = Some(value.parse().expect("a size")),
            "8bit" => message.eight_bit = true,
            "utf8" => message.utf8 = true,
            "binary" => message.params.body = Some(Body::BinaryMime),
            "ret" | "envid" => {
                message.params = MailParams::parse(&format!(" {word}")).expect("one")
            }
            "notify" => rcpt = RcptParams::parse(&format!(" {word}")).expect("one"),
            _ => panic!("{word}"),
        }
    }
    for recipient in &mut message.recipients {
        recipient.1 = rcpt.clone();
    }
    message.size = size.unwrap_or(content.len() as u64);
    (message, content)
}
