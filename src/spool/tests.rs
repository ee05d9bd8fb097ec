use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};

mod upkeep;

pub(super) struct Fixture {
    dir: tempfile::TempDir,
    pub spool: Spool,
}

pub(super) fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open_or_create(&dir.path().join("spool"), None).unwrap();
    Fixture { dir, spool }
}

pub(super) fn envelope(recipients: &[&str]) -> Envelope {
    let recipient = |r: &&str| Recipient {
        address: Mailbox::parse(r).unwrap(),
        params: RcptParams::default(),
    };
    Envelope {
        sender: ReversePath::Mailbox(Mailbox::parse("alice@example.org").unwrap()),
        params: MailParams::default(),
        recipients: recipients.iter().map(recipient).collect(),
        origin: Origin {
            time: "2026-11-21T20:57:00.123Z".parse().unwrap(),
            kind: "local".to_owned(),
            words: vec![("uid".to_owned(), "1000".to_owned())],
        },
    }
}

const TEXT: &[u8] = b"Subject: hello\r\n\r\nhello\r\n";

impl Fixture {
    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("spool").join(path)
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn queue(&self, recipients: &[&str]) -> Entry {
        self.queue_text(recipients, TEXT)
    }

    fn queue_text(&self, recipients: &[&str], text: &[u8]) -> Entry {
        let mut draft = self.spool.draft(&envelope(recipients)).unwrap();
        draft.write_all(text).unwrap();
        let id = draft.commit().unwrap();
        self.spool.find(id.as_str()).unwrap()
    }

    fn claim(&self, entry: &Entry) -> Claim<'_> {
        self.spool.claim(entry).unwrap().unwrap()
    }

    fn now(&self, entry: &Entry) -> Entry {
        self.spool.find(entry.id.as_str()).unwrap()
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
        host: Some("mx.example.net".to_owned()),
        address: None,
        route: Some("mx:".to_owned()),
        tls: None,
        passed_on: false,
        ms: 12,
    }
}

fn target(recipient: u32, to: &str) -> Target {
    Target::plain(recipient, to.to_owned())
}

fn content(claim: &Claim<'_>) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    claim.message().unwrap().read_to_end(&mut text)?;
    Ok(text)
}

#[test]
fn a_committed_message_is_listed_claimed_and_read_byte_for_byte() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net", "carol@example.net"]);
    assert_eq!(f.spool.list().unwrap(), std::slice::from_ref(&entry));
    assert_eq!(entry.place, Place::New);
    let path = f.path(&format!("new/{},S={}", entry.id, entry.size));
    let file = fs::metadata(path).unwrap();
    assert_eq!((file.len(), file.mode() & 0o7777), (entry.size, 0o600));
    let claim = f.claim(&entry);
    assert_eq!(
        claim.head().envelope,
        envelope(&["bob@example.net", "carol@example.net"])
    );
    assert_eq!(claim.head().check.length, TEXT.len() as u64);
    assert_eq!(claim.head().check.body, BodyKind::SevenBit);
    assert_eq!(content(&claim).unwrap(), TEXT);
    assert_eq!(
        content(&claim).unwrap(),
        TEXT,
        "several readers, each from the start"
    );
}

#[test]
fn the_file_is_as_documented() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let path = f.path(&format!("new/{},S={}", entry.id, entry.size));
    let text = fs::read_to_string(path).unwrap();
    let id = entry.id;
    let (head, check) = text.split_once("Envelope-Check: ").unwrap();
    assert_eq!(
        head,
        format!(
            "Envelope-Id: {id}\r\nEnvelope-Sender: <alice@example.org>\r\n\
             Envelope-Recipient: <bob@example.net>\r\n\
             Envelope-Origin: 2026-11-21T20:57:00.123Z local uid=1000\r\n"
        )
    );
    assert!(check.starts_with("00000000025 crc32c="));
    let end = format!(
        " body=7bit lines=short  \r\nEnvelope-End: {id}\r\nSubject: hello\r\n\r\nhello\r\n"
    );
    assert!(check.ends_with(&end), "{check:?}");
}

/// More than the buffer, and every way to cut it: the check is written over.
#[test]
fn large_messages_keep_every_octet() {
    let f = fixture();
    let text: Vec<u8> = (0..300_000u32)
        .flat_map(|i| [b'a' + (i % 26) as u8])
        .collect();
    for piece in [1000, 65_536, 70_000, 300_000] {
        let mut draft = f.spool.draft(&envelope(&["bob@example.net"])).unwrap();
        text.chunks(piece).for_each(|c| draft.write_all(c).unwrap());
        let id = draft.commit().unwrap();
        let claim = f.claim(&f.spool.find(id.as_str()).unwrap());
        assert!(claim.head().check.long_lines);
        assert_eq!(content(&claim).unwrap(), text);
    }
}

/// The second way of committing, where nameless files cannot be had.
#[test]
fn commit_by_name_leaves_nothing_in_tmp() {
    let f = fixture();
    let id = Id::generate().unwrap();
    let mut draft = f
        .spool
        .begin(id, &envelope(&["bob@example.net"]), false)
        .unwrap();
    draft.write_all(TEXT).unwrap();
    assert_eq!(f.names("tmp"), [id.to_string()]);
    draft.commit().unwrap();
    assert!(f.names("tmp").is_empty());
    let entry = f.spool.find(id.as_str()).unwrap();
    assert_eq!(content(&f.claim(&entry)).unwrap(), TEXT);
}

#[test]
fn a_dropped_draft_leaves_nothing() {
    let f = fixture();
    for nameless in [true, false] {
        let id = Id::generate().unwrap();
        let mut draft = f
            .spool
            .begin(id, &envelope(&["bob@example.net"]), nameless)
            .unwrap();
        draft.write_all(TEXT).unwrap();
        drop(draft);
    }
    assert!(f.names("tmp").is_empty() && f.names("new").is_empty());
}

#[test]
fn a_claim_excludes_another() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let other = Spool::open(f.spool.path()).unwrap();
    let claim = f.claim(&entry);
    assert!(other.claim(&entry).unwrap().is_none());
    drop(claim);
    assert!(other.claim(&entry).unwrap().is_some());
}

#[test]
fn a_message_that_is_gone_is_not_claimed() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    f.claim(&entry).retire().unwrap();
    assert!(f.spool.claim(&entry).unwrap().is_none());
    assert!(matches!(
        f.spool.find(entry.id.as_str()),
        Err(SpoolError::NoSuchId(_))
    ));
}

#[test]
fn deferring_holding_and_releasing_move_the_message() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    f.claim(&entry).hold().unwrap();
    assert_eq!(f.now(&entry).place, Place::Held);
    f.claim(&entry).release().unwrap();
    assert_eq!(
        f.now(&entry).place,
        Place::New,
        "never tried before, nor now"
    );
    f.claim(&entry).defer(1_800_000_000).unwrap();
    let deferred = f.now(&entry);
    assert_eq!(
        (deferred.place, deferred.due),
        (Place::Deferred, 1_800_000_000)
    );
    f.claim(&deferred).hold().unwrap();
    f.claim(&deferred).release().unwrap();
    let released = f.now(&entry);
    assert_eq!((released.place, released.due), (Place::Deferred, 0));
    f.claim(&released).set_aside("nobody to tell").unwrap();
    assert_eq!(f.now(&entry).place, Place::Failed);
    assert_eq!(
        f.spool.state(entry.id).unwrap().notes[0].1,
        "nobody to tell"
    );
    f.claim(&f.now(&entry)).release().unwrap();
    assert_eq!(f.now(&entry).place, Place::Deferred);
}

/// A maildir reader may move a message at any moment.
#[test]
fn a_name_changed_by_a_maildir_reader_is_found_again() {
    let f = fixture();
    let moved = |from: &str, to: &str| fs::rename(f.path(from), f.path(to)).unwrap();
    let entry = f.queue(&["bob@example.net"]);
    let plain = format!("{},S={}", entry.id, entry.size);
    moved(&format!("new/{plain}"), &format!("cur/{plain}:2,FRS"));
    assert_eq!(f.now(&entry).place, Place::Deferred);
    let claim = f.claim(&entry);
    moved(&format!("cur/{plain}:2,FRS"), &format!("cur/{plain}:2,T"));
    claim.defer(7).unwrap();
    assert_eq!(f.names("cur"), [format!("{plain},T=7")]);
    let claim = f.claim(&f.now(&entry));
    moved(&format!("cur/{plain},T=7"), &format!("cur/{plain},T=7:2,S"));
    claim.retire().unwrap();
    assert!(f.spool.list().unwrap().is_empty());
}

/// A reader that moves by link and unlink, stopped in between.
#[test]
fn two_names_of_one_message_are_one_message() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let plain = format!("{},S={}", entry.id, entry.size);
    fs::hard_link(
        f.path(&format!("new/{plain}")),
        f.path(&format!("cur/{plain}:2,")),
    )
    .unwrap();
    assert_eq!(f.spool.list().unwrap().len(), 1);
    f.claim(&entry).retire().unwrap();
    assert!(f.spool.list().unwrap().is_empty());
}

/// S4: a link to a file elsewhere, a symbolic link, a FIFO.
#[test]
fn what_is_no_plain_file_of_ours_is_set_aside() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let path = f.path(&format!("new/{},S={}", entry.id, entry.size));
    fs::hard_link(&path, f.dir.path().join("elsewhere")).unwrap();
    assert!(matches!(
        f.spool.claim(&entry),
        Err(SpoolError::Corrupt(..))
    ));
    symlink("/etc/passwd", f.path("new/0LINK,S=3")).unwrap();
    rustix::fs::mkfifoat(&f.spool.root, "new/0F1F0,S=0", rustix::fs::Mode::RWXU).unwrap();
    for id in ["0LINK", "0F1F0"] {
        let entry = f.spool.find(id).unwrap();
        assert!(matches!(f.spool.head(&entry), Err(SpoolError::Corrupt(..))));
        assert!(
            matches!(f.spool.claim(&entry), Err(SpoolError::Corrupt(..))),
            "{id}"
        );
    }
    assert!(f.names("new").is_empty());
    assert_eq!(f.names(".Failed/new").len(), 3);
}

#[test]
fn an_expansion_of_each_to_itself_needs_no_record_before_the_first_attempt() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net", "carol@example.net"]);
    let mut claim = f.claim(&entry);
    let targets = [target(0, "bob@example.net"), target(1, "carol@example.net")];
    claim.record_targets(&targets).unwrap();
    assert!(f.names("state").is_empty());
    claim
        .record(&[attempt(0, Outcome::Delivered)], true)
        .unwrap();
    let state = f.spool.state(entry.id).unwrap();
    assert_eq!(state.targets.as_deref(), Some(&targets[..]));
    assert!(state.settled(0).is_some() && state.settled(1).is_none());
}

#[test]
fn any_other_expansion_is_recorded_at_once() {
    let f = fixture();
    let entry = f.queue(&["staff@example.net"]);
    let mut claim = f.claim(&entry);
    let targets = [target(0, "bob@example.net"), target(0, "|/bin/filter")];
    claim.record_targets(&targets).unwrap();
    assert_eq!(
        f.spool.state(entry.id).unwrap().targets.as_deref(),
        Some(&targets[..])
    );
    drop(claim);
    let mut claim = f.claim(&entry);
    claim
        .record_targets(&[target(0, "dave@example.net")])
        .unwrap();
    assert_eq!(
        claim.state().targets.as_deref(),
        Some(&targets[..]),
        "the first one counts"
    );
}

#[test]
fn the_expansion_of_a_privileged_parent_is_read() {
    let f = fixture();
    let entry = f.queue(&["staff@example.net"]);
    let targets = [target(0, "/var/mail/file")];
    let expansions = f.spool.expansions().unwrap();
    assert_eq!(expansions.get(entry.id).unwrap(), None);
    expansions.record(entry.id, &targets).unwrap();
    assert_eq!(
        expansions.get(entry.id).unwrap().as_deref(),
        Some(&targets[..])
    );
    let claim = f.claim(&entry);
    assert_eq!(claim.state().targets.as_deref(), Some(&targets[..]));
    claim.retire().unwrap();
    assert!(f.names("expand").is_empty());
}

/// DESIGN 5: the worker owns the spool, so it could lay another `expand/` there.
#[test]
fn expansions_that_others_could_write_are_not_believed() {
    let f = fixture();
    let entry = f.queue(&["staff@example.net"]);
    let expansions = f.spool.expansions().unwrap();
    let targets = [target(0, "ann@example.net")];
    expansions.record(entry.id, &targets).unwrap();
    let forged = [target(0, "/etc/passwd")];
    // One laid in its place later is not looked at ...
    let (dir, aside) = (f.path("expand"), f.path("aside"));
    std::fs::rename(&dir, &aside).unwrap();
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o777)).unwrap();
    let text = serde_json::json!({"v": 1, "kind": "targets", "targets": forged});
    let path = dir.join(entry.id.as_str());
    std::fs::write(&path, format!("{text}\n")).unwrap();
    assert_eq!(
        expansions.get(entry.id).unwrap().as_deref(),
        Some(&targets[..])
    );
    // ... and one that is there at the start is emptied and taken.
    let anew = f.spool.expansions().unwrap();
    assert!(!path.exists());
    assert_eq!(anew.get(entry.id).unwrap(), None);
    let mode = std::fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "{mode:o}");
    // A link is no directory of the spool.
    std::fs::rename(&dir, f.path("third")).unwrap();
    std::os::unix::fs::symlink(&aside, &dir).unwrap();
    f.spool.expansions().unwrap_err();
}

#[test]
fn expansions_without_a_message_are_swept() {
    let f = fixture();
    let entry = f.queue(&["staff@example.net"]);
    let gone = Id::parse("0AAAAAAAAAAAAAAA").unwrap();
    let expansions = f.spool.expansions().unwrap();
    let targets = [target(0, "ann@example.net")];
    for id in [entry.id, gone] {
        expansions.record(id, &targets).unwrap();
    }
    let hour = |hours| Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    expansions.sweep(&f.spool, hour(35)).unwrap();
    assert_eq!(f.names("expand").len(), 2);
    expansions.sweep(&f.spool, hour(37)).unwrap();
    assert_eq!(f.names("expand"), [entry.id.as_str()]);
}

/// The usual message: one recipient, delivered at once.
#[test]
fn a_last_recipient_is_recorded_by_the_removal_alone() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let mut claim = f.claim(&entry);
    claim
        .record_targets(&[target(0, "bob@example.net")])
        .unwrap();
    claim
        .record(&[attempt(0, Outcome::Delivered)], false)
        .unwrap();
    claim.retire().unwrap();
    assert!(f.names("state").is_empty() && f.names("new").is_empty());
    let mut endings = Vec::new();
    f.spool
        .history(Timestamp::UNIX_EPOCH, |e| endings.push(e))
        .unwrap();
    assert_eq!(endings.len(), 1);
    let ending = &endings[0];
    assert_eq!((ending.id.as_str(), ending.target), (entry.id.as_str(), 0));
    assert_eq!(ending.recipient, "bob@example.net");
    assert_eq!((ending.result.as_str(), ending.attempts), ("delivered", 1));
}

#[test]
fn attempts_that_were_not_synced_are_written_when_the_claim_ends() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let mut claim = f.claim(&entry);
    claim
        .record(&[attempt(0, Outcome::Deferred)], false)
        .unwrap();
    drop(claim);
    assert_eq!(f.spool.state(entry.id).unwrap().attempts.len(), 1);
    let mut claim = f.claim(&entry);
    claim
        .record(&[attempt(0, Outcome::Deferred)], false)
        .unwrap();
    claim.defer(9).unwrap();
    assert_eq!(f.spool.state(entry.id).unwrap().attempts.len(), 2);
}

#[test]
fn removal_by_an_operator_ends_all_recipients_in_the_history() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net", "carol@example.net"]);
    let mut claim = f.claim(&entry);
    claim
        .record(&[attempt(1, Outcome::Delivered)], true)
        .unwrap();
    claim.remove("spam").unwrap();
    let mut results = Vec::new();
    f.spool
        .history(Timestamp::UNIX_EPOCH, |e| {
            results.push((e.target, e.result))
        })
        .unwrap();
    assert_eq!(
        results,
        [(0, "removed".to_owned()), (1, "delivered".to_owned())]
    );
    assert!(f.spool.list().unwrap().is_empty() && f.names("state").is_empty());
}

#[test]
fn a_message_made_from_another_is_made_once() {
    let f = fixture();
    let original = f.queue(&["bob@example.net"]);
    let id = Id::derived(&original.id, "bounce", &[0]);
    let bounce = envelope(&["alice@example.org"]);
    let draft = f.spool.derived_draft(id, &bounce).unwrap().unwrap();
    drop(draft);
    let mut draft = f.spool.derived_draft(id, &bounce).unwrap().unwrap();
    draft.write_all(TEXT).unwrap();
    let lock = draft.commit_locked().unwrap();
    assert!(f.spool.derived_draft(id, &bounce).unwrap().is_none());
    let entry = f.spool.find(id.as_str()).unwrap();
    assert!(
        f.spool.claim(&entry).unwrap().is_none(),
        "locked until the original is settled"
    );
    f.claim(&original).retire().unwrap();
    drop(lock);
    f.claim(&entry).retire().unwrap();
    assert!(f.names("state").is_empty());
}

/// S8: whoever reads a damaged message to its end gets an error, whatever the
/// size of the reads, and not the last octets.
#[test]
fn a_damaged_message_never_reads_to_its_end() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let path = f.path(&format!("new/{},S={}", entry.id, entry.size));
    let whole = fs::read(&path).unwrap();
    let end = whole.len();
    for at in [end - 1, end - TEXT.len(), 30] {
        let mut octets = whole.clone();
        octets[at] ^= 1;
        fs::write(&path, &octets).unwrap();
        let Ok(Some(claim)) = f.spool.claim(&entry) else {
            assert_eq!(at, 30, "only the envelope is read by a claim");
            continue;
        };
        for size in [1, 7, 4096] {
            let mut reader = claim.message().unwrap();
            let mut buffer = vec![0; size];
            let mut total = 0;
            let error = loop {
                match reader.read(&mut buffer) {
                    Ok(0) => panic!("a clean end"),
                    Ok(n) => total += n,
                    Err(e) => break e,
                }
            };
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            assert!(total < TEXT.len());
            assert!(reader.read(&mut buffer).is_err(), "for ever");
        }
    }
}

#[test]
fn a_short_or_long_file_is_set_aside() {
    for change in [-1i64, 1] {
        let f = fixture();
        let entry = f.queue(&["bob@example.net"]);
        let path = f.path(&format!("new/{},S={}", entry.id, entry.size));
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(entry.size.checked_add_signed(change).unwrap())
            .unwrap();
        assert!(matches!(
            f.spool.claim(&entry),
            Err(SpoolError::Corrupt(..))
        ));
        assert_eq!(f.now(&entry).place, Place::Failed);
        assert_eq!(f.spool.list().unwrap().len(), 1);
        f.spool.remove_unreadable(&f.now(&entry), None).unwrap();
        assert!(f.spool.list().unwrap().is_empty());
    }
}

#[test]
fn a_damaged_state_sets_the_message_aside() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    fs::write(f.path(&format!("state/{}", entry.id)), "nonsense\n").unwrap();
    assert!(matches!(
        f.spool.claim(&entry),
        Err(SpoolError::Corrupt(..))
    ));
    assert_eq!(f.now(&entry).place, Place::Failed);
}

/// The kernel's name of a descriptor is only a hint: a message of another spool
/// with the same id is not ours.
#[test]
fn a_descriptor_of_another_spool_is_not_adopted() {
    let (ours, other) = (fixture(), fixture());
    let entry = other.queue(&["bob@example.net"]);
    let claim = other.claim(&entry);
    let passed = claim.as_fd().try_clone_to_owned().unwrap();
    drop(claim);
    assert!(ours.spool.adopt(passed, entry.id).unwrap().is_none());
}

#[test]
fn an_adopted_descriptor_carries_the_claim() {
    let f = fixture();
    let entry = f.queue(&["bob@example.net"]);
    let claim = f.claim(&entry);
    let passed = claim.as_fd().try_clone_to_owned().unwrap();
    let wrong = claim.as_fd().try_clone_to_owned().unwrap();
    drop(claim);
    assert!(
        f.spool
            .adopt(wrong, Id::generate().unwrap())
            .unwrap()
            .is_none()
    );
    let adopted = f.spool.adopt(passed, entry.id).unwrap().unwrap();
    assert!(f.spool.claim(&entry).unwrap().is_none());
    assert_eq!(content(&adopted).unwrap(), TEXT);
}
