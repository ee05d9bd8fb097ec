//! Reports about recipients that get nothing (`-oem`, `-oew`, `-oee`).

use std::io::{Cursor, Write};

use jiff::Timestamp;

use super::super::Stop;
use super::Caller;
use crate::class::Class;
use crate::config::Config;
use crate::message::bounce::{self, Action, Block, Notice, Template};
use crate::smtp::addr::{AddrError, Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams, Ret};
use crate::spool::{Envelope, Id, Origin, Recipient, Spool, SpoolError};

/// A recipient that gets nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub recipient: String,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    pub text: String,
}

impl Failed {
    /// What was given is no address.
    pub fn unreadable((recipient, error): &(String, AddrError)) -> Failed {
        Failed {
            recipient: recipient.clone(),
            // Bad destination mailbox address syntax.
            status: "5.1.3".to_owned(),
            text: error.to_string(),
        }
    }

    /// The message as a whole could not be taken.
    pub fn with_all(recipient: &Mailbox, class: Class, text: &str) -> Failed {
        let (_, (kind, subject, detail)) = class.reply();
        Failed {
            recipient: recipient.to_string(),
            status: format!("{kind}.{subject}.{detail}"),
            text: text.to_owned(),
        }
    }
}

/// Queues a bounce to `to` with the header of what was to be sent. Nothing
/// comes of it where `to` is the null reverse-path.
pub fn return_to_sender(
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    to: &ReversePath,
    failed: &[Failed],
    header: &[u8],
) -> Result<Option<Id>, Stop> {
    let Some(to) = to.mailbox() else {
        return Ok(None);
    };
    let now = Timestamp::now();
    let mut draft = spool.draft(&envelope(to, caller, now))?;
    let unique = draft.id().to_string();
    let notice = Notice {
        hostname: &config.hostname,
        origin: &config.origin,
        to: to.to_string(),
        unique: &unique,
        now,
        arrival: now,
        envid: None,
        ret: Some(Ret::Headers),
        blocks: failed.iter().map(|f| block(f, now)).collect(),
        original_size: header.len() as u64,
        return_limit: 0,
        eight_bit: !header.is_ascii(),
        of: &unique,
        template: &Template::load(config.notices.template.as_deref()).0,
        is_double: false,
        is_global: false,
    };
    let mut original = Cursor::new(header);
    crate::sys::random()
        .and_then(|random| bounce::write(&notice, random, &mut original, &mut draft))
        .and_then(|()| draft.flush())
        .map_err(|error| SpoolError::Io {
            what: "write the report".to_owned(),
            error,
        })?;
    Ok(Some(draft.commit()?))
}

fn envelope(to: &Mailbox, caller: &Caller, now: Timestamp) -> Envelope {
    Envelope {
        sender: ReversePath::Null,
        params: MailParams {
            smtputf8: to.needs_utf8(),
            ..MailParams::default()
        },
        recipients: vec![Recipient {
            address: to.clone(),
            params: RcptParams::default(),
        }],
        origin: Origin {
            time: now,
            kind: "bounce".to_owned(),
            words: vec![("uid".to_owned(), caller.uid.to_string())],
        },
    }
}

fn block(failed: &Failed, now: Timestamp) -> Block {
    Block {
        final_recipient: failed.recipient.clone(),
        original: None,
        action: Action::Failed,
        status: failed.status.clone(),
        diagnostic: None,
        remote_mta: None,
        text: failed.text.clone(),
        last_attempt: Some(now),
        retry_until: None,
    }
}
