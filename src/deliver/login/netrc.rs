//! The netrc format: words in any layout, the first entry that fits counts.
//!
//! `machine NAME login USER password SECRET`, `default` for every machine,
//! `account X` and `macdef NAME` up to an empty line are passed over. A word in
//! double quotes may hold blanks; `\` takes the next character as it is. `#` in
//! the place of a keyword makes the rest of the line a comment.

use crate::smtp::sasl::Secret;

#[derive(Default)]
struct Entry {
    fits: bool,
    user: Option<String>,
    secret: Option<Secret>,
}

/// User and password for this host; with `user`, that user's.
pub fn find(text: &str, host: &str, user: Option<&str>) -> Result<(String, Secret), String> {
    let mut words = Words { rest: text };
    let mut entry = Entry::default();
    while let Some(keyword) = words.next()? {
        match keyword.as_str() {
            "machine" => {
                if let Some(found) = entry.taken(user) {
                    return Ok(found);
                }
                let fits = words.value("machine")?.eq_ignore_ascii_case(host);
                entry = Entry {
                    fits,
                    ..Entry::default()
                };
            }
            "default" => {
                if let Some(found) = entry.taken(user) {
                    return Ok(found);
                }
                entry = Entry {
                    fits: true,
                    ..Entry::default()
                };
            }
            "login" => entry.user = Some(words.value("login")?),
            "password" => entry.secret = Some(words.value("password")?.into()),
            "account" => drop(words.value("account")?),
            "macdef" => words.skip_macro(),
            word if word.starts_with('#') => words.skip_line(),
            // Not shown: where it is malformed it may be a password.
            _ => return Err("a word stands where a keyword has to be".to_string()),
        }
    }
    entry.taken(user).ok_or_else(|| match user {
        Some(user) => format!("no password of {user} for {host}"),
        None => format!("no login and password for {host}"),
    })
}

impl Entry {
    /// What is in it, where it is for the host and the user.
    fn taken(&mut self, user: Option<&str>) -> Option<(String, Secret)> {
        let name = self.user.take().or_else(|| user.map(str::to_string))?;
        let ours = self.fits && user.is_none_or(|user| user == name);
        ours.then(|| Some((name, self.secret.take()?)))?
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        self.rest = self.rest.trim_start();
        let mut word = String::new();
        let mut quoted = false;
        let mut chars = self.rest.char_indices();
        // The blank that ends a word stays: a comment ends with its own line.
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if quoted || at == 0 => quoted = !quoted,
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        if quoted {
            return Err("a quotation mark is not closed".to_string());
        }
        let is_word = !word.is_empty() || self.rest.starts_with('"');
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(is_word.then_some(word))
    }

    fn value(&mut self, of: &str) -> Result<String, String> {
        let word = self.next()?;
        word.ok_or_else(|| format!("{of} is the last word"))
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    /// Up to an empty line.
    fn skip_macro(&mut self) {
        self.rest = self.rest.split_once("\n\n").map_or("", |(_, rest)| rest);
    }
}
