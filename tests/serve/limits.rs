//! What strangers may not.

use std::time::Instant;

use crate::site::{Client, PATIENCE, Site};

#[test]
fn sv_57_a_message_in_a_loop_is_refused() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    let hops = |n| [&b"Received: from a by b; x\r\n".repeat(n)[..], b"\r\nx\r\n"].concat();
    assert!(
        client
            .deliver(&["bob@b.example"], &hops(100))
            .starts_with("250")
    );
    assert!(
        client
            .deliver(&["bob@b.example"], &hops(101))
            .starts_with("554 5.4.6")
    );
    assert_eq!(site.queued().len(), 1);
}

#[test]
fn r7_a_header_without_measure_is_refused() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    let fields = |n| [&b"X: y\r\n".repeat(n)[..], b"\r\nx\r\n"].concat();
    let long = [
        &b"X: y\r\n"[..],
        &b" folded line of a long field\r\n".repeat(10_000),
    ]
    .concat();
    assert!(
        client
            .deliver(&["bob@b.example"], &fields(1000))
            .starts_with("250")
    );
    assert!(
        client
            .deliver(&["bob@b.example"], &fields(1001))
            .starts_with("554 5.6.0")
    );
    assert!(
        client
            .deliver(&["bob@b.example"], &long)
            .starts_with("554 5.6.0")
    );
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\nstill in step\r\n")
            .starts_with("250")
    );
    assert_eq!(site.queued().len(), 2);
}

#[test]
fn ex_07_a_message_over_the_size_is_refused_and_the_session_goes_on() {
    let site = Site::new("message_size = \"64K\"\n[serve]\nusers = [\"bob\"]\n");
    let server = site.start();
    let mut client = server.hello();
    let big = b"0123456789\r\n".repeat(6_000);
    assert!(
        client
            .deliver(&["bob@b.example"], &big)
            .starts_with("552 5.3.4")
    );
    client.expect("MAIL FROM:<a@b.example> SIZE=65537", "552 5.3.4");
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250")
    );
    assert_eq!(site.queued().len(), 1);
}

#[test]
fn ex_08_without_room_mail_waits_at_the_sender() {
    let site = Site::with_bob("reserve = \"1000000G\"");
    let server = site.start();
    server
        .hello()
        .expect("MAIL FROM:<a@b.example>", "452 4.3.1");
}

/// EX-08, S7, SV-59: no room is 452, never 250; what was taken stays, and when
/// there is room again the service needs no hand.
#[test]
fn s7_a_full_disk_is_452_and_passes() {
    let site = Site::with_bob("reserve = 0");
    let Some(server) = site.start_on_a_small_disk() else {
        return;
    };
    let inside = format!("/proc/{}/root{}", server.pid(), site.spool_path().display());
    let inside = std::path::Path::new(&inside);
    let mut client = server.hello();
    let half = [&[b'x'; 76][..], b"\r\n"].concat().repeat(8_000);
    let taken = client.deliver(&["bob@b.example"], &half);
    assert!(taken.starts_with("250"), "{taken}");
    for _ in 0..2 {
        let refused = client.deliver(&["bob@b.example"], &half);
        assert!(refused.starts_with("452 4.3.1"), "{refused}");
    }
    client.expect("NOOP", "250");
    let fill = inside.join("fill");
    let _ = std::fs::write(&fill, vec![0; 1 << 20]);
    let small = b"Subject: x\r\n\r\nx\r\n";
    client.expect("MAIL FROM:<alice@a.example>", "250");
    client.expect("RCPT TO:<bob@b.example>", "250");
    let reply = client.ask("DATA");
    if reply.starts_with("354") {
        client.send(&[&small[..], b".\r\n"].concat());
        let reply = client.reply();
        assert!(reply.starts_with("452 4.3.1"), "{reply}");
    } else {
        assert!(reply.starts_with("452 4.3.1"), "{reply}");
    }
    std::fs::remove_file(&fill).unwrap();
    let again = server.hello().deliver(&["bob@b.example"], small);
    assert!(again.starts_with("250"), "{again}");
    let names = |dir: &str| std::fs::read_dir(inside.join(dir)).unwrap().count();
    assert_eq!((names("new"), names("tmp")), (2, 0));
}

#[test]
fn r3_who_guesses_names_is_sent_away() {
    let site = Site::with_bob("");
    let server = site.start();
    let mut client = server.hello();
    client.expect("MAIL FROM:<a@b.example>", "250");
    let mut guesses = 0;
    loop {
        let reply = client.ask(&format!("RCPT TO:<user{guesses}@b.example>"));
        if reply.starts_with("421 4.7.0") {
            break;
        }
        assert!(reply.starts_with("550 5.1.1"), "{reply}");
        guesses += 1;
    }
    assert!((10..=20).contains(&guesses), "{guesses}");
    assert_eq!(client.line(), "");
}

#[test]
fn sv_62_fifty_sessions_at_once() {
    let site = Site::with_bob("max_sessions_per_address = 64");
    let server = site.start();
    let mut clients: Vec<Client> = (0..50).map(|_| server.hello()).collect();
    for client in &mut clients {
        client.expect("MAIL FROM:<a@b.example>", "250");
        client.expect("RCPT TO:<bob@b.example>", "250");
        client.expect("DATA", "354");
    }
    for client in &mut clients {
        client.send(b"\r\nx\r\n.\r\n");
    }
    for client in &mut clients {
        assert!(client.reply().starts_with("250"));
    }
    assert_eq!(site.queued().len(), 50);
}

#[test]
fn d4_running_out_of_descriptors_is_survived() {
    let site = Site::with_bob("max_sessions_per_address = 200");
    let server = site.start_with_descriptors(40);
    // More than it can hold: the kernel keeps those that it cannot accept.
    let crowd: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    let (held, limit) = (
        format!("/proc/{}/fd", server.worker()),
        Instant::now() + PATIENCE,
    );
    while std::fs::read_dir(&held).unwrap().count() < 40 {
        assert!(Instant::now() < limit, "the descriptors are never used up");
        std::thread::yield_now();
    }
    drop(crowd);
    server.hello().expect("NOOP", "250");
}
