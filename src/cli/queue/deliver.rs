//! `smtp-queue deliver`: one message from standard input, in the spool's
//! envelope form, delivered while the caller waits (`smtp-send --now`).

use std::io;

use serde::Serialize;

use super::Context;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop, Worst};
use crate::deliver::{self, Wishes};
use crate::spool::{self, Attempt, Outcome};

#[derive(clap::Args)]
pub struct Options {
    /// One JSON object a recipient
    #[arg(long)]
    json: bool,
}

/// What became of one recipient.
#[derive(Serialize)]
struct Line {
    recipient: String,
    /// `delivered`, `deferred`, `failed` or `unknown`.
    result: &'static str,
    status: String,
    host: Option<String>,
    tls: Option<String>,
    milliseconds: u64,
    text: String,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("RECIPIENT", 24),
        ("RESULT", 9),
        ("STATUS", 6),
        ("HOST", 24),
        ("TLS", 8),
        ("MS", 6),
        ("TEXT", 0),
    ];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".into());
        vec![
            self.recipient.clone(),
            self.result.into(),
            self.status.clone(),
            or_dash(&self.host),
            or_dash(&self.tls),
            self.milliseconds.to_string(),
            self.text.clone(),
        ]
    }
}

pub fn deliver(context: Context, options: &Options) -> Done {
    let mut input = io::stdin().lock();
    let piped = spool::read_head(&mut input).map_err(|e| Stop::from(e).about("standard input"))?;
    let mut message = piped.message(input);
    let results = deliver::now(
        context.config,
        piped.id,
        &piped.envelope,
        &mut message,
        Wishes::default(),
    )?;
    let mut out = Out::stdout(options.json);
    let mut worst = Worst::new(context.tool);
    for one in results {
        let done = undelivered(&one.attempt).map_or(Ok(()), Err);
        let recipient = one.to.clone();
        out.record(&line(one.to, one.attempt))?;
        out.flush()?;
        worst.take(&recipient, done)?;
    }
    worst.end()
}

/// What the sender is told on stderr: nothing tries again after this.
fn undelivered(attempt: &Attempt) -> Option<Stop> {
    let class = class(attempt)?;
    let why = match &attempt.host {
        Some(host) => format!("{host}: {}", attempt.text),
        None => attempt.text.clone(),
    };
    let advice = match (attempt.result, class) {
        (Outcome::Unknown, _) => "maybe delivered, not queued",
        (_, Class::Temporary) => "not delivered and not queued, try again later",
        _ => "not delivered and not queued",
    };
    Some(Stop::new(
        class,
        format!("{} {why}; {advice}", attempt.status),
    ))
}

/// What a result makes of the exit status.
fn class(attempt: &Attempt) -> Option<Class> {
    match attempt.result {
        Outcome::Delivered => None,
        Outcome::Deferred | Outcome::Unknown => Some(Class::Temporary),
        Outcome::Failed => Some(Class::of_refusal(&attempt.status)),
    }
}

fn line(recipient: String, attempt: Attempt) -> Line {
    Line {
        recipient,
        result: match attempt.result {
            Outcome::Delivered => "delivered",
            Outcome::Deferred => "deferred",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        },
        status: attempt.status,
        host: attempt.host,
        tls: attempt.tls,
        milliseconds: attempt.ms,
        text: attempt.text,
    }
}
