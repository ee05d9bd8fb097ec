use super::*;

fn read(text: &str) -> (Aliases, Vec<String>) {
    let mut aliases = Aliases::default();
    let errors = aliases.add("f", text, "o.example");
    (aliases, errors.iter().map(ToString::to_string).collect())
}

fn clean(text: &str) -> Aliases {
    let (aliases, errors) = read(text);
    assert_eq!(errors, [""; 0]);
    aliases
}

fn targets(aliases: &Aliases, name: &str) -> Vec<String> {
    let targets = aliases.get(name).unwrap();
    targets.iter().map(|t| t.to.to_string()).collect()
}

#[test]
fn lines_comments_and_continuations() {
    let aliases = clean(
        "# people\nRoot: ann,\n\n  # still root\n\tbob@far.example ,, carol\n  \nempty-line-between : dave\n\
         \"two words\": \"eve a\", \"|/bin/prog a, b\", |\"/bin/other x\", |/bin/third y\nfiles:\"/var/a b\", /srv/dir/\r\n\
         named: Ann Other <ann@far.example>, <bob>\nü: \"q,uoted\"@far.example\n",
    );
    assert_eq!(
        targets(&aliases, "root"),
        ["ann@o.example", "bob@far.example", "carol@o.example"]
    );
    assert_eq!(targets(&aliases, "EMPTY-LINE-BETWEEN"), ["dave@o.example"]);
    assert_eq!(
        targets(&aliases, "two words"),
        [
            "\"eve a\"@o.example",
            "|/bin/prog a, b",
            "|/bin/other x",
            "|/bin/third y"
        ]
    );
    assert_eq!(targets(&aliases, "files"), ["/var/a b", "/srv/dir/"]);
    assert_eq!(
        targets(&aliases, "named"),
        ["ann@far.example", "bob@o.example"]
    );
    assert_eq!(targets(&aliases, "Ü"), ["\"q,uoted\"@far.example"]);
    assert!(!aliases.is_empty() && aliases.get("people").is_none());
}

/// `newaliases` tells file and line, and nothing of the line.
#[test]
fn faults_are_told_by_line_and_the_rest_counts() {
    let (aliases, errors) = read(
        "no colon here\nok: ann\n: x\na b: x\nat@x: y\nnone:\nopen: \"x\nOK: again\nlist: ann, s3 cret, bob\n\
         inc: :include:/etc/shadow\npipe: |\nctl: a\u{1}b\n\
         esc: \":include:/a\u{1b}[2Jb\"\n",
    );
    assert_eq!(
        errors,
        [
            "f:1: expected name: target, target",
            "f:3: expected a local name before the colon, without @",
            "f:4: expected one name before the colon; quote a name with blanks",
            "f:5: expected a local name before the colon, without @",
            "f:6: no target after the colon",
            "f:7: a quote is not closed",
            "f:8: this name has stood before; the first one counts",
            "f:9: not an address: the local part holds a character it may not",
            "f:10: :include: is not allowed here",
            "f:11: no program after |",
            "f:12: a control character in a target",
            "f:13: a control character in a target",
        ]
    );
    assert_eq!(targets(&aliases, "ok"), ["ann@o.example"]);
    assert_eq!(
        targets(&aliases, "list"),
        ["ann@o.example", "bob@o.example"]
    );
}

#[test]
fn the_first_file_that_has_a_name_counts() {
    let mut aliases = clean("root: ann");
    assert!(
        aliases
            .add("g", "root: bob\nmore: carol", "o.example")
            .is_empty()
    );
    assert_eq!(targets(&aliases, "root"), ["ann@o.example"]);
    assert_eq!(targets(&aliases, "more"), ["carol@o.example"]);
}

/// R5: a fan-out over the limit is an error, not a part of it.
#[test]
fn too_many_targets_of_one_alias_are_told() {
    let all: Vec<String> = (0..100_001).map(|i| format!("a{i}@far.example")).collect();
    let (aliases, errors) = read(&format!("a: {}\n", all.join(",")));
    assert_eq!(errors, ["f:1: more than 100000 targets"]);
    assert_eq!(aliases.get("a").map(<[Target]>::len), Some(MAX_TARGETS));
}

/// Files by name for `:include:`.
fn include<'a>(files: &'a [(&'a str, &'a str)]) -> impl FnMut(&str) -> Result<String, String> + 'a {
    |path| {
        let found = files.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| "no such file".to_owned())
    }
}

#[test]
fn included_files_are_read() {
    let files = [
        ("/l", "# list\n ann, bob\n\n:include:/m\ncarol x\n"),
        ("/m", "\"|/bin/x y\"\n"),
    ];
    let mut aliases = Aliases::default();
    let text = "team: first, \":include:/l\"\nnone: :include: /nowhere";
    let errors = aliases.add_with("f", text, "o.example", &mut include(&files));
    assert_eq!(
        targets(&aliases, "team"),
        [
            "first@o.example",
            "ann@o.example",
            "bob@o.example",
            "|/bin/x y"
        ]
    );
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].starts_with("/l:5: not an address: "),
        "{errors:?}"
    );
    assert_eq!(errors[1], "f:2: no such file");
}

/// R5: recursion ends, by name and by depth; a bush of includes by count.
#[test]
fn include_recursion_ends() {
    let mut aliases = Aliases::default();
    let files = [("/l", "ann\n:include:/m"), ("/m", ":include:/l, bob")];
    let errors = aliases.add_with("f", "t: :include:/l", "o.example", &mut include(&files));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "/m:1: the file includes itself");
    assert_eq!(targets(&aliases, "t"), ["ann@o.example", "bob@o.example"]);

    let mut opened = 0;
    let mut bush = |_: &str| {
        opened += 1;
        Ok((0..100)
            .map(|i| format!(":include:/{opened}/{i}\n"))
            .collect::<String>())
    };
    let errors = aliases.add_with("f", "b: :include:/x", "o.example", &mut bush);
    assert!(
        errors
            .iter()
            .any(|e| e.text == "included files are nested too deep")
    );
    assert!(opened <= 1000, "{opened}");
}

/// A `.forward`: no includes; `\user` keeps a copy.
#[test]
fn forward_files() {
    let (targets, errors) = forward(
        "# away\n\\ann, ann@far.example\n\n\"|/usr/bin/vacation ann\"\n:include:/x\n",
        "o.example",
    );
    let shown: Vec<String> = targets
        .iter()
        .map(|t| format!("{} {}", t.to, t.last))
        .collect();
    assert_eq!(
        shown,
        [
            "ann@o.example true",
            "ann@far.example false",
            "|/usr/bin/vacation ann true"
        ]
    );
    assert_eq!(errors, [(5, ":include: is not allowed here".to_owned())]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c:,\"\\\\|/# \t\n@<>é]{0,80}") {
        let mut aliases = Aliases::default();
        let mut include = |_: &str| Ok("a, :include:/x".to_owned());
        aliases.add_with("f", &text, "o.example", &mut include);
    }
}
