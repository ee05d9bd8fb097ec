//! A message made of its parts: fields, text, HTML, files (RFC 5322, RFC 2045
//! to 2049, 2183, 2231, 2387, 2392). Fields by mail-builder; content streams
//! through, so that memory does not grow with what is attached.
//!
//! ```text
//! mixed
//!   alternative
//!     text
//!     related
//!       html
//!       inline files
//!   attached files
//! ```
//! A container with one member is that member. What is inline without HTML
//! stands among the attached.

mod fields;
mod files;
mod stream;
mod text;

use std::io::Read;

use super::addrlist::Person;
pub use fields::{FieldError, OwnField};
pub use files::{Attachment, FileContent, content_id, is_message};
use stream::{Chain, Encoding};
pub use text::{Text, TextError, charset};

/// What a message is to be made of. Values are checked by whoever fills it in:
/// a control character in one never ends its line, but is shown encoded.
#[derive(Default)]
pub struct Letter {
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub reply_to: Vec<Person>,
    pub subject: Option<String>,
    /// As they are, behind the others.
    pub own: Vec<OwnField>,
    pub text: Option<Text>,
    pub html: Option<Text>,
    pub inline: Vec<Attachment>,
    pub attached: Vec<Attachment>,
}

/// One part: its fields behind the Content-Type that every part has, and what
/// it holds.
struct Part {
    /// Content-* fields, each with CRLF.
    head: Vec<u8>,
    content: Content,
}

enum Content {
    One(Box<dyn Read>, Encoding),
    Many(Vec<Part>),
}

impl Letter {
    /// The message, CRLF lines. `unique` keeps its boundaries out of its text:
    /// unguessable, letters and digits. From, Date and Message-ID are not in it.
    pub fn into_reader(self, unique: &str) -> impl Read + use<> {
        let mut head = fields::of(&self);
        head.extend_from_slice(b"MIME-Version: 1.0\r\n");
        let mut chain = Chain::default();
        chain.octets(head);
        let mut boundaries = 0u32..;
        let mut boundary = || format!("=_{unique}.{}", boundaries.next().unwrap_or_default());
        self.into_part().write(&mut chain, &mut boundary);
        chain
    }

    fn into_part(self) -> Part {
        let has_html = self.html.is_some();
        let (related, among): (Vec<_>, Vec<_>) = self.inline.into_iter().partition(|_| has_html);
        let html = self.html.map(|html| {
            let members = related.into_iter().map(|file| file.into_part(true));
            let html = html.into_part("html");
            match members.len() {
                0 => html,
                _ => Part::many("related", std::iter::once(html).chain(members).collect()),
            }
        });
        let text = self.text.map(|text| text.into_part("plain"));
        let body = match (text, html) {
            (Some(text), Some(html)) => Part::many("alternative", vec![text, html]),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Text::empty().into_part("plain"),
        };
        let inline = among.into_iter().map(|file| file.into_part(true));
        let attached = self.attached.into_iter().map(|file| file.into_part(false));
        let files: Vec<Part> = inline.chain(attached).collect();
        match files.is_empty() {
            true => body,
            false => Part::many("mixed", std::iter::once(body).chain(files).collect()),
        }
    }
}

impl Part {
    fn many(kind: &str, members: Vec<Part>) -> Part {
        Part {
            head: format!("multipart/{kind}").into_bytes(),
            content: Content::Many(members),
        }
    }

    /// A container says 8bit where a member does (RFC 2045 section 6.4).
    fn is_eight_bit(&self) -> bool {
        match &self.content {
            Content::One(_, encoding) => *encoding == Encoding::EightBit,
            Content::Many(members) => members.iter().any(Part::is_eight_bit),
        }
    }

    fn write(self, chain: &mut Chain, boundary: &mut impl FnMut() -> String) {
        let is_eight_bit = self.is_eight_bit();
        match self.content {
            Content::One(source, encoding) => {
                let mut head = self.head;
                let name = encoding.name();
                head.extend(format!("Content-Transfer-Encoding: {name}\r\n\r\n").bytes());
                chain.octets(head);
                chain.content(source, encoding);
            }
            Content::Many(members) => {
                let mark = boundary();
                let kind = String::from_utf8_lossy(&self.head).into_owned();
                let mut head = fields::content_type(&kind, &[("boundary", &mark)]);
                if is_eight_bit {
                    head.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
                }
                head.extend_from_slice(b"\r\n");
                chain.start_many(head);
                for member in members {
                    chain.delimiter(&mark, false);
                    member.write(chain, boundary);
                }
                chain.delimiter(&mark, true);
            }
        }
    }
}

#[cfg(test)]
mod tests;
