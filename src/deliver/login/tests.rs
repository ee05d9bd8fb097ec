use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

fn found(text: &str, host: &str, user: Option<&str>) -> Result<(String, String), String> {
    netrc::find(text, host, user).map(|(u, s)| (u, s.text().unwrap().to_string()))
}

fn pair(user: &str, secret: &str) -> Result<(String, String), String> {
    Ok((user.to_string(), secret.to_string()))
}

#[test]
fn netrc_in_every_layout() {
    let text = "# comment machine x\nmachine a.example login ann password one\n\
                machine A.example\n\tlogin bob\n\tpassword \"two words\\\"\"\n\
                macdef init\ncd /tmp\nmachine evil login x password y\n\n\
                machine b.example account z password #3 login carol\n\
                default login anonymous password me@";
    assert_eq!(found(text, "a.example", None), pair("ann", "one"));
    assert_eq!(
        found(text, "a.example", Some("bob")),
        pair("bob", "two words\"")
    );
    assert_eq!(found(text, "B.EXAMPLE", None), pair("carol", "#3"));
    assert_eq!(found(text, "evil", None), pair("anonymous", "me@"));
    assert!(found(text, "a.example", Some("eve")).is_err());
    // A password without a name is for whoever is configured.
    let bare = "machine a.example password three";
    assert_eq!(found(bare, "a.example", Some("ann")), pair("ann", "three"));
    assert!(found(bare, "a.example", None).is_err());
    for odd in [
        "machine",
        "machine a login \"x",
        "machine a hunter2",
        "hunter2",
    ] {
        let why = found(odd, "a", None).unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
    }
    assert!(found("", "a", None).is_err());
}

proptest::proptest! {
    #[test]
    fn any_netrc_is_answered(text in "[a-z \\n\"#\\\\é]{0,60}|(machine|login|password|macdef|[a \\n]){0,12}") {
        let _ = netrc::find(&text, "a", None);
        let _ = netrc::find(&text, "a", Some("a"));
    }
}

fn file(dir: &Path, text: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(format!("secret-{mode:o}-{}", text.len()));
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// Issue 3: a file that others may read is refused, and says how to mend it.
#[test]
fn a_secret_file_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), b"s3cret\r\nsecond line\n", 0o600);
    assert_eq!(of_file(&good).unwrap(), "s3cret".into());
    assert_eq!(of_file(&file(dir.path(), b"x", 0o640)).unwrap(), "x".into());
    let why = of_file(&file(dir.path(), b"hunter2\n", 0o644)).unwrap_err();
    assert!(why.to_string().contains("chmod o="), "{why}");
    for (text, mode) in [(&b""[..], 0o600), (b"\n", 0o600), (b"a\0b", 0o600)] {
        assert!(of_file(&file(dir.path(), text, mode)).is_err());
    }
    assert!(of_file(dir.path()).is_err());
    assert!(of_file(&dir.path().join("none")).is_err());
    assert!(of_file(&file(dir.path(), &[b'x'; 70_000], 0o600)).is_err());
}

fn run<F: Future>(work: F) -> F::Output {
    let runtime = super::super::runtime().unwrap();
    runtime.block_on(work)
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|w| (*w).to_string()).collect()
}

#[test]
fn a_program_tells_the_secret() {
    let asked = |text: &[&str]| run(of_command(&words(text)));
    assert_eq!(asked(&["printf", "tok en\nmore"]).unwrap(), "tok en".into());
    // No shell.
    assert_eq!(
        asked(&["echo", "$HOME;", "`id`"]).unwrap(),
        "$HOME; `id`".into()
    );
    for bad in [&["false"][..], &["true"], &["/nonexistent/program"]] {
        let why = asked(bad).unwrap_err();
        assert!(why.to_string().contains(bad[0]), "{why}");
    }
    // More than anybody reads does not hang.
    assert!(asked(&["head", "-c", "300000", "/dev/zero"]).is_err());
}

fn remote(access: Access) -> Remote {
    Remote {
        place: Place::Host {
            name: "mail.example".into(),
            port: 587,
            implicit_tls: false,
            lmtp: false,
        },
        tls: crate::route::transport::TlsPolicy::Required,
        access: Arc::new(access),
        route: "submission://mail.example:587".into(),
    }
}

#[test]
fn a_login_from_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), b"one\n", 0o600);
    let access = Access {
        user: Some("ann".into()),
        secret: Some(SecretSource::File(path.clone())),
        ..Access::default()
    };
    let logins = Logins::default();
    let get = |access: &Access| run(logins.get(&remote(access.clone())));
    let login = get(&access).unwrap().unwrap();
    assert_eq!(
        (login.user.as_str(), &login.secret),
        ("ann", &Some("one".into()))
    );
    // Kept, until it is refused.
    fs::write(&path, "two\n").unwrap();
    assert_eq!(get(&access).unwrap().unwrap().secret, Some("one".into()));
    logins.forget(&remote(access.clone()));
    assert_eq!(get(&access).unwrap().unwrap().secret, Some("two".into()));
    // Nobody at the terminal, nothing configured.
    let nothing = Access {
        secret: None,
        ..access
    };
    let why = get(&nothing).unwrap_err().to_string();
    assert!(why.contains("ann") && why.contains("mail.example"), "{why}");
    assert_eq!(get(&Access::default()).unwrap(), None);
}
