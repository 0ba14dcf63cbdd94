//! Connections for tasks: one task has one as long as its transaction takes, and waits for the network instead of holding a thread.
//!
//! What a caller who goes away leaves behind is not known, so its connection is not used again: the server is asked to cancel what runs
//! there, and it is closed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::Statement;

use super::counts::{Counts, Waits};
use super::link::Link;
use super::rest::{self, Rest};
use super::tls::Target;
use super::{Options, failure, scope};
use crate::error::{Error, Result};

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long asking the server to cancel may take.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// Connections that are lent to one task at a time.
pub(crate) struct Leases {
    target: Target,
    options: Options,
    generation: Arc<AtomicU64>,
    places: Semaphore,
    count: usize,
    waiting: AtomicUsize,
    /// Those that nobody has, the one used last at the end.
    free: Mutex<Vec<Free>>,
    open: AtomicUsize,
    door: Mutex<Door>,
    waits: Waits,
}

struct Free {
    session: Box<Session>,
    since: Instant,
}

#[derive(Default)]
struct Door {
    /// Until when connecting is not tried again, and why.
    down: Option<(Instant, String)>,
    pause: Duration,
}

/// A connection and what is known of the session behind it.
pub(crate) struct Session {
    pub(crate) link: Link,
    /// Sets who asks, for the transaction.
    pub(crate) caller: Statement,
    /// What the session has beside that, as the server has confirmed; nothing where something could change it.
    pub(crate) rest: Option<Rest>,
    /// Nothing in the database changes its session by itself.
    pub(crate) tame: bool,
}

impl Session {
    async fn open(target: &Target, patience: Duration) -> Result<Box<Self>> {
        let link = Link::open(target, patience).await?;
        let caller = link.client.prepare(&scope::caller_statement(true)).await.map_err(|error| failure::of(&error))?;
        let tame = rest::is_tame(&link.client).await?;
        Ok(Box::new(Self { link, caller, rest: None, tame }))
    }
}

/// A connection that is one task's.
pub(crate) struct Lease<'a> {
    leases: &'a Leases,
    session: Option<Box<Session>>,
    /// All that was sent belongs to transactions that end by themselves.
    pub(crate) clean: bool,
    _place: SemaphorePermit<'a>,
}

impl Leases {
    pub(crate) fn new(target: Target, count: usize, options: &Options, generation: Arc<AtomicU64>) -> Self {
        let count = count.max(1);
        Self {
            target,
            options: options.clone(),
            generation,
            places: Semaphore::new(count),
            count,
            waiting: AtomicUsize::new(0),
            free: Mutex::default(),
            open: AtomicUsize::new(0),
            door: Mutex::default(),
            waits: Waits::default(),
        }
    }

    /// Adds what these connections do to `counts`.
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        counts.open += self.open.load(Ordering::Relaxed);
        counts.in_use += self.count - self.places.available_permits().min(self.count);
        counts.waiting += self.waiting.load(Ordering::Relaxed);
        self.waits.add_to(counts);
    }

    /// Takes a connection; waits for one no longer than the options say.
    pub(crate) async fn take(&self) -> Result<Lease<'_>> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => self.wait().await?,
        };
        self.waits.acquired();
        let generation = self.generation.load(Ordering::Acquire);
        while let Some(mut session) = self.pop() {
            let young = session.link.opened.elapsed() < self.options.lifetime;
            if !young || !session.link.is_alive() {
                self.closed(session);
                continue;
            }
            if session.link.catch_up(generation) {
                session.rest = None;
                // Until this is known, something may.
                session.tame = false;
                session.tame = rest::is_tame(&session.link.client).await?;
            }
            return Ok(Lease { leases: self, session: Some(session), clean: true, _place: place });
        }
        let session = self.connect().await?;
        session.link.catch_up(generation);
        Ok(Lease { leases: self, session: Some(session), clean: true, _place: place })
    }

    /// Another connection for one that is given up.
    pub(crate) async fn another<'a>(&'a self, lease: Lease<'a>) -> Result<Lease<'a>> {
        drop(lease);
        self.take().await
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>> {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.options.queue_max {
            return Err(Error::Overloaded { retry_after: failure::RETRY_AFTER });
        }
        let began = Instant::now();
        let place = tokio::time::timeout(self.options.acquire_timeout, self.places.acquire()).await;
        self.waits.waited(began.elapsed());
        let place = place.map_err(|_| Error::Timeout)?;
        place.map_err(|_| failure::unavailable("the store is closed".to_owned()))
    }

    fn pop(&self) -> Option<Box<Session>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().map(|free| free.session)
    }

    async fn connect(&self) -> Result<Box<Session>> {
        if let Some((until, reason)) = &self.door().down
            && Instant::now() < *until
        {
            return Err(failure::unavailable(reason.clone()));
        }
        match Session::open(&self.target, self.options.connect_timeout).await {
            Ok(session) => {
                *self.door() = Door::default();
                self.open.fetch_add(1, Ordering::Relaxed);
                Ok(session)
            }
            Err(error) => {
                let mut door = self.door();
                let pause = door.pause.max(PAUSE_MIN);
                door.pause = (pause * 2).min(PAUSE_MAX);
                door.down = Some((Instant::now() + pause, error.to_string()));
                Err(error)
            }
        }
    }

    fn door(&self) -> std::sync::MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self, session: Box<Session>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        drop(session);
    }

    fn back(&self, session: Box<Session>) {
        let now = Instant::now();
        let mut idle = Vec::new();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(Free { session, since: now });
        // The one at the front has rested longest.
        while free.first().is_some_and(|first| now.duration_since(first.since) > self.options.idle) {
            idle.push(free.remove(0));
        }
        drop(free);
        for free in idle {
            self.closed(free.session);
        }
    }
}

impl Lease<'_> {
    /// The connection.
    pub(crate) fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("it is taken out when the lease ends, and not before")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if self.clean && session.link.is_alive() {
            return self.leases.back(session);
        }
        self.leases.open.fetch_sub(1, Ordering::Relaxed);
        if !self.clean
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                session.link.cancel(CANCEL_PATIENCE).await;
                drop(session);
            });
        }
    }
}
