use std::sync::Arc;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509Builder, X509NameBuilder};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::net::conn::{Conn, Moved};

const LIMIT: Duration = Duration::from_secs(20);

fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A self-signed certificate for `name`, good from `from` to `to` (Unix seconds).
fn certificate(key: &PKey<Private>, name: &str, from: i64, to: i64) -> Vec<u8> {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(from as u32 ^ 77)
        .unwrap()
        .to_asn1_integer()
        .unwrap();
    builder.set_serial_number(&serial).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(from).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(to).unwrap())
        .unwrap();
    builder
        .append_extension(BasicConstraints::new().ca().build().unwrap())
        .unwrap();
    let names = SubjectAlternativeName::new()
        .dns(name)
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}

fn good(key: &PKey<Private>, name: &str) -> Vec<u8> {
    certificate(key, name, 1_000_000_000, 4_000_000_000)
}

fn pem(key: &PKey<Private>) -> Vec<u8> {
    key.private_key_to_pem_pkcs8().unwrap()
}

/// Certificate and key, PEM, for tests of the server.
pub fn self_signed(name: &str) -> (Vec<u8>, Vec<u8>) {
    let key = ec_key();
    (good(&key, name), pem(&key))
}

/// Two ends of one TCP connection.
async fn pair() -> (Conn, Conn) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (Conn::new(client).unwrap(), Conn::new(server).unwrap())
}

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// What the verified client says to a server with this certificate, where the
/// roots are `roots`.
fn verdict(
    chain: &[u8],
    key: &PKey<Private>,
    roots: &[u8],
    host: &str,
) -> Result<TlsInfo, TlsError> {
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, roots).unwrap();
    let demand = Demand {
        trust: Trust::Verified,
        files: Files {
            ca_file: Some(ca_file),
            ..Files::default()
        },
    };
    met(chain, key, host, &demand)
}

/// What the client says to a server with this certificate.
fn met(
    chain: &[u8],
    key: &PKey<Private>,
    host: &str,
    demand: &Demand,
) -> Result<TlsInfo, TlsError> {
    let acceptor = Acceptor::from_pem(chain, &pem(key)).unwrap();
    run(async {
        let (client, server) = pair().await;
        let connector = Connector::new(None);
        let (client, _server) = tokio::join!(
            client.start_tls(&connector, host, demand, LIMIT),
            server.accept_tls(&acceptor, LIMIT),
        );
        client.map(|c| c.tls().unwrap().clone())
    })
}

#[test]
fn opportunistic_takes_any_certificate_and_names_protocol_and_cipher() {
    let key = ec_key();
    let acceptor = Acceptor::from_pem(&good(&key, "other.example"), &pem(&key)).unwrap();
    run(async {
        let (client, server) = pair().await;
        let connector = Connector::new(None);
        let (client, server) = tokio::join!(
            client.start_tls_opportunistic(&connector, "mx.example", LIMIT),
            server.accept_tls(&acceptor, LIMIT),
        );
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        let info = client.tls().unwrap();
        assert_eq!(info.protocol.as_deref(), Some("TLSv1.3"));
        assert!(
            info.cipher
                .as_deref()
                .is_some_and(|c| c.starts_with("TLS_")),
            "{info:?}"
        );
        assert!(!info.verified);
        assert_eq!(server.tls().unwrap().to_string(), info.to_string());

        let mut input = Vec::new();
        server.write_all(b"220 here\r\n").await.unwrap();
        client.fill(&mut input).await.unwrap();
        assert_eq!(input, b"220 here\r\n");
        client.close().await;
        input.clear();
        assert_eq!(server.fill(&mut input).await.unwrap(), 0);
    });
}

#[test]
fn verified_needs_chain_name_and_date() {
    let key = ec_key();
    let chain = good(&key, "mx.example");
    let info = verdict(&chain, &key, &chain, "mx.example").unwrap();
    assert!(info.verified);
    assert_eq!(info.names, ["mx.example"]);
    assert!(info.to_string().starts_with("TLSv1.3 TLS_"), "{info}");

    let cases = [
        (
            verdict(&chain, &key, &chain, "mx2.example"),
            "for another name",
        ),
        (
            verdict(&chain, &key, &good(&ec_key(), "ca.example"), "mx.example"),
            "is self-signed",
        ),
    ];
    let dated = |from, to| {
        let chain = certificate(&key, "mx.example", from, to);
        verdict(&chain, &key, &chain, "mx.example")
    };
    let times = [
        (dated(1_000_000_000, 1_100_000_000), "has expired"),
        (dated(4_000_000_000, 4_100_000_000), "is not valid yet"),
    ];
    for (result, words) in cases.into_iter().chain(times) {
        refused(result, words);
    }
}

fn refused(result: Result<TlsInfo, TlsError>, words: &str) {
    match result {
        Err(TlsError::Certificate(text)) => assert!(text.contains(words), "{text}"),
        other => panic!("wanted `{words}`, got {other:?}"),
    }
}

/// Without a CA file the platform's roots decide, and they do not know ours.
#[test]
fn verified_by_the_platform() {
    let key = ec_key();
    let demand = Demand {
        trust: Trust::Verified,
        files: Files::default(),
    };
    let result = met(&good(&key, "mx.example"), &key, "mx.example", &demand);
    refused(result, "is self-signed");
}

/// Issue 3: a pinned certificate, or a pinned key under a renewed certificate;
/// what was seen instead is told, so that it can be pinned.
#[test]
fn pinned_by_certificate_or_by_key() {
    let key = ec_key();
    let (first, renewed) = (good(&key, "a.example"), good(&key, "b.example"));
    let sha256 = |der: &[u8]| -> [u8; 32] {
        let digest = openssl::hash::hash(MessageDigest::sha256(), der).unwrap();
        (*digest).try_into().unwrap()
    };
    let whole = sha256(&X509::from_pem(&first).unwrap().to_der().unwrap());
    let public = sha256(&key.public_key_to_der().unwrap());
    let with = |chain: &[u8], pins: Vec<[u8; 32]>| {
        let demand = Demand {
            trust: Trust::Pinned(pins),
            files: Files::default(),
        };
        met(chain, &key, "mx.example", &demand)
    };
    for (chain, pins) in [
        (&first, vec![whole]),
        (&first, vec![[0; 32], public]),
        (&renewed, vec![public]),
    ] {
        let info = with(chain, pins).unwrap();
        assert!(!info.verified && info.protocol.is_some(), "{info:?}");
    }
    let seen: String = public.iter().map(|octet| format!("{octet:02x}")).collect();
    refused(with(&renewed, vec![whole]), &seen);
    refused(with(&first, vec![]), "not the pinned one");
}

/// Issue 3: the client's own certificate is shown to a server that asks for it,
/// whoever verifies the server.
#[test]
fn the_client_shows_its_certificate() {
    let key = ec_key();
    let chain = good(&key, "client.example");
    let dir = tempfile::tempdir().unwrap();
    let both = dir.path().join("client.pem");
    std::fs::write(
        &both,
        [chain.clone(), key.private_key_to_pem_pkcs8().unwrap()].concat(),
    )
    .unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, &chain).unwrap();
    for (trust, ca_file) in [(Trust::Anybody, None), (Trust::Verified, Some(ca_file))] {
        let demand = Demand {
            trust,
            files: Files {
                ca_file,
                certificate: Some(both.clone()),
                key: Some(both.clone()),
            },
        };
        let shown = run(async {
            let (client, server) = pair().await;
            let connector = Connector::new(None);
            let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
            builder
                .set_certificate(&X509::from_pem(&chain).unwrap())
                .unwrap();
            builder.set_private_key(&key).unwrap();
            builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
            let ssl = Ssl::new(&builder.build()).unwrap();
            let mut server = SslStream::new(ssl, server.into_plain().unwrap()).unwrap();
            let (client, _) = tokio::join!(
                client.start_tls(&connector, "client.example", &demand, LIMIT),
                Pin::new(&mut server).accept(),
            );
            client.unwrap();
            server.ssl().peer_certificate().map(|c| c.to_pem().unwrap())
        });
        assert_eq!(shown, Some(chain.clone()));
    }
    let missing = Demand {
        trust: Trust::Anybody,
        files: Files {
            certificate: Some(both),
            key: Some("/nonexistent".into()),
            ..Files::default()
        },
    };
    let why = met(&chain, &key, "client.example", &missing).unwrap_err();
    assert!(
        matches!(&why, TlsError::Setup(text) if text.contains("/nonexistent")),
        "{why}"
    );
}

#[test]
fn ex_27_nothing_older_than_tls_1_2() {
    let key = ec_key();
    let acceptor = Acceptor::from_pem(&good(&key, "mx.example"), &pem(&key)).unwrap();
    run(async {
        let (client, server) = pair().await;
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        // OpenSSL itself allows 1.1 at its lowest security level only.
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        builder
            .set_min_proto_version(Some(SslVersion::TLS1))
            .unwrap();
        builder
            .set_max_proto_version(Some(SslVersion::TLS1_1))
            .unwrap();
        let old = Connector::new(None);
        old.preset(builder.build());
        let (client, server) = tokio::join!(
            client.start_tls_opportunistic(&old, "mx.example", LIMIT),
            server.accept_tls(&acceptor, LIMIT),
        );
        assert!(client.is_err());
        let error = server.unwrap_err().to_string();
        assert!(error.contains("older than TLS 1.2"), "{error}");
    });
}

#[test]
fn a_peer_that_speaks_no_tls_is_told_apart() {
    run(async {
        let (client, mut server) = pair().await;
        let connector = Connector::new(None);
        let (client, _) = tokio::join!(
            client.start_tls_opportunistic(&connector, "mx.example", LIMIT),
            server.write_all(b"454 no TLS today\r\n"),
        );
        let error = client.unwrap_err();
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
        assert_eq!(error.class(), Class::Temporary);
    });
}

#[test]
fn d4_a_handshake_that_never_ends_is_given_up() {
    let key = ec_key();
    let acceptor = Acceptor::from_pem(&good(&key, "mx.example"), &pem(&key)).unwrap();
    run(async {
        let (_silent, server) = pair().await;
        let result = server
            .accept_tls(&acceptor, Duration::from_millis(20))
            .await;
        assert_eq!(result.unwrap_err(), TlsError::TimedOut);
    });
}

#[test]
fn keys_of_every_form_are_read_and_faults_named() {
    let ec = ec_key();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let chain = good(&ec, "mx.example");
    let sec1 = ec.ec_key().unwrap().private_key_to_pem().unwrap();
    let pkcs1 = rsa.rsa().unwrap().private_key_to_pem().unwrap();
    let locked = ec
        .private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    let mut commented = b"# the key of mx\n".to_vec();
    commented.extend_from_slice(&pem(&ec));

    assert!(Acceptor::from_pem(&chain, &sec1).is_ok());
    assert!(Acceptor::from_pem(&chain, &commented).is_ok());
    assert!(Acceptor::from_pem(&good(&rsa, "mx.example"), &pkcs1).is_ok());
    let fault = |chain: &[u8], key: &[u8]| Acceptor::from_pem(chain, key).unwrap_err();
    assert!(fault(&chain, &pkcs1).contains("does not belong"));
    assert!(fault(&chain, &locked).contains("passphrase"));
    assert!(fault(b"nothing", &sec1).contains("no certificate"));
    let missing = Acceptor::from_files(Path::new("/nowhere/cert.pem"), Path::new("/nowhere/key"));
    let missing = missing.unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/cert.pem"),
        "{missing}"
    );
    assert_eq!(missing.class(), Class::Config);
}

#[test]
fn replies_are_read_while_writing_is_stuck() {
    run(async {
        let (mut client, mut server) = pair().await;
        let flood = vec![b'x'; 1 << 16];
        let mut input = Vec::new();
        server.write_all(b"552 too big\r\n").await.unwrap();
        // The server reads nothing: only the reply can end this loop.
        while let Moved::Wrote(_) = client.write_or_fill(&flood, &mut input).await.unwrap() {}
        assert_eq!(input, b"552 too big\r\n");
    });
}

#[test]
fn one_connector_serves_many() {
    let key = ec_key();
    let acceptor = Arc::new(Acceptor::from_pem(&good(&key, "mx.example"), &pem(&key)).unwrap());
    let connector = Arc::new(Connector::new(None));
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tasks.spawn(async move {
                let (client, server) = pair().await;
                let (client, server) = tokio::join!(
                    client.start_tls_opportunistic(&connector, "mx.example", LIMIT),
                    server.accept_tls(&acceptor, LIMIT),
                );
                client.unwrap().tls().unwrap().clone() == *server.unwrap().tls().unwrap()
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|same| same));
    });
}
