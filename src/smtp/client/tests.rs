//! What a dialogue cannot show: windows, early replies, calls out of turn.

use super::send::{OUTPUT_BOUND, WINDOW};
use super::*;
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};

fn settings(chunking: bool) -> Settings {
    Settings {
        hello: "client.example".into(),
        tls: TlsWish::No,
        pipelining: true,
        chunking,
        lmtp: false,
        timeouts: Timeouts::default(),
        talk: Talk::default(),
        auth: None,
    }
}

fn message(recipients: usize) -> Message {
    let mailbox = Mailbox::parse("bob@example.org").expect("an address");
    Message {
        reverse_path: ReversePath::Null,
        params: MailParams::default(),
        recipients: vec![(mailbox, RcptParams::default()); recipients],
        size: 10,
        eight_bit: false,
        utf8: false,
    }
}

pub(super) fn said(client: &mut Client) -> String {
    let said = String::from_utf8_lossy(client.output()).into_owned();
    client.written(said.len());
    said
}

pub(super) fn ready(chunking: bool, now: Instant) -> Client {
    let mut client = Client::new(settings(chunking), now);
    let mut input = &b"220 mx\r\n250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"[..];
    assert_eq!(client.step(&mut input, now), Step::Ready);
    said(&mut client);
    client
}

fn streaming(chunking: bool, now: Instant) -> Client {
    let mut client = ready(chunking, now);
    client.begin(message(1), now);
    assert_eq!(client.step(&mut &b""[..], now), Step::Input);
    let mut input = &b"250 ok\r\n250 ok\r\n"[..];
    if !chunking {
        input = b"250 ok\r\n250 ok\r\n354 go\r\n";
    }
    assert_eq!(client.step(&mut input, now), Step::Content);
    said(&mut client);
    client
}

/// Both ends reading late must not block each other.
#[test]
fn commands_ahead_of_their_replies_are_bounded() {
    let now = Instant::now();
    let mut client = ready(false, now);
    client.begin(message(5000), now);
    assert_eq!(client.step(&mut &b""[..], now), Step::Input);
    assert_eq!(client.expect.len(), WINDOW);
    assert!(client.output().len() <= OUTPUT_BOUND + 1024);
    assert!(!said(&mut client).contains("DATA"));
    let replies = b"250 ok\r\n".repeat(WINDOW);
    assert_eq!(client.step(&mut replies.as_slice(), now), Step::Input);
    assert!(said(&mut client).starts_with("RCPT"));
}

/// Chunks ahead of their replies, too: then the machine wants to read.
#[test]
fn chunks_ahead_of_their_replies_are_bounded() {
    let now = Instant::now();
    let mut client = streaming(true, now);
    let piece = vec![b'x'; 64 * 1024];
    let mut chunks = 0;
    while client.step(&mut &b""[..], now) == Step::Content {
        client.content(&piece);
        client.written(usize::MAX);
        chunks += 1;
    }
    assert_eq!(chunks, CHUNK_WINDOW);
    assert_eq!(client.step(&mut &b"250 ok\r\n"[..], now), Step::Content);
}

/// A server that says no half-way: that is the verdict, and the final dot is
/// never sent.
#[test]
fn an_early_refusal_ends_the_content() {
    let now = Instant::now();
    let mut client = streaming(false, now);
    client.content(b"Subject: x\r\n");
    let mut input = &b"552 5.3.4 too big\r\n"[..];
    assert_eq!(client.step(&mut input, now), Step::Done);
    let outcomes = client.take_outcomes();
    assert_eq!(outcomes[0].verdict, Verdict::Refused);
    assert_eq!(outcomes[0].status, Enhanced(5, 3, 4));
    client.content(b"more\r\n");
    client.content_end(now);
    assert_eq!(client.step(&mut input, now), Step::Closed);
    assert!(!said(&mut client).contains(".\r\n"));
}

/// A chunk refused while others are on their way: their replies are read, no
/// further chunk is sent, the connection goes on.
#[test]
fn a_refused_chunk_ends_the_transaction_only() {
    let now = Instant::now();
    let mut client = streaming(true, now);
    client.content(&vec![b'x'; 130 * 1024]);
    assert!(said(&mut client).starts_with("BDAT 65536\r\n"));
    assert_eq!(
        client.step(&mut &b"552 5.3.4 too big\r\n"[..], now),
        Step::Input
    );
    client.content(b"more");
    client.content_end(now);
    assert_eq!(
        client.step(&mut &b"503 5.5.1 MAIL first\r\n"[..], now),
        Step::Done
    );
    assert_eq!(client.take_outcomes()[0].status, Enhanced(5, 3, 4));
    assert_eq!(client.step(&mut &b""[..], now), Step::Ready);
    assert_eq!(said(&mut client), "");
    client.begin(message(1), now);
    assert_eq!(client.step(&mut &b""[..], now), Step::Input);
    assert!(said(&mut client).starts_with("RSET\r\nMAIL FROM:<>"));
}

/// A message begun on a connection that failed is Done, deferred, with the words.
#[test]
fn a_message_for_a_dead_connection_is_deferred() {
    let now = Instant::now();
    let mut client = ready(false, now);
    client.connection_lost("the peer closed");
    assert_eq!(client.step(&mut &b""[..], now), Step::Closed);
    client.begin(message(2), now);
    assert_eq!(client.step(&mut &b""[..], now), Step::Done);
    let outcomes = client.take_outcomes();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[0].verdict, Verdict::Deferred);
    assert_eq!(outcomes[0].text, "the peer closed");
    assert_eq!(client.step(&mut &b""[..], now), Step::Closed);
}

/// A server that closes while nothing is under way.
#[test]
fn idle_421_is_a_failure_to_see() {
    let now = Instant::now();
    let mut client = ready(false, now);
    assert_eq!(client.deadline(), None);
    assert_eq!(
        client.step(&mut &b"421 4.4.2 idle\r\n"[..], now),
        Step::Closed
    );
    assert_eq!(client.failure().map(|f| f.status), Some(Enhanced(4, 4, 2)));
}

/// I1: what would make two commands of one is not sent.
#[test]
fn a_hello_with_a_line_end_is_not_sent() {
    let now = Instant::now();
    let mut wishes = settings(false);
    wishes.hello = "x\r\nMAIL FROM:<>".into();
    let mut client = Client::new(wishes, now);
    assert_eq!(client.step(&mut &b"220 mx\r\n"[..], now), Step::Closed);
    assert_eq!(client.output(), b"");
    assert!(client.failure().is_some());
}
