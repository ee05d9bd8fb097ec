//! `smtp-queue report`: what became of the mail of a time, from the history, and
//! what is stuck, from the queue. As text, JSON, or a page with charts.

mod collect;
mod html;

use jiff::{SignedDuration, Timestamp};

use self::collect::{Destination, Reason, Report, Share, Stuck};
use super::Context;
use crate::cli::output::Out;
use crate::cli::{Done, Stop, human};
use crate::config::parse_duration;

#[derive(clap::Args)]
pub struct Options {
    /// From then on: an age like 7d, or a time like 2026-11-01T00:00:00Z
    #[arg(long, value_name = "WHEN", default_value = "1d")]
    since: String,
    /// As text (the default)
    #[arg(long, conflicts_with_all = ["json", "html"])]
    text: bool,
    /// As one JSON object
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// As a page with charts, for a browser or as mail
    #[arg(long)]
    html: bool,
}

pub fn report(context: &Context, options: &Options) -> Done {
    let now = Timestamp::now();
    let since = since(&options.since, now)?;
    let spool = context.spool()?;
    let report = collect::collect(&spool, &context.config.hostname, since, now)?;
    let mut out = Out::stdout(options.json);
    match (options.json, options.html) {
        (true, _) => out.json(1, &report)?,
        (_, true) => out.raw(html::page(&report).as_bytes())?,
        _ => text(&report).iter().try_for_each(|line| out.line(line))?,
    }
    out.flush()
}

/// An age, a date or a time.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Stop> {
    if let Some(age) = parse_duration(text) {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        return Ok(now.saturating_sub(age).unwrap_or(Timestamp::MIN));
    }
    let whole = format!("{text}T00:00:00Z");
    let time = text.parse().or_else(|_| whole.parse::<Timestamp>());
    time.map_err(|_| {
        Stop::usage(format!(
            "--since: {text:?} is neither an age like 7d nor a date"
        ))
    })
}

/// Lines of the text form; what strangers wrote is escaped where they are
/// printed.
fn text(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!("Mail report of {}", report.host),
        format!("{} to {}", report.since, report.until),
        String::new(),
        format!(
            "{} messages with {} recipients, {}: {} delivered, {} failed, {} removed",
            report.messages,
            report.recipients,
            human::size(report.octets),
            report.delivered,
            report.failed,
            report.removed,
        ),
        format!(
            "in the queue now: {}",
            report
                .queue
                .iter()
                .map(|share| format!("{} {}", share.count, share.name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    ];
    section(
        &mut lines,
        "Destinations (delays: half, nine of ten, all but one in a hundred)",
        report.destinations.iter().map(destination),
    );
    section(
        &mut lines,
        "Reasons of failure",
        report.reasons.iter().map(reason),
    );
    section(
        &mut lines,
        "TLS of deliveries to other hosts",
        report.tls.iter().map(share),
    );
    section(
        &mut lines,
        "Attempts that a delivery took",
        report.attempts.iter().map(share),
    );
    section(
        &mut lines,
        "Stuck: the oldest in the queue",
        report.stuck.iter().map(stuck),
    );
    lines
}

fn section(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    let before = lines.len();
    lines.push(String::new());
    lines.push(title.to_owned());
    let items: Vec<String> = items.map(|item| format!("  {item}")).collect();
    match items.is_empty() {
        true => lines.truncate(before),
        false => lines.extend(items),
    }
}

fn destination(d: &Destination) -> String {
    let delays = match d.delivered {
        0 => "-".to_owned(),
        _ => [d.p50, d.p90, d.p99].map(human::duration).join(" / "),
    };
    format!(
        "{:<30} {:>7} delivered {:>6} failed  {delays}",
        d.domain, d.delivered, d.failed
    )
}

fn reason(r: &Reason) -> String {
    format!("{:>7}  {} (last by {})", r.count, r.reason, r.host)
}

fn share(s: &Share) -> String {
    format!("{:>7}  {}", s.count, s.name)
}

fn stuck(s: &Stuck) -> String {
    format!(
        "{}  {} old, from {} to {}: {}",
        s.id,
        human::duration(s.age),
        s.sender,
        s.recipients.join(", "),
        s.reason
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_an_age_a_day_or_a_time() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("1d", "2026-11-21T12:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T05:00:00Z", "2026-11-01T05:00:00Z"),
        ] {
            assert_eq!(since(text, now).unwrap().to_string(), time);
        }
        assert!(since("yesterday", now).is_err());
    }
}
