//! Aliases and `.forward`: no text makes the readers panic, errors name a line
//! that exists and never quote it, expansion ends, and each destination is
//! written so that it reads the same again (that is how `state/` keeps it).
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::route::Destination;
use smtputils::route::alias::{self, Aliases, MAX_TARGETS};
use smtputils::smtp::addr::Mailbox;

const ORIGIN: &str = "here.example";

/// An included file of this size at most: it includes itself.
const INCLUDED: usize = 64;

fuzz_target!(|text: &str| {
    let lines = text.split('\n').count();
    let mut aliases = Aliases::default();
    for include in [false, true] {
        let mut read = |_: &str| match include && text.len() <= INCLUDED {
            true => Ok(text.to_owned()),
            false => Err("no".to_owned()),
        };
        for error in aliases.add_with("aliases", text, ORIGIN, &mut read) {
            assert!(error.file != "aliases" || error.line <= lines, "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
    for name in text.lines().filter_map(|line| line.split(':').next()) {
        if let Ok(mailbox) = Mailbox::parse(&format!("{}@{ORIGIN}", name.trim())) {
            expand(&aliases, &mailbox);
        }
    }
    let (targets, faults) = alias::forward(text, ORIGIN);
    targets.iter().for_each(|target| check(&target.to));
    assert!(faults.iter().all(|(line, _)| *line <= lines));
});

fn expand(aliases: &Aliases, mailbox: &Mailbox) {
    let Ok(found) = aliases.expand(mailbox, &|m| m.domain.to_string() == ORIGIN) else {
        return;
    };
    assert!(found.len() <= MAX_TARGETS);
    found.iter().for_each(|(to, _)| check(to));
}

fn check(to: &Destination) {
    let written = to.to_string();
    assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
    assert_eq!(
        written.parse::<Destination>().as_ref(),
        Ok(to),
        "{written:?}"
    );
}
