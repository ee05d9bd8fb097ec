//! A person's name before an address (phrase of RFC 5322 section 3.2.5),
//! quoted or encoded (RFC 2047) as it needs.

/// Longest encoded word (RFC 2047 section 2).
const ENCODED_WORD: usize = 75;

/// Longest word of a name that stays unencoded: longer ones could not be
/// folded, an encoded word can be cut anywhere.
const LONGEST_WORD: usize = 60;

/// The words of the phrase, to be joined by blanks or folds; none for a name
/// that is empty. Control characters count as blanks.
pub(super) fn words(name: &str) -> Vec<String> {
    let words: Vec<&str> = name
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    if words.is_empty() {
        return Vec::new();
    }
    if words
        .iter()
        .any(|w| !w.is_ascii() || w.len() > LONGEST_WORD)
    {
        return encoded(&words.join(" "));
    }
    // What looks like an encoded word would be decoded by the reader.
    if words
        .iter()
        .all(|w| w.bytes().all(is_atext) && !w.starts_with("=?"))
    {
        return words.into_iter().map(str::to_owned).collect();
    }
    quoted(&words)
}

/// A quoted string; folding is allowed at its blanks.
fn quoted(words: &[&str]) -> Vec<String> {
    let mut quoted: Vec<String> = words
        .iter()
        .map(|w| w.replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    if let Some(first) = quoted.first_mut() {
        first.insert(0, '"');
    }
    if let Some(last) = quoted.last_mut() {
        last.push('"');
    }
    quoted
}

/// Encoded words in `Q`, each holding whole characters (RFC 2047 section 5).
pub(super) fn encoded(text: &str) -> Vec<String> {
    const START: &str = "=?utf-8?Q?";
    const END: &str = "?=";
    let mut words = Vec::new();
    let mut word = String::from(START);
    for c in text.chars() {
        let piece = q_encode(c);
        if word.len() + piece.len() + END.len() > ENCODED_WORD {
            words.push(std::mem::replace(&mut word, String::from(START)) + END);
        }
        word.push_str(&piece);
    }
    words.push(word + END);
    words
}

/// In a phrase only letters, digits and `!*+-/` go unencoded (RFC 2047 section
/// 5 (3)).
fn q_encode(c: char) -> String {
    match c {
        ' ' => "_".to_owned(),
        c if c.is_ascii_alphanumeric() || "!*+-/".contains(c) => c.to_string(),
        c => c
            .encode_utf8(&mut [0; 4])
            .bytes()
            .map(|b| format!("={b:02X}"))
            .collect(),
    }
}

/// atext of RFC 5322 section 3.2.3.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests;
