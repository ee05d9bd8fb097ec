//! `-bs`: SMTP on standard input and output, for a local caller.

use super::super::drain::Runner;
use super::super::submit::{self, Caller, Tell, tell_parent};
use super::super::{Done, Stop};
use super::args::{Args, When};
use crate::class::Class;
use crate::config::Config;
use crate::serve::{intake, local};
use crate::smtp::addr::ReversePath;
use crate::spool::Spool;

pub fn serve(tool: &str, args: &Args) -> Done {
    let config = super::load(args)?;
    super::open_log(&config, args);
    let spool = submit::open_spool(&config)?;
    let real = Caller::real();
    let given = args.full_name.as_deref().map(submit::one_line);
    let rewrite = {
        let config = config.clone();
        let caller = Caller::real();
        Box::new(move |sender: &ReversePath| {
            submit::rewriting(&config, &caller, sender).map_err(|stop| stop.text().to_owned())
        })
    };
    let caller = intake::Caller {
        uid: real.uid,
        address: real.mailbox(&config.origin),
        full_name: given.or_else(|| real.full_name()),
        rewrite,
    };
    let runner = Runner::new(&config.spool, super::trusted(args.config.as_deref()));
    let is_queued = args.when == When::Queued;
    submit::as_owner(
        tool,
        &spool,
        &|_| {
            if !is_queued {
                runner.wake(&spool);
            }
        },
        |tell| {
            let runner = runner.clone();
            let committed: Committed = match tell {
                Tell::Parent(pipe) => Box::new(move |_| tell_parent(&pipe, None)),
                Tell::Here(_) if is_queued => Box::new(|_| ()),
                Tell::Here(_) => Box::new(move |spool| {
                    runner.wake(spool);
                }),
            };
            super::as_told(args, talk(&config, caller, committed))
        },
    )
}

type Committed = Box<dyn Fn(&Spool) + Send + Sync>;

fn talk(config: &Config, caller: intake::Caller, committed: Committed) -> Done {
    match local::run(config, submit::open_spool(config)?, caller, committed) {
        Ok(()) => Ok(()),
        // The client went away in the middle of a message: nothing of it was
        // accepted, and nobody is left to be told.
        Err(local::LocalError::Broken) => Err(Stop::Status(Class::Data)),
        Err(error) => Err(error.into()),
    }
}
