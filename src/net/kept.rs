//! Answers kept for a while, a bounded number of them: the mail hosts of a few
//! providers serve most domains of any list. Who asks what is being asked waits
//! for the same answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// Entries of one generation; two are held. At half a kilobyte an answer this
/// is some 4 MiB.
const GENERATION: usize = 4096;

type Cell<V> = Arc<OnceCell<(Instant, V)>>;

/// Cheap to ask; values are cloned out.
pub struct Kept<K, V> {
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, Cell<V>>,
    old: HashMap<K, Cell<V>>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Kept<K, V> {
        Kept {
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Kept<K, V> {
    pub fn new() -> Kept<K, V> {
        Kept::default()
    }

    /// The kept value, or what `ask` gives; it tells for how long it is good.
    pub async fn get(&self, key: K, now: Instant, ask: impl Future<Output = (Duration, V)>) -> V {
        let cell = match self.cell(key, now) {
            Some(cell) => cell,
            None => return ask.await.1,
        };
        let fill = async {
            let (life, value) = ask.await;
            (Instant::now() + life, value)
        };
        cell.get_or_init(|| fill).await.1.clone()
    }

    fn cell(&self, key: K, now: Instant) -> Option<Cell<V>> {
        let mut held = self.generations.lock().ok()?;
        let fresh = |cell: &Cell<V>| cell.get().is_none_or(|(until, _)| *until > now);
        if let Some(cell) = held.young.get(&key).filter(|cell| fresh(cell)) {
            return Some(Arc::clone(cell));
        }
        let cell = held.old.remove(&key).filter(fresh).unwrap_or_default();
        if held.young.len() >= GENERATION {
            held.old = mem::take(&mut held.young);
        }
        held.young.insert(key, Arc::clone(&cell));
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(work)
    }

    const LIFE: Duration = Duration::from_secs(10);

    #[test]
    fn an_answer_is_kept_for_its_life_and_not_longer() {
        run(async {
            let kept = Kept::new();
            let now = Instant::now();
            assert_eq!(kept.get("a", now, async { (LIFE, 1) }).await, 1);
            assert_eq!(kept.get("a", now, async { (LIFE, 2) }).await, 1);
            let later = now + LIFE * 2;
            assert_eq!(kept.get("a", later, async { (LIFE, 3) }).await, 3);
        });
    }

    #[test]
    fn the_number_of_entries_is_bounded_and_the_used_ones_stay() {
        run(async {
            let kept = Kept::new();
            let now = Instant::now();
            for n in 0..GENERATION * 5 {
                kept.get(n, now, async { (LIFE, n) }).await;
                assert_eq!(kept.get(0, now, async { (LIFE, 9) }).await, 0);
            }
            let held = kept.generations.lock().unwrap();
            assert!(held.young.len() + held.old.len() <= 2 * GENERATION);
        });
    }
}
