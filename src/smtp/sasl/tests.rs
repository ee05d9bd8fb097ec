//! The examples of the RFCs, both sides against each other, and nonsense.

use super::client::{Exchange, Login, Place};
use super::scram::{Hash, ITERATIONS, Keys};
use super::server::{Directory, Exchange as Server, Refusal, Turn};
use super::*;

const PLACE: Place<'_> = Place {
    host: "server.example.com",
    port: 587,
};

fn login(user: &str, password: &str) -> Login {
    Login {
        user: user.into(),
        secret: Some(password.into()),
        mechanisms: Vec::new(),
    }
}

fn exchange(mechanism: Mechanism, user: &str, password: &str) -> Exchange {
    Exchange::new(mechanism, &login(user, password), PLACE, "nonce")
}

fn shown(line: &Secret) -> String {
    String::from_utf8(decode(line.octets()).unwrap()).unwrap()
}

/// What the client says to these challenges, its first word at the front.
fn answers(mut client: Exchange, challenges: &[&str]) -> Vec<String> {
    let first = client.initial(512).map(|line| shown(&line));
    let rest = challenges
        .iter()
        .map(|c| shown(&client.respond(&encode(c.as_bytes())).unwrap()));
    first.into_iter().chain(rest).collect()
}

/// EX-36; RFC 5802 section 5, RFC 7677 section 3.
#[test]
fn scram_as_in_the_rfcs() {
    for (mechanism, nonce, server_first, proof, signature) in [
        (
            Mechanism::ScramSha1,
            "fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            Mechanism::ScramSha256,
            "rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ] {
        let mut client = Exchange::new(mechanism, &login("user", "pencil"), PLACE, nonce);
        let first = client.initial(512).unwrap();
        assert_eq!(shown(&first), format!("n,,n=user,r={nonce}"));
        let second = client.respond(&encode(server_first.as_bytes())).unwrap();
        assert_eq!(shown(&second), proof);
        assert!(client.finish().is_err(), "235 before the signature");
        let wrong = signature
            .replacen("v=r", "v=s", 1)
            .replacen("v=6", "v=7", 1);
        let end = client.respond(&encode(signature.as_bytes())).unwrap();
        assert_eq!(shown(&end), "");
        client.finish().unwrap();

        let mut cheated = Exchange::new(mechanism, &login("user", "pencil"), PLACE, nonce);
        cheated.initial(512).unwrap();
        cheated.respond(&encode(server_first.as_bytes())).unwrap();
        assert!(cheated.respond(&encode(wrong.as_bytes())).is_err());
    }
}

/// A server that wants the proof cheap, or us busy, or another's nonce.
#[test]
fn scram_refuses_what_weakens_it() {
    for server_first in [
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=4095",
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=1000001",
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=-1",
        "r=nonceX,s=QSXCR+Q6sek8bf92",
        "r=nonce,s=QSXCR+Q6sek8bf92,i=4096",
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",
        "r=nonceX,s=,i=4096",
        "m=new,r=nonceX,s=QSXCR+Q6sek8bf92,i=4096",
        "e=unknown-user",
        "",
    ] {
        let mut client = exchange(Mechanism::ScramSha256, "user", "pencil");
        client.initial(512).unwrap();
        let answer = client.respond(&encode(server_first.as_bytes()));
        assert!(answer.is_err(), "{server_first}: {answer:?}");
        assert!(client.finish().is_ok() || client.respond("").is_err());
    }
}

/// RFC 4616 section 4, RFC 2195 section 2, RFC 7628 section 4, and the vendors'.
#[test]
fn the_others_as_in_their_papers() {
    let tim = |mechanism| exchange(mechanism, "tim", "tanstaaftanstaaf");
    assert_eq!(
        answers(tim(Mechanism::Plain), &[]),
        ["\0tim\0tanstaaftanstaaf"]
    );
    assert_eq!(
        answers(
            tim(Mechanism::CramMd5),
            &["<1896.697170952@postoffice.reston.mci.net>"]
        ),
        ["tim b913a602c7eda7a495b4e6e7334d3890"]
    );
    assert_eq!(
        answers(tim(Mechanism::Login), &["Username:", "Password:"]),
        ["tim", "tanstaaftanstaaf"]
    );
    assert_eq!(answers(tim(Mechanism::External), &[]), ["tim"]);
    assert_eq!(
        answers(
            exchange(Mechanism::OAuthBearer, "user@example.com", "vF9d=="),
            &["{\"status\":\"invalid_token\"}"]
        ),
        [
            "n,a=user@example.com,\x01host=server.example.com\x01port=587\x01\
             auth=Bearer vF9d==\x01\x01",
            "\x01"
        ]
    );
    let mut refused = exchange(Mechanism::XOAuth2, "u@x", "tok");
    let first = refused.initial(512).unwrap();
    assert_eq!(shown(&first), "user=u@x\x01auth=Bearer tok\x01\x01");
    assert_eq!(
        shown(&refused.respond("eyJzdGF0dXMiOiI0MDEifQ==").unwrap()),
        ""
    );
    assert_eq!(refused.refusal(), Some("{\"status\":\"401\"}"));
    assert!(refused.respond("").is_err());
}

/// What does not fit on the line goes as the answer to an empty challenge; an
/// empty one is `=` (RFC 4954 section 4).
#[test]
fn the_first_response_where_it_fits() {
    let long = "x".repeat(500);
    let mut client = exchange(Mechanism::Plain, "tim", &long);
    assert!(client.initial(512).is_none());
    assert!(shown(&client.respond("").unwrap()).ends_with(&long));
    let mut client = exchange(Mechanism::ScramSha256, &long, "x");
    assert!(client.initial(512).is_none());
    assert!(shown(&client.respond("").unwrap()).starts_with("n,,n=x"));
    let nobody = Login::default();
    let mut client = Exchange::new(Mechanism::External, &nobody, PLACE, "n");
    assert_eq!(client.initial(512), Some("=".into()));
    let mut client = exchange(Mechanism::Plain, "tim", &"x".repeat(12_000));
    assert!(client.respond("").is_err(), "longer than a line may be");
}

/// CL-30: strongest first, and nothing that tells the secret without TLS.
#[test]
fn the_choice() {
    let offered = |names: &str| -> Vec<String> { names.split(' ').map(str::to_string).collect() };
    let all = offered("CRAM-MD5 LOGIN PLAIN GSSAPI SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 EXTERNAL");
    let password = login("tim", "secret");
    let chosen = |login: &Login, offered: &[String], refused: &[Mechanism], private| {
        login.choose(offered, refused, private).map_err(|e| e.0)
    };
    assert_eq!(
        chosen(&password, &all, &[], true),
        Ok(Mechanism::ScramSha256)
    );
    assert_eq!(
        chosen(&password, &all, &[], false),
        Ok(Mechanism::ScramSha256)
    );
    let refused = [Mechanism::ScramSha256, Mechanism::ScramSha1];
    assert_eq!(
        chosen(&password, &all, &refused, true),
        Ok(Mechanism::Plain)
    );
    for weak in ["LOGIN PLAIN", "CRAM-MD5"] {
        let why = chosen(&password, &offered(weak), &[], false).unwrap_err();
        assert!(why.contains("no TLS"), "{why}");
    }
    assert_eq!(
        chosen(&password, &offered("LOGIN CRAM-MD5"), &[], true),
        Ok(Mechanism::Login)
    );
    let why = chosen(&password, &offered("GSSAPI"), &[], true).unwrap_err();
    assert!(why.contains("GSSAPI"), "{why}");
    assert!(
        chosen(&password, &[], &[], true)
            .unwrap_err()
            .contains("no AUTH")
    );
    // No prepared form: not hashed.
    let umlaut = login("tim", "Gr\u{fc}n");
    assert_eq!(chosen(&umlaut, &all, &[], true), Ok(Mechanism::Plain));
    // A token is no password, and has to be named.
    let token = Login {
        mechanisms: vec![Mechanism::XOAuth2, Mechanism::OAuthBearer],
        ..login("tim", "token")
    };
    assert_eq!(chosen(&token, &all, &[], true), Ok(Mechanism::XOAuth2));
    assert!(chosen(&token, &all, &[], false).is_err());
    let certificate = Login {
        user: "tim".into(),
        ..Login::default()
    };
    assert_eq!(
        chosen(&certificate, &all, &[], true),
        Ok(Mechanism::External)
    );
}

/// Two users; others are made up.
struct Users;

const KNOWN: [(&str, &str); 2] = [("tim", "tanstaaf"), ("a=b,c", "pencil")];

fn password_of(user: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(u, _)| *u == user).map(|(_, p)| *p)
}

impl Directory for Users {
    fn check(&self, user: &str, password: &Secret) -> Result<bool, Refusal> {
        match user {
            "nobody-knows" => Err(Refusal::Unavailable("the disk is away".into())),
            user => Ok(password_of(user).is_some_and(|p| *password == p.into())),
        }
    }

    fn keys(&self, hash: Hash, user: &str) -> Result<Keys, Refusal> {
        let password = password_of(user).unwrap_or("made up").into();
        Keys::new(hash, &password, b"salt".to_vec(), ITERATIONS).ok_or(Refusal::Denied)
    }

    fn password(&self, user: &str) -> Result<Secret, Refusal> {
        Ok(password_of(user).unwrap_or("made up").into())
    }
}

/// One side against the other.
fn play(mechanism: Mechanism, user: &str, password: &str) -> Result<String, Refusal> {
    let mut server = Server::new(mechanism, "<fresh@host>".into()).unwrap();
    let mut client = exchange(mechanism, user, password);
    let mut said = client.initial(512);
    loop {
        let octets = said.map(|line| match line.octets() {
            b"=" => Vec::new(),
            line => decode(line).unwrap(),
        });
        match server.step(octets.as_deref(), &Users)? {
            Turn::Challenge(words) => said = Some(client.respond(&encode(&words)).unwrap()),
            Turn::User(user) => {
                client.finish().unwrap();
                return Ok(user);
            }
        }
    }
}

/// EX-29, EX-34, EX-35, EX-36.
#[test]
fn both_sides_agree() {
    for mechanism in [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
    ] {
        for (user, password) in KNOWN {
            assert_eq!(
                play(mechanism, user, password),
                Ok(user.to_string()),
                "{mechanism}"
            );
            assert_eq!(
                play(mechanism, user, "wrong"),
                Err(Refusal::Denied),
                "{mechanism}"
            );
        }
        assert_eq!(
            play(mechanism, "who", "tanstaaf"),
            Err(Refusal::Denied),
            "{mechanism}"
        );
    }
    assert!(matches!(
        play(Mechanism::Plain, "nobody-knows", "x"),
        Err(Refusal::Unavailable(_))
    ));
    assert!(Server::new(Mechanism::OAuthBearer, String::new()).is_none());
}

fn server_says(mechanism: Mechanism, said: &[Option<&[u8]>]) -> Result<Turn, Refusal> {
    let mut server = Server::new(mechanism, "fresh".into()).unwrap();
    let mut last = Err(Refusal::Denied);
    for words in said {
        last = server.step(*words, &Users);
    }
    last
}

/// P7, and the authorization identity of somebody else.
#[test]
fn plain_by_its_grammar() {
    let said = |words: &'static [u8]| server_says(Mechanism::Plain, &[Some(words)]);
    let tim = Ok(Turn::User("tim".into()));
    assert_eq!(said(b"\0tim\0tanstaaf"), tim);
    assert_eq!(said(b"tim\0tim\0tanstaaf"), tim);
    assert_eq!(said(b"root\0tim\0tanstaaf"), Err(Refusal::Denied));
    for odd in [&b"tim\0tanstaaf"[..], b"\0tim\0tans\0taaf", b"", b"tim"] {
        assert!(matches!(
            server_says(Mechanism::Plain, &[Some(odd)]),
            Err(Refusal::Malformed(_))
        ));
    }
    for user in ["", "ti\nm", "../tim", "t m", "\u{85}", &"x".repeat(256)] {
        let words = format!("\0{user}\0tanstaaf");
        assert_eq!(
            server_says(Mechanism::Plain, &[Some(words.as_bytes())]),
            Err(Refusal::Denied),
            "{user:?}"
        );
    }
    // An empty challenge first, then the message (EX-29).
    let late = server_says(Mechanism::Plain, &[None, Some(b"\0tim\0tanstaaf")]);
    assert_eq!(late, tim);
    assert_eq!(
        server_says(Mechanism::Login, &[Some(b"tim"), Some(b"tanstaaf")]),
        tim
    );
}

#[test]
fn scram_by_its_grammar() {
    for odd in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=tim",
        "n,,r=x",
        "n,,n=,r=x",
        "n,,n=tim,r=",
        "p=tls-unique,,n=tim,r=x",
        "n,,m=x,n=tim,r=x",
        "n,,n=t=4Dm,r=x",
        "n,a=,n=tim,r=x",
    ] {
        let answer = server_says(Mechanism::ScramSha256, &[Some(odd.as_bytes())]);
        assert!(
            matches!(answer, Err(Refusal::Malformed(_))),
            "{odd}: {answer:?}"
        );
    }
    let other = server_says(Mechanism::ScramSha256, &[Some(b"n,a=root,n=tim,r=x")]);
    assert_eq!(other, Err(Refusal::Denied));
    for odd in [
        "",
        "c=biws",
        "c=biws,r=xfresh,p=!",
        "r=xfresh,c=biws,p=AAAA",
    ] {
        let said = [Some(&b"n,,n=tim,r=x"[..]), Some(odd.as_bytes())];
        assert!(matches!(
            server_says(Mechanism::ScramSha256, &said),
            Err(Refusal::Malformed(_))
        ));
    }
    for odd in [
        "c=eSws,r=xfresh,p=AAAA",
        "c=biws,r=x,p=AAAA",
        "c=biws,r=xfresh,p=",
    ] {
        let said = [Some(&b"n,,n=tim,r=x"[..]), Some(odd.as_bytes())];
        assert_eq!(
            server_says(Mechanism::ScramSha256, &said),
            Err(Refusal::Denied)
        );
    }
}

/// Nothing that holds a secret shows it.
#[test]
fn secrets_do_not_print() {
    let login = login("tim", "tanstaaf");
    let mut client = Exchange::new(Mechanism::Plain, &login, PLACE, "n");
    let line = client.initial(512);
    for text in [
        format!("{login:?}"),
        format!("{client:?}"),
        format!("{line:?}"),
    ] {
        assert!(
            !text.contains("tanstaaf") && !text.contains("dGFuc3"),
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_said_is_answered(
        kind in 0..8usize,
        lines in proptest::collection::vec("[ -~]{0,40}|[nrsi=,a-z0-9+/]{0,60}", 0..4),
    ) {
        let mechanism = Mechanism::ALL[kind];
        let mut client = exchange(mechanism, "tim", "x");
        let mut server = Server::new(mechanism, "fresh".into());
        for line in &lines {
            let _ = client.respond(&encode(line.as_bytes()));
            let _ = client.respond(line);
            if let Some(server) = &mut server {
                let _ = server.step(Some(line.as_bytes()), &Users);
            }
        }
    }
}
