//! Whose an address is, as clients see it.

use std::fs;
use std::net::TcpStream;

use crate::site::{Client, Site};

/// ann and bob of a file, a virtual domain, moved users, a backup.
fn site(more: &str) -> Site {
    let site = Site::new("");
    let dir = site.dir.path().display().to_string();
    let put = |name: &str, text: &str| fs::write(site.dir.path().join(name), text).unwrap();
    put("users", "bob\nann@b.example\n");
    put(
        "aliases",
        "team: bob, far@r.example\nowner-team: bob\nprog: |/bin/true\n",
    );
    put(
        "virtual",
        "info@v.example: bob\n@v.example: ann\nbob@w.example: bob\n",
    );
    put("moved", "carl: carl@new.example\n");
    put("forwarded", "dora@b.example dora@new.example\n");
    put("backup", "x@k.example\n");
    let config = fs::read_to_string(site.config()).unwrap().replace(
        "aliases = []",
        &format!(
            "aliases = [\"{dir}/aliases\"]\nvirtual = [\"{dir}/virtual\"]\nmoved = [\"{dir}/moved\"]\n\
             moved_forward = [\"{dir}/forwarded\"]"
        ),
    );
    let config = format!(
        "{config}\n[serve]\nusers = [\"file:{dir}/users\"]\nrelay_domains = [\"k.example\"]\n\
         relay_recipients = [\"{dir}/backup\"]\n{more}"
    );
    fs::write(site.config(), config).unwrap();
    site
}

/// SV-33, SV-34, SV-67, R4: unknown recipients are refused in the dialogue.
#[test]
fn recipients_of_every_kind() {
    let site = site("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@a.example>", "250");
    for (to, reply) in [
        ("bob@b.example", "250 2.1.5"),
        ("BOB+lists@B.EXAMPLE", "250 2.1.5"),
        ("ann@b.example", "250 2.1.5"),
        ("team@b.example", "250 2.1.5"),
        ("eve@b.example", "550 5.1.1"),
        ("info@v.example", "250 2.1.5"),
        ("anybody@v.example", "250 2.1.5"),
        ("info@w.example", "550 5.1.1"),
        (
            "carl@b.example",
            "551 5.1.6 User not local; please try <carl@new.example>",
        ),
        (
            "dora@b.example",
            "251 2.1.5 User not local; will forward to <dora@new.example>",
        ),
        ("x@k.example", "250 2.1.5"),
        ("y@k.example", "550 5.1.1"),
        ("x@r.example", "550 5.7.1"),
        ("postmaster@v.example", "250 2.1.5"),
    ] {
        client.expect(&format!("RCPT TO:<{to}>"), reply);
    }
}

/// A file that changes counts at once; one that is gone refuses nobody for good.
#[test]
fn files_are_read_again_while_the_server_runs() {
    let site = site("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@a.example>", "250");
    client.expect("RCPT TO:<eve@b.example>", "550 5.1.1");
    fs::write(site.dir.path().join("users"), "bob\neve\n").unwrap();
    client.expect("RCPT TO:<eve@b.example>", "250");
    fs::write(site.dir.path().join("virtual"), "new@u.example: bob\n").unwrap();
    client.expect("RCPT TO:<new@u.example>", "250");
    fs::remove_file(site.dir.path().join("users")).unwrap();
    client.expect("RCPT TO:<eve@b.example>", "451 4.3.0");
    client.expect("RCPT TO:<team@b.example>", "250");
}

/// SV-41, SV-42, R3.
#[test]
fn vrfy_and_expn_tell_those_who_may_know() {
    let site = site("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("VRFY bob", "252 2.1.5");
    client.expect("EXPN team", "252 2.1.5");
    let site = self::site("vrfy_from = [\"127.0.0.0/8\"]\n");
    let server = site.start();
    let mut client = server.hello();
    for (question, reply) in [
        ("VRFY ann", "250 2.1.5 <ann@b.example>"),
        ("VRFY <ann@b.example>", "250 2.1.5 <ann@b.example>"),
        ("VRFY team", "250 2.1.5 <team@b.example>"),
        ("VRFY eve", "550 5.1.1"),
        (
            "VRFY carl",
            "551 5.1.6 User not local; please try <carl@new.example>",
        ),
        ("VRFY dora@b.example", "251 2.1.5"),
        ("VRFY x@r.example", "252 2.1.5"),
        (
            "EXPN bob@b.example",
            "550 5.1.1 That is a user name, not a mailing list",
        ),
        ("EXPN prog", "252 2.1.5"),
        ("EXPN eve", "550 5.1.1"),
    ] {
        client.expect(question, reply);
    }
    client.send(b"VRFY bob\r\n");
    assert_eq!(client.line(), "553-5.1.4 Ambiguous; possibilities are");
    assert_eq!(client.line(), "553-5.1.4 <bob@b.example>");
    assert_eq!(client.line(), "553 5.1.4 <bob@w.example>");
    client.send(b"EXPN team\r\n");
    assert_eq!(client.line(), "250-2.1.5 <bob@b.example>");
    assert_eq!(client.line(), "250 2.1.5 <far@r.example>");
}

/// The filter's verdict is the client's reply, and what it writes is queued.
#[test]
fn a_filter_decides_and_changes() {
    let site = Site::with_bob(
        "filter = [\"/bin/sh\", \"-c\", \"if grep -q bad; then exit 69; fi; printf 'X-Filtered: %s\\\\n\\\\nnew' \\\"$RECIPIENTS\\\"\"]\n",
    );
    let server = site.start();
    let mut client = server.hello();
    let reply = client.deliver(&["bob@b.example"], b"Subject: x\r\n\r\nbad\r\n");
    assert!(reply.starts_with("554 5.3.0 "), "{reply}");
    assert!(site.queued().is_empty());
    let reply = client.deliver(&["bob@b.example"], b"Subject: x\r\n\r\ngood\r\n");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let (_, content) = site.queued().pop().unwrap();
    let content = String::from_utf8(content).unwrap();
    assert_eq!(content, "X-Filtered: bob@b.example\r\n\r\nnew\r\n");
}

/// EX-41, DESIGN section 8: 250 for each recipient whose copy is committed.
#[test]
fn lmtp_answers_for_each_recipient() {
    let site = Site::with_bob("");
    let server = site.start_at(&["lmtp://127.0.0.1:0"]);
    let address = server.addresses[0].strip_prefix("lmtp://").unwrap();
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    assert_eq!(client.reply(), "220 mx.b.example LMTP");
    client.expect("EHLO c.example", "500 5.5.2");
    client.send(b"LHLO c.example\r\n");
    let mut said = String::new();
    loop {
        let line = client.line();
        said.push_str(&line);
        if line.as_bytes().get(3) == Some(&b' ') {
            break;
        }
    }
    assert!(said.contains("PIPELINING") && said.contains("ENHANCEDSTATUSCODES"));
    assert!(!said.contains("CHUNKING") && !said.contains("BINARYMIME"));
    client.expect("MAIL FROM:<a@a.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    client.expect("RCPT TO:<eve@b.example>", "550 5.1.1");
    client.expect("RCPT TO:<far@r.example>", "550 5.7.1");
    client.expect("RCPT TO:<postmaster@b.example>", "250");
    client.expect("DATA", "354");
    client.send(b"Subject: x\r\n\r\nhello\r\n.\r\n");
    let replies = [client.line(), client.line()];
    assert!(
        replies[0].starts_with("250 2.0.0 queued as "),
        "{replies:?}"
    );
    assert_eq!(replies[0], replies[1]);
    client.expect("QUIT", "221");
    let (head, content) = site.queued().pop().unwrap();
    assert_eq!(head.envelope.recipients.len(), 2);
    assert!(String::from_utf8(content).unwrap().contains("with LMTP"));
}
