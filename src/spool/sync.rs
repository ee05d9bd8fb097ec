//! One fsync of `new/` for all who wait for one: each call would make the disk
//! empty its cache once more.

use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use rustix::io::Result;

/// Syncs a directory for many threads.
#[derive(Debug, Default)]
pub(super) struct Together {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the next run will come to; whoever holds it is covered by that run.
    next: Arc<OnceLock<Result<()>>>,
    running: bool,
}

impl Together {
    /// Returns when an fsync that began after this call is over, with its result.
    pub(super) fn sync(&self, directory: impl AsFd) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = state.next.clone();
        loop {
            if let Some(result) = mine.get() {
                return *result;
            }
            if state.running {
                state = self
                    .over
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Not running and not over: `mine` is the next.
            let run = std::mem::take(&mut state.next);
            state.running = true;
            drop(state);
            let result = rustix::fs::fsync(&directory);
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = run.set(result);
            state.running = false;
            self.over.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eight(work: impl Fn() + Sync) {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(&work);
            }
        });
    }

    #[test]
    fn everyone_is_told_and_a_failure_is_told_too() {
        let together = Together::default();
        let directory = std::fs::File::open("/").unwrap();
        eight(|| assert_eq!(together.sync(&directory), Ok(())));
        // What has no disk cannot be synced.
        let (_, pipe) = std::io::pipe().unwrap();
        eight(|| assert_eq!(together.sync(&pipe), Err(rustix::io::Errno::INVAL)));
        assert_eq!(together.sync(&directory), Ok(()));
    }
}
