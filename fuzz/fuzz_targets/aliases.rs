//! Aliases, maps and `.forward`: no text makes the readers panic, errors name a
//! line that exists and never quote it, expansion ends, and each destination is
//! written so that it reads the same again (that is how `state/` keeps it).
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::config::Config;
use smtputils::route::Destination;
use smtputils::route::alias::{self, Aliases, MAX_TARGETS};
use smtputils::route::expand::expand;
use smtputils::route::map::Keys;
use smtputils::route::people::{Book, Host};
use smtputils::smtp::addr::Mailbox;

const ORIGIN: &str = "here.example";

/// An included file of this size at most: it includes itself.
const INCLUDED: usize = 64;

/// Every third name is a user.
struct Sample;

impl Host for Sample {
    fn has_user(&self, name: &str) -> std::io::Result<bool> {
        Ok(name.len() % 3 == 0)
    }
    fn has_directory(&self, _: &str) -> std::io::Result<bool> {
        Ok(false)
    }
}

fuzz_target!(|text: &str| {
    let lines = text.split('\n').count();
    let text_of_config = format!("local_domains = [\"{ORIGIN}\"]\norigin = \"{ORIGIN}\"");
    let Ok(config) = Config::parse("fuzz", &text_of_config) else {
        return;
    };
    let mut book = Book::new(config.table(), ORIGIN);
    book.separator = "+".to_owned();
    for include in [false, true] {
        let mut read = |_: &str| match include && text.len() <= INCLUDED {
            true => Ok(text.to_owned()),
            false => Err("no".to_owned()),
        };
        let mut aliases = Aliases::default();
        for error in aliases.add_with("aliases", text, ORIGIN, &mut read) {
            assert!(error.file != "aliases" || error.line <= lines, "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
        book.aliases = aliases;
    }
    for (map, keys) in [
        (&mut book.virtuals, Keys::Addresses),
        (&mut book.moved, Keys::Users),
        (&mut book.moved_forward, Keys::Users),
    ] {
        for error in map.add("map", text.to_owned(), keys) {
            assert!(error.line <= lines, "{error}");
        }
    }
    let (targets, faults) = alias::forward(text, ORIGIN);
    targets.iter().for_each(|target| check(&target.to));
    assert!(faults.iter().all(|(line, _)| *line <= lines));
    let mut forward = |_: &str| Ok((!targets.is_empty()).then(|| targets.clone()));
    for name in text.lines().filter_map(|line| line.split(':').next()) {
        let name = name.trim();
        let address = Mailbox::parse(name).or_else(|_| Mailbox::parse(&format!("{name}@{ORIGIN}")));
        let Ok(address) = address else { continue };
        let Ok(found) = expand(&book, &Sample, &address, &mut forward) else {
            continue;
        };
        assert!(found.len() <= MAX_TARGETS);
        found.iter().for_each(|end| check(&end.to));
    }
});

fn check(to: &Destination) {
    let written = to.to_string();
    assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
    assert_eq!(
        written.parse::<Destination>().as_ref(),
        Ok(to),
        "{written:?}"
    );
}
