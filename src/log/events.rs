//! The events of mail, a function each: what can be said of an event is what its
//! function takes.

use std::fmt::{self, Display};
use std::time::Duration;

use super::table::{self, Event};
use crate::config::duration_text;

fn maybe<T: Display>(value: &Option<T>) -> Option<&dyn Display> {
    value.as_ref().map(|v| v as &dyn Display)
}

/// The address of a path in angle brackets; the null one stays `<>`. So an
/// address is written in one way, wherever it was taken from.
fn bare(path: &dyn Display) -> String {
    let path = path.to_string();
    let inner = path.strip_prefix('<').and_then(|p| p.strip_suffix('>'));
    match inner {
        Some(address) if !address.is_empty() => address.to_string(),
        _ => path,
    }
}

/// A socket takes connections.
pub fn listening(listener: &dyn Display) {
    table::LISTENING.tell([Some(listener)]);
}

/// The kernel would not take from the server's worker what it does not need.
pub fn not_confined(error: &dyn Display) {
    table::NOT_CONFINED.tell([Some(error)]);
}

/// A worker of the server died, or could not begin.
pub fn worker_ended(pid: &dyn Display, error: &dyn Display) {
    table::WORKER_ENDED.tell([Some(pid), Some(error)]);
}

/// A session is over: how many messages it brought, how long it was, and why it
/// ended where not by QUIT.
pub fn disconnected(
    client: &dyn Display,
    listener: &dyn Display,
    messages: u64,
    lasted: Duration,
    error: Option<&str>,
) {
    table::DISCONNECTED.tell([
        Some(client),
        Some(listener),
        Some(&messages),
        Some(&duration_text(lasted)),
        maybe(&error),
    ]);
}

/// A client logged in.
pub fn authenticated(client: &dyn Display, user: &str, mechanism: &str) {
    table::AUTHENTICATED.tell([Some(client), Some(&user), Some(&mechanism)]);
}

/// A client gave a wrong user name or password.
pub fn auth_failed(client: &dyn Display, mechanism: &str) {
    table::AUTH_REFUSED.tell([Some(client), Some(&mechanism)]);
}

/// Logins cannot be checked: nobody gets in until that is mended.
pub fn auth_unavailable(error: &str) {
    table::AUTH_UNAVAILABLE.tell([Some(&error)]);
}

/// We logged in at a next hop.
pub fn login(host: &str, user: &str, mechanism: &str) {
    table::LOGIN.tell([Some(&host), Some(&user), Some(&mechanism)]);
}

/// A next hop did not let us in, or there is no password: its mail waits.
pub fn login_failed(host: &str, user: &str, error: &str) {
    table::LOGIN_FAILED.tell([Some(&host), Some(&user), Some(&error)]);
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
    table::RECEIVED.tell([
        Some(id),
        Some(client),
        Some(&bare(from)),
        Some(&recipients),
        Some(&size),
        maybe(&tls),
    ]);
}

/// A message was submitted on this host and is on stable storage.
pub fn queued(id: &dyn Display, uid: u32, from: &dyn Display, recipients: usize, size: u64) {
    table::QUEUED.tell([
        Some(id),
        Some(&uid),
        Some(&bare(from)),
        Some(&recipients),
        Some(&size),
    ]);
}

/// A message was submitted on this host and thrown away, as the configuration
/// says.
pub fn discarded(uid: u32, from: &dyn Display, recipients: usize) {
    table::DISCARDED.tell([Some(&uid), Some(&bare(from)), Some(&recipients)]);
}

/// A client was refused; nothing was stored.
pub fn refused(
    client: &dyn Display,
    from: Option<&dyn Display>,
    to: Option<&dyn Display>,
    reply: &dyn Display,
) {
    let (from, to) = (from.map(bare), to.map(bare));
    table::REFUSED.tell([Some(client), maybe(&from), maybe(&to), Some(reply)]);
}

/// One attempt for one recipient.
#[derive(Clone, Debug, Default)]
pub struct Attempt<'a> {
    pub id: &'a str,
    pub to: &'a str,
    /// The route's transport.
    pub via: Option<&'a str>,
    pub host: Option<&'a str>,
    pub address: Option<&'a str>,
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
    fn values<'v>(&'v self, delay: &'v dyn Display) -> [Option<&'v dyn Display>; 9] {
        [
            Some(&self.id),
            Some(&self.to),
            maybe(&self.via),
            maybe(&self.host),
            maybe(&self.address),
            maybe(&self.tls),
            Some(delay),
            Some(&self.status),
            Some(&self.reply),
        ]
    }

    fn tell(&self, event: &Event<9>) {
        event.tell(self.values(&duration_text(self.delay)));
    }
}

/// Delivered, or taken by the next host.
pub fn sent(attempt: &Attempt<'_>) {
    attempt.tell(&table::SENT);
}

/// Not yet; tried again in `again`, if it is tried again by itself.
pub fn deferred(attempt: &Attempt<'_>, again: Option<Duration>) {
    let delay = duration_text(attempt.delay);
    let [id, to, via, host, address, tls, delay, status, reply] = attempt.values(&delay);
    let again = again.map(duration_text);
    let again = maybe(&again);
    table::DEFERRED.tell([id, to, via, host, address, tls, delay, status, reply, again]);
}

/// Refused for good.
pub fn bounced(attempt: &Attempt<'_>) {
    attempt.tell(&table::BOUNCED);
}

/// Given up after the last attempt.
pub fn expired(attempt: &Attempt<'_>) {
    attempt.tell(&table::EXPIRED);
}

/// A message could not be begun with (its aliases cannot be followed).
pub fn postponed(id: &dyn Display, error: &dyn Display, again: Duration) {
    table::POSTPONED.tell([Some(id), Some(error), Some(&duration_text(again))]);
}

/// Aliases or a `.forward` made other recipients of one.
pub fn expanded(id: &dyn Display, to: &dyn Display, recipients: usize) {
    table::EXPANDED.tell([Some(id), Some(to), Some(&recipients)]);
}

/// A notice (`kind`: bounce, delay, success, double) was made from `original`.
pub fn notice(id: &dyn Display, kind: &str, original: &dyn Display, to: &dyn Display) {
    table::NOTICE.tell([Some(id), Some(&kind), Some(original), Some(to)]);
}

/// The sender is not told of these recipients of message `id`: there is none, it
/// did not want to be, or it was told already.
pub fn no_notice(id: &dyn Display, kind: &str, recipients: usize) {
    table::NO_NOTICE.tell([Some(id), Some(&kind), Some(&recipients)]);
}

/// A copy for the members of a list, in its owner's name, was made from
/// `original`.
pub fn list_copy(id: &dyn Display, original: &dyn Display, from: &dyn Display, recipients: usize) {
    table::LIST_COPY.tell([Some(id), Some(original), Some(from), Some(&recipients)]);
}

/// Who changed the fate of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A person, by `smtp-queue`.
    Uid(u32),
    /// A `hold:` route.
    Route,
}

impl Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Uid(uid) => write!(f, "uid:{uid}"),
            By::Route => f.write_str("route"),
        }
    }
}

/// A message was parked.
pub fn held(id: &dyn Display, by: By) {
    table::HELD.tell([Some(id), Some(&by)]);
}

/// A parked message goes on.
pub fn released(id: &dyn Display, by: By) {
    table::RELEASED.tell([Some(id), Some(&by)]);
}

/// A message was made due at once.
pub fn retried(id: &dyn Display, by: By) {
    table::RETRIED.tell([Some(id), Some(&by)]);
}

/// A message was taken from the queue undelivered.
pub fn removed(id: &dyn Display, by: By) {
    table::REMOVED.tell([Some(id), Some(&by)]);
}

/// A removed message is back where it was.
pub fn restored(id: &dyn Display, by: By) {
    table::RESTORED.tell([Some(id), Some(&by)]);
}

/// A message was given another transport (`-`: the configuration's again).
pub fn rerouted(id: &dyn Display, via: &str, by: By) {
    table::REROUTED.tell([Some(id), Some(&via), Some(&by)]);
}

/// A message came from another spool.
pub fn imported(id: &dyn Display, from: &dyn Display, recipients: usize, size: u64, by: By) {
    table::IMPORTED.tell([
        Some(id),
        Some(&bare(from)),
        Some(&recipients),
        Some(&size),
        Some(&by),
    ]);
}

/// `smtp-queue check` put something right.
pub fn repaired(path: &dyn Display, what: &dyn Display, by: By) {
    table::REPAIRED.tell([Some(path), Some(what), Some(&by)]);
}

/// A message could be neither delivered nor returned and was set aside.
pub fn set_aside(id: &dyn Display, error: &dyn Display) {
    table::SET_ASIDE.tell([Some(id), Some(error)]);
}

/// A message does not read right and was set aside.
pub fn corrupt(id: &dyn Display, error: &dyn Display) {
    table::CORRUPT.tell([Some(id), Some(error)]);
}

/// The spool would not do what was to be done with a message; it stays queued.
pub fn queue_error(id: &dyn Display, error: &dyn Display) {
    table::QUEUE_ERROR.tell([Some(id), Some(error)]);
}

/// The notice about message `id` cannot be written now; it stays queued for it.
pub fn notice_failed(id: &dyn Display, error: &dyn Display) {
    table::NOTICE_FAILED.tell([Some(id), Some(error)]);
}

/// A defect of ours met by one message, which stays queued.
pub fn delivery_defect(id: &dyn Display, error: &dyn Display) {
    table::DELIVERY_DEFECT.tell([Some(id), Some(error)]);
}

/// A defect of ours that ended one session.
pub fn session_defect(error: &dyn Display) {
    table::SESSION_DEFECT.tell([Some(error)]);
}

/// The content filter did not just take message `id`, or had something to say.
pub fn filtered(id: &dyn Display, result: &dyn Display, words: &dyn Display) {
    table::FILTERED.tell([Some(id), Some(result), Some(words)]);
}

/// What came over SMTP cannot be stored; the client was told to come again.
pub fn store_failed(error: &dyn Display) {
    table::STORE_FAILED.tell([Some(error)]);
}

/// No descriptor or memory for another connection.
pub fn accept_failed(listener: &dyn Display, error: &dyn Display) {
    table::ACCEPT_FAILED.tell([Some(listener), Some(error)]);
}

/// The service manager was not told that the server is ready.
pub fn notify_failed(error: &dyn Display) {
    table::NOTIFY_FAILED.tell([Some(error)]);
}

/// The server ended while so many sessions were not done.
pub fn stopped_sessions(sessions: usize) {
    table::STOPPED_SESSIONS.tell([Some(&sessions)]);
}

/// Mail is queued and nobody will deliver it.
pub fn unattended(spool: &dyn Display, error: &dyn Display) {
    table::UNATTENDED.tell([Some(spool), Some(error)]);
}

/// The resident runner could not be asked for a run; it runs by its own plan.
pub fn wake_failed(spool: &dyn Display, error: &dyn Display) {
    table::WAKE_FAILED.tell([Some(spool), Some(error)]);
}

/// `mode`: `pass`, `watch` or `drain`.
pub fn runner_started(mode: &str, spool: &dyn Display) {
    table::RUNNER_STARTED.tell([Some(&mode), Some(spool)]);
}

/// The figures count recipients.
pub fn runner_stopped(mode: &str, delivered: u64, deferred: u64, failed: u64) {
    table::RUNNER_STOPPED.tell([
        Some(&mode),
        Some(&delivered),
        Some(&deferred),
        Some(&failed),
    ]);
}

/// A run ended early.
pub fn run_failed(mode: &str, error: &dyn Display) {
    table::RUN_FAILED.tell([Some(&mode), Some(error)]);
}

/// The runner's privileged parent could not do what its worker asked.
pub fn parent_error(error: &dyn Display) {
    table::PARENT_ERROR.tell([Some(error)]);
}

/// Old files of the spool could not be removed.
pub fn sweep_failed(error: &dyn Display) {
    table::SWEEP_FAILED.tell([Some(error)]);
}

/// A configuration or alias file is wrong; the error names the place.
pub fn config_error(error: &dyn Display) {
    table::CONFIG_ERROR.tell([Some(error)]);
}
