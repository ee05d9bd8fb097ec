use super::super::tests::fixture;
use super::*;

fn of(name: &str) -> Option<(String, u64, u64)> {
    parse(name.as_bytes(), Place::Deferred).map(|e| (e.id.to_string(), e.size, e.due))
}

#[test]
fn names_say_id_size_and_due_time() {
    let is = |id: &str, size, due| Some((id.to_owned(), size, due));
    assert_eq!(of("0A,S=12"), is("0A", 12, 0));
    assert_eq!(of("0A,S=12,T=34"), is("0A", 12, 34));
    assert_eq!(of("0A,T=34,S=12:2,FS"), is("0A", 12, 34));
    assert_eq!(of("0A,S=12,W=99"), is("0A", 12, 0));
    assert_eq!(of("0A,S=18446744073709551615"), is("0A", u64::MAX, 0));
}

/// S6: nothing that a stranger puts there is taken for a message.
#[test]
fn foreign_names_are_left_out() {
    for name in [
        "",
        ".",
        "..",
        "0A",
        "0A,S=",
        "0A,S=-1",
        "0A,S=+1",
        "0A,S=x",
        "0A,S=18446744073709551616",
        "0A,S=1,T=",
        "1700000000.M1P2.host,S=3",
        "XA,S=1",
        "0a,S=1",
        "0123456789ABCDEF0,S=1",
        ":2,S",
    ] {
        assert_eq!(of(name), None, "{name:?}");
    }
}

#[test]
fn a_printed_name_reads_back() {
    let id = Id::parse("0A").unwrap();
    assert_eq!(of(&name(id, 5, Some(6))), Some(("0A".to_owned(), 5, 6)));
    assert_eq!(of(&name(id, 5, None)), Some(("0A".to_owned(), 5, 0)));
}

/// A message seen in two directories in mid-move is one, in its later place.
#[test]
fn the_list_has_each_message_once() {
    let f = fixture();
    for path in [
        "new/0A,S=1",
        "cur/0A,S=1,T=5",
        "cur/0B,S=1,T=5",
        "cur/0B,S=1,T=7",
        "new/junk",
    ] {
        std::fs::write(f.spool.path().join(path), "").unwrap();
    }
    let list = f.spool.list().unwrap();
    let list: Vec<_> = list
        .iter()
        .map(|e| (e.id.to_string(), e.place, e.due))
        .collect();
    let expected = [("0A", Place::Deferred, 5), ("0B", Place::Deferred, 7)];
    assert_eq!(
        list,
        expected.map(|(id, place, due)| (id.to_owned(), place, due))
    );
}
