//! The dialogues under `tests/dialog`, played: each file is a conversation and
//! a test; its name says the rule, its first lines name the rows of the
//! standards. `script` reads the files, `carrier` is what can be talked to,
//! `play` talks, `memory` is the machine without a network, `stream` has the
//! carriers with one: pipe, TCP, TLS; `client` plays the other side against the
//! client machine, `pair` joins both machines, `soup` is nonsense for each.

// A test may stop at what cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dialog {
    pub mod carrier;
    #[path = "../serve/certificate.rs"]
    pub mod certificate;
    pub mod client;
    pub mod memory;
    mod pair;
    pub mod play;
    pub mod script;
    mod soup;
    pub mod stream;
    pub mod users;
}

use std::path::{Path, PathBuf};

use dialog::carrier::Carrier;
use dialog::memory::Memory;
use dialog::play::{self, Cut};
use dialog::script::Script;
use dialog::stream::Stream;

/// Every file of a folder under `tests/dialog`, in order.
fn scripts(folder: &str) -> Vec<Script> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialog")
        .join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&place)
        .expect("the folder of dialogues")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no dialogues in {}", place.display());
    paths.iter().map(|path| Script::read(path)).collect()
}

/// Plays all that this carrier can, and shows every failure at once.
fn play_all(carrier: &dyn Carrier, cuts: &dyn Fn(&Script) -> Vec<Cut>) {
    let mut failures = Vec::new();
    let mut played = 0;
    for script in scripts("server") {
        for cut in cuts(&script) {
            match play::server(&script, carrier, cut) {
                Ok(true) => played += 1,
                Ok(false) => {}
                Err(why) => {
                    failures.push(format!("{} ({cut:?}): {why}", script.name));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    assert!(played > 0, "{} played nothing", carrier.name());
}

/// Each reply where it belongs: the client waits for it before it goes on.
#[test]
fn server_line_by_line() {
    play_all(&Memory, &|_| vec![Cut::Lines]);
}

/// EX-02: the whole client side in one write.
#[test]
fn server_in_one_flight() {
    play_all(&Memory, &|_| vec![Cut::Whole]);
}

/// EX-04, EX-05, L2: cut at every octet, the replies are the same.
#[test]
fn server_cut_at_every_octet() {
    play_all(&Memory, &|script| places(script.client_octets()));
}

#[test]
fn server_octet_by_octet() {
    play_all(&Memory, &|_| vec![Cut::Octets]);
}

/// The same dialogues, whatever carries them: the replies are those of memory.
#[test]
fn server_on_a_pipe() {
    play_all(&Stream::Stdin, &flights);
}

#[test]
fn server_on_tcp() {
    play_all(&Stream::Tcp, &flights);
}

#[test]
fn server_inside_tls() {
    play_all(&Stream::Tls, &flights);
}

/// As lines, at once, and, where that is not long, octet by octet.
fn flights(script: &Script) -> Vec<Cut> {
    let mut cuts = vec![Cut::Lines, Cut::Whole];
    if script.client_octets() < 2_000 {
        cuts.push(Cut::Octets);
    }
    cuts
}

/// Every place to cut, or 1000 of them where the script is long.
fn places(octets: usize) -> Vec<Cut> {
    (1..octets)
        .step_by(octets / 1000 + 1)
        .map(Cut::At)
        .collect()
}

/// SV-16, SV-17, EX-15: the shape of every reply in every dialogue.
#[test]
fn every_server_reply_has_its_shape_and_its_enhanced_code() {
    for script in scripts("server") {
        let said = play::heard(&script, &Memory);
        if let Err(why) = play::check_replies(&said) {
            panic!("{}: {why}", script.name);
        }
    }
}

#[test]
fn client_whole() {
    play_clients(&|_| vec![Cut::Whole]);
}

/// CL-04, CL-05: replies cut anywhere.
#[test]
fn client_cut_at_every_octet() {
    play_clients(&|script| places(script.server_octets()));
}

#[test]
fn client_octet_by_octet() {
    play_clients(&|_| vec![Cut::Octets]);
}

fn play_clients(cuts: &dyn Fn(&Script) -> Vec<Cut>) {
    let mut failures = Vec::new();
    for script in scripts("client") {
        let one_flight = script.setting("one-flight").is_some();
        for cut in cuts(&script) {
            if one_flight && cut != Cut::Whole {
                continue;
            }
            if let Err(why) = dialog::client::play(&script, cut) {
                failures.push(format!("{} ({cut:?}): {why}", script.name));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}
