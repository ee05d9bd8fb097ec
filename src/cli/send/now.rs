//! `--now`: another program delivers, one that links TLS, DNS and a runtime.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};

use super::super::dialogue::Dialogue;
use super::super::drain::Runner;
use super::super::output::Out;
use super::super::submit;
use super::super::told::{Fate, Told};
use super::super::{Done, Stop};
use super::NAME;
use crate::class::Class;
use crate::config::Config;
use crate::log;
use crate::smtp::addr::Mailbox;
use crate::spool::{Envelope, Id, Origin, Piped, Recipient, Spool, SpoolError, read_head};

/// Becomes `smtp-queue deliver`; comes back only where that fails.
pub fn become_deliverer(runner: &Runner, dialogue: &Dialogue, message: File) -> Stop {
    let words = words(dialogue, &[]);
    runner.exec(&as_words(&words), Some(message.into()))
}

fn words(dialogue: &Dialogue, more: &[&str]) -> Vec<OsString> {
    let verb = std::iter::once(OsString::from("deliver"));
    let more = more.iter().map(OsString::from);
    verb.chain(dialogue.words()).chain(more).collect()
}

fn as_words(words: &[OsString]) -> Vec<&OsStr> {
    words.iter().map(OsString::as_os_str).collect()
}

/// Delivers, and puts into the spool what was deferred. The exit status is that
/// of what neither was accepted nor is queued.
pub fn or_queue(config: &Config, runner: &Runner, dialogue: &Dialogue, message: File) -> Done {
    let failed = |e: io::Error| Stop::new(Class::Io, format!("the temporary file: {e}"));
    let words = words(&dialogue.as_json(), &["--leave-deferred"]);
    let input = message.try_clone().map_err(failed)?;
    let (printed, code) = runner.ask(&as_words(&words), input.into())?;
    let mut told = read_results(&printed);
    let again = Again {
        config,
        runner,
        message,
    };
    let queued = again.queue(&told);
    let mut out = Out::stdout(dialogue.is_json());
    for one in told.iter_mut().filter(|one| one.is_deferred()) {
        if let Ok(Some(id)) = &queued {
            one.result = Fate::Queued;
            one.id = Some(id.to_string());
        }
    }
    for one in &told {
        out.record(one)?;
    }
    out.flush()?;
    match (queued, code) {
        (Err(stop), _) => Err(stop.about("not queued")),
        (Ok(_), Some(0)) => Ok(()),
        // Nothing was tried, and all of it is queued.
        (Ok(Some(_)), _) if told.is_empty() => Ok(()),
        (Ok(_), Some(code)) => Err(Stop::Code(code)),
        (Ok(_), None) => Err(Stop::new(Class::Temporary, "the delivery was interrupted")),
    }
}

/// What does not read is no result: those recipients are queued.
fn read_results(printed: &[u8]) -> Vec<Told> {
    let lines = printed.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

struct Again<'a> {
    config: &'a Config,
    runner: &'a Runner,
    message: File,
}

impl Again<'_> {
    /// `None`: nothing was left to queue.
    fn queue(mut self, told: &[Told]) -> Result<Option<Id>, Stop> {
        let rewound = self.message.rewind();
        rewound.map_err(|e| Stop::new(Class::Io, format!("the temporary file: {e}")))?;
        let mut content = BufReader::new(&self.message);
        let piped = read_head(&mut content)?;
        let Some(envelope) = left(&piped, told) else {
            return Ok(None);
        };
        log::open_quiet(self.config.log, NAME);
        let spool = submit::open_spool(self.config)?;
        let mut id = None;
        let wake = |_| {
            self.runner.wake(&spool);
        };
        submit::with_owner(&spool, &wake, |tell| {
            let done = commit(&spool, piped.id, &envelope, &mut content)?;
            tell.committed(Some(done));
            id = Some(done);
            Ok(())
        })?;
        Ok(id)
    }
}

/// The envelope for those without a final result. Aliases were followed for
/// those that have one; a file or a program of an alias is left where it is, for
/// only the deliverer may write there.
fn left(piped: &Piped, told: &[Told]) -> Option<Envelope> {
    let mut envelope = piped.envelope.clone();
    if told.is_empty() {
        return Some(envelope);
    }
    let recipients = std::mem::take(&mut envelope.recipients);
    let params = |one: &Told| {
        let same = |r: &&Recipient| r.address.to_string() == one.original;
        recipients.iter().find(same).map(|r| r.params.clone())
    };
    let deferred = told.iter().filter(|one| one.is_deferred());
    let again = deferred.filter_map(|one| {
        Some(Recipient {
            address: Mailbox::parse(&one.recipient).ok()?,
            params: params(one).unwrap_or_default(),
        })
    });
    envelope.recipients = again.collect();
    let (key, value) = Origin::NO_ALIASES;
    envelope
        .origin
        .words
        .push((key.to_owned(), value.to_owned()));
    (!envelope.recipients.is_empty()).then_some(envelope)
}

fn commit(spool: &Spool, id: Id, envelope: &Envelope, content: &mut dyn Read) -> Result<Id, Stop> {
    let mut draft = spool.draft_as(id, envelope)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = content
            .read(&mut piece)
            .map_err(|e| SpoolError::io("read the temporary file", e))?;
        if n == 0 {
            break;
        }
        let octets = piece.get(..n).unwrap_or_default();
        draft.write_all(octets).map_err(|e| draft.failed(e))?;
    }
    let size = draft.length();
    let id = draft.commit()?;
    let uid = rustix::process::getuid().as_raw();
    log::queued(&id, uid, &envelope.sender, envelope.recipients.len(), size);
    Ok(id)
}
