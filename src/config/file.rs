//! One configuration file: TOML to settings, with positions.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::access::{ACCESS_KEYS, ACCOUNT_KEYS, PartAccount, PartRoute};
use super::keys::{self, KEYS, Key, OVERRIDE_KEYS, ROUTE_KEYS};
use super::slot::{Slot, Wrong, expected};
use super::{Account, Config, ConfigError};
use crate::route::rewrite::Override;

/// A file under reading.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

/// Takes over every setting of `text`; those not in it stay as they are.
pub fn read(config: &mut Config, name: &str, text: &str) -> Result<(), ConfigError> {
    let file = File { name, text };
    let table = DeTable::parse(text).map_err(|e| file.error(e.span(), e.message()))?;
    file.table(config, "", table.get_ref())
}

impl File<'_> {
    fn table(
        &self,
        config: &mut Config,
        section: &str,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        let mut entries: Vec<_> = table.iter().collect();
        // In the order of the file, so that its first fault is the one told.
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = match section {
                "" => key.get_ref().to_string(),
                section => format!("{section}.{}", key.get_ref()),
            };
            match (KEYS.iter().find(|k| k.name == name), value.get_ref()) {
                (Some(key), _) => self.setting(config, key, value)?,
                (None, DeValue::Table(inner)) if section.is_empty() && is_section(&name) => {
                    self.table(config, &name, inner)?;
                }
                (None, _) if section.is_empty() && is_section(&name) => {
                    return Err(self.wrong(value.span(), &expected("a section")));
                }
                (None, DeValue::Table(_)) => {
                    return Err(self.unknown(key.span(), &name, &sections()));
                }
                _ => return Err(self.unknown(key.span(), &name, &names())),
            }
        }
        Ok(())
    }

    fn setting(
        &self,
        config: &mut Config,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        match ((key.slot)(config), value.get_ref()) {
            (Slot::Routes(routes), DeValue::Array(items)) => {
                *routes = items
                    .iter()
                    .map(|r| self.route(r))
                    .collect::<Result<_, _>>()?;
            }
            (Slot::Accounts(accounts), DeValue::Table(table)) => {
                self.accounts(accounts, table)?;
            }
            (Slot::Overrides(overrides), DeValue::Array(items)) => {
                *overrides = items
                    .iter()
                    .map(|item| self.rewrite_override(item))
                    .collect::<Result<_, _>>()?;
            }
            (slot, plain) => slot
                .set(plain)
                .map_err(|what| self.wrong(value.span(), &what))?,
        }
        let from = format!("{}:{}", self.name, self.position(value.span().start).0);
        config.set_source(key.name, from);
        Ok(())
    }

    fn route(
        &self,
        item: &Spanned<DeValue<'_>>,
    ) -> Result<crate::route::table::Route, ConfigError> {
        let mut route = PartRoute::default();
        let known = with_access("route", &ROUTE_KEYS);
        self.item(item, "route", &strs(&known), |key, value| {
            route.set(key, value)
        })?;
        route.whole().map_err(|what| self.wrong(item.span(), &what))
    }

    fn rewrite_override(&self, item: &Spanned<DeValue<'_>>) -> Result<Override, ConfigError> {
        let known: Vec<String> = KEYS
            .iter()
            .filter_map(|key| key.name.strip_prefix("rewrite."))
            .filter(|name| *name != "override")
            .map(|name| format!("rewrite.override.{name}"))
            .chain(OVERRIDE_KEYS.map(str::to_owned))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let mut found = Override::default();
        self.item(item, "rewrite.override", &known, |key, value| {
            keys::rewrite_override(&mut found, key, value)
        })?;
        match found.uid.is_empty() && found.sender.is_empty() {
            true => Err(self.wrong(item.span(), &expected("uid or sender in every override"))),
            false => Ok(found),
        }
    }

    /// One table of an array of tables, key by key.
    fn item(
        &self,
        item: &Spanned<DeValue<'_>>,
        section: &str,
        known: &[&str],
        mut set: impl FnMut(&str, &DeValue<'_>) -> Result<(), Wrong>,
    ) -> Result<(), ConfigError> {
        let Some(table) = item.get_ref().as_table() else {
            let form = expected(&format!("a table for each, [[{section}]]"));
            return Err(self.wrong(item.span(), &form));
        };
        for (key, value) in table.iter() {
            let name = format!("{section}.{}", key.get_ref());
            if !known.contains(&name.as_str()) {
                return Err(self.unknown(key.span(), &name, known));
            }
            set(key.get_ref(), value.get_ref()).map_err(|what| self.wrong(value.span(), &what))?;
        }
        Ok(())
    }

    /// Those of a later file replace those of the same name.
    fn accounts(
        &self,
        accounts: &mut Vec<Account>,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        let known = with_access("account", &ACCOUNT_KEYS);
        for (name, item) in table.iter() {
            let mut account = PartAccount::default();
            self.item(item, "account", &strs(&known), |key, value| {
                account.set(key, value)
            })?;
            let account = account.whole(name.get_ref());
            let account = account.map_err(|what| self.wrong(item.span(), &what))?;
            accounts.retain(|other| other.name != account.name);
            accounts.push(account);
        }
        Ok(())
    }

    fn wrong(&self, span: Range<usize>, what: &str) -> ConfigError {
        self.error(Some(span), what)
    }

    fn unknown(&self, span: Range<usize>, name: &str, known: &[&str]) -> ConfigError {
        let advice = match nearest(name, known) {
            Some(known) => format!("unknown key; the nearest known one is {known}"),
            None => "unknown key; see smtputils.conf(5) for the known ones".to_owned(),
        };
        self.wrong(span, &advice)
    }

    fn error(&self, span: Option<Range<usize>>, what: &str) -> ConfigError {
        let (line, column) = self.position(span.map_or(0, |s| s.start));
        ConfigError(format!("{}:{line}:{column}: {what}", self.name))
    }

    /// Line and column, from 1, the column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// A section's own keys, and those of a login.
fn with_access(section: &str, own: &[&str]) -> Vec<String> {
    let own = own.iter().map(|key| (*key).to_owned());
    own.chain(ACCESS_KEYS.iter().map(|key| format!("{section}.{key}")))
        .collect()
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn names() -> Vec<&'static str> {
    KEYS.iter().map(|k| k.name).collect()
}

fn sections() -> Vec<&'static str> {
    let before = |k: &Key| k.name.split_once('.').map(|(section, _)| section);
    KEYS.iter()
        .filter_map(before)
        .chain(["route", "account"])
        .collect()
}

fn is_section(name: &str) -> bool {
    !["route", "account"].contains(&name) && sections().contains(&name)
}

/// The known name with the smallest edit distance, if any comes near: at most
/// half of it differs. A name in the wrong section counts by its last part.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let last = |n: &str| n.rsplit('.').next().map(str::to_owned);
    let far = |k: &str| match last(k) == last(name) {
        true => 1,
        false => distance(name, k),
    };
    let (far, nearest) = known
        .iter()
        .map(|k| (far(k), *k))
        .min_by_key(|(far, _)| *far)?;
    (far <= nearest.len().max(2) / 2).then_some(nearest)
}

/// Levenshtein's distance; long names count as far, so that a hostile file
/// costs little.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 {
        return a.len();
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
