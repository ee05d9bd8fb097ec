//! The program called as `sendmail`, `send-mail`, `mailq` or `newaliases`: the
//! historic interface, by hand. No clap, no runtime, no TLS.

mod args;
mod attempt;
mod dead_letter;
mod mailq;
mod message;
mod newaliases;
mod queue;
mod session;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use self::args::{Args, Errors, Mode};
use super::{Done, Stop, drain};
use crate::config::{Config, LogTo, Overrides};
use crate::spool::Spool;
use crate::{log, sys};

const HELP: &str = "\
usage: sendmail [-i] [-t] [-f SENDER] [-F NAME] [-B TYPE] [-N CONDITIONS]
                [-R full|hdrs] [-V ID] [-oeMODE] [-odMODE] [--] [RECIPIENT...]
       sendmail -bs | -bp | -bi | -bv ADDRESS... | -q[ITEXT|RTEXT|STEXT]
       mailq
       newaliases

Takes a message from standard input and queues it durably.
  -t  recipients are in To, Cc and Bcc    -f  envelope sender, <> for none
  -i  a line with a lone dot is text      -F  full name for a missing From
  -odi  wait for the first attempt        -odq  queue only
  -bs  speak SMTP on standard input       -bp  list the queue (mailq)
  -bv  tell where an address leads        -q   try everything queued now
All flags of the historic program are in sendmail(8).
";

/// Runs under the name the program was called by.
pub fn main(tool: &str, words: Vec<OsString>) -> Done {
    let args = args::parse(words)?;
    as_told(&args, act(tool, &args))
}

/// `-oeq`: the exit status alone.
fn as_told(args: &Args, done: Done) -> Done {
    match done {
        Err(Stop::Failed(class, _)) if args.errors == Errors::Quiet => Err(Stop::Status(class)),
        done => done,
    }
}

fn act(tool: &str, args: &Args) -> Done {
    let mode = match (&args.mode, &args.run) {
        (Some(mode), _) | (None, Some(mode)) => mode.clone(),
        (None, None) => by_name(tool)?,
    };
    match mode {
        Mode::Submit => message::submit(tool, args),
        Mode::Smtp => session::serve(tool, args),
        Mode::List => mailq::list(&load(args)?),
        Mode::Count => mailq::count(&load(args)?),
        Mode::Newaliases => newaliases::check(tool, load(args)?, args.aliases.as_deref()),
        Mode::Verify => queue::verify(args),
        Mode::Serve => become_server(args),
        Mode::Run(select) => queue::run(args, &select),
        Mode::Nothing => Ok(()),
        Mode::Help => Err(Stop::Shown(HELP.to_owned())),
        Mode::Version => Err(Stop::Shown(super::version("sendmail"))),
    }
}

fn by_name(tool: &str) -> Result<Mode, Stop> {
    match tool {
        "mailq" => Ok(Mode::List),
        "newaliases" => Ok(Mode::Newaliases),
        "smtpd" => Ok(Mode::Serve),
        _ => Ok(Mode::Submit),
    }
}

/// `-bd`: the server, where one is configured.
fn become_server(args: &Args) -> Done {
    let config = load(args)?;
    if config.serve.listen.is_empty() {
        return Err(Stop::usage(
            "serve.listen of the configuration names no place to listen on; the server is smtp-serve",
        ));
    }
    Err(drain::exec_server(trusted(args.config.as_deref())))
}

/// The configuration; `-C` counts only where it gives nobody more than they
/// have.
fn load(args: &Args) -> Result<Config, Stop> {
    let config = trusted(args.config.clone());
    Ok(Config::load(&Overrides {
        privileged: sys::is_privileged() && !is_root(),
        config,
        spool: None,
    })?)
}

/// A file named by the caller, where it may be used: not with raised privilege.
pub(super) fn trusted<T>(given: Option<T>) -> Option<T> {
    given.filter(|_| !sys::is_privileged() || is_root())
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The mail log. Called as `sendmail`, stderr belongs to the caller, who may
/// give it with `-d`.
fn open_log(config: &Config, args: &Args) {
    let tag = args
        .tag
        .as_deref()
        .map(|t| String::from_utf8_lossy(t.as_bytes()));
    let tag = tag.as_deref().unwrap_or("sendmail");
    if args.debug {
        log::open(LogTo::Stderr, tag);
    } else {
        log::open_quiet(config.log, tag);
    }
}

/// The spool for reading; `None` where nothing was ever queued.
fn existing(config: &Config) -> Result<Option<Spool>, Stop> {
    match Spool::open(&config.spool) {
        Ok(spool) => Ok(Some(spool)),
        Err(error) if drain::is_missing(&error) && !config.spool.exists() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
