//! A line of messages for one next hop, fair to their senders.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::board::Item;

/// Who stands in line: senders take turns. Each message has a round: one more
/// than its sender's last, but none before the round that is being served, so a
/// sender with one message stands in front of nearly all of one with many.
#[derive(Debug, Default)]
pub struct Line {
    waiting: BinaryHeap<Reverse<Ticket>>,
    /// By sender: the round of its last message.
    last: HashMap<u64, u64>,
    round: u64,
}

#[derive(Debug)]
struct Ticket {
    round: u64,
    item: Item,
}

impl Ticket {
    /// Within a round by due time, then by arrival.
    fn order(&self) -> (u64, u64, &crate::spool::Id) {
        (self.round, self.item.entry.due, &self.item.entry.id)
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Ticket) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Ticket {}

impl PartialOrd for Ticket {
    fn partial_cmp(&self, other: &Ticket) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ticket {
    fn cmp(&self, other: &Ticket) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl Line {
    /// `sender`: any number that is the same for the same sender.
    pub fn push(&mut self, sender: u64, item: Item) {
        let last = self.last.get(&sender).copied();
        let round = last.map_or(self.round, |last| (last + 1).max(self.round));
        self.last.insert(sender, round);
        self.waiting.push(Reverse(Ticket { round, item }));
    }

    pub fn pop(&mut self) -> Option<Item> {
        let Reverse(ticket) = self.waiting.pop()?;
        self.round = ticket.round;
        if self.waiting.is_empty() {
            *self = Line::default();
        }
        Some(ticket.item)
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{Entry, Id, Place};

    fn item(name: &str) -> Item {
        let entry = Entry {
            id: Id::parse(name).unwrap(),
            place: Place::New,
            size: 0,
            due: 0,
        };
        Item { entry, more: None }
    }

    #[test]
    fn a_sender_with_one_message_waits_for_no_heap_of_another() {
        let mut line = Line::default();
        for n in 0..100_000u32 {
            line.push(1, item(&format!("0A{n:06}")));
        }
        for _ in 0..10 {
            line.pop();
        }
        line.push(2, item("0B"));
        let names: Vec<String> = (0..3)
            .filter_map(|_| Some(line.pop()?.entry.id.to_string()))
            .collect();
        assert!(names.contains(&"0B".to_string()), "{names:?}");
    }

    #[test]
    fn messages_of_one_sender_keep_their_order() {
        let mut line = Line::default();
        for name in ["03", "01", "02"] {
            line.push(7, item(name));
        }
        let mut names = Vec::new();
        while let Some(item) = line.pop() {
            names.push(item.entry.id.to_string());
        }
        assert_eq!(names, ["03", "01", "02"]);
        assert!(line.is_empty());
    }
}
