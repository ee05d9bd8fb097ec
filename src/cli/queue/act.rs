//! `smtp-queue hold`, `release`, `retry`, `remove`: one line for each message
//! says what was done.

use serde::Serialize;

use super::Context;
use super::select::each;
use crate::class::Class;
use crate::cli::drain::Runner;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop};
use crate::log::{self, By};
use crate::spool::{Entry, Place, RELEASED, Spool, SpoolError};

#[derive(clap::Args)]
pub struct Options {
    /// Message ids, or their unique beginnings; - reads them from standard input
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
}

/// What was done to a message.
#[derive(Serialize)]
struct Acted {
    id: String,
    done: &'static str,
}

impl Record for Acted {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[("ID", 16), ("DONE", 0)];

    fn row(&self) -> Vec<String> {
        vec![self.id.clone(), self.done.into()]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Hold,
    Release,
    Retry,
    Remove,
}

pub fn act(context: &Context, options: &Options, act: Act) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(options.json);
    let mut wake = false;
    let done = each(context.tool, &spool, &options.ids, |entry| {
        let words = one(&spool, entry, act)?;
        wake |= matches!(act, Act::Release | Act::Retry);
        out.record(&Acted {
            id: entry.id.to_string(),
            done: words,
        })
    });
    out.flush()?;
    if wake {
        run_now(context, &spool)?;
    }
    done
}

fn one(spool: &Spool, entry: &Entry, act: Act) -> Result<&'static str, Stop> {
    match (act, entry.place) {
        (Act::Hold, Place::Held) => return Ok("held already"),
        (Act::Release, Place::New | Place::Deferred) => return Ok("not held"),
        (Act::Retry, Place::Held) => {
            return Err(Stop::new(Class::Data, "is held: release it first"));
        }
        _ => {}
    }
    let by = By::Uid(rustix::process::getuid().as_raw());
    let mut claim = match spool.claim(entry) {
        // Set aside by now: nothing else would ever take it away.
        Err(SpoolError::Corrupt(id, _)) if act == Act::Remove => {
            spool.remove_unreadable(&spool.find(id.as_str())?)?;
            log::removed(&entry.id, by);
            return Ok("removed, it did not read right");
        }
        claimed => claimed?.ok_or(SpoolError::Busy(entry.id))?,
    };
    match act {
        Act::Hold => {
            claim.note("held by the operator")?;
            claim.hold()?;
            log::held(&entry.id, by);
            Ok("held")
        }
        Act::Release => {
            claim.note(RELEASED)?;
            claim.release()?;
            log::released(&entry.id, by);
            Ok("released")
        }
        Act::Retry => {
            // In new/ it is due anyway; elsewhere the name says so.
            match entry.place {
                Place::New => {}
                Place::Failed => claim.release()?,
                _ => claim.defer(now())?,
            }
            log::retried(&entry.id, by);
            Ok("due now")
        }
        Act::Remove => {
            claim.remove("removed by the operator")?;
            log::removed(&entry.id, by);
            Ok("removed")
        }
    }
}

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}

/// Wakes the resident runner, or starts one.
fn run_now(context: &Context, spool: &Spool) -> Done {
    if spool.has_runner()? {
        spool.ask_run()?;
    } else {
        Runner::new(&context.config.spool, context.config_file.as_deref()).wake(spool);
    }
    Ok(())
}
