//! Nonsense: what a machine says does not depend on how nonsense is cut, and
//! nothing makes it panic or forget a recipient.

use std::time::Instant;

use proptest::prelude::*;
use smtputils::smtp::client::{Client, Settings, Step, Talk, Timeouts, TlsWish, Verdict};

use super::carrier::Carrier;
use super::client::message;
use super::memory::Memory;
use super::script::Script;

/// Lines that a client may send, in any order, and some that none should.
fn talk() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        10 => prop::sample::select(vec![
            &b"EHLO client.example\r\n"[..],
            b"HELO c\r\n",
            b"MAIL FROM:<a@b.example>\r\n",
            b"MAIL FROM:<> BODY=BINARYMIME\r\n",
            b"RCPT TO:<c@d.example>\r\n",
            b"RCPT TO:<no@d.example>\r\n",
            b"DATA\r\n",
            b"x\r\n..y\r\n",
            b".\r\n",
            b"\r\n.\r\n",
            b"BDAT 3\r\nabc",
            b"BDAT 5 LAST\r\n.\r\n.\r",
            b"BDAT 90\r\n",
            b"BDAT 0 LAST\r\n",
            b"BDAT 2 x\r\nab",
            b"RSET\r\n",
            b"NOOP\r\n",
            b"VRFY x\r\n",
            b"FOO\r\n",
            b"EHLO\r\n",
            b"\n.\r\n",
            b"\r",
            b"QUIT",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

const SETUP: &str =
    "# nonsense\n!size 60\n!errors 200\n!junk 200\n!answer rcpt no@* 550 5.1.1 no\n";

fn hear(octets: &[u8], sizes: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let script = Script::parse("soup", SETUP);
    let mut server = Memory.open(&script).expect("a machine");
    let mut rest = octets;
    for size in sizes.iter().cycle() {
        let (head, tail) = rest.split_at(rest.len().min(*size));
        server.send(head);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    (server.receive(false), server.stored().expect("messages"))
}

/// What servers say, rightly or wrongly.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let reply = prop_oneof![
        8 => prop::sample::select(vec![
            &b"220 mx\r\n"[..],
            b"250 ok\r\n",
            b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            b"354 go\r\n",
            b"450 4.2.1 later\r\n",
            b"452 4.5.3 more\r\n",
            b"550 5.1.1 no\r\n",
            b"421 4.3.2 bye\r\n",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(reply, 0..20).prop_map(|mut all| {
        all.insert(0, b"220 mx\r\n".to_vec());
        all.insert(1, b"250-mx\r\n250 PIPELINING\r\n".to_vec());
        all.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// EX-05, L2, L8.
    #[test]
    fn the_server_does_not_see_cuts(
        octets in talk(),
        sizes in prop::collection::vec(1usize..50, 1..5),
    ) {
        let whole = hear(&octets, &[usize::MAX]);
        prop_assert_eq!(&whole, &hear(&octets, &sizes));
        if let Err(why) = super::play::check_replies(&whole.0) {
            prop_assert!(false, "{}", why);
        }
    }

    /// CL-05, CL-15: one Done for each message, one outcome for each recipient,
    /// and nothing accepted before the end of the content was sent.
    #[test]
    fn the_client_settles_everybody(said in replies(), chunking: bool, piece in 1usize..40) {
        let now = Instant::now();
        let settings = Settings {
            hello: "client.example".into(),
            tls: TlsWish::No,
            pipelining: true,
            chunking,
            lmtp: false,
            timeouts: Timeouts::default(),
            talk: Talk::default(),
            auth: None,
        };
        let mut client = Client::new(settings, now);
        let (mut begun, mut done, mut ended, mut lost) = (0, 0, 0, false);
        let mut pieces = said.chunks(piece);
        let mut input: &[u8] = b"";
        loop {
            match client.step(&mut input, now) {
                Step::Ready if begun < 3 => {
                    begun += 1;
                    client.begin(message("to=<a@b.example>,<c@d.example>").0, now);
                }
                Step::Ready => client.quit(now),
                Step::Content => {
                    ended += 1;
                    client.content(b"x\r\n");
                    client.content_end(now);
                }
                Step::Done => {
                    done += 1;
                    let outcomes = client.take_outcomes();
                    prop_assert_eq!(outcomes.len(), 2);
                    let accepted = outcomes.iter().any(|o| o.verdict == Verdict::Accepted);
                    prop_assert!(!accepted || ended > 0);
                }
                Step::Input => match pieces.next() {
                    Some(next) => input = next,
                    None => {
                        prop_assert!(!lost, "no end after the connection was lost");
                        lost = true;
                        client.connection_lost("the end");
                    }
                },
                Step::StartTls => prop_assert!(false, "TLS was not asked for"),
                Step::Closed => break,
            }
        }
        prop_assert_eq!(begun, done);
    }
}
