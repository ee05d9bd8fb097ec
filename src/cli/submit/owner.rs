//! Root on a spool that another user owns: the spool's files are that user's
//! business (DESIGN section 5), while root starts what has to run as root.

use std::io::{BufRead, BufReader, PipeWriter, Write};

use rustix::process::{Pid, WaitOptions, waitpid};

use super::super::{Done, Stop, report};
use crate::class::Class;
use crate::spool::{Id, Spool};
use crate::sys::{self, Fork};

/// Who is told of a commit.
pub enum Tell<'a> {
    /// The work is done in this process.
    Here(&'a dyn Fn(Option<Id>)),
    /// It is done in a child of root's.
    Parent(PipeWriter),
}

impl Tell<'_> {
    /// A message is on stable storage.
    pub fn committed(&self, id: Option<Id>) {
        match self {
            Tell::Here(tell) => tell(id),
            Tell::Parent(pipe) => tell_parent(pipe, id),
        }
    }
}

/// A parent that is gone needs no telling.
pub fn tell_parent(mut pipe: &PipeWriter, id: Option<Id>) {
    let line = id.map_or_else(|| "\n".to_owned(), |id| format!("{id}\n"));
    let _ = pipe.write_all(line.as_bytes());
}

/// Runs `work`, which reads what its own caller wrote, with the owner's rights;
/// `committed` is called with root's.
pub fn with_owner(
    spool: &Spool,
    committed: &dyn Fn(Option<Id>),
    work: impl FnOnce(Tell<'_>) -> Done,
) -> Done {
    let failed = |e: std::io::Error| Stop::new(Class::OsErr, format!("change the user: {e}"));
    let me = rustix::process::geteuid().as_raw();
    let as_root = |id| {
        // Refused: the caller would go on without having told anybody.
        if let Err(error) = sys::with_effective_user(me, || committed(id)) {
            crate::log::unattended(&spool.path().display(), &error);
        }
    };
    let is_foreign = me == 0 && spool.owner() != 0;
    let user = if is_foreign { spool.owner() } else { me };
    sys::with_effective_user(user, || work(Tell::Here(&as_root))).map_err(failed)?
}

/// Runs `work`, which may read what strangers wrote, in a child that became the
/// owner for good, where root would do it; `committed` is called in this
/// process.
pub fn as_owner(
    tool: &str,
    spool: &Spool,
    committed: &dyn Fn(Option<Id>),
    work: impl FnOnce(Tell<'_>) -> Done,
) -> Done {
    let is_foreign = rustix::process::geteuid().is_root() && spool.owner() != 0;
    if !is_foreign {
        return work(Tell::Here(committed));
    }
    let os = |e: std::io::Error| Stop::new(Class::OsErr, format!("start a process: {e}"));
    let (reader, writer) = std::io::pipe().map_err(os)?;
    match sys::fork().map_err(os)? {
        Fork::Child => {
            drop(reader);
            let done = become_owner(spool.owner()).and_then(|()| work(Tell::Parent(writer)));
            std::process::exit(i32::from(report(tool, done)))
        }
        Fork::Parent(child) => {
            drop(writer);
            for line in BufReader::new(reader).lines() {
                committed(line.ok().as_deref().and_then(Id::parse));
            }
            wait(child)
        }
    }
}

fn become_owner(uid: u32) -> Done {
    let failed = |why: String| Stop::new(Class::OsErr, format!("become user {uid}: {why}"));
    let user = sys::user_by_uid(uid).ok_or_else(|| failed("no such user".to_owned()))?;
    let groups = sys::login_groups(&user.name, user.gid).map_err(|e| failed(e.to_string()))?;
    sys::become_user(uid, user.gid, &groups).map_err(|e| failed(e.to_string()))
}

/// The child said what there was to say; its status is ours.
fn wait(child: u32) -> Done {
    let pid = i32::try_from(child).ok().and_then(Pid::from_raw);
    let ended = loop {
        match waitpid(pid, WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other,
        }
    };
    let code = ended
        .ok()
        .flatten()
        .and_then(|(_, status)| status.exit_status());
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Ok(()),
        Some(code) => Err(Stop::Code(code)),
        None => Err(Stop::new(
            Class::Temporary,
            "the submission was interrupted",
        )),
    }
}
