//! What the sender is told, and what happens where there is none.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use smtputils::spool::{Attempt, Id, Outcome, Place, Target};

use crate::dns::{Data, Dns};
use crate::site::Site;
use crate::smtp::Server;

/// A domain that takes no mail, one whose name service is down.
fn site(extra: &str) -> Site {
    let dns = Dns::start(&[
        ("null.example", Data::Mx(0, ".")),
        ("down.example", Data::ServFail),
    ]);
    let site = Site::with_dns(&dns, 25, extra);
    site.user("ann");
    site
}

#[test]
fn a_failure_comes_back_once_for_all_recipients() {
    // BN-01, BN-03, BN-16, MX-06
    let site = site("");
    site.queue("ann@here.example", &["x@null.example", "y@null.example"]);
    site.run();
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    let bounce = &inbox[0];
    assert!(bounce.starts_with("Return-Path: <>\n"), "{bounce}");
    for part in [
        "report-type=delivery-status",
        "Final-Recipient: rfc822; x@null.example",
        "Final-Recipient: rfc822; y@null.example",
        "Status: 5.1.10",
        "Action: failed",
        "Reporting-MTA: dns; here.example",
    ] {
        assert!(bounce.contains(part), "{part}: {bounce}");
    }
    assert!(site.places().is_empty());
}

/// BN-05, BN-06: the remote's own status comes through, its class is that of the
/// reply where the two do not fit, and its words are its own.
#[test]
fn bn_06_the_status_is_the_remotes() {
    for (reply, status) in [
        ("550 5.7.26 not authenticated", "5.7.26"),
        ("550 5.1.1 unknown", "5.1.1"),
        ("554 go away", "5.0.0"),
        ("550 2.1.5 ok, but no", "5."),
        ("550 4.2.2 full, for ever", "5."),
        ("550 5.999.1 odd", "5.999.1"),
    ] {
        let server = Server::start("127.0.0.2:0");
        let address = Data::Address("127.0.0.2".parse().unwrap());
        let dns = Dns::start(&[("there.example", address)]);
        let site = Site::with_dns(&dns, server.address.port(), "");
        site.user("ann");
        server.say("rcpt <x@there.example>", reply);
        site.queue("ann@here.example", &["x@there.example"]);
        site.run();
        let inbox = site.inbox("ann");
        let field = |name: &str| {
            let line = inbox[0].lines().find_map(|l| l.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name}: {}", inbox[0]))
                .to_owned()
        };
        assert_eq!(field("Action: "), "failed", "{reply}");
        let told = field("Status: ");
        assert!(told.starts_with(status), "{reply}: {told}");
        assert_eq!(field("Remote-MTA: "), "dns; there.example");
        assert_eq!(field("Diagnostic-Code: "), format!("smtp; {reply}"));
    }
}

#[test]
fn nobody_is_told_who_asked_not_to_be() {
    // BN-11
    for notify in ["NEVER", "SUCCESS", "DELAY"] {
        let site = site("");
        let to = format!("x@null.example NOTIFY={notify}");
        site.queue("ann@here.example", &[&to]);
        site.run();
        assert!(site.inbox("ann").is_empty(), "{notify}");
        assert!(site.places().is_empty(), "{notify}");
    }
}

#[test]
fn mail_without_a_sender_is_never_returned() {
    // BN-02, S9
    let site = site("");
    site.user("root");
    let id = site.queue("", &["x@null.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Failed]);
    assert_eq!(site.entries()[0].id, id);
    assert!(site.inbox("root").is_empty());
}

#[test]
fn a_bounce_that_fails_goes_to_the_postmaster() {
    // BN-24: never to <>, and no copy stays behind.
    let site = site("");
    site.user("root");
    site.queue("ann@null.example", &["x@null.example"]);
    site.run();
    assert!(site.places().is_empty());
    let inbox = site.inbox("root");
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    for part in [
        "To: <postmaster@here.example>",
        "could not be delivered to:\n\n  <ann@null.example>",
        "Action: failed",
        "\nhello\n.dot\n",
    ] {
        assert!(inbox[0].contains(part), "{part}: {}", inbox[0]);
    }
}

#[test]
fn what_the_postmaster_cannot_have_ends_in_the_failed_folder() {
    // BN-02, BN-24: sender, recipient and postmaster take no mail.
    let site = site("postmaster = \"pm@null.example\"\n");
    site.queue("ann@null.example", &["x@null.example"]);
    site.run();
    site.run();
    assert_eq!(site.places(), [Place::Failed]);
    let double = &site.entries()[0];
    let head = site.spool().head(double).unwrap();
    assert_eq!(head.envelope.origin.kind, "double");
}

#[test]
fn a_large_one_is_kept_when_only_its_header_went_to_the_postmaster() {
    // S9: nothing is lost.
    let site = site("return_limit = 10\n");
    site.user("root");
    site.queue("ann@null.example", &["x@null.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Failed]);
    let head = site.spool().head(&site.entries()[0]).unwrap();
    assert_eq!(head.envelope.origin.kind, "bounce");
    let inbox = site.inbox("root");
    assert_eq!(inbox.len(), 1);
    assert!(!inbox[0].contains(".dot"), "{}", inbox[0]);
}

#[test]
fn mail_too_old_is_given_up_after_a_try() {
    // BN-22, CL-17, D5
    let site = site("retry = { give_up = \"1h\" }\n");
    let then = Timestamp::now() - Duration::from_secs(7200);
    site.queue_at(
        "ann@here.example",
        &["x@down.example"],
        "A: b\r\n\r\n",
        then,
    );
    let summary = site.run();
    assert_eq!(summary.failed, 1);
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].contains("Status: 5.4.7"), "{}", inbox[0]);
    assert!(inbox[0].contains("SERVFAIL"), "{}", inbox[0]);
    assert!(site.places().is_empty());
}

#[test]
fn a_delay_is_told_once() {
    // BN-14
    let site = site("delay_notice = \"1h\"\n");
    let then = Timestamp::now() - Duration::from_secs(7200);
    let id = site.queue_at(
        "ann@here.example",
        &["x@down.example"],
        "A: b\r\n\r\n",
        then,
    );
    site.run();
    site.run();
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].contains("Action: delayed"), "{}", inbox[0]);
    assert!(inbox[0].contains("Will-Retry-Until:"), "{}", inbox[0]);
    assert_eq!(site.spool().state(id).unwrap().attempts.len(), 2);
    assert_eq!(site.places(), [Place::Deferred]);
}

/// As a crash leaves it: all targets known, the first one's failure recorded.
fn record_failure(site: &Site, id: Id, to: &[&str]) {
    let spool = site.spool();
    let entry = spool.find(id.as_str()).unwrap();
    let mut claim = spool.claim(&entry).unwrap().unwrap();
    let attempt = Attempt {
        time: Timestamp::now(),
        target: 0,
        result: Outcome::Failed,
        status: "5.1.1".to_string(),
        text: "550 5.1.1 recorded before the crash".to_string(),
        remote: true,
        host: Some("mx.example".to_string()),
        address: None,
        route: None,
        tls: None,
        passed_on: false,
        ms: 1,
    };
    let target = |(n, to): (u32, &&str)| Target::plain(n, to.to_string());
    let targets: Vec<Target> = (0..).zip(to).map(target).collect();
    claim.record_targets(&targets).unwrap();
    claim.record(&[attempt], true).unwrap();
}

#[test]
fn a_recorded_failure_without_its_bounce_is_told_by_the_next_run() {
    // A crash between record and bounce.
    let site = site("");
    let id = site.queue("ann@here.example", &["x@null.example"]);
    record_failure(&site, id, &["x@null.example"]);
    site.run();
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1);
    for part in ["recorded before the crash", "Remote-MTA: dns; mx.example"] {
        assert!(inbox[0].contains(part), "{part}: {}", inbox[0]);
    }
    assert!(site.places().is_empty());
}

#[test]
fn a_bounce_made_before_a_crash_is_not_made_again_with_later_failures() {
    // A crash between the bounce and the note of it; then another recipient
    // fails: its bounce is one of its own, the first failure is told once.
    let site = site("");
    let to = ["x@null.example", "y@null.example"];
    let id = site.queue("ann@here.example", &to);
    record_failure(&site, id, &to);
    {
        let spool = site.spool();
        let head = spool.head(&spool.find(id.as_str()).unwrap()).unwrap();
        let mut envelope = head.envelope.clone();
        envelope.sender = smtputils::smtp::addr::ReversePath::Null;
        envelope.origin.kind = "bounce".to_string();
        envelope.origin.words = vec![("of".to_string(), id.to_string())];
        envelope.recipients.truncate(1);
        envelope.recipients[0].address =
            smtputils::smtp::addr::Mailbox::parse("ann@here.example").unwrap();
        let bounce = Id::derived(&id, "bounce", &[0]);
        let mut draft = spool.derived_draft(bounce, &envelope).unwrap().unwrap();
        draft.write_all(b"Subject: of x\r\n\r\n").unwrap();
        draft.commit_locked().unwrap();
    }
    site.run();
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 2, "{inbox:?}");
    let of = |name: &str| inbox.iter().filter(|m| m.contains(name)).count();
    assert_eq!(of("Subject: of x"), 1);
    assert_eq!(of("Final-Recipient: rfc822; x@"), 0, "{inbox:?}");
    assert_eq!(of("Final-Recipient: rfc822; y@"), 1, "{inbox:?}");
    assert!(site.places().is_empty());
}
