//! Tokens of an address list (RFC 5322 section 3.2): blanks, comments and
//! control characters only separate.

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Dots belong to it.
    Atom,
    /// With its quotes.
    Quoted,
    /// With its brackets.
    Literal,
    Open,
    Close,
    At,
    Comma,
    Semicolon,
    Colon,
    /// What was opened and never closed.
    Broken(&'static str),
}

impl Kind {
    pub fn broken(self) -> Option<&'static str> {
        match self {
            Kind::Broken(reason) => Some(reason),
            _ => None,
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// The next token begins a member.
    is_first: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8]) -> Lexer<'a> {
        Lexer {
            text,
            at: 0,
            is_first: true,
        }
    }

    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    pub fn next(&mut self) -> Option<Token> {
        if let Some(broken) = self.skip_blanks() {
            return Some(broken);
        }
        let start = self.at;
        let byte = *self.text.get(start)?;
        let kind = match byte {
            b'"' => self.until(b'"', Kind::Quoted, "a quote is not closed"),
            b'[' => self.until(b']', Kind::Literal, "a bracket is not closed"),
            b':' if self.is_first && self.is_include() => self.word(),
            b'<' => self.one(Kind::Open),
            b'>' => self.one(Kind::Close),
            b'@' => self.one(Kind::At),
            b',' => self.one(Kind::Comma),
            b';' => self.one(Kind::Semicolon),
            b':' => self.one(Kind::Colon),
            _ => self.atom(),
        };
        self.is_first = matches!(kind, Kind::Comma | Kind::Semicolon);
        Some(Token {
            kind,
            start,
            end: self.at,
        })
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// To the closing octet, backslashes hiding the next one.
    fn until(&mut self, close: u8, kind: Kind, unclosed: &'static str) -> Kind {
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at = (self.at + 1).min(self.text.len()),
                b if b == close => return kind,
                _ => {}
            }
        }
        Kind::Broken(unclosed)
    }

    fn atom(&mut self) -> Kind {
        while let Some(&byte) = self.text.get(self.at) {
            if is_special(byte) || is_space(byte) {
                break;
            }
            self.at += self.encoded_word().unwrap_or(1);
        }
        Kind::Atom
    }

    /// `:include:/file` names no group: it is an address that delivery will
    /// not know (never a file that is opened).
    fn is_include(&self) -> bool {
        const INCLUDE: &[u8] = b":include:";
        let rest = &self.text[self.at..];
        rest.get(..INCLUDE.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(INCLUDE))
    }

    /// Everything up to a blank or a comma.
    fn word(&mut self) -> Kind {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|&b| is_space(b) || b == b',');
        self.at += len.unwrap_or(rest.len());
        Kind::Atom
    }

    /// Length of `=?charset?Q?text?=` here. Senders put commas and brackets
    /// into the text, which RFC 2047 section 5 forbids; they split nothing.
    fn encoded_word(&self) -> Option<usize> {
        let rest = self.text[self.at..].strip_prefix(b"=?")?;
        let is_end = |b: &u8| *b == b'?' || *b <= b' ';
        let charset = rest.iter().position(is_end)?;
        let [b'?', b'q' | b'Q' | b'b' | b'B', b'?', text @ ..] = &rest[charset..] else {
            return None;
        };
        let len = text.iter().position(is_end)?;
        (charset > 0 && text[len..].starts_with(b"?=")).then_some(2 + charset + 3 + len + 2)
    }

    /// Skips blanks and comments; a comment that does not end is a token, so
    /// that what it swallowed is not lost in silence.
    fn skip_blanks(&mut self) -> Option<Token> {
        while let Some(&byte) = self.text.get(self.at) {
            let start = self.at;
            match byte {
                b'(' if !self.skip_comment() => {
                    let kind = Kind::Broken("a comment is not closed");
                    return Some(Token {
                        kind,
                        start,
                        end: self.at,
                    });
                }
                b'(' => {}
                b if is_space(b) => self.at += 1,
                _ => break,
            }
        }
        None
    }

    /// Comments nest; counting instead of recursion keeps the stack small
    /// whatever a stranger writes.
    fn skip_comment(&mut self) -> bool {
        let mut depth = 0_usize;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => return true,
                b')' => depth -= 1,
                b'\\' => self.at = (self.at + 1).min(self.text.len()),
                _ => {}
            }
        }
        false
    }
}

/// Takes quotes and backslashes off; folding goes, other control characters
/// become blanks.
pub(super) fn unquote(quoted: &[u8], out: &mut Vec<u8>) {
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    let mut is_escaped = false;
    for &byte in inner {
        match byte {
            b'\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            b'\r' | b'\n' => {}
            b if is_space(b) => out.push(b' '),
            b => out.push(b),
        }
        is_escaped = false;
    }
}

/// Control characters are blanks in a header.
pub(super) fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 127
}

fn is_special(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b'(' | b'[' | b'<' | b'>' | b'@' | b',' | b';' | b':'
    )
}
