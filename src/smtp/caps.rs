//! The keywords of an EHLO reply (RFC 5321 section 4.1.1.1): what a server
//! offers, printed by ours and parsed from others'.

use super::reply::Reply;

/// What a server offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    pub pipelining: bool,
    /// `Some(0)`: SIZE without a limit.
    pub size: Option<u64>,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub chunking: bool,
    pub binarymime: bool,
    pub dsn: bool,
    pub enhanced: bool,
    pub starttls: bool,
    pub vrfy: bool,
    pub expn: bool,
    pub etrn: bool,
    pub help: bool,
    /// Mechanisms, upper case.
    pub auth: Vec<String>,
    /// RFC 9422: recipients of one transaction, transactions of one connection.
    pub rcpt_max: Option<usize>,
    pub mail_max: Option<usize>,
}

impl Caps {
    /// Reads the keywords of a 250 reply to EHLO; unknown ones are skipped.
    pub fn parse(reply: &Reply) -> Caps {
        let mut caps = Caps::default();
        for line in reply.lines.iter().skip(1) {
            caps.read_line(&line.to_ascii_uppercase());
        }
        caps
    }

    /// The keyword lines of our own reply, without the first (the domain).
    pub fn lines(&self) -> Vec<String> {
        let size = self.size.map(|limit| format!("SIZE {limit}"));
        let auth = (!self.auth.is_empty()).then(|| format!("AUTH {}", self.auth.join(" ")));
        let mut copy = self.clone();
        let flags = KEYWORDS
            .iter()
            .filter(|(_, flag)| *flag(&mut copy))
            .map(|(keyword, _)| (*keyword).to_owned());
        flags.chain(size).chain(self.limits()).chain(auth).collect()
    }

    fn limits(&self) -> Option<String> {
        let rcpt = self.rcpt_max.map(|most| format!(" RCPTMAX={most}"));
        let mail = self.mail_max.map(|most| format!(" MAILMAX={most}"));
        let words: String = rcpt.into_iter().chain(mail).collect();
        (!words.is_empty()).then(|| format!("LIMITS{words}"))
    }

    fn read_line(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(keyword) = words.next() else { return };
        if let Some((_, flag)) = KEYWORDS.iter().find(|(known, _)| *known == keyword) {
            *flag(self) = true;
        } else if keyword == "SIZE" {
            self.size = Some(words.next().map_or(0, size_limit));
        } else if keyword == "LIMITS" {
            words.for_each(|word| self.read_limit(word));
        } else if keyword == "AUTH" {
            self.add_mechanisms(words);
        } else if let Some(first) = keyword.strip_prefix(OLD_AUTH) {
            self.add_mechanisms(std::iter::once(first).chain(words));
        }
    }

    /// RFC 9422 section 4: a limit of nothing, or that is no number, is none.
    fn read_limit(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else {
            return;
        };
        let value = value.parse().ok().filter(|limit| *limit > 0);
        match name {
            "RCPTMAX" => self.rcpt_max = value,
            "MAILMAX" => self.mail_max = value,
            _ => {}
        }
    }

    fn add_mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words {
            if !word.is_empty() && !self.auth.iter().any(|known| known == word) {
                self.auth.push(word.to_owned());
            }
        }
    }
}

/// Servers of the time before RFC 2554 (and many since, for the sake of their
/// clients) write `AUTH=LOGIN PLAIN`. Read, never printed.
const OLD_AUTH: &str = "AUTH=";

/// Reads or sets one keyword that has no value.
type Flag = fn(&mut Caps) -> &mut bool;

/// Keywords without a value, in the order in which ours are printed.
const KEYWORDS: [(&str, Flag); 12] = [
    ("PIPELINING", |caps| &mut caps.pipelining),
    ("8BITMIME", |caps| &mut caps.eight_bit_mime),
    ("SMTPUTF8", |caps| &mut caps.smtputf8),
    ("CHUNKING", |caps| &mut caps.chunking),
    ("BINARYMIME", |caps| &mut caps.binarymime),
    ("DSN", |caps| &mut caps.dsn),
    ("ENHANCEDSTATUSCODES", |caps| &mut caps.enhanced),
    ("STARTTLS", |caps| &mut caps.starttls),
    ("VRFY", |caps| &mut caps.vrfy),
    ("EXPN", |caps| &mut caps.expn),
    ("ETRN", |caps| &mut caps.etrn),
    ("HELP", |caps| &mut caps.help),
];

/// A limit too large for us is none that we could break; what is no number
/// says nothing (0, no limit).
fn size_limit(word: &str) -> u64 {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        word.parse().unwrap_or(u64::MAX)
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
