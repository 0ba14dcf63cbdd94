//! Events on the wire: `CloudEvents` 1.0 in the JSON format (specs `cloudevents/spec` and `cloudevents/formats/json-format`, 1.0.2).

use kernel::Micros;

use crate::model::Logged;

/// The media type of a list of events.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// The bytes of a list of events.
pub fn batch(events: &[Logged]) -> Vec<u8> {
    let mut out = Vec::with_capacity(events.iter().map(|event| event.data.len() + 512).sum());
    out.push(b'[');
    for (number, event) in events.iter().enumerate() {
        if number > 0 {
            out.extend_from_slice(b",\n ");
        }
        write(event, &mut out);
    }
    out.push(b']');
    out
}

/// Appends one event as a JSON object.
pub fn write(event: &Logged, out: &mut Vec<u8>) {
    let room = event.kind.split('.').next().unwrap_or_default();
    out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    member("id", &event.id.to_string(), out);
    member("source", &format!("/projects/default/{room}"), out);
    member("type", &event.kind, out);
    member("subject", &event.subject, out);
    if let Some(time) = Micros(event.at).to_text() {
        member("time", &String::from_utf8_lossy(&time), out);
    }
    member("datacontenttype", "application/json", out);
    // Readers compare these as text: twenty digits keep their order.
    member("sequence", &format!("{:020}", event.position), out);
    member("partitionkey", &event.key, out);
    if !event.unit.is_empty() {
        member("causationid", &event.unit, out);
    }
    let context: Context = serde_json::from_str(&event.context).unwrap_or_default();
    for (name, value) in [
        ("correlationid", context.request.as_deref()),
        ("traceparent", context.trace.as_deref()),
        ("authtype", Some(context.actor.kind())),
        ("authid", context.actor.sub.as_deref()),
    ] {
        if let Some(value) = value {
            member(name, value, out);
        }
    }
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(event.data.as_bytes());
    out.push(b'}');
}

fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    values::write_json_string(name, out);
    out.push(b':');
    values::write_json_string(value, out);
}

/// What stands beside each event.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Context {
    actor: Actor,
    request: Option<String>,
    trace: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Actor {
    role: String,
    sub: Option<String>,
}

impl Actor {
    /// The word of the `CloudEvents` auth context extension.
    fn kind(&self) -> &'static str {
        match (self.role.as_str(), &self.sub) {
            (_, Some(_)) => "app_user",
            ("anon", None) => "unauthenticated",
            ("mainstay", None) => "system",
            ("service_role", None) => "service_account",
            _ => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_what_cloudevents_asks_for() {
        let event = Logged {
            position: 17,
            id: 18,
            unit: "unit_1".to_owned(),
            kind: "data.row.inserted".to_owned(),
            subject: "public.song".to_owned(),
            key: "public.song/1".to_owned(),
            data: r#"{"before":null,"after":{"id":1}}"#.to_owned(),
            context: r#"{"actor":{"role":"authenticated","sub":"u"},"request":"r","trace":"00-a-b-01"}"#.to_owned(),
            at: 1_700_000_000_000_000,
        };
        let text = String::from_utf8(batch(&[event])).unwrap();
        let want = concat!(
            r#"[{"specversion":"1.0","id":"18","source":"/projects/default/data","type":"data.row.inserted","subject":"public.song","#,
            r#""time":"2023-11-14T22:13:20.000000Z","datacontenttype":"application/json","sequence":"00000000000000000017","#,
            r#""partitionkey":"public.song/1","causationid":"unit_1","correlationid":"r","traceparent":"00-a-b-01","#,
            r#""authtype":"app_user","authid":"u","data":{"before":null,"after":{"id":1}}}]"#
        );
        assert_eq!(text, want);
        assert_eq!(batch(&[]), b"[]");
    }
}
