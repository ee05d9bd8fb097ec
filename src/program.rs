//! Other people's programs that read a message: started without a shell of
//! ours, fed, listened to, bounded in time and memory, and waited for.
//!
//! Blocks; one thread serves all three pipes, so a program that reads nothing,
//! or writes without end, ends well.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal};

/// Directories in which programs are looked for.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Octets of standard error that are kept; the rest is read and dropped.
const KEPT: usize = 2048;

/// Octets moved at once.
const PIECE: usize = 64 * 1024;

/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(2);

/// A program and what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments; at least one word.
    pub argv: Vec<String>,
    /// Its whole environment; `PATH` is added.
    pub env: Vec<(&'static str, String)>,
    /// Where it starts; `/` where that cannot be entered.
    pub directory: PathBuf,
    pub time: Duration,
    /// Address space, octets.
    pub memory: Option<u64>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Status(u8),
    Signal(i32),
    /// It was ended after [`Program::time`].
    TooSlow,
}

/// A program that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    pub end: End,
    /// The begin of what it wrote to standard error.
    pub words: String,
}

impl Program {
    /// Runs it to its end. `input` goes to its standard input as far as it
    /// reads; its standard output goes to `output`.
    ///
    /// # Errors
    /// It cannot be started; `input` cannot be read; `output` refuses. In the
    /// latter two cases the program was ended.
    pub fn run(&self, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<Ran> {
        let mut running = Running::start(self)?;
        let fed = running.serve(input, output);
        let end = match fed {
            Ok(()) => running.reap()?,
            Err(error) => {
                running.kill(Signal::KILL);
                running.reap()?;
                return Err(error);
            }
        };
        Ok(Ran {
            end: match running.too_slow {
                true => End::TooSlow,
                false => end,
            },
            words: String::from_utf8_lossy(&running.words).into_owned(),
        })
    }
}

struct Running {
    child: Child,
    group: Pid,
    ended: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Input on its way: octets, and how many of them were written.
    piece: Vec<u8>,
    written: usize,
    words: Vec<u8>,
    deadline: Instant,
    too_slow: bool,
}

impl Running {
    fn start(program: &Program) -> io::Result<Running> {
        let (name, arguments) = program
            .argv
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let directory = match program.directory.is_dir() {
            true => program.directory.clone(),
            false => PathBuf::from("/"),
        };
        let mut child = Command::new(name)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let prepared = prepare(&child, pid, program.memory);
        let ended = prepared.inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        })?;
        Ok(Running {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            group: pid,
            ended,
            piece: Vec::new(),
            written: 0,
            words: Vec::new(),
            deadline: Instant::now() + program.time,
            too_slow: false,
        })
    }

    /// Until the program ended, or would not.
    fn serve(&mut self, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
        let mut space = vec![0; PIECE];
        loop {
            let has_ended = self.wait()?;
            if let Some(stdin) = &mut self.stdin
                && feed(stdin, input, &mut self.piece, &mut self.written)?
            {
                self.stdin = None;
            }
            let mut quiet = true;
            if let Some(stdout) = &mut self.stdout {
                match read(stdout, &mut space)? {
                    Some(0) => self.stdout = None,
                    Some(n) => {
                        output.write_all(space.get(..n).unwrap_or_default())?;
                        quiet = false;
                    }
                    None => {}
                }
            }
            if let Some(stderr) = &mut self.stderr {
                match read(stderr, &mut space)? {
                    Some(0) => self.stderr = None,
                    Some(n) => {
                        let room = KEPT.saturating_sub(self.words.len()).min(n);
                        self.words
                            .extend_from_slice(space.get(..room).unwrap_or_default());
                        quiet = false;
                    }
                    None => {}
                }
            }
            // What it left in the pipes is read; a program of its own that it left
            // behind may hold them open and is not waited for.
            if has_ended && quiet || self.is_over() {
                return Ok(());
            }
        }
    }

    /// Waits for something to do; true once the program has ended.
    fn wait(&mut self) -> io::Result<bool> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
        let wanted: [(Option<BorrowedFd<'_>>, PollFlags); 3] = [
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
            (self.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        for (fd, flags) in wanted {
            fds.extend(fd.map(|fd| PollFd::from_borrowed_fd(fd, flags)));
        }
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(fds.first().is_some_and(|fd| !fd.revents().is_empty()))
    }

    /// True once it was told to end and did not. Asked after each round, so that a
    /// program that is always busy is bounded too.
    fn is_over(&mut self) -> bool {
        if Instant::now() < self.deadline {
            return false;
        }
        match self.too_slow {
            false => {
                self.too_slow = true;
                self.deadline += GRACE;
                self.kill(Signal::TERM);
                false
            }
            true => {
                self.kill(Signal::KILL);
                true
            }
        }
    }

    fn kill(&self, signal: Signal) {
        // It may have ended meanwhile; until it is reaped its number is its own.
        let _ = rustix::process::kill_process_group(self.group, signal);
    }

    fn reap(&mut self) -> io::Result<End> {
        let status: ExitStatus = self.child.wait()?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => End::Status(u8::try_from(code).unwrap_or(u8::MAX)),
            (None, signal) => End::Signal(signal.unwrap_or(0)),
        })
    }
}

/// Pipes that never block, the memory limit, and a descriptor that tells the end.
fn prepare(child: &Child, pid: Pid, memory: Option<u64>) -> io::Result<OwnedFd> {
    if memory.is_some() {
        let limit = Rlimit {
            current: memory,
            maximum: memory,
        };
        match rustix::process::prlimit(Some(pid), Resource::As, limit) {
            // It has ended already.
            Ok(_) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let pipes = [
        child.stdin.as_ref().map(AsFd::as_fd),
        child.stdout.as_ref().map(AsFd::as_fd),
        child.stderr.as_ref().map(AsFd::as_fd),
    ];
    for fd in pipes.into_iter().flatten() {
        rustix::io::ioctl_fionbio(fd, true)?;
    }
    let flags = rustix::process::PidfdFlags::empty();
    Ok(rustix::process::pidfd_open(pid, flags)?)
}

/// Moves input as far as the pipe takes it; true once there is no more to give,
/// or nobody to take it.
fn feed(
    stdin: &mut ChildStdin,
    input: &mut dyn Read,
    piece: &mut Vec<u8>,
    written: &mut usize,
) -> io::Result<bool> {
    if *written == piece.len() {
        piece.resize(PIECE, 0);
        let n = input.read(piece)?;
        piece.truncate(n);
        *written = 0;
        if n == 0 {
            return Ok(true);
        }
    }
    match stdin.write(piece.get(*written..).unwrap_or_default()) {
        Ok(n) => *written += n,
        Err(e) if is_later(&e) => {}
        // It does not want to read more: its exit status says what that means.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
        Err(e) => return Err(e),
    }
    Ok(false)
}

/// `None`: nothing there now.
fn read(pipe: &mut impl Read, space: &mut [u8]) -> io::Result<Option<usize>> {
    match pipe.read(space) {
        Ok(n) => Ok(Some(n)),
        Err(e) if is_later(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

fn is_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Status(code) => write!(f, "ended with status {code}"),
            End::Signal(number) => write!(f, "was ended by signal {number}"),
            End::TooSlow => f.write_str("took too long and was ended"),
        }
    }
}

impl End {
    /// What it says of the mail that the program was given: an enhanced status
    /// code, `None` where all is well ([`crate::class::status_of_program`]).
    pub fn status(self) -> Option<&'static str> {
        match self {
            End::Status(code) => crate::class::status_of_program(code),
            End::Signal(_) | End::TooSlow => Some("4.3.0"),
        }
    }
}

#[cfg(test)]
mod tests;
