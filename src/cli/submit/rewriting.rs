//! The configuration's rewriting, made ready for one submission.

use super::super::Stop;
use super::Caller;
use crate::class::Class;
use crate::config::{self, Book, Config};
use crate::log;
use crate::message::addrlist::Bare;
use crate::message::rewrite::Rewrite;
use crate::route::expand::expand;
use crate::route::people::NoUsers;
use crate::route::rewrite::{Profile, Sender, Submitter};
use crate::route::{Destination, domain_key};
use crate::smtp::addr::{Domain, Mailbox, ReversePath};

/// What is rewritten for this caller and this sender.
pub fn rewriting(config: &Config, caller: &Caller, sender: &ReversePath) -> Result<Rewrite, Stop> {
    let own = own_only(config, caller, sender);
    if config.rewrite.is_empty() {
        return Ok(Rewrite {
            own,
            ..Rewrite::default()
        });
    }
    let sender = &own.clone().map_or(sender.clone(), ReversePath::Mailbox);
    let profile = config.rewrite.choose(&Submitter {
        uid: caller.uid,
        login: &|| caller.login(),
        sender,
    });
    let login;
    let user = match sender.mailbox() {
        Some(mailbox) => &mailbox.local,
        None => {
            login = caller.login();
            &login
        }
    };
    let names = Sender {
        user,
        host: &config.hostname,
    };
    made(config, &profile, names, own)
}

/// The caller's own address, where that is who sends although another was named
/// (H4). Nobody is impersonated by the null reverse-path.
fn own_only(config: &Config, caller: &Caller, sender: &ReversePath) -> Option<Mailbox> {
    let trusted = &config.trusted_users;
    let given = sender.mailbox()?;
    if trusted.is_empty() || caller.uid == 0 {
        return None;
    }
    let own = caller.mailbox(&config.origin);
    let is_free = given.same(&own)
        || trusted.contains(&own.local)
        || trusted.contains(&caller.uid.to_string());
    (!is_free).then_some(own)
}

fn made(
    config: &Config,
    profile: &Profile,
    names: Sender<'_>,
    own: Option<Mailbox>,
) -> Result<Rewrite, Stop> {
    let text = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
    let from = text(&profile.from).map(|template| {
        names.address(&template).map_err(|error| {
            let user = names.user;
            Stop::new(
                Class::Config,
                format!("rewrite.from gives {user} no address ({error}); shorten it"),
            )
        })
    });
    let all_to = text(&profile.all_to).map(|address| Mailbox::parse(&address));
    Ok(Rewrite {
        own,
        from: from.transpose()?,
        from_name: text(&profile.from_name).map(|name| names.fill(&name)),
        bare: profile.to_bare.unwrap_or_default().then(|| aliases(config)),
        all_to: all_to.transpose()?,
        discard: profile.discard.unwrap_or_default(),
    })
}

/// What bare names are aliases for. A name that leads to a program or a file
/// too stays as it is: only delivery may follow it.
fn aliases(config: &Config) -> Bare {
    let (aliases, faults) = config::load_aliases(config);
    for fault in faults {
        log::config_error(&fault);
    }
    let origin = Domain::parse(&config.origin).unwrap_or(Domain::Name(config.origin.clone()));
    let mut book = Book::new(config.table(), &config.origin);
    book.aliases = aliases;
    // A bare name is local whatever the origin is.
    book.table.local_domains.extend(domain_key(&origin));
    Bare::new(move |name| {
        book.aliases.get(name)?;
        let address = Mailbox {
            local: name.to_owned(),
            domain: origin.clone(),
        };
        let found = expand(&book, &NoUsers, &address, &mut |_| Ok(None)).ok()?;
        let found = found.into_iter().map(|end| match end.to {
            Destination::Mailbox(mailbox) => Some(mailbox),
            Destination::Pipe(_) | Destination::File(_) => None,
        });
        found.collect()
    })
}
