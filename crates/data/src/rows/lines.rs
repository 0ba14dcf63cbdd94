//! Rows as lines of comma-separated values, in PostgreSQL's text forms (wire contract, section 9).

use values::{Type, Value};

use super::{Rows, lifted_keys};
use crate::compile::{Compiled, CompiledChild};
use crate::plan::Field;

impl Rows {
    /// Writes all rows as CSV with a header line of the bare names; no rows are a lone line end.
    pub fn write_csv(&self, level: &Compiled, out: &mut Vec<u8>) {
        if self.spans.is_empty() {
            out.push(b'\n');
            return;
        }
        let mut names = Vec::new();
        lifted_keys(level, &mut names);
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
        }
        for index in 0..self.spans.len() {
            out.push(b'\n');
            let span = self.spans[index];
            let mut at = span.start as usize;
            for hole in self.holes_of(index) {
                out.extend_from_slice(&self.bytes[at..hole.at as usize]);
                at = hole.at as usize;
                let mut json = Vec::new();
                self.fill(*hole, level, &mut json);
                let child = &level.children[hole.child as usize];
                if child.spread { lifted(&json, child, out) } else { field(&printed(&json), out) }
            }
            out.extend_from_slice(&self.bytes[at..span.end as usize]);
        }
    }
}

/// The columns that a spread lifts into its parent, each a field of the line. `members`: what it is in JSON, without the braces.
fn lifted(members: &[u8], child: &CompiledChild, out: &mut Vec<u8>) {
    let object = [b"{", members, b"}"].concat();
    let mut types = Vec::new();
    lifted_types(child, false, &mut types);
    for (place, (json, ty)) in crate::json::members(&object).into_iter().zip(types).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if json != b"null" {
            field(&text_of(json, ty), out);
        }
    }
}

/// The types of a spread's columns, in the order of [`lifted_keys`]; none where JSON stands: an embed, or a list of many rows' values.
fn lifted_types<'c>(child: &'c CompiledChild, many: bool, out: &mut Vec<Option<&'c Type>>) {
    let many = many || !child.to_one;
    for place in child.level.fields.iter() {
        match place.value {
            Field::Child(below) if child.level.children[below].spread => {
                lifted_types(&child.level.children[below], many, out);
            }
            Field::Child(_) => out.push(None),
            Field::Column(index) => out.push(child.level.types.get(index).filter(|_| !many)),
        }
    }
}

/// The text form of a value of this type that was written as JSON.
fn text_of(json: &[u8], ty: Option<&Type>) -> String {
    let text = String::from_utf8_lossy(json);
    match ty {
        None | Some(Type::Jsonb) => printed(json),
        Some(Type::Json) => text.into_owned(),
        // In the zone that it was written in.
        Some(Type::TimestampTz(_)) => {
            let text = text.trim_matches('"').replacen('T', " ", 1);
            text.strip_suffix(":00").filter(|text| text.len() > "2000-01-01 00:00:00".len()).unwrap_or(&text).to_owned()
        }
        Some(ty) => match values::from_json(ty, &text) {
            Ok(value) => {
                let mut out = String::new();
                values::write_text(ty, value.as_ref(), &mut out);
                out
            }
            Err(_) => text.trim_matches('"').to_owned(),
        },
    }
}

/// An embed's JSON as jsonb prints it.
fn printed(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    match values::input(&Type::Jsonb, &text) {
        Ok(Value::Text(text)) => text,
        _ => text.into_owned(),
    }
}

/// A field of a record in PostgreSQL's text form: quoted when it is empty or holds what would confuse a reader.
pub(super) fn field(text: &str, out: &mut Vec<u8>) {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| {
            !matches!(byte, b'"' | b'\\' | b'(' | b')' | b',') && !byte.is_ascii_whitespace() && byte != 0x0b
        });
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}
