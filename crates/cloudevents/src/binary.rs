//! Binary mode: attributes in headers named `ce-…`, data in the body, the data's type in `Content-Type`.

use std::fmt::Write as _;

use crate::json::sound;
use crate::media::{is_json, is_text, is_utf8_type};
use crate::model::{Attribute, CloudEvent, Data, Fault};
use crate::rules::Draft;

/// How names of attributes begin in headers.
const PREFIX: &str = "ce-";

/// A message in binary mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The headers of its attributes, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Reads an event from headers, with their names in lower case, and a body. Headers that do not begin with `ce-` mean nothing here.
///
/// # Errors
/// What is wrong with it, by header; `body` for the data.
pub fn binary<'h>(
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<CloudEvent, Fault> {
    let mut draft = Draft::default();
    let mut seen: Vec<&str> = Vec::new();
    for (header, value) in headers {
        let Some(name) = header.strip_prefix(PREFIX) else { continue };
        if seen.contains(&name) {
            return Err(Fault::new(header, "there twice"));
        }
        seen.push(name);
        if name == "datacontenttype" {
            return Err(Fault::new(header, "the data's type is said by Content-Type"));
        }
        draft.take(name, Attribute::Text(decoded(value).map_err(|why| Fault::new(header, why))?), header)?;
    }
    if let Some(content_type) = content_type {
        draft.take("datacontenttype", Attribute::Text(content_type.to_owned()), "content-type")?;
    }
    let data = match content_type {
        _ if body.is_empty() => Data::None,
        Some(media_type) if is_json(media_type) && is_utf8_type(media_type) => {
            let text = std::str::from_utf8(body).map_err(|_| Fault::new("body", "not UTF-8"))?;
            Data::Json(sound(text, "body")?.to_owned())
        }
        Some(media_type) if !is_json(media_type) && is_text(media_type) => match std::str::from_utf8(body) {
            Ok(text) => Data::Text(text.to_owned()),
            Err(_) => Data::Bytes(body.to_vec()),
        },
        _ => Data::Bytes(body.to_vec()),
    };
    draft.finish(data, |name| format!("{PREFIX}{name}"))
}

impl CloudEvent {
    /// The event in binary mode.
    pub fn to_binary(&self) -> Binary {
        let mut headers = vec![(format!("{PREFIX}specversion"), "1.0".to_owned())];
        let mut add = |name: &str, value: &str| headers.push((format!("{PREFIX}{name}"), encoded(value)));
        for (name, value) in [
            ("id", Some(&self.id)),
            ("source", Some(&self.source)),
            ("type", Some(&self.kind)),
            ("subject", self.subject.as_ref()),
            ("time", self.time.as_ref()),
            ("dataschema", self.dataschema.as_ref()),
        ] {
            if let Some(value) = value {
                add(name, value);
            }
        }
        for (name, value) in &self.extensions {
            add(name, &value.to_text());
        }
        let (said, body) = match &self.data {
            // A reader of binary mode has only the header to know that it is JSON.
            Data::Json(text) => (Some("application/json"), text.clone().into_bytes()),
            Data::Text(text) => (None, text.clone().into_bytes()),
            Data::Bytes(bytes) => (None, bytes.clone()),
            Data::None => (None, Vec::new()),
        };
        Binary { headers, content_type: self.datacontenttype.clone().or_else(|| said.map(str::to_owned)), body }
    }
}

/// A header's value as the binding wants it: spaces, quotes, percent signs and all that is not printable ASCII as UTF-8 in escapes.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => drop(write!(out, "%{byte:02X}")),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// Reads a header's value: the quoted form of old senders first, then one round of escapes.
fn decoded(value: &[u8]) -> Result<String, &'static str> {
    let value = value.trim_ascii();
    let mut plain = Vec::with_capacity(value.len());
    match value {
        [b'"', inside @ .., b'"'] => {
            let mut bytes = inside.iter();
            while let Some(byte) = bytes.next() {
                plain.push(match byte {
                    b'\\' => *bytes.next().ok_or("ends within an escape")?,
                    _ => *byte,
                });
            }
        }
        _ => plain.extend_from_slice(value),
    }
    // A percent sign that begins no escape stands for itself: some senders do not escape at all.
    let digit =
        |at: usize| plain.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(plain.len());
    let mut at = 0;
    while let Some(byte) = plain.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).map_err(|_| "not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::structured;
    use proptest::prelude::*;

    fn read(headers: &[(&str, &str)], content_type: Option<&str>, body: &[u8]) -> Result<CloudEvent, Fault> {
        let must = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
        let all = must.iter().filter(|(name, _)| !headers.iter().any(|(other, _)| other == name)).chain(headers);
        binary(all.map(|(name, value)| (*name, value.as_bytes())), content_type, body)
    }

    #[test]
    fn headers_are_escaped_once_and_only_where_they_have_to_be() {
        for (plain, header) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("100%", "100%25"),
            ("a\"b", "a%22b"),
            ("/a?b=c&d;e,f'g\\h~!", "/a?b=c&d;e,f'g\\h~!"),
        ] {
            assert_eq!(encoded(plain), header);
            assert_eq!(decoded(header.as_bytes()).as_deref(), Ok(plain));
        }
        for (header, plain) in [
            ("%e2%82%ac", Ok("€")),
            ("%41%42", Ok("AB")),
            ("%2525", Ok("%25")),
            ("\"a b\\\"c\\\\\"", Ok("a b\"c\\")),
            ("\"%20\"", Ok(" ")),
            ("  padded  ", Ok("padded")),
            ("€", Ok("€")),
            ("%C0%A0", Err("not UTF-8")),
            ("%4", Ok("%4")),
            ("100% %zz%41", Ok("100% %zzA")),
            ("\"\\\"", Err("ends within an escape")),
        ] {
            assert_eq!(decoded(header.as_bytes()).as_deref().map_err(|why| *why), plain, "{header}");
        }
    }

    #[test]
    fn the_body_is_data_of_the_content_type() {
        for (content_type, body, data) in [
            (Some("application/json"), &b" {\"a\": 1.0} "[..], Data::Json("{\"a\": 1.0}".to_owned())),
            (Some("application/json"), b"null", Data::Json("null".to_owned())),
            (Some("application/json"), b"", Data::None),
            (Some("text/plain"), b"a", Data::Text("a".to_owned())),
            (Some("text/plain"), b"\xff", Data::Bytes(vec![0xff])),
            (Some("text/plain; charset=utf-16"), b"a\0", Data::Bytes(b"a\0".to_vec())),
            (Some("image/png"), b"a", Data::Bytes(b"a".to_vec())),
            (None, b"{}", Data::Bytes(b"{}".to_vec())),
        ] {
            let event = read(&[], content_type, body).unwrap();
            assert_eq!(event.data, data, "{content_type:?}");
            assert_eq!(event.datacontenttype.as_deref(), content_type);
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_header() {
        for (headers, content_type, body, at) in [
            (&[("ce-specversion", "2.0")][..], None, &b""[..], "ce-specversion"),
            (&[("ce-id", "")], None, b"", "ce-id"),
            (&[("ce-source", "%20")], None, b"", "ce-source"),
            (&[("ce-datacontenttype", "a/b")], None, b"", "ce-datacontenttype"),
            (&[("ce-x-y", "a")], None, b"", "ce-x-y"),
            (&[("ce-data", "a")], None, b"", "ce-data"),
            (&[("ce-x", "1"), ("ce-x", "2")], None, b"", "ce-x"),
            (&[("ce-x", "%00")], None, b"", "ce-x"),
            (&[], Some("nonsense"), b"", "content-type"),
            (&[], Some("application/json"), b"{", "body"),
            (&[], Some("application/json"), b"\"\xff\"", "body"),
        ] {
            assert_eq!(read(headers, content_type, body).unwrap_err().at, at);
        }
        let none = binary(std::iter::empty(), None, b"").unwrap_err();
        assert_eq!(none.at, "ce-specversion");
    }

    /// Texts that may stand in an attribute.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{1,12}",
            "[^\\p{C}]{1,12}",
            Just("\"quoted\"".to_owned()),
            Just("%41 %".to_owned()),
            Just(" a ".to_owned()),
        ]
    }

    fn data() -> impl Strategy<Value = (Option<String>, Data)> {
        let json = prop_oneof![
            Just("null".to_owned()),
            Just("{\"b\": 1.10, \"a\":[1E2,\"\\u00e9\"]}".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        let bytes = proptest::collection::vec(any::<u8>(), 1..40);
        let json_type = prop_oneof![Just("application/json"), Just("application/vnd.a+json; v=1")];
        prop_oneof![
            Just((None, Data::None)),
            Just((Some("text/plain".to_owned()), Data::None)),
            (json_type, json).prop_map(|(media, text)| (Some(media.to_owned()), Data::Json(text))),
            "[^\\x00]{1,20}".prop_map(|text| (Some("text/plain".to_owned()), Data::Text(text))),
            bytes.prop_map(|bytes| (Some("application/octet-stream".to_owned()), Data::Bytes(bytes))),
        ]
    }

    fn event() -> impl Strategy<Value = CloudEvent> {
        let extension = ("[a-z][a-z0-9]{0,8}", word().prop_map(Attribute::Text));
        (
            (word(), "/[a-z]{0,8}", word(), proptest::option::of(word())),
            proptest::collection::vec(extension, 0..4),
            data(),
        )
            .prop_map(|((id, source, kind, subject), mut extensions, (datacontenttype, data))| {
                let named = ["id", "source", "type", "subject", "time", "data", "dataschema", "specversion"];
                extensions.retain(|(name, _)| !named.contains(&name.as_str()));
                extensions.sort_by(|a, b| (a.0 != "sequence", &a.0).cmp(&(b.0 != "sequence", &b.0)));
                extensions.dedup_by(|a, b| a.0 == b.0);
                let time = Some("2026-01-31T23:59:59.5+01:00".to_owned());
                CloudEvent { id, source, kind, subject, time, dataschema: None, datacontenttype, extensions, data }
            })
    }

    proptest! {
        #[test]
        fn an_event_is_the_same_in_both_modes(event in event()) {
            let text = event.to_json();
            let structured = structured(text.as_bytes()).unwrap();
            prop_assert_eq!(&structured, &event);
            let message = structured.to_binary();
            let headers = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            for (_, value) in headers.clone() {
                prop_assert!(value.iter().all(|byte| (b'!'..=b'~').contains(byte)));
            }
            let read = binary(headers, message.content_type.as_deref(), &message.body).unwrap();
            prop_assert_eq!(&read, &event);
            prop_assert_eq!(read.to_json(), text);
        }

        #[test]
        fn nothing_that_comes_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            structured(&bytes).ok();
            crate::batch(&bytes, 10, 100).ok();
            binary([("ce-id", &bytes[..])].into_iter(), Some(&text), &bytes).ok();
            crate::Mode::of(Some(&text));
        }
    }
}
