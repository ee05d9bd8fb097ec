//! An SMTP server on loopback that says what a test wants it to say.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Says nothing more and closes.
pub const CUT: &str = "CUT";

/// Before a reply: it is kept back until the test lets it go.
pub const WAIT: &str = "WAIT ";

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// As it came, dots unstuffed.
    pub content: String,
}

#[derive(Default)]
struct State {
    /// Replies by step, used up from the front; then the default.
    script: HashMap<String, VecDeque<String>>,
    keywords: Vec<String>,
    heard: Vec<String>,
    mails: Vec<Mail>,
    connections: usize,
    /// Replies kept back, and whether they may go.
    waiting: usize,
    let_go: bool,
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// Longest wait for what a test expects.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    pub fn start(address: &str) -> Server {
        Server::try_start(address).unwrap()
    }

    pub fn try_start(address: &str) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let server = Server {
            address: listener.local_addr()?,
            state: Arc::default(),
        };
        let words = ["PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"];
        server.offer(&words);
        let this = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let this = this.clone();
                thread::spawn(move || this.session(stream));
            }
        });
        Ok(server)
    }

    pub fn offer(&self, keywords: &[&str]) {
        let keywords = keywords.iter().map(|k| k.to_string()).collect();
        self.state.0.lock().unwrap().keywords = keywords;
    }

    /// The next reply at a step: `connect`, `ehlo`, `mail`, `rcpt <a@b>`,
    /// `data`, `end`; by LMTP `end <a@b>`.
    pub fn say(&self, step: &str, reply: &str) -> &Server {
        let mut state = self.state.0.lock().unwrap();
        let replies = state.script.entry(step.to_string()).or_default();
        replies.push_back(reply.to_string());
        self
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.state.0.lock().unwrap().mails.clone()
    }

    pub fn heard(&self) -> Vec<String> {
        self.state.0.lock().unwrap().heard.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.0.lock().unwrap().connections
    }

    /// Waits until so many messages were taken.
    pub fn wait_mails(&self, count: usize) -> Vec<Mail> {
        let (lock, changed) = &*self.state;
        let limit = Instant::now() + PATIENCE;
        let mut state = lock.lock().unwrap();
        while state.mails.len() < count {
            let left = limit.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited for {count} messages: {:?}",
                state.mails
            );
            state = changed.wait_timeout(state, left).unwrap().0;
        }
        state.mails.clone()
    }

    fn keep_back(&self, reply: &str) -> String {
        let (lock, changed) = &*self.state;
        let mut state = lock.lock().unwrap();
        state.waiting += 1;
        changed.notify_all();
        while !state.let_go {
            state = changed.wait(state).unwrap();
        }
        reply.to_string()
    }

    /// Waits until a reply is kept back.
    pub fn wait_kept_back(&self) {
        let (lock, changed) = &*self.state;
        let state = lock.lock().unwrap();
        let waited = changed.wait_timeout_while(state, PATIENCE, |s| s.waiting == 0);
        assert!(waited.unwrap().0.waiting > 0, "nothing was asked");
    }

    /// Lets all replies go that were and will be kept back.
    pub fn let_go(&self) {
        let (lock, changed) = &*self.state;
        lock.lock().unwrap().let_go = true;
        changed.notify_all();
    }

    fn reply(&self, step: &str, default: &str) -> String {
        let mut state = self.state.0.lock().unwrap();
        let scripted = state.script.get_mut(step).and_then(VecDeque::pop_front);
        drop(state);
        let reply = scripted.unwrap_or_else(|| default.to_string());
        match reply.strip_prefix(WAIT) {
            Some(reply) => self.keep_back(reply),
            None => reply,
        }
    }

    fn session(&self, stream: TcpStream) {
        self.state.0.lock().unwrap().connections += 1;
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let say = |reply: String| {
            if reply == CUT {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return None;
            }
            (&stream).write_all(format!("{reply}\r\n").as_bytes()).ok()
        };
        let mut mail = Mail {
            from: String::new(),
            to: Vec::new(),
            content: String::new(),
        };
        let (mut begun, mut lmtp) = (false, false);
        let mut run = || -> Option<()> {
            say(self.reply("connect", "220 test.example ready"))?;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let line = line.trim_end().to_string();
                self.state.0.lock().unwrap().heard.push(line.clone());
                let upper = line.to_uppercase();
                if upper.starts_with("EHLO") || upper.starts_with("LHLO") {
                    lmtp = upper.starts_with("LHLO");
                    let keywords = self.state.0.lock().unwrap().keywords.clone();
                    let last = format!("250 {}", keywords.last().unwrap());
                    let more = keywords[..keywords.len() - 1]
                        .iter()
                        .map(|k| format!("250-{k}\r\n"));
                    let default = format!("250-test.example\r\n{}{last}", more.collect::<String>());
                    say(self.reply("ehlo", &default))?;
                } else if upper.starts_with("MAIL FROM:") {
                    let reply = self.reply("mail", "250 2.1.0 ok");
                    begun = reply.starts_with('2');
                    mail.from = path(&line);
                    mail.to.clear();
                    say(reply)?;
                } else if !begun && (upper.starts_with("RCPT TO:") || upper == "DATA") {
                    say("503 5.5.1 MAIL first".to_string())?;
                } else if upper.starts_with("RCPT TO:") {
                    let to = path(&line);
                    let reply = self.reply(&format!("rcpt {to}"), "250 2.1.5 ok");
                    if reply.starts_with('2') {
                        mail.to.push(to);
                    }
                    say(reply)?;
                } else if upper == "DATA" {
                    let default = if mail.to.is_empty() {
                        "554 5.5.1 nobody"
                    } else {
                        "354 go on"
                    };
                    let reply = self.reply("data", default);
                    let go_on = reply.starts_with('3');
                    say(reply)?;
                    if go_on {
                        mail.content = content(&mut reader)?;
                        if lmtp {
                            self.state.0.lock().unwrap().mails.push(mail.clone());
                            for to in &mail.to {
                                say(self.reply(&format!("end {to}"), "250 2.1.5 kept"))?;
                            }
                            continue;
                        }
                        let reply = self.reply("end", "250 2.0.0 taken");
                        // What is cut after the final dot was taken all the same.
                        if reply.starts_with('2') || reply == CUT {
                            let (lock, changed) = &*self.state;
                            lock.lock().unwrap().mails.push(mail.clone());
                            changed.notify_all();
                        }
                        say(reply)?;
                    }
                } else if let Some(size) = upper.strip_prefix("BDAT ") {
                    let size = size.trim_end_matches(" LAST").parse().unwrap();
                    let mut octets = vec![0; size];
                    reader.read_exact(&mut octets).ok()?;
                    mail.content = String::from_utf8_lossy(&octets).into_owned();
                    let default = match begun && !mail.to.is_empty() {
                        true => "250 2.0.0 taken",
                        false => "503 5.5.1 nobody",
                    };
                    let reply = self.reply("end", default);
                    if reply.starts_with('2') || reply == CUT {
                        let (lock, changed) = &*self.state;
                        lock.lock().unwrap().mails.push(mail.clone());
                        changed.notify_all();
                    }
                    say(reply)?;
                } else if upper == "RSET" {
                    begun = false;
                    mail.to.clear();
                    say("250 2.0.0 reset".to_string())?;
                } else if upper == "STARTTLS" {
                    // No handshake follows: TLS is broken here.
                    let reply = self.reply("starttls", "220 2.0.0 go");
                    let begun = reply.starts_with('2');
                    say(reply)?;
                    if begun {
                        say(CUT.to_string());
                        return None;
                    }
                } else if upper == "QUIT" {
                    say("221 2.0.0 bye".to_string())?;
                    return None;
                } else {
                    say("250 2.0.0 ok".to_string())?;
                }
            }
        };
        run();
    }
}

fn path(line: &str) -> String {
    let from = line.find('<').unwrap();
    line[from..=line.find('>').unwrap()].to_string()
}

fn content(reader: &mut impl BufRead) -> Option<String> {
    let mut content = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(String::from_utf8_lossy(&content).into_owned());
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
