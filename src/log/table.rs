//! The events, their severities and their keys, in the order in which a line has
//! them. smtputils(7) lists the same; `tests/docs.rs` compares the two.

use std::fmt::Display;

/// Severities of syslog (RFC 5424 section 6.2.1) as far as events have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// What an administrator has to mend.
    Error = 3,
    /// What did not go well for somebody's mail.
    Warning = 4,
    Info = 6,
}

/// An event with `N` keys.
pub struct Event<const N: usize> {
    pub name: &'static str,
    pub severity: Severity,
    pub keys: [&'static str; N],
}

/// An event as the documentation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: &'static str,
    pub severity: Severity,
    pub keys: &'static [&'static str],
}

impl<const N: usize> Event<N> {
    /// One line; a key without a value is left out.
    pub fn tell(&self, values: [Option<&dyn Display>; N]) {
        let told = self.keys.into_iter().zip(values);
        let told: Vec<_> = told.filter_map(|(k, v)| Some((k, v?))).collect();
        super::write(self.severity, self.name, &told);
    }
}

macro_rules! events {
    ($($event:ident $severity:ident $name:literal [$($key:literal)*])*) => {
        $(pub static $event: Event<{ [$($key),*].len() }> = Event {
            name: $name,
            severity: Severity::$severity,
            keys: [$($key),*],
        };)*
        /// Every event there is.
        pub const EVENTS: &[Listed] = &[$(Listed {
            name: $name,
            severity: Severity::$severity,
            keys: &[$($key),*],
        }),*];
    };
}

events! {
    LISTENING Info "listening" ["listener"]
    DISCONNECTED Info "disconnected" ["client" "listener" "messages" "lasted" "error"]
    AUTHENTICATED Info "authenticated" ["client" "user" "mechanism"]
    AUTH_REFUSED Warning "auth-refused" ["client" "mechanism"]
    AUTH_UNAVAILABLE Error "auth-unavailable" ["error"]
    LOGIN Info "login" ["host" "user" "mechanism"]
    LOGIN_FAILED Error "login-failed" ["host" "user" "error"]
    RECEIVED Info "received" ["id" "client" "from" "recipients" "size" "tls"]
    QUEUED Info "queued" ["id" "uid" "from" "recipients" "size"]
    DISCARDED Info "discarded" ["uid" "from" "recipients"]
    EXPANDED Info "expanded" ["id" "to" "recipients"]
    SENT Info "sent" ["id" "to" "via" "host" "address" "tls" "delay" "status" "reply"]
    LIST_COPY Info "list-copy" ["id" "original" "from" "recipients"]
    NOTICE Info "notice" ["id" "kind" "original" "to"]
    HELD Info "held" ["id" "by"]
    RELEASED Info "released" ["id" "by"]
    RETRIED Info "retried" ["id" "by"]
    REMOVED Info "removed" ["id" "by"]
    RESTORED Info "restored" ["id" "by"]
    REROUTED Info "rerouted" ["id" "via" "by"]
    IMPORTED Info "imported" ["id" "from" "recipients" "size" "by"]
    REPAIRED Info "repaired" ["path" "what" "by"]
    RUNNER_STARTED Info "runner-started" ["mode" "spool"]
    RUNNER_STOPPED Info "runner-stopped" ["mode" "delivered" "deferred" "failed"]

    NOT_CONFINED Warning "not-confined" ["error"]
    FILTERED Warning "filtered" ["id" "result" "words"]
    REFUSED Warning "refused" ["client" "from" "to" "reply"]
    DEFERRED Warning "deferred"
        ["id" "to" "via" "host" "address" "tls" "delay" "status" "reply" "again"]
    BOUNCED Warning "bounced"
        ["id" "to" "via" "host" "address" "tls" "delay" "status" "reply"]
    EXPIRED Warning "expired"
        ["id" "to" "via" "host" "address" "tls" "delay" "status" "reply"]
    POSTPONED Warning "postponed" ["id" "error" "again"]
    NO_NOTICE Warning "no-notice" ["id" "kind" "recipients"]
    SET_ASIDE Warning "set-aside" ["id" "error"]
    STOPPED_SESSIONS Warning "stopped-sessions" ["sessions"]

    CORRUPT Error "corrupt" ["id" "error"]
    QUEUE_ERROR Error "queue-error" ["id" "error"]
    NOTICE_FAILED Error "notice-failed" ["id" "error"]
    DELIVERY_DEFECT Error "delivery-defect" ["id" "error"]
    SESSION_DEFECT Error "session-defect" ["error"]
    STORE_FAILED Error "store-failed" ["error"]
    ACCEPT_FAILED Error "accept-failed" ["listener" "error"]
    NOTIFY_FAILED Error "notify-failed" ["error"]
    UNATTENDED Error "unattended" ["spool" "error"]
    WAKE_FAILED Error "wake-failed" ["spool" "error"]
    RUN_FAILED Error "run-failed" ["mode" "error"]
    WORKER_ENDED Error "worker-ended" ["pid" "error"]
    PARENT_ERROR Error "parent-error" ["error"]
    SWEEP_FAILED Error "sweep-failed" ["error"]
    CONFIG_ERROR Error "config-error" ["error"]
}
