use proptest::prelude::*;

use super::*;

fn local_of(text: &str) -> String {
    Mailbox::parse(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .local
}

#[test]
fn sv25_quoted_local_parts_are_unquoted_and_quoted_again() {
    for (text, local, printed) in [
        (r#""user"@d.example"#, "user", "user@d.example"),
        (r#""a b"@d.example"#, "a b", r#""a b"@d.example"#),
        (r#""a\"b"@d.example"#, "a\"b", r#""a\"b"@d.example"#),
        (r#""a@b"@d.example"#, "a@b", r#""a@b"@d.example"#),
        (r#""a\\b"@d.example"#, r"a\b", r#""a\\b"@d.example"#),
        (r#""\a\b"@d.example"#, "ab", "ab@d.example"),
        (r#"""@d.example"#, "", r#"""@d.example"#),
        (r#"">"@d.example"#, ">", r#"">"@d.example"#),
        ("Case.Kept@D.Example", "Case.Kept", "Case.Kept@D.Example"),
        (
            "!#$%&'*+-/=?^_`{|}~@d",
            "!#$%&'*+-/=?^_`{|}~",
            "!#$%&'*+-/=?^_`{|}~@d",
        ),
        ("-f@d", "-f", "-f@d"),
    ] {
        let mailbox = Mailbox::parse(text).unwrap();
        assert_eq!(mailbox.local, local, "{text}");
        assert_eq!(mailbox.to_string(), printed, "{text}");
    }
}

#[test]
fn sv20_sv28_malformed_mailboxes_are_refused() {
    for text in [
        "",
        "a",
        "@d",
        "a@",
        "a b@c",
        "a@b c",
        "a@b@c",
        "a@.b",
        "a@b..c",
        "a@b..",
        "a@-b",
        "a@b-.c",
        "a@b,c",
        "a@b>",
        "<a@b>",
        "a(c)@b",
        "a,b@c",
        "a:b@c",
        r"a\@b@c",
        r#""a@b"#,
        r#""a"b@c"#,
        r#"a"b"@c"#,
        r#""a\"#,
        "a\0b@c",
        "a@b\0",
        "a\x01@b",
        "a@b\r\n",
        "\n@b",
        "\"a\nb\"@c",
        "\"a\\\nb\"@c",
        "a\x7f@b",
        "a\u{85}@b",
        "a\u{2028}@b",
        "a@b\u{2029}c",
        "a@b\u{3000}c",
    ] {
        let error = Mailbox::parse(text).expect_err(text);
        assert!(!error.0.contains(is_control), "{text:?}");
    }
}

#[test]
fn sv26_address_literals() {
    for (text, domain, printed) in [
        (
            "[127.0.0.1]",
            Domain::V4(Ipv4Addr::LOCALHOST),
            "[127.0.0.1]",
        ),
        ("[IPv6:::1]", Domain::V6(Ipv6Addr::LOCALHOST), "[IPv6:::1]"),
        (
            "[ipv6:0:0:0:0:0:0:0:1]",
            Domain::V6(Ipv6Addr::LOCALHOST),
            "[IPv6:::1]",
        ),
        (
            "[x-tag:a>b@c]",
            Domain::General("x-tag:a>b@c".into()),
            "[x-tag:a>b@c]",
        ),
    ] {
        assert_eq!(Domain::parse(text), Ok(domain), "{text}");
        assert_eq!(Domain::parse(text).unwrap().to_string(), printed);
    }
    for text in [
        "[300.1.1.1]",
        "[1.2.3]",
        "[1.2.3.4.5]",
        "[01.2.3.4]",
        "[IPv6:zz]",
        "[IPv6:]",
        "[IPv6:fe80::1%eth0]",
        "[::1]",
        "[]",
        "[1.2.3.4",
        "1.2.3.4]",
        "[1.2.3.4]x",
        "[-:x]",
        "[tag:]",
        "[tag:a b]",
        "[tag:a\nb]",
        "[tag:ä]",
        "[[1.2.3.4]]",
    ] {
        assert!(Domain::parse(text).is_err(), "{text}");
    }
}

#[test]
fn sv27_limits_hold_to_the_octet() {
    let at_limit = "l".repeat(MAX_LOCAL);
    assert_eq!(local_of(&format!("{at_limit}@d")), at_limit);
    assert!(Mailbox::parse(&format!("{at_limit}l@d")).is_err());
    // Quotes and backslashes are not counted, so printing never makes one too long.
    let quoted = format!("\"{}\"@d", "\\\"".repeat(MAX_LOCAL));
    assert_eq!(Mailbox::parse(&quoted).unwrap().to_string(), quoted);

    let label = "d".repeat(63);
    let domain = [&label[..]; 4].join(".");
    assert_eq!(domain.len(), MAX_DOMAIN);
    assert!(Mailbox::parse(&format!("a@{domain}")).is_ok());
    assert!(Mailbox::parse(&format!("{at_limit}@{domain}")).is_ok());
    assert!(Domain::parse(&format!("{}.{}.d", &domain[..191], "d".repeat(61))).is_ok());
    assert!(Domain::parse(&format!("{}.{}.dd", &domain[..191], "d".repeat(61))).is_err());
    assert!(Domain::parse(&format!("{label}d.example")).is_err());
    assert!(Domain::parse(&format!("[x:{}]", "y".repeat(251))).is_ok());
    assert!(Domain::parse(&format!("[x:{}]", "y".repeat(252))).is_err());
}

#[test]
fn lenient_dots() {
    const { assert!(LENIENT_DOTS) };
    for local in ["a..b", ".a", "a.", ".", ".."] {
        let mailbox = Mailbox::parse(&format!("{local}@d")).unwrap();
        assert_eq!(mailbox.local, local);
        assert_eq!(mailbox.to_string(), format!("\"{local}\"@d"));
    }
}

#[test]
fn lenient_underscore() {
    const { assert!(LENIENT_UNDERSCORE) };
    for domain in ["a_b.example", "_a.example", "a_"] {
        assert_eq!(Domain::parse(domain), Ok(Domain::Name(domain.into())));
    }
}

#[test]
fn lenient_final_dot() {
    const { assert!(LENIENT_FINAL_DOT) };
    assert_eq!(
        Mailbox::parse("a@b.example.").unwrap().to_string(),
        "a@b.example"
    );
    assert!(Domain::parse(".").is_err());
}

#[test]
fn sv22_sv24_paths_and_what_follows() {
    for (text, printed, rest) in [
        ("<>", "<>", ""),
        ("<> SIZE=1", "<>", " SIZE=1"),
        ("<a@b> X", "<a@b>", " X"),
        ("<a@[x:y>z]>", "<a@[x:y>z]>", ""),
        ("<\">\"@b>", "<\">\"@b>", ""),
        ("<@r.example:a@b>", "<a@b>", ""),
        ("<@r.example,@[1.2.3.4]:a@b>t", "<a@b>", "t"),
    ] {
        let (path, after) = ReversePath::parse_prefix(text).unwrap();
        assert_eq!(
            (path.to_string().as_str(), after),
            (printed, rest),
            "{text}"
        );
    }
    for text in [
        "",
        "a@b",
        "<a@b",
        "<a>",
        "<a@>",
        "<<a@b>>",
        "< a@b>",
        "<a@b >",
        " <a@b>",
        "< >",
        "<@r:>",
        "<@r>",
        "<@r,a@b>",
        "<@r,@s>",
        "<@:a@b>",
        "<@r::a@b>",
        "<@r a@b>",
        "<a@b\r>",
        "<postmaster>",
    ] {
        assert!(ReversePath::parse_prefix(text).is_err(), "{text}");
    }
}

#[test]
fn sv23_postmaster_needs_no_domain_in_any_case() {
    for text in ["<postmaster>", "<Postmaster>", "<POSTMASTER> NOTIFY=NEVER"] {
        let (path, _) = ForwardPath::parse_prefix(text).unwrap();
        assert_eq!(path, ForwardPath::Postmaster);
    }
    let (path, _) = ForwardPath::parse_prefix("<postmaster@d>").unwrap();
    assert_eq!(path.mailbox().unwrap().local, "postmaster");
    for text in ["<bob>", "<>", "<postmasterx>", "<postmaster", "<ä"] {
        assert!(ForwardPath::parse_prefix(text).is_err(), "{text}");
    }
}

#[test]
fn ex19_utf8_parses_and_is_told() {
    for (text, needs) in [
        ("a@b", false),
        ("a@[1.2.3.4]", false),
        ("jörg@example.org", true),
        ("a@bücher.example", true),
        ("\"j ö\"@b", true),
        ("用户@例子.广告", true),
    ] {
        let mailbox = Mailbox::parse(text).unwrap();
        assert_eq!(mailbox.needs_utf8(), needs, "{text}");
        assert_eq!(mailbox.to_string(), text);
        let (path, _) = ForwardPath::parse_prefix(&format!("<{text}>")).unwrap();
        assert_eq!(path.needs_utf8(), needs);
    }
    assert!(!ReversePath::Null.needs_utf8());
}

#[test]
fn r1_percent_bang_and_at_are_plain_characters_of_a_local_part() {
    assert_eq!(local_of("u%r.example@l.example"), "u%r.example");
    assert_eq!(local_of("r.example!u@l.example"), "r.example!u");
    assert_eq!(local_of("\"u@r.example\"@l.example"), "u@r.example");
}

#[test]
fn same_ignores_the_case_of_the_domain_only() {
    let mailbox = |text| Mailbox::parse(text).unwrap();
    assert!(mailbox("a@B.example").same(&mailbox("a@b.EXAMPLE")));
    assert!(mailbox("\"a\"@b").same(&mailbox("a@b")));
    assert!(mailbox("a@[ipv6:0::1]").same(&mailbox("a@[IPv6:::1]")));
    assert!(!mailbox("A@b").same(&mailbox("a@b")));
    assert!(!mailbox("a@b").same(&mailbox("a@c")));
}

#[test]
fn i1_new_refuses_control_characters() {
    let domain = Domain::Name("d".into());
    for local in ["a\rb", "a\nb", "a\0", "\u{85}"] {
        assert!(Mailbox::new(local, domain.clone()).is_err(), "{local:?}");
    }
    assert!(Mailbox::new("a", Domain::Name("d\n".into())).is_err());
    assert!(Mailbox::new("l".repeat(65), domain.clone()).is_err());
    assert_eq!(
        Mailbox::new("a b", domain).unwrap().to_string(),
        "\"a b\"@d"
    );
}

pub(crate) fn any_domain() -> impl Strategy<Value = Domain> {
    let label = "[a-zA-Z0-9_ä]([a-zA-Z0-9_ß-]{0,8}[a-zA-Z0-9_])?";
    prop_oneof![
        proptest::collection::vec(label, 1..5).prop_map(|labels| Domain::Name(labels.join("."))),
        any::<[u8; 4]>().prop_map(|octets| Domain::V4(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| Domain::V6(octets.into())),
        "[a-hj-zA-HJ-Z][a-z0-9-]{0,5}[a-z0-9]:[!-Z^-~]{1,20}".prop_map(Domain::General),
    ]
}

pub(crate) fn any_mailbox() -> impl Strategy<Value = Mailbox> {
    let local = prop_oneof!["[a-z.]{0,8}", "[ -~äß€]{0,16}", r#"["\\ @<>.]{0,8}"#];
    (local, any_domain()).prop_map(|(local, domain)| Mailbox { local, domain })
}

proptest! {
    #[test]
    fn printed_mailboxes_parse_to_themselves(mailbox in any_mailbox()) {
        prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox.clone()));
        let path = ReversePath::Mailbox(mailbox);
        let text = format!("{path} X");
        prop_assert_eq!(ReversePath::parse_prefix(&text), Ok((path, " X")));
    }

    /// Whatever parses prints to something that parses to the same.
    #[test]
    fn parsing_is_stable(text in r#"[<>@:,.\[\]"\\ a-cA1ä\r\n-]{0,24}"#) {
        if let Ok(mailbox) = Mailbox::parse(&text) {
            prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox));
        }
        for text in [text.clone(), format!("<{text}>"), format!("<@a,@b:{text}@c>")] {
            if let Ok((path, rest)) = ForwardPath::parse_prefix(&text) {
                let printed = path.to_string();
                prop_assert!(text.ends_with(rest));
                prop_assert!(!printed.contains(is_control));
                prop_assert_eq!(ForwardPath::parse_prefix(&printed), Ok((path, "")));
            }
        }
    }
}
