//! Runs: who works on what, how long, and who wakes whom.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use smtputils::deliver::{self, Mode};
use smtputils::spool::Place;

use crate::site::{Site, unix_now};
use crate::smtp::{PATIENCE, Server, WAIT};

fn with_smarthost(server: &Server, extra: &str) -> Site {
    let port = server.address.port();
    Site::new(&format!(
        "smarthost = \"smtp://[127.0.0.1]:{port}\"\n{extra}"
    ))
}

/// Looks until it is so; fails after a while.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn two_runners_deliver_each_message_once() {
    // Q3
    let server = Server::start("127.0.0.1:0");
    let site = Arc::new(with_smarthost(&server, ""));
    for n in 0..30 {
        site.queue("a@here.example", &[&format!("u{n}@x.example")]);
    }
    let start = Arc::new(Barrier::new(2));
    let runners: Vec<_> = (0..2)
        .map(|_| {
            let (site, start) = (Arc::clone(&site), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                site.run()
            })
        })
        .collect();
    let delivered: u64 = runners
        .into_iter()
        .map(|r| r.join().unwrap().delivered)
        .sum();
    assert_eq!(delivered, 30);
    let mut to: Vec<String> = server.mails().into_iter().flat_map(|m| m.to).collect();
    to.sort();
    to.dedup();
    assert_eq!((to.len(), server.mails().len()), (30, 30));
    assert!(site.places().is_empty());
}

#[test]
fn a_pass_leaves_alone_what_is_not_due() {
    let server = Server::start("127.0.0.1:0");
    let site = with_smarthost(&server, "retry = { first = \"1h\", longest = \"1h\" }\n");
    server.say("mail", "451 4.3.0 later");
    let id = site.queue("a@here.example", &["b@x.example"]);
    site.run_mode(Mode::Pass { all: false });
    assert_eq!(site.places(), [Place::Deferred]);
    let due = site.entries()[0].due;
    assert!(due > unix_now() + 3000 && due < unix_now() + 4200, "{due}");
    site.run_mode(Mode::Pass { all: false });
    assert!(server.mails().is_empty());
    site.run_mode(Mode::Only(vec![id]));
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn a_due_time_from_a_wrong_clock_does_not_hold_mail() {
    // D5
    let server = Server::start("127.0.0.1:0");
    let site = with_smarthost(&server, "");
    site.queue("a@here.example", &["b@x.example"]);
    {
        let spool = site.spool();
        let claim = spool.claim(&spool.list().unwrap()[0]).unwrap().unwrap();
        claim.defer(unix_now() + 400 * 86400).unwrap();
    }
    site.run_mode(Mode::Pass { all: false });
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn a_drain_retries_until_nothing_is_left() {
    // CL-17 in a fast schedule: the first deferral is retried without a daemon.
    let server = Server::start("127.0.0.1:0");
    let site = with_smarthost(&server, "retry = { first = \"1s\", longest = \"1s\" }\n");
    server.say("mail", "451 4.3.0 later");
    site.queue("a@here.example", &["b@x.example"]);
    let summary = site.run_mode(Mode::Drain);
    assert_eq!((summary.deferred, summary.delivered), (1, 1));
    assert!(site.places().is_empty());
    assert!(!site.spool().has_runner().unwrap());
}

#[test]
fn a_drain_beside_a_resident_runner_ends_at_once() {
    let site = Site::new("");
    let spool = site.spool();
    let lock = spool.lock_run().unwrap();
    assert!(lock.is_some());
    site.queue("", &["b@x.example"]);
    assert_eq!(site.run_mode(Mode::Drain), deliver::Summary::default());
    assert_eq!(site.places(), [Place::New]);
}

#[test]
fn mail_that_comes_while_a_drain_ends_is_not_left_behind() {
    // Lost wake-ups: the sender looks for a runner after its commit, and starts
    // one where there is none; whatever the moment, the mail goes.
    let server = Server::start("127.0.0.1:0");
    let site = Arc::new(with_smarthost(&server, ""));
    let mut drains = Vec::new();
    for n in 0..40 {
        site.queue("a@here.example", &[&format!("u{n}@x.example")]);
        if !site.spool().has_runner().unwrap() {
            let site = Arc::clone(&site);
            drains.push(thread::spawn(move || site.run_mode(Mode::Drain)));
        }
        if n % 3 == 0 {
            server.wait_mails(n + 1);
        }
    }
    for drain in drains {
        drain.join().unwrap();
    }
    assert_eq!(server.mails().len(), 40);
    assert!(site.places().is_empty());
}

#[test]
fn a_reader_that_renames_the_file_disturbs_nothing() {
    // DESIGN 2 Names: moved to cur/ with flags in mid-delivery, still one message.
    let server = Server::start("127.0.0.1:0");
    let site = Arc::new(with_smarthost(&server, ""));
    let id = site.queue("a@here.example", &["b@x.example"]);
    server.say("mail", "451 4.3.0 later");
    let spool = site.path("spool");
    let name = std::fs::read_dir(spool.join("new"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let claimed = site.spool();
    let claim = claimed.claim(&claimed.list().unwrap()[0]).unwrap().unwrap();
    let moved = spool
        .join("cur")
        .join(format!("{}:2,S", name.file_name().to_str().unwrap()));
    std::fs::rename(name.path(), &moved).unwrap();
    claim.defer(unix_now()).unwrap();
    assert_eq!(site.entries().len(), 1);
    site.run();
    assert_eq!(site.entries()[0].id, id);
    site.run();
    assert_eq!(server.mails().len(), 1);
    assert!(site.places().is_empty());
}

#[test]
fn a_slow_destination_does_not_hold_up_others() {
    let slow = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fast = Server::start("127.0.0.1:0");
    let routes = format!(
        "[delivery]\nper_destination = 1\ncommand_timeout = \"3s\"\n\
         [[route]]\nmatch = \"slow.example\"\nto = \"smtp://[127.0.0.1]:{}\"\n\
         [[route]]\nmatch = \"fast.example\"\nto = \"smtp://[127.0.0.1]:{}\"\n",
        slow.local_addr().unwrap().port(),
        fast.address.port()
    );
    let site = Arc::new(Site::new(&routes));
    for n in 0..4 {
        site.queue("a@here.example", &[&format!("u{n}@slow.example")]);
        site.queue(
            "a@here.example",
            &[&format!("u{n}@slow.example"), &format!("u{n}@fast.example")],
        );
    }
    let runner = {
        let site = Arc::clone(&site);
        thread::spawn(move || site.run_mode(Mode::Pass { all: true }))
    };
    // The listener never answers; the others arrive before it is given up.
    fast.wait_mails(4);
    assert!(!runner.is_finished());
    drop(slow);
    let summary = runner.join().unwrap();
    assert_eq!(summary.delivered, 4);
    eventually("the slow ones are deferred", || {
        site.places() == [Place::Deferred; 8]
    });
}

#[test]
fn a_slot_given_back_is_used_before_its_message_is_done() {
    // DESIGN 7: the first message still waits for a server that says nothing;
    // those that wait for the other destination go on meanwhile.
    let [slow, fast, other] = [(); 3].map(|()| Server::start("127.0.0.1:0"));
    slow.say("connect", &format!("{WAIT}220 at last"));
    fast.say("mail", &format!("{WAIT}250 ok"));
    let mut routes = "[delivery]\nper_destination = 1\nconcurrency = 2\n".to_string();
    for (name, server) in [("slow", &slow), ("fast", &fast), ("other", &other)] {
        let port = server.address.port();
        routes.push_str(&format!(
            "[[route]]\nmatch = \"{name}.example\"\nto = \"smtp://[127.0.0.1]:{port}\"\n"
        ));
    }
    let site = Arc::new(Site::new(&routes));
    site.queue("a@here.example", &["a@slow.example", "a@fast.example"]);
    let runner = {
        let site = Arc::clone(&site);
        thread::spawn(move || site.run_mode(Mode::Drain))
    };
    slow.wait_kept_back();
    fast.wait_kept_back();
    for n in 0..3 {
        site.queue("a@here.example", &[&format!("u{n}@fast.example")]);
    }
    site.queue("a@here.example", &["a@other.example"]);
    // Looked at in order: when this one is through, the others found no slot.
    other.wait_mails(1);
    fast.let_go();
    fast.wait_mails(4);
    assert!(!runner.is_finished());
    slow.let_go();
    assert_eq!(runner.join().unwrap().delivered, 6);
}

#[test]
fn many_messages_to_a_dead_destination_do_not_delay_one_to_another() {
    // DESIGN 7, CL-45. The dead one takes calls and never answers.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let alive = Server::start("127.0.0.1:0");
    let routes = format!(
        "[delivery]\nper_destination = 2\nconcurrency = 4\ncommand_timeout = \"3s\"\n\
         [[route]]\nmatch = \"dead.example\"\nto = \"smtp://[127.0.0.1]:{}\"\n\
         [[route]]\nmatch = \"alive.example\"\nto = \"smtp://[127.0.0.1]:{}\"\n",
        dead.local_addr().unwrap().port(),
        alive.address.port()
    );
    let site = Arc::new(Site::new(&routes));
    for n in 0..100 {
        site.queue("a@here.example", &[&format!("u{n}@dead.example")]);
    }
    site.queue("a@here.example", &["last@alive.example"]);
    let start = Instant::now();
    let runner = {
        let site = Arc::clone(&site);
        thread::spawn(move || site.run())
    };
    alive.wait_mails(1);
    assert!(!runner.is_finished(), "nothing had to be waited for");
    let summary = runner.join().unwrap();
    assert_eq!((summary.delivered, summary.deferred), (1, 100));
    // One time-out at most for each connection, not one for each message.
    assert!(start.elapsed().as_secs() < 12, "{:?}", start.elapsed());
}

#[test]
fn who_asks_for_a_run_while_a_message_is_under_way_gets_one_after_it() {
    // DESIGN 2 Running: `flush` means all, also what is in an attempt just now.
    let server = Server::start("127.0.0.1:0");
    let site = Arc::new(with_smarthost(
        &server,
        "retry = { first = \"1h\", longest = \"1h\" }\n",
    ));
    server.say("mail", &format!("{WAIT}451 4.3.0 later"));
    site.queue("a@here.example", &["b@x.example"]);
    let runner = {
        let site = Arc::clone(&site);
        thread::spawn(move || site.run_mode(Mode::Drain))
    };
    server.wait_kept_back();
    let flushed = site.spool();
    flushed.ask_run().unwrap();
    // The runner has read it once it has read what comes after it too.
    site.queue("a@here.example", &["c@x.example"]);
    server.wait_mails(1);
    server.let_go();
    server.wait_mails(2);
    assert_eq!(runner.join().unwrap().delivered, 2);
}

/// Replaces a directory by one that refuses new names, and gives it back.
struct Unwritable(std::path::PathBuf);

impl Unwritable {
    fn new(dir: std::path::PathBuf) -> Unwritable {
        let aside = dir.with_extension("aside");
        std::fs::rename(&dir, &aside).unwrap();
        std::fs::write(&dir, "").unwrap();
        Unwritable(dir)
    }
}

impl Drop for Unwritable {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
        std::fs::rename(self.0.with_extension("aside"), &self.0).unwrap();
    }
}

#[test]
fn nothing_is_sent_where_results_cannot_be_recorded() {
    // Q3: else a full disk would have the same mail sent at every turn.
    let server = Server::start("127.0.0.1:0");
    let site = with_smarthost(&server, "");
    server.say("rcpt <c@x.example>", "451 4.3.0 later");
    site.queue("a@here.example", &["b@x.example", "c@x.example"]);
    {
        let _full = Unwritable::new(site.path("spool/state"));
        // The run ends and says so.
        let told = deliver::run(site.config(), site.spool(), Mode::Pass { all: true }, None);
        assert!(told.is_err());
        assert!(server.mails().is_empty());
    }
    site.run();
    assert_eq!(server.mails().len(), 1);
}
