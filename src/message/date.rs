//! Dates of mail (RFC 5322 section 3.3), with the local offset.

use std::sync::OnceLock;

use jiff::tz::TimeZone;

/// `Sat, 21 Nov 2026 21:05:43 +0000`, in the system's zone.
pub fn rfc5322(time: jiff::Timestamp) -> String {
    in_zone(time, zone())
}

/// The same in a given zone.
pub fn in_zone(time: jiff::Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone())
        .strftime("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// `TZ` if it is set, else `/etc/localtime`, else UTC.
///
/// jiff asks for the zone's name first and then opens its database below
/// `/usr/share/zoneinfo`, which costs a dozen system calls; the offset is all
/// that a date needs, and that stands in `/etc/localtime` itself.
fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| match std::env::var_os("TZ") {
        Some(_) => TimeZone::try_system().unwrap_or(TimeZone::UTC),
        None => local_file().unwrap_or(TimeZone::UTC),
    })
}

fn local_file() -> Option<TimeZone> {
    let rules = std::fs::read("/etc/localtime").ok()?;
    TimeZone::tzif("local", &rules).ok()
}

#[cfg(test)]
mod tests;
