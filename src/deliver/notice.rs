//! Messages made from another: bounces, notices of delay and success, copies for
//! lists.
//!
//! Each has an id hashed from the original's, its kind and the targets it
//! covers, so that a repeat after a crash makes nothing twice; each comes back
//! locked, and its lock is held until the original's record or removal is on
//! stable storage (DESIGN section 2).

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Engine;
use super::content::Letter;
use crate::log;
use crate::message::bounce::{self, Action, Block, Notice, Template};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{Body, MailParams, Notify, RcptParams, Ret};
use crate::spool::{
    Attempt, BodyKind, Envelope, Head, Id, Lock, Origin, Recipient, Spool, SpoolError, Target,
};

/// A notice about some targets of a message.
pub struct About<'a> {
    pub head: &'a Head,
    pub letter: &'a Letter<'a>,
    /// All that the message was expanded to.
    pub all: &'a [Target],
    pub targets: &'a [(u32, &'a Target, &'a Attempt)],
}

/// What sort of notice; its name is part of the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bounce,
    Delay,
    Success,
    /// To the postmaster, about a bounce that could not be delivered.
    Double,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bounce => "bounce",
            Kind::Delay => "delay",
            Kind::Success => "success",
            Kind::Double => "double",
        }
    }

    /// BN-11, BN-12, BN-14; to the postmaster the sender's wishes are nothing.
    fn is_wanted(self, notify: Option<Notify>) -> bool {
        match self {
            Kind::Bounce => notify.is_none_or(|n| n.failure),
            Kind::Delay => notify.is_none_or(|n| n.delay),
            Kind::Success => notify.is_some_and(|n| n.success),
            Kind::Double => true,
        }
    }
}

/// Why a derived message could not be made. The original stays queued.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("copying the original: {0}")]
    Io(#[from] io::Error),
    #[error("more than {0} notices were made in this hour (notices.per_hour)")]
    TooMany(u32),
}

/// Counts notices of this hour (A6: storms of bounces fill disks).
#[derive(Debug, Default)]
pub struct Cap(Mutex<Option<(Instant, u32)>>);

const HOUR: Duration = Duration::from_secs(3600);

impl Cap {
    /// One more, at this time, where `limit` allows it; 0 always does.
    fn take(&self, limit: u32, now: Instant) -> bool {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, made) = match *hour {
            Some((since, made)) if now.saturating_duration_since(since) < HOUR => (since, made),
            _ => (now, 0),
        };
        let is_free = limit == 0 || made < limit;
        *hour = Some((since, made.saturating_add(u32::from(is_free))));
        is_free
    }
}

/// Tells the sender, or of a bounce the postmaster, by one message of all these
/// targets (BN-16). `None` where nobody is to be told (BN-02, BN-11),
/// or it was told already.
pub fn send(
    engine: &Engine,
    spool: &Spool,
    about: &About<'_>,
    kind: Kind,
    retry_until: Option<Timestamp>,
) -> Result<Option<Made>, MakeError> {
    let envelope = &about.head.envelope;
    let to = match (&envelope.sender, kind) {
        (ReversePath::Mailbox(sender), _) => sender.clone(),
        // BN-24: about bounces alone. A stranger's mail without a sender would be a
        // way to fill the postmaster's mailbox; it is kept in `.Failed/`.
        (ReversePath::Null, Kind::Double) if envelope.origin.kind == Kind::Bounce.name() => {
            match Mailbox::parse(&engine.config.postmaster) {
                Ok(postmaster) => postmaster,
                Err(_) => return Ok(None),
            }
        }
        (ReversePath::Null, _) => return Ok(None),
    };
    let (numbers, blocks) = blocks(about, kind, retry_until);
    if blocks.is_empty() {
        return Ok(None);
    }
    let id = Id::derived(&about.head.id, kind.name(), &numbers);
    let eight_bit = about.letter.body != BodyKind::SevenBit;
    let made = made_from(
        about.head.id,
        kind.name(),
        ReversePath::Null,
        &to,
        eight_bit,
    );
    let limit = engine.config.notices.per_hour;
    if !engine.notices.take(limit, Instant::now()) {
        return match kind {
            Kind::Bounce | Kind::Double => Err(MakeError::TooMany(limit)),
            Kind::Delay | Kind::Success => Ok(None),
        };
    }
    let Some(mut draft) = spool.derived_draft(id, &made)? else {
        return Ok(None);
    };
    let (template, wrong) = Template::load(engine.config.notices.template.as_deref());
    if let Some(why) = wrong {
        log::config_error(&why);
    }
    let notice = Notice {
        hostname: &engine.config.hostname,
        origin: &engine.config.origin,
        to: to.to_string(),
        unique: id.as_str(),
        now: Timestamp::now(),
        arrival: envelope.origin.time,
        envid: envelope.params.envid.as_deref(),
        ret: match is_plain(about.letter) {
            true => envelope.params.ret,
            false => Some(Ret::Headers),
        },
        blocks,
        original_size: about.letter.size,
        return_limit: engine.config.return_limit,
        eight_bit,
        of: about.head.id.as_str(),
        template: &template,
        is_double: kind == Kind::Double,
        is_global: to.needs_utf8(),
    };
    bounce::write(
        &notice,
        crate::sys::random()?,
        &mut about.letter.open()?,
        &mut draft,
    )?;
    let lock = draft.commit_locked()?;
    log::notice(&id, kind.name(), &about.head.id, &to);
    Ok(Some(Made { id, lock }))
}

/// Neither bare CR or LF nor lines over 998 go through DATA as they are.
fn is_plain(letter: &Letter<'_>) -> bool {
    letter.body != BodyKind::Binary && !letter.long_lines
}

/// Does a notice of failure hold all of the message?
pub fn goes_back_whole(engine: &Engine, head: &Head, letter: &Letter<'_>) -> bool {
    head.envelope.params.ret != Some(Ret::Headers)
        && letter.size <= engine.config.return_limit
        && is_plain(letter)
}

/// A notice that is queued, and locked until the original knows of it.
pub struct Made {
    pub id: Id,
    pub lock: Lock,
}

/// Whom a notice of this kind is about, and the numbers of the targets that it
/// covers.
fn blocks(about: &About<'_>, kind: Kind, retry_until: Option<Timestamp>) -> (Vec<u32>, Vec<Block>) {
    let envelope = &about.head.envelope;
    let (mut numbers, mut blocks) = (Vec::new(), Vec::new());
    let mut once = HashSet::new();
    for (number, target, attempt) in about.targets {
        let given = params_of(envelope, target);
        if !kind.is_wanted(given.notify) {
            continue;
        }
        let action = match kind {
            Kind::Bounce | Kind::Double => Action::Failed,
            Kind::Delay => Action::Delayed,
            Kind::Success => match success(about.all, target, attempt) {
                Some(action) => action,
                None => continue,
            },
        };
        numbers.push(*number);
        let mut block = block(about.head, target, attempt, &given, action);
        block.retry_until = retry_until;
        let is_for_all = action == Action::Expanded || target.owner.is_some();
        if kind == Kind::Success && is_for_all {
            if !once.insert(target.recipient) {
                continue;
            }
            block = of_list(about, target, block);
        }
        blocks.push(block);
    }
    (numbers, blocks)
}

/// What a target's success is called (RFC 3461 sections 5.2.2, 5.2.3, 5.2.7);
/// `None`: the next hop tells of it.
fn success(all: &[Target], target: &Target, attempt: &Attempt) -> Option<Action> {
    let is_relayed = match attempt.route.as_deref() {
        // The last hop: its answer is the delivery's.
        Some(route) if route.starts_with("lmtp:") => false,
        Some(route) if route.starts_with("bsmtp:") => true,
        _ => attempt.remote,
    };
    match () {
        () if target.owner.is_some() => Some(Action::Delivered),
        () if is_one_of_many(all, target) => Some(Action::Expanded),
        () if attempt.passed_on => None,
        () if is_relayed => Some(Action::Relayed),
        () => Some(Action::Delivered),
    }
}

/// Is the target one of several that an alias leads to?
pub fn is_one_of_many(all: &[Target], target: &Target) -> bool {
    let same = |t: &&Target| t.recipient == target.recipient && t.owner.is_none();
    target.owner.is_none() && all.iter().filter(same).nth(1).is_some()
}

/// BN-15: one word for all that a recipient was expanded to, and nothing of who
/// they are.
fn of_list(about: &About<'_>, target: &Target, block: Block) -> Block {
    let given = about
        .head
        .envelope
        .recipients
        .get(target.recipient as usize);
    Block {
        final_recipient: given.map_or(target.to.clone(), |r| r.address.to_string()),
        status: "2.0.0".to_string(),
        diagnostic: None,
        remote_mta: None,
        text: String::new(),
        ..block
    }
}

fn params_of(envelope: &Envelope, target: &Target) -> RcptParams {
    let recipient = envelope.recipients.get(target.recipient as usize);
    recipient.map(|r| r.params.clone()).unwrap_or_default()
}

/// What a target's next hop is told (RFC 3461 section 5.2.7.3): of a success
/// that is told here as an expansion it has nothing to tell.
pub fn params(envelope: &Envelope, all: &[Target], number: u32) -> RcptParams {
    let Some(target) = all.get(number as usize) else {
        return RcptParams::default();
    };
    let mut params = params_of(envelope, target);
    if let Some(notify) = &mut params.notify
        && notify.success
        && is_one_of_many(all, target)
    {
        notify.success = false;
    }
    params
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_an_hour() {
        let cap = Cap::default();
        let now = Instant::now();
        assert!(cap.take(2, now) && cap.take(2, now) && !cap.take(2, now));
        assert!(cap.take(0, now));
        assert!(!cap.take(2, now + HOUR / 2));
        assert!(cap.take(2, now + HOUR));
    }
}
