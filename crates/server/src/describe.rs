//! What the API's description says of `/events/v1`, to those who may use it. The data room describes `/rest/v1` and knows nothing else.

use bytes::Bytes;
use serde_json::{Value, json};

/// The description with the paths of events in it. `base` is the address they are under; `reads` and `sends` what the caller may do.
pub(crate) fn with_events(description: Bytes, base: &str, reads: bool, sends: bool) -> Bytes {
    const PATHS: &str = "\"paths\":{";
    if !reads && !sends {
        return description;
    }
    let Ok(text) = std::str::from_utf8(&description) else { return description };
    let Some(at) = text.find(PATHS).map(|at| at + PATHS.len()) else { return description };
    let mut found = Vec::new();
    for (path, item) in paths(base, reads, sends) {
        found.push(format!("{}:{item}", Value::from(path)));
    }
    let (before, after) = text.split_at(at);
    let comma = if after.starts_with('}') { "" } else { "," };
    Bytes::from(format!("{before}{}{comma}{after}", found.join(",")))
}

fn paths(base: &str, reads: bool, sends: bool) -> Vec<(&'static str, Value)> {
    let event = json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"}, "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "format": "uri-reference", "minLength": 1}, "type": {"type": "string", "minLength": 1},
            "subject": {"type": "string"}, "time": {"type": "string", "format": "date-time"}, "dataschema": {"type": "string", "format": "uri"},
            "datacontenttype": {"type": "string"}, "data": {}, "data_base64": {"type": "string", "contentEncoding": "base64"},
        },
    });
    let events = json!({"type": "array", "items": event});
    let said = |text: &str| json!({"description": text});
    let query = |name: &str, text: &str| json!({"name": name, "in": "query", "description": text, "schema": {"type": "integer", "minimum": 0}});
    let servers = json!([{"url": if base.is_empty() { "/" } else { base }}]);
    let mut log = json!({"servers": servers});
    if reads {
        log["get"] = json!({
            "tags": ["events"], "summary": "Read the log of events",
            "parameters": [
                query("after", "The last sequence that was seen."),
                query("limit", "How many at most."),
                query("wait", "Seconds to wait for the first; at most 25."),
            ],
            "responses": {
                "200": {"description": "Events in the order of their sequence.", "content": {cloudevents::BATCH: {"schema": events}}},
                "410": said("What follows this place is forgotten."),
            },
        });
    }
    if sends {
        log["post"] = json!({
            "tags": ["events"], "summary": "Send events",
            "description": "CloudEvents 1.0 in structured, batch or binary mode. An event that comes again is acknowledged and dropped.",
            "parameters": [
                {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},
                {"name": "Prefer", "in": "header", "description": "`handling=strict`: all of a batch or nothing.", "schema": {"type": "string"}},
            ],
            "requestBody": {"required": true, "content": {
                cloudevents::STRUCTURED: {"schema": event}, cloudevents::BATCH: {"schema": events}, "*/*": {"schema": {}},
            }},
            "responses": {
                "202": said("The event is in the log."),
                "200": said("A result for each event of a batch."),
                "400": said("Not a CloudEvent; the place is named."),
                "413": said("Too large."), "415": said("A format that is not read."),
                "422": said("The data does not fit the schema of its type."), "429": said("Come again after Retry-After."),
            },
        });
    }
    let path = |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let schema = json!({"required": true, "content": {"application/schema+json": {"schema": {"type": "object"}}}});
    let list = json!({"servers": servers, "get": {"tags": ["events"], "summary": "Types of events that have schemas", "responses": {"200": said("Types with their versions.")}}});
    let mut kind = json!({
        "servers": servers, "parameters": [path("type")],
        "get": {"tags": ["events"], "summary": "The schemas of a type", "responses": {"200": said("Its versions."), "404": said("There are none.")}},
    });
    let mut version = json!({
        "servers": servers, "parameters": [path("type"), path("version")],
        "get": {"tags": ["events"], "summary": "A schema", "responses": {"200": said("The schema."), "404": said("There is none.")}},
    });
    // Whoever reads everything may change the registry, too.
    if reads {
        let made = json!({"201": said("Registered."), "200": said("It is registered already."), "400": said("Not a usable schema."), "409": said("Not compatible, or not the next version.")});
        let gone = json!({"204": said("Removed."), "404": said("There is none.")});
        kind["post"] = json!({"tags": ["events"], "summary": "Register the next version of a schema", "requestBody": schema, "responses": made});
        kind["put"] = json!({
            "tags": ["events"], "summary": "Say what new versions must keep",
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object", "required": ["compatibility"],
                "properties": {"compatibility": {"enum": schemas::Compatibility::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>()}},
            }}}},
            "responses": {"204": said("Said.")},
        });
        kind["delete"] = json!({"tags": ["events"], "summary": "Remove all schemas of a type", "responses": gone});
        version["put"] = json!({"tags": ["events"], "summary": "Register a version of a schema", "requestBody": schema, "responses": made});
        version["delete"] = json!({"tags": ["events"], "summary": "Remove a version of a schema", "responses": gone});
    }
    vec![
        ("/events/v1", log),
        ("/events/v1/schemas", list),
        ("/events/v1/schemas/{type}", kind),
        ("/events/v1/schemas/{type}/{version}", version),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_are_told_to_those_who_may_use_them() {
        for (given, reads, sends, wanted) in [
            (r#"{"openapi":"3.1.0","paths":{},"x":1}"#, true, true, 4),
            (r#"{"info":{"title":"\"paths\":{"},"paths":{"/a":{}}}"#, false, true, 5),
            (r#"{"paths":{"/a":{}}}"#, false, false, 1),
        ] {
            let told: Value =
                serde_json::from_slice(&with_events(Bytes::from(given), "http://x", reads, sends)).unwrap();
            let paths = told["paths"].as_object().unwrap();
            assert_eq!(paths.len(), wanted, "{given}");
            if let Some(log) = paths.get("/events/v1") {
                assert_eq!((log.get("get").is_some(), log.get("post").is_some()), (reads, sends));
                assert_eq!(log["servers"][0]["url"], "http://x");
                assert_eq!(paths["/events/v1/schemas/{type}"].get("delete").is_some(), reads);
            }
        }
    }
}
