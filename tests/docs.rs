//! What is written is true: manual pages against the command lines both ways,
//! completions fresh, module arrows, README's commands.
//!
//! `UPDATE=1 cargo test --test docs` rewrites the completions.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use smtputils::cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Each program that clap parses, with its page.
fn tools() -> Vec<(&'static str, Command)> {
    vec![
        ("man/smtp-send.1", cli::send::Options::command()),
        ("man/smtp-mx.1", cli::mx::Cli::command()),
        ("man/smtp-verify.1", cli::verify::Cli::command()),
        ("man/smtp-queue.8", cli::queue::Cli::command()),
        ("man/smtp-serve.8", cli::serve::Args::command()),
    ]
}

/// Long options of a command and all below it, hidden ones apart.
fn options(command: &Command, into: &mut BTreeSet<String>) {
    for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
        if let Some(long) = arg.get_long() {
            into.insert(long.to_owned());
        }
    }
    for below in command.get_subcommands() {
        options(below, into);
    }
}

/// Long options that a page names: `Fl -name`.
fn documented(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in page.lines() {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if word != "Fl" && word != ".Fl" {
                continue;
            }
            // `Fl a , -b | -c`: flags until another macro.
            while let Some(next) = words.peek() {
                if let Some(name) = next.strip_prefix('-').filter(|n| !n.is_empty()) {
                    found.insert(name.to_owned());
                } else if next.len() > 1 {
                    break;
                }
                words.next();
            }
        }
    }
    found
}

#[test]
fn every_option_is_in_the_manual_and_every_option_of_the_manual_exists() {
    for (page, mut command) in tools() {
        command.build();
        let mut has = BTreeSet::new();
        options(&command, &mut has);
        let text = read(page);
        let told = documented(&text);
        let missing: Vec<_> = has.difference(&told).collect();
        assert!(missing.is_empty(), "{page} does not tell of {missing:?}");
        let invented: Vec<_> = told.difference(&has).collect();
        assert!(
            invented.is_empty(),
            "{page} tells of {invented:?}, which does not exist"
        );
        for below in command.get_subcommands() {
            let name = below.get_name();
            assert!(
                name == "help" || text.contains(&format!(".It Cm {name}")),
                "{page} does not tell of the command {name}"
            );
        }
    }
}

/// Severity, name, keys.
type Told = (String, String, Vec<String>);

/// Events of smtputils.7, and the keys it explains.
fn events_told(page: &str) -> (Vec<Told>, BTreeSet<String>) {
    let (mut events, mut keys, mut part) = (Vec::new(), BTreeSet::new(), String::new());
    for line in page.lines() {
        if let Some(name) = line.strip_prefix(".Sh ").or(line.strip_prefix(".Ss ")) {
            part = name.to_owned();
        }
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        if let (Some(severity), Some(event)) =
            (part.strip_prefix("Events: "), line.strip_prefix(".It Cm "))
        {
            let (name, its) = event.split_once(" Ar ").expect(line);
            events.push((severity.to_owned(), name.to_owned(), words(its)));
        } else if let ("Keys of events", Some(key)) = (part.as_str(), line.strip_prefix(".It Ar "))
        {
            keys.insert(key.to_owned());
        }
    }
    (events, keys)
}

/// The log is an interface: the page has each event with its keys in their
/// order and its severity, no other, and explains each key.
#[test]
fn every_event_of_the_log_is_in_the_manual_and_the_other_way_round() {
    let (told, explained) = events_told(&read("man/smtputils.7"));
    let listed = |event: &smtputils::log::Listed| {
        let keys = event.keys.iter().map(|k| k.to_string()).collect();
        let severity = format!("{:?}", event.severity).to_lowercase();
        (severity, event.name.to_string(), keys)
    };
    let known: Vec<_> = smtputils::log::EVENTS.iter().map(listed).collect();
    for event in &known {
        assert!(
            told.contains(event),
            "smtputils.7 does not tell of {event:?}"
        );
    }
    for event in &told {
        assert!(known.contains(event), "smtputils.7 tells of {event:?}");
    }
    assert_eq!(told.len(), known.len(), "smtputils.7 tells of one twice");
    let used: BTreeSet<String> = known.into_iter().flat_map(|event| event.2).collect();
    assert_eq!(explained, used, "keys that smtputils.7 explains");
}

#[test]
fn help_fits_a_screen() {
    for (_, mut command) in tools() {
        let help = command.render_help().to_string();
        assert!(
            help.lines().count() <= 48,
            "{}: --help has {} lines",
            command.get_name(),
            help.lines().count()
        );
    }
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> = fs::read_dir(root().join("man"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    pages.sort();
    pages
}

#[test]
fn pages_are_clean() {
    for page in pages() {
        let out = Process::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&page)
            .output()
            .expect("mandoc is needed (Debian package mandoc)");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stdout)
        );
    }
}

/// A page of ours that another names exists.
#[test]
fn pages_named_by_pages_are_there() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for line in text.lines() {
            let Some(at) = line.find("Xr ") else { continue };
            let mut words = line[at + 3..].split_whitespace();
            let (Some(name), Some(section)) = (words.next(), words.next()) else {
                continue;
            };
            if name.starts_with("smtp") || name == "sendmail" {
                let file = format!("man/{name}.{}", section.trim_end_matches([',', '.', ')']));
                assert!(root().join(&file).exists(), "{}: no {file}", page.display());
            }
        }
    }
}

#[test]
fn completions_are_fresh() {
    for (_, mut command) in tools() {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("completions/bash/{name}.bash")),
            (Shell::Zsh, format!("completions/zsh/_{name}")),
            (Shell::Fish, format!("completions/fish/{name}.fish")),
        ] {
            let mut fresh = Vec::new();
            generate(shell, &mut command, &name, &mut fresh);
            let path = root().join(&file);
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &fresh).unwrap();
            }
            assert!(
                fs::read(&path).is_ok_and(|old| old == fresh),
                "{file} is stale: make refresh"
            );
        }
    }
}

/// Each completion is read by its own shell.
#[test]
fn completions_load() {
    for (shell, folder) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        for entry in fs::read_dir(root().join("completions").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mut process = Process::new(shell);
            process.arg("-n").arg(&path);
            let out = process
                .output()
                .unwrap_or_else(|e| panic!("{shell} is needed: {e}"));
            assert!(
                out.status.success(),
                "{}: {}",
                path.display(),
                String::from_utf8_lossy(&out.stderr)
            );
        }
    }
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root().join("src")).unwrap();
            (
                name.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

/// The top module of a source file: `smtp` of `smtp/server/mod.rs`.
fn module(file: &str) -> &str {
    let top = file.split('/').next().unwrap_or(file);
    top.strip_suffix(".rs").unwrap_or(top)
}

/// What each module may name: the arrow rule at the head of src/lib.rs.
fn may_use(module: &str) -> &'static [&'static str] {
    match module {
        "class" | "sys" | "program" => &["class"],
        "log" => &["class", "config", "sys"],
        "smtp" => &["class", "smtp"],
        "route" => &["class", "smtp", "route"],
        "config" => &["class", "smtp", "route", "sys"],
        "message" => &["class", "smtp"],
        "spool" => &["class", "smtp", "sys", "log"],
        "net" => &[
            "class", "config", "log", "sys", "smtp", "route", "message", "spool",
        ],
        "deliver" | "serve" => &[
            "class", "config", "log", "program", "sys", "smtp", "route", "message", "spool", "net",
        ],
        "check" => &["class", "config", "sys", "smtp", "route", "net", "check"],
        "cli" => &[
            "class", "config", "log", "program", "sys", "smtp", "route", "message", "spool", "net",
            "deliver", "serve", "check", "cli",
        ],
        _ => &["cli"],
    }
}

#[test]
fn arrows_run_one_way() {
    for (file, text) in sources() {
        let own = module(&file);
        if own == "lib" || own == "bin" || is_test(&file) {
            continue;
        }
        for (at, _) in text.match_indices("crate::") {
            let name: String = text[at + 7..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if name.is_empty() || name == own {
                continue;
            }
            assert!(
                may_use(own).contains(&name.as_str()),
                "src/{file} uses crate::{name}, against the arrows of src/lib.rs"
            );
        }
    }
}

fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("/tests/")
}

/// Crates that only some modules may name.
#[test]
fn crates_stay_in_their_modules() {
    let rules: &[(&[&str], &[&str])] = &[
        (&["tokio"], &["net", "serve", "deliver", "check"]),
        (
            &[
                "hickory_resolver",
                "openssl",
                "native_tls",
                "tokio_openssl",
                "tokio_native_tls",
            ],
            &["net"],
        ),
        (&["clap", "anyhow"], &["cli"]),
        (&["mail_parser"], &["message"]),
    ];
    for (file, text) in sources() {
        if is_test(&file) {
            continue;
        }
        let body = text.split("#[cfg(test)]").next().unwrap_or(&text);
        for (crates, modules) in rules {
            for name in *crates {
                let named = body
                    .lines()
                    .filter(|l| !l.trim_start().starts_with("//"))
                    .any(|l| {
                        l.contains(&format!("{name}::")) && !l.contains(&format!("_{name}::"))
                    });
                assert!(
                    !named || modules.contains(&module(&file)),
                    "src/{file} names {name}, which belongs to {modules:?}"
                );
            }
        }
        let tls = ["openssl::", "native_tls::"]
            .iter()
            .any(|n| body.contains(n));
        assert!(
            !tls || file.starts_with("net/tls") || file == "net/conn.rs",
            "src/{file} names a TLS crate: only net/tls and net/conn may"
        );
        assert!(
            file == "sys.rs" || file.starts_with("sys/") || !body.contains("unsafe {"),
            "src/{file} holds unsafe: only sys may"
        );
        for left in ["todo!(", "unimplemented!(", "dbg!("] {
            assert!(!body.contains(left), "src/{file} holds {left}");
        }
    }
}

/// Commands shown in README exist: programs, make targets, options.
#[test]
fn readme_is_true() {
    let readme = read("README.md");
    let makefile = read("Makefile");
    let mut known = BTreeSet::new();
    for (_, mut command) in tools() {
        command.build();
        options(&command, &mut known);
    }
    let mut fenced = false;
    let mut commands = 0;
    for line in readme.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            if pair[0] == "make" && !pair[1].contains('=') && pair[1] != "#" {
                commands += 1;
                assert!(
                    makefile.contains(&format!("\n{}:", pair[1])),
                    "README names make {}, the Makefile does not",
                    pair[1]
                );
            }
        }
        if words.iter().any(|w| w.starts_with("smtp-")) {
            for option in words.iter().filter_map(|w| w.strip_prefix("--")) {
                let option = option.split('=').next().unwrap_or(option);
                commands += 1;
                assert!(
                    option.is_empty() || known.contains(option),
                    "README shows --{option}, which no program has"
                );
            }
        }
    }
    assert!(commands >= 4, "README shows its commands in fences");
}

/// Every named leniency stands in DESIGN.md.
#[test]
fn leniencies_are_listed() {
    let design = read("DESIGN.md");
    let mut named = 0;
    for (file, text) in sources() {
        for line in text.lines() {
            let Some(rest) = line.trim_start().strip_prefix("pub const LENIENT_") else {
                continue;
            };
            let name = rest.split(':').next().unwrap_or(rest);
            named += 1;
            assert!(
                design.contains(&format!("LENIENT_{name}`")),
                "src/{file}: LENIENT_{name} is not in DESIGN.md"
            );
        }
    }
    assert!(named > 0);
}
