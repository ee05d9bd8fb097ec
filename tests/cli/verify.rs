//! `smtp-verify` against a name server of ours.

use super::mx::{asking, zone};
use super::sandbox::*;

fn verify(sandbox: &Sandbox, args: &[&str], input: &str) -> std::process::Output {
    let mut command = sandbox.other(env!("CARGO_BIN_EXE_smtp-verify"), "smtp-verify", args);
    finish(command.spawn().unwrap(), input.as_bytes())
}

#[test]
fn a_verdict_for_each_address() {
    // VF-01, VF-04
    let dns = zone();
    let sandbox = asking(&dns);
    for (address, verdict, level, words, code) in [
        ("u@two.example", "ok", "dns", "a.two.example", 0),
        ("u@alone.example", "ok", "dns", "alone.example", 0),
        ("u@[192.0.2.1]", "ok", "syntax", "", 0),
        ("\"a b\"@two.example", "ok", "dns", "", 0),
        ("u@null.example", "bad", "dns", "5.1.10", 68),
        ("u@none.example", "bad", "dns", "5.1.2", 68),
        ("u@empty.example", "bad", "dns", "5.4.4", 68),
        ("u@bare.example", "bad", "dns", "5.4.4", 68),
        ("u@servfail.example", "unknown", "dns", "4.4.3", 75),
        ("u@refused.example", "unknown", "dns", "4.4.3", 75),
        ("u@silent.example", "unknown", "dns", "4.4.3", 75),
        ("u", "bad", "syntax", "domain", 65),
        ("a b@two.example", "bad", "syntax", "", 65),
        ("", "bad", "syntax", "", 65),
        ("u@two.example\nRCPT", "bad", "syntax", "control", 65),
    ] {
        let output = verify(&sandbox, &[address], "");
        let text = stdout(&output);
        let columns: Vec<_> = text.trim_end().split('\t').collect();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!((columns[1], columns[2]), (verdict, level), "{text}");
        assert!(columns[3].contains(words), "{text}");
        assert_eq!(status(&output), code, "{text}");
        // Only what could not be found out is an error of the program.
        let said = usize::from(verdict == "unknown");
        assert_eq!(stderr(&output).lines().count(), said, "{}", stderr(&output));
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
    let output = verify(&sandbox, &["--json", "-"], &list.join("\n"));
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let told: Vec<_> = objects
        .iter()
        .map(|o| o["address"].as_str().unwrap())
        .collect();
    assert_eq!(told, list);
    let verdicts: Vec<_> = objects
        .iter()
        .map(|o| o["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["unknown", "ok", "bad", "bad", "ok"]);
    let mut keys: Vec<_> = objects[0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["address", "level", "reason", "v", "verdict"]);
    assert_eq!(status(&output), 75);
}

#[test]
fn syntax_alone_asks_nobody() {
    let dns = zone();
    let sandbox = asking(&dns);
    let output = verify(&sandbox, &["--syntax", "u@none.example"], "");
    assert_eq!(stdout(&output), "u@none.example\tok\tsyntax\twell formed\n");
    assert_eq!(status(&output), 0);
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn wrong_calls() {
    let sandbox = asking(&zone());
    assert_refused(&verify(&sandbox, &[], ""), 64, "<ADDRESS>");
    assert_refused(&verify(&sandbox, &["--bogus", "x"], ""), 64, "--bogus");
    assert_refused(
        &verify(&sandbox, &["--config", "/nowhere", "x"], ""),
        78,
        "/nowhere",
    );
    assert_silent(&verify(&sandbox, &["-"], ""), 0);
}
