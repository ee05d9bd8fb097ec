//! Batch SMTP (RFC 2442): the commands of a session one after another, as if
//! each had been answered well.

use std::io::{self, Read, Write};

use super::addr::{Mailbox, ReversePath};
use super::data::Stuffer;
use super::param::{Body, MailParams, RcptParams};

/// How the content of a message goes into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// By DATA: 7-bit or, declared so, 8-bit lines that all end in CRLF.
    Lines { eight_bit: bool },
    /// By BDAT in one chunk of so many octets: comes out as it went in, whatever
    /// it holds.
    Octets { length: u64, body: Option<Body> },
}

/// What stands at the beginning of a batch.
pub fn begin(out: &mut dyn Write, hostname: &str) -> io::Result<()> {
    write!(out, "EHLO {hostname}\r\n")
}

/// One message with its envelope.
pub fn message(
    out: &mut dyn Write,
    sender: &ReversePath,
    params: &MailParams,
    recipients: &mut dyn Iterator<Item = (&Mailbox, &RcptParams)>,
    how: Content,
    content: &mut dyn Read,
) -> io::Result<()> {
    let body = match how {
        Content::Lines { eight_bit } => eight_bit.then_some(Body::EightBitMime),
        Content::Octets { body, .. } => body,
    };
    let params = MailParams {
        body,
        size: None,
        ..params.clone()
    };
    write!(out, "MAIL FROM:{sender}{params}\r\n")?;
    for (address, params) in recipients {
        write!(out, "RCPT TO:<{address}>{params}\r\n")?;
    }
    match how {
        Content::Lines { .. } => lines(out, content),
        Content::Octets { length, .. } => {
            write!(out, "BDAT {length} LAST\r\n")?;
            match io::copy(content, out)? == length {
                true => Ok(()),
                false => Err(io::Error::other("the message has another length")),
            }
        }
    }
}

fn lines(out: &mut dyn Write, content: &mut dyn Read) -> io::Result<()> {
    out.write_all(b"DATA\r\n")?;
    let mut stuffer = Stuffer::default();
    let mut piece = vec![0; 64 * 1024];
    let mut stuffed = Vec::new();
    loop {
        let n = match content.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        stuffed.clear();
        stuffer.write(&piece[..n], &mut stuffed);
        out.write_all(&stuffed)?;
    }
    stuffed.clear();
    stuffer.finish(&mut stuffed);
    out.write_all(&stuffed)
}

/// What stands at its end.
pub fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"QUIT\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(how: Content, mut content: &[u8]) -> String {
        let to = Mailbox::parse("b@x.example").unwrap();
        let params = RcptParams::parse(" NOTIFY=NEVER").unwrap();
        let mut out = Vec::new();
        begin(&mut out, "h.example").unwrap();
        let mail = MailParams::parse(" RET=HDRS BODY=8BITMIME SIZE=1").unwrap();
        let mut recipients = std::iter::once((&to, &params));
        let sender = ReversePath::Null;
        message(&mut out, &sender, &mail, &mut recipients, how, &mut content).unwrap();
        end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_batch_is_a_session_without_its_answers() {
        assert_eq!(
            made(Content::Lines { eight_bit: false }, b"a\r\n.b\r\n"),
            "EHLO h.example\r\nMAIL FROM:<> RET=HDRS\r\nRCPT TO:<b@x.example> NOTIFY=NEVER\r\nDATA\r\na\r\n..b\r\n.\r\nQUIT\r\n"
        );
        let octets = Content::Octets {
            length: 4,
            body: Some(Body::BinaryMime),
        };
        assert!(
            made(octets, b"a\nb\r").contains("BODY=BINARYMIME RET=HDRS\r\n")
                || made(octets, b"a\nb\r").contains("RET=HDRS BODY=BINARYMIME\r\n")
        );
        assert!(made(octets, b"a\nb\r").ends_with("\r\nBDAT 4 LAST\r\na\nb\rQUIT\r\n"));
    }
}
