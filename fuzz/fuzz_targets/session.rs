//! The server machine: whatever a client sends and the carrier answers, the
//! output stays bounded and well formed, content begins and ends once, the
//! conversation doesn't depend on how the input is cut, and a client that waits
//! gets one reply for each command.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use smtputils::smtp::caps::Caps;
use smtputils::smtp::reply::Reply;
use smtputils::smtp::server::{Answer, Ask, Role, Session, Settings, Step};

/// The machine's bound and a reply that goes over it.
const MAX_OUTPUT: usize = 8192;

// Octets before the input: settings, size of the pieces, two of answers.
fuzz_target!(|data: &[u8]| {
    let Some((&[flags, size, a, b], input)) = data.split_first_chunk::<4>() else {
        return;
    };
    let new = || Carrier::new(flags, [a, b]);
    let (mut whole, mut cut) = (new(), new());
    whole.take(input);
    input
        .chunks(usize::from(size).max(1))
        .for_each(|piece| cut.take(piece));
    // STARTTLS with more behind it is refused, and whether there is, the cut
    // decides.
    if !whole.tls && !cut.tls {
        assert_eq!(whole.heard, cut.heard);
        assert_eq!(whole.asked, cut.asked);
        assert_eq!(whole.body, cut.body);
    }
    lock_step(new(), input);
});

struct Carrier {
    session: Session,
    now: Instant,
    answers: [u8; 2],
    /// All output.
    heard: Vec<u8>,
    asked: Vec<String>,
    body: Vec<u8>,
    /// Octets stored of the message under way.
    storing: Option<u64>,
    tls: bool,
    closed: bool,
}

impl Carrier {
    fn new(flags: u8, answers: [u8; 2]) -> Carrier {
        let is = |bit: u8| flags & (1 << bit) != 0;
        let settings = Settings {
            role: Role::Mx,
            hostname: "mx.example.org".to_owned(),
            origin: is(6).then(|| "example.org".to_owned()),
            caps: Caps {
                pipelining: true,
                size: Some(1000),
                eight_bit_mime: true,
                smtputf8: is(0),
                chunking: is(1),
                binarymime: is(2),
                dsn: true,
                enhanced: is(3),
                starttls: is(4),
                vrfy: true,
                expn: is(5),
                help: true,
                ..Caps::default()
            },
            local: is(6),
            max_recipients: 5,
            max_errors: if is(7) { 3 } else { 1000 },
            max_junk: if is(7) { 6 } else { 1000 },
            max_line: 200,
            command_timeout: Duration::from_secs(300),
            min_rate: 0,
        };
        let now = Instant::now();
        let mut carrier = Carrier {
            session: Session::new(Arc::new(settings), false, now),
            now,
            answers,
            heard: Vec::new(),
            asked: Vec::new(),
            body: Vec::new(),
            storing: None,
            tls: false,
            closed: false,
        };
        carrier.take(b"");
        carrier
    }

    fn take(&mut self, mut input: &[u8]) {
        while !self.closed && !self.tls {
            let step = self.session.step(&mut input, self.now);
            match step {
                Step::Input => {
                    assert!(input.is_empty(), "input is left");
                    return self.write();
                }
                Step::Flush => self.write(),
                Step::Body(octets) => {
                    let stored = self.storing.as_mut().expect("content that was asked for");
                    *stored += octets.len() as u64;
                    self.body.extend_from_slice(octets);
                }
                Step::Discard => assert!(self.storing.take().is_some(), "nothing to discard"),
                Step::StartTls => {
                    self.write();
                    self.tls = true;
                }
                Step::Close => {
                    self.write();
                    self.closed = true;
                    let end = self.session.step(&mut input, self.now);
                    assert_eq!(end, Step::Close);
                }
                Step::Ask(question) => {
                    let shown = format!("{question:?}");
                    let index = self.asked.len();
                    let way = self.answers[index / 4 % 2] >> (index % 4 * 2) & 3;
                    let answer = answer(way);
                    let yes = matches!(&answer, Answer::Yes)
                        || matches!(&answer, Answer::Reply(r) if r.code < 300);
                    match question {
                        Ask::Data => {
                            assert!(self.storing.is_none(), "content twice");
                            self.storing = yes.then_some(0);
                        }
                        Ask::End(content) => {
                            let stored = self.storing.take().expect("an end without content");
                            assert_eq!(content.octets, stored);
                        }
                        _ => assert!(self.storing.is_none(), "a question within content"),
                    }
                    self.asked.push(shown);
                    self.session.answer(answer);
                }
            }
            assert!(self.session.output().len() <= MAX_OUTPUT);
        }
    }

    fn write(&mut self) {
        let out = self.session.output();
        check_replies(out);
        self.heard.extend_from_slice(out);
        self.session.written(out.len());
    }
}

fn answer(way: u8) -> Answer {
    match way {
        0 | 1 => Answer::Yes,
        2 => Answer::Reply(Reply::new(550, (5, 7, 1), "no")),
        _ => Answer::Reply(Reply::new(250, (2, 0, 0), "fine")),
    }
}

/// Whole lines, none that a client could take for another.
fn check_replies(out: &[u8]) {
    let mut rest = out;
    while let Some(at) = rest.iter().position(|b| *b == b'\n') {
        let line = rest[..at].strip_suffix(b"\r").expect("CRLF");
        rest = &rest[at + 1..];
        assert!(line.len() <= 510, "{}", line.len());
        assert!(line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit));
        assert!(matches!(line.get(3), None | Some(b' ' | b'-')));
        assert!(!line.iter().any(u8::is_ascii_control));
    }
    assert!(rest.is_empty(), "a line without its end");
}

fn replies(out: &[u8]) -> usize {
    let lines = out.split(|b| *b == b'\n').filter(|line| line.len() > 3);
    lines.filter(|line| line[3] != b'-').count()
}

/// Line by line, as a client does that waits for each reply.
fn lock_step(mut carrier: Carrier, input: &[u8]) {
    assert_eq!(replies(&carrier.heard), 1, "the greeting");
    let mut rest = input;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let (line, after) = rest.split_at(at + 2);
        rest = after;
        let is_odd = line[..at].iter().any(|b| matches!(b, b'\r' | b'\n'));
        // Chunks and broken lines end elsewhere.
        if is_odd
            || line
                .get(..4)
                .is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
        {
            return;
        }
        let (before, in_content) = (carrier.heard.len(), carrier.is_in_content());
        carrier.take(line);
        let said = replies(&carrier.heard[before..]);
        match in_content && carrier.is_in_content() {
            true => assert_eq!(said, 0, "a reply within content"),
            false => assert_eq!(said, 1, "{:?}", String::from_utf8_lossy(line)),
        }
        if carrier.closed || carrier.tls {
            return;
        }
    }
}

impl Carrier {
    /// The last reply was 354 and none came since.
    fn is_in_content(&self) -> bool {
        let last = self
            .heard
            .split(|b| *b == b'\n')
            .rfind(|line| !line.is_empty());
        last.is_some_and(|line| line.starts_with(b"354"))
    }
}
