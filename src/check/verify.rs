//! Is an address good? Syntax, names, and what its mail host says to RCPT, VRFY
//! and EXPN; never DATA.
//!
//! `judge` says what a reply means, `lists` and `scripts` what an address tells
//! by itself, `host` talks to one mail host at the pace it is allowed, `ledger`
//! remembers; this file puts an address through all of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

mod host;
pub mod judge;
pub mod ledger;
pub mod lists;
mod scripts;

use host::{Answer, Hosts};
pub use host::{Manners, Query};
use judge::Meaning;
use ledger::{Known, Ledger, LedgerError};
use lists::Lists;

use super::reach::Caller;
use crate::net::dns::{Addresses, Resolver};
use crate::net::kept::Kept;
use crate::net::lookup::{self, MailHosts};
use crate::route::domain_key;
use crate::route::mx::{Plan, Trouble};
use crate::smtp::addr::{Domain, Mailbox};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Deliverable,
    Undeliverable,
    Risky,
    #[default]
    Unknown,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Deliverable => "deliverable",
            Verdict::Undeliverable => "undeliverable",
            Verdict::Risky => "risky",
            Verdict::Unknown => "unknown",
        }
    }
}

/// How far an address is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    Syntax,
    Dns,
    Smtp,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Syntax => "syntax",
            Level::Dns => "dns",
            Level::Smtp => "smtp",
        }
    }
}

/// What was found, with the evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    pub verdict: Verdict,
    /// One word or two, of a fixed set; empty where there is nothing to add.
    pub reason: String,
    /// How far it was looked at.
    pub level: Level,
    /// Our words.
    pub words: String,
    /// The mail host asked, and its address.
    pub host: Option<String>,
    pub address: Option<IpAddr>,
    /// The host's words.
    pub reply: Option<String>,
    /// Its enhanced status code.
    pub status: Option<String>,
    /// The talk was inside TLS.
    pub tls: Option<bool>,
    /// Greylisted or rate-limited: when to ask again.
    pub again: Option<Timestamp>,
    /// The host takes any address of the domain; none: not found out.
    pub catch_all: Option<bool>,
    pub role: bool,
    pub disposable: bool,
    pub free: bool,
    /// The address that was probably meant.
    pub suggestion: Option<String>,
    pub warnings: Vec<String>,
    /// Members of the list, by EXPN.
    pub members: Vec<String>,
}

impl Finding {
    fn say(&mut self, verdict: Verdict, reason: &str, words: impl Into<String>) {
        self.verdict = verdict;
        self.reason = reason.to_owned();
        self.words = words.into();
    }
}

/// What is wished for.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub level: Level,
    pub vrfy: bool,
    pub expn: bool,
    /// Find out whether the host takes any address.
    pub catch_all: bool,
    /// Longest time that a greylisted address is waited for.
    pub wait: Duration,
}

pub struct Verifier {
    wishes: Wishes,
    lists: Lists,
    resolver: Option<Resolver>,
    hosts: Arc<Hosts>,
    domains: Kept<String, Arc<MailHosts>>,
    catch_all: Kept<String, Option<bool>>,
    state: Option<Ledger>,
    cache: Option<Ledger>,
    began: Instant,
}

/// Several tries: one improbable address may exist by chance or by a pattern.
const IMPROBABLE: [&str; 2] = ["0q7x.", "no-such-box-"];

/// For how long it is remembered whether a domain takes any address.
const CATCH_ALL_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Where a host is not to be asked again at once, and names no time.
const PAUSE: Duration = Duration::from_secs(60);

impl Verifier {
    /// Must be called inside a runtime.
    pub fn new(
        wishes: Wishes,
        lists: Lists,
        resolver: Option<Resolver>,
        caller: Caller,
        manners: Manners,
    ) -> Verifier {
        let replies = lists.replies.clone();
        Verifier {
            wishes,
            lists,
            resolver,
            hosts: Arc::new(Hosts::new(caller, manners, replies)),
            domains: Kept::new(),
            catch_all: Kept::new(),
            state: None,
            cache: None,
            began: Instant::now(),
        }
    }

    /// Remembers there: for a run that goes on, and for other runs.
    pub fn remember(mut self, state: Option<Ledger>, cache: Option<Ledger>) -> Verifier {
        self.state = state;
        self.cache = cache;
        self
    }

    /// One address. `Err` where what was found could not be kept.
    pub async fn verify(&self, text: &str) -> Result<Finding, LedgerError> {
        let mut finding = Finding::default();
        let (mailbox, domain) = match self.first_look(text, &mut finding) {
            Some(parts) => parts,
            None => return Ok(finding),
        };
        let key = format!("{}@{domain}", mailbox.local);
        let mut not_before = None;
        for ledger in [&self.state, &self.cache].into_iter().flatten() {
            match ledger.known(&key, Timestamp::now()) {
                Some(Known::Finding(known)) if known.level >= self.wishes.level => {
                    return Ok(*known);
                }
                Some(Known::Again(at)) => not_before = Some(at),
                _ => {}
            }
        }
        if self.wishes.level > Level::Syntax {
            finding.level = Level::Dns;
            match self.mail_hosts(&mailbox, &domain, &mut finding).await {
                Some(hosts) if self.wishes.level == Level::Smtp => {
                    finding.level = Level::Smtp;
                    self.ask(&key, &mailbox, &domain, hosts, not_before, &mut finding)
                        .await?;
                }
                _ => {}
            }
        }
        self.by_lists(&mut finding);
        let now = Timestamp::now();
        for ledger in [&self.state, &self.cache].into_iter().flatten() {
            ledger.note(&key, &finding, now)?;
        }
        Ok(finding)
    }

    /// What the address tells by itself; `None` where that settles it.
    fn first_look(&self, text: &str, finding: &mut Finding) -> Option<(Mailbox, String)> {
        let parsed = Mailbox::parse(text)
            .and_then(|mailbox| domain_key(&mailbox.domain).map(|domain| (mailbox, domain)));
        let (mut mailbox, domain) = match parsed {
            Ok(parts) => parts,
            Err(error) => {
                finding.say(Verdict::Undeliverable, "syntax", error.to_string());
                finding.suggestion = wide_forms(text);
                return None;
            }
        };
        finding.warnings = scripts::warnings(&mailbox.local, &domain);
        finding.role = self.lists.is_role(&mailbox.local);
        finding.disposable = self.lists.is_disposable(&domain);
        finding.free = self.lists.is_free(&domain);
        finding.suggestion = self.lists.suggestion(&domain).map(|meant| {
            let domain = Domain::Name(meant);
            Mailbox {
                local: mailbox.local.clone(),
                domain,
            }
            .to_string()
        });
        finding.say(Verdict::Deliverable, "", "well formed");
        // What travels and is shown is the A-label.
        if matches!(mailbox.domain, Domain::Name(_)) {
            mailbox.domain = Domain::Name(domain.clone());
        }
        Some((mailbox, domain))
    }

    /// Hosts with an address, in their order; `None` where names settle it.
    async fn mail_hosts(
        &self,
        mailbox: &Mailbox,
        domain: &str,
        finding: &mut Finding,
    ) -> Option<Vec<(String, Vec<IpAddr>)>> {
        let literal = match mailbox.domain {
            Domain::V4(a) => Some(IpAddr::V4(a)),
            Domain::V6(a) => Some(IpAddr::V6(a)),
            Domain::Name(_) => None,
            Domain::General(_) => {
                finding.say(
                    Verdict::Undeliverable,
                    "no domain",
                    "no such kind of literal is known",
                );
                return None;
            }
        };
        if let Some(address) = literal {
            finding.say(Verdict::Deliverable, "", "mail goes to that address");
            return Some(vec![(format!("[{address}]"), vec![address])]);
        }
        let Some(resolver) = self.resolver.clone() else {
            finding.say(Verdict::Unknown, "DNS", "no name server is known");
            return None;
        };
        let asked = domain.to_owned();
        let look = Box::pin(async { (PAUSE, Arc::new(lookup::one(&resolver, asked, true).await)) });
        let found = self
            .domains
            .get(domain.to_owned(), Instant::now(), look)
            .await;
        by_names(&found, finding)
    }

    /// Asks the hosts, again where they ask for patience and there is time.
    async fn ask(
        &self,
        key: &str,
        mailbox: &Mailbox,
        domain: &str,
        hosts: Vec<(String, Vec<IpAddr>)>,
        not_before: Option<Timestamp>,
        finding: &mut Finding,
    ) -> Result<(), LedgerError> {
        let hosts = Arc::new(hosts);
        if let Some(at) = not_before
            && !self.sleep_until(at).await
        {
            finding.again = Some(at);
            finding.say(
                Verdict::Unknown,
                "greylisted",
                "asked before; it is too early to ask again",
            );
            return Ok(());
        }
        if (self.wishes.vrfy || self.wishes.expn)
            && self.ask_by_name(mailbox, &hosts, finding).await
        {
            return Ok(());
        }
        loop {
            let answer = self.hosts.ask(&hosts, Query::Rcpt(mailbox.clone())).await;
            tell(&answer, finding);
            match finding.again {
                Some(at) => {
                    if let Some(state) = &self.state {
                        state.note_again(key, at, Timestamp::now())?;
                    }
                    if !self.sleep_until(at).await {
                        return Ok(());
                    }
                }
                None => break,
            }
        }
        if finding.verdict == Verdict::Deliverable && self.wishes.catch_all {
            finding.catch_all = self.takes_any(&hosts, domain).await;
            if finding.catch_all == Some(true) {
                let words = "the host takes any address of the domain";
                finding.say(Verdict::Risky, "catch-all", words);
            }
        }
        Ok(())
    }

    /// VRFY and EXPN, where the host offers them; true where that settles it.
    async fn ask_by_name(
        &self,
        mailbox: &Mailbox,
        hosts: &Arc<Vec<(String, Vec<IpAddr>)>>,
        finding: &mut Finding,
    ) -> bool {
        if self.wishes.expn {
            let answer = self
                .hosts
                .ask(hosts, Query::Expn(mailbox.to_string()))
                .await;
            if let (Meaning::Good, Some(reply)) = (answer.meaning, &answer.reply) {
                finding.members = reply.lines.clone();
            }
        }
        if !self.wishes.vrfy {
            return false;
        }
        let answer = self
            .hosts
            .ask(hosts, Query::Vrfy(mailbox.to_string()))
            .await;
        let settled = matches!(answer.meaning, Meaning::Good | Meaning::NoUser);
        if settled {
            tell(&answer, finding);
        }
        settled
    }

    /// Asks for addresses that nobody has; found out once for a domain.
    async fn takes_any(
        &self,
        hosts: &Arc<Vec<(String, Vec<IpAddr>)>>,
        domain: &str,
    ) -> Option<bool> {
        let ask = Box::pin(async {
            let mut taken = None;
            for beginning in IMPROBABLE {
                let Some(mailbox) = improbable(beginning, domain) else {
                    break;
                };
                let answer = self.hosts.ask(hosts, Query::Rcpt(mailbox)).await;
                taken = match answer.meaning {
                    Meaning::Good => Some(true),
                    Meaning::NoUser | Meaning::Refused | Meaning::Disabled => Some(false),
                    _ => None,
                };
                if taken != Some(true) {
                    break;
                }
            }
            let life = if taken.is_some() {
                CATCH_ALL_LIFE
            } else {
                Duration::ZERO
            };
            (life, taken)
        });
        self.catch_all
            .get(domain.to_owned(), Instant::now(), ask)
            .await
    }

    /// False where the wait would be longer than wished.
    async fn sleep_until(&self, at: Timestamp) -> bool {
        let left = at.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        if self.began.elapsed() + left > self.wishes.wait {
            return left.is_zero();
        }
        tokio::time::sleep(left).await;
        true
    }

    /// What is good and should be used with care all the same.
    fn by_lists(&self, finding: &mut Finding) {
        if finding.verdict != Verdict::Deliverable {
            return;
        }
        if finding.disposable {
            finding.say(
                Verdict::Risky,
                "disposable",
                "its domain is one of mailboxes that do not last",
            );
        } else if finding.role {
            finding.say(Verdict::Risky, "role", "it names a function, not a person");
        }
    }
}

/// Fullwidth signs that an input method makes of `@` and `.`: the address that
/// was meant.
fn wide_forms(text: &str) -> Option<String> {
    let narrow = text
        .replace('\u{ff20}', "@")
        .replace(['\u{ff0e}', '\u{3002}', '\u{ff61}'], ".");
    (narrow != text && Mailbox::parse(&narrow).is_ok()).then_some(narrow)
}

fn improbable(beginning: &str, domain: &str) -> Option<Mailbox> {
    let chance: [u8; 8] = crate::sys::random().ok()?;
    let letters: String = chance
        .iter()
        .map(|octet| char::from(b'a' + octet % 26))
        .collect();
    let domain = Domain::parse(domain).ok()?;
    Mailbox::new(format!("{beginning}{letters}{}", chance[0]), domain).ok()
}

/// What the names of a domain say about any address in it.
fn by_names(found: &MailHosts, finding: &mut Finding) -> Option<Vec<(String, Vec<IpAddr>)>> {
    match &found.plan {
        Plan::NullMx => finding.say(
            Verdict::Undeliverable,
            "null MX",
            "the domain takes no mail",
        ),
        Plan::Permanent("5.1.2", why) => {
            finding.say(Verdict::Undeliverable, "no domain", why.clone())
        }
        Plan::Permanent(_, why) => finding.say(Verdict::Undeliverable, "no mail host", why.clone()),
        Plan::Temporary(why) => in_trouble(why, finding),
        Plan::Hosts(_) | Plan::Implicit => return with_addresses(found, finding),
    }
    None
}

fn in_trouble(why: &Trouble, finding: &mut Finding) {
    let reason = match why {
        Trouble::Silent(_) => "time-out",
        Trouble::Failed(_) => "DNS",
    };
    finding.say(Verdict::Unknown, reason, why.to_string());
}

fn with_addresses(found: &MailHosts, finding: &mut Finding) -> Option<Vec<(String, Vec<IpAddr>)>> {
    let mut usable = Vec::new();
    let mut trouble = None;
    for host in &found.hosts {
        match &host.addresses {
            Some(Addresses::Found(list)) => usable.push((host.name.clone(), list.clone())),
            Some(Addresses::Temporary(why)) => trouble = Some(why),
            Some(Addresses::None) | None => {}
        }
    }
    match (usable.first(), trouble) {
        (Some((host, _)), _) => {
            let words = match found.plan {
                Plan::Implicit => format!("no MX; mail goes to the domain's own address, {host}"),
                _ => format!("mail goes to {host}"),
            };
            finding.host = Some(host.clone());
            finding.say(Verdict::Deliverable, "", words);
            return Some(usable);
        }
        (None, Some(why)) => in_trouble(why, finding),
        (None, None) => {
            let words = "none of its mail hosts has an address";
            finding.say(Verdict::Undeliverable, "no mail host", words);
        }
    }
    None
}

/// The verdict of an answer, and the evidence.
fn tell(answer: &Answer, finding: &mut Finding) {
    finding.host = answer.host.clone().or(finding.host.take());
    finding.address = answer.address;
    finding.tls = answer.tls;
    finding.reply = answer.reply.as_ref().map(|reply| reply.to_string());
    finding.status = answer
        .reply
        .as_ref()
        .and_then(|r| Some(r.enhanced?.to_string()));
    finding.again = None;
    let (verdict, reason, words) = match answer.meaning {
        Meaning::Good => (Verdict::Deliverable, "", "the host takes it".to_owned()),
        Meaning::NoUser => (
            Verdict::Undeliverable,
            "no such user",
            "the host has no such user".to_owned(),
        ),
        Meaning::Full => (Verdict::Risky, "full", "the mailbox is full".to_owned()),
        Meaning::Disabled => (
            Verdict::Risky,
            "disabled",
            "the mailbox is disabled".to_owned(),
        ),
        Meaning::Greylisted => (
            Verdict::Unknown,
            "greylisted",
            "the host wants to be asked again".to_owned(),
        ),
        Meaning::RateLimited => (
            Verdict::Unknown,
            "rate-limited",
            "we ask too much of the host".to_owned(),
        ),
        Meaning::Blocked(cause) => (
            Verdict::Unknown,
            "blocked",
            format!("we were refused: {}", cause.name()),
        ),
        Meaning::NotTold => (
            Verdict::Unknown,
            "not told",
            "the host does not say".to_owned(),
        ),
        Meaning::Later => (
            Verdict::Unknown,
            "later",
            "a temporary failure of the host".to_owned(),
        ),
        Meaning::Refused => (
            Verdict::Unknown,
            "refused",
            "refused for a reason that says nothing about the address".to_owned(),
        ),
        Meaning::NotSupported => (
            Verdict::Unknown,
            "not told",
            "the host does not know the command".to_owned(),
        ),
    };
    finding.say(verdict, reason, words);
    if let Some((reason, words)) = &answer.failure {
        finding.say(Verdict::Unknown, reason, words.clone());
        if let Meaning::Blocked(cause) = answer.meaning {
            finding.words = format!("{words}; we were refused: {}", cause.name());
        }
    }
    if answer.no_utf8 {
        finding.say(
            Verdict::Undeliverable,
            "SMTPUTF8",
            "the host takes no address with such characters",
        );
    }
    let again = match (answer.meaning, &answer.reply) {
        (Meaning::Greylisted, Some(reply)) => Some(judge::wait(reply)),
        (Meaning::RateLimited | Meaning::Later, _) => Some(PAUSE),
        _ => None,
    };
    let later = |wait| {
        Timestamp::now()
            .checked_add(SignedDuration::try_from(wait).ok()?)
            .ok()
    };
    finding.again = again
        .filter(|_| finding.verdict == Verdict::Unknown)
        .and_then(later);
}
