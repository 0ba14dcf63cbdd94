//! Events from outside: in every mode, once each, in the one log, on both engines.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use server::Running;

use crate::support::{Home, SCHEMA, service, text};

/// Sends to `/events/v1` as the service.
fn send(home: &Home, running: &Running, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut request = Request::post("/events/v1").header("authorization", service(running));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    home.ask(running, request, body)
}

const ONE: &[(&str, &str)] = &[("content-type", "application/cloudevents+json; charset=UTF-8")];
const MANY: &[(&str, &str)] = &[("content-type", "application/cloudevents-batch+json")];

/// The log from its beginning, once it has so many events.
fn log(home: &Home, running: &Running, count: usize) -> Vec<Value> {
    let read = |query: String| {
        let request = Request::get(format!("/events/v1?{query}")).header("authorization", service(running));
        serde_json::from_slice::<Vec<Value>>(home.ask(running, request, "").body()).unwrap()
    };
    assert_eq!(read(format!("after={}&limit=1&wait=25", count - 1)).len(), 1, "the events do not come");
    read("after=0&limit=1000".to_owned())
}

testkit::both! {
    fn events_come_in_every_mode_and_are_shown_as_they_came(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let structured = r#"{"specversion":"1.0","id":"s1","source":"/till/7","type":"org.example.sold","subject":"Euro € 😀","time":"2026-01-31T23:59:59.5+01:00","paid":true,"items":3,"data":{"b": 1.10,  "a":[1e2,null]}}"#;
        assert_eq!(send(&home, &running, ONE, structured).status(), 202);
        let binary = [
            ("ce-specversion", "1.0"), ("ce-id", "b1"), ("ce-source", "/till/7"), ("ce-type", "org.example.sold"),
            ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"), ("ce-sequence", "77"), ("ce-mainstayposition", "5"), ("content-type", "image/png"),
        ];
        assert_eq!(send(&home, &running, &binary, "\u{1}\u{2}").status(), 202);
        // A change of a row in between: one order for all.
        let insert = Request::post("/rest/v1/song").header("authorization", service(&running)).header("content-type", "application/json");
        assert_eq!(home.ask(&running, insert, r#"{"id":3,"title":"Three"}"#).status(), 201);
        let batch = format!(r#"[{structured},{{"specversion":"1.0","id":"","source":"/s","type":"t"}}, {{"specversion":"1.0","id":"s2","source":"/till/7","type":"org.example.sold","data":null}} ]"#);
        let answer = send(&home, &running, MANY, &batch);
        assert_eq!(answer.status(), 200);
        let told: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(told, json!([
            {"status": 202, "id": "s1", "source": "/till/7", "duplicate": true},
            {"status": 400, "code": "events.event_invalid", "at": "/1/id", "detail": "empty"},
            {"status": 202, "id": "s2", "source": "/till/7"},
        ]));
        let found = log(&home, &running, 4);
        let ids: Vec<&str> = found.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!((ids[0], ids[1], found[2]["type"].as_str().unwrap(), ids[3]), ("s1", "b1", "data.row.inserted", "s2"));
        assert_eq!(found.len(), 4);
        let mut wanted: Value = serde_json::from_str(structured).unwrap();
        wanted["sequence"] = "00000000000000000001".into();
        assert_eq!(found[0], wanted);
        assert_eq!(found[1], json!({
            "specversion": "1.0", "id": "b1", "source": "/till/7", "type": "org.example.sold", "subject": "Euro € 😀",
            "sequence": "77", "mainstayposition": "00000000000000000002", "datacontenttype": "image/png", "data_base64": "AQI=",
        }));
        assert_eq!((found[3].get("data"), &found[3]["sequence"]), (Some(&Value::Null), &json!("00000000000000000004")));
        let request = Request::get("/events/v1?limit=1").header("authorization", service(&running));
        assert!(text(&home.ask(&running, request, "")).contains(r#""data":{"b": 1.10,  "a":[1e2,null]}}"#));
        home.stop(running);
    }

    fn what_is_no_event_is_refused_with_the_place_of_the_fault(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.events.intake_events_max = 2;
            settings.events.intake_event_bytes_max = 1_024;
        });
        let running = home.start().unwrap();
        let long = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"{}"}}"#, "x".repeat(1_024));
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let bad = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","n":1.5}"#;
        let strict = [("content-type", "application/cloudevents-batch+json"), ("prefer", "handling=strict")];
        let avro = [("content-type", "application/cloudevents+avro")];
        let twice = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-id", "2"), ("ce-source", "/s"), ("ce-type", "t")];
        let bytes = [("ce-specversion", "1.0"), ("ce-id", "%C0%A0"), ("ce-source", "/s"), ("ce-type", "t")];
        for (headers, body, status, code, at) in [
            (ONE, "{", 400, "events.event_invalid", ""),
            (ONE, r#"{"specversion":"1.0"}"#, 400, "events.event_invalid", "/id"),
            (ONE, bad, 400, "events.event_invalid", "/n"),
            (ONE, &long, 413, "events.too_large", ""),
            (MANY, good, 400, "events.event_invalid", ""),
            (MANY, &format!("[{good},{good},{good}]"), 413, "events.too_large", ""),
            (&strict[..], &format!("[{good},{bad}]"), 400, "events.event_invalid", "/1/n"),
            (&avro[..], good, 415, "events.format_unknown", ""),
            (&twice[..], "", 400, "events.event_invalid", "ce-id"),
            (&bytes[..], "", 400, "events.event_invalid", "ce-id"),
            (&[], "", 400, "events.event_invalid", "ce-specversion"),
        ] {
            let answer = send(&home, &running, headers, body);
            let problem: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!((answer.status().as_u16(), problem["code"].as_str().unwrap()), (status, code), "{body} {problem}");
            let found = problem["fields"][0]["path"].as_str().unwrap_or_default();
            assert_eq!(found, at, "{body} {problem}");
        }
        assert_eq!(text(&send(&home, &running, MANY, "[]")), "[]");
        // Nothing of all that is in the log.
        assert_eq!(text(&send(&home, &running, &strict, &format!("[{good}]"))), r#"[{"id":"1","source":"/s","status":202}]"#);
        assert_eq!(log(&home, &running, 1).len(), 1);
        home.stop(running);
    }

    fn nobody_sends_events_unless_told_so(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.events.intake_in_flight_max = 1;
        });
        let running = home.start().unwrap();
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        let anonymous = || Request::post("/events/v1").header("content-type", "application/cloudevents+json");
        assert_eq!(home.ask(&running, anonymous(), good).status(), 403);
        assert!(!home.get(&running, "/openapi.json").1.contains("/events/v1"));
        let wrong = anonymous().header("authorization", "Bearer nonsense");
        assert_eq!(home.ask(&running, wrong, good).status(), 401);
        assert_eq!(send(&home, &running, ONE, good).status(), 202);
        home.stop(running);

        // A role that is named may send, and still may not read.
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.events.intake_roles = vec!["anon".to_owned()];
        });
        let running = home.start().unwrap();
        assert_eq!(home.ask(&running, anonymous(), good).status(), 202);
        let described: Value = serde_json::from_str(&home.get(&running, "/openapi.json").1).unwrap();
        let told = &described["paths"]["/events/v1"];
        assert_eq!((told["post"].is_object(), told["get"].is_object()), (true, false));
        assert_eq!(home.get(&running, "/events/v1").0, 403);
        assert_eq!(log(&home, &running, 1)[0]["id"], "1");
        home.stop(running);

        // Without a log nothing is taken.
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            (settings.events.capture, settings.audit.enabled) = (false, false);
        });
        let running = home.start().unwrap();
        assert_eq!(send(&home, &running, ONE, good).status(), 404);
        home.stop(running);
    }

    fn an_event_that_comes_again_is_acknowledged_and_dropped(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let event = |id: &str, source: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"t"}}"#);
        for (id, source) in [("1", "/a"), ("1", "/a"), ("1", "/b"), ("2", "/a"), ("1", "/b")] {
            assert_eq!(send(&home, &running, ONE, &event(id, source)).status(), 202);
        }
        // Within one batch, too.
        let twice = format!("[{0},{0}]", event("3", "/a"));
        assert!(text(&send(&home, &running, MANY, &twice)).contains(r#"{"duplicate":true,"id":"3""#));
        // Many at once bring the same in different orders: each is there once.
        let (forth, back): (Vec<String>, Vec<String>) = ((10..40).map(|id| event(&id.to_string(), "/c")).collect(), (10..40).rev().map(|id| event(&id.to_string(), "/c")).collect());
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..6).map(|sender| {
                let events = format!("[{}]", if sender % 2 == 0 { &forth } else { &back }.join(","));
                let (home, running) = (&home, &running);
                scope.spawn(move || send(home, running, MANY, &events).status())
            }).collect();
            for sender in senders {
                assert_eq!(sender.join().unwrap(), 200);
            }
        });
        let found = log(&home, &running, 34);
        assert_eq!(found.len(), 34);
        let mut ids: Vec<String> = found.iter().map(|event| format!("{}{}", event["source"], event["id"])).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 34);
        // Also when the server was started anew, or the key of the request is the same.
        home.stop(running);
        let running = home.start().unwrap();
        assert_eq!(send(&home, &running, ONE, &event("1", "/a")).status(), 202);
        let keyed = |body: &str| {
            send(&home, &running, &[MANY[0], ("idempotency-key", "k")], body)
        };
        let first = keyed(&format!("[{}]", event("50", "/a")));
        let again = keyed(&format!("[{}]", event("50", "/a")));
        assert_eq!((text(&first), first.headers().get("idempotency-replayed").is_some()), (text(&again), false));
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(keyed(&format!("[{}]", event("51", "/a"))).status(), 422);
        assert_eq!(log(&home, &running, 35).len(), 35);
        home.stop(running);
    }
}
