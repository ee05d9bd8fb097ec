//! What a message holds at most, found while it is written.

use super::envelope::{BodyKind, LONGEST_LINE};

/// Fed with pieces cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Octets so far.
    pub length: u64,
    eight_bit: bool,
    binary: bool,
    long: bool,
    /// Octets of the line under way.
    line: u64,
    /// The last octet was a CR.
    after_cr: bool,
}

impl Content {
    pub fn take(&mut self, octets: &[u8]) {
        self.length = self.length.saturating_add(octets.len() as u64);
        self.eight_bit |= !octets.is_ascii();
        self.binary |= memchr::memchr(0, octets).is_some();
        let mut from = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', octets) {
            self.plain(at - from);
            from = at + 1;
            if octets[at] == b'\r' {
                self.binary |= self.after_cr;
                self.after_cr = true;
                continue;
            }
            self.binary |= !self.after_cr;
            self.after_cr = false;
            self.end_line();
        }
        self.plain(octets.len() - from);
    }

    /// Octets that are neither CR nor LF.
    fn plain(&mut self, count: usize) {
        if count > 0 {
            self.binary |= self.after_cr;
            self.after_cr = false;
            self.line = self.line.saturating_add(count as u64);
        }
    }

    fn end_line(&mut self) {
        self.long |= self.line > LONGEST_LINE;
        self.line = 0;
    }

    pub fn body(&self) -> BodyKind {
        match (self.binary || self.after_cr, self.eight_bit) {
            (true, _) => BodyKind::Binary,
            (false, true) => BodyKind::EightBit,
            (false, false) => BodyKind::SevenBit,
        }
    }

    pub fn has_long_lines(&self) -> bool {
        self.long || self.line > LONGEST_LINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> (BodyKind, bool) {
        let mut content = Content::default();
        pieces.iter().for_each(|p| content.take(p));
        (content.body(), content.has_long_lines())
    }

    #[test]
    fn kinds_of_content() {
        use BodyKind::{Binary, EightBit, SevenBit};
        let table: [(&[u8], BodyKind); 12] = [
            (b"", SevenBit),
            (b"a\r\nb\r\n", SevenBit),
            (b"a\r\nb", SevenBit),
            (b"\r\n\r\n", SevenBit),
            (b"\xe9\r\n", EightBit),
            (b"a\nb\r\n", Binary),
            (b"\n", Binary),
            (b"a\rb\r\n", Binary),
            (b"a\r\r\n", Binary),
            (b"a\r", Binary),
            (b"a\0\r\n", Binary),
            (b"\xe9\r\n\n", Binary),
        ];
        for (octets, kind) in table {
            assert_eq!(of(&[octets]).0, kind, "{octets:?}");
            for cut in 0..octets.len() {
                assert_eq!(
                    of(&[&octets[..cut], &octets[cut..]]).0,
                    kind,
                    "{octets:?} cut at {cut}"
                );
            }
        }
    }

    /// RFC 5321 section 4.5.3.1.6: 1000 octets with CRLF.
    #[test]
    fn lines_over_998_octets_are_long() {
        let line = |n| [vec![b'x'; n], b"\r\n".to_vec()].concat();
        assert!(!of(&[&line(998)]).1);
        assert!(of(&[&line(999)]).1);
        assert!(of(&[&line(999)[..999]]).1);
        assert!(of(&[&line(600)[..600], &line(399)]).1);
        assert!(!of(&[&line(998), &line(998)]).1);
    }
}
