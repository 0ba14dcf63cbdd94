//! Parameters on their way to the server: always text, so that PostgreSQL's own input functions judge every value.

use std::borrow::Cow;

use bytes::BytesMut;
use postgres_types::{Format, IsNull, ToSql, Type as Wire};
use values::{Type, Value};

use crate::conn::Param;

/// A parameter in text format, for whatever type the statement gives it.
#[derive(Debug)]
pub(crate) struct TextParam<'a>(Option<Cow<'a, str>>);

impl TextParam<'_> {
    fn into_owned(self) -> TextParam<'static> {
        TextParam(self.0.map(|text| Cow::Owned(text.into_owned())))
    }
}

/// The parameters of a statement that travels on its own.
pub(crate) fn owned(params: &[Param]) -> Vec<TextParam<'static>> {
    encode(params).into_iter().map(TextParam::into_owned).collect()
}

impl ToSql for TextParam<'_> {
    fn to_sql(&self, _: &Wire, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }
    fn accepts(_: &Wire) -> bool {
        true
    }
    fn encode_format(&self, _: &Wire) -> Format {
        Format::Text
    }
    fn to_sql_checked(
        &self,
        ty: &Wire,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

/// The parameters of a statement as they travel.
pub(crate) fn encode(params: &[Param]) -> Vec<TextParam<'_>> {
    params
        .iter()
        .map(|param| {
            TextParam(match param {
                Param::Null | Param::Value(_, Value::Null) => None,
                Param::Text(_, text) => Some(Cow::Borrowed(text)),
                Param::Value(ty, value) => Some(Cow::Owned(printed(ty, value))),
                Param::TextList(_, texts) => {
                    Some(Cow::Owned(list(texts.iter().map(|text| Some(Cow::Borrowed(&**text))))))
                }
                Param::ValueList(ty, values) => Some(Cow::Owned(list(
                    values.iter().map(|value| (!value.is_null()).then(|| Cow::Owned(printed(ty, value)))),
                ))),
            })
        })
        .collect()
}

/// Settings as parameters of the statement that sets them: name, value, name, value…
pub(crate) fn settings<'a>(pairs: &'a [(&'a str, Cow<'a, str>)]) -> Vec<TextParam<'a>> {
    pairs
        .iter()
        .flat_map(|(name, value)| [TextParam(Some(Cow::Borrowed(*name))), TextParam(Some(Cow::Borrowed(&**value)))])
        .collect()
}

/// Plain texts.
pub(crate) fn texts<'a>(values: &[&'a str]) -> Vec<TextParam<'a>> {
    values.iter().map(|value| TextParam(Some(Cow::Borrowed(*value)))).collect()
}

/// Settings to be put back to their defaults: name, null, name, null…
pub(crate) fn resets<'a>(names: &'a [Box<str>], out: &mut Vec<TextParam<'a>>) {
    out.extend(names.iter().flat_map(|name| [TextParam(Some(Cow::Borrowed(&**name))), TextParam(None)]));
}

fn printed(ty: &Type, value: &Value) -> String {
    let mut text = String::new();
    values::write_text(ty, value.as_ref(), &mut text);
    text
}

/// An array literal. Every element is quoted, so none of them can be anything but an element.
fn list<'a>(elements: impl Iterator<Item = Option<Cow<'a, str>>>) -> String {
    let mut out = String::from("{");
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.push(',');
        }
        match element {
            None => out.push_str("NULL"),
            Some(text) => {
                out.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_literals_that_keep_every_element_apart() {
        let cases: &[(&[&str], &str)] = &[
            (&[], "{}"),
            (&["1", "2"], r#"{"1","2"}"#),
            (&["", "NULL", "a,b", "{x}"], r#"{"","NULL","a,b","{x}"}"#),
            (&[r#"say "hi""#, r"back\slash"], r#"{"say \"hi\"","back\\slash"}"#),
        ];
        for (texts, want) in cases {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            let param = [Param::TextList(Type::Text, texts)];
            assert_eq!(encode(&param)[0].0.as_deref(), Some(*want));
        }
        let values = [Param::ValueList(Type::Int8, vec![Value::Int(1), Value::Null])];
        assert_eq!(encode(&values)[0].0.as_deref(), Some(r#"{"1",NULL}"#));
        assert_eq!(encode(&[Param::Null])[0].0, None);
    }
}
