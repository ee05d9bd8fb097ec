//! `smtp-queue bounce` and `expire`: the sender is told, the message goes.

use super::Context;
use super::act::{Options, act_on};
use crate::cli::{Done, Stop};
use crate::deliver::{GaveUp, GiveUp};
use crate::smtp::addr::ReversePath;
use crate::spool::{Entry, Spool};

#[derive(clap::Args)]
pub struct BounceOptions {
    #[command(flatten)]
    common: Options,
    /// What the sender is told
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "returned by the postmaster"
    )]
    text: String,
    /// Enhanced status code
    #[arg(long, value_name = "CODE", default_value = "5.0.0", value_parser = status)]
    status: String,
}

/// `5.7.1`: a permanent failure's (RFC 3463 section 2).
fn status(text: &str) -> Result<String, String> {
    let number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('.').collect();
    match parts.as_slice() {
        ["5", subject, detail] if number(subject) && number(detail) => Ok(text.to_owned()),
        _ => Err("expected a permanent status like 5.7.1".to_owned()),
    }
}

pub fn bounce(context: &Context, options: &BounceOptions) -> Done {
    let text = crate::class::plain(options.text.as_str());
    give_up(context, &options.common, Some((&options.status, &text)))
}

pub fn expire(context: &Context, options: &Options) -> Done {
    give_up(context, options, None)
}

fn give_up(context: &Context, options: &Options, words: Option<(&str, &str)>) -> Done {
    let spool = context.spool()?;
    let ending = GiveUp::new(context.config.clone())?;
    let mut wake = false;
    let done = act_on(context, &spool, options, |entry| {
        if options.dry_run {
            return would(&spool, entry);
        }
        let sender = spool.head(entry)?.envelope.sender;
        let gave_up = ending.message(&spool, entry, words)?;
        wake |= gave_up == GaveUp::Done;
        Ok(match (gave_up, sender) {
            (GaveUp::Done, ReversePath::Mailbox(to)) => format!("returned to {to}"),
            (GaveUp::Done, ReversePath::Null) => "returned to the postmaster".to_owned(),
            (GaveUp::Waits, _) => "waits until the notice can be made".to_owned(),
            (GaveUp::SetAside, _) => "set aside as failed: there is nobody to tell".to_owned(),
        })
    });
    drop(ending);
    if wake {
        context.wake(&spool)?;
    }
    done
}

fn would(spool: &Spool, entry: &Entry) -> Result<String, Stop> {
    Ok(match spool.head(entry)?.envelope.sender {
        ReversePath::Mailbox(to) => format!("would be returned to {to}"),
        ReversePath::Null => "would be set aside, or go to the postmaster".to_owned(),
    })
}
