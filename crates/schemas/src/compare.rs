//! Whether every document that is valid under one schema is valid under another.
//!
//! The answer is sound and not complete: a yes is proven, keyword by keyword; whatever is not known to hold is a no with its place. Two schemas
//! that are the same but for words that only describe are always a yes.

use std::cell::Cell;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::keywords::{ALONE, TOGETHER, describes, has_own_addresses, points_home, refers, same};
use crate::model::Finding;
use crate::rules::validator;

/// Steps that one comparison may take.
const STEPS_MAX: u32 = 20_000;
/// How deep it may go.
const DEPTH_MAX: u32 = 64;

type Judged = Result<(), Finding>;

/// Is every document that is valid under `old` valid under `new`. If that is not certain: the place in `new` that asks for more.
///
/// # Errors
/// The first such place.
pub(crate) fn covers(old: &Value, new: &Value) -> Judged {
    let comparison = Comparison {
        old,
        new,
        alike: old == new || (same(old, new) && definitions(old) == definitions(new) && points_home(old)),
        follow: !has_own_addresses(old, true) && !has_own_addresses(new, true),
        steps: Cell::new(STEPS_MAX),
        depth: Cell::new(0),
    };
    comparison.sub(old, new, "")
}

/// What references of a schema may point to.
fn definitions(schema: &Value) -> [Option<&Value>; 2] {
    [schema.get("$defs"), schema.get("definitions")]
}

struct Comparison<'s> {
    old: &'s Value,
    new: &'s Value,
    /// The whole schemas are the same, so that a reference means the same in both.
    alike: bool,
    /// References are pointers into the schema they stand in.
    follow: bool,
    steps: Cell<u32>,
    depth: Cell<u32>,
}

/// The types that a value may have, one bit each; whole numbers and others apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const ALL: Self = Self(0x7f);
    const NULL: Self = Self(1);
    const BOOLEAN: Self = Self(2);
    const NUMBER: Self = Self(12);
    const STRING: Self = Self(16);
    const ARRAY: Self = Self(32);
    const OBJECT: Self = Self(64);

    fn of(schema: &Map<String, Value>) -> Self {
        let one = |name: &Value| match name.as_str() {
            Some("null") => Self::NULL,
            Some("boolean") => Self::BOOLEAN,
            Some("integer") => Self(4),
            Some("number") => Self::NUMBER,
            Some("string") => Self::STRING,
            Some("array") => Self::ARRAY,
            Some("object") => Self::OBJECT,
            _ => Self::ALL,
        };
        match schema.get("type") {
            None => Self::ALL,
            Some(Value::Array(names)) => Self(names.iter().fold(0, |all, name| all | one(name).0)),
            Some(name) => one(name),
        }
    }
    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

fn gap(at: &str, why: &str) -> Finding {
    Finding { at: at.to_owned(), why: why.to_owned() }
}

/// A place below another one.
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl<'s> Comparison<'s> {
    /// What is valid under `old` is valid under `new`.
    fn sub(&self, old: &'s Value, new: &'s Value, at: &str) -> Judged {
        let Some(left) = self.steps.get().checked_sub(1).filter(|_| self.depth.get() < DEPTH_MAX) else {
            return Err(gap(at, "too intricate to compare"));
        };
        self.steps.set(left);
        self.depth.set(self.depth.get() + 1);
        let judged = self.judge(old, new, at);
        self.depth.set(self.depth.get() - 1);
        judged
    }

    fn judge(&self, old: &'s Value, new: &'s Value, at: &str) -> Judged {
        let asked = match new {
            Value::Bool(true) => return Ok(()),
            Value::Object(asked) => Some(asked),
            _ => None,
        };
        if *old == Value::Bool(false) || self.means_the_same(old, new) {
            return Ok(());
        }
        let mut sources = Vec::new();
        self.collect(old, &mut sources, 0);
        if sources.is_empty() {
            // `true`: it asks for nothing.
            sources.push(&NOTHING);
        }
        let types = Types(sources.iter().fold(Types::ALL.0, |all, source| all & Types::of(source).0));
        if types == Types(0) {
            return Ok(());
        }
        if let Some(values) = finite(&sources, types) {
            return self.each_fits(old, &values, new, at);
        }
        // One of several: then each of them must do.
        for source in &sources {
            for several in ["anyOf", "oneOf"] {
                if let Some(Value::Array(members)) = source.get(several)
                    && members.iter().all(|member| self.sub(member, new, at).is_ok())
                {
                    return Ok(());
                }
            }
        }
        let Some(asked) = asked else { return Err(gap(at, "nothing is valid here any more")) };
        asked.iter().filter(|(keyword, _)| !describes(keyword)).try_for_each(|(keyword, value)| {
            self.keyword(old, &sources, types, asked, keyword, value, &below(at, keyword))
        })
    }

    /// Are the two the same, and do their references mean the same.
    fn means_the_same(&self, old: &Value, new: &Value) -> bool {
        same(old, new) && (self.alike || !refers(new))
    }

    /// Everything that a schema asks for at once: itself, what it refers to, and all that `allOf` lists.
    fn collect(&self, schema: &'s Value, found: &mut Vec<&'s Map<String, Value>>, depth: u32) {
        let Value::Object(object) = schema else { return };
        found.push(object);
        if depth >= 8 || found.len() > 64 {
            return;
        }
        if let Some(target) = object.get("$ref").and_then(|to| self.follow(self.old, to)) {
            self.collect(target, found, depth + 1);
        }
        for member in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(member, found, depth + 1);
        }
    }

    fn follow(&self, root: &'s Value, to: &Value) -> Option<&'s Value> {
        let pointer = to.as_str()?.strip_prefix('#').filter(|pointer| self.follow && !pointer.contains('%'))?;
        if pointer.is_empty() || pointer.starts_with('/') { root.pointer(pointer) } else { None }
    }

    /// Each of the values that are all there may be is valid under the new schema, or was not under the old one.
    fn each_fits(&self, old: &Value, values: &[&Value], new: &Value, at: &str) -> Judged {
        let alone = |schema: &Value, root: &Value| {
            let whole = std::ptr::eq(schema, root) || !refers(schema);
            whole.then(|| validator(schema).ok()).flatten()
        };
        let Some(judge) = alone(new, self.new) else { return Err(gap(at, "refers to something else")) };
        let before = alone(old, self.old);
        let fits =
            |value: &&Value| judge.is_valid(value) || before.as_ref().is_some_and(|before| !before.is_valid(value));
        if values.iter().all(fits) { Ok(()) } else { Err(gap(at, "a value that was valid is not any more")) }
    }

    /// One keyword of the new schema, held against everything the old one asks for.
    #[expect(clippy::too_many_arguments, reason = "one step of `judge`, which has them all")]
    fn keyword(
        &self,
        old: &'s Value,
        sources: &[&'s Map<String, Value>],
        types: Types,
        asked: &'s Map<String, Value>,
        keyword: &str,
        value: &'s Value,
        at: &str,
    ) -> Judged {
        let any = |holds: &dyn Fn(&'s Map<String, Value>) -> bool, why: &str| {
            if sources.iter().any(|source| holds(source)) { Ok(()) } else { Err(gap(at, why)) }
        };
        let number = |of: Types, holds: &dyn Fn(&'s Map<String, Value>) -> bool, why: &str| {
            if types.has(of) { any(holds, why) } else { Ok(()) }
        };
        match keyword {
            "$ref" => match self.follow(self.new, value) {
                Some(target) => self.sub(old, target, at),
                None => Err(gap(at, "refers to something that is not looked into")),
            },
            "allOf" => members(value, at).try_for_each(|(at, member)| self.sub(old, member, &at)),
            "anyOf" => {
                let fits = members(value, at).any(|(at, member)| self.sub(old, member, &at).is_ok());
                if fits { Ok(()) } else { Err(gap(at, "it is not certain that one of these is met")) }
            }
            "type" => {
                if types.within(Types::of(asked)) {
                    Ok(())
                } else {
                    Err(gap(at, "a type that was valid is not any more"))
                }
            }
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
                number(Types::NUMBER, &|source| is_bounded(source, keyword, value), "numbers are bounded more narrowly")
            }
            "multipleOf" => number(Types::NUMBER, &|source| is_multiple(source, value), "fewer numbers are valid"),
            "minLength" | "maxLength" => {
                number(Types::STRING, &|source| is_counted(source, keyword, value), "strings are bounded more narrowly")
            }
            "minItems" | "maxItems" => {
                number(Types::ARRAY, &|source| is_counted(source, keyword, value), "lists are bounded more narrowly")
            }
            "minProperties" | "maxProperties" => {
                number(Types::OBJECT, &|source| is_counted(source, keyword, value), "objects are bounded more narrowly")
            }
            "uniqueItems" => number(
                Types::ARRAY,
                &|source| value == &Value::Bool(false) || source.get(keyword) == Some(value),
                "elements have to be unique now",
            ),
            "required" => {
                if !types.has(Types::OBJECT) {
                    return Ok(());
                }
                let names = value.as_array().into_iter().flatten();
                let missing = names.filter(|name| !sources.iter().any(|source| lists(source.get(keyword), name)));
                match missing.map(|name| name.as_str().unwrap_or_default()).next() {
                    None => Ok(()),
                    Some(name) => Err(gap(at, &format!("{name} is required now"))),
                }
            }
            "properties" | "patternProperties" | "additionalProperties" | "propertyNames" => {
                if types.has(Types::OBJECT) { self.object(sources, asked, keyword, value, at) } else { Ok(()) }
            }
            "items" | "prefixItems" => {
                if types.has(Types::ARRAY) {
                    self.array(sources, asked, keyword, value, at)
                } else {
                    Ok(())
                }
            }
            _ => {
                let group = TOGETHER.iter().find(|group| group.contains(&keyword)).copied();
                let single = [keyword];
                let words: &[&str] = group.unwrap_or(if ALONE.contains(&keyword) { &single } else { &[] });
                let alike = |source: &Map<String, Value>| {
                    !words.is_empty()
                        && words.iter().all(|word| match (source.get(*word), asked.get(*word)) {
                            (None, None) => true,
                            (Some(a), Some(b)) => self.means_the_same(a, b),
                            _ => false,
                        })
                };
                any(&|source| alike(source), "this keyword is compared as a whole, and it was another one")
            }
        }
    }

    fn object(
        &self,
        sources: &[&'s Map<String, Value>],
        asked: &'s Map<String, Value>,
        keyword: &str,
        value: &'s Value,
        at: &str,
    ) -> Judged {
        match keyword {
            "properties" => named(Some(value)).try_for_each(|(name, wanted)| {
                let at = below(at, name);
                best(sources, |source| self.sub(property(source, name), wanted, &at))
            }),
            "patternProperties" => named(Some(value)).try_for_each(|(pattern, wanted)| {
                let at = below(at, pattern);
                best(sources, |source| match source.get(keyword).and_then(|patterns| patterns.get(pattern)) {
                    Some(had) => self.sub(had, wanted, &at),
                    None => Err(gap(&at, "such names were not looked at")),
                })
            }),
            "propertyNames" => best(sources, |source| self.sub(source.get(keyword).unwrap_or(&ANY), value, at)),
            // `additionalProperties`: what the new schema does not name otherwise.
            _ => best(sources, |source| {
                for (name, had) in named(source.get("properties")) {
                    if asked.get("properties").and_then(|known| known.get(name)).is_none() {
                        self.sub(had, value, at)
                            .map_err(|gap| Finding { why: format!("{name}: {}", gap.why), ..gap })?;
                    }
                }
                for (pattern, had) in named(source.get("patternProperties")) {
                    if asked.get("patternProperties").and_then(|known| known.get(pattern)).is_none() {
                        self.sub(had, value, at)?;
                    }
                }
                self.sub(source.get("additionalProperties").unwrap_or(&ANY), value, at)
            }),
        }
    }

    fn array(
        &self,
        sources: &[&'s Map<String, Value>],
        asked: &'s Map<String, Value>,
        keyword: &str,
        value: &'s Value,
        at: &str,
    ) -> Judged {
        fn first(source: &Map<String, Value>) -> &[Value] {
            source.get("prefixItems").and_then(Value::as_array).map_or(&[], Vec::as_slice)
        }
        best(sources, |source| {
            let rest = source.get("items").unwrap_or(&ANY);
            if keyword == "prefixItems" {
                return members(value, at).enumerate().try_for_each(|(place, (at, wanted))| {
                    self.sub(first(source).get(place).unwrap_or(rest), wanted, &at)
                });
            }
            first(source).iter().skip(first(asked).len()).try_for_each(|had| self.sub(had, value, at))?;
            self.sub(rest, value, at)
        })
    }
}

static ANY: Value = Value::Bool(true);
static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// One source that does is enough; otherwise what the first said.
fn best<'s>(sources: &[&'s Map<String, Value>], holds: impl Fn(&'s Map<String, Value>) -> Judged) -> Judged {
    let mut first = Ok(());
    for (number, source) in sources.iter().enumerate() {
        let judged = holds(source);
        if judged.is_ok() {
            return Ok(());
        }
        if number == 0 {
            first = judged;
        }
    }
    first
}

/// What an object's member of this name has to be: anything, where patterns may have a say.
fn property<'s>(source: &'s Map<String, Value>, name: &str) -> &'s Value {
    let named = source.get("properties").and_then(|known| known.get(name));
    let others = if source.contains_key("patternProperties") { None } else { source.get("additionalProperties") };
    named.or(others).unwrap_or(&ANY)
}

fn named(schemas: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    schemas.and_then(Value::as_object).into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

fn members<'s>(list: &'s Value, at: &str) -> impl Iterator<Item = (String, &'s Value)> {
    let list = list.as_array().into_iter().flatten();
    list.enumerate().map(move |(number, member)| (format!("{at}/{number}"), member))
}

fn lists(names: Option<&Value>, name: &Value) -> bool {
    names.and_then(Value::as_array).is_some_and(|names| names.contains(name))
}

/// All values there may be, if they can be counted.
fn finite<'s>(sources: &[&'s Map<String, Value>], types: Types) -> Option<Vec<&'s Value>> {
    static FEW: [(Types, Value); 3] =
        [(Types::NULL, Value::Null), (Types::BOOLEAN, Value::Bool(false)), (Types::BOOLEAN, Value::Bool(true))];
    for source in sources {
        if let Some(value) = source.get("const") {
            return Some(vec![value]);
        }
        if let Some(Value::Array(values)) = source.get("enum") {
            return Some(values.iter().collect());
        }
    }
    let few = Types(Types::NULL.0 | Types::BOOLEAN.0);
    types.within(few).then(|| FEW.iter().filter(|(of, _)| types.has(*of)).map(|(_, value)| value).collect())
}

/// Two numbers in order, when that is certain: both whole, or both as the validator has them.
fn ordered(small: &Value, large: &Value, or_equal: bool) -> bool {
    /// Whole numbers up to here are the same as floating point.
    const EXACT: u64 = 1 << 53;
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    if let (Some(small), Some(large)) = (whole(small), whole(large)) {
        return small < large || (or_equal && small == large);
    }
    let float = |value: &Value| match whole(value) {
        Some(whole) if whole.unsigned_abs() > u128::from(EXACT) => None,
        _ => value.as_f64(),
    };
    match (float(small), float(large)) {
        (Some(small), Some(large)) => small < large || (or_equal && small.to_bits() == large.to_bits()),
        _ => false,
    }
}

/// Does a schema keep numbers within a bound.
fn is_bounded(source: &Map<String, Value>, keyword: &str, bound: &Value) -> bool {
    let (exclusive, lower) = (keyword.starts_with("exclusive"), keyword.ends_with("inimum"));
    let (closed, open) = if lower { ("minimum", "exclusiveMinimum") } else { ("maximum", "exclusiveMaximum") };
    let keeps = |name: &str, or_equal: bool| {
        source
            .get(name)
            .is_some_and(|had| if lower { ordered(bound, had, or_equal) } else { ordered(had, bound, or_equal) })
    };
    keeps(open, true) || keeps(closed, !exclusive)
}

fn is_multiple(source: &Map<String, Value>, of: &Value) -> bool {
    source
        .get("multipleOf")
        .is_some_and(|had| had == of || had.as_u64().zip(of.as_u64()).is_some_and(|(had, of)| of > 0 && had % of == 0))
}

/// Does a schema keep a count within a bound.
fn is_counted(source: &Map<String, Value>, keyword: &str, bound: &Value) -> bool {
    let least = keyword.starts_with("min");
    let Some(bound) = bound.as_u64() else { return false };
    let had = source.get(keyword).and_then(Value::as_u64);
    match (least, had) {
        (true, _) if bound == 0 => true,
        (true, Some(had)) => had >= bound,
        (false, Some(had)) => had <= bound,
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests;
