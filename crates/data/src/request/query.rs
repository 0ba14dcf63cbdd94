//! The whole query string (section 2): which key means what, and where in the tree of embeds it belongs.

use super::cursor::{Cursor, Fail};
use super::error::ApiError;
use super::filter::{parse_filter_key, parse_filter_or_argument, parse_filter_value};
use super::limits::Limits;
use super::logic::{leaves, parse_logic};
use super::model::{At, Filter, OrderTerm, Query, SelectItem, Window};
use super::order::parse_order;
use super::pairs::{Pair, canonical, decode_pairs, undecodable};
use super::range::whole_number;
use super::select::{parse_columns, parse_on_conflict, parse_select};

/// What the last dot segment of a key says the pair is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Order,
    Limit,
    Offset,
    Logic,
    Other,
}

impl Word {
    fn of(key: &str) -> Self {
        match key.rsplit('.').next() {
            Some("order") => Self::Order,
            Some("limit") => Self::Limit,
            Some("offset") => Self::Offset,
            Some("and" | "or") => Self::Logic,
            _ => Self::Other,
        }
    }
}

/// Parses a query string (without the `?`). `arguments` is true for GET and HEAD of a function, where pairs that are no
/// operator expressions are arguments.
///
/// Among several errors the first one found wins, in this order of kinds: order, logic, columns, select, filters,
/// `on_conflict`, paths of limits. A negative limit is not an error here but in [`super::range::root_window`].
pub fn parse_query(text: &str, arguments: bool, limits: &Limits) -> Result<Query, ApiError> {
    if text.len() > limits.query_bytes_max {
        let max = limits.query_bytes_max;
        let fail = Fail::Limit { at: 0, what: "bytes", name: "query_bytes_max", max };
        return Err(fail.into_error("query string", text, text, 0));
    }
    let pairs = decode_pairs(text).map_err(undecodable)?;
    let valued = || pairs.iter().filter_map(|pair| Some((pair.key.as_ref(), pair.value.as_deref()?)));
    let of = |word: Word| valued().filter(move |(key, _)| Word::of(key) == word);

    let mut query = Query {
        select: Vec::new(),
        filters: Vec::new(),
        logic: Vec::new(),
        order: Vec::new(),
        windows: Vec::new(),
        columns: None,
        on_conflict: None,
        arguments: Vec::new(),
        canonical: canonical(&pairs),
        negative_limit: false,
    };
    for (key, value) in of(Word::Order) {
        add_order(&mut query.order, key, value, limits)?;
    }
    let mut filters = 0;
    for (key, value) in of(Word::Logic) {
        let tree = parse_logic(key, value, limits)?;
        filters += leaves(&tree.node);
        query.logic.push(tree);
        within(filters, "filters", "filters_max", limits.filters_max, key)?;
    }
    query.columns = first(&pairs, "columns").map(|names| parse_columns(names, limits)).transpose()?;
    query.select = match first(&pairs, "select") {
        Some(select) => parse_select(select, limits)?,
        None => vec![SelectItem::Star],
    };
    for (key, value) in of(Word::Other) {
        if matches!(key, "select" | "columns" | "on_conflict") {
            continue;
        }
        filters += 1;
        within(filters, "filters", "filters_max", limits.filters_max, key)?;
        let (path, field) = parse_filter_key(key, limits)?;
        let expression =
            if arguments { parse_filter_or_argument(value, limits)? } else { Some(parse_filter_value(value, limits)?) };
        match expression {
            Some((negated, op)) => query.filters.push(At { path, node: Filter { field, negated, op } }),
            None => query.arguments.push((field.name, value.to_owned())),
        }
    }
    query.on_conflict = first(&pairs, "on_conflict").map(|names| parse_on_conflict(names, limits)).transpose()?;
    add_windows(&mut query, valued(), limits)?;
    Ok(query)
}

/// The value of the first pair with this key, if that one has a value.
fn first<'a>(pairs: &'a [Pair<'_>], key: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

fn within(count: usize, what: &'static str, name: &'static str, max: usize, key: &str) -> Result<(), ApiError> {
    if count <= max {
        return Ok(());
    }
    Err(Fail::Limit { at: 0, what, name, max }.into_error("query string", key, key, 0))
}

/// The embeds before the last segment of a key; the caller knows that this segment is a plain reserved word.
fn embed_path(key: &str, limits: &Limits) -> Result<Vec<String>, ApiError> {
    let Some((path, _)) = key.rsplit_once('.') else { return Ok(Vec::new()) };
    let mut cursor = Cursor::new(path, limits);
    let parsed = cursor.path().and_then(|names| {
        cursor.expect_end("letter, digit, \"-\", delimiter (.) or end of input")?;
        Ok(names)
    });
    parsed.map_err(|fail| fail.into_error("tree path", key, path, 0))
}

fn add_order(order: &mut Vec<At<Vec<OrderTerm>>>, key: &str, value: &str, limits: &Limits) -> Result<(), ApiError> {
    let path = embed_path(key, limits)?;
    let node = parse_order(value, limits)?;
    let terms = node.len() + order.iter().map(|at| at.node.len()).sum::<usize>();
    within(terms, "terms", "order_terms_max", limits.order_terms_max, key)?;
    if order.iter().all(|at| at.path != path) {
        order.push(At { path, node }); // said twice for one level: the first counts
    }
    Ok(())
}

/// `limit` and `offset` of all levels; of two for one level the last counts. What is not a number is ignored, and so
/// is a negative offset.
fn add_windows<'a>(
    query: &mut Query,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    limits: &Limits,
) -> Result<(), ApiError> {
    for (key, value) in pairs {
        let word = Word::of(key);
        if !matches!(word, Word::Limit | Word::Offset) {
            continue;
        }
        let path = embed_path(key, limits)?;
        let Some((negative, number)) = whole_number(value) else { continue };
        if negative && word == Word::Offset {
            continue;
        }
        // That a limit is negative is said of the request as a whole, however far below zero it is.
        let number = if negative { 0 } else { number? };
        let index = query.windows.iter().position(|at| at.path == path).unwrap_or_else(|| {
            query.windows.push(At { path, node: Window::ALL });
            query.windows.len() - 1
        });
        within(index + 1, "levels", "embeds_max", limits.embeds_max, key)?;
        let window = &mut query.windows[index].node;
        match word {
            Word::Limit => {
                query.negative_limit |= negative;
                window.limit = Some(number);
            }
            _ => window.offset = number,
        }
    }
    Ok(())
}
