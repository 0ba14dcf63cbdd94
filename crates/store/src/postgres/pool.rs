//! Threads with a connection each, and the bounded queue before them.
//!
//! A thread starts when work waits and all others are busy, and ends when it has been idle for long; its connection lives as long
//! as it does. While it waits for work it watches its connection, so a lost one is noticed before the next transaction.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::counts::{Counts, Waits};
use super::failure;
use super::link::Link;
use super::tls::Target;
use crate::error::{Error, Result};

/// Says who has a job: the queue, the thread that runs it, or nobody because its caller gave up.
#[derive(Debug, Default)]
pub(crate) struct Ticket(AtomicU8);

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Ticket {
    fn claim(&self) -> bool {
        self.0.compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
    fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == GIVEN_UP
    }
    /// True when the job had not begun; then it never will.
    pub(crate) fn give_up(&self) -> bool {
        self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What a thread does with its connection, or with the reason why it has none.
pub(crate) type Work = Box<dyn FnOnce(&mut Worker, Result<()>) + Send>;

pub(crate) struct Job {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) work: Work,
    /// Since when it waits for a thread to be free; none when one was.
    pub(crate) waits_since: Option<Instant>,
}

/// The bounds of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) name: &'static str,
    pub(crate) threads_max: usize,
    pub(crate) queue_max: usize,
    pub(crate) connect: Duration,
    pub(crate) idle: Duration,
    pub(crate) lifetime: Duration,
}

pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    limits: Limits,
    generation: Arc<AtomicU64>,
    queued: Semaphore,
    state: Mutex<State>,
    waits: Waits,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    connected: usize,
    closed: bool,
    /// Until when connecting is not tried again, why, and how long the next pause is.
    down: Option<(Instant, String)>,
    pause: Duration,
}

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Pool {
    pub(crate) fn new(target: Target, limits: Limits, generation: Arc<AtomicU64>) -> Self {
        let shared = Shared {
            target,
            limits,
            generation,
            queued: Semaphore::new(0),
            state: Mutex::new(State::default()),
            waits: Waits::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Adds what these threads do to `counts`.
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        let state = self.shared.state();
        counts.open += state.connected;
        counts.in_use += state.threads.saturating_sub(state.idle);
        counts.waiting += state.queue.iter().filter(|job| !job.ticket.is_given_up()).count();
        drop(state);
        self.shared.waits.add_to(counts);
    }

    /// Queues a job.
    pub(crate) fn submit(&self, mut job: Job) -> Result<()> {
        let mut state = self.shared.state();
        if state.closed {
            return Err(failure::unavailable("the store is closed".to_owned()));
        }
        if state.connected == 0 {
            state.refuse_while_down()?;
        }
        if state.queue.len() >= self.shared.limits.queue_max {
            state.queue.retain(|job| !job.ticket.is_given_up());
        }
        if state.queue.len() >= self.shared.limits.queue_max {
            return Err(Error::Overloaded { retry_after: failure::RETRY_AFTER });
        }
        job.waits_since = (state.idle <= state.queue.len()).then(Instant::now);
        state.queue.push_back(job);
        if state.queue.len() > state.idle && state.threads < self.shared.limits.threads_max {
            state.threads += 1;
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name(format!("postgres-{}", self.shared.limits.name));
            if let Err(error) = thread.spawn(move || Worker::run(shared)) {
                state.threads -= 1;
                if state.threads == 0 {
                    state.queue.pop_back();
                    return Err(failure::unavailable(format!("no thread: {error}")));
                }
            }
        }
        drop(state);
        self.shared.queued.add_permits(1);
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Threads finish what they run and what is queued, and then end.
        self.shared.state().closed = true;
        self.shared.queued.close();
    }
}

impl State {
    fn refuse_while_down(&self) -> Result<()> {
        match &self.down {
            Some((until, reason)) if Instant::now() < *until => Err(Error::Unavailable {
                reason: reason.clone(),
                retry_after: until.saturating_duration_since(Instant::now()).max(failure::RETRY_AFTER),
            }),
            _ => Ok(()),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is a few counters and a queue; every change of it is complete even if a thread panics elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread with its connection.
pub(crate) struct Worker {
    pub(crate) runtime: Runtime,
    link: Option<Link>,
    shared: Arc<Shared>,
}

/// Why a waiting thread woke.
enum Wake {
    Queued,
    Lost,
    Idle,
    Closed,
}

impl Worker {
    fn run(shared: Arc<Shared>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else {
            // Without a runtime there is nothing this thread can do; its jobs time out in the queue and say so.
            shared.state().threads -= 1;
            return;
        };
        let mut worker = Self { runtime, link: None, shared };
        loop {
            let wake = worker.wait();
            let mut state = worker.shared.state();
            state.idle -= 1;
            let job = match wake {
                Wake::Queued | Wake::Closed => state.queue.pop_front(),
                Wake::Lost | Wake::Idle => None,
            };
            // Decided under the lock: a job queued from now on finds one thread less and starts another.
            let ends = job.is_none() && state.queue.is_empty() && matches!(wake, Wake::Idle | Wake::Closed);
            if ends {
                state.threads -= 1;
            }
            drop(state);
            match job {
                Some(job) if job.ticket.claim() => {
                    worker.shared.waits.acquired();
                    if let Some(since) = job.waits_since {
                        worker.shared.waits.waited(since.elapsed());
                    }
                    let ready = worker.ready();
                    (job.work)(&mut worker, ready);
                }
                _ if matches!(wake, Wake::Lost) => worker.give_up(),
                _ => {}
            }
            if ends {
                break;
            }
        }
        worker.give_up();
    }

    fn wait(&mut self) -> Wake {
        self.shared.state().idle += 1;
        // Under load there is more to do at once, and no need to go through the runtime for it.
        if let Ok(permit) = self.shared.queued.try_acquire() {
            permit.forget();
            return Wake::Queued;
        }
        let (shared, link) = (&self.shared, self.link.as_ref());
        self.runtime.block_on(async {
            let lost = async {
                match link {
                    Some(link) => link.lost().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                permit = shared.queued.acquire() => match permit {
                    Ok(permit) => {
                        permit.forget();
                        Wake::Queued
                    }
                    Err(_) => Wake::Closed,
                },
                () = lost => Wake::Lost,
                () = tokio::time::sleep(shared.limits.idle) => Wake::Idle,
            }
        })
    }

    /// Makes sure that there is a connection.
    pub(crate) fn ready(&mut self) -> Result<()> {
        let old = self
            .link
            .as_ref()
            .is_some_and(|link| !link.is_alive() || link.opened.elapsed() > self.shared.limits.lifetime);
        if old {
            self.give_up();
        }
        if self.link.is_none() {
            let state = self.shared.state();
            if state.connected == 0 {
                state.refuse_while_down()?;
            }
            drop(state);
            match self.runtime.block_on(Link::open(&self.shared.target, self.shared.limits.connect)) {
                Ok(link) => {
                    self.link = Some(link);
                    let mut state = self.shared.state();
                    state.connected += 1;
                    state.down = None;
                    state.pause = PAUSE_MIN;
                }
                Err(error) => {
                    let mut state = self.shared.state();
                    let pause = state.pause.max(PAUSE_MIN);
                    state.pause = (pause * 2).min(PAUSE_MAX);
                    state.down = Some((Instant::now() + pause, error.to_string()));
                    return Err(error);
                }
            }
        }
        if let Some(link) = &self.link {
            link.catch_up(self.shared.generation.load(Ordering::Acquire));
        }
        Ok(())
    }

    /// The connection, after [`Worker::ready`].
    pub(crate) fn link(&self) -> Result<&Link> {
        self.link.as_ref().ok_or_else(|| failure::unavailable("there is no connection".to_owned()))
    }

    /// Closes the connection, if there is one.
    pub(crate) fn give_up(&mut self) {
        if let Some(link) = self.link.take() {
            self.shared.state().connected -= 1;
            // Dropping the client makes its task say goodbye, which needs the runtime once more.
            self.runtime.block_on(async {
                let Link { client, .. } = link;
                drop(client);
                tokio::task::yield_now().await;
            });
        }
    }
}
