//! Delivery while the caller waits, through the real `smtp-queue deliver`:
//! what is not delivered is told in one line, and nothing is half-sent.

use super::dns::{Data, Dns};
use super::sandbox::*;
use super::smtp::{CUT, Server};

const MESSAGE: &str = "Subject: x\n\nhello\n.\nend\n";

struct Site {
    sandbox: Sandbox,
    server: Server,
    _dns: Dns,
}

fn site() -> Site {
    let server = Server::start("127.0.0.2:0");
    let ip = |text: &str| Data::Address(text.parse().unwrap());
    let dns = Dns::start(&[
        ("there.example", ip("127.0.0.2")),
        ("null.example", Data::Mx(0, ".")),
        ("closed.example", ip("127.0.0.3")),
        ("servfail.example", Data::ServFail),
        ("silent.example", Data::Silence),
    ]);
    let sandbox = Sandbox::new();
    sandbox.deliver_for_real();
    sandbox.configure(&format!(
        "[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\nattempts = 1\n\
         [delivery]\nport = {}\nallow_networks = [\"127.0.0.0/8\"]\n\
         connect_timeout = \"2s\"\ncommand_timeout = \"3s\"",
        dns.address,
        server.address.port()
    ));
    Site {
        sandbox,
        server,
        _dns: dns,
    }
}

fn now(site: &Site, to: &[&str]) -> std::process::Output {
    let args = [&["--now", "-f", "me@d.example"], to].concat();
    site.sandbox.run("smtp-send", &args, MESSAGE)
}

#[test]
fn delivered_is_0_and_whole() {
    let site = site();
    let output = now(&site, &["b@there.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let text = stdout(&output);
    assert!(
        text.starts_with("b@there.example\taccepted\t2.0.0\t"),
        "{text}"
    );
    let mails = site.server.wait_mails(1);
    assert!(mails[0].content.ends_with("\r\n\r\nhello\r\n.\r\nend\r\n"));
    assert_eq!(site.server.connections(), 1);
}

#[test]
fn a_server_that_hangs_up_is_75_at_every_step() {
    for step in [
        "connect",
        "ehlo",
        "mail",
        "rcpt <b@there.example>",
        "data",
        "end",
    ] {
        let site = site();
        site.server.say(step, CUT);
        let output = now(&site, &["b@there.example"]);
        let said = stderr(&output);
        assert_eq!(
            (said.lines().count(), status(&output)),
            (1, 75),
            "{step}: {said}"
        );
        assert!(said.contains("b@there.example: 4."), "{step}: {said}");
        assert!(said.contains("not queued"), "{step}: {said}");
        // Nothing half-sent: only the last step may have been taken.
        let taken = site.server.mails().len();
        assert_eq!(taken, usize::from(step == "end"), "{step}");
        assert_eq!(said.contains("maybe delivered"), step == "end", "{said}");
        assert!(site.sandbox.queued().is_empty());
    }
}

#[test]
fn each_end_has_its_status() {
    for (to, code, words) in [
        ("b@silent.example", 75, "silent.example"),
        ("b@servfail.example", 75, "servfail.example"),
        ("b@closed.example", 75, "closed.example"),
        ("b@none.example", 68, "none.example"),
        ("b@null.example", 68, "5.1.10"),
        ("no@there.example", 67, "no such user"),
        ("policy@there.example", 69, "go away"),
        ("later@there.example", 75, "busy"),
    ] {
        let site = site();
        let server = &site.server;
        server.say("rcpt <no@there.example>", "550 5.1.1 no such user");
        server.say("rcpt <policy@there.example>", "554 5.7.1 go\u{1b}away");
        server.say("rcpt <later@there.example>", "450 4.2.1 busy");
        let output = now(&site, &[to]);
        let said = stderr(&output);
        assert_eq!(
            (said.lines().count(), status(&output)),
            (1, code),
            "{to}: {said}"
        );
        assert!(
            said.starts_with(&format!("smtp-queue deliver: {to}: ")),
            "{said}"
        );
        let plain = said.replace("\\x1b", " ").replace('?', " ");
        assert!(plain.contains(words), "{to}: {said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        assert_eq!(stdout(&output).lines().count(), 1);
        assert!(!server.heard().contains(&"DATA".to_owned()) || server.mails().is_empty());
    }
}

/// Some get it, some do not: each is told, the worst gives the status.
#[test]
fn each_recipient_is_told() {
    let site = site();
    let refused = "550 5.1.1 no such user";
    site.server.say("rcpt <no@there.example>", refused);
    let output = now(
        &site,
        &["b@there.example", "no@there.example", "x@none.example"],
    );
    assert_eq!(stdout(&output).lines().count(), 3);
    assert_eq!((stderr(&output).lines().count(), status(&output)), (2, 68));
    assert_eq!(site.server.mails().len(), 1);
}

/// `cat --envelope | deliver`, as JSON; and what is no queued message.
#[test]
fn a_queued_message_can_be_piped_into_deliver() {
    let site = site();
    let args = ["-odq", "-f", "me@d.example", "b@there.example"];
    assert_silent(&site.sandbox.sendmail(&args, MESSAGE), 0);
    let id = site.sandbox.queued()[0].head.id.to_string();
    let whole = site.sandbox.queue(&["cat", "--envelope", &id], "").stdout;
    let output = site.sandbox.queue(&["deliver", "--json"], &whole);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut keys: Vec<_> = told.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "address",
            "host",
            "id",
            "milliseconds",
            "original",
            "recipient",
            "remote",
            "result",
            "status",
            "text",
            "tls",
            "v"
        ]
    );
    assert_eq!(told["result"], "accepted");
    for bad in [&b""[..], b"Subject: x\n\nx\n", &whole[..40]] {
        let refused = site.sandbox.queue(&["deliver"], bad);
        assert_refused(&refused, 65, "standard input");
    }
    // One octet changed: never sent.
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() = b'!';
    let output = site.sandbox.queue(&["deliver"], &damaged);
    assert_refused(&output, 65, "the message");
    assert_eq!(site.server.mails().len(), 1);
}

/// `-v`: the dialogue on stderr, then what became of each recipient.
#[test]
fn sendmail_v_shows_the_transcript() {
    let site = site();
    let refused = "550 5.1.1 no such\u{1b}user";
    site.server.say("rcpt <no@there.example>", refused);
    let args = [
        "-v",
        "-f",
        "me@d.example",
        "b@there.example",
        "no@there.example",
    ];
    let output = site.sandbox.sendmail(&args, MESSAGE);
    let said = stderr(&output);
    for line in [
        "** connected to there.example (127.0.0.2:",
        "<- 220 ",
        "-> EHLO h.example",
        "-> RCPT TO:<no@there.example>",
        "<- 550 5.1.1 no such",
        "octets of content",
        "-> QUIT",
        "sendmail: b@there.example: delivered by there.example",
    ] {
        assert!(
            said.lines()
                .any(|l| l.starts_with(line) || l.contains(line)),
            "{line}: {said}"
        );
    }
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(stdout(&output), "");
}

/// I5: whatever a server says, what is told of it is one harmless line.
#[test]
fn i5_replies_without_measure_or_sense() {
    let long = format!("250 {}", "x".repeat(1 << 20));
    let many = "250-x\r\n".repeat(100_000) + "250 end";
    for reply in [
        "000 zero",
        "999 nine",
        "250-one\r\n550 two",
        "no number",
        "\0\0\0\0",
        "250 a\rb",
        &long,
        &many,
    ] {
        let site = site();
        site.server.say("mail", reply);
        let output = now(&site, &["b@there.example"]);
        let (said, shown) = (stderr(&output), &reply[..reply.len().min(20)]);
        let delivered = status(&output) == 0;
        // What can be read as a success may be one.
        assert!(!delivered || reply.starts_with("250"), "{shown:?}");
        if !delivered {
            assert_eq!(status(&output), 75, "{shown:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{shown:?}: {said}");
            assert!(site.server.mails().is_empty(), "{shown:?}");
        }
        let told = said + &stdout(&output);
        assert!(told.len() < 8192, "{shown:?}: {} octets", told.len());
        assert!(
            !told
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\t')
        );
    }
}
