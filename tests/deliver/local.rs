//! Mailboxes of this host, aliases and lists.

use smtputils::spool::{Outcome, Place};

use crate::site::Site;
use crate::smtp::Server;

#[test]
fn a_maildir_gets_the_message_with_its_trace() {
    // SV-55, SV-51
    let site = Site::new("");
    site.user("bob");
    let text = "Return-Path: <old@x.example>\r\nSubject: s\r\n\r\nFrom here\r\n.dot\r\n";
    site.queue_text("a@x.example", &["bob@here.example"], text);
    site.run();
    let wanted = "Return-Path: <a@x.example>\nDelivered-To: bob@here.example\n\
                  Subject: s\n\nFrom here\n.dot\n";
    assert_eq!(site.inbox("bob"), [wanted]);
    assert!(site.places().is_empty());
}

#[test]
fn an_mbox_holds_messages_that_can_be_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bob-box");
    std::fs::write(
        &path,
        "From old Thu Jan  1 00:00:00 1970\nA: b\n\nunfinished",
    )
    .unwrap();
    let site = Site::new(&format!(
        "local = \"mbox:{}/{{user}}\"\n",
        dir.path().display()
    ));
    let text = "Subject: s\r\n\r\nFrom here\r\n>From there\r\n";
    site.queue_text("a@x.example", &["bob-box@here.example"], text);
    site.queue_text("", &["bob-box@here.example"], text);
    site.run();
    let content = std::fs::read_to_string(&path).unwrap();
    let body = "Subject: s\n\n>From here\n>>From there\n\n";
    let second = content.split("\nFrom a@x.example ").nth(1).unwrap();
    assert!(second.contains(body), "{content}");
    assert!(content.contains("\nFrom MAILER-DAEMON "), "{content}");
    assert!(content.starts_with("From old Thu Jan  1 00:00:00 1970\nA: b\n\nunfinished\nFrom "));
    assert_eq!(
        content.lines().filter(|l| l.starts_with("From ")).count(),
        3
    );
    assert!(!dir.path().join("bob-box.lock").exists());
}

#[test]
fn a_mailbox_that_is_no_plain_file_of_ours_is_left_alone() {
    // S4
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("precious");
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, dir.path().join("link")).unwrap();
    std::fs::hard_link(&target, dir.path().join("hard")).unwrap();
    let site = Site::new(&format!(
        "local = \"mbox:{}/{{user}}\"\n",
        dir.path().display()
    ));
    for user in ["link", "hard"] {
        let id = site.queue("", &[&format!("{user}@here.example")]);
        site.run();
        let state = site.spool().state(id).unwrap();
        assert_eq!(state.attempts[0].result, Outcome::Deferred, "{user}");
    }
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "");
}

#[test]
fn a_user_who_is_not_here_is_unknown() {
    // R2 too: no local part leads out of the directory.
    let site = Site::new("");
    for user in ["nobody-here", "\"../escape\"", "\"a/b\""] {
        let id = site.queue("", &[&format!("{user}@here.example")]);
        site.run();
        let state = site.spool().state(id).unwrap();
        assert_eq!(state.attempts[0].status, "5.1.1", "{user}");
    }
}

#[test]
fn aliases_lead_on_and_are_recorded_first() {
    // DESIGN 2 Expand: an edit afterwards repeats nothing.
    let server = Server::start("127.0.0.1:0");
    let port = server.address.port();
    let site = Site::new(&format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\n"));
    site.user("ann");
    site.user("bob");
    site.aliases("team: ann, far@x.example\n");
    server.say("rcpt <far@x.example>", "450 4.2.0 later");
    let id = site.queue("s@x.example", &["team@here.example"]);
    site.run();
    assert_eq!(site.inbox("ann").len(), 1);
    let targets = site.spool().state(id).unwrap().targets.unwrap();
    let to: Vec<&str> = targets.iter().map(|t| t.to.as_str()).collect();
    assert_eq!(to, ["ann@here.example", "far@x.example"]);

    site.aliases("team: bob, ann, other@x.example\n");
    site.run();
    assert_eq!(site.inbox("ann").len(), 1);
    assert!(site.inbox("bob").is_empty());
    assert_eq!(server.mails()[0].to, ["<far@x.example>"]);
    assert!(site.places().is_empty());
}

#[test]
fn sv_23_mail_to_postmaster_arrives_without_an_alias() {
    let site = Site::new("postmaster = \"ann\"\n");
    site.user("ann");
    site.queue("x@far.example", &["Postmaster@here.example"]);
    assert_eq!(site.run().delivered, 1);
    assert_eq!(site.inbox("ann").len(), 1);
    // An alias comes first.
    site.user("bea");
    site.aliases("postmaster: bea\n");
    site.queue("x@far.example", &["POSTMASTER@here.example"]);
    site.run();
    assert_eq!((site.inbox("ann").len(), site.inbox("bea").len()), (1, 1));
}

#[test]
fn a_list_sends_as_its_owner() {
    // SV-67
    let server = Server::start("127.0.0.1:0");
    let port = server.address.port();
    let site = Site::new(&format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\n"));
    site.user("ann");
    site.aliases("list: far@x.example, ann\nowner-list: ann\n");
    site.queue("s@x.example", &["list@here.example"]);
    site.run();
    assert_eq!(server.mails()[0].from, "<owner-list@here.example>");
    let inbox = site.inbox("ann");
    assert_eq!(inbox.len(), 1);
    assert!(
        inbox[0].starts_with("Return-Path: <owner-list@here.example>\n"),
        "{}",
        inbox[0]
    );
    assert!(site.places().is_empty());
}

#[test]
fn lists_that_name_each_other_end() {
    // R5
    let site = Site::new("");
    site.user("ann");
    site.aliases("one: two, ann\ntwo: one\nowner-one: ann\nowner-two: ann\n");
    site.queue("s@x.example", &["one@here.example"]);
    site.run();
    assert!(!site.inbox("ann").is_empty());
    assert!(
        site.places().iter().all(|p| *p == Place::Failed),
        "{:?}",
        site.entries()
    );
}

#[test]
fn routes_discard_refuse_and_hold() {
    let routes = "[[route]]\nmatch = \"gone.example\"\nto = \"discard:\"\n\
                  [[route]]\nmatch = \"no.example\"\nto = \"error:5.7.1 not here\"\n\
                  [[route]]\nmatch = \"wait.example\"\nto = \"hold:\"\n";
    let site = Site::new(routes);
    site.queue("", &["x@gone.example"]);
    site.run();
    assert!(site.places().is_empty());
    let id = site.queue("", &["x@no.example"]);
    site.run();
    let attempt = &site.spool().state(id).unwrap().attempts[0];
    assert_eq!(
        (attempt.status.as_str(), attempt.text.as_str()),
        ("5.7.1", "not here")
    );
    site.queue("", &["x@wait.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Held, Place::Failed]);
}

#[test]
fn a_file_that_does_not_read_right_is_set_aside_unsent() {
    // S6: one octet of the body changed on disk.
    let site = Site::new("");
    site.user("bob");
    let id = site.queue("a@x.example", &["bob@here.example"]);
    let new = site.path("spool/new");
    let name = std::fs::read_dir(&new)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = std::fs::read_to_string(&name)
        .unwrap()
        .replace("hello", "hallo");
    std::fs::write(&name, text).unwrap();
    site.run();
    assert!(site.inbox("bob").is_empty());
    assert_eq!(site.places(), [Place::Failed]);
    assert_eq!(site.entries()[0].id, id);
}

#[test]
fn held_mail_goes_once_it_is_released() {
    // DESIGN 3: hold: parks; the release is the last word.
    let site = Site::new("[[route]]\nmatch = \"ann@here.example\"\nto = \"hold:\"\n");
    site.user("ann");
    site.user("bob");
    for to in [
        &["ann@here.example"][..],
        &["ann@here.example", "bob@here.example"],
    ] {
        site.queue("", to);
        site.run();
        assert_eq!(site.places(), [Place::Held]);
        site.run();
        assert_eq!(site.places(), [Place::Held]);
        let spool = site.spool();
        let mut claim = spool.claim(&site.entries()[0]).unwrap().unwrap();
        claim.note(smtputils::spool::RELEASED).unwrap();
        claim.release().unwrap();
        assert_ne!(site.places(), [Place::Held]);
        site.run();
        assert!(site.places() != [Place::Held], "held again");
    }
    assert_eq!(site.inbox("bob").len(), 1);
}

#[test]
fn a_list_whose_file_cannot_be_read_keeps_its_mail() {
    let site = Site::new("");
    let list = site.path("list");
    site.aliases(&format!("list: :include:{}\n", list.display()));
    site.queue("a@here.example", &["list@here.example"]);
    site.run();
    assert_eq!(site.places(), [Place::Deferred]);
}

/// A virtual domain with a mailbox of its own, which is made with its directory;
/// its other addresses; who moved comes back with the new address.
#[test]
fn virtual_domains_and_moved_users() {
    let mut site = Site::new("");
    site.user("bob");
    let dir = site.dir.path().display().to_string();
    let put = |name: &str, text: &str| std::fs::write(format!("{dir}/{name}"), text).unwrap();
    put(
        "virtual",
        "ann@v.example: ann@v.example\nsales@v.example: bob\n@v.example: bob\n",
    );
    put("moved", "gone: gone@new.example\n");
    site.configure(&format!(
        "virtual = [\"{dir}/virtual\"]\nmoved = [\"{dir}/moved\"]\n[[route]]\nmatch = \"v.example\"\n\
         to = \"maildir:{dir}/mail/{{domain}}/{{user}}\"\n"
    ));
    let to = [
        "Ann@V.example",
        "sales@v.example",
        "any@v.example",
        "gone@here.example",
    ];
    site.queue("bob@here.example", &to);
    site.run();
    site.run();
    assert_eq!(site.inbox("v.example/ann").len(), 1);
    let inbox = site.inbox("bob");
    assert_eq!(inbox.len(), 2, "{inbox:?}");
    let bounces: Vec<&String> = inbox.iter().filter(|m| m.contains("5.1.6")).collect();
    assert!(
        bounces[0].contains("has moved to gone@new.example"),
        "{bounces:?}"
    );
    assert!(site.places().is_empty());
}

/// R5: what was delivered to an address before does not come to it again.
#[test]
fn r5_mail_that_comes_back_is_in_a_loop() {
    let site = Site::new("");
    site.user("bob");
    site.user("carl");
    let text = "Delivered-To: bob@here.example\r\nSubject: again\r\n\r\nx\r\n";
    site.queue_text("carl@here.example", &["bob@here.example"], text);
    site.run();
    site.run();
    assert!(site.inbox("bob").is_empty());
    assert!(site.inbox("carl")[0].contains("5.4.6"));
}
