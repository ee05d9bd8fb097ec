//! What became of one recipient while somebody waited: the lines of
//! `smtp-send --now` and `smtp-queue deliver`.

use serde::{Deserialize, Serialize};

use super::output::Record;
use crate::class::Class;
use crate::spool::{Attempt, Outcome};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Told {
    /// After aliases.
    pub recipient: String,
    /// As the envelope has it.
    pub original: String,
    pub result: Fate,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    pub host: Option<String>,
    /// With the port.
    pub address: Option<String>,
    /// Protocol and cipher; none in clear.
    pub tls: Option<String>,
    pub milliseconds: u64,
    /// The text is the host's reply, not ours.
    pub remote: bool,
    pub text: String,
    /// Of the message in the spool, where it is queued.
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Accepted,
    /// May work later.
    Deferred,
    Refused,
    /// The last answer was lost: maybe accepted.
    Unknown,
    /// Deferred, and in the spool now.
    Queued,
    /// All went well as far as it was to go (`--until`).
    Stopped,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Deferred => "deferred",
            Fate::Refused => "refused",
            Fate::Unknown => "unknown",
            Fate::Queued => "queued",
            Fate::Stopped => "stopped",
        }
    }
}

impl Told {
    /// `is_test`: what is accepted was not sent.
    pub fn of(original: String, recipient: String, attempt: Attempt, is_test: bool) -> Told {
        Told {
            recipient,
            original,
            result: match attempt.result {
                Outcome::Delivered if is_test => Fate::Stopped,
                Outcome::Delivered => Fate::Accepted,
                Outcome::Deferred => Fate::Deferred,
                Outcome::Failed => Fate::Refused,
                Outcome::Unknown => Fate::Unknown,
            },
            status: attempt.status,
            host: attempt.host,
            address: attempt.address,
            tls: attempt.tls,
            milliseconds: attempt.ms,
            remote: attempt.remote,
            text: attempt.text,
            id: None,
        }
    }

    /// What it makes of the exit status.
    pub fn class(&self) -> Option<Class> {
        match self.result {
            Fate::Accepted | Fate::Queued | Fate::Stopped => None,
            Fate::Deferred | Fate::Unknown => Some(Class::Temporary),
            Fate::Refused => Some(Class::of_refusal(&self.status)),
        }
    }

    /// It may be tried again.
    pub fn is_deferred(&self) -> bool {
        matches!(self.result, Fate::Deferred | Fate::Unknown)
    }
}

impl Record for Told {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("RECIPIENT", 24),
        ("RESULT", 9),
        ("STATUS", 6),
        ("HOST", 24),
        ("TLS", 8),
        ("MS", 6),
        ("TEXT", 0),
    ];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".into());
        vec![
            self.recipient.clone(),
            self.result.name().into(),
            self.status.clone(),
            or_dash(&self.host),
            or_dash(&self.tls),
            self.milliseconds.to_string(),
            self.text.clone(),
        ]
    }
}
