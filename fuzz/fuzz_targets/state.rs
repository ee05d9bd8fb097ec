//! `state/ID`: nothing in it makes the reader panic; a last line without its end
//! never happened; lines that are there are read one after the other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::spool::State;

fuzz_target!(|octets: &[u8]| {
    let end = octets
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let whole = State::parse(octets);
    assert_eq!(whole, State::parse(&octets[..end]), "the torn line");
    let Ok(state) = whole else { return };
    let mut grown = State::default();
    for at in (0..end).filter(|at| octets[*at] == b'\n') {
        let next = State::parse(&octets[..=at]).expect("a part of what reads right");
        assert!(next.attempts.starts_with(&grown.attempts));
        assert!(next.notes.starts_with(&grown.notes));
        assert!(
            grown.targets.is_none() || next.targets == grown.targets,
            "the first counts"
        );
        grown = next;
    }
    assert_eq!(grown, state);
    let last = state.last(64);
    for (number, attempt) in (0..).zip(&last) {
        let is_final = attempt.filter(|a| a.result.is_final());
        assert_eq!(state.settled(number), is_final);
    }
});
