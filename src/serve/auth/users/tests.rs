use super::*;
use crate::smtp::sasl::client::{Exchange as Client, Login, Place};
use crate::smtp::sasl::server::{Exchange, Turn};

fn with(kinds: Kinds) -> Users {
    let mut users = Users::empty().unwrap();
    assert!(users.set("ann", &"s3cret".into(), kinds).unwrap());
    users
}

const ALL: Kinds = Kinds {
    sha1: true,
    cram_md5: true,
};

/// EX-29 to EX-36: each mechanism against what is written and read back.
#[test]
fn every_mechanism_against_the_file() {
    let text = with(ALL).to_text();
    let users = Users::parse(text.text().unwrap()).unwrap();
    let play = |mechanism: Mechanism, user: &str, password: &str| {
        let login = Login {
            user: user.into(),
            secret: Some(password.into()),
            mechanisms: vec![mechanism],
        };
        let place = Place {
            host: "h",
            port: 587,
        };
        let mut client = Client::new(mechanism, &login, place, "n");
        let mut server = Exchange::new(mechanism, "<fresh@h>".into()).unwrap();
        let mut said = client.initial(512);
        loop {
            let octets = said.map(|line| decode(line.octets()).unwrap());
            match server.step(octets.as_deref(), &users) {
                Ok(Turn::Challenge(words)) => said = Some(client.respond(&encode(&words)).unwrap()),
                Ok(Turn::User(user)) => return client.finish().is_ok().then_some(user),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Denied);
                    return None;
                }
            }
        }
    };
    for mechanism in [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
    ] {
        assert_eq!(
            play(mechanism, "ann", "s3cret").as_deref(),
            Some("ann"),
            "{mechanism}"
        );
        assert_eq!(play(mechanism, "ann", "wrong"), None, "{mechanism}");
        assert_eq!(play(mechanism, "eve", "s3cret"), None, "{mechanism}");
    }
}

/// P7: who does not exist looks like who does.
#[test]
fn made_up_users_are_the_same_each_time() {
    let users = with(Kinds::default());
    let again = Users::parse(users.to_text().text().unwrap()).unwrap();
    let real = users.keys(Hash::Sha256, "ann").unwrap();
    let made = users.keys(Hash::Sha256, "eve").unwrap();
    assert_eq!(made, again.keys(Hash::Sha256, "eve").unwrap());
    assert_ne!(made.salt, users.keys(Hash::Sha256, "bob").unwrap().salt);
    assert_eq!(
        (made.salt.len(), made.iterations),
        (real.salt.len(), real.iterations)
    );
    // A user without an entry of that kind, too.
    let missing = users.keys(Hash::Sha1, "ann").unwrap();
    assert_eq!(missing.stored.octets().len(), 20);
    assert!(!users.verify("eve", &"s3cret".into()));
}

#[test]
fn the_file_is_kept_but_for_what_changes() {
    let mut users = with(Kinds::default());
    assert!(users.set("bob", &"other".into(), Kinds::default()).unwrap());
    assert!(!users.set("ann", &"new".into(), Kinds::default()).unwrap());
    let text = format!("# kept\n\n{}", users.to_text().text().unwrap());
    let mut users = Users::parse(&text).unwrap();
    assert_eq!(users.names().collect::<Vec<_>>(), ["ann", "bob"]);
    assert!(users.verify("ann", &"new".into()) && !users.verify("ann", &"s3cret".into()));
    assert!(users.remove("ann") && !users.remove("ann"));
    assert!(
        users
            .to_text()
            .text()
            .unwrap()
            .starts_with("# kept\n!salt ")
    );
    assert!(!users.verify("ann", &"new".into()));
    let shown = format!("{users:?}");
    assert!(!shown.contains("other"), "{shown}");
}

/// What is offered is what somebody can use.
#[test]
fn mechanisms_by_what_is_written() {
    use Mechanism::{Login, Plain, ScramSha1, ScramSha256};
    assert_eq!(
        with(Kinds::default()).mechanisms(),
        [Plain, Login, ScramSha256]
    );
    assert_eq!(
        with(ALL).mechanisms(),
        [Plain, Login, ScramSha256, ScramSha1]
    );
    let hand =
        "ann $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$kmfTPXQeJEiIn1dIFhcGmqGbxhMtgBGuUcMGA2kLsQY";
    assert_eq!(Users::parse(hand).unwrap().mechanisms(), [Plain, Login]);
    // Other characters than ASCII: no prepared form, so no SCRAM.
    let mut users = Users::empty().unwrap();
    users.set("ann", &"Gr\u{fc}n".into(), ALL).unwrap();
    assert!(users.verify("ann", &"Gr\u{fc}n".into()));
    assert_eq!(users.mechanisms(), [Plain, Login]);
}

/// SCRAM entries alone, as other programs write them (RFC 5803).
#[test]
fn a_password_is_checked_against_scram_keys() {
    let keys = Keys::new(Hash::Sha256, &"pencil".into(), b"salt".to_vec(), 4096).unwrap();
    let (salt, stored, server) = (
        encode(&keys.salt),
        encode(keys.stored.octets()),
        encode(keys.server.octets()),
    );
    let text = format!("user SCRAM-SHA-256$4096:{salt}${stored}:{server}");
    let users = Users::parse(&text).unwrap();
    assert!(users.verify("user", &"pencil".into()));
    assert!(!users.verify("user", &"pen".into()));
}

#[test]
fn what_is_no_file_of_users_is_told_by_its_line() {
    for (text, told) in [
        ("ann {SSHA}hunter2", "line 1: an unknown kind of hash"),
        (
            "\n#x\nann CRAM-MD5$hunter2",
            "line 3: an unknown kind of hash",
        ),
        (
            "ann SCRAM-SHA-256$1:c2FsdA==$AAAA:AAAA",
            "line 1: an unknown kind of hash",
        ),
        ("ann\nann", "line 2: this user stands above already"),
        ("!salt", "line 1: !salt wants base64"),
        ("../ann x", "line 1: no name of a user"),
    ] {
        let why = Users::parse(text).unwrap_err();
        assert_eq!(why, told);
    }
    let mut users = Users::empty().unwrap();
    for name in ["", "a b", "a\nb", "#a", "!a", "a/b"] {
        assert!(users.set(name, &"x".into(), ALL).is_err(), "{name:?}");
    }
    for password in ["", "a\nb", "a\0b"] {
        assert!(users.set("a", &password.into(), ALL).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn any_file_is_answered(text in "([a-z!#$:= \\n]|SCRAM-SHA-256|CRAM-MD5|argon2id){0,20}") {
        let _ = Users::parse(&text);
    }
}
