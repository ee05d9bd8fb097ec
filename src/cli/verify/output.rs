//! What was found, as lines, CSV or JSON, or the records themselves as a filter.

use serde::Serialize;
use serde_json::{Map, Value};

use super::input::{Record, Row};
use crate::check::verify::{Finding, Verdict};
use crate::class::Class;
use crate::cli::output::{self, Out};
use crate::cli::{Done, Stop};

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Lines,
    Csv,
    Json,
    /// Records as they came, of the verdicts wished for.
    Records,
}

/// Columns that CSV gets behind its own.
const COLUMNS: [&str; 12] = [
    "verdict",
    "reason",
    "level",
    "host",
    "status",
    "reply",
    "again",
    "catch_all",
    "role",
    "disposable",
    "free",
    "suggestion",
];

#[derive(Serialize)]
struct Line<'a> {
    line: u64,
    /// The address as it came.
    input: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl output::Record for Line<'_> {
    const VERSION: u32 = 1;
    const COLUMNS: &'static [(&'static str, usize)] = &[
        ("ADDRESS", 32),
        ("VERDICT", 13),
        ("REASON", 13),
        ("HOST", 24),
        ("EVIDENCE", 0),
    ];

    fn row(&self) -> Vec<String> {
        let or_dash = |s: &str| match s.is_empty() {
            true => "-".to_owned(),
            false => s.to_owned(),
        };
        let finding = self.finding;
        vec![
            self.input.to_owned(),
            finding.verdict.name().to_owned(),
            or_dash(&finding.reason),
            or_dash(finding.host.as_deref().unwrap_or_default()),
            evidence(finding),
        ]
    }
}

/// The host's words or ours, and what a reader should know besides.
fn evidence(finding: &Finding) -> String {
    let mut parts = vec![match &finding.reply {
        Some(reply) => reply.clone(),
        None => finding.words.clone(),
    }];
    if let Some(at) = finding.again {
        parts.push(format!("ask again at {at:.0}"));
    }
    if let Some(meant) = &finding.suggestion {
        parts.push(format!("perhaps {meant}"));
    }
    parts.extend(finding.warnings.iter().cloned());
    if !finding.members.is_empty() {
        parts.push(format!("members {}", finding.members.join(", ")));
    }
    parts.join("; ")
}

pub struct Printer {
    out: Out,
    form: Form,
    delimiter: u8,
    only: Vec<Verdict>,
}

impl Printer {
    pub fn new(form: Form, delimiter: char, only: Vec<Verdict>) -> Printer {
        Printer {
            out: Out::stdout(form == Form::Json),
            form,
            delimiter: u8::try_from(delimiter).unwrap_or(b','),
            only,
        }
    }

    /// The header of CSV, with our columns.
    pub fn head(&mut self, header: Option<&csv::StringRecord>) -> Done {
        match (self.form, header) {
            (Form::Csv, Some(header)) => {
                let mut header = header.clone();
                COLUMNS.iter().for_each(|name| header.push_field(name));
                self.csv(&header)
            }
            (Form::Records, Some(header)) => self.csv(header),
            (Form::Csv, None) if self.only.is_empty() => Ok(()),
            _ => Ok(()),
        }
    }

    pub fn print(&mut self, row: &Row, finding: &Finding) -> Done {
        if !self.only.is_empty() && !self.only.contains(&finding.verdict) {
            return Ok(());
        }
        let Ok(address) = &row.address else {
            return Ok(());
        };
        match (self.form, &row.record) {
            (Form::Records, Record::Line) => self.out.line(address),
            (Form::Records, Record::Csv(record)) => self.csv(record),
            (Form::Records, Record::Json(object)) => self.plain_json(object),
            (Form::Json, Record::Json(object)) => self.merged_json(object, finding),
            (Form::Csv, record) => {
                let mut fields = match record {
                    Record::Csv(record) => record.clone(),
                    _ => csv::StringRecord::from(vec![address.as_str()]),
                };
                cells(finding)
                    .iter()
                    .for_each(|cell| fields.push_field(cell));
                self.csv(&fields)
            }
            (Form::Lines | Form::Json, _) => self.out.record(&Line {
                line: row.number,
                input: address,
                finding,
            }),
        }
    }

    pub fn flush(&mut self) -> Done {
        self.out.flush()
    }

    fn csv(&mut self, record: &csv::StringRecord) -> Done {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter)
            .flexible(true)
            .from_writer(Vec::new());
        let failed = |e: String| Stop::new(Class::Software, format!("cannot write CSV: {e}"));
        writer
            .write_record(record)
            .map_err(|e| failed(e.to_string()))?;
        let octets = writer.into_inner().map_err(|e| failed(e.to_string()))?;
        self.out.raw(&octets)
    }

    fn plain_json(&mut self, object: &Map<String, Value>) -> Done {
        let text = serde_json::to_string(object)
            .map_err(|e| Stop::new(Class::Software, format!("cannot write JSON: {e}")))?;
        self.out.line(&text)
    }

    /// The object with the finding under the key `verify`.
    fn merged_json(&mut self, object: &Map<String, Value>, finding: &Finding) -> Done {
        let found = serde_json::to_value(finding)
            .map_err(|e| Stop::new(Class::Software, format!("cannot write JSON: {e}")))?;
        let mut object = object.clone();
        object.insert("verify".to_owned(), found);
        object.remove("v");
        self.out.json(1, &object)
    }
}

fn cells(finding: &Finding) -> [String; 12] {
    let flag = |set: bool| if set { "yes" } else { "no" }.to_owned();
    [
        finding.verdict.name().to_owned(),
        finding.reason.clone(),
        finding.level.name().to_owned(),
        finding.host.clone().unwrap_or_default(),
        finding.status.clone().unwrap_or_default(),
        finding.reply.clone().unwrap_or_default(),
        finding.again.map_or(String::new(), |at| format!("{at:.0}")),
        finding.catch_all.map_or(String::new(), flag),
        flag(finding.role),
        flag(finding.disposable),
        flag(finding.free),
        finding.suggestion.clone().unwrap_or_default(),
    ]
}
