//! How the program begins and ends.

use std::fs;
use std::process::Command;

use crate::site::Site;

#[test]
fn sv_61_sigterm_says_421_and_ends_well() {
    let site = Site::with_bob("");
    let mut server = site.start();
    let mut client = server.hello();
    let status = server.terminate();
    assert!(client.line().starts_with("421 4.3.2"));
    assert_eq!(client.line(), "");
    assert_eq!(status.code(), Some(0));
}

/// What a program says on stderr, and its status.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn wrong_calls_end_before_any_effect() {
    let site = Site::with_bob("");
    let cases: [(&[&str], i32, &str); 7] = [
        (&[], 64, "nothing to listen on"),
        (&["--listen", "nowhere"], 64, "no place to listen"),
        (
            &["--listen", "lmtp://127.0.0.1:0"],
            64,
            "no place to listen",
        ),
        (&["--frobnicate"], 64, "--frobnicate"),
        (
            &["--stdin", "--listen", "127.0.0.1:0"],
            64,
            "cannot be used with",
        ),
        (
            &["--stdin", "--relay-from", "10.0.0.0/99"],
            64,
            "10.0.0.0/99",
        ),
        (
            &["--listen", "smtps://127.0.0.1:0"],
            78,
            "needs tls.certificate",
        ),
    ];
    for (args, status, words) in cases {
        let (code, said) = outcome(site.command().args(args));
        assert_eq!(code, Some(status), "{args:?}: {said}");
        assert!(
            said.starts_with("smtp-serve: ") && said.contains(words),
            "{args:?}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(!site.spool_path().exists());
    let (code, said) =
        outcome(Command::new(site.program()).args(["--config", "/nowhere", "--stdin"]));
    assert_eq!(code, Some(78), "{said}");
}

#[test]
fn a_key_of_another_certificate_is_a_wrong_configuration() {
    let site = Site::with_bob("");
    let file = |name: &str, octets: &[u8]| {
        let path = site.dir.path().join(name);
        fs::write(&path, octets).unwrap();
        path
    };
    let certificate = file("cert.pem", &crate::certificate::make("mx.b.example").0);
    let key = file("key.pem", &crate::certificate::make("mx.b.example").1);
    let mut command = site.command();
    command
        .args(["--listen", "127.0.0.1:0", "--tls-certificate"])
        .arg(certificate);
    let (code, said) = outcome(command.arg("--tls-key").arg(key));
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("does not belong"), "{said}");
}

/// Only root can show this; for others there is nothing to give up.
#[test]
fn root_is_given_up_before_a_stranger_is_heard() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::with_bob("");
    let server = site.start();
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    assert!(field("Uid:").iter().all(|uid| uid != "0"), "{status}");
    assert!(field("Gid:").iter().all(|gid| gid != "0"), "{status}");
    assert_eq!(field("Groups:"), Vec::<String>::new());
    assert_eq!(field("CapPrm:"), ["0000000000000000"]);
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    server.hello().expect("NOOP", "250");

    // A spool that is root's own would need root to write it.
    let site = Site::with_bob("");
    fs::create_dir(site.spool_path()).unwrap();
    let (code, said) = outcome(site.command().args(["--listen", "127.0.0.1:0"]));
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("belongs to root"), "{said}");
}
