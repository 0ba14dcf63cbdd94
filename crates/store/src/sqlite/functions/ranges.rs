//! Ranges. A last argument names the kind: `int4range`, `tstzrange`, …

use values::range::{self, RangeOp};
use values::{RangeKind, Result, Type, Value, ValueError, ValueRef};

use super::casts::type_named;
use super::{Scalar, lax, strict, text};

type Args<'a, 'b> = &'a [ValueRef<'b>];

fn kind(args: Args<'_, '_>) -> Result<RangeKind> {
    let name = text(args, args.len() - 1)?;
    match type_named(name)? {
        Type::Range(kind) => Ok(kind),
        _ => Err(ValueError::new("42804", format!("{name} is not a range type"))),
    }
}

fn operate(args: Args<'_, '_>, op: RangeOp) -> Result<Value> {
    Ok(Value::bool(range::operate(kind(args)?, op, text(args, 0)?, text(args, 1)?)))
}

fn combine(args: Args<'_, '_>, f: fn(RangeKind, &str, &str) -> Result<String>) -> Result<Value> {
    f(kind(args)?, text(args, 0)?, text(args, 1)?).map(Value::Text)
}

/// A bound in stored form as text; null is infinite.
fn bound(value: ValueRef<'_>) -> Result<Option<String>> {
    super::typed_text(value, None)
}

/// `int4range(lower, upper [, bounds])` and its kin, with the kind.
fn make(args: Args<'_, '_>) -> Result<Value> {
    let (lower, upper) = (bound(args[0])?, bound(args[1])?);
    let bounds = if args.len() > 3 {
        match args[2] {
            ValueRef::Text(bounds) => bounds,
            _ => return Err(ValueError::new("22000", "range constructor flags argument must not be null")),
        }
    } else {
        "[)"
    };
    let (lower_inclusive, upper_inclusive) = match bounds {
        "[)" => (true, false),
        "[]" => (true, true),
        "(]" => (false, true),
        "()" => (false, false),
        _ => {
            return Err(ValueError::new("42601", "invalid range bound flags")
                .with_hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\"."));
        }
    };
    range::make(kind(args)?, lower.as_deref(), upper.as_deref(), lower_inclusive, upper_inclusive).map(Value::Text)
}

fn shape(args: Args<'_, '_>, pick: fn((bool, bool, bool, bool, bool)) -> bool) -> Result<Value> {
    Ok(range::shape(text(args, 0)?).map_or(Value::Null, |shape| Value::bool(pick(shape))))
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    strict("pg_range_contains", 3, |a| operate(a, RangeOp::Contains)),
    strict("pg_range_contained", 3, |a| operate(a, RangeOp::ContainedBy)),
    strict("pg_range_overlaps", 3, |a| operate(a, RangeOp::Overlaps)),
    strict("pg_range_left", 3, |a| operate(a, RangeOp::Left)),
    strict("pg_range_right", 3, |a| operate(a, RangeOp::Right)),
    strict("pg_range_not_right", 3, |a| operate(a, RangeOp::NotRight)),
    strict("pg_range_not_left", 3, |a| operate(a, RangeOp::NotLeft)),
    strict("pg_range_adjacent", 3, |a| operate(a, RangeOp::Adjacent)),
    strict("pg_range_has", 3, |a| Ok(Value::bool(range::contains_element(kind(a)?, text(a, 0)?, a[1])))),
    strict("pg_range_union", 3, |a| combine(a, range::union)),
    strict("pg_range_intersection", 3, |a| combine(a, range::intersection)),
    strict("pg_range_difference", 3, |a| combine(a, range::difference)),
    strict("pg_range_merge", 3, |a| combine(a, range::merge)),
    strict("pg_range_lower", 2, |a| Ok(range::lower(kind(a)?, text(a, 0)?).unwrap_or_default())),
    strict("pg_range_upper", 2, |a| Ok(range::upper(kind(a)?, text(a, 0)?).unwrap_or_default())),
    strict("pg_range_isempty", 1, |a| shape(a, |s| s.0)),
    strict("pg_range_lower_inc", 1, |a| shape(a, |s| s.1)),
    strict("pg_range_upper_inc", 1, |a| shape(a, |s| s.2)),
    strict("pg_range_lower_inf", 1, |a| shape(a, |s| s.3)),
    strict("pg_range_upper_inf", 1, |a| shape(a, |s| s.4)),
    lax("pg_range_make", 3, make),
    lax("pg_range_make", 4, make),
];
