use super::*;
use crate::route::table::pattern;

fn path(text: &str) -> ReversePath {
    match text {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(Mailbox::parse(text).unwrap()),
    }
}

fn rule(uid: &[&str], sender: &[&str], from: &str) -> Override {
    Override {
        uid: uid.iter().map(|u| u.to_string()).collect(),
        sender: sender.iter().map(|s| pattern(s).unwrap()).collect(),
        profile: Profile {
            from: Some(from.to_owned()),
            ..Profile::default()
        },
    }
}

#[test]
fn the_first_override_that_fits_counts_over_the_general_profile() {
    let rules = Rules {
        general: Profile {
            from: Some("general@d.example".to_owned()),
            all_to: Some("all@d.example".to_owned()),
            ..Profile::default()
        },
        overrides: vec![
            rule(&["www-data", "1000"], &["shop.example"], "both@d.example"),
            rule(&["1000"], &[], "number@d.example"),
            rule(&[], &["Backup@d.example", ".x.example"], "sender@d.example"),
            rule(&["www-data"], &[], ""),
        ],
    };
    for (uid, login, sender, expected) in [
        (33, "www-data", "a@shop.example", "both@d.example"),
        (33, "www-data", "a@other.example", ""),
        (1000, "ann", "a@SHOP.example", "both@d.example"),
        (1000, "ann", "", "number@d.example"),
        (7, "bob", "backup@d.example", "sender@d.example"),
        (7, "bob", "a@b.x.example", "sender@d.example"),
        (7, "bob", "a@x.example", "general@d.example"),
        (7, "bob", "", "general@d.example"),
    ] {
        let profile = rules.choose(&Submitter {
            uid,
            login: &|| login.to_owned(),
            sender: &path(sender),
        });
        assert_eq!(profile.from.as_deref(), Some(expected), "{login} {sender}");
        assert_eq!(profile.all_to.as_deref(), Some("all@d.example"));
    }
}

#[test]
fn placeholders() {
    let names = Sender {
        user: "a b{host}",
        host: "web1.d.example",
    };
    let address = |template| names.address(template).map(|m| m.to_string());
    assert_eq!(address("x@d.example").unwrap(), "x@d.example");
    assert_eq!(
        address("{user}@d.example").unwrap(),
        "\"a b{host}\"@d.example"
    );
    assert_eq!(address("cron@{host}").unwrap(), "cron@web1.d.example");
    assert_eq!(
        address("w+{host}@d.example").unwrap(),
        "w+web1.d.example@d.example"
    );
    assert!(address("nobody").is_err());
    assert!(address("a b@d.example").is_err());
    let long = Sender {
        user: &"u".repeat(65),
        host: "h",
    };
    assert!(long.address("{user}@d.example").is_err());
}
