//! The historic command line of `sendmail`: one letter flags in clusters,
//! values glued or in the next word, and no options after the first recipient.
//! Callers that pass foreign data without `--` rely on the last point.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::super::Stop;
use super::super::submit::check_text;

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `-bm`: a message on standard input.
    Submit,
    /// `-bs`, `-ba`: SMTP on standard input and output.
    Smtp,
    /// `-bp`, `mailq`.
    List,
    /// `-bP`: the number of queued messages.
    Count,
    /// `-bi`, `-I`, `newaliases`.
    Newaliases,
    /// `-bv`: what would happen to an address.
    Verify,
    /// `-q`, `-qf`, `-qI...`.
    Run(Select),
    /// `-bd`, `-bD`, `-bl`: be the server.
    Serve,
    /// Accepted forms that ask for nothing here: `-bh`, `-bH`, `-q30m`.
    Nothing,
    Help,
    Version,
}

/// Which messages `-q` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    All,
    /// Those whose part holds the text; with `not`, the others.
    By {
        part: Part,
        text: OsString,
        not: bool,
    },
}

/// What `-qI`, `-qR`, `-qS` look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Id,
    Recipient,
    Sender,
}

/// `-od`: who makes the first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    Background,
    /// We wait for it.
    Foreground,
    /// Nobody until the next run.
    Queued,
}

/// `-oe`: where errors go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// `p`: one line on stderr, the exit status.
    #[default]
    Print,
    /// `m`, `w`: besides, what is wrong with a recipient goes back by mail and
    /// does not stop the others.
    Mail,
    /// `q`: the exit status alone.
    Quiet,
    /// `e`: as `Mail`, and 0 once the report is queued.
    MailOk,
}

/// The command line as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// `None`: the name we were called by decides.
    pub mode: Option<Mode>,
    pub run: Option<Mode>,
    /// `-t`
    pub header_recipients: bool,
    /// `-i`: a lone dot is text.
    pub ignore_dots: bool,
    /// `-G`
    pub gateway: bool,
    /// `-n`
    pub no_aliases: bool,
    /// `-v`: what the first attempt came to is told.
    pub verbose: bool,
    /// `-d`: the log goes to stderr.
    pub debug: bool,
    /// `-O smtputf8=yes`
    pub smtputf8: bool,
    /// `-f`, `-r`: the last one counts.
    pub sender: Option<OsString>,
    /// `-F`
    pub full_name: Option<OsString>,
    /// `-B`, `-N`, `-R`, `-V` as given.
    pub body: Option<OsString>,
    pub notify: Option<OsString>,
    pub ret: Option<OsString>,
    pub envid: Option<OsString>,
    /// `-L`
    pub tag: Option<OsString>,
    /// `-C`
    pub config: Option<PathBuf>,
    /// `-oA`
    pub aliases: Option<PathBuf>,
    pub when: When,
    pub errors: Errors,
    pub recipients: Vec<OsString>,
}

/// Which flags take a value, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Glued, or else the next word.
    Value,
    /// The rest of the word, maybe empty.
    Glued,
    /// No flag of ours.
    Unknown,
}

fn takes(letter: u8) -> Takes {
    match letter {
        b'c' | b'G' | b'I' | b'i' | b'm' | b'n' | b's' | b't' | b'U' | b'v' | b'x' => {
            Takes::Nothing
        }
        b'A' | b'B' | b'C' | b'D' | b'F' | b'f' | b'h' | b'L' | b'N' | b'O' | b'p' | b'R'
        | b'r' | b'V' | b'X' => Takes::Value,
        b'b' | b'd' | b'E' | b'e' | b'J' | b'o' | b'q' | b'T' => Takes::Glued,
        // Among them -M, -Q and -S, which mean different things to different
        // programs, and -a, -4, -6 of programs that are no sendmail.
        _ => Takes::Unknown,
    }
}

/// Reads the words after the program's name.
pub fn parse(words: Vec<OsString>) -> Result<Args, Stop> {
    let mut args = Args::default();
    if let [word] = words.as_slice() {
        match word.as_bytes() {
            b"--help" => args.mode = Some(Mode::Help),
            b"--version" => args.mode = Some(Mode::Version),
            _ => {}
        }
        if args.mode.is_some() {
            return Ok(args);
        }
    }
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => {
                args.recipients.extend(words);
                break;
            }
            [b'-', b'-', ..] | b"-" => return Err(unknown(&word)),
            [b'-', letters @ ..] => cluster(&mut args, letters, &mut words)?,
            _ => {
                args.recipients.push(word);
                operands(&mut args, &mut words)?;
            }
        }
    }
    check(&args)?;
    Ok(args)
}

/// What follows the first recipient.
fn operands(args: &mut Args, words: &mut std::vec::IntoIter<OsString>) -> Result<(), Stop> {
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => args.recipients.extend(words.by_ref()),
            [b'-', ..] => {
                return Err(Stop::usage(format!(
                    "{} comes after a recipient; options go first, and addresses that begin with - after --",
                    word.to_string_lossy()
                )));
            }
            _ => args.recipients.push(word),
        }
    }
    Ok(())
}

fn cluster(
    args: &mut Args,
    mut letters: &[u8],
    words: &mut std::vec::IntoIter<OsString>,
) -> Result<(), Stop> {
    while let Some((&letter, rest)) = letters.split_first() {
        match takes(letter) {
            Takes::Nothing => flag(args, letter),
            Takes::Value if rest.is_empty() => {
                let value = words.next().ok_or_else(|| missing(letter))?;
                return valued(args, letter, value);
            }
            Takes::Value => return valued(args, letter, OsString::from_vec(rest.to_vec())),
            Takes::Glued if letter == b'o' && rest.is_empty() => {
                let value = next_setting(words).ok_or_else(|| missing(letter))?;
                return short_option(args, value.as_bytes());
            }
            Takes::Glued => return glued(args, letter, rest),
            Takes::Unknown => return Err(unknown_letter(letter)),
        }
        letters = rest;
    }
    Ok(())
}

/// `-o i`, as getopt programs take it; never a word that could be a recipient.
fn next_setting(words: &mut std::vec::IntoIter<OsString>) -> Option<OsString> {
    let next = words.as_slice().first()?.as_bytes();
    if next.starts_with(b"-") || next.iter().any(|b| b"@ \t,".contains(b)) {
        return None;
    }
    words.next()
}

fn flag(args: &mut Args, letter: u8) {
    match letter {
        b'G' => args.gateway = true,
        b'I' => args.mode = Some(Mode::Newaliases),
        b'i' => args.ignore_dots = true,
        b'n' => args.no_aliases = true,
        b't' => args.header_recipients = true,
        b'v' => verbose(args),
        // Others ask for what is always or never done.
        _ => {}
    }
}

/// What is told has to be waited for.
fn verbose(args: &mut Args) {
    args.verbose = true;
    args.when = When::Foreground;
}

fn valued(args: &mut Args, letter: u8, value: OsString) -> Result<(), Stop> {
    match letter {
        b'B' => args.body = Some(value),
        b'C' => args.config = Some(value.into()),
        b'F' => args.full_name = Some(value),
        b'f' | b'r' => args.sender = Some(checked(value)?),
        b'L' => args.tag = Some(value),
        b'N' => args.notify = Some(value),
        b'O' => long_option(args, value.as_bytes()),
        b'R' => args.ret = Some(value),
        b'V' => args.envid = Some(checked(value)?),
        // -A -D -h -p -X: taken and never used; above all no file is opened.
        _ => {}
    }
    Ok(())
}

fn checked(value: OsString) -> Result<OsString, Stop> {
    check_text(value.as_bytes())?;
    Ok(value)
}

fn glued(args: &mut Args, letter: u8, value: &[u8]) -> Result<(), Stop> {
    match letter {
        b'b' => args.mode = Some(mode(value)?),
        b'd' if value == b"0.1" => args.mode = Some(Mode::Version),
        b'd' => args.debug = value != b"0",
        b'e' => args.errors = errors(value).unwrap_or(args.errors),
        b'o' => return short_option(args, value),
        b'q' => args.run = Some(run(value)?),
        _ => {}
    }
    Ok(())
}

fn mode(value: &[u8]) -> Result<Mode, Stop> {
    Ok(match value {
        b"" => return Err(missing(b'b')),
        b"m" => Mode::Submit,
        b"s" | b"a" => Mode::Smtp,
        b"p" => Mode::List,
        b"P" => Mode::Count,
        b"i" => Mode::Newaliases,
        b"v" => Mode::Verify,
        b"h" | b"H" => Mode::Nothing,
        b"d" | b"D" | b"l" => Mode::Serve,
        _ => {
            let value = String::from_utf8_lossy(value);
            return Err(Stop::usage(format!("unknown mode -b{value}")));
        }
    })
}

fn run(value: &[u8]) -> Result<Mode, Stop> {
    let (not, form) = match value {
        [b'!', rest @ ..] => (true, rest),
        _ => (false, value),
    };
    let (part, text) = match form {
        b"" | b"f" if !not => return Ok(Mode::Run(Select::All)),
        // An interval is for a resident runner, which we are not.
        [b'p' | b'0'..=b'9', ..] if !not => return Ok(Mode::Nothing),
        [b'I', text @ ..] if !text.is_empty() => (Part::Id, text),
        [b'R', text @ ..] if !text.is_empty() => (Part::Recipient, text),
        [b'S', text @ ..] if !text.is_empty() => (Part::Sender, text),
        _ => {
            let value = String::from_utf8_lossy(value);
            return Err(Stop::usage(format!("unknown form -q{value}")));
        }
    };
    let text = OsStr::from_bytes(text).to_owned();
    Ok(Mode::Run(Select::By { part, text, not }))
}

fn errors(value: &[u8]) -> Option<Errors> {
    Some(match value {
        b"p" => Errors::Print,
        b"m" | b"w" => Errors::Mail,
        b"q" => Errors::Quiet,
        b"e" => Errors::MailOk,
        _ => return None,
    })
}

fn when(value: &[u8]) -> Option<When> {
    Some(match value.first()? {
        b'b' => When::Background,
        b'i' | b'f' => When::Foreground,
        b'q' | b'd' => When::Queued,
        _ => return None,
    })
}

/// Only a word that says no means no.
fn is_true(value: &[u8]) -> bool {
    !matches!(value.first(), Some(b'f' | b'F' | b'n' | b'N' | b'0'))
}

/// `-oX[value]`: what is not listed is ignored, and no path is ever opened
/// but the aliases file.
fn short_option(args: &mut Args, value: &[u8]) -> Result<(), Stop> {
    match value {
        b"" => return Err(missing(b'o')),
        [b'i', rest @ ..] => args.ignore_dots = is_true(rest),
        [b'e', rest @ ..] => args.errors = errors(rest).unwrap_or(args.errors),
        [b'd', rest @ ..] => args.when = when(rest).unwrap_or(args.when),
        [b'A', file @ ..] if !file.is_empty() => {
            args.aliases = Some(PathBuf::from(OsStr::from_bytes(file)));
        }
        b"v" => verbose(args),
        _ => {}
    }
    Ok(())
}

/// `-O name=value`; names without case.
fn long_option(args: &mut Args, option: &[u8]) {
    let split = option.iter().position(|b| *b == b'=');
    let (name, value) = match split {
        Some(at) => (&option[..at], &option[at + 1..]),
        None => (option, &b""[..]),
    };
    match name.to_ascii_lowercase().as_slice() {
        b"ignoredots" => args.ignore_dots = is_true(value),
        b"errormode" => args.errors = errors(value).unwrap_or(args.errors),
        b"deliverymode" => args.when = when(value).unwrap_or(args.when),
        b"smtputf8" => args.smtputf8 = is_true(value),
        _ => {}
    }
}

/// What may not go together.
fn check(args: &Args) -> Result<(), Stop> {
    if args.header_recipients {
        match (&args.mode, &args.run) {
            (None | Some(Mode::Submit), None) => {}
            _ => {
                return Err(Stop::usage(
                    "-t takes a message; it does not go with -b or -q",
                ));
            }
        }
    }
    if args.run.is_some() && args.mode.is_none() && !args.recipients.is_empty() {
        return Err(Stop::usage("-q runs the queue; it takes no recipients"));
    }
    for recipient in &args.recipients {
        check_text(recipient.as_bytes())?;
    }
    Ok(())
}

fn missing(letter: u8) -> Stop {
    Stop::usage(format!("option -{} needs a value", char::from(letter)))
}

fn unknown_letter(letter: u8) -> Stop {
    let letter = [letter];
    Stop::usage(format!(
        "unknown option -{}",
        String::from_utf8_lossy(&letter)
    ))
}

fn unknown(word: &OsStr) -> Stop {
    Stop::usage(format!("unknown option {}", word.to_string_lossy()))
}

#[cfg(test)]
mod tests;
