//! Changes of rows as events: in the unit that makes them, in one order, on both engines.

use http::Request;
use serde_json::Value;
use server::Running;

use crate::support::{Home, service, text};

const SCHEMA: &str = "
create table song (id integer primary key, title text not null, secret text);
comment on column song.secret is 'never shown @sensitive';
create table verse (id integer primary key, song_id integer not null references song on delete cascade, words numeric(6,2));
create table log (line text);
grant usage on schema public to anon, authenticated, service_role;
grant select, insert on song to anon;
grant all on song, verse, log to service_role;
insert into song (id, title) values (1, 'One');
";

fn ask(home: &Home, running: &Running, method: &str, path: &str, body: &str) -> u16 {
    let request = Request::builder().method(method).uri(format!("/rest/v1{path}"));
    let request = request.header("authorization", service(running)).header("content-type", "application/json");
    home.ask(running, request, body).status().as_u16()
}

/// The events after a place, once there are so many.
fn events(home: &Home, running: &Running, after: usize, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let request =
            Request::get(format!("/events/v1?after={after}&wait=1")).header("authorization", service(running));
        let answer = home.ask(running, request, "");
        assert_eq!(answer.status(), 200, "{}", text(&answer));
        assert_eq!(answer.headers()["content-type"], "application/cloudevents-batch+json");
        let found: Vec<Value> = serde_json::from_slice(answer.body()).unwrap();
        if found.len() >= count {
            return found;
        }
        // Those that are there are answered at once: wait for the next.
        let next = after + found.len();
        let request = Request::get(format!("/events/v1?after={next}&wait=1")).header("authorization", service(running));
        home.ask(running, request, "");
    }
    panic!("the events do not come");
}

fn short(event: &Value) -> (&str, &str, Value) {
    (event["type"].as_str().unwrap(), event["partitionkey"].as_str().unwrap(), event["data"].clone())
}

testkit::both! {
    fn every_change_of_a_row_is_an_event_and_a_refused_one_is_none(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        assert_eq!(ask(&home, &running, "POST", "/song", r#"{"id":2,"title":"Two","secret":"hidden"}"#), 201);
        assert_eq!(ask(&home, &running, "POST", "/song", r#"[{"id":3,"title":"Three"},{"id":2,"title":"again"}]"#), 409);
        assert_eq!(ask(&home, &running, "POST", "/verse", r#"[{"id":1,"song_id":2,"words":12.5},{"id":2,"song_id":2,"words":null}]"#), 201);
        assert_eq!(ask(&home, &running, "PATCH", "/song?id=eq.2", r#"{"title":"Deux"}"#), 204);
        assert_eq!(ask(&home, &running, "PATCH", "/song?id=eq.99", r#"{"title":"nobody"}"#), 204);
        assert_eq!(ask(&home, &running, "DELETE", "/song?id=eq.2", ""), 204);
        assert_eq!(ask(&home, &running, "POST", "/log", r#"{"line":"no key"}"#), 201);
        let found = events(&home, &running, 0, 8);
        let told: Vec<_> = found.iter().map(short).collect();
        let row = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let mut wanted = vec![
            ("data.row.inserted", "public.song/2", row(r#"{"before":null,"after":{"id":2,"title":"Two"}}"#)),
            ("data.row.inserted", "public.verse/1", row(r#"{"before":null,"after":{"id":1,"song_id":2,"words":12.50}}"#)),
            ("data.row.inserted", "public.verse/2", row(r#"{"before":null,"after":{"id":2,"song_id":2,"words":null}}"#)),
            ("data.row.updated", "public.song/2", row(r#"{"before":{"id":2,"title":"Two"},"after":{"id":2,"title":"Deux"}}"#)),
        ];
        assert_eq!(told[..4], wanted[..]);
        // What cascades is told as well; in which order a row and those that hang on it go is the engine's.
        wanted = vec![
            ("data.row.deleted", "public.song/2", row(r#"{"before":{"id":2,"title":"Deux"},"after":null}"#)),
            ("data.row.deleted", "public.verse/1", row(r#"{"before":{"id":1,"song_id":2,"words":12.50},"after":null}"#)),
            ("data.row.deleted", "public.verse/2", row(r#"{"before":{"id":2,"song_id":2,"words":null},"after":null}"#)),
        ];
        let mut gone = told[4..7].to_vec();
        gone.sort_by_key(|(_, key, _)| (*key).to_owned());
        assert_eq!(gone, wanted);
        assert_eq!(told[7], ("data.row.inserted", "public.log", row(r#"{"before":null,"after":{"line":"no key"}}"#)));
        assert_eq!(told.len(), 8);

        // One order without gaps; the events of one request share its unit, its id and its trace.
        let places: Vec<_> = found.iter().map(|event| event["sequence"].as_str().unwrap().parse::<usize>().unwrap()).collect();
        assert_eq!(places, (1..=8).collect::<Vec<_>>());
        for name in ["causationid", "correlationid", "traceparent"] {
            assert_eq!(found[1][name], found[2][name], "{name}");
            assert_ne!(found[0][name], found[1][name], "{name}");
            assert!(found[0][name].as_str().unwrap().len() > 10, "{name}");
        }
        assert_eq!(found[0]["authtype"], "service_account");
        assert_eq!(events(&home, &running, 7, 1).len(), 1);
        home.stop(running);
    }

    fn events_are_read_by_those_whom_row_security_does_not_bind(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        assert_eq!(home.get(&running, "/events/v1").0, 403);
        let asked = |query: &str| {
            let request = Request::get(format!("/events/v1?{query}")).header("authorization", service(&running));
            home.ask(&running, request, "").status().as_u16()
        };
        for (query, status) in [
            ("", 200), ("after=5", 200), ("after=00000000000000000005", 200), ("limit=1", 200), ("after=-1", 400),
            ("after=x", 400), ("limit=0", 400), ("wait=26", 400), ("what=1", 400), ("after=99999999999999999999", 400),
        ] {
            assert_eq!(asked(query), status, "{query}");
        }
        home.stop(running);
    }

    fn old_events_are_forgotten_and_places_are_never_given_twice(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        for id in 10..20 {
            assert_eq!(ask(&home, &running, "POST", "/song", &format!(r#"{{"id":{id},"title":"x"}}"#)), 201);
        }
        events(&home, &running, 0, 10);
        let short = events::Events::new(events::Config { retention: std::time::Duration::ZERO, ..events::Config::default() });
        assert_eq!(home.runtime.block_on(short.sweep(&running.store)).unwrap(), 9);
        assert_eq!(home.runtime.block_on(short.sweep(&running.store)).unwrap(), 0);
        assert_eq!(home.runtime.block_on(short.first(&running.store)).unwrap(), 10);
        assert_eq!(ask(&home, &running, "POST", "/song", r#"{"id":20,"title":"x"}"#), 201);
        let left = events(&home, &running, 9, 2);
        assert_eq!(left[1]["sequence"], "00000000000000000011");
        // From the beginning of what there is; but whoever names a place is told that what follows it is gone.
        let asked = |query: &str| {
            let request = Request::get(format!("/events/v1{query}")).header("authorization", service(&running));
            let answer = home.ask(&running, request, "");
            (answer.status().as_u16(), text(&answer).contains("events.gone"))
        };
        assert_eq!(asked(""), (200, false));
        assert_eq!(asked("?after=0"), (410, true));
        assert_eq!(asked("?after=8"), (410, true));
        assert_eq!(asked("?after=9"), (200, false));
        home.stop(running);
    }

    fn events_outlive_the_server_and_a_reader_goes_on_where_it_was(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        for id in 10..20 {
            assert_eq!(ask(&home, &running, "POST", "/song", &format!(r#"{{"id":{id},"title":"x"}}"#)), 201);
        }
        let before = events(&home, &running, 0, 10);
        home.stop(running);
        let running = home.start().unwrap();
        assert_eq!(events(&home, &running, 0, 10), before);
        assert_eq!(ask(&home, &running, "POST", "/song", r#"{"id":20,"title":"x"}"#), 201);
        let after = events(&home, &running, 10, 1);
        assert_eq!(after.len(), 1);
        assert_eq!(after[0]["sequence"], "00000000000000000011");
        home.stop(running);
    }
}
