//! The log line of a request. A program of its own: tracing remembers for each line of code whether anyone listens, and another test that runs
//! the same code at the moment when this one begins to listen would make it remember wrongly.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use kernel::{Result, SystemClock, SystemRandom};
use telemetry::log::{Format, subscriber};
use web::{App, Cors, Handler, Limits, Peer, Response, Route, response};

struct House;

const ROUTES: &[Route] = &[Route::new("/hello"), Route::quiet("/livez"), Route::new("/panic")];

impl Handler for House {
    fn routes(&self) -> &[Route] {
        ROUTES
    }

    fn route(&self, head: &Parts) -> usize {
        ROUTES.iter().position(|r| r.label == head.uri.path()).unwrap_or(0)
    }

    async fn handle(&self, route: usize, _: web::Request) -> Result<Response> {
        assert!(ROUTES[route].label != "/panic", "on purpose");
        Ok(response::text(StatusCode::OK, "ok"))
    }
}

#[tokio::test]
async fn one_line_is_logged_for_each_request_with_its_id_and_without_its_query() {
    let lines = Lines::default();
    let log = subscriber(Format::Json, "info", Arc::new(SystemClock), lines.clone()).unwrap();
    let guard = tracing::subscriber::set_default(log);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let app = App::new(House, Limits::default(), Cors::default(), Arc::default(), clock, random);
    for path in ["/hello?apikey=hidden", "/livez", "/panic"] {
        let request = Request::get(path).header("x-request-id", "abc").body(Bytes::new()).unwrap();
        app.answer(request, Peer::Inside).await;
    }
    drop(guard);
    let read: Vec<serde_json::Value> = lines.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let access: Vec<_> = read.iter().filter(|l| l["target"] == "web::access").collect();
    assert_eq!(access.len(), 2, "a probe is logged at debug only: {read:?}");
    assert_eq!((&access[0]["http.path"], &access[0]["http.status"]), (&"/hello".into(), &200.into()));
    assert!(read.iter().all(|l| l["request.id"] == "abc"), "{read:?}");
    assert!(!lines.text().contains("hidden"));
    assert!(read.iter().any(|l| l["level"] == "ERROR" && l["error.source"] == "panic: on purpose"), "{read:?}");
}

/// Keeps log lines for a test to read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panics while it logs")).into_owned()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it logs").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
