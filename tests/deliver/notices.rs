//! Notices of success and their like: who is told of what, and when not.

use std::time::Duration;

use jiff::Timestamp;
use smtputils::spool::Place;

use crate::dns::{Data, Dns};
use crate::site::Site;
use crate::smtp::Server;

/// A host at `there.example` that offers these keywords.
fn relayed(keywords: &[&str]) -> (Site, Server) {
    let server = Server::start("127.0.0.2:0");
    server.offer(keywords);
    let address = Data::Address("127.0.0.2".parse().unwrap());
    let dns = Dns::start(&[("there.example", address)]);
    let site = Site::with_dns(&dns, server.address.port(), "");
    site.user("ann");
    (site, server)
}

fn local() -> Site {
    let site = Site::new("");
    site.user("ann");
    site.user("bob");
    site.user("cat");
    site
}

/// The one notice that the sender got, and each `Final-Recipient` in it with
/// its `Action`.
fn told(site: &Site) -> (String, Vec<(String, String)>) {
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    let values = |name: &str| -> Vec<String> {
        let lines = inbox[0].lines().filter_map(|l| l.strip_prefix(name));
        lines.map(str::to_owned).collect()
    };
    let recipients = values("Final-Recipient: rfc822; ");
    let actions = values("Action: ");
    assert_eq!(recipients.len(), actions.len());
    let pairs = recipients.into_iter().zip(actions).collect();
    (inbox[0].clone(), pairs)
}

fn pair(recipient: &str, action: &str) -> (String, String) {
    (recipient.to_owned(), action.to_owned())
}

#[test]
fn bn_12_a_local_delivery_is_told_where_it_was_asked_for() {
    let site = local();
    site.queue(
        "ann@here.example",
        &[
            "bob@here.example NOTIFY=SUCCESS ORCPT=rfc822;Bob@x.example",
            "cat@here.example",
        ],
    );
    site.run();
    let (notice, pairs) = told(&site);
    assert_eq!(pairs, [pair("bob@here.example", "delivered")]);
    assert!(notice.contains("Status: 2."), "{notice}");
    assert!(
        notice.contains("Original-Recipient: rfc822; Bob@x.example"),
        "{notice}"
    );
    assert!(notice.contains("Subject: Delivered"), "{notice}");
    // BN-10: headers only.
    assert!(
        notice.contains("text/rfc822-headers") && !notice.contains(".dot"),
        "{notice}"
    );
    assert!(site.places().is_empty());
}

#[test]
fn bn_12_success_is_not_told_unasked() {
    let site = local();
    for notify in ["", " NOTIFY=FAILURE", " NOTIFY=NEVER", " NOTIFY=DELAY"] {
        site.queue("ann@here.example", &[&format!("bob@here.example{notify}")]);
    }
    site.queue("", &["bob@here.example NOTIFY=SUCCESS"]);
    site.run();
    assert_eq!(site.inbox("bob").len(), 5);
    assert!(site.inbox("ann").is_empty());
    assert!(site.places().is_empty());
}

#[test]
fn bn_13_handed_on_to_a_host_without_dsn() {
    let (site, server) = relayed(&["PIPELINING"]);
    site.queue(
        "ann@here.example",
        &["x@there.example NOTIFY=SUCCESS,FAILURE"],
    );
    site.run();
    assert_eq!(server.mails().len(), 1);
    let (notice, pairs) = told(&site);
    assert_eq!(pairs, [pair("x@there.example", "relayed")]);
    assert!(
        notice.contains("Remote-MTA: dns; there.example"),
        "{notice}"
    );
}

#[test]
fn bn_13_passed_on_to_a_host_with_dsn() {
    let (site, server) = relayed(&["DSN"]);
    site.queue("ann@here.example", &["x@there.example NOTIFY=SUCCESS"]);
    site.run();
    let heard = server.heard().join("\n");
    assert!(heard.contains("NOTIFY=SUCCESS"), "{heard}");
    assert!(site.inbox("ann").is_empty());
    assert!(site.places().is_empty());
}

#[test]
fn bn_15_an_alias_for_many_is_told_once_as_expanded() {
    // Its members are nobody's business, and are not told of again by others.
    let (site, server) = relayed(&["DSN"]);
    site.user("cat");
    site.aliases("crew: cat, x@there.example\n");
    site.queue(
        "ann@here.example",
        &["crew@here.example NOTIFY=SUCCESS,FAILURE"],
    );
    site.run();
    let (notice, pairs) = told(&site);
    assert_eq!(pairs, [pair("crew@here.example", "expanded")]);
    assert!(!notice.contains("there.example"), "{notice}");
    let heard = server.heard().join("\n");
    assert!(
        heard.contains("NOTIFY=FAILURE") && !heard.contains("SUCCESS"),
        "{heard}"
    );
}

#[test]
fn bn_15_an_alias_for_one_is_that_one() {
    let site = local();
    site.aliases("robert: bob\n");
    site.queue("ann@here.example", &["robert@here.example NOTIFY=SUCCESS"]);
    site.run();
    assert_eq!(told(&site).1, [pair("bob@here.example", "delivered")]);
}

#[test]
fn bn_15_a_list_has_delivered_when_it_took_the_message() {
    let site = local();
    site.aliases("crew: bob, cat\nowner-crew: cat\n");
    site.queue("ann@here.example", &["crew@here.example NOTIFY=SUCCESS"]);
    site.run();
    assert_eq!(told(&site).1, [pair("crew@here.example", "delivered")]);
    assert_eq!(site.inbox("bob").len(), 1);
}

#[test]
fn successes_are_told_once_each_whatever_waits() {
    let dns = Dns::start(&[("down.example", Data::ServFail)]);
    let site = Site::with_dns(&dns, 25, "");
    site.user("ann");
    site.user("bob");
    let to = [
        "bob@here.example NOTIFY=SUCCESS",
        "x@down.example NOTIFY=SUCCESS",
    ];
    site.queue("ann@here.example", &to);
    site.run();
    site.run();
    assert_eq!(told(&site).1, [pair("bob@here.example", "delivered")]);
    assert_eq!(site.places(), [Place::Deferred]);
}

#[test]
fn beyond_the_cap_failures_wait_and_delays_are_not_told() {
    // A6: a storm of bounces fills no disk, and loses nothing.
    let dns = Dns::start(&[
        ("null.example", Data::Mx(0, ".")),
        ("down.example", Data::ServFail),
    ]);
    let mut site = Site::with_dns(&dns, 25, "delay_notice = \"1h\"\nnotices.per_hour = 2\n");
    site.user("ann");
    for n in 0..4 {
        site.queue("ann@here.example", &[&format!("x{n}@null.example")]);
    }
    site.run();
    assert_eq!(site.inbox("ann").len(), 2);
    assert_eq!(site.places(), [Place::Deferred; 2]);
    // The next runner goes on with what is left to tell, and sends nothing again.
    site.run();
    assert_eq!(site.inbox("ann").len(), 4);
    assert!(site.places().is_empty());
    let then = Timestamp::now() - Duration::from_secs(7200);
    let extra = format!(
        "delay_notice = \"1h\"\nnotices.per_hour = 1\n[dns]\nservers = [\"{}\"]\n",
        dns.address
    );
    site.configure(&extra);
    for _ in 0..2 {
        site.queue_at(
            "ann@here.example",
            &["x@down.example"],
            "A: b\r\n\r\n",
            then,
        );
    }
    site.run();
    assert_eq!(site.inbox("ann").len(), 5);
    assert_eq!(site.places(), [Place::Deferred; 2]);
}

#[test]
fn the_words_are_the_administrators() {
    let (mut site, _server) = relayed(&["PIPELINING"]);
    let template = site.path("words");
    site.configure(&format!("notices.template = \"{}\"\n", template.display()));
    std::fs::write(&template, "[failed]\nSubject: Ours\n\nAlas: {recipients}\n").unwrap();
    site.queue("ann@here.example", &["no-such@here.example"]);
    site.run();
    std::fs::write(&template, "[failed]\nSubject: {nonsense}\n").unwrap();
    site.queue("ann@here.example", &["no-such@here.example"]);
    site.run();
    std::fs::remove_file(&template).unwrap();
    site.queue("ann@here.example", &["no-such@here.example"]);
    site.run();
    let inbox = site.inbox("ann");
    let with = |text: &str| inbox.iter().filter(|m| m.contains(text)).count();
    assert_eq!(with("\nAlas:   <no-such@here.example>\n"), 1, "{inbox:?}");
    // A bad template never keeps a notice back.
    assert_eq!(
        with("Your message could not be delivered to:"),
        2,
        "{inbox:?}"
    );
}
