//! Deliveries over real TLS sessions (CL-28, CL-31, P3).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use smtputils::spool::{Attempt, Outcome};

use crate::site::Site;
use crate::smtp::PATIENCE;

/// A certificate of its own authority, and its key.
fn certificate(name: &str) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    let [from, to] = [1_000_000_000, 4_000_000_000].map(|t| Asn1Time::from_unix(t).unwrap());
    builder.set_not_before(&from).unwrap();
    builder.set_not_after(&to).unwrap();
    let authority = BasicConstraints::new().ca().build().unwrap();
    builder.append_extension(authority).unwrap();
    let names = SubjectAlternativeName::new()
        .dns(name)
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

/// A server with TLS from the first octet, or by STARTTLS.
struct Server {
    port: u16,
    certificate: X509,
    /// Messages taken: were they inside TLS?
    taken: Receiver<bool>,
}

impl Server {
    fn start(name: &str, implicit: bool) -> Server {
        let (certificate, key) = certificate(name);
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        acceptor.set_private_key(&key).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, taken) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that likes neither certificate nor server just leaves.
                if !implicit && dialogue(&stream, true) != Some(End::StartTls) {
                    let _ = tell.send(false);
                    continue;
                }
                if let Ok(mut stream) = acceptor.accept(stream) {
                    if implicit {
                        let _ = stream.write_all(b"220 test.example\r\n");
                    }
                    if dialogue(&mut stream, false) == Some(End::Taken) {
                        let _ = tell.send(true);
                    }
                }
            }
        });
        Server {
            port,
            certificate,
            taken,
        }
    }

    fn is_secret(&self) -> bool {
        self.taken.recv_timeout(PATIENCE).unwrap()
    }
}

#[derive(PartialEq)]
enum End {
    StartTls,
    Taken,
}

/// Up to STARTTLS, or to the end of a message. `None`: the client left.
fn dialogue(stream: impl Read + Write, offers_tls: bool) -> Option<End> {
    // No octet of the handshake may be read ahead.
    let mut stream = BufReader::with_capacity(1, stream);
    if offers_tls {
        say(stream.get_mut(), "220 test.example")?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" if offers_tls => say(stream.get_mut(), "250-test.example\r\n250 STARTTLS")?,
            "STAR" => {
                say(stream.get_mut(), "220 go")?;
                return Some(End::StartTls);
            }
            "DATA" => {
                say(stream.get_mut(), "354 go on")?;
                while line.trim_end() != "." {
                    line.clear();
                    stream.read_line(&mut line).ok()?;
                }
                say(stream.get_mut(), "250 taken")?;
                return Some(End::Taken);
            }
            _ => say(stream.get_mut(), "250 test.example")?,
        }
    }
}

fn say(stream: &mut impl Write, words: &str) -> Option<()> {
    stream.write_all(format!("{words}\r\n").as_bytes()).ok()
}

/// One message by this smarthost; what its attempt came to.
fn attempt(server: &Server, scheme: &str, more: &str, trusted: bool) -> Attempt {
    let port = server.port;
    let mut site = Site::new("");
    let mut extra = format!("smarthost = \"{scheme}://localhost:{port}\"\n{more}\n");
    if trusted {
        let ca_file = site.path("ca.pem");
        std::fs::write(&ca_file, server.certificate.to_pem().unwrap()).unwrap();
        extra.push_str(&format!("[tls]\nca_file = \"{}\"\n", ca_file.display()));
    }
    site.configure(&extra);
    let id = site.queue("a@here.example", &["b@x.example"]);
    site.run();
    if let Some(attempt) = site.spool().state(id).unwrap().attempts.pop() {
        return attempt;
    }
    let mut ended = Vec::new();
    let since = jiff::Timestamp::UNIX_EPOCH;
    site.spool().history(since, |e| ended.push(e)).unwrap();
    let ending = ended.pop();
    let ending = ending.unwrap_or_else(|| {
        panic!(
            "no attempt: {:?} {:?}",
            site.entries(),
            site.spool().state(id)
        )
    });
    assert_eq!(ending.result, "delivered");
    Attempt {
        time: ending.time,
        target: 0,
        result: Outcome::Delivered,
        status: ending.status,
        text: ending.text,
        remote: true,
        host: ending.host,
        address: None,
        route: ending.route,
        tls: ending.tls,
        passed_on: false,
        ms: 0,
    }
}

#[test]
fn an_opportunistic_session_takes_any_certificate_and_names_the_cipher() {
    let server = Server::start("wrong.example", false);
    let attempt = attempt(&server, "smtp", "", false);
    assert_eq!(attempt.result, Outcome::Delivered, "{attempt:?}");
    let tls = attempt.tls.unwrap();
    assert!(
        tls.starts_with("TLSv1.") && tls.contains(" TLS_"),
        "protocol and cipher: {tls}"
    );
    assert!(server.is_secret());
}

#[test]
fn required_tls_refuses_a_certificate_that_is_not_good() {
    let untrusted = Server::start("localhost", false);
    let wrong = Server::start("wrong.example", false);
    let required = "smarthost_tls = \"required\"";
    for (server, trusted, words) in [
        (&untrusted, false, "self-signed"),
        (&wrong, true, "for another name"),
    ] {
        let attempt = attempt(server, "smtp", required, trusted);
        assert_eq!(attempt.result, Outcome::Deferred);
        assert!(attempt.status.starts_with("4.7."), "{attempt:?}");
        assert!(attempt.text.contains(words), "{attempt:?}");
        assert!(server.taken.try_recv().is_err());
    }
}

#[test]
fn a_good_certificate_is_verified() {
    let server = Server::start("localhost", false);
    let attempt = attempt(&server, "smtp", "smarthost_tls = \"required\"", true);
    assert_eq!(attempt.result, Outcome::Delivered, "{attempt:?}");
    let tls = attempt.tls.unwrap();
    assert!(tls.ends_with("verified"), "{tls}");
    assert!(server.is_secret());
}

#[test]
fn submission_asks_for_a_good_certificate_unless_told_otherwise() {
    // CL-31
    for (scheme, implicit) in [("smtps", true), ("submission", false)] {
        let server = Server::start("localhost", implicit);
        let refused = attempt(&server, scheme, "", false);
        assert_eq!(refused.result, Outcome::Deferred, "{scheme}");
        assert!(refused.status.starts_with("4.7."), "{scheme}: {refused:?}");
        let taken = attempt(&server, scheme, "", true);
        let tls = taken.tls.unwrap();
        assert!(tls.ends_with("verified"), "{scheme}: {tls}");
        let told = attempt(&server, scheme, "smarthost_tls = \"opportunistic\"", false);
        assert_eq!(told.result, Outcome::Delivered, "{scheme}: {told:?}");
        assert!(told.tls.unwrap().starts_with("TLSv1."), "{scheme}");
    }
}

#[test]
fn a_route_to_a_submission_service_asks_for_a_good_certificate_too() {
    let site = Site::new(
        "[[route]]\nmatch = \"x.example\"\nto = \"submission://relay.example\"\n\
         [[route]]\nmatch = \"y.example\"\nto = \"smtp://relay.example:587\"\n\
         [[route]]\nmatch = \"z.example\"\nto = \"smtps://relay.example\"\ntls = \"none\"\n",
    );
    let tls: Vec<String> = site
        .config()
        .table()
        .routes
        .iter()
        .map(|r| r.tls.to_string())
        .collect();
    assert_eq!(tls, ["required", "opportunistic", "none"]);
}
