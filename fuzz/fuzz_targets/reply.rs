//! A peer's replies: the same however the input is cut, within the bounds,
//! printable; what we write keeps to 512 octets a line and reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::smtp::caps::Caps;
use smtputils::smtp::reply::{MAX_KEPT_LINE, MAX_REPLY_LINE, MAX_REPLY_LINES, Reply, ReplyReader};

// The first octet is the size of the pieces.
fuzz_target!(|data: &[u8]| {
    let Some((&size, input)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(input));
    assert_eq!(whole, read(input.chunks(usize::from(size).max(1))));
    whole.0.iter().for_each(check);
});

/// The replies before the first error, and whether there was one.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Reply>, bool) {
    let mut reader = ReplyReader::default();
    let mut replies = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.read(&mut piece) {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(_) => return (replies, true),
            }
        }
        assert!(piece.is_empty());
    }
    (replies, false)
}

fn check(reply: &Reply) {
    assert!((200..600).contains(&reply.code));
    assert!((1..=MAX_REPLY_LINES).contains(&reply.lines.len()));
    // An octet that is not UTF-8 becomes U+FFFD, which is three.
    assert!(
        reply
            .lines
            .iter()
            .all(|line| line.len() <= 3 * MAX_KEPT_LINE)
    );
    assert!(!reply.to_string().contains(char::is_control));

    let mut wire = Vec::new();
    reply.write(&mut wire);
    assert!(
        wire.split_inclusive(|b| *b == b'\n')
            .all(|line| line.len() <= MAX_REPLY_LINE)
    );
    let (again, failed) = read(std::iter::once(&wire[..]));
    if reply
        .lines
        .iter()
        .all(|line| line.is_ascii() && line.len() < 400)
    {
        assert!(!failed);
        assert_eq!(again.len(), 1);
        assert_eq!(
            (again[0].code, again[0].lines.len()),
            (reply.code, reply.lines.len())
        );
    }

    let caps = Caps::parse(reply);
    let mut lines = vec!["host.example".to_owned()];
    lines.extend(caps.lines());
    assert_eq!(
        Caps::parse(&Reply {
            lines,
            ..reply.clone()
        }),
        caps
    );
}
