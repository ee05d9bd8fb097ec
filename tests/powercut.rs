//! The two ends of `tests/powercut.sh`: load on a spool until the power goes,
//! and the look at what came back. Without that script's variables there is
//! nothing to do.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are tests

use std::collections::HashSet;
use std::io::{BufRead, Read, Write};
use std::process::Command;

use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::spool::*;

fn spool() -> Option<Spool> {
    let path = std::env::var_os("POWERCUT_SPOOL")?;
    Some(Spool::open_or_create(path.as_ref(), None).unwrap())
}

fn text(id: Id) -> Vec<u8> {
    // Some fit into one write, some do not.
    let lines = 1 + usize::from(id.as_str().as_bytes()[15]) % 7 * 2000;
    format!("{id} is what I am\r\n").repeat(lines).into_bytes()
}

fn envelope() -> Envelope {
    let recipient = |name: &str| Recipient {
        address: Mailbox::parse(name).unwrap(),
        params: Default::default(),
    };
    Envelope {
        sender: ReversePath::Null,
        params: Default::default(),
        recipients: vec![recipient("bob@example.net"), recipient("carol@example.net")],
        origin: Origin {
            time: jiff::Timestamp::UNIX_EPOCH,
            kind: "local".to_owned(),
            words: vec![],
        },
    }
}

/// Commits, and records an attempt for every third message; a line on
/// `POWERCUT_ACKED` for each that succeeded. Cuts the power itself after
/// `POWERCUT_AFTER` commits, where that is set; goes on to the first error.
#[test]
fn load() {
    let Ok(acked) = std::env::var("POWERCUT_ACKED") else {
        return;
    };
    let spool = spool().unwrap();
    let after: Option<u32> = std::env::var("POWERCUT_AFTER")
        .ok()
        .map(|n| n.parse().unwrap());
    let mut acked = std::fs::File::options()
        .append(true)
        .create(true)
        .open(acked)
        .unwrap();
    for number in 1.. {
        let done = one(&spool, number % 3 == 0, &mut acked);
        if done.is_err() {
            return;
        }
        if after == Some(number) {
            let cut = std::env::var("POWERCUT_COMMAND").unwrap();
            let cut = Command::new("sh").args(["-c", &cut]).status().unwrap();
            assert!(cut.success());
        }
    }
}

fn one(spool: &Spool, record: bool, acked: &mut impl Write) -> Result<()> {
    let mut draft = spool.draft(&envelope())?;
    let text = text(draft.id());
    if draft.write_all(&text).is_err() {
        return draft.commit().map(drop);
    }
    let id = draft.commit()?;
    writeln!(acked, "{id}").unwrap();
    if record {
        let mut claim = spool.claim(&spool.find(id.as_str())?)?.unwrap();
        let attempt = Attempt {
            time: jiff::Timestamp::UNIX_EPOCH,
            target: 1,
            result: Outcome::Delivered,
            status: String::new(),
            text: String::new(),
            remote: false,
            host: None,
            address: None,
            route: None,
            tls: None,
            passed_on: false,
            ms: 0,
        };
        claim.record(&[attempt], true)?;
        writeln!(acked, "{id} recorded").unwrap();
        claim.defer(1)?;
    }
    Ok(())
}

/// Everything on standard input is there, and all that is there is whole.
#[test]
fn verify() {
    if std::env::var_os("POWERCUT_VERIFY").is_none() {
        return;
    }
    let spool = spool().unwrap();
    let mut there = HashSet::new();
    for entry in spool.list().unwrap() {
        let claim = spool.claim(&entry).unwrap().unwrap();
        let mut whole = Vec::new();
        claim.message().unwrap().read_to_end(&mut whole).unwrap();
        assert_eq!(whole, text(entry.id));
        there.insert(entry.id.to_string());
        if claim.state().settled(1).is_some() {
            there.insert(format!("{} recorded", entry.id));
        }
    }
    let mut count = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        assert!(there.contains(&line), "{line}: acknowledged and lost");
        count += 1;
    }
    println!("{count} acknowledged, {} there", there.len());
    assert!(count > 0);
}
