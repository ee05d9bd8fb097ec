//! `history/DATE.jsonl`: a line for each recipient that reached its end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};

use super::error::{Result, SpoolError};
use super::{Head, Id, Spool, State, Target, lines};

/// One recipient's end. The same id and target may come twice after a crash;
/// readers count it once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    pub time: Timestamp,
    pub id: String,
    /// Number of the target.
    pub target: u32,
    /// Address in the envelope, without angle brackets.
    pub recipient: String,
    /// Where it went, as [`Target::to`].
    pub to: String,
    /// Reverse-path, `<>` included.
    pub sender: String,
    /// When the message came, and how.
    pub arrived: Timestamp,
    pub origin: String,
    /// Octets of the message.
    pub size: u64,
    /// `delivered`, `failed`, `removed`.
    pub result: String,
    pub status: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// Attempts that it took.
    pub attempts: u32,
}

/// Octets of history that [`Spool::just_ended`] looks at.
const RECENT: u64 = 256 << 10;

/// Today's file, kept open.
#[derive(Debug)]
pub(super) struct Today {
    name: String,
    file: OwnedFd,
}

/// The lines of a message that ends now; `removed` says why where an operator
/// removed it: then those not settled end so.
pub(super) fn endings(head: &Head, state: &State, removed: Option<&str>) -> Vec<Ending> {
    let now = Timestamp::now();
    let own: Vec<Target>;
    let targets = match &state.targets {
        Some(targets) => targets,
        None => {
            own = unexpanded(head);
            &own
        }
    };
    let last = state.last(targets.len());
    let mut tries = vec![0u32; targets.len()];
    for attempt in &state.attempts {
        if let Some(n) = tries.get_mut(attempt.target as usize) {
            *n = n.saturating_add(1);
        }
    }
    let each = targets.iter().zip(last).zip(tries).enumerate();
    each.map(|(number, ((target, last), attempts))| {
        let settled = last.filter(|a| a.result.is_final());
        let recipients = &head.envelope.recipients;
        let recipient = recipients.get(target.recipient as usize);
        let result = match (settled.map(|a| a.result), removed) {
            (Some(super::Outcome::Delivered), _) => "delivered",
            (Some(_), _) | (None, None) => "failed",
            (None, Some(_)) => "removed",
        };
        let text = settled.map_or(removed.unwrap_or_default(), |a| &a.text);
        Ending {
            time: settled.map_or(now, |a| a.time),
            id: head.id.to_string(),
            target: u32::try_from(number).unwrap_or(u32::MAX),
            recipient: recipient.map(|r| r.address.to_string()).unwrap_or_default(),
            to: target.to.clone(),
            sender: head.envelope.sender.to_string(),
            arrived: head.envelope.origin.time,
            origin: head.envelope.origin.kind.clone(),
            size: head.check.length,
            result: result.to_owned(),
            status: settled.map(|a| a.status.clone()).unwrap_or_default(),
            text: text.to_owned(),
            host: last.and_then(|a| a.host.clone()),
            route: last.and_then(|a| a.route.clone()),
            tls: last.and_then(|a| a.tls.clone()),
            attempts,
        }
    })
    .collect()
}

/// The expansion of a message that was never expanded: each for itself.
pub fn unexpanded(head: &Head) -> Vec<Target> {
    let recipients = head.envelope.recipients.iter().zip(0..);
    let target = |(r, n): (&super::Recipient, u32)| Target::plain(n, r.address.to_string());
    recipients.map(target).collect()
}

impl Spool {
    /// Adds lines to the history of this day (UTC), under its lock.
    pub(super) fn add_history(&self, endings: &[Ending]) -> Result<()> {
        let mut octets = Vec::new();
        for ending in endings {
            lines::push(&mut octets, ending).map_err(|e| SpoolError::io("print history", e))?;
        }
        let name = format!("history/{}.jsonl", Timestamp::now().strftime("%Y-%m-%d"));
        let failed = |e: std::io::Error| SpoolError::io(format!("write {name} in the spool"), e);
        // The mutex is for our threads, the file lock for other processes.
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.as_ref().is_none_or(|t| t.name != name) {
            let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
            let file = self.open_file(&name, flags).map_err(|e| failed(e.into()))?;
            let name = name.clone();
            *today = Some(Today { name, file });
        }
        let Some(Today { file, .. }) = today.as_ref() else {
            return Ok(());
        };
        rustix::fs::flock(file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let written = lines::append(file, &octets);
        let unlocked = rustix::fs::flock(file, FlockOperation::Unlock);
        written.map_err(failed)?;
        unlocked.map_err(|e| failed(e.into()))
    }

    /// Calls `see` with each line of the history, oldest day first, from the
    /// day of `since` on. What does not read right is left out; the same id
    /// and target may come twice.
    pub fn history(&self, since: Timestamp, mut see: impl FnMut(Ending)) -> Result<()> {
        let first = format!("{}.jsonl", since.strftime("%Y-%m-%d"));
        let mut names = self.history_names()?;
        names.retain(|name| *name >= first);
        names.sort_unstable();
        for name in names {
            let octets = self
                .read_whole(&format!("history/{name}"))?
                .unwrap_or_default();
            let right = |line| serde_json::from_slice::<Ending>(line).ok();
            lines::complete(&octets)
                .filter_map(right)
                .filter(|e| e.time >= since)
                .for_each(&mut see);
        }
        Ok(())
    }

    /// How `id` ended, where it did so just now, in the order of its targets:
    /// looks at the end of the two latest days. Empty where it is not there, or
    /// not all of it.
    pub fn just_ended(&self, id: Id) -> Result<Vec<Ending>> {
        let mut names = self.history_names()?;
        names.sort_unstable();
        let mut found = BTreeMap::new();
        for name in names.iter().skip(names.len().saturating_sub(2)) {
            let octets = self.end_of(&format!("history/{name}"))?;
            let named = |line: &&[u8]| memchr::memmem::find(line, id.as_str().as_bytes()).is_some();
            let right = |line| serde_json::from_slice::<Ending>(line).ok();
            let endings = lines::complete(&octets).filter(named).filter_map(right);
            found.extend(
                endings
                    .filter(|e| id.as_str() == e.id)
                    .map(|e| (e.target, e)),
            );
        }
        let is_whole = found.keys().zip(0..).all(|(target, n)| *target == n);
        found.retain(|_, _| is_whole);
        Ok(found.into_values().collect())
    }

    /// The last [`RECENT`] octets of a file.
    fn end_of(&self, path: &str) -> Result<Vec<u8>> {
        let failed = |e: std::io::Error| SpoolError::io(format!("read {path} in the spool"), e);
        let file = self.open_file(path, OFlags::RDONLY);
        let mut file = File::from(file.map_err(|e| failed(e.into()))?);
        let length = file.metadata().map_err(failed)?.len();
        let from = SeekFrom::Start(length.saturating_sub(RECENT));
        file.seek(from).map_err(failed)?;
        let mut octets = Vec::new();
        file.take(RECENT).read_to_end(&mut octets).map_err(failed)?;
        Ok(octets)
    }

    /// Names of the days' files: `2026-11-21.jsonl`.
    pub(super) fn history_names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_name("history", |name| {
            if let Ok(name) = std::str::from_utf8(name)
                && name.len() == "2026-11-21.jsonl".len()
                && name.ends_with(".jsonl")
            {
                names.push(name.to_owned());
            }
        })?;
        Ok(names)
    }
}
