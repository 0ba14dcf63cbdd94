//! Every route with every verb, asked by nobody and by the service: no answer is a failure of ours, each has its request's id, and whoever
//! has no right changes nothing.

use http::Request;

use crate::support::{Home, SCHEMA, service, text};

const ROUTES: &[&str] = &[
    "/",
    "/openapi.json",
    "/docs",
    "/livez",
    "/readyz",
    "/startupz",
    "/metrics",
    "/rest/v1",
    "/rest/v1/",
    "/rest/v1/song",
    "/rest/v1/diary",
    "/rest/v1/nothing",
    "/rest/v1/rpc/nothing",
    "/rest/v1/song/1",
    "/events/v1",
    "/events/v1/",
    "/events/v1/stream?after=x",
    "/events/v1/stream/",
    "/events/v1/groups",
    "/events/v1/groups/swept",
    "/events/v1/groups/swept/pull",
    "/events/v1/groups/swept/ack",
    "/events/v1/groups/swept/nack",
    "/events/v1/groups/swept/term",
    "/events/v1/groups/swept/in-progress",
    "/events/v1/groups/swept/seek",
    "/events/v1/groups/swept/dead-letters",
    "/events/v1/groups/swept/dead-letters/replay",
    "/events/v1/groups/swept/dead-letters/discard",
    "/events/v1/groups/swept/nothing",
    "/events/v1/groups/no%20name",
    "/events/v1/schemas",
    "/events/v1/schemas/a",
    "/events/v1/schemas/a/1",
    "/events/v1/schemas/a/%ff",
    "/events/v1/schemas//",
    "/audit/v1",
    "/audit/v1/checkpoint",
    "/audit/v1/key",
    "/audit/v1/tile/0/000",
    "/audit/v1/tile/entries/000",
    "/audit/v1/add-checkpoint",
    "/audit/v1/nothing",
    "/nothing",
    "/..",
    "//",
    "/rest/v1/%00",
    "/rest/v1/song?id=eq.1&id",
    "/rest/v1/song?%ff=1",
];
const VERBS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MAINSTAY"];
const BODIES: &[&str] = &["", "{", "[]", "{\"id\":1,\"title\":\"Swept\"}", "null", "\u{0}"];

testkit::both! {
    fn no_route_fails_whatever_the_verb_and_strangers_change_nothing(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let before = home.get(&running, "/rest/v1/song?order=id");
        for path in ROUTES {
            for verb in VERBS {
                for body in BODIES {
                    let request = Request::builder().method(*verb).uri(*path).header("content-type", "application/json");
                    let answer = home.ask(&running, request, body);
                    let status = answer.status().as_u16();
                    assert!(status < 500, "{verb} {path} {body:?}: {status} {}", text(&answer));
                    assert!(answer.headers().contains_key("x-request-id"), "{verb} {path} {body:?}: {status}");
                }
            }
        }
        assert_eq!(home.get(&running, "/rest/v1/song?order=id"), before);
        // The service may change things; it gets no failure either.
        for path in ROUTES {
            for verb in VERBS {
                let request = Request::builder().method(*verb).uri(*path).header("authorization", service(&running));
                let answer = home.ask(&running, request, "{\"id\":9}");
                assert!(answer.status().as_u16() < 500, "{verb} {path}: {} {}", answer.status(), text(&answer));
            }
        }
        home.stop(running);
    }
}
