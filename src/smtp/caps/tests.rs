use super::*;

fn reply(lines: &[&str]) -> Reply {
    Reply {
        code: 250,
        enhanced: None,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

#[test]
fn sv04_keywords_in_any_case_unknown_ones_skipped() {
    let caps = Caps::parse(&reply(&[
        "SIZE.example greets you",
        "Pipelining",
        "size 35882577",
        "8bitmime",
        "X-FOO bar",
        "",
        "auth plain LOGIN",
        "AUTH=LOGIN CRAM-MD5",
        "EnhancedStatusCodes",
        "DSN ",
    ]));
    assert_eq!(
        caps,
        Caps {
            pipelining: true,
            size: Some(35882577),
            eight_bit_mime: true,
            dsn: true,
            enhanced: true,
            auth: ["PLAIN", "LOGIN", "CRAM-MD5"].map(String::from).to_vec(),
            ..Caps::default()
        }
    );
}

#[test]
fn the_first_line_is_the_domain_and_no_keyword() {
    assert_eq!(Caps::parse(&reply(&["PIPELINING"])), Caps::default());
    assert_eq!(Caps::parse(&reply(&[])), Caps::default());
}

#[test]
fn ex06_size_without_a_usable_limit() {
    for (line, limit) in [
        ("SIZE", 0),
        ("SIZE 0", 0),
        ("SIZE x", 0),
        ("SIZE -1", 0),
        ("SIZE 99999999999999999999999", u64::MAX),
    ] {
        assert_eq!(
            Caps::parse(&reply(&["h", line])).size,
            Some(limit),
            "{line}"
        );
    }
}

#[test]
fn what_we_print_we_read() {
    let all = Caps {
        pipelining: true,
        size: Some(0),
        eight_bit_mime: true,
        smtputf8: true,
        chunking: true,
        binarymime: true,
        dsn: true,
        enhanced: true,
        starttls: true,
        vrfy: true,
        expn: true,
        etrn: true,
        help: true,
        auth: ["PLAIN", "LOGIN"].map(String::from).to_vec(),
        rcpt_max: None,
        mail_max: None,
    };
    for caps in [
        all.clone(),
        Caps {
            size: None,
            auth: vec![],
            starttls: false,
            ..all
        },
        Caps::default(),
    ] {
        let mut lines = vec!["host.example".to_owned()];
        lines.extend(caps.lines());
        assert_eq!(
            Caps::parse(&Reply {
                code: 250,
                enhanced: None,
                lines
            }),
            caps
        );
    }
    assert_eq!(
        Caps {
            size: Some(7),
            ..Caps::default()
        }
        .lines(),
        ["SIZE 7"]
    );
}

/// CL-37: RFC 9422; what is no limit limits nothing.
#[test]
fn limits_are_read() {
    let read = |line: &str| {
        let mut caps = Caps::default();
        caps.read_line(line);
        (caps.rcpt_max, caps.mail_max)
    };
    assert_eq!(read("LIMITS RCPTMAX=20 MAILMAX=5"), (Some(20), Some(5)));
    assert_eq!(read("LIMITS MAILMAX=0 RCPTMAX=X NEW=1"), (None, None));
    assert_eq!(read("LIMITS"), (None, None));
}
