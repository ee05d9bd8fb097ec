use super::*;

fn route(matches: &[&str], transport: &str) -> Route {
    Route {
        matches: matches.iter().map(|m| pattern(m).unwrap()).collect(),
        transport: transport.parse().unwrap(),
        tls: TlsPolicy::Required,
        access: Arc::default(),
    }
}

fn table() -> Table {
    Table {
        local_domains: vec![
            "here.example".to_owned(),
            "lists.example".to_owned(),
            "xn--bcher-kva.example".to_owned(),
        ],
        local: "mbox:/var/mail/{user}".parse().unwrap(),
        routes: vec![
            route(&["*"], "smtp://all.example"),
            route(&["net.example", ".net.example"], "smtp://net.example"),
            route(&["Ann@here.example", "ann@[192.0.2.1]"], "discard:"),
            route(&["lists.example"], "maildir:/lists/{user}"),
        ],
        default: route(&["*"], "mx:"),
        accounts: Vec::new(),
        account: None,
    }
}

fn decided(table: &Table, address: &str) -> (String, String) {
    let mailbox = Mailbox::parse(address).unwrap();
    let decision = table.decide(&mailbox);
    (decision.transport.to_string(), decision.because)
}

#[test]
fn the_first_route_that_matches_decides() {
    let without_wildcard = {
        let mut t = table();
        t.routes[0] = route(&["other.example"], "hold:");
        t
    };
    let cases = [
        (
            "bob@here.example",
            "mbox:/var/mail/{user}",
            "local domain here.example",
        ),
        (
            "bob@HERE.example",
            "mbox:/var/mail/{user}",
            "local domain here.example",
        ),
        (
            "bob@bücher.example",
            "mbox:/var/mail/{user}",
            "local domain xn--bcher-kva.example",
        ),
        ("ANN@here.example", "discard:", "route 3 (ann@here.example)"),
        ("ann@[192.0.2.1]", "discard:", "route 3 (ann@[192.0.2.1])"),
        (
            "x@lists.example",
            "maildir:/lists/{user}",
            "route 4 (lists.example)",
        ),
        (
            "x@net.example",
            "smtp://net.example:25",
            "route 2 (net.example)",
        ),
        (
            "x@a.b.net.example",
            "smtp://net.example:25",
            "route 2 (.net.example)",
        ),
        ("x@notnet.example", "mx:", "default"),
        ("x@sub.here.example", "mx:", "default"),
    ];
    for (address, transport, because) in cases {
        let (to, why) = decided(&without_wildcard, address);
        assert_eq!(
            (to.as_str(), why.as_str()),
            (transport, because),
            "{address}"
        );
    }
    // A wildcard takes the rest, but no local mail.
    assert_eq!(decided(&table(), "x@far.example").1, "route 1 (*)");
    assert_eq!(decided(&table(), "x@sub.net.example").1, "route 1 (*)");
    assert_eq!(
        decided(&table(), "bob@here.example").1,
        "local domain here.example"
    );
}

#[test]
fn a_smarthost_is_called_so() {
    let mut table = table();
    table.routes.clear();
    table.default = route(&["*"], "submission://relay.example");
    assert_eq!(decided(&table, "x@far.example").1, "smarthost");
    assert_eq!(decided(&table, "x@[192.0.2.9]").1, "smarthost");
}

/// R1: what stands in a local part never decides.
#[test]
fn only_the_domain_makes_an_address_local() {
    let table = table();
    for address in [
        "\"x@here.example\"@far.example",
        "x%here.example@far.example",
        "here.example!x@far.example",
    ] {
        assert!(
            !table.is_local(&Mailbox::parse(address).unwrap()),
            "{address}"
        );
    }
    assert!(table.is_local(&Mailbox::parse("\"x@far.example\"@here.example").unwrap()));
    let odd = Mailbox {
        local: "x".to_owned(),
        domain: Domain::Name("xn--a-.here.example".to_owned()),
    };
    assert!(!table.is_local(&odd));
    assert_eq!(table.decide(&odd).because, "default");
}

#[test]
fn patterns_are_checked() {
    for text in [
        "",
        ".",
        "@",
        "a@",
        "@a.example",
        "*.example",
        "a b",
        "a@b@c",
        "exa_mple..org",
        "*@a.example b",
    ] {
        assert!(pattern(text).is_err(), "{text}");
    }
}
