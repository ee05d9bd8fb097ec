//! The syntax of alias files, of included files and of `.forward`.

use std::collections::HashSet;

use super::{AliasError, Destination, Include, MAX_INCLUDE_DEPTH, MAX_TARGETS, Target};
use crate::smtp::addr::{Domain, Mailbox};

/// An included file counts as so many targets, so that one alias opens at most
/// a thousand files.
const INCLUDE_WEIGHT: usize = MAX_TARGETS / 1000;

/// Names in lower case with their targets, in order, and what is wrong.
pub(super) type Entries = Vec<(String, Vec<Target>)>;

/// Reads an alias file.
pub(super) fn file(
    name: &str,
    text: &str,
    origin: &str,
    include: &mut Include<'_>,
) -> (Entries, Vec<AliasError>) {
    let mut reader = Reader::new(name, origin, include);
    let mut entries = Entries::new();
    let mut names = HashSet::new();
    for (line, text) in logical_lines(text) {
        match entry(&text) {
            Err(what) => reader.fault(line, what),
            Ok((alias, _)) if !names.insert(alias.clone()) => {
                reader.fault(line, "this name has stood before; the first one counts");
            }
            Ok((alias, list)) => {
                reader.count = 0;
                let faults = reader.errors.len();
                let mut targets = Vec::new();
                reader.unreadable = false;
                reader.list(line, list, &mut targets);
                // An alias whose file cannot be read leads to nobody: its mail waits,
                // and does not go to a user who happens to have its name.
                if !targets.is_empty() || reader.unreadable {
                    entries.push((alias, targets));
                } else if reader.errors.len() == faults {
                    reader.fault(line, "no target after the colon");
                }
            }
        }
    }
    (entries, reader.errors)
}

/// Reads a `.forward`: targets as in an alias, on any number of lines, without
/// `:include:`. The numbers are lines with their faults.
pub fn forward(text: &str, origin: &str) -> (Vec<Target>, Vec<(usize, String)>) {
    let mut refuse = |_: &str| Err(":include: is not allowed here".to_owned());
    let mut reader = Reader::new("", origin, &mut refuse);
    let mut targets = Vec::new();
    for (line, text) in content_lines(text) {
        reader.list(line, text, &mut targets);
    }
    let faults = reader.errors.into_iter().map(|e| (e.line, e.text));
    (targets, faults.collect())
}

/// Lines that hold something, with their numbers.
fn content_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(i, line)| {
        let held = line.trim_start();
        (!held.is_empty() && !held.starts_with('#')).then_some((i + 1, line))
    })
}

/// Lines with their continuations. Empty lines and comments in between don't
/// end one.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in content_lines(text) {
        match lines.last_mut() {
            Some((_, logical)) if line.starts_with([' ', '\t']) => {
                logical.push(' ');
                logical.push_str(line.trim());
            }
            _ => lines.push((number, line.trim().to_owned())),
        }
    }
    lines
}

/// `name: list`; the name may be quoted.
fn entry(line: &str) -> Result<(String, &str), &'static str> {
    const FORM: &str = "expected name: target, target";
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => {
            let end = closing_quote(quoted).ok_or("a quote is not closed")?;
            (unquote(&quoted[..end]), &quoted[end + 1..])
        }
        None => {
            let end = line.find(':').ok_or(FORM)?;
            (line[..end].trim_end().to_owned(), &line[end..])
        }
    };
    let list = rest.trim_start().strip_prefix(':').ok_or(FORM)?;
    if name.is_empty() || name.contains(|c: char| c.is_control() || c == '@') {
        return Err("expected a local name before the colon, without @");
    }
    let bare = !line.starts_with('"');
    if bare && name.contains(|c: char| c.is_whitespace() || "\",()<>;".contains(c)) {
        return Err("expected one name before the colon; quote a name with blanks");
    }
    Ok((name.to_lowercase(), list))
}

/// Where the quote ends that was opened before `text`.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

fn unquote(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// Splits at commas outside quotes; `None` where a quote stays open.
fn split(list: &str) -> Option<Vec<&str>> {
    let (mut items, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (i, b) in list.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                items.push(&list[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    items.push(&list[start..]);
    (!quoted).then(|| {
        items
            .into_iter()
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .collect()
    })
}

/// What reading one file needs to know.
struct Reader<'a, 'b> {
    file: String,
    origin: &'a str,
    include: &'a mut Include<'b>,
    /// An included file could not be read.
    unreadable: bool,
    /// Files being included, outermost first.
    open: Vec<String>,
    /// Targets of the alias so far.
    count: usize,
    errors: Vec<AliasError>,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(file: &str, origin: &'a str, include: &'a mut Include<'b>) -> Reader<'a, 'b> {
        Reader {
            file: file.to_owned(),
            origin,
            include,
            unreadable: false,
            open: Vec::new(),
            count: 0,
            errors: Vec::new(),
        }
    }

    fn fault(&mut self, line: usize, what: impl Into<String>) {
        let file = self.open.last().unwrap_or(&self.file).clone();
        let text = what.into();
        self.errors.push(AliasError { file, line, text });
    }

    fn list(&mut self, line: usize, list: &str, targets: &mut Vec<Target>) {
        let Some(items) = split(list) else {
            return self.fault(line, "a quote is not closed");
        };
        for item in items {
            self.count += 1;
            if self.count > MAX_TARGETS {
                return self.fault(line, format!("more than {MAX_TARGETS} targets"));
            }
            self.item(line, item, targets);
        }
    }

    fn item(&mut self, line: usize, item: &str, targets: &mut Vec<Target>) {
        let whole = item.strip_prefix('"').and_then(|rest| {
            let end = closing_quote(rest)?;
            (end + 1 == rest.len()).then(|| unquote(&rest[..end]))
        });
        let plain = whole.as_deref().unwrap_or(item);
        // Before anything is done with it: an included file's name is told.
        if plain.contains(char::is_control) {
            return self.fault(line, "a control character in a target");
        }
        match plain.strip_prefix(":include:") {
            Some(path) => self.included(line, path.trim(), targets),
            None => match target(item, whole.as_deref(), self.origin) {
                Ok(target) => targets.push(target),
                Err(what) => self.fault(line, what),
            },
        }
    }

    fn included(&mut self, line: usize, path: &str, targets: &mut Vec<Target>) {
        self.count += INCLUDE_WEIGHT;
        if self.open.len() >= MAX_INCLUDE_DEPTH {
            return self.fault(line, "included files are nested too deep");
        }
        if self.open.iter().any(|open| open == path) {
            return self.fault(line, "the file includes itself");
        }
        match (self.include)(path) {
            Err(why) => {
                self.unreadable = true;
                self.fault(line, why);
            }
            Ok(text) => {
                self.open.push(path.to_owned());
                for (line, text) in content_lines(&text) {
                    self.list(line, text, targets);
                    if self.count > MAX_TARGETS {
                        break;
                    }
                }
                self.open.pop();
            }
        }
    }
}

/// One target; `whole` is its content where all of it was quoted.
fn target(item: &str, whole: Option<&str>, origin: &str) -> Result<Target, String> {
    let plain = whole.unwrap_or(item);
    if let Some(command) = plain.strip_prefix('|') {
        return program(command.trim());
    }
    if plain.starts_with('/') {
        let to = Destination::File(plain.to_owned());
        return Ok(Target { to, last: true });
    }
    let (item, whole, last) = match item.strip_prefix('\\') {
        Some(name) => (name, None, true),
        None => (item, whole, false),
    };
    let to = Destination::Mailbox(mailbox(item, whole, origin)?);
    Ok(Target { to, last })
}

/// The command behind `|`, which may be quoted by itself: `|"prog arg"`.
fn program(command: &str) -> Result<Target, String> {
    let inner = command.strip_prefix('"').and_then(|c| c.strip_suffix('"'));
    let command = inner.map_or_else(|| command.to_owned(), unquote);
    if command.trim().is_empty() {
        return Err("no program after |".to_owned());
    }
    let to = Destination::Pipe(command.trim().to_owned());
    Ok(Target { to, last: true })
}

/// An address, with or without a domain, alone or in `<>` behind a name.
fn mailbox(item: &str, whole: Option<&str>, origin: &str) -> Result<Mailbox, String> {
    if let Some(whole) = whole.filter(|w| !w.contains('@')) {
        return Ok(Mailbox {
            local: whole.to_owned(),
            domain: Domain::Name(origin.to_owned()),
        });
    }
    let item = whole.unwrap_or(item);
    let bracketed = item.strip_suffix('>').and_then(|i| i.rsplit_once('<'));
    let address = bracketed.map_or(item, |(_, address)| address);
    Mailbox::parse(address).or_else(|why| {
        let unqualified = Mailbox::parse(&format!("{address}@{origin}"));
        unqualified.map_err(|_| format!("not an address: {why}"))
    })
}
