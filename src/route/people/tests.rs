use super::*;
use crate::route::map::Keys;
use crate::route::table::Route;
use crate::route::transport::TlsPolicy;

/// Knows ann; asks in vain about trouble; there is one directory.
struct Few;

impl Host for Few {
    fn has_user(&self, name: &str) -> io::Result<bool> {
        match name {
            "trouble" => Err(io::Error::other("down")),
            name => Ok(name == "ann"),
        }
    }
    fn has_directory(&self, path: &str) -> io::Result<bool> {
        Ok(path == "/srv/o.example/dora")
    }
}

fn book() -> Book {
    let table = Table {
        local_domains: vec!["o.example".to_owned()],
        account: Default::default(),
        accounts: Default::default(),
        local: Transport::Mbox("/var/mail/{user}".to_owned()),
        routes: vec![Route {
            matches: vec!["away@o.example".to_owned()],
            transport: "smtp://inside".parse().unwrap(),
            tls: TlsPolicy::None,
            access: Default::default(),
        }],
        default: Route {
            matches: vec!["*".to_owned()],
            transport: Transport::Mx,
            tls: TlsPolicy::None,
            access: Default::default(),
        },
    };
    Book {
        separator: "+".to_owned(),
        ..Book::new(table, "o.example")
    }
}

fn map(text: &str, keys: Keys) -> Map {
    let mut map = Map::default();
    assert_eq!(map.add("m", text.to_owned(), keys), []);
    map
}

fn who(book: &Book, address: &str) -> String {
    let address = Mailbox::parse(address).unwrap();
    match book.standing(&address, &Few, &|_| false) {
        Ok(Standing::User { name, extension }) => format!("user {name} {extension}"),
        Ok(Standing::Leads(lead)) => lead.key,
        Ok(other) => format!("{other:?}"),
        Err(trouble) => format!("later: {trouble}"),
    }
}

#[test]
fn users_of_each_source() {
    let mut book = book();
    assert_eq!(who(&book, "ann@o.example"), "user ann ");
    assert_eq!(who(&book, "ann+a+b@o.example"), "user ann a+b");
    assert_eq!(who(&book, "bob@o.example"), "Unknown");
    assert_eq!(
        who(&book, "trouble@o.example"),
        "later: looking up users: down"
    );
    assert_eq!(who(&book, "away@o.example"), "Routed");
    book.users = vec![
        Users::Listed(map("bob\ncarol+x@o.example\neve@p.example\n", Keys::Users)),
        Users::Maildirs("/srv/{domain}/{user}".to_owned()),
        Users::Named("frank@o.example".to_owned()),
    ];
    assert_eq!(who(&book, "BOB@o.example"), "user BOB ");
    // The whole address first.
    assert_eq!(who(&book, "carol+x@o.example"), "user carol+x ");
    assert_eq!(who(&book, "carol@o.example"), "Unknown");
    assert_eq!(who(&book, "eve@o.example"), "Unknown");
    assert_eq!(who(&book, "dora+y@o.example"), "user dora y");
    assert_eq!(who(&book, "DORA@o.example"), "user DORA ");
    assert_eq!(who(&book, "frank@o.example"), "user frank ");
    assert_eq!(who(&book, "ann@o.example"), "Unknown");
    book.users.push(Users::System);
    assert_eq!(who(&book, "ann@o.example"), "user ann ");
}

/// R2: no file name is asked for that an address from outside makes up.
#[test]
fn r2_names_that_are_no_file_names_are_nobody() {
    let mut book = book();
    book.users = vec![Users::Any];
    for local in [
        "\"../x\"",
        "\"a/b\"",
        "u+../../x",
        "\"-x\"",
        "~root",
        "|cmd",
    ] {
        assert_eq!(
            who(&book, &format!("{local}@o.example")),
            "Unknown",
            "{local}"
        );
    }
}

#[test]
fn backup_domains() {
    let mut book = book();
    book.relay_domains = vec!["b.example".to_owned(), ".c.example".to_owned()];
    assert_eq!(who(&book, "x@b.example"), "Backup(true)");
    assert_eq!(who(&book, "x@d.c.example"), "Backup(true)");
    assert_eq!(who(&book, "x@c.example"), "Foreign");
    book.relay_recipients = Some(map("ann@b.example\n@d.c.example\n", Keys::Addresses));
    assert_eq!(who(&book, "ann+x@b.example"), "Backup(true)");
    assert_eq!(who(&book, "x@b.example"), "Backup(false)");
    assert_eq!(who(&book, "x@d.c.example"), "Backup(true)");
}

/// A file that cannot be read refuses nobody for good.
#[test]
fn who_cannot_be_looked_up_is_asked_to_come_again() {
    let unreadable = || AliasError {
        file: "/x".to_owned(),
        line: 0,
        text: "cannot be read".to_owned(),
    };
    let mut book = book();
    book.virtuals = map("@o.example: ann\n", Keys::Addresses);
    assert_eq!(who(&book, "bob@o.example"), "catch-all @o.example");
    book.trouble = Some(unreadable());
    assert_eq!(who(&book, "bob@o.example"), "later: /x: cannot be read");
    assert_eq!(who(&book, "ann@o.example"), "user ann ");
    book.trouble = None;
    book.moved.unreadable(unreadable());
    assert_eq!(who(&book, "bob@o.example"), "later: /x: cannot be read");
}
