//! What goes to stdout: for people on a terminal a table, for programs one
//! record a line, tab-separated or as JSON. What strangers wrote reaches
//! neither a terminal nor a line-reading program raw (I8).

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::Serialize;

use super::{Done, Stop};
use crate::class::Class;

/// One kind of line. Its fields, as serde prints them, are the JSON keys.
pub trait Record: Serialize {
    /// Schema version, the key `v` of the JSON form; grows when a key changes
    /// its meaning or goes away.
    const VERSION: u32;
    /// Heading and least width of each column, on a terminal only.
    const COLUMNS: &'static [(&'static str, usize)];
    /// The values, one for each column, unescaped.
    fn row(&self) -> Vec<String>;
}

#[derive(Serialize)]
struct Versioned<'a, R> {
    v: u32,
    #[serde(flatten)]
    record: &'a R,
}

/// Standard output, buffered. Call [`Out::flush`] at the end: an error there
/// (a full disk) must be told.
pub struct Out {
    to: BufWriter<StdoutLock<'static>>,
    json: bool,
    terminal: bool,
    headed: bool,
}

impl Out {
    pub fn stdout(json: bool) -> Out {
        let to = io::stdout().lock();
        let terminal = to.is_terminal();
        Out {
            to: BufWriter::new(to),
            json,
            terminal,
            headed: false,
        }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One record: JSON with `--json`, a table row on a terminal, else
    /// tab-separated values without a heading.
    pub fn record<R: Record>(&mut self, record: &R) -> Done {
        if self.json {
            return self.json(R::VERSION, record);
        }
        self.row(R::COLUMNS, &record.row())
    }

    /// Values under headings of the caller's choice, with their least widths: a
    /// table row on a terminal, else tab-separated.
    pub fn row(&mut self, headings: &[(&str, usize)], row: &[String]) -> Done {
        if self.terminal && !self.headed {
            self.headed = true;
            let names: Vec<String> = headings.iter().map(|c| c.0.to_owned()).collect();
            self.raw(columns(headings, &names).as_bytes())?;
        }
        let line = if self.terminal {
            columns(headings, row)
        } else {
            tabs(row)
        };
        self.raw(line.as_bytes())
    }

    /// One JSON object with its schema version, for what is no table row.
    pub fn json<T: Serialize>(&mut self, version: u32, value: &T) -> Done {
        let line = json_line(version, value)
            .map_err(|e| Stop::new(Class::Software, format!("cannot write JSON: {e}")))?;
        self.raw(line.as_bytes())
    }

    /// One line of text, escaped.
    pub fn line(&mut self, text: &str) -> Done {
        self.raw(format!("{}\n", escape(text)).as_bytes())
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Done {
        self.to.write_all(bytes).map_err(lost)
    }

    pub fn flush(&mut self) -> Done {
        self.to.flush().map_err(lost)
    }
}

/// What an error of standard output means.
fn lost(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::Quiet,
        io::ErrorKind::StorageFull => {
            Stop::new(Class::Temporary, format!("standard output: {error}"))
        }
        _ => Stop::new(Class::Io, format!("standard output: {error}")),
    }
}

fn json_line<T: Serialize>(v: u32, record: &T) -> serde_json::Result<String> {
    let mut line = String::new();
    for c in serde_json::to_string(&Versioned { v, record })?.chars() {
        // serde_json escapes C0 itself, so what is left stands inside strings.
        if is_harmful(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    Ok(line)
}

fn tabs(row: &[String]) -> String {
    let mut line = row.iter().map(|v| escape(v)).collect::<Vec<_>>().join("\t");
    line.push('\n');
    line
}

fn columns(widths: &[(&str, usize)], row: &[String]) -> String {
    let mut line = String::new();
    for (i, value) in row.iter().enumerate() {
        let width = widths.get(i).map_or(0, |c| c.1);
        let value = escape(value);
        if i + 1 == row.len() {
            line.push_str(&value);
        } else {
            line.push_str(&format!("{value:<width$}  "));
        }
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// Text with everything that could move a cursor, break a line or a column, or
/// turn the writing direction shown as `\n`, `\t`, `\x1b` or `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_harmful(c) && (c as u32) < 0x100 => {
                safe.push_str(&format!("\\x{:02x}", c as u32));
            }
            c if is_harmful(c) => safe.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// C0, DEL, C1, line and paragraph separators, marks and overrides of
/// direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Item {
        id: &'static str,
        subject: &'static str,
    }

    impl Record for Item {
        const VERSION: u32 = 1;
        const COLUMNS: &'static [(&'static str, usize)] = &[("ID", 6), ("SUBJECT", 10)];
        fn row(&self) -> Vec<String> {
            vec![self.id.into(), self.subject.into()]
        }
    }

    // I8: ESC, BEL, C1, bidi override, and what would break a record.
    const EVIL: &str = "\x1b]0;x\x07\u{9b}2J\u{202e}a\tb\nc\\é";

    #[test]
    fn i8_text_is_escaped() {
        assert_eq!(escape(EVIL), r"\x1b]0;x\x07\x9b2J\u{202e}a\tb\nc\é");
        assert!(matches!(escape("Grüße"), Cow::Borrowed("Grüße")));
    }

    #[test]
    fn i8_json_is_escaped_and_means_the_same() {
        let item = Item {
            id: "0",
            subject: EVIL,
        };
        let line = json_line(Item::VERSION, &item).unwrap();
        assert_eq!(line.chars().filter(|c| is_harmful(*c)).count(), 1);
        assert!(line.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["subject"], EVIL);
        assert_eq!(value["v"], 1);
    }

    #[test]
    fn rows_for_programs_and_for_people() {
        let row = ["0A".to_owned(), "a\tb".to_owned()];
        assert_eq!(tabs(&row), "0A\ta\\tb\n");
        assert_eq!(columns(Item::COLUMNS, &row), "0A      a\\tb\n");
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        assert_eq!(lost(io::ErrorKind::BrokenPipe.into()), Stop::Quiet);
        assert!(matches!(
            lost(io::ErrorKind::StorageFull.into()),
            Stop::Failed(Class::Temporary, _)
        ));
    }
}
