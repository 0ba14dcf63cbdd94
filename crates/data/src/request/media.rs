//! Media types: `Accept` in preference order, `Content-Type` of bodies and of answers (section 9).

use std::borrow::Cow;

use super::error::ApiError;
use super::model::{MediaType, PlanOptions};

/// Parses the values of all `Accept` headers, best first: by quality, then by how specific the type is, then as
/// written. Types with `q=0` are left out. Absent or empty headers accept anything.
pub fn parse_accept<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<MediaType> {
    let mut found: Vec<(u16, i32, MediaType)> = Vec::new();
    let mut written = false;
    for range in headers.into_iter().flat_map(split_ranges).map(str::trim).filter(|range| !range.is_empty()) {
        written = true;
        let quality = quality(range);
        if quality == 0 {
            continue;
        }
        let mut specific = 0;
        for byte in range.bytes() {
            match byte {
                b';' => specific += 1,
                b'*' => specific -= 1,
                _ => {}
            }
        }
        found.push((quality, specific, parse_media_type(range)));
    }
    if !written {
        return vec![MediaType::Any];
    }
    found.sort_by_key(|(quality, specific, _)| (std::cmp::Reverse(*quality), std::cmp::Reverse(*specific)));
    found.into_iter().map(|(_, _, media)| media).collect()
}

/// Commas outside double quotes separate media ranges.
fn split_ranges(header: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    header.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// The quality of a range in thousandths; absent or unreadable is 1.
fn quality(range: &str) -> u16 {
    let Some(text) = parameters(range).find_map(|(name, value)| name.eq_ignore_ascii_case("q").then_some(value)) else {
        return 1000;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return 1000;
    }
    if whole.bytes().any(|b| b != b'0') {
        return 1000;
    }
    let digits = fraction.bytes().chain(*b"000").take(3);
    digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}

/// Parameters after the type: trimmed names and values, quotes around values removed.
fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').skip(1).map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (name.trim(), value.trim().trim_matches('"'))
    })
}

/// The first accepted type that can be served, as what `serve` makes of it; PGRST107 when there is none. `serve` decides
/// for [`MediaType::Any`] as well, and is asked at most once per type.
pub fn negotiate<T>(accept: &[MediaType], serve: impl FnMut(&MediaType) -> Option<T>) -> Result<T, ApiError> {
    accept.iter().find_map(serve).ok_or_else(|| {
        let asked: Vec<String> = accept.iter().map(|media| media.as_mime().into_owned()).collect();
        ApiError::media_type(&asked)
    })
}

/// Parses one media type with its parameters. Types and parameter names are matched without regard to case.
pub fn parse_media_type(text: &str) -> MediaType {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let stripped = || parameters(text).any(|(name, value)| name.eq_ignore_ascii_case("nulls") && value == "stripped");
    match essence.as_str() {
        "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" if stripped() => MediaType::ArrayStripped,
        "application/json" | "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => MediaType::Json,
        "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => {
            MediaType::Object { stripped: stripped() }
        }
        "text/csv" => MediaType::Csv,
        "application/geo+json" => MediaType::GeoJson,
        "application/openapi+json" => MediaType::OpenApi,
        "text/plain" => MediaType::Text,
        "text/xml" => MediaType::Xml,
        "application/x-www-form-urlencoded" => MediaType::Form,
        "application/octet-stream" => MediaType::OctetStream,
        "*/*" => MediaType::Any,
        "application/vnd.pgrst.plan" | "application/vnd.pgrst.plan+text" => plan(text, false),
        "application/vnd.pgrst.plan+json" => plan(text, true),
        _ => MediaType::Other(essence),
    }
}

fn plan(text: &str, json: bool) -> MediaType {
    let mut of = MediaType::Json;
    let mut options = PlanOptions::default();
    // the type in for="…" may have parameters of its own, so quotes are respected here
    let mut quoted = false;
    let pieces = text.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    for (name, value) in pieces.skip(1).filter_map(|piece| piece.split_once('=')) {
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("for") {
            let named = parse_media_type(value);
            if !matches!(named, MediaType::Plan { .. }) {
                of = named; // the plan of a plan is nonsense: keep the default
            }
        } else if name.eq_ignore_ascii_case("options") {
            for option in value.split('|').map(str::trim) {
                match option {
                    "analyze" => options.analyze = true,
                    "verbose" => options.verbose = true,
                    "settings" => options.settings = true,
                    "buffers" => options.buffers = true,
                    "wal" => options.wal = true,
                    _ => {}
                }
            }
        }
    }
    MediaType::Plan { of: Box::new(of), json, options }
}

impl MediaType {
    /// The type as written in a header, with the parameters that matter.
    pub fn as_mime(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Json => "application/json",
            Self::ArrayStripped => "application/vnd.pgrst.array+json;nulls=stripped",
            Self::Object { stripped: false } => "application/vnd.pgrst.object+json",
            Self::Object { stripped: true } => "application/vnd.pgrst.object+json;nulls=stripped",
            Self::Csv => "text/csv",
            Self::GeoJson => "application/geo+json",
            Self::OpenApi => "application/openapi+json",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
            Self::Form => "application/x-www-form-urlencoded",
            Self::OctetStream => "application/octet-stream",
            Self::Any => "*/*",
            Self::Other(other) => other,
            Self::Plan { of, json, options } => {
                let format = if *json { "json" } else { "text" };
                let mut mime = format!("application/vnd.pgrst.plan+{format}; for=\"{}\"", of.as_mime());
                let chosen = [
                    (options.analyze, "analyze"),
                    (options.verbose, "verbose"),
                    (options.settings, "settings"),
                    (options.buffers, "buffers"),
                    (options.wal, "wal"),
                ];
                let chosen: Vec<&str> = chosen.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
                if !chosen.is_empty() {
                    mime.push_str("; options=");
                    mime.push_str(&chosen.join("|"));
                }
                return Cow::Owned(mime);
            }
        })
    }

    /// Value of `Content-Type` on an answer of this type.
    pub fn content_type(&self) -> String {
        match self {
            Self::OctetStream | Self::Other(_) => self.as_mime().into_owned(),
            _ => format!("{}; charset=utf-8", self.as_mime()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_their_parameters_are_recognised() {
        let cases = [
            ("application/json", "application/json"),
            ("Application/JSON; charset=utf-8", "application/json"),
            ("application/vnd.pgrst.array", "application/json"),
            ("application/vnd.pgrst.array+json; nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped"),
            ("application/vnd.pgrst.object", "application/vnd.pgrst.object+json"),
            ("application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json;nulls=stripped"),
            ("text/csv", "text/csv"),
            ("application/geo+json", "application/geo+json"),
            ("application/vnd.pgrst.plan", "application/vnd.pgrst.plan+text; for=\"application/json\""),
            (
                "application/vnd.pgrst.plan+json;for=\"text/csv\";options=wal|analyze;",
                "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|wal",
            ),
            (
                "application/vnd.pgrst.plan; for=\"application/vnd.pgrst.object+json;nulls=stripped\"",
                "application/vnd.pgrst.plan+text; for=\"application/vnd.pgrst.object+json;nulls=stripped\"",
            ),
            (
                "application/vnd.pgrst.plan;for=\"application/vnd.pgrst.plan\"",
                "application/vnd.pgrst.plan+text; for=\"application/json\"",
            ),
            ("Image/PNG;x=y", "image/png"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_media_type(text).as_mime(), expected, "{text}");
        }
        assert_eq!(MediaType::Json.content_type(), "application/json; charset=utf-8");
        assert_eq!(MediaType::OctetStream.content_type(), "application/octet-stream");
    }

    #[test]
    fn accept_is_ordered_by_quality_then_specificity() {
        let cases: [(&[&str], &str); 9] = [
            (&[], "*/*"),
            (&["", " , "], "*/*"),
            (&["text/csv"], "text/csv"),
            (&["text/csv;q=0.1, application/json;q=0.5"], "application/json text/csv"),
            (&["*/*, text/csv"], "text/csv */*"),
            (&["text/csv", "application/json"], "text/csv application/json"),
            (&["text/csv;q=0, application/json"], "application/json"),
            (&["text/csv;q=0"], ""),
            (&["a/b;q=0.9994, c/d;q=bad, e/f;q=0.99"], "c/d a/b e/f"),
        ];
        for (headers, expected) in cases {
            let found = parse_accept(headers.iter().copied());
            let found: Vec<_> = found.iter().map(|media| media.as_mime().into_owned()).collect();
            assert_eq!(found.join(" "), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_first_type_that_can_be_served_wins() {
        let serve = |media: &MediaType| match media {
            MediaType::Json | MediaType::Any => Some("json"),
            MediaType::Csv => Some("csv"),
            _ => None,
        };
        let cases = [
            ("*/*", Ok("json")),
            ("text/csv, application/json;q=0.5", Ok("csv")),
            ("text/csv;q=0.5, application/json", Ok("json")),
            ("image/png, */*;q=0.1", Ok("json")),
            ("image/png, text/html", Err("None of these media types are available: image/png, text/html")),
        ];
        for (accept, expected) in cases {
            let found = negotiate(&parse_accept([accept]), serve).map_err(|error| error.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{accept}");
        }
    }
}
