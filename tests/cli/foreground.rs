//! `-odi`, `-v`, `-bv`, `-n`: with the real `smtp-queue` at work.

use super::sandbox::*;

const MESSAGE: &str = "Subject: x\n\nhello\n";

/// Domains that deliver, refuse in three ways, and wait.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let queue = env!("CARGO_BIN_EXE_smtp-queue");
    sandbox.write_program("smtp-queue", &format!("exec {queue} \"$@\"\n"));
    let route =
        |domain: &str, to: &str| format!("[[route]]\nmatch = \"{domain}\"\nto = \"{to}\"\n");
    let routes = [
        route("yes.example", "discard:"),
        route("user.example", "error:5.1.1 no such user"),
        route("host.example", "error:5.1.2 no such host"),
        route("policy.example", "error:5.7.1 not here"),
        // Nobody listens there.
        route("later.example", "smtp://[127.0.0.1]:1"),
    ];
    sandbox.configure(&routes.concat());
    sandbox
}

/// Section 6: refused for all recipients in an attempt that was waited for.
#[test]
fn a_refusal_of_all_is_told_and_goes_back() {
    let sandbox = sandbox();
    for (recipients, code, word) in [
        (&["a@user.example"][..], 67, "no such user"),
        (&["a@user.example", "b@user.example"], 67, "(and 1 more)"),
        (&["a@host.example"], 68, "no such host"),
        (&["a@policy.example"], 69, "5.7.1 not here"),
        (&["a@host.example", "b@user.example"], 69, "no such host"),
    ] {
        let args = [&["-odi", "-f", "me@yes.example"], recipients].concat();
        assert_refused(&sandbox.sendmail(&args, MESSAGE), code, word);
        let output = sandbox.sendmail(&[&["-oeq"], &args[..]].concat(), MESSAGE);
        assert_silent(&output, code);
        // 0 with -oee: the report is queued, or sent by now.
        let output = sandbox.sendmail(&[&["-oee"], &args[..]].concat(), MESSAGE);
        assert_silent(&output, 0);
    }
}

/// Whoever sends again after a status that is not 0 must not send twice.
#[test]
fn what_somebody_got_or_may_get_is_0() {
    let sandbox = sandbox();
    for recipients in [
        &["a@yes.example"][..],
        &["a@yes.example", "b@user.example"],
        &["a@later.example"],
        &["a@later.example", "b@user.example"],
    ] {
        let args = [&["-odi", "-f", "me@yes.example"], recipients].concat();
        assert_silent(&sandbox.sendmail(&args, MESSAGE), 0);
    }
}

#[test]
fn verbose_tells_a_line_for_each_recipient() {
    let sandbox = sandbox();
    let args = ["-v", "a@yes.example", "b@later.example", "c@user.example"];
    let output = sandbox.sendmail(&args, MESSAGE);
    assert_eq!((stdout(&output), status(&output)), (String::new(), 0));
    let text = stderr(&output);
    let is_ours = |line: &&str| line.starts_with("sendmail: ");
    let lines: Vec<&str> = text.lines().filter(is_ours).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(text.contains("** connect to 127.0.0.1"), "{text}");
    assert!(lines[0].starts_with("sendmail: a@yes.example: delivered: 2.0.0 "));
    assert!(lines[1].starts_with("sendmail: b@later.example: deferred, stays queued"));
    assert!(lines[1].contains("127.0.0.1"), "{text}");
    assert!(lines[2].starts_with("sendmail: c@user.example: refused: 5.1.1 "));
}

/// `-bv`: one line an address, nothing sent; 67 where one leads nowhere.
#[test]
fn verify_answers_for_each_address() {
    let sandbox = sandbox();
    let verify = |args: &[&str]| sandbox.sendmail(&[&["-bv"], args].concat(), "");
    let output = verify(&["a@yes.example", "b@later.example"]);
    assert_eq!((stderr(&output), status(&output)), (String::new(), 0));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("a@yes.example: deliverable by discard:\n"));
    for bad in ["b@user.example", "b@host.example", "b@policy.example"] {
        let output = verify(&[bad, "a@yes.example"]);
        assert_eq!((stderr(&output), status(&output)), (String::new(), 67));
        let text = stdout(&output);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.starts_with(&format!("{bad}: not deliverable: 5.")),
            "{text}"
        );
    }
    assert!(sandbox.queued().is_empty());
}

/// `-n`: an alias would lead elsewhere.
#[test]
fn no_aliases_for_this_message() {
    let sandbox = sandbox();
    let file = sandbox.path("aliases");
    std::fs::write(&file, "bob: b@user.example\n").unwrap();
    let config = std::fs::read_to_string(sandbox.path("config.toml")).unwrap();
    let named = format!("aliases = [\"{}\"]\nlocal = \"discard:\"", file.display());
    let config = config.replace("aliases = []", &named);
    std::fs::write(sandbox.path("config.toml"), config).unwrap();
    let send = |args: &[&str]| {
        let args = [args, &["-odi", "-f", "me@yes.example", "bob"]].concat();
        sandbox.sendmail(&args, MESSAGE)
    };
    assert_refused(&send(&[]), 67, "b@user.example");
    assert_silent(&send(&["-n"]), 0);
}
