use std::io::Read;
use std::time::Duration;

use super::*;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};
use crate::spool::{Origin, Recipient, Spool};

const MESSAGE: &[u8] = b"Received: by us\r\nSubject: x\r\n\r\n.one\r\ntwo\r\n";

fn filter(script: &str) -> Filter {
    let recipient = |address: &str| Recipient {
        address: Mailbox::parse(address).unwrap(),
        params: RcptParams::default(),
    };
    Filter {
        settings: config::Filter {
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            timeout: Duration::from_secs(30),
            ..config::Filter::default()
        },
        limit: 1 << 20,
        envelope: Envelope {
            sender: ReversePath::Mailbox(Mailbox::parse("a@x.example").unwrap()),
            params: MailParams::default(),
            recipients: vec![recipient("b@y.example"), recipient("\"$(id)\"@y.example")],
            origin: Origin {
                time: jiff::Timestamp::now(),
                kind: "smtp".to_owned(),
                words: Vec::new(),
            },
        },
        client_address: "192.0.2.1".to_owned(),
        client_helo: "h.example".to_owned(),
    }
}

/// What is committed, or the reply; the spool holds nothing else afterwards.
fn passed(filter: &Filter, message: &[u8]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open_or_create(dir.path(), None).unwrap();
    let mut draft = spool.draft(&filter.envelope).unwrap();
    let id = draft.id();
    draft.write_all(message).unwrap();
    match filter.pass(draft) {
        Err(reply) => {
            assert!(spool.list().unwrap().is_empty());
            Err(format!("{} {}", reply.code, reply.enhanced.unwrap()))
        }
        Ok(draft) => {
            assert_eq!(draft.commit().unwrap(), id);
            let entry = spool.list().unwrap().pop().unwrap();
            let mut text = String::new();
            let claim = spool.claim(&entry).unwrap().unwrap();
            claim.message().unwrap().read_to_string(&mut text).unwrap();
            Ok(text)
        }
    }
}

#[test]
fn a_filter_may_change_the_message_or_leave_it() {
    let whole = String::from_utf8(MESSAGE.to_vec()).unwrap();
    assert_eq!(passed(&filter("exit 0"), MESSAGE).unwrap(), whole);
    assert_eq!(passed(&filter("cat >/dev/null"), MESSAGE).unwrap(), whole);
    assert_eq!(passed(&filter("cat"), MESSAGE).unwrap(), whole);
    let script = "printf 'X-Seen: %s\\n' $(grep -c \"$(printf '\\r')\"); printf '\\r\\nbody'";
    assert_eq!(
        passed(&filter(script), MESSAGE).unwrap(),
        "X-Seen: 0\r\n\r\nbody\r\n"
    );
}

/// The envelope stands in the environment and is run by nobody (I4).
#[test]
fn i4_the_envelope_is_in_the_environment() {
    let script =
        "printf '%s|' \"$SENDER\" \"$RECIPIENTS\" \"$CLIENT_ADDRESS\" \"$CLIENT_HELO\"; pwd";
    assert_eq!(
        passed(&filter(script), MESSAGE).unwrap(),
        "a@x.example|b@y.example\r\n\"$(id)\"@y.example|192.0.2.1|h.example|/\r\n"
    );
}

#[test]
fn every_exit_status_has_its_reply() {
    let refused = [
        (65, "554 5.6.0"),
        (67, "550 5.1.1"),
        (68, "550 5.1.2"),
        (69, "554 5.3.0"),
        (77, "550 5.7.1"),
        (64, "451 4.3.5"),
        (66, "451 4.3.0"),
        (70, "451 4.3.0"),
        (71, "451 4.3.0"),
        (72, "451 4.3.5"),
        (73, "451 4.2.0"),
        (74, "451 4.3.0"),
        (75, "451 4.3.0"),
        (76, "451 4.3.0"),
        (78, "451 4.3.5"),
        (1, "451 4.3.0"),
        (126, "451 4.3.5"),
        (127, "451 4.3.5"),
        (255, "451 4.3.0"),
    ];
    for (status, reply) in refused {
        let filter = filter(&format!("cat; exit {status}"));
        assert_eq!(passed(&filter, MESSAGE).unwrap_err(), reply, "{status}");
    }
    assert_eq!(
        passed(&filter("kill -9 $$"), MESSAGE).unwrap_err(),
        "451 4.3.0"
    );
}

#[test]
fn filters_that_misbehave_end_well() {
    let large = [MESSAGE, &b"x".repeat(78), b"\r\n"].concat();
    let large = [large.as_slice(), &large.repeat(5000)].concat();
    // It does not read, and is content.
    assert_eq!(
        passed(&filter("exec <&-"), &large).unwrap().len(),
        large.len()
    );
    // It writes without end.
    let yes = filter("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyy; done");
    assert_eq!(passed(&yes, MESSAGE).unwrap_err(), "451 4.3.0");
    // It never ends.
    let mut slow = filter("sleep 600");
    slow.settings.timeout = Duration::from_millis(50);
    assert_eq!(passed(&slow, MESSAGE).unwrap_err(), "451 4.3.0");
    // It is not there.
    let mut absent = filter("");
    absent.settings.command = vec!["/nowhere/filter".to_owned()];
    assert_eq!(passed(&absent, MESSAGE).unwrap_err(), "451 4.3.0");
    // It wants too much memory.
    let mut greedy = filter("x=$(head -c 200000000 /dev/zero | tr '\\0' x) && echo ${#x}");
    greedy.settings.memory = 64 << 20;
    assert!(passed(&greedy, MESSAGE).is_err());
}

/// Where there are no nameless files the two drafts have names of their own.
#[test]
fn a_draft_with_a_name_can_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open_or_create(dir.path(), None).unwrap();
    let filter = filter("tr a-z A-Z");
    for script in ["tr a-z A-Z", "exit 0"] {
        let filter = Filter {
            settings: config::Filter {
                command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
                ..filter.settings.clone()
            },
            ..filter.clone()
        };
        let mut draft = spool.named_draft(&filter.envelope).unwrap();
        draft.write_all(MESSAGE).unwrap();
        filter.pass(draft).unwrap().commit().unwrap();
    }
    assert_eq!(spool.list().unwrap().len(), 2);
    assert_eq!(
        std::fs::read_dir(dir.path().join("tmp")).unwrap().count(),
        0
    );
}
