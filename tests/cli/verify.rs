//! `smtp-verify` against name servers and mail hosts of ours.

use super::dns::{Data, Dns};
use super::hosts::*;
use super::mx::{asking, zone};
use super::sandbox::*;

fn verify(sandbox: &Sandbox, args: &[&str], input: &str) -> std::process::Output {
    let mut command = sandbox.other(env!("CARGO_BIN_EXE_smtp-verify"), "smtp-verify", args);
    finish(command.spawn().unwrap(), input.as_bytes())
}

const DOMAINS: [(&str, u8); 9] = [
    ("normal.example", NORMAL),
    ("catchall.example", CATCH_ALL),
    ("listed.example", LISTED),
    ("hang.example", SILENT),
    ("garbage.example", GARBAGE),
    ("long.example", LONG_LINE),
    ("tired.example", TIRED),
    ("sender.example", NO_SENDER),
    ("names.example", NAMES),
];

/// Domains whose only host has the address of its kind; one that nobody
/// listens on.
fn mail_hosts() -> (Dns, Hosts, Sandbox) {
    let mut records = vec![
        ("down.example", Data::Address("127.0.0.99".parse().unwrap())),
        (
            "mailinator.com",
            Data::Address("127.0.0.2".parse().unwrap()),
        ),
        ("gmial.com", Data::Address("127.0.0.2".parse().unwrap())),
        (
            "xn--bcher-kva.example",
            Data::Address("127.0.0.2".parse().unwrap()),
        ),
        ("local.example", Data::Mx(0, "private.example")),
        (
            "private.example",
            Data::Address("10.0.0.1".parse().unwrap()),
        ),
    ];
    for (domain, kind) in DOMAINS {
        records.push((domain, Data::Address([127, 0, 0, kind].into())));
    }
    let dns = Dns::start(&records);
    let sandbox = Sandbox::new();
    sandbox.configure(&format!(
        "[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\nattempts = 1\n[delivery]\nallow_networks = [\"127.0.0.0/8\"]",
        dns.address
    ));
    (dns, Hosts::start(), sandbox)
}

/// Impolite, so that a test takes no time.
fn ask(sandbox: &Sandbox, hosts: &Hosts, more: &[&str], input: &str) -> std::process::Output {
    let port = hosts.port.to_string();
    let mut args = vec!["--port", &port, "--rate", "0", "--smtp-timeout", "2s"];
    args.extend(more);
    verify(sandbox, &args, input)
}

/// Address, verdict, reason.
fn verdicts(output: &std::process::Output) -> Vec<[String; 3]> {
    let text = stdout(output);
    let row = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        [(); 3].map(|()| columns.next().unwrap_or_default())
    };
    text.lines().map(row).collect()
}

#[test]
fn vf_05_a_verdict_for_every_answer() {
    let (_dns, hosts, sandbox) = mail_hosts();
    for (address, verdict, reason, code) in [
        ("alice@normal.example", "deliverable", "-", 0),
        ("bob@normal.example", "deliverable", "-", 0),
        ("u@catchall.example", "risky", "catch-all", 0),
        ("info@normal.example", "risky", "role", 0),
        ("u@mailinator.com", "risky", "disposable", 0),
        ("full@normal.example", "risky", "full", 0),
        ("disabled@normal.example", "risky", "disabled", 0),
        ("gone@normal.example", "undeliverable", "no such user", 67),
        ("grey@normal.example", "unknown", "greylisted", 75),
        ("fast@normal.example", "unknown", "rate-limited", 75),
        // VF-08: whatever the words are.
        ("list@normal.example", "unknown", "blocked", 75),
        ("name@normal.example", "unknown", "blocked", 75),
        ("client@normal.example", "unknown", "blocked", 75),
        ("relay@normal.example", "unknown", "refused", 75),
        ("error@normal.example", "unknown", "later", 75),
        ("nottold@normal.example", "unknown", "not told", 75),
        ("u@listed.example", "unknown", "blocked", 75),
        ("u@sender.example", "unknown", "blocked", 75),
        ("u@hang.example", "unknown", "time-out", 75),
        ("u@garbage.example", "unknown", "broken", 75),
        ("u@long.example", "unknown", "broken", 75),
        ("u@down.example", "unknown", "unreachable", 75),
        ("u@local.example", "unknown", "unreachable", 75),
        ("grün@normal.example", "undeliverable", "SMTPUTF8", 67),
        ("alice@bücher.example", "deliverable", "-", 0),
    ] {
        let output = ask(&sandbox, &hosts, &[address], "");
        let row = &verdicts(&output)[0];
        assert_eq!(row[1..], [verdict, reason], "{}", stdout(&output));
        assert_eq!(
            (stderr(&output), status(&output)),
            (String::new(), code),
            "{address}"
        );
        assert!(!stdout(&output).contains('\x1b'), "I8");
    }
    // VF-06: never content, and the null sender.
    let heard = hosts.heard(NORMAL);
    assert!(heard.iter().any(|line| line.starts_with("MAIL FROM:<>")));
    assert!(!heard.iter().any(|line| line.starts_with("DATA")));
}

#[test]
fn evidence_says_who_said_what() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let output = ask(
        &sandbox,
        &hosts,
        &["--json", "gone@normal.example", "name@normal.example"],
        "",
    );
    let text = stdout(&output);
    let mut found: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    found.sort_by_key(|o| o["line"].as_u64());
    assert_eq!(found[0]["host"], "normal.example");
    assert_eq!(found[0]["address"], "127.0.0.2");
    assert_eq!(found[0]["reply"], "550 5.1.1 no such user");
    assert_eq!(found[0]["status"], "5.1.1");
    assert_eq!(found[0]["tls"], false);
    assert_eq!(found[0]["v"], 1);
    let words = found[1]["words"].as_str().unwrap();
    assert!(words.contains("our name"), "{words}");
    assert_eq!(status(&output), 75, "75 outranks 67");
}

#[test]
fn one_connection_for_many_and_another_transaction_where_it_ends() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let list: Vec<String> = (0..250).map(|n| format!("x{n}@normal.example")).collect();
    let output = ask(
        &sandbox,
        &hosts,
        &["--per-connection", "1000"],
        &list.join("\n"),
    );
    let found = verdicts(&output);
    assert_eq!(found.len(), 250);
    assert!(
        found.iter().all(|row| row[1] == "undeliverable"),
        "{found:?}"
    );
    let heard = hosts.heard(NORMAL);
    let count = |what: &str| heard.iter().filter(|l| l.starts_with(what)).count();
    assert_eq!(count("RCPT"), 250);
    assert!(count("*") <= 2, "{} connections", count("*"));
    assert!(count("MAIL") >= 3, "at most 100 recipients a transaction");
}

#[test]
fn politeness_is_what_the_options_say() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let list: Vec<String> = (0..5).map(|n| format!("x{n}@normal.example")).collect();
    let more = ["--rate", "5", "--per-host", "1"];
    let port = hosts.port.to_string();
    let args = [&["--port", port.as_str()], &more[..]].concat();
    let began = std::time::Instant::now();
    let output = verify(&sandbox, &args, &list.join("\n"));
    assert_eq!(verdicts(&output).len(), 5);
    // How far apart they are to the millisecond is `check::pace`'s own test.
    assert!(began.elapsed().as_millis() >= 800, "{:?}", began.elapsed());
    let heard = hosts.heard(NORMAL);
    assert_eq!(heard.iter().filter(|line| *line == "*").count(), 1);
}

#[test]
fn catch_all_is_found_out_once_for_a_domain() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let list = "a@catchall.example\nb@catchall.example\nc@catchall.example";
    let output = ask(&sandbox, &hosts, &[], list);
    assert!(
        verdicts(&output)
            .iter()
            .all(|row| row[1..] == ["risky", "catch-all"])
    );
    let heard = hosts.heard(CATCH_ALL);
    let asked = heard.iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!(asked, 3 + 2);
    let output = ask(
        &sandbox,
        &hosts,
        &["--no-catch-all", "a@catchall.example"],
        "",
    );
    assert_eq!(verdicts(&output)[0][1], "deliverable");
}

#[test]
fn vrfy_and_expn_where_asked_for() {
    let (_dns, hosts, sandbox) = mail_hosts();
    for (address, verdict) in [
        ("alice@names.example", "deliverable"),
        ("nobody@names.example", "undeliverable"),
        // 252 tells nothing: RCPT decides.
        ("bob@names.example", "deliverable"),
    ] {
        let output = ask(&sandbox, &hosts, &["--vrfy", address], "");
        assert_eq!(verdicts(&output)[0][1], verdict, "{address}");
    }
    let heard = hosts.heard(NAMES);
    assert!(!heard.iter().any(|l| l.starts_with("RCPT TO:<alice@")));
    assert!(heard.iter().any(|l| l.starts_with("RCPT TO:<bob@")));
    let output = ask(
        &sandbox,
        &hosts,
        &["--expn", "--json", "bob@names.example"],
        "",
    );
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let members = serde_json::json!(["a@names.example", "b@names.example"]);
    assert_eq!(found["members"], members);
}

#[test]
fn csv_and_json_pass_other_fields_through() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let table = "id,mail,who\n1,alice@normal.example,\"A, B\"\n2,gone@normal.example,C\n";
    let output = ask(&sandbox, &hosts, &["--column", "mail", "--ordered"], table);
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("id,mail,who,verdict,reason,"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("1,alice@normal.example,\"A, B\",deliverable,"),
        "{text}"
    );
    assert!(
        lines[2].starts_with("2,gone@normal.example,C,undeliverable,no such user"),
        "{text}"
    );
    // A filter gives the records as they came.
    let output = ask(
        &sandbox,
        &hosts,
        &["--column", "mail", "--only", "deliverable"],
        table,
    );
    assert_eq!(
        stdout(&output),
        "id,mail,who\n1,alice@normal.example,\"A, B\"\n"
    );
    assert_eq!(status(&output), 67);
    let output = ask(
        &sandbox,
        &hosts,
        &["--column", "2", "--only", "undeliverable"],
        table,
    );
    let text = stdout(&output);
    assert_eq!(text, "id,mail,who\n2,gone@normal.example,C\n");
    let objects = "{\"n\":1,\"to\":\"alice@normal.example\"}\nnonsense\n{\"n\":3}\n";
    let output = ask(&sandbox, &hosts, &["--key", "to"], objects);
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(found["n"], 1);
    assert_eq!(found["verify"]["verdict"], "deliverable");
    let told = stderr(&output);
    assert!(
        told.contains("line 2: ") && told.contains("line 3: "),
        "{told}"
    );
    assert_eq!(status(&output), 65);
}

#[test]
fn a_filter_for_a_pipe() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let list = "alice@normal.example\ngone@normal.example\nbob@normal.example\n";
    let output = ask(
        &sandbox,
        &hosts,
        &["--only", "deliverable", "--ordered"],
        list,
    );
    assert_eq!(
        stdout(&output),
        "alice@normal.example\nbob@normal.example\n"
    );
}

#[test]
fn bad_lines_are_told_of_and_stop_nothing() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let long = "x".repeat(1 << 20);
    let mut command = sandbox.other(
        env!("CARGO_BIN_EXE_smtp-verify"),
        "smtp-verify",
        &["--level", "dns"],
    );
    let input = [long.as_bytes(), b"\n\xff\xfe\nalice@normal.example\n"].concat();
    let output = finish(command.spawn().unwrap(), &input);
    assert_eq!(
        verdicts(&output)[0][..2],
        ["alice@normal.example", "deliverable"]
    );
    let told = stderr(&output);
    assert!(
        told.contains("line 1: longer") && told.contains("line 2: not UTF-8"),
        "{told}"
    );
    assert_eq!(status(&output), 65);
    drop(hosts);
}

#[test]
fn a_state_goes_on_and_a_cache_saves_asking() {
    let (_dns, hosts, sandbox) = mail_hosts();
    let list = "alice@normal.example\ngrey@normal.example\ngone@normal.example\n";
    for option in ["--state", "--cache"] {
        let file = sandbox.path(option);
        let args = [option, file.to_str().unwrap(), "--ordered"];
        let first = ask(&sandbox, &hosts, &args, list);
        let asked = hosts.heard(NORMAL).len();
        let second = ask(&sandbox, &hosts, &args, list);
        let again = hosts.heard(NORMAL)[asked..].to_vec();
        let verdicts_of = |o| {
            verdicts(o)
                .into_iter()
                .map(|r| r[1].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(verdicts_of(&first), verdicts_of(&second), "{option}");
        let greylisted = again.iter().any(|line| line.contains("grey@"));
        let others = again
            .iter()
            .any(|line| line.contains("alice@") || line.contains("gone@"));
        // What a state settled is not asked again; a cache keeps no unknown.
        assert_eq!(
            (greylisted, others),
            (option == "--cache", false),
            "{again:?}"
        );
    }
}

#[test]
fn a_host_that_tires_is_asked_again_after_a_pause() {
    // The pause is longer than the test has patience for: what is asked before it
    // is answered, and the connection is not hammered.
    let (_dns, hosts, sandbox) = mail_hosts();
    let port = hosts.port.to_string();
    let list: Vec<String> = (0..4).map(|n| format!("x{n}@tired.example")).collect();
    let args = ["--port", &port, "--rate", "0", "--no-catch-all"];
    let mut command = sandbox.other(env!("CARGO_BIN_EXE_smtp-verify"), "smtp-verify", &args);
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), list.join("\n").as_bytes())
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert!(line.contains("\tdeliverable\t"), "{line}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let heard = hosts.heard(TIRED);
    assert_eq!(
        heard.iter().filter(|line| *line == "*").count(),
        1,
        "{heard:?}"
    );
}

#[test]
fn names_alone_settle_much() {
    // VF-01, VF-04
    let dns = zone();
    let sandbox = asking(&dns);
    for (address, verdict, reason, words, code) in [
        ("u@two.example", "deliverable", "-", "a.two.example", 0),
        ("u@alone.example", "deliverable", "-", "no MX", 0),
        ("u@[192.0.2.1]", "deliverable", "-", "", 0),
        ("\"a b\"@two.example", "deliverable", "-", "", 0),
        ("u@null.example", "undeliverable", "null MX", "", 67),
        ("u@none.example", "undeliverable", "no domain", "", 67),
        ("u@empty.example", "undeliverable", "no mail host", "", 67),
        ("u@bare.example", "undeliverable", "no mail host", "", 67),
        ("u@servfail.example", "unknown", "DNS", "SERVFAIL", 75),
        ("u@refused.example", "unknown", "DNS", "REFUSED", 75),
        ("u@silent.example", "unknown", "time-out", "timed out", 75),
        ("u", "undeliverable", "syntax", "domain", 67),
        ("a b@two.example", "undeliverable", "syntax", "", 67),
        ("", "undeliverable", "syntax", "", 67),
        (
            "u@two.example\nRCPT",
            "undeliverable",
            "syntax",
            "control",
            67,
        ),
        (
            "u\u{ff20}two.example",
            "undeliverable",
            "syntax",
            "perhaps u@two.example",
            67,
        ),
        (
            "p\u{430}y@two.example",
            "deliverable",
            "-",
            "mixes scripts",
            0,
        ),
        (
            "u@gmial.com",
            "undeliverable",
            "no domain",
            "perhaps u@gmail.com",
            67,
        ),
    ] {
        let output = verify(&sandbox, &["--level", "dns", address], "");
        let text = stdout(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut row = verdicts(&output)[0].clone();
        assert_eq!(row[1..], [verdict, reason], "{text}");
        row[0].clear();
        if address != "u@gmial.com" || text.contains("perhaps") {
            assert!(text.contains(words), "{text}");
        }
        assert_eq!(
            (stderr(&output), status(&output)),
            (String::new(), code),
            "{text}"
        );
    }
}

#[test]
fn answers_have_the_order_of_the_questions() {
    let dns = zone();
    let sandbox = asking(&dns);
    let list = [
        "silent.example",
        "two.example",
        "-bad-",
        "null.example",
        "alone.example",
    ];
    let list: Vec<String> = list.iter().map(|d| format!("u@{d}")).collect();
    let output = verify(
        &sandbox,
        &["--level", "dns", "--json", "-"],
        &list.join("\n"),
    );
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let told: Vec<_> = objects
        .iter()
        .map(|o| o["input"].as_str().unwrap())
        .collect();
    assert_eq!(told, list);
    let verdicts: Vec<_> = objects
        .iter()
        .map(|o| o["verdict"].as_str().unwrap())
        .collect();
    let expected = [
        "unknown",
        "deliverable",
        "undeliverable",
        "undeliverable",
        "deliverable",
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(status(&output), 75);
}

#[test]
fn syntax_alone_asks_nobody() {
    let dns = zone();
    let sandbox = asking(&dns);
    let output = verify(&sandbox, &["--level", "syntax", "u@none.example"], "");
    assert_eq!(
        stdout(&output),
        "u@none.example\tdeliverable\t-\t-\twell formed\n"
    );
    assert_eq!(status(&output), 0);
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn wrong_calls() {
    let sandbox = asking(&zone());
    assert_refused(&verify(&sandbox, &["--bogus", "x"], ""), 64, "--bogus");
    assert_refused(&verify(&sandbox, &["--level", "x"], ""), 64, "--level");
    assert_refused(
        &verify(&sandbox, &["--sender", "x", "u@v.example"], ""),
        64,
        "--sender",
    );
    assert_refused(&verify(&sandbox, &["--column", "0"], ""), 64, "--column");
    assert_refused(
        &verify(&sandbox, &["--column", "x"], "a,b\n"),
        64,
        "--column",
    );
    assert_refused(
        &verify(&sandbox, &["--config", "/nowhere", "x"], ""),
        78,
        "/nowhere",
    );
    let wrong = sandbox.path("wrong");
    std::fs::write(&wrong, "a letter").unwrap();
    let state = [
        "--state",
        wrong.to_str().unwrap(),
        "--level",
        "syntax",
        "u@v.example",
    ];
    assert_refused(&verify(&sandbox, &state, ""), 73, "wrong");
    assert_silent(&verify(&sandbox, &["-"], ""), 0);
    assert_silent(&verify(&sandbox, &[], ""), 0);
}
