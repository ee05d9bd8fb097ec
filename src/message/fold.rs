//! Fields that this program writes: folded at 78 (RFC 5322 section 2.1.1), and
//! nothing in them that begins another line.

/// Where lines are folded if they can be, in octets without CRLF.
pub(super) const WIDTH: usize = 78;

/// `Name: item item` with CRLF, a new line begun before an item that does not
/// fit. Items have no line ends in them.
pub(super) fn field<I>(name: &str, items: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut text = format!("{name}:");
    let mut column = text.len();
    for (n, item) in items.into_iter().enumerate() {
        let item = item.as_ref();
        let is_over = column + 1 + item.len() > WIDTH;
        // A first item on a line of its own would leave an empty line body.
        text.push_str(if is_over && n > 0 { "\r\n " } else { " " });
        column = if is_over && n > 0 { 1 } else { column + 1 } + item.len();
        text.push_str(item);
    }
    text.push_str("\r\n");
    text
}

/// The text with control characters replaced by `?`.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
