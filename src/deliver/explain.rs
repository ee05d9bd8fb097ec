//! What would be done with an address, sending nothing (`smtp-queue route`).

use tokio::sync::watch;

use super::forward::{self, Reader};
use super::hop::{self, Hop, LocalKind, Place};
use super::hosts::candidates;
use super::{Engine, RunError, expand, local, runtime};
use crate::config::{BookFiles, Config};
use crate::smtp::addr::{Mailbox, ReversePath};
use crate::smtp::param::{MailParams, RcptParams};
use crate::spool::{Envelope, Origin, Recipient, Target};

/// One destination that an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// After aliases.
    pub to: String,
    /// The list whose owner becomes the sender.
    pub owner: Option<String>,
    /// As it is written in routes.
    pub transport: String,
    /// Which alias, local domain or route decided.
    pub because: String,
    /// `none`, `opportunistic`, `required`; empty where mail stays here.
    pub tls: String,
    /// Host and address with port, in the order of an attempt.
    pub hosts: Vec<(String, String)>,
    /// Enhanced status and words, where mail would be refused or wait.
    pub problem: Option<(String, String)>,
}

/// Follows aliases and routes of one address, for mail from `sender`. With `ask` the name service is
/// asked for hosts; without, nothing leaves this host. Builds its own runtime.
pub fn explain_route(
    config: Config,
    sender: &ReversePath,
    address: &Mailbox,
    ask: bool,
) -> Result<Vec<Explanation>, RunError> {
    let envelope = envelope_of(sender, address);
    // First, for a user's file is read in a process of its own while there is one
    // thread. The caller has told what is wrong with the other files.
    let book = BookFiles::default().get(&config, |_| ());
    let mut forward = |name: &str| forward::targets(&config, Reader::Root, name);
    let targets = match expand::with_ways(&book, &envelope, &mut forward) {
        Ok(targets) => targets,
        Err(error) => {
            let mut explanation = blank(address.to_string());
            explanation.problem = Some(("4.3.5".to_string(), error));
            return Ok(vec![explanation]);
        }
    };
    let runtime = runtime()?;
    let (_stop, stopped) = watch::channel(false);
    let engine = Engine::new(config, runtime.handle().clone(), stopped, None);
    let explain = |(target, way): (Target, String)| {
        let explained = runtime.block_on(one(&engine, &envelope, &target, ask));
        Explanation {
            because: [way, explained.because]
                .into_iter()
                .filter(|words| !words.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
            ..explained
        }
    };
    Ok(targets.into_iter().map(explain).collect())
}

fn envelope_of(sender: &ReversePath, address: &Mailbox) -> Envelope {
    Envelope {
        sender: sender.clone(),
        params: MailParams::default(),
        recipients: vec![Recipient {
            address: address.clone(),
            params: RcptParams::default(),
        }],
        origin: Origin {
            time: jiff::Timestamp::now(),
            kind: "local".to_string(),
            words: Vec::new(),
        },
    }
}

fn blank(to: String) -> Explanation {
    Explanation {
        to,
        owner: None,
        transport: String::new(),
        because: String::new(),
        tls: String::new(),
        hosts: Vec::new(),
        problem: None,
    }
}

async fn one(engine: &Engine, envelope: &Envelope, target: &Target, ask: bool) -> Explanation {
    let mut explanation = blank(target.to.clone());
    explanation.owner = target.owner.clone();
    if let Some(refused) = &target.refused {
        let (status, words) = refused.split_once(' ').unwrap_or(("5.1.1", refused));
        explanation.problem = Some((status.to_string(), words.to_string()));
        return explanation;
    }
    let (hop, because) = match hop::next(&engine.table.for_sender(&envelope.sender), &target.to) {
        Ok(decided) => decided,
        Err((status, words)) => {
            explanation.problem = Some((status.to_string(), words));
            return explanation;
        }
    };
    explanation.because = because;
    match hop {
        Hop::Discard => explanation.transport = "discard:".to_string(),
        Hop::Hold => explanation.transport = "hold:".to_string(),
        Hop::Error(status, words) => {
            explanation.transport = format!("error:{status} {words}");
            explanation.problem = Some((status, words));
        }
        Hop::Local(local) => {
            explanation.transport = match &local.kind {
                LocalKind::Program(_) => "pipe:".to_string(),
                _ => local.route.clone(),
            };
            match local::order(&engine.config, &engine.book(), &local, envelope, target) {
                Ok(order) if order.is_nobody() => {
                    let words = format!("{}: no such user here", target.to);
                    explanation.problem = Some(("5.1.1".to_string(), words));
                }
                Ok(order) => explanation.transport = order.to_string(),
                Err(attempt) => explanation.problem = Some((attempt.status, attempt.text)),
            }
        }
        Hop::Remote(remote) => {
            explanation.tls = remote.tls.to_string();
            explanation.transport = remote.route.clone();
            if ask || !matches!(remote.place, Place::Mx(_)) {
                match candidates(engine, &remote).await {
                    Ok(found) => {
                        let text = |c: super::hosts::Candidate| (c.host, c.address.to_string());
                        explanation.hosts = found.into_iter().map(text).collect();
                    }
                    Err(attempt) => explanation.problem = Some((attempt.status, attempt.text)),
                }
            }
        }
    }
    explanation
}
