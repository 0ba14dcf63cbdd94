//! Arrays. A last argument names the type of the first one: the array's, or the element's where the element comes first.

use values::{Result, Type, Value, ValueRef, array};

use super::casts::type_named;
use super::{Scalar, int, lax, strict, text};

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// The element type, from the name of the array's type or of the element's own.
fn element(args: Args<'_, '_>) -> Result<Type> {
    let named = type_named(text(args, args.len() - 1)?)?;
    Ok(named.element().cloned().unwrap_or(named))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn optional(found: Option<i64>) -> Result<Value> {
    Ok(found.map_or(Value::Null, Value::Int))
}

/// Appending to a null array makes one.
fn append(args: Args<'_, '_>) -> Result<Value> {
    array::append(args[0].as_str().unwrap_or("[]"), args[1]).map(Value::Text)
}

fn prepend(args: Args<'_, '_>) -> Result<Value> {
    array::prepend(args[0], args[1].as_str().unwrap_or("[]")).map(Value::Text)
}

/// A null array is as none; two of them are null.
fn concat(args: Args<'_, '_>) -> Result<Value> {
    match (args[0], args[1]) {
        (ValueRef::Null, other) | (other, ValueRef::Null) => Ok(other.to_owned()),
        _ => array::concat(text(args, 0)?, text(args, 1)?).map(Value::Text),
    }
}

fn remove(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    array::remove(&element(args)?, text(args, 0)?, args[1]).map(Value::Text)
}

fn replace(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    Ok(Value::Text(array::replace(&element(args)?, text(args, 0)?, args[1], args[2])))
}

fn position(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let start = if args.len() > 3 { int(args, 2)? } else { 1 };
    optional(array::position(&element(args)?, text(args, 0)?, args[1], start)?)
}

fn positions(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let found = array::positions(&element(args)?, text(args, 0)?, args[1])?;
    Ok(Value::Text(array::make(found.into_iter().map(ValueRef::Int))))
}

fn to_string(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() || args[1].is_null() {
        return Ok(Value::Null);
    }
    let null = if args.len() > 3 { args[2].as_str() } else { None };
    Ok(Value::Text(array::to_string(&element(args)?, text(args, 0)?, text(args, 1)?, null)))
}

fn from_string(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let null = args.get(2).and_then(|null| null.as_str());
    Ok(Value::Text(array::from_string(text(args, 0)?, args[1].as_str(), null)))
}

/// `array_upper`: arrays here begin at one, so it is the length.
fn upper(args: Args<'_, '_>) -> Result<Value> {
    optional(array::length(text(args, 0)?, int(args, 1)?))
}

fn lower(args: Args<'_, '_>) -> Result<Value> {
    optional(array::length(text(args, 0)?, int(args, 1)?).map(|_| 1))
}

fn trim(args: Args<'_, '_>) -> Result<Value> {
    let (items, n) = (text(args, 0)?, int(args, 1)?);
    let length = array::length(items, 1).unwrap_or(0);
    if !(0..=length).contains(&n) {
        return Err(values::ValueError::new(
            "2202E",
            format!("number of elements to trim must be between 0 and {length}"),
        ));
    }
    Ok(Value::Text(array::slice(items, None, Some(length - n))))
}

/// `array[i]` and `array[i][j]`: the array, its subscripts, and its type.
fn subscript(args: Args<'_, '_>) -> Result<Value> {
    let at: Result<Vec<i64>> = (1..args.len() - 1).map(|n| int(args, n)).collect();
    Ok(array::subscript(&element(args)?, text(args, 0)?, &at?))
}

fn slice(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    Ok(Value::Text(array::slice(text(args, 0)?, args[1].as_int(), args[2].as_int())))
}

/// `array[…]` with elements of any stored form; bytes keep theirs.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn make(args: Args<'_, '_>) -> Result<Value> {
    Ok(Value::Text(array::make(args.iter().copied())))
}

/// Elements that one call may make.
const FILLED_MAX: i64 = 1_000_000;

/// `array_fill(value, dimensions)`.
fn fill(args: Args<'_, '_>) -> Result<Value> {
    let limit = || values::ValueError::limit("array size exceeds the maximum allowed");
    let mut filled = None;
    let mut total = 1_i64;
    let sizes = array::unnest(&Type::Int4, text(args, 1)?);
    for size in sizes.iter().rev() {
        let size = match size {
            Value::Int(size) if *size >= 0 => *size,
            _ => return Err(values::ValueError::new("22004", "dimension values cannot be null or negative")),
        };
        total = total.checked_mul(size.max(1)).filter(|total| *total <= FILLED_MAX).ok_or_else(limit)?;
        let count = usize::try_from(size).unwrap_or(0);
        filled = Some(match filled {
            None => array::make(std::iter::repeat_n(args[0], count)),
            Some(inner) => format!("[{}]", vec![inner; count].join(",")),
        });
    }
    Ok(Value::Text(filled.unwrap_or_else(|| "[]".to_owned())))
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    strict("pg_array_contains", 3, |a| Ok(Value::bool(array::contains(&element(a)?, text(a, 0)?, text(a, 1)?)))),
    strict("pg_array_contained", 3, |a| Ok(Value::bool(array::contains(&element(a)?, text(a, 1)?, text(a, 0)?)))),
    strict("pg_array_overlaps", 3, |a| Ok(Value::bool(array::overlaps(&element(a)?, text(a, 0)?, text(a, 1)?)))),
    lax("pg_array_append", 2, append),
    lax("pg_array_prepend", 2, prepend),
    lax("pg_array_concat", 2, concat),
    lax("pg_array_remove", 3, remove),
    lax("pg_array_replace", 4, replace),
    lax("pg_array_position", 3, position),
    lax("pg_array_position_from", 4, position),
    lax("pg_array_positions", 3, positions),
    lax("pg_array_to_string", 3, to_string),
    lax("pg_array_to_string", 4, to_string),
    lax("pg_string_to_array", 2, from_string),
    lax("pg_string_to_array", 3, from_string),
    strict("pg_array_length", 2, |a| optional(array::length(text(a, 0)?, int(a, 1)?))),
    strict("pg_array_upper", 2, upper),
    strict("pg_array_lower", 2, lower),
    strict("pg_array_ndims", 1, |a| optional(array::ndims(text(a, 0)?))),
    strict("pg_array_dims", 1, |a| Ok(array::dims_text(text(a, 0)?).map_or(Value::Null, Value::Text))),
    strict("pg_cardinality", 1, |a| Ok(Value::Int(array::cardinality(text(a, 0)?)))),
    strict("pg_trim_array", 2, trim),
    strict("pg_array_subscript", -1, subscript),
    lax("pg_array_slice", 3, slice),
    lax("pg_array_make", -1, make),
    lax("pg_array_fill", 2, fill),
];
