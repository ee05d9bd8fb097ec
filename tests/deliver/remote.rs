//! Sending: MX order, results per recipient, lost connections.

use std::net::IpAddr;

use smtputils::spool::{Outcome, Place};

use crate::dns::{Data, Dns};
use crate::site::Site;
use crate::smtp::{CUT, Server, WAIT};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two MX hosts of one domain on one port: 127.0.0.2 preferred, 127.0.0.3 next.
fn pair() -> (Server, Server, Dns, Site) {
    let (first, second) = loop {
        let first = Server::start("127.0.0.2:0");
        let second = Server::try_start(&format!("127.0.0.3:{}", first.address.port()));
        if let Ok(second) = second {
            break (first, second);
        }
    };
    let dns = Dns::start(&[
        ("there.example", Data::Mx(20, "mx2.example")),
        ("there.example", Data::Mx(10, "mx1.example")),
        ("mx1.example", Data::Address(ip("127.0.0.2"))),
        ("mx2.example", Data::Address(ip("127.0.0.3"))),
        // MX-04: never used, for there are MX records.
        ("there.example", Data::Address(ip("127.0.0.9"))),
    ]);
    let site = Site::with_dns(&dns, first.address.port(), "");
    (first, second, dns, site)
}

/// One host, by the domain's address (MX-03).
fn single() -> (Server, Site) {
    let server = Server::start("127.0.0.2:0");
    let dns = Dns::start(&[("there.example", Data::Address(ip("127.0.0.2")))]);
    let site = Site::with_dns(&dns, server.address.port(), "");
    (server, site)
}

#[test]
fn a_message_goes_to_the_preferred_host_whole() {
    // MX-01, CL-07, CL-11
    let (first, second, _dns, site) = pair();
    site.queue("a@here.example", &["b@there.example", "c@there.example"]);
    let summary = site.run();
    assert_eq!(
        (summary.delivered, summary.deferred, summary.failed),
        (2, 0, 0)
    );
    let mails = first.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "<a@here.example>");
    assert_eq!(mails[0].to, ["<b@there.example>", "<c@there.example>"]);
    assert_eq!(mails[0].content, "Subject: test\r\n\r\nhello\r\n.dot\r\n");
    assert_eq!(second.connections(), 0);
    assert!(site.places().is_empty());
}

#[test]
fn hosts_that_refuse_or_are_busy_are_passed_over() {
    // MX-02, CL-03, CL-16
    for greeting in ["554 5.3.2 no mail here", "421 4.3.2 busy", "hello", CUT] {
        let (first, second, _dns, site) = pair();
        first.say("connect", greeting);
        site.queue("a@here.example", &["b@there.example"]);
        site.run();
        assert_eq!(second.mails().len(), 1, "{greeting}");
        assert!(first.mails().is_empty());
        assert!(site.places().is_empty());
    }
}

#[test]
fn refused_by_every_host_is_final_and_by_some_is_not() {
    // CL-03
    let (first, second, _dns, site) = pair();
    first.say("connect", "554 5.3.2 none");
    second.say("connect", "521 5.3.2 none");
    let id = site.queue("", &["b@there.example"]);
    site.run();
    let state = site.spool().state(id).unwrap();
    assert_eq!(state.attempts[0].result, Outcome::Failed);

    let (first, second, _dns, site) = pair();
    first.say("connect", "554 5.3.2 none");
    second.say("connect", "421 4.3.2 later");
    site.queue("a@here.example", &["b@there.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Deferred]);
}

#[test]
fn each_recipient_has_its_own_result() {
    // CL-08, Q4: a second run sends to the deferred one alone.
    let (server, site) = single();
    server.say("rcpt <later@there.example>", "450 4.2.1 try later");
    server.say("rcpt <no@there.example>", "550 5.1.1 unknown");
    let to = [
        "yes@there.example",
        "later@there.example",
        "no@there.example",
    ];
    let id = site.queue("a@elsewhere.example", &to);
    site.run();
    assert_eq!(server.mails()[0].to, ["<yes@there.example>"]);
    let state = site.spool().state(id).unwrap();
    let of = |n: u32| state.attempts.iter().find(|a| a.target == n).unwrap();
    assert_eq!(of(0).result, Outcome::Delivered);
    assert_eq!(
        (of(1).result, of(1).status.as_str()),
        (Outcome::Deferred, "4.2.1")
    );
    assert_eq!(
        (of(2).result, of(2).status.as_str()),
        (Outcome::Failed, "5.1.1")
    );
    assert!(of(2).remote && of(2).text.contains("unknown"));
    site.run();
    let mails = server.mails();
    assert_eq!(mails[1].to, ["<later@there.example>"]);
    assert_eq!(mails.len(), 2);
}

#[test]
fn too_many_recipients_make_a_second_transaction() {
    // CL-09
    let (server, site) = single();
    server.say("rcpt <c@there.example>", "452 4.5.3 too many");
    site.queue("a@here.example", &["b@there.example", "c@there.example"]);
    let summary = site.run();
    assert_eq!(summary.delivered, 2);
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].to, ["<c@there.example>"]);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_connection_cut_anywhere_loses_nothing() {
    // CL-15
    for step in ["connect", "ehlo", "mail", "rcpt <b@there.example>", "data"] {
        let (server, site) = single();
        server.say(step, CUT);
        let id = site.queue("a@here.example", &["b@there.example"]);
        site.run();
        let state = site.spool().state(id).unwrap();
        assert_eq!(state.attempts[0].result, Outcome::Deferred, "{step}");
        assert_eq!(site.places(), [Place::Deferred], "{step}");
        site.run();
        assert_eq!(server.mails().len(), 1, "{step}");
        assert!(site.places().is_empty(), "{step}");
    }
}

#[test]
fn an_unanswered_final_dot_is_unknown_and_tried_again() {
    // CL-15: a duplicate is allowed, a loss is not; no other host is tried.
    let (first, second, _dns, site) = pair();
    first.say("end", CUT);
    let id = site.queue("a@here.example", &["b@there.example"]);
    site.run();
    let state = site.spool().state(id).unwrap();
    assert_eq!(state.attempts[0].result, Outcome::Unknown);
    assert_eq!(second.connections(), 0);
    site.run();
    assert_eq!(first.mails().len(), 2);
    assert!(site.places().is_empty());
}

#[test]
fn refusals_after_data_are_for_all() {
    let (server, site) = single();
    server.say("end", "451 4.3.0 not now");
    site.queue("a@here.example", &["b@there.example", "c@there.example"]);
    assert_eq!(site.run().deferred, 2);
    assert_eq!(site.places(), [Place::Deferred]);
    assert_eq!(site.run().delivered, 2);
}

#[test]
fn parameters_are_passed_on_where_offered() {
    // CL-06, CL-26, CL-23
    let (server, site) = single();
    let to = "b@there.example NOTIFY=FAILURE,DELAY ORCPT=rfc822;x@y.example";
    site.queue_text("a@here.example", &[to], "Subject: t\r\n\r\ncaf\u{e9}\r\n");
    site.run();
    let heard = server.heard().join("\n");
    assert!(heard.contains("BODY=8BITMIME"), "{heard}");
    assert!(
        heard.contains("NOTIFY=FAILURE,DELAY ORCPT=rfc822;x@y.example"),
        "{heard}"
    );

    let (server, site) = single();
    server.offer(&["HELP"]);
    site.queue("a@here.example", &[to]);
    site.run();
    let heard = server.heard();
    assert!(
        heard.contains(&"MAIL FROM:<a@here.example>".to_string()),
        "{heard:?}"
    );
    assert!(
        heard.contains(&"RCPT TO:<b@there.example>".to_string()),
        "{heard:?}"
    );
}

#[test]
fn eight_bits_are_converted_for_a_seven_bit_server() {
    // CL-22
    let (server, site) = single();
    server.offer(&["PIPELINING"]);
    let text = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Content-Transfer-Encoding: 8bit\r\n\r\ncaf\u{e9}\r\n";
    site.queue_text("a@here.example", &["b@there.example"], text);
    site.run();
    let content = &server.mails()[0].content;
    assert!(
        content.is_ascii() && content.contains("caf=C3=A9"),
        "{content}"
    );
}

#[test]
fn too_big_for_the_host_is_returned_unsent() {
    // CL-21
    let (server, site) = single();
    server.offer(&["SIZE 20"]);
    let id = site.queue("", &["b@there.example"]);
    site.run();
    let state = site.spool().state(id).unwrap();
    assert_eq!(state.attempts[0].status, "5.3.4");
    assert!(!server.heard().iter().any(|l| l == "DATA"));
}

#[test]
fn what_dns_says_decides() {
    // MX-04, MX-05, MX-06, MX-08, D2
    let dns = Dns::start(&[
        ("null.example", Data::Mx(0, ".")),
        ("fail.example", Data::ServFail),
        ("self.example", Data::Mx(10, "here.example")),
        ("no-host.example", Data::Mx(10, "gone.example")),
        ("empty.example", Data::Nothing),
        ("private.example", Data::Address(ip("10.1.2.3"))),
    ]);
    let site = Site::with_dns(&dns, 25, "");
    let table = [
        ("null.example", Outcome::Failed, "5.1.10"),
        ("missing.example", Outcome::Failed, "5.1.2"),
        ("fail.example", Outcome::Deferred, "4.4.3"),
        ("self.example", Outcome::Failed, "5.4.6"),
        ("no-host.example", Outcome::Failed, "5.4.4"),
        ("empty.example", Outcome::Failed, "5.4.4"),
        ("private.example", Outcome::Failed, "5.4.4"),
    ];
    for (domain, result, status) in table {
        let id = site.queue("", &[&format!("b@{domain}")]);
        site.run();
        let state = site.spool().state(id).unwrap();
        let attempt = state.attempts.last().unwrap();
        assert_eq!(
            (attempt.result, attempt.status.as_str()),
            (result, status),
            "{domain}"
        );
    }
    // MX-04, MX-06: where MX say no, no address of the domain is a way out, nor
    // of the root.
    let asked = dns.asked();
    assert!(asked.contains(&"A gone.example".to_string()), "{asked:?}");
    for name in ["no-host.example", "null.example", ""] {
        let of_name = |q: &String| *q == format!("A {name}") || *q == format!("AAAA {name}");
        assert!(!asked.iter().any(of_name), "{asked:?}");
    }
}

#[test]
fn a_loopback_mail_host_is_never_sent_to_unasked() {
    // D2: the address that a stranger's MX leads to is our own.
    let server = Server::start("127.0.0.2:0");
    let dns = Dns::start(&[
        ("trap.example", Data::Mx(10, "localhost.example")),
        ("localhost.example", Data::Address(ip("127.0.0.2"))),
    ]);
    let extra = format!(
        "[dns]\nservers = [\"{}\"]\n[delivery]\nport = {}\n",
        dns.address,
        server.address.port()
    );
    let site = Site::new(&extra);
    let ids = [
        site.queue("", &["b@trap.example"]),
        site.queue("", &["b@[127.0.0.2]"]),
    ];
    site.run();
    for id in ids {
        let state = site.spool().state(id).unwrap();
        assert_eq!(state.attempts[0].result, Outcome::Failed);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_literal_needs_no_name_service() {
    // MX-09
    let (server, site) = single();
    site.queue("a@here.example", &["b@[127.0.0.2]"]);
    site.run();
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn a_dead_family_or_host_does_not_matter() {
    // MX-10: nothing listens at ::1 on this port.
    let server = Server::start("127.0.0.2:0");
    let dns = Dns::start(&[
        ("there.example", Data::Address(ip("::1"))),
        ("there.example", Data::Address(ip("127.0.0.2"))),
    ]);
    let extra = format!(
        "[dns]\nservers = [\"{}\"]\n[delivery]\nport = {}\nallow_networks = [\"127.0.0.0/8\", \"::1\"]\n",
        dns.address,
        server.address.port()
    );
    let site = Site::new(&extra);
    site.queue("a@here.example", &["b@there.example"]);
    site.run();
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn a_smarthost_takes_everything_over_one_connection() {
    // The administrator's own host may be anywhere; sessions are kept.
    let server = Server::start("127.0.0.1:0");
    let extra = format!(
        "smarthost = \"smtp://[127.0.0.1]:{}\"\n",
        server.address.port()
    );
    let extra = format!("{extra}[delivery]\nper_destination = 1\n");
    let site = Site::new(&extra);
    for n in 0..5 {
        site.queue("a@here.example", &[&format!("u{n}@d{n}.example")]);
    }
    let summary = site.run();
    assert_eq!(summary.delivered, 5);
    assert_eq!(server.mails().len(), 5);
    assert_eq!(server.connections(), 1);
    assert!(site.places().is_empty());
}

#[test]
fn hops_beyond_the_limit_are_a_loop() {
    // SV-57, R5
    let (server, site) = single();
    let text = format!("{}\r\nx\r\n", "Received: from a by b\r\n".repeat(101));
    let id = site.queue_text("", &["b@there.example"], &text);
    site.run();
    assert_eq!(site.spool().state(id).unwrap().attempts[0].status, "5.4.6");
    assert_eq!(server.connections(), 0);
}

#[test]
fn broken_tls_falls_back_to_clear_where_it_is_a_wish() {
    // CL-28
    for (reply, connections) in [("220 go", 2), ("454 4.7.0 not now", 1)] {
        let (server, site) = single();
        server.offer(&["STARTTLS", "PIPELINING"]);
        server.say("starttls", reply);
        let id = site.queue("a@here.example", &["b@there.example"]);
        assert_eq!(
            site.run().delivered,
            1,
            "{reply}: {:?}",
            site.spool().state(id)
        );
        assert_eq!(server.connections(), connections, "{reply}");
    }
}

#[test]
fn broken_tls_keeps_the_mail_where_it_is_required() {
    // CL-28, P3: never in clear, never lost.
    for keywords in [&["STARTTLS", "PIPELINING"][..], &["PIPELINING"]] {
        let server = Server::start("127.0.0.1:0");
        server.offer(keywords);
        let port = server.address.port();
        let site = Site::new(&format!(
            "smarthost = \"smtp://[127.0.0.1]:{port}\"\nsmarthost_tls = \"required\"\n"
        ));
        let id = site.queue("a@here.example", &["b@there.example"]);
        assert_eq!(site.run().deferred, 1);
        let state = site.spool().state(id).unwrap();
        assert!(state.attempts[0].status.starts_with("4.7."), "{state:?}");
        assert!(server.mails().is_empty());
    }
}

#[test]
fn now_delivers_while_the_caller_waits() {
    let server = Server::start("127.0.0.1:0");
    server.say("rcpt <no@x.example>", "550 5.1.1 unknown");
    let port = server.address.port();
    let site = Site::new(&format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\n"));
    site.user("ann");
    let to = ["yes@x.example", "no@x.example", "ann@here.example"];
    let id = site.queue("a@here.example", &to);
    let spool = site.spool();
    let entry = spool.find(id.as_str()).unwrap();
    let (head, mut message) = spool.read(&entry).unwrap();
    let results = smtputils::deliver::now(
        site.config(),
        head.id,
        &head.envelope,
        &mut message,
        Default::default(),
        None,
    )
    .unwrap();
    let results: Vec<Outcome> = results.into_iter().map(|r| r.attempt.result).collect();
    assert_eq!(
        results,
        [Outcome::Delivered, Outcome::Failed, Outcome::Delivered]
    );
    assert_eq!(
        server.mails()[0].content,
        "Subject: test\r\n\r\nhello\r\n.dot\r\n"
    );
    assert_eq!(site.inbox("ann").len(), 1);
}

#[test]
fn a_route_is_explained_and_nothing_sent() {
    let (first, second, _dns, site) = pair();
    site.user("ann");
    site.aliases("team: ann, b@there.example\n");
    let address = smtputils::smtp::addr::Mailbox::parse("team@here.example").unwrap();
    let found = smtputils::deliver::explain_route(
        site.config(),
        &smtputils::smtp::addr::ReversePath::Null,
        &address,
        true,
    )
    .unwrap();
    assert_eq!(found[0].to, "ann@here.example");
    assert!(found[0].transport.starts_with("maildir:/"), "{found:?}");
    let hosts: Vec<&str> = found[1].hosts.iter().map(|h| h.0.as_str()).collect();
    assert_eq!(hosts, ["mx1.example", "mx2.example"]);
    assert_eq!(found[1].transport, "mx:");
    assert_eq!(first.connections() + second.connections(), 0);
}

#[test]
fn a_host_that_is_down_is_not_tried_for_each_message() {
    // CL-45: one message finds out, the others wait for their next attempt.
    let port = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };
    let site = Site::new(&format!(
        "smarthost = \"smtp://[127.0.0.1]:{port}\"\n[delivery]\nper_destination = 1\n"
    ));
    let ids: Vec<_> = (0..4)
        .map(|n| site.queue("a@here.example", &[&format!("u{n}@x.example")]))
        .collect();
    assert_eq!(site.run().deferred, 4);
    let untried = |id: &smtputils::spool::Id| {
        let state = site.spool().state(*id).unwrap();
        assert_eq!(state.attempts[0].status, "4.4.1");
        state.attempts[0].text.contains("not tried anew")
    };
    assert_eq!(ids.iter().filter(|id| untried(id)).count(), 3);
}

#[test]
fn a_held_message_tells_of_its_failures_and_keeps_the_rest() {
    let routes = "[[route]]\nmatch = \"no.example\"\nto = \"error:5.7.1 not here\"\n\
                  [[route]]\nmatch = \"wait.example\"\nto = \"hold:\"\n";
    let site = Site::new(routes);
    site.user("ann");
    site.queue("ann@here.example", &["x@no.example", "y@wait.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Held]);
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1);
    assert!(!inbox[0].contains("y@wait.example"), "{}", inbox[0]);
}

#[test]
fn a_recipient_that_got_it_is_recorded_while_the_next_transaction_waits() {
    // CL-09, Q3: what a crash in the second transaction may repeat is only that.
    let (server, site) = single();
    let site = std::sync::Arc::new(site);
    server.say("rcpt <c@there.example>", "452 4.5.3 too many");
    server.say("mail", "250 2.1.0 ok");
    server.say("mail", &format!("{WAIT}250 2.1.0 ok"));
    let id = site.queue("a@here.example", &["b@there.example", "c@there.example"]);
    let runner = {
        let site = std::sync::Arc::clone(&site);
        std::thread::spawn(move || site.run())
    };
    server.wait_kept_back();
    let attempts = site.spool().state(id).unwrap().attempts;
    let known: Vec<_> = attempts.iter().map(|a| (a.target, a.result)).collect();
    assert_eq!(known, [(0, Outcome::Delivered)]);
    server.let_go();
    assert_eq!(runner.join().unwrap().delivered, 2);
    assert_eq!(server.mails().len(), 2);
    assert!(site.places().is_empty());
}

#[test]
fn a_host_that_spoke_tells_more_than_one_that_was_not_there() {
    // Principle 4: the attempt names the cause, not the last thing tried.
    let server = Server::start("127.0.0.1:0");
    server.say("connect", "421 4.3.2 shutting down");
    let port = server.address.port();
    // localhost is ::1 too, where nobody listens.
    let site = Site::new(&format!("smarthost = \"smtp://localhost:{port}\"\n"));
    let id = site.queue("a@here.example", &["b@x.example"]);
    site.run();
    let attempt = &site.spool().state(id).unwrap().attempts[0];
    assert_eq!(attempt.text, "421 4.3.2 shutting down");
}

#[test]
fn a_refused_connection_is_told_without_the_number_of_the_error() {
    let port = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };
    let site = Site::new(&format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\n"));
    let id = site.queue("a@here.example", &["b@x.example"]);
    site.run();
    let attempt = &site.spool().state(id).unwrap().attempts[0];
    let words = format!("connect to 127.0.0.1:{port}: Connection refused");
    assert_eq!(attempt.text, words);
}

#[test]
fn now_sends_to_one_next_hop_in_one_transaction() {
    // CL-07; and a route may refuse for a while (4yz).
    let server = Server::start("127.0.0.1:0");
    server.say("rcpt <no@x.example>", "550 5.1.1 unknown");
    let port = server.address.port();
    let site = Site::new(&format!(
        "smarthost = \"smtp://[127.0.0.1]:{port}\"\n\
         [[route]]\nmatch = \"later.example\"\nto = \"error:4.7.1 not yet\"\n"
    ));
    let to = [
        "yes@x.example",
        "no@x.example",
        "a@later.example",
        "b@y.example",
    ];
    let id = site.queue("a@here.example", &to);
    let spool = site.spool();
    let entry = spool.find(id.as_str()).unwrap();
    let (head, mut message) = spool.read(&entry).unwrap();
    let results = smtputils::deliver::now(
        site.config(),
        head.id,
        &head.envelope,
        &mut message,
        Default::default(),
        None,
    )
    .unwrap();
    let results: Vec<_> = results
        .iter()
        .map(|r| (r.to.as_str(), r.attempt.result))
        .collect();
    let expected = [
        Outcome::Delivered,
        Outcome::Failed,
        Outcome::Deferred,
        Outcome::Delivered,
    ];
    assert_eq!(results, to.into_iter().zip(expected).collect::<Vec<_>>());
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["<yes@x.example>", "<b@y.example>"]);
}
