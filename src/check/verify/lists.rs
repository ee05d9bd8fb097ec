//! Lists of names, which users can replace: local parts of roles, domains of
//! disposable and of free mail, words of replies.

use std::collections::HashSet;
use std::path::Path;

use super::judge::Pattern;
use crate::class::{Class, Classify};

#[derive(Debug)]
pub struct Lists {
    roles: HashSet<String>,
    disposable: HashSet<String>,
    /// In the order of the file: the first of equally near ones is suggested.
    free: Vec<(String, Letters)>,
    free_set: HashSet<String>,
    pub replies: Vec<Pattern>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ListError(String);

impl Classify for ListError {
    fn class(&self) -> Class {
        Class::Config
    }
}

/// File names, and what is built in.
const ROLES: (&str, &str) = ("role.txt", include_str!("../../../share/verify/role.txt"));
const DISPOSABLE: (&str, &str) = (
    "disposable.txt",
    include_str!("../../../share/verify/disposable.txt"),
);
const FREE: (&str, &str) = ("free.txt", include_str!("../../../share/verify/free.txt"));
const REPLIES: (&str, &str) = (
    "replies.tsv",
    include_str!("../../../share/verify/replies.tsv"),
);

/// Top-level domains that fingers make of others.
const TOP_LEVEL_SLIPS: [(&str, &str); 12] = [
    ("con", "com"),
    ("cmo", "com"),
    ("ocm", "com"),
    ("vom", "com"),
    ("xom", "com"),
    ("comm", "com"),
    ("coom", "com"),
    ("nte", "net"),
    ("ner", "net"),
    ("ent", "net"),
    ("ogr", "org"),
    ("rog", "org"),
];

impl Lists {
    /// Files of this directory stand for those built in; what is not there is
    /// built in.
    pub fn load(directory: Option<&Path>) -> Result<Lists, ListError> {
        let text = |(name, built_in): (&str, &str)| match directory {
            None => Ok(built_in.to_owned()),
            Some(directory) => read(&directory.join(name), built_in),
        };
        let mut replies = Vec::new();
        for (line, number) in text(REPLIES)?.lines().zip(1..) {
            if !line.trim().is_empty() && !line.starts_with('#') {
                let pattern = Pattern::parse(line)
                    .map_err(|why| ListError(format!("{} line {number}: {why}", REPLIES.0)))?;
                replies.push(pattern);
            }
        }
        let free = names(&text(FREE)?);
        Ok(Lists {
            roles: names(&text(ROLES)?).into_iter().collect(),
            disposable: names(&text(DISPOSABLE)?).into_iter().collect(),
            free: free.iter().map(|n| (n.clone(), letters(n))).collect(),
            free_set: free.into_iter().collect(),
            replies,
        })
    }

    #[cfg(test)]
    pub fn built_in() -> Lists {
        Lists::load(None).unwrap()
    }

    /// A function, not a person; what follows a `+` is the person's own.
    pub fn is_role(&self, local: &str) -> bool {
        let name = local.split('+').next().unwrap_or_default();
        self.roles.contains(&name.to_lowercase())
    }

    /// The domain, or one above it.
    pub fn is_disposable(&self, domain: &str) -> bool {
        parents(domain).any(|name| self.disposable.contains(name))
    }

    pub fn is_free(&self, domain: &str) -> bool {
        self.free_set.contains(domain)
    }

    /// The domain that was probably meant.
    pub fn suggestion(&self, domain: &str) -> Option<String> {
        if self.is_free(domain) || self.is_disposable(domain) {
            return None;
        }
        let own = letters(domain);
        let near = |limit| {
            let fits = |(known, its): &&(String, Letters)| {
                may_be_near(&own, its, limit) && distance(domain, known, limit) <= limit
            };
            self.free.iter().find(fits).map(|(name, _)| name.clone())
        };
        // Of a short name one slip makes another that exists.
        let limit = if domain.len() >= 10 { 2 } else { 1 };
        near(1).or_else(|| near(limit)).or_else(|| {
            let (name, top) = domain.rsplit_once('.')?;
            let (_, meant) = TOP_LEVEL_SLIPS.iter().find(|(slip, _)| *slip == top)?;
            Some(format!("{name}.{meant}"))
        })
    }
}

fn read(path: &Path, built_in: &str) -> Result<String, ListError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(built_in.to_owned()),
        Err(e) => Err(ListError(format!("{}: {e}", path.display()))),
    }
}

/// A name a line, `#` before a comment.
fn names(text: &str) -> Vec<String> {
    let name = |line: &str| line.split('#').next().map(|n| n.trim().to_lowercase());
    let names = text.lines().filter_map(name);
    names.filter(|name| !name.is_empty()).collect()
}

fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1))
}

/// How often each letter stands in a name.
type Letters = [u8; 32];

fn letters(name: &str) -> Letters {
    let mut letters = [0; 32];
    for octet in name.bytes() {
        let slot: &mut u8 = &mut letters[usize::from(octet & 31)];
        *slot = slot.saturating_add(1);
    }
    letters
}

/// A slip changes at most two of the letters: most names are told apart by that
/// alone, at little cost.
fn may_be_near(a: &Letters, b: &Letters, limit: usize) -> bool {
    let differ = a.iter().zip(b).map(|(a, b)| usize::from(a.abs_diff(*b)));
    differ.sum::<usize>() <= 2 * limit
}

/// Slips between two names: a letter more, less, another, or two swapped.
/// Beyond `limit` any larger number will do.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            best = best.min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_good_names_left_alone() {
        let lists = Lists::built_in();
        for (typed, meant) in [
            ("gmial.com", Some("gmail.com")),
            ("gmail.con", Some("gmail.com")),
            ("gamil.com", Some("gmail.com")),
            ("hotmial.com", Some("hotmail.com")),
            ("yahooo.com", Some("yahoo.com")),
            ("outlok.com", Some("outlook.com")),
            ("example.con", Some("example.com")),
            ("example.com", None),
            ("gmail.com", None),
            ("gmx.net", None),
            ("mailinator.com", None),
        ] {
            assert_eq!(lists.suggestion(typed).as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn kinds_of_names() {
        let lists = Lists::built_in();
        assert!(lists.is_role("Postmaster") && lists.is_role("info+x"));
        assert!(!lists.is_role("alice"));
        assert!(lists.is_disposable("mailinator.com"));
        assert!(lists.is_disposable("x.mailinator.com"));
        assert!(!lists.is_disposable("example.org"));
        assert!(lists.is_free("gmail.com") && !lists.is_free("example.org"));
    }

    #[test]
    fn a_directory_replaces_what_it_has() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("role.txt"), "boss # the one\n\n").unwrap();
        let lists = Lists::load(Some(directory.path())).unwrap();
        assert!(lists.is_role("boss") && !lists.is_role("postmaster"));
        assert!(lists.is_free("gmail.com"));
        std::fs::write(directory.path().join("replies.tsv"), "nonsense\n").unwrap();
        let error = Lists::load(Some(directory.path())).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
