use super::super::lists::Lists;
use super::*;

fn meaning(line: &str) -> Meaning {
    let mut reader = crate::smtp::reply::ReplyReader::default();
    let reply = reader.read(&mut format!("{line}\r\n").as_bytes()).unwrap();
    judge(&reply.unwrap(), &Lists::built_in().replies)
}

/// VF-05, VF-08 and the words of providers.
#[test]
fn vf_05_replies_and_their_meaning() {
    for (line, expected) in [
        ("250 2.1.5 ok", Meaning::Good),
        ("251 will forward", Meaning::Good),
        ("252 2.5.2 cannot VRFY", Meaning::NotTold),
        ("502 5.5.1 no", Meaning::NotSupported),
        ("550 5.1.1 whatever", Meaning::NoUser),
        ("550 no", Meaning::NoUser),
        ("551 user not local", Meaning::NoUser),
        ("553 sorry", Meaning::NoUser),
        ("550 5.1.6 moved", Meaning::NoUser),
        (
            "550 5.4.1 Recipient address rejected: Access denied. [x.prod.outlook.com]",
            Meaning::NoUser,
        ),
        (
            "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
            Meaning::NoUser,
        ),
        (
            "554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30).",
            Meaning::Disabled,
        ),
        ("552 5.2.2 The email account is over quota", Meaning::Full),
        (
            "452 4.2.2 The email account that you tried to reach is out of storage space",
            Meaning::Full,
        ),
        ("552 nope", Meaning::Full),
        (
            "550 5.2.1 The email account that you tried to reach is disabled",
            Meaning::Disabled,
        ),
        (
            "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see http://postgrey",
            Meaning::Greylisted,
        ),
        (
            "451 4.7.1 Greylisting in action, please come back later",
            Meaning::Greylisted,
        ),
        ("451 4.7.1 Please try again later", Meaning::Greylisted),
        ("450 mailbox unavailable", Meaning::Greylisted),
        (
            "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
            Meaning::RateLimited,
        ),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
            Meaning::RateLimited,
        ),
        ("452 4.5.3 too many recipients", Meaning::RateLimited),
        ("451 4.3.0 error", Meaning::Later),
        (
            "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
            Meaning::Blocked(Cause::Blocklist),
        ),
        ("550 5.7.25 no PTR", Meaning::Blocked(Cause::Name)),
        (
            "554 5.7.1 <h>: Helo command rejected: Host not found",
            Meaning::Blocked(Cause::Name),
        ),
        (
            "554 5.7.1 <192.0.2.1>: Client host rejected: Access denied",
            Meaning::Blocked(Cause::Address),
        ),
        (
            "550 5.1.8 bad sender system",
            Meaning::Blocked(Cause::Sender),
        ),
        (
            "550 JunkMail rejected - is in an RBL",
            Meaning::Blocked(Cause::Blocklist),
        ),
        ("550 relay not permitted", Meaning::Refused),
        ("554 5.5.1 error", Meaning::Refused),
    ] {
        assert_eq!(meaning(line), expected, "{line}");
    }
}

#[test]
fn vf_08_a_policy_refusal_is_never_no_such_user() {
    for text in [
        "user unknown",
        "no such user",
        "mailbox unavailable",
        "recipient rejected",
        "",
    ] {
        for detail in [0, 1, 2, 23, 26, 27, 509] {
            for code in [550, 551, 553, 554] {
                let line = format!("{code} 5.7.{detail} {text}");
                assert!(matches!(meaning(&line), Meaning::Blocked(_)), "{line}");
            }
        }
    }
}

#[test]
fn a_refusal_before_the_recipient_is_about_us() {
    let table = &Lists::built_in().replies;
    let opening = |code, text| judge_opening(&Reply::new(code, (0, 0, 0), text), table);
    assert_eq!(opening(554, "no"), Meaning::Blocked(Cause::Address));
    assert_eq!(
        opening(550, "user unknown"),
        Meaning::Blocked(Cause::Address)
    );
    assert_eq!(
        opening(554, "see spamhaus"),
        Meaning::Blocked(Cause::Blocklist)
    );
    assert_eq!(opening(421, "too many connections"), Meaning::RateLimited);
    assert_eq!(opening(451, "local error"), Meaning::Later);
}

#[test]
fn every_line_of_the_table_reads_and_can_be_reached() {
    let table = &Lists::built_in().replies;
    assert!(table.len() > 80);
    for (n, pattern) in table.iter().enumerate() {
        let code: u16 = format!("{:0<3}", pattern.codes).parse().unwrap();
        let found = by_words(code, &pattern.words, &table[..n]);
        let same = found.is_none_or(|meaning| meaning == pattern.meaning);
        assert!(same, "{pattern:?} comes behind {found:?}");
    }
    for bad in [
        "",
        "no-user",
        "no-user\t5",
        "what\t5\tx",
        "full\t5xx\tx",
        "full\t5\t ",
    ] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn hosts_name_the_time_to_come_back() {
    let named = |text: &str| wait(&Reply::new(450, (4, 2, 0), text)).as_secs();
    assert_eq!(named("Greylisted, try again in 300 seconds"), 300);
    assert_eq!(named("retry in 15 minutes"), 900);
    assert_eq!(named("retry after 90s"), 90);
    assert_eq!(named("in 1 second"), 30);
    assert_eq!(named("in 99999 hours"), 4 * 3600);
    assert_eq!(named("later, see rfc 6647"), 300);
}
