//! Which messages a command means: ids, their beginnings, ids on standard input,
//! filters.

use jiff::Timestamp;

use crate::cli::words::words;
use crate::cli::{Done, Stop, Worst};
use crate::config::{parse_duration, parse_size};
use crate::route::domain_key;
use crate::smtp::addr::Domain;
use crate::spool::{Entry, Head, Outcome, Place, Spool, SpoolError, State, the_one};

/// Ids, filters, or both: then the messages named that match.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Selection {
    /// Message ids, or their unique beginnings; - reads them from standard input
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub filter: Filter,
}

impl Selection {
    /// Does `act` for each message meant, reports each failure, and gives the
    /// worst of them.
    pub fn each(
        &self,
        tool: &'static str,
        spool: &Spool,
        mut act: impl FnMut(&Entry) -> Done,
    ) -> Done {
        if !self.ids.is_empty() {
            let now = Timestamp::now();
            return each(tool, spool, &self.ids, |entry| {
                match self.filter.is_empty() || self.filter.takes(spool, entry, now)? {
                    true => act(entry),
                    false => Ok(()),
                }
            });
        }
        if self.filter.is_empty() {
            let words = "say which messages: <ID>, - for ids on standard input, or a filter";
            return Err(Stop::usage(words));
        }
        let mut worst = Worst::new(tool);
        for entry in self.filter.matching(spool)? {
            worst.take(entry.id.as_str(), act(&entry))?;
        }
        worst.end()
    }
}

/// Does `act` for each message named, reports each failure, and gives the
/// worst of them.
pub fn each(
    tool: &'static str,
    spool: &Spool,
    args: &[String],
    mut act: impl FnMut(&Entry) -> Done,
) -> Done {
    let mut worst = Worst::new(tool);
    let mut finder = Finder::new(spool);
    for word in words(args) {
        let word = word?;
        let done = match finder.find(&word) {
            Ok(entry) => act(&entry),
            Err(error) => Err(error.into()),
        };
        worst.take(&word, done)?;
    }
    worst.end()
}

/// Finds messages by the beginnings of their ids. For a few it asks the spool;
/// for many it reads the directories once.
struct Finder<'s> {
    spool: &'s Spool,
    asked: usize,
    all: Option<Vec<Entry>>,
}

/// Questions after which all names are kept.
const FEW: usize = 3;

impl<'s> Finder<'s> {
    fn new(spool: &'s Spool) -> Finder<'s> {
        Finder {
            spool,
            asked: 0,
            all: None,
        }
    }

    fn find(&mut self, prefix: &str) -> Result<Entry, SpoolError> {
        self.asked += 1;
        if self.asked > FEW && self.all.is_none() {
            self.all = Some(self.spool.list()?);
        }
        match &self.all {
            // It may have come since.
            Some(all) => match the_one(all, prefix) {
                Err(SpoolError::NoSuchId(_)) => self.spool.find(prefix),
                found => found,
            },
            None => self.spool.find(prefix),
        }
    }
}

/// A place as the lists call it.
pub fn state_name(place: Place) -> &'static str {
    match place {
        Place::New => "new",
        Place::Deferred => "deferred",
        Place::Held => "held",
        Place::Failed => "failed",
        Place::Removed => "removed",
    }
}

/// An age or a size: at least so much, or with `-` before it less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    value: u64,
    is_below: bool,
}

impl Bound {
    fn parse(text: &str, value: impl Fn(&str) -> Option<u64>) -> Result<Bound, String> {
        let is_below = text.starts_with('-');
        let number = text.strip_prefix(['-', '+']).unwrap_or(text);
        let value = value(number).ok_or("expected one like 2h or 10K, -2h or -10K for less")?;
        Ok(Bound { value, is_below })
    }

    fn age(text: &str) -> Result<Bound, String> {
        Bound::parse(text, |t| parse_duration(t).map(|d| d.as_secs()))
    }

    fn size(text: &str) -> Result<Bound, String> {
        Bound::parse(text, parse_size)
    }

    fn holds(self, value: u64) -> bool {
        (value < self.value) == self.is_below
    }
}

/// Filters; all that are given have to match. Text is found without regard to
/// case.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only messages whose sender holds this text
    #[arg(long, value_name = "TEXT")]
    pub sender: Option<String>,
    /// Only messages with a recipient that holds this text
    #[arg(long, value_name = "TEXT")]
    pub recipient: Option<String>,
    /// Only messages with a recipient in this domain (.DOMAIN: below it)
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Only messages whose last failure holds this text
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only messages at least this old, like 2h (-2h: younger)
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = Bound::age)]
    pub age: Option<Bound>,
    /// Only messages at least this large, like 10K (-10K: smaller)
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = Bound::size)]
    pub size: Option<Bound>,
    /// Only messages in this state: new, deferred, held, failed
    #[arg(long, value_name = "STATE", value_delimiter = ',',
          value_parser = ["new", "deferred", "held", "failed", "removed"])]
    pub state: Vec<String>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.state.is_empty() && self.age.is_none() && self.size.is_none() && !self.opens()
    }

    /// Has an envelope to be read?
    pub fn opens(&self) -> bool {
        [&self.sender, &self.recipient, &self.domain, &self.reason]
            .iter()
            .any(|f| f.is_some())
    }

    /// What names say; `None`: they do not say it.
    pub fn takes_name(&self, entry: &Entry, now: Timestamp) -> Option<bool> {
        let state =
            self.state.is_empty() || self.state.iter().any(|s| s == state_name(entry.place));
        if !state || self.size.is_some_and(|b| !b.holds(entry.size)) {
            return Some(false);
        }
        match (self.age, entry.id.time()) {
            (None, _) => Some(true),
            (Some(bound), Some(then)) => Some(bound.holds(seconds_since(then, now))),
            (Some(_), None) => None,
        }
    }

    /// Opens the message only where its name does not decide. Gone by now: it is
    /// not taken.
    pub fn takes(&self, spool: &Spool, entry: &Entry, now: Timestamp) -> Result<bool, SpoolError> {
        match (self.takes_name(entry, now), self.opens()) {
            (Some(false), _) => return Ok(false),
            (Some(true), false) => return Ok(true),
            _ => {}
        }
        let head = match spool.head(entry) {
            Err(SpoolError::NoSuchId(_)) => return Ok(false),
            head => head?,
        };
        if !self.takes_head(&head, now) {
            return Ok(false);
        }
        match &self.reason {
            None => Ok(true),
            Some(reason) => Ok(takes_reason(&spool.state(entry.id)?, reason)),
        }
    }

    fn takes_head(&self, head: &Head, now: Timestamp) -> bool {
        let envelope = &head.envelope;
        let age = seconds_since(envelope.origin.time, now);
        let recipients = &envelope.recipients;
        self.age.is_none_or(|bound| bound.holds(age))
            && holds(&envelope.sender.to_string(), self.sender.as_deref())
            && (self.recipient.is_none()
                || recipients
                    .iter()
                    .any(|r| holds(&r.address.to_string(), self.recipient.as_deref())))
            && self
                .domain
                .as_deref()
                .is_none_or(|domain| recipients.iter().any(|r| is_in(&r.address.domain, domain)))
    }

    /// All messages that match, sorted by id. What cannot be read is not taken:
    /// whoever acts on it names it.
    pub fn matching(&self, spool: &Spool) -> Result<Vec<Entry>, SpoolError> {
        let now = Timestamp::now();
        let mut entries = match self.state.iter().any(|s| s == state_name(Place::Removed)) {
            true => spool.removed()?,
            false => Vec::new(),
        };
        spool.each_entry(|entry| {
            if self.takes_name(&entry, now) != Some(false) {
                entries.push(entry);
            }
            true
        })?;
        entries.sort_unstable_by_key(|e| (e.id, e.place, e.due));
        entries.dedup_by_key(|e| e.id);
        entries.retain(|entry| self.takes(spool, entry, now).unwrap_or(false));
        Ok(entries)
    }
}

fn holds(text: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
}

fn is_in(domain: &Domain, wanted: &str) -> bool {
    let (parent, name) = match wanted.strip_prefix('.') {
        Some(name) => (true, name),
        None => (false, wanted.trim_start_matches('@')),
    };
    let key = |d: &Domain| domain_key(d).unwrap_or_else(|_| d.to_string().to_lowercase());
    let wanted = Domain::parse(name).map_or_else(|_| name.to_lowercase(), |d| key(&d));
    let has = key(domain);
    match parent {
        true => has
            .strip_suffix(&wanted)
            .is_some_and(|rest| rest.ends_with('.')),
        false => has == wanted,
    }
}

/// The last thing that went wrong.
pub fn last_failure(state: &State) -> Option<&crate::spool::Attempt> {
    let mut attempts = state.attempts.iter().rev();
    attempts.find(|a| a.result != Outcome::Delivered)
}

fn takes_reason(state: &State, reason: &str) -> bool {
    last_failure(state).is_some_and(|a| holds(&format!("{} {}", a.status, a.text), Some(reason)))
}

/// A clock that was set back makes no age.
pub fn seconds_since(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second().saturating_sub(then.as_second())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_least_values_or_with_a_dash_limits() {
        for (text, value, holds) in [
            ("2h", 7200, true),
            ("2h", 7199, false),
            ("+2h", 7201, true),
            ("-2h", 7199, true),
            ("-2h", 7200, false),
        ] {
            assert_eq!(
                Bound::age(text).unwrap().holds(value),
                holds,
                "{text} {value}"
            );
        }
        assert!(Bound::size("10K").unwrap().holds(10 << 10));
        for bad in ["", "-", "x", "--2h", "2 hours"] {
            assert!(Bound::age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_match_whole_or_below() {
        let domain = Domain::parse("Mail.Example.org").unwrap();
        for (wanted, is) in [
            ("mail.example.org", true),
            ("@mail.example.org", true),
            ("example.org", false),
            (".example.org", true),
            (".mail.example.org", false),
            (".ample.org", false),
        ] {
            assert_eq!(is_in(&domain, wanted), is, "{wanted}");
        }
        assert!(is_in(
            &Domain::parse("b\u{fc}cher.example").unwrap(),
            "xn--bcher-kva.example"
        ));
    }
}
