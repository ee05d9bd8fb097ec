//! Aliases and lists: from envelope recipients to targets.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::config::{self, Config};
use crate::route::Destination;
use crate::route::alias::Aliases;
use crate::route::table::Table;
use crate::smtp::addr::Mailbox;
use crate::spool::{Envelope, Target};
use crate::{log, sys};

/// The aliases, read again when a file changed.
#[derive(Debug, Default)]
pub struct AliasFiles {
    read: Mutex<Option<(Vec<Stamp>, Arc<Aliases>)>>,
}

type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &PathBuf) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

impl AliasFiles {
    pub fn get(&self, config: &Config) -> Arc<Aliases> {
        let now: Vec<Stamp> = config.aliases.iter().map(stamp).collect();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((then, aliases)) if *then == now => Arc::clone(aliases),
            _ => {
                let (aliases, errors) = config::load_aliases(config);
                for error in errors {
                    log::config_error(&error);
                }
                let aliases = Arc::new(aliases);
                *read = Some((now, Arc::clone(&aliases)));
                aliases
            }
        }
    }
}

/// Targets of a message, each destination once, in the recipients' order. A
/// message that is a list's copy already makes no further copies: two lists
/// that name each other would never end. The sender may have asked for no aliases
/// at all. `Err`: in words, what has to be mended before the mail can go.
pub fn targets(
    config: &Config,
    table: &Table,
    aliases: &Aliases,
    envelope: &Envelope,
) -> Result<Vec<Target>, String> {
    let none = Aliases::default();
    let aliases = match envelope.origin.has_no_aliases() {
        true => &none,
        false => aliases,
    };
    let is_list_copy = envelope.origin.kind == "list";
    let is_local = |mailbox: &Mailbox| table.is_local(mailbox);
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for (n, recipient) in envelope.recipients.iter().enumerate() {
        let Ok(number) = u32::try_from(n) else { break };
        let address = postmaster(config, &is_local, aliases, &recipient.address);
        let expanded = aliases.expand(&address, &is_local);
        let expanded = expanded.map_err(|e| e.to_string())?;
        if expanded.is_empty() {
            // A list whose file cannot be read now: mail for nobody would be lost.
            return Err(format!("the alias {address} leads to nobody"));
        }
        for (destination, list) in expanded {
            let to = destination.to_string();
            let owner = match destination {
                Destination::Mailbox(_) if !is_list_copy => {
                    list.and_then(|list| owner(&list, &recipient.address))
                }
                _ => None,
            };
            if seen.insert((to.clone(), owner.clone())) {
                targets.push(Target {
                    recipient: number,
                    to,
                    owner,
                });
            }
        }
    }
    Ok(targets)
}

/// `owner-LIST` at the list's domain, or at that of the address that led there.
fn owner(list: &str, through: &Mailbox) -> Option<String> {
    let list = match Mailbox::parse(list) {
        Ok(list) => list,
        Err(_) => Mailbox {
            local: list.to_string(),
            domain: through.domain.clone(),
        },
    };
    let owner = Mailbox {
        local: format!("owner-{}", list.local),
        domain: list.domain,
    };
    Some(owner.to_string())
}

/// SV-23: mail to postmaster arrives even where nobody thought of an alias.
fn postmaster(
    config: &Config,
    is_local: &dyn Fn(&Mailbox) -> bool,
    aliases: &Aliases,
    address: &Mailbox,
) -> Mailbox {
    let unset = address.local.eq_ignore_ascii_case("postmaster")
        && is_local(address)
        && aliases.get("postmaster").is_none()
        && sys::user_by_name("postmaster").is_none();
    if !unset {
        return address.clone();
    }
    let named = Mailbox::parse(&config.postmaster).unwrap_or_else(|_| Mailbox {
        local: config.postmaster.clone(),
        domain: address.domain.clone(),
    });
    match named.local.eq_ignore_ascii_case("postmaster") && is_local(&named) {
        true => Mailbox {
            local: "root".to_string(),
            domain: named.domain,
        },
        false => named,
    }
}
