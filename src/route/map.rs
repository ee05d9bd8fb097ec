//! Maps of addresses: text files of lines `key value` or `key: value`, for
//! virtual domains, moved users, lists of users. The text is kept as it is and
//! an index of its keys: 100,000 lines cost little more than their octets, and
//! a value is parsed when it is asked for.

use std::collections::{HashMap, HashSet};

use super::alias::AliasError;
use super::domain_key;
use super::people::address_key;
use crate::smtp::addr::{Domain, Mailbox};

/// Files of one kind, the first that has a key counts.
#[derive(Clone, Debug, Default)]
pub struct Map {
    files: Vec<File>,
    /// File and octet where the entry begins.
    index: HashMap<Box<str>, (u32, u32)>,
    /// Domains of keys, as of `domain_key`.
    domains: HashSet<Box<str>>,
    /// A file that cannot be read: whoever is not found may be in it.
    trouble: Option<AliasError>,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    text: String,
}

/// Which keys a map may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// `user@domain` and `@domain`.
    Addresses,
    /// `user@domain`, and a bare `user` for every local domain.
    Users,
}

/// What a map says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'m> {
    pub file: &'m str,
    pub line: usize,
    /// Its logical line: lines that begin with a blank continue it.
    pub value: &'m str,
}

impl Map {
    /// Adds a file's text. Lines without a key that could match are reported, the
    /// others count.
    pub fn add(&mut self, name: &str, text: String, keys: Keys) -> Vec<AliasError> {
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let mut errors = Vec::new();
        let mut at = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            if is_blank(line) || line.starts_with([' ', '\t']) {
                continue;
            }
            let place = u32::try_from(start).map(|start| (file, start));
            match (key(split(line).0, keys), place) {
                (Ok(key), Ok(place)) => {
                    if let Some((_, domain)) = key.rsplit_once('@')
                        && !self.domains.contains(domain)
                    {
                        self.domains.insert(domain.into());
                    }
                    self.index.entry(key.into()).or_insert(place);
                }
                (Err(what), _) => errors.push(fault(name, number + 1, what)),
                (_, Err(_)) => errors.push(fault(name, number + 1, "the file is too large")),
            }
        }
        self.files.push(File {
            name: name.to_owned(),
            text,
        });
        errors
    }

    /// Notes a file that cannot be read.
    pub fn unreadable(&mut self, error: AliasError) {
        self.trouble.get_or_insert(error);
    }

    /// Why what is not found may be there all the same.
    pub fn trouble(&self) -> Option<&AliasError> {
        self.trouble.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty() && self.trouble.is_none()
    }

    /// `key`: as of [`address_key`], a lower-case name, or `@domain`.
    pub fn get(&self, key: &str) -> Option<Entry<'_>> {
        let (file, start) = *self.index.get(key)?;
        let file = self.files.get(file as usize)?;
        let start = start as usize;
        let rest = file.text.get(start..)?;
        let before = file.text.get(..start)?;
        Some(Entry {
            file: &file.name,
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            value: split(rest.get(..logical(rest))?).1.trim(),
        })
    }

    /// Is some address of this domain a key?
    pub fn has_domain(&self, domain: &str) -> bool {
        self.domains.contains(domain)
    }

    /// Addresses with this local part, in any domain.
    pub fn with_local<'m>(&'m self, local: &str) -> Vec<&'m str> {
        let mut found: Vec<&str> = self
            .domains
            .iter()
            .filter_map(|domain| {
                let key = format!("{local}@{domain}");
                self.index.get_key_value(key.as_str()).map(|(k, _)| &**k)
            })
            .collect();
        found.sort_unstable();
        found
    }
}

fn fault(file: &str, line: usize, text: &str) -> AliasError {
    AliasError {
        file: file.to_owned(),
        line,
        text: text.to_owned(),
    }
}

fn is_blank(line: &str) -> bool {
    let held = line.trim_start();
    held.is_empty() || held.starts_with('#')
}

/// Octets of the logical line that `text` begins with.
fn logical(text: &str) -> usize {
    let mut length = 0;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        if n > 0 && !line.starts_with([' ', '\t']) && !is_blank(line) {
            break;
        }
        length += line.len();
    }
    length
}

/// Key and the rest. A key ends at a colon that a blank or the line's end follows,
/// or at a blank; one without blanks also at its first colon, as in password files.
fn split(line: &str) -> (&str, &str) {
    let quoted = line.starts_with('"');
    let from = match quoted {
        true => line.get(1..).and_then(|l| l.find('"')).map_or(0, |i| i + 2),
        false => 0,
    };
    let tail = line.get(from..).unwrap_or_default();
    let literal = tail
        .find("@[")
        .and_then(|at| tail[at..].find(']').map(|end| at + end));
    let skip = from + literal.unwrap_or(0);
    let rest = line.get(skip..).unwrap_or_default();
    let end = rest
        .find(|c: char| c == ':' || c.is_whitespace())
        .map_or(line.len(), |end| skip + end);
    let (key, rest) = line.split_at(end);
    (key, rest.trim_start().strip_prefix(':').unwrap_or(rest))
}

fn key(text: &str, keys: Keys) -> Result<String, &'static str> {
    if let (Some(domain), Keys::Addresses) = (text.strip_prefix('@'), keys) {
        let domain = Domain::parse(domain).and_then(|d| domain_key(&d));
        return domain
            .map(|d| format!("@{d}"))
            .map_err(|_| "expected a domain behind the @");
    }
    if text.contains('@') {
        let mailbox = Mailbox::parse(text).map_err(|_| "expected an address before the value")?;
        return address_key(&mailbox).ok_or("expected an address before the value");
    }
    match keys {
        Keys::Addresses => Err("expected an address, or @ and a domain, before the value"),
        Keys::Users if text.is_empty() || text.contains(char::is_control) => {
            Err("expected a name or an address")
        }
        Keys::Users => Ok(text.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str, keys: Keys) -> (Map, Vec<String>) {
        let mut map = Map::default();
        let errors = map.add("m", text.to_owned(), keys);
        (map, errors.iter().map(ToString::to_string).collect())
    }

    fn get(map: &Map, key: &str) -> Option<(usize, String)> {
        map.get(key).map(|e| (e.line, e.value.to_owned()))
    }

    #[test]
    fn keys_values_and_continuations() {
        let (map, errors) = map(
            "# people\nInfo@V.Example: ann, bob\n  # and\n\n\tcarol\nsales@v.example ann\n\
             @V.example  catch@here.example\nx@[IPv6:2001:db8::1]:ann\n\"a b\"@v.example : ann\n\
             @b\u{fc}cher.example\tann",
            Keys::Addresses,
        );
        assert_eq!(errors, [""; 0]);
        let (line, value) = get(&map, "info@v.example").unwrap();
        assert_eq!(line, 2);
        assert_eq!(value, "ann, bob\n  # and\n\n\tcarol");
        assert_eq!(get(&map, "sales@v.example").unwrap(), (6, "ann".into()));
        assert_eq!(
            get(&map, "@v.example").unwrap(),
            (7, "catch@here.example".into())
        );
        assert_eq!(get(&map, "x@[ipv6:2001:db8::1]").unwrap().1, "ann");
        assert_eq!(get(&map, "a b@v.example").unwrap().1, "ann");
        assert_eq!(get(&map, "@xn--bcher-kva.example").unwrap().0, 10);
        assert!(map.has_domain("v.example") && !map.has_domain("example"));
        assert_eq!(map.with_local("info"), ["info@v.example"]);
    }

    #[test]
    fn users_may_stand_alone_or_in_a_password_file() {
        let (map, errors) = map(
            "Ann\nbob@v.example:{SCRAM}x:y\ncarol:x:1\n\u{1}\n",
            Keys::Users,
        );
        assert_eq!(errors, ["m:4: expected a name or an address"]);
        for key in ["ann", "bob@v.example", "carol"] {
            assert!(map.get(key).is_some(), "{key}");
        }
        assert!(map.get("bob").is_none());
    }

    #[test]
    fn the_first_counts_and_faults_are_told_without_the_line() {
        let (map, errors) = map("a@x 1\na@X 2\ns3cret 3\n@@ 4\n", Keys::Addresses);
        assert_eq!(get(&map, "a@x").unwrap().1, "1");
        assert_eq!(
            errors,
            [
                "m:3: expected an address, or @ and a domain, before the value",
                "m:4: expected a domain behind the @"
            ]
        );
    }

    #[test]
    fn a_hundred_thousand_entries_are_found() {
        let text: String = (0..100_000)
            .map(|i| format!("user{i}@d{}.example: to{i}@here.example\n", i % 100))
            .collect();
        let (map, errors) = map(&text, Keys::Addresses);
        assert!(errors.is_empty());
        assert_eq!(
            get(&map, "user99999@d99.example").unwrap(),
            (100_000, "to99999@here.example".into())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c@:.\"\\\\# \t\n\\[\\]é]{0,60}", key in "[a-c@.]{0,6}") {
            for keys in [Keys::Addresses, Keys::Users] {
                let (map, _) = map(&text, keys);
                let _ = map.get(&key);
            }
        }
    }
}
