//! The events of mail, a function each: the order of keys never varies, and a
//! key without a value is left out. smtputils(7) lists them.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use super::event;
use crate::config::duration_text;

/// A key with its value, if it has one.
type Pair<'a> = (&'a str, Option<&'a dyn Display>);

fn tell(name: &str, pairs: &[Pair<'_>]) {
    let told: Vec<(&str, &dyn Display)> = pairs
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)))
        .collect();
    event(name, &told);
}

fn some(value: &dyn Display) -> Option<&dyn Display> {
    Some(value)
}

fn maybe<T: Display>(value: &Option<T>) -> Option<&dyn Display> {
    value.as_ref().map(|v| v as &dyn Display)
}

/// A client's session began.
pub fn connected(client: IpAddr, listener: &str) {
    event("connected", &[("client", &client), ("listener", &listener)]);
}

/// A session is over: how many messages it brought, how long it was, and why it
/// ended where not by QUIT.
pub fn disconnected(client: IpAddr, messages: u64, lasted: Duration, error: Option<&str>) {
    tell(
        "disconnected",
        &[
            ("client", some(&client)),
            ("messages", some(&messages)),
            ("lasted", some(&duration_text(lasted))),
            ("error", maybe(&error)),
        ],
    );
}

/// A message came over SMTP and is on stable storage.
pub fn received(
    id: &dyn Display,
    client: &dyn Display,
    from: &dyn Display,
    recipients: usize,
    size: u64,
    tls: Option<&str>,
) {
    tell(
        "received",
        &[
            ("id", some(id)),
            ("client", some(client)),
            ("from", some(from)),
            ("recipients", some(&recipients)),
            ("size", some(&size)),
            ("tls", maybe(&tls)),
        ],
    );
}

/// A message was submitted on this host and is on stable storage.
pub fn queued(id: &dyn Display, uid: u32, from: &dyn Display, recipients: usize, size: u64) {
    event(
        "queued",
        &[
            ("id", id),
            ("uid", &uid),
            ("from", from),
            ("recipients", &recipients),
            ("size", &size),
        ],
    );
}

/// A client was refused; nothing was stored.
pub fn refused(client: &dyn Display, from: Option<&str>, to: Option<&str>, reply: &dyn Display) {
    tell(
        "refused",
        &[
            ("client", some(client)),
            ("from", maybe(&from)),
            ("to", maybe(&to)),
            ("reply", some(reply)),
        ],
    );
}

/// One attempt for one recipient.
#[derive(Clone, Debug, Default)]
pub struct Attempt<'a> {
    pub id: &'a str,
    pub to: &'a str,
    /// The route's transport.
    pub via: &'a str,
    pub host: Option<&'a str>,
    pub address: Option<IpAddr>,
    /// Protocol and cipher, or what is known of them.
    pub tls: Option<&'a str>,
    /// Since the message was queued.
    pub delay: Duration,
    /// Enhanced status code.
    pub status: &'a str,
    /// The other side's words, or ours.
    pub reply: &'a str,
}

impl Attempt<'_> {
    fn tell(&self, name: &str, again: Option<&dyn Display>) {
        tell(
            name,
            &[
                ("id", some(&self.id)),
                ("to", some(&self.to)),
                ("via", some(&self.via)),
                ("host", maybe(&self.host)),
                ("address", maybe(&self.address)),
                ("tls", maybe(&self.tls)),
                ("delay", some(&duration_text(self.delay))),
                ("status", some(&self.status)),
                ("reply", some(&self.reply)),
                ("again", again),
            ],
        );
    }
}

/// Delivered, or taken by the next host.
pub fn sent(attempt: &Attempt<'_>) {
    attempt.tell("sent", None);
}

/// Not yet; tried again in `again`.
pub fn deferred(attempt: &Attempt<'_>, again: Duration) {
    attempt.tell("deferred", Some(&duration_text(again)));
}

/// Refused for good.
pub fn bounced(attempt: &Attempt<'_>) {
    attempt.tell("bounced", None);
}

/// Given up after the last attempt.
pub fn expired(attempt: &Attempt<'_>) {
    attempt.tell("expired", None);
}

/// Aliases or a `.forward` made other recipients of one.
pub fn expanded(id: &dyn Display, to: &dyn Display, recipients: usize) {
    event(
        "expanded",
        &[("id", id), ("to", to), ("recipients", &recipients)],
    );
}

/// A bounce, a delay or success notice, or a list's copy (`kind`) was made from
/// `original`.
pub fn notice(id: &dyn Display, kind: &str, original: &dyn Display, to: &dyn Display) {
    event(
        "notice",
        &[
            ("id", id),
            ("kind", &kind),
            ("original", original),
            ("to", to),
        ],
    );
}

/// A message was parked: by a person or a route (`by`).
pub fn held(id: &dyn Display, by: &dyn Display) {
    event("held", &[("id", id), ("by", by)]);
}

pub fn released(id: &dyn Display, by: &dyn Display) {
    event("released", &[("id", id), ("by", by)]);
}

/// A message was taken from the queue undelivered, by a person.
pub fn removed(id: &dyn Display, by: &dyn Display) {
    event("removed", &[("id", id), ("by", by)]);
}

/// A message does not read right and was set aside.
pub fn corrupt(id: &dyn Display, error: &dyn Display) {
    event("corrupt", &[("id", id), ("error", error)]);
}

pub fn runner_started(mode: &str, spool: &dyn Display) {
    event("runner-started", &[("mode", &mode), ("spool", spool)]);
}

pub fn runner_stopped(mode: &str, delivered: u64, deferred: u64, failed: u64) {
    event(
        "runner-stopped",
        &[
            ("mode", &mode),
            ("delivered", &delivered),
            ("deferred", &deferred),
            ("failed", &failed),
        ],
    );
}

/// A configuration or alias file is wrong; the error names the place.
pub fn config_error(error: &dyn Display) {
    event("config-error", &[("error", error)]);
}
