//! More callers than are served at once, and callers who take their time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use testkit::signal::PATIENCE;

use crate::place::{Holder, Place, SCHEMA, Served};

/// A connection that has sent this much and stays open.
fn begun(served: &Served, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// All that comes until the server closes.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    stream.read_to_end(&mut text).ok();
    String::from_utf8_lossy(&text).into_owned()
}

fn head_of_a_post(served: &Served, length: usize) -> String {
    format!(
        "POST /rest/v1/song HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n",
        served.service
    )
}

/// Waits until this many requests are being answered, the one that asks aside.
fn in_flight(place: &Place, served: &Served, wanted: usize) {
    let line = format!("http_requests_in_flight {}", wanted + 1);
    let since = std::time::Instant::now();
    while !place.get(served, "/metrics").text.lines().any(|found| found == line) {
        assert!(since.elapsed() < PATIENCE, "never {line}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

testkit::both! {
    fn beyond_its_bound_it_refuses_at_once_and_finishes_what_it_began(engine) {
        let database = (engine == testkit::Engine::Postgres).then(|| testkit::postgres::fresh_database(None));
        let mut place = Place::new(&[("0001_schema.sql", SCHEMA)], &[("LIMITS__IN_FLIGHT_MAX", "2")]);
        if let Some(database) = &database {
            place = place.on(database.url());
        }
        let served = place.start();
        let body = |id| format!("{{\"id\":{id},\"title\":\"T\"}}");
        let mut waiting: Vec<TcpStream> = (2..4).map(|_| begun(&served, &head_of_a_post(&served, body(2).len()))).collect();
        // Asked at a path that is not counted against the bound, until both have begun.
        in_flight(&place, &served, 2);
        for _ in 0..3 {
            place.get(&served, "/rest/v1/song").is_for_later("web.overloaded");
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(place.get(&served, path).status, 200, "{path}");
        }
        for (stream, id) in waiting.iter_mut().zip(2..) {
            stream.write_all(body(id).as_bytes()).unwrap();
        }
        for stream in waiting {
            let answer = rest(stream);
            assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        }
        assert_eq!(place.songs(&served), [1, 2, 3]);
    }
}

#[test]
fn a_queue_that_is_full_refuses_with_a_time_to_come_back() {
    let database = testkit::postgres::fresh_database(None);
    let settings = [
        ("STORE__POSTGRES_WRITE_CONNECTIONS", "1"),
        ("STORE__READ_QUEUE_MAX", "1"),
        ("STORE__POSTGRES_ACQUIRE_TIMEOUT_MS", "60000"),
    ];
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &settings).on(database.url());
    let served = place.start();
    let holder = Holder::of_songs(database.url());
    let (answered, answers) = std::sync::mpsc::channel();
    for id in 2..12 {
        let (address, key, answered) = (served.address.clone(), served.service.clone(), answered.clone());
        let body = format!("{{\"id\":{id},\"title\":\"T\"}}");
        place.runtime.spawn(async move {
            let answer = crate::place::ask(&address, &key, http::Method::POST, "/rest/v1/song", body.into()).await;
            answered.send(answer).unwrap();
        });
    }
    // One runs and one waits, at most; the others learn at once that there is no place.
    for _ in 0..8 {
        answers.recv_timeout(PATIENCE).unwrap().is_for_later("PGRST003");
    }
    holder.let_go();
    let kept = (0..2).filter(|_| answers.recv_timeout(PATIENCE).unwrap().status == 201).count();
    assert!(kept > 0);
    assert_eq!(place.songs(&served).len(), 1 + kept);
    assert_eq!(Place::until(201, || place.add(&served, 30)).status, 201);
}

#[test]
fn callers_who_dawdle_lose_their_connection_and_nothing_of_theirs_is_kept() {
    let times = [
        ("LIMITS__HEADER_TIMEOUT_MS", "300"),
        ("LIMITS__BODY_IDLE_TIMEOUT_MS", "300"),
        ("LIMITS__IDLE_TIMEOUT_MS", "600"),
    ];
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &times);
    let served = place.start();
    let body = r#"{"id":2,"title":"T"}"#;
    let half = format!("{}{}", head_of_a_post(&served, body.len()), &body[..10]);
    for (sent, want) in [
        ("", ""),
        ("GET /rest/v1/song HTTP/1.1\r\nhost: h\r\nx: ", ""),
        ("PRI * HTTP/2.0\r\n", ""),
        (half.as_str(), "HTTP/1.1 408"),
    ] {
        let answer = rest(begun(&served, sent));
        assert!(answer.starts_with(want) && answer.is_empty() == want.is_empty(), "{sent:?} {answer}");
    }
    // One header line at a time, for ever: the head as a whole has its time.
    let mut trickle = begun(&served, "GET /rest/v1/song HTTP/1.1\r\nhost: h\r\n");
    let mut closed = false;
    for n in 0..1_000 {
        std::thread::sleep(Duration::from_millis(20));
        if trickle.write_all(format!("x-{n}: 1\r\n").as_bytes()).is_err() {
            closed = true;
            break;
        }
    }
    assert!(closed, "it read headers for twenty seconds");
    assert_eq!(place.songs(&served), [1]);
    assert!(served.stop());
}
