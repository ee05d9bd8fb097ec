//! `smtp-send` under its own name: recipients as arguments, the message on
//! standard input.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Parser;

use super::drain::Runner;
use super::submit::{self, Caller, Incoming, Input, Plan};
use super::{Done, Stop};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::smtp::param::MailParams;
use crate::spool::{Id, Spool};
use crate::{log, sys};

const NAME: &str = "smtp-send";

/// Queue a message from standard input, durably, and start its delivery
#[derive(Clone, Debug, Parser)]
#[command(name = NAME, version, max_term_width = 80)]
#[command(after_help = "\
Missing From, Date and Message-ID fields are added, Bcc fields removed. Exit
status 0: the message is on stable storage. See smtp-send(1), sendmail(8).")]
pub struct Options {
    /// Recipients; each word may hold several, with or without names
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<OsString>,
    /// Sender of the envelope, who gets bounces; <> for nobody [default: you]
    #[arg(short, long, value_name = "ADDRESS")]
    from: Option<OsString>,
    /// Full name for a missing From field
    #[arg(short = 'F', long, value_name = "NAME")]
    full_name: Option<OsString>,
    /// Recipients are in To, Cc and Bcc too
    #[arg(short = 't', long)]
    header_recipients: bool,
    /// Deliver while you wait, without the queue; the exit status tells
    #[arg(long, conflicts_with = "queue_only")]
    now: bool,
    /// Only queue; a later queue run makes the first attempt
    #[arg(long)]
    queue_only: bool,
    /// Configuration file instead of the system's and the user's
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Spool directory
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
}

pub fn main(args: Vec<OsString>) -> Done {
    let mut options: Options = super::parse(NAME, args)?;
    if sys::is_privileged() {
        options.config = None;
        options.spool = None;
    }
    if options.recipients.is_empty() && !options.header_recipients {
        return Err(Stop::usage(
            "no recipients: give addresses, or -t to take them from the header",
        ));
    }
    submit::check_input()?;
    let config = Config::load(&Overrides {
        config: options.config.clone(),
        spool: options.spool.clone(),
        privileged: sys::is_privileged(),
    })?;
    let plan = plan(&options, &config)?;
    let caller = Caller::real();
    let runner = Runner::new(&config.spool, options.config.as_deref());
    if options.now {
        let mut message = Incoming::open(Input, false)?;
        return match submit::private_copy(&config, &caller, &plan, &mut message)? {
            Some(file) => Err(runner.exec(&["deliver".as_ref()], Some(file.into()))),
            None => Ok(()),
        };
    }
    // A person at a terminal hears nothing of what went well, either.
    log::open_quiet(config.log, NAME);
    let spool = submit::open_spool(&config)?;
    let wake = |_| {
        if !options.queue_only {
            runner.wake(&spool);
        }
    };
    submit::with_owner(&spool, &wake, |tell| {
        if let Some(id) = take(&config, &spool, &caller, plan)? {
            tell.committed(Some(id));
        }
        Ok(())
    })
}

fn take(config: &Config, spool: &Spool, caller: &Caller, plan: Plan) -> Result<Option<Id>, Stop> {
    let mut message = Incoming::open(Input, false)?;
    match submit::submit(config, spool, caller, plan, &mut message) {
        Ok(done) => Ok(done.id),
        Err(refused) => Err(refused.stop),
    }
}

fn plan(options: &Options, config: &Config) -> Result<Plan, Stop> {
    let words: Vec<&[u8]> = options.recipients.iter().map(|w| w.as_bytes()).collect();
    for word in words
        .iter()
        .copied()
        .chain(options.from.as_deref().map(OsStrExt::as_bytes))
    {
        submit::check_text(word)?;
    }
    let sender = options.from.as_deref().map(|word| {
        match submit::read_sender(word.as_bytes(), &config.origin)? {
            (path, false) => Ok(path),
            (_, true) => Err(Stop::new(Class::Data, "--from: one address, please")),
        }
    });
    Ok(Plan {
        sender: sender.transpose()?,
        recipients: words.iter().map(|word| word.to_vec()).collect(),
        header_recipients: options.header_recipients,
        despite_bad: false,
        gateway: false,
        no_aliases: false,
        full_name: options.full_name.as_deref().map(submit::one_line),
        params: MailParams::default(),
        notify: None,
    })
}
