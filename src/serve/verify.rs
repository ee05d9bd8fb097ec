//! VRFY and EXPN (RFC 5321 section 3.5): who is behind a name, for those who may
//! know.

use std::collections::BTreeSet;

use super::policy::not_now;
use crate::config::Book;
use crate::route::Destination;
use crate::route::people::{Host, Lead, Standing};
use crate::smtp::addr::{Domain, ForwardPath, Mailbox};
use crate::smtp::reply::Reply;
use crate::sys;

/// Lines of one reply; a longer list is not told.
const MOST: usize = 1000;

/// SV-41: 250 for who was found and no one else.
pub fn vrfy(book: &Book, host: &dyn Host, domain: &str, who: &str) -> Reply {
    let found = match candidates(book, host, domain, who) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    match found.as_slice() {
        [one] => one_reply(book, host, one),
        [] => Reply::new(550, (5, 1, 1), "No such user here"),
        many => Reply {
            lines: std::iter::once("Ambiguous; possibilities are".to_owned())
                .chain(many.iter().take(MOST).map(|m| format!("<{m}>")))
                .collect(),
            ..Reply::new(553, (5, 1, 4), "")
        },
    }
}

/// SV-42: the members of a list, one a line. Programs and files are nobody's
/// business.
pub fn expn(book: &Book, host: &dyn Host, domain: &str, list: &str) -> Reply {
    let found = match candidates(book, host, domain, list) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let address = match found.as_slice() {
        [one] => one,
        [] => return Reply::new(550, (5, 1, 1), "No such list here"),
        _ => return Reply::new(553, (5, 1, 4), "Ambiguous; give the whole address"),
    };
    match book.standing(address, host, &|_| false) {
        Ok(Standing::Leads(lead)) => members(&lead),
        Ok(Standing::User { .. }) => {
            Reply::new(550, (5, 1, 1), "That is a user name, not a mailing list")
        }
        Ok(_) => cannot(),
        Err(trouble) => not_now(&trouble),
    }
}

fn members(lead: &Lead<'_>) -> Reply {
    let lines: Vec<String> = lead
        .targets
        .iter()
        .filter_map(|target| match &target.to {
            Destination::Mailbox(member) => Some(shown(member)),
            _ => None,
        })
        .take(MOST + 1)
        .collect();
    match lines.len() {
        1..=MOST => Reply {
            lines,
            ..Reply::new(250, (2, 1, 5), "")
        },
        _ => cannot(),
    }
}

fn cannot() -> Reply {
    Reply::new(252, (2, 1, 5), "Cannot tell; send the message and see")
}

/// Addresses of ours that a name may mean: an address itself, or a name in each
/// domain that has it.
fn candidates(
    book: &Book,
    host: &dyn Host,
    domain: &str,
    who: &str,
) -> Result<Vec<Mailbox>, Reply> {
    let who = who.trim();
    let path = match who.starts_with('<') {
        true => ForwardPath::parse_prefix(who)
            .ok()
            .filter(|(_, rest)| rest.is_empty())
            .map(|(path, _)| path),
        false => Mailbox::parse(who).ok().map(ForwardPath::Mailbox),
    };
    let local = |local: &str| Mailbox {
        local: local.to_owned(),
        domain: Domain::Name(domain.to_owned()),
    };
    match path {
        Some(ForwardPath::Mailbox(address)) => return Ok(vec![address]),
        Some(ForwardPath::Postmaster) => return Ok(vec![local("postmaster")]),
        None => {}
    }
    let here = Mailbox::new(who.trim_matches('"'), Domain::Name(domain.to_owned()));
    let here = here.map_err(|_| Reply::new(501, (5, 1, 3), "No name or address"))?;
    let mut found = Vec::new();
    match book.standing(&here, host, &|_| false) {
        Ok(Standing::Unknown) => {}
        Ok(_) => found.push(here.clone()),
        Err(trouble) => return Err(not_now(&trouble)),
    }
    let others: BTreeSet<&str> = book
        .virtuals
        .with_local(&here.local.to_lowercase())
        .into_iter()
        .collect();
    let others = others
        .into_iter()
        .filter_map(|key| Mailbox::parse(key).ok());
    found.extend(others.filter(|other| !other.same(&here)));
    Ok(found)
}

fn one_reply(book: &Book, host: &dyn Host, address: &Mailbox) -> Reply {
    match book.standing(address, host, &|_| false) {
        Ok(Standing::User { .. }) => Reply::new(250, (2, 1, 5), shown(address)),
        Ok(Standing::Leads(lead)) => match lead.targets.first().filter(|_| lead.is_moved) {
            Some(new) => {
                let text = format!("User not local; will forward to <{}>", new.to);
                Reply::new(251, (2, 1, 5), text)
            }
            None => Reply::new(250, (2, 1, 5), format!("<{address}>")),
        },
        Ok(Standing::Moved(new)) => {
            let text = format!("User not local; please try <{new}>");
            Reply::new(551, (5, 1, 6), text)
        }
        Ok(Standing::Unknown | Standing::Backup(false)) => {
            Reply::new(550, (5, 1, 1), "No such user here")
        }
        Ok(Standing::Foreign | Standing::Backup(true) | Standing::Routed) => cannot(),
        Err(trouble) => not_now(&trouble),
    }
}

/// `Full Name <mailbox>`: the name of a user of the system, where it can stand in
/// a reply.
fn shown(address: &Mailbox) -> String {
    let user = sys::user_by_name(&address.local);
    let name = user.and_then(|u| u.gecos.split(',').next().map(str::to_owned));
    let name = name.filter(|n| !n.is_empty() && n.is_ascii() && !n.contains(['<', '>']));
    match name.filter(|n| !n.contains(char::is_control)) {
        Some(name) => format!("{name} <{address}>"),
        None => format!("<{address}>"),
    }
}
