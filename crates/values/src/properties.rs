//! Properties that hold for every value, tried on seeded random ones.

use crate::seeded::{below, int};
use crate::{
    RangeKind, Result, Session, Type, Value, ValueRef, array, cast, compare, datetime, fts, input, json, numeric,
    string,
};
use crate::{from_json, write_json, write_text};
use std::cmp::Ordering;

fn pick<T: Copy>(seed: &mut u64, all: &[T]) -> T {
    all[usize::try_from(below(seed, all.len() as u64)).unwrap()]
}

fn string(seed: &mut u64) -> String {
    let n = below(seed, 12);
    let letters = ['a', 'B', ' ', '"', '\\', '{', '}', ',', '\'', 'é', '\n', '😀', '0', 'N', '(', '\u{1}'];
    (0..n).map(|_| pick(seed, &letters)).collect()
}

fn decimal(seed: &mut u64) -> String {
    match below(seed, 20) {
        0 => "NaN".into(),
        1 => pick(seed, &["Infinity", "-Infinity"]).into(),
        2 => {
            numeric::canonical(&format!("{}{:019}.{}", int(seed), below(seed, 1 << 60), below(seed, 1 << 40))).unwrap()
        }
        _ => numeric::canonical(&format!("{}.{}", int(seed), below(seed, 100_000))).unwrap(),
    }
}

/// A random stored value of a type.
fn stored(ty: &Type, seed: &mut u64) -> Result<Value> {
    let day = datetime::DAY;
    let moment = |seed: &mut u64| i64::try_from(below(seed, 200_000 * day.cast_unsigned())).unwrap() - 60_000 * day;
    Ok(match ty {
        Type::Bool => Value::Int(int(seed) & 1),
        Type::Int2 => Value::Int(int(seed) >> 48),
        Type::Int4 => Value::Int(int(seed) >> 32),
        Type::Int8 => Value::Int(int(seed)),
        Type::Float8 => Value::float(f64::from_bits(int(seed).cast_unsigned())),
        Type::Float4 => Value::float(f64::from(f32::from_bits(((int(seed) >> 32) as i32).cast_unsigned()))),
        Type::Numeric(_) => Value::Text(decimal(seed)),
        Type::Text => Value::Text(string(seed)),
        Type::Bytea => Value::Blob((0..below(seed, 9)).map(|_| u8::try_from(below(seed, 256)).unwrap()).collect()),
        Type::Date => Value::Text(datetime::days_text(i32::try_from(moment(seed) / day).unwrap())?),
        Type::Time(_) => Value::Text(datetime::time_text(moment(seed).rem_euclid(day))),
        Type::TimeTz => {
            let zone = i32::try_from(below(seed, 1700)).unwrap() * 60 - 850 * 60;
            Value::Text(datetime::timetz_text(moment(seed).rem_euclid(day), zone))
        }
        Type::Timestamp(_) => Value::Text(datetime::timestamp_text(moment(seed))?),
        Type::TimestampTz(_) => Value::Text(datetime::timestamptz_text(moment(seed))?),
        Type::Interval => {
            let i = datetime::Interval {
                months: (int(seed) >> 40) as i32,
                days: (int(seed) >> 40) as i32,
                us: int(seed) >> 8,
            };
            Value::Text(i.to_text())
        }
        Type::Uuid => input(ty, &format!("{:016x}{:016x}", int(seed), int(seed)))?,
        Type::Jsonb => Value::Text(json::normalise(&document(seed, 0))?),
        Type::Array(e) => {
            let n = below(seed, 4);
            let items = (0..n).map(|_| if below(seed, 5) == 0 { Ok(Value::Null) } else { stored(e, seed) });
            let items = items.collect::<Result<Vec<_>>>()?;
            Value::Text(array::make(items.iter().map(Value::as_ref)))
        }
        Type::Range(kind) => {
            let e = kind.element();
            let (a, b) = (stored(&e, seed)?, stored(&e, seed)?);
            let (a, b) = if compare(&e, a.as_ref(), b.as_ref()).is_gt() { (b, a) } else { (a, b) };
            let text = |v: &Value| {
                let mut t = String::new();
                write_text(&e, v.as_ref(), &mut t);
                format!("\"{t}\"")
            };
            input(ty, &format!("{}{},{}{}", pick(seed, &["[", "("]), text(&a), text(&b), pick(seed, &["]", ")"])))?
        }
        _ => unreachable!("no generator for {ty}"),
    })
}

fn document(seed: &mut u64, depth: u32) -> String {
    let quoted = |seed: &mut u64| {
        let mut out = Vec::new();
        crate::write_json_string(&string(seed), &mut out);
        String::from_utf8(out).unwrap()
    };
    match below(seed, if depth > 3 { 4 } else { 6 }) {
        0 => pick(seed, &["null", "true", "false"]).into(),
        1 | 2 => format!("{}.{}", int(seed), below(seed, 1000)),
        3 => quoted(seed),
        4 => format!("[{}]", (0..below(seed, 4)).map(|_| document(seed, depth + 1)).collect::<Vec<_>>().join(" ,")),
        _ => {
            let members: Vec<String> =
                (0..below(seed, 4)).map(|_| format!("{}: {}", quoted(seed), document(seed, depth + 1))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

fn types() -> Vec<Type> {
    let mut all: Vec<Type> = [
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "bytea",
        "date",
        "time",
        "timetz",
        "timestamp",
        "timestamptz",
        "interval",
        "uuid",
        "jsonb",
    ]
    .map(|n| Type::named(n).unwrap())
    .to_vec();
    let arrays: Vec<Type> = all.iter().cloned().map(Type::array_of).collect();
    all.extend(arrays);
    all.extend(
        [RangeKind::Int4, RangeKind::Int8, RangeKind::Num, RangeKind::Ts, RangeKind::TsTz, RangeKind::Date]
            .map(Type::Range),
    );
    all
}

#[test]
fn what_is_printed_reads_back_as_the_same_value() {
    let mut seed = 20;
    for ty in types() {
        for _ in 0..400 {
            let Ok(v) = stored(&ty, &mut seed) else { continue };
            let (mut text, mut bytes) = (String::new(), Vec::new());
            write_text(&ty, v.as_ref(), &mut text);
            write_json(&ty, v.as_ref(), &mut bytes);
            let json = String::from_utf8(bytes).unwrap();
            assert_eq!(input(&ty, &text).as_ref(), Ok(&v), "{ty} {text}");
            json::validate(&json).unwrap_or_else(|e| panic!("{ty} {json}: {e}"));
            // A jsonb null in JSON is SQL's NULL.
            let want = if json == "null" { Value::Null } else { v.clone() };
            let through_json = from_json(&ty, &json);
            if !matches!(&ty, Type::Array(e) if **e == Type::Jsonb) {
                assert_eq!(through_json.as_ref(), Ok(&want), "{ty} {json}");
            }
            let as_text = cast(&ty, &Type::Text, v.as_ref(), true, &Session::default()).unwrap();
            assert_eq!(cast(&Type::Text, &ty, as_text.as_ref(), true, &Session::default()), Ok(v), "{ty}");
        }
    }
}

#[test]
fn comparing_is_a_total_order_on_values() {
    let mut seed = 21;
    for ty in types() {
        let values: Vec<Value> = (0..60).filter_map(|_| stored(&ty, &mut seed).ok()).collect();
        let c = |a: &Value, b: &Value| compare(&ty, a.as_ref(), b.as_ref());
        for a in &values {
            assert_eq!(c(a, a), Ordering::Equal, "{ty} {a:?}");
            for b in &values {
                assert_eq!(c(a, b), c(b, a).reverse(), "{ty} {a:?} {b:?}");
                for d in values.iter().step_by(7) {
                    assert!(!(c(a, b).is_le() && c(b, d).is_le()) || c(a, d).is_le(), "{ty} {a:?} {b:?} {d:?}");
                }
            }
        }
    }
}

#[test]
fn decimals_obey_the_laws_of_arithmetic() {
    let mut seed = 22;
    for _ in 0..3000 {
        let (a, b) = (decimal(&mut seed), decimal(&mut seed));
        if a.ends_with(|c: char| !c.is_ascii_digit()) || b.ends_with(|c: char| !c.is_ascii_digit()) {
            continue;
        }
        assert_eq!(numeric::add(&a, &b), numeric::add(&b, &a));
        assert_eq!(numeric::mul(&a, &b), numeric::mul(&b, &a));
        let back = numeric::sub(&numeric::add(&a, &b).unwrap(), &b).unwrap();
        assert_eq!(numeric::compare(&back, &a), Ordering::Equal, "{a} {b}");
        assert_eq!(numeric::compare(&a, &b), numeric::compare(&numeric::sub(&a, &b).unwrap(), "0"), "{a} {b}");
        if numeric::compare(&b, "0").is_ne() {
            let whole = numeric::mul(&numeric::div_trunc(&a, &b).unwrap(), &b).unwrap();
            let sum = numeric::add(&whole, &numeric::modulo(&a, &b).unwrap()).unwrap();
            assert_eq!(numeric::compare(&sum, &a), Ordering::Equal, "{a} {b}");
        }
    }
}

#[test]
fn no_text_makes_any_input_panic() {
    let mut seed = 23;
    let pieces = [
        "1",
        "-",
        "+",
        ":",
        ".",
        "e",
        "T",
        "Z",
        " ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "\"",
        "\\",
        "'",
        "2020-01-01",
        "é",
        "P",
        "day",
        "infinity",
        "99999999999999999999",
        "/",
        "null",
        "true",
        "x",
        "%",
        "😀",
        "&",
        "!",
        "|",
        "<",
        ">",
        "ago",
        "mon",
        "0",
    ];
    let mut all = types();
    all.extend(
        ["tsvector", "tsquery", "inet", "cidr", "macaddr", "json", "bpchar", "name"].map(|n| Type::named(n).unwrap()),
    );
    for ty in all {
        for _ in 0..1500 {
            let text: String = (0..below(&mut seed, 8)).map(|_| pick(&mut seed, &pieces)).collect();
            // Whatever comes, it is a value or an error with a state; a value prints.
            match input(&ty, &text) {
                Ok(v) => write_json(&ty, v.as_ref(), &mut Vec::new()),
                Err(e) => assert_eq!(e.sqlstate.len(), 5),
            }
            let _ = from_json(&ty, &text).map_err(|e| assert!(!e.message.is_empty()));
            // Printing never trusts what a cell holds.
            write_json(&ty, ValueRef::Text(&text), &mut Vec::new());
            write_text(&ty, ValueRef::Text(&text), &mut String::new());
            assert_eq!(compare(&ty, ValueRef::Text(&text), ValueRef::Text(&text)), Ordering::Equal);
        }
    }
}

#[test]
fn no_text_makes_any_function_panic() {
    let mut seed = 24;
    let pieces = [
        "a",
        "é",
        "😀",
        "%",
        "_",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "^",
        "$",
        "*",
        "+",
        "?",
        "{2}",
        "|",
        "YYYY",
        "Mon",
        "DD",
        "HH12",
        "FM",
        "TH",
        "\"",
        "-",
        "1",
        "12",
        " ",
        "$s",
        "%s",
        "%1$I",
        "[:alpha:]",
        "\\m",
        "\\u00",
        ":*",
        "<->",
        "&",
        "!",
        "{\"a\": 1}",
        "null",
        ",",
        "'",
        "@",
        ".",
        "/",
        "MS",
        "AM",
        "=",
    ];
    let mut text = |most: u64| -> String { (0..below(&mut seed, most)).map(|_| pick(&mut seed, &pieces)).collect() };
    for round in 0..1200i64 {
        let (a, b, c) = (text(6), text(6), text(3));
        let n = round % 9 - 4;
        let _ = string::like(&a, &b, Some('\\'));
        let _ = string::ilike(&a, &b, None);
        if let Ok(r) = string::Regexp::new(&b, "g") {
            let _ = (r.replace(&a, &c), r.split(&a), r.matches(&a), r.substring(&a), r.first_match(&a));
        }
        let _ = string::similar_to_regex(&b, Some('\\')).map(|p| string::Regexp::new(&p, ""));
        let _ = string::format(&b, &[Some(&a), None]);
        let _ = (
            string::substring(&a, n, Some(n)),
            string::left(&a, n),
            string::right(&a, n),
            string::split_part(&a, &c, n),
        );
        let _ = (
            string::overlay(&a, &b, n, Some(n)),
            string::lpad(&a, n * 3, &c),
            string::strpos(&a, &c),
            string::translate(&a, &b, &c),
        );
        let _ = (
            string::decode(&a, "base64"),
            string::decode(&a, "hex"),
            string::decode(&a, "escape"),
            string::initcap(&a),
        );
        let _ = datetime::to_char(round * 1_000_000_007_123, Some(3600), &b);
        let _ =
            (datetime::to_timestamp(&a, &b, datetime::Zone::UTC), datetime::to_date(&a, &b), datetime::Zone::named(&a));
        let _ = (datetime::date_trunc(&a, 0, "x"), datetime::extract(&a, 0, None));
        let _ = (json::contains(&a, &b), json::concat(&a, &b), json::set(&a, &[&c], &b, true), json::path(&a, &[&c]));
        let _ =
            (fts::web_query(fts::Config::English, &a), fts::to_query(fts::Config::English, &a), fts::matches(&a, &b));
        let _ = fts::to_vector(fts::Config::English, &a).map(|v| assert_eq!(fts::Vector::parse(&v.to_string()), Ok(v)));
        let _ = (array::contains(&Type::Int4, &a, &b), array::concat(&a, &b), array::slice(&a, Some(n), Some(n)));
        let _ = (crate::range::intersection(RangeKind::Num, &a, &b), crate::range::union(RangeKind::Date, &a, &b));
        let _ = (
            numeric::add(&a, &b),
            numeric::div(&a, &b),
            numeric::power(&a, &b),
            numeric::round(&a, 2),
            numeric::to_i64(&a, "x"),
        );
    }
}
