use mail_parser::MessageParser;
use proptest::prelude::*;

use super::*;

#[test]
fn names_are_quoted_or_encoded_as_they_need() {
    let table = [
        ("", ""),
        (" \r\n\t", ""),
        ("Jane Doe", "Jane Doe"),
        ("Cron\r\nBcc: evil@x", "\"Cron Bcc: evil@x\""),
        ("J. Doe", "\"J. Doe\""),
        ("(Cron Daemon)", "\"(Cron Daemon)\""),
        ("a \"b\" \\", "\"a \\\"b\\\" \\\\\""),
        ("=?utf-8?q?x?=", "\"=?utf-8?q?x?=\""),
        ("J\u{fc}rgen Doe", "=?utf-8?Q?J=C3=BCrgen_Doe?="),
    ];
    for (name, want) in table {
        assert_eq!(words(name).join(" "), want, "{name:?}");
    }
}

proptest! {
    /// H5, I2: any name is one line's worth of a field and reads back.
    #[test]
    fn any_name_reads_back(name in "\\PC{0,120}|[a-z\"\\\\(). ]{0,90}|[\r\n\0 a-z:]{0,20}") {
        let words = words(&name);
        let plain: Vec<&str> = name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        for word in &words {
            prop_assert!(word.is_ascii() && word.len() <= ENCODED_WORD.max(LONGEST_WORD * 2 + 2));
            prop_assert!(!word.contains(|c: char| c.is_control() || c == ' '));
        }
        let field = crate::message::fold::field("From", words.into_iter().chain(["<a@x.example>".to_owned()]));
        prop_assert!(field.split("\r\n").all(|line| line.len() <= 998));
        let text = format!("{field}\r\n");
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        let from = message.from().unwrap().first().unwrap();
        prop_assert_eq!(from.address(), Some("a@x.example"));
        prop_assert_eq!(from.name().unwrap_or_default(), plain.join(" "));
    }
}
