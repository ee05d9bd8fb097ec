use proptest::prelude::*;

use super::*;

fn good(text: &str) -> Vec<String> {
    let (good, bad) = parse(text.as_bytes(), "origin.example");
    assert_eq!(bad, [], "{text}");
    good.iter().map(ToString::to_string).collect()
}

/// Each row: what callers and headers write, and who gets the mail (section 3.1).
#[test]
fn lists_are_read_as_section_3_1_says() {
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        (" , ,, ", &[]),
        ("a@x", &["a@x"]),
        ("a@x, b@y,", &["a@x", "b@y"]),
        ("a@x,,b@y, ", &["a@x", "b@y"]),
        ("bob", &["bob@origin.example"]),
        ("root (Cron Daemon)", &["root@origin.example"]),
        ("Anacron <root>", &["root@origin.example"]),
        ("\"(Cron Daemon)\" <root>", &["root@origin.example"]),
        ("Name <a@x>", &["a@x"]),
        ("<a@x>", &["a@x"]),
        ("a@x (c)", &["a@x"]),
        ("a@y <a@x>", &["a@x"]),
        ("(a, (nested \\) b@y)) a@x", &["a@x"]),
        ("a(c)@(c)x(c).(c)example", &["a@x.example"]),
        (" a . b @ x . example ", &["a.b@x.example"]),
        ("\"a b\"@x", &["\"a b\"@x"]),
        ("\"a\\\"b, c\"@x, d@x", &["\"a\\\"b, c\"@x", "d@x"]),
        ("\"plain\"@x", &["plain@x"]),
        ("\"Doe, Jane\" <j@x>, b@x", &["j@x", "b@x"]),
        ("=?utf-8?q?a=2Cb?= <j@x>", &["j@x"]),
        ("=?utf-8?Q?Doe,_Jane_<x>?= <j@x>, b@x", &["j@x", "b@x"]),
        ("=?x, b@x", &["=?x@origin.example", "b@x"]),
        ("G: a@x, b@x;", &["a@x", "b@x"]),
        ("G: a@x; b@x", &["a@x", "b@x"]),
        ("G: A <a@x>, b@x; , H:; c@x", &["a@x", "b@x", "c@x"]),
        ("undisclosed-recipients:;", &[]),
        ("undisclosed recipients: ;", &[]),
        ("G: a@x", &["a@x"]),
        ("a@x; b@x;", &["a@x", "b@x"]),
        ("<@r1,@r2:a@x>", &["a@x"]),
        ("Name <@r1:a@x>, b@x", &["a@x", "b@x"]),
        (
            "a@[192.0.2.1], b@[IPv6:2001:db8::1]",
            &["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"],
        ),
        ("<a@x", &["a@x"]),
        ("Name <a@x, b@x", &["a@x", "b@x"]),
        ("a@x>", &["a@x"]),
        ("<a@x> Jane Doe", &["a@x"]),
        ("a@x,\r\n\tb@x\r\n", &["a@x", "b@x"]),
        ("-f@x, -oQ/tmp", &["-f@x", "-oQ/tmp@origin.example"]),
        (
            "|cmd, /file",
            &["|cmd@origin.example", "/file@origin.example"],
        ),
        (
            ":include:/etc/passwd, b@x",
            &["\":include:/etc/passwd\"@origin.example", "b@x"],
        ),
        ("a!b%c@x", &["a!b%c@x"]),
        (
            "j\u{fc}rgen@m\u{fc}ller.example",
            &["j\u{fc}rgen@m\u{fc}ller.example"],
        ),
    ];
    for (text, want) in table {
        assert_eq!(good(text), *want, "{text:?}");
    }
}

#[test]
fn control_characters_separate_like_blanks() {
    assert_eq!(good("a@x,\0b@x\r"), ["a@x", "b@x"]);
    assert_eq!(parse(b"a\0b@x", "o").1.len(), 1);
}

#[test]
fn what_could_mean_two_things_is_named() {
    let table = [
        ("a@x b@x", "a@x b@x"),
        ("Jane Doe", "Jane Doe"),
        ("a@b@c", "a@b@c"),
        ("@x", "@x"),
        ("a@", "a@"),
        ("<>", "<>"),
        ("<@r:>", "<@r:>"),
        ("Name <a@x> <b@x>", "Name <a@x> <b@x>"),
        ("<a@x> b@x", "<a@x> b@x"),
        ("a@x (open, b@x", "(open, b@x"),
        ("\"open, b@x", "\"open, b@x"),
        ("a@[192.0.2", "a@[192.0.2"),
        ("a@x)", "a@x)"),
        ("a@x:25", "a@x:25"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("G: H: a@x;", "H: a@x"),
    ];
    for (text, name) in table {
        let (_, bad) = parse(format!("good@x, {text}").as_bytes(), "o");
        assert_eq!(bad.len(), 1, "{text}: {bad:?}");
        assert!(bad[0].0.ends_with(name), "{text}: {bad:?}");
    }
    let (good, bad) = parse(b"\xff@x, b@x", "o");
    assert_eq!((good.len(), bad.len()), (1, 1));
    let long = "w ".repeat(1000);
    assert!(parse(long.as_bytes(), "o").1[0].0.chars().count() < 100);
}

#[test]
fn duplicates_once() {
    let (list, _) = parse(
        b"a@x.example, A@x.example, a@X.EXAMPLE, b@x.example, \"a\"@x.example",
        "o",
    );
    let names: Vec<_> = dedup(list).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a@x.example", "A@x.example", "b@x.example"]);
}

/// R7, CVE-2025-14874: size and nesting cost no stack and linear time.
#[test]
fn large_lists_take_linear_time() {
    let many: String = (0..50_000)
        .map(|n| format!("\"N, {n}\" <u{n}@x.example>,\r\n "))
        .collect();
    assert_eq!(parse(many.as_bytes(), "o").0.len(), 50_000);
    let nested = format!("{}{} a@x", "(".repeat(200_000), ")".repeat(200_000));
    assert_eq!(good(&nested), ["a@x"]);
    for evil in [
        "(", "\"", "<", "<@", "=?a?q?", "a ", "a:", "[", "@,", "\\", "<@a,", ":", "=?",
    ] {
        parse(evil.repeat(200_000).as_bytes(), "o");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in proptest::collection::vec(prop_oneof![
        proptest::sample::select(b"\"\\()<>@,;:[]. =?qa\r\n\t".to_vec()), any::<u8>()], 0..80))
    {
        let (good, _) = parse(&text, "origin.example");
        for mailbox in good {
            prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox));
        }
    }

    /// Whatever name, comment and folding stand around it, the address is found.
    #[test]
    fn decoration_changes_nothing(names in proptest::collection::vec("[a-zA-Z ,;:<>@().\\\\]{0,12}", 1..6)) {
        let text: String = names.iter().enumerate().map(|(n, name)| {
            let quoted = name.replace('\\', "\\\\");
            let comment = quoted.replace('(', "\\(").replace(')', "\\)");
            format!("\"{quoted}\"\r\n\t({comment}) <u{n}@x.example>,")
        }).collect();
        let want: Vec<String> = (0..names.len()).map(|n| format!("u{n}@x.example")).collect();
        prop_assert_eq!(good(&text), want);
    }
}
