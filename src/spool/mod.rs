//! The spool: a maildir of queued messages, their state and their history.
//!
//! The rest of the program knows it only through this module's operations
//! (submit, list, claim, read, record, settle, hold); nothing outside builds a
//! path. Everything here blocks; callers on an async runtime use a bounded pool.
//!
//! (The state table goes here.)

mod envelope;
mod id;
pub mod maildir;
mod scan;
mod state;
mod write;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::class::{Class, Classify};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};

/// Name of a message: upper-case letters and digits, a hex digit first, at most
/// 16, sorted by arrival, unique without coordination.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    /// A new one, from the clock and random bits.
    pub fn generate() -> io::Result<Id> {
        todo!()
    }

    /// The id of a message made from another (bounce, delay or success notice,
    /// list child): hashed, so that a repeat after a crash gets the same.
    pub fn derived(_from: &Id, _kind: &str, _targets: &[u32]) -> Id {
        todo!()
    }

    pub fn parse(_text: &str) -> Option<Id> {
        todo!()
    }

    pub fn as_str(&self) -> &str {
        todo!()
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a message came from; a line of the envelope file.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub time: Timestamp,
    /// `local`, `smtp`, `bounce`, `list`, `import`.
    pub kind: String,
    /// `key=value` words: `uid=1000`, `client=[192.0.2.7]`, `helo=h.example`,
    /// `of=ID`. Values hold neither blanks nor control characters.
    pub words: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    pub address: Mailbox,
    pub params: RcptParams,
}

/// The envelope of a queued message.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub sender: ReversePath,
    pub params: MailParams,
    pub recipients: Vec<Recipient>,
    pub origin: Origin,
}

/// What the content holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    SevenBit,
    EightBit,
    /// NUL, bare CR or bare LF (BINARYMIME).
    Binary,
}

/// `Envelope-Check`: known at the end of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Octets of the message, envelope not counted.
    pub length: u64,
    /// CRC-32C of envelope (this line's value left out) and message.
    pub crc32c: u32,
    pub body: BodyKind,
    /// A line is longer than 998 octets.
    pub long_lines: bool,
}

/// What a message's file says before the message begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub id: Id,
    pub envelope: Envelope,
    pub check: Check,
    /// Offset of the message's first octet in the file.
    pub offset: u64,
}

/// Which directory a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `new/`: never tried.
    New,
    /// `cur/`: tried and deferred.
    Deferred,
    /// `.Hold/`
    Held,
    /// `.Failed/`
    Failed,
}

/// One queued message as its name tells it; a few words of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: Id,
    pub place: Place,
    /// Size of the file in octets (`S=`).
    pub size: u64,
    /// Next attempt in Unix seconds (`T=`); 0 in `new/`.
    pub due: u64,
}

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
}

impl State {
    /// The last result of a target where it is final (delivered or failed).
    pub fn settled(&self, _target: u32) -> Option<&Attempt> {
        todo!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A system call failed; names the call and the place, never the content.
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
    /// The spool is not there, or not one.
    #[error("{0}")]
    Missing(String),
    /// The file is not what it should be; it has been set aside in `.Failed/`.
    #[error("message {0} does not read right: {1}")]
    Corrupt(Id, String),
    /// A value that the envelope may not hold.
    #[error("{0}")]
    Invalid(String),
    #[error("no message {0} in the queue")]
    NoSuchId(String),
    #[error("{0} stands for several messages")]
    Ambiguous(String),
    /// Somebody else works on it.
    #[error("message {0} is being delivered")]
    Busy(Id),
}

impl Classify for SpoolError {
    /// Full disk, quota: Temporary. Permission: CantCreate. Other I/O: Io.
    fn class(&self) -> Class {
        todo!()
    }
}

pub type Result<T> = std::result::Result<T, SpoolError>;

/// An open spool.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
}

impl Spool {
    /// Opens an existing spool.
    pub fn open(_path: &Path) -> Result<Spool> {
        todo!()
    }

    /// Opens it, or makes it, durably, for this user alone (0700), or with
    /// `group` for a system installation (2770).
    pub fn open_or_create(_path: &Path, _group: Option<u32>) -> Result<Spool> {
        todo!()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Owner of the spool's directory: who may run the queue.
    pub fn owner(&self) -> u32 {
        todo!()
    }

    /// Begins a message. Dropping the draft leaves nothing.
    pub fn draft(&self, _envelope: &Envelope) -> Result<Draft<'_>> {
        todo!()
    }

    /// The same with an id of [`Id::derived`]; `None` where a message of that
    /// id is there already.
    pub fn derived_draft(&self, _id: Id, _envelope: &Envelope) -> Result<Option<Draft<'_>>> {
        todo!()
    }

    /// All messages, by name alone, unsorted.
    pub fn list(&self) -> Result<Vec<Entry>> {
        todo!()
    }

    /// The message of this id, or of the one id that begins so.
    pub fn find(&self, _prefix: &str) -> Result<Entry> {
        todo!()
    }

    /// Reads envelope and check without claiming.
    pub fn head(&self, _entry: &Entry) -> Result<Head> {
        todo!()
    }

    /// Envelope and content without claiming (for `cat`).
    pub fn read(&self, _entry: &Entry) -> Result<(Head, MessageReader)> {
        todo!()
    }

    pub fn state(&self, _id: Id) -> Result<State> {
        todo!()
    }

    /// Locks the message for work. `Ok(None)`: gone, or locked by another.
    /// A file that does not read right is set aside and logged (`Corrupt`).
    pub fn claim(&self, _entry: &Entry) -> Result<Option<Claim<'_>>> {
        todo!()
    }

    /// Asks for a run now: touches `flush`.
    pub fn ask_run(&self) -> Result<()> {
        todo!()
    }

    /// Is a resident runner at work?
    pub fn has_runner(&self) -> Result<bool> {
        todo!()
    }

    /// The resident runner's lock; `None` where another holds it.
    pub fn lock_run(&self) -> Result<Option<RunLock>> {
        todo!()
    }

    /// Wake-ups: new mail and `flush`.
    pub fn watch(&self) -> Result<Watch> {
        todo!()
    }

    /// Removes left-overs in `tmp/` older than 36 hours, state without a
    /// message, history older than `history_days`.
    pub fn sweep(&self, _now: Timestamp, _history_days: u32) -> Result<()> {
        todo!()
    }
}

/// A message being written. Written octets are CRLF lines (or binary).
#[derive(Debug)]
pub struct Draft<'s> {
    _spool: &'s Spool,
}

impl Draft<'_> {
    pub fn id(&self) -> Id {
        todo!()
    }

    /// Makes it durable: when this returns Ok the message is on stable storage,
    /// file and directory.
    pub fn commit(self) -> Result<Id> {
        todo!()
    }

    /// As [`Draft::commit`], locked before it is linked; the lock is held until
    /// the guard is dropped.
    pub fn commit_locked(self) -> Result<Lock> {
        todo!()
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, _buf: &[u8]) -> io::Result<usize> {
        todo!()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Holds a message's lock.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

/// A message held for work: nobody else delivers it while this lives.
#[derive(Debug)]
pub struct Claim<'s> {
    _spool: &'s Spool,
}

impl Claim<'_> {
    pub fn head(&self) -> &Head {
        todo!()
    }

    pub fn entry(&self) -> &Entry {
        todo!()
    }

    pub fn state(&self) -> &State {
        todo!()
    }

    /// The content from its start. Reading ends with an error where it does not
    /// match the check, so a sender that stops at errors never ends a damaged
    /// message. Several may be open at once.
    pub fn message(&self) -> Result<MessageReader> {
        todo!()
    }

    /// The descriptor that carries the lock (for a delivery process).
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        todo!()
    }

    /// Records the expansion; synced when this returns.
    pub fn record_targets(&mut self, _targets: &[Target]) -> Result<()> {
        todo!()
    }

    /// Records attempts; with `sync` on stable storage when this returns.
    pub fn record(&mut self, _attempts: &[Attempt], _sync: bool) -> Result<()> {
        todo!()
    }

    /// Records an operator's act.
    pub fn note(&mut self, _words: &str) -> Result<()> {
        todo!()
    }

    /// Into `cur/` with this due time (Unix seconds).
    pub fn defer(self, _due: u64) -> Result<()> {
        todo!()
    }

    /// Into `.Hold/`.
    pub fn hold(self) -> Result<()> {
        todo!()
    }

    /// Out of `.Hold/`, due now.
    pub fn release(self) -> Result<()> {
        todo!()
    }

    /// Into `.Failed/`, state kept.
    pub fn set_aside(self, _why: &str) -> Result<()> {
        todo!()
    }

    /// Every recipient is settled: history, then the message, then the state.
    pub fn retire(self) -> Result<()> {
        todo!()
    }

    /// Removes the message unsent (operator); history says so.
    pub fn remove(self, _why: &str) -> Result<()> {
        todo!()
    }
}

/// Content of a queued message, checked while it is read.
#[derive(Debug)]
pub struct MessageReader {
    _private: (),
}

impl Read for MessageReader {
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        todo!()
    }
}

/// The resident runner's lock on `run.lock`; given up when dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: std::fs::File,
}

/// A source of wake-ups; poll its descriptor for reading.
#[derive(Debug)]
pub struct Watch {
    _fd: std::os::fd::OwnedFd,
}

/// What a [`Watch`] saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// `flush` was touched: try all now.
    pub flush: bool,
    /// Mail came, moved, or events were lost: read the directories again.
    pub rescan: bool,
}

impl Watch {
    /// Takes all waiting events without blocking.
    pub fn take(&mut self) -> Result<Wake> {
        todo!()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
}
