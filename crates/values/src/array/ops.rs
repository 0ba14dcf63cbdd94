//! Operators and functions of arrays. Arrays are stored texts; elements are stored values.

use super::literal::{element, push_element};
use crate::json::elements;
use crate::order::flatten;
use crate::{Result, Type, Value, ValueError, ValueRef, compare};
use std::cmp::Ordering;

fn leaves(array: &str) -> Vec<&str> {
    let mut out = Vec::new();
    flatten(array, &mut out);
    out
}

fn values(ty: &Type, array: &str) -> Vec<Value> {
    leaves(array).into_iter().map(|raw| element(ty, raw)).collect()
}

fn has(ty: &Type, all: &[Value], wanted: &Value) -> bool {
    all.iter().any(|v| !v.is_null() && !wanted.is_null() && compare(ty, v.as_ref(), wanted.as_ref()).is_eq())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// Makes a stored array of stored elements.
pub fn make<'a>(items: impl IntoIterator<Item = ValueRef<'a>>) -> String {
    let mut out = vec![b'['];
    for v in items {
        if out.len() > 1 {
            out.push(b',');
        }
        push_element(v, &mut out);
    }
    out.push(b']');
    text(out)
}

/// Makes a stored array of raw elements or sub-arrays.
fn join<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

/// The elements of all dimensions in order, decoded: what `unnest` gives.
pub fn unnest(ty: &Type, array: &str) -> Vec<Value> {
    values(ty, array)
}

/// `a @> b`: every element of `b` is in `a`; shape and repetition do not matter, NULL is never found.
pub fn contains(ty: &Type, a: &str, b: &str) -> bool {
    let all = values(ty, a);
    values(ty, b).iter().all(|wanted| has(ty, &all, wanted))
}

/// `a && b`: they have an element in common.
pub fn overlaps(ty: &Type, a: &str, b: &str) -> bool {
    let all = values(ty, a);
    values(ty, b).iter().any(|wanted| has(ty, &all, wanted))
}

/// `value = any (array)` for any comparison: `None` (NULL) when nothing holds and a NULL is there.
pub fn any(ty: &Type, array: &str, mut holds: impl FnMut(ValueRef<'_>) -> Option<bool>) -> Option<bool> {
    let mut unknown = false;
    for v in values(ty, array) {
        match if v.is_null() { None } else { holds(v.as_ref()) } {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(false) }
}

/// `value = all (array)` for any comparison: `None` (NULL) when all others hold and a NULL is there.
pub fn all(ty: &Type, array: &str, mut holds: impl FnMut(ValueRef<'_>) -> Option<bool>) -> Option<bool> {
    any(ty, array, |v| holds(v).map(|b| !b)).map(|b| !b)
}

/// The lengths of the dimensions; none for an empty array.
pub fn dimensions(array: &str) -> Vec<usize> {
    flatten(array, &mut Vec::new())
}

/// `array_length(array, dimension)`; `None` (NULL) for a dimension that is not there.
pub fn length(array: &str, dimension: i64) -> Option<i64> {
    let at = usize::try_from(dimension.checked_sub(1)?).ok()?;
    dimensions(array).get(at).and_then(|n| i64::try_from(*n).ok())
}

/// `array_ndims(array)`; `None` (NULL) for an empty array.
pub fn ndims(array: &str) -> Option<i64> {
    i64::try_from(dimensions(array).len()).ok().filter(|n| *n > 0)
}

/// `array_dims(array)`: `[1:2][1:3]`; `None` (NULL) for an empty array.
pub fn dims_text(array: &str) -> Option<String> {
    let d = dimensions(array);
    let bounds: Vec<String> = d.iter().map(|n| format!("[1:{n}]")).collect();
    (!bounds.is_empty()).then(|| bounds.concat())
}

/// `cardinality(array)`
pub fn cardinality(array: &str) -> i64 {
    i64::try_from(leaves(array).len()).unwrap_or(i64::MAX)
}

/// `array[i]`, `array[i][j]`: NULL outside, or with the wrong number of subscripts.
pub fn subscript(ty: &Type, array: &str, at: &[i64]) -> Value {
    let mut raw = array;
    for index in at {
        let found = usize::try_from(index - 1).ok().filter(|_| raw.starts_with('[')).and_then(|i| elements(raw).nth(i));
        match found {
            Some(inner) => raw = inner,
            None => return Value::Null,
        }
    }
    if at.is_empty() || raw.starts_with('[') { Value::Null } else { element(ty, raw) }
}

/// `array[from:to]` of the first dimension.
pub fn slice(array: &str, from: Option<i64>, to: Option<i64>) -> String {
    let skip = usize::try_from(from.unwrap_or(1).max(1) - 1).unwrap_or(usize::MAX);
    let end = usize::try_from(to.unwrap_or(i64::MAX).max(0)).unwrap_or(usize::MAX);
    join(elements(array).take(end).skip(skip))
}

fn flat(array: &str, what: &str) -> Result<()> {
    if dimensions(array).len() > 1 {
        return Err(ValueError::new("22000", what));
    }
    Ok(())
}

/// `array_append(array, element)`, `array || element`
pub fn append(array: &str, v: ValueRef<'_>) -> Result<String> {
    flat(array, "argument must be empty or one-dimensional array")?;
    concat(array, &make([v]))
}

/// `array_prepend(element, array)`, `element || array`
pub fn prepend(v: ValueRef<'_>, array: &str) -> Result<String> {
    flat(array, "argument must be empty or one-dimensional array")?;
    concat(&make([v]), array)
}

/// `array_cat(a, b)`, `a || b`: also an array of one dimension less as one more element.
pub fn concat(a: &str, b: &str) -> Result<String> {
    let (da, db) = (dimensions(a), dimensions(b));
    let joined = match (da.len(), db.len()) {
        (_, 0) => a.to_owned(),
        (0, _) => b.to_owned(),
        (x, y) if x == y && da[1..] == db[1..] => join(elements(a).chain(elements(b))),
        (x, y) if x == y + 1 && da[1..] == db[..] => join(elements(a).chain([b])),
        (x, y) if y == x + 1 && db[1..] == da[..] => join([a].into_iter().chain(elements(b))),
        _ => {
            return Err(ValueError::new("2202E", "cannot concatenate incompatible arrays")
                .with_detail("Arrays with differing dimensions are not compatible for concatenation."));
        }
    };
    Ok(joined)
}

fn same(ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    compare(ty, a, b) == Ordering::Equal
}

/// `array_remove(array, element)`: NULLs too, when asked.
pub fn remove(ty: &Type, array: &str, v: ValueRef<'_>) -> Result<String> {
    if dimensions(array).len() > 1 {
        return Err(ValueError::new("0A000", "removing elements from multidimensional arrays is not supported"));
    }
    Ok(join(elements(array).filter(|raw| !same(ty, element(ty, raw).as_ref(), v))))
}

/// `array_replace(array, from, to)` at every depth.
pub fn replace(ty: &Type, array: &str, from: ValueRef<'_>, to: ValueRef<'_>) -> String {
    let changed = elements(array).map(|raw| {
        if raw.starts_with('[') {
            replace(ty, raw, from, to)
        } else if same(ty, element(ty, raw).as_ref(), from) {
            let mut out = Vec::new();
            push_element(to, &mut out);
            text(out)
        } else {
            raw.to_owned()
        }
    });
    format!("[{}]", changed.collect::<Vec<_>>().join(","))
}

/// `array_positions(array, element)`, from one.
pub fn positions(ty: &Type, array: &str, v: ValueRef<'_>) -> Result<Vec<i64>> {
    if dimensions(array).len() > 1 {
        return Err(ValueError::new("0A000", "searching for elements in multidimensional arrays is not supported"));
    }
    let hits = elements(array).zip(1..).filter(|(raw, _)| same(ty, element(ty, raw).as_ref(), v));
    Ok(hits.map(|(_, i)| i).collect())
}

/// `array_position(array, element, start)`; `None` (NULL) when it is not there.
pub fn position(ty: &Type, array: &str, v: ValueRef<'_>, start: i64) -> Result<Option<i64>> {
    Ok(positions(ty, array, v)?.into_iter().find(|i| *i >= start))
}

/// `array_to_string(array, separator, null)`: NULLs are left out unless a text for them is given.
pub fn to_string(ty: &Type, array: &str, separator: &str, null: Option<&str>) -> String {
    let texts = values(ty, array).into_iter().filter_map(|v| {
        if v.is_null() { null.map(str::to_owned) } else { Some(crate::input::plain_text(ty, v.as_ref())) }
    });
    texts.collect::<Vec<_>>().join(separator)
}

/// `string_to_array(text, separator, null)`: a NULL separator splits into characters, an empty one not at all.
pub fn from_string(s: &str, separator: Option<&str>, null: Option<&str>) -> String {
    let parts: Vec<String> = match separator {
        _ if s.is_empty() => Vec::new(),
        None => s.chars().map(String::from).collect(),
        Some("") => vec![s.to_owned()],
        Some(sep) => s.split(sep).map(str::to_owned).collect(),
    };
    make(parts.iter().map(|p| if null == Some(p.as_str()) { ValueRef::Null } else { ValueRef::Text(p) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: Type = Type::Int4;

    #[test]
    fn arrays_are_compared_as_sets() {
        for (a, b, cs, ov) in [
            ("[1,2,3]", "[2,2]", true, true),
            ("[1,2]", "[3]", false, false),
            ("[1]", "[]", true, false),
            ("[1,null]", "[null]", false, false),
            ("[[1,2],[3,4]]", "[4]", true, true),
        ] {
            assert_eq!((contains(&INT, a, b), overlaps(&INT, a, b)), (cs, ov), "{a} {b}");
        }
        assert!(contains(&Type::Numeric(None), r#"["1.0"]"#, r#"["1.00"]"#));
        let is = |n: i64| move |v: ValueRef<'_>| Some(v == ValueRef::Int(n));
        assert_eq!(
            (
                any(&INT, "[1,null]", is(1)),
                any(&INT, "[1,null]", is(2)),
                any(&INT, "[1]", is(2)),
                any(&INT, "[]", is(2))
            ),
            (Some(true), None, Some(false), Some(false))
        );
        assert_eq!(
            (
                all(&INT, "[1,1]", is(1)),
                all(&INT, "[1,null]", is(1)),
                all(&INT, "[2,null]", is(1)),
                all(&INT, "[]", is(2))
            ),
            (Some(true), None, Some(false), Some(true))
        );
    }

    #[test]
    fn arrays_are_measured_and_cut() {
        assert_eq!(
            (
                length("[[1,2],[3,4],[5,6]]", 1),
                length("[[1,2]]", 2),
                length("[]", 1),
                cardinality("[[1,2],[3,4]]"),
                ndims("[]")
            ),
            (Some(3), Some(2), None, 4, None)
        );
        assert_eq!(dims_text("[[1,2]]").as_deref(), Some("[1:1][1:2]"));
        assert_eq!(
            (
                subscript(&INT, "[5,6]", &[2]),
                subscript(&INT, "[5,6]", &[0]),
                subscript(&INT, "[[1,2],[3,4]]", &[2, 1]),
                subscript(&INT, "[[1,2]]", &[1])
            ),
            (Value::Int(6), Value::Null, Value::Int(3), Value::Null)
        );
        assert_eq!(
            (slice("[1,2,3,4]", Some(2), Some(3)), slice("[1,2]", None, Some(1)), slice("[1]", Some(3), None)),
            ("[2,3]".into(), "[1]".into(), "[]".into())
        );
    }

    #[test]
    fn arrays_are_changed() {
        assert_eq!(
            (
                append("[1]", ValueRef::Int(2)).unwrap(),
                prepend(ValueRef::Null, "[]").unwrap(),
                concat("[1]", "[2,3]").unwrap()
            ),
            ("[1,2]".into(), "[null]".into(), "[1,2,3]".into())
        );
        assert_eq!(
            (concat("[[1,2]]", "[3,4]").unwrap(), concat("[1,2]", "[[3,4]]").unwrap()),
            ("[[1,2],[3,4]]".into(), "[[1,2],[3,4]]".into())
        );
        assert_eq!(concat("[[1,2]]", "[3]").unwrap_err().sqlstate, "2202E");
        assert_eq!(
            (
                remove(&INT, "[1,2,1,null]", ValueRef::Int(1)).unwrap(),
                remove(&INT, "[1,null]", ValueRef::Null).unwrap()
            ),
            ("[2,null]".into(), "[1]".into())
        );
        assert_eq!(replace(&INT, "[[1,2],[2,3]]", ValueRef::Int(2), ValueRef::Int(9)), "[[1,9],[9,3]]");
        assert_eq!(
            (
                position(&INT, "[5,6,5]", ValueRef::Int(5), 2).unwrap(),
                positions(&INT, "[5,6,5]", ValueRef::Int(5)).unwrap()
            ),
            (Some(3), vec![1, 3])
        );
        assert_eq!(
            (to_string(&INT, "[1,null,3]", ",", None), to_string(&INT, "[1,null,3]", ",", Some("*"))),
            ("1,3".into(), "1,*,3".into())
        );
        assert_eq!(
            (
                from_string("a,b,,c", Some(","), Some("")),
                from_string("ab", None, None),
                from_string("", Some(","), None)
            ),
            (r#"["a","b",null,"c"]"#.into(), r#"["a","b"]"#.into(), "[]".into())
        );
    }
}
