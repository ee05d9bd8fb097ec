//! `-bs`: the machine, the blocking driver and the intake on a spool, without a
//! process: what a local caller leaves out is filled in.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::net::stdio::{Carrier, End, drive};
use crate::serve::local;
use crate::spool::Head;

/// The client's side, all there from the start, a few octets at a time.
struct Talk {
    input: VecDeque<u8>,
    said: Vec<u8>,
}

impl Read for Talk {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let piece = buf.len().min(7);
        self.input.read(&mut buf[..piece])
    }
}

impl Write for Talk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.said.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Carrier for Talk {}

struct Outcome {
    end: End,
    said: String,
    queued: Vec<(Head, String)>,
    commits: usize,
}

fn config() -> Config {
    let toml = "hostname = \"h.example\"\norigin = \"example\"\nlocal_domains = [\"example\"]\n\
        aliases = []\n[serve]\nusers = [\"bob\"]\nreserve = 0\n";
    Config::parse("test", toml).unwrap()
}

fn submit(text: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let config = config();
    let spool = Spool::open_or_create(&dir.path().join("spool"), None).unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let count = commits.clone();
    let desk = local::desk(
        &config,
        spool,
        Box::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let caller = Caller {
        uid: 1000,
        address: Mailbox::parse("alice@example").unwrap(),
        full_name: Some("Alice Liddell".into()),
        rewrite: Box::new(|_| Ok(Rewrite::default())),
    };
    let mut session = Session::new(
        settings(&config, Role::Mx, true, false),
        false,
        Instant::now(),
    );
    let mut talk = Talk {
        input: text.bytes().collect(),
        said: Vec::new(),
    };
    let end = drive(
        &mut session,
        &mut Intake::for_caller(&desk, caller),
        &mut talk,
    )
    .unwrap();
    let read = |entry| {
        let (head, mut reader) = desk.spool.read(&entry).unwrap();
        let mut content = String::new();
        reader.read_to_string(&mut content).unwrap();
        (head, content)
    };
    Outcome {
        end,
        said: String::from_utf8(talk.said).unwrap(),
        queued: desk.spool.list().unwrap().into_iter().map(read).collect(),
        commits: commits.load(Ordering::SeqCst),
    }
}

#[test]
fn a_local_message_is_completed() {
    let outcome = submit(
        "MAIL FROM:<alice@example>\nRCPT TO:<far@r.example>\nDATA\n\
         Subject: x\nTo: bob\nBcc: secret@r.example\n\n..dot\nend\n.\nQUIT\n",
    );
    assert_eq!(outcome.end, End::Closed);
    assert!(
        outcome.said.contains("\r\n250 2.0.0 queued as "),
        "{}",
        outcome.said
    );
    assert_eq!(outcome.commits, 1);
    let (head, text) = &outcome.queued[0];
    assert_eq!(head.envelope.origin.kind, "local");
    assert_eq!(
        head.envelope.origin.words,
        [("uid".to_string(), "1000".to_string())]
    );
    assert!(
        text.starts_with("Received: ") && text.contains("uid 1000"),
        "{text}"
    );
    for wanted in [
        "\r\nFrom: Alice Liddell <alice@example>\r\n",
        "\r\nDate: ",
        "\r\nMessage-ID: <",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert!(text.ends_with("\r\n\r\n.dot\r\nend\r\n"), "{text}");
}

#[test]
fn a_body_without_a_header_gets_one() {
    let outcome =
        submit("MAIL FROM:<>\r\nRCPT TO:<bob@example>\r\nDATA\r\nonly words\r\n.\r\nQUIT\r\n");
    let text = &outcome.queued[0].1;
    assert!(text.contains("\r\nFrom: "), "{text}");
    assert!(text.ends_with("\r\n\r\nonly words\r\n"), "{text}");
}

#[test]
fn the_end_of_the_input_drops_what_is_half() {
    let half = "MAIL FROM:<alice@example>\nRCPT TO:<bob@example>\nDATA\nhalf";
    let outcome = submit(half);
    assert_eq!(outcome.end, End::Broken);
    assert_eq!(outcome.queued.len(), 0);
    assert_eq!(outcome.commits, 0);
    assert_eq!(submit("EHLO x\n").end, End::Eof);
}

#[test]
fn several_messages_on_one_session() {
    let one = "MAIL FROM:<alice@example>\nRCPT TO:<bob@example>\nDATA\n\nx\n.\n";
    let outcome = submit(&one.repeat(3));
    assert_eq!(outcome.end, End::Eof);
    assert_eq!(outcome.queued.len(), 3);
    assert_eq!(outcome.commits, 3);
}

#[test]
fn an_unknown_user_here_is_refused_at_once() {
    let outcome = submit("MAIL FROM:<alice@example>\nRCPT TO:<eve@example>\nQUIT\n");
    assert!(outcome.said.contains("\r\n550 5.1.1 "), "{}", outcome.said);
}

/// `-bs` on a socket that inetd handed over: no runtime, and yet a deadline.
#[test]
fn sv_60_a_stranger_on_the_blocking_driver_is_hurried_and_relays_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.serve.command_timeout = Duration::from_millis(200);
    let spool = Spool::open_or_create(&dir.path().join("spool"), None).unwrap();
    let desk = local::desk(&config, spool, Box::new(|_| {}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    client
        .write_all(b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<far@r.example>\r\n")
        .unwrap();
    let stranger = Client {
        address: Some(client.local_addr().unwrap().ip()),
        own_address: None,
        ..Client::default()
    };
    let mut session = Session::new(
        settings(&config, Role::Mx, false, false),
        false,
        Instant::now(),
    );
    let end = drive(&mut session, &mut Intake::new(&desk, stranger), &mut socket).unwrap();
    assert_eq!(end, End::Closed);
    drop(socket);
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.contains("\r\n550 5.7.1 "), "{said}");
    assert!(said.contains("\r\n421 4.4.2 "), "{said}");
}

/// EX-39: a submission server adds what a header lacks; a relay must not.
#[test]
fn ex_39_submission_completes_headers_and_a_relay_does_not() {
    let config = config();
    for (role, is_completed) in [(Role::Submission, true), (Role::Mx, false)] {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open_or_create(&dir.path().join("spool"), None).unwrap();
        let desk = local::desk(&config, spool, Box::new(|_| {}));
        let text = "EHLO c\r\nMAIL FROM:<alice@a.example>\r\nRCPT TO:<x@far.example>\r\n\
                    DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";
        let mut talk = Talk {
            input: text.bytes().collect(),
            said: Vec::new(),
        };
        let client = Client {
            role,
            ..Client::default()
        };
        let settings = settings(&config, Role::Mx, false, false);
        let mut session = Session::new(settings, false, Instant::now());
        drive(&mut session, &mut Intake::new(&desk, client), &mut talk).unwrap();
        let entry = desk.spool.list().unwrap().remove(0);
        let mut content = String::new();
        let (_, mut reader) = desk.spool.read(&entry).unwrap();
        reader.read_to_string(&mut content).unwrap();
        for field in [
            "\r\nDate: ",
            "\r\nMessage-ID: <",
            "\r\nFrom: alice@a.example",
        ] {
            assert_eq!(content.contains(field), is_completed, "{role:?}: {content}");
        }
    }
}

#[test]
fn sv_53_protocol_names() {
    let hello = |esmtp| Hello {
        name: "c.example".into(),
        esmtp,
    };
    let cases = [
        (Some(hello(false)), false, false, "SMTP"),
        (Some(hello(true)), false, false, "ESMTP"),
        (Some(hello(true)), true, false, "ESMTPS"),
        (Some(hello(true)), false, true, "UTF8SMTP"),
        (Some(hello(true)), true, true, "UTF8SMTPS"),
        (None, false, false, "SMTP"),
    ];
    for (hello, tls, utf8, wanted) in cases {
        assert_eq!(protocol(Role::Mx, hello.as_ref(), tls, utf8), wanted);
    }
}
