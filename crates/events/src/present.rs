//! Events on the wire: `CloudEvents` 1.0 in the JSON format (specs `cloudevents/spec` and `cloudevents/formats/json-format`, 1.0.2).

use cloudevents::Writer;
use kernel::Micros;

use crate::intake::{POSITION, TAKEN};
use crate::model::Logged;

pub use cloudevents::BATCH;

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
    // Readers compare these as text: twenty digits keep their order.
    let sequence = format!("{:020}", event.position);
    if let Some(rest) = event.data.strip_prefix(TAKEN) {
        // As it came, with its place behind the version.
        let mut writer = Writer::begin(out);
        writer.text(if rest.starts_with(",\"sequence\":") { POSITION } else { "sequence" }, &sequence);
        return out.extend_from_slice(rest.as_bytes());
    }
    let mut writer = Writer::begin(out);
    let room = event.kind.split('.').next().unwrap_or_default();
    writer.text("id", &event.id.to_string());
    writer.text("source", &format!("/projects/default/{room}"));
    writer.text("type", &event.kind);
    writer.text("subject", &event.subject);
    if let Some(time) = Micros(event.at).to_text() {
        writer.text("time", &String::from_utf8_lossy(&time));
    }
    writer.text("datacontenttype", "application/json");
    writer.text("sequence", &sequence);
    writer.text("partitionkey", &event.key);
    if !event.unit.is_empty() {
        writer.text("causationid", &event.unit);
    }
    let context: Context = serde_json::from_str(&event.context).unwrap_or_default();
    for (name, value) in [
        ("correlationid", context.request.as_deref()),
        ("traceparent", context.trace.as_deref()),
        ("authtype", Some(context.actor.kind())),
        ("authid", context.actor.sub.as_deref()),
    ] {
        if let Some(value) = value {
            writer.text(name, value);
        }
    }
    writer.json(&event.data);
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

    #[test]
    fn a_taken_event_is_shown_as_it_came_with_its_place() {
        for (sent, shown) in [
            (
                r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"b": 1.0}}"#,
                r#"{"specversion":"1.0","sequence":"00000000000000000017","id":"1","source":"/s","type":"t","data":{"b": 1.0}}"#,
            ),
            (
                r#"{"specversion":"1.0","sequence":"5","id":"1","source":"/s","type":"t"}"#,
                r#"{"specversion":"1.0","mainstayposition":"00000000000000000017","sequence":"5","id":"1","source":"/s","type":"t"}"#,
            ),
        ] {
            let event = Logged {
                position: 17,
                id: 18,
                unit: "unit_1".to_owned(),
                kind: "t".to_owned(),
                subject: "/s".to_owned(),
                key: "/s".to_owned(),
                data: sent.to_owned(),
                context: "{}".to_owned(),
                at: 0,
            };
            let mut out = Vec::new();
            write(&event, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), shown);
            assert!(event.is_taken());
        }
    }
}
