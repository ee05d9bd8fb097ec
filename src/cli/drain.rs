//! Who runs the queue: a resident runner, or one that is started after a
//! commit. Shared by `smtp-send` and `smtp-serve`; names no runtime.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Stop;
use crate::class::Class;
use crate::spool::{Spool, SpoolError, Start};
use crate::{log, sys};

const QUEUE: &str = "smtp-queue";

/// How `smtp-queue` is called for one spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    spool: PathBuf,
    config: Option<PathBuf>,
}

impl Runner {
    /// `config`: the file given by `--config`; what the environment says
    /// reaches the runner by itself.
    pub fn new(spool: &Path, config: Option<&Path>) -> Runner {
        Runner {
            spool: absolute(spool),
            config: config.map(absolute),
        }
    }

    /// May this process run the queue? Else a system's runner has to.
    pub fn may_run(spool: &Spool) -> bool {
        let uid = rustix::process::geteuid();
        uid.is_root() || uid.as_raw() == spool.owner()
    }

    /// Sees to it that what was just committed is tried: starts a drain unless
    /// a runner is resident. To be called after the commit; a drain that is
    /// about to end looks again before it does. A failure is logged, not
    /// returned: the mail is safe. Gives the process id of a drain; a caller
    /// that lives on reaps it.
    pub fn wake(&self, spool: &Spool) -> Option<u32> {
        match spool.has_runner() {
            Ok(true) => None,
            Ok(false) if Runner::may_run(spool) => match spool.begin_start() {
                Start::UnderWay => None,
                Start::Free(lock) => match self.start(lock.as_ref()) {
                    Ok(pid) => Some(pid),
                    Err(error) => self.unattended(&error),
                },
            },
            Ok(false) => self.unattended("no runner is resident and this user may not run one"),
            Err(error) => self.unattended(&error.to_string()),
        }
    }

    fn unattended(&self, why: &str) -> Option<u32> {
        log::unattended(&self.spool.display(), &why);
        None
    }

    fn start(&self, lock: Option<&OwnedFd>) -> Result<u32, String> {
        let program = program(QUEUE)?;
        let args = self.args(&["run".as_ref(), "--drain".as_ref()]);
        let args: Vec<&OsStr> = args.iter().map(OsString::as_os_str).collect();
        sys::spawn_detached(&program, &args, lock.map(AsFd::as_fd))
            .map_err(|e| format!("{}: {e}", program.display()))
    }

    /// Runs `smtp-queue` with these words and waits; what it prints is thrown
    /// away, but for its stderr where `is_heard`: callers of `sendmail` take any
    /// word for an error. What it came to stands in the spool.
    pub fn run(&self, words: &[&OsStr], is_heard: bool) -> Result<(), Stop> {
        let program = program(QUEUE).map_err(not_started)?;
        let stderr = if is_heard {
            Stdio::inherit()
        } else {
            Stdio::null()
        };
        let child = Command::new(&program)
            .args(self.args(words))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .status();
        match child {
            Ok(_) => Ok(()),
            Err(e) => Err(not_started(format!("{}: {e}", program.display()))),
        }
    }

    /// Runs `smtp-queue` with these words and `input`; gives what it prints, and
    /// its exit status where it ended by itself. Its stderr is ours.
    pub fn ask(&self, words: &[&OsStr], input: OwnedFd) -> Result<(Vec<u8>, Option<u8>), Stop> {
        let program = program(QUEUE).map_err(not_started)?;
        let output = Command::new(&program)
            .args(self.args(words))
            .stdin(input)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| not_started(format!("{}: {e}", program.display())))?;
        let code = output
            .status
            .code()
            .and_then(|code| u8::try_from(code).ok());
        Ok((output.stdout, code))
    }

    /// Becomes `smtp-queue` with these words, and with `input` where its verb
    /// reads any; comes back only when that fails.
    pub fn exec(&self, words: &[&OsStr], input: Option<OwnedFd>) -> Stop {
        let program = match program(QUEUE) {
            Ok(program) => program,
            Err(text) => return not_started(text),
        };
        let error = Command::new(&program)
            .args(self.args(words))
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .exec();
        not_started(format!("{}: {error}", program.display()))
    }

    /// `words` first: a verb goes before its options, and these are the last.
    fn args(&self, words: &[&OsStr]) -> Vec<OsString> {
        let (verb, rest) = words.split_at(words.len().min(1));
        let mut args: Vec<OsString> = verb.iter().map(Into::into).collect();
        args.push("--spool".into());
        args.push(self.spool.clone().into());
        if let Some(config) = &self.config {
            args.push("--config".into());
            args.push(config.clone().into());
        }
        args.extend(rest.iter().map(Into::into));
        args
    }
}

/// Becomes the server; comes back only when that fails.
pub fn exec_server(config: Option<&Path>) -> Stop {
    let program = match program("smtp-serve") {
        Ok(program) => program,
        Err(text) => return not_started(text),
    };
    let mut command = Command::new(&program);
    if let Some(config) = config {
        command.arg("--config").arg(absolute(config));
    }
    let error = command.exec();
    not_started(format!("{}: {error}", program.display()))
}

/// Asks the resident runner for a run now. One that cannot be asked is no
/// failure of the message, which is queued.
pub fn ask(spool: &Spool) {
    if let Err(error) = spool.ask_run() {
        log::wake_failed(&spool.path().display(), &error);
    }
}

/// True where there is no spool yet, so that its queue is empty.
pub fn is_missing(error: &SpoolError) -> bool {
    matches!(error, SpoolError::Missing(_))
}

/// The others stand beside our own file, or in the `bin` or `sbin` next to it.
fn program(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find {name}: {e}"))?;
    let beside = own.with_file_name(name);
    let Some(prefix) = own.parent().and_then(Path::parent) else {
        return Ok(beside);
    };
    let mut places = ["bin", "sbin"]
        .map(|dir| prefix.join(dir).join(name))
        .into_iter();
    Ok(match beside.exists() {
        true => beside,
        false => places.find(|path| path.exists()).unwrap_or(beside),
    })
}

fn not_started(text: String) -> Stop {
    Stop::new(Class::OsErr, text)
}

/// The runner works in `/`.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
