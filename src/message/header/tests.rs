use proptest::prelude::*;

use super::*;

fn ends(text: &str) -> (String, String) {
    let (header, body) = split(text.as_bytes(), true).unwrap();
    (text[..header].to_owned(), text[body..].to_owned())
}

#[test]
fn header_ends_where_section_4_1_says() {
    let table = [
        // (message, header, body)
        (
            "A: 1\r\nB: 2\r\n\r\nbody\r\n",
            "A: 1\r\nB: 2\r\n",
            "body\r\n",
        ),
        ("A: 1\nB: 2\n\nbody\n", "A: 1\nB: 2\n", "body\n"),
        (
            "A: 1\r\n folded\r\n\tmore\r\n\r\nx",
            "A: 1\r\n folded\r\n\tmore\r\n",
            "x",
        ),
        ("hi\r\n", "", "hi\r\n"),
        ("hi", "", "hi"),
        ("", "", ""),
        ("\r\nbody", "", "body"),
        (
            "A: 1\r\nno field\r\nB: 2\r\n\r\n",
            "A: 1\r\n",
            "no field\r\nB: 2\r\n\r\n",
        ),
        (" starts blank\r\nA: 1\r\n", "", " starts blank\r\nA: 1\r\n"),
        ("To : x\r\n\r\nb", "To : x\r\n", "b"),
        (": x\r\n\r\nb", "", ": x\r\n\r\nb"),
        ("A: 1", "A: 1", ""),
        ("A: 1\r\nSubj", "A: 1\r\n", "Subj"),
        (
            "From a@x Sat\r\n>From b\r\n>>From c\r\nA: 1\r\n\r\nb",
            "From a@x Sat\r\n>From b\r\n>>From c\r\nA: 1\r\n",
            "b",
        ),
        ("From : a@x\r\nA: 1\r\n\r\nb", "From : a@x\r\nA: 1\r\n", "b"),
        (
            "A: 1\r\nFrom a@x Sat\r\n\r\nb",
            "A: 1\r\n",
            "From a@x Sat\r\n\r\nb",
        ),
        ("From a\r\n folded\r\n", "From a\r\n", " folded\r\n"),
        ("A: 1\r\n\rB: 2\r\n", "A: 1\r\n", "\rB: 2\r\n"),
        ("Sub\u{e9}ject: x\r\n", "", "Sub\u{e9}ject: x\r\n"),
        ("A: 1\r\n \r\n\r\nb", "A: 1\r\n \r\n", "b"),
    ];
    for (message, header, body) in table {
        assert_eq!(
            ends(message),
            (header.to_owned(), body.to_owned()),
            "{message:?}"
        );
    }
}

#[test]
fn undecided_while_input_could_change_it() {
    assert_eq!(split(b"A: 1\r\n", false), None);
    assert_eq!(split(b"A: 1\r\n\r", false), None);
    assert_eq!(split(b"A: 1\r\n\r\n", false), Some((6, 8)));
    assert_eq!(split(b"A: 1\r\nfoo", false), None);
    assert_eq!(split(b"A: 1\r\nfoo b", false), Some((6, 6)));
}

#[test]
fn fields_tell_name_and_value() {
    let header = b"From x\r\nSubject : a\r\n b\r\nx:\r\n";
    let all: Vec<_> = fields(header).collect();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].name, b"");
    assert!(all[1].is("sUBJECT") && !all[1].is("Subjec"));
    assert_eq!(all[1].value, b" a\r\n b\r\n");
    assert_eq!(all[2].value, b"\r\n");
    assert!(all[1].has_prefix("SUB") && !all[2].has_prefix("Subject"));
}

/// R7: 100,000 fields, a field of 1 MB, a name of 1 MB, read octet by octet.
#[test]
fn large_headers_take_linear_time() {
    let many = b"X-Field: value\r\n".repeat(100_000);
    assert_eq!(fields(&many).count(), 100_000);
    let wide = [b"A:".to_vec(), b" x\r\n".repeat(500_000), b"\r\nb".to_vec()].concat();
    let mut scanner = Scanner::new();
    let end = wide
        .chunks(1)
        .find_map(|octet| scanner.push(octet))
        .unwrap();
    assert_eq!(
        end,
        End {
            header: wide.len() as u64 - 3,
            body: wide.len() as u64 - 1
        }
    );
    let name = vec![b'n'; 1 << 20];
    assert_eq!(split(&name, true), Some((0, 0)));
}

proptest! {
    #[test]
    fn fields_together_are_the_header(text in "(?s)([A-Za-z:> \t]|\r\n|\n|.){0,80}") {
        let joined: Vec<u8> = fields(text.as_bytes()).flat_map(|f| f.raw.to_vec()).collect();
        prop_assert_eq!(joined, text.as_bytes());
    }

    #[test]
    fn cutting_changes_nothing(text in "([A-Fr:> \t]|From |\r\n|\r|\n){0,40}", cut in 0_usize..40) {
        let cut = cut.min(text.len());
        let mut scanner = Scanner::new();
        scanner.push(&text.as_bytes()[..cut]);
        scanner.push(&text.as_bytes()[cut..]);
        let end = scanner.finish();
        prop_assert_eq!(Some((end.header as usize, end.body as usize)), split(text.as_bytes(), true));
    }

    /// What is called header holds nothing but fields, folding and mbox lines.
    #[test]
    fn header_is_fields(text in "([A-F:> \t]|From |\r\n){0,40}") {
        let (header, body) = split(text.as_bytes(), true).unwrap();
        prop_assert!(header <= body && body <= text.len());
        prop_assert!(body - header <= 2);
        for field in fields(&text.as_bytes()[..header]) {
            prop_assert!(!field.name.is_empty() || field.raw.trim_ascii_start().starts_with(b"From ")
                || field.raw.starts_with(b">"), "{:?}", field);
        }
    }
}
