use super::*;

fn key(text: &str) -> Result<String, AddrError> {
    domain_key(&Domain::Name(text.to_owned()))
}

/// R6, MX-20: A-labels in lower case, by UTS 46 non-transitional.
#[test]
fn domains_compare_as_a_labels() {
    let table = [
        ("Example.ORG", "example.org"),
        ("_dmarc.Example.org", "_dmarc.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("fass.example", "fass.example"),
        ("ｅxample。org", "example.org"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ];
    for (text, a_label) in table {
        assert_eq!(key(text).as_deref(), Ok(a_label), "{text}");
    }
}

/// R6: what is no valid name is refused, not mapped to another.
#[test]
fn invalid_names_have_no_key() {
    for text in [
        "xn--example-.org", // decodes to ASCII
        "xn--a\u{fc}.org",
        "ex＠mple.org",
        "é／x.org",
        "é x.org",
        "a\u{200d}b.example",
        "\u{5d0}a.example",
        "é..example",
    ] {
        assert!(key(text).is_err(), "{text}: {:?}", key(text));
    }
    assert!(key(&"é.".repeat(200)).is_err());
}

#[test]
fn literals_have_their_canonical_form() {
    let v6 = Domain::V6("2001:DB8::1".parse().unwrap());
    assert_eq!(domain_key(&v6), Ok(v6.key()));
}

/// I4: an address that looks like a program or file stays an address.
#[test]
fn a_mailbox_never_reads_back_as_program_or_file() {
    for local in [
        "/etc/passwd",
        "|prog",
        "a\\\"b",
        "/\\\"",
        "plain",
        "with blank",
    ] {
        let mailbox = Mailbox {
            local: local.to_owned(),
            domain: Domain::Name("example.org".to_owned()),
        };
        let to = Destination::Mailbox(mailbox);
        let text = to.to_string();
        assert!(!text.starts_with(['|', '/']), "{text}");
        assert_eq!(text.parse(), Ok(to));
    }
}

#[test]
fn destinations_read_back() {
    for text in [
        "|/usr/bin/prog -x a,b",
        "/var/mail/all",
        "/srv/dir/",
        "a@b.example",
    ] {
        assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
    }
    for text in ["", "|", "|  ", "bare", "/a\nb", "|a\0b", "a@b.example\n"] {
        assert!(text.parse::<Destination>().is_err(), "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_local_part_stays_a_mailbox(local in "[ -~]{1,20}") {
        let domain = Domain::Name("example.org".to_owned());
        let to = Destination::Mailbox(Mailbox { local, domain });
        assert_eq!(to.to_string().parse(), Ok(to));
    }

    #[test]
    fn keys_are_stable(name in "[a-zA-Zäßéй-]{1,8}(\\.[a-zA-Zäßéй-]{1,8}){0,3}") {
        if let Ok(once) = key(&name) {
            assert_eq!(key(&once), Ok(once.clone()));
            assert!(once.is_ascii() && !once.bytes().any(|b| b.is_ascii_uppercase()));
        }
    }
}
