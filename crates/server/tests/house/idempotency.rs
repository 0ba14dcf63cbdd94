//! Writes under a key: done once, however often and from wherever they come.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use idempotency::{Asking, Claim, Found, Key, Stored};
use server::Running;
use store::Scope;
use web::client::Client;

use crate::support::{Home, SCHEMA, service, text};

const SONGS: &str = "/rest/v1/song?select=id&id=gt.2&order=id";

fn post(running: &Running, key: &str) -> http::request::Builder {
    Request::post("/rest/v1/song")
        .header("authorization", service(running))
        .header("content-type", "application/json")
        .header("prefer", "return=representation")
        .header("idempotency-key", key)
}

/// Everything of an answer that was stored with it.
fn kept(answer: &Response<Bytes>) -> (u16, String, Vec<String>) {
    let header = |name: &str| answer.headers().get(name).map_or_else(String::new, |v| v.to_str().unwrap().to_owned());
    let headers = ["content-type", "content-range", "preference-applied", "vary"].map(header);
    (answer.status().as_u16(), text(answer), headers.to_vec())
}

testkit::both! {
    fn two_hundred_at_once_have_one_effect_and_one_answer(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = Arc::new(home.start().unwrap());
        // Half of them wait for the first one, the others want to know at once.
        let asked = (0..200).map(|number| {
            let running = running.clone();
            home.runtime.spawn(async move {
                let mut client = Client::connect(&running.address).await.unwrap();
                let request = post(&running, "k").header("prefer", if number % 2 == 0 { "wait=30" } else { "count=exact" });
                let request = if number % 2 == 0 { request.header("prefer", "count=exact") } else { request };
                client.send(request.body(Bytes::from_static(b"{\"id\":3,\"title\":\"Three\"}")).unwrap()).await.unwrap()
            })
        });
        let answers: Vec<_> = asked.collect::<Vec<_>>().into_iter().map(|task| home.runtime.block_on(task).unwrap()).collect();
        let done: Vec<_> = answers.iter().filter(|answer| answer.status() == 201).collect();
        let fresh = done.iter().filter(|answer| !answer.headers().contains_key("idempotency-replayed")).count();
        assert_eq!(fresh, 1, "of {} that were answered", done.len());
        for answer in &answers {
            if answer.status() == 201 {
                assert_eq!(kept(answer), kept(done[0]));
            } else {
                assert_eq!(answer.status(), 409, "{}", text(answer));
                assert_eq!(answer.headers()["retry-after"], "1");
                assert!(text(answer).contains("idempotency.in_flight"), "{}", text(answer));
            }
        }
        assert_eq!(home.get(&running, SONGS), (200, r#"[{"id":3}]"#.to_owned()));
        home.stop(Arc::into_inner(running).unwrap());
    }

    fn an_answer_outlives_the_server_and_is_replayed_byte_by_byte(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        // Large enough to be kept in pieces.
        let body = format!("{{\"id\":3,\"title\":\"{}\"}}", "é".repeat(400_000));
        let first = home.ask(&running, post(&running, "large"), &body);
        assert_eq!(first.status(), 201);
        home.stop(running);
        let running = home.start().unwrap();
        let second = home.ask(&running, post(&running, "large"), &body);
        assert_eq!(second.headers()["idempotency-replayed"], "true");
        assert_eq!(kept(&second), kept(&first));
        assert_eq!(home.get(&running, SONGS), (200, r#"[{"id":3}]"#.to_owned()));
        home.stop(running);
    }

    fn two_callers_may_choose_the_same_key(engine) {
        let schema = format!("{SCHEMA} grant insert on song to anon;");
        let home = Home::new(engine, &[("0001_schema.sql", &schema)]);
        let running = home.start().unwrap();
        let body = r#"{"id":3,"title":"Three"}"#;
        assert_eq!(home.ask(&running, post(&running, "k"), body).status(), 201);
        let other = Request::post("/rest/v1/song").header("content-type", "application/json").header("idempotency-key", "k");
        let other = home.ask(&running, other, body);
        assert_eq!(other.status(), 409, "nobody but its owner is answered from what was stored");
        assert!(text(&other).contains("23505"), "{}", text(&other));
        home.stop(running);
    }

    fn an_answer_is_forgotten_when_its_time_is_over_and_its_key_is_free_again(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let keep = |left: i64| {
            let all = move |tx: &mut store::Tx<'_>| -> store::Result<()> {
                tx.quiet("a test");
                let until = tx.conn().now() + left;
                let answer = Stored { status: 201, headers: Vec::new(), body: Some(Bytes::from_static(b"x")) };
                (0..600).try_for_each(|number| claim(number).keep(tx.conn(), &answer, until))
            };
            home.runtime.block_on(running.store.write(Scope::default(), all)).unwrap();
        };
        let find = |number: usize| {
            let claim = claim(number);
            let found = move |tx: &mut store::Tx<'_>| { tx.quiet("a look"); claim.find(tx.conn()) };
            home.runtime.block_on(running.store.write(Scope::default(), found)).unwrap()
        };
        let room = idempotency::Idempotency::default();
        // Over since a second: found by nobody, whether swept or not.
        keep(-1_000_000);
        assert!(matches!(find(7), Found::New));
        assert_eq!(home.runtime.block_on(room.sweep(&running.store)).unwrap(), 599);
        // Still running: kept, and found.
        keep(60_000_000);
        assert_eq!(home.runtime.block_on(room.sweep(&running.store)).unwrap(), 0);
        assert!(matches!(find(7), Found::Answer(_)));
        home.stop(running);
    }
}

/// One of many claims.
fn claim(number: usize) -> Claim {
    let key = Key::parse(std::iter::once(&b"k"[..])).unwrap().unwrap();
    let path = format!("/{number}");
    Claim::of(&key, &Asking { actor: &[], method: "POST", path: &path, query: "", headers: &[], body: b"" })
}
