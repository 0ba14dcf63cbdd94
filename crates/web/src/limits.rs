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

impl Limits {
    /// Says which limit cannot hold and what would, in words for whoever wrote the configuration.
    pub fn validate(&self) -> Result<(), String> {
        let least = Duration::from_millis(1);
        for (wrong, words) in [
            (!(1..=1_000_000).contains(&self.connections_max), "connections_max must be between 1 and 1000000"),
            (self.in_flight_max == 0, "in_flight_max must be at least 1"),
            (!(1_024..=1 << 20).contains(&self.head_bytes_max), "head_bytes_max must be between 1024 and 1048576"),
            (!(1..=1_000).contains(&self.headers_max), "headers_max must be between 1 and 1000"),
            (self.streams_max == 0, "streams_max must be at least 1"),
            (self.head_time < least, "head_time must be at least 1 ms"),
            (self.idle_time < least, "idle_time must be at least 1 ms"),
            (self.body_idle_time < least, "body_idle_time must be at least 1 ms"),
            (self.request_time < least, "request_time must be at least 1 ms"),
        ] {
            if wrong {
                return Err(words.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_hold_are_named() {
        let good = Limits::default();
        for (limits, named) in [
            (good, None),
            (Limits { connections_max: 0, ..good }, Some("connections_max")),
            (Limits { connections_max: usize::MAX, ..good }, Some("connections_max")),
            (Limits { in_flight_max: 0, ..good }, Some("in_flight_max")),
            (Limits { head_bytes_max: 10, ..good }, Some("head_bytes_max")),
            (Limits { headers_max: 0, ..good }, Some("headers_max")),
            (Limits { streams_max: 0, ..good }, Some("streams_max")),
            (Limits { head_time: Duration::ZERO, ..good }, Some("head_time")),
            (Limits { idle_time: Duration::ZERO, ..good }, Some("idle_time")),
            (Limits { body_idle_time: Duration::ZERO, ..good }, Some("body_idle_time")),
            (Limits { request_time: Duration::ZERO, ..good }, Some("request_time")),
        ] {
            let found = limits.validate().err();
            assert_eq!(found.as_deref().and_then(|words| words.split(' ').next()), named);
        }
    }
}
