//! `smtp-queue deliver`: one message from standard input, in the spool's
//! envelope form, delivered while the caller waits (`smtp-send --now`).

use std::io::{self, Read};

use super::{Context, route};
use crate::class::Class;
use crate::cli::dialogue::{Dialogue, Understood};
use crate::cli::output::Out;
use crate::cli::prompt::password;
use crate::cli::told::{Fate, Told};
use crate::cli::{Done, Stop, Worst};
use crate::deliver;
use crate::spool::{self, Envelope};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    dialogue: Dialogue,
    /// Deferred recipients are the caller's to queue: no failure of ours
    #[arg(long)]
    leave_deferred: bool,
}

pub fn deliver(mut context: Context, options: &Options) -> Done {
    let dialogue = options.dialogue.understand()?;
    dialogue.apply(&mut context.config)?;
    let mut input = io::stdin().lock();
    let piped = spool::read_head(&mut input).map_err(|e| Stop::from(e).about("standard input"))?;
    let mut message = piped.message(input);
    if dialogue.dry_run {
        return tell_routes(&context, &dialogue, &piped.envelope, &mut message);
    }
    let results = deliver::now(
        context.config,
        piped.id,
        &piped.envelope,
        &mut message,
        dialogue.talk,
        // Nothing is asked where nobody sits: opening the terminal fails then.
        Some(password),
    )?;
    let mut out = Out::stdout(dialogue.json);
    let mut worst = Worst::new(context.tool);
    for one in results {
        let told = Told::of(one.original, one.to, one.attempt, dialogue.is_test);
        out.record(&told)?;
        out.flush()?;
        if !(options.leave_deferred && told.is_deferred()) {
            worst.take(&told.recipient, undelivered(&told).map_or(Ok(()), Err))?;
        }
    }
    worst.end()
}

/// What the sender is told on stderr: nothing tries again after this.
fn undelivered(told: &Told) -> Option<Stop> {
    let class = told.class()?;
    let why = match &told.host {
        Some(host) => format!("{host}: {}", told.text),
        None => told.text.clone(),
    };
    let advice = match (told.result, class) {
        (Fate::Unknown, _) => "maybe delivered, not queued",
        (_, Class::Temporary) => "not delivered and not queued, try again later",
        _ => "not delivered and not queued",
    };
    let status = &told.status;
    Some(Stop::new(class, format!("{status} {why}; {advice}")))
}

/// `--dry-run`: who would get it by which route. With the message on stdout the
/// routes go to stderr.
fn tell_routes(
    context: &Context,
    dialogue: &Understood,
    envelope: &Envelope,
    message: &mut dyn Read,
) -> Done {
    let mut out = Out::stdout(dialogue.json);
    let mut worst = Worst::new(context.tool);
    for recipient in &envelope.recipients {
        let legs = route::legs(&context.config, &envelope.sender, &recipient.address)?;
        for leg in legs {
            match dialogue.print {
                true => crate::cli::say(context.tool, &leg.line()),
                false => out.record(&leg)?,
            }
            let class = leg.class();
            let done = class.map_or(Ok(()), |class| Err(Stop::Status(class)));
            worst.take(&recipient.address.to_string(), done)?;
        }
    }
    if dialogue.print {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let n = message.read(&mut piece);
            match n.map_err(|e| Stop::new(Class::NoInput, format!("the message: {e}")))? {
                0 => break,
                n => out.raw(piece.get(..n).unwrap_or_default())?,
            }
        }
    }
    out.flush()?;
    worst.end()
}
