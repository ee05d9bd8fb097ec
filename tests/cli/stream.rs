//! `smtp-queue export` and `import`: messages from one spool to another.

use super::sandbox::*;

fn submit(sandbox: &Sandbox, from: &str, to: &[&str], text: impl AsRef<[u8]>) {
    let args = [&["-odq", "-i", "-f", from, "--"], to].concat();
    assert_silent(&sandbox.sendmail(&args, text), 0);
}

/// Messages of every kind: plain, dots, 8-bit, no line end at the end.
fn some() -> Sandbox {
    let sandbox = Sandbox::new();
    submit(
        &sandbox,
        "a@d.example",
        &["x@one.example", "y@two.example"],
        "Subject: 1\n\nhello\n",
    );
    submit(
        &sandbox,
        "a@d.example",
        &["x@one.example"],
        "Subject: 2\n\n..\n.\r\n.x\n",
    );
    submit(
        &sandbox,
        "a@d.example",
        &["x@one.example"],
        "Subject: 3\n\ngr\u{fc}n\n",
    );
    sandbox
}

fn contents(sandbox: &Sandbox) -> Vec<(String, Vec<String>, Vec<u8>)> {
    let queued = sandbox.queued().into_iter();
    queued
        .map(|q| (q.sender(), q.recipients(), q.message))
        .collect()
}

#[test]
fn a_stream_comes_back_octet_for_octet() {
    let (from, to) = (some(), Sandbox::new());
    let stream = from.queue(&["export", "--age", "0s"], "").stdout;
    let told = to.queue_says(&["import", "--queue-only"], &stream);
    assert_eq!(told.matches("\timported\n").count(), 3, "{told}");
    let heads = |s: &Sandbox| -> Vec<_> {
        let queued = s.queued().into_iter();
        queued
            .map(|q| (q.head.id, q.head.envelope, q.head.check, q.message))
            .collect()
    };
    assert_eq!(heads(&from), heads(&to));
    // Again: nothing comes twice.
    let told = to.queue_says(&["import", "--queue-only"], &stream);
    assert_eq!(told.matches("\tqueued already\n").count(), 3, "{told}");
    assert_eq!(to.queued().len(), 3);
    // And out again: the very same stream.
    assert_eq!(to.queue(&["export", "--age", "0s"], "").stdout, stream);
}

#[test]
fn batch_smtp_comes_back_octet_for_octet() {
    let (from, to) = (some(), Sandbox::new());
    // Bare line ends and no end of the last line: only BDAT carries them.
    let odd = b"Subject: 4\r\n\r\na\nb\r\0c";
    let head = "EHLO x\r\nMAIL FROM:<> BODY=BINARYMIME RET=HDRS\r\nRCPT TO:<z@one.example> NOTIFY=NEVER\r\n";
    let batch = [
        head.as_bytes(),
        format!("BDAT {} LAST\r\n", odd.len()).as_bytes(),
        odd,
        b"QUIT\r\n",
    ]
    .concat();
    from.queue_says(&["import", "--queue-only"], &batch);
    let stream = from.queue(&["export", "--bsmtp", "--age", "0s"], "").stdout;
    let text = String::from_utf8_lossy(&stream);
    assert!(
        text.starts_with("EHLO h.example\r\nMAIL FROM:<a@d.example>"),
        "{text}"
    );
    assert!(
        text.contains("\r\nDATA\r\n") && text.contains("\r\n...\r\n..\r\n..x\r\n"),
        "{text}"
    );
    assert!(
        text.contains("BODY=8BITMIME") && text.ends_with("QUIT\r\n"),
        "{text}"
    );
    to.queue_says(&["import", "--queue-only"], &stream);
    assert_eq!(contents(&from), contents(&to));
    assert_eq!(contents(&to)[3].2, odd);
}

#[test]
fn only_who_is_left_goes_along() {
    let sandbox = Sandbox::new();
    sandbox.configure(
        "[[route]]\nmatch = \"one.example\"\nto = \"discard:\"\n[[route]]\nmatch = \"*\"\nto = \"error:4.0.0 later\"",
    );
    submit(
        &sandbox,
        "a@d.example",
        &["x@one.example", "y@two.example"],
        "Subject: 1\n\nhello\n",
    );
    sandbox.queue_says(&["run"], "");
    let to = Sandbox::new();
    let stream = sandbox.queue(&["export", "--age", "0s"], "").stdout;
    to.queue_says(&["import", "--queue-only"], &stream);
    assert_eq!(to.queued()[0].recipients(), ["y@two.example"]);
}

#[test]
fn a_message_that_does_not_match_is_left_out_and_the_next_one_is_not() {
    let (from, to) = (some(), Sandbox::new());
    let mut stream = from.queue(&["export", "--age", "0s"], "").stdout;
    let at = stream.windows(5).position(|w| w == b"hello").unwrap();
    stream[at] = b'H';
    let output = to.queue(&["import", "--queue-only"], &stream);
    assert_eq!(status(&output), 65);
    assert!(
        stderr(&output).contains("does not match its checksum"),
        "{}",
        stderr(&output)
    );
    assert_eq!(to.queued().len(), 2);
    // Cut off in the middle of the last one.
    let to = Sandbox::new();
    let output = to.queue(&["import", "--queue-only"], &stream[..stream.len() - 3]);
    assert_eq!(status(&output), 65);
    assert_eq!(to.queued().len(), 1);
    // No stream at all.
    let output = to.queue(&["import"], "Envelope-Id: hello\r\n\r\n");
    assert_eq!(status(&output), 65, "{}", stderr(&output));
}

#[test]
fn a_batch_ends_at_its_first_fault() {
    // What follows a refused DATA would be content taken for commands.
    let sandbox = Sandbox::new();
    let batch = "EHLO x\r\nMAIL FROM:<a@d.example>\r\nRCPT TO:<b@one.example>\r\nDATA\r\nhello\r\n.\r\n\
        MAIL FROM:<a@@>\r\nRCPT TO:<b@one.example>\r\nDATA\r\nMAIL FROM:<>\r\nRCPT TO:<evil@one.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    let output = sandbox.queue(&["import", "--queue-only"], batch);
    assert_eq!(status(&output), 65);
    assert!(
        stderr(&output).contains("nothing behind it was imported"),
        "{}",
        stderr(&output)
    );
    assert_eq!(sandbox.queued().len(), 1);
    let output = sandbox.queue(
        &["import", "--queue-only"],
        "MAIL FROM:<a@d.example>\r\nRCPT TO:<b@one.example>\r\nDATA\r\nhalf",
    );
    assert_eq!(status(&output), 65);
    assert!(
        stderr(&output).contains("in the middle of a message"),
        "{}",
        stderr(&output)
    );
    assert_eq!(sandbox.queued().len(), 1);
}
