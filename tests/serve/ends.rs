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
        (&["--listen", "pop://127.0.0.1:0"], 64, "no place to listen"),
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

/// What is wrong around it is told in one line that says what, where, and what
/// to do; nothing listens then.
#[test]
fn what_is_wrong_at_the_start_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let site = Site::with_bob("");
    let file = |name: &str, octets: &[u8]| {
        let path = site.dir.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (certificate, key) = crate::certificate::make("mx.b.example");
    let (certificate, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let (garbage, plain) = (file("garbage", b"-----BEGIN\n"), file("plain", b""));
    let inside = format!("{plain}/spool");
    let unreadable = file("bad.toml", b"\xff\xfe");
    let any = "127.0.0.1:0";
    let cases: [(&[&str], i32, &[&str]); 13] = [
        (&["--listen", &taken], 71, &[&taken, "another port"]),
        (
            &["--listen", "192.0.2.1:25"],
            71,
            &["192.0.2.1:25", "address of this host"],
        ),
        (
            &["--listen", "127.0.0.1:70000"],
            64,
            &["127.0.0.1:70000", "HOST:PORT"],
        ),
        (
            &[
                "--listen",
                any,
                "--tls-certificate",
                "/nowhere",
                "--tls-key",
                &key,
            ],
            78,
            &["/nowhere", "cannot be read"],
        ),
        (
            &[
                "--listen",
                any,
                "--tls-certificate",
                &certificate,
                "--tls-key",
                &garbage,
            ],
            78,
            &["garbage", "not a PEM private key"],
        ),
        (
            &[
                "--listen",
                any,
                "--tls-certificate",
                &plain,
                "--tls-key",
                &key,
            ],
            78,
            &["plain", "no certificate"],
        ),
        (
            &["--listen", any, "--tls-certificate", &certificate],
            78,
            &["tls.key", "together"],
        ),
        (
            &["--listen", any, "--spool", &inside],
            73,
            &["spool", &inside],
        ),
        (
            &["--listen", any, "--hostname", "a b"],
            65,
            &["--hostname a b"],
        ),
        (
            &["--listen", any, "--hostname", "a\r\nMAIL"],
            65,
            &["--hostname", "control"],
        ),
        (&["--listen", any, "--hostname", ""], 65, &["--hostname"]),
        (
            &["--listen", any, "--config", &unreadable],
            64,
            &["--config"],
        ),
        (&["--stdin", "--spool", &inside], 73, &["spool", &inside]),
    ];
    for (args, status, words) in cases {
        let (code, said) = outcome(site.command().args(args));
        assert_eq!(code, Some(status), "{args:?}: {said}");
        assert!(said.starts_with("smtp-serve: "), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{args:?}: {said}");
        }
    }
    let mut command = Command::new(site.program());
    let (code, said) = outcome(command.args(["--stdin", "--config", &unreadable]));
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("bad.toml") && said.lines().count() == 1,
        "{said}"
    );
    assert!(!site.spool_path().exists());
}

/// A port that only root may open, asked for by somebody else.
#[test]
fn a_port_of_roots_is_77() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|n| n.trim() == "0") || !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::with_bob("");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["--inh-caps=-all", "--bounding-set=-all"]);
    command
        .arg(site.program())
        .arg("--config")
        .arg(site.config());
    let (code, said) = outcome(command.args(["--listen", "127.0.0.1:25"]));
    assert_eq!(code, Some(77), "{said}");
    assert!(
        said.contains("127.0.0.1:25") && said.contains("root's"),
        "{said}"
    );
}

#[test]
fn a_spool_of_roots_is_not_served() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // A spool that is root's own would need root to write it.
    let site = Site::with_bob("");
    fs::create_dir(site.spool_path()).unwrap();
    let (code, said) = outcome(site.command().args(["--listen", "127.0.0.1:0"]));
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("belongs to root"), "{said}");
}
