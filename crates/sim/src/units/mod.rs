//! Idempotency, events and the audit log together, under crashes: seeded requests by clients that retry under their keys until they
//! are answered, and what must hold of everything that is found afterwards.
//!
//! # What
//! The rooms are the real ones over a real engine. [`embedded`] kills the process on SQLite by copying database and log as they are at a
//! chosen instant; the clock jumps between batches. [`server`] runs on PostgreSQL, where transactions lag behind: some hold theirs open over
//! many others, and are let go or abandoned later. Units insert, update, delete, fail, panic, are refused by a participant, and ask to be
//! rolled back.
//!
//! # Invariants
//! - A request that was acknowledged has its effect exactly once, and asked again it is answered with the same bytes.
//! - The events, followed from the first, lead to the rows that are there; each unit's leaf commits to exactly its events, and there is no leaf
//!   without them; the audit log verifies.
//! - A reader that goes by positions sees every event, without gaps, each key's in order, and never has to take back what it saw.
//!
//! A [`Plant`] breaks one of these on purpose, through the simulator's own participants and readers, to show that it would be seen.

mod embedded;
mod inspect;
mod reader;
mod server;
mod work;

pub use server::Server;

/// A mistake in what the simulator adds to the house, to see that it is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// None.
    Nothing,
    /// Events are written in a transaction of their own, after that of the rows.
    EventsOutside,
    /// Answers are kept in a transaction of their own, after that of the effect.
    AnswersOutside,
    /// The reader goes by the highest id it has seen instead of by positions.
    HighestId,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were sent, again or for the first time.
    pub sent: usize,
    /// Requests that were answered with an effect.
    pub acknowledged: usize,
    /// Answers that were given a second time.
    pub replayed: usize,
    /// Crashes, and clients that went away.
    pub crashes: usize,
    /// Requests without an answer at a crash whose effect was there afterwards.
    pub survived: usize,
    /// Events that the reader saw.
    pub events: usize,
}

impl Tally {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.replayed += other.replayed;
        self.crashes += other.crashes;
        self.survived += other.survived;
        self.events += other.events;
    }
}

/// One run of a seed on SQLite. The failure says which invariant does not hold.
///
/// # Errors
/// The seed and the invariant.
pub async fn run(seed: u64, plant: Plant) -> Result<Tally, String> {
    embedded::run(seed, plant).await.map_err(|error| format!("seed {seed}: {error}"))
}
