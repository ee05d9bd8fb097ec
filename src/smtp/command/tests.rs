use proptest::prelude::*;

use super::*;
use crate::smtp::addr::tests::any_mailbox;
use crate::smtp::param::tests::{any_mail_params, any_rcpt_params};
use crate::smtp::param::{Orcpt, Ret};

fn parse(line: &str) -> Result<Command, CommandError> {
    Command::parse(line.as_bytes())
}

fn written(command: &Command, utf8: bool) -> Result<String, CommandError> {
    let mut out = b"before".to_vec();
    let result = command.write(utf8, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("before").unwrap();
    assert!(
        result.is_ok() || text.is_empty(),
        "a refused command leaves nothing"
    );
    result.map(|()| text.to_owned())
}

#[test]
fn sv12_sv13_verbs_in_any_case_trailing_blanks_ignored() {
    for (line, command) in [
        ("eHLo x", Command::Ehlo("x".into())),
        ("HELO host.example ", Command::Helo("host.example".into())),
        ("lhlo [127.0.0.1]", Command::Lhlo("[127.0.0.1]".into())),
        ("data", Command::Data),
        ("DATA \t ", Command::Data),
        ("Rset", Command::Rset),
        ("NOOP ", Command::Noop),
        ("quit\t", Command::Quit),
        ("starttls", Command::StartTls),
        ("help", Command::Help(None)),
        ("HELP MAIL", Command::Help(Some("MAIL".into()))),
        ("vrfy  bob smith ", Command::Vrfy("bob smith".into())),
        ("EXPN list", Command::Expn("list".into())),
        ("ETRN @example.org", Command::Etrn("@example.org".into())),
        ("bdat 0 last", Command::Bdat(0, true)),
        ("BDAT 86", Command::Bdat(86, false)),
        ("BDAT 18446744073709551615", Command::Bdat(u64::MAX, false)),
        ("auth plain", Command::Auth("PLAIN".into(), None)),
        (
            "AUTH PLAIN =",
            Command::Auth("PLAIN".into(), Some("=".into())),
        ),
        (
            "AUTH SCRAM-SHA-256 biws",
            Command::Auth("SCRAM-SHA-256".into(), Some("biws".into())),
        ),
    ] {
        assert_eq!(parse(line), Ok(command), "{line}");
    }
}

#[test]
fn sv39_noop_ignores_its_argument() {
    assert_eq!(parse("NOOP one two"), Ok(Command::Noop));
}

#[test]
fn sv06_sv07_hello_needs_a_domain_or_a_literal() {
    for name in [
        "x",
        "a_b.example",
        "host.example.",
        "127.0.0.1",
        "[127.0.0.1]",
        "[IPv6:::1]",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(
            parse(&format!("EHLO {name}")),
            Ok(Command::Ehlo(name.into())),
            "{name}"
        );
    }
    for line in [
        "EHLO",
        "EHLO ",
        "HELO",
        "LHLO",
        "EHLO a b",
        "EHLO [1.2.3]",
        "EHLO <x>",
        "EHLO a@b",
        "EHLO -x",
    ] {
        assert!(
            matches!(parse(line), Err(CommandError::Syntax(_))),
            "{line}"
        );
    }
    assert_eq!(parse("EHLO bücher.example"), Err(CommandError::Character));
}

#[test]
fn sv14_arguments_where_none_belong() {
    for line in ["DATA x", "RSET x", "QUIT now", "STARTTLS x"] {
        assert!(
            matches!(parse(line), Err(CommandError::Syntax(_))),
            "{line}"
        );
    }
}

#[test]
fn sv15_sv68_unknown_and_not_implemented() {
    for line in [
        "",
        " ",
        " NOOP",
        "FOO",
        "NOOPX",
        "MAILFROM:<a@b>",
        "GET / HTTP/1.1",
        "POST / HTTP/1.0",
        "Host: x",
        "STARTTLS:",
    ] {
        assert_eq!(parse(line), Err(CommandError::Unknown), "{line}");
    }
    for line in ["TURN", "SEND FROM:<a@b>", "soml", "SAML", "ATRN x"] {
        assert_eq!(parse(line), Err(CommandError::NotImplemented), "{line}");
    }
}

#[test]
fn sv19_sv20_mail() {
    for (line, printed) in [
        ("MAIL FROM:<>", "MAIL FROM:<>\r\n"),
        ("mail from:<a@b>", "MAIL FROM:<a@b>\r\n"),
        ("MAIL  FROM:<@r:a@b>  size=5 ", "MAIL FROM:<a@b> SIZE=5\r\n"),
        (
            "MAIL FROM:<a@b> BODY=8bitmime RET=HDRS",
            "MAIL FROM:<a@b> BODY=8BITMIME RET=HDRS\r\n",
        ),
    ] {
        let command = parse(line).unwrap();
        assert_eq!(written(&command, false).as_deref(), Ok(printed), "{line}");
    }
    for line in [
        "MAIL",
        "MAIL FROM",
        "MAIL <a@b>",
        "MAIL TO:<a@b>",
        "MAIL FROM<a@b>",
        "MAIL FROM:<a@b>SIZE=1",
    ] {
        assert!(
            matches!(parse(line), Err(CommandError::Syntax(_))),
            "{line}"
        );
    }
    for line in [
        "MAIL FROM:",
        "MAIL FROM:a",
        "MAIL FROM:<a b@c>",
        "MAIL FROM:<a@b",
        "MAIL FROM:<Postmaster>",
    ] {
        assert!(matches!(parse(line), Err(CommandError::Addr(_))), "{line}");
    }
}

#[test]
fn sv23_sv29_rcpt() {
    for (line, printed) in [
        ("rcpt to:<postmaster>", "RCPT TO:<Postmaster>\r\n"),
        (
            "RCPT TO:<a@b> NOTIFY=never",
            "RCPT TO:<a@b> NOTIFY=NEVER\r\n",
        ),
    ] {
        let command = parse(line).unwrap();
        assert_eq!(written(&command, false).as_deref(), Ok(printed));
    }
    assert!(matches!(parse("RCPT TO:<>"), Err(CommandError::Addr(_))));
    assert!(matches!(
        parse("RCPT FROM:<a@b>"),
        Err(CommandError::Syntax(_))
    ));
    let unknown = CommandError::Param(ParamError::Unknown("FOO".into()));
    assert_eq!(parse("RCPT TO:<a@b> FOO=1"), Err(unknown));
}

#[test]
fn sv21_lenient_blank_before_path() {
    const { assert!(LENIENT_BLANK_BEFORE_PATH) };
    assert_eq!(parse("MAIL FROM: <a@b>"), parse("MAIL FROM:<a@b>"));
    assert_eq!(
        parse("RCPT TO:  <a@b> NOTIFY=NEVER"),
        parse("RCPT TO:<a@b> NOTIFY=NEVER")
    );
    assert!(parse("MAIL FROM : <a@b>").is_err());
}

#[test]
fn l8_bdat_numbers() {
    for line in [
        "BDAT",
        "BDAT -1",
        "BDAT +1",
        "BDAT 99999999999999999999",
        "BDAT 18446744073709551616",
        "BDAT 1 x",
        "BDAT 1 LAST x",
        "BDAT 0x10",
        "BDAT 1,5",
        "BDAT LAST",
    ] {
        assert!(
            matches!(parse(line), Err(CommandError::Syntax(_))),
            "{line}"
        );
    }
}

#[test]
fn l7_control_characters_and_broken_utf8_are_never_part_of_a_command() {
    for line in [
        &b"NOOP\0"[..],
        b"NO\0OP",
        b"MAIL FROM:<a@b>\0 SIZE=1",
        b"MAIL FROM:<a\rb@c>",
        b"MAIL\tFROM:<a@b>",
        b"RCPT TO:<\x80@b>",
        b"RCPT TO:<a@b\xff>",
        b"HELP \x1b[2J",
        b"\x16\x03\x01\x02\x00\x01",
        b"\xe2\x80\xa8",
    ] {
        assert_eq!(
            Command::parse(line),
            Err(CommandError::Character),
            "{line:?}"
        );
    }
}

#[test]
fn auth_etrn_vrfy_want_their_words() {
    for line in [
        "AUTH",
        "AUTH PLAIN a b",
        "AUTH PL/AIN",
        "AUTH ABCDEFGHIJKLMNOPQRSTU",
        "ETRN",
        "ETRN a b",
        "VRFY",
        "EXPN ",
    ] {
        assert!(
            matches!(parse(line), Err(CommandError::Syntax(_))),
            "{line}"
        );
    }
}

#[test]
fn ex19_vrfy_takes_utf8_with_the_keyword_only() {
    let command = Command::Vrfy("jörg".into());
    assert_eq!(parse("VRFY jörg SMTPUTF8").as_ref(), Ok(&command));
    assert_eq!(parse("VRFY jörg"), Err(CommandError::Character));
    assert_eq!(parse("VRFY bob smtputf8"), Ok(Command::Vrfy("bob".into())));
    assert_eq!(parse("VRFY SMTPUTF8"), Ok(Command::Vrfy("SMTPUTF8".into())));
    assert_eq!(
        written(&command, true).as_deref(),
        Ok("VRFY jörg SMTPUTF8\r\n")
    );
}

#[test]
fn i1_write_refuses_what_would_be_another_command() {
    let name = |text: &str| Domain::Name(text.into());
    let mail = |path, params| Command::Mail(path, params);
    let sender = |local: &str, domain: &str| {
        ReversePath::Mailbox(crate::smtp::addr::Mailbox {
            local: local.into(),
            domain: name(domain),
        })
    };
    let plain = MailParams::default;
    let rcpt = |kind: &str, address: &str| {
        let orcpt = Orcpt {
            kind: kind.into(),
            address: address.into(),
        };
        Command::Rcpt(
            ForwardPath::Postmaster,
            RcptParams {
                orcpt: Some(orcpt),
                notify: None,
            },
        )
    };
    for command in [
        Command::Ehlo("x\r\nMAIL FROM:<a@b>".into()),
        Command::Ehlo("x y".into()),
        Command::Ehlo("".into()),
        mail(sender("a\r\nRSET", "b"), plain()),
        mail(sender("a\0", "b"), plain()),
        mail(sender("a", "b> SIZE=1"), plain()),
        mail(sender("a", "b\n"), plain()),
        mail(sender(&"l".repeat(65), "b"), plain()),
        mail(
            ReversePath::Null,
            MailParams {
                envid: Some("a\r\nb".into()),
                ..plain()
            },
        ),
        mail(
            ReversePath::Null,
            MailParams {
                envid: Some("".into()),
                ..plain()
            },
        ),
        mail(
            ReversePath::Null,
            MailParams {
                auth: Some(Some("a\0b".into())),
                ..plain()
            },
        ),
        rcpt("rfc822 NOTIFY=NEVER", "a@b"),
        rcpt("rfc822", "a@b\n"),
        rcpt("utf-8", "a@b\u{85}"),
        Command::Vrfy("a\nb".into()),
        Command::Vrfy(" a".into()),
        Command::Help(Some("\r\nQUIT".into())),
        Command::Auth("PLAIN x".into(), None),
        Command::Auth("plain".into(), None),
        Command::Auth("PLAIN".into(), Some("a b".into())),
        Command::Etrn("a b".into()),
    ] {
        assert!(written(&command, true).is_err(), "{command:?}");
    }
    let sound = mail(
        sender("a b", "c"),
        MailParams {
            ret: Some(Ret::Full),
            ..plain()
        },
    );
    assert_eq!(
        written(&sound, false).as_deref(),
        Ok("MAIL FROM:<\"a b\"@c> RET=FULL\r\n")
    );
}

#[test]
fn cl25_utf8_is_written_only_where_agreed() {
    let command = parse("RCPT TO:<jörg@example.org>").unwrap();
    assert_eq!(written(&command, false), Err(CommandError::Character));
    assert_eq!(
        written(&command, true).as_deref(),
        Ok("RCPT TO:<jörg@example.org>\r\n")
    );
}

fn any_command() -> impl Strategy<Value = Command> {
    let reverse = prop_oneof![
        Just(ReversePath::Null),
        any_mailbox().prop_map(ReversePath::Mailbox)
    ];
    let forward = prop_oneof![
        Just(ForwardPath::Postmaster),
        any_mailbox().prop_map(ForwardPath::Mailbox)
    ];
    prop_oneof![
        (reverse, any_mail_params()).prop_map(|(path, params)| Command::Mail(path, params)),
        (forward, any_rcpt_params()).prop_map(|(path, params)| Command::Rcpt(path, params)),
        "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}".prop_map(Command::Ehlo),
        (any::<u64>(), any::<bool>()).prop_map(|(octets, last)| Command::Bdat(octets, last)),
        "[a-zö@.]{1,9}".prop_map(Command::Vrfy),
        (
            "[A-Z]{1,20}",
            proptest::option::of("[A-Za-z0-9+/]{1,20}={0,2}")
        )
            .prop_map(|(mechanism, response)| Command::Auth(mechanism, response)),
        Just(Command::Data),
        Just(Command::Quit),
    ]
}

proptest! {
    #[test]
    fn written_commands_parse_to_themselves(command in any_command()) {
        let line = written(&command, true).unwrap();
        prop_assert_eq!(parse(line.strip_suffix("\r\n").unwrap()), Ok(command));
    }

    #[test]
    fn any_line_is_answered(line in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Command::parse(&line);
    }

    #[test]
    fn what_parses_is_written_as_one_line_that_means_the_same(
        line in r#"(MAIL FROM:|RCPT TO:|VRFY |BDAT |AUTH |HELP |EHLO )[<>@:"\\ a-dLASTö0-9.\[\]=+;]{0,24}"#
    ) {
        if let Ok(command) = parse(&line) {
            let out = written(&command, true).unwrap();
            let body = out.strip_suffix("\r\n").unwrap();
            prop_assert!(!body.contains(is_control));
            prop_assert_eq!(parse(body), Ok(command));
        }
    }
}
