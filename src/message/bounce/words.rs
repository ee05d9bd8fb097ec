//! The part that people read: what happened, to whom, what to do.

use super::super::date;
use super::template::{Section, Template, Values};
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

/// The section of the words for an action.
fn section(notice: &Notice<'_>, action: Action) -> Section {
    match action {
        Action::Failed if notice.is_double => Section::Double,
        Action::Failed => Section::Failed,
        Action::Delayed => Section::Delayed,
        Action::Delivered => Section::Delivered,
        Action::Relayed => Section::Relayed,
        Action::Expanded => Section::Expanded,
    }
}

pub(super) fn subject(notice: &Notice<'_>) -> String {
    let has = |action: &Action| notice.blocks.iter().any(|b| b.action == *action);
    let first = ORDER.into_iter().find(has).unwrap_or(Action::Failed);
    let subject = filled(notice, first, |template, section, values| {
        template.subject(section, values)
    });
    one_line(&subject)
}

/// Lines ended by LF.
pub(super) fn text(notice: &Notice<'_>) -> String {
    let mut text = String::new();
    for action in ORDER {
        if notice.blocks.iter().any(|b| b.action == action) {
            text.push_str(&filled(notice, action, Template::text));
            text.push_str("\n\n");
        }
    }
    let end = |template: &Template, _, values: &Values<'_>| template.text(Section::End, values);
    text.push_str(&filled(notice, Action::Failed, end));
    text.push('\n');
    text
}

/// Words of the template with the values for one action.
fn filled(
    notice: &Notice<'_>,
    action: Action,
    words: impl FnOnce(&Template, Section, &Values<'_>) -> String,
) -> String {
    let blocks = || notice.blocks.iter().filter(|b| b.action == action);
    let mut recipients = String::new();
    for block in blocks() {
        told(block, &mut recipients);
    }
    let until = blocks().filter_map(|b| b.retry_until).max();
    let until = until.map_or("it is given up".to_owned(), date::rfc5322);
    let values = [
        recipients.trim_end(),
        &one_line(notice.to.trim_start_matches('<').trim_end_matches('>')),
        &date::rfc5322(notice.arrival),
        &until,
        &one_line(notice.hostname),
        &one_line(notice.of),
    ];
    words(notice.template, section(notice, action), &values)
}

fn told(block: &Block, text: &mut String) {
    text.push_str(&format!("  <{}>\n", one_line(&block.final_recipient)));
    let account: String = one_line(&block.text).chars().take(ACCOUNT).collect();
    if !account.is_empty() {
        text.push_str(&format!("    {account}\n"));
    }
    text.push('\n');
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
