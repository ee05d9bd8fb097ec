//! Both machines joined in memory. The clock is a number, the wire two vectors
//! that may be cut anywhere: five minutes pass in no time, and a connection can
//! break at every octet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::smtp::client::{
    Client, Message, Outcome, Settings as Wishes, Step as ClientStep, Talk, Timeouts, TlsWish,
    Verdict,
};
use smtputils::smtp::param::{MailParams, RcptParams};
use smtputils::smtp::server::{Answer, Ask, Role, Session, Settings, Step};

use super::memory;

/// What the server side took: recipients and content.
type Stored = (Vec<String>, Vec<u8>);

struct Pair {
    client: Client,
    server: Session,
    now: Instant,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// Octets that may still pass in either direction before the wire breaks.
    budget: usize,
    mail: VecDeque<(Message, Vec<u8>)>,
    content: Vec<u8>,
    draft: Option<Vec<u8>>,
    stored: Vec<Stored>,
    outcomes: Vec<Vec<Outcome>>,
    closed: bool,
}

fn settings() -> Settings {
    Settings {
        role: Role::Mx,
        hostname: "mx.example.org".into(),
        caps: memory::caps(),
        local: false,
        origin: None,
        max_recipients: 1000,
        max_errors: 10,
        max_junk: 100,
        max_line: 65_536,
        command_timeout: Duration::from_secs(300),
        min_rate: 500,
    }
}

fn wishes(pipelining: bool, chunking: bool) -> Wishes {
    Wishes {
        hello: "client.example".into(),
        tls: TlsWish::IfOffered,
        pipelining,
        chunking,
        lmtp: false,
        timeouts: Timeouts::default(),
        talk: Talk::default(),
        auth: None,
    }
}

fn message(recipients: usize, content: &[u8]) -> Message {
    let address = |n| Mailbox::parse(&format!("user{n}@example.org")).expect("an address");
    Message {
        reverse_path: ReversePath::Null,
        params: MailParams::default(),
        recipients: (0..recipients)
            .map(|n| (address(n), RcptParams::default()))
            .collect(),
        size: content.len() as u64,
        eight_bit: !content.is_ascii(),
        utf8: false,
    }
}

impl Pair {
    fn new(wishes: Wishes, mail: Vec<(Message, Vec<u8>)>) -> Pair {
        let now = Instant::now();
        Pair {
            client: Client::new(wishes, now),
            server: Session::new(Arc::new(settings()), false, now),
            now,
            to_server: Vec::new(),
            to_client: Vec::new(),
            budget: usize::MAX,
            mail: mail.into(),
            content: Vec::new(),
            draft: None,
            stored: Vec::new(),
            outcomes: Vec::new(),
            closed: false,
        }
    }

    /// Until the client is done, pieces of these sizes in turn.
    fn run(&mut self, sizes: &[usize]) {
        let mut sizes = sizes.iter().copied().cycle();
        let mut piece = || sizes.next().unwrap_or(usize::MAX).max(1);
        for _ in 0..1_000_000 {
            if self.closed {
                return;
            }
            self.server_side(piece());
            self.client_side(piece());
            let stuck = self.to_client.is_empty() && self.to_server.is_empty();
            if self.budget == 0 || (stuck && !self.closed) {
                self.client.connection_lost("the wire broke");
                self.client_side(0);
            }
        }
        panic!("the pair does not come to an end");
    }

    fn pass(wire: &mut Vec<u8>, budget: &mut usize, most: usize) -> Vec<u8> {
        let n = wire.len().min(most).min(*budget);
        *budget -= n;
        wire.drain(..n).collect()
    }

    fn client_side(&mut self, most: usize) {
        let input = Self::pass(&mut self.to_client, &mut self.budget, most);
        let mut input = input.as_slice();
        loop {
            let step = self.client.step(&mut input, self.now);
            self.to_server.extend_from_slice(self.client.output());
            self.client.written(self.client.output().len());
            match step {
                ClientStep::Input => return,
                ClientStep::Closed => {
                    self.closed = true;
                    return;
                }
                ClientStep::Done => self.outcomes.push(self.client.take_outcomes()),
                ClientStep::Ready => match self.mail.pop_front() {
                    Some((message, content)) => {
                        self.content = content;
                        self.client.begin(message, self.now);
                    }
                    None => self.client.quit(self.now),
                },
                ClientStep::Content if self.content.is_empty() => self.client.content_end(self.now),
                ClientStep::Content => {
                    let n = self.content.len().min(30_000);
                    let piece: Vec<u8> = self.content.drain(..n).collect();
                    self.client.content(&piece);
                }
                ClientStep::StartTls => panic!("not offered"),
            }
        }
    }

    fn server_side(&mut self, most: usize) {
        let input = Self::pass(&mut self.to_server, &mut self.budget, most);
        let mut input = input.as_slice();
        loop {
            let ended = match self.server.step(&mut input, self.now) {
                Step::Input | Step::Close => {
                    self.flush();
                    return;
                }
                Step::Flush => {
                    self.flush();
                    continue;
                }
                Step::Body(octets) => {
                    self.draft
                        .as_mut()
                        .expect("a draft")
                        .extend_from_slice(octets);
                    continue;
                }
                Step::Discard => {
                    self.draft = None;
                    continue;
                }
                Step::StartTls => panic!("not offered"),
                Step::Ask(Ask::Data) => {
                    self.draft = Some(Vec::new());
                    false
                }
                Step::Ask(question) => matches!(question, Ask::End(_)),
            };
            if ended {
                self.store();
            }
            self.server.answer(Answer::Yes);
        }
    }

    fn store(&mut self) {
        let transaction = self.server.transaction().expect("a transaction");
        let recipients = transaction
            .recipients
            .iter()
            .map(|(path, _)| path.to_string());
        let draft = self.draft.take().expect("a draft");
        self.stored.push((recipients.collect(), draft));
    }

    fn flush(&mut self) {
        self.to_client.extend_from_slice(self.server.output());
        self.server.written(self.server.output().len());
    }
}

/// Content as the spool has it: lines that end with CRLF, some with dots.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        3 => any::<u8>().prop_filter("no line end, no NUL", |b| !b"\r\n\0".contains(b)),
        1 => Just(b'.'),
    ];
    let line = prop::collection::vec(octet, 0..80);
    prop::collection::vec(line, 0..40).prop_map(|lines| {
        let mut all = Vec::new();
        for line in lines {
            all.extend_from_slice(&line);
            all.extend_from_slice(b"\r\n");
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// SV-51, SV-63, EX-05, CL-11: whatever is sent arrives, octet for octet,
    /// however the wire cuts it.
    #[test]
    fn messages_arrive_as_they_were(
        contents in prop::collection::vec((1usize..30, content()), 1..5),
        pipelining in any::<bool>(),
        chunking in any::<bool>(),
        sizes in prop::collection::vec(1usize..3000, 1..6),
    ) {
        let mail = contents.iter().map(|(n, c)| (message(*n, c), c.clone())).collect();
        let mut pair = Pair::new(wishes(pipelining, chunking), mail);
        pair.run(&sizes);
        prop_assert!(pair.client.failure().is_none());
        prop_assert_eq!(pair.stored.len(), contents.len());
        for (n, (recipients, content)) in contents.iter().enumerate() {
            prop_assert_eq!(&pair.stored[n].1, content);
            prop_assert_eq!(pair.stored[n].0.len(), *recipients);
            prop_assert_eq!(pair.outcomes[n].len(), *recipients);
            prop_assert!(pair.outcomes[n].iter().all(|o| o.verdict == Verdict::Accepted));
        }
    }
}

/// L8, EX-10: content of many chunks, and none too big to be held.
#[test]
fn a_large_message_goes_in_chunks() {
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    let content = line.repeat(20_000);
    let mut pair = Pair::new(
        wishes(true, true),
        vec![(message(2, &content), content.clone())],
    );
    pair.run(&[4096, 100, 70_000]);
    assert!(pair.stored[0].1 == content);
    assert_eq!(pair.outcomes[0][1].verdict, Verdict::Accepted);
}

/// SV-35, CL-20: a thousand recipients, more than any window holds.
#[test]
fn a_thousand_recipients_in_one_transaction() {
    let content = b"x\r\n".to_vec();
    let mail = vec![(message(1001, &content), content)];
    let mut pair = Pair::new(wishes(true, false), mail);
    pair.run(&[100_000]);
    assert_eq!(pair.stored[0].0.len(), 1000);
    let last = pair.outcomes[0].last().expect("an outcome");
    assert_eq!(last.verdict, Verdict::Deferred);
    assert!(last.needs.is_some(), "CL-09: {last:?}");
}

/// CL-15, SV-44: the wire breaks after each octet in turn. What counts as
/// accepted is stored; what is stored counts as accepted or unknown; nothing is
/// stored in part.
#[test]
fn a_broken_wire_loses_nothing() {
    for (pipelining, chunking) in [(false, false), (true, false), (true, true)] {
        let contents = [b"one\r\n.\r\n".to_vec(), b"two\r\n".to_vec()];
        let mail = || {
            contents
                .iter()
                .map(|c| (message(2, c), c.clone()))
                .collect()
        };
        let mut whole = Pair::new(wishes(pipelining, chunking), mail());
        whole.budget = 1_000_000;
        whole.run(&[]);
        let octets = 1_000_000 - whole.budget;
        assert!(octets > 500, "{octets}");
        for budget in 0..octets {
            let mut pair = Pair::new(wishes(pipelining, chunking), mail());
            pair.budget = budget;
            pair.run(&[]);
            let taken: Vec<&Vec<u8>> = pair.stored.iter().map(|(_, c)| c).collect();
            assert!(taken.iter().zip(&contents).all(|(a, b)| *a == b));
            for (n, outcomes) in pair.outcomes.iter().enumerate() {
                assert_eq!(outcomes.len(), 2);
                for outcome in outcomes {
                    let stored = n < taken.len();
                    match outcome.verdict {
                        Verdict::Accepted => assert!(stored, "{budget}: lost"),
                        Verdict::Deferred => assert!(!stored, "{budget}: would come twice"),
                        Verdict::Unknown => {}
                        Verdict::Refused => panic!("{budget}: a broken wire is no refusal"),
                    }
                }
            }
            assert!(taken.len() <= pair.outcomes.len());
        }
    }
}

/// SV-60, CL-19: five silent minutes end both sides; no time passes here.
#[test]
fn five_silent_minutes() {
    let mut pair = Pair::new(wishes(true, false), Vec::new());
    let start = pair.now;
    assert_eq!(
        pair.client.deadline(),
        Some(start + Duration::from_secs(300))
    );
    assert_eq!(
        pair.server.deadline(),
        Some(start + Duration::from_secs(300))
    );
    pair.now += Duration::from_secs(300);
    pair.server.expire();
    pair.server_side(0);
    assert!(pair.to_client.ends_with(b"421 4.4.2 Too slow, closing\r\n"));
    pair.client.connection_lost("nothing heard for 5 minutes");
    assert_eq!(
        pair.client.step(&mut &b""[..], pair.now),
        ClientStep::Closed
    );
    let failure = pair.client.failure().expect("a failure");
    assert_eq!(failure.verdict, Verdict::Deferred);
}
