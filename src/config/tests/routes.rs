//! Routes, the smarthost, accounts and their logins.

use super::*;

#[test]
fn routes_and_smarthost() {
    let config = parsed(
        "smarthost = \"submission://Relay.Example\"\nsmarthost_tls = \"required\"\nlocal_domains = [\"Here.Example\"]\n\
         [[route]]\nmatch = [\".Example.NET\", \"bücher.example\"]\nto = \"smtp://[::1]:2525\"\ntls = \"none\"\n\
         [[route]]\nmatch = \"Ann@here.example\"\nto = \"discard:\"",
    );
    let table = config.table();
    assert_eq!(table.local_domains, ["here.example"]);
    assert_eq!(table.default.tls, TlsPolicy::Required);
    assert_eq!(
        table.default.transport.to_string(),
        "submission://relay.example:587"
    );
    assert_eq!(
        table.routes[0].matches,
        [".example.net", "xn--bcher-kva.example"]
    );
    assert_eq!(table.routes[0].transport.to_string(), "smtp://[::1]:2525");
    assert_eq!(table.routes[1].matches, ["ann@here.example"]);
    let (value, from) = source(&config, "route");
    assert_eq!(from, "c.toml:4");
    assert!(
        value.ends_with(
            "{ match = [\"ann@here.example\"], to = \"discard:\", tls = \"opportunistic\" }"
        ),
        "{value}"
    );
}

/// Issue 3: TLS and login per account or route.
#[test]
fn accounts_and_logins() {
    let pin = "ab".repeat(32);
    let config = parsed(&format!(
        "[account.default]\nserver = \"submission://mail.example\"\nuser = \"ann\"\n\
         password_file = \"/etc/secret\"\n\
         [account.work]\nserver = \"smtp://work.example\"\nfrom = [\"work.example\", \"Ann@job.example\"]\n\
         user = \"ann@work\"\npassword_command = [\"pass\", \"mail\"]\nmechanisms = \"scram-sha-256\"\n\
         [account.home]\nserver = \"smtps://[::1]\"\nnetrc = true\nfingerprint = \"{pin}\"\n\
         [[route]]\nmatch = \"far.example\"\nto = \"smtp://gate.example\"\n\
         client_certificate = \"/c.pem\"\nmechanisms = [\"EXTERNAL\"]\n"
    ));
    let table = config.table();
    assert_eq!(
        table.default.transport.to_string(),
        "submission://mail.example:587"
    );
    assert_eq!(table.default.access.user.as_deref(), Some("ann"));
    // By the sender, instead of the default; routes that name the recipient first.
    let to = crate::smtp::addr::Mailbox::parse("bob@x.example").unwrap();
    let next = |sender: &str| {
        let (sender, _) = crate::smtp::addr::ReversePath::parse_prefix(sender).unwrap();
        let table = table.for_sender(&sender);
        let decision = table.decide(&to);
        (
            decision.transport.to_string(),
            decision.tls,
            decision.because,
        )
    };
    let work = (
        "smtp://work.example:25".to_owned(),
        TlsPolicy::Required,
        "account work".to_owned(),
    );
    assert_eq!(next("<x@work.example>"), work);
    assert_eq!(next("<ANN@job.example>"), work);
    assert_eq!(next("<other@job.example>").2, "smarthost");
    assert_eq!(next("<>").2, "smarthost");
    let account = config.account("work").unwrap();
    assert_eq!(account.from.as_deref(), Some("ann@job.example"));
    assert_eq!(config.account("home").unwrap().route.tls, TlsPolicy::Pinned);
    assert_eq!(table.routes[0].access.client_key, Some("/c.pem".into()));
    assert_eq!(
        table.routes[0].tls,
        TlsPolicy::Required,
        "a login goes nowhere unverified"
    );
    let (shown, _) = source(&config, "account");
    assert!(
        shown.contains("password_command = [\"pass\", \"mail\"]"),
        "{shown}"
    );

    let account = |text: &str| error(&format!("[account.a]\nserver = \"smtp://h\"\n{text}"));
    for (text, told) in [
        (
            "password_file = \"/p\"",
            "expected user beside the source of its password",
        ),
        (
            "user = \"a\"\npassword_file = \"/p\"\nnetrc = true",
            "expected one source of the password, not several",
        ),
        (
            "user = \"a\\u0000b\"",
            "expected a name without control characters",
        ),
        (
            "password = \"s3cret\"",
            "unknown key; the nearest known one is account.password_file",
        ),
        ("password_file = \"s3cret\"", "expected an absolute path"),
        (
            "password_credential = \"../x\"",
            "expected the name of a file, without its directory",
        ),
        (
            "password_command = []",
            "expected a list of words, the program first",
        ),
        (
            "mechanisms = \"NTLM\"",
            "expected one of EXTERNAL, SCRAM-SHA-256",
        ),
        (
            "mechanisms = \"EXTERNAL\"",
            "expected client_certificate beside client_key or EXTERNAL",
        ),
        ("tls = \"pinned\"", "expected fingerprint with tls = pinned"),
        (
            "fingerprint = \"00\"",
            "expected sha256: and 64 hexadecimal digits",
        ),
        (
            &format!("tls = \"required\"\nfingerprint = \"{pin}\""),
            "expected tls = pinned with a fingerprint",
        ),
    ] {
        let why = account(text);
        assert!(
            why.contains(told) && !why.contains("s3cret"),
            "{text}: {why}"
        );
    }
    assert!(error("[account.a]\nuser = \"x\"").contains("expected server in every account"));
    assert!(error("account = 5").contains("[account.NAME]"));
    assert!(
        error("[[route]]\nmatch = \"*\"\nto = \"mx:\"\nuser = \"a\"")
            .contains("a login only towards")
    );
}
