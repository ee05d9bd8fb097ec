//! What becomes of an error: the one map from a failure to the exit status of
//! a program, the reply of the server, and the choice between retry and bounce.

/// The kind of a failure. Every error of the library answers with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The command line is wrong (EX_USAGE, 64).
    Usage,
    /// The caller's data is wrong: a malformed address, a control character (EX_DATAERR, 65).
    Data,
    /// The input is missing or unreadable (EX_NOINPUT, 66).
    NoInput,
    /// The recipient does not exist (EX_NOUSER, 67).
    NoUser,
    /// The recipient's host does not exist (EX_NOHOST, 68).
    NoHost,
    /// Refused for good: policy, size, the other side's 5yz (EX_UNAVAILABLE, 69).
    Unavailable,
    /// A defect of ours (EX_SOFTWARE, 70).
    Software,
    /// The system refuses a basic service: no memory, no process (EX_OSERR, 71).
    OsErr,
    /// A file of ours cannot be created (EX_CANTCREAT, 73).
    CantCreate,
    /// A hard error of the disk (EX_IOERR, 74).
    Io,
    /// May work later: disk full, a 4yz, a time-out (EX_TEMPFAIL, 75).
    Temporary,
    /// The other side broke the protocol (EX_PROTOCOL, 76).
    Protocol,
    /// Not allowed for this user (EX_NOPERM, 77).
    Permission,
    /// The configuration is unreadable or wrong (EX_CONFIG, 78).
    Config,
}

/// An error's words as people read them: without the number of the system's
/// error that the standard library puts behind its name.
pub fn plain(text: impl Into<String>) -> String {
    let mut text = text.into();
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|t| t.find(OS_ERROR)) {
        let start = from + start;
        let rest = text.get(start + OS_ERROR.len()..).unwrap_or_default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        match rest.as_bytes().get(digits) {
            Some(b')') if digits > 0 => {
                text.replace_range(start..start + OS_ERROR.len() + digits + 1, "");
                from = start;
            }
            _ => from = start + OS_ERROR.len(),
        }
    }
    text
}

const OS_ERROR: &str = " (os error ";

impl Class {
    /// Exit status, as in sysexits.h.
    pub const fn exit_status(self) -> u8 {
        self.row().0
    }

    /// Code and enhanced status code of an SMTP reply about this failure
    /// (RFC 5321 section 4.2, RFC 3463).
    pub const fn reply(self) -> (u16, (u8, u16, u16)) {
        self.row().1
    }

    /// Of a delivery that was refused for good with this enhanced status code
    /// (RFC 3463): no such user, no such host, or anything else.
    pub fn of_refusal(status: &str) -> Class {
        match status {
            "5.1.1" => Class::NoUser,
            "5.1.2" | "5.1.10" | "5.4.4" => Class::NoHost,
            _ => Class::Unavailable,
        }
    }

    /// True where a later attempt may succeed, so that the message stays
    /// queued; false where the sender must be told now.
    pub const fn is_transient(self) -> bool {
        self.reply().0 < 500
    }

    const fn row(self) -> (u8, (u16, (u8, u16, u16))) {
        match self {
            Class::Usage => (64, (501, (5, 5, 4))),
            Class::Data => (65, (501, (5, 5, 2))),
            Class::NoInput => (66, (451, (4, 3, 0))),
            Class::NoUser => (67, (550, (5, 1, 1))),
            Class::NoHost => (68, (550, (5, 1, 2))),
            Class::Unavailable => (69, (554, (5, 0, 0))),
            Class::Software => (70, (451, (4, 3, 0))),
            Class::OsErr => (71, (451, (4, 3, 0))),
            Class::CantCreate => (73, (451, (4, 3, 0))),
            Class::Io => (74, (451, (4, 3, 0))),
            Class::Temporary => (75, (451, (4, 3, 0))),
            Class::Protocol => (76, (451, (4, 5, 0))),
            Class::Permission => (77, (550, (5, 7, 1))),
            Class::Config => (78, (451, (4, 3, 5))),
        }
    }
}

/// What a program's exit status says of the mail that it was given
/// (sysexits.h): an enhanced status code (RFC 3463), `None` for success. Only
/// what is said of the mail itself refuses it; a program that is called wrongly,
/// is broken or says something else is mended, and the mail waits.
pub const fn status_of_program(exit: u8) -> Option<&'static str> {
    Some(match exit {
        0 => return None,
        65 => "5.6.0",
        67 => "5.1.1",
        68 => "5.1.2",
        69 => "5.3.0",
        77 => "5.7.1",
        73 => "4.2.0",
        // Called wrongly, missing, not to be run, wrongly configured.
        64 | 72 | 78 | 126 | 127 => "4.3.5",
        _ => "4.3.0",
    })
}

/// An error that knows its fate.
pub trait Classify: std::error::Error {
    fn class(&self) -> Class;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of smtputils.conf(5).
    #[test]
    fn exit_statuses_of_programs() {
        let refused = [65, 67, 68, 69, 77];
        for exit in 1..=u8::MAX {
            let status = status_of_program(exit).unwrap();
            assert_eq!(status.starts_with('5'), refused.contains(&exit), "{exit}");
        }
        assert_eq!(status_of_program(0), None);
    }

    #[test]
    fn plain_words_have_no_number_of_an_error() {
        let refused = std::io::Error::from_raw_os_error(111).to_string();
        assert_eq!(plain(refused), "Connection refused");
        for (text, words) in [
            ("a (os error 2): b (os error 13)", "a: b"),
            ("a (os error x)", "a (os error x)"),
            ("a (os error ", "a (os error "),
            ("", ""),
        ] {
            assert_eq!(plain(text), words);
        }
    }
}
