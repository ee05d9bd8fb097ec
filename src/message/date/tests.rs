use super::*;

fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}

#[test]
fn dates_have_the_numeric_zone() {
    let east = TimeZone::fixed(jiff::tz::offset(2));
    let west = TimeZone::fixed(jiff::tz::Offset::from_seconds(-(3 * 3600 + 1800)).unwrap());
    assert_eq!(
        in_zone(at(1_795_295_143), &TimeZone::UTC),
        "Sat, 21 Nov 2026 21:05:43 +0000"
    );
    assert_eq!(
        in_zone(at(1_795_295_143), &east),
        "Sat, 21 Nov 2026 23:05:43 +0200"
    );
    assert_eq!(
        in_zone(at(1_795_295_143), &west),
        "Sat, 21 Nov 2026 17:35:43 -0330"
    );
    assert_eq!(
        in_zone(at(0), &TimeZone::UTC),
        "Thu, 01 Jan 1970 00:00:00 +0000"
    );
}

#[test]
fn the_local_date_reads_back_as_the_same_time() {
    let time = at(1_795_295_143);
    assert_eq!(
        jiff::fmt::rfc2822::parse(&rfc5322(time))
            .unwrap()
            .timestamp(),
        time
    );
}
