//! The description and the API say the same: it is held against kept snapshots, and against what the API really answers.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it expects")]

mod place;

use std::fmt::Write as _;
use std::path::Path;

use place::Place;
use serde_json::Value;

const ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];
const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// JSON in lines, members in their order: an object or a list that is deep inside stands on one line.
fn lines(text: &str) -> String {
    const DEEP: usize = 6;
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    for c in text.chars() {
        let outside = !quoted;
        if !escaped && c == '"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && c == '\\';
        let feed = |out: &mut String, level: usize, depth: usize| {
            if level <= DEEP {
                let _ = write!(out, "\n{}", " ".repeat(depth));
            }
        };
        if outside && matches!(c, '}' | ']') {
            depth -= 1;
            feed(&mut out, depth + 1, depth);
        }
        out.push(c);
        if outside && matches!(c, '{' | '[') {
            depth += 1;
            feed(&mut out, depth, depth);
        } else if outside && c == ',' {
            feed(&mut out, depth, depth);
        }
    }
    out.push('\n');
    out
}

/// The relation's name in a path.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::new(), 1);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&path[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn encoded(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b == b'_' { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

testkit::both! {
    fn both_engines_describe_chinook_in_the_same_bytes(engine) {
        let place = Place::new("chinook", engine, &[]);
        for role in ROLES {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/openapi/chinook-{role}.json"));
            let found = lines(&place.described(role));
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&path, &found).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            let differs = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
            assert!(kept == found, "{} differs (BLESS=1 updates it): {differs:?}", path.display());
        }
    }

    fn every_operation_that_is_described_is_there(engine) {
        for (app, settings) in [("chinook", [("data.schemas", "public")]), ("zoo", [("data.schemas", "public,api2")])] {
            let place = Place::new(app, engine, &settings);
            for role in ROLES {
                let document: Value = serde_json::from_str(&place.described(role)).unwrap();
                let tags = document["tags"].as_array().unwrap();
                for (path, item) in document["paths"].as_object().unwrap() {
                    for verb in VERBS {
                        let Some(operation) = item.get(verb) else { continue };
                        let parameters = operation["parameters"].as_array().unwrap();
                        let filter = parameters.iter().find(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap());
                        // Of some relations not every column may be read: the description says which.
                        let tag = tags.iter().find(|tag| tag["name"] == operation["tags"][0]).unwrap();
                        let select = tag["x-select"].as_str().unwrap_or("*");
                        let rows = filter.map(|name| format!("?{}=is.null", encoded(name))).unwrap_or_default();
                        let profiles = parameters.iter().find(|p| p["name"].as_str().is_some_and(|name| name.ends_with("-Profile")));
                        let profiles = profiles.map_or(vec![None], |p| p["schema"]["enum"].as_array().unwrap().iter().map(Value::as_str).collect());
                        for profile in profiles {
                            let (target, body) = match verb {
                                "get" => (format!("{path}?limit=1&select={select}"), ""),
                                "post" => (path.clone(), "{}"),
                                "delete" => (format!("{path}{rows}"), ""),
                                _ => (format!("{path}{rows}"), "{}"),
                            };
                            let answer = place.ask(role, &verb.to_uppercase(), &target, body, profile);
                            let text = String::from_utf8_lossy(answer.body.as_deref().unwrap_or_default()).into_owned();
                            // PUT wants the key's values, which nobody knows here.
                            if verb == "put" && text.contains("PGRST105") {
                                continue;
                            }
                            assert!(answer.status < 500 && ![404, 405, 406].contains(&answer.status), "{role} {verb} {target} {}: {text}", answer.status);
                            assert!(verb != "get" || matches!(answer.status, 200 | 206), "{role} {target} {}: {text}", answer.status);
                            // Row policies may refuse; a missing privilege may not. A new row without a key that the role may not give is
                            // refused in other words by each engine.
                            assert!(verb == "post" || !text.contains("permission denied for"), "{role} {verb} {target} {text}");
                        }
                    }
                }
            }
        }
    }

    fn what_may_not_be_read_is_not_described_and_all_else_is(engine) {
        for app in ["chinook", "zoo"] {
            let place = Place::new(app, engine, &[]);
            let catalog = place.data().derived().catalog.clone();
            for role in ROLES {
                let text = place.described(role);
                let document: Value = serde_json::from_str(&text).unwrap();
                let paths = document["paths"].as_object().unwrap();
                for relation in catalog.relations.values().filter(|relation| &*relation.name.schema == "public") {
                    let name = &*relation.name.name;
                    let item = paths.iter().find(|(path, _)| decoded(path) == name).map(|(_, item)| item);
                    let read = item.and_then(|item| item.get("get"));
                    if item.is_none() {
                        assert!(!text.contains(&format!("`{name}`")), "{role} is told of {name}");
                    }
                    let row = read.is_some_and(|get| get["responses"]["200"]["content"]["text/csv"].is_object());
                    assert_eq!(row, read.is_some());
                    for column in &relation.columns {
                        let target = format!("/{}?limit=0&select={}", encoded(name), encoded(&format!("\"{}\"", column.name)));
                        let answer = place.ask(role, "GET", &target, "", None);
                        let described = read.is_some_and(|get| {
                            let row = get["responses"]["200"]["content"]["application/vnd.pgrst.object+json"]["schema"]["$ref"].as_str().unwrap();
                            let row = document.pointer(row.trim_start_matches('#')).unwrap();
                            row["properties"].get(&*column.name).is_some()
                        });
                        assert_eq!(answer.status < 300, described, "{role} {target} {}", answer.status);
                    }
                }
            }
        }
    }

    fn the_mode_decides_who_is_told(engine) {
        let all = Place::new("zoo", engine, &[("data.openapi_mode", "ignore-privileges")]);
        assert_eq!(all.described("anon"), all.described("service_role"));
        assert!(all.described("anon").contains("\"/vault\""));
        let none = Place::new("zoo", engine, &[("data.openapi_mode", "disabled")]);
        for (target, method) in [("/", "GET"), ("/", "HEAD"), ("", "GET")] {
            assert_eq!(none.ask("service_role", method, target, "", None).status, 404);
        }
        assert_eq!(none.ask("anon", "OPTIONS", "/", "", None).status, 200);
    }
}

#[test]
fn lines_break_outside_of_texts_only() {
    assert_eq!(lines(r#"{"a":["x,{\"",2],"b":{}}"#), "{\n \"a\":[\n  \"x,{\\\"\",\n  2\n ],\n \"b\":{\n  \n }\n}\n");
}
