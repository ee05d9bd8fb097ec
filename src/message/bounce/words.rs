//! The part that people read: what happened, to whom, what to do.

use super::super::date;
use super::{Action, Block, Notice};

/// Longest account of a failure, in characters: a stranger wrote most of it.
const ACCOUNT: usize = 2000;

/// The actions in the order they are told: what needs the reader first.
const ORDER: [Action; 5] = [
    Action::Failed,
    Action::Delayed,
    Action::Delivered,
    Action::Relayed,
    Action::Expanded,
];

pub(super) fn subject(notice: &Notice<'_>) -> &'static str {
    match first(notice) {
        Action::Failed => "Undelivered mail: your message could not be delivered",
        Action::Delayed => "Delayed mail: your message has not been delivered yet",
        Action::Delivered => "Delivered: your message has arrived",
        Action::Relayed => "Relayed: your message was handed on",
        Action::Expanded => "Expanded: your message went to a list of addresses",
    }
}

fn first(notice: &Notice<'_>) -> Action {
    let has = |action: &Action| notice.blocks.iter().any(|b| b.action == *action);
    ORDER.into_iter().find(has).unwrap_or(Action::Failed)
}

/// Lines ended by LF.
pub(super) fn text(notice: &Notice<'_>) -> String {
    let mut text = String::new();
    for action in ORDER {
        let blocks: Vec<&Block> = notice
            .blocks
            .iter()
            .filter(|b| b.action == action)
            .collect();
        if blocks.is_empty() {
            continue;
        }
        text.push_str(happened(action));
        text.push_str("\n\n");
        for block in &blocks {
            told(block, &mut text);
        }
        text.push_str(&advice(action, &blocks));
        text.push_str("\n\n");
    }
    let arrival = date::rfc5322(notice.arrival);
    text.push_str(&format!("Your message came in on {arrival}.\n"));
    text.push_str(&format!(
        "This notice was made by the mail system at {}.\n",
        one_line(notice.hostname)
    ));
    text.push_str(
        "The parts below hold the details for programs and what is returned of the message.\n",
    );
    text
}

fn happened(action: Action) -> &'static str {
    match action {
        Action::Failed => "Your message could not be delivered to:",
        Action::Delayed => "Your message has not been delivered yet to:",
        Action::Delivered => "Your message was delivered to:",
        Action::Relayed => {
            "Your message was handed on to a mail system that sends no notices of delivery, for:"
        }
        Action::Expanded => "Your message was handed on to each member of:",
    }
}

fn told(block: &Block, text: &mut String) {
    text.push_str(&format!("  <{}>\n", one_line(&block.final_recipient)));
    let account: String = one_line(&block.text).chars().take(ACCOUNT).collect();
    if !account.is_empty() {
        text.push_str(&format!("    {account}\n"));
    }
    text.push('\n');
}

fn advice(action: Action, blocks: &[&Block]) -> String {
    let until = blocks.iter().filter_map(|b| b.retry_until).max();
    match (action, until) {
        (Action::Failed, _) => "It will not be tried again. Check the address, then send the message again; \
             if the reason above\ntells you nothing, ask your postmaster or the recipient by another way."
            .to_owned(),
        (Action::Delayed, Some(until)) => format!(
            "There is nothing you have to do. It is tried again until {};\nyou are told if it cannot be delivered by then.",
            date::rfc5322(until)
        ),
        (Action::Delayed, None) => "There is nothing you have to do. It is tried again; \
             you are told if it cannot be delivered."
            .to_owned(),
        (Action::Delivered, _) => "There is nothing you have to do. You asked for this notice.".to_owned(),
        (Action::Relayed | Action::Expanded, _) => {
            "There is nothing you have to do. You asked for this notice; you may get no further one.".to_owned()
        }
    }
}

/// Runs of blanks and control characters become one blank; what could turn the
/// writing direction or hide text goes too.
fn one_line(text: &str) -> String {
    let is_hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let clean: String = text
        .chars()
        .map(|c| {
            if c.is_control() || is_hidden(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
