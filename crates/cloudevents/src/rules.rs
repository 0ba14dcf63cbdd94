//! What the specification asks of attributes.

use crate::media::is_media_type;
use crate::model::{Attribute, CloudEvent, Data, Fault};

/// Bytes that one attribute may have.
const ATTRIBUTE_BYTES_MAX: usize = 4_096;
/// Extensions that one event may have.
const EXTENSIONS_MAX: usize = 64;
/// Characters of an extension's name.
const NAME_MAX: usize = 64;

/// An event in the making: attributes by their names as they come.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    version: bool,
    id: Option<String>,
    source: Option<String>,
    kind: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    dataschema: Option<String>,
    pub(crate) datacontenttype: Option<String>,
    extensions: Vec<(String, Attribute)>,
}

impl Draft {
    /// Takes an attribute; `at` says where it stood.
    pub(crate) fn take(&mut self, name: &str, value: Attribute, at: &str) -> Result<(), Fault> {
        let refuse = |why: &str| Err(Fault::new(at, why));
        if let Attribute::Text(text) = &value {
            if text.len() > ATTRIBUTE_BYTES_MAX {
                return refuse("longer than 4,096 bytes");
            }
            if !text.chars().all(is_allowed) {
                return refuse("has a control character or a noncharacter");
            }
        }
        let slot = match name {
            "specversion" => {
                self.version = value == Attribute::Text("1.0".to_owned());
                return if self.version { Ok(()) } else { refuse("only version 1.0 is understood") };
            }
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.kind,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "dataschema" => &mut self.dataschema,
            "datacontenttype" => &mut self.datacontenttype,
            "data" | "data_base64" => return refuse("not the name of an attribute"),
            _ => {
                if !is_name(name) {
                    return refuse("the name of an attribute is made of lower-case letters and digits, at most 64");
                }
                if self.extensions.len() == EXTENSIONS_MAX {
                    return refuse("more than 64 extensions");
                }
                self.extensions.push((name.to_owned(), value));
                return Ok(());
            }
        };
        let Attribute::Text(text) = value else { return refuse("not a string") };
        let why = match name {
            _ if text.is_empty() => Some("empty"),
            "source" if !is_uri_reference(&text) => Some("not a URI reference"),
            "dataschema" if !is_uri(&text) => Some("not a URI"),
            "time" if !is_timestamp(&text) => Some("not a time as RFC 3339 has it"),
            "datacontenttype" if !is_media_type(&text) => Some("not a media type"),
            _ => None,
        };
        if let Some(why) = why {
            return refuse(why);
        }
        *slot = Some(text);
        Ok(())
    }

    /// The event with its data; `at` says where an attribute should have stood.
    pub(crate) fn finish(self, data: Data, at: impl Fn(&str) -> String) -> Result<CloudEvent, Fault> {
        let missing = |name: &str| Fault::new(at(name), "required");
        if !self.version {
            return Err(missing("specversion"));
        }
        Ok(CloudEvent {
            id: self.id.ok_or_else(|| missing("id"))?,
            source: self.source.ok_or_else(|| missing("source"))?,
            kind: self.kind.ok_or_else(|| missing("type"))?,
            subject: self.subject,
            time: self.time,
            dataschema: self.dataschema,
            datacontenttype: self.datacontenttype,
            extensions: self.extensions,
            data,
        })
    }
}

/// Neither a control nor a noncharacter.
fn is_allowed(c: char) -> bool {
    !c.is_control() && (u32::from(c) & 0xfffe) != 0xfffe && !('\u{fdd0}'..='\u{fdef}').contains(&c)
}

pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Made of the characters of RFC 3986, each escape whole.
fn is_uri_reference(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// The same with a scheme.
fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && is_uri_reference(text)
}

/// `2026-01-31T23:59:59.999Z`, or with an offset.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let is = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|byte| marks.contains(byte));
    let marks = is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":");
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else { return false };
    let (Some(hour), Some(minute), Some(second)) = (number(11, 13), number(14, 16), number(17, 19)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    // A second of 60 is a leap second.
    let fits = (1..=12).contains(&month) && (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let mut rest = text.get(19..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit())
                && (*h1, *h2) <= (b'2', if *h1 == b'2' { b'3' } else { b'9' })
                && *m1 < b'6'
        }
        _ => false,
    };
    marks && fits && offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_judged_as_rfc_3339_has_them() {
        for (text, fits) in [
            ("2026-01-31T23:59:59Z", true),
            ("2026-01-31t23:59:60.123456789+05:30", true),
            ("2024-02-29T00:00:00-23:59", true),
            ("2026-02-29T00:00:00Z", false),
            ("2026-01-31T24:00:00Z", false),
            ("2026-01-31T23:59:59", false),
            ("2026-01-31 23:59:59Z", false),
            ("2026-01-31T23:59:59.Z", false),
            ("2026-01-31T23:59:59+24:00", false),
            ("2026-01-31T23:59:59+0530", false),
            ("2026-1-31T23:59:59Z", false),
            ("", false),
            ("2026-01-31T23:59:59Zé", false),
        ] {
            assert_eq!(is_timestamp(text), fits, "{text}");
        }
    }

    #[test]
    fn sources_are_uri_references_and_schemas_are_uris() {
        for (text, reference, whole) in [
            ("/orders/1?x#y", true, false),
            ("urn:uuid:6e8bc430", true, true),
            ("https://a.example/%7E", true, true),
            ("a b", false, false),
            ("%4", false, false),
            ("%zz", false, false),
            ("caf\u{e9}", false, false),
            ("1a:b", true, false),
        ] {
            assert_eq!((is_uri_reference(text), is_uri(text)), (reference, whole), "{text}");
        }
    }
}
