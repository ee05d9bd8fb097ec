//! A local submission, from standard input to the spool: `sendmail`'s way and
//! `smtp-send`'s. One pass; of the message only the header is ever held.

mod bad;
mod caller;
mod incoming;
mod now;
mod owner;
mod rewriting;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use jiff::Timestamp;

pub use bad::{Failed, return_to_sender};
pub use caller::Caller;
pub use incoming::{Incoming, Input, check_input};
pub use now::{nameless, private_copy};
pub use owner::{Tell, as_owner, tell_parent, with_owner};
pub use rewriting::rewriting;

use super::Stop;
use crate::class::Class;
use crate::config::Config;
use crate::message::addrlist::Names;
use crate::message::rewrite::Rewrite;
use crate::message::{addrlist, header, submit, trace};
use crate::smtp::addr::{AddrError, Mailbox, ReversePath};
use crate::smtp::param::{MailParams, Notify, RcptParams};
use crate::spool::{Envelope, Id, Origin, Recipient, Spool};
use crate::{log, sys};

/// Most recipients of one submission (DESIGN section 8).
pub const MAX_RECIPIENTS: usize = 100_000;

/// Received fields over which a message is taken to go in circles (5.4.6).
pub const MAX_HOPS: usize = 100;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `None`: the caller's own address.
    pub sender: Option<ReversePath>,
    /// From the arguments: each may be a list.
    pub recipients: Vec<Vec<u8>>,
    /// Recipients are in the header too.
    pub header_recipients: bool,
    /// Good recipients get the message although others are bad.
    pub despite_bad: bool,
    /// Nothing is added to the header.
    pub gateway: bool,
    /// Aliases are not applied to this message.
    pub no_aliases: bool,
    pub full_name: Option<String>,
    pub params: MailParams,
    pub notify: Option<Notify>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// `None`: thrown away, as the configuration says.
    pub id: Option<Id>,
    /// Recipients that got nothing, where others did.
    pub bad: Vec<(String, AddrError)>,
    pub sender: ReversePath,
}

/// Why nothing was submitted, with what a report to the sender needs.
#[derive(Debug)]
pub struct Refused {
    pub stop: Stop,
    pub failed: Vec<Failed>,
    pub sender: ReversePath,
}

/// Reads an address list from the command line; each word may hold several.
pub fn read_addresses(
    words: &[impl AsRef<[u8]>],
    names: Names<'_>,
) -> (Vec<Mailbox>, Vec<(String, AddrError)>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for word in words {
        let (g, b) = addrlist::parse_names(word.as_ref(), names);
        good.extend(g);
        bad.extend(b);
    }
    (good, bad)
}

/// A sender given by option: empty and `<>` are the null reverse-path; of
/// several addresses the first counts and the others come back as a warning.
pub fn read_sender(word: &[u8], origin: &str) -> Result<(ReversePath, bool), Stop> {
    let bare: Vec<u8> = word
        .iter()
        .copied()
        .filter(|b| !b" \t".contains(b))
        .collect();
    if matches!(bare.as_slice(), b"" | b"<>") {
        return Ok((ReversePath::Null, false));
    }
    let (good, bad) = addrlist::parse(word, origin);
    if let Some((text, error)) = bad.into_iter().next() {
        return Err(Stop::new(Class::Data, format!("sender {text}: {error}")));
    }
    let more = good.len() > 1;
    match good.into_iter().next() {
        Some(mailbox) => Ok((ReversePath::Mailbox(mailbox), more)),
        None => Err(Stop::new(
            Class::Data,
            format!("sender {}: no address", String::from_utf8_lossy(word)),
        )),
    }
}

/// Refuses control characters in what goes into an envelope (I1).
pub fn check_text(word: &[u8]) -> Result<(), Stop> {
    if word.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        let word = String::from_utf8_lossy(word);
        return Err(Stop::new(
            Class::Data,
            format!("control character in \"{word}\""),
        ));
    }
    Ok(())
}

/// A name for a header: line ends and other control characters are blanks (I2).
pub fn one_line(name: &OsStr) -> String {
    let name = String::from_utf8_lossy(name.as_bytes());
    name.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The spool to submit to. A system's is made by its installation; a user's
/// own, and that of a machine without one, is made here.
pub fn open_spool(config: &Config) -> Result<Spool, Stop> {
    Ok(if sys::is_privileged() {
        Spool::open(&config.spool)?
    } else {
        Spool::open_or_create(&config.spool, None)?
    })
}

/// Takes the message in; when this returns Ok it is on stable storage, or the
/// configuration says that it is to be thrown away.
pub fn submit<R: io::Read>(
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    plan: Plan,
    message: &mut Incoming<R>,
) -> Result<Submitted, Refused> {
    let addressed = envelope(config, caller, &plan, message.header())?;
    let stored = if addressed.rewrite.discard {
        discard(config, caller, &addressed, message).map(|()| None)
    } else {
        store(config, spool, caller, &plan, &addressed, message).map(Some)
    };
    let Addressed { envelope, bad, .. } = addressed;
    match stored {
        Ok(id) => Ok(Submitted {
            id,
            bad,
            sender: envelope.sender,
        }),
        Err(stop) => Err(Refused {
            failed: all_failed(envelope.recipients.iter().map(|r| &r.address), &stop),
            stop,
            sender: envelope.sender,
        }),
    }
}

/// Most recipients that a report about a whole message names.
const MAX_REPORTED: usize = 100;

/// Nobody gets it, for this reason.
fn all_failed<'m>(recipients: impl Iterator<Item = &'m Mailbox>, stop: &Stop) -> Vec<Failed> {
    let Stop::Failed(class, text) = stop else {
        return Vec::new();
    };
    recipients
        .take(MAX_REPORTED)
        .map(|recipient| Failed::with_all(recipient, *class, text))
        .collect()
}

type Bad = Vec<(String, AddrError)>;

/// Who a message is from and for.
struct Addressed {
    envelope: Envelope,
    /// Recipients that get nothing.
    bad: Bad,
    rewrite: Rewrite,
    /// Recipients that the configuration replaced by another.
    original: Vec<Mailbox>,
}

/// Who it is from and for, as the configuration wants it.
fn envelope(
    config: &Config,
    caller: &Caller,
    plan: &Plan,
    header: &[u8],
) -> Result<Addressed, Refused> {
    let sender = plan.sender.clone();
    let sender = sender.unwrap_or_else(|| ReversePath::Mailbox(caller.mailbox(&config.origin)));
    let refused = |stop, failed, sender| Refused {
        stop,
        failed,
        sender,
    };
    let rewrite = rewriting(config, caller, &sender);
    let rewrite = rewrite.map_err(|stop| refused(stop, Vec::new(), sender.clone()))?;
    let sender = rewrite.sender(sender);
    let (recipients, bad) = recipients(config, plan, &rewrite, header);
    if let Err(stop) = acceptable(&recipients, &bad, plan, header) {
        let failed = match bad.as_slice() {
            [] => all_failed(recipients.iter(), &stop),
            bad => bad.iter().map(Failed::unreadable).collect(),
        };
        return Err(refused(stop, failed, sender));
    }
    let (recipients, original) = rewrite.recipients(recipients);
    Ok(Addressed {
        envelope: addressed(plan, caller, sender, recipients),
        bad,
        rewrite,
        original,
    })
}

/// Arguments first, then the header's; each once.
fn recipients(
    config: &Config,
    plan: &Plan,
    rewrite: &Rewrite,
    header: &[u8],
) -> (Vec<Mailbox>, Bad) {
    let names = Names {
        origin: &config.origin,
        bare: rewrite.bare.as_ref(),
    };
    let (mut good, mut bad) = read_addresses(&plan.recipients, names);
    if plan.header_recipients {
        let (g, b) = submit::recipients(header, names);
        good.extend(g);
        bad.extend(b);
    }
    (addrlist::dedup(good), bad)
}

fn acceptable(
    good: &[Mailbox],
    bad: &[(String, AddrError)],
    plan: &Plan,
    header: &[u8],
) -> Result<(), Stop> {
    if let [(text, error), rest @ ..] = bad
        && (!plan.despite_bad || good.is_empty())
    {
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        return Err(Stop::new(
            Class::Data,
            format!("recipient {text}: {error}{more}; nothing was sent"),
        ));
    }
    if good.is_empty() {
        return Err(Stop::usage(if plan.header_recipients {
            "no recipients in the header nor in the arguments; nothing was sent"
        } else {
            "no recipients in the arguments; nothing was sent"
        }));
    }
    if good.len() > MAX_RECIPIENTS {
        return Err(Stop::new(
            Class::Unavailable,
            format!("more than {MAX_RECIPIENTS} recipients; nothing was sent"),
        ));
    }
    if trace::hops(header) > MAX_HOPS {
        return Err(Stop::new(
            Class::Unavailable,
            format!("the message goes in circles: more than {MAX_HOPS} Received fields (5.4.6)"),
        ));
    }
    Ok(())
}

fn addressed(
    plan: &Plan,
    caller: &Caller,
    sender: ReversePath,
    recipients: Vec<Mailbox>,
) -> Envelope {
    let mut params = plan.params.clone();
    params.smtputf8 |= sender.mailbox().is_some_and(Mailbox::needs_utf8)
        || recipients.iter().any(Mailbox::needs_utf8);
    let mut words = vec![
        ("uid".to_owned(), caller.uid.to_string()),
        ("pid".to_owned(), std::process::id().to_string()),
    ];
    if plan.no_aliases {
        let (key, value) = Origin::NO_ALIASES;
        words.push((key.to_owned(), value.to_owned()));
    }
    Envelope {
        sender,
        params,
        recipients: recipients
            .into_iter()
            .map(|address| Recipient {
                address,
                params: RcptParams {
                    notify: plan.notify,
                    orcpt: None,
                },
            })
            .collect(),
        origin: Origin {
            time: Timestamp::now(),
            kind: "local".to_owned(),
            words,
        },
    }
}

fn store<R: io::Read>(
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    plan: &Plan,
    addressed: &Addressed,
    message: &mut Incoming<R>,
) -> Result<Id, Stop> {
    let envelope = &addressed.envelope;
    let mut draft = spool.draft(envelope)?;
    let head = head(
        config,
        caller,
        plan,
        addressed,
        draft.id(),
        message.header(),
    );
    copy(config, &head, message, &mut draft, |draft, error| {
        draft.failed(error).into()
    })?;
    let size = draft.length();
    let id = draft.commit()?;
    let recipients = envelope.recipients.len();
    log::queued(&id, caller.uid, &envelope.sender, recipients, size);
    Ok(id)
}

/// Takes all that the caller writes, as if it were sent.
fn discard<R: io::Read>(
    config: &Config,
    caller: &Caller,
    addressed: &Addressed,
    message: &mut Incoming<R>,
) -> Result<(), Stop> {
    copy(
        config,
        message.header().to_vec().as_slice(),
        message,
        &mut io::sink(),
        |_, error| Stop::new(Class::Io, error.to_string()),
    )?;
    let envelope = &addressed.envelope;
    log::discarded(caller.uid, &envelope.sender, envelope.recipients.len());
    Ok(())
}

/// Writes the finished head and the body behind it; `failed` words an error of
/// writing.
fn copy<R: io::Read, W: Write>(
    config: &Config,
    head: &[u8],
    message: &mut Incoming<R>,
    to: &mut W,
    failed: impl Fn(&W, io::Error) -> Stop,
) -> Result<(), Stop> {
    let write = |to: &mut W, octets: &[u8]| to.write_all(octets).map_err(|e| failed(to, e));
    write(to, head)?;
    let mut left = config.message_size.saturating_sub(head.len() as u64);
    while let Some(piece) = message.next_body()? {
        left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
            Stop::new(
                Class::Unavailable,
                format!(
                    "the message is larger than {} octets (message_size)",
                    config.message_size
                ),
            )
        })?;
        write(to, piece)?;
    }
    Ok(())
}

/// Received, the completed header and the blank line.
fn head(
    config: &Config,
    caller: &Caller,
    plan: &Plan,
    addressed: &Addressed,
    id: Id,
    header: &[u8],
) -> Vec<u8> {
    let envelope = &addressed.envelope;
    let sender = match &envelope.sender {
        ReversePath::Mailbox(mailbox) => mailbox.clone(),
        ReversePath::Null => caller.mailbox(&config.origin),
    };
    let has_from = header::fields(header).any(|f| f.is("From"));
    let full_name = plan.full_name.clone();
    let facts = submit::Facts {
        origin: config.origin.clone(),
        hostname: config.hostname.clone(),
        sender,
        full_name: full_name.or_else(|| (!has_from).then(|| caller.full_name()).flatten()),
        now: envelope.origin.time,
        unique: id.to_string(),
        gateway: plan.gateway,
        rewrite: addressed.rewrite.clone(),
        original: addressed.original.clone(),
    };
    let received = trace::Received {
        from: None,
        by: &config.hostname,
        with: "local",
        tls: None,
        id: id.as_str(),
        recipient: match envelope.recipients.as_slice() {
            [one] => Some(&one.address),
            _ => None,
        },
        comment: Some(format!("uid {}", caller.uid)),
    };
    let mut head = trace::received(&received, envelope.origin.time).into_bytes();
    head.extend(submit::complete(header, &facts));
    head.extend(b"\r\n");
    head
}
