//! `smtp-queue hold`, `release`, `retry`, `remove`, `restore`, `reroute`: one
//! line for each message says what was done.

use serde::Serialize;

use super::Context;
use super::select::Selection;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop, Worst};
use crate::config;
use crate::log::{self, By};
use crate::spool::{Entry, KEPT, Place, RELEASED, Spool, SpoolError};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub selection: Selection,
    /// One JSON object a message
    #[arg(long)]
    pub json: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(clap::Args)]
pub struct RemoveOptions {
    #[command(flatten)]
    common: Options,
    /// For good, not to be had back
    #[arg(long)]
    now: bool,
}

#[derive(clap::Args)]
pub struct RestoreOptions {
    /// Ids of removed messages, or their unique beginnings; - reads them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
pub struct RerouteOptions {
    #[command(flatten)]
    common: Options,
    /// Transport, as in a route: smtp://host, mx:, discard:, ...
    #[arg(long, value_name = "TRANSPORT", required_unless_present = "undo")]
    to: Option<String>,
    /// By the configuration again
    #[arg(long, conflicts_with = "to")]
    undo: bool,
}

/// What was done to a message.
#[derive(Serialize)]
pub struct Acted {
    pub id: String,
    pub done: String,
}

impl Record for Acted {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[("ID", 16), ("DONE", 0)];

    fn row(&self) -> Vec<String> {
        vec![self.id.clone(), self.done.clone()]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    Hold,
    Release,
    Retry,
    /// Until when it can be had back, Unix seconds; `None`: never.
    Remove(Option<u64>),
    /// By this transport; `None`: by the configuration again.
    Reroute(Option<&'a str>),
}

pub fn act(context: &Context, options: &Options, act: Act<'_>) -> Done {
    let spool = context.spool()?;
    let mut wake = false;
    let done = act_on(context, &spool, options, |entry| {
        if options.dry_run {
            return would(entry, act);
        }
        wake |= matches!(act, Act::Release | Act::Retry);
        one(&spool, entry, act)
    });
    if wake && !options.dry_run {
        context.wake(&spool)?;
    }
    done
}

pub fn remove(context: &Context, options: &RemoveOptions) -> Done {
    let until = now().saturating_add(KEPT.as_secs().unsigned_abs());
    let until = (!options.now).then_some(until);
    act(context, &options.common, Act::Remove(until))?;
    // What could be had back for long enough goes, where no runner sees to it.
    let spool = context.spool()?;
    match options.common.dry_run {
        true => Ok(()),
        false => Ok(spool.sweep_removed(jiff::Timestamp::now())?),
    }
}

pub fn reroute(context: &Context, options: &RerouteOptions) -> Done {
    let to = options.to.as_deref().filter(|_| !options.undo);
    if let Some(to) = to {
        config::route_to(&context.config, to).map_err(|e| Stop::usage(format!("{to}: {e}")))?;
    }
    act(context, &options.common, Act::Reroute(to))
}

pub fn restore(context: &Context, options: &RestoreOptions) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(options.json);
    let mut worst = Worst::new(context.tool);
    let mut wake = false;
    let done = context.as_owner(&spool, || {
        for word in crate::cli::words::words(&options.ids) {
            let word = word?;
            let done = restore_one(&spool, &word, options.dry_run).and_then(|(id, place)| {
                wake |= place.is_some_and(Place::is_queued);
                let done = match place {
                    None => "would be restored".to_owned(),
                    Some(place) => format!("restored, {}", super::select::state_name(place)),
                };
                out.record(&Acted { id, done })
            });
            worst.take(&word, done)?;
        }
        out.flush()
    });
    if wake {
        context.wake(&spool)?;
    }
    done.and(worst.end())
}

fn restore_one(spool: &Spool, word: &str, dry_run: bool) -> Result<(String, Option<Place>), Stop> {
    let entry = spool.find_removed(word)?;
    let id = entry.id.to_string();
    if dry_run {
        return Ok((id, None));
    }
    let place = spool.restore(&entry)?;
    log::restored(&id, by());
    Ok((id, Some(place)))
}

/// Does something with each message meant, as the spool's owner, and prints what
/// it was.
pub fn act_on(
    context: &Context,
    spool: &Spool,
    options: &Options,
    mut act: impl FnMut(&Entry) -> Result<String, Stop>,
) -> Done {
    let mut out = Out::stdout(options.json);
    context.as_owner(spool, || {
        let done = options.selection.each(context.tool, spool, |entry| {
            let done = act(entry)?;
            out.record(&Acted {
                id: entry.id.to_string(),
                done,
            })
        });
        out.flush()?;
        done
    })
}

/// Why nothing is done, if so.
fn pointless(entry: &Entry, act: Act<'_>) -> Result<Option<&'static str>, Stop> {
    match (act, entry.place) {
        (Act::Hold, Place::Held) => Ok(Some("held already")),
        (Act::Release, Place::New | Place::Deferred) => Ok(Some("not held")),
        (Act::Retry, Place::Held) => Err(Stop::new(Class::Data, "is held: release it first")),
        (_, Place::Removed) => Err(Stop::new(Class::Data, "is removed: restore it first")),
        _ => Ok(None),
    }
}

fn would(entry: &Entry, act: Act<'_>) -> Result<String, Stop> {
    if let Some(why) = pointless(entry, act)? {
        return Ok(why.to_owned());
    }
    Ok(match act {
        Act::Hold => "would be held".to_owned(),
        Act::Release => "would be released".to_owned(),
        Act::Retry => "would be due now".to_owned(),
        Act::Remove(Some(_)) => "would be removed".to_owned(),
        Act::Remove(None) => "would be removed for good".to_owned(),
        Act::Reroute(Some(to)) => format!("would go by {to}"),
        Act::Reroute(None) => "would go by the configuration".to_owned(),
    })
}

fn one(spool: &Spool, entry: &Entry, act: Act<'_>) -> Result<String, Stop> {
    if let Some(why) = pointless(entry, act)? {
        return Ok(why.to_owned());
    }
    let mut claim = match (spool.claim(entry), act) {
        // Set aside by now: nothing else would ever take it away.
        (Err(SpoolError::Corrupt(id, _)), Act::Remove(until)) => {
            spool.remove_unreadable(&spool.find(id.as_str())?, until)?;
            log::removed(&entry.id, by());
            return Ok("removed, it did not read right".to_owned());
        }
        (claimed, _) => claimed?.ok_or(SpoolError::Busy(entry.id))?,
    };
    let done = match act {
        Act::Hold => {
            claim.note("held by the operator")?;
            claim.hold()?;
            log::held(&entry.id, by());
            "held"
        }
        Act::Release => {
            claim.note(RELEASED)?;
            claim.release()?;
            log::released(&entry.id, by());
            "released"
        }
        Act::Retry => {
            // In new/ it is due anyway; elsewhere the name says so.
            match entry.place {
                Place::New => {}
                Place::Failed => claim.release()?,
                _ => claim.defer(now())?,
            }
            log::retried(&entry.id, by());
            "due now"
        }
        Act::Remove(until) => {
            match until {
                Some(until) => claim.put_away("removed by the operator", until)?,
                None => claim.remove("removed by the operator")?,
            }
            log::removed(&entry.id, by());
            match until {
                Some(_) => "removed, can be restored for a day",
                None => "removed",
            }
        }
        Act::Reroute(to) => {
            let done = match to {
                Some(to) => format!("rerouted to {to}"),
                None => "routed by the configuration".to_owned(),
            };
            claim.reroute(to, &format!("{done} by the operator"))?;
            log::rerouted(&entry.id, to.unwrap_or("-"), by());
            return Ok(done);
        }
    };
    Ok(done.to_owned())
}

pub fn by() -> By {
    By::Uid(rustix::process::getuid().as_raw())
}

pub fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}
