use super::*;

#[test]
fn fields_fold_between_items() {
    assert_eq!(field("A", ["b", "c"]), "A: b c\r\n");
    let long = "x".repeat(50);
    assert_eq!(
        field("A", [&long, &long]),
        format!("A: {long}\r\n {long}\r\n")
    );
    let wide = "x".repeat(100);
    assert_eq!(
        field("A", [wide.as_str(), "b"]),
        format!("A: {wide}\r\n b\r\n")
    );
    let just = "x".repeat(WIDTH - 5);
    assert_eq!(field("A", [just.as_str(), "b"]), format!("A: {just} b\r\n"));
}

#[test]
fn control_characters_do_not_pass() {
    assert_eq!(printable("a\r\nBcc: b\0\u{85}"), "a??Bcc: b??");
}
