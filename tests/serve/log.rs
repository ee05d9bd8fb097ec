//! What the server writes into the mail log (smtputils(7)).

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::site::{Client, Site};

/// Two sessions from their first line to their last. What a client says stays
/// within its line (I7).
#[test]
fn sessions_are_logged_with_their_keys_in_order() {
    let site = Site::with_bob("");
    let mut command = site.command();
    command.args(["--listen", "127.0.0.1:0"]);
    command.env_remove("JOURNAL_STREAM");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let at = line.trim().strip_prefix("listening ").unwrap().to_string();
    let mut client = Client::new(std::net::TcpStream::connect(&at).unwrap());
    client.reply();
    client.ask("EHLO c.example");
    client.expect("MAIL FROM:<\"a b\\\"=c\"@a.example>", "250");
    client.expect("RCPT TO:<nobody@b.example>", "550");
    client.expect("RCPT TO:<eve@elsewhere.example>", "550");
    client.expect("RSET", "250");
    let taken = client.deliver(&["bob@b.example"], b"Subject: x\r\n\r\nhello\r\n");
    let id = taken.rsplit(' ').next().unwrap().to_string();
    client.expect("MAIL FROM:<\u{202e}moc.elpmaxe@a.example> SMTPUTF8", "250");
    client.expect("RCPT TO:<nobody@b.example>", "550");
    client.expect("QUIT", "221");
    assert_eq!(client.line(), "");
    drop(client);
    let pid = rustix::process::Pid::from_child(&child);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let line = line.trim_end().strip_prefix("smtp-serve: ").expect(&line);
        lines.push(line.to_string());
        if line.starts_with("disconnected ") {
            break;
        }
    }
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    log.read_to_string(&mut line).unwrap();
    assert!(child.wait().unwrap().success());

    let wanted = [
        format!("listening listener={at}"),
        "refused client=127.0.0.1 from=\"\\\"a b\\\\\\\"=c\\\"@a.example\" to=nobody@b.example reply=\"550 5.1.1 "
            .to_string(),
        "refused client=127.0.0.1 from=\"\\\"a b\\\\\\\"=c\\\"@a.example\" to=eve@elsewhere.example reply=\"550 5.7.1 "
            .to_string(),
        format!("received id={id} client=127.0.0.1 from=alice@a.example recipients=1 size="),
        "refused client=127.0.0.1 from=\"\\u{202e}moc.elpmaxe@a.example\" to=nobody@b.example reply=\""
            .to_string(),
        format!("disconnected client=127.0.0.1 listener={at} messages=1 lasted="),
    ];
    lines.retain(|line| !line.starts_with("unattended "));
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(&wanted) {
        assert!(line.starts_with(wanted), "{line}\nis not\n{wanted}");
        assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'));
    }
    assert!(!lines[5].contains("error="), "{}", lines[5]);
}
