//! Mail hosts on loopback that behave by their address and by the local parts
//! they are asked for.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What each address does, by its last octet.
pub const NORMAL: u8 = 2;
pub const CATCH_ALL: u8 = 3;
pub const LISTED: u8 = 4;
pub const SILENT: u8 = 5;
pub const GARBAGE: u8 = 6;
pub const LONG_LINE: u8 = 7;
pub const TIRED: u8 = 8;
pub const NO_SENDER: u8 = 9;
pub const NAMES: u8 = 10;

/// Hosts on 127.0.0.2 to 127.0.0.10, one port.
pub struct Hosts {
    pub port: u16,
    heard: Arc<Mutex<Vec<(u8, String)>>>,
}

impl Hosts {
    pub fn start() -> Hosts {
        let all = [
            NORMAL, CATCH_ALL, LISTED, SILENT, GARBAGE, LONG_LINE, TIRED, NO_SENDER, NAMES,
        ];
        let (port, listeners) = loop {
            let first = TcpListener::bind("127.0.0.2:0").unwrap();
            let port = first.local_addr().unwrap().port();
            let rest: Result<Vec<_>, _> = all[1..]
                .iter()
                .map(|n| TcpListener::bind(format!("127.0.0.{n}:{port}")))
                .collect();
            if let Ok(rest) = rest {
                break (port, std::iter::once(first).chain(rest));
            }
        };
        let hosts = Hosts {
            port,
            heard: Arc::default(),
        };
        for (listener, kind) in listeners.zip(all) {
            let heard = Arc::clone(&hosts.heard);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let heard = Arc::clone(&heard);
                    thread::spawn(move || serve(stream, kind, &heard));
                }
            });
        }
        hosts
    }

    /// Commands that one host heard, in order.
    pub fn heard(&self, kind: u8) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let of = heard.iter().filter(|(host, _)| *host == kind);
        of.map(|(_, line)| line.clone()).collect()
    }
}

fn serve(stream: TcpStream, kind: u8, heard: &Mutex<Vec<(u8, String)>>) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    match kind {
        LISTED => {
            say("554 5.7.1 Service refused; 192.0.2.1 is on a blocklist, see spamhaus");
            return;
        }
        // Until the other side has enough.
        SILENT => return drop(lines.next()),
        GARBAGE => {
            say("\x1b]0;what is this\x07 <html>");
            return drop(lines.next());
        }
        LONG_LINE => {
            say(&format!("220 {}", "x".repeat(1 << 20)));
            return drop(lines.next());
        }
        _ => {
            say("220 mx.example ESMTP");
        }
    }
    heard.lock().unwrap().push((kind, "*".into()));
    let mut recipients = 0;
    while let Some(Ok(line)) = lines.next() {
        heard.lock().unwrap().push((kind, line.clone()));
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-VRFY\r\n250-EXPN\r\n250 ENHANCEDSTATUSCODES".to_owned(),
            "MAIL" if kind == NO_SENDER => "550 5.7.1 sender address rejected".to_owned(),
            "RCPT" if kind == TIRED && recipients == 3 => {
                say("421 4.7.0 too many recipients, come back later");
                return;
            }
            "RCPT" if kind == CATCH_ALL || kind == TIRED => {
                recipients += 1;
                "250 2.1.5 ok".to_owned()
            }
            "RCPT" => by_local_part(&line),
            "VRFY" if line.contains("alice") => "250 2.1.5 Alice <alice@names.example>".to_owned(),
            "VRFY" if line.contains("nobody") => "550 5.1.1 no".to_owned(),
            "VRFY" => "252 2.5.2 who knows".to_owned(),
            "EXPN" => "250-a@names.example\r\n250 b@names.example".to_owned(),
            "QUIT" => {
                say("221 bye");
                return;
            }
            "DATA" | "BDAT" => panic!("a probe must never send content"),
            _ => "250 2.0.0 ok".to_owned(),
        };
        if !say(&reply) {
            return;
        }
    }
}

fn by_local_part(line: &str) -> String {
    const ANSWERS: [(&str, &str); 14] = [
        ("<full@", "452 4.2.2 mailbox full"),
        ("<disabled@", "550 5.2.1 disabled"),
        ("<grey@", "450 4.2.0 Greylisted, try again in 300 seconds"),
        ("<fast@", "450 4.2.1 receiving mail too quickly"),
        (
            "<list@",
            "550 5.7.1 blocked using zen.spamhaus.org; user unknown",
        ),
        ("<name@", "550 5.7.25 no PTR"),
        ("<client@", "554 5.7.1 Client host rejected"),
        ("<relay@", "550 relay not permitted"),
        ("<error@", "451 4.3.0 local error"),
        ("<nottold@", "252 2.5.2 perhaps"),
        ("<alice@", "250 2.1.5 ok"),
        ("<bob@", "250 ok"),
        ("<info@", "250 2.1.5 ok"),
        ("<u@", "250 2.1.5 ok"),
    ];
    let found = ANSWERS.iter().find(|(local, _)| line.contains(local));
    found.map_or("550 5.1.1 no such user".to_owned(), |(_, reply)| {
        (*reply).to_owned()
    })
}
