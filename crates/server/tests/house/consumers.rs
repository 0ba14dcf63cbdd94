//! Groups of consumers over HTTP: made, pulled from, settled, moved and ended, on both engines, also across restarts.

use http::Request;
use serde_json::{Value, json};
use server::Running;

use crate::support::{Home, SCHEMA, service, text};

/// A home, a running house, and who asks.
struct Desk<'h> {
    home: &'h Home,
    running: &'h Running,
}

impl Desk<'_> {
    /// Asks below the groups' place as the service.
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/events/v1/groups{path}"));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.home.ask(self.running, request.header("authorization", service(self.running)), &body);
        let read = if answer.body().is_empty() { Value::Null } else { serde_json::from_slice(answer.body()).unwrap() };
        (answer.status().as_u16(), read)
    }

    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn songs(&self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            let request = Request::post("/rest/v1/song").header("authorization", service(self.running));
            let body = json!({"id": id, "title": format!("Song {id}")}).to_string();
            let answer = self.home.ask(self.running, request.header("content-type", "application/json"), &body);
            assert_eq!(answer.status(), 201, "{}", text(&answer));
        }
    }

    /// Pulls until so many came.
    fn pull(&self, group: &str, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        for _ in 0..50 {
            let body = json!({"max": count - all.len(), "wait": 1});
            let answer = self.done("POST", &format!("/{group}/pull"), &body);
            all.extend(answer["deliveries"].as_array().unwrap().iter().cloned());
            if all.len() == count {
                return all;
            }
        }
        panic!("only {} of {count} came", all.len());
    }
}

fn keys(deliveries: &[Value]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery["event"]["partitionkey"].as_str().unwrap()).collect()
}

fn songs_only() -> Value {
    json!({"filter_subjects": ["public.song"], "ack_wait_ms": 60_000, "partitions": 4})
}

testkit::both! {
    fn a_group_delivers_until_it_is_told_that_it_is_done(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        let (status, made) = desk.ask("PUT", "/mailer", &songs_only());
        assert_eq!((status, &made["durable"], &made["config"]["partitions"]), (201, &json!("mailer"), &json!(4)));
        assert_eq!(desk.ask("PUT", "/mailer", &songs_only()).0, 200);
        desk.songs([3, 4, 5]);
        let got = desk.pull("mailer", 3);
        assert_eq!(keys(&got), ["public.song/3", "public.song/4", "public.song/5"]);
        assert_eq!(got[0]["num_delivered"], 1);
        assert_eq!(got[0]["event"]["data"]["after"]["title"], "Song 3");
        let stand = desk.done("GET", "/mailer", &Value::Null);
        assert_eq!((&stand["lag"], &stand["num_ack_pending"], &stand["lag_exact"]), (&json!(3), &json!(3), &json!(true)));
        let lags: i64 = stand["partitions"].as_array().unwrap().iter().map(|part| part["lag"].as_i64().unwrap()).sum();
        assert_eq!(lags, 3);
        // Done, not now, never.
        let acks = |at: usize| json!([got[at]["ack"]]);
        let said = desk.done("POST", "/mailer/ack", &json!({"acks": acks(0)}));
        assert_eq!(said, json!({"settled": 1, "stale": [], "dead_lettered": 0}));
        let again = desk.done("POST", "/mailer/ack", &json!({"acks": [got[0]["ack"], "x", "y.z"]}));
        assert_eq!(again, json!({"settled": 0, "stale": [got[0]["ack"], "x", "y.z"], "dead_lettered": 0}));
        assert_eq!(desk.done("POST", "/mailer/in-progress", &json!({"acks": acks(1)}))["settled"], 1);
        desk.done("POST", "/mailer/nack", &json!({"acks": acks(1), "delay_ms": 0, "reason": "later"}));
        assert_eq!(desk.done("POST", "/mailer/term", &json!({"acks": acks(2), "reason": "no use"}))["dead_lettered"], 1);
        let back = desk.pull("mailer", 1);
        assert_eq!((keys(&back), &back[0]["num_delivered"]), (vec!["public.song/4"], &json!(2)));
        desk.done("POST", "/mailer/ack", &json!({"acks": [back[0]["ack"]]}));
        // The dead letter is looked at, tried again, and at last thrown away.
        let dead = desk.done("GET", "/mailer/dead-letters", &Value::Null)["dead_letters"][0].clone();
        assert_eq!((&dead["reason"], &dead["partitionkey"], &dead["event"]["data"]["after"]["id"]), (&json!("no use"), &json!("public.song/5"), &json!(5)));
        let positions = json!({"positions": [dead["position"]]});
        assert_eq!(desk.done("POST", "/mailer/dead-letters/replay", &positions)["done"], 1);
        let replayed = desk.pull("mailer", 1);
        assert_eq!(replayed[0]["event"], dead["event"]);
        desk.done("POST", "/mailer/term", &json!({"acks": [replayed[0]["ack"]]}));
        assert_eq!(desk.done("POST", "/mailer/dead-letters/discard", &positions)["done"], 1);
        assert_eq!(desk.ask("POST", "/mailer/dead-letters/discard", &positions).0, 404);
        assert_eq!(desk.done("GET", "/mailer", &Value::Null)["lag"], 0);
        // From the beginning once more.
        assert_eq!(desk.done("POST", "/mailer/seek", &json!({"to": "start"}))["after"], 0);
        assert_eq!(desk.pull("mailer", 3).len(), 3);
        assert_eq!(desk.ask("DELETE", "/mailer", &Value::Null).0, 204);
        assert_eq!(desk.ask("POST", "/mailer/pull", &Value::Null).0, 404);
        // What happened to the group is told as well, and by whom.
        let mut log = String::new();
        for _ in 0..20 {
            let request = Request::get("/events/v1?after=0&limit=1000").header("authorization", service(&running));
            log = text(&home.ask(&running, request, ""));
            if log.contains("consumers.group.deleted") {
                break;
            }
            let count = log.matches("specversion").count();
            let request = Request::get(format!("/events/v1?after={count}&wait=5")).header("authorization", service(&running));
            home.ask(&running, request, "");
        }
        for kind in ["group.created", "group.moved", "dead_letter.replayed", "dead_letter.discarded"] {
            assert!(log.contains(&format!("\"type\":\"consumers.{kind}\",\"subject\":\"consumers.mailer\"")), "{kind}: {log}");
        }
        assert!(log.contains("\"authtype\":\"service_account\""));
        home.stop(running);
    }

    fn groups_are_for_those_whom_row_security_does_not_bind_and_bodies_are_bounded(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        assert_eq!(home.get(&running, "/events/v1/groups").0, 403);
        assert_eq!(home.ask(&running, Request::put("/events/v1/groups/a"), "{}").status(), 403);
        desk.done("PUT", "/a", &Value::Null);
        let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
        for (method, path, body, status) in [
            ("GET", "", Value::Null, 200),
            ("POST", "", Value::Null, 405),
            ("GET", "/nobody", Value::Null, 404),
            ("PUT", "/no%20name", Value::Null, 400),
            ("PUT", "/a", json!({"partitions": 9}), 409),
            ("PUT", "/a", json!({"partitions": 0}), 400),
            ("PUT", "/a", json!({"what": 0}), 400),
            ("PATCH", "/a", Value::Null, 405),
            ("GET", "/a/pull", Value::Null, 405),
            ("POST", "/a/pull", json!({"max": 0}), 400),
            ("POST", "/a/pull", json!({"max": 501}), 400),
            ("POST", "/a/pull", json!({"wait": 26}), 400),
            ("POST", "/a/pull", json!({"partition": 8}), 400),
            ("POST", "/a/pull", json!({"partition": 7}), 200),
            ("POST", "/a/pull", json!([]), 400),
            ("POST", "/a/ack", json!({"acks": []}), 400),
            ("POST", "/a/ack", json!({"acks": many}), 400),
            ("POST", "/a/ack", json!({"acks": ["x"], "delay_ms": 1}), 400),
            ("POST", "/a/nack", json!({"acks": ["x"], "delay_ms": 86_400_001}), 400),
            ("POST", "/a/seek", json!({}), 400),
            ("POST", "/a/seek", json!({"after": 1, "to": "end"}), 400),
            ("POST", "/a/seek", json!({"time": "never"}), 400),
            ("POST", "/a/seek", json!({"time": "infinity"}), 400),
            ("POST", "/a/seek", json!({"time": "2020-01-01T00:00:00Z"}), 200),
            ("GET", "/a/dead-letters?limit=101", Value::Null, 400),
            ("GET", "/a/dead-letters?x=1", Value::Null, 400),
            ("POST", "/a/dead-letters/replay", json!({"positions": [1]}), 404),
            ("GET", "/a/nothing", Value::Null, 404),
        ] {
            let (got, answer) = desk.ask(method, path, &body);
            assert_eq!(got, status, "{method} {path} {body}: {answer}");
        }
        let request = Request::patch("/events/v1/groups/a").header("authorization", service(&running));
        assert_eq!(home.ask(&running, request, "").headers()["allow"], "GET, HEAD, PUT, DELETE");
        home.stop(running);
    }

    fn what_is_leased_stays_leased_across_a_restart_and_comes_again_when_its_time_is_over(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        desk.done("PUT", "/long", &songs_only());
        desk.done("PUT", "/short", &json!({"filter_subjects": ["public.song"], "ack_wait_ms": 100}));
        desk.songs([3, 4, 5]);
        let (long, short) = (desk.pull("long", 2), desk.pull("short", 2));
        home.stop(running);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        // Those that nobody acknowledged come again, with their count; others follow.
        let mut again = desk.pull("short", 3);
        again.sort_by_key(|delivery| delivery["event"]["partitionkey"].to_string());
        assert_eq!(keys(&again), ["public.song/3", "public.song/4", "public.song/5"]);
        assert_eq!((&again[0]["num_delivered"], &again[2]["num_delivered"]), (&json!(2), &json!(1)));
        assert_eq!(desk.done("POST", "/short/ack", &json!({"acks": [short[0]["ack"]]}))["settled"], 0);
        // A lease that was given before the restart is good after it.
        assert_eq!(keys(&desk.pull("long", 1)), ["public.song/5"]);
        let acks: Vec<&Value> = long.iter().map(|delivery| &delivery["ack"]).collect();
        assert_eq!(desk.done("POST", "/long/ack", &json!({"acks": acks}))["settled"], 2);
        home.stop(running);
    }

    fn an_effect_is_had_once_and_acknowledged_with_it(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        desk.done("PUT", "/mailer", &json!({"filter_subjects": ["public.song"], "ack_wait_ms": 60_000}));
        desk.songs([3, 4]);
        let got = desk.pull("mailer", 2);
        // A diary's line for each song.
        let write = |delivery: &Value, more: &str, line: &Value| {
            let event = &delivery["event"];
            let inbox = format!("group=\"mailer\", source={}, id={}{more}", event["source"], event["id"]);
            let request = Request::post("/rest/v1/diary?select=id").header("authorization", service(&running));
            let request = request.header("content-type", "application/json").header("mainstay-inbox", inbox);
            let answer = home.ask(&running, request.header("prefer", "return=representation"), &line.to_string());
            let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (answer.status().as_u16(), header("mainstay-inbox"), header("idempotency-replayed").is_some(), text(&answer))
        };
        let lines = || {
            let request = Request::get("/rest/v1/diary?order=id").header("authorization", service(&running));
            serde_json::from_slice::<Value>(home.ask(&running, request, "").body()).unwrap().as_array().unwrap().len()
        };
        let ack = |delivery: &Value| format!(", ack={}", delivery["ack"]);
        let line = json!({"id": 3, "line": "sent"});
        let said = |status: u16, inbox: Option<&str>, replayed: bool| (status, inbox.map(str::to_owned), replayed, r#"[{"id":3}]"#.to_owned());
        // Done without acknowledging, done before, and then acknowledged where it was done before.
        assert_eq!(write(&got[0], "", &line), said(201, None, false));
        assert_eq!(desk.done("GET", "/mailer", &Value::Null)["num_ack_pending"], 2);
        assert_eq!(write(&got[0], "", &line), said(201, None, true));
        assert_eq!(write(&got[0], &ack(&got[0]), &line), said(201, Some("acked"), true));
        assert_eq!(write(&got[0], &ack(&got[0]), &line), said(201, Some("stale"), true));
        assert_eq!((lines(), desk.done("GET", "/mailer", &Value::Null)["num_ack_pending"].clone()), (1, json!(1)));
        // Another effect of the same event is not passed over in silence; a further step is one of its own.
        let other = json!({"id": 30, "line": "other"});
        let refused = write(&got[0], "", &other);
        assert!(refused.0 == 422 && refused.3.contains("idempotency.key_reused"), "{refused:?}");
        assert_eq!(write(&got[0], ", step=\"2\"", &other).0, 201);
        // What is refused has no effect and acknowledges nothing.
        assert_eq!(write(&got[1], &ack(&got[1]), &line).0, 409);
        assert_eq!((lines(), desk.done("GET", "/mailer", &Value::Null)["num_ack_pending"].clone()), (2, json!(1)));
        let done = write(&got[1], &ack(&got[1]), &json!({"id": 4, "line": "sent"}));
        assert_eq!((done.0, done.1.as_deref(), lines()), (201, Some("acked"), 3));
        assert_eq!(desk.done("GET", "/mailer", &Value::Null)["lag"], 0);
        // A header that is none, and two that do not go together.
        for (inbox, key, status) in [("group", "", 400), (r#"group="g", source="s", id="1""#, "k", 400), (r#"group="g", source="s", id="1""#, "", 204)] {
            let request = Request::delete("/rest/v1/diary?id=eq.30").header("authorization", service(&running)).header("mainstay-inbox", inbox);
            let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
            assert_eq!(home.ask(&running, request, "").status(), status, "{inbox} {key}");
        }
        home.stop(running);
    }

    fn lags_are_metrics(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let desk = Desk { home: &home, running: &running };
        desk.done("PUT", "/seen", &json!({"partitions": 1, "filter_subjects": ["public.song"]}));
        desk.songs([3, 4]);
        home.stop(running);
        // Measured at the start, and every few seconds.
        let running = home.start().unwrap();
        let mut metrics = String::new();
        for _ in 0..200 {
            metrics = home.get(&running, "/metrics").1;
            if metrics.contains("consumers_lag{group=\"seen\",partition=\"0\"} 2") {
                assert!(metrics.contains("consumers_dead_letters{group=\"seen\"} 0"), "{metrics}");
                return home.stop(running);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the lag is not told: {metrics}");
    }
}
