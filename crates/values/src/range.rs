//! Ranges: held as canonical text, bounds in their stored form without quotes (`[2020-01-01,2020-02-01)`, `empty`).

use crate::{RangeKind, Result, Session, Type, ValueError, ValueRef, compare, input_in};
use std::cmp::Ordering;

/// A range taken apart. A bound of `None` is infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// True for `empty`; then nothing else matters.
    pub empty: bool,
    /// The lower bound's stored text.
    pub lower: Option<&'a str>,
    /// The upper bound's stored text.
    pub upper: Option<&'a str>,
    /// True for `[`.
    pub lower_inclusive: bool,
    /// True for `]`.
    pub upper_inclusive: bool,
}

const EMPTY: Range<'static> =
    Range { empty: true, lower: None, upper: None, lower_inclusive: false, upper_inclusive: false };

/// One end of a range, for comparing.
#[derive(Clone, Copy)]
struct Bound<'a> {
    value: Option<&'a str>,
    inclusive: bool,
    lower: bool,
}

impl<'a> Range<'a> {
    /// Takes a stored text apart; `None` when it is not one.
    pub fn stored(text: &'a str) -> Option<Self> {
        if text == "empty" {
            return Some(EMPTY);
        }
        let b = text.as_bytes();
        let (first, last) = (*b.first()?, *b.last()?);
        if b.len() < 3 || !matches!(first, b'[' | b'(') || !matches!(last, b']' | b')') {
            return None;
        }
        let (lower, upper) = text[1..text.len() - 1].split_once(',')?;
        Some(Self {
            empty: false,
            lower: (!lower.is_empty()).then_some(lower),
            upper: (!upper.is_empty()).then_some(upper),
            lower_inclusive: first == b'[',
            upper_inclusive: last == b']',
        })
    }

    fn low(self) -> Bound<'a> {
        Bound { value: self.lower, inclusive: self.lower_inclusive, lower: true }
    }

    fn high(self) -> Bound<'a> {
        Bound { value: self.upper, inclusive: self.upper_inclusive, lower: false }
    }

    fn text(self) -> String {
        if self.empty {
            return "empty".into();
        }
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        format!("{open}{},{}{close}", self.lower.unwrap_or(""), self.upper.unwrap_or(""))
    }
}

/// The stored integer of a bound of `int4range` or `int8range`.
fn values(kind: RangeKind, a: &str, b: &str) -> Ordering {
    match kind {
        RangeKind::Int4 | RangeKind::Int8 => match (a.parse::<i64>(), b.parse::<i64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        },
        _ => compare(&kind.element(), ValueRef::Text(a), ValueRef::Text(b)),
    }
}

/// Compares two bounds of any sides as points on the line, an exclusive bound a hair beside its value.
fn bounds(kind: RangeKind, a: Bound<'_>, b: Bound<'_>) -> Ordering {
    match (a.value, b.value) {
        (None, None) => b.lower.cmp(&a.lower),
        (None, Some(_)) => {
            if a.lower {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some(_), None) => {
            if b.lower {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some(x), Some(y)) => {
            // An exclusive lower bound lies just above its value, an exclusive upper one just below.
            let shade = |e: Bound<'_>| i8::from(!e.inclusive) * if e.lower { 1 } else { -1 };
            values(kind, x, y).then_with(|| shade(a).cmp(&shade(b)))
        }
    }
}

fn malformed(text: &str, detail: &str) -> ValueError {
    ValueError::new("22P02", format!("malformed range literal: \"{text}\"")).with_detail(detail)
}

/// Reads a range literal; gives the stored form.
pub fn parse(kind: RangeKind, text: &str, session: &Session) -> Result<String> {
    let t = crate::input::trim(text);
    if t.eq_ignore_ascii_case("empty") {
        return Ok("empty".into());
    }
    let lower_inclusive = match t.as_bytes().first() {
        Some(b'[') => true,
        Some(b'(') => false,
        _ => return Err(malformed(text, "Missing left parenthesis or bracket.")),
    };
    let mut rest = &t[1..];
    let lower = bound(text, &mut rest)?;
    rest = rest.strip_prefix(',').ok_or_else(|| malformed(text, "Missing comma after lower bound."))?;
    let upper = bound(text, &mut rest)?;
    let upper_inclusive = match rest.as_bytes().first() {
        Some(b']') => true,
        Some(b')') => false,
        _ => return Err(malformed(text, "Too many commas.")),
    };
    if rest.len() > 1 {
        return Err(malformed(text, "Junk after right parenthesis or bracket."));
    }
    let element = kind.element();
    let read = |b: Option<String>| -> Result<Option<String>> {
        b.map(|b| input_in(&element, &b, session).map(|v| stored_bound(v.as_ref()))).transpose()
    };
    let (lower, upper) = (read(lower)?, read(upper)?);
    make(kind, lower.as_deref(), upper.as_deref(), lower_inclusive, upper_inclusive)
}

/// The text a bound has inside a stored range.
fn stored_bound(v: ValueRef<'_>) -> String {
    match v {
        ValueRef::Int(i) => i.to_string(),
        ValueRef::Text(s) => s.into(),
        _ => String::new(),
    }
}

/// Reads one bound up to its comma or bracket; `None` when nothing stands there.
fn bound(text: &str, rest: &mut &str) -> Result<Option<String>> {
    let mut out = String::new();
    let mut quoted = false;
    let mut any = false;
    let mut chars = rest.char_indices();
    loop {
        let Some((at, c)) = chars.next() else { return Err(malformed(text, "Unexpected end of input.")) };
        match c {
            ',' | ')' | ']' if !quoted => {
                *rest = &rest[at..];
                return Ok(any.then_some(out));
            }
            '\\' => match chars.next() {
                Some((_, c)) => out.push(c),
                None => return Err(malformed(text, "Unexpected end of input.")),
            },
            '"' if quoted && rest[at + 1..].starts_with('"') => {
                chars.next();
                out.push('"');
            }
            '"' => quoted = !quoted,
            _ => out.push(c),
        }
        any = true;
    }
}

/// Makes a stored range of stored bounds: checks their order, finds the empty, brings discrete ones to `[a,b)`.
pub fn make(
    kind: RangeKind,
    lower: Option<&str>,
    upper: Option<&str>,
    lower_inclusive: bool,
    upper_inclusive: bool,
) -> Result<String> {
    if let (Some(a), Some(b)) = (lower, upper) {
        match values(kind, a, b) {
            Ordering::Greater => {
                return Err(ValueError::new(
                    "22000",
                    "range lower bound must be less than or equal to range upper bound",
                ));
            }
            Ordering::Equal if !(lower_inclusive && upper_inclusive) => return Ok("empty".into()),
            _ => {}
        }
    }
    let (mut low, mut high) = (None, None);
    if kind.discrete() {
        low = lower.filter(|_| !lower_inclusive).map(|v| successor(kind, v)).transpose()?;
        high = upper.filter(|_| upper_inclusive).map(|v| successor(kind, v)).transpose()?;
    }
    let discrete = kind.discrete();
    // Infinite dates keep their bracket, since nothing follows them.
    let endless = |v: Option<&str>| v.is_some_and(|v| v.ends_with("infinity"));
    let range = Range {
        empty: false,
        lower: low.as_deref().or(lower),
        upper: high.as_deref().or(upper),
        lower_inclusive: lower.is_some() && (lower_inclusive || (discrete && !endless(lower))),
        upper_inclusive: upper.is_some() && upper_inclusive && (!discrete || endless(upper)),
    };
    if discrete && !endless(range.lower) && range.lower.is_some() && range.lower == range.upper {
        return Ok("empty".into());
    }
    Ok(range.text())
}

fn successor(kind: RangeKind, value: &str) -> Result<String> {
    if kind == RangeKind::Date {
        let days = crate::datetime::date_days(value).ok_or_else(|| ValueError::datetime_syntax("date", value))?;
        return if value.ends_with("infinity") { Ok(value.into()) } else { crate::datetime::days_text(days + 1) };
    }
    let (name, most) = if kind == RangeKind::Int4 { ("integer", i64::from(i32::MAX)) } else { ("bigint", i64::MAX) };
    let n: i64 = value.parse().map_err(|_| ValueError::syntax(name, value))?;
    if n >= most { Err(ValueError::out_of_range(name)) } else { Ok((n + 1).to_string()) }
}

/// PostgreSQL's btree order of two stored ranges: empty first, then by lower bound, then by upper.
pub fn compare_ranges(kind: RangeKind, a: &str, b: &str) -> Ordering {
    match (Range::stored(a), Range::stored(b)) {
        (Some(x), Some(y)) => match (x.empty, y.empty) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => bounds(kind, x.low(), y.low()).then_with(|| bounds(kind, x.high(), y.high())),
        },
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The two-range operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    /// `@>`
    Contains,
    /// `<@`
    ContainedBy,
    /// `&&`
    Overlaps,
    /// `<<`
    Left,
    /// `>>`
    Right,
    /// `&<`: does not extend to the right of
    NotRight,
    /// `&>`: does not extend to the left of
    NotLeft,
    /// `-|-`
    Adjacent,
}

/// Applies an operator to two stored ranges. A text that is no range is as `empty`.
pub fn operate(kind: RangeKind, op: RangeOp, a: &str, b: &str) -> bool {
    let (x, y) = (Range::stored(a).unwrap_or(EMPTY), Range::stored(b).unwrap_or(EMPTY));
    match op {
        RangeOp::ContainedBy => return operate(kind, RangeOp::Contains, b, a),
        RangeOp::Contains if y.empty => return true,
        _ if x.empty || y.empty => return false,
        _ => {}
    }
    match op {
        RangeOp::Contains => bounds(kind, x.low(), y.low()).is_le() && bounds(kind, x.high(), y.high()).is_ge(),
        RangeOp::ContainedBy => false,
        RangeOp::Overlaps => bounds(kind, x.low(), y.high()).is_le() && bounds(kind, y.low(), x.high()).is_le(),
        RangeOp::Left => bounds(kind, x.high(), y.low()).is_lt(),
        RangeOp::Right => bounds(kind, x.low(), y.high()).is_gt(),
        RangeOp::NotRight => bounds(kind, x.high(), y.high()).is_le(),
        RangeOp::NotLeft => bounds(kind, x.low(), y.low()).is_ge(),
        RangeOp::Adjacent => touch(kind, x.high(), y.low()) || touch(kind, y.high(), x.low()),
    }
}

/// True when an upper bound ends exactly where a lower one begins.
fn touch(kind: RangeKind, high: Bound<'_>, low: Bound<'_>) -> bool {
    match (high.value, low.value) {
        (Some(a), Some(b)) => values(kind, a, b).is_eq() && high.inclusive != low.inclusive,
        _ => false,
    }
}

/// `range @> element`, the element in its stored form.
pub fn contains_element(kind: RangeKind, range: &str, element: ValueRef<'_>) -> bool {
    let value = stored_bound(element);
    let point =
        Range { empty: false, lower: Some(&value), upper: Some(&value), lower_inclusive: true, upper_inclusive: true };
    Range::stored(range).is_some_and(|r| {
        !r.empty && bounds(kind, r.low(), point.low()).is_le() && bounds(kind, r.high(), point.high()).is_ge()
    })
}

fn pair<'a>(a: &'a str, b: &'a str) -> Result<(Range<'a>, Range<'a>)> {
    let read = |t: &'a str| Range::stored(t).ok_or_else(|| malformed(t, "Missing left parenthesis or bracket."));
    Ok((read(a)?, read(b)?))
}

/// `a * b`: what both have.
pub fn intersection(kind: RangeKind, a: &str, b: &str) -> Result<String> {
    let (x, y) = pair(a, b)?;
    if x.empty || y.empty || !operate(kind, RangeOp::Overlaps, a, b) {
        return Ok("empty".into());
    }
    let low = if bounds(kind, x.low(), y.low()).is_ge() { x.low() } else { y.low() };
    let high = if bounds(kind, x.high(), y.high()).is_le() { x.high() } else { y.high() };
    make(kind, low.value, high.value, low.inclusive, high.inclusive)
}

/// `a + b`: both together; 22000 when there is a gap between them.
pub fn union(kind: RangeKind, a: &str, b: &str) -> Result<String> {
    let (x, y) = pair(a, b)?;
    if x.empty || y.empty {
        return Ok(if x.empty { b } else { a }.into());
    }
    if !operate(kind, RangeOp::Overlaps, a, b) && !operate(kind, RangeOp::Adjacent, a, b) {
        return Err(ValueError::new("22000", "result of range union would not be contiguous"));
    }
    merge(kind, a, b)
}

/// `range_merge(a, b)`: the smallest range with both in it.
pub fn merge(kind: RangeKind, a: &str, b: &str) -> Result<String> {
    let (x, y) = pair(a, b)?;
    if x.empty || y.empty {
        return Ok(if x.empty { b } else { a }.into());
    }
    let low = if bounds(kind, x.low(), y.low()).is_le() { x.low() } else { y.low() };
    let high = if bounds(kind, x.high(), y.high()).is_ge() { x.high() } else { y.high() };
    make(kind, low.value, high.value, low.inclusive, high.inclusive)
}

/// `a - b`: what only the first has; 22000 when that is two pieces.
pub fn difference(kind: RangeKind, a: &str, b: &str) -> Result<String> {
    let (x, y) = pair(a, b)?;
    if x.empty || y.empty || !operate(kind, RangeOp::Overlaps, a, b) {
        return Ok(a.into());
    }
    let below = bounds(kind, x.low(), y.low()).is_lt();
    let above = bounds(kind, x.high(), y.high()).is_gt();
    match (below, above) {
        (true, true) => Err(ValueError::new("22000", "result of range difference would not be contiguous")),
        (false, false) => Ok("empty".into()),
        (true, false) => make(kind, x.lower, y.lower, x.lower_inclusive, !y.lower_inclusive),
        (false, true) => make(kind, y.upper, x.upper, !y.upper_inclusive, x.upper_inclusive),
    }
}

/// `lower(range)` as a stored value of the element type; `None` (NULL) when empty or infinite.
pub fn lower(kind: RangeKind, range: &str) -> Option<crate::Value> {
    Range::stored(range)?.lower.map(|v| element_value(kind, v))
}

/// `upper(range)`; `None` (NULL) when empty or infinite.
pub fn upper(kind: RangeKind, range: &str) -> Option<crate::Value> {
    Range::stored(range)?.upper.map(|v| element_value(kind, v))
}

fn element_value(kind: RangeKind, v: &str) -> crate::Value {
    match (kind, v.parse()) {
        (RangeKind::Int4 | RangeKind::Int8, Ok(i)) => crate::Value::Int(i),
        _ => crate::Value::text(v),
    }
}

/// The questions `isempty`, `lower_inc`, `upper_inc`, `lower_inf`, `upper_inf` ask.
pub fn shape(range: &str) -> Option<(bool, bool, bool, bool, bool)> {
    let r = Range::stored(range)?;
    Some((r.empty, r.lower_inclusive, r.upper_inclusive, !r.empty && r.lower.is_none(), !r.empty && r.upper.is_none()))
}

/// The type of a range's kind by its name.
pub fn kind_of(ty: &Type) -> Option<RangeKind> {
    if let Type::Range(k) = ty { Some(*k) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RangeOp::{Adjacent, ContainedBy, Contains, Left, NotLeft, NotRight, Overlaps, Right};

    #[test]
    fn range_literals_are_brought_to_canonical_form() {
        let cases = [
            (RangeKind::Int4, "[1,5]", "[1,6)"),
            (RangeKind::Int4, "(1,5)", "[2,5)"),
            (RangeKind::Int4, "(1,2)", "empty"),
            (RangeKind::Int4, "[,5)", "(,5)"),
            (RangeKind::Int4, "(,)", "(,)"),
            (RangeKind::Int4, " [ 1 , 5 ) ", "[1,5)"),
            (RangeKind::Int4, "[3,3)", "empty"),
            (RangeKind::Int4, "[3,3]", "[3,4)"),
            (RangeKind::Int4, "Empty", "empty"),
            (RangeKind::Num, "(1.5,2.50]", "(1.5,2.50]"),
            (RangeKind::Num, "[1,1]", "[1,1]"),
            (RangeKind::Date, "[2020-01-01,2020-01-31]", "[2020-01-01,2020-02-01)"),
            (
                RangeKind::Ts,
                "[2020-01-01,\"2020-01-02 10:00\")",
                "[2020-01-01 00:00:00.000000,2020-01-02 10:00:00.000000)",
            ),
            (RangeKind::Int8, "[,]", "(,)"),
        ];
        for (kind, text, want) in cases {
            let got = parse(kind, text, &Session::default()).unwrap_or_else(|e| e.message);
            assert_eq!(got, want, "{text}");
        }
        for (text, detail) in [
            ("1,5", "Missing left parenthesis or bracket."),
            ("[1", "Unexpected end of input."),
            ("[1)", "Missing comma after lower bound."),
            ("[1,2,3)", "Too many commas."),
            ("[1,2)x", "Junk after right parenthesis or bracket."),
        ] {
            let e = parse(RangeKind::Int4, text, &Session::default()).unwrap_err();
            assert_eq!((e.sqlstate, e.detail.as_deref()), ("22P02", Some(detail)), "{text}");
        }
        assert_eq!(parse(RangeKind::Int4, "[5,1]", &Session::default()).unwrap_err().sqlstate, "22000");
        assert_eq!(
            parse(RangeKind::Int4, "[1,2147483647]", &Session::default()).unwrap_err().message,
            "integer out of range"
        );
    }

    #[test]
    fn operators_agree_with_postgresql() {
        let cases = [
            (Contains, "[1,10)", "[2,5)", true),
            (Contains, "[1,10)", "[2,11)", false),
            (Contains, "(,)", "[2,5)", true),
            (Contains, "[1,2)", "empty", true),
            (ContainedBy, "[2,5)", "[1,10)", true),
            (Overlaps, "[1,5)", "[4,6)", true),
            (Overlaps, "[1,5)", "[5,6)", false),
            (Left, "[1,5)", "[5,6)", true),
            (Right, "[5,6)", "[1,5)", true),
            (NotRight, "[1,5)", "[2,5)", true),
            (NotRight, "[1,6)", "[2,5)", false),
            (NotLeft, "[2,5)", "[1,3)", true),
            (Adjacent, "[1,5)", "[5,6)", true),
            (Adjacent, "[1,5)", "[6,7)", false),
            (Overlaps, "empty", "[1,5)", false),
            (Left, "[1,5)", "(,)", false),
        ];
        for (op, a, b, want) in cases {
            assert_eq!(operate(RangeKind::Int4, op, a, b), want, "{op:?} {a} {b}");
        }
        assert!(
            contains_element(RangeKind::Int4, "[1,5)", ValueRef::Int(1))
                && !contains_element(RangeKind::Int4, "[1,5)", ValueRef::Int(5))
        );
        assert!(
            contains_element(RangeKind::Num, "(1.5,2.5]", ValueRef::Text("2.50"))
                && !contains_element(RangeKind::Num, "(1.5,2.5]", ValueRef::Text("1.50"))
        );
    }

    #[test]
    fn sets_are_computed_as_postgresql_computes_them() {
        let k = RangeKind::Int4;
        assert_eq!(intersection(k, "[1,5)", "[3,8)").unwrap(), "[3,5)");
        assert_eq!(intersection(k, "[1,3)", "[3,8)").unwrap(), "empty");
        assert_eq!(union(k, "[1,3)", "[3,8)").unwrap(), "[1,8)");
        assert_eq!(union(k, "[1,3)", "[4,8)").unwrap_err().message, "result of range union would not be contiguous");
        assert_eq!(difference(k, "[1,8)", "[5,10)").unwrap(), "[1,5)");
        assert_eq!(difference(k, "[1,8)", "[0,3)").unwrap(), "[3,8)");
        assert_eq!(difference(k, "[1,8)", "[2,3)").unwrap_err().sqlstate, "22000");
        assert_eq!(merge(k, "[1,3)", "[6,8)").unwrap(), "[1,8)");
        assert_eq!((lower(k, "[1,3)"), upper(k, "[1,)"), lower(k, "empty")), (Some(crate::Value::Int(1)), None, None));
        assert_eq!(shape("(,5)"), Some((false, false, false, true, false)));
    }

    #[test]
    fn ranges_sort_with_the_empty_first() {
        let sorted = ["empty", "(,3)", "(,)", "[1,2)", "[1,5)", "[1,)", "[2,3)"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare_ranges(RangeKind::Int4, a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
