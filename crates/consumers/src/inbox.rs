//! The header that makes a write the effect of an event: `Mainstay-Inbox: group="mailer", source="/s", id="17", ack="…", step="2"`, a
//! dictionary of strings (RFC 8941, sections 3.2 and 3.3.3).

use crate::error::ConsumersError;
use crate::model::Durable;

/// The longest value.
const VALUE_MAX: usize = 1_024;

/// Whose effect a write is, and of which event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// The group that consumes.
    pub group: Durable,
    /// The event's `source`.
    pub source: String,
    /// The event's `id`.
    pub id: String,
    /// Which of several writes for one event; empty when there is one.
    pub step: String,
    /// The lease to acknowledge in the same unit.
    pub ack: Option<String>,
}

impl Inbox {
    /// Reads the values of the header; `None` when there are none.
    ///
    /// # Errors
    /// When they are no dictionary of strings, have other members, or lack `group`, `source` or `id`.
    pub fn parse<'h>(values: impl Iterator<Item = &'h [u8]>) -> Result<Option<Self>, ConsumersError> {
        let (mut group, mut source, mut id, mut step, mut ack) = (None, None, None, None, None);
        let mut any = false;
        for value in values {
            any = true;
            for (name, value) in members(value)? {
                let place = match &*name {
                    "group" => &mut group,
                    "source" => &mut source,
                    "id" => &mut id,
                    "step" => &mut step,
                    "ack" => &mut ack,
                    other => return Err(refuse(format!("it has no member {other}"))),
                };
                if value.len() > VALUE_MAX || place.replace(value).is_some() {
                    return Err(refuse(format!("{name} is there twice, or has more than {VALUE_MAX} bytes")));
                }
            }
        }
        if !any {
            return Ok(None);
        }
        let wants = |name: &str, value: Option<String>| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| refuse(format!("it wants {name}")))
        };
        let group = Durable::parse(&wants("group", group)?)?;
        let (source, id) = (wants("source", source)?, wants("id", id)?);
        Ok(Some(Self { group, source, id, step: step.unwrap_or_default(), ack }))
    }
}

fn refuse(why: impl Into<String>) -> ConsumersError {
    ConsumersError::field("Mainstay-Inbox", why)
}

/// The members of a dictionary whose values are strings.
fn members(value: &[u8]) -> Result<Vec<(String, String)>, ConsumersError> {
    let broken = || refuse("not a dictionary of strings: group=\"…\", source=\"…\", id=\"…\"");
    let text = std::str::from_utf8(value).map_err(|_| broken())?;
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").ok_or_else(broken)?;
        let (value, behind) = string(behind).ok_or_else(broken)?;
        found.push((name.trim().to_owned(), value));
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(more) if !more.trim().is_empty() => more.trim_start(),
            None if behind.is_empty() => "",
            Some(_) | None => return Err(broken()),
        };
    }
    Ok(found)
}

/// The inside of a string behind its first quote, and what follows it; only quotes and backslashes are escaped.
fn string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    loop {
        match letters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match letters.next()? {
                (_, escaped @ ('"' | '\\')) => value.push(escaped),
                _ => return None,
            },
            (_, letter) => value.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<Inbox>, String> {
        Inbox::parse(values.iter().map(|value| value.as_bytes())).map_err(|error| match error {
            ConsumersError::Invalid(fields) => fields[0].path.clone(),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn the_header_names_group_and_event_and_nothing_unknown() {
        assert_eq!(read(&[]), Ok(None));
        let inbox = |step: &str, ack: Option<&str>| Inbox {
            group: Durable::parse("g").unwrap(),
            source: "/s, \"q\"".to_owned(),
            id: "é=1".to_owned(),
            step: step.to_owned(),
            ack: ack.map(str::to_owned),
        };
        let event = r#"source="/s, \"q\"", id="é=1""#;
        assert_eq!(read(&[&format!(r#"group="g", {event}"#)]), Ok(Some(inbox("", None))));
        assert_eq!(
            read(&[r#"group="g",step="2""#, &format!(r#" {event} , ack="a.1" "#)]),
            Ok(Some(inbox("2", Some("a.1"))))
        );
        for (header, named) in [
            (String::new(), "Mainstay-Inbox"),
            ("group".to_owned(), "Mainstay-Inbox"),
            ("group=g".to_owned(), "Mainstay-Inbox"),
            (r#"group="g""#.to_owned(), "Mainstay-Inbox"),
            (format!(r#"group="no name", {event}"#), "durable"),
            (format!(r#"group="g", {event},"#), "Mainstay-Inbox"),
            (format!(r#"group="g" {event}"#), "Mainstay-Inbox"),
            (format!(r#"group="g", {event}, id="2""#), "Mainstay-Inbox"),
            (format!(r#"group="g", {event}, what="2""#), "Mainstay-Inbox"),
            (r#"group="g", source="", id="1""#.to_owned(), "Mainstay-Inbox"),
            (r#"group="g", source="\x", id="1""#.to_owned(), "Mainstay-Inbox"),
            (r#"group="g", source="s", id="1"#.to_owned(), "Mainstay-Inbox"),
        ] {
            assert_eq!(read(&[&header]), Err(named.to_owned()), "{header}");
        }
    }
}
