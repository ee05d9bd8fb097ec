//! The language of the dialogues.
//!
//! ```text
//! # SV-31, P4                   a comment; the rows that the file shows
//! !size 1000                    a setting (before the first C: or S: line)
//! S: 220 mx.example.org ESMTP   a line that the server says, exact
//! S~ 250 2.1.0 *                a line, `*` matches anything
//! S+ 250                        a whole reply of this code, of any length
//! C: EHLO client.example        a line of the client, CR LF added
//! !raw a\x00b\r\n               octets as they are
//! !repeat 40 RCPT TO:<a@b>\r\n  the same octets many times
//! S.                            the server closes
//! !tls                          handshake: the server said 220 to STARTTLS
//! ```
//! Escapes in `!raw`, `!repeat`, `!stored` and `!content`: \r \n \t \\ \xHH.
//!
//! Settings: `!size N`, `!local`, `!recipients N`, `!errors N`, `!junk N`,
//! `!line N`, `!rate N`, `!without KEYWORD`, `!with KEYWORD` (CHUNKING and so
//! on; all but STARTTLS are on), `!inside-tls`, and
//! `!lmtp`, and `!answer VERB PATTERN REPLY`: what the carrier says to a question, PATTERN
//! being a glob without blanks over the address (`mail`, `rcpt`, `vrfy`,
//! `expn`) or `*` (`data`, `end`). `!auth MECHANISM ...` is what EHLO offers; who
//! can log in stands in `users.rs`.
//!
//! Acts: `!wait SECONDS` (the clock goes on), `!stop` (the service stops),
//! `!close` (the client goes away). Ends: `!messages N`, `!stored OCTETS` (the
//! next message that was taken, exact). `!one-flight`: the file is about octets
//! that arrive together and is played in no other way.
//!
//! Files about the client use the same lines with the roles turned: `S:` is
//! fed, `C:` is compared. `!message from=<a@b> to=<c@d>,<e@f> ...` gives the
//! client mail to send; its words are in `client.rs`, with `!outcome`,
//! `!failure`, `!lost` and `!tls-failed`.

use std::path::Path;

#[derive(Debug)]
pub struct Script {
    pub name: String,
    /// Directives before the first line of talk.
    pub setup: Vec<Directive>,
    pub acts: Vec<Act>,
}

/// `!word rest`.
#[derive(Clone, Debug)]
pub struct Directive {
    pub word: String,
    pub rest: String,
}

#[derive(Clone, Debug)]
pub enum Act {
    Client(Vec<u8>),
    Server(Expected),
    Directive(Directive),
}

#[derive(Clone, Debug)]
pub enum Expected {
    Line(String),
    Glob(String),
    Reply(String),
    Closed,
}

/// Directives that are settings; the others happen in their place.
const SETTINGS: &[&str] = &[
    "size",
    "local",
    "recipients",
    "errors",
    "junk",
    "line",
    "rate",
    "without",
    "with",
    "inside-tls",
    "answer",
    "one-flight",
    "tls-wish",
    "no-pipelining",
    "chunking",
    "lmtp",
    "follow",
    "stream",
    "until",
    "mail-param",
    "rcpt-param",
    "login",
    "auth",
    "private",
];

impl Script {
    pub fn read(path: &Path) -> Script {
        let text = std::fs::read_to_string(path).expect("a dialogue");
        let name = path.file_stem().expect("a name").to_string_lossy();
        Script::parse(&name, &text)
    }

    pub fn parse(name: &str, text: &str) -> Script {
        let mut script = Script {
            name: name.to_string(),
            setup: Vec::new(),
            acts: Vec::new(),
        };
        assert!(
            text.starts_with("# "),
            "{name}: the rows go on the first line"
        );
        for (n, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                script.add(line, &format!("{name}:{}", n + 1));
            }
        }
        script
    }

    fn add(&mut self, line: &str, place: &str) {
        let rest = line.get(3..).unwrap_or("").to_string();
        match line.get(..2).expect("two characters at least") {
            "C:" => self.acts.push(Act::Client(format!("{rest}\r\n").into())),
            "S:" => self.acts.push(Act::Server(Expected::Line(rest))),
            "S~" => self.acts.push(Act::Server(Expected::Glob(rest))),
            "S+" => self.acts.push(Act::Server(Expected::Reply(rest))),
            "S." => self.acts.push(Act::Server(Expected::Closed)),
            _ if line.starts_with('!') => self.add_directive(&line[1..]),
            _ => panic!("{place}: {line}"),
        }
    }

    fn add_directive(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let directive = Directive {
            word: word.to_string(),
            rest: rest.to_string(),
        };
        match word {
            "raw" => self.acts.push(Act::Client(unescape(rest))),
            "repeat" => {
                let (times, octets) = rest.split_once(' ').expect("!repeat N OCTETS");
                let octets = unescape(octets).repeat(times.parse().expect("a number"));
                self.acts.push(Act::Client(octets));
            }
            _ if SETTINGS.contains(&word) => self.setup.push(directive),
            _ => self.acts.push(Act::Directive(directive)),
        }
    }

    /// The value of a setting that stands once.
    pub fn setting(&self, word: &str) -> Option<&str> {
        self.setup
            .iter()
            .find(|directive| directive.word == word)
            .map(|directive| directive.rest.as_str())
    }

    pub fn number(&self, word: &str, default: u64) -> u64 {
        self.setting(word)
            .map_or(default, |text| text.parse().expect("a number"))
    }

    pub fn client_octets(&self) -> usize {
        self.acts
            .iter()
            .map(|act| match act {
                Act::Client(octets) => octets.len(),
                _ => 0,
            })
            .sum()
    }

    pub fn server_octets(&self) -> usize {
        self.acts
            .iter()
            .map(|act| match act {
                Act::Server(Expected::Line(line)) => line.len() + 2,
                _ => 0,
            })
            .sum()
    }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            octets.push(first);
            continue;
        }
        let (&kind, tail) = rest.split_first().expect("something after \\");
        rest = tail;
        octets.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let (digits, tail) = rest.split_at(2);
                rest = tail;
                let digits = std::str::from_utf8(digits).expect("hex");
                u8::from_str_radix(digits, 16).expect("hex")
            }
            _ => panic!("unknown escape in {text}"),
        });
    }
    octets
}

/// `*` matches any text.
pub fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|n| rest.get(n..).is_some_and(|rest| glob(tail, rest)))
        }),
    }
}
