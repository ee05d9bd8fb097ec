//! No lost wake-up: a commit that asks for a runner, and a drain that ends,
//! in every order of their steps, on a real spool.

use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::spool::*;

/// A drain: `Look` and what follows, step by step.
#[derive(Debug, Default)]
struct Drain {
    lock: Option<RunLock>,
    step: usize,
    gone: bool,
}

impl Drain {
    /// One step; false: it has ended or waits for mail to come.
    fn go(&mut self, spool: &Spool) {
        if self.gone {
            return;
        }
        let mail = || !spool.list().unwrap().is_empty();
        match self.step {
            // Mail there: it stays at work, with the lock.
            0 if mail() => return,
            0 => {}
            1 => self.lock = None,
            2 => self.gone = !mail(),
            3 => {
                self.lock = spool.lock_run().unwrap();
                self.gone = self.lock.is_none();
                self.step = 0;
                return;
            }
            _ => unreachable!(),
        }
        self.step += 1;
    }
}

/// `order`: bit set: the submitter's turn.
fn play(order: u32, turns: u32) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open_or_create(&dir.path().join("s"), None).unwrap();
    let mut drains = vec![Drain::default()];
    drains[0].lock = spool.lock_run().unwrap();
    let mut submitted = 0;
    for turn in 0..turns {
        if order >> turn & 1 == 0 {
            drains.iter_mut().for_each(|d| d.go(&spool));
            continue;
        }
        match submitted {
            0 => commit(&spool),
            // A drain is started only when nobody holds the lock; it takes it
            // or, refused, ends.
            1 if !spool.has_runner().unwrap() => {
                if let Some(lock) = spool.lock_run().unwrap() {
                    drains.push(Drain {
                        lock: Some(lock),
                        ..Drain::default()
                    });
                }
            }
            _ => {}
        }
        submitted += 1;
    }
    if submitted < 2 {
        return;
    }
    for _ in 0..8 {
        drains.iter_mut().for_each(|d| d.go(&spool));
    }
    assert!(
        spool.has_runner().unwrap(),
        "order {order:b}: mail and nobody at work: {drains:?}"
    );
    let at_work = drains.iter().filter(|d| d.lock.is_some()).count();
    assert_eq!(at_work, 1, "order {order:b}");
}

fn commit(spool: &Spool) {
    let address = Mailbox::parse("bob@example.net").unwrap();
    let envelope = Envelope {
        sender: ReversePath::Null,
        params: Default::default(),
        recipients: vec![Recipient {
            address,
            params: Default::default(),
        }],
        origin: Origin {
            time: jiff::Timestamp::UNIX_EPOCH,
            kind: "local".to_owned(),
            words: vec![],
        },
    };
    spool.draft(&envelope).unwrap().commit().unwrap();
}

#[test]
fn no_order_of_commit_and_drain_leaves_mail_without_a_runner() {
    const TURNS: u32 = 7;
    (0..1 << TURNS)
        .filter(|order: &u32| order.count_ones() == 2)
        .for_each(|order| play(order, TURNS));
}
