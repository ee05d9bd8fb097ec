//! The words of notices: the built-in ones, or those of a file that the
//! administrator wrote.
//!
//! A file has sections, `[failed]` and so on, each with a `Subject:` line, an
//! empty line and text; `[end]`, which closes every notice, has text alone.
//! `{name}` stands for a value, `{{` and `}}` for a brace. What is put in is
//! never read as a template.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The built-in words, in the form of such a file.
const BUILT_IN: &str = include_str!("../../../share/notices.txt");

/// Octets of a template, at most.
pub const MAX_TEMPLATE: usize = 64 << 10;

/// What may stand in braces.
pub const PLACEHOLDERS: [&str; 6] = ["recipients", "sender", "arrival", "until", "host", "id"];

/// What a notice, or a part of it, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
    /// To the postmaster, about mail without a sender.
    Double,
    End,
}

const SECTIONS: [(&str, Section); 7] = [
    ("failed", Section::Failed),
    ("delayed", Section::Delayed),
    ("delivered", Section::Delivered),
    ("relayed", Section::Relayed),
    ("expanded", Section::Expanded),
    ("double", Section::Double),
    ("end", Section::End),
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Words {
    subject: String,
    text: String,
}

/// Subject and text of each kind of notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: [Words; SECTIONS.len()],
}

impl Default for Template {
    fn default() -> Template {
        let mut template = Template {
            words: Default::default(),
        };
        // A test reads it; were it wrong, notices would lack words, not fail.
        let _ = template.read(BUILT_IN);
        template
    }
}

impl Template {
    /// The words of this file; the built-in ones where there is none, or where it
    /// does not read right: a notice goes out whatever became of the file. With
    /// them, what is wrong.
    pub fn load(path: Option<&Path>) -> (Template, Option<String>) {
        let Some(path) = path else {
            return (Template::default(), None);
        };
        let text = File::open(path).and_then(|file| {
            let mut text = String::new();
            let limit = MAX_TEMPLATE as u64 + 1;
            file.take(limit).read_to_string(&mut text).map(|_| text)
        });
        let parsed = text
            .map_err(|e| e.to_string())
            .and_then(|text| Template::parse(&text));
        match parsed {
            Ok(template) => (template, None),
            Err(why) => {
                let why = format!("{}: {why}; the built-in words are used", path.display());
                (Template::default(), Some(why))
            }
        }
    }

    /// A file's sections in the place of the built-in ones. The error names the
    /// line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.len() > MAX_TEMPLATE {
            return Err(format!("it is larger than {MAX_TEMPLATE} octets"));
        }
        let mut template = Template::default();
        template.read(text)?;
        Ok(template)
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut section: Option<(Section, Words, bool)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: &str| format!("line {number}: {what}");
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                let known = SECTIONS.iter().find(|s| s.0 == name);
                let known = known.ok_or_else(|| wrong("there is no section of that name"))?;
                self.put(section.take());
                // The closing words have no subject.
                section = Some((known.1, Words::default(), known.1 == Section::End));
                continue;
            }
            let Some((_, words, has_subject)) = &mut section else {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                return Err(wrong("text before the first section, like [failed]"));
            };
            check(line).map_err(|what| wrong(&what))?;
            if !*has_subject {
                let subject = line.strip_prefix("Subject:").map(str::trim);
                let subject = subject.filter(|s| !s.is_empty());
                let missing = || wrong("a section begins with a line \"Subject: ...\"");
                words.subject = subject.ok_or_else(missing)?.to_owned();
                *has_subject = true;
                continue;
            }
            words.text.push_str(line);
            words.text.push('\n');
        }
        self.put(section);
        Ok(())
    }

    fn put(&mut self, section: Option<(Section, Words, bool)>) {
        if let Some((section, mut words, _)) = section {
            words.text = words.text.trim_matches('\n').to_owned();
            self.words[section as usize] = words;
        }
    }

    pub(super) fn subject(&self, section: Section, values: &Values<'_>) -> String {
        fill(&self.words[section as usize].subject, values)
    }

    pub(super) fn text(&self, section: Section, values: &Values<'_>) -> String {
        fill(&self.words[section as usize].text, values)
    }
}

/// Values of the placeholders, in the order of [`PLACEHOLDERS`].
pub(super) type Values<'a> = [&'a str; PLACEHOLDERS.len()];

/// A piece of a line.
enum Piece<'a> {
    Text(&'a str),
    Value(usize),
}

/// Cuts a text into pieces; the error says which brace is wrong.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Text(&from[..1]));
            rest = &from[2..];
            continue;
        }
        let name = from.strip_prefix('{').and_then(|f| f.split_once('}'));
        let (name, after) = name.ok_or("a brace without its other one; write {{ or }}")?;
        let known = PLACEHOLDERS.iter().position(|p| *p == name);
        pieces.push(Piece::Value(known.ok_or_else(|| {
            format!("no such placeholder; there are {}", PLACEHOLDERS.join(", "))
        })?));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn check(line: &str) -> Result<(), String> {
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err("a control character".to_owned());
    }
    pieces(line).map(drop)
}

fn fill(text: &str, values: &Values<'_>) -> String {
    let mut filled = String::new();
    // Checked line by line when it was read.
    for piece in pieces(text).unwrap_or_default() {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Value(n) => filled.push_str(values[n].trim_end()),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> = ["<b@x>", "<a@x>", "today", "tomorrow", "h", "0A"];

    #[test]
    fn the_built_in_words_read_right() {
        let mut template = Template {
            words: Default::default(),
        };
        template.read(BUILT_IN).unwrap();
        for (name, section) in SECTIONS {
            assert!(!template.words[section as usize].text.is_empty(), "{name}");
        }
        assert_eq!(Template::parse(BUILT_IN).unwrap(), Template::default());
        assert_eq!(Template::parse("").unwrap(), Template::default());
    }

    #[test]
    fn a_section_replaces_the_built_in_one_and_leaves_the_others() {
        let text = "# ours\n[failed]\nSubject: Kaputt {id}\n\nNicht {{da}}: {recipients} {until}\n";
        let template = Template::parse(text).unwrap();
        assert_eq!(template.subject(Section::Failed, &VALUES), "Kaputt 0A");
        assert_eq!(
            template.text(Section::Failed, &VALUES),
            "Nicht {da}: <b@x> tomorrow"
        );
        let built_in = Template::default();
        assert_eq!(
            template.text(Section::Delayed, &VALUES),
            built_in.text(Section::Delayed, &VALUES)
        );
    }

    #[test]
    fn values_are_no_templates() {
        let template = Template::parse("[failed]\nSubject: {id}\n{recipients}\n").unwrap();
        let mut values = VALUES;
        values[0] = "{sender} {";
        assert_eq!(template.text(Section::Failed, &values), "{sender} {");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, what) in [
            ("hello", "line 1: text before"),
            ("[faild]\n", "line 1: there is no section"),
            ("[failed]\nhello\n", "line 2: a section begins"),
            ("[failed]\nSubject: \n", "line 2: a section begins"),
            (
                "[failed]\nSubject: x\n{recipient}",
                "line 3: no such placeholder; there are recipients",
            ),
            ("[failed]\nSubject: x\na } b", "line 3: a brace"),
            ("[failed]\nSubject: x\n{", "line 3: a brace"),
            ("[end]\nx\u{1b}[2J\n", "line 2: a control character"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.starts_with(what), "{text:?}: {error}");
        }
        assert!(Template::parse(&"#\n".repeat(MAX_TEMPLATE)).is_err());
    }
}
