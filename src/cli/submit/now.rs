//! A message that never sees the spool: written for the program that delivers
//! it at once (`smtp-send --now`).

use std::env::temp_dir;
use std::fs::File;
use std::io::{self, Read, Seek};

use rustix::fs::{MemfdFlags, Mode, OFlags};

use super::super::Stop;
use super::{Caller, Incoming, Plan, copy, discard, envelope, head};
use crate::class::Class;
use crate::config::Config;
use crate::spool::{Id, SpoolError, print_head};

/// The message with its envelope in the spool's form, in a file without a name,
/// ready to be read: it is gone with the process that reads it, and needs no
/// syncing. `None`: it was thrown away, as the configuration says.
pub fn private_copy<R: Read>(
    config: &Config,
    caller: &Caller,
    plan: &Plan,
    message: &mut Incoming<R>,
) -> Result<Option<File>, Stop> {
    let addressed = envelope(config, caller, plan, message.header()).map_err(|r| r.stop)?;
    if addressed.rewrite.discard {
        discard(config, caller, &addressed, message)?;
        return Ok(None);
    }
    let id = Id::generate().map_err(|e| Stop::new(Class::OsErr, e.to_string()))?;
    let mut file = nameless().map_err(|e| {
        let text = format!("create a temporary file in {}: {e}", temp_dir().display());
        Stop::new(Class::CantCreate, text)
    })?;
    let mut octets = print_head(id, &addressed.envelope, None)?;
    octets.extend(head(config, caller, plan, &addressed, id, message.header()));
    copy(config, &octets, message, &mut file, |_, error| {
        SpoolError::io("write the temporary file", error).into()
    })?;
    let rewound = file.rewind();
    rewound.map_err(|e| Stop::new(Class::Io, format!("the temporary file: {e}")))?;
    Ok(Some(file))
}

/// A file that is gone with this process, in `$TMPDIR`; in memory where that has none (an old NFS, no such directory).
pub fn nameless() -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(temp_dir(), flags, Mode::RUSR | Mode::WUSR)
        .or_else(|_| rustix::fs::memfd_create("message", MemfdFlags::CLOEXEC))?;
    Ok(File::from(file))
}
