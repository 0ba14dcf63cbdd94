//! What readers see whom row security binds: events of rows that they may read, as these read now, on both engines.

use http::Request;
use kernel::Secret;
use serde_json::{Value, json};
use server::{Running, Settings};

use crate::support::{Home, service, text};

pub(crate) const SECRET: &str = "a secret that is long enough for all of us";
pub(crate) const SCHEMA: &str = "
create table note (id integer primary key, owner text not null, body text, price numeric(6,2), hidden text, kept text);
comment on column note.kept is 'never shown @sensitive';
alter table note enable row level security;
create policy own on note for select to authenticated using (owner = auth.email());
create table plain (a integer not null, b text not null, n integer, primary key (a, b));
create table keyless (line text);
create table half (id integer primary key, name text);
create table closed (id integer primary key);
create view note_view as select id, body from note;
grant usage on schema public to anon, authenticated, service_role;
grant select (id, owner, body, price, kept) on note to authenticated;
grant select on plain, keyless to authenticated;
grant select (name) on half to authenticated;
grant select on note_view to authenticated;
grant all on note, plain, keyless, half, closed to service_role;
";

pub(crate) fn home(engine: testkit::Engine, migrations: &[(&str, &str)]) -> Home {
    Home::with(engine, migrations, |settings: &mut Settings| {
        settings.auth.jwt_secret = Some(Secret::new(SECRET.to_owned()));
        settings.events.reader_roles = vec!["authenticated".to_owned()];
    })
}

fn token(email: &str) -> String {
    let claims = json!({"role": "authenticated", "email": email, "sub": email});
    format!("Bearer {}", crypto::sign_hs256(claims.as_object().unwrap(), SECRET.as_bytes()))
}

pub(crate) fn write(home: &Home, running: &Running, method: &str, path: &str, body: &Value) {
    let request = Request::builder().method(method).uri(format!("/rest/v1{path}"));
    let request = request.header("authorization", service(running)).header("content-type", "application/json");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = home.ask(running, request, &body);
    assert!(answer.status().is_success(), "{method} {path}: {}", text(&answer));
}

/// What somebody sees of the log, once it has this many events; also where that ends.
fn seen(home: &Home, running: &Running, email: &str, count: i64) -> (Vec<Value>, String) {
    let request =
        Request::get(format!("/events/v1?after={}&wait=20", count - 1)).header("authorization", service(running));
    assert_ne!(text(&home.ask(running, request, "")), "[]");
    let (mut all, mut next) = (Vec::new(), "0".to_owned());
    loop {
        let request = Request::get(format!("/events/v1?after={next}")).header("authorization", token(email));
        let answer = home.ask(running, request, "");
        assert_eq!(answer.status(), 200, "{}", text(&answer));
        let some: Vec<Value> = serde_json::from_slice(answer.body()).unwrap();
        answer.headers()["mainstay-next"].to_str().unwrap().clone_into(&mut next);
        if some.is_empty() {
            return (all, next);
        }
        all.extend(some);
    }
}

/// Key and row of each.
fn rows(events: &[Value]) -> Vec<(&str, String)> {
    events.iter().map(|event| (event["partitionkey"].as_str().unwrap(), event["data"]["after"].to_string())).collect()
}

testkit::both! {
    fn a_reader_sees_changes_of_rows_that_it_may_read_and_of_these_what_it_may_read_now(engine) {
        let home = home(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let post = |path: &str, body: &Value| write(&home, &running, "POST", path, body);
        // 1 and 2: one's own, another's.
        post("/note", &json!([
            {"id": 1, "owner": "me", "body": "mine", "price": 12.5, "hidden": "h", "kept": "k"},
            {"id": 2, "owner": "you", "body": "yours", "price": 1, "hidden": "h", "kept": "k"},
        ]));
        // 3 and 4: what was another's becomes one's own, and the reverse.
        post("/note", &json!({"id": 3, "owner": "you", "body": "a secret of yours"}));
        write(&home, &running, "PATCH", "/note?id=eq.3", &json!({"owner": "me", "body": "for me"}));
        post("/note", &json!({"id": 4, "owner": "me", "body": "still mine"}));
        write(&home, &running, "PATCH", "/note?id=eq.4", &json!({"owner": "you", "body": "not any more"}));
        // 5: gone.
        post("/note", &json!({"id": 5, "owner": "me", "body": "gone soon"}));
        write(&home, &running, "DELETE", "/note?id=eq.5", &Value::Null);
        // No policies, a key of two columns with all that a filter might stumble over; no key; a key that may not be read; no right.
        post("/plain", &json!({"a": 1, "b": "x\",\\ .eq.(y)&%é", "n": 1}));
        post("/keyless", &json!({"line": "x"}));
        post("/half", &json!({"id": 1, "name": "x"}));
        post("/closed", &json!({"id": 1}));
        // Somebody else's word.
        let request = Request::post("/events/v1").header("authorization", service(&running));
        let told = r#"{"specversion":"1.0","id":"1","source":"/projects/default/data","type":"data.row.inserted","subject":"public.note","data":{"before":null,"after":{"id":1}}}"#;
        assert_eq!(home.ask(&running, request.header("content-type", "application/cloudevents+json"), told).status(), 202);

        let (mine, next) = seen(&home, &running, "me", 13);
        assert_eq!(next, "13");
        let one = r#"{"body":"mine","id":1,"owner":"me","price":12.5}"#.to_owned();
        let three = r#"{"body":"for me","id":3,"owner":"me","price":null}"#.to_owned();
        let plain = r#"{"a":1,"b":"x\",\\ .eq.(y)&%é","n":1}"#.to_owned();
        let wanted = [
            ("public.note/1", one),
            ("public.note/3", three.clone()),
            ("public.note/3", three),
            ("public.plain/1,x\",\\ .eq.(y)&%é", plain.clone()),
        ];
        assert_eq!(rows(&mine), wanted);
        for event in &mine {
            assert_eq!(event["data"]["before"], Value::Null);
            for name in ["authid", "correlationid", "causationid", "traceparent"] {
                assert!(event.get(name).is_none(), "{name} in {event}");
            }
        }
        assert_eq!(mine[1]["type"], "data.row.inserted");
        let (yours, _) = seen(&home, &running, "you", 13);
        let keys: Vec<&str> = rows(&yours).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, ["public.note/2", "public.note/4", "public.note/4", wanted[3].0]);
        assert_eq!(rows(&seen(&home, &running, "nobody", 13).0), [(wanted[3].0, plain)]);
        // Waiting passes by what others may see.
        write(&home, &running, "POST", "/note", &json!({"id": 6, "owner": "you"}));
        let request = Request::get("/events/v1?after=13&wait=1").header("authorization", token("me"));
        assert_eq!(text(&home.ask(&running, request, "")), "[]");
        // Groups are for those who see everything.
        let request = Request::get("/events/v1/groups").header("authorization", token("me"));
        assert_eq!(home.ask(&running, request, "").status(), 403);
        home.stop(running);
    }

    fn what_was_revoked_is_not_seen_any_more_and_roles_must_be_named(engine) {
        let mut home = home(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        write(&home, &running, "POST", "/note", &json!({"id": 1, "owner": "me", "body": "mine"}));
        write(&home, &running, "POST", "/plain", &json!({"a": 1, "b": "x"}));
        assert_eq!(seen(&home, &running, "me", 2).0.len(), 2);
        home.stop(running);
        let revoke = "revoke select on plain from authenticated; revoke select (body) on note from authenticated;";
        std::fs::write(home.folder.join("migrations/0002_revoke.sql"), revoke).unwrap();
        let running = home.start().unwrap();
        let (left, _) = seen(&home, &running, "me", 2);
        assert_eq!(rows(&left), [("public.note/1", r#"{"id":1,"owner":"me","price":null}"#.to_owned())]);
        home.stop(running);
        home.app.settings.events.reader_roles.clear();
        let running = home.start().unwrap();
        let request = Request::get("/events/v1").header("authorization", token("me"));
        assert_eq!(home.ask(&running, request, "").status(), 403);
        assert_eq!(home.get(&running, "/events/v1").0, 403);
        home.stop(running);
    }
}
