//! What is a schema here, how it judges, and which version an event names.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::model::{Finding, Version};

/// Bytes of a schema.
const BYTES_MAX: usize = 256 << 10;
/// Bytes that a schema's pattern may take when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Findings that are told.
const FINDINGS_MAX: usize = 10;
/// Characters of what is told of one.
const WHY_MAX: usize = 200;
/// The only dialect: keywords of other drafts mean other things.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The validator of a schema. Nothing is fetched for it, and its patterns take linear time.
pub(crate) fn validator(schema: &Value) -> Result<Validator, Finding> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| finding(&error.instance_path().to_string(), &error.to_string()))
}

/// A schema with its validator, from its text.
pub(crate) fn parse(text: &str) -> Result<(Value, Version), Finding> {
    let refuse = |at: &str, why: &str| Finding { at: at.to_owned(), why: why.to_owned() };
    if text.len() > BYTES_MAX {
        return Err(refuse("", "larger than 256 KiB"));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| refuse("", &format!("not JSON: {error}")))?;
    if !schema.is_object() {
        return Err(refuse("", "not an object"));
    }
    if let Some(dialect) = schema.get("$schema")
        && dialect.as_str().map(|dialect| dialect.trim_end_matches('#')) != Some(DIALECT)
    {
        return Err(refuse("/$schema", "only JSON Schema 2020-12 is understood"));
    }
    let validator = validator(&schema)?;
    let id = schema.get("$id").and_then(Value::as_str).map(str::to_owned);
    Ok((schema, Version { text: text.to_owned(), id, validator }))
}

impl Version {
    /// What is wrong with data; nothing when they fit.
    pub fn judge(&self, data: &Value) -> Vec<Finding> {
        if self.validator.is_valid(data) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(data).take(FINDINGS_MAX);
        errors.map(|error| finding(&format!("/data{}", error.instance_path()), &error.masked().to_string())).collect()
    }
}

fn finding(at: &str, why: &str) -> Finding {
    Finding { at: at.to_owned(), why: why.chars().take(WHY_MAX).collect() }
}

/// The type and version that a `dataschema` names when it is an address of this registry: `…/events/v1/schemas/{type}/{version}`.
pub fn named(dataschema: &str) -> Option<(String, i64)> {
    let (_, rest) = dataschema.split_once("/events/v1/schemas/")?;
    let (kind, version) = rest.split_once('/')?;
    Some((decoded(kind)?, version.parse().ok().filter(|version| *version > 0)?))
}

/// A part of a path without its escapes.
pub fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok().filter(|d| !d.starts_with('+'))?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_that_cannot_be_used_are_refused_with_the_place() {
        for (text, at) in [
            ("{", ""),
            ("true", ""),
            (r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "/$schema"),
            (r#"{"type":"strange"}"#, "/type"),
            (r#"{"properties":{"a":{"minimum":"x"}}}"#, "/properties/a/minimum"),
            (r#"{"$ref":"https://example.org/other"}"#, ""),
            (r#"{"pattern":"(?=a)"}"#, "/pattern"),
        ] {
            assert_eq!(parse(text).unwrap_err().at, at, "{text}");
        }
        assert!(parse(r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:a"}"#).is_ok());
    }

    #[test]
    fn data_are_judged_with_pointers() {
        let (_, version) =
            parse(r#"{"type":"object","required":["a"],"properties":{"b":{"type":"integer"}}}"#).unwrap();
        assert_eq!(version.judge(&json!({"a": 1, "b": 2})), []);
        let found = version.judge(&json!({"b": "x"}));
        let mut places: Vec<&str> = found.iter().map(|finding| finding.at.as_str()).collect();
        places.sort_unstable();
        assert_eq!(places, ["/data", "/data/b"]);
        // What data say is not told to whoever reads refusals.
        assert!(found.iter().all(|finding| !finding.why.contains('x') || !finding.why.contains("\"x\"")));
    }

    #[test]
    fn a_schema_that_only_refers_to_itself_can_be_used_without_end() {
        if let Ok((_, version)) = parse(r##"{"$ref":"#"}"##) {
            version.judge(&json!({}));
        }
        let (_, list) = parse(r##"{"properties":{"next":{"$ref":"#"}},"required":["n"]}"##).unwrap();
        assert_eq!(list.judge(&json!({"n": 1, "next": {"next": {"n": 1}}}))[0].at, "/data/next");
    }

    #[test]
    fn a_version_is_named_by_its_address() {
        for (address, version) in [
            ("https://api.example/events/v1/schemas/org.example.sold/3", Some(("org.example.sold".to_owned(), 3))),
            ("/events/v1/schemas/a%2Fb/1", Some(("a/b".to_owned(), 1))),
            ("/events/v1/schemas/a/0", None),
            ("/events/v1/schemas/a/latest", None),
            ("/events/v1/schemas/a%/1", None),
            ("urn:other", None),
        ] {
            assert_eq!(named(address), version, "{address}");
        }
    }
}
