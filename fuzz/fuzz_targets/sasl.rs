//! Both sides of every mechanism against nonsense: nobody who knows no password
//! gets in, no server that knows none is believed, what is answered fits a line;
//! a file of users reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::serve::auth::users::Users;
use smtputils::smtp::sasl::client::{Exchange, Login, Place};
use smtputils::smtp::sasl::scram::{Hash, Keys};
use smtputils::smtp::sasl::server::{Directory, Exchange as Server, Refusal, Turn};
use smtputils::smtp::sasl::{MAX_LINE, Mechanism, Secret};

// The first octet is the mechanism; lines are what the other side says.
fuzz_target!(|data: &[u8]| {
    let Some((&kind, said)) = data.split_first() else {
        return;
    };
    let mechanism = Mechanism::ALL[usize::from(kind) % Mechanism::ALL.len()];
    client(mechanism, said);
    server(mechanism, said);
    users(said);
});

fn client(mechanism: Mechanism, said: &[u8]) {
    let login = Login {
        user: "tim".into(),
        secret: Some("tanstaaf".into()),
        mechanisms: vec![mechanism],
    };
    let place = Place {
        host: "h",
        port: 587,
    };
    let mut client = Exchange::new(mechanism, &login, place, "nonce");
    client.initial(512);
    for line in said.split(|b| *b == b'\n') {
        // Each iteration is work on purpose: not what is looked for here.
        if line.len() > 200 {
            return;
        }
        let Ok(answer) = client.respond(&String::from_utf8_lossy(line)) else {
            break;
        };
        assert!(answer.octets().len() + 2 <= MAX_LINE);
    }
    if mechanism.hides_the_secret() {
        assert!(client.finish().is_err(), "a server without keys is believed");
    }
}

fn server(mechanism: Mechanism, said: &[u8]) {
    let Some(mut server) = Server::new(mechanism, "fresh".into()) else {
        return;
    };
    for line in said.split(|b| *b == b'\n') {
        match server.step(Some(line), &Nobody) {
            Ok(Turn::User(user)) => panic!("{user} is let in"),
            Ok(Turn::Challenge(_)) => {}
            Err(_) => return,
        }
    }
}

fn users(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Ok(users) = Users::parse(text) {
        let written = users.to_text();
        let again = Users::parse(written.text().expect("text")).expect("what we write reads");
        assert_eq!(again.to_text(), written);
    }
}

/// Knows no password.
struct Nobody;

impl Directory for Nobody {
    fn check(&self, _user: &str, _password: &Secret) -> Result<bool, Refusal> {
        Ok(false)
    }

    fn keys(&self, hash: Hash, user: &str) -> Result<Keys, Refusal> {
        Ok(Keys::made_up(hash, b"secret", user, 16, 4096))
    }

    fn password(&self, _user: &str) -> Result<Secret, Refusal> {
        Ok("never guessed: 5a1f9c".into())
    }
}
