use super::*;

const ATTEMPT: &str = r#"{"v":1,"kind":"attempt","time":"2026-11-21T21:00:00Z","target":3,"result":"deferred","status":"4.2.1","text":"450 busy","ms":7}"#;

fn read(text: &str) -> std::result::Result<State, String> {
    let mut state = State::default();
    state.read(text.as_bytes()).map(|()| state)
}

#[test]
fn lines_have_the_documented_form() {
    let state = read(&format!("{ATTEMPT}\n")).unwrap();
    let mut octets = Vec::new();
    lines::push(&mut octets, Line::Attempt(state.attempts[0].clone())).unwrap();
    let text = String::from_utf8(octets).unwrap();
    assert_eq!(text.trim_end().replace(r#""remote":false,"#, ""), ATTEMPT);
}

#[test]
fn a_torn_last_line_never_happened() {
    let state = read(&format!("{ATTEMPT}\n{ATTEMPT}")).unwrap();
    assert_eq!(state.attempts.len(), 1);
}

#[test]
fn unknown_kinds_are_left_out_and_damaged_lines_are_errors() {
    let later = r#"{"v":1,"kind":"later","x":[1]}"#;
    assert_eq!(
        read(&format!("{later}\n{ATTEMPT}\n"))
            .unwrap()
            .attempts
            .len(),
        1
    );
    for bad in ["nonsense", "{}", "\0\0", r#"{"v":1,"kind":"attempt"}"#] {
        assert!(read(&format!("{bad}\n")).is_err(), "{bad:?}");
    }
}

/// A failure after a deferral is final; a deferral after that reopens nothing
/// by itself, but it is the last word.
#[test]
fn the_last_result_of_a_target_counts() {
    let line = |target: u32, result: &str| {
        format!(
            r#"{{"v":1,"kind":"attempt","time":"2026-11-21T21:00:00Z","target":{target},"result":"{result}","status":"","text":"","ms":1}}"#
        ) + "\n"
    };
    let text = [
        line(0, "deferred"),
        line(1, "delivered"),
        line(0, "failed"),
        line(2, "unknown"),
    ];
    let state = read(&text.concat()).unwrap();
    assert!(state.settled(0).is_some());
    assert!(state.settled(1).is_some());
    assert!(state.settled(2).is_none());
    assert!(state.settled(3).is_none());
    let last = state.last(4);
    assert_eq!(last[0].unwrap().result, Outcome::Failed);
    assert!(last[3].is_none());
}
