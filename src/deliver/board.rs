//! The board: messages whose turn has come, and the workers who take them.
//!
//! A message is listed by its name alone. Whoever looks for work first sorts
//! some: reads who it is from and where it goes, and puts it in line for its next
//! hop ([`Line`]), or in the common line where it goes to several or stays here.
//! Lines take turns, and within a line so do senders.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::Carried;
use super::line::Line;
use super::pool::{Pool, Slot};
use crate::spool::{Entry, Id};

/// Messages sorted at once by who looks for work: far more than are delivered
/// meanwhile, so that a sender with few finds a place beside one with many.
const SORT: usize = 32;

/// How long a worker waits where all next hops with mail are at their limits,
/// before it asks again: a limit may have risen, a pause be over.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A worker without work is gone after this.
const LINGER: Duration = Duration::from_secs(10);

/// A message whose turn has come.
#[derive(Debug)]
pub struct Item {
    pub entry: Entry,
    pub more: Option<Box<More>>,
}

/// What a message brings from earlier turns of this run.
#[derive(Debug, Default)]
pub struct More {
    /// Targets that had their attempt while others waited for a connection.
    pub tried: HashSet<u32>,
    pub carried: Carried,
}

impl Item {
    pub fn new(entry: Entry, carried: Option<Carried>) -> Item {
        let more = carried.map(|carried| {
            Box::new(More {
                tried: HashSet::new(),
                carried,
            })
        });
        Item { entry, more }
    }
}

/// Where a message goes, as its envelope alone tells it.
#[derive(Debug, PartialEq, Eq)]
pub enum Course {
    /// All of it to one next hop of this key.
    One(String),
    /// To several, or nowhere else.
    Common,
}

/// Something to do.
pub enum Work<'p> {
    /// The messages in line for a next hop, over one connection.
    Line(Arc<str>, Slot<'p>),
    /// One message, wherever it goes.
    Message(Item),
    /// Nothing more.
    End,
}

#[derive(Debug, Default)]
struct Queue {
    unsorted: VecDeque<Item>,
    /// Lines that are not empty.
    lines: HashMap<Arc<str>, Line>,
    /// Their turns; some may be empty by now.
    turns: VecDeque<Arc<str>>,
    common: Line,
    /// The common line had the last turn.
    was_common: bool,
    workers: usize,
    idle: usize,
    is_ending: bool,
}

#[derive(Debug, Default)]
pub struct Board {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Board {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists messages, in the order of their due times.
    pub fn put(&self, items: impl ExactSizeIterator<Item = Item>) {
        let mut queue = self.queue();
        queue.unsorted.reserve_exact(items.len());
        queue.unsorted.extend(items);
        drop(queue);
        self.changed.notify_all();
    }

    /// Puts a message in line for a next hop that had no connection to give.
    pub fn wait_for(&self, key: &str, item: Item) {
        self.queue().line_up(Some(key), 0, item);
        self.changed.notify_all();
    }

    /// True where nobody is needed, or there are workers enough.
    pub fn has_hands(&self, limit: usize) -> bool {
        let queue = self.queue();
        queue.is_empty() || queue.idle > 0 || queue.workers >= limit
    }

    pub fn is_empty(&self) -> bool {
        self.queue().is_empty()
    }

    /// True where other next hops than this one have mail and nobody idle to
    /// work on it.
    pub fn is_asked_for(&self, key: &str) -> bool {
        let queue = self.queue();
        let others = queue.lines.len() - usize::from(queue.lines.contains_key(key));
        queue.idle == 0 && (others > 0 || !queue.common.is_empty())
    }

    /// Who works counts itself in and out.
    pub fn enter(&self) {
        self.queue().workers += 1;
    }

    pub fn leave(&self) -> usize {
        let mut queue = self.queue();
        queue.workers -= 1;
        queue.workers
    }

    /// Nothing new is begun; gives back what nobody had taken.
    pub fn end(&self) -> Vec<Id> {
        let mut queue = self.queue();
        queue.is_ending = true;
        let left = std::mem::take(&mut queue.unsorted);
        let mut left: Vec<Id> = left.into_iter().map(|item| item.entry.id).collect();
        let mut common = std::mem::take(&mut queue.common);
        left.extend(std::iter::from_fn(|| common.pop()).map(|item| item.entry.id));
        queue.turns.clear();
        for (_, mut line) in queue.lines.drain() {
            left.extend(std::iter::from_fn(|| line.pop()).map(|item| item.entry.id));
        }
        drop(queue);
        self.changed.notify_all();
        left
    }

    /// Waits for something to do.
    pub fn take<'p>(&self, pool: &'p Pool, sort: &dyn Fn(&Item) -> (Course, u64)) -> Work<'p> {
        loop {
            self.sort(sort);
            let mut queue = self.queue();
            if queue.is_ending {
                return Work::End;
            }
            if let Some(work) = queue.next(pool) {
                return work;
            }
            if !queue.unsorted.is_empty() {
                continue;
            }
            let limit = match queue.lines.is_empty() {
                true => LINGER,
                false => ASK_AGAIN,
            };
            queue.idle += 1;
            let waited = self.changed.wait_timeout(queue, limit);
            let (mut queue, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
            if timeout.timed_out() && queue.is_empty() {
                return Work::End;
            }
        }
    }

    /// The next in line for this hop, where there is one; `wait`: until then.
    pub fn next_in(
        &self,
        key: &str,
        sort: &dyn Fn(&Item) -> (Course, u64),
        wait: Duration,
    ) -> Option<Item> {
        let item = self.at_once(key, sort);
        if item.is_some() || wait.is_zero() {
            return item;
        }
        let mut queue = self.queue();
        // Work that needs other hands goes before a connection kept warm.
        if !queue.is_ending && queue.is_empty() {
            queue.idle += 1;
            let waited = self
                .changed
                .wait_timeout_while(queue, wait, |q| !q.is_ending && q.is_empty());
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.idle -= 1;
        }
        drop(queue);
        self.at_once(key, sort)
    }

    fn at_once(&self, key: &str, sort: &dyn Fn(&Item) -> (Course, u64)) -> Option<Item> {
        loop {
            self.sort(sort);
            let mut queue = self.queue();
            if queue.is_ending {
                return None;
            }
            if let Some(item) = queue.pop(key) {
                return Some(item);
            }
            if queue.unsorted.is_empty() {
                return None;
            }
        }
    }

    /// Sorts some of what is listed. The files are read without the lock.
    fn sort(&self, sort: &dyn Fn(&Item) -> (Course, u64)) {
        let mut queue = self.queue();
        let count = queue.unsorted.len().min(SORT);
        if count == 0 {
            return;
        }
        let some: Vec<Item> = queue.unsorted.drain(..count).collect();
        if queue.unsorted.len() < queue.unsorted.capacity() / 4 {
            queue.unsorted.shrink_to_fit();
        }
        drop(queue);
        let sorted: Vec<(Item, (Course, u64))> = some
            .into_iter()
            .map(|item| {
                let found = sort(&item);
                (item, found)
            })
            .collect();
        let mut queue = self.queue();
        for (item, (course, sender)) in sorted {
            match course {
                Course::One(key) => queue.line_up(Some(&key), sender, item),
                Course::Common => queue.line_up(None, sender, item),
            }
        }
        let more = queue.idle > 0;
        drop(queue);
        if more {
            self.changed.notify_all();
        }
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.unsorted.is_empty() && self.lines.is_empty() && self.common.is_empty()
    }

    fn line_up(&mut self, key: Option<&str>, sender: u64, item: Item) {
        let Some(key) = key else {
            return self.common.push(sender, item);
        };
        if let Some(line) = self.lines.get_mut(key) {
            return line.push(sender, item);
        }
        let key: Arc<str> = key.into();
        let mut line = Line::default();
        line.push(sender, item);
        self.lines.insert(Arc::clone(&key), line);
        self.turns.push_back(key);
    }

    fn pop(&mut self, key: &str) -> Option<Item> {
        let line = self.lines.get_mut(key)?;
        let item = line.pop();
        if line.is_empty() {
            self.lines.remove(key);
        }
        item
    }

    fn next<'p>(&mut self, pool: &'p Pool) -> Option<Work<'p>> {
        let common_first = !std::mem::take(&mut self.was_common);
        if common_first && let Some(item) = self.common.pop() {
            self.was_common = true;
            return Some(Work::Message(item));
        }
        self.next_line(pool, false)
            .or_else(|| self.common.pop().map(Work::Message))
            .or_else(|| self.next_line(pool, true))
    }

    /// A line's turn. Those whose hosts were found dead come when no other has
    /// work: their messages are only put off.
    fn next_line<'p>(&mut self, pool: &'p Pool, is_dead: bool) -> Option<Work<'p>> {
        for _ in 0..self.turns.len() {
            let Some(key) = self.turns.pop_front() else {
                break;
            };
            if !self.lines.contains_key(&key) {
                continue;
            }
            self.turns.push_back(Arc::clone(&key));
            if pool.is_dead(&key) != is_dead {
                continue;
            }
            if let Some(slot) = pool.slot(&key) {
                return Some(Work::Line(key, slot));
            }
        }
        None
    }
}
