//! The order of stored values.

use crate::array::element;
use crate::json::elements;
use crate::{Type, ValueRef, datetime, json, network, numeric, range};
use std::cmp::Ordering;

/// A comparator of stored texts, to be registered as a SQLite collation.
pub type Collation = Box<dyn Fn(&str, &str) -> Ordering + Send + Sync>;

/// Compares two stored values as PostgreSQL's btree operator class does; NULL after everything.
pub fn compare(ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Text(a), ValueRef::Text(b)) => compare_texts(ty, a, b),
        (ValueRef::Int(a), ValueRef::Int(b)) => a.cmp(&b),
        (ValueRef::Real(a), ValueRef::Real(b)) => floats(a, b),
        (ValueRef::Blob(a), ValueRef::Blob(b)) => a.cmp(b),
        (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
        _ => mixed(ty, a, b),
    }
}

/// Two values of different storage classes: numbers by value, then the classes in SQLite's order, NULL last.
fn mixed(ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    let class = |v: ValueRef<'_>| match v {
        ValueRef::Int(_) | ValueRef::Real(_) => 0,
        ValueRef::Text(_) => 1,
        ValueRef::Blob(_) => 2,
        ValueRef::Null => 3,
    };
    if matches!(ty, Type::Numeric(_)) && class(a) < 2 && class(b) < 2 {
        let text = |v: ValueRef<'_>| match v {
            ValueRef::Int(i) => i.to_string(),
            ValueRef::Real(f) => numeric::from_f64(f).unwrap_or_default(),
            ValueRef::Text(s) => s.to_owned(),
            _ => String::new(),
        };
        return numeric::compare(&text(a), &text(b));
    }
    if class(a) == 0 && class(b) == 0 {
        return floats(a.as_float().unwrap_or(f64::NAN), b.as_float().unwrap_or(f64::NAN));
    }
    class(a).cmp(&class(b))
}

/// NaN equals itself and is greater than all else; the zeros are equal.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Compares two stored texts of a type: what the collations do.
pub(crate) fn compare_texts(ty: &Type, a: &str, b: &str) -> Ordering {
    match ty {
        Type::Numeric(_) => numeric::compare(a, b),
        Type::Bpchar(_) => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        Type::Interval => datetime::compare_intervals(a, b),
        Type::TimeTz => datetime::compare_timetz(a, b),
        Type::Jsonb => json::compare(a, b),
        Type::Enum(e) => {
            let rank = |t: &str| e.position(t).unwrap_or(usize::MAX);
            rank(a).cmp(&rank(b)).then_with(|| if rank(a) == usize::MAX { a.cmp(b) } else { Ordering::Equal })
        }
        Type::Range(kind) => range::compare_ranges(*kind, a, b),
        Type::Inet | Type::Cidr => network::compare(a, b),
        Type::Array(e) => arrays(e, a, b),
        _ => a.cmp(b),
    }
}

/// Element by element; then the shorter first; then by shape. NULL elements are greater than all others.
fn arrays(e: &Type, a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let (dx, dy) = (flatten(a, &mut x), flatten(b, &mut y));
    for (p, q) in x.iter().zip(&y) {
        let order = compare(e, element(e, p).as_ref(), element(e, q).as_ref());
        if order.is_ne() {
            return order;
        }
    }
    x.len().cmp(&y.len()).then(dx.cmp(&dy))
}

/// The elements of all dimensions in order; gives the lengths of the dimensions.
pub(crate) fn flatten<'a>(array: &'a str, out: &mut Vec<&'a str>) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut count = 0;
    for raw in elements(array) {
        count += 1;
        if raw.starts_with('[') {
            sizes = flatten(raw, out);
        } else {
            out.push(raw);
        }
    }
    if count == 0 {
        return sizes;
    }
    let mut all = vec![count];
    all.extend(sizes);
    // More dimensions count before longer ones.
    all
}

/// The comparator behind [`Type::collation`]; `None` where SQLite's own order is right.
pub fn collation(ty: &Type) -> Option<Collation> {
    ty.collation()?;
    let ty = ty.clone();
    Some(Box::new(move |a, b| compare_texts(&ty, a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnumType, Value, input, seeded};
    use std::sync::Arc;

    #[test]
    fn stored_values_sort_as_postgresql_sorts_them() {
        let mood = Type::Enum(Arc::new(EnumType {
            schema: "public".into(),
            name: "mood".into(),
            labels: ["sad", "ok", "happy"].map(String::from).to_vec(),
        }));
        let cases: Vec<(Type, &[&str])> = vec![
            (Type::Int4, &["-5", "0", "10", "200"]),
            (Type::Float8, &["-Infinity", "-1", "0", "1.5", "Infinity", "NaN"]),
            (Type::Numeric(None), &["-Infinity", "-10", "-9.5", "0", "9.5", "10", "Infinity", "NaN"]),
            (Type::Text, &["", "A", "B", "a", "é"]),
            (
                Type::Timestamp(None),
                &["-infinity", "2019-12-31", "2020-01-01", "2020-01-01 00:00:00.000001", "infinity"],
            ),
            (Type::Interval, &["-1 day", "00:00", "23:00", "1 day 01:00", "1 mon", "31 days", "1 year"]),
            (Type::TimeTz, &["10:00+02", "09:00+00", "10:00-02"]),
            (mood, &["sad", "ok", "happy"]),
            (Type::Int4.array_of(), &["{}", "{1}", "{1,2}", "{1,3}", "{2}", "{2,NULL}", "{10}", "{NULL}"]),
            (Type::Numeric(None).array_of(), &["{1.0,2}", "{1.5}", "{10}"]),
        ];
        for (ty, sorted) in cases {
            let values: Vec<Value> = sorted.iter().map(|t| input(&ty, t).unwrap()).collect();
            for (i, a) in values.iter().enumerate() {
                for (j, b) in values.iter().enumerate() {
                    assert_eq!(compare(&ty, a.as_ref(), b.as_ref()), i.cmp(&j), "{ty} {a:?} {b:?}");
                }
                assert_eq!(compare(&ty, a.as_ref(), ValueRef::Null), Ordering::Less);
            }
        }
        assert_eq!(compare(&Type::Bpchar(None), "ab ".into(), "ab".into()), Ordering::Equal);
        assert_eq!(compare(&Type::Numeric(None), ValueRef::Int(2), "1.5".into()), Ordering::Greater);
    }

    #[test]
    fn every_collation_is_a_total_order_over_any_texts() {
        let pieces = [
            "1",
            "10",
            "-1",
            "1.50",
            "1.5",
            "NaN",
            "Infinity",
            "x",
            "",
            "[1,2)",
            "empty",
            "(,5)",
            "[1,2]",
            "{\"a\": 1}",
            "1 day",
            "24:00:00",
            "10:00:00+02:00",
            "10.0.0.1",
            "[null]",
            "\"a\"",
            "-",
            ".",
        ];
        let types = [
            "numeric",
            "bpchar",
            "interval",
            "timetz",
            "jsonb",
            "int4range",
            "numrange",
            "daterange",
            "_int4",
            "_text",
            "inet",
        ];
        let mut seed = 1;
        for ty in types.map(|t| Type::named(t).unwrap()) {
            let c = collation(&ty).unwrap();
            for _ in 0..3000 {
                let mut pick = || {
                    let i = usize::try_from(seeded::below(&mut seed, pieces.len() as u64)).unwrap();
                    pieces[i]
                };
                let (a, b, d) = (pick(), pick(), pick());
                assert_eq!(c(a, b), c(b, a).reverse(), "{ty} {a} {b}");
                if c(a, b).is_le() && c(b, d).is_le() {
                    assert!(c(a, d).is_le(), "{ty} {a} {b} {d}");
                }
            }
        }
    }
}
