mod docs;
mod faults;
mod routes;

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
        "[\"SCRAM-SHA-256\", \"PLAIN\"]",
        "{ \"*\" = [\"guests.example\"], \"ann\" = [\"ann@here.example\"] }",
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
