//! What is counted about requests: handles are looked up once, counting is an addition.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use telemetry::metrics::REQUEST_SECONDS;
use telemetry::{Counter, Gauge, Histogram, Registry};

use crate::app::Route;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The metrics of one app.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    routes: Box<[RouteMetrics]>,
    pub(crate) in_flight: Arc<Gauge>,
    pub(crate) connections: Arc<Gauge>,
    pub(crate) refused: Arc<Counter>,
    pub(crate) panics: Arc<Counter>,
}

#[derive(Debug)]
struct RouteMetrics {
    label: &'static str,
    /// Made at the first request of their kind, so that what never happens is not exported.
    requests: [OnceLock<Arc<Counter>>; METHODS.len() * CLASSES.len()],
    seconds: Arc<Histogram>,
}

impl Metrics {
    pub(crate) fn new(registry: Arc<Registry>, routes: &[Route]) -> Self {
        let route = |r: &Route| RouteMetrics {
            label: r.label,
            requests: std::array::from_fn(|_| OnceLock::new()),
            seconds: registry.histogram(
                "http_request_duration_seconds",
                "Time from the end of a request's headers to the beginning of its answer.",
                REQUEST_SECONDS,
                &["route"],
                vec![r.label.into()],
            ),
        };
        Self {
            routes: routes.iter().map(route).collect(),
            in_flight: registry.gauge("http_requests_in_flight", "Requests being answered.", &[], vec![]),
            connections: registry.gauge("http_connections", "Open connections.", &[], vec![]),
            refused: registry.counter(
                "http_overload_refusals_total",
                "Requests refused because too many were in flight.",
                &[],
                vec![],
            ),
            panics: registry.counter("http_panics_total", "Requests that ended in a panic.", &[], vec![]),
            registry,
        }
    }

    /// Counts one answered request.
    pub(crate) fn answered(&self, route: usize, method: &Method, status: StatusCode, took: Duration) {
        let Some(metrics) = self.routes.get(route) else { return };
        let method = match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::PATCH => 4,
            Method::DELETE => 5,
            Method::OPTIONS => 6,
            _ => 7,
        };
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let make = || {
            self.registry.counter(
                "http_requests_total",
                "Answered requests.",
                &["route", "method", "status"],
                vec![metrics.label.into(), METHODS[method].into(), CLASSES[class].into()],
            )
        };
        metrics.requests[method * CLASSES.len() + class].get_or_init(make).inc();
        metrics.seconds.observe(took);
    }
}
