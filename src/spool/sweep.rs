//! What is left over: files in `tmp/`, state without a message, old history.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::error::{Result, SpoolError};
use super::{Id, Spool};

/// Age at which a file in `tmp/` has no writer any more (the habit of
/// maildir), and a state without a message no message on the way.
pub(super) const LEFT_OVER: SignedDuration = SignedDuration::from_hours(36);

impl Spool {
    /// Removes left-overs in `tmp/` older than 36 hours, state without a
    /// message, history older than `history_days`.
    pub fn sweep(&self, now: Timestamp, history_days: u32) -> Result<()> {
        let before = now.saturating_sub(LEFT_OVER).unwrap_or(Timestamp::MIN);
        for path in self.older("tmp", before)? {
            self.sweep_away(&path)?;
        }
        self.sweep_state(before)?;
        self.sweep_removed(now)?;
        let days = SignedDuration::from_hours(24 * i64::from(history_days));
        let first = now.saturating_sub(days).unwrap_or(Timestamp::MIN);
        let first = format!("{}.jsonl", first.strftime("%Y-%m-%d"));
        for name in self.history_names()? {
            if name < first {
                self.sweep_away(&format!("history/{name}"))?;
            }
        }
        Ok(())
    }

    /// Two listings that both miss a message, which moved each time, while its
    /// state is 36 hours old: cannot be; deferring writes the state.
    fn sweep_state(&self, before: Timestamp) -> Result<()> {
        let mut old = self.older("state", before)?;
        old.extend(self.older("expand", before)?);
        for _ in 0..2 {
            if old.is_empty() {
                return Ok(());
            }
            let removed = self.removed()?;
            let queued: HashSet<Id> = self.list()?.iter().chain(&removed).map(|e| e.id).collect();
            old.retain(|path| {
                let id = path.split('/').nth(1).and_then(Id::parse);
                id.is_some_and(|id| !queued.contains(&id))
            });
        }
        old.iter().try_for_each(|path| self.sweep_away(path))
    }

    /// Regular files of a directory last written before a time.
    fn older(&self, dir: &str, before: Timestamp) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_name(dir, |name| {
            if let Ok(name) = std::str::from_utf8(name) {
                names.push(format!("{dir}/{name}"));
            }
        })?;
        names.retain(|path| {
            let stat = rustix::fs::statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW);
            stat.is_ok_and(|s| {
                FileType::from_raw_mode(s.st_mode) == FileType::RegularFile
                    && s.st_mtime < before.as_second()
            })
        });
        Ok(names)
    }

    /// `expand/` may be another's: then that one sweeps it.
    pub(super) fn sweep_away(&self, path: &str) -> Result<()> {
        match self.unlink(path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ACCESS | Errno::PERM) if path.starts_with("expand/") => Ok(()),
            Err(e) => Err(SpoolError::io(format!("remove {path} in the spool"), e)),
        }
    }
}
