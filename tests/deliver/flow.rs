//! DESIGN 7: many messages for one next hop over one connection.

use smtputils::spool::{Id, Outcome};

use crate::site::Site;
use crate::smtp::{CUT, Server};

const CHUNKING: [&str; 4] = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"];

/// A smarthost, one connection at a time.
fn site(server: &Server) -> Site {
    let to = server.address;
    Site::new(&format!(
        "[delivery]\nper_destination = 1\n[[route]]\nmatch = [\"*\"]\nto = \"smtp://{to}\"\ntls = \"none\"\n"
    ))
}

fn queue(site: &Site, count: usize) -> Vec<Id> {
    let to = |n| format!("r{n}@x.example");
    (0..count)
        .map(|n| site.queue("a@here.example", &[&to(n)]))
        .collect()
}

/// CL-07, CL-20, CL-45: one connection, no RSET in between.
#[test]
fn one_connection_carries_what_is_in_line() {
    let server = Server::start("127.0.0.1:0");
    let site = site(&server);
    queue(&site, 40);
    assert_eq!(site.run().delivered, 40);
    assert_eq!((server.connections(), server.mails().len()), (1, 40));
    assert!(!server.heard().iter().any(|line| line == "RSET"));
    assert!(site.places().is_empty());
}

/// CL-24: whole transactions, each begun with RSET; the first is none of them.
#[test]
fn transactions_are_streamed_to_a_smarthost_with_chunking() {
    let server = Server::start("127.0.0.1:0");
    server.offer(&CHUNKING);
    let site = site(&server);
    queue(&site, 40);
    server.say("rcpt <r7@x.example>", "550 5.1.1 no such user");
    site.run();
    let heard = server.heard();
    let count = |word: &str| heard.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(server.connections(), 1);
    assert!(count("BDAT") >= 30, "{heard:?}");
    assert_eq!(count("RSET"), count("BDAT"), "{heard:?}");
    let mails = server.mails();
    assert!(mails.iter().all(|mail| mail.content == mails[0].content));
    let mut to: Vec<String> = mails.into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 39);
}

/// CL-15: of those that were on their way when the connection broke, what had no
/// answer may have been delivered; it is recorded as that and tried again.
#[test]
fn what_was_not_answered_may_have_been_delivered() {
    for keywords in [&CHUNKING[..3], &CHUNKING[..]] {
        let server = Server::start("127.0.0.1:0");
        server.offer(keywords);
        let site = site(&server);
        let ids = queue(&site, 20);
        for _ in 0..5 {
            server.say("end", "250 2.0.0 taken");
        }
        server.say("end", CUT);
        let summary = site.run();
        assert_eq!(summary.delivered + summary.deferred, 20, "{summary:?}");
        let unknown = ids.iter().filter(|id| {
            let state = site.spool().state(**id).unwrap();
            state.attempts.iter().any(|a| a.result == Outcome::Unknown)
        });
        let unknown = unknown.count();
        assert!(
            unknown >= 1 && unknown as u64 == summary.deferred,
            "{unknown}"
        );
        // By a stream all of them may have been on their way.
        assert!(server.connections() >= 2 || keywords.len() == 4);
    }
}
