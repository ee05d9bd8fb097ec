//! What is known of a message's fate: `state/ID`, and `expand/ID` of a
//! privileged parent.

use std::os::fd::OwnedFd;

use jiff::Timestamp;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::error::{Result, SpoolError};
use super::{Head, Id, Spool, lines};
use crate::sys::with_spool_group;

/// The note of an operator's release.
pub const RELEASED: &str = "released by the operator";

/// One recipient after aliases; numbered by its place in the expansion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Number of the envelope recipient it came from.
    pub recipient: u32,
    /// As `route::Destination` prints it: `user@example.net`, `|program`, `/file`.
    pub to: String,
    /// Address of the list whose `owner-` alias is the sender of this copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The user whose `.forward` named this program or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Status and words where the address was nobody's when it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Target {
    /// A recipient that stands for itself.
    pub fn plain(recipient: u32, to: String) -> Target {
        Target {
            recipient,
            to,
            owner: None,
            user: None,
            refused: None,
        }
    }
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Delivered,
    Deferred,
    Failed,
    /// The answer to the final dot was lost.
    Unknown,
}

impl Outcome {
    /// Nothing is left to do for the recipient.
    pub fn is_final(self) -> bool {
        matches!(self, Outcome::Delivered | Outcome::Failed)
    }
}

/// One attempt for one target; a line of `state/ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub time: Timestamp,
    pub target: u32,
    pub result: Outcome,
    /// Enhanced status code.
    pub status: String,
    /// The server's reply, or our words.
    pub text: String,
    /// True where `text` is the remote server's reply.
    #[serde(default)]
    pub remote: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Protocol version and cipher, or `verified`; absent in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The next hop offers DSN and was given what the sender asked for: notices
    /// of success are its business.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_on: bool,
    /// Milliseconds.
    pub ms: u64,
}

/// Everything known about a message's fate: `state/ID` read whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// `None`: not expanded yet.
    pub targets: Option<Vec<Target>>,
    pub attempts: Vec<Attempt>,
    /// Operator's acts and other notes: time and words.
    pub notes: Vec<(Timestamp, String)>,
    /// The transport that an operator gave this message, as it is written in
    /// routes; `None`: the configuration's.
    pub route: Option<String>,
}

impl State {
    /// What a file of `state/` says; the error says what is wrong with it.
    pub fn parse(octets: &[u8]) -> std::result::Result<State, String> {
        let mut state = State::default();
        state.read(octets)?;
        Ok(state)
    }

    /// The last result of a target where it is final (delivered or failed).
    /// For many targets see [`State::last`].
    pub fn settled(&self, target: u32) -> Option<&Attempt> {
        let last = self.attempts.iter().rev().find(|a| a.target == target);
        last.filter(|a| a.result.is_final())
    }

    /// An operator let it go: no route holds it again.
    pub fn was_released(&self) -> bool {
        self.notes.iter().any(|(_, words)| words == RELEASED)
    }

    /// The last attempt of each target number below `targets`, in one pass.
    pub fn last(&self, targets: usize) -> Vec<Option<&Attempt>> {
        let mut last = vec![None; targets];
        for attempt in &self.attempts {
            if let Some(slot) = last.get_mut(attempt.target as usize) {
                *slot = Some(attempt);
            }
        }
        last
    }

    /// Takes in the complete lines of a file; unknown kinds of line are left
    /// out, a line that is no record is an error.
    pub(super) fn read(&mut self, octets: &[u8]) -> std::result::Result<(), String> {
        for line in lines::complete(octets) {
            let line = serde_json::from_slice(line).map_err(|_| "a damaged line in its state")?;
            self.take(line);
        }
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            // The first one counts: attempts go by its numbers.
            Line::Targets { targets } => {
                self.targets.get_or_insert(targets);
            }
            Line::Attempt(attempt) => self.attempts.push(attempt),
            Line::Note { time, words } => self.notes.push((time, words)),
            // The last one counts.
            Line::Route { to } => self.route = to,
            Line::Unknown => {}
        }
    }
}

/// A line of `state/ID`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Line {
    Targets {
        targets: Vec<Target>,
    },
    Attempt(Attempt),
    Note {
        time: Timestamp,
        words: String,
    },
    /// From now on by this transport; none: as the configuration says.
    Route {
        to: Option<String>,
    },
    #[serde(other)]
    Unknown,
}

/// True where each envelope recipient stands for itself: such an expansion
/// needs no record of its own before the first delivery, for a message without
/// any record has settled nobody.
pub(super) fn is_identity(targets: &[Target], head: &Head) -> bool {
    let recipients = &head.envelope.recipients;
    targets.len() == recipients.len()
        && targets
            .iter()
            .zip(recipients)
            .enumerate()
            .all(|(i, (t, r))| {
                u32::try_from(i).is_ok_and(|i| *t == Target::plain(i, r.address.to_string()))
            })
}

/// `state/ID` and `expand/ID`, and whether they are there.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub state: State,
    pub has_state: bool,
    pub has_expansion: bool,
}

impl Spool {
    pub fn state(&self, id: Id) -> Result<State> {
        Ok(self.stored(id)?.state)
    }

    pub(super) fn stored(&self, id: Id) -> Result<Stored> {
        let mut stored = Stored::default();
        for (dir, there) in [
            ("expand", &mut stored.has_expansion),
            ("state", &mut stored.has_state),
        ] {
            if let Some(octets) = self.read_whole(&format!("{dir}/{id}"))? {
                *there = true;
                let read = stored.state.read(&octets);
                read.map_err(|why| SpoolError::Corrupt(id, why))?;
            }
        }
        Ok(stored)
    }

    pub(super) fn read_whole(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let failed = |e| SpoolError::io(format!("read {path} in the spool"), e);
        let fd = match self.open_file(path, OFlags::RDONLY) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(failed(e.into())),
        };
        let mut octets = Vec::new();
        let mut file = std::fs::File::from(fd);
        std::io::Read::read_to_end(&mut file, &mut octets).map_err(failed)?;
        Ok(Some(octets))
    }
}

/// `state/ID` open for appending by the holder of the claim.
#[derive(Debug)]
pub(super) struct StateFile {
    path: String,
    fd: OwnedFd,
    /// Its name is durable.
    named: bool,
}

impl StateFile {
    pub fn open(spool: &Spool, path: String) -> Result<StateFile> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let fd = spool
            .open_file(&path, flags)
            .map_err(|e| SpoolError::io(format!("open {path} in the spool"), e))?;
        Ok(StateFile {
            path,
            fd,
            named: false,
        })
    }

    /// Adds lines; with `sync` on stable storage when this returns. The first
    /// sync is the directory's too: whoever made the file may not have done it.
    pub fn append(&mut self, spool: &Spool, octets: &[u8], sync: bool) -> Result<()> {
        let failed = |e| SpoolError::io(format!("write {} in the spool", self.path), e);
        lines::append(&self.fd, octets).map_err(failed)?;
        if !sync {
            return Ok(());
        }
        with_spool_group(|| rustix::fs::fsync(&self.fd)).map_err(|e| failed(e.into()))?;
        if !self.named {
            let dir = self.path.split('/').next().unwrap_or("state");
            spool.sync_dir(dir)?;
            self.named = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
