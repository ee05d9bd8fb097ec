//! `smtp-queue explain`: a message's story so far, what blocks it now, what
//! comes next, what its sender will be told.

use jiff::Timestamp;

use super::Context;
use super::list::open_recipients;
use super::select::each;
use super::show::detail;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, human};
use crate::deliver::{self, ToldOf};
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
        let words = note(words, head, state);
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
    let identity = [crate::spool::Target::plain(number, own.clone())];
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
        (Some(host), Some(address)) if is_same(host, address) => {
            line.push_str(&format!(" by {address}"));
        }
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

/// True where the host has no name but its address.
fn is_same(host: &str, address: &str) -> bool {
    let host = host.trim_matches(|c| c == '[' || c == ']');
    let address = address.parse::<std::net::SocketAddr>();
    address.is_ok_and(|a| host.parse() == Ok(a.ip()))
}

/// A note, in words where it is one of ours.
pub fn note(words: &str, head: &Head, state: &State) -> String {
    let Some(told) = deliver::told_of(words) else {
        return words.to_owned();
    };
    let name = |n: &u32| match &state.targets {
        Some(targets) => targets.get(*n as usize).map(|t| t.to.clone()),
        None => {
            let recipients = &head.envelope.recipients;
            recipients.get(*n as usize).map(|r| r.address.to_string())
        }
    };
    let names: Vec<String> = told.targets.iter().filter_map(name).collect();
    let what = match told.kind {
        ToldOf::Delay => "the delay of",
        ToldOf::Failure => "the failure of",
        ToldOf::Success => "the success of",
    };
    let names = names.join(", ");
    match (&head.envelope.sender, told.notice) {
        (ReversePath::Null, Some(id)) => {
            format!("the postmaster was told of {what} {names}, by {id}")
        }
        (ReversePath::Null, None) => format!("no sender to tell of {what} {names}"),
        (ReversePath::Mailbox(_), Some(id)) => {
            format!("the sender was told of {what} {names}, by {id}")
        }
        (ReversePath::Mailbox(_), None) => {
            format!("the sender was told of {what} {names}, unless they asked not to be")
        }
    }
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
        Place::Removed => format!(
            "next      removed: `smtp-queue restore` brings it back until {} ({})",
            human::utc_seconds(entry.due),
            human::relative(entry.due, now)
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Target;

    #[test]
    fn a_host_without_a_name_is_told_once() {
        for (host, address, told) in [
            ("127.0.0.1", "127.0.0.1:25", " by 127.0.0.1:25"),
            ("[::1]", "[::1]:25", " by [::1]:25"),
            (
                "mx.example",
                "192.0.2.1:25",
                " by mx.example [192.0.2.1:25]",
            ),
            ("192.0.2.2", "192.0.2.1:25", " by 192.0.2.2 [192.0.2.1:25]"),
        ] {
            let attempt = Attempt {
                time: Timestamp::UNIX_EPOCH,
                target: 0,
                result: Outcome::Deferred,
                status: "4.3.0".into(),
                text: "later".into(),
                remote: true,
                host: Some(host.into()),
                address: Some(address.into()),
                route: None,
                tls: None,
                passed_on: false,
                ms: 1,
            };
            let line = attempt_line(&attempt);
            assert!(line.contains(&format!("{told} said: later")), "{line}");
        }
    }

    #[test]
    fn notes_of_notices_name_who_they_are_about() {
        let dir = tempfile::tempdir().unwrap();
        let spool = crate::spool::Spool::open_or_create(&dir.path().join("s"), None).unwrap();
        let envelope = crate::spool::Envelope {
            sender: ReversePath::Mailbox(
                crate::smtp::addr::Mailbox::parse("a@here.example").unwrap(),
            ),
            params: crate::smtp::param::MailParams::default(),
            recipients: vec![crate::spool::Recipient {
                address: crate::smtp::addr::Mailbox::parse("b@x.example").unwrap(),
                params: crate::smtp::param::RcptParams::default(),
            }],
            origin: crate::spool::Origin {
                time: Timestamp::UNIX_EPOCH,
                kind: "local".into(),
                words: Vec::new(),
            },
        };
        let draft = spool.draft(&envelope).unwrap();
        let id = draft.commit().unwrap();
        let head = spool.head(&spool.find(id.as_str()).unwrap()).unwrap();
        let state = State {
            targets: Some(vec![
                Target::plain(0, "c@y.example".into()),
                Target::plain(0, "d@y.example".into()),
            ]),
            ..State::default()
        };
        let told = note("told 0,1", &head, &state);
        assert!(told.starts_with("the sender was told of the failure of c@y.example, d@y.example"));
        let late = note("delay-told 1", &head, &state);
        assert!(
            late.starts_with("the sender was told of the delay of d@y.example"),
            "{late}"
        );
        assert_eq!(
            note("held by the operator", &head, &state),
            "held by the operator"
        );
        assert!(!note("told 7,x", &head, &state).contains('7'));
    }
}
