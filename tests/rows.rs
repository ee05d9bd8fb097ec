//! Each requirement that is promised has a test that names it: by its id in a
//! comment, or in the test's name (`sv_46` for SV-46). A row without one is a
//! promise that nobody checks.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Sections and numbers; what they say stands in the RFCs that the tests name.
const PROMISED: &[(&str, &[u32])] = &[
    (
        "SV",
        &[
            1, 4, 5, 6, 7, 8, 12, 15, 16, 17, 18, 19, 20, 22, 23, 28, 29, 31, 32, 33, 34, 35, 36,
            37, 38, 39, 41, 43, 44, 45, 46, 48, 50, 51, 52, 54, 55, 56, 57, 58, 59, 62, 63,
        ],
    ),
    (
        "EX",
        &[2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 17, 18, 23, 24],
    ),
    ("L", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("P", &[1, 2, 4]),
    ("I", &[1, 5]),
    ("BN", &[1, 2, 3, 4, 5, 6, 10, 16, 17, 18, 20, 22]),
    ("MX", &[1, 2, 3, 4, 5, 6, 7, 8, 10]),
];

#[test]
fn every_promised_row_is_named_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for path in files(&root.join("tests")) {
        if !path.ends_with("tests/rows.rs") {
            text += &fs::read_to_string(&path).unwrap_or_default();
        }
    }
    for path in files(&root.join("src")) {
        text += test_part(&path, &fs::read_to_string(&path).unwrap());
    }
    let text = text.to_ascii_lowercase();
    let mut missing = Vec::new();
    for (section, numbers) in PROMISED {
        for number in *numbers {
            if !is_named(&text, section, *number) {
                missing.push(format!("{section} {number}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// What of a source file is tests.
fn test_part<'t>(path: &Path, text: &'t str) -> &'t str {
    let is_tests = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
    match path.iter().any(is_tests) {
        true => text,
        false => text.find("#[cfg(test)]").map_or("", |at| &text[at..]),
    }
}

/// `SV-46` or `L1` in a comment, `sv_46` or `l1` in a name.
fn is_named(text: &str, section: &str, number: u32) -> bool {
    let section = section.to_ascii_lowercase();
    let ids = match section.len() {
        1 => [format!("{section}{number}"), format!("{section}_{number}")],
        _ => [
            format!("{section}-{number:02}"),
            format!("{section}_{number:02}"),
        ],
    };
    ids.iter().any(|id| {
        text.match_indices(id).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + id.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    })
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}
