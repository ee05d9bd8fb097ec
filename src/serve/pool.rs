//! A few threads for work that waits for the disk, the user database or other
//! programs, so that the threads that talk to clients never do. Bounded, so
//! that a thousand messages at once are a queue and not a thousand threads.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// Enough for name services that load their modules into us.
const STACK: usize = 512 * 1024;

/// Threads are started when work waits, up to the bound, and stay.
#[derive(Debug)]
pub struct Pool {
    most: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

type Job = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("jobs", &self.jobs.len())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// At most so many threads.
    pub fn new(most: usize) -> Arc<Pool> {
        Arc::new(Pool {
            most,
            state: Mutex::default(),
            work: Condvar::new(),
        })
    }

    /// Runs `work` on a thread of the pool. A panic goes on in the caller.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Pool>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (tell, told) = oneshot::channel();
        self.push(Box::new(move || {
            // Nobody to tell: the runtime is ending.
            let _ = tell.send(catch_unwind(AssertUnwindSafe(work)));
        }));
        match told.await {
            Ok(Ok(value)) => value,
            Ok(Err(defect)) => resume_unwind(defect),
            // A job is run or stays in the queue; it is never dropped.
            Err(_) => std::future::pending().await,
        }
    }

    fn push(self: &Arc<Pool>, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.idle > 0 {
            self.work.notify_one();
        } else if state.threads < self.most {
            state.threads += 1;
            drop(state);
            self.start();
        }
    }

    fn start(self: &Arc<Pool>) {
        let pool = self.clone();
        let builder = thread::Builder::new().name("files".to_string());
        if builder.stack_size(STACK).spawn(move || pool.work()).is_ok() {
            return;
        }
        let mut state = self.lock();
        state.threads -= 1;
        // No thread can be had: those there are do it, else this one.
        while state.threads == 0
            && let Some(job) = state.jobs.pop_front()
        {
            drop(state);
            job();
            state = self.lock();
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            match state.jobs.pop_front() {
                Some(job) => {
                    drop(state);
                    job();
                    state = self.lock();
                }
                None => {
                    state.idle += 1;
                    state = self
                        .work
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn work_is_done_by_few_threads_and_a_panic_ends_one_job() {
        let pool = Pool::new(2);
        let both = Arc::new(Barrier::new(2));
        let meet = |n: usize| {
            let both = both.clone();
            pool.run(move || {
                both.wait();
                n
            })
        };
        assert_eq!(tokio::join!(meet(1), meet(2)), (1, 2));
        let other = pool.clone();
        let defect = tokio::spawn(async move { other.run(|| panic!("a defect")).await });
        assert!(defect.await.is_err());
        assert_eq!(tokio::join!(meet(3), meet(4)), (3, 4));
        assert_eq!(pool.lock().threads, 2);
    }
}
