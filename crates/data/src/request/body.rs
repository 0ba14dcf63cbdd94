//! From body bytes to a [`Payload`]: JSON, CSV and forms (section 10).

use std::collections::HashMap;

use bytes::Bytes;

use super::csv;
use super::error::ApiError;
use super::json::{JsonFail, Scanner, unescape};
use super::limits::Limits;
use super::media::parse_media_type;
use super::model::{MediaType, Method, Target};
use super::pairs::decode_pairs;
use super::payload::{Payload, PayloadKind, Slot};

pub(super) const UNEQUAL_KEYS: &str = "All object keys must match";
const BAD_JSON: &str = "Empty or invalid json";

/// Parses the body of a request by its `Content-Type` (absent = JSON). `None` when the verb has no body: only POST,
/// PUT and PATCH have one. `columns` is the parsed `columns=`, which PUT ignores.
///
/// A body is kept whole beside its cells: [`Payload::text`] serves functions that take one unnamed argument or repeat a
/// form key.
pub fn parse_body(
    method: Method,
    target: &Target,
    content_type: Option<&str>,
    body: Bytes,
    columns: Option<&[String]>,
    limits: &Limits,
) -> Result<Option<Payload>, ApiError> {
    let function = matches!(target, Target::Function(_));
    let expected = matches!(method, Method::Post | Method::Patch | Method::Put);
    if !expected || matches!(target, Target::Root) {
        return Ok(None);
    }
    let columns = columns.filter(|_| method != Method::Put);
    let media = content_type.map_or(MediaType::Json, parse_media_type);
    let payload = match media {
        MediaType::Json if function && body.is_empty() => parse_json(Bytes::from_static(b"{}"), columns, limits),
        MediaType::Json => parse_json(body, columns, limits),
        MediaType::Csv => csv::parse_csv(body, columns, limits),
        MediaType::Form => parse_form(body, columns, limits),
        MediaType::Text | MediaType::Xml | MediaType::OctetStream if function => Ok(raw(body)),
        other => Err(ApiError::body(format!("Content-Type not acceptable: {}", other.as_mime()))),
    };
    payload.map(Some)
}

/// The bytes as text that slots can point into.
pub(super) fn text(body: Bytes) -> Result<String, ApiError> {
    if u32::try_from(body.len()).is_err() {
        return Err(too_much("bytes in a body", "32 bits", u32::MAX as usize));
    }
    String::from_utf8(body.into()).map_err(|_| ApiError::body("The body is not UTF-8"))
}

pub(super) fn too_much(what: &str, name: &str, max: usize) -> ApiError {
    ApiError::body("The body is too large or too deep").with_details(format!("more than {max} {what} (limit {name})"))
}

fn raw(body: Bytes) -> Payload {
    Payload { raw: body, ..empty(PayloadKind::Raw) }
}

pub(super) fn empty(kind: PayloadKind) -> Payload {
    Payload {
        kind,
        columns: Vec::new(),
        rows: 0,
        slots: Vec::new(),
        text: String::new(),
        raw: Bytes::new(),
        arena: String::new(),
        object: false,
        sparse: false,
    }
}

/// Finds a column by name: the one that is probably next, then linearly or by hash.
pub(super) struct Names {
    names: Vec<String>,
    by_hash: HashMap<String, usize>,
}

/// From this many names on a hash beats looking at each.
const NAMES_LINEAR_MAX: usize = 12;

impl Names {
    pub(super) fn new(names: &[String]) -> Self {
        let mut this = Self { names: Vec::with_capacity(names.len()), by_hash: HashMap::new() };
        for name in names {
            this.push(name.clone());
        }
        this
    }

    pub(super) fn push(&mut self, name: String) {
        self.names.push(name);
        if self.names.len() == NAMES_LINEAR_MAX + 1 {
            self.by_hash = self.names.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        } else if self.names.len() > NAMES_LINEAR_MAX {
            let last = self.names.len() - 1;
            self.by_hash.insert(self.names[last].clone(), last);
        }
    }

    pub(super) fn find(&self, name: &str, likely: usize) -> Option<usize> {
        if self.names.get(likely).is_some_and(|candidate| candidate == name) {
            return Some(likely);
        }
        if self.names.len() > NAMES_LINEAR_MAX {
            return self.by_hash.get(name).copied();
        }
        self.names.iter().position(|candidate| candidate == name)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Rows of a JSON body while they are read.
struct Rows<'a> {
    names: Names,
    /// `columns=` was given: other keys are skipped, missing ones are absent.
    fixed: bool,
    slots: Vec<Slot>,
    count: usize,
    unequal: bool,
    sparse: bool,
    limits: &'a Limits,
}

fn parse_json(body: Bytes, columns: Option<&[String]>, limits: &Limits) -> Result<Payload, ApiError> {
    let text = text(body)?;
    let mut scanner = Scanner::new(&text, limits.json_depth_max);
    let mut rows = Rows {
        names: Names::new(columns.unwrap_or_default()),
        fixed: columns.is_some(),
        slots: Vec::new(),
        count: 0,
        unequal: false,
        sparse: false,
        limits,
    };
    let first = scanner.peek();
    match first {
        Some(b'{') => rows.object(&text, &mut scanner, 0)?,
        Some(b'[') => rows.array(&text, &mut scanner)?,
        // any other value counts as an empty array
        _ => drop(scanner.value(0).map_err(|fail| json_error(fail, limits))?),
    }
    scanner.expect_end().map_err(|fail| json_error(fail, limits))?;
    if rows.unequal {
        return Err(ApiError::body(UNEQUAL_KEYS));
    }
    Ok(Payload {
        columns: rows.names.into_names(),
        rows: rows.count,
        slots: rows.slots,
        object: first == Some(b'{'),
        sparse: rows.sparse,
        text,
        ..empty(PayloadKind::Json)
    })
}

fn json_error(fail: JsonFail, limits: &Limits) -> ApiError {
    match fail {
        JsonFail::Syntax => ApiError::body(BAD_JSON),
        JsonFail::Depth => too_much("levels of arrays and objects", "json_depth_max", limits.json_depth_max),
    }
}

impl Rows<'_> {
    fn array(&mut self, text: &str, scanner: &mut Scanner<'_>) -> Result<(), ApiError> {
        let bad = |fail| json_error(fail, self.limits);
        scanner.expect(b'[').map_err(bad)?;
        if scanner.eat(b']') {
            return Ok(());
        }
        loop {
            if scanner.peek() == Some(b'{') {
                self.object(text, scanner, 1)?;
            } else {
                scanner.value(1).map_err(|fail| json_error(fail, self.limits))?;
                self.unequal = true;
            }
            if !scanner.eat(b',') {
                break;
            }
        }
        scanner.expect(b']').map_err(|fail| json_error(fail, self.limits))
    }

    fn object(&mut self, text: &str, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), ApiError> {
        let limits = self.limits;
        let bad = |fail| json_error(fail, limits);
        self.count += 1;
        if self.count > limits.rows_max {
            return Err(too_much("rows", "rows_max", limits.rows_max));
        }
        let discovering = self.count == 1 && !self.fixed;
        let start = self.slots.len();
        self.slots.resize(start + self.names.len(), Slot::Absent);
        if self.slots.len() > limits.cells_max {
            return Err(too_much("cells", "cells_max", limits.cells_max));
        }
        let mut given = 0; // distinct columns of this row
        let mut likely = 0;
        scanner.expect(b'{').map_err(bad)?;
        if !scanner.eat(b'}') {
            loop {
                if scanner.peek() != Some(b'"') {
                    return Err(bad(JsonFail::Syntax));
                }
                let (from, to, escaped) = scanner.string().map_err(bad)?;
                let key = unescape(&text[from..to], escaped).ok_or_else(|| bad(JsonFail::Syntax))?;
                scanner.expect(b':').map_err(bad)?;
                let (from, to) = scanner.value(depth + 1).map_err(bad)?;
                let slot = if &text[from..to] == "null" { Slot::Null } else { body_slot(from, to) };
                if let Some(column) = self.names.find(&key, likely) {
                    given += usize::from(self.slots[start + column] == Slot::Absent);
                    self.slots[start + column] = slot; // a key said twice: the last counts
                    likely = column + 1;
                } else if discovering {
                    self.names.push(key.into_owned());
                    if self.names.len() > limits.columns_max {
                        return Err(too_much("columns", "columns_max", limits.columns_max));
                    }
                    self.slots.push(slot);
                    given += 1;
                    likely = self.names.len();
                } else {
                    self.unequal |= !self.fixed;
                }
                if !scanner.eat(b',') {
                    break;
                }
            }
            scanner.expect(b'}').map_err(bad)?;
        }
        if given < self.names.len() {
            self.sparse = true;
            self.unequal |= !self.fixed;
        }
        Ok(())
    }
}

/// A range of the body; [`text`] made sure that it fits.
pub(super) fn body_slot(from: usize, to: usize) -> Slot {
    let fits = "bodies are shorter than 4 GiB, checked when they became text";
    Slot::Body(u32::try_from(from).expect(fits), u32::try_from(to).expect(fits))
}

/// Appends text to the arena and gives its range.
pub(super) fn arena_slot(arena: &mut String, text: &str) -> Slot {
    let fits = "decoded text is no longer than the body it came from";
    let from = u32::try_from(arena.len()).expect(fits);
    arena.push_str(text);
    Slot::Arena(from, u32::try_from(arena.len()).expect(fits))
}

fn parse_form(body: Bytes, columns: Option<&[String]>, limits: &Limits) -> Result<Payload, ApiError> {
    let text = text(body)?;
    let mut names = Names::new(columns.unwrap_or_default());
    let mut slots = vec![Slot::Absent; names.len()];
    let mut arena = String::new();
    let pairs = decode_pairs(&text).map_err(|_| ApiError::body("The form is not UTF-8 or holds U+0000"))?;
    for pair in &pairs {
        let column = names.find(&pair.key, usize::MAX);
        if column.is_none() && columns.is_some() {
            continue;
        }
        let slot = arena_slot(&mut arena, pair.value.as_deref().unwrap_or_default());
        if let Some(column) = column {
            slots[column] = slot; // a key said twice: the last counts
            continue;
        }
        names.push(pair.key.clone().into_owned());
        slots.push(slot);
        if names.len() > limits.columns_max {
            return Err(too_much("columns", "columns_max", limits.columns_max));
        }
    }
    let sparse = slots.contains(&Slot::Absent);
    drop(pairs);
    Ok(Payload { columns: names.into_names(), rows: 1, slots, arena, sparse, text, ..empty(PayloadKind::Form) })
}
