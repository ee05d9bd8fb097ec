//! The command lines: parse, plan, run, exit.
//!
//! Each program's `main` is one call of [`run`]. What ends a command early is a
//! [`Stop`]; every error of the library becomes one by `?`, and its class
//! becomes the exit status of sysexits.h. For many items, [`Worst`] reports
//! each and remembers the worst.

pub mod dialogue;
pub mod drain;
pub mod human;
pub mod lines;
pub mod mx;
pub mod output;
pub mod passwd;
pub mod progress;
pub mod prompt;
pub mod queue;
pub mod send;
pub mod sendmail;
pub mod serve;
pub mod submit;
pub mod told;
pub mod trace;
pub mod verify;
pub mod words;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::class::{Class, Classify};

pub const TOOL_MX: &str = "smtp-mx";

/// Why a command ends before its last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Failed: one line for stderr (without the program's name) and the class.
    Failed(Class, String),
    /// Everything that had to be said was said; only the status is left.
    Status(Class),
    /// As `Status`, with the status of a process that did the work.
    Code(u8),
    /// Help or version was asked for: the text for stdout.
    Shown(String),
    /// Nobody reads our output any more (`| head`): end quietly.
    Quiet,
}

impl Stop {
    pub fn new(class: Class, text: impl Into<String>) -> Stop {
        Stop::Failed(class, crate::class::plain(text))
    }

    pub fn usage(text: impl Into<String>) -> Stop {
        Stop::new(Class::Usage, text)
    }

    /// What went wrong, in words.
    pub fn text(&self) -> &str {
        match self {
            Stop::Failed(_, text) => text,
            _ => "it failed",
        }
    }

    /// This failure, and what went wrong besides.
    pub fn and(self, other: &Stop) -> Stop {
        match self {
            Stop::Failed(class, text) => Stop::Failed(class, format!("{text}; {}", other.text())),
            stop => stop,
        }
    }

    /// Text shown before an error: `smtp-queue hold: ID: ...`.
    pub fn about(self, what: &str) -> Stop {
        match self {
            Stop::Failed(class, text) => Stop::Failed(class, format!("{what}: {text}")),
            other => other,
        }
    }
}

impl<E: Classify> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::new(error.class(), error.to_string())
    }
}

/// What a command comes to.
pub type Done = Result<(), Stop>;

/// Runs one program: prepares the process (descriptors, umask, signals,
/// privilege), runs `body` with the arguments, reports what stopped it as
/// `tool: message`, and gives the exit status.
pub fn run(tool: &str, fds: Inherited, body: impl FnOnce(Vec<OsString>) -> Done) -> ExitCode {
    ExitCode::from(status(tool, fds, body))
}

fn status(tool: &str, fds: Inherited, body: impl FnOnce(Vec<OsString>) -> Done) -> u8 {
    crate::sys::start(fds == Inherited::Close);
    report(tool, body(std::env::args_os().skip(1).collect()))
}

/// `smtp-send`, and the historic programs that it answers as; gives the exit
/// status.
pub fn main_send() -> u8 {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = called_as(&called);
    if name.starts_with("smtp-send") {
        status("smtp-send", Inherited::Close, send::main)
    } else {
        let tool = match name.as_str() {
            "mailq" | "newaliases" | "smtpd" => name.as_str(),
            _ => "sendmail",
        };
        status(tool, Inherited::Close, |words| sendmail::main(tool, words))
    }
}

/// Last component of the name we were called by, without the dash of a login
/// shell.
fn called_as(argv0: &OsStr) -> String {
    let name = Path::new(argv0).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    name.trim_start_matches('-').to_owned()
}

/// What `--version` prints.
pub fn version(tool: &str) -> String {
    format!("{tool} (smtputils) {}\n", env!("CARGO_PKG_VERSION"))
}

/// What becomes of descriptors over 2 that the caller left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherited {
    Close,
    /// For programs that are handed sockets.
    Keep,
}

/// Says what stopped it, and gives the exit status.
fn report(tool: &str, done: Done) -> u8 {
    match done {
        Ok(()) | Err(Stop::Quiet) => 0,
        Err(Stop::Shown(text)) => report(tool, show(&text)),
        Err(Stop::Status(class)) => class.exit_status(),
        Err(Stop::Code(code)) => code,
        Err(Stop::Failed(class, text)) => {
            say(tool, &text);
            class.exit_status()
        }
    }
}

fn show(text: &str) -> Done {
    let mut out = output::Out::stdout(false);
    out.raw(text.as_bytes())?;
    out.flush()
}

/// One line on stderr, `tool: text`, harmless on a terminal. A stderr that
/// cannot be written is no reason to fail.
pub fn say(tool: &str, text: &str) {
    let line = format!("{tool}: {}\n", output::escape(text));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Many items: each failure is reported, the worst gives the status.
#[derive(Debug)]
pub struct Worst<'a> {
    tool: &'a str,
    class: Option<Class>,
}

impl<'a> Worst<'a> {
    pub fn new(tool: &'a str) -> Worst<'a> {
        Worst { tool, class: None }
    }

    /// Takes one item's end. What concerns the whole program (output closed)
    /// goes back to the caller.
    pub fn take(&mut self, item: &str, done: Done) -> Done {
        match done {
            Err(Stop::Failed(class, text)) => {
                say(self.tool, &format!("{item}: {text}"));
                self.class = self.class.max(Some(class));
                Ok(())
            }
            Err(Stop::Status(class)) => {
                self.class = self.class.max(Some(class));
                Ok(())
            }
            other => other,
        }
    }

    pub fn end(self) -> Done {
        match self.class {
            None => Ok(()),
            Some(class) => Err(Stop::Status(class)),
        }
    }
}

/// Clap prints its help then, as an error.
const NO_COMMAND: clap::error::ErrorKind =
    clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

/// A name server on the command line, as in the configuration.
fn server(text: &str) -> Result<std::net::SocketAddr, String> {
    crate::config::parse_server(text)
}

/// How often a second; 0 means no limit.
fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    let fits = rate.filter(|r| r.is_finite() && (0.0..=1e6).contains(r));
    fits.ok_or_else(|| "expected a number from 0 to 1000000".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=10_000).contains(n));
    number.ok_or_else(|| "expected a number from 1 to 10000".to_owned())
}

/// A length of time, as in the configuration: `30s`, `5m`.
fn time(text: &str) -> Result<std::time::Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "expected a time like 30s or 5m".to_owned())
}

/// Parses the arguments with clap. A wrong command line is one line and status
/// 64, not clap's paragraph and 2.
pub fn parse<P: clap::Parser>(tool: &str, args: Vec<OsString>) -> Result<P, Stop> {
    P::try_parse_from(std::iter::once(OsString::from(tool)).chain(args)).map_err(|error| {
        if error.kind() == NO_COMMAND {
            return Stop::usage("a command is missing; see --help");
        }
        let text = error.render().to_string();
        if error.use_stderr() {
            Stop::usage(one_line(&text))
        } else {
            Stop::Shown(text)
        }
    })
}

/// What clap says in one line: the message and its tip, without the usage.
fn one_line(text: &str) -> String {
    let mut parts = Vec::new();
    for paragraph in text.split("\n\n") {
        let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(message) = joined.strip_prefix("error: ") {
            parts.push(message.to_owned());
        } else if let Some(tip) = joined.strip_prefix("tip: ") {
            parts.push(tip.to_owned());
        }
    }
    parts.push("see --help".to_owned());
    parts.join("; ")
}

#[cfg(test)]
mod tests;
