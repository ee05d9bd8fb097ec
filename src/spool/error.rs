//! What can go wrong in the spool, and what becomes of it.

use std::io;

use rustix::io::Errno;

use super::Id;
use crate::class::{Class, Classify};

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A system call failed; names the call and the place, never the content.
    #[error("{what}: {error}{}", advice(error))]
    Io { what: String, error: io::Error },
    /// The spool is not there, or not one.
    #[error("{0}")]
    Missing(String),
    /// The file is not what it should be. Found by a claim, it has been set
    /// aside in `.Failed/`.
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

pub type Result<T> = std::result::Result<T, SpoolError>;

impl SpoolError {
    /// `what`: the call and the place, as in "write to the spool".
    pub fn io(what: impl Into<String>, error: impl Into<io::Error>) -> SpoolError {
        SpoolError::Io {
            what: what.into(),
            error: error.into(),
        }
    }

    /// True where the system says that this user may not.
    pub fn is_refused(&self) -> bool {
        matches!(self, SpoolError::Io { error, .. }
            if matches!(Errno::from_io_error(error), Some(Errno::ACCESS | Errno::PERM)))
    }

    /// True for a full disk, quota or file size limit (452 4.3.1).
    pub fn is_full(&self) -> bool {
        matches!(self, SpoolError::Io { error, .. }
            if matches!(Errno::from_io_error(error), Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)))
    }
}

impl Classify for SpoolError {
    /// Full disk, quota: Temporary. Permission: CantCreate. Other I/O: Io.
    fn class(&self) -> Class {
        match self {
            SpoolError::Io { error, .. } => class_of(error),
            SpoolError::Missing(_) => Class::CantCreate,
            SpoolError::Corrupt(..) | SpoolError::Invalid(_) => Class::Data,
            SpoolError::NoSuchId(_) => Class::NoInput,
            SpoolError::Ambiguous(_) => Class::Usage,
            SpoolError::Busy(_) => Class::Temporary,
        }
    }
}

/// What a person can do about it; empty where that is not known.
fn advice(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "; make room there and try again",
        Some(Errno::FBIG) => "; raise the file size limit (ulimit -f) and try again",
        Some(Errno::ACCESS | Errno::PERM) => "; see who owns it, or give another with --spool",
        Some(Errno::NOENT | Errno::NOTDIR) => "; see whether the path is right",
        Some(Errno::ROFS) => "; mount it for writing and try again",
        _ => "",
    }
}

fn class_of(error: &io::Error) -> Class {
    match Errno::from_io_error(error) {
        Some(
            Errno::NOSPC
            | Errno::DQUOT
            | Errno::FBIG
            | Errno::INTR
            | Errno::AGAIN
            | Errno::MFILE
            | Errno::NFILE
            | Errno::EXIST,
        ) => Class::Temporary,
        Some(Errno::NOMEM) => Class::OsErr,
        Some(
            Errno::ACCESS
            | Errno::PERM
            | Errno::NOENT
            | Errno::ROFS
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV,
        ) => Class::CantCreate,
        _ => Class::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S7, and sendmail's table of exit codes.
    #[test]
    fn errors_have_the_documented_class() {
        let of = |e: Errno| SpoolError::io("x", e).class();
        for full in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert_eq!(of(full), Class::Temporary);
            assert!(SpoolError::io("x", full).is_full());
        }
        for refused in [Errno::ACCESS, Errno::PERM, Errno::ROFS, Errno::NOENT] {
            assert_eq!(of(refused), Class::CantCreate);
        }
        assert_eq!(of(Errno::IO), Class::Io);
        assert_eq!(of(Errno::MFILE), Class::Temporary);
        assert!(!SpoolError::io("x", Errno::IO).is_full());
    }
}
