//! Finding, opening, runners, wake-ups, sweeping.

use super::*;

#[test]
fn prefixes_stand_for_one_message_or_none() {
    let f = fixture();
    let first = f.queue(&["bob@example.net"]);
    f.queue(&["bob@example.net"]);
    let id = first.id.to_string();
    assert_eq!(f.spool.find(&id.to_lowercase()).unwrap(), first);
    assert!(matches!(
        f.spool.find(&id[..2]),
        Err(SpoolError::Ambiguous(_))
    ));
    for bad in ["", "../x", "0ZZZZ", "\u{1b}[2J"] {
        let error = f.spool.find(bad).unwrap_err();
        assert!(matches!(error, SpoolError::NoSuchId(_)), "{bad:?}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

#[test]
fn opening_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let error = Spool::open(&dir.path().join("no")).unwrap_err();
    assert!(
        error.to_string().starts_with("there is no spool at"),
        "{error}"
    );
    let error = Spool::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("has no new/"), "{error}");
}

/// S5
#[test]
fn a_spool_that_everyone_can_write_to_is_refused() {
    let f = fixture();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    fs::set_permissions(f.spool.path(), mode).unwrap();
    for opened in [
        Spool::open(f.spool.path()),
        Spool::open_or_create(f.spool.path(), None),
    ] {
        assert!(matches!(opened, Err(SpoolError::Io { .. })));
    }
}

#[test]
fn making_a_spool_may_be_repeated_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/spool");
    fs::create_dir_all(path.join("cur")).unwrap();
    let spool = Spool::open_or_create(&path, None).unwrap();
    assert_eq!(spool.owner(), rustix::process::getuid().as_raw());
    Spool::open_or_create(&path, None).unwrap();
}

#[test]
fn one_resident_runner_at_a_time() {
    let f = fixture();
    assert!(!f.spool.has_runner().unwrap());
    let lock = f.spool.lock_run().unwrap().unwrap();
    assert!(f.spool.has_runner().unwrap());
    assert!(f.spool.lock_run().unwrap().is_none());
    drop(lock);
    assert!(!f.spool.has_runner().unwrap());
}

/// `mailq` marks what is being worked on, and never takes a lock for it.
#[test]
fn a_claim_is_seen_without_being_touched() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    assert!(!Busy::now().has(&f.spool, &entry));
    let claim = f.claim(&entry);
    assert!(Busy::now().has(&f.spool, &entry));
    drop(claim);
    assert!(!Busy::now().has(&f.spool, &entry));
}

#[test]
fn a_watch_sees_mail_and_flush() {
    let f = fixture();
    let mut watch = f.spool.watch().unwrap();
    assert_eq!(watch.take().unwrap(), Wake::default());
    let entry = f.queue(&["bob@example.net"]);
    assert_eq!(
        watch.take().unwrap(),
        Wake {
            flush: false,
            rescan: true
        }
    );
    for _ in 0..2 {
        f.spool.ask_run().unwrap();
        assert_eq!(
            watch.take().unwrap(),
            Wake {
                flush: true,
                rescan: false
            }
        );
    }
    f.claim(&entry).defer(5).unwrap();
    let mut seen = Vec::new();
    assert_eq!(
        watch.take_entries(|e| seen.push(e)).unwrap(),
        Wake::default()
    );
    assert_eq!(seen, [f.now(&entry)]);
}

/// The kernel drops events beyond its limit and says so.
#[test]
fn an_overflow_asks_for_a_rescan() {
    let f = fixture();
    let mut watch = f.spool.watch().unwrap();
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let [a, b] = ["cur/0,S=1", "cur/1,S=1"].map(|p| f.path(p));
    fs::write(&a, "").unwrap();
    for i in 0..=limit {
        let (from, to) = if i % 2 == 0 { (&a, &b) } else { (&b, &a) };
        fs::rename(from, to).unwrap();
    }
    let wake = watch.take_entries(drop).unwrap();
    assert!(wake.rescan);
}

#[test]
fn the_sweep_takes_only_what_is_old_and_left_over() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    f.claim(&entry).note("seen").unwrap();
    fs::write(f.path("tmp/0LEFT"), "x").unwrap();
    fs::write(f.path("state/0GONE"), "{}\n").unwrap();
    fs::write(f.path("history/2020-01-01.jsonl"), "{}\n").unwrap();
    fs::write(f.path("history/notes"), "mine").unwrap();
    let now = Timestamp::now();
    f.spool.sweep(now, 30).unwrap();
    assert_eq!(f.names("tmp"), ["0LEFT"]);
    assert_eq!(f.names("state").len(), 2);
    assert_eq!(f.names("history"), ["notes"]);
    f.spool
        .sweep(now + jiff::SignedDuration::from_hours(37), 30)
        .unwrap();
    assert!(f.names("tmp").is_empty());
    assert_eq!(f.names("state"), [entry.id.to_string()]);
}

#[test]
fn history_is_cut_where_it_was_torn() {
    let f = fixture();
    let today = format!("history/{}.jsonl", Timestamp::now().strftime("%Y-%m-%d"));
    fs::write(f.path(&today), "{\"torn").unwrap();
    f.claim(&f.queue(&["bob@example.net"])).retire().unwrap();
    let text = fs::read_to_string(f.path(&today)).unwrap();
    assert!(
        text.starts_with("{\"v\":1,") && text.ends_with("}\n"),
        "{text}"
    );
}

/// What `sendmail -odi` reads back: all of it or nothing.
#[test]
fn an_ending_just_written_is_found_whole() {
    let f = fixture();
    let end = |entry: &Entry| f.claim(entry).remove("spam").unwrap();
    let first = f.queue(&["a@example.net", "b@example.net"]);
    assert!(f.spool.just_ended(first.id).unwrap().is_empty());
    end(&first);
    let found = f.spool.just_ended(first.id).unwrap();
    let to: Vec<&str> = found.iter().map(|e| e.to.as_str()).collect();
    assert_eq!(to, ["a@example.net", "b@example.net"]);
    // A list so long that its beginning is beyond what is looked at.
    let many: Vec<String> = (0..2000).map(|n| format!("user{n}@example.net")).collect();
    let many = f.queue(&many.iter().map(String::as_str).collect::<Vec<_>>());
    end(&many);
    assert!(f.spool.just_ended(many.id).unwrap().is_empty());
    assert!(f.spool.just_ended(first.id).unwrap().is_empty());
}

/// Of many who submit at once one starts a runner; the right goes with the last
/// descriptor.
#[test]
fn one_starts_a_runner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = Spool::open_or_create(&path, None).unwrap();
    let other = Spool::open(&path).unwrap();
    let Start::Free(Some(lock)) = spool.begin_start() else {
        panic!("nobody is starting one");
    };
    assert!(matches!(other.begin_start(), Start::UnderWay));
    let inherited = lock.try_clone().unwrap();
    drop(lock);
    assert!(matches!(spool.begin_start(), Start::UnderWay));
    drop(inherited);
    assert!(matches!(other.begin_start(), Start::Free(Some(_))));
}
