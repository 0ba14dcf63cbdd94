//! What probes ask: does the process live, may it be sent requests, has it started. Kubernetes' three, with a named check for each
//! thing the house depends on.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::response::{self, Response};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// All is well.
    Ok,
    /// It works, and someone should look.
    Degraded(String),
    /// It does not work; the reason is shown to whoever asks.
    Failed(String),
}

/// The question of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `/livez`: should the process be killed?
    Live,
    /// `/readyz`: should requests be sent here?
    Ready,
    /// `/startupz`: is it up yet?
    Startup,
}

/// Finds out how something is. It is called for every probe, so it reads what is known and does not wait.
type Ask = Box<dyn Fn() -> CheckResult + Send + Sync>;

/// The checks of a house.
#[derive(Default)]
pub struct Health {
    checks: Vec<(Probe, &'static str, Ask)>,
    draining: AtomicBool,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(probe, name, _)| (probe, name))).finish()
    }
}

impl Health {
    /// No checks: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that one of the probes asks about.
    #[must_use]
    pub fn with(
        mut self,
        probe: Probe,
        name: &'static str,
        ask: impl Fn() -> CheckResult + Send + Sync + 'static,
    ) -> Self {
        self.checks.push((probe, name, Box::new(ask)));
        self
    }

    /// From now on the house is not ready, so that balancers send new requests elsewhere while it finishes.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The answer to a probe: 200 or 503; in JSON with every check for `?verbose` or `Accept: application/json`.
    pub fn answer(&self, probe: Probe, head: &Parts) -> Response {
        let mut results: Vec<(&str, CheckResult)> =
            self.checks.iter().filter(|(of, ..)| *of == probe).map(|(_, name, ask)| (*name, ask())).collect();
        if probe == Probe::Ready && self.draining.load(Ordering::Relaxed) {
            results.push(("shutdown", CheckResult::Failed("the server is finishing what was begun".to_owned())));
        }
        let failed = results.iter().any(|(_, result)| matches!(result, CheckResult::Failed(_)));
        let (status, word) = if failed { (StatusCode::SERVICE_UNAVAILABLE, "failed") } else { (StatusCode::OK, "ok") };
        let mut response = if wants_detail(head) {
            let check = |(name, result): &(&str, CheckResult)| match result {
                CheckResult::Ok => json!({"name": name, "status": "ok"}),
                CheckResult::Degraded(why) => json!({"name": name, "status": "degraded", "detail": why}),
                CheckResult::Failed(why) => json!({"name": name, "status": "failed", "detail": why}),
            };
            let checks: Vec<_> = results.iter().map(check).collect();
            response::json(status, json!({"status": word, "checks": checks}).to_string())
        } else {
            response::text(status, word)
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn wants_detail(head: &Parts) -> bool {
    let verbose = |query: &str| query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose="));
    let accept = head.headers.get(header::ACCEPT).and_then(|a| a.to_str().ok());
    head.uri.query().is_some_and(verbose) || accept.is_some_and(|a| a.contains("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(health: &Health, probe: Probe, uri: &str, accept: &str) -> (u16, String) {
        let (head, ()) = http::Request::get(uri).header("accept", accept).body(()).unwrap().into_parts();
        let response = health.answer(probe, &head);
        (response.status().as_u16(), String::from_utf8(response.body().as_full().unwrap().to_vec()).unwrap())
    }

    #[test]
    fn each_probe_asks_its_own_checks_and_draining_is_not_ready() {
        let health = Health::new().with(Probe::Live, "writer", || CheckResult::Degraded("slow disk".to_owned())).with(
            Probe::Startup,
            "migrations",
            || CheckResult::Failed("3 to go".to_owned()),
        );
        assert_eq!(ask(&health, Probe::Live, "/livez", "*/*"), (200, "ok".to_owned()));
        assert_eq!(ask(&health, Probe::Ready, "/readyz", "*/*"), (200, "ok".to_owned()));
        assert_eq!(ask(&health, Probe::Startup, "/startupz", "*/*"), (503, "failed".to_owned()));
        health.drain();
        assert_eq!(ask(&health, Probe::Ready, "/readyz", "*/*").0, 503);
        assert_eq!(ask(&health, Probe::Live, "/livez", "*/*").0, 200);
    }

    #[test]
    fn detail_is_given_to_those_who_ask_for_it() {
        let health = Health::new().with(Probe::Live, "writer", || CheckResult::Degraded("slow disk".to_owned()));
        let detail = r#"{"checks":[{"detail":"slow disk","name":"writer","status":"degraded"}],"status":"ok"}"#;
        for (uri, accept, detailed) in [
            ("/livez?verbose", "*/*", true),
            ("/livez?a=b&verbose=1", "*/*", true),
            ("/livez?verbosely", "*/*", false),
            ("/livez", "application/json", true),
            ("/livez", "text/plain", false),
        ] {
            assert_eq!(ask(&health, Probe::Live, uri, accept).1 == detail, detailed, "{uri} {accept}");
        }
    }
}
