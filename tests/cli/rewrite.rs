//! `[rewrite]` of the configuration: what cron and daemons submit, as it is
//! queued. peers.md 2.B, asks 11 to 16.

use super::sandbox::*;

const CRON: &str = "From: root (Cron Daemon)\nTo: root\n\
    Subject: Cron <root@web1> /usr/local/bin/backup\nMIME-Version: 1.0\n\
    Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\
    X-Cron-Env: <SHELL=/bin/sh>\n\nbackup failed\n";

/// With `/etc/aliases` as in `aliases`.
fn site(aliases: &str, rewrite: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("[rewrite]\n{rewrite}"));
    let file = sandbox.path("aliases");
    std::fs::write(&file, aliases).unwrap();
    let config = sandbox.path("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let named = format!("aliases = [\"{}\"]", file.display());
    std::fs::write(&config, text.replace("aliases = []", &named)).unwrap();
    sandbox
}

/// Asks 11, 12: Debian cron's exact call.
#[test]
fn crons_mail_has_senders_and_recipients_that_a_relay_takes() {
    let sandbox = site(
        "root: admin\nadmin: ann@company.example, bob@company.example\n",
        "from = \"alerts+{host}@company.example\"\nto_bare = true",
    );
    let call = ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"];
    let queued = sandbox.accept(&[&["-odq"][..], &call].concat(), CRON);
    assert_eq!(queued.sender(), "<alerts+h.example@company.example>");
    assert_eq!(
        queued.recipients(),
        ["ann@company.example", "bob@company.example"]
    );
    assert_eq!(
        queued.fields("From:"),
        ["From: alerts+h.example@company.example (Cron Daemon)"]
    );
    assert!(
        queued
            .header()
            .contains("\r\nTo: ann@company.example,\r\n bob@company.example\r\n"),
        "{}",
        queued.header()
    );
    assert!(queued.header().contains("X-Cron-Env: <SHELL=/bin/sh>\r\n"));
}

/// What leads to a program or nowhere stays a name at the origin.
#[test]
fn names_that_only_delivery_may_follow_stay() {
    let sandbox = site(
        "log: |/bin/logger\nnews: a@x.example, /var/news\n",
        "to_bare = true",
    );
    let queued = sandbox.accept(
        &["-odq", "-t"],
        "To: log, News, nobody\nCc: log@x.example\n\nx\n",
    );
    assert_eq!(
        queued.recipients(),
        [
            "log@o.example",
            "News@o.example",
            "nobody@o.example",
            "log@x.example"
        ]
    );
    let plain = site("root: admin@x.example\n", "");
    let queued = plain.accept(&["-odq", "-t"], "To: root\n\nx\n");
    assert_eq!(queued.recipients(), ["root@o.example"], "only when asked");
}

/// Ask 15.
#[test]
fn everything_goes_to_one_address() {
    let sandbox = site("", "all_to = \"me@home.example\"");
    let message = "To: Ann <ann@x.example>\nCc: bob@x.example\nBcc: eve@x.example\n\nx\n";
    let queued = sandbox.accept(
        &["-odq", "-t", "-f", "shop@x.example", "carl@x.example"],
        message,
    );
    assert_eq!(queued.recipients(), ["me@home.example"]);
    assert_eq!(queued.sender(), "<shop@x.example>");
    assert_eq!(queued.fields("To:"), ["To: me@home.example"]);
    assert!(queued.fields("Cc:").is_empty());
    let header = queued.header().replace("\r\n ", " ");
    assert!(
        header.contains(
            "X-Original-To: carl@x.example, ann@x.example, bob@x.example, eve@x.example\r\n"
        ),
        "{header}"
    );
    // A bad recipient is told as ever.
    assert_refused(&sandbox.sendmail(&["a b@@"], "\nx\n"), 65, "a b@@");
}

/// Ask 16: the caller sees success, a writer no closed pipe, nothing is queued.
#[test]
fn everything_is_thrown_away() {
    let sandbox = site("", "discard = true");
    let long = format!(
        "Subject: x\n\n{}",
        "a line of a long message\n".repeat(20_000)
    );
    assert_silent(&sandbox.sendmail(&["a@x.example"], &long), 0);
    assert_silent(&sandbox.run("smtp-send", &["a@x.example"], &long), 0);
    assert_silent(
        &sandbox.run("smtp-send", &["--now", "a@x.example"], &long),
        0,
    );
    let dialogue = "MAIL FROM:<a@x.example>\nRCPT TO:<b@x.example>\nDATA\n\nx\n.\nQUIT\n";
    let output = sandbox.sendmail(&["-bs"], dialogue);
    assert!(
        stdout(&output).contains("\r\n250 2.0.0 thrown away\r\n"),
        "{}",
        stdout(&output)
    );
    assert!(sandbox.queued().is_empty());
    assert_refused(&sandbox.sendmail(&["a b@@"], &long), 65, "a b@@");
}

/// Overrides by the sender that was given; `smtp-send` and `-bs` alike.
#[test]
fn overrides_by_sender() {
    let sandbox = site(
        "",
        "from = \"all@c.example\"\nall_to = \"me@home.example\"\n\
         [[rewrite.override]]\nsender = [\"shop.example\"]\nfrom = \"\"\nfrom_name = \"The Shop\"",
    );
    let args = ["-f", "web@shop.example", "--queue-only", "x@x.example"];
    let output = sandbox.run("smtp-send", &args, "From: web@shop.example\n\nx\n");
    assert_silent(&output, 0);
    let dialogue = "MAIL FROM:<ann@y.example>\nRCPT TO:<b@x.example>\nDATA\nFrom: Ann <a@y.example>\n\nx\n.\nQUIT\n";
    assert_eq!(status(&sandbox.sendmail(&["-odq", "-bs"], dialogue)), 0);
    let queued = sandbox.queued();
    let told = |n: usize| (queued[n].sender(), queued[n].fields("From:").remove(0));
    let expect = |path: &str, from: &str| (path.to_owned(), from.to_owned());
    assert_eq!(
        told(0),
        expect("<web@shop.example>", "From: The Shop <web@shop.example>")
    );
    assert_eq!(
        told(1),
        expect("<all@c.example>", "From: Ann <all@c.example>")
    );
    for one in &queued {
        assert_eq!(one.recipients(), ["me@home.example"]);
    }
}

/// By the caller's user id, by number and by name.
#[test]
fn overrides_by_user() {
    let uid = rustix::process::getuid().as_raw();
    let login = smtputils::sys::user_by_uid(uid).map_or(uid.to_string(), |u| u.name);
    for user in [uid.to_string(), login] {
        let sandbox = site(
            "",
            &format!("[[rewrite.override]]\nuid = \"{user}\"\nfrom = \"{{user}}@c.example\""),
        );
        let queued = sandbox.accept(&["-odq", "-f", "web", "x"], "From: web\n\nx\n");
        assert_eq!(queued.sender(), "<web@c.example>", "{user}");
        assert_eq!(queued.fields("From:"), ["From: web@c.example"]);
    }
}

/// A sender that becomes no address is the configuration's fault.
#[test]
fn a_template_that_gives_no_address_is_78() {
    let sandbox = site("", "from = \"{user}@c.example\"");
    let long = format!("{}@x.example", "u".repeat(64));
    assert_eq!(
        sandbox
            .accept(&["-odq", "-f", &long, "x"], "\nx\n")
            .recipients(),
        ["x@o.example"]
    );
    let sandbox = site("", "from = \"cron+{user}@c.example\"");
    let output = sandbox.sendmail(&["-f", &long, "x"], "\nx\n");
    assert_refused(&output, 78, "rewrite.from");
}
