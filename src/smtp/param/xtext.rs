//! The encodings inside of parameters: xtext (RFC 3461 section 4), and its
//! sister for UTF-8 addresses (RFC 6533 section 3). What decodes to a control
//! character is refused in both (I1).

use std::fmt::Write;

use crate::smtp::addr::is_control;

/// RFC 3461 writes the two digits of xtext in upper case only; a sender that
/// writes `+3d` means nothing else, and refusing its mail would help nobody.
pub const LENIENT_XTEXT_CASE: bool = true;

/// xtext of RFC 3461 section 4: parse. Refuses what decodes to a control
/// character.
pub fn xtext_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?),
            b'!'..=b'~' if byte != b'=' => decoded.push(byte),
            _ => return None,
        }
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (!decoded.contains(is_control)).then_some(decoded)
}

/// xtext of RFC 3461 section 4: print.
pub fn xtext_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' => push_hex(&mut encoded, byte),
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => push_hex(&mut encoded, byte),
        }
    }
    encoded
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    out.push('+');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' if LENIENT_XTEXT_CASE => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// utf-8-enc-addr of RFC 6533 section 3, any of its forms: raw UTF-8, or
/// `\x{HEX}` for what is not plain. `+HEX` is understood too, as the syntax of
/// ORCPT in RFC 3461 would have it.
pub(super) fn unitext_decode(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let (c, after) = match c {
            '\\' => take_code_point(rest)?,
            '+' => {
                let (digits, after) = rest.split_at_checked(2)?;
                (xtext_decode(&format!("+{digits}"))?.chars().next()?, after)
            }
            '=' | ' ' => return None,
            c => (c, rest),
        };
        if is_control(c) {
            return None;
        }
        decoded.push(c);
        rest = after;
    }
    Some(decoded)
}

/// The rest of EmbeddedUnicodeChar: `x{HEX}`.
fn take_code_point(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.strip_prefix("x{")?.split_once('}')?;
    let is_hex = matches!(digits.len(), 1..=6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let c = is_hex.then(|| u32::from_str_radix(digits, 16).ok())??;
    Some((char::from_u32(c)?, after))
}

/// utf-8-addr-xtext: the form that is ASCII.
pub(super) fn unitext_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '+' | '=' | '\\' => push_code_point(&mut encoded, c),
            '!'..='~' => encoded.push(c),
            c => push_code_point(&mut encoded, c),
        }
    }
    encoded
}

fn push_code_point(out: &mut String, c: char) {
    // Writing into a String cannot fail.
    let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
}
