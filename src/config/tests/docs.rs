//! The manual page and the example file against the table of keys.

use super::*;

const MAN_PAGE: &str = include_str!("../../../man/smtputils.conf.5");
const EXAMPLE: &str = include_str!("../../../share/config.toml.example");

/// The page has every key with its default, and no other.
#[test]
fn the_manual_tells_every_key_and_default() {
    let items: Vec<(&str, &str)> = MAN_PAGE
        .split("\n.It Ic ")
        .skip(1)
        .map(|item| item.split_once('\n').unwrap())
        .collect();
    let tables = ["route", "account", "rewrite.override"];
    for key in KEYS.iter().filter(|k| !tables.contains(&k.name)) {
        let (_, text) = items
            .iter()
            .find(|(name, _)| *name == key.name)
            .expect(key.name);
        let text = text.split("\n.El").next().unwrap();
        match key.default {
            "" => assert!(
                text.contains("Default:") || text.contains("No default"),
                "{}",
                key.name
            ),
            default => {
                let line = format!("\n.br\nDefault: {}", default.replace('"', "\\(dq"));
                assert!(text.ends_with(&line), "{}: {text}", key.name);
            }
        }
    }
    // The options that routes and accounts share are told once, with routes.
    let shared = access::ACCESS_KEYS.map(|key| format!("route.{key}"));
    let own = [
        &keys::ROUTE_KEYS[..],
        &access::ACCOUNT_KEYS,
        &keys::OVERRIDE_KEYS,
    ]
    .concat();
    let known = |name: &str| {
        KEYS.iter().any(|k| k.name == name)
            || own.contains(&name)
            || shared.iter().any(|k| k == name)
    };
    for (name, _) in &items {
        assert!(known(name), "{name}");
    }
    let in_tables = own.len() + shared.len();
    assert_eq!(items.len(), KEYS.len() - tables.len() + in_tables);
}

#[test]
fn the_examples_of_the_manual_are_valid() {
    let blocks: Vec<&str> = MAN_PAGE
        .split(".Bd -literal -offset indent\n")
        .skip(1)
        .filter_map(|rest| rest.split(".Ed").next())
        .collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        parsed(block);
    }
}

/// Without its `#`, the example file sets every key, in the table's order, to
/// its default or to an example in `<>`.
#[test]
fn the_example_file_has_every_key_and_default() {
    let plain: String = EXAMPLE
        .lines()
        .filter_map(|line| {
            line.strip_prefix('#')
                .filter(|l| !l.is_empty() && !l.starts_with(' '))
        })
        .map(|line| line.replace(['<', '>'], "") + "\n")
        .collect();
    let config = parsed(&plain);
    for (name, value, from) in &config.sources() {
        let default = KEYS.iter().find(|k| k.name == *name).unwrap().default;
        assert!(from.starts_with("c.toml:"), "{name} is missing");
        assert!(
            default.is_empty() || default == value || *name == "postmaster",
            "{name}: {value}"
        );
    }
    let line = |from: &str| from["c.toml:".len()..].parse::<u32>().unwrap();
    assert!(config.sources().is_sorted_by_key(|(.., from)| line(from)));
    assert_eq!(parsed(EXAMPLE).sources()[4].2, "default");
}
