//! Media types: which mode a message is in, and whether data is JSON, text or bytes.

/// How a message carries events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A JSON array of events.
    Batch,
    /// One event as a JSON object.
    Structured,
    /// Attributes in headers, data in the body.
    Binary,
    /// A format that we do not read.
    Unknown,
}

impl Mode {
    /// The mode of a message with this content type.
    pub fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else { return Self::Binary };
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let essence = essence.trim();
        let json = is_utf8(parameters);
        // The batch's prefix has the other's for its beginning.
        if begins(essence, "application/cloudevents-batch") {
            if json && essence.eq_ignore_ascii_case(crate::BATCH) { Self::Batch } else { Self::Unknown }
        } else if begins(essence, "application/cloudevents") {
            if json && essence.eq_ignore_ascii_case(crate::STRUCTURED) { Self::Structured } else { Self::Unknown }
        } else {
            Self::Binary
        }
    }
}

fn begins(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Does a media type say that its content is JSON: subtype `json`, or a suffix `+json`.
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    subtype == "json" || subtype.ends_with("+json")
}

/// Is content of this type a text in UTF-8 for sure.
pub(crate) fn is_text(media_type: &str) -> bool {
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let text = essence.starts_with("text/")
        || essence.ends_with("/xml")
        || essence.ends_with("+xml")
        || essence == "application/x-www-form-urlencoded";
    text && is_utf8(parameters)
}

/// Do a media type's parameters leave it at UTF-8.
fn is_utf8(parameters: &str) -> bool {
    parameters.split(';').all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
            || value.eq_ignore_ascii_case("us-ascii")
    })
}

/// Does a media type leave it at UTF-8.
pub(crate) fn is_utf8_type(media_type: &str) -> bool {
    is_utf8(media_type.split_once(';').map_or("", |(_, parameters)| parameters))
}

/// Is it of a media type's form: two words with a slash between, and perhaps parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    let token = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_told_by_the_content_type() {
        for (content_type, mode) in [
            (None, Mode::Binary),
            (Some("application/json"), Mode::Binary),
            (Some("application/cloudevents+json"), Mode::Structured),
            (Some("Application/CloudEvents+JSON; charset=UTF-8"), Mode::Structured),
            (Some("application/cloudevents+json;charset=utf-16"), Mode::Unknown),
            (Some("application/cloudevents+avro"), Mode::Unknown),
            (Some("application/cloudevents"), Mode::Unknown),
            (Some("application/cloudevents-batch+json"), Mode::Batch),
            (Some("application/cloudevents-batch+json;charset=\"utf-8\""), Mode::Batch),
            (Some("application/cloudevents-batch"), Mode::Unknown),
            (Some("application/cloudevents-batch+xml"), Mode::Unknown),
            (Some("application/cloud"), Mode::Binary),
        ] {
            assert_eq!(Mode::of(content_type), mode, "{content_type:?}");
        }
    }

    #[test]
    fn json_text_and_bytes_are_told_apart() {
        for (media_type, json, text, well_formed) in [
            ("application/json", true, false, true),
            ("application/vnd.api+json; a=b", true, false, true),
            ("TEXT/JSON", true, true, true),
            ("application/jsonx", false, false, true),
            ("text/plain", false, true, true),
            ("text/plain; charset=latin1", false, false, true),
            ("application/atom+xml", false, true, true),
            ("application/octet-stream", false, false, true),
            ("json", false, false, false),
            ("a b/c", false, false, false),
            ("text/plain\u{e9}", false, true, false),
        ] {
            assert_eq!((is_json(media_type), is_text(media_type)), (json, text), "{media_type}");
            assert_eq!(is_media_type(media_type), well_formed, "{media_type}");
        }
    }
}
