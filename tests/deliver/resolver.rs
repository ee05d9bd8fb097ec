//! The name service: answers told apart.

use std::net::IpAddr;
use std::time::Duration;

use smtputils::config::Dns as Settings;
use smtputils::net::dns::{Addresses, Resolver};
use smtputils::route::mx::MxAnswer;

use crate::dns::{Data, Dns};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn with<T>(dns: &Dns, f: impl AsyncFnOnce(Resolver) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = Settings {
        servers: vec![dns.address],
        timeout: Duration::from_millis(500),
        attempts: 1,
    };
    runtime.block_on(async { f(Resolver::new(&settings).unwrap()).await })
}

fn mx(dns: &Dns, domain: &str) -> MxAnswer {
    with(dns, async |r| r.mx(domain).await)
}

fn addresses(dns: &Dns, host: &str) -> Addresses {
    with(dns, async |r| r.addresses(host).await)
}

/// MX-05, D3: only NXDOMAIN and an empty NOERROR say anything about the name.
#[test]
fn nothing_there_is_told_from_try_later() {
    let dns = Dns::start(&[
        ("nodata.example", Data::Nothing),
        ("servfail.example", Data::ServFail),
        ("refused.example", Data::Refused),
        ("silent.example", Data::Silence),
    ]);
    assert_eq!(mx(&dns, "nodata.example"), MxAnswer::NoRecords);
    assert_eq!(mx(&dns, "nxdomain.example"), MxAnswer::NoSuchDomain);
    for name in ["servfail.example", "refused.example", "silent.example"] {
        assert!(matches!(mx(&dns, name), MxAnswer::Temporary(_)), "{name}");
        assert!(
            matches!(addresses(&dns, name), Addresses::Temporary(_)),
            "{name}"
        );
    }
    assert_eq!(addresses(&dns, "nodata.example"), Addresses::None);
    assert_eq!(addresses(&dns, "nxdomain.example"), Addresses::None);
}

/// MX-01, MX-06, MX-07, MX-11: preferences as they are, the root visible, a CNAME
/// followed, no search list.
#[test]
fn mx_records_come_as_they_are() {
    let dns = Dns::start(&[
        ("a.example", Data::Mx(20, "B.Example")),
        ("a.example", Data::Mx(10, "c.example")),
        ("null.example", Data::Mx(0, ".")),
        ("alias.example", Data::Cname("a.example")),
    ]);
    let wanted = vec![(10, "c.example".to_string()), (20, "b.example".to_string())];
    for name in ["a.example", "a.example.", "alias.example"] {
        let MxAnswer::Records(mut found) = mx(&dns, name) else {
            panic!("{name}");
        };
        found.sort();
        assert_eq!(found, wanted, "{name}");
    }
    assert_eq!(
        mx(&dns, "null.example"),
        MxAnswer::Records(vec![(0, String::new())])
    );
    let known = ["MX a.example", "MX alias.example", "MX null.example"];
    assert!(dns.asked().iter().all(|q| known.contains(&q.as_str())));
}

/// MX-10: both families; what one finds counts.
#[test]
fn both_families_are_asked() {
    let dns = Dns::start(&[
        ("both.example", Data::Address(ip("192.0.2.1"))),
        ("both.example", Data::Address(ip("2001:db8::1"))),
        ("four.example", Data::Address(ip("192.0.2.2"))),
    ]);
    let found = |list: &[&str]| Addresses::Found(list.iter().map(|a| ip(a)).collect());
    assert_eq!(
        addresses(&dns, "both.example"),
        found(&["2001:db8::1", "192.0.2.1"])
    );
    assert_eq!(addresses(&dns, "four.example"), found(&["192.0.2.2"]));
}

/// MX-12: forty records do not fit a datagram; the answer comes by TCP.
#[test]
fn a_truncated_answer_is_asked_for_by_tcp() {
    let mut records = Vec::new();
    for n in 0..40 {
        let host: &'static str = format!("host-with-a-long-name-{n}.example").leak();
        records.push(("many.example", Data::Mx(n, host)));
    }
    let dns = Dns::start(&records);
    let MxAnswer::Records(found) = mx(&dns, "many.example") else {
        panic!("no records");
    };
    assert_eq!(found.len(), 40);
}

/// MX-13: a look-up ends, whatever the servers do; a name that DNS cannot hold is
/// not asked for.
#[test]
fn a_look_up_ends_in_time() {
    let dns = Dns::start(&[("silent.example", Data::Silence)]);
    let start = std::time::Instant::now();
    assert!(matches!(mx(&dns, "silent.example"), MxAnswer::Temporary(_)));
    assert!(start.elapsed() < Duration::from_secs(5));
    let long = format!("{}.example", "x".repeat(64));
    assert_eq!(mx(&dns, &long), MxAnswer::NoSuchDomain);
}
