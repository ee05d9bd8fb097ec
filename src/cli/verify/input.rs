//! What addresses come in: arguments, lines, a column of CSV, a key of JSON lines.
//! What else stands in a record is passed through.

use std::io::{self, Read};

use csv::StringRecord;
use serde_json::{Map, Value};

use super::Cli;
use crate::class::Class;
use crate::cli::Stop;
use crate::cli::lines::{Item, Lines, items};

/// Largest record of CSV, and line of JSON.
const LONGEST: usize = 1 << 20;

/// One record.
#[derive(Debug)]
pub struct Row {
    /// `line` or `argument`.
    pub what: &'static str,
    /// Number of its line or argument, from 1.
    pub number: u64,
    /// The address, or what is wrong with the record.
    pub address: Result<String, String>,
    pub record: Record,
}

/// A record as it came.
#[derive(Clone, Debug)]
pub enum Record {
    Line,
    Csv(StringRecord),
    Json(Map<String, Value>),
}

pub type Rows = Box<dyn Iterator<Item = Row> + Send>;

/// The records, and the header of CSV.
pub fn rows(cli: &Cli) -> Result<(Rows, Option<StringRecord>), Stop> {
    if let Some(column) = &cli.column {
        return csv_rows(column, cli.header, cli.delimiter);
    }
    if let Some(key) = &cli.key {
        let key = key.clone();
        let lines = Lines::longest(io::BufReader::new(io::stdin()), LONGEST as u64);
        return Ok((Box::new(lines.map(move |item| json_row(item, &key))), None));
    }
    let line = |item: Item| Row {
        what: item.what,
        number: item.number,
        address: item.text,
        record: Record::Line,
    };
    Ok((Box::new(items(cli.addresses.clone()).map(line)), None))
}

fn json_row(item: Item, key: &str) -> Row {
    let bad = |why: String| (Err(why), Record::Line);
    let (address, record) = match item.text.map(|text| serde_json::from_str(&text)) {
        Err(why) => bad(why),
        Ok(Err(error)) => bad(format!("no JSON object: {error}")),
        Ok(Ok(Value::Object(object))) => {
            let address = match object.get(key) {
                Some(Value::String(text)) => Ok(text.trim().to_owned()),
                Some(_) => Err(format!("the key {key} holds no text")),
                None => Err(format!("there is no key {key}")),
            };
            (address, Record::Json(object))
        }
        Ok(Ok(_)) => bad("no JSON object".to_owned()),
    };
    Row {
        what: "line",
        number: item.number,
        address,
        record,
    }
}

/// A column by its name, which a header must have, or by its number from 1.
fn csv_rows(
    column: &str,
    header: bool,
    delimiter: char,
) -> Result<(Rows, Option<StringRecord>), Stop> {
    let delimiter = u8::try_from(delimiter)
        .ok()
        .filter(|d| !matches!(d, b'"' | b'\n' | b'\r'))
        .ok_or_else(|| Stop::usage("--delimiter: expected one ASCII character"))?;
    let number: Option<usize> = column.parse().ok();
    let has_header = header || number.is_none();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(Bounded::new(io::stdin()));
    let mut first = StringRecord::new();
    let mut heading = None;
    if has_header && read(&mut reader, &mut first)? {
        heading = Some(first.clone());
    }
    let place = match (number, &heading) {
        (Some(0), _) => return Err(Stop::usage("--column: columns are counted from 1")),
        (Some(n), _) => n - 1,
        (None, Some(names)) => names
            .iter()
            .position(|name| name.trim() == column)
            .ok_or_else(|| Stop::usage(format!("--column: there is no column {column}")))?,
        (None, None) => 0,
    };
    let mut ended = false;
    let rows = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut record = StringRecord::new();
        let (address, record) = match reader.read_record(&mut record) {
            Ok(false) => return None,
            Ok(true) => match record.get(place) {
                Some(text) => (Ok(text.trim().to_owned()), Record::Csv(record)),
                None => (Err("the column is missing".to_owned()), Record::Csv(record)),
            },
            Err(error) => {
                ended = matches!(error.kind(), csv::ErrorKind::Io(_));
                (Err(error.to_string()), Record::Line)
            }
        };
        Some(Row {
            what: "line",
            number: reader.position().line().saturating_sub(1).max(1),
            address,
            record,
        })
    });
    Ok((Box::new(rows), heading))
}

fn read<R: Read>(reader: &mut csv::Reader<R>, into: &mut StringRecord) -> Result<bool, Stop> {
    reader
        .read_record(into)
        .map_err(|e| Stop::new(Class::Data, format!("line 1: {e}")))
}

/// Ends with an error where one line goes on and on: the reader would keep it.
struct Bounded<R> {
    inner: R,
    since_line: usize,
}

impl<R: Read> Bounded<R> {
    fn new(inner: R) -> Bounded<R> {
        Bounded {
            inner,
            since_line: 0,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let octets = buffer.get(..n).unwrap_or_default();
        self.since_line = match memchr::memrchr(b'\n', octets) {
            Some(at) => n - at,
            None => self.since_line.saturating_add(n),
        };
        match self.since_line > LONGEST {
            true => Err(io::Error::other(
                "a line of more than 1 MiB; the rest is not read",
            )),
            false => Ok(n),
        }
    }
}
