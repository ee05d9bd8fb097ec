use std::os::unix::net::UnixDatagram;

use super::escape::value;
use super::*;

fn escaped(text: &str) -> String {
    let mut out = String::new();
    value(&mut out, text);
    out
}

/// I7: one line, no control reaches it, values end where they end.
#[test]
fn values_are_escaped() {
    let table = [
        ("bob@example.org", "bob@example.org"),
        ("", "\"\""),
        ("a b", "\"a b\""),
        ("x=y", "\"x=y\""),
        ("say \"hi\"", "\"say \\\"hi\\\"\""),
        ("a\\b", "\"a\\\\b\""),
        ("a\nsent id=0", "\"a\\nsent id=0\""),
        ("a\r\tb", "\"a\\r\\tb\""),
        ("\u{1b}[2J\u{7}", "\"\\x1b[2J\\x07\""),
        ("\u{7f}", "\"\\x7f\""),
        ("\u{9b}31m", "\"\\u{9b}31m\""),
        ("\u{202e}gro.elpmaxe", "\"\\u{202e}gro.elpmaxe\""),
        (
            "\u{2066}\u{200b}\u{feff}\u{2028}",
            "\"\\u{2066}\\u{200b}\\u{feff}\\u{2028}\"",
        ),
        ("\u{85}", "\"\\u{85}\""),
        ("jürgen@bücher.example", "jürgen@bücher.example"),
    ];
    for (text, shown) in table {
        assert_eq!(escaped(text), shown, "{text:?}");
    }
    assert_eq!(
        escaped(&Octets(b"a\xff\xfeb").to_string()),
        "a\u{fffd}\u{fffd}b"
    );
}

#[test]
fn long_values_are_cut_and_say_so() {
    let shown = escaped(&"x".repeat(100_000));
    assert_eq!(shown.len(), 1005);
    assert!(shown.ends_with("x...\""));
    let long = "\u{1b}".repeat(5000);
    let pairs: Vec<(&str, &dyn Display)> = (0..50).map(|_| ("k", &long as &dyn Display)).collect();
    assert!(line("e", &pairs).len() < LONGEST_LINE + 5000);
}

/// I8: what goes to a terminal; a plain text stays as it is.
#[test]
fn text_for_a_terminal() {
    assert_eq!(printable("C:\\dir \"x\""), "C:\\dir \"x\"");
    assert_eq!(printable("\u{1b}]0;owned\u{7}"), "\\x1b]0;owned\\x07");
    assert_eq!(printable("a\u{202e}b\\"), "a\\u{202e}b\\\\");
}

#[test]
fn a_line_has_its_keys_in_order() {
    let pairs: [(&str, &dyn Display); 3] = [("id", &"01J9"), ("to", &"a b"), ("size", &7)];
    assert_eq!(line("sent", &pairs), "sent id=01J9 to=\"a b\" size=7");
}

/// The page and scripts that read the log rely on it: names and keys are plain
/// words, a name and a key in a line occur once.
#[test]
fn events_and_keys_are_plain_words() {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let mut names = std::collections::HashSet::new();
    for event in EVENTS {
        assert!(plain(event.name) && names.insert(event.name), "{event:?}");
        let mut keys = std::collections::HashSet::new();
        let all = event.keys.iter().all(|key| plain(key) && keys.insert(*key));
        assert!(all, "{event:?}");
        // What fails is for an administrator to mend.
        let fails = ["-failed", "-error", "-defect"];
        assert!(
            fails.iter().all(|end| !event.name.ends_with(end)) || event.severity == Severity::Error,
            "{event:?}"
        );
    }
}

/// RFC 3164 section 4.1: priority of mail, time, tag with process.
#[test]
fn syslog_gets_a_datagram_a_line_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let mut socket = None;
    let text = sink::datagram(Severity::Warning, "smtp-queue", "deferred id=0");
    sink::send(&mut socket, &path, &text);
    let mut buffer = [0; 500];
    let read = daemon.recv(&mut buffer).unwrap();
    let got = std::str::from_utf8(&buffer[..read]).unwrap();
    let tail = format!(" smtp-queue[{}]: deferred id=0", std::process::id());
    assert!(got.starts_with("<20>") && got.ends_with(&tail), "{got}");
    assert_eq!(got.len(), 4 + "Nov 21 23:26:14".len() + tail.len());
    drop(daemon);
    std::fs::remove_file(&path).unwrap();
    // Nobody there: nothing happens.
    sink::send(&mut socket, &path, &text);
    let daemon = UnixDatagram::bind(&path).unwrap();
    sink::send(&mut socket, &path, &text);
    assert_eq!(daemon.recv(&mut buffer).unwrap(), read);
}

/// A daemon that doesn't read costs a moment, never the mail.
#[test]
fn a_full_socket_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let _daemon = UnixDatagram::bind(&path).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.connect(&path).unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send(b"x").is_ok() {}
    sink::send(&mut None, &path, "line");
}

proptest::proptest! {
    /// I7: whatever comes in, one line of visible characters goes out, and the
    /// value's end can be found.
    #[test]
    fn nothing_breaks_out(text: String) {
        let shown = escaped(&text);
        assert!(!shown.chars().any(char::is_control));
        if shown.starts_with('"') {
            let inner = shown[1..shown.len() - 1].replace("\\\\", "").replace("\\\"", "");
            assert!(!inner.contains('"'), "{shown}");
        } else {
            assert!(!shown.contains(['"', ' ', '=']), "{shown}");
        }
    }
}

/// The same as an object: I7 and I8 hold there too.
#[test]
fn a_line_as_json() {
    let time = jiff::Timestamp::from_millisecond(1_000).unwrap();
    let pairs: [(&str, &dyn Display); 2] = [("id", &"1D4"), ("from", &"a\n\u{202e}\u{1b}\"@b")];
    assert_eq!(
        object(time, Severity::Info, "received", &pairs),
        r#"{"event":"received","from":"a\n\u202e\u001b\"@b","id":"1D4","severity":"info","time":"1970-01-01T00:00:01.000Z","v":1}"#
    );
}
