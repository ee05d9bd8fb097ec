//! The listing as monitoring reads it (section 5.4).

use super::sandbox::*;

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn an_empty_queue_is_one_line() {
    let sandbox = Sandbox::new();
    for (name, args) in [
        ("mailq", &[][..]),
        ("sendmail", &["-bp"]),
        ("mailq", &["-v", "-Ac"]),
    ] {
        let output = sandbox.run(name, args, "");
        assert_eq!(stdout(&output), "Mail queue is empty\n");
        assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    }
}

/// check_mailq (both modes), Linuxfabrik, and the shell idioms.
#[test]
fn every_known_parser_counts_two() {
    let sandbox = Sandbox::new();
    sandbox.sendmail(
        &["-odq", "-f", "s@d.example", "a@d.example", "b@d.example"],
        "\nx\n",
    );
    sandbox.sendmail(&["-odq", "-f", "<>", "F00D@d.example"], "\nx\n");
    let output = sandbox.run("mailq", &[], "");
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let text = stdout(&output);
    let lines = lines(&text);
    let last = lines[lines.len() - 1];
    assert!(
        last.starts_with("-- ") && last.ends_with(" Kbytes in 2 Requests."),
        "{last}"
    );
    assert_eq!(
        last.split_whitespace().nth(4),
        Some("2"),
        "awk '{{print $5}}'"
    );
    assert_eq!(lines[lines.len() - 2], "\t\tTotal requests: 2");
    let hex = |l: &&&str| l.starts_with(|c: char| matches!(c, '0'..='9' | 'A'..='F'));
    assert_eq!(lines.iter().filter(hex).count(), 2, "grep -c '^[A-F0-9]'");
    assert!(lines[0].starts_with('-'));
    for queued in lines.iter().filter(hex) {
        let words: Vec<&str> = queued.split_whitespace().collect();
        assert_eq!(
            words.len(),
            7,
            "id size day month day time sender: {queued}"
        );
        assert!(words[1].parse::<u64>().is_ok());
    }
    let blocks: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(blocks.len(), 3, "blocks between blank lines");
    assert!(text.contains(&format!(
        "\n{}a@d.example\n{}b@d.example\n",
        " ".repeat(47),
        " ".repeat(47)
    )));
    assert!(text.contains(" MAILER-DAEMON\n"));
}

#[test]
fn the_total_line_is_a_setting() {
    let sandbox = Sandbox::new();
    sandbox.configure("mailq_total = false");
    sandbox.sendmail(&["-odq", "x"], "\nx\n");
    assert!(!stdout(&sandbox.run("mailq", &[], "")).contains("Total"));
}

/// A reader that stops early is no error (`mailq | head -1`).
#[test]
fn broken_pipe_ends_quietly() {
    let sandbox = Sandbox::new();
    sandbox.sendmail(&["-odq", "x"], "\nx\n");
    let mut child = sandbox.command("mailq", &[]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
}
