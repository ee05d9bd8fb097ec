//! The spool: a maildir of queued messages, their state and their history.
//!
//! The rest of the program knows it only through this module's operations
//! (submit, list, claim, read, record, settle, hold); nothing outside builds a
//! path. Everything here blocks; callers on an async runtime use a bounded pool.
//!
//! # The state table
//!
//! What there may be of one id, and what the next run does with it. A message
//! has one file; `+` marks files that go with it, `(+)` files that may.
//!
//! | row | files | it is | the next run |
//! | --- | --- | --- | --- |
//! | `none` | | not known | |
//! | `tmp` | `tmp/ID` | being written, or left over by a crash | leaves it; swept after 36 hours |
//! | `new` | `new/ID,S=` | queued, nothing settled | tries it |
//! | `new+tmp` | `new/ID,S=` + `tmp/ID`, one inode | a commit without renameat2, cut short | tries it; `tmp/ID` goes with it |
//! | `new+state` | `new/ID,S=` + `state/ID` | worked on, then cut short; released; or made from another | tries who is not settled |
//! | `cur` | `cur/ID,S=,T=` (+) `state/ID` | tried and deferred | tries who is not settled, when due |
//! | `hold` | `.Hold/new/ID,S=` or `.Hold/cur/ID,S=,T=` (+) `state/ID` | held | leaves it |
//! | `failed` | `.Failed/new/ID,S=` (+) `state/ID` | set aside | leaves it |
//! | `removed` | `.Removed/cur/ID,S=,T=` (+) `state/ID` | removed by the operator, kept until `T=` | leaves it; swept then, its state with it |
//! | `state` | `state/ID` alone | retired but for this; or a message made from another, not yet linked | leaves it; swept after 36 hours; the message, committed again, takes it over |
//!
//! `expand/ID` goes wherever `state/ID` goes. Any message may carry `:2,FLAGS`
//! behind its name, in `cur/` also where it was in `new/`, and no `T=` then:
//! due now.
//!
//! | arrow | steps | stopped after a step, it is in |
//! | --- | --- | --- |
//! | commit: `none` to `new` | write nameless, fsync, **link**, fsync `new/` | `none`; from the link on `new`, acknowledged or not |
//! | commit by name: `none` to `new` | write `tmp/ID`, fsync, **rename**, fsync `new/` | `tmp`; from the rename on `new` |
//! | derived commit: `none` to `new+state` | make `state/ID`, fsync `state/`, commit, locked | `none`, `state`; from the link on `new+state` |
//! | expand: `new` to `new+state` | append `state/ID`, fsync, fsync `state/` | `new`; with a whole line `new+state` |
//! | record: any to the same with `state` | append `state/ID`, fsync, fsync `state/` | the row before, a torn line at most; then with the record |
//! | defer: to `cur` | append `state/ID` where needed, **rename** | the row before; then `cur` |
//! | hold: to `hold`; release: to `new` or `cur` | **rename**, fsync both directories | the row before; then the row after |
//! | remove: to `removed`; restore: back | append `state/ID`, append history, **rename**, fsync both directories | the row before, with history at most; then the row after |
//! | set aside: to `failed` | append `state/ID`, **rename**, fsync both | the row before; then `failed` |
//! | retire: to `none` | append history, **unlink**, fsync for a derived message's sake, unlink `state/ID` | the row before, with history; `state`; `none` |
//!
//! A power cut may also take back what was not synced: a commit that was not
//! acknowledged, a deferral (the message is in the row before, due at once),
//! a removal (the last recipients may get it again).

mod busy;
mod check;
mod claim;
mod content;
mod envelope;
mod error;
mod expansions;
mod history;
mod id;
mod kept;
mod lines;
pub mod maildir;
mod pipe;
mod read;
mod removed;
mod run;
mod scan;
mod state;
mod store;
mod sweep;
mod sync;
mod system;
mod write;

pub use busy::Busy;
pub use check::{Finding, Repair};
pub use claim::Claim;
pub use envelope::{
    BodyKind, Check, Envelope, Head, MAX_HEAD, MAX_LENGTH, MAX_RECIPIENTS, MAX_RECORD, Origin,
    Piped, Recipient,
};
pub use error::{Result, SpoolError};
pub use expansions::Expansions;
pub use history::{Ending, unexpanded};
pub use id::Id;
pub use pipe::{print_head, print_head_anew, read_head};
pub use read::MessageReader;
pub use removed::KEPT;
pub use run::{RunLock, Start, Wake, Watch};
pub use scan::the_one;
pub use state::{Attempt, Outcome, RELEASED, State, Target};
pub use store::Spool;
pub use write::{Draft, Lock};

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
    /// `.Removed/`: taken out of the queue by the operator. Never listed with
    /// the others.
    Removed,
}

impl Place {
    /// Does a run try it?
    pub fn is_queued(self) -> bool {
        matches!(self, Place::New | Place::Deferred)
    }
}

/// One queued message as its name tells it; a few words of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: Id,
    pub place: Place,
    /// Size of the file in octets (`S=`).
    pub size: u64,
    /// Next attempt in Unix seconds (`T=`); 0 in `new/`. In `.Removed/` when it
    /// goes for good.
    pub due: u64,
}

#[cfg(test)]
mod tests;
