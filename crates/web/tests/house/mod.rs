//! A small house for the server's tests: each path does one thing that a real handler might.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use kernel::error::NOT_FOUND;
use kernel::{Error, RequestId, Result, SystemClock, SystemRandom};
use telemetry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use web::client::Client;
use web::{App, Body, Cors, Drained, Handler, Limits, Listener, Request, Response, Route, problem, response, serve};

#[derive(Clone, Default)]
pub(crate) struct House {
    /// Told when a request has reached `/gate`.
    pub(crate) entered: Arc<Notify>,
    /// Lets one request through `/gate`.
    pub(crate) gate: Arc<Notify>,
}

const ROUTES: &[Route] = &[
    Route::new("other"),
    Route::new("/hello"),
    Route::quiet("/livez"),
    Route { body_bytes_max: Some(100), ..Route::new("/large") },
];

impl Handler for House {
    fn routes(&self) -> &[Route] {
        ROUTES
    }

    fn route(&self, head: &Parts) -> usize {
        assert!(head.uri.path() != "/panic-in-route", "on purpose");
        ROUTES.iter().position(|r| r.label == head.uri.path()).unwrap_or(0)
    }

    async fn handle(&self, _: usize, mut request: Request) -> Result<Response> {
        match request.head.uri.path() {
            "/hello" => Ok(response::json(StatusCode::OK, Bytes::from_static(b"{\"hello\":\"world\"}"))),
            "/livez" => Ok(response::text(StatusCode::OK, "ok")),
            "/echo" | "/large" => Ok(response::text(StatusCode::OK, request.body.read().await?)),
            "/panic" => panic!("on purpose"),
            "/panic-later" => {
                tokio::task::yield_now().await;
                panic!("on purpose")
            }
            "/panic-in-present" => Err(Error::internal("one thing after another")),
            "/never" => std::future::pending().await,
            "/gate" => {
                self.entered.notify_one();
                self.gate.notified().await;
                Ok(response::text(StatusCode::OK, "through"))
            }
            "/stream" | "/broken-stream" => {
                let whole = request.head.uri.path() == "/stream";
                let (sender, body) = Body::stream(1);
                telemetry::spawn("test", async move {
                    for word in ["one ", "two ", "three "] {
                        sender.send(Bytes::from_static(word.as_bytes())).await?;
                    }
                    if whole { sender.finish().await } else { Ok(()) }
                });
                Ok(http::Response::new(body))
            }
            "/ticks" => {
                let (sender, body) = Body::stream(1);
                telemetry::spawn("test", async move {
                    for _ in 0..30 {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        sender.send(Bytes::from_static(b"tick")).await?;
                    }
                    sender.finish().await
                });
                Ok(http::Response::new(body))
            }
            "/flood" => {
                let (sender, body) = Body::stream(1);
                let gone = Arc::clone(&self.entered);
                telemetry::spawn("test", async move {
                    while sender.send(Bytes::from_static(&[b'x'; 16 * 1024])).await.is_ok() {}
                    gone.notify_one();
                });
                Ok(http::Response::new(body))
            }
            path => Err(Error::new(&NOT_FOUND, path)),
        }
    }

    fn present(&self, _: usize, error: &Error, id: &RequestId) -> Response {
        assert!(error.chain() != "one thing after another", "on purpose");
        problem::response(error, id)
    }
}

/// Limits with which no test has to wait for long, and none fails because the machine is slow.
pub(crate) fn fast() -> Limits {
    Limits { drain_time: Duration::from_secs(60), ..Limits::default() }
}

pub(crate) struct Served {
    pub(crate) address: String,
    pub(crate) house: House,
    pub(crate) registry: Arc<Registry>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

impl Served {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address).await.expect("the server listens")
    }

    /// Tells the server to stop; returns its address and its end.
    pub(crate) fn stop(self) -> (String, JoinHandle<Drained>) {
        self.stop.send(()).expect("the server runs");
        (self.address, self.ended)
    }
}

pub(crate) async fn start(limits: Limits) -> Served {
    start_with(House::default(), limits, Cors::default(), "127.0.0.1:0").await
}

pub(crate) async fn start_with(house: House, limits: Limits, cors: Cors, address: &str) -> Served {
    let registry = Arc::new(Registry::new());
    let app = Arc::new(app(house.clone(), limits, cors, Arc::clone(&registry)));
    let listener = Listener::bind(address).await.expect("the address is free");
    let address = listener.address().expect("the listener has an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = telemetry::spawn("test", async move {
        serve(listener, app, async {
            // A test that drops its end does not stop the server early.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await
    });
    Served { address, house, registry, stop, ended }
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn raw(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(bytes.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    // A reset after the answer is how a server closes on someone who has more to say.
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn app(house: House, limits: Limits, cors: Cors, registry: Arc<Registry>) -> App<House> {
    App::new(house, limits, cors, registry, Arc::new(SystemClock), Arc::new(SystemRandom))
}
