//! One session on descriptors 0 and 1: a pipe is a local caller's, an Internet
//! socket a stranger's.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::site::{Client, Site};

/// The whole client side in one write: status, and what the server said.
fn talk(site: &Site, text: &str) -> (Option<i32>, String) {
    let mut command = site.command();
    command
        .arg("--stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn ex_02_a_local_caller_relays_in_one_flight() {
    let site = Site::with_bob("");
    let (status, said) = talk(
        &site,
        "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<u@r.example>\r\nDATA\r\n\
         Subject: x\r\n\r\ntext\r\n.\r\nQUIT\r\n",
    );
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("STARTTLS"), "{said}");
    assert!(said.contains("\r\n250 2.0.0 queued as "), "{said}");
    assert!(said.contains("\r\n221 "), "{said}");
    let queued = site.queued();
    assert_eq!(queued.len(), 1);
    // Nothing is completed: this is the server, not the submission program.
    assert!(queued[0].1.ends_with(b"\r\nSubject: x\r\n\r\ntext\r\n"));
}

#[test]
fn the_end_of_the_input_is_an_end() {
    let site = Site::with_bob("");
    assert_eq!(talk(&site, "").0, Some(0));
    assert_eq!(talk(&site, "EHLO c.example\r\n").0, Some(0));
    let half = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@b.example>\r\nDATA\r\nx";
    assert_eq!(talk(&site, half).0, Some(76));
    assert_eq!(site.queued().len(), 0);
}

#[test]
fn sv_33_an_internet_socket_is_a_stranger() {
    let site = Site::with_bob("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let out = accepted.try_clone().unwrap();
    let mut command = site.command();
    command
        .arg("--stdin")
        .stdin(OwnedFd::from(accepted))
        .stdout(OwnedFd::from(out));
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let mut client = Client::new(stream);
    assert_eq!(client.reply(), "220 mx.b.example ESMTP");
    client.ask("EHLO c.example");
    client.expect("MAIL FROM:<a@b.example>", "250");
    client.expect("RCPT TO:<u@r.example>", "550 5.7.1");
    client.expect("RSET", "250");
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250")
    );
    client.expect("QUIT", "221");
    drop(client);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(site.queued()[0].0.envelope.origin.words[0].1, "[127.0.0.1]");
}
