//! `-q` and `-bv`: what `smtp-queue` does.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::super::drain::{self, Runner};
use super::super::{Done, Stop, submit};
use super::args::{Args, Select};

/// `-q`: a resident runner is asked; else one pass is made here, and we wait.
pub fn run(args: &Args, select: &Select) -> Done {
    let config = super::load(args)?;
    super::open_log(&config, args.tag.as_deref());
    let Some(spool) = super::existing(&config)? else {
        return Ok(());
    };
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    if !Runner::may_run(&spool) {
        drain::ask(&spool);
        return Ok(());
    }
    match select {
        Select::All if spool.has_runner()? => {
            spool.ask_run()?;
            Ok(())
        }
        Select::All => Err(runner.exec(&["run".as_ref(), "--all".as_ref()], None)),
        Select::By(option, text) => {
            Err(runner.exec(&["run".as_ref(), option.as_ref(), text], None))
        }
    }
}

/// `-bv`: where each address leads; nothing is sent.
pub fn verify(args: &Args) -> Done {
    if args.recipients.is_empty() {
        return Err(Stop::usage("-bv needs addresses"));
    }
    let config = super::load(args)?;
    let words: Vec<&[u8]> = args.recipients.iter().map(|w| w.as_bytes()).collect();
    let (addresses, bad) = submit::read_addresses(&words, &config.origin);
    if let Some((text, error)) = bad.into_iter().next() {
        return Err(Stop::from(error).about(&text));
    }
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut words: Vec<&OsStr> = vec!["route".as_ref(), "--".as_ref()];
    words.extend(addresses.iter().map(|a| OsStr::new(a.as_str())));
    Err(runner.exec(&words, None))
}
