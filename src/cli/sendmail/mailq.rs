//! `mailq`, `-bp`: the queue in the format of Postfix (its long queue ids),
//! which is what monitoring reads. Nothing goes to stderr.

use jiff::tz::TimeZone;

use super::super::output::{Out, escape};
use super::super::{Done, Stop};
use crate::config::Config;
use crate::smtp::addr::ReversePath;
use crate::spool::{Busy, Entry, Head, Outcome, Place, Spool, State};

const HEADING: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
/// Blanks before a recipient.
const INDENT: usize = 47;
/// Reasons end at this column where they fit.
const RIGHT_EDGE: usize = 78;

/// For the sender of another's mail.
const HIDDEN: &str = "(hidden)";

/// `-bp`
pub fn list(config: &Config) -> Done {
    let mut out = Out::stdout(false);
    let Some(spool) = super::existing(config)? else {
        return empty(out);
    };
    let viewer = Viewer::of(config, &spool);
    let zone = TimeZone::system();
    let busy = Busy::now();
    let (mut count, mut octets) = (0u64, 0u64);
    for entry in entries(&spool)? {
        // One that left the queue meanwhile is no longer in it.
        let Some(item) = Item::read(&spool, &entry, &busy) else {
            continue;
        };
        out.raw(if count == 0 { HEADING } else { "\n" }.as_bytes())?;
        out.raw(item.print(&zone, &viewer).as_bytes())?;
        count += 1;
        octets = octets.saturating_add(item.size);
    }
    if count == 0 {
        return empty(out);
    }
    out.raw(totals(count, octets, config.mailq_total).as_bytes())?;
    out.flush()
}

/// `-bP`
pub fn count(config: &Config) -> Done {
    let count = match super::existing(config)? {
        Some(spool) => entries(&spool)?.len(),
        None => 0,
    };
    let mut out = Out::stdout(false);
    out.line(&count.to_string())?;
    out.flush()
}

fn empty(mut out: Out) -> Done {
    out.line("Mail queue is empty")?;
    out.flush()
}

/// What is queued, by arrival.
fn entries(spool: &Spool) -> Result<Vec<Entry>, Stop> {
    let mut entries = spool.list()?;
    entries.retain(|e| e.place != Place::Failed);
    entries.sort_unstable_by_key(|e| e.id);
    Ok(entries)
}

/// The line that `check_mailq` looks for in its sendmail mode goes before the
/// last, which belongs to everybody else.
fn totals(count: u64, octets: u64, with_total: bool) -> String {
    let total = if with_total {
        format!("\t\tTotal requests: {count}\n")
    } else {
        String::new()
    };
    let s = if count == 1 { "" } else { "s" };
    format!(
        "\n{total}-- {} Kbytes in {count} Request{s}.\n",
        octets / 1024
    )
}

/// Whose addresses may be shown.
enum Viewer {
    All,
    /// Those of mail that this user submitted.
    Own(u32),
}

impl Viewer {
    /// `mailq_private`: root and the spool's owner see all the same.
    fn of(config: &Config, spool: &Spool) -> Viewer {
        let uid = rustix::process::getuid();
        match config.mailq_private && !uid.is_root() && uid.as_raw() != spool.owner() {
            true => Viewer::Own(uid.as_raw()),
            false => Viewer::All,
        }
    }

    fn may_see(&self, head: &Head) -> bool {
        match self {
            Viewer::All => true,
            Viewer::Own(uid) => {
                let origin = &head.envelope.origin;
                let own = ("uid".to_owned(), uid.to_string());
                origin.kind == "local" && origin.words.contains(&own)
            }
        }
    }
}

/// One message.
struct Item {
    entry: Entry,
    size: u64,
    /// A runner is at work on it.
    is_busy: bool,
    /// Head and state; `None` where they cannot be read.
    known: Option<(Head, State)>,
}

impl Item {
    fn read(spool: &Spool, entry: &Entry, busy: &Busy) -> Option<Item> {
        let item = |entry: &Entry| {
            let head = spool.head(entry).ok()?;
            let state = spool.state(entry.id).unwrap_or_default();
            Some((entry.clone(), head, state))
        };
        // The name may have changed since the directory was read.
        let found = || spool.find(entry.id.as_str()).ok();
        let (entry, known) = match item(entry) {
            Some((entry, head, state)) => (entry, Some((head, state))),
            None => match found() {
                Some(entry) => {
                    let known = item(&entry).map(|(_, head, state)| (head, state));
                    (entry, known)
                }
                None => return None,
            },
        };
        let size = known
            .as_ref()
            .map_or(entry.size, |(head, _)| head.check.length);
        Some(Item {
            is_busy: busy.has(spool, &entry),
            entry,
            size,
            known,
        })
    }

    fn print(&self, zone: &TimeZone, viewer: &Viewer) -> String {
        let mark = match self.entry.place {
            Place::Held => "!",
            _ if self.is_busy => "*",
            _ => "",
        };
        let id = format!("{}{mark}", self.entry.id);
        let (time, sender) = match &self.known {
            Some((head, _)) => (
                head.envelope
                    .origin
                    .time
                    .to_zoned(zone.clone())
                    .strftime("%a %b %e %H:%M:%S")
                    .to_string(),
                match viewer.may_see(head) {
                    true => sender(&head.envelope.sender),
                    false => HIDDEN.to_owned(),
                },
            ),
            None => (String::new(), "(unreadable)".to_owned()),
        };
        let mut text = format!("{id:<17} {:>8} {time:>19} {}\n", self.size, escape(&sender));
        if let Some((head, state)) = &self.known
            && viewer.may_see(head)
        {
            recipients(head, state, &mut text);
        }
        text
    }
}

fn sender(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => "MAILER-DAEMON".to_owned(),
        ReversePath::Mailbox(mailbox) => mailbox.to_string(),
    }
}

/// Those still to do, each under the reason why, where there is one.
fn recipients(head: &Head, state: &State, text: &mut String) {
    let mut said = String::new();
    for (i, recipient) in head.envelope.recipients.iter().enumerate() {
        let Some(reason) = open_with_reason(state, i) else {
            continue;
        };
        if reason != said {
            if !reason.is_empty() {
                let width = RIGHT_EDGE;
                text.push_str(&format!("{:>width$}\n", format!("({})", escape(&reason))));
            }
            said = reason;
        }
        let address = recipient.address.to_string();
        text.push_str(&format!("{:INDENT$}{}\n", "", escape(&address)));
    }
}

/// `None`: settled. Else why the recipient still waits, as far as known.
fn open_with_reason(state: &State, recipient: usize) -> Option<String> {
    let Some(targets) = &state.targets else {
        return Some(String::new());
    };
    let mut is_open = false;
    let mut reason = String::new();
    for (number, target) in targets.iter().enumerate() {
        let Ok(number) = u32::try_from(number) else {
            break;
        };
        if usize::try_from(target.recipient) != Ok(recipient) || state.settled(number).is_some() {
            continue;
        }
        is_open = true;
        let last = state.attempts.iter().rev().find(|a| a.target == number);
        if let Some(last) = last.filter(|a| a.result != Outcome::Delivered)
            && reason.is_empty()
        {
            reason = match (&last.host, &last.address) {
                (Some(host), Some(address)) if last.remote => {
                    format!("host {host}[{address}] said: {}", last.text)
                }
                (Some(host), None) if last.remote => format!("host {host} said: {}", last.text),
                _ => last.text.clone(),
            };
        }
    }
    is_open.then_some(reason)
}

#[cfg(test)]
mod tests;
