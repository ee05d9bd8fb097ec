//! What a reply to a question about an address means. Enhanced codes first, then
//! the words of big providers, then the code alone (VF-05, VF-08).

use std::time::Duration;

use crate::smtp::reply::{Enhanced, Reply};

/// The meaning of one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Good,
    /// 252: the server will not say.
    NotTold,
    NoUser,
    Full,
    Disabled,
    /// Come back later; that is all.
    Greylisted,
    /// We are refused, not the address.
    Blocked(Cause),
    RateLimited,
    /// Another temporary failure.
    Later,
    /// Another refusal, which says nothing about the address.
    Refused,
    /// The command is unknown there.
    NotSupported,
}

/// What of ours a host takes offence at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Address,
    /// Host name, EHLO name, reverse name.
    Name,
    Blocklist,
    Sender,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::Address => "our address",
            Cause::Name => "our name",
            Cause::Blocklist => "a blocklist",
            Cause::Sender => "the sender given",
        }
    }
}

/// Words that some provider uses, and what they mean there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// First digits of the codes it is about: `5`, `550`.
    codes: String,
    /// Lower case, anywhere in the reply.
    words: String,
    meaning: Meaning,
}

impl Pattern {
    /// One line of the table: meaning, codes, words, separated by tabs; what
    /// follows is for people.
    pub fn parse(line: &str) -> Result<Pattern, String> {
        let mut fields = line.split('\t');
        let (Some(meaning), Some(codes), Some(words)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err("expected meaning, codes and words, separated by tabs".to_owned());
        };
        let known = MEANINGS.iter().find(|(name, _)| *name == meaning);
        let Some((_, meaning)) = known else {
            return Err(format!("no such meaning: {meaning}"));
        };
        if codes.is_empty() || codes.len() > 3 || !codes.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("no codes: {codes}"));
        }
        if words.trim().is_empty() {
            return Err("no words".to_owned());
        }
        Ok(Pattern {
            codes: codes.to_owned(),
            words: words.to_lowercase(),
            meaning: *meaning,
        })
    }
}

const MEANINGS: [(&str, Meaning); 12] = [
    ("no-user", Meaning::NoUser),
    ("full", Meaning::Full),
    ("disabled", Meaning::Disabled),
    ("greylisted", Meaning::Greylisted),
    ("blocked-address", Meaning::Blocked(Cause::Address)),
    ("blocked-name", Meaning::Blocked(Cause::Name)),
    ("blocked-list", Meaning::Blocked(Cause::Blocklist)),
    ("blocked-sender", Meaning::Blocked(Cause::Sender)),
    ("rate-limited", Meaning::RateLimited),
    ("later", Meaning::Later),
    ("refused", Meaning::Refused),
    ("not-told", Meaning::NotTold),
];

/// The meaning of a reply to RCPT, VRFY or EXPN.
pub fn judge(reply: &Reply, table: &[Pattern]) -> Meaning {
    match reply.code {
        250 | 251 => return Meaning::Good,
        252 => return Meaning::NotTold,
        500 | 502 | 504 => return Meaning::NotSupported,
        200..400 => return Meaning::NotTold,
        _ => {}
    }
    let class = if reply.is_permanent() { 5 } else { 4 };
    let enhanced = reply.enhanced.filter(|e| e.0 == class);
    let text = reply.lines.join(" ").to_lowercase();
    let by_words = || by_words(reply.code, &text, table);
    match enhanced.and_then(by_enhanced) {
        // A policy refusal is never "no such user", whatever it says.
        Some(Meaning::Blocked(_)) => Meaning::Blocked(cause(enhanced, &text)),
        Some(meaning) => meaning,
        None => match by_words() {
            Some(Meaning::NoUser) if is_policy(enhanced) => {
                Meaning::Blocked(cause(enhanced, &text))
            }
            Some(meaning) => meaning,
            None => by_code(reply.code, enhanced),
        },
    }
}

/// The meaning of a refusal before any recipient was named: greeting, EHLO,
/// MAIL. It is about us, never about an address.
pub fn judge_opening(reply: &Reply, table: &[Pattern]) -> Meaning {
    match judge(reply, table) {
        kept @ (Meaning::Blocked(_) | Meaning::RateLimited | Meaning::Greylisted) => kept,
        _ if reply.is_transient() => Meaning::Later,
        _ => {
            let text = reply.lines.join(" ").to_lowercase();
            Meaning::Blocked(cause(reply.enhanced, &text))
        }
    }
}

fn is_policy(enhanced: Option<Enhanced>) -> bool {
    enhanced.is_some_and(|e| e.1 == 7)
}

/// Codes of RFC 3463, 7372 and 7505 that leave no doubt.
fn by_enhanced(Enhanced(class, subject, detail): Enhanced) -> Option<Meaning> {
    Some(match (class, subject, detail) {
        (5, 1, 1 | 2 | 3 | 6 | 10) => Meaning::NoUser,
        (_, 1, 7 | 8) => Meaning::Blocked(Cause::Sender),
        (5, 2, 1) => Meaning::Disabled,
        (_, 2, 2) => Meaning::Full,
        (4, 5, 3) => Meaning::RateLimited,
        (5, 7, _) => Meaning::Blocked(Cause::Address),
        _ => return None,
    })
}

fn by_words(code: u16, text: &str, table: &[Pattern]) -> Option<Meaning> {
    let code = code.to_string();
    let fits = |p: &&Pattern| code.starts_with(&p.codes) && text.contains(&p.words);
    table.iter().find(fits).map(|p| p.meaning)
}

/// The last resort (RFC 5321 section 4.2.3).
fn by_code(code: u16, enhanced: Option<Enhanced>) -> Meaning {
    match code {
        550 | 551 | 553 if enhanced.is_none_or(|e| matches!(e.1, 0 | 1)) => Meaning::NoUser,
        552 => Meaning::Full,
        421 => Meaning::RateLimited,
        450 => Meaning::Greylisted,
        451 if is_policy(enhanced) => Meaning::Greylisted,
        400..500 => Meaning::Later,
        _ => Meaning::Refused,
    }
}

/// RFC 7372 names some; else the words do.
fn cause(enhanced: Option<Enhanced>, text: &str) -> Cause {
    const LIST: [&str; 9] = [
        "spamhaus",
        "blocklist",
        "blacklist",
        "block list",
        "black list",
        "dnsbl",
        "rbl",
        "barracuda",
        "listed",
    ];
    const NAME: [&str; 7] = [
        "helo",
        "ehlo",
        "reverse",
        "ptr",
        "rdns",
        "hostname",
        "host name",
    ];
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match enhanced {
        Some(Enhanced(_, 7, 25 | 27)) => Cause::Name,
        Some(Enhanced(_, 1, 7 | 8)) => Cause::Sender,
        _ if any(&LIST) => Cause::Blocklist,
        _ if any(&NAME) => Cause::Name,
        _ if text.contains("sender") => Cause::Sender,
        _ => Cause::Address,
    }
}

/// Shortest and longest wait before asking a greylisting host again; the one
/// where it names no time.
const SOONEST: Duration = Duration::from_secs(30);
const LATEST: Duration = Duration::from_secs(4 * 3600);
const USUAL: Duration = Duration::from_secs(300);

/// When to ask again: a host may name its time (`in 300 seconds`, `5 minutes`).
pub fn wait(reply: &Reply) -> Duration {
    let text = reply.lines.join(" ").to_lowercase();
    named_wait(&text).map_or(USUAL, |named| named.clamp(SOONEST, LATEST))
}

fn named_wait(text: &str) -> Option<Duration> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).peekable();
    while let Some(word) = words.next() {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = word.split_at(digits);
        let Ok(number) = number.parse::<u32>() else {
            continue;
        };
        let unit = match unit {
            "" => words.peek().copied().unwrap_or_default(),
            unit => unit,
        };
        let second = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            _ => continue,
        };
        return Some(Duration::from_secs(u64::from(number) * second));
    }
    None
}

#[cfg(test)]
mod tests;
