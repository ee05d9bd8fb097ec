//! A dialogue with a server, as a person reads it: on stderr, one line for each
//! line said or heard, harmless on a terminal (I8).

use std::io::Write;

use super::output::escape;
use crate::class::plain;
use crate::smtp::client::Said;

/// A stderr that cannot be written is no reason to fail.
pub fn to_stderr(said: &Said<'_>) {
    let _ = std::io::stderr().write_all(lines(said).as_bytes());
}

fn lines(said: &Said<'_>) -> String {
    match said {
        Said::Sent(line) => format!("-> {}\n", escape(line)),
        Said::Content(octets) => format!("-> [{octets} octets of content and their end]\n"),
        Said::Note(text) => format!("** {}\n", escape(&plain(*text))),
        Said::Heard(reply) => {
            let enhanced = reply.enhanced.map_or(String::new(), |e| format!("{e} "));
            let last = reply.lines.len().saturating_sub(1);
            let line = |(n, text): (usize, &String)| {
                let mark = if n == last { ' ' } else { '-' };
                format!("<- {}{mark}{enhanced}{}\n", reply.code, escape(text))
            };
            reply.lines.iter().enumerate().map(line).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::reply::ReplyReader;

    #[test]
    fn i8_a_dialogue_is_harmless() {
        let mut text: &[u8] = b"250-mx\xc2\x9b2J\r\n250 2.0.0 SIZE\r\n";
        let reply = ReplyReader::default().read(&mut text).unwrap().unwrap();
        let shown = lines(&Said::Heard(&reply));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.starts_with("<- 250-"), "{shown}");
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
        assert_eq!(lines(&Said::Sent("EHLO a\u{1b}[2J")), "-> EHLO a\\x1b[2J\n");
    }
}
