//! Reports about recipients that no message can go to (`-oem`, `-oew`, `-oee`).

use std::io::{Cursor, Write};

use jiff::Timestamp;

use super::super::Stop;
use super::Caller;
use crate::config::Config;
use crate::message::bounce::{self, Action, Block, Notice, Template};
use crate::smtp::addr::{AddrError, Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams, Ret};
use crate::spool::{Envelope, Id, Origin, Recipient, Spool, SpoolError};

/// Queues a bounce to `to` with the header of what was to be sent. Nothing
/// comes of it where `to` is the null reverse-path.
pub fn return_to_sender(
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    to: &ReversePath,
    bad: &[(String, AddrError)],
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
        blocks: bad.iter().map(|b| block(b, now)).collect(),
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

fn block((text, error): &(String, AddrError), now: Timestamp) -> Block {
    Block {
        final_recipient: text.clone(),
        original: None,
        action: Action::Failed,
        // Bad destination mailbox address syntax.
        status: "5.1.3".to_owned(),
        diagnostic: None,
        remote_mta: None,
        text: error.to_string(),
        last_attempt: Some(now),
        retry_until: None,
    }
}
