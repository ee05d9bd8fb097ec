//! What the messages themselves say of destination and reason, kept for the
//! next look.
//!
//! Lines of tab-separated text, the messages in the order of their ids:
//! `D domain`, `R reason`, `G domains reason` (by number, as they came) and
//! `M id state due arrived group`. A line of a message holds as long as its
//! name: each attempt changes that. Whatever does not read right is read anew
//! from the message.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use super::super::select::{last_failure, state_name};
use crate::cli::Stop;
use crate::cli::progress::Progress;
use crate::route::domain_key;
use crate::smtp::addr::Mailbox;
use crate::spool::{Entry, Head, Spool, State, unexpanded};

const FIRST_LINE: &str = "smtputils-stats\t1";

/// Reasons that differ in more than this many characters are told apart no
/// longer.
const REASON: usize = 160;

/// What was seen of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Unix seconds.
    pub arrived: u64,
    pub group: u32,
}

/// Texts by number.
#[derive(Debug, Default)]
struct Texts {
    by_number: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.by_number.len()).unwrap_or(u32::MAX);
        self.by_number.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        self.by_number.get(number as usize).map_or("", |t| t)
    }
}

/// Domains and reason that many messages share.
type Group = (Box<[u32]>, u32);

/// Everything learnt but the messages themselves.
#[derive(Debug, Default)]
pub struct Learnt {
    domains: Texts,
    reasons: Texts,
    groups: Vec<Group>,
    group_numbers: HashMap<Group, u32>,
}

impl Learnt {
    pub fn domain(&self, number: u32) -> &str {
        self.domains.text(number)
    }

    pub fn reason(&self, number: u32) -> &str {
        self.reasons.text(number)
    }

    /// Numbers of the domains and of the reason.
    pub fn group(&self, number: u32) -> (&[u32], u32) {
        match self.groups.get(number as usize) {
            Some((domains, reason)) => (domains, *reason),
            None => (&[], 0),
        }
    }

    fn group_number(&mut self, group: Group) -> u32 {
        if let Some(number) = self.group_numbers.get(&group) {
            return *number;
        }
        let number = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.groups.push(group.clone());
        self.group_numbers.insert(group, number);
        number
    }

    /// Takes a message in; `None`: it cannot be read now.
    fn read(&mut self, spool: &Spool, entry: &Entry) -> Option<Seen> {
        let head = spool.head(entry).ok()?;
        let state = spool.state(entry.id).unwrap_or_default();
        let mut domains: Vec<u32> = open_domains(&head, &state)
            .iter()
            .map(|domain| self.domains.number(domain))
            .collect();
        domains.sort_unstable();
        domains.dedup();
        let reason = last_failure(&state).map_or("not tried yet".to_owned(), |a| {
            reason_group(&a.status, &a.text)
        });
        let reason = self.reasons.number(&reason);
        Some(Seen {
            arrived: u64::try_from(head.envelope.origin.time.as_second()).unwrap_or(0),
            group: self.group_number((domains.into(), reason)),
        })
    }
}

/// Domains of those who are still to get it.
fn open_domains(head: &Head, state: &State) -> Vec<String> {
    let unexpanded = unexpanded(head);
    let targets = state.targets.as_deref().unwrap_or(&unexpanded);
    let open = targets
        .iter()
        .zip(state.last(targets.len()))
        .filter(|(_, last)| !last.is_some_and(|a| a.result.is_final()));
    open.map(|(target, _)| match Mailbox::parse(&target.to) {
        Ok(m) => domain_key(&m.domain).unwrap_or_else(|_| m.domain.to_string()),
        Err(_) => "(here)".to_owned(),
    })
    .collect()
}

/// A reason without what differs from one message to the next: addresses,
/// numbers, ids.
pub fn reason_group(status: &str, text: &str) -> String {
    let mut group = status.to_owned();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if bare.is_empty() || bare == status {
            continue;
        }
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        let is_code = bare.len() == 3 && digits == 3;
        let shown = match () {
            () if bare.contains('@') => "<address>",
            () if is_code => word,
            () if digits * 3 > bare.len() || (digits > 2 && bare.len() > 9) => "#",
            () => word,
        };
        group.push(' ');
        group.push_str(shown);
        if group.len() > REASON {
            break;
        }
    }
    group.chars().take(REASON).collect()
}

/// Calls `see` with each message and what is known of it; `entries` are sorted
/// by id. What is read anew is kept, where it may be.
pub fn learn(
    spool: &Spool,
    entries: &[Entry],
    progress: &Progress,
    mut see: impl FnMut(&Entry, Seen, &Learnt),
) -> Result<(), Stop> {
    let mut learnt = Learnt::default();
    let mut kept = Kept::open(spool);
    // Places in `entries` of what is not in the file, and what they are.
    let mut fresh: Vec<(usize, Seen)> = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let known = kept.find(entry, &mut learnt);
        let seen = match known {
            Some(seen) => Some(seen),
            None => {
                let seen = learnt.read(spool, entry);
                fresh.extend(seen.map(|seen| (n, seen)));
                seen
            }
        };
        if let Some(seen) = seen {
            see(entry, seen, &learnt);
        }
        progress.step();
    }
    let gone = kept.lines.saturating_sub(entries.len() - fresh.len());
    if (fresh.len() + gone) * 100 > entries.len() {
        // Somebody else's spool: the next look takes as long.
        let _ = spool.keep_stats(|out| keep(spool, entries, &fresh, learnt, out));
    }
    Ok(())
}

/// Writes what was in the file and still holds, and what is new.
fn keep(
    spool: &Spool,
    entries: &[Entry],
    fresh: &[(usize, Seen)],
    mut learnt: Learnt,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut kept = Kept::open(spool);
    let mut fresh = fresh.iter().peekable();
    let mut told = Told::default();
    writeln!(out, "{FIRST_LINE}")?;
    for (n, entry) in entries.iter().enumerate() {
        let new = fresh.next_if(|(at, _)| *at == n).map(|(_, seen)| *seen);
        let Some(seen) = new.or_else(|| kept.find(entry, &mut learnt)) else {
            continue;
        };
        let group = told.group(&learnt, seen.group, out)?;
        writeln!(
            out,
            "M\t{}\t{}\t{}\t{}\t{group}",
            entry.id,
            state_name(entry.place),
            entry.due,
            seen.arrived
        )?;
    }
    Ok(())
}

/// Numbers of what was written: only what is used gets one.
#[derive(Default)]
struct Told {
    domains: HashMap<u32, usize>,
    reasons: HashMap<u32, usize>,
    groups: HashMap<u32, usize>,
}

impl Told {
    fn group(&mut self, learnt: &Learnt, group: u32, out: &mut dyn Write) -> io::Result<usize> {
        if let Some(number) = self.groups.get(&group) {
            return Ok(*number);
        }
        let (domains, reason) = learnt.group(group);
        let mut numbers = Vec::with_capacity(domains.len());
        for domain in domains {
            let text = learnt.domain(*domain);
            numbers.push(told(&mut self.domains, *domain, 'D', text, out)?.to_string());
        }
        let reason = told(&mut self.reasons, reason, 'R', learnt.reason(reason), out)?;
        writeln!(out, "G\t{}\t{reason}", numbers.join(","))?;
        let number = self.groups.len();
        self.groups.insert(group, number);
        Ok(number)
    }
}

fn told(
    numbers: &mut HashMap<u32, usize>,
    number: u32,
    kind: char,
    text: &str,
    out: &mut dyn Write,
) -> io::Result<usize> {
    if let Some(number) = numbers.get(&number) {
        return Ok(*number);
    }
    // A tab or line end in it would be read as another field.
    let plain = text.replace(char::is_control, "?");
    writeln!(out, "{kind}\t{plain}")?;
    let told = numbers.len();
    numbers.insert(number, told);
    Ok(told)
}

/// The file, read along with the list.
struct Kept {
    input: Option<BufReader<Box<dyn Read>>>,
    line: String,
    domains: Vec<u32>,
    reasons: Vec<u32>,
    groups: Vec<u32>,
    /// The message whose line was read last.
    next: Option<(String, String, u64, Seen)>,
    /// Lines of messages so far.
    lines: usize,
}

impl Kept {
    fn open(spool: &Spool) -> Kept {
        let file = spool.kept_stats().ok().flatten();
        Kept::new(file.map(|file| Box::new(file) as Box<dyn Read>))
    }

    fn new(file: Option<Box<dyn Read>>) -> Kept {
        let mut kept = Kept {
            input: file.map(|file| BufReader::with_capacity(1 << 18, file)),
            line: String::new(),
            domains: Vec::new(),
            reasons: Vec::new(),
            groups: Vec::new(),
            next: None,
            lines: 0,
        };
        if !kept.read_line() || kept.line != FIRST_LINE {
            kept.input = None;
        }
        kept
    }

    /// False at the end, and where there is no reading on.
    fn read_line(&mut self) -> bool {
        let Some(input) = &mut self.input else {
            return false;
        };
        self.line.clear();
        let read = input.read_line(&mut self.line);
        let is_whole = self.line.ends_with('\n');
        self.line.truncate(self.line.trim_end_matches('\n').len());
        if !is_whole || read.is_err() {
            self.input = None;
        }
        is_whole
    }

    /// What is kept of this message, if that still holds; to be asked in the
    /// order of ids.
    fn find(&mut self, entry: &Entry, learnt: &mut Learnt) -> Option<Seen> {
        let id = entry.id.as_str();
        loop {
            match &self.next {
                Some((next, ..)) if next.as_str() > id => return None,
                Some((next, state, due, seen)) if next == id => {
                    let holds = *due == entry.due && state == state_name(entry.place);
                    return holds.then_some(*seen);
                }
                _ => {}
            }
            if !self.read_line() {
                return None;
            }
            // What is wrong in one line makes all that follows doubtful.
            if self.take_line(learnt).is_none() {
                self.input = None;
                return None;
            }
        }
    }

    fn take_line(&mut self, learnt: &mut Learnt) -> Option<()> {
        let mut fields = self.line.split('\t');
        match fields.next()? {
            "D" => self.domains.push(learnt.domains.number(fields.next()?)),
            "R" => self.reasons.push(learnt.reasons.number(fields.next()?)),
            "G" => {
                let numbers = fields.next()?.split(',').filter(|n| !n.is_empty());
                let domains = numbers
                    .map(|n| self.domains.get(n.parse::<usize>().ok()?).copied())
                    .collect::<Option<Vec<u32>>>()?;
                let reason = fields.next()?.parse::<usize>().ok()?;
                let reason = *self.reasons.get(reason)?;
                let group = learnt.group_number((domains.into(), reason));
                self.groups.push(group);
            }
            "M" => {
                let (id, state) = (fields.next()?, fields.next()?);
                let due = fields.next()?.parse().ok()?;
                let arrived = fields.next()?.parse().ok()?;
                let group = *self.groups.get(fields.next()?.parse::<usize>().ok()?)?;
                let seen = Seen { arrived, group };
                self.lines += 1;
                self.next = Some((id.to_owned(), state.to_owned(), due, seen));
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{Id, Place};

    fn entry(id: &str, due: u64) -> Entry {
        Entry {
            id: Id::parse(id).unwrap(),
            place: Place::Deferred,
            size: 1,
            due,
        }
    }

    const KEPT: &str = "smtputils-stats\t1\nD\ta.example\nR\tlater\nG\t0\t0\n\
        M\t0A\tdeferred\t5\t1\t0\nM\t0B\tdeferred\t5\t2\t0\nD\tb.example\nG\t0,1\t0\nM\t0D\tdeferred\t7\t3\t1\n";

    #[test]
    fn what_is_kept_holds_as_long_as_the_name() {
        let mut kept = Kept::new(Some(Box::new(KEPT.as_bytes())));
        let mut learnt = Learnt::default();
        let mut find = |id, due| {
            let seen = kept.find(&entry(id, due), &mut learnt)?;
            let (domains, reason) = learnt.group(seen.group);
            assert_eq!(learnt.reason(reason), "later");
            let names: Vec<&str> = domains.iter().map(|d| learnt.domain(*d)).collect();
            Some((seen.arrived, names.join(" ")))
        };
        assert_eq!(find("0A", 5), Some((1, "a.example".to_owned())));
        assert_eq!(find("0B", 6), None);
        assert_eq!(find("0C", 5), None);
        assert_eq!(find("0D", 7), Some((3, "a.example b.example".to_owned())));
        assert_eq!(find("0E", 7), None);
    }

    #[test]
    fn what_does_not_read_right_is_not_known() {
        for broken in [
            "",
            "smtputils-stats\t2\n",
            &KEPT.replace("G\t0\t0", "G\t7\t0"),
            &KEPT.replace("\t1\t0\nM\t0B", "\tx\t0\nM\t0B"),
            &KEPT[..40],
            &KEPT.replace("R\tlater", "\u{0}"),
        ] {
            let octets = broken.as_bytes().to_vec();
            let mut kept = Kept::new(Some(Box::new(io::Cursor::new(octets))));
            assert_eq!(
                kept.find(&entry("0A", 5), &mut Learnt::default()),
                None,
                "{broken}"
            );
        }
        assert!(
            Kept::new(None)
                .find(&entry("0A", 5), &mut Learnt::default())
                .is_none()
        );
    }

    #[test]
    fn reasons_are_grouped_by_what_they_have_in_common() {
        for (text, group) in [
            (
                "450 4.2.1 <bob@x.example>: mailbox full (A1B2C3D4E5F6)",
                "4.2.1 450 <address> mailbox full #",
            ),
            (
                "421 try later, 192.0.2.7 has 120 connections",
                "4.2.1 421 try later, # has 120 connections",
            ),
            ("a\tb\nc", "4.2.1 a b c"),
        ] {
            assert_eq!(reason_group("4.2.1", text), group);
        }
        assert!(reason_group("4.2.1", &"x ".repeat(1000)).len() <= REASON);
    }
}
