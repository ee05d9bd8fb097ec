//! `smtp-queue deliver`: one message from standard input, in the spool's
//! envelope form, delivered while the caller waits (`smtp-send --now`).

use std::io::Read;

use serde::Serialize;

use super::Context;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::{Done, Stop};
use crate::deliver;
use crate::spool::{self, Attempt, Outcome};

#[derive(clap::Args)]
pub struct Options {
    /// One JSON object a recipient
    #[arg(long)]
    json: bool,
}

/// What became of one recipient.
#[derive(Serialize)]
struct Line {
    recipient: String,
    /// `delivered`, `deferred`, `failed` or `unknown`.
    result: &'static str,
    status: String,
    host: Option<String>,
    tls: Option<String>,
    milliseconds: u64,
    text: String,
}

impl Record for Line {
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
            self.result.into(),
            self.status.clone(),
            or_dash(&self.host),
            or_dash(&self.tls),
            self.milliseconds.to_string(),
            self.text.clone(),
        ]
    }
}
