//! The same request twice is one effect: the answer to a request with an `Idempotency-Key` is stored in the unit that did it.
//!
//! # What
//! A client that does not know whether its write arrived sends it again under the same key. The first that arrives is done, and its
//! answer (status, headers, body) is kept in the transaction of its effect; every other one gets that answer, byte for byte.
//! Contract: the IETF draft `idempotency-key-header` (revision of 2025-02).
//!
//! # Words
//! A *key* is what the client chose. Its *place* is the key together with tenant, actor, method and route: two callers may use the
//! same key. The *fingerprint* is a digest of everything that makes the request that request. A *claim* is the two of them. An
//! answer is *replayed* when it was stored before.
//!
//! # Invariants
//! - Effect and stored answer commit together or not at all, so there is no moment at which a crash leaves one without the other.
//! - A refusal leaves nothing, the key included: sent again it is judged again.
//! - Of several requests at once under one key at most one has an effect; the others are told that it is running, or wait for it if
//!   they ask for that (`Prefer: wait=n`).
//! - A key under another request is refused (422), never answered with what belongs to the first.
//!
//! # Walk
//! [`Key::parse`] and [`Claim::of`] read the request; [`Idempotency::begin`] sees to it that one is running at a time; inside the unit
//! [`Once::find`] comes first and [`Once::keep`] last. [`Idempotency::sweep`] forgets what is old.
//!
//! # Not here
//! What an answer is made of (each surface knows), who the caller is (`server`), retries of our own calls ([`derive`] gives them keys).

mod error;
mod model;
mod rules;
mod service;
mod store;

pub use error::{CODES, IN_FLIGHT, KEY_INVALID, KEY_REUSED};
pub use model::{Claim, Key, Stored};
pub use rules::{Asking, derive, wait_of};
pub use service::{Beside, Config, Idempotency, Once, Running};
pub use store::{Found, QUERIES, TABLES};
