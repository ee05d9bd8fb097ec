//! Who can log in in the dialogues: `user` with `pencil`, as in RFC 7677, whose
//! salt and nonce are used. `away`: nobody can tell now.

use smtputils::serve::auth;
use smtputils::smtp::sasl::scram::{Hash, Keys};
use smtputils::smtp::sasl::server::{Directory, Exchange, Refusal};
use smtputils::smtp::sasl::{Secret, decode};
use smtputils::smtp::server::{Answer, AuthStep};

/// The logins of a session.
#[derive(Default)]
pub struct Door(Option<Exchange>);

impl Door {
    pub fn step(&mut self, step: &AuthStep) -> Answer {
        let said = match step {
            AuthStep::Begin(mechanism, initial) => {
                let fresh = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_string();
                self.0 = Exchange::new(*mechanism, fresh);
                initial.as_ref()
            }
            AuthStep::Response(octets) => Some(octets),
        };
        let exchange = self.0.as_mut().expect("a mechanism of ours");
        auth::answer(exchange.step(said.map(Secret::octets), &Users))
    }
}

struct Users;

impl Directory for Users {
    fn check(&self, user: &str, password: &Secret) -> Result<bool, Refusal> {
        match user {
            "away" => Err(Refusal::Unavailable("the disk is away".into())),
            user => Ok(user == "user" && *password == "pencil".into()),
        }
    }

    fn keys(&self, hash: Hash, user: &str) -> Result<Keys, Refusal> {
        let password = if user == "user" { "pencil" } else { "made up" };
        let salt = decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        Keys::new(hash, &password.into(), salt, 4096).ok_or(Refusal::Denied)
    }

    fn password(&self, _user: &str) -> Result<Secret, Refusal> {
        Ok("pencil".into())
    }
}
