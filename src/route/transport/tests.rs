use super::*;

#[test]
fn transports_read_and_print() {
    let table = [
        ("mx:", "mx:"),
        ("smtp://Relay.Example", "smtp://relay.example:25"),
        ("smtp://relay.example.:2525/", "smtp://relay.example:2525"),
        ("smtp://[2001:DB8::1]", "smtp://[2001:db8::1]:25"),
        ("smtp://192.0.2.1:26", "smtp://192.0.2.1:26"),
        ("smtps://relay.example", "smtps://relay.example:465"),
        (
            "submission://relay.example",
            "submission://relay.example:587",
        ),
        ("lmtp://store.example", "lmtp://store.example:24"),
        ("lmtp://[::1]:2003", "lmtp://[::1]:2003"),
        ("lmtp:/run/dovecot/lmtp", "lmtp:/run/dovecot/lmtp"),
        ("maildir:/srv/mail/{user}", "maildir:/srv/mail/{user}"),
        ("mbox:/var/mail/{user}", "mbox:/var/mail/{user}"),
        ("discard:", "discard:"),
        ("hold:", "hold:"),
        ("error:5.1.1 no such user", "error:5.1.1 no such user"),
        ("error: 4.7.0", "error:4.7.0"),
    ];
    for (text, printed) in table {
        let transport: Transport = text.parse().unwrap();
        assert_eq!(transport.to_string(), printed);
        assert_eq!(printed.parse(), Ok(transport));
    }
}

#[test]
fn other_text_is_no_transport() {
    for text in [
        "",
        "relay.example",
        "mx",
        "mx:x",
        "discard:/x",
        "hold:1",
        "smtp:relay.example",
        "smtp://",
        "smtp:///",
        "smtp://a b",
        "smtp://a..b",
        "smtp://-a",
        "smtp://a:0",
        "smtp://a:65536",
        "smtp://a:+25",
        "smtp://a:",
        "smtp://::1",
        "smtp://[::1",
        "smtp://[::1]25",
        "smtp://[a.example]",
        "smtp://é.example",
        "smtp://a/path",
        "lmtp:run/lmtp",
        "lmtp:",
        "lmtp://",
        "lmtp:/a\nb",
        "maildir:rel/{user}",
        "maildir:",
        "mbox:/x/{extension}",
        "pipe:",
        "pipe:prog",
        "pipe:/bin/x \"open",
        "pipe:/bin/{user}",
        "pipe:/bin/x {sender",
        "pipe:/bin/x {home}",
        "mbox:/x/{user",
        "mbox:/x\n",
        "error:",
        "error:no",
        "error:2.0.0 fine",
        "error:5.1 x",
        "error:5.1.1111 x",
        "error:5.1.1 a\r\nb",
        "http://a",
        "MX:",
    ] {
        assert!(text.parse::<Transport>().is_err(), "{text}");
    }
}

#[test]
fn what_is_not_built_in_says_so() {
    let error = "bsmtp:/x".parse::<Transport>().unwrap_err();
    assert_eq!(error.0, "bsmtp: is not built into this version");
}

/// Secrets never stand in a route, nor in the words about one.
#[test]
fn a_password_is_refused_and_not_repeated() {
    let error = "smtp://ann:s3cret@relay.example"
        .parse::<Transport>()
        .unwrap_err();
    assert_eq!(error.0, "expected no user name or password in a transport");
}

#[test]
fn tls_policies_read_back() {
    for name in TlsPolicy::NAMES {
        assert_eq!(name.parse::<TlsPolicy>().unwrap().to_string(), name);
    }
    assert!("Required".parse::<TlsPolicy>().is_err());
}

/// R2: no file name without the allow-list.
#[test]
fn local_parts_as_file_names() {
    for local in [
        "ann", "a.b", "a-b", "ann+list", "_apt", "Ann2", "a=b", "a..b",
    ] {
        let path = format!("/mail/{local}");
        assert_eq!(fill_user("/mail/{user}", local), Some(path));
    }
    let long = "x".repeat(65);
    for local in [
        "",
        ".",
        "..",
        "../x",
        "/etc/x",
        "a/b",
        "a\0b",
        "%2e%2e",
        "u+../../x",
        "-rf",
        "~root",
        ".forward",
        "a b",
        "a\nb",
        "{user}",
        "é",
        "a\\b",
        "|x",
        "$HOME",
        "+x",
        &long,
    ] {
        assert_eq!(fill_user("/mail/{user}", local), None, "{local:?}");
    }
    assert_eq!(
        fill_user("/a/{user}/{user}", "x").as_deref(),
        Some("/a/x/x")
    );
}

proptest::proptest! {
    /// R2: the result is the template's directory and one plain name in it.
    #[test]
    fn a_filled_path_stays_in_its_directory(local: String) {
        if let Some(path) = fill_user("/mail/{user}", &local) {
            let path = std::path::Path::new(&path);
            assert_eq!(path.parent(), Some(std::path::Path::new("/mail")));
            assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(local.as_str()));
        }
    }

    #[test]
    fn whatever_reads_prints_the_same(text in "(smtp|smtps|submission|mbox|error):[a-z0-9:./\\[\\]{} ]{0,30}") {
        if let Ok(transport) = text.parse::<Transport>() {
            assert_eq!(transport.to_string().parse(), Ok(transport));
        }
    }
}

/// I4, SV 2.9: no shell, and an empty value stays an argument.
#[test]
fn programs_and_their_arguments() {
    let pipe = |text: &str| match text.parse::<Transport>().unwrap() {
        Transport::Pipe(words) => words,
        other => panic!("{other:?}"),
    };
    let text = "pipe:/bin/prog -f {sender} \"a  \\\"b\\\"\" \"\" x\"y z\"";
    let words = pipe(text);
    assert_eq!(
        words,
        ["/bin/prog", "-f", "{sender}", "a  \"b\"", "", "xy z"]
    );
    assert_eq!(pipe(&Transport::Pipe(words.clone()).to_string()), words);
    let value = |place: &str| match place {
        "sender" => "{user};$(id)@x".to_owned(),
        "user" => "-oX".to_owned(),
        _ => String::new(),
    };
    let fill = |word: &str| fill_argument(word, value);
    assert_eq!(fill("{sender}").unwrap(), "{user};$(id)@x");
    assert_eq!(fill("{extension}").unwrap(), "");
    assert_eq!(fill("{x}{extension}{").unwrap(), "{x}{");
    // DESIGN section 8: an address that begins with - is refused for pipe.
    assert_eq!(fill("{user}"), Err("user"));
}

/// R2: nothing that leaves the directory.
#[test]
fn r2_domains_are_path_components_of_names_only() {
    let fill = |domain: &str| fill_path("/srv/{domain}/{user}", "ann", domain);
    assert_eq!(fill("V.example").unwrap(), "/srv/v.example/ann");
    for domain in ["..", "", ".x", "a..b", "a/b", "[192.0.2.1]", "{user}"] {
        assert_eq!(fill(domain), None, "{domain}");
    }
}
