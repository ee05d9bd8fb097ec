//! What is wrong in a file is told by position.

use super::*;

#[test]
fn an_unknown_key_is_told_with_the_nearest_known_one() {
    let table = [
        (
            "\nhostnme = \"x\"",
            "c.toml:2:1: unknown key; the nearest known one is hostname",
        ),
        (
            "[dns]\n  server = \"::1\"",
            "c.toml:2:3: unknown key; the nearest known one is dns.servers",
        ),
        (
            "listen = []",
            "c.toml:1:1: unknown key; the nearest known one is serve.listen",
        ),
        (
            "[delivry]\nport = 1",
            "c.toml:1:2: unknown key; the nearest known one is delivery",
        ),
        (
            "qqqqqqqqqqqq = 1",
            "c.toml:1:1: unknown key; see smtputils.conf(5) for the known ones",
        ),
        (
            "[[route]]\nmatches = \"*\"\nto = \"mx:\"",
            "c.toml:2:1: unknown key; the nearest known one is route.match",
        ),
    ];
    for (text, message) in table {
        assert_eq!(error(text), message);
    }
}

/// sendmail.md section 8.2: what stands in the file is never shown.
#[test]
fn wrong_values_are_told_by_position_and_not_repeated() {
    let table = [
        ("hostname = 5", "c.toml:1:12: expected text in quotes"),
        (
            "hostname = \"s3cret s3cret\"",
            "c.toml:1:12: expected a domain name",
        ),
        (
            "[retry]\nfirst = \"s3cret\"",
            "c.toml:2:9: expected a duration like \"1h30m\", or whole seconds, from 1s to 3650d",
        ),
        (
            "[retry]\nfirst = 0",
            "c.toml:2:9: expected a duration like \"1h30m\", or whole seconds, from 1s to 3650d",
        ),
        (
            "[retry]\njitter = 1.5",
            "c.toml:2:10: expected a number from 0 to 1",
        ),
        (
            "[retry]\nfactor = nan",
            "c.toml:2:10: expected a number from 1 to 100",
        ),
        (
            "message_size = \"50MB\"",
            "c.toml:1:16: expected a size like \"50M\", or octets, from 1K to 1048576G",
        ),
        (
            "message_size = -1",
            "c.toml:1:16: expected a size like \"50M\", or octets, from 1K to 1048576G",
        ),
        (
            "[delivery]\nport = 65536",
            "c.toml:2:8: expected a whole number from 1 to 65535",
        ),
        (
            "mailq_total = \"s3cret\"",
            "c.toml:1:15: expected true or false",
        ),
        (
            "spool = \"s3cret\"",
            "c.toml:1:9: expected an absolute path",
        ),
        (
            "log = \"s3cret\"",
            "c.toml:1:7: expected auto, stderr, syslog or none",
        ),
        (
            "smarthost = \"s3cret.example\"",
            "c.toml:1:13: expected a transport: mx:, smtp://host, smtps://host, submission://host, lmtp://host, lmtp:/socket, maildir:/path, mbox:/path, pipe:/program, discard:, error:status text, or hold:",
        ),
        (
            "smarthost = \"mx:\"",
            "c.toml:1:13: expected smtp://host, smtps://host or submission://host",
        ),
        (
            "smarthost = \"submission://u:s3cret@h\"",
            "c.toml:1:13: expected no user name or password in a transport",
        ),
        (
            "smarthost_tls = \"s3cret\"",
            "c.toml:1:17: expected none, opportunistic or required",
        ),
        (
            "local = \"mx:\"",
            "c.toml:1:9: expected lmtp:, maildir:, mbox:, pipe:, discard:, error: or hold: for local mailboxes",
        ),
        (
            "[dns]\nservers = [\"s3cret\"]",
            "c.toml:2:11: expected an address like 127.0.0.1, 127.0.0.1:5353 or [::1]",
        ),
        (
            "[serve]\nrelay_from = [\"10.1.2.3/8\"]",
            "c.toml:2:14: expected no bits set behind the network's prefix",
        ),
        ("dns = 5", "c.toml:1:7: expected a section"),
        (
            "route = 5",
            "c.toml:1:9: expected a table for each route, [[route]]",
        ),
        (
            "[[route]]\nmatch = \"*\"",
            "c.toml:1:1: expected match and to in every route",
        ),
        (
            "[[route]]\nmatch = \"*\"\nto = \"bsmtp:/x\"",
            "c.toml:3:6: bsmtp: is not built into this version",
        ),
        (
            "[[route]]\nmatch = \"s3 cret\"\nto = \"mx:\"",
            "c.toml:2:9: expected a domain, .domain, user@domain or *",
        ),
    ];
    for (text, message) in table {
        assert_eq!(error(text), message);
    }
    for text in [
        "s3cret",
        "root:s3cret:0:0::/root:/bin/sh",
        "a = \"s3cret",
        "s3cret = [1,",
        "é = s3cret",
    ] {
        let told = error(text);
        assert!(
            told.starts_with("c.toml:1:") && !told.contains("s3cret"),
            "{told}"
        );
    }
}
