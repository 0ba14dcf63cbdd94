//! The log as a stream of server-sent events, read as a socket gives it, on both engines.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use kernel::{Clock as _, Secret, SystemClock};
use serde_json::{Value, json};
use server::{Running, Settings};

use crate::sight::{SCHEMA, SECRET, write};
use crate::support::{Home, service};

/// A stream, and all that came of it.
struct Reader {
    socket: TcpStream,
    text: String,
}

impl Reader {
    fn open(running: &Running, path: &str, token: &str, more: &str) -> Self {
        let mut socket = TcpStream::connect(&running.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("GET /events/v1/stream{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n{more}\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        Self { socket, text: String::new() }
    }

    /// Reads on until this is there; everything so far.
    fn until(&mut self, wanted: &str) -> &str {
        let mut some = [0; 4_096];
        while !self.text.contains(wanted) {
            let read = self.socket.read(&mut some).unwrap();
            assert!(read > 0, "{wanted} never came: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&some[..read]));
        }
        &self.text
    }

    /// The places that the stream named.
    fn places(&self) -> Vec<i64> {
        self.text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
    }
}

/// The last piece of an answer that is whole.
const END: &str = "\r\n0\r\n\r\n";

fn home(engine: testkit::Engine, change: impl FnOnce(&mut Settings)) -> Home {
    Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
        settings.auth.jwt_secret = Some(Secret::new(SECRET.to_owned()));
        settings.events.reader_roles = vec!["authenticated".to_owned()];
        change(settings);
    })
}

fn token(claims: &Value) -> String {
    format!("Bearer {}", crypto::sign_hs256(claims.as_object().unwrap(), SECRET.as_bytes()))
}

fn note(home: &Home, running: &Running, id: i64, owner: &str) {
    write(home, running, "POST", "/note", &json!({"id": id, "owner": owner}));
}

testkit::both! {
    fn a_stream_tells_what_happens_and_goes_on_where_it_was(engine) {
        let home = home(engine, |_| {});
        let running = home.start().unwrap();
        note(&home, &running, 1, "me");
        let mut reader = Reader::open(&running, "", &service(&running), "");
        let began = reader.until("id: 1\ndata: {\"specversion\"");
        assert!(began.starts_with("HTTP/1.1 200") && began.contains("content-type: text/event-stream"), "{began}");
        assert!(began.contains("retry: 2000\n\n"), "{began}");
        for id in 2..=5 {
            note(&home, &running, id, "me");
        }
        assert!(reader.until("id: 5\n").contains("\"partitionkey\":\"public.note/4\""));
        assert_eq!(reader.places(), [1, 2, 3, 4, 5]);
        // It comes again with what it has seen, which counts more than where it began.
        let mut again = Reader::open(&running, "?after=1", &service(&running), "Last-Event-ID: 3\r\n");
        again.until("id: 5\n");
        assert_eq!(again.places(), [4, 5]);
        drop((reader, again));
        for (path, more, status) in [("?after=x", "", 400), ("?what=1", "", 400), ("", "Last-Event-ID: x\r\n", 400)] {
            let mut refused = Reader::open(&running, path, &service(&running), more);
            refused.until(&format!("HTTP/1.1 {status}"));
        }
        Reader::open(&running, "", "none", "").until("HTTP/1.1 403");
        home.stop(running);
    }

    fn a_stream_shows_its_reader_what_it_may_see_and_passes_by_the_rest(engine) {
        let home = home(engine, |settings| settings.limits.idle_timeout_ms = 600);
        let running = home.start().unwrap();
        note(&home, &running, 1, "me");
        note(&home, &running, 2, "you");
        note(&home, &running, 3, "me");
        let me = token(&json!({"role": "authenticated", "email": "me"}));
        let mut reader = Reader::open(&running, "", &me, "");
        reader.until("id: 3\n");
        note(&home, &running, 4, "you");
        // Passed by, and told with a sign of life: who comes again need not pass by it again. The connection outlives the time of an idle one.
        reader.until("id: 4\n\n");
        note(&home, &running, 5, "me");
        let all = reader.until("id: 5\ndata: ").to_owned();
        let told = |id: i64| all.contains(&format!("id: {id}\ndata: "));
        assert_eq!([1, 2, 3, 4, 5].map(told), [true, false, true, false, true], "{all}");
        assert!(!all.contains("public.note/2") && !all.contains("public.note/4"), "{all}");
        assert!(reader.places().is_sorted(), "{all}");
        home.stop(running);
    }

    fn streams_are_counted_and_end_with_their_token_and_with_the_house(engine) {
        let home = home(engine, |settings| settings.events.streams_max = 2);
        let running = home.start().unwrap();
        note(&home, &running, 1, "me");
        let mut first = Reader::open(&running, "", &service(&running), "");
        first.until("id: 1\n");
        let soon = SystemClock.now().as_secs() + 2;
        let mut short = Reader::open(&running, "", &token(&json!({"role": "service_role", "exp": soon})), "");
        short.until("id: 1\n");
        let mut third = Reader::open(&running, "", &service(&running), "");
        assert!(third.until("\r\n\r\n").starts_with("HTTP/1.1 503"), "{}", third.text);
        assert!(third.text.contains("retry-after: 5"), "{}", third.text);
        // The token is over, and the answer ends whole; its place is free.
        short.until(END);
        let mut next = Reader::open(&running, "", &service(&running), "");
        next.until("id: 1\n");
        // Whoever goes makes room at once.
        drop(next);
        loop {
            let mut last = Reader::open(&running, "", &service(&running), "");
            if last.until("\r\n\r\n").starts_with("HTTP/1.1 200") {
                break;
            }
        }
        let drained = home.runtime.block_on(running.shutdown());
        assert_eq!(drained.cut, 0);
        first.until(END);
    }

    fn a_reader_that_takes_nothing_holds_up_nobody(engine) {
        let home = home(engine, |settings| {
            settings.limits.idle_timeout_ms = 1_000;
            settings.events.streams_max = 1;
        });
        let running = home.start().unwrap();
        let big = "x".repeat(200_000);
        for id in 0..60 {
            write(&home, &running, "POST", "/note", &json!({"id": id, "owner": "me", "body": big}));
        }
        // It asks for twelve megabytes and reads none of it: cut off, and its place is free again.
        let stuck = Reader::open(&running, "", &service(&running), "");
        loop {
            let mut other = Reader::open(&running, "?after=59", &service(&running), "");
            if other.until("\r\n\r\n").starts_with("HTTP/1.1 200") {
                other.until("id: 60\n");
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(stuck);
        home.stop(running);
    }
}
