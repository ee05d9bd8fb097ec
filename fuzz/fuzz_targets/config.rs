//! The configuration: no text makes the reader panic, and no error repeats what
//! stands in the file, which may be a password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::config::Config;

/// Put into the text, so that it is noticed if it comes out.
const SECRET: &str = "Zq7Xk";

// The first two octets are where the secret goes.
fuzz_target!(|data: &[u8]| {
    let Some((place, text)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    check(text);
    let mut at = usize::from(u16::from_le_bytes(*place)) % (text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (before, after) = text.split_at(at);
    check(&format!("{before}{SECRET}{after}"));
});

fn check(text: &str) {
    if let Err(error) = Config::parse("config.toml", text) {
        let said = error.to_string();
        assert!(said.starts_with("config.toml"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}
