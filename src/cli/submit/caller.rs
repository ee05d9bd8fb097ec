//! Who submits: the real user id, whatever the environment says (H1).

use std::cell::OnceCell;
use std::path::Path;

use crate::smtp::addr::{Domain, Mailbox};
use crate::sys;

/// The real user. The user database is asked once, and only when needed.
#[derive(Debug)]
pub struct Caller {
    pub uid: u32,
    entry: OnceCell<Option<sys::User>>,
}

impl Caller {
    pub fn real() -> Caller {
        Caller {
            uid: rustix::process::getuid().as_raw(),
            entry: OnceCell::new(),
        }
    }

    fn entry(&self) -> Option<&sys::User> {
        self.entry
            .get_or_init(|| sys::user_by_uid(self.uid))
            .as_ref()
    }

    /// Login name; the number where the user has none, so that containers with
    /// any uid can send.
    pub fn login(&self) -> String {
        match self.entry() {
            Some(user) if !user.name.is_empty() => user.name.clone(),
            _ => self.uid.to_string(),
        }
    }

    pub fn mailbox(&self, origin: &str) -> Mailbox {
        Mailbox {
            local: self.login(),
            domain: Domain::parse(origin).unwrap_or_else(|_| Domain::Name(origin.to_owned())),
        }
    }

    /// As the user database has it, not the environment.
    pub fn home(&self) -> Option<&Path> {
        Some(&self.entry()?.home)
    }

    /// `$NAME`, else the first part of the GECOS field, where `&` stands for
    /// the capitalised login (H5).
    pub fn full_name(&self) -> Option<String> {
        let given = std::env::var("NAME")
            .ok()
            .filter(|n| !sys::is_privileged() && !n.is_empty());
        given.or_else(|| gecos_name(self.entry()?))
    }
}

fn gecos_name(user: &sys::User) -> Option<String> {
    let first = user.gecos.split(',').next().unwrap_or_default().trim();
    let mut login = user.name.chars();
    let capitalised: String = login
        .next()
        .map(|c| c.to_uppercase().chain(login).collect())
        .unwrap_or_default();
    let name = first.replace('&', &capitalised);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(gecos: &str) -> sys::User {
        sys::User {
            name: "alice".into(),
            uid: 1000,
            gid: 1000,
            gecos: gecos.into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        }
    }

    #[test]
    fn h5_full_name_of_the_gecos_field() {
        let name = |gecos| gecos_name(&user(gecos));
        assert_eq!(name("Alice Doe,Room 1,,").as_deref(), Some("Alice Doe"));
        assert_eq!(name("& Doe").as_deref(), Some("Alice Doe"));
        assert_eq!(name(",,,"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn h1_a_user_without_a_name_is_its_number() {
        let caller = Caller {
            uid: 54321,
            entry: OnceCell::from(None),
        };
        assert_eq!(caller.mailbox("h.example").local, "54321");
        assert_eq!(
            caller
                .full_name()
                .filter(|_| std::env::var("NAME").is_err()),
            None
        );
    }
}
