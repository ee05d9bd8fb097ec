//! CL-38: the LMTP client, over TCP and over a socket of this host.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use smtputils::spool::Outcome;

use crate::site::Site;
use crate::smtp::{CUT, Server};

/// Carries what comes in at the socket to the server.
fn socket(path: &Path, server: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for here in listener.incoming().flatten() {
            let there = TcpStream::connect(server).unwrap();
            let back = (there.try_clone().unwrap(), here.try_clone().unwrap());
            thread::spawn(move || carry_back(back.0, back.1));
            thread::spawn(move || {
                let _ = io::copy(&mut &here, &mut &there);
                let _ = there.shutdown(Shutdown::Write);
            });
        }
    });
}

fn carry_back(from: TcpStream, to: UnixStream) {
    let _ = io::copy(&mut &from, &mut &to);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn each_recipient_has_a_result_of_its_own() {
    let server = Server::start("127.0.0.1:0");
    let to = ["b@x.example", "c@x.example", "d@x.example"];
    for is_socket in [false, true] {
        let mut site = Site::new("");
        let route = match is_socket {
            false => format!("lmtp://{}", server.address),
            true => {
                socket(&site.path("lmtp"), server.address);
                format!("lmtp:{}", site.path("lmtp").display())
            }
        };
        site.configure(&format!("[[route]]\nmatch = [\"*\"]\nto = \"{route}\"\n"));
        site.user("a");
        server.say("end <c@x.example>", "452 4.2.2 full");
        server.say("end <d@x.example>", "552 5.2.2 full for good");
        let id = site.queue("a@here.example", &to);
        let summary = site.run();
        let counts = (summary.deferred, summary.failed);
        assert_eq!(counts, (1, 1), "{route}");
        let state = site.spool().state(id).unwrap();
        let texts: Vec<(Outcome, &str)> = state
            .attempts
            .iter()
            .map(|a| (a.result, a.status.as_str()))
            .collect();
        assert!(texts.contains(&(Outcome::Deferred, "4.2.2")), "{texts:?}");
        assert!(texts.contains(&(Outcome::Failed, "5.2.2")), "{texts:?}");
        let heard = server.heard();
        assert!(heard.iter().any(|line| line == "LHLO here.example"));
        assert!(!heard.iter().any(|line| line.starts_with("EHLO")));
    }
}

/// A server that closes after some replies: those are final.
#[test]
fn replies_before_the_connection_is_lost_count() {
    let server = Server::start("127.0.0.1:0");
    let route = format!("lmtp://{}", server.address);
    let site = Site::new(&format!("[[route]]\nmatch = [\"*\"]\nto = \"{route}\"\n"));
    server.say("end <c@x.example>", CUT);
    let id = site.queue("a@here.example", &["b@x.example", "c@x.example"]);
    let summary = site.run();
    assert_eq!((summary.delivered, summary.deferred), (1, 1));
    let state = site.spool().state(id).unwrap();
    let last = state.last(2);
    assert_eq!(last[0].unwrap().result, Outcome::Delivered);
    assert_eq!(last[1].unwrap().result, Outcome::Unknown);
}
