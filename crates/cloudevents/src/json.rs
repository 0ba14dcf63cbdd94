//! The JSON format: one event as an object, several as an array.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::media::is_json;
use crate::model::{Attribute, CloudEvent, Data, Fault};
use crate::rules::Draft;

/// Reads one event.
///
/// # Errors
/// What is wrong with it, by JSON pointer.
pub fn structured(bytes: &[u8]) -> Result<CloudEvent, Fault> {
    let Members(members) = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    let mut draft = Draft::default();
    let (mut data, mut encoded) = (None, None);
    for (position, (name, value)) in members.iter().enumerate() {
        let at = pointer(name);
        if members.iter().take(position).any(|(other, _)| other == name) {
            return Err(Fault::new(at, "there twice"));
        }
        let raw = value.get();
        match name.as_str() {
            "data" => data = Some(raw),
            // Where an attribute is null, it is not there; data may be null.
            _ if raw == "null" => {}
            "data_base64" => encoded = Some(raw),
            _ => draft.take(name, attribute(raw, &at)?, &at)?,
        }
    }
    let data = match (data, encoded) {
        (Some(_), Some(_)) => return Err(Fault::new("/data_base64", "there is data as well")),
        (None, None) => Data::None,
        (None, Some(raw)) => {
            let text: String = serde_json::from_str(raw).map_err(|_| Fault::new("/data_base64", "not a string"))?;
            Data::Bytes(STANDARD.decode(text).map_err(|_| Fault::new("/data_base64", "not base64"))?)
        }
        (Some(raw), None) => match &draft.datacontenttype {
            Some(media_type) if !is_json(media_type) => {
                let why = || Fault::new("/data", format!("not a string, and its type is {media_type}"));
                Data::Text(serde_json::from_str(raw).map_err(|_| why())?)
            }
            _ => Data::Json(sound(raw, "/data")?.to_owned()),
        },
    };
    draft.finish(data, pointer)
}

/// Events read from an array: each, or what is wrong with it.
pub type Batch = Vec<Result<CloudEvent, Fault>>;

/// Why nothing of a list was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchFault {
    /// It has so many elements.
    TooMany(usize),
    /// It is not a JSON array.
    Unreadable(Fault),
}

/// Reads a list of at most so many events of at most so many bytes each.
///
/// # Errors
/// It is not a JSON array, or has more elements than that.
pub fn batch(bytes: &[u8], most: usize, bytes_max: usize) -> Result<Batch, BatchFault> {
    let elements: Vec<&RawValue> =
        serde_json::from_slice(bytes).map_err(|error| BatchFault::Unreadable(unreadable(&error)))?;
    if elements.len() > most {
        return Err(BatchFault::TooMany(elements.len()));
    }
    let read = |element: &&RawValue| {
        let text = element.get();
        if text.len() > bytes_max {
            return Err(Fault::new("", format!("more than {bytes_max} bytes")));
        }
        structured(text.as_bytes())
    };
    Ok(elements.iter().map(read).collect())
}

/// The text, if it is a JSON value that everybody can read: no lone surrogates, no numbers out of range, not nested deeper than 127.
pub(crate) fn sound<'t>(text: &'t str, at: &str) -> Result<&'t str, Fault> {
    serde_json::from_str::<Sound>(text)
        .map_err(|error| Fault::new(at, format!("not JSON that can be read: {error}")))?;
    Ok(text.trim_ascii())
}

fn unreadable(error: &serde_json::Error) -> Fault {
    Fault::new("", format!("this cannot be read: {error}"))
}

fn attribute(raw: &str, at: &str) -> Result<Attribute, Fault> {
    let refuse = |why: &str| Fault::new(at, why);
    match raw.as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str(raw).map(Attribute::Text).map_err(|_| refuse("not a string that can be read"))
        }
        Some(b't') => Ok(Attribute::Boolean(true)),
        Some(b'f') => Ok(Attribute::Boolean(false)),
        Some(b'[' | b'{') => Err(refuse("an attribute is a string, a Boolean or a whole number")),
        _ => raw.parse().map(Attribute::Integer).map_err(|_| refuse("not a whole number of 32 bits")),
    }
}

/// A member's JSON pointer.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// An object's members as they stand there.
struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                /// So many that nobody has more; comparing each with each stays cheap.
                const MOST: usize = 128;
                let mut members = Vec::with_capacity(12);
                while let Some(member) = map.next_entry()? {
                    if members.len() == MOST {
                        return Err(A::Error::custom("more than 128 members"));
                    }
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A JSON value that was looked at from end to end.
struct Sound;

impl<'de> serde::Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_key::<Self>()?.is_some() {
            map.next_value::<Self>()?;
        }
        Ok(self)
    }
}

/// Writes an event as a JSON object, attribute by attribute; data comes last.
#[derive(Debug)]
pub struct Writer<'o>(&'o mut Vec<u8>);

impl<'o> Writer<'o> {
    /// Begins an object.
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"specversion\":\"1.0\"");
        Self(out)
    }

    /// An attribute that is a text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        values::write_json_string(value, self.0);
    }

    /// An attribute.
    pub fn attribute(&mut self, name: &str, value: &Attribute) {
        match value {
            Attribute::Text(text) => self.text(name, text),
            Attribute::Boolean(_) | Attribute::Integer(_) => {
                self.name(name);
                self.0.extend_from_slice(value.to_text().as_bytes());
            }
        }
    }

    /// Ends the object without data.
    pub fn end(self) {
        self.0.push(b'}');
    }

    /// Ends the object with a JSON value as its data.
    pub fn json(mut self, value: &str) {
        self.name("data");
        self.0.extend_from_slice(value.as_bytes());
        self.end();
    }

    /// Ends the object with these data.
    pub fn data(mut self, data: &Data) {
        match data {
            Data::None => {}
            Data::Json(value) => return self.json(value),
            Data::Text(text) => self.text("data", text),
            Data::Bytes(bytes) => self.text("data_base64", &STANDARD.encode(bytes)),
        }
        self.end();
    }

    fn name(&mut self, name: &str) {
        self.0.push(b',');
        values::write_json_string(name, self.0);
        self.0.push(b':');
    }
}

impl CloudEvent {
    /// Appends the event as a JSON object. Its `sequence`, if it has one, comes first of its attributes.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::begin(out);
        let is_first = |name: &str| name == "sequence";
        for (name, value) in self.extensions.iter().filter(|(name, _)| is_first(name)) {
            writer.attribute(name, value);
        }
        for (name, value) in [
            ("id", Some(&self.id)),
            ("source", Some(&self.source)),
            ("type", Some(&self.kind)),
            ("subject", self.subject.as_ref()),
            ("time", self.time.as_ref()),
            ("datacontenttype", self.datacontenttype.as_ref()),
            ("dataschema", self.dataschema.as_ref()),
        ] {
            if let Some(value) = value {
                writer.text(name, value);
            }
        }
        for (name, value) in self.extensions.iter().filter(|(name, _)| !is_first(name)) {
            writer.attribute(name, value);
        }
        writer.data(&self.data);
    }

    /// The event as a JSON object.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(512);
        self.write_json(&mut out);
        // Made of texts.
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(more: &str) -> String {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{more}}}"#)
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        for more in [
            "",
            r#","subject":"x","time":"2026-01-31T23:59:59.5+01:00","datacontenttype":"application/json","dataschema":"urn:a""#,
            r#","flag":true,"count":-2147483648,"word":"\"\\""#,
            r#","data":{"b":1.10,  "a":[1e2,null]}"#,
            r#","data":null"#,
            r#","data":"a text under a JSON type""#,
            r#","datacontenttype":"text/xml","data":"<much wow=\"xml\"/>""#,
            r#","data_base64":"AAEC""#,
            r#","datacontenttype":"image/png","data_base64":"""#,
        ] {
            let text = event(more);
            assert_eq!(structured(text.as_bytes()).unwrap().to_json(), text);
        }
        let null = structured(event(r#","subject":null,"word":null,"data_base64":null"#).as_bytes()).unwrap();
        assert_eq!(null.to_json(), event(""));
        let sequence = structured(event(r#","sequence":"7""#).as_bytes()).unwrap().to_json();
        assert!(sequence.starts_with(r#"{"specversion":"1.0","sequence":"7","id""#), "{sequence}");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (text, at) in [
            (r#"{"id":"1","source":"/s","type":"t"}"#.to_owned(), "/specversion"),
            (r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#.to_owned(), "/specversion"),
            (r#"{"specversion":"1.0","source":"/s","type":"t"}"#.to_owned(), "/id"),
            (r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#.to_owned(), "/id"),
            (r#"{"specversion":"1.0","id":1,"source":"/s","type":"t"}"#.to_owned(), "/id"),
            (r#"{"specversion":"1.0","id":"1","source":"a b","type":"t"}"#.to_owned(), "/source"),
            (r#"{"specversion":"1.0","id":"1","source":"/s","type":null}"#.to_owned(), "/type"),
            (event(r#","time":"yesterday""#), "/time"),
            (event(r#","dataschema":"/relative""#), "/dataschema"),
            (event(r#","subject":"\u0007""#), "/subject"),
            (event(r#","subject":"\u0085""#), "/subject"),
            (event(r#","subject":"\ud800""#), "/subject"),
            (event(r#","subject":"\ufffe""#), "/subject"),
            (event(&format!(r#","subject":"{}""#, "x".repeat(4_097))), "/subject"),
            (event(r#","Upper":"x""#), "/Upper"),
            (event(r#","a/b":"x""#), "/a~1b"),
            (event(r#","n":1.5"#), "/n"),
            (event(r#","n":2147483648"#), "/n"),
            (event(r#","n":{}"#), "/n"),
            (event(r#","id":"2""#), "/id"),
            (event(r#","data":1,"data_base64":"""#), "/data_base64"),
            (event(r#","data_base64":"*""#), "/data_base64"),
            (event(r#","datacontenttype":"text/plain","data":{}"#), "/data"),
            (event(r#","data":"\ud800""#), "/data"),
            (event(&format!(r#","data":{}{}"#, "[".repeat(200), "]".repeat(200))), "/data"),
            ("[]".to_owned(), ""),
            ("{".to_owned(), ""),
            ("\u{0}".to_owned(), ""),
        ] {
            assert_eq!(structured(text.as_bytes()).unwrap_err().at, at, "{text}");
        }
        assert!(structured(b"{\"id\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_batch_is_read_event_by_event() {
        let text = format!("[{}, 7 ,{}]", event(""), event(r#","n":1.5"#));
        let read = batch(text.as_bytes(), 3, 999).unwrap();
        assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(batch(b"[]", 0, 0).unwrap(), []);
        assert_eq!(batch(text.as_bytes(), 3, 2).unwrap().iter().filter(|one| one.is_ok()).count(), 0);
        assert!(batch(text.as_bytes(), 2, 999).is_err());
        assert!(batch(event("").as_bytes(), 2, 999).is_err());
    }
}
