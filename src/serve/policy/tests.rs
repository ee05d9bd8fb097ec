use super::*;
use crate::smtp::command::Command;

const TEXT: &str = r#"
hostname = "mx.l.example"
origin = "l.example"
local_domains = ["l.example", "mx.l.example"]
aliases = []
[serve]
relay_from = ["192.0.2.0/24"]
[[route]]
match = ["refused@l.example"]
to = "error:5.1.1 has left"
"#;

/// A policy and the directory its aliases are in.
struct Kept {
    policy: Policy,
    _dir: tempfile::TempDir,
}

impl std::ops::Deref for Kept {
    type Target = Policy;
    fn deref(&self) -> &Policy {
        &self.policy
    }
}

fn policy(text: &str) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aliases");
    std::fs::write(&path, "sales: alice, far@r.example\n").unwrap();
    let mut config = Config::parse("test", text).unwrap();
    config.aliases = vec![path];
    let policy = Policy {
        host: Box::new(Alice),
        ..Policy::new(&config)
    };
    Kept { policy, _dir: dir }
}

/// Knows alice alone.
struct Alice;

impl Host for Alice {
    fn has_user(&self, name: &str) -> std::io::Result<bool> {
        Ok(name == "alice")
    }
    fn has_directory(&self, _: &str) -> std::io::Result<bool> {
        Ok(false)
    }
}

fn stranger() -> Client {
    Client {
        address: Some("198.51.100.9".parse().unwrap()),
        own_address: Some("203.0.113.1".parse().unwrap()),
        ..Client::default()
    }
}

/// What a client gets for a RCPT line: the code and enhanced code, by the same
/// parse as the server's.
fn answer(policy: &Policy, client: &Client, path: &str) -> String {
    let path = match Command::parse(format!("RCPT TO:{path}").as_bytes()) {
        Ok(Command::Rcpt(path, _)) => path,
        Ok(other) => panic!("{other:?}"),
        Err(_) => return "501".to_string(),
    };
    match policy.rcpt(client, &path) {
        Verdict::Take => "250".to_string(),
        Verdict::TakeWith(reply) => reply.code.to_string(),
        Verdict::Unknown(reply) | Verdict::Refuse(reply) => {
            format!("{} {}", reply.code, reply.enhanced.unwrap())
        }
    }
}

/// The table of R1: R is r.example, foreign; L is l.example, ours; ours too is
/// the address 203.0.113.1.
const R1: [(&str, &str); 42] = [
    ("<u@r.example>", "550 5.7.1"),
    ("<u%r.example@l.example>", "550 5.1.1"),
    ("<u%r.example>", "501"),
    ("<u%r.example@[203.0.113.1]>", "550 5.1.1"),
    ("<r.example!u>", "501"),
    ("<r.example!u@l.example>", "550 5.1.1"),
    ("<u@r.example@l.example>", "501"),
    ("<\"u@r.example\">", "501"),
    ("<\"u@r.example\"@l.example>", "550 5.1.1"),
    ("<\"u%r.example\"@l.example>", "550 5.1.1"),
    ("<\"r.example!u\"@l.example>", "550 5.1.1"),
    ("<@l.example:u@r.example>", "550 5.7.1"),
    ("<@r.example:u@l.example>", "550 5.1.1"),
    ("<@r.example:alice@l.example>", "250"),
    ("<@l.example,@r.example:u@r.example>", "550 5.7.1"),
    ("<u@[198.51.100.1]>", "550 5.7.1"),
    ("<u@[IPv6:2001:db8::1]>", "550 5.7.1"),
    ("<u@[IPv6:::ffff:198.51.100.1]>", "550 5.7.1"),
    ("<u@l.example.r.example>", "550 5.7.1"),
    ("<u@xl.example>", "550 5.7.1"),
    ("<u@sub.l.example>", "550 5.7.1"),
    ("<u@l%r.example>", "501"),
    ("<u@R.EXAMPLE>", "550 5.7.1"),
    ("<u@L.Example>", "550 5.1.1"),
    ("<alice@L.Example>", "250"),
    ("<u @r.example>", "501"),
    ("<u@ r.example>", "501"),
    ("<u(@l.example)@r.example>", "501"),
    ("u@r.example", "501"),
    ("<u@r.example", "501"),
    ("<>", "501"),
    ("", "501"),
    ("<postmaster@r.example>", "550 5.7.1"),
    ("<Postmaster>", "250"),
    ("<postmaster@l.example>", "250"),
    ("<PostMaster@[203.0.113.1]>", "250"),
    ("<alice@[203.0.113.1]>", "250"),
    ("<u@xn--mnchen-3ya.example>", "550 5.7.1"),
    ("<u\u{0}@r.example>", "501"),
    ("<u@localhost>", "550 5.7.1"),
    ("<\"a b\"@l.example>", "550 5.1.1"),
    ("<\"alice\"@l.example>", "250"),
];

#[test]
fn r1_sv_33_a_stranger_reaches_nobody_but_users_here() {
    let policy = policy(TEXT);
    for (path, wanted) in R1 {
        assert_eq!(answer(&policy, &stranger(), path), wanted, "{path:?}");
    }
    for path in ["<u@r.example.>", "<u@l.example.>"] {
        let got = answer(&policy, &stranger(), path);
        assert!(got.starts_with('5'), "{path:?}: {got}");
    }
}

#[test]
fn r2_a_local_part_that_is_a_path_is_nobody() {
    let policy = policy(&TEXT.replace("[serve]", "[serve]\nusers = [\"any\"]"));
    for local in [
        "\"../x\"",
        "/etc/x",
        "a/b",
        "\".\"",
        "\"..\"",
        "~root",
        "-x",
        "u+../../x",
    ] {
        let got = answer(&policy, &stranger(), &format!("<{local}@l.example>"));
        assert!(got == "550 5.1.1" || got == "501", "{local}: {got}");
    }
    assert_eq!(answer(&policy, &stranger(), "<anybody@l.example>"), "250");
}

#[test]
fn sv_34_who_exists() {
    let system = policy(TEXT);
    let listed = policy(&TEXT.replace("[serve]", "[serve]\nusers = [\"bob\"]"));
    let cases = [
        (&system, "alice", "250"),
        (&system, "bob", "550 5.1.1"),
        (&system, "sales", "250"),
        (&system, "SALES", "250"),
        (&system, "refused", "550 5.1.1"),
        (&listed, "bob", "250"),
        (&listed, "alice", "550 5.1.1"),
        (&listed, "sales", "250"),
        (&listed, "postmaster", "250"),
    ];
    for (policy, local, wanted) in cases {
        let path = format!("<{local}@l.example>");
        assert_eq!(answer(policy, &stranger(), &path), wanted, "{path}");
    }
}

#[test]
fn only_listed_networks_and_local_callers_relay() {
    let policy = policy(TEXT);
    let from = |address: &str| Client {
        address: Some(address.parse().unwrap()),
        own_address: None,
        ..Client::default()
    };
    let far = "<u@r.example>";
    assert_eq!(answer(&policy, &from("192.0.2.77"), far), "250");
    assert_eq!(answer(&policy, &from("::ffff:192.0.2.77"), far), "250");
    assert_eq!(answer(&policy, &from("192.0.3.77"), far), "550 5.7.1");
    // Not even the loopback, unless listed.
    assert_eq!(answer(&policy, &from("127.0.0.1"), far), "550 5.7.1");
    assert_eq!(answer(&policy, &from("::1"), far), "550 5.7.1");
    assert_eq!(answer(&policy, &Client::default(), far), "250");
    // Relaying does not make users up.
    assert_eq!(
        answer(&policy, &from("192.0.2.77"), "<u@l.example>"),
        "550 5.1.1"
    );
}

#[test]
fn our_own_literal_is_queued_as_our_domain() {
    let policy = policy(TEXT);
    let path = ForwardPath::parse_prefix("<alice@[203.0.113.1]>")
        .unwrap()
        .0;
    assert_eq!(
        policy.mailbox(&stranger(), &path).to_string(),
        "alice@l.example"
    );
    let bare = ForwardPath::parse_prefix("<POSTMASTER>").unwrap().0;
    assert_eq!(
        policy.mailbox(&stranger(), &bare).to_string(),
        "postmaster@l.example"
    );
}
