//! `smtp-send` under its own name: a message on standard input, or one composed
//! of options, text and files; queued, or delivered while the caller waits.

mod compose;
mod now;

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Parser;

use self::compose::Compose;
use super::dialogue::{self, Dialogue};
use super::drain::Runner;
use super::submit::{self, Caller, Incoming, Input, Plan};
use super::{Done, Stop};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::smtp::addr::ReversePath;
use crate::smtp::param::MailParams;
use crate::spool::{Id, Spool};
use crate::{log, message, sys};

const NAME: &str = "smtp-send";

/// Queue a message durably and start its delivery, or deliver it now
#[derive(Clone, Debug, Parser)]
#[command(name = NAME, version, max_term_width = 80)]
#[command(after_help = "\
Standard input is the message, or with -s, --to ... --header its text. Status 0:
on stable storage, or with --now accepted for all. See smtp-send(1).")]
pub struct Options {
    /// Recipients; each word may hold several, with or without names
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<OsString>,
    /// Sender, who gets bounces; <> for nobody
    #[arg(short, long, value_name = "ADDR")]
    from: Option<OsString>,
    /// Full name for a missing From field
    #[arg(short = 'F', long, value_name = "NAME")]
    full_name: Option<OsString>,
    /// Recipients are in To, Cc and Bcc too
    #[arg(short = 't', long)]
    header_recipients: bool,
    #[command(flatten)]
    compose: Compose,
    /// Deliver while you wait, and tell each result
    #[arg(long, conflicts_with = "queue_only")]
    now: bool,
    /// As --now; what is deferred goes to the queue
    #[arg(long, conflicts_with = "queue_only")]
    or_queue: bool,
    /// Only queue; a later queue run delivers
    #[arg(long)]
    queue_only: bool,
    #[command(flatten)]
    dialogue: Dialogue,
    /// Configuration file instead of the usual ones
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
    let is_now = options.check()?;
    let config = Config::load(&Overrides {
        config: options.config.clone(),
        spool: options.spool.clone(),
        privileged: sys::is_privileged(),
    })?;
    let caller = Caller::real();
    let plan = plan(&options, &config)?;
    if !is_now || options.or_queue {
        check_account(&options, &config, &plan, &caller)?;
    }
    // As the user, before anything is done as another.
    let mut source = Source::open(&options, &config)?;
    let runner = Runner::new(&config.spool, options.config.as_deref());
    if is_now {
        let mut message = source.message()?;
        return match submit::private_copy(&config, &caller, &plan, &mut message)? {
            Some(file) if options.or_queue => {
                now::or_queue(&config, &runner, &options.dialogue, file)
            }
            Some(file) => Err(now::become_deliverer(&runner, &options.dialogue, file)),
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
        if let Some(id) = take(&config, &spool, &caller, plan, source.message()?)? {
            tell.committed(Some(id));
        }
        Ok(())
    })
}

impl Options {
    /// What does not go together; true where it is to be delivered now.
    fn check(&self) -> Result<bool, Stop> {
        let composes = self.compose.is_any();
        if composes && self.header_recipients {
            return Err(Stop::usage(
                "-t reads a message, and the options that compose read a text: give one or the other",
            ));
        }
        let recipients = self.recipients.len() + self.compose.recipients().count();
        if recipients == 0 && !self.header_recipients {
            return Err(Stop::usage(
                "no recipients: give addresses, or -t to take them from the header",
            ));
        }
        self.dialogue.understand()?;
        let is_now = self.now || self.or_queue || self.dialogue.is_any();
        if is_now && self.queue_only {
            return Err(Stop::usage(
                "--queue-only delivers nothing now: the other options are about that",
            ));
        }
        if self.or_queue && (self.dialogue.has_server() || self.dialogue.ends_early()) {
            return Err(Stop::usage(
                "--or-queue: the queue goes by routes and accounts of the configuration, \
                 not by --server, --dry-run or --until",
            ));
        }
        Ok(is_now)
    }
}

/// The queue knows a message's sender and not the account that was meant.
fn check_account(
    options: &Options,
    config: &Config,
    plan: &Plan,
    caller: &Caller,
) -> Result<(), Stop> {
    let Some(name) = options.dialogue.account() else {
        return Ok(());
    };
    let own = || ReversePath::Mailbox(caller.mailbox(&config.origin));
    let sender = plan.sender.clone().unwrap_or_else(own);
    match config.table().for_sender(&sender).account.as_deref() {
        Some(chosen) if chosen == name => Ok(()),
        _ => Err(Stop::usage(format!(
            "--account {name}: the queue chooses accounts by sender, and this one's 'from' \
             does not name {sender}; --now would use it"
        ))),
    }
}

/// Where the message is read from.
struct Source {
    from: Box<dyn Read>,
    what: &'static str,
}

impl Source {
    fn open(options: &Options, config: &Config) -> Result<Source, Stop> {
        if options.compose.is_any() {
            return Ok(Source {
                from: options.compose.message(&options.recipients, config)?,
                what: "the message",
            });
        }
        submit::check_input()?;
        Ok(Source {
            from: Box::new(Input),
            what: "standard input",
        })
    }

    fn message(&mut self) -> Result<Incoming<&mut dyn Read>, Stop> {
        Incoming::of(&mut *self.from, self.what, false)
    }
}

fn take(
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    plan: Plan,
    mut message: Incoming<&mut dyn Read>,
) -> Result<Option<Id>, Stop> {
    match submit::submit(config, spool, caller, plan, &mut message) {
        Ok(done) => Ok(done.id),
        Err(refused) => Err(refused.stop),
    }
}

fn plan(options: &Options, config: &Config) -> Result<Plan, Stop> {
    let words: Vec<&OsStr> = options
        .recipients
        .iter()
        .map(OsString::as_os_str)
        .chain(options.compose.recipients())
        .collect();
    for word in words.iter().copied().chain(options.from.as_deref()) {
        submit::check_text(word.as_bytes())?;
    }
    let (sender, name) = sender(options, config)?;
    Ok(Plan {
        sender,
        recipients: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        header_recipients: options.header_recipients,
        despite_bad: false,
        gateway: false,
        no_aliases: false,
        full_name: options.full_name.as_deref().map(submit::one_line).or(name),
        params: MailParams::default(),
        notify: None,
    })
}

/// The sender of the envelope, by default the account's, and the name with it.
fn sender(
    options: &Options,
    config: &Config,
) -> Result<(Option<ReversePath>, Option<String>), Stop> {
    let account = options.dialogue.account();
    let account = account
        .map(|name| dialogue::account(config, name))
        .transpose()?;
    let word = match (&options.from, account.and_then(|a| a.from.as_deref())) {
        (Some(word), _) => word.as_bytes(),
        (None, Some(from)) => from.as_bytes(),
        (None, None) => return Ok((None, None)),
    };
    match submit::read_sender(word, &config.origin)? {
        (path, false) => {
            let people = message::addrlist::people(word).0;
            Ok((Some(path), people.into_iter().next().and_then(|p| p.name)))
        }
        (_, true) => Err(Stop::new(Class::Data, "--from: one address, please")),
    }
}
