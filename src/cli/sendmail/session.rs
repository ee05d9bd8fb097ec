//! `-bs`: SMTP on standard input and output, for a local caller.

use super::super::drain::Runner;
use super::super::submit::{self, Caller};
use super::super::{Done, Stop};
use super::args::{Args, When};
use crate::class::Class;
use crate::serve::{intake, local};

pub fn serve(args: &Args) -> Done {
    let config = super::load(args)?;
    super::open_log(&config, args.tag.as_deref());
    let spool = submit::open_spool(&config)?;
    let real = Caller::real();
    let caller = intake::Caller {
        uid: real.uid,
        address: real.mailbox(&config.origin),
        full_name: args
            .full_name
            .as_deref()
            .map(submit::one_line)
            .or_else(|| real.full_name()),
    };
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    let is_queued = args.when == When::Queued;
    let committed = move |spool: &crate::spool::Spool| {
        if !is_queued {
            runner.wake(spool);
        }
    };
    match local::run(&config, spool, caller, Box::new(committed)) {
        Ok(()) => Ok(()),
        // The client went away in the middle of a message: nothing of it was
        // accepted, and nobody is left to be told.
        Err(local::LocalError::Broken) => Err(Stop::Status(Class::Data)),
        Err(error) => Err(error.into()),
    }
}
