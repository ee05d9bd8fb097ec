//! `smtp-mx` against a name server of ours.

use super::dns::{Data, Dns};
use super::sandbox::*;

pub fn zone() -> Dns {
    let ip = |text: &str| Data::Address(text.parse().unwrap());
    Dns::start(&[
        ("two.example", Data::Mx(20, "b.two.example")),
        ("two.example", Data::Mx(10, "a.two.example")),
        ("a.two.example", ip("198.51.100.1")),
        ("a.two.example", ip("2001:db8::1")),
        ("b.two.example", ip("198.51.100.2")),
        ("null.example", Data::Mx(0, ".")),
        ("alone.example", ip("198.51.100.3")),
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
        "two.example\t10\ta.two.example\t2001:db8::1\t-\n\
         two.example\t10\ta.two.example\t198.51.100.1\t-\n\
         two.example\t20\tb.two.example\t198.51.100.2\t-\n\
         alone.example\t-\talone.example\t198.51.100.3\timplicit\n\
         alias.example\t10\ta.two.example\t2001:db8::1\tCNAME\n\
         alias.example\t10\ta.two.example\t198.51.100.1\tCNAME\n\
         alias.example\t20\tb.two.example\t198.51.100.2\tCNAME\n"
    );
    let output = mx(&sandbox, &["--mx-only", "two.example"], "");
    assert_eq!(
        stdout(&output),
        "two.example\t10\ta.two.example\t-\t-\ntwo.example\t20\tb.two.example\t-\t-\n"
    );
}

#[test]
fn four_answers_have_four_statuses() {
    // MX-04, MX-05, MX-06: found, printed, and no reason to say it twice.
    let dns = zone();
    let sandbox = asking(&dns);
    for (domain, note, code) in [
        ("none.example", "NXDOMAIN", 68),
        ("null.example", "null MX", 68),
        ("empty.example", "no data", 69),
        ("silent.example", "time-out", 75),
        ("servfail.example", "SERVFAIL", 76),
        ("refused.example", "SERVFAIL", 76),
    ] {
        let output = mx(&sandbox, &[domain], "");
        assert_eq!(stdout(&output), format!("{domain}\t-\t-\t-\t{note}\n"));
        assert_eq!((stderr(&output), status(&output)), (String::new(), code));
    }
    for (domain, host, note, code) in [
        ("bare.example", "gone.example", "no address", 69),
        ("blind.example", "servfail.example", "SERVFAIL", 76),
    ] {
        let output = mx(&sandbox, &[domain], "");
        let line = format!("{domain}\t10\t{host}\t-\t{note}\n");
        assert_eq!((stdout(&output), status(&output)), (line, code));
    }
    // MX-04: the domain itself is no way out. The worst wins.
    assert!(!dns.asked().contains(&"A bare.example".to_owned()));
    let output = mx(
        &sandbox,
        &["two.example", "servfail.example", "none.example"],
        "",
    );
    assert_eq!(status(&output), 76);
}

#[test]
fn an_address_of_ours_is_told() {
    let dns = Dns::start(&[
        ("own.example", Data::Mx(10, "h.example")),
        ("own.example", Data::Mx(20, "near.example")),
        ("h.example", Data::Address("192.0.2.1".parse().unwrap())),
        ("near.example", Data::Address("127.0.0.1".parse().unwrap())),
    ]);
    let sandbox = asking(&dns);
    let output = mx(&sandbox, &["own.example"], "");
    let text = stdout(&output);
    assert!(text.lines().all(|line| line.ends_with("\tself")), "{text}");
}

#[test]
fn answers_have_the_order_of_the_questions() {
    let dns = zone();
    let sandbox = asking(&dns);
    let list = "silent.example\ntwo.example\textra\n\nalone.example\n";
    let output = mx(&sandbox, &["--json"], list);
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let domains: Vec<_> = objects
        .iter()
        .map(|o| o["domain"].as_str().unwrap())
        .collect();
    let expected = [
        "silent.example",
        "two.example",
        "two.example",
        "two.example",
        "alone.example",
    ];
    assert_eq!(domains, expected);
    let mut keys: Vec<_> = objects[0].as_object().unwrap().keys().collect();
    keys.sort();
    let expected = [
        "address",
        "dnssec",
        "domain",
        "host",
        "note",
        "preference",
        "problem",
        "v",
    ];
    assert_eq!(keys, expected);
    assert_eq!(objects[1]["address"], "2001:db8::1");
    assert_eq!(objects[0]["note"], serde_json::json!(["time-out"]));
    assert_eq!(status(&output), 75);
}

#[test]
fn u_labels_are_asked_for_and_shown_as_a_labels() {
    // MX-20
    let dns = Dns::start(&[("xn--bcher-kva.example", Data::Mx(0, "."))]);
    let sandbox = asking(&dns);
    let output = mx(&sandbox, &["a@b\u{fc}cher.example"], "");
    assert_eq!(stdout(&output), "xn--bcher-kva.example\t-\t-\t-\tnull MX\n");
    assert_eq!(dns.asked(), ["MX xn--bcher-kva.example"]);
}

#[test]
fn d1_what_strange_zones_hold_ends_soon() {
    // MX-12, MX-13: as many MX as fit into a message come by TCP, and nobody would
    // try more than 20.
    let names: Vec<String> = (0..1200).map(|n| format!("m{n}.many.example")).collect();
    let names: &'static [String] = names.leak();
    let mut records: Vec<(&str, Data)> = names
        .iter()
        .map(|n| ("many.example", Data::Mx(1, n)))
        .collect();
    records.extend([
        ("loop.example", Data::Cname("pool.example")),
        ("pool.example", Data::Cname("loop.example")),
        ("evil.example", Data::Mx(1, "\x1b]0;x\x07.example")),
    ]);
    let dns = Dns::start(&records);
    let sandbox = asking(&dns);
    let output = mx(&sandbox, &["--mx-only", "many.example"], "");
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 21);
    assert!(
        text.ends_with("many.example\t-\t-\t-\tnot used\n"),
        "{text}"
    );
    let output = mx(&sandbox, &["loop.example"], "");
    assert!(
        matches!(status(&output), 68 | 69 | 76),
        "{}",
        stdout(&output)
    );
    let output = mx(&sandbox, &["--mx-only", "evil.example"], "");
    assert!(!stdout(&output).contains('\x1b'), "I8");
}

#[test]
fn a_lost_datagram_costs_less_than_a_second() {
    let dns = zone();
    let sandbox = asking(&dns);
    let lossy = super::loss::first_lost(dns.address);
    let began = std::time::Instant::now();
    let resolver = lossy.to_string();
    let output = mx(
        &sandbox,
        &[
            "--mx-only",
            "--resolver",
            &resolver,
            "--timeout",
            "5s",
            "two.example",
        ],
        "",
    );
    assert_eq!(status(&output), 0, "{}", stdout(&output));
    let took = began.elapsed();
    assert!(took.as_millis() < 1500, "{took:?}");
}

#[test]
fn a_probe_tells_what_a_host_offers() {
    use super::hosts::*;
    let address = |kind: u8| Data::Address([127, 0, 0, kind].into());
    let dns = Dns::start(&[
        ("normal.example", address(NORMAL)),
        ("listed.example", address(LISTED)),
        ("hang.example", address(SILENT)),
        ("garbage.example", address(GARBAGE)),
        ("long.example", address(LONG_LINE)),
        ("down.example", address(99)),
        (
            "private.example",
            Data::Address("10.0.0.1".parse().unwrap()),
        ),
    ]);
    let sandbox = Sandbox::new();
    sandbox.configure(&format!(
        "[dns]\nservers = [\"{}\"]\n[delivery]\nallow_networks = [\"127.0.0.0/8\"]",
        dns.address
    ));
    let hosts = Hosts::start();
    let port = hosts.port.to_string();
    let probe = |domain: &str| {
        let args = [
            "--probe",
            "--json",
            "--port",
            &port,
            "--smtp-timeout",
            "1s",
            domain,
        ];
        let output = mx(&sandbox, &args, "");
        let text = stdout(&output);
        assert!(!text.contains('\x1b'), "I8");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        (line["probe"].clone(), status(&output))
    };
    let (found, code) = probe("normal.example");
    assert_eq!((found["state"].as_str(), code), (Some("ok"), 0), "{found}");
    assert_eq!(found["greeting"], "mx.example ESMTP");
    assert_eq!(found["size"], 1000);
    assert_eq!(found["starttls"], false);
    assert!(
        found["keywords"]
            .as_array()
            .unwrap()
            .contains(&"PIPELINING".into())
    );
    for (domain, state) in [
        ("listed.example", "rejected"),
        ("hang.example", "time-out"),
        ("garbage.example", "broken"),
        ("long.example", "broken"),
        // Refused: the host is there.
        ("down.example", "refused"),
        ("private.example", "not public"),
    ] {
        let (found, code) = probe(domain);
        assert_eq!(
            (found["state"].as_str(), code),
            (Some(state), 75),
            "{found}"
        );
    }
    let args = ["--probe", "--port", &port, "normal.example"];
    let text = stdout(&mx(&sandbox, &args, ""));
    assert!(
        text.contains("\tok\tno STARTTLS\t-\t-\t-\t1000\tPIPELINING,"),
        "{text}"
    );
}

#[test]
fn explain_tells_what_a_delivery_would_do() {
    let dns = zone();
    let sandbox = asking(&dns);
    let output = mx(&sandbox, &["--explain", "u@two.example"], "");
    let text = stdout(&output);
    assert!(text.contains("u@two.example\troute\tmx:\t"), "{text}");
    assert!(text.contains("\ttls\topportunistic\t"), "{text}");
    // The documentation network is not public.
    assert!(text.contains("\tproblem\t"), "{text}");
    assert_eq!(status(&output), 68);
    let output = mx(&sandbox, &["--explain", "u@null.example"], "");
    assert!(stdout(&output).contains("5.1.10"), "{}", stdout(&output));
    assert_eq!(status(&output), 68);
    let output = mx(&sandbox, &["--explain", "u@servfail.example"], "");
    assert_eq!(status(&output), 75);
}

#[test]
fn self_looks_at_this_host() {
    let dns = Dns::start(&[
        ("h.example", Data::Address("127.0.0.1".parse().unwrap())),
        ("1.0.0.127.in-addr.arpa", Data::Pointer("h.example")),
    ]);
    let sandbox = asking(&dns);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap().to_string();
    let output = mx(&sandbox, &["--self", "--test-host", &there], "");
    let text = stdout(&output);
    assert_eq!(
        text,
        format!(
            "ehlo\th.example\tok\tleads to an address in use\n\
             address\t127.0.0.1\tok\tmail goes out from it\n\
             ptr\t127.0.0.1\tok\th.example, forward-confirmed, as in EHLO\n\
             port\t{there} {there}\tok\tconnected\n"
        )
    );
    assert_eq!(status(&output), 0);
    let dns = Dns::start(&[("1.0.0.127.in-addr.arpa", Data::Pointer("gone.example"))]);
    let output = mx(&asking(&dns), &["--self", "--test-host", &there], "");
    assert!(
        stdout(&output).contains("ptr\t127.0.0.1\tbad\t"),
        "{}",
        stdout(&output)
    );
    assert_eq!(status(&output), 69);
}

#[test]
fn wrong_calls() {
    let sandbox = asking(&zone());
    assert_refused(&mx(&sandbox, &["--bogus", "x"], ""), 64, "--bogus");
    assert_refused(
        &mx(&sandbox, &["--resolver", "x", "y"], ""),
        64,
        "--resolver",
    );
    assert_refused(
        &mx(&sandbox, &["--trust-anchor", "x", "y"], ""),
        64,
        "--dnssec",
    );
    assert_refused(
        &mx(&sandbox, &["--config", "/nowhere", "x"], ""),
        78,
        "/nowhere",
    );
    for bad in ["", "a b", "x\ny", "two..example", "u@[192.0.2.1]", "u@"] {
        assert_refused(&mx(&sandbox, &[bad], ""), 65, "argument 1");
    }
    // The good ones are answered all the same, and the bad ones have their number.
    let long = "x".repeat(1 << 20);
    let input = format!("two..example\n\nalone.example\n{long}\nalone.example\n");
    let output = mx(&sandbox, &[], &input);
    assert_eq!((stdout(&output).lines().count(), status(&output)), (2, 65));
    let told = stderr(&output);
    assert!(
        told.contains("line 1: ") && told.contains("line 4: longer"),
        "{told}"
    );
    assert_silent(&mx(&sandbox, &["-"], ""), 0);
    assert_silent(&mx(&sandbox, &[], ""), 0);
}
