//! `smtp-mx` against a name server of ours.

use super::dns::{Data, Dns};
use super::sandbox::*;

pub fn zone() -> Dns {
    let ip = |text: &str| Data::Address(text.parse().unwrap());
    Dns::start(&[
        ("two.example", Data::Mx(20, "b.two.example")),
        ("two.example", Data::Mx(10, "a.two.example")),
        ("a.two.example", ip("192.0.2.1")),
        ("a.two.example", ip("2001:db8::1")),
        ("b.two.example", ip("192.0.2.2")),
        ("null.example", Data::Mx(0, ".")),
        ("alone.example", ip("192.0.2.3")),
        ("alias.example", Data::Cname("two.example")),
        ("bare.example", Data::Mx(10, "gone.example")),
        ("blind.example", Data::Mx(10, "servfail.example")),
        ("empty.example", Data::Nothing),
        ("servfail.example", Data::ServFail),
        ("refused.example", Data::Refused),
        ("silent.example", Data::Silence),
    ])
}

pub fn asking(dns: &Dns) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!(
        "[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\nattempts = 1",
        dns.address
    ));
    sandbox
}

fn mx(sandbox: &Sandbox, args: &[&str], input: &str) -> std::process::Output {
    let mut command = sandbox.other(env!("CARGO_BIN_EXE_smtp-mx"), "smtp-mx", args);
    finish(command.spawn().unwrap(), input.as_bytes())
}

#[test]
fn hosts_come_in_order_with_their_addresses() {
    // MX-01, MX-03, MX-07, MX-10
    let dns = zone();
    let sandbox = asking(&dns);
    let output = mx(
        &sandbox,
        &["two.example", "x@alone.example", "alias.example"],
        "",
    );
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    assert_eq!(
        stdout(&output),
        "two.example\tmx\t10\ta.two.example\t2001:db8::1,192.0.2.1\t-\n\
         two.example\tmx\t20\tb.two.example\t192.0.2.2\t-\n\
         alone.example\timplicit\t0\talone.example\t192.0.2.3\t-\n\
         alias.example\tmx\t10\ta.two.example\t2001:db8::1,192.0.2.1\t-\n\
         alias.example\tmx\t20\tb.two.example\t192.0.2.2\t-\n"
    );
}

#[test]
fn what_takes_no_mail_is_68() {
    // MX-04, MX-05, MX-06: found, printed, and no reason to say it twice.
    let dns = zone();
    let sandbox = asking(&dns);
    for (domain, kind, words) in [
        ("null.example", "null", "5.1.10"),
        ("none.example", "none", "5.1.2"),
        ("empty.example", "none", "5.4.4"),
    ] {
        let output = mx(&sandbox, &[domain], "");
        let text = stdout(&output);
        assert!(
            text.starts_with(&format!("{domain}\t{kind}\t-\t-\t-\t{words} ")),
            "{text}"
        );
        assert_eq!((stderr(&output), status(&output)), (String::new(), 68));
    }
    let output = mx(&sandbox, &["bare.example"], "");
    assert!(
        stdout(&output).contains("no address"),
        "{}",
        stdout(&output)
    );
    assert_eq!((stderr(&output), status(&output)), (String::new(), 68));
    // MX-04: the domain itself is no way out.
    assert!(!dns.asked().contains(&"A bare.example".to_owned()));
}

#[test]
fn no_answer_is_75_and_one_line() {
    // MX-05
    let dns = zone();
    let sandbox = asking(&dns);
    let output = mx(&sandbox, &["blind.example"], "");
    assert_eq!((stderr(&output).lines().count(), status(&output)), (1, 75));
    for domain in ["servfail.example", "refused.example", "silent.example"] {
        let output = mx(&sandbox, &[domain], "");
        let (out, err) = (stdout(&output), stderr(&output));
        assert!(out.starts_with(&format!("{domain}\terror\t")), "{out}");
        assert!(err.starts_with(&format!("smtp-mx: {domain}: ")), "{err}");
        assert!(err.contains("try again later"), "{err}");
        assert_eq!((err.lines().count(), status(&output)), (1, 75));
    }
}

#[test]
fn answers_have_the_order_of_the_questions() {
    let dns = zone();
    let sandbox = asking(&dns);
    let list = "silent.example\ntwo.example\textra\n\nalone.example\n";
    let output = mx(&sandbox, &["--json", "-"], list);
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let domains: Vec<_> = objects
        .iter()
        .map(|o| o["domain"].as_str().unwrap())
        .collect();
    assert_eq!(
        domains,
        [
            "silent.example",
            "two.example",
            "two.example",
            "alone.example"
        ]
    );
    let mut keys: Vec<_> = objects[0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "addresses",
            "domain",
            "host",
            "kind",
            "preference",
            "problem",
            "v"
        ]
    );
    assert_eq!(
        objects[1]["addresses"],
        serde_json::json!(["2001:db8::1", "192.0.2.1"])
    );
    assert_eq!(status(&output), 75);
}

#[test]
fn wrong_calls() {
    let sandbox = asking(&zone());
    assert_refused(&mx(&sandbox, &[], ""), 64, "<DOMAIN>");
    assert_refused(&mx(&sandbox, &["--bogus", "x"], ""), 64, "--bogus");
    assert_refused(
        &mx(&sandbox, &["--config", "/nowhere", "x"], ""),
        78,
        "/nowhere",
    );
    for bad in ["", "a b", "x\ny", "two..example", "u@[192.0.2.1]", "u@"] {
        assert_refused(&mx(&sandbox, &[bad], ""), 65, "");
    }
    // The good ones are answered all the same.
    let output = mx(&sandbox, &["a b", "alone.example"], "");
    assert_eq!((stdout(&output).lines().count(), status(&output)), (1, 65));
    assert_silent(&mx(&sandbox, &["-"], ""), 0);
}
