//! Running a compiled read and writing its rows straight to bytes.
//!
//! Each level's rows are written once, as they come, into that level's buffer; where an embed belongs there is a hole. When all levels
//! are there, the root is copied out and the holes are filled. A root without embeds is never copied: its rows are written as the array
//! that the answer is.

mod lines;

use std::borrow::Cow;
use std::collections::HashMap;

use store::{Connection, Engine, Param, Row};
use values::{Type, Value};

use crate::compile::{Compiled, CompiledChild};
use crate::failure::Failure;
use crate::plan::Field;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON objects.
    Json,
    /// Lines of comma-separated values.
    Csv,
}

/// The rows of one level.
#[derive(Debug, Default)]
pub struct Rows {
    /// JSON rows each follow a `[` or a `,`, so that the whole lacks only its end to be an array.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    holes: Vec<Hole>,
    /// Row numbers by the number of the parent's key.
    by_key: Vec<Vec<u32>>,
    children: Vec<Option<Rows>>,
    /// The rows are no longer in the order in which they were written.
    reordered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
    holes: (u32, u32),
}

/// A place where an embed, or one column of a spread, belongs.
#[derive(Clone, Copy, Debug)]
struct Hole {
    at: u32,
    child: u16,
    /// Number of the key in the child's list; `NO_KEY` when a part of it is null.
    key: u32,
}

const NO_KEY: u32 = u32::MAX;

/// The keys that a level's rows have for one embed, each once, numbered in order of appearance.
#[derive(Default)]
struct Keys {
    integers: HashMap<i64, u32>,
    others: HashMap<Vec<u8>, u32>,
    lists: Vec<Vec<Value>>,
    count: u32,
}

impl Keys {
    fn number(&mut self, key: &[Value]) -> u32 {
        let next = self.count;
        let number = match key {
            [Value::Int(number)] => *self.integers.entry(*number).or_insert(next),
            key => *self.others.entry(encode(key)).or_insert(next),
        };
        if number == next {
            self.count += 1;
            self.lists.resize_with(key.len(), Vec::new);
            for (list, value) in self.lists.iter_mut().zip(key) {
                list.push(value.clone());
            }
        }
        number
    }

    fn find(&self, key: &[Value]) -> Option<u32> {
        match key {
            [Value::Int(number)] => self.integers.get(number).copied(),
            key => self.others.get(&encode(key)).copied(),
        }
    }
}

/// A key as bytes that are equal exactly when the keys are.
fn encode(key: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() * 12);
    for value in key {
        match value {
            Value::Null => out.push(0),
            Value::Int(number) => {
                out.push(1);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Real(number) => {
                out.push(2);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Text(text) => {
                out.push(3);
                out.extend_from_slice(&(text.len() as u64).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Value::Blob(bytes) => {
                out.push(4);
                out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

/// Collects the rows of a level as they come.
pub struct Collector<'c> {
    level: &'c Compiled,
    form: Form,
    rows: Rows,
    keys: Vec<Keys>,
    parents: Option<Keys>,
    scratch: String,
}

impl<'c> Collector<'c> {
    /// For the root of a read or the rows a write returns.
    pub fn root(level: &'c Compiled, form: Form) -> Self {
        Self::new(level, form, None)
    }

    fn new(level: &'c Compiled, form: Form, parents: Option<Keys>) -> Self {
        let mut rows = Rows::default();
        if let Some(parents) = &parents {
            rows.by_key.resize(parents.count as usize, Vec::new());
        }
        let keys = level.children.iter().map(|_| Keys::default()).collect();
        Self { level, form, rows, keys, parents, scratch: String::new() }
    }

    /// Takes one row.
    pub fn row(&mut self, row: &dyn Row) -> store::Result<()> {
        let rows = &mut self.rows;
        if self.form == Form::Json {
            rows.bytes.push(if rows.spans.is_empty() { b'[' } else { b',' });
        }
        let start = offset(rows.bytes.len())?;
        let hole = offset(rows.holes.len())?;
        if self.level.fields.is_empty() && self.form == Form::Json {
            rows.bytes.push(b'{');
        }
        for (place, field) in self.level.fields.iter().enumerate() {
            match self.form {
                Form::Json => rows.bytes.extend_from_slice(&field.json),
                Form::Csv if place > 0 => rows.bytes.push(b','),
                Form::Csv => {}
            }
            match field.value {
                Field::Column(index) => match self.form {
                    Form::Json => row.write_json(index, &self.level.types[index], &mut rows.bytes)?,
                    Form::Csv => {
                        if !row.is_null(index) {
                            self.scratch.clear();
                            row.write_text(index, &self.level.types[index], &mut self.scratch)?;
                            lines::field(&self.scratch, &mut rows.bytes);
                        }
                    }
                },
                Field::Child(child) => {
                    let number = number_of(&self.level.children[child], &mut self.keys[child], row)?;
                    let child =
                        u16::try_from(child).map_err(|_| store::Error::Internal("too many embeds".to_owned()))?;
                    rows.holes.push(Hole { at: offset(rows.bytes.len())?, child, key: number });
                }
            }
        }
        if self.form == Form::Json {
            rows.bytes.push(b'}');
        }
        if let Some(parents) = &self.parents {
            let types = self.level.keys.iter().map(|(_, ty)| ty);
            if let Some(parent) = with_key(row, self.level.link.clone(), types, |key| parents.find(key))? {
                rows.by_key[parent as usize].push(offset(rows.spans.len())?);
            }
        }
        rows.spans.push(Span { start, end: offset(rows.bytes.len())?, holes: (hole, offset(rows.holes.len())?) });
        Ok(())
    }

    /// The number of the key by which a row just taken leads to an embed that it does not show.
    pub fn refer(&mut self, child: usize, row: &dyn Row) -> store::Result<u32> {
        number_of(&self.level.children[child], &mut self.keys[child], row)
    }

    /// The rows taken, of a level without embeds.
    pub fn alone(self) -> Rows {
        self.rows
    }

    /// Fetches the embeds of all rows taken.
    pub fn finish(self, conn: &mut dyn Connection) -> Result<Rows, Failure> {
        let mut tree = Tree::root(conn.engine(), self, &[]);
        tree.advance();
        tree.fetch(conn)
    }
}

/// The number of the key by which a row leads to an embed.
fn number_of(child: &CompiledChild, keys: &mut Keys, row: &dyn Row) -> store::Result<u32> {
    with_key(row, child.keys.clone(), &child.key_types, |key| {
        if key.iter().any(Value::is_null) { NO_KEY } else { keys.number(key) }
    })
}

/// Hands over the values of a key's columns; those of one column, nearly all, without a list of their own.
fn with_key<'t, T>(
    row: &dyn Row,
    columns: std::ops::Range<usize>,
    types: impl IntoIterator<Item = &'t Type>,
    use_key: impl FnOnce(&[Value]) -> T,
) -> store::Result<T> {
    let mut types = types.into_iter();
    if columns.len() == 1
        && let Some(ty) = types.next()
    {
        return Ok(use_key(&[row.value(columns.start, ty)?]));
    }
    let key: Vec<Value> = columns.zip(types).map(|(column, ty)| row.value(column, ty)).collect::<Result<_, _>>()?;
    Ok(use_key(&key))
}

fn offset(at: usize) -> store::Result<u32> {
    u32::try_from(at)
        .ok()
        .filter(|at| *at < u32::MAX)
        .ok_or_else(|| store::Error::sql("54000", "the answer is larger than 4 GiB"))
}

/// Runs a compiled read.
pub fn read(conn: &mut dyn Connection, level: &Compiled, form: Form) -> Result<Rows, Failure> {
    read_with(conn, level, &level.params, form)
}

/// Runs a compiled read with these parameters of its root.
pub fn read_with(conn: &mut dyn Connection, level: &Compiled, params: &[Param], form: Form) -> Result<Rows, Failure> {
    Tree::root(conn.engine(), Collector::root(level, form), params).fetch(conn)
}

/// A read's levels on their way: the embeds of all rows of one depth are asked for together.
pub struct Tree<'c> {
    engine: Engine,
    /// Levels that are there, parents before their embeds.
    done: Vec<(Rows, Place)>,
    /// Levels that come next.
    next: Vec<Branch<'c>>,
}

/// Whose embed a level is: the place of its parent among those that are there, and which of its embeds. None for the root.
type Place = Option<(usize, usize)>;

/// A level that is asked for.
struct Branch<'c> {
    collector: Collector<'c>,
    params: Cow<'c, [Param]>,
    place: Place,
}

impl<'c> Tree<'c> {
    /// That begins with this level.
    pub fn root(engine: Engine, collector: Collector<'c>, params: &'c [Param]) -> Self {
        let root = Branch { collector, params: Cow::Borrowed(params), place: None };
        Self { engine, done: Vec::new(), next: vec![root] }
    }

    /// The statements of the levels that come next, with their parameters, which are handed out once.
    pub fn asks(&mut self) -> Vec<(&'c str, Cow<'c, [Param]>)> {
        let ask = |branch: &mut Branch<'c>| (&*branch.collector.level.sql, std::mem::take(&mut branch.params));
        self.next.iter_mut().map(ask).collect()
    }

    /// Nothing comes after the levels that come next, whatever their rows are.
    pub fn is_last(&self) -> bool {
        self.next.iter().all(|branch| branch.collector.level.children.is_empty())
    }

    /// Takes a row of the level of this number among those that come next.
    pub fn row(&mut self, number: usize, row: &dyn Row) -> store::Result<()> {
        self.next[number].collector.row(row)
    }

    /// The levels that came next are there; their embeds come next.
    pub fn advance(&mut self) {
        for Branch { collector, place, .. } in std::mem::take(&mut self.next) {
            let Collector { level, mut rows, keys, .. } = collector;
            rows.children.resize_with(level.children.len(), || None);
            let parent = self.done.len();
            self.done.push((rows, place));
            for (number, (child, mut keys)) in level.children.iter().zip(keys).enumerate() {
                // Without parents an embed is still asked for where the server guards: a caller without rights to it is refused
                // whatever the page holds.
                if keys.count == 0 && (self.engine == Engine::Sqlite || child.level.sql.is_empty()) {
                    continue;
                }
                let params = keyed(child, &mut keys);
                let collector = Collector::new(&child.level, Form::Json, Some(keys));
                self.next.push(Branch { collector, params: Cow::Owned(params), place: Some((parent, number)) });
            }
        }
    }

    /// Runs what is left, level by level.
    fn fetch(mut self, conn: &mut dyn Connection) -> Result<Rows, Failure> {
        while !self.next.is_empty() {
            for (number, (sql, params)) in self.asks().into_iter().enumerate() {
                conn.query(sql, &params, &mut |row| self.row(number, row))?;
            }
            self.advance();
        }
        Ok(self.grown())
    }

    /// The rows of the root, with everything that hangs on them.
    pub fn grown(mut self) -> Rows {
        while let Some((rows, place)) = self.done.pop() {
            match place {
                Some((parent, number)) => self.done[parent].0.children[number] = Some(rows),
                None => return rows,
            }
        }
        Rows::default()
    }
}

/// The parameters that ask for an embed's rows of all parents at once. The lists are not needed afterwards, the numbers are.
fn keyed(child: &CompiledChild, keys: &mut Keys) -> Vec<Param> {
    let mut params = child.level.params.clone();
    for ((place, ty), list) in child.level.keys.iter().zip(std::mem::take(&mut keys.lists)) {
        params[*place] = Param::ValueList(ty.clone(), list);
    }
    params
}

impl Rows {
    /// How many rows there are at the root.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Are there none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The embed's first row for the key of this number, as a JSON object.
    pub fn object(&self, child: usize, key: u32, level: &Compiled) -> Option<Vec<u8>> {
        let rows = self.children.get(child)?.as_ref()?;
        let row = rows.by_key.get(key as usize)?.first()?;
        let mut object = Vec::new();
        rows.write_row(*row as usize, level, &mut object);
        Some(object)
    }

    /// Puts the rows into another order (by row number).
    pub fn reorder(&mut self, order: &[u32]) {
        self.reordered = true;
        self.spans = order.iter().map(|row| self.spans[*row as usize]).collect();
    }

    /// All rows as a JSON array.
    pub fn into_array(self, level: &Compiled) -> Vec<u8> {
        if self.holes.is_empty() && !self.reordered && !self.spans.is_empty() {
            let mut bytes = self.bytes;
            bytes.push(b']');
            return bytes;
        }
        let mut out = Vec::with_capacity(self.written() + 2);
        out.push(b'[');
        for index in 0..self.spans.len() {
            if index > 0 {
                out.push(b',');
            }
            self.write_row(index, level, &mut out);
        }
        out.push(b']');
        out
    }

    /// How many bytes were written at all levels: about what the whole takes.
    fn written(&self) -> usize {
        self.bytes.len() + self.children.iter().flatten().map(Self::written).sum::<usize>()
    }

    fn holes_of(&self, index: usize) -> &[Hole] {
        let (start, end) = self.spans[index].holes;
        &self.holes[start as usize..end as usize]
    }

    /// Writes one row.
    pub fn write_row(&self, index: usize, level: &Compiled, out: &mut Vec<u8>) {
        let span = self.spans[index];
        let mut at = span.start as usize;
        for hole in self.holes_of(index) {
            out.extend_from_slice(&self.bytes[at..hole.at as usize]);
            at = hole.at as usize;
            self.fill(*hole, level, out);
        }
        out.extend_from_slice(&self.bytes[at..span.end as usize]);
    }

    fn fill(&self, hole: Hole, level: &Compiled, out: &mut Vec<u8>) {
        let child = &level.children[hole.child as usize];
        let rows = self.children[hole.child as usize].as_ref();
        let found: &[u32] = match rows {
            Some(rows) if hole.key != NO_KEY => &rows.by_key[hole.key as usize],
            _ => &[],
        };
        match (child.spread, child.to_one) {
            (false, true) => match (rows, found.first()) {
                (Some(rows), Some(row)) => rows.write_row(*row as usize, &child.level, out),
                _ => out.extend_from_slice(child.level.empty_row.as_deref().unwrap_or(b"null")),
            },
            (false, false) => {
                out.push(b'[');
                if found.is_empty()
                    && let Some(row) = &child.level.empty_row
                {
                    out.extend_from_slice(row);
                }
                for (place, row) in found.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    rows.expect("rows were found in it").write_row(*row as usize, &child.level, out);
                }
                out.push(b']');
            }
            (true, true) => match (rows, found.first()) {
                (Some(rows), Some(row)) => {
                    let mut object = Vec::new();
                    rows.write_row(*row as usize, &child.level, &mut object);
                    out.extend_from_slice(&object[1..object.len() - 1]);
                }
                _ => write_nulls(&child.level, out),
            },
            (true, false) => spread_many(rows, found, &child.level, out),
        }
    }
}

/// A lifted object that is not there: its keys with nulls.
fn write_nulls(level: &Compiled, out: &mut Vec<u8>) {
    for (index, field) in level.fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match field.value {
            Field::Child(child) if level.children[child].spread => {
                let child = &level.children[child];
                if child.to_one { write_nulls(&child.level, out) } else { spread_many(None, &[], &child.level, out) }
            }
            Field::Child(child) if !level.children[child].to_one => {
                values::write_json_string(&field.key, out);
                out.extend_from_slice(b":[]");
            }
            Field::Child(_) | Field::Column(_) => {
                values::write_json_string(&field.key, out);
                out.extend_from_slice(b":null");
            }
        }
    }
}

/// A lifted list: each of its columns as an array, all parallel.
fn spread_many(rows: Option<&Rows>, found: &[u32], level: &Compiled, out: &mut Vec<u8>) {
    let objects: Vec<Vec<u8>> = match rows {
        None => Vec::new(),
        Some(rows) => found
            .iter()
            .map(|row| {
                let mut object = Vec::new();
                rows.write_row(*row as usize, level, &mut object);
                object
            })
            .collect(),
    };
    let members: Vec<Vec<&[u8]>> = objects.iter().map(|object| crate::json::members(object)).collect();
    let mut keys = Vec::new();
    lifted_keys(level, &mut keys);
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        values::write_json_string(key, out);
        out.extend_from_slice(b":[");
        for (place, row) in members.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(row.get(index).copied().unwrap_or(b"null"));
        }
        out.push(b']');
    }
}

/// The keys a level's rows have once its own spreads are lifted.
fn lifted_keys(level: &Compiled, out: &mut Vec<std::sync::Arc<str>>) {
    for field in level.fields.iter() {
        match field.value {
            Field::Child(child) if level.children[child].spread => lifted_keys(&level.children[child].level, out),
            Field::Child(_) | Field::Column(_) => out.push(field.key.clone()),
        }
    }
}
