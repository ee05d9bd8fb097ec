use super::super::submit::{complete, recipients};
use super::*;
use crate::message::addrlist::Names;

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

fn facts(rewrite: Rewrite) -> Facts {
    Facts {
        origin: "web1.example".to_owned(),
        hostname: "web1.example".to_owned(),
        sender: mailbox("root@web1.example"),
        full_name: Some("root".to_owned()),
        now: jiff::Timestamp::from_second(1_795_295_143).unwrap(),
        unique: "0ABC".to_owned(),
        gateway: false,
        rewrite,
        original: Vec::new(),
    }
}

/// `/etc/aliases`: root is one, staff are two.
fn bare() -> Option<Bare> {
    Some(Bare::new(|name| match name {
        "root" => Some(vec![mailbox("admin@company.example")]),
        "staff" => Some(vec![
            mailbox("ann@company.example"),
            mailbox("bob@d.example"),
        ]),
        _ => None,
    }))
}

fn from_only() -> Rewrite {
    Rewrite {
        from: Some(mailbox("alerts@company.example")),
        ..Rewrite::default()
    }
}

/// The header without what completion adds behind it.
fn header(text: &str, facts: &Facts) -> String {
    let whole = format!(
        "{}Date: d\r\nMessage-ID: <m>\r\n",
        text.replace('\n', "\r\n")
    );
    let done = String::from_utf8(complete(whole.as_bytes(), facts)).unwrap();
    let own = "Date: d\r\nMessage-ID: <m>\r\n";
    done.replace(own, "").replace("\r\n", "\n")
}

const CRON: &str = "From: root (Cron Daemon)
To: root
Subject: Cron <root@web1> /usr/local/bin/backup
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>
";

/// What daemons write, and what becomes of From and To.
#[test]
fn from_of_cron_and_daemons() {
    for (text, from) in [
        (CRON, "alerts@company.example (Cron Daemon)"),
        (
            "From: mdadm monitoring <root>\nTo: root\nSubject: DegradedArray event on /dev/md0:web1\n",
            "mdadm monitoring <alerts@company.example>",
        ),
        (
            "From: Anacron <root>\nTo: root\nSubject: Anacron job 'cron.daily' on web1\n",
            "Anacron <alerts@company.example>",
        ),
        (
            "Subject: [package on hold] unattended-upgrades result for web1: SUCCESS\nFrom: root\nTo: root\nAuto-Submitted: auto-generated\n",
            "alerts@company.example",
        ),
        (
            "From: \"(Cron Daemon)\" <root>\nTo: ann\n",
            "\"(Cron Daemon)\" <alerts@company.example>",
        ),
        (
            "From: =?utf-8?q?J=C3=BCrgen?=\n <j@web1.example>\nTo: ann\n",
            "=?utf-8?q?J=C3=BCrgen?=\n <alerts@company.example>",
        ),
        ("From: a@x, b@y\nTo: ann\n", "alerts@company.example"),
        ("From: ()\nTo: ann\n", "alerts@company.example"),
        ("From: a b c\nTo: ann\n", "alerts@company.example"),
    ] {
        let done = header(text, &facts(from_only()));
        assert!(done.contains(&format!("From: {from}\n")), "{done}");
        assert_eq!(done.matches("From:").count(), 1, "{done}");
    }
    // smartd's by mail(1): no From at all.
    let done = header(
        "To: root\nSubject: SMART error (FailedOpenDevice) detected on host: web1\n",
        &facts(from_only()),
    );
    assert!(
        done.contains("From: root <alerts@company.example>\n"),
        "{done}"
    );
}

#[test]
fn a_name_in_from() {
    let rewrite = Rewrite {
        from_name: Some("web1, cron".to_owned()),
        ..from_only()
    };
    let done = header(CRON, &facts(rewrite.clone()));
    assert!(
        done.starts_with("From: \"web1, cron\" <alerts@company.example>\n"),
        "{done}"
    );
    let done = header("To: root\n", &facts(rewrite));
    assert!(
        done.contains("From: \"web1, cron\" <alerts@company.example>\n"),
        "{done}"
    );
    let alone = Rewrite {
        from_name: Some("Web\r\nBcc: x".to_owned()),
        ..Rewrite::default()
    };
    let done = header("From: root\n", &facts(alone));
    assert_eq!(done, "From: \"Web Bcc: x\" <root@web1.example>\n", "I2");
}

#[test]
fn reply_to_stays_and_sender_goes() {
    let text = "From: root\nSender: root\nReply-To: ops@company.example\nResent-From: root\n";
    let done = header(text, &facts(from_only()));
    assert!(done.contains("Reply-To: ops@company.example\n"), "{done}");
    assert!(
        done.contains("Resent-From: alerts@company.example\n"),
        "{done}"
    );
    assert!(!done.contains("Sender:"), "{done}");
}

#[test]
fn bare_names_become_their_aliases_in_the_header_too() {
    let rewrite = Rewrite {
        bare: bare(),
        ..Rewrite::default()
    };
    for (to, expected) in [
        ("root", "admin@company.example"),
        (
            "Charlie Root <root>",
            "Charlie Root <admin@company.example>",
        ),
        ("root (the admin)", "admin@company.example (the admin)"),
        (
            "ann, root, root@x",
            "ann@web1.example, admin@company.example, root@x",
        ),
        (
            "Staff <staff>, c@x",
            "ann@company.example,\n bob@d.example, c@x",
        ),
        (
            "G: root, bob;",
            "G: admin@company.example, bob@web1.example;",
        ),
    ] {
        let facts = facts(rewrite.clone());
        let done = header(&format!("To: {to}\nFrom: root\n"), &facts);
        assert_eq!(done, format!("To: {expected}\nFrom: root@web1.example\n"));
        let names = Names {
            origin: "web1.example",
            bare: rewrite.bare.as_ref(),
        };
        let text = format!("To: {to}\r\n");
        let in_envelope = recipients(text.as_bytes(), names);
        let in_header = recipients(done.as_bytes(), Names::at("web1.example"));
        assert_eq!(in_envelope, in_header, "{to}");
    }
}

#[test]
fn everything_to_one_address() {
    let rewrite = Rewrite {
        all_to: Some(mailbox("me@home.example")),
        ..Rewrite::default()
    };
    let (to, original) =
        rewrite.recipients(vec![mailbox("a@x.example"), mailbox("\"b c\"@y.example")]);
    assert_eq!(to, [mailbox("me@home.example")]);
    let facts = Facts {
        original,
        ..facts(rewrite)
    };
    let text = "From: a@x\nTo: A <a@x.example>\nCc: z@x.example\nTo: second@x.example\n";
    assert_eq!(
        header(text, &facts),
        "From: a@x\nTo: me@home.example\n\
         X-Original-To: a@x.example, \"b c\"@y.example\n"
    );
    let again = header("Resent-To: r@x\nTo: a@x\n", &facts);
    assert!(
        again.contains("Resent-To: me@home.example\nTo: me@"),
        "{again}"
    );
    // Nobody is told of recipients where nobody was.
    assert!(!header("From: a@x\n", &facts).contains("\nTo:"));
    // Nor does -G let anything past.
    let gateway = Facts {
        gateway: true,
        ..facts
    };
    assert!(!header(text, &gateway).contains("To: A <a@x"), "-G");
}

/// H4.
#[test]
fn h4_who_may_not_choose_a_sender_is_named() {
    let own = Rewrite {
        own: Some(mailbox("bob@web1.example")),
        ..Rewrite::default()
    };
    let given = ReversePath::Mailbox(mailbox("boss@x.example"));
    assert_eq!(own.sender(given.clone()).to_string(), "<bob@web1.example>");
    assert_eq!(own.sender(ReversePath::Null), ReversePath::Null);
    let done = header(
        "From: boss@x.example\nSender: boss@x.example\n",
        &facts(own),
    );
    assert_eq!(done, "From: boss@x.example\nSender: bob@web1.example\n");
    assert_eq!(
        from_only().sender(given).to_string(),
        "<alerts@company.example>"
    );
    assert_eq!(from_only().sender(ReversePath::Null), ReversePath::Null);
}
