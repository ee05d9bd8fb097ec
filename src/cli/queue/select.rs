//! Which messages a command means.

use crate::cli::words::words;
use crate::cli::{Done, Worst};
use crate::spool::{Entry, Head, Place, Spool};

/// Does `act` for each message named, reports each failure, and gives the
/// worst of them.
pub fn each(
    tool: &'static str,
    spool: &Spool,
    args: &[String],
    mut act: impl FnMut(&Entry) -> Done,
) -> Done {
    let mut worst = Worst::new(tool);
    for word in words(args) {
        let word = word?;
        let done = match spool.find(&word) {
            Ok(entry) => act(&entry),
            Err(error) => Err(error.into()),
        };
        worst.take(&word, done)?;
    }
    worst.end()
}

/// A place as the lists call it.
pub fn state_name(place: Place) -> &'static str {
    match place {
        Place::New => "new",
        Place::Deferred => "deferred",
        Place::Held => "held",
        Place::Failed => "failed",
    }
}

/// Filters by parts of addresses, without case.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only messages whose sender holds this text
    #[arg(long, value_name = "TEXT")]
    pub sender: Option<String>,
    /// Only messages with a recipient that holds this text
    #[arg(long, value_name = "TEXT")]
    pub recipient: Option<String>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.sender.is_none() && self.recipient.is_none()
    }

    pub fn takes(&self, head: &Head) -> bool {
        let has = |address: String, part: &Option<String>| {
            part.as_ref()
                .is_none_or(|p| address.to_lowercase().contains(&p.to_lowercase()))
        };
        has(head.envelope.sender.to_string(), &self.sender)
            && (self.recipient.is_none()
                || head
                    .envelope
                    .recipients
                    .iter()
                    .any(|r| has(r.address.to_string(), &self.recipient)))
    }
}
