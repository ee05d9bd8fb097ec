//! What a header says about the content below it (RFC 2045 sections 5 and 6).

use super::super::header::{self, Field};

/// Longest boundary that is taken; RFC 2046 section 5.1.1 allows 70.
const BOUNDARY: usize = 256;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
    /// message/rfc822: a header and its content follow.
    Message,
    Text,
    /// Any other content that may be encoded.
    Data,
    /// Content whose octets must stay: signed, encrypted, or not understood.
    Fixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    Absent,
    SevenBit,
    /// 8bit or binary.
    Wide,
    Base64,
    /// quoted-printable, or what is not known.
    Encoded,
}

#[derive(Debug)]
pub(super) struct Entity {
    pub kind: Kind,
    pub transfer: Transfer,
    pub has_type: bool,
}

impl Entity {
    /// Reads a header; the parts of a digest are messages unless they say
    /// otherwise (RFC 2046 section 5.1.5).
    pub fn read(header: &[u8], is_digest: bool) -> Entity {
        let mut types = values(header, "Content-Type");
        let mut transfers = values(header, "Content-Transfer-Encoding");
        let (type_, transfer) = (types.next(), transfers.next());
        // Two that differ would be read differently by different readers.
        let is_clear = types.next().is_none() && transfers.next().is_none();
        let transfer = transfer.map_or(Transfer::Absent, |value| transfer_of(&value));
        let kind = match &type_ {
            _ if !is_clear => Kind::Fixed,
            None if is_digest => Kind::Message,
            None => Kind::Text,
            Some(value) => kind_of(value),
        };
        let is_encoded = matches!(transfer, Transfer::Base64 | Transfer::Encoded);
        let kind = if is_encoded { Kind::Fixed } else { kind };
        Entity {
            kind,
            transfer,
            has_type: type_.is_some(),
        }
    }
}

/// Values of a field, comments taken out and unfolded.
fn values<'a>(header: &'a [u8], name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
    header::fields(header)
        .filter(move |field: &Field<'_>| field.is(name))
        .map(|field| plain(field.value))
}

/// Comments and folding dropped; quoted strings stay as they are.
fn plain(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for &byte in value {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'\r' | b'\n' => continue,
            b'\\' if !was_escaped => is_escaped = true,
            b'"' if depth == 0 && !was_escaped => is_quoted = !is_quoted,
            b'(' if !is_quoted && !was_escaped => depth += 1,
            b')' if depth > 0 && !was_escaped => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(byte);
        }
    }
    out.trim_ascii().to_vec()
}

fn transfer_of(value: &[u8]) -> Transfer {
    match value.to_ascii_lowercase().as_slice() {
        b"" => Transfer::Absent,
        b"7bit" => Transfer::SevenBit,
        b"8bit" | b"binary" => Transfer::Wide,
        b"base64" => Transfer::Base64,
        _ => Transfer::Encoded,
    }
}

fn kind_of(value: &[u8]) -> Kind {
    let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
    let name: Vec<u8> = value[..end]
        .iter()
        .filter(|b| !b.is_ascii_whitespace())
        .map(u8::to_ascii_lowercase)
        .collect();
    match name.as_slice() {
        b"multipart/signed" | b"multipart/encrypted" => Kind::Fixed,
        b"application/pkcs7-mime" | b"application/x-pkcs7-mime" => Kind::Fixed,
        b"message/rfc822" => Kind::Message,
        // May be encoded although they are messages (RFC 6532 section 3.7, RFC 6533).
        name if name.starts_with(b"message/global") => Kind::Data,
        // 7-bit by definition (RFC 2046 section 5.2).
        name if name.starts_with(b"message/") => Kind::Fixed,
        name if name.starts_with(b"multipart/") => match boundary(&value[end..]) {
            Some(boundary) => Kind::Multipart {
                boundary,
                is_digest: name == b"multipart/digest",
            },
            None => Kind::Fixed,
        },
        name if name.starts_with(b"text/") => Kind::Text,
        _ => Kind::Data,
    }
}

fn boundary(parameters: &[u8]) -> Option<Vec<u8>> {
    let mut rest = parameters;
    loop {
        rest = rest.strip_prefix(b";")?.trim_ascii_start();
        let equals = rest.iter().position(|b| matches!(b, b'=' | b';'))?;
        let name = rest[..equals].trim_ascii();
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let (value, after) = parameter_value(rest[equals + 1..].trim_ascii_start());
        if name.eq_ignore_ascii_case(b"boundary") {
            let value = value.trim_ascii_end().to_vec();
            return (!value.is_empty() && value.len() <= BOUNDARY).then_some(value);
        }
        rest = after;
    }
}

/// A token or quoted string, and what follows from the next semicolon on.
fn parameter_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    let is_quoted = text.first() == Some(&b'"');
    if is_quoted {
        at = 1;
        while let Some(&byte) = text.get(at).filter(|&&b| b != b'"') {
            at += usize::from(byte == b'\\');
            value.extend(text.get(at));
            at += 1;
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    let semicolon = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
    if !is_quoted {
        value.extend_from_slice(&rest[..semicolon]);
    }
    (value, &rest[semicolon..])
}
