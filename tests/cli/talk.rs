//! Delivery while the caller waits, as it was asked for: servers by URL, ends
//! half-way, own words, what would be done, what is queued after all.

use super::sandbox::*;
use super::smtp::{CUT, Server};

const MESSAGE: &str = "Subject: x\n\nhello\n";

struct Site {
    sandbox: Sandbox,
    server: Server,
    url: String,
}

fn site() -> Site {
    let server = Server::start("127.0.0.2:0");
    let sandbox = Sandbox::new();
    sandbox.deliver_for_real();
    let url = format!("smtp://{}", server.address);
    Site {
        sandbox,
        server,
        url,
    }
}

impl Site {
    fn send(&self, args: &[&str]) -> std::process::Output {
        let args = [&["--server", &self.url, "-f", "me@d.example"], args].concat();
        self.sandbox.run("smtp-send", &args, MESSAGE)
    }
}

/// All mail goes to the server named, whatever routes and aliases say.
#[test]
fn a_server_by_url_gets_all() {
    let site = site();
    site.sandbox
        .configure("local_domains = [\"o.example\"]\n[[route]]\nmatch = \"*\"\nto = \"hold:\"");
    let output = site.send(&["root", "b@far.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    assert_eq!(stdout(&output).lines().count(), 2);
    let heard = site.server.heard();
    assert!(
        heard
            .iter()
            .any(|l| l.starts_with("RCPT TO:<root@o.example>")),
        "{heard:?}"
    );
    assert_eq!(site.server.connections(), 1);
}

#[test]
fn one_refused_recipient_never_stops_the_others() {
    let site = site();
    site.server
        .say("rcpt <no@far.example>", "550 5.1.1 no such user");
    site.server
        .say("rcpt <later@far.example>", "450 4.2.1 busy");
    let output = site.send(&[
        "--json",
        "no@far.example",
        "b@far.example",
        "later@far.example",
    ]);
    assert_eq!(status(&output), 75);
    let told: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |key: &str| told.iter().map(|t| t[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("result"), ["refused", "accepted", "deferred"]);
    assert_eq!(of("status"), ["5.1.1", "2.0.0", "4.2.1"]);
    assert_eq!(of("remote"), [true, true, true]);
    assert!(
        told.iter()
            .all(|t| t["v"] == 1 && t["milliseconds"].is_u64())
    );
    assert_eq!(site.server.mails().len(), 1);
}

/// As far as it was asked, and nothing is sent.
#[test]
fn until_ends_half_way() {
    for (stage, last, exit) in [
        ("ehlo", "EHLO h.example", 0),
        ("mail", "MAIL FROM:<me@d.example>", 0),
        ("rcpt", "RCPT TO:<b@far.example>", 67),
        ("data", "DATA", 67),
    ] {
        let site = site();
        site.server
            .say("rcpt <no@far.example>", "550 5.1.1 no such user");
        let output = site.send(&["--until", stage, "no@far.example", "b@far.example"]);
        assert_eq!(status(&output), exit, "{stage}: {}", stderr(&output));
        let text = stdout(&output);
        assert!(
            text.contains("b@far.example\tstopped\t2."),
            "{stage}: {text}"
        );
        assert_eq!(text.contains("refused"), exit == 67, "{stage}: {text}");
        let heard: Vec<String> = site.server.heard();
        let commands: Vec<&String> = heard.iter().filter(|l| *l != "QUIT").collect();
        assert!(
            commands.last().unwrap().starts_with(last),
            "{stage}: {heard:?}"
        );
        assert!(site.server.mails().is_empty());
    }
    // STARTTLS is not offered: that is no success of a test for it.
    let site = site();
    let output = site.send(&["--until", "starttls", "b@far.example"]);
    assert_eq!(status(&output), 75, "{}", stdout(&output));
    assert!(stderr(&output).contains("STARTTLS"), "{}", stderr(&output));
}

#[test]
fn own_words_in_the_dialogue() {
    let site = site();
    let output = site.send(&[
        "--trace",
        "--no-pipelining",
        "--ehlo",
        "[192.0.2.1]",
        "--mail-param",
        "SIZE=7",
        "--rcpt-param",
        "X-TEST=a",
        "b@far.example",
    ]);
    let heard = site.server.heard();
    for line in ["EHLO [192.0.2.1]", "RCPT TO:<b@far.example> X-TEST=a"] {
        assert!(heard.contains(&line.to_owned()), "{line}: {heard:?}");
        assert!(
            stderr(&output).contains(&format!("-> {line}\n")),
            "{}",
            stderr(&output)
        );
    }
    assert!(
        heard
            .iter()
            .any(|l| l.starts_with("MAIL ") && l.ends_with(" SIZE=7")),
        "{heard:?}"
    );
}

/// Nothing is sent; with --print stdout holds the message and nothing else.
#[test]
fn dry_run_tells_and_prints() {
    let site = site();
    let output = site.send(&["--dry-run", "b@far.example", "c@far.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.starts_with(&format!("b@far.example\tb@far.example\t{}\t", site.url)),
        "{text}"
    );
    let output = site.send(&["--dry-run", "--print", "b@far.example"]);
    assert!(stderr(&output).contains(&site.url), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("Received: "), "{text}");
    assert!(text.ends_with("\r\n\r\nhello\r\n"), "{text}");
    assert_eq!(site.server.connections(), 0);
    assert!(site.sandbox.queued().is_empty());
}

/// `--or-queue`: what is deferred is in the spool when the program ends, and no
/// failure; what is refused is one.
#[test]
fn what_is_deferred_is_queued() {
    let site = site();
    site.sandbox
        .configure(&format!("local_domains = []\nsmarthost = \"{}\"", site.url));
    site.server
        .say("rcpt <later@far.example>", "450 4.2.1 busy");
    site.server
        .say("rcpt <no@far.example>", "550 5.1.1 no such user");
    // Nobody runs the queue, so that what is in it stays.
    let script = format!("case $1 in run) exit 0;; esac\nexec {QUEUE} \"$@\"\n");
    std::fs::remove_file(site.sandbox.path("bin/smtp-queue")).unwrap();
    site.sandbox.write_program("smtp-queue", &script);
    let send = |to: &[&str]| {
        let args = [&["--now", "--or-queue", "-f", "me@d.example"], to].concat();
        site.sandbox.run("smtp-send", &args, MESSAGE)
    };
    let hold = |site: &Site| {
        let queued = site.sandbox.queued();
        let ids: Vec<String> = queued.iter().map(|q| q.head.id.to_string()).collect();
        for id in &ids {
            site.sandbox.queue_says(&["remove", id], "");
        }
        queued
    };
    let output = send(&["b@far.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    assert!(site.sandbox.queued().is_empty());
    let output = send(&["b@far.example", "later@far.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let text = stdout(&output);
    assert!(text.contains("later@far.example\tqueued\t4.2.1"), "{text}");
    let queued = hold(&site);
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0].recipients(), ["later@far.example"]);
    assert!(queued[0].text().contains(&queued[0].head.id.to_string()));
    let output = send(&["no@far.example", "later@far.example"]);
    assert_eq!(status(&output), 67, "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    hold(&site);
    // The answer to the end was lost: better twice than never.
    site.server.say("end", CUT);
    let output = send(&["b@far.example"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert_eq!(hold(&site).len(), 1);
}

/// A deliverer that cannot run leaves all of it to the queue.
#[test]
fn without_a_result_all_is_queued() {
    let sandbox = Sandbox::new();
    sandbox.write_program("smtp-queue", "echo broken >&2; exit 71\n");
    let args = ["--or-queue", "a@d.example", "b@d.example"];
    let output = sandbox.run("smtp-send", &args, MESSAGE);
    assert_eq!(status(&output), 0);
    assert_eq!(
        sandbox.queued()[0].recipients(),
        ["a@d.example", "b@d.example"]
    );
}

/// An account by its name: its server now, its sender in the queue.
#[test]
fn an_account_by_name() {
    let site = site();
    site.sandbox.configure(&format!(
        "[account.work]\nserver = \"{}\"\nfrom = [\"me@work.example\", \"*@other.example\"]\n\
         [account.bare]\nserver = \"{}\"",
        site.url, site.url
    ));
    let send = |args: &[&str]| site.sandbox.run("smtp-send", args, MESSAGE);
    let output = send(&["--now", "--account", "work", "b@far.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let heard = site.server.heard();
    let mail = "MAIL FROM:<me@work.example>";
    assert!(heard.iter().any(|l| l.starts_with(mail)), "{heard:?}");
    let queue = |name: &str, more: &[&str]| {
        let args = [&["--queue-only", "--account", name], more].concat();
        send(&args)
    };
    assert_silent(&queue("work", &["b@far.example"]), 0);
    assert_eq!(site.sandbox.queued()[0].sender(), "<me@work.example>");
    // The queue would not know that it was meant.
    assert_refused(&queue("bare", &["b@far.example"]), 64, "--account bare");
    let other = ["-f", "me@home.example", "b@far.example"];
    assert_refused(&queue("work", &other), 64, "me@home.example");
    assert_refused(&send(&["--now", "--account", "none", "b"]), 78, "none");
}

/// A password file that others can read is not used, and nothing is sent.
#[test]
fn a_password_is_private() {
    let site = site();
    let file = site.sandbox.path("password");
    std::fs::write(&file, "secret\n").unwrap();
    let args = [
        "--user",
        "me",
        "--password-file",
        file.to_str().unwrap(),
        "b@far.example",
    ];
    let output = site.send(&args);
    assert_eq!(status(&output), 75);
    assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    assert!(site.server.mails().is_empty());
    let run = |args: &[&str]| site.sandbox.run("smtp-send", args, MESSAGE);
    assert_refused(&run(&["--user", "me", "b@far.example"]), 64, "--server");
}
