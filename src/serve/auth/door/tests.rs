use super::*;
use crate::config::Config;
use crate::serve::auth::users::Kinds;

fn config(text: &str) -> Config {
    Config::parse("c", text).unwrap()
}

fn door(dir: &Path, more: &str) -> Door {
    let path = dir.join("users");
    file::change(&path, None, |users| {
        users
            .set("ann", &"s3cret".into(), Kinds::default())
            .unwrap();
        Ok::<_, file::FileError>(())
    })
    .unwrap();
    let text = format!("[auth]\nusers = {path:?}\n{more}");
    Door::open(&config(&text)).unwrap().unwrap()
}

fn plain(login: &mut dyn Login, user: &str, password: &str) -> String {
    let words = Secret::from(format!("\0{user}\0{password}"));
    match login.step(&AuthStep::Begin(Mechanism::Plain, Some(words))) {
        Answer::User(user) => user,
        Answer::Reply(reply) => reply.to_string(),
        other => panic!("{other:?}"),
    }
}

/// P7: each failure of an address takes longer, and at some point it is no more
/// listened to; others are.
#[test]
fn guessing_takes_time_and_comes_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let door = door(dir.path(), "delay = \"2s\"");
    let address: IpAddr = "2001:db8::1".parse().unwrap();
    let mut login = Doorkeeper::open(&door, Some(address));
    assert_eq!(plain(&mut *login, "ann", "s3cret"), "ann");
    assert_eq!(login.pause(), Duration::ZERO);
    for seconds in [2, 4, 6, 8, 10, 10] {
        let said = plain(&mut *login, "ann", "wrong");
        assert_eq!(said, "535 5.7.8 Wrong user name or password");
        assert_eq!(login.pause(), Duration::from_secs(seconds));
    }
    assert_eq!(plain(&mut *login, "ann", "s3cret"), "ann");
    for _ in 6..MAX_FAILURES {
        door.failed(address);
    }
    // Not even with the right one, nor from next door.
    for near in ["2001:db8::1", "2001:db8::2"] {
        let mut login = Doorkeeper::open(&door, Some(near.parse().unwrap()));
        assert!(plain(&mut *login, "ann", "s3cret").starts_with("454 4.7.0"));
    }
    let mut other = Doorkeeper::open(&door, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(plain(&mut *other, "ann", "s3cret"), "ann");
    // The table has an end, too.
    for n in 0..2 * u32::try_from(MAX_ADDRESSES).unwrap() {
        door.failed(IpAddr::from(n.to_be_bytes()));
    }
    assert!(door.failures().len() <= MAX_ADDRESSES);
}

/// A user added, changed or removed counts at once; a file gone bad changes nothing.
#[test]
fn the_file_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let door = door(dir.path(), "");
    let path = dir.path().join("users");
    let try_now = |user: &str, password: &str| {
        let mut login = Doorkeeper::open(&door, None);
        plain(&mut *login, user, password)
    };
    file::change(&path, None, |users| {
        users.set("bob", &"other".into(), Kinds::default()).unwrap();
        assert!(users.remove("ann"));
        Ok::<_, file::FileError>(())
    })
    .unwrap();
    assert_eq!(try_now("bob", "other"), "bob");
    assert!(try_now("ann", "s3cret").starts_with("535"));
    fs::write(&path, "bob nonsense\n").unwrap();
    assert_eq!(try_now("bob", "other"), "bob");
    fs::remove_file(&path).unwrap();
    assert_eq!(try_now("bob", "other"), "bob");
}

#[test]
fn one_source_and_what_it_can() {
    assert!(Door::open(&config("")).unwrap().is_none());
    for (text, told) in [
        ("users = \"/a\"\nprogram = [\"/b\"]", "give one of them"),
        ("users = \"/nonexistent/users\"", "smtp-serve passwd"),
        (
            "program = [\"/b\"]\nmechanisms = [\"SCRAM-SHA-256\"]",
            "SCRAM-SHA-256 cannot be done",
        ),
    ] {
        let why = Door::open(&config(&format!("[auth]\n{text}"))).unwrap_err();
        assert!(why.to_string().contains(told), "{why}");
    }
    let program = Door::open(&config(
        "[auth]\nprogram = [\"/bin/sh\", \"-c\", \"exit 0\"]",
    ));
    let program = program.unwrap().unwrap();
    assert_eq!(program.mechanisms(), [Mechanism::Plain, Mechanism::Login]);
    assert_eq!(
        plain(&mut *Doorkeeper::open(&program, None), "eve", "x"),
        "eve"
    );
    let dir = tempfile::tempdir().unwrap();
    let named = door(dir.path(), "mechanisms = [\"CRAM-MD5\"]");
    assert_eq!(named.mechanisms(), [Mechanism::CramMd5]);
}

/// Written whole or not at all, readable by owner and group.
#[test]
fn the_file_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    door(dir.path(), "");
    let before = fs::read(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    let failed = file::change(&path, None, |users| {
        users.remove("ann");
        Err::<(), _>(file::FileError::Content(path.clone(), "no".into()))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
