//! `smtp-queue check`: a doctor for the spool.

use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::act::by;
use crate::class::Class;
use crate::cli::output::{Out, Record};
use crate::cli::progress::Progress;
use crate::cli::{Done, Stop, Worst};
use crate::log;
use crate::spool::{Finding, Spool};

#[derive(clap::Args)]
pub struct Options {
    /// Put right what can be
    #[arg(long)]
    repair: bool,
    /// Read whole messages and compare their checksums
    #[arg(long)]
    deep: bool,
    /// One JSON object a finding
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    path: String,
    what: String,
    /// What was done, or what `--repair` would do; `-`: a person has to look.
    repair: String,
}

impl Record for Line {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[("PATH", 36), ("WHAT", 40), ("REPAIR", 0)];

    fn row(&self) -> Vec<String> {
        vec![self.path.clone(), self.what.clone(), self.repair.clone()]
    }
}

pub fn check(context: &Context, options: &Options) -> Done {
    let spool = context.spool()?;
    let mut out = Out::stdout(options.json);
    let done = context.as_owner(&spool, || {
        let mut findings = Vec::new();
        spool.check(Timestamp::now(), &mut |finding| findings.push(finding))?;
        let mut worst = Worst::new(context.tool);
        for finding in &findings {
            worst.take(&finding.path, one(&spool, finding, options, &mut out))?;
        }
        let entries = spool.list()?;
        let progress = Progress::new(context.no_progress, "checking", entries.len() as u64);
        for entry in &entries {
            if let Some(finding) = spool.check_message(entry, options.deep) {
                worst.take(&finding.path, one(&spool, &finding, options, &mut out))?;
            }
            progress.step();
        }
        worst.end()
    });
    out.flush()?;
    done
}

/// What is left wrong makes 65.
fn one(spool: &Spool, finding: &Finding, options: &Options, out: &mut Out) -> Done {
    let mut done = Err(Stop::Status(Class::Data));
    let repair = match &finding.repair {
        None => "-".to_owned(),
        Some(repair) if !options.repair => format!("--repair would {}", repair.words()),
        Some(_) => match spool.repair(finding) {
            Ok(()) => {
                log::repaired(&finding.path, &finding.what, by());
                done = Ok(());
                "repaired".to_owned()
            }
            Err(error) => {
                done = Err(error.into());
                "failed".to_owned()
            }
        },
    };
    out.record(&Line {
        path: finding.path.clone(),
        what: finding.what.clone(),
        repair,
    })?;
    done
}
