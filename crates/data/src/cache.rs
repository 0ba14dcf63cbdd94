//! Compiled reads and writes, shared by requests of one shape.
//!
//! Two requests of one shape differ in literals only, and literals are parameters; so the second needs no plan and no text. Which
//! parameter belongs to which literal is found without bookkeeping in the compiler: the first request of a shape is compiled
//! once more with a mark in place of each literal, and where a mark comes out, the literal goes in. Whatever is not found that way is not cached.

use std::borrow::Cow;
use std::sync::Arc;

use quick_cache::sync::Cache;
use store::{Lane, Param};
use values::{Type, Value};

use crate::compile::Compiled;
use crate::request::{
    ApiRequest, Comparison, Field, Filter, JsonKey, Logic, Method, Op, OrderTerm, Quantified, Query, SelectItem,
    like_pattern, shape_key,
};

/// Shapes kept for one catalog. An application has hundreds; a hostile client may make as many as it likes.
const SHAPES_MAX: usize = 2_000;
/// Marks begin with this character, which no caller's JSON key may hold (such requests are not cached).
const MARK: char = '\u{1}';
/// The mark of the root's offset.
const OFFSET_MARK: u64 = (1 << 61) + 11;

/// The cache of one catalog version.
pub(crate) struct Reads {
    shapes: Cache<Vec<u8>, Arc<Template>>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reads").field("shapes", &self.shapes.len()).finish()
    }
}

impl Default for Reads {
    fn default() -> Self {
        Self { shapes: Cache::new(SHAPES_MAX) }
    }
}

/// A compiled read with places for the literals.
#[derive(Debug)]
pub(crate) struct Template {
    compiled: Compiled,
    /// The statement that counts, if a count is wanted.
    count: Option<(Arc<str>, Vec<Param>)>,
    lane: Lane,
    legacy: Vec<String>,
    slots: Vec<Slot>,
    count_slots: Vec<Slot>,
}

/// Where a literal goes.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The embeds on the way down.
    path: Vec<usize>,
    /// The parameter there.
    param: usize,
    /// Which literal; the root's offset is `None`.
    literal: Option<usize>,
}

/// A read ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The statements.
    pub compiled: Compiled,
    /// The statement that counts.
    pub count: Option<(Arc<str>, Vec<Param>)>,
    /// Where it waits.
    pub lane: Lane,
    /// Embeds that were addressed by their table's name although they have another.
    pub legacy: Vec<String>,
}

/// The literals of a request, in order, and where its page begins.
pub(crate) struct Literals<'a> {
    list: Vec<Literal<'a>>,
    offset: u64,
}

/// A literal of a request.
enum Literal<'a> {
    Text(Cow<'a, str>),
    List(Cow<'a, [String]>),
}

/// The same for a write. Its payload's columns are part of the shape, so bodies whose rows differ in theirs are not cached, nor are
/// those that give nothing.
pub(crate) fn write_key(request: &ApiRequest, role: &str, as_text: bool) -> Option<Vec<u8>> {
    if let Some(payload) = &request.payload
        && request.method != Method::Delete
        && (payload.has_absent() || payload.rows() == 0 || payload.columns().is_empty())
    {
        return None;
    }
    key(request, role, as_text)
}

/// The key of a request's shape for one role and form; `None` when the request cannot be cached.
pub(crate) fn key(request: &ApiRequest, role: &str, as_text: bool) -> Option<Vec<u8>> {
    let query = &request.query;
    let marked = query.select.iter().any(marked_item)
        || query.order.iter().any(|at| at.node.iter().any(|term: &OrderTerm| marked_field(&term.field)))
        || any_filter(query, &mut |filter| marked_field(&filter.field));
    if marked {
        return None;
    }
    let mut key = shape_key(request);
    key.push(u8::from(as_text));
    key.extend_from_slice(role.as_bytes());
    // Numbers that the plan computes with are part of the shape here; the root's offset alone is not.
    for at in query.windows.iter().filter(|at| !at.is_root()) {
        key.extend_from_slice(&at.node.limit.unwrap_or(u64::MAX).to_le_bytes());
        key.extend_from_slice(&at.node.offset.to_le_bytes());
    }
    key.extend_from_slice(&request.window.limit.unwrap_or(u64::MAX).to_le_bytes());
    any_filter(query, &mut |filter| {
        if let Op::Compare { quantified: Some(quantified), .. } = &filter.op {
            key.push(u8::from(whole_list(quantified).is_some()));
        }
        false
    });
    Some(key)
}

fn marked_item(item: &SelectItem) -> bool {
    match item {
        SelectItem::Column(column) => marked_field(&column.field),
        SelectItem::Embed(embed) => embed.items.iter().any(marked_item),
        SelectItem::Star | SelectItem::Count { .. } => false,
    }
}

fn marked_field(field: &Field) -> bool {
    field.json_path.iter().any(|step| matches!(&step.key, JsonKey::Key(key) if key.contains(MARK)))
}

/// The elements of a quantified list, when none is null.
fn whole_list(quantified: &Quantified) -> Option<Vec<String>> {
    quantified.elements.as_ref()?.iter().cloned().collect()
}

fn any_filter<'q>(query: &'q Query, test: &mut dyn FnMut(&'q Filter) -> bool) -> bool {
    fn within<'q>(logic: &'q Logic, test: &mut dyn FnMut(&'q Filter) -> bool) -> bool {
        match logic {
            Logic::Leaf(filter) => test(filter),
            Logic::Group { children, .. } => children.iter().any(|child| within(child, test)),
        }
    }
    query.filters.iter().any(|at| test(&at.node)) || query.logic.iter().any(|at| within(&at.node, test))
}

/// The literals of a request, in order.
fn literals(query: &Query) -> Vec<Literal<'_>> {
    let mut out = Vec::new();
    any_filter(query, &mut |filter| {
        match &filter.op {
            Op::Compare { op, quantified: None, value } => out.push(Literal::Text(written(*op, value))),
            Op::Compare { op, quantified: Some(quantified), value } => out.push(match whole_list(quantified) {
                Some(list) => {
                    Literal::List(Cow::Owned(list.iter().map(|text| written(*op, text).into_owned()).collect()))
                }
                None => Literal::Text(written(*op, value)),
            }),
            Op::In(list) => out.push(Literal::List(Cow::Borrowed(list))),
            Op::IsDistinct(value) | Op::Contain { value, .. } => out.push(Literal::Text(Cow::Borrowed(value))),
            Op::Fts { query, .. } => out.push(Literal::Text(Cow::Borrowed(query))),
            Op::Is(_) => {}
        }
        false
    });
    out
}

fn written(op: Comparison, value: &str) -> Cow<'_, str> {
    if matches!(op, Comparison::Like | Comparison::Ilike) && value.contains('*') {
        Cow::Owned(like_pattern(value))
    } else {
        Cow::Borrowed(value)
    }
}

/// The same request with marks for literals.
pub(crate) fn marked(request: &ApiRequest) -> ApiRequest {
    let mut request = request.clone();
    let mut count = 0;
    let mut next = || {
        count += 1;
        format!("{MARK}{}", count - 1)
    };
    for at in &mut request.query.filters {
        mark(&mut at.node, &mut next);
    }
    for at in &mut request.query.logic {
        mark_within(&mut at.node, &mut next);
    }
    if request.window.offset > 0 {
        request.window.offset = OFFSET_MARK;
    }
    request
}

/// Puts a mark in place of a filter's literal.
fn mark(filter: &mut Filter, next: &mut dyn FnMut() -> String) {
    match &mut filter.op {
        Op::Compare { quantified: Some(quantified), value, .. } => {
            let mark = next();
            if whole_list(quantified).is_some() {
                quantified.elements = Some(vec![Some(mark.clone())]);
            }
            *value = mark;
        }
        Op::Compare { quantified: None, value, .. } | Op::IsDistinct(value) | Op::Contain { value, .. } => {
            *value = next();
        }
        Op::In(list) => *list = vec![next()],
        Op::Fts { query, .. } => *query = next(),
        Op::Is(_) => {}
    }
}

/// The same for a tree.
fn mark_within(logic: &mut Logic, next: &mut dyn FnMut() -> String) {
    match logic {
        Logic::Leaf(filter) => mark(filter, next),
        Logic::Group { children, .. } => children.iter_mut().for_each(|child| mark_within(child, next)),
    }
}

/// Compiled writes of one catalog version.
pub(crate) struct Writes {
    shapes: Cache<Vec<u8>, Arc<crate::write::Template>>,
}

impl std::fmt::Debug for Writes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writes").field("shapes", &self.shapes.len()).finish()
    }
}

impl Default for Writes {
    fn default() -> Self {
        Self { shapes: Cache::new(SHAPES_MAX) }
    }
}

impl Writes {
    /// The write of this shape.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<crate::write::Template>> {
        self.shapes.get(key)
    }

    /// Keeps one.
    pub(crate) fn put(&self, key: Vec<u8>, template: Arc<crate::write::Template>) {
        self.shapes.insert(key, template);
    }
}

impl Reads {
    /// A read of this shape, with the request's own literals.
    pub(crate) fn get(&self, key: &[u8], request: &ApiRequest) -> Option<Prepared> {
        self.shapes.get(key).map(|template| template.fill(request))
    }

    /// Keeps what a marked request compiled to.
    pub(crate) fn put(&self, key: Vec<u8>, marked: Prepared) {
        let Prepared { compiled, count, lane, legacy } = marked;
        let mut slots = Vec::new();
        find(&compiled, &mut Vec::new(), &mut slots);
        let mut count_slots = Vec::new();
        if let Some((_, params)) = &count {
            collect(params, &[], &mut count_slots);
        }
        self.shapes.insert(key, Arc::new(Template { compiled, count, lane, legacy, slots, count_slots }));
    }
}

/// Finds the marks in a level and those below it.
pub(crate) fn find(level: &Compiled, path: &mut Vec<usize>, slots: &mut Vec<Slot>) {
    collect(&level.params, path, slots);
    for (index, child) in level.children.iter().enumerate() {
        path.push(index);
        find(&child.level, path, slots);
        path.pop();
    }
}

/// Finds the marks in a statement's parameters.
pub(crate) fn collect(params: &[Param], path: &[usize], slots: &mut Vec<Slot>) {
    let number = |text: &str| text.strip_prefix(MARK).and_then(|digits| digits.parse::<usize>().ok());
    for (param, value) in params.iter().enumerate() {
        let literal = match value {
            Param::Text(_, text) => number(text).map(Some),
            Param::TextList(_, list) => match list.as_slice() {
                [one] => number(one).map(Some),
                _ => None,
            },
            Param::Value(Type::Int8, Value::Int(number)) if u64::try_from(*number) == Ok(OFFSET_MARK) => Some(None),
            Param::Null | Param::Value(..) | Param::ValueList(..) => None,
        };
        if let Some(literal) = literal {
            slots.push(Slot { path: path.to_vec(), param, literal });
        }
    }
}

impl Template {
    fn fill(&self, request: &ApiRequest) -> Prepared {
        let literals = Literals::of(request);
        let mut compiled = self.compiled.clone();
        literals.fill_levels(&mut compiled, &self.slots);
        let count = self.count.clone().map(|(sql, mut params)| {
            literals.fill(&mut params, &self.count_slots);
            (sql, params)
        });
        Prepared { compiled, count, lane: self.lane, legacy: self.legacy.clone() }
    }
}

impl<'a> Literals<'a> {
    /// Those of a request.
    pub(crate) fn of(request: &'a ApiRequest) -> Self {
        Self { list: literals(&request.query), offset: request.window.offset }
    }

    /// Puts them into one statement's parameters.
    pub(crate) fn fill(&self, params: &mut [Param], slots: &[Slot]) {
        for slot in slots {
            self.set(&mut params[slot.param], slot);
        }
    }

    /// Puts them into a level and those below it.
    pub(crate) fn fill_levels(&self, root: &mut Compiled, slots: &[Slot]) {
        for slot in slots {
            let mut level = &mut *root;
            for child in &slot.path {
                level = &mut Arc::make_mut(&mut level.children)[*child].level;
            }
            self.set(&mut level.params[slot.param], slot);
        }
    }

    fn set(&self, param: &mut Param, slot: &Slot) {
        let Some(literal) = slot.literal else {
            *param = Param::Value(Type::Int8, Value::Int(i64::try_from(self.offset).unwrap_or(i64::MAX)));
            return;
        };
        match (param, self.list.get(literal)) {
            (Param::Text(_, text), Some(Literal::Text(value))) => {
                text.clear();
                text.push_str(value);
            }
            (Param::TextList(_, list), Some(Literal::List(values))) => *list = values.to_vec(),
            // The key tells texts from lists, so a slot never meets the other kind.
            (param, _) => *param = Param::Null,
        }
    }
}
