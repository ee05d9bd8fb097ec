//! A Dovecot that says what the test wants; the real one is in tests/interop.

use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

const GREETING: &str = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tSCRAM-SHA-256\nMECH\tGSSAPI\n\
                        SPID\t1\nCUID\t1\nCOOKIE\tab\nDONE\n";

/// Answers each line that begins a login or goes on with one; what it heard.
fn login(answers: &'static [&'static str]) -> (Vec<Result<Turn, Refusal>>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("auth");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING.as_bytes()).unwrap();
        let mut answers = answers.iter();
        let mut heard = Vec::new();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let Ok(line) = line else { break };
            let is_ours = line.starts_with("AUTH") || line.starts_with("CONT");
            heard.push(line);
            if is_ours && let Some(answer) = answers.next() {
                stream.write_all(answer.as_bytes()).unwrap();
            }
            if answers.len() == 0 && is_ours {
                break;
            }
        }
        heard
    });
    let mut talk = Conversation::new(&socket, Some("192.0.2.7".parse().unwrap()));
    let mut turns = vec![talk.begin(Mechanism::Plain, Some(&"\0ann\0x".into()))];
    while let Some(Ok(Turn::Challenge(_))) = turns.last() {
        turns.push(talk.respond(&"more".into()));
    }
    drop(talk);
    (turns, server.join().unwrap())
}

fn user(name: &str) -> Result<Turn, Refusal> {
    Ok(Turn::User(name.into()))
}

#[test]
fn the_exchange_is_carried() {
    let (turns, heard) = login(&["CONT\t1\teA==\n", "OK\t1\tuser=ann@here\tx=y\n"]);
    assert_eq!(
        turns,
        [Ok(Turn::Challenge(b"x".to_vec())), user("ann@here")]
    );
    assert_eq!(heard[0], "VERSION\t1\t1");
    assert!(heard[1].starts_with("CPID\t"));
    assert_eq!(
        heard[2],
        "AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.7\tresp=AGFubgB4"
    );
    assert_eq!(heard[3], "CONT\t1\tbW9yZQ==");
}

#[test]
fn its_answers() {
    assert_eq!(login(&["OK\t1\tuser=a\u{1}nb\u{1}1\n"]).0, [user("a?b?")]);
    assert_eq!(login(&["FAIL\t1\tuser=ann\n"]).0, [Err(Refusal::Denied)]);
    // Of another login, then of ours.
    assert_eq!(login(&["FAIL\t7\nOK\t1\tuser=ann\n"]).0, [user("ann")]);
    for trouble in [
        "FAIL\t1\ttemp\treason=down\n",
        "OK\t1\n",
        "OK\t1\tuser=\n",
        "CONT\t1\t!\n",
        "OK\t1\tuser=ann",
        "",
    ] {
        let answers: &'static [&'static str] = Box::leak(Box::new([&*trouble.to_string().leak()]));
        let (turns, _) = login(answers);
        assert!(
            matches!(turns[..], [Err(Refusal::Unavailable(_))]),
            "{trouble:?}: {turns:?}"
        );
    }
    let mut nobody = Conversation::new(Path::new("/nonexistent/auth"), None);
    let why = nobody.begin(Mechanism::Plain, None);
    assert!(matches!(why, Err(Refusal::Unavailable(text)) if text.contains("/nonexistent/auth")));
}

#[test]
fn what_it_offers() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("auth");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(GREETING.as_bytes()).unwrap();
    });
    let found = mechanisms(&socket).unwrap();
    assert_eq!(found, [Mechanism::Plain, Mechanism::ScramSha256]);
    server.join().unwrap();
}
