//! A panic inside one request, before the house's own routes, behind them and in a transaction, on both engines.
//!
//! The product has no route that panics, so the test puts a trap around the real ones, over the store of a house that runs.

use std::sync::Arc;

use http::request::Parts as Head;
use http::{HeaderValue, Request};
use kernel::error::INTERNAL;
use kernel::{Error, RequestId, SystemClock, SystemRandom};
use server::routes::Routes;
use store::{Connection, Lane, Scope, Store, Tx};
use telemetry::Registry;
use tokio::sync::oneshot;
use web::client::Client;
use web::{App as WebApp, Cors, Handler, Limits, Listener, Response, Route};

use crate::support::{Home, SCHEMA, service, text};

/// Says where the panic comes, in a header of the request.
const TRAP: &str = "x-trap";

/// The routes of a house, with a trap around them.
struct Trapped {
    routes: Arc<Routes>,
    store: Arc<Store>,
}

impl Handler for Trapped {
    fn routes(&self) -> &[Route] {
        self.routes.routes()
    }

    fn route(&self, head: &Head) -> usize {
        self.routes.route(head)
    }

    async fn handle(&self, route: usize, request: web::Request) -> kernel::Result<Response> {
        let trap = request.head.headers.get(TRAP).map(|trap| trap.as_bytes().to_vec()).unwrap_or_default();
        let internal = |_: store::Error| Error::new(&INTERNAL, "The transaction fell.");
        match trap.as_slice() {
            b"before" => panic!("a secret said on purpose"),
            b"read" => {
                let read = |_: &mut dyn Connection| -> store::Result<()> { panic!("a secret said on purpose") };
                self.store.read(Scope::default(), Lane::Short, read).await.map_err(internal)?;
            }
            b"write" => {
                let write = |tx: &mut Tx<'_>| -> store::Result<()> {
                    tx.conn().execute("insert into song (id, title) values (99, 'half')", &[])?;
                    panic!("a secret said on purpose")
                };
                self.store.write(Scope::default(), write).await.map_err(internal)?;
            }
            _ => {}
        }
        let answer = self.routes.handle(route, request).await;
        assert!(trap != b"after", "a secret said on purpose");
        answer
    }

    fn present(&self, route: usize, error: &Error, id: &RequestId) -> Response {
        self.routes.present(route, error, id)
    }
}

testkit::both! {
    fn a_panic_is_a_500_for_its_own_request_only(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let key = HeaderValue::from_str(&service(&running)).unwrap();
        home.runtime.block_on(async {
            let registry = Arc::new(Registry::new());
            let trapped = Trapped { routes: running.routes.clone(), store: running.store.clone() };
            let app = WebApp::new(
                trapped,
                Limits::default(),
                Cors::default(),
                registry.clone(),
                Arc::new(SystemClock),
                Arc::new(SystemRandom),
            );
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.address().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let served = telemetry::spawn("trapped house", web::serve(listener, Arc::new(app), async { stopped.await.unwrap_or(()) }));

            let mut client = Client::connect(&address).await.unwrap();
            let mut neighbour = Client::connect(&address).await.unwrap();
            let song = |trap: &str| Request::get("/rest/v1/song?select=title&id=eq.1").header(TRAP, trap).body("".into()).unwrap();
            let post = |id: u32, trap: &str| {
                Request::post("/rest/v1/song")
                    .header(TRAP, trap)
                    .header("authorization", key.clone())
                    .header("content-type", "application/json")
                    .body(format!("{{\"id\":{id},\"title\":\"t\"}}").into())
                    .unwrap()
            };
            let mut next = 10;
            for trap in ["before", "read", "write", "after"] {
                // The one that panics, and one that is answered meanwhile, on connections that both go on.
                let (fell, stood) = tokio::join!(client.send(song(trap)), neighbour.send(post(next, "none")));
                let (fell, stood) = (fell.unwrap(), stood.unwrap());
                assert_eq!(fell.status(), 500, "{trap}: {}", text(&fell));
                assert!(fell.headers().contains_key("x-request-id"), "{trap}");
                assert!(!text(&fell).contains("on purpose"), "the panic's text is not for the caller: {}", text(&fell));
                assert_eq!(stood.status(), 201, "{trap}: {}", text(&stood));
                // Reads and writes go on, on the connection that saw the panic too.
                assert_eq!(client.send(song("none")).await.unwrap().status(), 200, "{trap}");
                assert_eq!(client.send(post(next + 1, "none")).await.unwrap().status(), 201, "{trap}");
                next += 2;
            }
            // A panic behind the work does not undo what was committed before it; one inside a transaction does.
            assert_eq!(client.send(post(50, "after")).await.unwrap().status(), 500);
            let all = Request::get("/rest/v1/song?select=id&id=gte.50&order=id").body("".into()).unwrap();
            assert_eq!(text(&client.send(all).await.unwrap()), r#"[{"id":50}]"#);

            drop((client, neighbour));
            stop.send(()).ok();
            served.await.unwrap();
        });
        home.stop(running);
    }
}
