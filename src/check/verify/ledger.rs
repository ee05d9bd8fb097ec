//! Findings on disk: an append-only file of JSON lines, for a run that goes on
//! after it was ended (`--state`) and for one that need not ask again (`--cache`).
//! A torn last line never happened. In memory there are sixteen octets an address.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{Finding, Verdict};
use crate::class::{Class, Classify};

/// For how long what was found is good.
#[derive(Clone, Copy, Debug)]
pub enum Life {
    /// For the run, whatever it was.
    Run,
    /// Good and risky addresses; undeliverable ones. Unknown is no knowledge.
    Cache {
        positive: SignedDuration,
        negative: SignedDuration,
    },
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    address: String,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finding: Option<Finding>,
    /// Greylisted: not to be asked before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<Timestamp>,
}

/// What is known of an address.
#[derive(Debug, PartialEq)]
pub enum Known {
    Finding(Box<Finding>),
    Again(Timestamp),
}

#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    life: Life,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    end: u64,
    /// Where the last line of an address begins, by its hash.
    places: HashMap<u64, u64>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct LedgerError(String, io::Error);

impl Classify for LedgerError {
    fn class(&self) -> Class {
        match self.1.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::StorageFull => Class::Temporary,
            _ => Class::CantCreate,
        }
    }
}

/// Lines that may be out of date before a cache is written anew.
const STALE: usize = 10_000;

/// How each line begins.
const BEGINNING: &[u8] = b"{\"address\":";

/// Longest line; what is longer is none of ours.
const LONGEST: u64 = 1 << 20;

impl Ledger {
    /// Opens or makes the file, for this process alone.
    pub fn open(path: &Path, life: Life) -> Result<Ledger, LedgerError> {
        let wrong = |e| LedgerError(path.display().to_string(), e);
        let open = Open::of(path, life).map_err(wrong)?;
        Ok(Ledger {
            path: path.to_owned(),
            life,
            open: Mutex::new(open),
        })
    }

    /// What is known of an address and still good.
    pub fn known(&self, address: &str, now: Timestamp) -> Option<Known> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = *open.places.get(&hash(address))?;
        let entry = open.read(place)?;
        if entry.address != address || !is_good(&entry, self.life, now) {
            return None;
        }
        match (entry.finding, entry.again) {
            (Some(finding), _) => Some(Known::Finding(Box::new(finding))),
            (None, again) => again.map(Known::Again),
        }
    }

    pub fn note(
        &self,
        address: &str,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        if matches!(self.life, Life::Cache { .. }) && finding.verdict == Verdict::Unknown {
            return Ok(());
        }
        self.append(&Entry {
            address: address.to_owned(),
            at: now,
            finding: Some(finding.clone()),
            again: None,
        })
    }

    /// Greylisted: remembered, so that a run that begins anew waits as well.
    pub fn note_again(
        &self,
        address: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.append(&Entry {
            address: address.to_owned(),
            at: now,
            finding: None,
            again: Some(at),
        })
    }

    fn append(&self, entry: &Entry) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.append(entry)
            .map_err(|e| LedgerError(self.path.display().to_string(), e))
    }
}

impl Open {
    fn of(path: &Path, life: Life) -> io::Result<Open> {
        let mut open = Open::read_all(path)?;
        if let Life::Cache { .. } = life {
            let stale = open.1.saturating_sub(open.0.places.len());
            if stale > STALE + open.0.places.len() {
                rewrite(path, &open.0, life)?;
                open = Open::read_all(path)?;
            }
        }
        Ok(open.0)
    }

    /// The file with its places, and how many lines it has.
    fn read_all(path: &Path) -> io::Result<(Open, usize)> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another run uses it"))?;
        let mut places = HashMap::new();
        let (mut end, mut lines) = (0, 0);
        let mut reader = BufReader::new(file.try_clone()?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let n = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                // A torn end is cut off; the end of something else is not ours to cut.
                if !line.iter().zip(BEGINNING).all(|(a, b)| a == b) {
                    return Err(io::Error::other("the last line is none of ours"));
                }
                break;
            }
            let entry: Entry = serde_json::from_slice(&line).map_err(|e| {
                io::Error::other(format!("line {} is none of ours: {e}", lines + 1))
            })?;
            places.insert(hash(&entry.address), end);
            end += n as u64;
            lines += 1;
        }
        // What a run that was killed began to write.
        file.set_len(end)?;
        Ok((Open { file, end, places }, lines))
    }

    fn read(&self, place: u64) -> Option<Entry> {
        let mut line = Vec::new();
        let mut piece = [0; 1024];
        while line.len() < LONGEST as usize {
            let n = self
                .file
                .read_at(&mut piece, place + line.len() as u64)
                .ok()?;
            let piece = piece.get(..n).filter(|p| !p.is_empty())?;
            match memchr::memchr(b'\n', piece) {
                Some(at) => {
                    line.extend_from_slice(piece.get(..at)?);
                    return serde_json::from_slice(&line).ok();
                }
                None => line.extend_from_slice(piece),
            }
        }
        None
    }

    /// One write for a line, so that a kill leaves all of it or a torn end.
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.places.insert(hash(&entry.address), self.end);
        self.end += line.len() as u64;
        Ok(())
    }
}

/// What is still good, in a new file of the same name.
fn rewrite(path: &Path, open: &Open, life: Life) -> io::Result<()> {
    let now = Timestamp::now();
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut new = io::BufWriter::new(File::create(&name)?);
    let mut places: Vec<u64> = open.places.values().copied().collect();
    places.sort_unstable();
    for entry in places.into_iter().filter_map(|place| open.read(place)) {
        if is_good(&entry, life, now) {
            serde_json::to_writer(&mut new, &entry)?;
            new.write_all(b"\n")?;
        }
    }
    new.flush()?;
    std::fs::rename(&name, path)
}

fn is_good(entry: &Entry, life: Life, now: Timestamp) -> bool {
    let (Life::Cache { positive, negative }, Some(finding)) = (life, &entry.finding) else {
        return true;
    };
    let life = match finding.verdict {
        Verdict::Deliverable | Verdict::Risky => positive,
        Verdict::Undeliverable => negative,
        Verdict::Unknown => return false,
    };
    now.duration_since(entry.at) < life
}

fn hash(address: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(verdict: Verdict) -> Finding {
        Finding {
            verdict,
            ..Finding::default()
        }
    }

    const CACHE: Life = Life::Cache {
        positive: SignedDuration::from_hours(2),
        negative: SignedDuration::from_hours(1),
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hours * 3600).unwrap()
    }

    #[test]
    fn a_cache_forgets_good_and_bad_after_their_time() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&directory.path().join("c"), CACHE).unwrap();
        for (address, verdict) in [
            ("good", Verdict::Deliverable),
            ("risky", Verdict::Risky),
            ("bad", Verdict::Undeliverable),
            ("unknown", Verdict::Unknown),
        ] {
            ledger.note(address, &found(verdict), at(0)).unwrap();
        }
        let known = |address, hours| ledger.known(address, at(hours)).is_some();
        assert!(known("good", 1) && known("risky", 1) && !known("bad", 1));
        assert!(known("bad", 0) && !known("unknown", 0) && !known("good", 2));
        assert!(!known("nobody", 0));
    }

    #[test]
    fn a_state_keeps_all_and_survives_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let ledger = Ledger::open(&path, Life::Run).unwrap();
        ledger.note("a", &found(Verdict::Unknown), at(0)).unwrap();
        ledger.note_again("b", at(1), at(0)).unwrap();
        drop(ledger);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"address\":\"c\",\"at").unwrap();
        let ledger = Ledger::open(&path, Life::Run).unwrap();
        let unknown = Known::Finding(Box::new(found(Verdict::Unknown)));
        assert_eq!(ledger.known("a", at(9)), Some(unknown));
        assert_eq!(ledger.known("b", at(0)), Some(Known::Again(at(1))));
        ledger.note("b", &found(Verdict::Risky), at(2)).unwrap();
        let risky = Known::Finding(Box::new(found(Verdict::Risky)));
        assert_eq!(ledger.known("b", at(3)), Some(risky));
        // One run at a time.
        assert!(Ledger::open(&path, Life::Run).is_err());
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        for text in ["my letter\n", "my letter"] {
            std::fs::write(&path, text).unwrap();
            assert!(Ledger::open(&path, Life::Run).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
