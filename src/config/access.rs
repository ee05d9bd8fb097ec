//! The options of `[[route]]` and `[account.NAME]` about login and trust.

use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeValue;

use super::slot::{self, Wrong, expected};
use super::{Account, Config, keys};
use crate::route::access::{Access, SecretSource};
use crate::route::table::{Route, pattern};
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::addr::Mailbox;
use crate::smtp::sasl::Mechanism;

/// The options of both, as `route.user` and `account.user`.
pub const ACCESS_KEYS: [&str; 11] = [
    "tls",
    "user",
    "password_file",
    "password_command",
    "password_credential",
    "netrc",
    "mechanisms",
    "ca_file",
    "client_certificate",
    "client_key",
    "fingerprint",
];

/// Those of an account alone.
pub const ACCOUNT_KEYS: [&str; 2] = ["account.server", "account.from"];

/// Options while they are read.
#[derive(Default)]
pub struct PartAccess {
    access: Access,
    tls: Option<TlsPolicy>,
    secrets: usize,
}

impl PartAccess {
    /// Takes one of [`ACCESS_KEYS`].
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), Wrong> {
        let access = &mut self.access;
        let secret = match name {
            "tls" => {
                self.tls = Some(keys::parsed(slot::text(value)?)?);
                return Ok(());
            }
            "user" => {
                access.user = Some(plain(slot::text(value)?)?);
                return Ok(());
            }
            "mechanisms" => {
                access.mechanisms =
                    slot::list(value, |v| keys::parsed::<Mechanism>(slot::text(v)?))?;
                return Ok(());
            }
            "fingerprint" => {
                access.fingerprints = slot::list(value, |v| keys::parsed(slot::text(v)?))?;
                return Ok(());
            }
            "ca_file" => {
                access.ca_file = Some(slot::path(value)?);
                return Ok(());
            }
            "client_certificate" => {
                access.client_certificate = Some(slot::path(value)?);
                return Ok(());
            }
            "client_key" => {
                access.client_key = Some(slot::path(value)?);
                return Ok(());
            }
            "password_file" => SecretSource::File(slot::path(value)?),
            "password_command" => SecretSource::Command(command(value)?),
            "password_credential" => SecretSource::Credential(file_name(slot::text(value)?)?),
            "netrc" if value.as_bool() == Some(true) => SecretSource::Netrc(None),
            "netrc" => SecretSource::Netrc(Some(netrc(value)?)),
            _ => return Err(expected(&ACCESS_KEYS.join(", "))),
        };
        access.secret = Some(secret);
        self.secrets += 1;
        Ok(())
    }

    /// What belongs together, together; `unsaid`: the policy where none is written.
    fn whole(
        mut self,
        unsaid: TlsPolicy,
        to: &Transport,
    ) -> Result<(TlsPolicy, Arc<Access>), Wrong> {
        let access = &mut self.access;
        let is_netrc = matches!(access.secret, Some(SecretSource::Netrc(_)));
        if self.secrets > 1 {
            return Err(expected("one source of the password, not several"));
        }
        if access.secret.is_some() && access.user.is_none() && !is_netrc {
            return Err(expected("user beside the source of its password"));
        }
        if access.logs_in() && !matches!(to, Transport::Smtp { .. }) {
            return Err(expected(
                "a login only towards smtp://, smtps:// or submission://",
            ));
        }
        if access.client_certificate.is_none()
            && (access.client_key.is_some() || access.mechanisms.contains(&Mechanism::External))
        {
            return Err(expected("client_certificate beside client_key or EXTERNAL"));
        }
        // One file may hold both.
        access.client_key = access
            .client_key
            .take()
            .or(access.client_certificate.clone());
        let pins = !access.fingerprints.is_empty();
        let tls = match self.tls {
            Some(tls) => tls,
            None if pins => TlsPolicy::Pinned,
            // A password goes to nobody but whom it is for.
            None if access.logs_in() => TlsPolicy::Required,
            None => unsaid,
        };
        match (tls, pins) {
            (TlsPolicy::Pinned, false) => Err(expected("fingerprint with tls = pinned")),
            (TlsPolicy::Pinned, true) | (_, false) => Ok((tls, Arc::new(self.access))),
            (_, true) => Err(expected("tls = pinned with a fingerprint")),
        }
    }
}

/// A `[[route]]` while it is read.
#[derive(Default)]
pub struct PartRoute {
    matches: Vec<String>,
    to: Option<(Transport, TlsPolicy)>,
    access: PartAccess,
}

impl PartRoute {
    /// One value.
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), Wrong> {
        match name {
            "match" => self.matches = patterns(value)?,
            "to" => {
                let text = slot::text(value)?;
                self.to = Some((keys::parsed(text)?, keys::unsaid_tls(text)));
            }
            name => self.access.set(name, value)?,
        }
        Ok(())
    }

    pub fn whole(self) -> Result<Route, Wrong> {
        let (Some((transport, unsaid)), false) = (self.to, self.matches.is_empty()) else {
            return Err(expected("match and to in every route"));
        };
        let (tls, access) = self.access.whole(unsaid, &transport)?;
        Ok(Route {
            matches: self.matches,
            transport,
            tls,
            access,
        })
    }
}

/// Everything by one transport, as an operator wants it for a message: with the
/// options of what is configured with that transport, if anything is.
pub fn route_to(config: &Config, text: &str) -> Result<Route, Wrong> {
    let transport: Transport = keys::parsed(text)?;
    if matches!(transport, Transport::Maildir(_) | Transport::Mbox(_)) {
        return Err(expected("a transport that is not a local mailbox"));
    }
    let accounts = config.accounts.iter().map(|account| &account.route);
    let mut known = config
        .routes
        .iter()
        .chain(&config.smarthost)
        .chain(accounts);
    let known = known.find(|route| route.transport == transport).cloned();
    let matches = vec!["*".to_owned()];
    match known {
        Some(known) => Ok(Route { matches, ..known }),
        None => PartRoute {
            matches,
            to: Some((transport, keys::unsaid_tls(text))),
            access: PartAccess::default(),
        }
        .whole(),
    }
}

/// An `[account.NAME]` while it is read.
#[derive(Default)]
pub struct PartAccount {
    route: PartRoute,
}

impl PartAccount {
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), Wrong> {
        match name {
            "server" => {
                let route = keys::smarthost(slot::text(value)?)?;
                self.route.to = Some((route.transport, route.tls));
                Ok(())
            }
            "from" => {
                self.route.matches = patterns(value)?;
                Ok(())
            }
            name => self.route.access.set(name, value),
        }
    }

    pub fn whole(self, name: &str) -> Result<Account, Wrong> {
        let Some((transport, unsaid)) = self.route.to else {
            return Err(expected("server in every account"));
        };
        let (tls, access) = self.route.access.whole(unsaid, &transport)?;
        let address = |p: &&String| Mailbox::parse(p).is_ok();
        Ok(Account {
            name: name.to_owned(),
            from: self.route.matches.iter().find(address).cloned(),
            route: Route {
                matches: self.route.matches,
                transport,
                tls,
                access,
            },
        })
    }
}

fn patterns(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let form = |_| expected("a domain, .domain, user@domain or *");
    slot::list(value, |v| pattern(slot::text(v)?).map_err(form))
}

/// Goes into a SASL message, in which control characters part the fields.
fn plain(text: &str) -> Result<String, Wrong> {
    match text.is_empty() || text.contains(char::is_control) {
        true => Err(expected("a name without control characters")),
        false => Ok(text.to_owned()),
    }
}

/// Words of a program's command line, the program by its absolute path or as
/// `PATH` finds it.
fn command(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let word = |v: &DeValue<'_>| match slot::text(v)? {
        text if text.contains('\0') => Err(expected("words without NUL")),
        text => Ok(text.to_owned()),
    };
    match slot::list(value, word)? {
        words if words.first().is_none_or(String::is_empty) => {
            Err(expected("a list of words, the program first"))
        }
        words => Ok(words),
    }
}

fn file_name(text: &str) -> Result<String, Wrong> {
    match text.is_empty() || text.starts_with('.') || text.contains(['/', '\0']) {
        true => Err(expected("the name of a file, without its directory")),
        false => Ok(text.to_owned()),
    }
}

fn netrc(value: &DeValue<'_>) -> Result<PathBuf, Wrong> {
    slot::path(value).map_err(|_| expected("an absolute path, or true for ~/.netrc"))
}

/// The options as a file could have them, for [`super::Slot::show`].
pub fn access_text(access: &Access) -> String {
    let mut out = String::new();
    let mut put = |name: &str, value: String| out.push_str(&format!(", {name} = {value}"));
    let path = |p: &PathBuf| slot::quoted(p.display());
    if let Some(user) = &access.user {
        put("user", slot::quoted(user));
    }
    match &access.secret {
        None => {}
        Some(SecretSource::File(p)) => put("password_file", path(p)),
        Some(SecretSource::Command(words)) => put("password_command", slot::array(words)),
        Some(SecretSource::Credential(name)) => put("password_credential", slot::quoted(name)),
        Some(SecretSource::Netrc(None)) => put("netrc", "true".to_owned()),
        Some(SecretSource::Netrc(Some(p))) => put("netrc", path(p)),
    }
    if !access.mechanisms.is_empty() {
        put("mechanisms", slot::array(&access.mechanisms));
    }
    for (name, value) in [
        ("ca_file", &access.ca_file),
        ("client_certificate", &access.client_certificate),
        ("client_key", &access.client_key),
    ] {
        if let Some(p) = value {
            put(name, path(p));
        }
    }
    if !access.fingerprints.is_empty() {
        put("fingerprint", slot::array(&access.fingerprints));
    }
    out
}
