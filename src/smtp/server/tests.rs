//! What a dialogue cannot show: sizes, bounds, deadlines, repeated questions.

use super::*;
use crate::smtp::caps::Caps;

fn settings() -> Settings {
    Settings {
        role: Role::Mx,
        hostname: "mx.example.org".into(),
        caps: Caps {
            size: Some(1000),
            chunking: true,
            pipelining: true,
            ..Caps::default()
        },
        local: false,
        origin: None,
        max_recipients: 1000,
        max_errors: 10,
        max_junk: u32::MAX,
        max_line: 1000,
        command_timeout: Duration::from_secs(300),
        min_rate: 10,
    }
}

fn session(now: Instant) -> Session {
    Session::new(Arc::new(settings()), false, now)
}

/// Feeds and says yes to everything; returns what was said.
fn feed(session: &mut Session, mut input: &[u8], now: Instant) -> String {
    let mut said = Vec::new();
    loop {
        let step = session.step(&mut input, now);
        let (ask, end) = (
            matches!(step, Step::Ask(_)),
            matches!(step, Step::Input | Step::Close | Step::StartTls),
        );
        said.extend_from_slice(session.output());
        session.written(session.output().len());
        if ask {
            session.answer(Answer::Yes);
        } else if end {
            return String::from_utf8(said).expect("ASCII");
        }
    }
}

/// The limits of security 2.8: an idle session is a small constant.
#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 256, "{}", size_of::<Session>());
    let now = Instant::now();
    let mut idle = session(now);
    feed(&mut idle, b"EHLO client.example\r\nNOOP\r\n", now);
    assert_eq!(idle.out.capacity(), 0);
    assert!(!idle.line.is_partial());
    assert!(idle.incoming.is_none() && idle.transaction.is_none());
}

/// A client that sends and never reads costs [`OUTPUT_BOUND`] and a reply.
#[test]
fn output_is_bounded_without_a_reader() {
    let now = Instant::now();
    let mut session = session(now);
    let flood = b"HELP\r\n".repeat(10_000);
    let mut input = flood.as_slice();
    for _ in 0..3 {
        assert_eq!(session.step(&mut input, now), Step::Flush);
    }
    assert!(session.output().len() < OUTPUT_BOUND + 1024);
    assert!(input.len() > 50_000, "the rest waits with the carrier");
}

/// Pieces of a line buy no time; a whole one does.
#[test]
fn a_trickled_command_keeps_its_deadline() {
    let start = Instant::now();
    let mut session = session(start);
    let due = start + Duration::from_secs(300);
    let later = start + Duration::from_secs(200);
    feed(&mut session, b"NO", later);
    assert_eq!(session.deadline(), Some(due));
    feed(&mut session, b"OP\r\n", later);
    assert_eq!(session.deadline(), Some(later + Duration::from_secs(300)));
}

/// Content: 300 s, and 1 s more for each 10 octets.
#[test]
fn trickled_content_meets_the_lowest_rate() {
    let start = Instant::now();
    let mut session = session(start);
    let mail = b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n";
    feed(&mut session, mail, start);
    feed(&mut session, b"x\r\n", start);
    let later = start + Duration::from_secs(299);
    feed(
        &mut session,
        &b"0123456789abcdef\r\n".repeat(5)[..87],
        later,
    );
    assert_eq!(session.deadline(), Some(start + Duration::from_secs(309)));
    session.expire();
    assert_eq!(session.step(&mut &b""[..], later), Step::Discard);
    assert_eq!(session.step(&mut &b""[..], later), Step::Close);
    assert_eq!(session.output(), b"421 4.4.2 Too slow, closing\r\n");
}

/// A question stands until it is answered; nothing is read, nothing expires.
#[test]
fn a_question_stands_until_answered() {
    let now = Instant::now();
    let mut session = session(now);
    feed(&mut session, b"EHLO c.example\r\n", now);
    let mut input = &b"MAIL FROM:<a@b.example>\r\nNOOP\r\n"[..];
    for _ in 0..2 {
        let step = session.step(&mut input, now);
        assert!(matches!(step, Step::Ask(Ask::Mail(..))), "{step:?}");
        assert_eq!(input, b"NOOP\r\n");
    }
    session.expire();
    assert_eq!(session.deadline(), None);
    session.answer(Answer::Yes);
    session.answer(Answer::Reply(Reply::new(550, (5, 0, 0), "nobody asked")));
    assert_eq!(session.step(&mut input, now), Step::Input);
    assert_eq!(session.output(), b"250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n");
}

/// EX-13: the draft goes as soon as the limit is passed, the rest is not kept.
#[test]
fn an_oversize_draft_is_dropped_at_once() {
    let now = Instant::now();
    let mut session = session(now);
    let mail = b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 5000 LAST\r\n";
    feed(&mut session, mail, now);
    let octets = [b'x'; 1001];
    assert_eq!(session.step(&mut &octets[..], now), Step::Discard);
    assert_eq!(session.step(&mut &octets[..], now), Step::Input);
    assert!(session.transaction().is_some(), "the chunk is not through");
}

/// A carrier may say yes and no, never "go on".
#[test]
fn an_answer_that_is_no_answer_is_a_no() {
    let now = Instant::now();
    let mut session = session(now);
    feed(
        &mut session,
        b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n",
        now,
    );
    let mut input = &b"DATA\r\n"[..];
    assert_eq!(session.step(&mut input, now), Step::Ask(Ask::Data));
    session.answer(Answer::Reply(Reply::new(354, (0, 0, 0), "go")));
    assert_eq!(session.step(&mut input, now), Step::Input);
    assert_eq!(session.output(), b"451 4.3.0 No usable answer\r\n");
    assert!(session.transaction().is_none());
}

/// The state is the carrier's to see while it answers.
#[test]
fn hello_and_transaction_are_shown() {
    let now = Instant::now();
    let mut session = session(now);
    feed(
        &mut session,
        b"HELO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n",
        now,
    );
    assert!(
        session
            .hello()
            .is_some_and(|h| h.name == "c.example" && !h.esmtp)
    );
    assert_eq!(session.transaction().map(|t| t.recipients.len()), Some(1));
}

/// SV-59: without words from the carrier the machine has its own.
#[test]
fn yes_at_the_end_is_said_in_our_words() {
    let now = Instant::now();
    let mut session = session(now);
    let mail = b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 0 LAST\r\n";
    let said = feed(&mut session, mail, now);
    assert!(said.ends_with("250 2.0.0 Message taken\r\n"), "{said}");
}

/// P4: the reply to each command in each phase. Rows are verbs, columns
/// phases: no EHLO, ready, sender, recipient, between chunks.
#[test]
fn every_verb_in_every_phase() {
    const PHASES: [&str; 5] = [
        "",
        "EHLO c.example\r\n",
        "EHLO c.example\r\nMAIL FROM:<>\r\n",
        "EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n",
        "EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 1\r\nx",
    ];
    const TABLE: &[(&str, [&str; 5])] = &[
        ("EHLO c.example", ["250", "250", "250", "250", "250"]),
        ("HELO c.example", ["250", "250", "250", "250", "250"]),
        ("MAIL FROM:<>", ["503", "250", "503", "503", "503"]),
        ("RCPT TO:<a@b.example>", ["503", "503", "250", "250", "503"]),
        ("DATA", ["503", "503", "554", "354", "503"]),
        ("BDAT 0", ["503", "503", "554", "250", "250"]),
        ("BDAT 0 LAST", ["503", "503", "554", "250", "250"]),
        ("RSET", ["250", "250", "250", "250", "250"]),
        ("NOOP", ["250", "250", "250", "250", "250"]),
        ("VRFY a", ["252", "252", "252", "252", "252"]),
        ("EXPN a", ["252", "252", "252", "252", "252"]),
        ("HELP", ["214", "214", "214", "214", "214"]),
        ("STARTTLS", ["502", "502", "502", "502", "502"]),
        ("AUTH PLAIN", ["502", "502", "502", "502", "502"]),
        ("FOO", ["500", "500", "500", "500", "500"]),
        ("QUIT", ["221", "221", "221", "221", "221"]),
    ];
    let now = Instant::now();
    for (command, codes) in TABLE {
        for (phase, code) in PHASES.iter().zip(codes) {
            let mut session = session(now);
            feed(&mut session, phase.as_bytes(), now);
            let said = feed(&mut session, format!("{command}\r\n").as_bytes(), now);
            assert!(said.starts_with(code), "{phase:?} {command}: {said}");
        }
    }
}
