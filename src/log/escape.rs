//! Strangers' text made harmless: one line, nothing that a terminal obeys.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// Longest value, characters; the rest is left out and `...` says so.
const LONGEST_VALUE: usize = 1000;

/// Octets as text: what is no UTF-8 becomes U+FFFD.
pub struct Octets<'a>(pub &'a [u8]);

impl Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// Text for a terminal (I8): characters that control it, or the direction of
/// writing, or are not seen, as `\x1b` or `\u{202e}`; a backslash doubled only
/// then. Unchanged text isn't copied.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut out, c));
    Cow::Owned(out)
}

/// One value of a log line: bare where it is one plain word, else quoted.
pub(super) fn value(out: &mut String, text: &str) {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\' | '=') && !is_hidden(c);
    let short = text.chars().nth(LONGEST_VALUE).is_none();
    if short && !text.is_empty() && text.chars().all(plain) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars().take(LONGEST_VALUE) {
        if c == '"' {
            out.push('\\');
        }
        push(out, c);
    }
    out.push_str(if short { "\"" } else { "...\"" });
}

fn push(out: &mut String, c: char) {
    // Writing into a String doesn't fail.
    let _ = match c {
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if is_hidden(c) && c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c if is_hidden(c) => write!(out, "\\u{{{:x}}}", u32::from(c)),
        c => out.write_char(c),
    };
}

/// Controls (C0, C1, DEL), line and paragraph separators, marks of direction,
/// characters without width, tags and private use: what could end a line, drive
/// a terminal or make text look like another.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}
