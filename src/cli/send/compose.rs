//! The options that make a message: fields, text, HTML, files.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::Stop;
use super::super::submit::{self, Input, check_text};
use crate::class::Class;
use crate::config::Config;
use crate::message::addrlist::{Person, people};
use crate::message::compose::{
    Attachment, FileContent, Letter, OwnField, Text, charset, content_id, is_message,
};
use crate::route::domain_key;
use crate::smtp::addr::Domain;
use crate::sys;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Compose {
    /// Recipients, in the field To (as arguments are)
    #[arg(long, value_name = "ADDR")]
    to: Vec<OsString>,
    /// Recipients in Cc
    #[arg(long, value_name = "ADDR")]
    cc: Vec<OsString>,
    /// Recipients in no field
    #[arg(long, value_name = "ADDR")]
    bcc: Vec<OsString>,
    /// Where answers go
    #[arg(long, value_name = "ADDR")]
    reply_to: Vec<OsString>,
    /// Subject
    #[arg(short, long, value_name = "TEXT")]
    subject: Option<OsString>,
    /// The text, instead of standard input (-)
    #[arg(long, value_name = "TEXT")]
    text: Option<OsString>,
    /// HTML, beside the text; - is standard input
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Attach FILE (repeat for more)
    #[arg(short, long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// FILE for the HTML, which calls it cid:NAME
    #[arg(long, value_name = "FILE")]
    inline: Vec<PathBuf>,
    /// Another field, 'Name: value'
    #[arg(long, value_name = "FIELD")]
    header: Vec<OsString>,
}

const STDIN: &str = "-";

impl Compose {
    /// Is standard input a text instead of a message?
    pub fn is_any(&self) -> bool {
        let lists = [&self.to, &self.cc, &self.bcc, &self.reply_to, &self.header];
        let files = [&self.attach, &self.inline];
        lists.iter().any(|l| !l.is_empty())
            || files.iter().any(|l| !l.is_empty())
            || self.subject.is_some()
            || self.text.is_some()
            || self.html.is_some()
    }

    pub fn recipients(&self) -> impl Iterator<Item = &OsStr> {
        let all = self.to.iter().chain(&self.cc).chain(&self.bcc);
        all.map(OsString::as_os_str)
    }

    /// The message. `arguments`: recipients from there, who stand in To as well.
    pub fn message(&self, arguments: &[OsString], config: &Config) -> Result<Box<dyn Read>, Stop> {
        let (text, html) = self.texts(config.message_size)?;
        let mut to = addresses("recipient", arguments)?;
        to.extend(addresses("--to", &self.to)?);
        let own = self.header.iter().map(|word| {
            let field = utf8("--header", word)?.parse::<OwnField>();
            field.map_err(|e| Stop::from(e).about("--header"))
        });
        let letter = Letter {
            to,
            cc: addresses("--cc", &self.cc)?,
            reply_to: addresses("--reply-to", &self.reply_to)?,
            subject: self
                .subject
                .as_deref()
                .map(|subject| utf8("--subject", subject))
                .transpose()?,
            own: own.collect::<Result<_, Stop>>()?,
            text,
            html,
            inline: self.inline_files(config.message_size)?,
            attached: files("--attach", &self.attach, config.message_size)?,
        };
        Ok(Box::new(letter.into_reader(&unique()?)))
    }

    /// Text and HTML. Standard input is the text unless either says otherwise;
    /// beside HTML it may be empty, and nobody at a terminal is waited for.
    fn texts(&self, limit: u64) -> Result<(Option<Text>, Option<Text>), Stop> {
        let html_input = self.html.as_deref() == Some(Path::new(STDIN));
        let text_input = match &self.text {
            Some(text) => text == STDIN,
            None if self.html.is_none() => true,
            None => !html_input && !io::stdin().is_terminal(),
        };
        if text_input && html_input {
            return Err(Stop::usage(
                "--text - and --html -: standard input can be read only once",
            ));
        }
        if html_input || (text_input && self.html.is_none()) {
            submit::check_input()?;
        }
        let text = match (&self.text, text_input) {
            (_, true) => Some(read("standard input", &mut Input, limit)?),
            (Some(text), _) => Some(read("--text", &mut text.as_bytes(), limit)?),
            (None, _) => None,
        };
        let html = match (&self.html, html_input) {
            (_, true) => Some(read("standard input", &mut Input, limit)?),
            (Some(path), _) => {
                let what = format!("--html {}", path.display());
                Some(read(&what, &mut open(&what, path)?, limit)?)
            }
            (None, _) => None,
        };
        let is_needed = |text: &Text| html.is_none() || !text.is_empty();
        Ok((text.filter(is_needed), html))
    }

    /// Two of one name would be one to the HTML.
    fn inline_files(&self, limit: u64) -> Result<Vec<Attachment>, Stop> {
        let files = files("--inline", &self.inline, limit)?;
        let mut seen = HashSet::new();
        match files.iter().find(|f| !seen.insert(content_id(&f.name))) {
            None => Ok(files),
            Some(file) => {
                let id = content_id(&file.name);
                Err(Stop::usage(format!("--inline: two files are cid:{id}")))
            }
        }
    }
}

fn read(what: &str, from: &mut dyn Read, limit: u64) -> Result<Text, Stop> {
    Text::read(from, limit, &submit::nameless).map_err(|e| Stop::from(e).about(what))
}

/// A value for the header: UTF-8, and one line of it (I1).
fn utf8(option: &str, word: &OsStr) -> Result<String, Stop> {
    check_text(word.as_bytes()).map_err(|stop| stop.about(option))?;
    match word.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Stop::new(Class::Data, format!("{option}: not UTF-8"))),
    }
}

fn addresses(option: &str, words: &[OsString]) -> Result<Vec<Person>, Stop> {
    let mut all = Vec::new();
    for word in words {
        let (good, bad) = people(utf8(option, word)?.as_bytes());
        if let Some((text, error)) = bad.into_iter().next() {
            let text = format!("{option} {text}: {error}; nothing was sent");
            return Err(Stop::new(Class::Data, text));
        }
        all.extend(good.into_iter().map(ascii_domain));
    }
    Ok(all)
}

/// With an ASCII local part the domain's A-labels do, and the field needs no
/// SMTPUTF8 (RFC 6531 section 3.2).
fn ascii_domain(person: Person) -> Person {
    let Some((local, domain)) = person.address.rsplit_once('@') else {
        return person;
    };
    let key = Domain::parse(domain).ok().and_then(|d| domain_key(&d).ok());
    match key {
        Some(key) if local.is_ascii() && !domain.is_ascii() => Person {
            address: format!("{local}@{key}"),
            ..person
        },
        _ => person,
    }
}

fn files(option: &str, paths: &[PathBuf], limit: u64) -> Result<Vec<Attachment>, Stop> {
    paths.iter().map(|path| file(option, path, limit)).collect()
}

fn file(option: &str, path: &Path, limit: u64) -> Result<Attachment, Stop> {
    let what = format!("{option} {}", path.display());
    let name = path.file_name().unwrap_or(path.as_os_str());
    check_text(name.as_bytes()).map_err(|stop| stop.about(option))?;
    let name = name.to_string_lossy().into_owned();
    let mut source = open(&what, path)?;
    if is_message(&name) {
        let content = FileContent::Message(read(&what, &mut source, limit)?);
        return Ok(Attachment { name, content });
    }
    let charset = known_charset(&mut source).map_err(|e| unreadable(&what, &e))?;
    Ok(Attachment {
        name,
        content: FileContent::Octets {
            source: Box::new(Named { what, source }),
            charset,
        },
    })
}

/// Of what can be read twice.
fn known_charset(file: &mut File) -> io::Result<Option<&'static str>> {
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let found = charset(file)?;
    file.rewind()?;
    Ok(found)
}

fn open(what: &str, path: &Path) -> Result<File, Stop> {
    let file = File::open(path).map_err(|e| unreadable(what, &e))?;
    match file.metadata() {
        Ok(about) if about.is_dir() => Err(unreadable(what, &io::ErrorKind::IsADirectory.into())),
        _ => Ok(file),
    }
}

fn unreadable(what: &str, error: &io::Error) -> Stop {
    Stop::new(Class::NoInput, format!("{what}: {error}; nothing was sent"))
}

/// A file whose errors say which it is.
struct Named {
    what: String,
    source: File,
}

impl Read for Named {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let named = |e: io::Error| match e.kind() {
            io::ErrorKind::Interrupted => e,
            _ => io::Error::other(format!("{}: {e}", self.what)),
        };
        self.source.read(buf).map_err(named)
    }
}

/// For boundaries, which no content can hold then.
fn unique() -> Result<String, Stop> {
    let octets = sys::random::<16>().map_err(|e| Stop::new(Class::OsErr, e.to_string()))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(octets)))
}
