use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::*;

fn convert(message: &[u8]) -> Result<Vec<u8>, CannotEncode> {
    /// A source that gives what it likes, as a socket does.
    struct Drip<'a>(&'a [u8], usize);
    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let len = self.0.len().min(self.1).min(into.len());
            into[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }
    let mut out = Vec::new();
    let answer = seven_bit(&mut &message[..], &mut out).unwrap();
    if message.len() < 5000 {
        let mut dripped = Vec::new();
        let again = seven_bit(&mut Drip(message, 0), &mut dripped).unwrap();
        assert_eq!(again, answer);
        assert_eq!(dripped, out);
    }
    answer?;
    for line in out.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() <= LINE && line.iter().all(|b| *b < 128 && !b"\r\0".contains(b)));
    }
    Ok(out)
}

fn text(message: &str) -> String {
    String::from_utf8(convert(message.replace('\n', "\r\n").as_bytes()).unwrap())
        .unwrap()
        .replace("\r\n", "\n")
}

fn status(message: &str) -> &'static str {
    convert(message.replace('\n', "\r\n").as_bytes())
        .unwrap_err()
        .status
}

/// The decoded contents of all leaves, messages inside messages included.
fn leaves(message: &[u8]) -> Vec<Vec<u8>> {
    let parsed = MessageParser::default().parse(message).unwrap();
    let mut found = Vec::new();
    for part in &parsed.parts {
        match &part.body {
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_) => {
                found.push(part.contents().to_vec());
            }
            PartType::Message(inner) => found.extend(leaves(inner.raw_message())),
            PartType::Multipart(_) => {}
        }
    }
    found
}

#[test]
fn what_fits_is_not_touched() {
    for message in [
        "Subject: x\n\nplain\n.\n\nno end",
        "Subject: x\n",
        "Subject: x",
        "",
        "no header at all\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\nepi\n",
        "Content-Type: multipart/signed; boundary=b; micalg=x\n\n--b\n\none\n--b--\n",
    ] {
        assert_eq!(text(message), message);
    }
}

/// CL-22: text without MIME fields gets them.
#[test]
fn eight_bit_text_becomes_quoted_printable() {
    let out = text("Subject: x\n\ngr\u{fc}n = \n");
    assert_eq!(
        out,
        "Subject: x\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\ngr=C3=BCn =3D=20\n"
    );
    let latin = convert(b"Subject: x\r\n\r\ngr\xfcn\r\n").unwrap();
    assert!(
        String::from_utf8(latin)
            .unwrap()
            .contains("charset=unknown-8bit")
    );
    let typed = text(
        "MIME-Version: 1.0\nContent-Type: text/html;\n charset=utf-8\nContent-Transfer-Encoding: 8bit\nX: y\n\n\u{fc}",
    );
    assert_eq!(
        typed,
        "MIME-Version: 1.0\nContent-Type: text/html;\n charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nX: y\n\n=C3=BC"
    );
}

/// DESIGN section 8: long lines are encoded, never folded or cut.
#[test]
fn long_lines_are_encoded() {
    let line = "x ".repeat(600);
    let message = format!("Subject: x\r\n\r\n{line}\r\nshort\r\n");
    let out = convert(message.as_bytes()).unwrap();
    assert!(String::from_utf8_lossy(&out).contains("charset=us-ascii"));
    assert_eq!(leaves(&out), [format!("{line}\r\nshort\r\n").into_bytes()]);
    let edge = format!("A: b\r\n\r\n{}\r\n", "x".repeat(998));
    assert_eq!(convert(edge.as_bytes()).unwrap(), edge.as_bytes());
    let base64 = format!(
        "Content-Transfer-Encoding: base64\r\n\r\n{}",
        "QUJD".repeat(40_000)
    );
    assert_eq!(
        leaves(&convert(base64.as_bytes()).unwrap()),
        leaves(base64.as_bytes())
    );
}

#[test]
fn only_the_parts_that_need_it_are_encoded() {
    let message = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"a b\"\nContent-Transfer-Encoding: 8bit\n\n\
        pr\u{e9}\n--a b\n\nplain\n--a b \nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\u{fc}\n\n\
        --a b\nContent-Type: application/x-y\nContent-Transfer-Encoding: binary\n\n\u{fc}\n\
        --a b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n\
        Subject: in\nContent-Type: multipart/alternative; boundary=i\n\n--i\nContent-Type: text/html\n\n<\u{fc}>\n--i--\n\n--a b--\n";
    let out = text(message);
    assert!(
        out.contains(
            "boundary=\"a b\"\nContent-Transfer-Encoding: 7bit\n\npr??\n--a b\n\nplain\n--a b \n"
        ),
        "{out}"
    );
    assert!(
        out.contains("quoted-printable\n\n=C3=BC\n\n--a b\n"),
        "{out}"
    );
    assert!(
        out.contains("Content-Transfer-Encoding: base64\n\nw7w=\n\n--a b\n"),
        "{out}"
    );
    assert!(
        out.contains("message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: in\n"),
        "{out}"
    );
    assert!(
        out.contains("text/html\nContent-Transfer-Encoding: quoted-printable\n\n<=C3=BC>\n--i--\n"),
        "{out}"
    );
    let crlf = message.replace('\n', "\r\n");
    assert_eq!(
        leaves(out.replace('\n', "\r\n").as_bytes()),
        leaves(crlf.as_bytes())
    );
}

#[test]
fn a_clean_part_labelled_8bit_is_only_labelled_anew() {
    assert_eq!(
        text("Content-Transfer-Encoding: 8bit\n\nplain\n"),
        "Content-Transfer-Encoding: 7bit\n\nplain\n"
    );
}

/// A boundary right below its header, without the blank line.
#[test]
fn a_missing_blank_line_hides_no_part() {
    let out = text(
        "Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: text/plain\n\n\u{fc}\n--b--\n",
    );
    assert!(out.contains("=C3=BC"), "{out}");
}

#[test]
fn digests_hold_messages() {
    let out =
        text("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\n\u{fc}\n--b--\n");
    assert!(
        out.contains("--b\n\nSubject: in\nContent-Transfer-Encoding: quoted-printable\n"),
        "{out}"
    );
}

/// CL-22: what must not be changed is refused, with the reason.
#[test]
fn signed_and_encrypted_parts_are_refused() {
    for kind in [
        "multipart/signed; boundary=b",
        "multipart/encrypted; boundary=b",
        "Application/PKCS7-MIME; name=x",
        "application/x-pkcs7-mime",
        "message/delivery-status",
        "multipart/mixed",
    ] {
        assert_eq!(
            status(&format!("Content-Type: {kind}\n\n--b\n\n\u{fc}\n--b--\n")),
            "5.6.3",
            "{kind}"
        );
    }
    let inside = "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/signed; boundary=b\n\n--b\n\n\u{fc}\n--b--\n--o--\n";
    assert_eq!(status(inside), "5.6.3");
    assert_eq!(
        status("Content-Transfer-Encoding: base64\n\n\u{fc}\n"),
        "5.6.3"
    );
    assert_eq!(
        status("Content-Type: text/plain\nContent-Type: text/html\n\n\u{fc}\n"),
        "5.6.3"
    );
    let long = "x".repeat(999);
    assert_eq!(
        status(&format!(
            "Content-Type: multipart/signed; boundary=b\n\n--b\n\n{long}\n--b--\n"
        )),
        "5.6.0"
    );
    assert_eq!(status(&format!("Subject: {long}\n\nx\n")), "5.6.0");
    assert_eq!(
        status(&format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{long}\n--b--\n"
        )),
        "5.6.0"
    );
    assert_eq!(status("Subject: \u{fc}\n\nx\n"), "5.6.9");
}

/// R7: depth is bounded, size and number of parts are not what costs.
#[test]
fn bombs_are_refused_or_linear() {
    let deep = |n: usize| -> String {
        (0..n)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
            .collect()
    };
    assert!(text(&deep(DEPTH)).contains("b99"));
    assert_eq!(status(&deep(DEPTH + 1)), "5.6.0");
    assert_eq!(
        status(&"Content-Type: message/rfc822\n\n".repeat(DEPTH + 1)),
        "5.6.0"
    );
    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\n\u{fc}\n".repeat(50_000)
    );
    assert_eq!(text(&many).matches("=C3=BC").count(), 50_000);
    let wide = format!("A: b\r\n\r\n{}", "\u{fc}".repeat(1_000_000));
    assert_eq!(
        leaves(&convert(wide.as_bytes()).unwrap()),
        [wide.as_bytes()[8..].to_vec()]
    );
}

/// A part longer than what is held is encoded, whatever comes late in it.
#[test]
fn late_trouble_in_a_large_part() {
    for kind in ["text/plain; charset=utf-8", "image/x"] {
        let content = format!("{}\u{fc}\r\n", "a line of text\r\n".repeat(40_000));
        let message = format!("Content-Type: {kind}\r\n\r\n{content}");
        let out = convert(message.as_bytes()).unwrap();
        assert_eq!(leaves(&out), [content.into_bytes()]);
    }
}

#[test]
fn bare_line_ends_and_nul_are_encoded() {
    let out = convert(b"A: b\r\n\r\na\rb\nc\0\r\n").unwrap();
    assert!(out.ends_with(b"\r\n\r\na=0Db=0Ac=00\r\n"));
    assert_eq!(convert(b"A: b\nc\r\n\r\nx").unwrap_err().status, "5.6.0");
}

proptest! {
    #[test]
    fn any_message_fits_or_is_refused(message in "(Content-Type: |multipart/mixed; boundary=b|message/rfc822|text/plain|\
        Content-Transfer-Encoding: |8bit|base64|\r\n|\r\n\r\n|--b\r\n|--b--|[a-z:=\u{fc} \r\n-]){0,40}")
    {
        if let Ok(out) = convert(message.as_bytes()) {
            // What fits stays fit: a second conversion has nothing to do.
            prop_assert_eq!(convert(&out).unwrap(), out);
        }
    }

    #[test]
    fn decoded_content_is_the_same(
        parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 1..5))
    {
        let mut message = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n".to_vec();
        for (is_text, content) in &parts {
            let kind: &[u8] = if *is_text { b"text/plain; charset=utf-8" } else { b"application/octet-stream" };
            message.extend_from_slice(&[b"--=_b\r\nContent-Type: ", kind, b"\r\nContent-Transfer-Encoding: binary\r\n\r\n", content, b"\r\n"].concat());
        }
        message.extend_from_slice(b"--=_b--\r\n");
        let out = convert(&message).unwrap();
        let got: Vec<Vec<u8>> = MessageParser::default().parse(&out).unwrap().parts.iter().skip(1).map(|part| {
            let start = part.raw_body_offset() as usize;
            let raw = &out[start..part.raw_end_offset() as usize];
            match part.content_transfer_encoding() {
                Some("base64") => mail_parser::decoders::base64::base64_decode(raw).unwrap_or_default(),
                Some("quoted-printable") => mail_parser::decoders::quoted_printable::quoted_printable_decode(raw).unwrap_or_default(),
                _ => raw.to_vec(),
            }
        }).collect();
        let want: Vec<Vec<u8>> = parts.into_iter().map(|(_, content)| content).collect();
        prop_assert_eq!(got, want);
    }
}
