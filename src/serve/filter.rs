//! The content filter: a program that reads each message before it is taken, may
//! write another in its place, and says by its exit status what becomes of it.

use std::io::{self, Write};

use super::content;
use crate::config;
use crate::log;
use crate::message::input::LineEnds;
use crate::message::lf::LfReader;
use crate::program::Program;
use crate::smtp::reply::{Enhanced, Reply};
use crate::spool::{Draft, Envelope};

/// A filter and what it is told of one message.
#[derive(Clone, Debug)]
pub struct Filter {
    pub settings: config::Filter,
    /// Most octets that it may write.
    pub limit: u64,
    pub envelope: Envelope,
    pub client_address: String,
    pub client_helo: String,
}

impl Filter {
    /// Passes a whole draft through; what comes back is to be committed. Blocks
    /// for as long as the program may take.
    pub fn pass<'s>(&self, mut draft: Draft<'s>) -> Result<Draft<'s>, Reply> {
        let id = draft.id();
        let mut input = draft
            .content()
            .map_err(|e| content::refusal(&draft.failed(e)))?;
        let mut second = draft
            .second(&self.envelope)
            .map_err(|e| content::refusal(&e))?;
        let mut output = Output {
            lines: LineEnds::new(false),
            converted: Vec::new(),
            left: self.limit,
            draft: &mut second,
        };
        let program = self.program(&id.to_string());
        let ran = program
            .run(&mut LfReader::new(&mut input), &mut output)
            .and_then(|ran| output.finish().map(|wrote| (ran, wrote)));
        let (ran, wrote) = match ran {
            Ok(ran) => ran,
            // The program may not have been the reason.
            Err(error) if content::is_full(&error) && !is_limit(&error) => {
                return Err(content::refusal(&second.failed(error)));
            }
            Err(error) => {
                log::filtered(&id, &"failed", &error);
                return Err(later("4.3.0"));
            }
        };
        let status = ran.end.status();
        let words = ran.words.trim_end();
        if status.is_some() || !words.is_empty() {
            log::filtered(&id, &ran.end, &words);
        }
        match (status, wrote) {
            (None, true) => Ok(second),
            (None, false) => Ok(draft),
            (Some(status), _) if status.starts_with('5') => Err(refused(status)),
            (Some(status), _) => Err(later(status)),
        }
    }

    fn program(&self, id: &str) -> Program {
        let recipients = self.envelope.recipients.iter();
        let recipients: Vec<String> = recipients.map(|r| r.address.to_string()).collect();
        let sender = self.envelope.sender.mailbox();
        Program {
            argv: self.settings.command.clone(),
            env: vec![
                ("SENDER", sender.map_or(String::new(), ToString::to_string)),
                ("RECIPIENTS", recipients.join("\n")),
                ("CLIENT_ADDRESS", self.client_address.clone()),
                ("CLIENT_HELO", self.client_helo.clone()),
                ("QUEUE_ID", id.to_owned()),
            ],
            directory: "/".into(),
            time: self.settings.timeout,
            memory: Some(self.settings.memory),
        }
    }
}

/// Codes that RFC 5321 section 4.3.2 has for the end of data.
fn refused(status: &str) -> Reply {
    let code = match status {
        "5.1.1" | "5.1.2" | "5.7.1" => 550,
        _ => 554,
    };
    reply(code, status, "refused by the content filter")
}

fn later(status: &str) -> Reply {
    reply(
        451,
        status,
        "the content filter cannot tell now, try again later",
    )
}

fn reply(code: u16, status: &str, text: &str) -> Reply {
    let Enhanced(class, subject, detail) = status.parse().unwrap_or(Enhanced(4, 3, 0));
    Reply::new(code, (class, subject, detail), text)
}

/// More than the filter may write.
#[derive(Debug, thiserror::Error)]
#[error("it writes more than the largest message may have")]
struct TooMuch;

fn is_limit(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|e| e.is::<TooMuch>())
}

/// What a filter writes, on its way into a draft.
struct Output<'d, 's> {
    lines: LineEnds,
    converted: Vec<u8>,
    left: u64,
    draft: &'d mut Draft<'s>,
}

impl Output<'_, '_> {
    /// True where there was anything.
    fn finish(&mut self) -> io::Result<bool> {
        if self.draft.length() == 0 && self.converted.is_empty() {
            return Ok(false);
        }
        self.lines.finish(&mut self.converted);
        self.draft.write_all(&self.converted)?;
        Ok(true)
    }
}

impl Write for Output<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(buf.len() as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, TooMuch))?;
        self.lines.push(buf, &mut self.converted);
        self.draft.write_all(&self.converted)?;
        self.converted.clear();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
