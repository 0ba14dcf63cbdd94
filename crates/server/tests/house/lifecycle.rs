//! A house from start to end, on both engines.

use crate::support::{Home, SCHEMA, service, text};
use http::Request;

fn failure(result: Result<server::Running, server::Failure>) -> server::Failure {
    match result {
        Ok(_) => panic!("it started"),
        Err(failure) => failure,
    }
}

testkit::both! {
    fn a_folder_is_served_and_what_was_written_is_there_after_a_restart(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        assert_eq!(home.get(&running, "/rest/v1/song?select=title&order=id&limit=1"), (200, r#"[{"title":"One"}]"#.to_owned()));
        assert_eq!(home.get(&running, "/rest/v1/diary").0, 401);
        let post = Request::post("/rest/v1/song").header("authorization", service(&running)).header("content-type", "application/json");
        assert_eq!(home.ask(&running, post, r#"{"id":3,"title":"Three"}"#).status(), 201);
        let (anon, key) = (running.keys.anon.clone(), service(&running));
        home.stop(running);

        let running = home.start().unwrap();
        assert_eq!((&running.keys.anon, service(&running)), (&anon, key));
        assert_eq!(home.get(&running, "/rest/v1/song?select=title&id=eq.3"), (200, r#"[{"title":"Three"}]"#.to_owned()));
        home.stop(running);
    }

    fn what_a_request_waits_in_is_small(engine) {
        // It is moved from place to place, and there is one for each request under way: twenty kilobytes were a tenth of an insert's time.
        const BYTES_MAX: usize = 4608;
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let app = web::App::new(
            running.routes.clone(),
            web::Limits::default(),
            web::Cors::default(),
            std::sync::Arc::default(),
            std::sync::Arc::new(kernel::SystemClock),
            std::sync::Arc::new(kernel::SystemRandom),
        );
        let request = Request::get("/rest/v1/song").body(bytes::Bytes::new()).unwrap();
        let bytes = size_of_val(&app.answer(request, web::Peer::Inside));
        assert!(bytes <= BYTES_MAX, "{bytes} bytes; put the futures of rare ways on the heap (Box::pin)");
        home.stop(running);
    }

    fn callers_are_told_apart_and_refused_in_the_dialects_words(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let key = service(&running);
        let apikey = key.trim_start_matches("Bearer ");
        let anon = running.keys.anon.clone().unwrap();
        for (path, headers, status, holds) in [
            ("/rest/v1/diary", vec![("authorization", key.as_str())], 200, "[]"),
            ("/rest/v1/diary", vec![("apikey", apikey)], 200, "[]"),
            ("/rest/v1/diary", vec![("apikey", anon.as_str())], 401, "42501"),
            ("/rest/v1/diary", vec![("apikey", apikey), ("authorization", &format!("Bearer {anon}"))], 401, "42501"),
            ("/rest/v1/song", vec![("authorization", "Bearer x.y")], 401, "PGRST301"),
            ("/rest/v1/song", vec![("prefer", "handling=lenient, caf\u{e9}=1")], 200, "One"),
            ("/rest/v1/nothing", vec![], 404, "PGRST205"),
            ("/rest/v1/a/b", vec![], 404, "PGRST125"),
            ("/rest/v1/song?id=foo.1", vec![], 400, "PGRST100"),
            ("/rest/v1/song?id=eq.x", vec![], 400, "22P02"),
        ] {
            let request = headers.iter().fold(Request::get(path), |request, (name, value)| {
                request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap())
            });
            let answer = home.ask(&running, request, "");
            let body = text(&answer);
            assert_eq!(answer.status().as_u16(), status, "{path} {headers:?} {body}");
            assert!(body.contains(holds), "{path} {headers:?} {body}");
            assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401, "{path}");
            assert!(answer.headers().contains_key("x-request-id"));
        }
        home.stop(running);
    }

    fn what_is_beside_the_data_answers_too(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| settings.limits.body_bytes_max = 100);
        let running = home.start().unwrap();
        for (path, status, holds) in [
            ("/", 200, "\"rest\":\"/rest/v1\""),
            ("/livez", 200, "ok"),
            ("/startupz", 200, "ok"),
            ("/readyz?verbose", 200, "\"name\":\"store\""),
            ("/metrics", 200, "catalog_relations "),
            ("/docs", 200, "<"),
            ("/openapi.json", 200, "/song"),
            ("/nothing", 404, "not_found"),
            ("/rest", 404, "not_found"),
        ] {
            let (found, body) = home.get(&running, path);
            assert_eq!(found, status, "{path} {body}");
            assert!(body.contains(holds), "{path} {body}");
        }
        // What anonymous callers may not read is not described to them.
        assert!(!home.get(&running, "/openapi.json").1.contains("/diary"));
        let as_service = home.ask(&running, Request::get("/openapi.json").header("authorization", service(&running)), "");
        assert!(text(&as_service).contains("/diary"));

        let refused = home.ask(&running, Request::post("/livez"), "");
        assert_eq!((refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()), (405, "GET, HEAD"));
        let head = home.ask(&running, Request::head("/rest/v1/song"), "");
        assert_eq!((head.status().as_u16(), head.body().len(), head.headers().contains_key("content-length")), (200, 0, false));
        let long = format!("[{}]", "1,".repeat(100));
        let refused = home.ask(&running, Request::post("/rest/v1/song").header("authorization", service(&running)), &long);
        assert_eq!(refused.status(), 413);
        assert!(text(&refused).contains("\"code\":\"web.body_too_large\""), "{}", text(&refused));
        let preflight = Request::options("/rest/v1/song").header("origin", "http://a.b").header("access-control-request-method", "GET");
        assert_eq!(home.ask(&running, preflight, "").headers()["access-control-allow-origin"], "*");
        home.stop(running);
    }

    fn a_refused_migration_says_where_and_nothing_starts(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA), ("0002_bad.sql", "select 1;\ncreate table song (id integer);\n")]);
        let failure = failure(home.start());
        assert_eq!(failure.exit_code(), 3, "{failure}");
        let words = failure.to_string();
        assert!(words.contains("0002_bad.sql:2:") && words.contains("42P07"), "{words}");
    }

    fn without_leave_to_migrate_a_pending_file_stops_the_start(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| settings.store.migrate_at_start = false);
        let failure = failure(home.start());
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.to_string().contains("mainstay db migrate"), "{failure}");
    }

    fn an_app_without_migrations_starts_and_says_so(engine) {
        let home = Home::new(engine, &[]);
        std::fs::remove_dir(home.folder.join("migrations")).unwrap();
        let running = home.start().unwrap();
        assert!(running.notices.concat().contains("no migrations folder"), "{:?}", running.notices);
        assert_eq!(home.get(&running, "/readyz").0, 200);
        home.stop(running);
    }

    fn requests_without_a_token_are_refused_when_there_is_no_anonymous_role(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| settings.auth.anon_role = String::new());
        let running = home.start().unwrap();
        assert_eq!(running.keys.anon, None);
        let (status, body) = home.get(&running, "/rest/v1/song");
        assert_eq!(status, 401);
        assert!(body.contains("PGRST302"), "{body}");
        home.stop(running);
    }
}

#[test]
fn two_houses_do_not_share_an_embedded_database() {
    let home = Home::new(testkit::Engine::Sqlite, &[("0001_schema.sql", SCHEMA)]);
    let running = home.start().unwrap();
    let failure = failure(home.start());
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.to_string().contains("another process is serving"), "{failure}");
    home.stop(running);
    home.stop(home.start().unwrap());
}
