//! Secrets typed at the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::class::plain;
use crate::smtp::sasl::Secret;

/// Longest password that is read.
const LONGEST: u64 = 1024;

/// The password of `user` at `host` ([`crate::deliver::Prompt`]).
pub fn password(user: &str, host: &str) -> io::Result<Secret> {
    hidden(&format!("Password of {user} at {host}: "))
}

/// One line from the controlling terminal, not shown. Standard input and output
/// stay for what they are for.
pub fn hidden(prompt: &str) -> io::Result<Secret> {
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|e| {
            let why = plain(e.to_string());
            io::Error::new(e.kind(), format!("there is no terminal to ask at: {why}"))
        })?;
    let prompt = prompt.replace(char::is_control, "?");
    let quiet = Quiet::new(&terminal)?;
    let mut tty = quiet.terminal;
    write!(tty, "{prompt}")?;
    let mut line = Vec::new();
    let read = BufReader::new(io::Read::take(tty, LONGEST)).read_until(b'\n', &mut line);
    let line = Secret::from(line);
    // The line end that was typed was not shown either.
    writeln!(tty)?;
    read?;
    match line.octets().strip_suffix(b"\n").unwrap_or(line.octets()) {
        [] => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "no password was typed",
        )),
        typed => Ok(typed.to_vec().into()),
    }
}

/// A terminal that shows nothing, until it is dropped.
struct Quiet<'t> {
    terminal: &'t File,
    before: Termios,
}

impl Quiet<'_> {
    fn new(terminal: &File) -> io::Result<Quiet<'_>> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO;
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
