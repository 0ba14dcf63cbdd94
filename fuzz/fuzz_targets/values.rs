//! Any text as a value of every type, and as the patterns and searches that requests carry: it is read or refused, never a panic, and what
//! was read prints as what is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use values::fts::{Config, Vector, phrase_query, plain_query, to_query, web_query};
use values::string::{Like, Regexp};
use values::{RangeKind, Session, Type, compare, input_in, write_json, write_text};

const NAMES: &[&str] = &[
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "bpchar", "name", "bytea", "date", "time", "timetz", "timestamp",
    "timestamptz", "interval", "uuid", "json", "jsonb", "inet", "cidr", "macaddr", "tsvector", "tsquery",
];

fn ty(number: u8) -> Type {
    let ranges = [RangeKind::Int4, RangeKind::Int8, RangeKind::Num, RangeKind::Ts, RangeKind::TsTz, RangeKind::Date];
    let kinds = NAMES.len() + ranges.len();
    let (kind, array) = (usize::from(number) % kinds, usize::from(number) >= 128);
    let plain = match NAMES.get(kind) {
        Some(name) => Type::named(name).expect("the names above are types"),
        None => Type::Range(ranges[kind - NAMES.len()]),
    };
    if array { plain.array_of() } else { plain }
}

// The first byte names the type, the first line is the text and what follows another one, so that seeds can be written by hand.
fuzz_target!(|input: &[u8]| {
    let Some((&number, rest)) = input.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (text, other) = rest.split_once('\n').unwrap_or((rest, ""));
    let (ty, session) = (ty(number), Session::at(0));
    if let Ok(value) = input_in(&ty, text, &session) {
        let (mut printed, mut json) = (String::new(), Vec::new());
        write_text(&ty, value.as_ref(), &mut printed);
        write_json(&ty, value.as_ref(), &mut json);
        assert!(std::str::from_utf8(&json).is_ok(), "{ty:?} {text:?}");
        match input_in(&ty, &printed, &session) {
            Ok(again) => assert!(compare(&ty, again.as_ref(), value.as_ref()).is_eq(), "{ty:?} {text:?} {printed:?}"),
            Err(error) => panic!("{ty:?} {text:?} prints as {printed:?}: {}", error.message),
        }
    }
    match number % 8 {
        0 => {
            if let Ok(regex) = Regexp::new(text, "") {
                regex.is_match(other);
            }
        }
        1 => drop(Like::new(text, Some('\\'), true).matches(other)),
        2 => {
            for make in [to_query, plain_query, phrase_query, web_query] {
                if let Ok(query) = make(Config::English, text) {
                    query.matches(&Vector::parse(other).unwrap_or_default());
                }
            }
        }
        3 => drop(values::json::contains(text, other)),
        4 => drop(values::string::similar_to_regex(text, None)),
        _ => {}
    }
});
