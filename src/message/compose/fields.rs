//! Header fields of a composed message.

use std::str::FromStr;

use mail_builder::headers::Header;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;

use super::super::addrlist::Person;
use super::super::fold;
use super::Letter;
use crate::class::{Class, Classify};

/// Longest word that stays as it is: a line must stay below 998 octets (RFC
/// 5322 section 2.1.1).
const LONGEST_WORD: usize = 900;

/// Fields that have an option of their own, or that the parts decide.
const NOT_OWN: [&str; 11] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "MIME-Version",
    "Return-Path",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
];

/// A field written by hand: `Name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnField {
    name: String,
    value: String,
}

/// Why a text is no such field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    #[error("a field is written as 'Name: value', the name in printable ASCII without blanks")]
    Form,
    #[error("a control character in the value of {0}")]
    Control(String),
    /// It would contradict another option, or the message itself.
    #[error("{0} is not for --header: the other options make it")]
    Taken(String),
}

impl Classify for FieldError {
    fn class(&self) -> Class {
        match self {
            FieldError::Form | FieldError::Control(_) => Class::Data,
            FieldError::Taken(_) => Class::Usage,
        }
    }
}

impl FromStr for OwnField {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<OwnField, FieldError> {
        let (name, value) = text.split_once(':').ok_or(FieldError::Form)?;
        // ftext of RFC 5322 section 3.6.8.
        let is_name = !name.is_empty() && name.len() <= 76;
        if !is_name || !name.bytes().all(|b| matches!(b, 33..=126)) {
            return Err(FieldError::Form);
        }
        if value.contains(|c: char| c.is_control() && c != '\t') {
            return Err(FieldError::Control(name.to_owned()));
        }
        let is_content = |n: &str| n.to_ascii_lowercase().starts_with("content-");
        if is_content(name) || NOT_OWN.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            return Err(FieldError::Taken(name.to_owned()));
        }
        Ok(OwnField {
            name: name.to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

/// All but those about the content.
pub(super) fn of(letter: &Letter) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, people) in [
        ("To", &letter.to),
        ("Cc", &letter.cc),
        ("Reply-To", &letter.reply_to),
    ] {
        if !people.is_empty() {
            addresses(name, people, &mut out);
        }
    }
    if let Some(subject) = &letter.subject {
        unstructured("Subject", subject, &mut out);
    }
    for field in &letter.own {
        unstructured(&field.name, &field.value, &mut out);
    }
    out
}

fn addresses(name: &str, people: &[Person], out: &mut Vec<u8>) {
    let mailbox = |p: &Person| Address::new_address(p.name.clone(), p.address.clone());
    let list = Address::new_list(people.iter().map(mailbox).collect());
    write(name, &list, out);
}

/// ASCII stays as it was typed, folded at its blanks: it may have a structure
/// that encoded words would break. The rest is encoded (RFC 2047).
fn unstructured(name: &str, value: &str, out: &mut Vec<u8>) {
    let words = || value.split(' ');
    let is_plain = value.is_ascii()
        && !value.contains("  ")
        && value == value.trim()
        && words().all(|word| word.len() <= LONGEST_WORD);
    match is_plain {
        true => out.extend_from_slice(fold::field(name, words()).as_bytes()),
        false => write(name, &Text::new(value), out),
    }
}

/// Content-Type with its parameters (RFC 2231 where they are not ASCII).
pub(super) fn content_type(kind: &str, parameters: &[(&str, &str)]) -> Vec<u8> {
    with_parameters("Content-Type", kind, parameters)
}

pub(super) fn with_parameters(name: &str, value: &str, parameters: &[(&str, &str)]) -> Vec<u8> {
    let with = |field: ContentType<'static>, (key, value): &(&str, &str)| {
        field.attribute((*key).to_owned(), (*value).to_owned())
    };
    let start = ContentType::new(value.to_owned());
    let field = parameters.iter().fold(start, with);
    let mut out = Vec::new();
    write(name, &field, &mut out);
    out
}

fn write(name: &str, value: &impl Header, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    value.write_header(out, name.len() + 2);
}
