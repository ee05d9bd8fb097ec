use std::collections::HashMap;

use super::*;

fn records(list: &[(u16, &str)]) -> MxAnswer {
    MxAnswer::Records(list.iter().map(|(p, h)| (*p, (*h).to_owned())).collect())
}

fn planned(answer: MxAnswer, own: &[&str]) -> Plan {
    plan("d.example", answer, &|host| own.contains(&host), &mut || 0)
}

fn names(plan: Plan) -> Vec<String> {
    match plan {
        Plan::Hosts(hosts) => hosts.into_iter().map(|(_, host)| host).collect(),
        other => panic!("{other:?}"),
    }
}

fn status(plan: Plan) -> &'static str {
    match plan {
        Plan::Permanent(status, words) => {
            assert!(words.contains("d.example"), "{words}");
            status
        }
        other => panic!("{other:?}"),
    }
}

/// A small generator, seeded: the distribution is the same on every run.
fn generator(mut seed: u64) -> impl FnMut() -> u32 {
    move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 32) as u32
    }
}

/// MX-01: by preference; equal ones in every order, about equally often.
#[test]
fn equal_preferences_change_places() {
    let mut orders: HashMap<Vec<String>, u32> = HashMap::new();
    for seed in 0..6000 {
        let answer = records(&[(20, "z"), (10, "a"), (10, "b"), (10, "c"), (5, "first")]);
        let order = names(plan("d", answer, &|_| false, &mut generator(seed)));
        assert_eq!((order[0].as_str(), order[4].as_str()), ("first", "z"));
        *orders.entry(order).or_default() += 1;
    }
    assert_eq!(orders.len(), 6);
    assert!(
        orders.values().all(|n| (850..1150).contains(n)),
        "{orders:?}"
    );
}

/// MX-03, MX-05.
#[test]
fn answers_without_records() {
    assert_eq!(planned(MxAnswer::NoRecords, &[]), Plan::Implicit);
    assert_eq!(planned(records(&[]), &[]), Plan::Implicit);
    assert_eq!(status(planned(MxAnswer::NoSuchDomain, &[])), "5.1.2");
    let why = Trouble::Failed("SERVFAIL".to_owned());
    assert_eq!(
        planned(MxAnswer::Temporary(why.clone()), &[]),
        Plan::Temporary(why)
    );
}

/// MX-06 and RFC 7505 section 3: null only where it stands alone.
#[test]
fn null_mx() {
    assert_eq!(planned(records(&[(0, "")]), &[]), Plan::NullMx);
    assert_eq!(planned(records(&[(0, ".")]), &[]), Plan::NullMx);
    assert_eq!(names(planned(records(&[(0, ""), (10, "a")]), &[])), ["a"]);
}

/// MX-04: records none of which is usable never mean the domain's address.
#[test]
fn useless_records_are_an_error() {
    let answer = records(&[(0, "192.0.2.1"), (1, "::1"), (2, "")]);
    assert_eq!(status(planned(answer, &[])), "5.4.4");
}

/// MX-08: our own level and those behind it go.
#[test]
fn our_own_name_ends_the_list() {
    let answer = || records(&[(30, "c"), (20, "self"), (20, "b"), (10, "a")]);
    assert_eq!(names(planned(answer(), &["self"])), ["a"]);
    assert_eq!(status(planned(answer(), &["a"])), "5.4.6");
    assert_eq!(
        status(planned(MxAnswer::NoRecords, &["d.example"])),
        "5.4.6"
    );
}

/// D1: at most 20 hosts, each once, the best ones.
#[test]
fn many_records_are_cut() {
    let hosts: Vec<(u16, String)> = (0..5000).map(|i| (i, format!("h{i}"))).collect();
    let list = names(planned(MxAnswer::Records(hosts), &[]));
    assert_eq!(list.len(), MAX_HOSTS);
    assert_eq!(list[19], "h19");
    let twice = records(&[(10, "a"), (5, "b"), (1, "a")]);
    assert_eq!(names(planned(twice, &[])), ["a", "b"]);
    // Our own name counts even where it stands behind the cut.
    let mut hosts: Vec<(u16, String)> = (0..30).map(|i| (5, format!("h{i}"))).collect();
    hosts.push((5, "self".to_owned()));
    assert_eq!(
        status(planned(MxAnswer::Records(hosts), &["self"])),
        "5.4.6"
    );
}
