//! What the runner and `smtp-queue` write into the mail log (smtputils(7)).

use std::process::Command;

use smtputils::spool::Id;

use crate::site::Site;
use crate::smtp::Server;

/// Runs `smtp-queue` with the log on stderr: its lines without the tag.
fn lines(site: &Site, config: &str, args: &[&str]) -> Vec<String> {
    let path = site.path("config.toml");
    let dir = site.dir.path().display();
    let config = format!(
        "hostname = \"here.example\"\norigin = \"here.example\"\nlog = \"stderr\"\n\
         local_domains = [\"here.example\"]\nspool = \"{dir}/spool\"\n\
         aliases = [\"{dir}/aliases\"]\nlocal = \"maildir:{dir}/mail/{{user}}\"\n{config}"
    );
    std::fs::write(&path, config).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_smtp-queue"))
        .args(args)
        .env("SMTPUTILS_CONFIG", path)
        .env_remove("JOURNAL_STREAM")
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    let line = |l: &str| l.strip_prefix("smtp-queue: ").expect(l).to_string();
    said.lines().map(line).collect()
}

/// The only line of this event about this recipient (or anything).
#[track_caller]
fn one<'a>(lines: &'a [String], event: &str, part: &str) -> &'a str {
    let is_it = |l: &&String| l.split(' ').next() == Some(event) && l.contains(part);
    let found: Vec<_> = lines.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{event} {part}: {lines:#?}");
    found[0]
}

fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let begin = line.find(&format!(" {key}=")).expect(line) + key.len() + 2;
    line[begin..].split(' ').next().unwrap_or_default()
}

/// A run from its first line to its last: expansion, one attempt of each kind,
/// the bounce and its delivery. The server's hostile words stay in their line
/// (I7).
#[test]
fn a_run_logs_each_step_with_its_keys_in_order() {
    let server = Server::start("127.0.0.1:0");
    server.say(
        "rcpt <late@x.example>",
        "451 4.2.1 \u{1b}]0;owned\u{7} \u{202e}sent id=0",
    );
    server.say("rcpt <no@x.example>", "550 5.1.1 \"nobody\" here");
    let site = Site::new("");
    site.user("ann");
    site.aliases("team: yes@x.example, late@x.example\n");
    let id = site.queue("ann@here.example", &["team@here.example", "no@x.example"]);
    let port = server.address.port();
    let config =
        format!("smarthost = \"smtp://[127.0.0.1]:{port}\"\nretry = {{ first = \"1h\" }}\n");
    let lines = lines(&site, &config, &["run"]);

    let spool = site.path("spool");
    let began = format!("runner-started mode=pass spool={}", spool.display());
    assert_eq!(lines.first(), Some(&began), "{lines:#?}");
    let ended = "runner-stopped mode=pass delivered=2 deferred=1 failed=1";
    assert_eq!(lines.last().map(String::as_str), Some(ended), "{lines:#?}");
    let expanded = format!("expanded id={id} to=team@here.example recipients=2");
    assert_eq!(one(&lines, "expanded", ""), expanded);

    let at = server.address;
    let hop = format!("via=smtp://{at} host=127.0.0.1 address={at} delay=0s");
    let sent = one(&lines, "sent", "to=yes@x.example");
    let begin = format!("sent id={id} to=yes@x.example {hop} status=2.");
    assert!(
        sent.starts_with(&begin) && sent.contains(" reply="),
        "{sent}"
    );
    let late = one(&lines, "deferred", "");
    let begin = format!("deferred id={id} to=late@x.example {hop} status=4.2.1 reply=\"451 ");
    assert!(late.starts_with(&begin), "{late}");
    assert!(
        !late.contains(char::is_control) && !late.contains('\u{202e}'),
        "{late}"
    );
    let again = value(late, "again");
    assert!(
        again.starts_with("1h") || again.starts_with("5"),
        "the next attempt is in about an hour: {late}"
    );
    let refused = one(&lines, "bounced", "");
    let begin =
        format!("bounced id={id} to=no@x.example {hop} status=5.1.1 reply=\"550 5.1.1 \\\"");
    assert!(refused.starts_with(&begin), "{refused}");

    let notice = one(&lines, "notice", "");
    let made = value(notice, "id");
    let whole = format!("notice id={made} kind=bounce original={id} to=ann@here.example");
    assert_eq!(notice, whole);
    let home = one(&lines, "sent", "to=ann@here.example");
    assert_eq!(value(home, "id"), made);
    assert!(value(home, "via").starts_with("maildir:"), "{home}");
    assert_eq!(site.inbox("ann").len(), 1);
    assert_eq!(lines.len(), 8, "{lines:#?}");
}

/// BN-22, BN-02: given up, and nobody to tell.
#[test]
fn what_ends_in_the_failed_folder_says_so() {
    let site = Site::new("");
    let long_ago = jiff::Timestamp::now() - std::time::Duration::from_secs(30 * 86_400);
    let id = site.queue_at("", &["b@x.example"], "Subject: x\r\n\r\n", long_ago);
    let lines = lines(&site, "smarthost = \"smtp://[127.0.0.1]:9\"\n", &["run"]);
    let late = one(&lines, "deferred", "to=b@x.example");
    assert!(!late.contains(" again="), "{late}");
    let expired = one(&lines, "expired", "to=b@x.example");
    assert_eq!(value(expired, "status"), "5.4.7");
    assert_eq!(value(expired, "delay"), "30d");
    one(
        &lines,
        "no-notice",
        &format!("id={id} kind=bounce recipients=1"),
    );
    one(&lines, "set-aside", &format!("id={id} error="));
}

/// A damaged message is an administrator's affair, and no bounce.
#[test]
fn damage_is_logged_with_its_id() {
    let site = Site::new("");
    let id = site.queue("ann@here.example", &["b@x.example"]);
    let mut new = std::fs::read_dir(site.path("spool").join("new")).unwrap();
    let path = new.next().unwrap().unwrap().path();
    let mut octets = std::fs::read(&path).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    std::fs::write(&path, octets).unwrap();
    let server = Server::start("127.0.0.1:0");
    let config = format!("smarthost = \"smtp://{}\"\n", server.address);
    let lines = lines(&site, &config, &["run"]);
    one(&lines, "corrupt", &format!("id={id} error="));
}

/// Who did what to which message.
#[test]
fn acts_of_people_are_logged_with_their_uid() {
    let site = Site::new("");
    let id: Id = site.queue("ann@here.example", &["b@x.example"]);
    let by = format!("id={id} by=uid:{}", rustix::process::getuid().as_raw());
    // The resident runner, so that release and retry start none.
    let _lock = site.spool().lock_run().unwrap().unwrap();
    for (verb, event) in [
        ("hold", "held"),
        ("release", "released"),
        ("retry", "retried"),
        ("remove", "removed"),
    ] {
        let lines = lines(&site, "", &[verb, id.as_str()]);
        assert_eq!(lines, [format!("{event} {by}")]);
    }
}

/// A `hold:` route is no person.
#[test]
fn a_route_that_holds_says_so() {
    let site = Site::new("");
    let id = site.queue("ann@here.example", &["b@x.example"]);
    let lines = lines(
        &site,
        "[[route]]\nmatch = [\"x.example\"]\nto = \"hold:\"\n",
        &["run"],
    );
    one(&lines, "held", &format!("id={id} by=route"));
}
