//! Plays a script against a carrier, its client side cut one way or another.

use super::carrier::{Carrier, Conversation};
use super::script::{Act, Directive, Expected, Script, glob, unescape};

/// How the octets of the talking side arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As they stand: a line, then its reply.
    Lines,
    /// All at once, up to an act such as `!tls`.
    Whole,
    /// As `Whole`, in two pieces, the first so long over the whole script.
    At(usize),
    Octets,
}

/// True: played. False: not for this carrier, or not for this cut.
pub fn server(script: &Script, carrier: &dyn Carrier, cut: Cut) -> Result<bool, String> {
    if script.setting("one-flight").is_some() && cut != Cut::Whole {
        return Ok(false);
    }
    let Some(conversation) = carrier.open(script) else {
        return Ok(false);
    };
    let mut player = Player {
        conversation,
        cut,
        sent: 0,
        said: Vec::new(),
        taken: 0,
    };
    player.play(&script.acts)?;
    Ok(true)
}

struct Player {
    conversation: Box<dyn Conversation>,
    cut: Cut,
    sent: usize,
    said: Vec<u8>,
    /// Stored messages compared so far.
    taken: usize,
}

impl Player {
    /// One flight after another: what stands between two directives.
    fn play(&mut self, acts: &[Act]) -> Result<(), String> {
        let mut rest = acts;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|act| matches!(act, Act::Directive(_)))
                .unwrap_or(rest.len());
            let (flight, tail) = rest.split_at(end);
            self.flight(flight)?;
            rest = tail;
            if let Some((Act::Directive(directive), tail)) = rest.split_first() {
                self.act(directive)?;
                rest = tail;
            }
        }
        self.said.extend(self.conversation.receive(false));
        match self.said.is_empty() {
            true => Ok(()),
            false => Err(format!("and then said {:?}", self.line())),
        }
    }

    fn flight(&mut self, acts: &[Act]) -> Result<(), String> {
        if self.cut != Cut::Lines {
            let mut all = Vec::new();
            for act in acts {
                if let Act::Client(octets) = act {
                    all.extend_from_slice(octets);
                }
            }
            self.send(&all);
        }
        for act in acts {
            match act {
                Act::Client(octets) if self.cut == Cut::Lines => self.send(octets),
                Act::Server(expected) => self.expect(expected)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) {
        let pieces: Vec<&[u8]> = match self.cut {
            Cut::Octets => octets.chunks(1).collect(),
            Cut::At(n) if (self.sent..self.sent + octets.len()).contains(&n) => {
                let (head, tail) = octets.split_at(n - self.sent);
                vec![head, tail]
            }
            _ => vec![octets],
        };
        for piece in pieces {
            self.conversation.send(piece);
        }
        self.sent += octets.len();
    }

    fn line(&mut self) -> String {
        while !self.said.contains(&b'\n') {
            let more = self.conversation.receive(true);
            if more.is_empty() {
                break;
            }
            self.said.extend(more);
        }
        let end = self.said.iter().position(|&b| b == b'\n');
        let line: Vec<u8> = self
            .said
            .drain(..end.map_or(self.said.len(), |n| n + 1))
            .collect();
        String::from_utf8_lossy(&line).into_owned()
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        match expected {
            Expected::Closed => {
                let line = self.line();
                match line.is_empty() && self.conversation.is_closed() {
                    true => Ok(()),
                    false => Err(format!("said {line:?} where it should close")),
                }
            }
            Expected::Line(text) => self.compare(text, |line| line == text),
            Expected::Glob(pattern) => self.compare(pattern, |line| glob(pattern, line)),
            Expected::Reply(code) => loop {
                let more = format!("{code}-");
                let mut last = true;
                self.compare(code, |line| {
                    last = !line.starts_with(&more);
                    line.starts_with(code.as_str())
                })?;
                if last {
                    return Ok(());
                }
            },
        }
    }

    fn compare(&mut self, wanted: &str, fits: impl FnOnce(&str) -> bool) -> Result<(), String> {
        let line = self.line();
        match line.strip_suffix("\r\n") {
            Some(text) if fits(text) => Ok(()),
            _ => Err(format!("wanted {wanted:?}, heard {line:?}")),
        }
    }

    fn act(&mut self, directive: &Directive) -> Result<(), String> {
        match directive.word.as_str() {
            "tls" => self.conversation.start_tls(),
            "close" => {
                self.conversation.close();
                Ok(())
            }
            "messages" => match self.conversation.stored() {
                Some(all) if all.len().to_string() != directive.rest => {
                    Err(format!("{} messages, not {}", all.len(), directive.rest))
                }
                _ => Ok(()),
            },
            "stored" => self.compare_stored(&unescape(&directive.rest)),
            _ if self.conversation.act(directive) => Ok(()),
            word => Err(format!("!{word} cannot be done here")),
        }
    }

    fn compare_stored(&mut self, wanted: &[u8]) -> Result<(), String> {
        let Some(all) = self.conversation.stored() else {
            return Ok(());
        };
        let found = all.get(self.taken);
        self.taken += 1;
        match found {
            Some(octets) if octets == wanted => Ok(()),
            Some(octets) => Err(format!("stored {:?}", String::from_utf8_lossy(octets))),
            None => Err("no message was taken".into()),
        }
    }
}

/// All that a carrier says in the course of a script.
pub fn heard(script: &Script, carrier: &dyn Carrier) -> Vec<u8> {
    let mut said = Vec::new();
    let Some(mut conversation) = carrier.open(script) else {
        return said;
    };
    for act in &script.acts {
        match act {
            Act::Client(octets) => conversation.send(octets),
            Act::Directive(directive) if directive.word == "tls" => {
                conversation.start_tls().expect("a handshake");
            }
            Act::Directive(directive) if directive.word == "close" => conversation.close(),
            Act::Directive(directive) => {
                conversation.act(directive);
            }
            Act::Server(_) => {}
        }
        said.extend(conversation.receive(false));
    }
    said
}

/// SV-16: three digits, `-` or blank, one code on all lines of a reply; SV-17:
/// 512 octets; EX-15: an enhanced code of the same class on each line, but for
/// the greeting, EHLO, HELO and 3yz.
pub fn check_replies(said: &[u8]) -> Result<(), String> {
    let said = String::from_utf8(said.to_vec()).map_err(|_| "a reply is ASCII".to_string())?;
    let mut open: Option<String> = None;
    let mut hello = true;
    for line in said.split_inclusive("\r\n") {
        let bad = |what: &str| Err(format!("{what}: {line:?}"));
        let Some(text) = line.strip_suffix("\r\n") else {
            return bad("no CR LF");
        };
        if line.len() > 512 || text.chars().any(|c| !(' '..='~').contains(&c)) {
            return bad("too long, or not printable");
        }
        let (Some(code), Some(mark)) = (text.get(..3), text.get(3..4)) else {
            return bad("too short");
        };
        if !code.bytes().all(|b| b.is_ascii_digit()) || !matches!(mark, " " | "-") {
            return bad("not a reply line");
        }
        match &open {
            Some(first) if first != code => return bad("another code"),
            Some(_) => {}
            None => {
                hello = text
                    .get(4..)
                    .is_some_and(|t| t.starts_with("mx.example.org"))
            }
        }
        let enhanced = text[4..].split(' ').next().unwrap_or("");
        let parts: Vec<&str> = enhanced.split('.').collect();
        let sound = parts.len() == 3
            && parts[0] == &code[..1]
            && parts
                .iter()
                .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        if !hello && !code.starts_with('3') && !sound {
            return bad("no enhanced code");
        }
        open = (mark == "-").then(|| code.to_string());
    }
    match open {
        None => Ok(()),
        Some(code) => Err(format!("a {code} reply does not end")),
    }
}
