//! `-q` and `-bv`: what `smtp-queue` does.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::super::drain::{self, Runner};
use super::super::{Done, Stop, submit};
use super::args::{Args, Part, Select};
use crate::message::addrlist::Names;
use crate::spool::{Entry, Spool};

/// `-q`: a resident runner is asked; else one pass is made here, and we wait.
pub fn run(args: &Args, select: &Select) -> Done {
    let config = super::load(args)?;
    super::open_log(&config, args);
    let Some(spool) = super::existing(&config)? else {
        return Ok(());
    };
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    if !Runner::may_run(&spool) {
        drain::ask(&spool);
        return Ok(());
    }
    let (part, text) = match select {
        Select::All if spool.has_runner()? => return Ok(spool.ask_run()?),
        Select::All => return Err(runner.exec(&["run".as_ref(), "--all".as_ref()], None)),
        Select::By { part, text, not } if *not => {
            return others(&runner, &spool, *part, &text.to_string_lossy());
        }
        Select::By { part, text, .. } => (part, text),
    };
    // Glued, because the text may begin with a dash.
    let mut option = OsString::from(match part {
        Part::Id => "--id=",
        Part::Recipient => "--recipient=",
        Part::Sender => "--sender=",
    });
    option.push(text);
    Err(runner.exec(&["run".as_ref(), &option], None))
}

/// `-q!`: all messages but those that `text` tells.
fn others(runner: &Runner, spool: &Spool, part: Part, text: &str) -> Done {
    let mut words = vec![OsString::from("run")];
    for entry in spool.list()? {
        if !holds(spool, &entry, part, &text.to_lowercase()) {
            words.push(format!("--id={}", entry.id).into());
        }
    }
    if words.len() == 1 {
        return Ok(());
    }
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    Err(runner.exec(&words, None))
}

/// What cannot be read is left alone: it counts as held.
fn holds(spool: &Spool, entry: &Entry, part: Part, text: &str) -> bool {
    let has = |value: String| value.to_lowercase().contains(text);
    match (part, spool.head(entry)) {
        (Part::Id, _) => has(entry.id.to_string()),
        (Part::Sender, Ok(head)) => has(head.envelope.sender.to_string()),
        (Part::Recipient, Ok(head)) => {
            let mut recipients = head.envelope.recipients.iter();
            recipients.any(|r| has(r.address.to_string()))
        }
        (_, Err(_)) => true,
    }
}

/// `-bv`: where each address leads; nothing is sent.
pub fn verify(args: &Args) -> Done {
    if args.recipients.is_empty() {
        return Err(Stop::usage("-bv needs addresses"));
    }
    let config = super::load(args)?;
    let words: Vec<&[u8]> = args.recipients.iter().map(|w| w.as_bytes()).collect();
    let (addresses, bad) = submit::read_addresses(&words, Names::at(&config.origin));
    if let Some((text, error)) = bad.into_iter().next() {
        return Err(Stop::from(error).about(&text));
    }
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut words: Vec<&OsStr> = vec!["route".as_ref(), "--brief".as_ref(), "--".as_ref()];
    words.extend(addresses.iter().map(|a| OsStr::new(a.as_str())));
    Err(runner.exec(&words, None))
}
