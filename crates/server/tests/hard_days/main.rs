//! Hard days, as a user of the real binary meets them over HTTP: no room on the disk, a file that cannot be written, a file that somebody
//! else holds, a database server that goes away, more callers than can be served, and callers who send what nobody should.
//!
//! What is asked of every one of them: a named refusal with `Retry-After` where trying again helps, nothing acknowledged is lost and nothing
//! refused is kept, what still can be done is done, and when the cause is gone the server goes on by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod excess;
mod held;
mod lost;
mod place;
mod slow;
