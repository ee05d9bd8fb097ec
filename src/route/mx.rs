//! The order in which the hosts of a domain are tried (RFC 5321 section 5.1,
//! RFC 7505).

/// What DNS said about MX, told apart as routing needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// Preference and host (lower case, no trailing dot; `.` is empty).
    Records(Vec<(u16, String)>),
    /// The name exists, without MX.
    NoRecords,
    NoSuchDomain,
    /// SERVFAIL, REFUSED, time-out: try later; the words say which.
    Temporary(String),
}

/// What to do for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Hosts in order, each with its preference.
    Hosts(Vec<(u16, String)>),
    /// No MX: the domain's own addresses (MX-03).
    Implicit,
    /// `MX 0 .` alone: 5.1.10 at once (MX-06).
    NullMx,
    /// 5.1.2 or 5.4.4 or 5.4.6, with words.
    Permanent(&'static str, String),
    /// 4.4.3, with words.
    Temporary(String),
}

/// Most hosts used of a domain (D1).
pub const MAX_HOSTS: usize = 20;

/// Sorts by preference, equal ones by `random` (MX-01); drops the level where
/// `is_self` is found and all after it (MX-08).
pub fn plan(
    _domain: &str,
    _answer: MxAnswer,
    _is_self: &dyn Fn(&str) -> bool,
    _random: &mut dyn FnMut() -> u32,
) -> Plan {
    todo!()
}
