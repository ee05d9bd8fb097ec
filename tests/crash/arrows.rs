//! The arrows of the state table: what is there before, what is done, which
//! rows may be left, and what the next run makes of them.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::spool::*;

/// One arrow.
pub struct Arrow {
    pub name: &'static str,
    /// O_TMPFILE is refused.
    pub by_name: bool,
    /// Row before.
    from: &'static str,
    /// Rows that a stop or a failure may leave.
    between: &'static [&'static str],
    /// Rows after success.
    to: &'static [&'static str],
}

const fn arrow(
    name: &'static str,
    from: &'static str,
    between: &'static [&'static str],
    to: &'static [&'static str],
) -> Arrow {
    Arrow {
        name,
        by_name: false,
        from,
        between,
        to,
    }
}

pub const COMMIT: Arrow = arrow("commit", "none", &["none", "new"], &["new"]);
pub const COMMIT_LARGE: Arrow = arrow("commit-large", "none", &["none", "new"], &["new"]);
pub const COMMIT_BY_NAME: Arrow = Arrow {
    by_name: true,
    ..arrow("commit", "none", &["none", "tmp", "new"], &["new"])
};
pub const DERIVED: Arrow = arrow(
    "derived",
    "none",
    &["none", "state", "new+state"],
    &["new+state"],
);
pub const EXPAND: Arrow = arrow("expand", "new", &["new", "new+state"], &["new+state"]);
pub const RECORD: Arrow = arrow("record", "new", &["new", "new+state"], &["new+state"]);
pub const DEFER: Arrow = arrow(
    "defer",
    "new",
    &["new", "new+state", "cur+state"],
    &["cur+state"],
);
pub const HOLD: Arrow = arrow("hold", "new", &["new", "hold"], &["hold"]);
pub const RELEASE: Arrow = arrow("release", "hold", &["hold", "new"], &["new"]);
pub const SET_ASIDE: Arrow = arrow(
    "set-aside",
    "new",
    &["new", "new+state", "failed+state"],
    &["failed+state"],
);
pub const RETIRE: Arrow = arrow("retire", "new", &["new", "none"], &["none"]);
pub const RETIRE_WITH_STATE: Arrow = arrow(
    "retire",
    "new+state",
    &["new+state", "state", "none"],
    &["none"],
);

const SMALL: &[u8] = b"Subject: hello\r\n\r\nhello\r\n";

fn text(arrow: &str) -> Vec<u8> {
    match arrow {
        "commit-large" => b"0123456789abcdef\r\n".repeat(8_000),
        _ => SMALL.to_vec(),
    }
}

fn envelope() -> Envelope {
    let recipient = |r: &str| Recipient {
        address: Mailbox::parse(r).unwrap(),
        params: Default::default(),
    };
    Envelope {
        sender: ReversePath::Mailbox(Mailbox::parse("alice@example.org").unwrap()),
        params: Default::default(),
        recipients: vec![recipient("bob@example.net"), recipient("carol@example.net")],
        origin: Origin {
            time: "2026-11-21T20:57:00.123Z".parse().unwrap(),
            kind: "local".to_owned(),
            words: vec![],
        },
    }
}

fn attempt(target: u32, result: Outcome) -> Attempt {
    Attempt {
        time: "2026-11-21T21:00:00Z".parse().unwrap(),
        target,
        result,
        status: "2.0.0".to_owned(),
        text: "250 ok".to_owned(),
        remote: true,
        host: None,
        address: None,
        route: None,
        tls: None,
        passed_on: false,
        ms: 1,
    }
}

fn derived_id() -> Id {
    Id::derived(&Id::parse("01J9ZK3F8Q2V7M").unwrap(), "bounce", &[0])
}

/// What the subject does; true: it was told that it succeeded.
pub fn run(arrow: &str, path: &Path) -> bool {
    let spool = Spool::open(path).unwrap();
    act(arrow, &spool).is_ok()
}

fn act(arrow: &str, spool: &Spool) -> Result<()> {
    let write = |mut draft: Draft<'_>| {
        let text = text(arrow);
        for piece in text.chunks(10_000) {
            // The commit says what went wrong.
            if draft.write_all(piece).is_err() {
                break;
            }
        }
        draft.commit_locked().map(drop)
    };
    match arrow {
        "commit" | "commit-large" => {
            return write(spool.draft(&envelope())?);
        }
        "derived" => {
            // A repeat finds what an earlier run made.
            return spool
                .derived_draft(derived_id(), &envelope())?
                .map_or(Ok(()), write);
        }
        _ => {}
    }
    let Some(entry) = spool.list()?.pop() else {
        return Ok(());
    };
    let mut claim = spool.claim(&entry)?.unwrap();
    match arrow {
        "expand" => claim.record_targets(&[Target::plain(0, "|/bin/filter".to_owned())]),
        "record" => claim.record(&[attempt(0, Outcome::Delivered)], true),
        "defer" => {
            claim.record(&[attempt(0, Outcome::Deferred)], false)?;
            claim.defer(1_800_000_000)
        }
        "hold" => claim.hold(),
        "release" => claim.release(),
        "set-aside" => claim.set_aside("nobody to tell"),
        "retire" => claim.retire(),
        other => panic!("no arrow {other}"),
    }
}

/// A spool with the row before.
pub struct Spooled {
    dir: tempfile::TempDir,
}

impl Spooled {
    pub fn prepare(arrow: &Arrow) -> Spooled {
        let spooled = Spooled {
            dir: tempfile::tempdir().unwrap(),
        };
        let spool = Spool::open_or_create(&spooled.path(), None).unwrap();
        for step in match arrow.from {
            "none" => &[][..],
            "new" => &["commit"],
            "new+state" => &["commit", "record"],
            "hold" => &["commit", "hold"],
            other => panic!("no row {other}"),
        } {
            act(step, &spool).unwrap();
        }
        spooled
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    fn count(&self, dir: &str) -> usize {
        fs::read_dir(self.path().join(dir)).unwrap().count()
    }

    /// The row, by the files that are there.
    fn row(&self) -> String {
        let mut rows = Vec::new();
        for (row, dirs) in [
            ("tmp", &["tmp"][..]),
            ("new", &["new"]),
            ("cur", &["cur"]),
            ("hold", &[".Hold/new", ".Hold/cur"]),
            ("failed", &[".Failed/new", ".Failed/cur"]),
            ("state", &["state"]),
        ] {
            let count: usize = dirs.iter().map(|d| self.count(d)).sum();
            assert!(count <= 1, "{count} files in {row}");
            rows.extend((count == 1).then_some(row));
        }
        if rows.is_empty() {
            "none".to_owned()
        } else {
            rows.join("+")
        }
    }

    /// `end`: what the subject was told; `None`: killed before it was told.
    pub fn check(&self, arrow: &Arrow, end: Option<bool>, when: &str) {
        let row = self.row();
        let legal = match end {
            // Told that it succeeded: nothing less may be there.
            Some(true) => arrow.to,
            _ => arrow.between,
        };
        assert!(
            legal.contains(&row.as_str()),
            "{} {when}: {row} is left, told {end:?}",
            arrow.name
        );
        let commits = arrow.from == "none";
        if commits && end == Some(false) {
            assert!(
                !row.contains("new"),
                "{} {when}: refused, but {row}",
                arrow.name
            );
        }
        let spool = Spool::open(&self.path()).unwrap();
        for entry in spool.list().unwrap() {
            let claim = spool
                .claim(&entry)
                .unwrap()
                .expect("no lock outlives its holder");
            let mut whole = Vec::new();
            claim.message().unwrap().read_to_end(&mut whole).unwrap();
            assert_eq!(whole, text(arrow.name), "{} {when}", arrow.name);
        }
        self.finish(arrow, &spool, when);
    }

    /// The next run: the arrow again comes to its end.
    fn finish(&self, arrow: &Arrow, spool: &Spool, when: &str) {
        let done = arrow.to.contains(&self.row().as_str());
        if !done {
            act(arrow.name, spool).unwrap();
        }
        let row = self.row();
        // What a stop left in tmp/ or state/ alone is swept when it is old.
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(37);
        spool.sweep(later, 36_500).unwrap();
        let row = if arrow.to.contains(&row.as_str()) {
            row
        } else {
            self.row()
        };
        assert!(
            arrow.to.contains(&row.as_str()),
            "{} {when}: the next run left {row}",
            arrow.name
        );
    }
}
