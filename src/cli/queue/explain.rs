//! `smtp-queue explain`: a message's story so far, what blocks it now, what
//! comes next, what its sender will be told.

use jiff::Timestamp;

use super::Context;
use super::list::open_recipients;
use super::select::each;
use super::show::detail;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, human};
use crate::smtp::addr::ReversePath;
use crate::spool::{Attempt, Entry, Head, Outcome, Place, State};

#[derive(clap::Args)]
pub struct Options {
    /// Message ids, or their unique beginnings; - reads them from standard input
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
}

pub fn explain(context: &Context, options: &Options) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(options.json);
    let now = Timestamp::now();
    let done = each(context.tool, &spool, &options.ids, |entry| {
        let head = spool.head(entry)?;
        let state = spool.state(entry.id)?;
        if options.json {
            return out.json(1, &detail(entry, &head, &state));
        }
        for line in story(context, entry, &head, &state, now)? {
            out.line(&line)?;
        }
        Ok(())
    });
    out.flush()?;
    done
}

fn story(
    context: &Context,
    entry: &Entry,
    head: &Head,
    state: &State,
    now: Timestamp,
) -> Result<Vec<String>, Stop> {
    let mut lines = vec![accepted(head)];
    for (number, recipient) in (0u32..).zip(&head.envelope.recipients) {
        lines.push(format!("to        {}", recipient.address));
        recipient_story(context, number, head, state, &mut lines);
    }
    for (time, words) in &state.notes {
        lines.push(format!("note      {} {words}", human::utc(*time)));
    }
    lines.push(next(context, entry, head, state, now));
    if let Some(line) = told(context, entry, head, state) {
        lines.push(line);
    }
    Ok(lines)
}

fn accepted(head: &Head) -> String {
    let origin = &head.envelope.origin;
    let words: Vec<String> = origin
        .words
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    format!(
        "{}  from {}, {}, accepted {} ({})",
        head.id,
        head.envelope.sender,
        human::size(head.check.length),
        human::utc(origin.time),
        format!("{} {}", origin.kind, words.join(" ")).trim(),
    )
}

/// What one envelope recipient became, and each attempt for it.
fn recipient_story(
    context: &Context,
    number: u32,
    head: &Head,
    state: &State,
    lines: &mut Vec<String>,
) {
    let own = head.envelope.recipients[number as usize]
        .address
        .to_string();
    let identity = [crate::spool::Target {
        recipient: number,
        to: own.clone(),
        owner: None,
    }];
    let (first, targets) = match &state.targets {
        Some(targets) => (0, targets.as_slice()),
        None => (number, identity.as_slice()),
    };
    for (target, t) in (first..)
        .zip(targets)
        .filter(|(_, t)| t.recipient == number)
    {
        if t.to != own {
            lines.push(format!("          by an alias: {}", t.to));
        }
        let mut tried = false;
        for attempt in state.attempts.iter().filter(|a| a.target == target) {
            lines.push(format!("          {}", attempt_line(attempt)));
            tried = true;
        }
        if !tried {
            lines.push("          not tried yet".into());
        }
        if state.settled(target).is_none()
            && let Some(decision) = super::route::decision(&context.config, &t.to)
        {
            lines.push(format!("          goes by {decision}"));
        }
    }
}

/// One attempt on one line.
pub fn attempt_line(a: &Attempt) -> String {
    let what = match a.result {
        Outcome::Delivered => "delivered",
        Outcome::Deferred => "deferred",
        Outcome::Failed => "failed",
        Outcome::Unknown => "maybe delivered (the answer was lost), tried again",
    };
    let mut line = format!("{} {what} {}", human::utc(a.time), a.status);
    match (&a.host, &a.address) {
        (Some(host), Some(address)) => line.push_str(&format!(" by {host} [{address}]")),
        (Some(host), None) => line.push_str(&format!(" by {host}")),
        _ => {}
    }
    line.push_str(if a.remote { " said: " } else { ": " });
    line.push_str(&a.text);
    match &a.tls {
        Some(tls) => line.push_str(&format!(" ({tls}, {} ms)", a.ms)),
        None => line.push_str(&format!(" ({} ms)", a.ms)),
    }
    line
}

fn next(context: &Context, entry: &Entry, head: &Head, state: &State, now: Timestamp) -> String {
    let arrived = u64::try_from(head.envelope.origin.time.as_second()).unwrap_or(0);
    let give_up = arrived.saturating_add(context.config.retry.give_up.as_secs());
    let until = format!(
        "given up {} ({})",
        human::utc_seconds(give_up),
        human::relative(give_up, now)
    );
    match entry.place {
        Place::Held => "next      held: waits for `smtp-queue release`".into(),
        Place::Failed => {
            "next      set aside: it could be neither delivered nor returned; `smtp-queue release` tries again".into()
        }
        Place::New => format!("next      due now; {until}"),
        Place::Deferred => {
            let waiting = open_recipients(head, state).len();
            format!(
                "next      attempt for {waiting} recipient{} {} ({}); {until}",
                if waiting == 1 { "" } else { "s" },
                human::utc_seconds(entry.due),
                human::relative(entry.due, now),
            )
        }
    }
}

fn told(context: &Context, entry: &Entry, head: &Head, state: &State) -> Option<String> {
    if matches!(entry.place, Place::Failed) || open_recipients(head, state).is_empty() {
        return None;
    }
    Some(match &head.envelope.sender {
        ReversePath::Null => {
            "sender    none (a notice): if it fails it is set aside in .Failed/, nobody is told"
                .into()
        }
        ReversePath::Mailbox(m) => format!(
            "sender    {m} gets a bounce for what fails{}",
            if context.config.delay_notice.is_zero() {
                String::new()
            } else {
                format!(
                    ", and a notice after a delay of {}",
                    human::duration(context.config.delay_notice.as_secs())
                )
            }
        ),
    })
}
