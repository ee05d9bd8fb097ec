mod docs;

use std::fs;
use std::path::Path;

use super::host::{Surroundings, full_name, load};
use super::*;

fn error(text: &str) -> String {
    Config::parse("c.toml", text).unwrap_err().to_string()
}

fn parsed(text: &str) -> Config {
    Config::parse("c.toml", text).unwrap()
}

/// A machine of its own: no environment, name `box`, an ordinary user.
fn around(root: &Path) -> Surroundings {
    Surroundings {
        root: root.to_owned(),
        env: |_| None,
        kernel_name: || "box".to_owned(),
        uid: rustix::process::geteuid().as_raw(),
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn pair(value: &str, from: &str) -> (String, String) {
    (value.to_owned(), from.to_owned())
}

fn source(config: &Config, key: &str) -> (String, String) {
    let sources = config.sources();
    let found = sources.into_iter().find(|(k, ..)| *k == key).unwrap();
    (found.1, found.2)
}

/// The default written in the table, read as a file, is the default in force.
#[test]
fn the_table_tells_the_defaults() {
    for key in KEYS {
        let shown = (key.slot)(&mut Config::default()).show();
        if key.default.is_empty() {
            assert!(matches!(shown.as_str(), "" | "\"\"" | "[]"), "{}", key.name);
            continue;
        }
        let mut config = Config::default();
        file::read(&mut config, "c", &format!("{} = {}", key.name, key.default)).unwrap();
        config.set.clear();
        assert_eq!(config, Config::default(), "{}", key.name);
        assert_eq!(shown, key.default, "{}", key.name);
    }
}

/// Every key shows what it was set to, and that text reads back.
#[test]
fn every_key_can_be_set_and_shown() {
    let values = [
        "\"mx.example.org\"",
        "[\"a.example\", \"b.example\"]",
        "\"/srv/x\"",
        "\"ops@example.org\"",
        "[\"/a\", \"/b\"]",
        "\"maildir:/srv/{user}\"",
        "\"smtps://relay.example:465\"",
        "\"required\"",
        "\"2h30m\"",
        "7",
        "\"2M\"",
        "false",
        "\"syslog\"",
        "1.5",
        "0.5",
        "[\"127.0.0.1:5353\", \"[::1]:53\"]",
        "[\"192.0.2.0/24\", \"2001:db8::/32\"]",
        "[\"0.0.0.0:25\"]",
        "\"7s\"",
        "101",
        "\"-\"",
        "\".mailrules\"",
        "[\"passwd:\", \"ann@a.example\", \"maildir:/srv/{user}\"]",
        "[\"/usr/bin/filter\", \"-x\"]",
        "[{ uid = [\"www-data\"], from = \"web@example.org\", to_bare = true }]",
    ];
    for key in KEYS
        .iter()
        .filter(|k| !["route", "account"].contains(&k.name))
    {
        let took = values.iter().find(|value| {
            let mut config = Config::default();
            let read = file::read(&mut config, "c", &format!("{} = {value}", key.name));
            read.is_ok() && (key.slot)(&mut config).show() == **value
        });
        assert!(
            took.is_some(),
            "{} shows none of the values as set",
            key.name
        );
    }
}

#[test]
fn nothing_configured_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let config = load(&Overrides::default(), &around(dir.path())).unwrap();
    assert_eq!(config.hostname, "box.localdomain");
    assert_eq!(config.origin, "box.localdomain");
    assert_eq!(config.local_domains, ["box.localdomain", "localhost"]);
    assert_eq!(config.postmaster, "postmaster@box.localdomain");
    assert_eq!(source(&config, "retry.give_up"), pair("\"5d\"", "default"));
    assert_eq!(config.table().default.transport, Transport::Mx);
    assert_eq!(config.sources().len(), KEYS.len());
}

#[test]
fn overrides_of_rewriting() {
    let read = |text: &str| {
        let mut config = Config::default();
        file::read(&mut config, "c", text).map(|()| config.rewrite)
    };
    let rules = read(
        "[rewrite]\nfrom = \"{user}+{host}@example.org\"\nto_bare = true\n\
         [[rewrite.override]]\nsender = [\"example.org\"]\ndiscard = true\nfrom = \"\"\n",
    )
    .unwrap();
    assert_eq!(rules.general.to_bare, Some(true));
    assert_eq!(rules.overrides[0].profile.from.as_deref(), Some(""));
    assert_eq!(rules.overrides[0].profile.to_bare, None);
    for (wrong, said) in [
        (
            "[rewrite]\nfrom = \"root\"",
            "expected an address, in which",
        ),
        ("[rewrite]\nall_to = \"root\"", "expected a whole address"),
        ("[rewrite]\nfrom_name = \"a\\nb\"", "without line ends"),
        ("[rewrite]\nfrm = \"\"", "rewrite.from"),
        ("[[rewrite.override]]\nfrom = \"a@x\"", "uid or sender"),
        (
            "[[rewrite.override]]\nuid = \"x\"\nfrom_nam = \"a\"",
            "rewrite.override.from_name",
        ),
        ("[[rewrite.override]]\nsender = \"@\"", "a domain, .domain"),
        ("[rewrite]\noverride = 1", "[[rewrite.override]]"),
    ] {
        let error = read(wrong).unwrap_err().0;
        assert!(error.contains(said), "{wrong}: {error}");
    }
}

/// sendmail.md 3.2: configured, else /etc/mailname, else the host's name.
#[test]
fn names_come_from_the_host() {
    let dir = tempfile::tempdir().unwrap();
    put(
        dir.path(),
        "etc/hosts",
        "127.0.0.1 localhost\n127.0.1.1 box.example.org box\n",
    );
    put(dir.path(), "etc/mailname", "Example.ORG\n");
    let config = load(&Overrides::default(), &around(dir.path())).unwrap();
    assert_eq!(config.hostname, "box.example.org");
    assert_eq!(config.origin, "example.org");
    assert_eq!(
        config.local_domains,
        ["box.example.org", "example.org", "localhost"]
    );
    let dotted = Surroundings {
        kernel_name: || "h.example.net".to_owned(),
        ..around(dir.path())
    };
    assert_eq!(
        load(&Overrides::default(), &dotted).unwrap().hostname,
        "h.example.net"
    );
    let odd = Surroundings {
        kernel_name: || "(none)".to_owned(),
        ..around(dir.path())
    };
    assert_eq!(
        load(&Overrides::default(), &odd).unwrap().hostname,
        "localhost.localdomain"
    );
}

#[test]
fn hosts_lines() {
    assert_eq!(full_name("::1 box # box.example.org", "box"), None);
    assert_eq!(full_name("10.0.0.1 other.example.org other", "box"), None);
    assert_eq!(
        full_name("10.0.0.1 BOX box.Example.org", "box").as_deref(),
        Some("box.example.org")
    );
}

/// The user's file goes over the system's key by key.
#[test]
fn the_user_file_goes_over_the_system_file() {
    let dir = tempfile::tempdir().unwrap();
    put(
        dir.path(),
        "etc/smtputils/config.toml",
        "hostname = \"a.example\"\nhistory_days = 3\n[retry]\nfirst = \"1m\"",
    );
    let home = tempfile::tempdir().unwrap();
    put(
        home.path(),
        "smtputils/config.toml",
        "# mine\nhistory_days = 4\n[retry]\nlongest = 60",
    );
    // A function pointer holds nothing, so the place goes through the environment's one writer here.
    static HOME: std::sync::OnceLock<std::ffi::OsString> = std::sync::OnceLock::new();
    HOME.set(home.path().into()).unwrap();
    let env = |name: &str| (name == "XDG_CONFIG_HOME").then(|| HOME.get().unwrap().clone());
    let around = Surroundings {
        env,
        ..around(dir.path())
    };
    let config = load(&Overrides::default(), &around).unwrap();
    assert_eq!(config.hostname, "a.example");
    assert_eq!(config.history_days, 4);
    assert_eq!(config.retry.first.as_secs(), 60);
    assert_eq!(config.retry.longest.as_secs(), 60);
    let (value, from) = source(&config, "history_days");
    assert_eq!(value, "4");
    assert!(from.ends_with("/smtputils/config.toml:2"), "{from}");
    // S1: with raised privilege only the system's file.
    let raised = Overrides {
        privileged: true,
        spool: Some("/x".into()),
        config: Some("/nowhere".into()),
    };
    let config = load(&raised, &around).unwrap();
    assert_eq!(
        (config.history_days, config.hostname.as_str()),
        (3, "a.example")
    );
    assert_eq!(config.spool, dir.path().join("var/spool/smtputils"));
    // Somebody else's file configures nothing (sudo that keeps HOME).
    let other = Surroundings {
        uid: 4_000_000_000,
        ..around
    };
    assert_eq!(load(&Overrides::default(), &other).unwrap().history_days, 3);
}

#[test]
fn the_spool_may_be_overridden() {
    let dir = tempfile::tempdir().unwrap();
    let env = |name: &str| (name == "SMTPUTILS_SPOOL").then(|| "/env".into());
    let named = Surroundings {
        env,
        ..around(dir.path())
    };
    let config = load(&Overrides::default(), &named).unwrap();
    assert_eq!(
        source(&config, "spool"),
        pair("\"/env\"", "SMTPUTILS_SPOOL")
    );
    let over = Overrides {
        spool: Some("/opt".into()),
        ..Overrides::default()
    };
    assert_eq!(
        source(&load(&over, &named).unwrap(), "spool"),
        pair("\"/opt\"", "--spool")
    );
    let relative = Overrides {
        spool: Some("here".into()),
        ..Overrides::default()
    };
    assert!(load(&relative, &named).unwrap().spool.is_absolute());
    let env = |name: &str| (name == "XDG_STATE_HOME").then(|| "/state".into());
    let user = Surroundings {
        env,
        uid: 1000,
        ..around(dir.path())
    };
    let config = load(&Overrides::default(), &user).unwrap();
    assert_eq!(config.spool, Path::new("/state/smtputils/spool"));
    fs::create_dir_all(dir.path().join("var/spool/smtputils")).unwrap();
    let config = load(&Overrides::default(), &user).unwrap();
    assert_eq!(config.spool, dir.path().join("var/spool/smtputils"));
}

/// A file named by hand has to be there; the exit status is EX_CONFIG.
#[test]
fn an_unreadable_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        dir.path().join("none"),
        dir.path().to_owned(),
        "/dev/zero".into(),
    ] {
        let over = Overrides {
            config: Some(path.clone()),
            ..Overrides::default()
        };
        let error = load(&over, &around(dir.path())).unwrap_err();
        assert!(
            error
                .0
                .starts_with(&format!("{}: cannot be read: ", path.display())),
            "{error}"
        );
        assert_eq!(error.class().exit_status(), 78);
    }
}

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

#[test]
fn durations() {
    let table = [
        ("5m", 300),
        ("1h30m", 5400),
        ("5d", 432_000),
        ("30s", 30),
        ("0s", 0),
        ("1w 1d", 691_200),
    ];
    for (text, seconds) in table {
        assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
    }
    for text in [
        "",
        "5",
        "m",
        "5x",
        "-5m",
        "5m5m",
        "5s1m",
        "1.5h",
        "99999999999999999999s",
        "600w",
        "5m ",
    ] {
        assert_eq!(parse_duration(text).is_some(), text == "5m ", "{text}");
    }
    assert_eq!(duration_text(Duration::from_secs(90_061)), "1d1h1m1s");
}

#[test]
fn sizes() {
    let table = [
        ("50M", 50 << 20),
        ("50MiB", 50 << 20),
        ("1 K", 1024),
        ("7", 7),
        ("2GiB", 2 << 30),
    ];
    for (text, octets) in table {
        assert_eq!(parse_size(text), Some(octets), "{text}");
    }
    for text in [
        "",
        "M",
        "50MB",
        "50m",
        "-1",
        "1.5M",
        "iB",
        "5iB",
        "99999999999G",
    ] {
        assert_eq!(parse_size(text), None, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn durations_read_back(seconds in 0..value::LONGEST) {
        let duration = Duration::from_secs(seconds);
        assert_eq!(parse_duration(&duration_text(duration)), Some(duration));
    }

    #[test]
    fn sizes_read_back(size: u64) {
        assert_eq!(parse_size(&value::size_text(size)), Some(size));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z\\[\\]=\"'.\\n\\\\é0-9 #{},:-]{0,60}") {
        let _ = file::read(&mut Config::default(), "c", &text);
    }
}

/// I4: what others could have written is not read; the rest counts.
#[test]
fn alias_files_and_their_includes() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let text = format!(
        "team: :include:{}, :include:{}\nroot: ann\n",
        path("list"),
        path("open")
    );
    put(dir.path(), "aliases", &text);
    put(
        dir.path(),
        "list",
        "# people\nbob\ncarol, dave@example.net\n",
    );
    put(dir.path(), "open", "mallory\n");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path("open"), fs::Permissions::from_mode(0o666)).unwrap();
    let files = [PathBuf::from(path("none")), PathBuf::from(path("aliases"))];
    let (aliases, errors) = load_aliases_from(&files, "example.org");
    let targets = aliases
        .get("team")
        .unwrap()
        .iter()
        .map(|t| t.to.to_string());
    assert_eq!(
        targets.collect::<Vec<_>>(),
        ["bob@example.org", "carol@example.org", "dave@example.net"]
    );
    assert!(aliases.get("ROOT").is_some());
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [format!(
            "{}:1: the included file cannot be read: everybody can write it",
            path("aliases")
        )]
    );
}
