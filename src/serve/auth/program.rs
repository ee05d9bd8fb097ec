//! A program that knows the users. On its standard input: user, NUL, password,
//! NUL, a word that says nothing, NUL; the form of checkpassword, which reads it
//! from descriptor 3. Exit status 0: yes, 1: no, anything else: not now.

use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::class::plain;
use crate::smtp::sasl::scram::{Hash, Keys};
use crate::smtp::sasl::server::{Directory, Refusal};
use crate::smtp::sasl::{Secret, wipe};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The command line; no shell.
#[derive(Debug)]
pub struct Program(pub Vec<String>);

impl Directory for Program {
    fn check(&self, user: &str, password: &Secret) -> Result<bool, Refusal> {
        let (name, arguments) = match self.0.split_first() {
            Some((name, arguments)) => (name.as_str(), arguments),
            None => ("", &[][..]),
        };
        let failed = |what: &str, why: String| {
            Refusal::Unavailable(format!("{name}: {what}: {}", plain(why)))
        };
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| failed("cannot be started", e.to_string()))?;
        // A program that knows by the name alone need not read the password.
        let _ = tell(&mut child, user, password);
        let ended = end(&mut child).map_err(|e| failed("is not heard of", e.to_string()))?;
        match ended.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed("says neither yes nor no", ended.to_string())),
        }
    }

    /// It tells no keys.
    fn keys(&self, _hash: Hash, _user: &str) -> Result<Keys, Refusal> {
        Err(Refusal::Denied)
    }

    fn password(&self, _user: &str) -> Result<Secret, Refusal> {
        Err(Refusal::Denied)
    }
}

fn tell(child: &mut Child, user: &str, password: &Secret) -> io::Result<()> {
    let Some(mut to) = child.stdin.take() else {
        return Ok(());
    };
    // Fits into a pipe, so that nothing waits here for the program.
    let mut words = [user.as_bytes(), b"\0", password.octets(), b"\0smtp\0"].concat();
    let told = to.write_all(&words);
    wipe(&mut words);
    told
}

/// Waits for its end, and makes one where it takes too long.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let is_over = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("it has no number"))
        .and_then(wait);
    if !matches!(is_over, Ok(true)) {
        child.kill()?;
    }
    let status = child.wait()?;
    match is_over? {
        true => Ok(status),
        false => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {} seconds", PATIENCE.as_secs()),
        )),
    }
}

/// False: it still runs.
fn wait(pid: Pid) -> io::Result<bool> {
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    let mut handles = [PollFd::new(&handle, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: PATIENCE.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    let ended = rustix::io::retry_on_intr(|| poll(&mut handles, Some(&limit)))?;
    Ok(ended > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str], password: &str) -> Result<bool, Refusal> {
        let words = words.iter().map(|w| (*w).to_string()).collect();
        Program(words).check("ann", &password.into())
    }

    #[test]
    fn the_exit_status_decides() {
        // Reads what checkpassword reads: three words, each ended by NUL.
        let script = r#"[ "$(tr '\0' '\n' | head -2 | tr '\n' ' ')" = "ann s3cret " ]"#;
        assert_eq!(asked(&["/bin/sh", "-c", script], "s3cret"), Ok(true));
        assert_eq!(asked(&["/bin/sh", "-c", script], "other"), Ok(false));
        for program in [
            &["/nonexistent"][..],
            &["/bin/sh", "-c", "exit 111"],
            &["/bin/sh", "-c", "kill -9 $$"],
            &[],
        ] {
            let answer = asked(program, "x");
            assert!(matches!(answer, Err(Refusal::Unavailable(_))), "{answer:?}");
        }
    }
}
