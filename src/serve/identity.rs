//! Started as root, a process gives root up before it reads a stranger's first
//! octet: it becomes the owner of its spool.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::class::{Class, Classify};
use crate::spool::{Spool, SpoolError};
use crate::sys;

/// Why root cannot be given up; the server does not run then.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("no user {0:?} to become: create it, or set service_user")]
    NoUser(String),
    #[error(
        "{0} belongs to root, and mail from strangers is not handled as root: 'smtp-queue setup' \
         gives the spool to the service user"
    )]
    RootsSpool(PathBuf),
    #[error("make the spool {0}: {1}")]
    Spool(PathBuf, io::Error),
    #[error(transparent)]
    Make(#[from] SpoolError),
    #[error("cannot become user {0}: {1}")]
    Become(u32, io::Error),
}

impl Classify for IdentityError {
    fn class(&self) -> Class {
        match self {
            IdentityError::NoUser(_) | IdentityError::RootsSpool(_) => Class::Config,
            IdentityError::Spool(..) => Class::CantCreate,
            IdentityError::Make(e) => e.class(),
            IdentityError::Become(..) => Class::OsErr,
        }
    }
}

/// Whom a process that was started as root becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    gid: u32,
}

impl Identity {
    /// The spool's owner, or `service_user` where there is no spool yet (it
    /// gets a system's). `None` unless started as root.
    pub fn of(spool: &Path, service_user: &str) -> Result<Option<Identity>, IdentityError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let (uid, gid) = match fs::metadata(spool) {
            Ok(found) if found.uid() == 0 => {
                return Err(IdentityError::RootsSpool(spool.to_owned()));
            }
            Ok(found) => owner(found.uid(), found.gid()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let user = sys::user_by_name(service_user)
                    .filter(|user| user.uid != 0)
                    .ok_or_else(|| IdentityError::NoUser(service_user.to_string()))?;
                Spool::create_system(spool, user.uid, user.gid)?;
                (user.uid, user.gid)
            }
            Err(e) => return Err(IdentityError::Spool(spool.to_owned(), e)),
        };
        Ok(Some(Identity { uid, gid }))
    }

    /// For good. To be called while there is one thread, after sockets and keys
    /// are open.
    pub fn assume(&self) -> Result<(), IdentityError> {
        sys::become_user(self.uid, self.gid, &[]).map_err(|e| IdentityError::Become(self.uid, e))
    }
}

/// The owner's own group; an owner without an entry has the directory's.
fn owner(uid: u32, gid: u32) -> (u32, u32) {
    sys::user_by_uid(uid).map_or((uid, gid), |user| (user.uid, user.gid))
}
