//! How much the server takes before it says no.

use std::time::Duration;

/// The bounds of the server. The defaults suit a small machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait in the system's queue.
    pub connections_max: usize,
    /// Requests being answered at once; more are refused with 503. Quiet routes (health) are exempt.
    pub in_flight_max: usize,
    /// Bytes of a request's line and headers.
    pub head_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// From a request's first byte to the end of its headers.
    pub head_time: Duration,
    /// How long a connection may lie idle between requests, or an answer may make no progress.
    pub idle_time: Duration,
    /// Bytes of a request's body; a route may have its own bound.
    pub body_bytes_max: usize,
    /// How long to wait for the next piece of a request's body.
    pub body_idle_time: Duration,
    /// From the end of the headers to the beginning of the answer; a route may have its own bound.
    pub request_time: Duration,
    /// How long what was begun may take to finish once the server is told to stop.
    pub drain_time: Duration,
    /// Streams of one HTTP/2 connection at once.
    pub streams_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            in_flight_max: 2_048,
            head_bytes_max: 32 * 1024,
            headers_max: 100,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_bytes_max: 10 * 1024 * 1024,
            body_idle_time: Duration::from_secs(15),
            request_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(20),
            streams_max: 256,
        }
    }
}
