//! How a session begins, and how many messages it may bring.

use crate::site::Site;

/// SV-02, P5: who talks before the greeting is refused where that is asked for;
/// who waits is served.
#[test]
fn sv_02_an_early_talker_is_refused() {
    let site = Site::with_bob("greeting_delay = \"1s\"");
    let server = site.start();
    let mut early = server.connect();
    early.send(b"EHLO c.example\r\nMAIL FROM:<a@a.example>\r\n");
    assert!(early.line().starts_with("554 5.5.0 "));
    assert_eq!(early.line(), "");
    let mut patient = server.hello();
    assert!(
        patient
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250 ")
    );
}

/// SV-03: a host that takes no mail says so, and waits for QUIT.
#[test]
fn sv_03_a_host_that_takes_no_mail_says_so() {
    let site = Site::with_bob("refuse_all = true");
    let server = site.start();
    let mut client = server.connect();
    assert!(client.reply().starts_with("554 "));
    for command in [
        "EHLO c.example",
        "MAIL FROM:<>",
        "NOOP",
        "BDAT 6 LAST\r\nabcd",
    ] {
        client.expect(command, "503 5.5.1");
    }
    client.expect("QUIT", "221 ");
}

/// EX-45: what LIMITS says is what holds.
#[test]
fn ex_45_limits_are_told_and_true() {
    let site = Site::with_bob("max_messages = 2\nmax_recipients = 100");
    let server = site.start();
    let mut client = server.connect();
    client.reply();
    client.send(b"EHLO c.example\r\n");
    let mut told = false;
    loop {
        let line = client.line();
        told |= line[4..] == *"LIMITS RCPTMAX=100 MAILMAX=2";
        if !line.starts_with("250-") {
            break;
        }
    }
    assert!(told);
    for _ in 0..2 {
        assert!(
            client
                .deliver(&["bob@b.example"], b"\r\n")
                .starts_with("250 ")
        );
    }
    client.expect("MAIL FROM:<a@a.example>", "421 4.7.0");
    assert_eq!(client.line(), "");
}
