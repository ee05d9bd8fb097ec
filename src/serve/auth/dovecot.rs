//! Dovecot as the one who knows: its authentication protocol, the client's side,
//! over its socket (auth-client). A connection for each login; Dovecot does the
//! whole mechanism, we carry challenges and responses.
//!
//! Lines of words parted by tabs. The server greets with VERSION, MECH, SPID and
//! DONE; `AUTH id mechanism parameter ... resp=base64` begins, `CONT id base64`
//! goes on, `OK id user=...` and `FAIL id [temp]` end it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::class::plain;
use crate::smtp::sasl::server::{Refusal, Turn};
use crate::smtp::sasl::{Mechanism, Secret, decode, encode};
use crate::sys;

/// Wait for one line. Dovecot itself holds back a failure for seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most octets of its side of one login.
const MOST: u64 = 64 * 1024;

/// A login under way.
#[derive(Debug)]
pub struct Conversation {
    socket: PathBuf,
    /// The address of the client, for Dovecot's log and penalties.
    client: Option<IpAddr>,
    wire: Option<Wire>,
}

#[derive(Debug)]
struct Wire {
    reader: BufReader<io::Take<UnixStream>>,
    /// Reads the same socket.
    writer: UnixStream,
}

/// What Dovecot offers.
pub fn mechanisms(socket: &Path) -> io::Result<Vec<Mechanism>> {
    let mut wire = Wire::open(socket)?;
    let mut found = Vec::new();
    loop {
        let line = wire.line()?;
        let words: Vec<&str> = line.split('\t').collect();
        match words.as_slice() {
            ["VERSION", major, ..] if *major != "1" => {
                return Err(io::Error::other(format!("speaks version {major}, not 1")));
            }
            ["MECH", name, ..] => found.extend(name.parse::<Mechanism>()),
            ["DONE", ..] => return Ok(found),
            _ => {}
        }
    }
}

impl Conversation {
    pub fn new(socket: &Path, client: Option<IpAddr>) -> Conversation {
        Conversation {
            socket: socket.to_owned(),
            client,
            wire: None,
        }
    }

    /// AUTH, with its initial response.
    pub fn begin(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&Secret>,
    ) -> Result<Turn, Refusal> {
        self.wire = None;
        let begun = self.greeted().and_then(|mut wire| {
            let client = self.client.map_or(String::new(), |a| format!("\trip={a}"));
            // Both ends of the socket are on this host, and the session with the
            // client is inside TLS wherever the mechanism needs it.
            let secured = "\tsecured";
            let mut line = format!("AUTH\t1\t{mechanism}\tservice=smtp{secured}{client}");
            if let Some(initial) = initial {
                line.push_str("\tresp=");
                line.push_str(&encode(initial.octets()));
            }
            wire.say(line)?;
            self.wire = Some(wire);
            Ok(())
        });
        begun.map_err(|e| self.unavailable(&e))?;
        self.heard()
    }

    pub fn respond(&mut self, response: &Secret) -> Result<Turn, Refusal> {
        let Some(wire) = &mut self.wire else {
            return Err(Refusal::Malformed("nothing more was asked for"));
        };
        let said = wire.say(format!("CONT\t1\t{}", encode(response.octets())));
        said.map_err(|e| self.unavailable(&e))?;
        self.heard()
    }

    fn greeted(&self) -> io::Result<Wire> {
        let mut wire = Wire::open(&self.socket)?;
        // Dovecot takes each number once; ours may have many logins at a time.
        let [a, b, c, d] = sys::random::<4>()?;
        let number = u32::from_be_bytes([a & 0x7f, b, c, d | 1]);
        wire.say(format!("VERSION\t1\t1\nCPID\t{number}"))?;
        while !wire.line()?.starts_with("DONE") {}
        Ok(wire)
    }

    fn heard(&mut self) -> Result<Turn, Refusal> {
        let turn = match &mut self.wire {
            Some(wire) => wire.turn(),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        let turn = turn.map_err(|e| self.unavailable(&e))?;
        if !matches!(turn, Ok(Turn::Challenge(_))) {
            self.wire = None;
        }
        turn
    }

    fn unavailable(&self, error: &io::Error) -> Refusal {
        let why = plain(error.to_string());
        Refusal::Unavailable(format!("{}: {why}", self.socket.display()))
    }
}

impl Wire {
    fn open(socket: &Path) -> io::Result<Wire> {
        let writer = UnixStream::connect(socket)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        writer.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(writer.try_clone()?.take(MOST));
        Ok(Wire { reader, writer })
    }

    fn say(&mut self, line: String) -> io::Result<()> {
        let line = Secret::from(line + "\n");
        self.writer.write_all(line.octets())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        match line.pop() {
            Some('\n') => Ok(line),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended early",
            )),
        }
    }

    fn turn(&mut self) -> io::Result<Result<Turn, Refusal>> {
        loop {
            let line = self.line()?;
            let words: Vec<&str> = line.split('\t').collect();
            match words.as_slice() {
                ["CONT", "1", challenge] => {
                    let octets = decode(challenge.as_bytes());
                    let octets = octets.ok_or_else(|| io::Error::other("CONT without base64"))?;
                    return Ok(Ok(Turn::Challenge(octets)));
                }
                ["OK", "1", rest @ ..] => {
                    let user = rest.iter().find_map(|word| word.strip_prefix("user="));
                    let user = user.filter(|user| !user.is_empty());
                    let user = user.ok_or_else(|| io::Error::other("OK without a user"))?;
                    return Ok(Ok(Turn::User(unescape(user))));
                }
                ["FAIL", "1", rest @ ..] if rest.contains(&"temp") => {
                    let why = rest.iter().find_map(|word| word.strip_prefix("reason="));
                    let why = why.unwrap_or("cannot tell now");
                    return Err(io::Error::other(unescape(why)));
                }
                ["FAIL", "1", ..] => return Ok(Err(Refusal::Denied)),
                _ => {}
            }
        }
    }
}

/// Its escapes: SOH and a digit.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\u{1}' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('1') => '\u{1}',
                _ => '?',
            },
            c => c,
        };
        // It goes into trace fields and logs.
        out.push(if plain.is_control() { '?' } else { plain });
    }
    out
}

#[cfg(test)]
mod tests;
