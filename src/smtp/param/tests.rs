use proptest::prelude::*;

use super::*;

fn mail(text: &str) -> Result<MailParams, ParamError> {
    MailParams::parse(text)
}

fn rcpt(text: &str) -> Result<RcptParams, ParamError> {
    RcptParams::parse(text)
}

#[test]
fn no_parameters_print_nothing() {
    for text in ["", " ", "   "] {
        assert_eq!(mail(text), Ok(MailParams::default()));
        assert_eq!(rcpt(text), Ok(RcptParams::default()));
    }
    assert_eq!(MailParams::default().to_string(), "");
    assert_eq!(RcptParams::default().to_string(), "");
}

#[test]
fn ex06_ex09_ex17_ex19_known_parameters_in_any_case_and_order() {
    let text = " smtputf8 Ret=hdrs body=8bitmime size=12345  EnvId=a+2Bb+20c AUTH=x+3Dy@z";
    let params = mail(text).unwrap();
    assert_eq!(
        params,
        MailParams {
            size: Some(12345),
            body: Some(Body::EightBitMime),
            ret: Some(Ret::Headers),
            envid: Some("a+b c".into()),
            smtputf8: true,
            auth: Some(Some("x=y@z".into())),
        }
    );
    let printed = " SIZE=12345 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20c AUTH=x+3Dy@z";
    assert_eq!(params.to_string(), printed);
    assert_eq!(mail("AUTH=<>").unwrap().auth, Some(None));
    assert_eq!(mail("AUTH=+3C+3E").unwrap().to_string(), " AUTH=<>");
    assert_eq!(mail("BODY=7bit").unwrap().body, Some(Body::SevenBit));
    assert_eq!(
        mail("BODY=BinaryMime").unwrap().body,
        Some(Body::BinaryMime)
    );
    assert_eq!(mail("RET=full").unwrap().ret, Some(Ret::Full));
}

#[test]
fn ex06_size_may_have_twenty_digits() {
    let size = |text| mail(text).map(|params| params.size);
    assert_eq!(size("SIZE=0"), Ok(Some(0)));
    assert_eq!(size("SIZE=00000000000000000001"), Ok(Some(1)));
    assert_eq!(size("SIZE=18446744073709551615"), Ok(Some(u64::MAX)));
    assert_eq!(size("SIZE=99999999999999999999"), Ok(Some(u64::MAX)));
    assert!(size("SIZE=000000000000000000001").is_err());
}

#[test]
fn sv29_unknown_parameters_are_told_from_bad_ones() {
    for (text, keyword) in [
        (" FOO=bar", "FOO"),
        ("foo", "FOO"),
        ("X-a=1", "X-A"),
        ("NOTIFY=NEVER", "NOTIFY"),
    ] {
        assert_eq!(mail(text), Err(ParamError::Unknown(keyword.into())));
    }
    assert_eq!(rcpt("SIZE=1"), Err(ParamError::Unknown("SIZE".into())));
}

#[test]
fn sv30_ex18_bad_values_and_repetitions() {
    for text in [
        "SIZE",
        "SIZE=",
        "SIZE=-1",
        "SIZE=+1",
        "SIZE=1x",
        "SIZE=1=2",
        "SIZE=1 SIZE=2",
        "size=1 SIZE=1",
        "BODY=9BIT",
        "BODY",
        "BODY=",
        "RET=X",
        "RET=",
        "ENVID=",
        "ENVID=a+zz",
        "ENVID=a+",
        "ENVID=a+2",
        "ENVID=a=b",
        "ENVID=a+C3+A4",
        "ENVID=ä",
        "SMTPUTF8=",
        "SMTPUTF8=yes",
        "SMTPUTF8 SMTPUTF8",
        "AUTH",
        "AUTH=",
        "AUTH=<> AUTH=<>",
        "=1",
        "-X=1",
        "FÖÖ=1",
        "\u{7f}=1",
    ] {
        assert!(matches!(mail(text), Err(ParamError::Bad(_))), "{text}");
    }
    for text in [
        "NOTIFY",
        "NOTIFY=",
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=SUCCESS,NEVER",
        "NOTIFY=SUCCESS,",
        "NOTIFY=X",
        "NOTIFY=NEVER NOTIFY=NEVER",
        "ORCPT=",
        "ORCPT=a@b",
        "ORCPT=;a@b",
        "ORCPT=rfc822;",
        "ORCPT=rfc822;a+zz",
        "ORCPT=rf c;a",
        "ORCPT=r+20;a",
        "ORCPT=rfc822;ä@b",
        "ORCPT=rfc822;a@b ORCPT=rfc822;a@b",
    ] {
        assert!(matches!(rcpt(text), Err(ParamError::Bad(_))), "{text}");
    }
}

#[test]
fn i1_no_control_character_comes_out_of_xtext() {
    for code in (0..0x20).chain([0x7f]) {
        assert_eq!(xtext_decode(&format!("a+{code:02X}b")), None, "{code}");
        assert!(rcpt(&format!("ORCPT=rfc822;a+{code:02X}b")).is_err());
        assert!(rcpt(&format!("ORCPT=utf-8;a\\x{{{code:X}}}b")).is_err());
        assert!(rcpt(&format!("ORCPT=utf-8;a+{code:02X}b")).is_err());
    }
    for text in ["+C2+85", "+E2+80+A8", "+C3", "a b", "a\0", "\n"] {
        assert_eq!(xtext_decode(text), None, "{text}");
    }
}

/// Postfix once printed a decoded `+` as it was (security.md 2.9).
#[test]
fn plus_is_quoted_again() {
    let text = " ORCPT=rfc822;a+2Bb+3Dc@d";
    let params = rcpt(text).unwrap();
    assert_eq!(params.orcpt.as_ref().unwrap().address, "a+b=c@d");
    assert_eq!(params.to_string(), text);
}

#[test]
fn ex22_orcpt_utf8_in_each_form_prints_in_ascii() {
    for text in [
        "ORCPT=utf-8;jörg@b",
        r"ORCPT=UTF-8;j\x{F6}rg@b",
        "ORCPT=utf-8;j\\x{f6}rg@b",
    ] {
        let orcpt = rcpt(text).unwrap().orcpt.unwrap();
        assert_eq!(orcpt.address, "jörg@b", "{text}");
        assert!(orcpt.to_string().ends_with(r";j\x{F6}rg@b"));
    }
    let orcpt = rcpt(r"ORCPT=utf-8;a\x{2B}b+2Bc\x{5C}@d")
        .unwrap()
        .orcpt
        .unwrap();
    assert_eq!(orcpt.address, "a+b+c\\@d");
    assert_eq!(orcpt.to_string(), r"utf-8;a\x{2B}b\x{2B}c\x{5C}@d");
    for bad in [
        r"\x{}",
        r"\x{110000}",
        r"\x{D800}",
        r"\x{+41}",
        r"\x{41",
        r"\y",
        r"\",
        "+4",
        "+C3",
        "a=b",
    ] {
        assert!(rcpt(&format!("ORCPT=utf-8;{bad}")).is_err(), "{bad}");
    }
}

#[test]
fn limits_of_envid_and_orcpt() {
    assert!(mail(&format!("ENVID={}", "e".repeat(100))).is_ok());
    assert!(mail(&format!("ENVID={}", "e".repeat(101))).is_err());
    assert!(rcpt(&format!("ORCPT=rfc822;{}", "o".repeat(493))).is_ok());
    assert!(rcpt(&format!("ORCPT=rfc822;{}", "o".repeat(494))).is_err());
    assert!(mail(&format!("AUTH={}", "a".repeat(501))).is_err());
    // Raw UTF-8 grows when it is printed in ASCII.
    assert!(rcpt(&format!("ORCPT=utf-8;{}", "ö".repeat(82))).is_ok());
    assert!(rcpt(&format!("ORCPT=utf-8;{}", "ö".repeat(83))).is_err());
}

#[test]
fn lenient_xtext_case() {
    const { assert!(LENIENT_XTEXT_CASE) };
    assert_eq!(xtext_decode("a+3db"), Some("a=b".into()));
}

#[test]
fn notify_prints_never_for_none() {
    for (text, printed) in [
        ("notify=never", " NOTIFY=NEVER"),
        ("NOTIFY=delay,Success", " NOTIFY=SUCCESS,DELAY"),
        ("NOTIFY=FAILURE,FAILURE", " NOTIFY=FAILURE"),
        (
            "NOTIFY=SUCCESS,FAILURE,DELAY",
            " NOTIFY=SUCCESS,FAILURE,DELAY",
        ),
    ] {
        assert_eq!(rcpt(text).unwrap().to_string(), printed);
    }
}

pub(crate) fn any_mail_params() -> impl Strategy<Value = MailParams> {
    let body = prop_oneof![
        Just(Body::SevenBit),
        Just(Body::EightBitMime),
        Just(Body::BinaryMime)
    ];
    let ret = prop_oneof![Just(Ret::Full), Just(Ret::Headers)];
    let auth = prop_oneof![Just(None), "[a-z+=@ äö]{1,20}".prop_map(Some)];
    (
        any::<Option<u64>>(),
        proptest::option::of(body),
        proptest::option::of(ret),
        proptest::option::of("[ -~]{1,33}"),
        any::<bool>(),
        proptest::option::of(auth),
    )
        .prop_map(|(size, body, ret, envid, smtputf8, auth)| MailParams {
            size,
            body,
            ret,
            envid,
            smtputf8,
            auth,
        })
}

pub(crate) fn any_rcpt_params() -> impl Strategy<Value = RcptParams> {
    let notify = any::<[bool; 3]>().prop_map(|[success, failure, delay]| Notify {
        success,
        failure,
        delay,
    });
    let orcpt = ("rfc822|utf-8|UTF-8|x400", "[ -~äß€😀]{1,30}")
        .prop_map(|(kind, address)| Orcpt { kind, address });
    (proptest::option::of(notify), proptest::option::of(orcpt))
        .prop_map(|(notify, orcpt)| RcptParams { notify, orcpt })
}

proptest! {
    #[test]
    fn printed_parameters_parse_to_themselves(m in any_mail_params(), r in any_rcpt_params()) {
        prop_assert!(m.to_string().is_ascii() && r.to_string().is_ascii());
        prop_assert_eq!(mail(&m.to_string()), Ok(m));
        prop_assert_eq!(rcpt(&r.to_string()), Ok(r));
    }

    #[test]
    fn xtext_round_trip(text in "[ -~äß€😀]{0,40}") {
        prop_assert_eq!(xtext_decode(&xtext_encode(&text)), Some(text));
    }

    #[test]
    fn any_text_is_answered(text in r"( ?(SIZE|ORCPT|AUTH|ENVID|RET|NOTIFY)?=?[a-z0-9+;=\\{}<> ä]{0,9}){0,4}") {
        if let Ok(params) = mail(&text) {
            prop_assert_eq!(mail(&params.to_string()), Ok(params));
        }
        if let Ok(params) = rcpt(&text) {
            prop_assert_eq!(rcpt(&params.to_string()), Ok(params));
        }
    }
}
