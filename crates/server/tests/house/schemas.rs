//! Schemas of events: registered, compared, and asked of what comes in, on both engines.

use http::Request;
use serde_json::{Value, json};
use server::Running;

use crate::support::{Home, SCHEMA, service};

fn ask(home: &Home, running: &Running, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("/events/v1{path}"));
    let request =
        request.header("authorization", service(running)).header("content-type", "application/cloudevents+json");
    let answer = home.ask(running, request, body);
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

fn event(id: u32, more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"org.example.sold"{more}}}"#)
}

const V1: &str =
    r#"{"type":"object","properties":{"price":{"type":"integer"}},"required":["price"],"additionalProperties":false}"#;
const V2: &str = r#"{"type":"object","properties":{"price":{"type":"number"},"note":{"type":"string"}},"required":["price"],"additionalProperties":false}"#;
const V3: &str = r#"{"type":"object","properties":{"price":{"type":"number"},"note":{"type":"string"}},"required":["price","note"],"additionalProperties":false}"#;

testkit::both! {
    fn schemas_are_registered_compared_and_removed(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let sold = "/schemas/org.example.sold";
        let ask = |method: &str, path: &str, body: &str| ask(&home, &running, method, path, body);
        assert_eq!(ask("GET", sold, "").0, 404);
        assert_eq!(ask("POST", sold, V1), (201, json!({"type": "org.example.sold", "version": 1})));
        assert_eq!(ask("POST", sold, V1), (200, json!({"type": "org.example.sold", "version": 1})));
        assert_eq!(ask("PUT", &format!("{sold}/1"), V2).1["code"], "schemas.version_taken");
        assert_eq!(ask("PUT", &format!("{sold}/3"), V2).1["code"], "schemas.version_taken");
        assert_eq!(ask("PUT", &format!("{sold}/2"), V2).0, 201);
        assert_eq!(ask("PUT", &format!("{sold}/2"), V2).0, 200);
        // Backward: what was valid stays valid. The place that asks for more is named.
        let (status, refused) = ask("POST", sold, V3);
        assert_eq!((status, &refused["code"]), (409, &json!("schemas.incompatible")));
        assert_eq!(refused["fields"][0]["path"], "/required");
        // Forward is the other way round.
        assert_eq!(ask("PUT", sold, r#"{"compatibility":"forward"}"#).0, 204);
        assert_eq!(ask("POST", sold, V3).0, 201);
        assert_eq!(ask("PUT", sold, r#"{"compatibility":"forward_transitive"}"#).0, 204);
        assert_eq!(ask("POST", sold, V2).0, 409);
        assert_eq!(ask("PUT", sold, r#"{"compatibility":"sideways"}"#).0, 400);
        assert_eq!(ask("PUT", sold, r#"{"compatibility":"none"}"#).0, 204);
        assert_eq!(ask("POST", sold, r#"{"type":"null"}"#).0, 201);
        let shown = json!({"type": "org.example.sold", "compatibility": "none", "versions": [1, 2, 3, 4]});
        assert_eq!(ask("GET", sold, ""), (200, shown.clone()));
        assert_eq!(ask("GET", "/schemas", ""), (200, json!({"schemas": [shown]})));
        assert_eq!(ask("GET", &format!("{sold}/latest"), ""), (200, json!({"type": "null"})));
        assert_eq!(ask("GET", &format!("{sold}/2"), "").1, serde_json::from_str::<Value>(V2).unwrap());
        // A number is never given twice.
        assert_eq!(ask("DELETE", &format!("{sold}/4"), "").0, 204);
        assert_eq!(ask("DELETE", &format!("{sold}/4"), "").0, 404);
        assert_eq!(ask("POST", sold, V1).1["version"], 5);
        assert_eq!(ask("DELETE", sold, "").0, 204);
        assert_eq!(ask("GET", sold, "").1["versions"], json!([]));
        assert_eq!(ask("POST", sold, V1).1["version"], 6);
        for (schema, place) in [("{", ""), (r#"{"type":"strange"}"#, "/type"), (r#"{"$schema":"http://json-schema.org/draft-07/schema"}"#, "/$schema")] {
            let (status, refused) = ask("POST", sold, schema);
            assert_eq!((status, &refused["code"], &refused["fields"][0]["path"]), (400, &json!("schemas.schema_invalid"), &json!(place)));
        }
        // Every change is in the log.
        let (_, log) = ask("GET", "?after=0&limit=1000&wait=5", "");
        assert_eq!(log[0]["type"], "schemas.version.registered");
        assert_eq!((&log[0]["subject"], &log[0]["data"]), (&json!("schemas/org.example.sold"), &json!({"version": 1})));
        // And nobody else may.
        let nobody = Request::get("/events/v1/schemas");
        assert_eq!(home.ask(&running, nobody, "").status(), 403);
        home.stop(running);
    }

    fn events_that_do_not_fit_their_schema_are_refused_by_pointer(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let ask = |method: &str, path: &str, body: &str| ask(&home, &running, method, path, body);
        assert_eq!(ask("POST", "", &event(1, r#","data":{"price":"dear"}"#)).0, 202);
        assert_eq!(ask("POST", "/schemas/org.example.sold", V1).0, 201);
        for (id, more, place) in [
            (2, r#","data":{"price":"dear"}"#, "/data/price"),
            (3, r#","data":{"cost":1}"#, "/data"),
            (4, "", "/data"),
            (5, r#","data_base64":"AA==""#, "/data"),
            (6, r#","dataschema":"https://x.example/events/v1/schemas/org.example.sold/9","data":{"price":1}"#, "/dataschema"),
            (7, r#","dataschema":"https://x.example/events/v1/schemas/other/1","data":{"price":1}"#, "/dataschema"),
        ] {
            let (status, refused) = ask("POST", "", &event(id, more));
            assert_eq!((status, &refused["code"]), (422, &json!("schemas.data_refused")), "{more}");
            let places: Vec<&str> = refused["fields"].as_array().unwrap().iter().map(|field| field["path"].as_str().unwrap()).collect();
            assert!(places.contains(&place), "{more} {places:?}");
        }
        assert_eq!(ask("POST", "", &event(8, r#","data":{"price":1}"#)).0, 202);
        // The latest version counts, unless the event names another one.
        assert_eq!(ask("POST", "/schemas/org.example.sold", V2).0, 201);
        assert_eq!(ask("POST", "", &event(9, r#","data":{"price":1.5,"note":"n"}"#)).0, 202);
        let first = r#","dataschema":"/x","data":{"price":1.5}"#.replace("/x", "https://x.example/events/v1/schemas/org.example.sold/1");
        assert_eq!(ask("POST", "", &event(10, &first)).0, 422);
        // In a batch each stands for itself, unless the sender wants all or nothing.
        let batch = format!("[{},{}]", event(11, r#","data":{"price":1}"#), event(12, r#","data":{"price":null}"#));
        let send = |prefer: &str| {
            let request = Request::post("/events/v1").header("authorization", service(&running)).header("prefer", prefer);
            let answer = home.ask(&running, request.header("content-type", "application/cloudevents-batch+json"), &batch);
            (answer.status().as_u16(), serde_json::from_slice::<Value>(answer.body()).unwrap())
        };
        let (status, refused) = send("handling=strict");
        assert_eq!((status, &refused["fields"][0]["path"]), (422, &json!("/1/data/price")));
        let (status, told) = send("handling=lenient");
        assert_eq!((status, &told[0]["status"], &told[1]["status"], &told[1]["at"]), (200, &json!(202), &json!(422), &json!("/1/data/price")));
        // Without its schema a type takes anything again.
        assert_eq!(ask("DELETE", "/schemas/org.example.sold", "").0, 204);
        assert_eq!(ask("POST", "", &event(13, r#","data":7"#)).0, 202);
        ask("GET", "?after=7&wait=25", "");
        let (_, log) = ask("GET", "?after=0&limit=1000", "");
        let ids: Vec<&str> = log.as_array().unwrap().iter().filter(|e| e["source"] == "/s").map(|e| e["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["1", "8", "9", "11", "13"]);
        home.stop(running);
    }

    fn schemas_of_the_apps_folder_are_registered_at_start(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let folder = home.folder.join("schemas").join("org.example.sold");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("1.json"), V1).unwrap();
        std::fs::write(folder.join("2.json"), V2).unwrap();
        for _ in 0..2 {
            let running = home.start().unwrap();
            assert_eq!(ask(&home, &running, "GET", "/schemas/org.example.sold", "").1["versions"], json!([1, 2]));
            home.stop(running);
        }
        // What was registered does not change, and what follows has to be compatible: the start says so.
        std::fs::write(folder.join("3.json"), V3).unwrap();
        let refused = home.start().err().unwrap().to_string();
        assert!(refused.contains("schemas/org.example.sold/3.json") && refused.contains("/required"), "{refused}");
        std::fs::remove_file(folder.join("3.json")).unwrap();
        std::fs::write(folder.join("2.json"), V3).unwrap();
        assert!(home.start().err().unwrap().to_string().contains("says something else"));
    }
}
