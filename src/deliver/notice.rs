//! Messages made from another: bounces, delay notices, copies for lists.
//!
//! Each has an id hashed from the original's, its kind and the targets it
//! covers, so that a repeat after a crash makes nothing twice; each comes back
//! locked, and its lock is held until the original's record or removal is on
//! stable storage (DESIGN section 2).

use std::io;

use jiff::Timestamp;

use super::Engine;
use super::content::Letter;
use crate::log;
use crate::message::bounce::{self, Action, Block, Notice};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{Body, MailParams, Notify, RcptParams};
use crate::spool::{
    Attempt, BodyKind, Envelope, Head, Id, Lock, Origin, Recipient, Spool, SpoolError, Target,
};

/// A notice about some targets of a message.
pub struct About<'a> {
    pub head: &'a Head,
    pub letter: &'a Letter<'a>,
    pub targets: &'a [(u32, &'a Target, &'a Attempt)],
}

/// Why a derived message could not be made. The original stays queued.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("copying the original: {0}")]
    Io(#[from] io::Error),
}

/// Tells the sender, by one message, of all targets that failed (BN-16). `None`
/// where nobody is to be told (BN-02, BN-11), or it was told already.
pub fn bounce(
    engine: &Engine,
    spool: &Spool,
    about: &About<'_>,
) -> Result<Option<Lock>, MakeError> {
    let wanted = |notify: Option<Notify>| notify.is_none_or(|n| n.failure);
    send(engine, spool, about, "bounce", Action::Failed, None, wanted)
}

/// Tells the sender that the mail is late, and until when it is tried (BN-14).
pub fn delay(
    engine: &Engine,
    spool: &Spool,
    about: &About<'_>,
    until: Timestamp,
) -> Result<Option<Lock>, MakeError> {
    let wanted = |notify: Option<Notify>| notify.is_none_or(|n| n.delay);
    let until = Some(until);
    send(
        engine,
        spool,
        about,
        "delay",
        Action::Delayed,
        until,
        wanted,
    )
}

fn send(
    engine: &Engine,
    spool: &Spool,
    about: &About<'_>,
    kind: &str,
    action: Action,
    retry_until: Option<Timestamp>,
    wanted: impl Fn(Option<Notify>) -> bool,
) -> Result<Option<Lock>, MakeError> {
    let envelope = &about.head.envelope;
    let ReversePath::Mailbox(sender) = &envelope.sender else {
        return Ok(None);
    };
    let params = |target: &Target| {
        let recipient = envelope.recipients.get(target.recipient as usize);
        recipient.map(|r| r.params.clone()).unwrap_or_default()
    };
    let told: Vec<_> = about
        .targets
        .iter()
        .filter(|(_, target, _)| wanted(params(target).notify))
        .collect();
    if told.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<u32> = told.iter().map(|t| t.0).collect();
    let id = Id::derived(&about.head.id, kind, &numbers);
    let eight_bit = about.letter.body != BodyKind::SevenBit;
    let made = made_from(about.head.id, kind, ReversePath::Null, sender, eight_bit);
    let Some(mut draft) = spool.derived_draft(id, &made)? else {
        return Ok(None);
    };
    let block = |(_, target, attempt): &&(u32, &Target, &Attempt)| Block {
        retry_until,
        ..block(about.head, target, attempt, &params(target), action)
    };
    let notice = Notice {
        hostname: &engine.config.hostname,
        origin: &engine.config.origin,
        to: sender.to_string(),
        unique: id.as_str(),
        now: Timestamp::now(),
        arrival: envelope.origin.time,
        envid: envelope.params.envid.as_deref(),
        ret: envelope.params.ret,
        blocks: told.iter().map(block).collect(),
        original_size: about.letter.size,
        return_limit: engine.config.return_limit,
        eight_bit,
    };
    bounce::write(&notice, &mut about.letter.open()?, &mut draft)?;
    let lock = draft.commit_locked()?;
    log::notice(&id, kind, &about.head.id, sender);
    Ok(Some(lock))
}

fn block(
    head: &Head,
    target: &Target,
    attempt: &Attempt,
    params: &RcptParams,
    action: Action,
) -> Block {
    let given = head.envelope.recipients.get(target.recipient as usize);
    let is_mailbox = Mailbox::parse(&target.to).is_ok();
    // The path of a file or program is nobody's business outside.
    let final_recipient = match given {
        Some(given) if !is_mailbox => given.address.to_string(),
        _ => target.to.clone(),
    };
    let remote_mta = attempt.remote.then(|| attempt.host.clone()).flatten();
    Block {
        final_recipient,
        original: params.orcpt.clone(),
        action,
        status: attempt.status.clone(),
        diagnostic: attempt.remote.then(|| attempt.text.clone()),
        remote_mta,
        text: attempt.text.clone(),
        last_attempt: Some(attempt.time),
        retry_until: None,
    }
}

/// The envelope of a message made from another.
fn made_from(of: Id, kind: &str, sender: ReversePath, to: &Mailbox, eight_bit: bool) -> Envelope {
    Envelope {
        sender,
        params: MailParams {
            body: eight_bit.then_some(Body::EightBitMime),
            smtputf8: to.needs_utf8(),
            ..MailParams::default()
        },
        recipients: vec![Recipient {
            address: to.clone(),
            params: RcptParams::default(),
        }],
        origin: Origin {
            time: Timestamp::now(),
            kind: kind.to_string(),
            words: vec![("of".to_string(), of.to_string())],
        },
    }
}

/// A copy of the message for the members of a list, with the list's owner as
/// its sender (RFC 5321 section 3.9.2). `None` where it is queued already.
pub fn list_copy(
    spool: &Spool,
    head: &Head,
    letter: &Letter<'_>,
    owner: &Mailbox,
    members: &[(u32, Mailbox)],
) -> Result<Option<Lock>, MakeError> {
    let numbers: Vec<u32> = members.iter().map(|m| m.0).collect();
    let id = Id::derived(&head.id, "list", &numbers);
    let eight_bit = letter.body != BodyKind::SevenBit;
    let sender = ReversePath::Mailbox(owner.clone());
    let recipients = members.iter().map(|(_, address)| Recipient {
        address: address.clone(),
        params: RcptParams::default(),
    });
    let mut envelope = made_from(head.id, "list", sender, owner, eight_bit);
    envelope.recipients = recipients.collect();
    envelope.params.smtputf8 = head.envelope.params.smtputf8;
    let Some(mut draft) = spool.derived_draft(id, &envelope)? else {
        return Ok(None);
    };
    io::copy(&mut letter.open()?, &mut draft)?;
    let lock = draft.commit_locked()?;
    log::list_copy(&id, &head.id, owner, members.len());
    Ok(Some(lock))
}
