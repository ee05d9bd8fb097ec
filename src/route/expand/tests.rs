use super::*;
use crate::route::alias::Aliases;
use crate::route::people::Users;
use crate::route::table::{Route, Table};
use crate::route::transport::{TlsPolicy, Transport};
use crate::smtp::addr::Domain;

fn clean(text: &str) -> Aliases {
    let mut aliases = Aliases::default();
    assert_eq!(aliases.add("f", text, "o.example"), []);
    aliases
}

fn mailbox(local: &str) -> Mailbox {
    Mailbox {
        local: local.to_owned(),
        domain: Domain::Name("o.example".to_owned()),
    }
}

/// Knows the users ann, bob and carol.
struct Three;

impl Host for Three {
    fn has_user(&self, name: &str) -> std::io::Result<bool> {
        match name {
            "trouble" => Err(std::io::Error::other("down")),
            name => Ok(["ann", "bob", "carol"].contains(&name)),
        }
    }
    fn has_directory(&self, _: &str) -> std::io::Result<bool> {
        Ok(false)
    }
}

fn book(aliases: Aliases) -> Book {
    let table = Table {
        local_domains: vec!["o.example".to_owned()],
        account: Default::default(),
        accounts: Default::default(),
        local: Transport::Mbox("/var/mail/{user}".to_owned()),
        routes: Vec::new(),
        default: Route {
            matches: vec!["*".to_owned()],
            transport: Transport::Mx,
            tls: TlsPolicy::None,
            access: Default::default(),
        },
    };
    Book {
        aliases,
        separator: "+".to_owned(),
        postmaster: "postmaster@o.example".to_owned(),
        ..Book::new(table, "o.example")
    }
}

/// Forward files by user.
type Files<'a> = &'a [(&'a str, &'a str)];

fn ends(book: &Book, address: &str, files: Files<'_>) -> Result<Vec<End>, ExpandError> {
    let mut forward = |name: &str| {
        let found = files.iter().find(|(user, _)| *user == name);
        Ok(found.map(|(_, text)| crate::route::alias::targets(text, "o.example").unwrap()))
    };
    let address = Mailbox::parse(address).unwrap_or_else(|_| mailbox(address));
    expand(book, &Three, &address, &mut forward)
}

fn shown(end: End) -> String {
    let mut text = end.to.to_string();
    for (mark, value) in [
        ("list", end.list),
        ("as", end.user),
        ("no", end.refused.map(|r| r.0.to_owned())),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" ({mark} {value})"));
        }
    }
    text
}

fn found(book: &Book, address: &str, files: Files<'_>) -> Vec<String> {
    ends(book, address, files)
        .unwrap()
        .into_iter()
        .map(shown)
        .collect()
}

fn expanded(aliases: &Aliases, local: &str) -> Vec<String> {
    let ends = ends(&book(aliases.clone()), local, &[]).unwrap();
    let show = |end: End| match end.list {
        Some(list) => format!("{} ({list})", end.to),
        None => end.to.to_string(),
    };
    ends.into_iter().map(show).collect()
}

#[test]
fn aliases_are_followed_to_their_ends() {
    let aliases = clean(
        "root: admins, |/bin/log\nadmins: ann, \\bob, far@far.example\nann: ann.other\nbob: never\n\
         self: self, copy@far.example\n",
    );
    assert_eq!(
        expanded(&aliases, "ROOT"),
        [
            "ann.other@o.example",
            "bob@o.example",
            "far@far.example",
            "|/bin/log"
        ]
    );
    assert_eq!(
        expanded(&aliases, "self"),
        ["self@o.example", "copy@far.example"]
    );
    assert_eq!(expanded(&aliases, "nobody-here"), ["nobody-here@o.example"]);
    let remote = Mailbox {
        domain: Domain::Name("far.example".to_owned()),
        ..mailbox("root")
    };
    assert_eq!(
        ends(&book(aliases), &remote.to_string(), &[]).unwrap()[0].to,
        Destination::Mailbox(remote)
    );
}

/// Each destination once: domains without case, local parts exact.
#[test]
fn duplicates_are_dropped() {
    let aliases =
        clean("all: a@FAR.example, a@far.example, A@far.example, x, y\nx: z\ny: z, /f, /f\nz: end");
    assert_eq!(
        expanded(&aliases, "all"),
        ["a@FAR.example", "A@far.example", "end@o.example", "/f"]
    );
}

#[test]
fn lists_tell_their_owner() {
    let aliases = clean(
        "team: ann, sub, plain\nowner-team: boss\nsub: bob@far.example\nowner-sub: chief\nplain: carol\nother: dave",
    );
    assert_eq!(
        expanded(&aliases, "Team"),
        [
            "ann@o.example (team)",
            "bob@far.example (sub)",
            "carol@o.example (team)"
        ]
    );
    assert_eq!(expanded(&aliases, "other"), ["dave@o.example"]);
    assert_eq!(expanded(&aliases, "owner-team"), ["boss@o.example"]);
}

/// R5: loops end at the last name seen, depth at 50.
#[test]
fn loops_and_depth_end() {
    let aliases = clean("a: b\nb: a, x\nl: l");
    assert_eq!(expanded(&aliases, "a"), ["a@o.example", "x@o.example"]);
    assert_eq!(expanded(&aliases, "l"), ["l@o.example"]);
    let chain: String = (0..200).map(|i| format!("n{i}: n{}\n", i + 1)).collect();
    let aliases = clean(&chain);
    assert_eq!(expanded(&aliases, "n0"), ["n50@o.example"]);
    assert_eq!(expanded(&aliases, "n150"), ["n200@o.example"]);
}

/// R5: ways through aliases may be many, the work is not: 2^40 here.
#[test]
fn a_ladder_of_aliases_is_walked_once() {
    let ladder: String = (0..40)
        .map(|i| format!("l{i}: l{0}, r{0}\nr{i}: l{0}, r{0}\n", i + 1))
        .collect();
    let aliases = clean(&ladder);
    assert_eq!(expanded(&aliases, "l0"), ["l40@o.example", "r40@o.example"]);
}

/// R5: a fan-out over the limit is an error, not a part of it.
#[test]
fn too_many_targets_are_refused() {
    let line = |name: &str, n: usize| {
        let all: Vec<String> = (0..n).map(|i| format!("{name}{i}@far.example")).collect();
        format!("{name}: {}\n", all.join(","))
    };
    let aliases = clean(
        &(line("a", 60_000) + &line("b", 40_000) + &line("c", 1) + "fits: a, b\nover: a, b, c"),
    );
    assert_eq!(expanded(&aliases, "fits").len(), MAX_TARGETS);
    let error = ends(&book(aliases), "over", &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("over@o.example expands to more than 100000")
    );
    assert!(error.class().is_transient());
}

fn virtuals(text: &str) -> Book {
    let mut book = book(Aliases::default());
    let errors = book
        .virtuals
        .add("v", text.to_owned(), crate::route::map::Keys::Addresses);
    assert_eq!(errors, []);
    book
}

#[test]
fn virtual_domains_have_their_own_users() {
    let book = virtuals(
        "info@v.example: ann, far@r.example\n@v.example: bob\nown@w.example: own@w.example\n\
         team@w.example: a@r.example, b@r.example\nowner-team@w.example: ann\n",
    );
    assert_eq!(
        found(&book, "INFO@V.example", &[]),
        ["ann@o.example", "far@r.example"]
    );
    assert_eq!(
        found(&book, "info+x@v.example", &[]),
        ["ann@o.example", "far@r.example"]
    );
    assert_eq!(found(&book, "any@v.example", &[]), ["bob@o.example"]);
    assert_eq!(found(&book, "own@w.example", &[]), ["own@w.example"]);
    assert_eq!(
        found(&book, "any@w.example", &[]),
        ["any@w.example (no 5.1.1)"]
    );
    assert_eq!(
        found(&book, "team@w.example", &[]),
        [
            "a@r.example (list team@w.example)",
            "b@r.example (list team@w.example)"
        ]
    );
    // A name of the virtual domain is none of the local one, nor the other way.
    assert_eq!(
        found(&book, "ann@w.example", &[]),
        ["ann@w.example (no 5.1.1)"]
    );
    // SV-23: each domain has a postmaster.
    assert_eq!(
        found(&book, "postmaster@w.example", &[]),
        ["root@o.example"]
    );
}

#[test]
fn a_map_that_is_wrong_keeps_the_mail_waiting() {
    let book = virtuals("a@v.example: s3 cret\n");
    let error = ends(&book, "a@v.example", &[]).unwrap_err();
    assert!(
        error.to_string().starts_with("v:1: not an address: "),
        "{error}"
    );
    assert!(error.class().is_transient());
    assert!(
        ends(&book, "trouble", &[])
            .unwrap_err()
            .class()
            .is_transient()
    );
}

#[test]
fn forward_files_are_followed_as_their_user() {
    let book = book(clean("both: ann, bob\nprog: |/bin/admins\n"));
    let files = [
        (
            "ann",
            "\\ann, ann@far.example, \"|/bin/mine -x\", /home/ann/box",
        ),
        ("bob", "prog, carol"),
        ("carol", "bob"),
    ];
    assert_eq!(
        found(&book, "ann", &files),
        [
            "ann@o.example",
            "ann@far.example",
            "|/bin/mine -x (as ann)",
            "/home/ann/box (as ann)"
        ]
    );
    // An administrator's program stays one; a circle ends in a mailbox (R5).
    assert_eq!(
        found(&book, "bob", &files),
        ["|/bin/admins", "bob@o.example"]
    );
    assert_eq!(found(&book, "ann+lists", &files).len(), 4);
    assert_eq!(found(&book, "both", &files).len(), 6);
    let via = ends(&book, "both", &files).unwrap().pop().unwrap().via;
    assert_eq!(via, "alias both, forward of bob, forward of carol");
}

#[test]
fn an_extension_stays_with_its_user() {
    let book = book(clean("root: ann\n"));
    assert_eq!(found(&book, "ann+x", &[]), ["ann+x@o.example"]);
    assert_eq!(found(&book, "root+x", &[]), ["ann@o.example"]);
    assert_eq!(found(&book, "+x", &[]), ["+x@o.example"]);
}

#[test]
fn moved_users() {
    let mut book = book(clean("all: bob, carol\n"));
    let keys = crate::route::map::Keys::Users;
    assert_eq!(
        book.moved.add("m", "bob: bob@new.example\n".into(), keys),
        []
    );
    let text = "carol@o.example carol@new.example\n".into();
    assert_eq!(book.moved_forward.add("f", text, keys), []);
    assert_eq!(
        found(&book, "all", &[]),
        ["bob@o.example (no 5.1.6)", "carol@new.example"]
    );
}

#[test]
fn a_catch_all_takes_who_is_nobody() {
    let mut book = virtuals("@o.example: ann\n");
    assert_eq!(found(&book, "nobody", &[]), ["ann@o.example"]);
    assert_eq!(found(&book, "bob+x", &[]), ["bob+x@o.example"]);
    book.users = vec![Users::Named("dave".into())];
    assert_eq!(found(&book, "dave", &[]), ["dave@o.example"]);
}

#[test]
fn a_list_of_twenty_thousand_is_expanded_at_once() {
    let all: Vec<String> = (0..20_000)
        .map(|i| format!("user{i}@d{}.example", i % 97))
        .collect();
    let text = format!("list: {}\nowner-list: ann\n", all.join(",\n  "));
    let book = book(clean(&text));
    assert_eq!(found(&book, "list", &[]).len(), 20_000);
}
