//! Writing systems in an address: a name that mixes those whose letters look
//! alike may be made to be taken for another (R6, UTS 39).

/// Scripts whose letters are mistaken for each other, or that no word mixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Hebrew,
    Arabic,
    Devanagari,
    Thai,
    Georgian,
    /// Japanese, Chinese and Korean mix several, and Latin too.
    EastAsian,
    Other,
}

/// First and last character of the blocks that mail addresses are written in.
const BLOCKS: [(u32, u32, Script); 27] = [
    (0x41, 0x5a, Script::Latin),
    (0x61, 0x7a, Script::Latin),
    (0xc0, 0x24f, Script::Latin),
    (0x250, 0x2af, Script::Latin),
    (0x370, 0x3ff, Script::Greek),
    (0x400, 0x52f, Script::Cyrillic),
    (0x530, 0x58f, Script::Armenian),
    (0x590, 0x5ff, Script::Hebrew),
    (0x600, 0x6ff, Script::Arabic),
    (0x750, 0x77f, Script::Arabic),
    (0x900, 0x97f, Script::Devanagari),
    (0xe00, 0xe7f, Script::Thai),
    (0x10a0, 0x10ff, Script::Georgian),
    (0x1100, 0x11ff, Script::EastAsian),
    (0x1c80, 0x1c8f, Script::Cyrillic),
    (0x1c90, 0x1cbf, Script::Georgian),
    (0x1e00, 0x1eff, Script::Latin),
    (0x1f00, 0x1fff, Script::Greek),
    (0x2d00, 0x2d2f, Script::Georgian),
    (0x2de0, 0x2dff, Script::Cyrillic),
    (0x3040, 0x312f, Script::EastAsian),
    (0x3130, 0x318f, Script::EastAsian),
    (0x3400, 0x9fff, Script::EastAsian),
    (0xa640, 0xa69f, Script::Cyrillic),
    (0xac00, 0xd7af, Script::EastAsian),
    (0xff00, 0xffef, Script::EastAsian),
    (0x20000, 0x3ffff, Script::EastAsian),
];

fn script(c: char) -> Option<Script> {
    let code = u32::from(c);
    if !c.is_alphabetic() {
        return None;
    }
    let block = BLOCKS
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&code));
    Some(block.map_or(Script::Other, |b| b.2))
}

/// True where one word (a label, a part between dots) mixes scripts.
fn is_mixed(word: &str) -> bool {
    let mut scripts: Vec<Script> = word.chars().filter_map(script).collect();
    scripts.sort_unstable();
    scripts.dedup();
    let east_asian = scripts.contains(&Script::EastAsian);
    scripts.retain(|s| *s != Script::EastAsian && !(east_asian && *s == Script::Latin));
    scripts.len() + usize::from(east_asian) > 1
}

/// What a reader should know about how an address is written. The domain may
/// hold A-labels or U-labels.
pub fn warnings(local: &str, domain: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let (shown, _) = idna::domain_to_unicode(domain);
    if shown.split('.').any(is_mixed) {
        warnings.push("the domain mixes scripts".to_owned());
    }
    if local.split(['.', '-', '_', '+']).any(is_mixed) {
        warnings.push("the local part mixes scripts".to_owned());
    }
    let invisible = |c: char| matches!(u32::from(c), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xfeff);
    if local.chars().any(invisible) {
        warnings.push("the local part holds characters that cannot be seen".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r6_mixed_scripts_are_told() {
        for (local, domain, count) in [
            ("alice", "example.org", 0),
            ("grüße", "bücher.example", 0),
            ("иван", "пример.example", 0),
            // A Cyrillic а in the place of a Latin one.
            ("alice", "ex\u{430}mple.org", 1),
            ("p\u{430}yment", "example.org", 1),
            ("p\u{430}y", "p\u{430}y.example", 2),
            ("たろう太郎", "例え.example", 0),
            ("taro太郎", "example.org", 0),
            ("a\u{200b}b", "example.org", 1),
            ("иван.smith", "example.org", 0),
        ] {
            let told = warnings(local, domain);
            assert_eq!(told.len(), count, "{local}@{domain}: {told:?}");
        }
        // A-labels are looked at as what they show.
        let (ascii, _) = (idna::domain_to_ascii("ex\u{430}mple.org").unwrap(), ());
        assert_eq!(warnings("alice", &ascii).len(), 1);
    }
}
