//! The runner is killed, or refused by the disk, at its system calls; the next
//! run has to bring every recipient to its end, and nobody who was settled gets
//! the mail again (DESIGN 2 Record, Retire; S3, Q3, Q4). strace does it.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use smtputils::spool::Id;

use crate::processes::configuration;
use crate::site::Site;
use crate::smtp::Server;

/// Calls that change the disk, take a lock, or reach the network.
const CALLS: &str = "openat,write,pwrite64,fsync,linkat,renameat,renameat2,unlinkat,ftruncate,\
                     flock,connect,sendto,writev";

/// Points tried of one call's name.
const SAMPLES: usize = 4;

/// No further point is begun after this.
const LONGEST: Duration = Duration::from_secs(40);

/// A queue with one message: a recipient at a server that takes it, one that it
/// refuses, and one here. The refusal comes back to ann.
struct Scene {
    site: Site,
    server: Server,
    id: Id,
}

impl Scene {
    fn new() -> Scene {
        let server = Server::start("127.0.0.1:0");
        for _ in 0..9 {
            server.say("rcpt <c@x.example>", "550 5.1.1 unknown");
        }
        let port = server.address.port();
        let smarthost = format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\n");
        let site = Site::new(&smarthost);
        for user in ["ann", "bob"] {
            site.user(user);
        }
        let to = ["b@x.example", "c@x.example", "bob@here.example"];
        let id = site.queue("ann@here.example", &to);
        let extra = format!(
            "local = \"maildir:{}/mail/{{user}}\"\n{smarthost}",
            site.dir.path().display()
        );
        std::fs::write(site.path("config.toml"), configuration(&site, &extra)).unwrap();
        Scene { site, server, id }
    }

    /// A pass under strace with this rule; true where it was killed.
    fn run(&self, rule: &str, trace: &Path) -> bool {
        let status = Command::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(trace)
            .args(["-e", &format!("trace={CALLS}"), "-e", rule])
            .arg(env!("CARGO_BIN_EXE_smtp-queue"))
            .args(["run", "--all"])
            .env("SMTPUTILS_CONFIG", self.site.path("config.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status = status.expect("these tests need strace (apt-get install strace)");
        // strace ends as its subject did.
        status.signal() == Some(9) || status.code() == Some(137)
    }

    /// How often each recipient got it: b, bob, and ann the bounce.
    fn counts(&self) -> [usize; 3] {
        let taken = self.server.mails().len();
        [
            taken,
            self.site.inbox("bob").len(),
            self.site.inbox("ann").len(),
        ]
    }

    /// By target: settled, as far as the record says; all where it is gone.
    fn settled(&self) -> [bool; 2] {
        let spool = self.site.spool();
        match spool.find(self.id.as_str()) {
            Err(_) => [true; 2],
            Ok(_) => {
                let state = spool.state(self.id).unwrap();
                [0, 2].map(|n| state.settled(n).is_some())
            }
        }
    }

    fn bounce(&self) -> Id {
        Id::derived(&self.id, "bounce", &[1])
    }

    fn is_queued(&self, id: Id) -> bool {
        self.site.entries().iter().any(|e| e.id == id)
    }

    /// After `what`, one more run.
    fn check(&self, what: &str) {
        let before = self.counts();
        let settled = self.settled();
        let bounce_left = self.is_queued(self.bounce());
        let original_left = self.is_queued(self.id);
        if !original_left {
            assert!(bounce_left || before[2] > 0, "{what}: the bounce is lost");
        }
        self.site.run();
        let after = self.counts();
        assert!(
            self.site.entries().is_empty(),
            "{what}: {:?}",
            self.site.entries()
        );
        for n in 0..2 {
            assert!(after[n] > 0, "{what}: recipient {n} never got it");
            // Once more at most, and only where nothing said that it had it.
            let most = before[n] + usize::from(!settled[n]);
            assert!(after[n] <= most.max(1), "{what}: {n}: {before:?} {after:?}");
        }
        // Delivered once, or again where it was under way itself; never made again.
        let most = before[2] + usize::from(bounce_left);
        assert!(
            after[2] > 0 && after[2] <= most.max(1),
            "{what}: {before:?} {after:?}"
        );
        let of = |mail: &String| {
            mail.lines()
                .find(|l| l.starts_with("Message-I"))
                .map(str::to_owned)
        };
        let ids: HashSet<_> = self.site.inbox("ann").iter().map(of).collect();
        assert_eq!(ids.len(), 1, "{what}: bounces of {ids:?}");
    }
}

/// The calls of an undisturbed run by name: the most that one thread made.
fn plan() -> BTreeMap<String, usize> {
    let scene = Scene::new();
    let trace = scene.site.path("trace");
    scene.run(&format!("trace={CALLS}"), &trace);
    scene.check("undisturbed");
    let mut counts = BTreeMap::<(String, String), usize>::new();
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        let call = line.split_once(' ').and_then(|(thread, call)| {
            let (name, _) = call.trim_start().split_once('(')?;
            Some((thread.to_owned(), name.to_owned()))
        });
        if let Some(call) = call.filter(|(_, name)| CALLS.split(',').any(|c| c == name)) {
            *counts.entry(call).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, name), count) in counts {
        let known = most.entry(name).or_insert(0);
        *known = count.max(*known);
    }
    most
}

fn samples(count: usize) -> Vec<usize> {
    let mut points: Vec<usize> = (0..SAMPLES)
        .map(|n| 1 + n * count.saturating_sub(1) / (SAMPLES - 1))
        .collect();
    points.dedup();
    points
}

#[test]
fn killed_at_any_call_it_is_made_up_for_by_the_next_run() {
    let begun = Instant::now();
    let mut kills = 0;
    let plan = plan();
    for call in ["fsync", "linkat", "unlinkat", "write"] {
        assert!(plan.contains_key(call), "{call} is not in {plan:?}");
    }
    // The same place of each call in turn: what time allows is spread over all.
    for place in 0..SAMPLES {
        for (call, count) in &plan {
            let Some(n) = samples(*count).get(place).copied() else {
                continue;
            };
            if begun.elapsed() > LONGEST {
                break;
            }
            let scene = Scene::new();
            let rule = format!("inject={call}:signal=KILL:when={n}");
            kills += usize::from(scene.run(&rule, Path::new("/dev/null")));
            scene.check(&format!("killed at {call} {n}"));
        }
    }
    assert!(kills >= 10, "{kills} of {plan:?} were killed");
}

#[test]
fn a_record_that_fails_for_a_while_sends_nothing_twice() {
    // Q3: the run itself remembers what it could not write, and writes it first.
    let fsyncs = (1..=3).map(|n| format!("inject=fsync:error=EIO:when={n}"));
    // Twice, for what is refused is written once more when the claim is given up.
    let writes = (3..=7).map(|n| format!("inject=write:error=EIO:when={n}..{}", n + 1));
    for rule in fsyncs.chain(writes) {
        let scene = Scene::new();
        scene.run(&rule, Path::new("/dev/null"));
        scene.check(&rule);
        assert_eq!(scene.counts()[0], 1, "{rule}");
    }
}
