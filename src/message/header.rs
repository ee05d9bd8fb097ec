//! The header as bytes: where each field begins and ends, where the header
//! ends (a line that is neither a field nor folding ends it and belongs to the
//! body). Nothing is decoded, nothing is changed.

use memchr::memchr;

/// One field: `raw` is name, colon, value and line ends as they stand.
///
/// A line that is no field (an mbox `From ` line at the top) comes with an
/// empty name, so that all `raw` together are the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub raw: &'a [u8],
    pub name: &'a [u8],
    /// Everything after the colon, folding and the final line end included.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Compares the name without case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// True where the name begins so, without case (`Resent-`).
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    }
}

/// Fields of a header given whole (without the blank line).
pub fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (raw, after) = rest.split_at(folded_len(rest));
        rest = after;
        Some(field(raw))
    })
}

/// Octets of the first line and the folded lines after it.
fn folded_len(text: &[u8]) -> usize {
    let mut end = 0;
    loop {
        match memchr(b'\n', &text[end..]) {
            None => return text.len(),
            Some(at) => end += at + 1,
        }
        if !text.get(end).is_some_and(|&b| is_blank(b)) {
            return end;
        }
    }
}

fn field(raw: &[u8]) -> Field<'_> {
    let name_len = raw.iter().take_while(|&&b| is_name(b)).count();
    let blanks = raw[name_len..].iter().take_while(|&&b| is_blank(b)).count();
    match raw.get(name_len + blanks) {
        Some(b':') if name_len > 0 => Field {
            raw,
            name: &raw[..name_len],
            value: &raw[name_len + blanks + 1..],
        },
        _ => Field {
            raw,
            name: &[],
            value: raw,
        },
    }
}

/// Where the header of `message` ends and where the body begins (the blank
/// line lies between; both are equal where there is none). `None` where more
/// input could still change the answer.
///
/// Whoever reads piece by piece keeps a [`Scanner`] instead, which looks at
/// each octet once.
pub fn split(message: &[u8], is_all: bool) -> Option<(usize, usize)> {
    let mut scanner = Scanner::new();
    let end = scanner
        .push(message)
        .or_else(|| is_all.then(|| scanner.finish()))?;
    let fit = |octets: u64| usize::try_from(octets).unwrap_or(message.len());
    Some((fit(end.header), fit(end.body)))
}

/// Where a header ends, in octets from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The header's length.
    pub header: u64,
    /// Where the body begins: behind the blank line, or at the line that is no
    /// field.
    pub body: u64,
}

/// Finds the end of a header as it comes in (RFC 5322 sections 2.2 and 4.5.8:
/// blanks before the colon are read).
#[derive(Clone, Debug)]
pub struct Scanner {
    place: Place,
    /// Octets seen.
    seen: u64,
    /// Where the current line began.
    line: u64,
    /// A field has been seen, so that a line may be folding.
    in_fields: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    /// A CR at the start of a line.
    BlankLine,
    /// In what may be a name. The number is how much of an mbox line's `From`
    /// has been matched; `None` where it is none.
    Name(Option<u8>),
    /// Blanks after a name.
    Colon,
    /// After `From `: an mbox line, unless the next thing is a colon.
    Mbox,
    /// A line whose kind is known.
    Rest,
    Done(End),
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    pub fn new() -> Scanner {
        Scanner {
            place: Place::LineStart,
            seen: 0,
            line: 0,
            in_fields: false,
        }
    }

    /// Looks at the next octets; the end once it is known.
    pub fn push(&mut self, mut input: &[u8]) -> Option<End> {
        while !matches!(self.place, Place::Done(_)) {
            if self.place == Place::Rest {
                let len = memchr(b'\n', input).unwrap_or(input.len());
                self.seen += len as u64;
                input = &input[len..];
            }
            let Some((&byte, rest)) = input.split_first() else {
                break;
            };
            self.step(byte);
            input = rest;
        }
        self.end()
    }

    /// The input is over. A last line that has no colon is no field.
    pub fn finish(&mut self) -> End {
        let end = match self.place {
            Place::Done(end) => end,
            Place::BlankLine | Place::Name(_) | Place::Colon => self.no_field(),
            Place::LineStart | Place::Mbox | Place::Rest => End {
                header: self.seen,
                body: self.seen,
            },
        };
        self.place = Place::Done(end);
        end
    }

    /// The end, once it is known.
    pub fn end(&self) -> Option<End> {
        match self.place {
            Place::Done(end) => Some(end),
            _ => None,
        }
    }

    /// True in a line that has neither turned out to be a field nor not.
    pub fn is_undecided(&self) -> bool {
        matches!(self.place, Place::Name(_) | Place::Colon)
    }

    /// True where no line has begun to be a field yet.
    pub fn is_before_fields(&self) -> bool {
        !self.in_fields
    }

    /// Ends the header before the current line.
    pub fn no_field(&mut self) -> End {
        let end = End {
            header: self.line,
            body: self.line,
        };
        self.place = Place::Done(end);
        end
    }

    fn step(&mut self, byte: u8) {
        if self.place == Place::LineStart {
            self.line = self.seen;
        }
        self.seen += 1;
        match (self.place, byte) {
            (Place::LineStart | Place::BlankLine, b'\n') => {
                self.place = Place::Done(End {
                    header: self.line,
                    body: self.seen,
                });
            }
            (Place::LineStart, b'\r') => self.place = Place::BlankLine,
            (Place::LineStart, b) if is_blank(b) && self.in_fields => self.place = Place::Rest,
            (Place::LineStart, b) if is_name(b) => {
                self.place = Place::Name(if self.in_fields {
                    None
                } else {
                    mbox_match(0, b)
                });
            }
            (Place::Name(matched), b) if is_name(b) => {
                self.place = Place::Name(matched.and_then(|n| mbox_match(n, b)));
            }
            (Place::Name(Some(MBOX_LEN)), b' ') => self.place = Place::Mbox,
            (Place::Name(_), b' ' | b'\t') => self.place = Place::Colon,
            (Place::Name(_) | Place::Colon | Place::Mbox, b':') => {
                self.in_fields = true;
                self.place = Place::Rest;
            }
            (Place::Colon | Place::Mbox, b' ' | b'\t') => {}
            (Place::Mbox | Place::Rest, b'\n') => self.place = Place::LineStart,
            (Place::Mbox | Place::Rest, _) => self.place = Place::Rest,
            _ => {
                self.no_field();
            }
        }
    }
}

const MBOX: &[u8] = b"From";
const MBOX_LEN: u8 = 4;

/// The next octet of `>>From`.
fn mbox_match(matched: u8, byte: u8) -> Option<u8> {
    match MBOX.get(usize::from(matched)) {
        Some(&want) if want == byte => Some(matched + 1),
        _ => (matched == 0 && byte == b'>').then_some(0),
    }
}

/// ftext of RFC 5322 section 3.6.8.
fn is_name(byte: u8) -> bool {
    matches!(byte, 33..=57 | 59..=126)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests;
