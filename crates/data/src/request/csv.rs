//! CSV bodies (RFC 4180): the first line names the columns, `NULL` is null, an empty field is an empty text.

use std::borrow::Cow;

use bytes::Bytes;

use super::body::{Names, arena_slot, body_slot, empty, text, too_much};
use super::error::ApiError;
use super::limits::Limits;
use super::payload::{Payload, PayloadKind, Slot};

const RAGGED: &str = "All lines must have same number of fields";

pub(super) fn parse_csv(body: Bytes, columns: Option<&[String]>, limits: &Limits) -> Result<Payload, ApiError> {
    let text = text(body)?;
    let mut reader = Reader { text: &text, at: 0 };
    reader.at += if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if reader.done() {
        return Err(ApiError::body("Empty or invalid CSV"));
    }

    let mut names = Names::new(columns.unwrap_or_default());
    // for each field of a line: the column it fills, if any
    let mut places: Vec<Option<usize>> = Vec::new();
    loop {
        let (field, last) = reader.field()?;
        let name = field.text(&text);
        let mut place = names.find(&name, places.len());
        if place.is_none() && columns.is_none() {
            place = Some(names.len());
            names.push(name.into_owned());
        }
        places.push(place);
        if places.len() > limits.columns_max {
            return Err(too_much("columns", "columns_max", limits.columns_max));
        }
        if last {
            break;
        }
    }

    if reader.done() && !text.ends_with(['\n', '\r']) {
        // upstream's rule: the line of names must end, or there might be more of it
        return Err(ApiError::body("Empty or invalid CSV").with_details("the first line does not end"));
    }

    let width = names.len();
    let sparse = (0..width).any(|column| !places.contains(&Some(column)));
    let mut slots = Vec::new();
    let mut arena = String::new();
    let mut rows = 0;
    while !reader.done() {
        let start = slots.len();
        if rows == limits.rows_max {
            return Err(too_much("rows", "rows_max", limits.rows_max));
        }
        if start + width > limits.cells_max {
            return Err(too_much("cells", "cells_max", limits.cells_max));
        }
        slots.resize(start + width, Slot::Absent);
        let mut fields = 0;
        loop {
            let (field, last) = reader.field()?;
            if fields == 0 && last && field.is_blank() {
                slots.truncate(start); // an empty line is no row
                break;
            }
            let place = *places.get(fields).ok_or_else(|| ApiError::body(RAGGED))?;
            if let Some(column) = place {
                slots[start + column] = field.slot(&text, &mut arena);
            }
            fields += 1;
            if last {
                if fields < places.len() {
                    return Err(ApiError::body(RAGGED));
                }
                rows += 1;
                break;
            }
        }
    }
    let sparse = sparse && rows > 0;
    Ok(Payload { columns: names.into_names(), rows, slots, arena, sparse, text, ..empty(PayloadKind::Csv) })
}

/// One field: its range without the quotes around it.
struct RawField {
    from: usize,
    to: usize,
    quoted: bool,
    /// Holds `""`, which stands for one quote.
    doubled: bool,
}

impl RawField {
    fn is_blank(&self) -> bool {
        !self.quoted && self.from == self.to
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let raw = &text[self.from..self.to];
        if self.doubled { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }

    fn slot(&self, text: &str, arena: &mut String) -> Slot {
        if self.doubled {
            arena_slot(arena, &self.text(text))
        } else if &text[self.from..self.to] == "NULL" {
            Slot::Null
        } else {
            body_slot(self.from, self.to)
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn done(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The next field and whether it ends its line; the separator is consumed.
    fn field(&mut self) -> Result<(RawField, bool), ApiError> {
        let bytes = self.text.as_bytes();
        let quoted = bytes.get(self.at) == Some(&b'"');
        let mut doubled = false;
        let (from, to);
        if quoted {
            from = self.at + 1;
            let mut at = from;
            loop {
                match bytes.get(at) {
                    None => {
                        return Err(ApiError::body("Empty or invalid CSV").with_details("a quoted field does not end"));
                    }
                    Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                        doubled = true;
                        at += 2;
                    }
                    Some(b'"') => break,
                    Some(_) => at += 1,
                }
            }
            to = at;
            self.at = at + 1;
        } else {
            from = self.at;
            let rest = &bytes[from..];
            let length = rest.iter().position(|b| matches!(b, b',' | b'\n' | b'\r' | b'"')).unwrap_or(rest.len());
            to = from + length;
            self.at = to;
        }
        let last = match bytes.get(self.at) {
            None => true,
            Some(b',') => {
                self.at += 1;
                false
            }
            Some(b'\n') => {
                self.at += 1;
                true
            }
            Some(b'\r') => {
                self.at += if bytes.get(self.at + 1) == Some(&b'\n') { 2 } else { 1 };
                true
            }
            Some(_) => return Err(ApiError::body("Empty or invalid CSV").with_details("a quote stands inside a field")),
        };
        Ok((RawField { from, to, quoted, doubled }, last))
    }
}
