//! What is compatible, as a table; and that a yes is never wrong, as a property.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::covers;
use crate::rules::validator;

#[test]
fn what_may_follow_what() {
    let closed = |more: Value| json!({"type": "object", "properties": more, "additionalProperties": false});
    let list = json!({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"});
    for (old, new, at) in [
        (json!({}), json!({"title": "x", "$comment": "y"}), None),
        (json!({"type": "integer"}), json!({"type": "number"}), None),
        (json!({"type": "number"}), json!({"type": "integer"}), Some("/type")),
        (json!({"type": "string"}), json!({"type": ["string", "null"]}), None),
        (json!({}), json!({"type": "string"}), Some("/type")),
        (json!({"minimum": 3}), json!({"minimum": 2.5}), None),
        (json!({"minimum": 3}), json!({"exclusiveMinimum": 3}), Some("/exclusiveMinimum")),
        (json!({"exclusiveMinimum": 3}), json!({"minimum": 3}), None),
        (json!({"maximum": 3}), json!({"maximum": 2}), Some("/maximum")),
        (json!({"type": "string"}), json!({"maximum": 2}), None),
        (json!({"multipleOf": 6}), json!({"multipleOf": 3}), None),
        (json!({"multipleOf": 3}), json!({"multipleOf": 6}), Some("/multipleOf")),
        (json!({"minLength": 2, "maxLength": 3}), json!({"minLength": 1, "maxLength": 4}), None),
        (json!({"maxLength": 3}), json!({"maxLength": 2}), Some("/maxLength")),
        (json!({"pattern": "^a"}), json!({"pattern": "^a"}), None),
        (json!({}), json!({"pattern": "^a"}), Some("/pattern")),
        (json!({"enum": [1, "a"]}), json!({"enum": ["a", 1, null]}), None),
        (json!({"enum": [1, "a"]}), json!({"type": "integer"}), Some("")),
        (json!({"enum": [1, "a"], "type": "integer"}), json!({"type": "integer"}), None),
        (json!({"const": "ab"}), json!({"maxLength": 2}), None),
        (json!({"type": "boolean"}), json!({"enum": [true, false]}), None),
        (json!({"type": "boolean"}), json!({"const": true}), Some("")),
        (closed(json!({"a": {}})), closed(json!({"a": {}, "b": {"type": "string"}})), None),
        (closed(json!({"a": {}, "b": {}})), closed(json!({"a": {}})), Some("/additionalProperties")),
        // Where anything was allowed under the name, it may have been used.
        (
            json!({"properties": {"a": {}}}),
            json!({"properties": {"a": {}, "b": {"type": "string"}}}),
            Some("/properties/b/type"),
        ),
        (json!({"properties": {"a": {"type": "integer"}}}), json!({"properties": {"a": {"type": "number"}}}), None),
        (json!({"required": ["a", "b"]}), json!({"required": ["b"]}), None),
        (json!({"required": ["a"]}), json!({"required": ["a", "b"]}), Some("/required")),
        (json!({"items": {"type": "integer"}}), json!({"items": {"type": "number"}}), None),
        (
            json!({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}),
            json!({"items": {"type": ["string", "integer"]}}),
            None,
        ),
        (
            json!({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}),
            json!({"items": {"type": "integer"}}),
            Some("/items/type"),
        ),
        (json!({"items": false}), json!({"prefixItems": [{"type": "string"}]}), None),
        (json!({"allOf": [{"type": "string"}, {"minLength": 2}]}), json!({"type": "string", "minLength": 1}), None),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), json!({"type": ["string", "null"]}), None),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "null"}, {"type": "string"}]}),
            None,
        ),
        (json!({"type": "string"}), json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), Some("/anyOf")),
        (
            json!({"patternProperties": {"^x": {"minimum": 2}}}),
            json!({"patternProperties": {"^x": {"minimum": 1}}}),
            None,
        ),
        (json!({}), json!({"patternProperties": {"^x": {"minimum": 1}}}), Some("/patternProperties/^x")),
        (json!({"not": {"type": "null"}}), json!({"not": {"type": "null"}}), None),
        (json!({}), json!({"not": {"type": "null"}}), Some("/not")),
        (json!({"unevaluatedProperties": false}), json!({"unevaluatedProperties": false}), None),
        (
            json!({"unevaluatedProperties": false, "properties": {"a": {}}}),
            json!({"unevaluatedProperties": false}),
            Some("/unevaluatedProperties"),
        ),
        (json!({"if": {"minimum": 1}, "then": {"maximum": 2}}), json!({"if": {"minimum": 1}}), Some("/if")),
        (json!({"x-unknown": 1}), json!({"x-unknown": 2}), Some("/x-unknown")),
        (list.clone(), list.clone(), None),
        (
            json!({"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a"}),
            json!({"$defs": {"b": {"type": "number"}}, "$ref": "#/$defs/b"}),
            None,
        ),
        (
            json!({"$defs": {"a": {"type": "number"}}, "items": {"$ref": "#/$defs/a"}}),
            json!({"$defs": {"a": {"type": "integer"}}, "items": {"$ref": "#/$defs/a"}}),
            Some("/items/$ref/type"),
        ),
        (json!({"type": "string"}), json!({"$ref": "https://example.org/x"}), Some("/$ref")),
        (json!(false), json!({"type": "null"}), None),
    ] {
        let judged = covers(&old, &new).map_err(|gap| gap.at);
        assert_eq!(judged.err().as_deref(), at, "{old} -> {new}");
    }
}

/// Schemas of few words, so that two of them often have something to do with each other.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({})),
        prop::sample::subsequence(vec!["null", "boolean", "integer", "number", "string", "array", "object"], 1..4)
            .prop_map(|types| json!({"type": types})),
        (-2..4_i32, prop_oneof![Just("minimum"), Just("maximum"), Just("exclusiveMinimum"), Just("exclusiveMaximum")])
            .prop_map(|(n, word)| json!({word: n})),
        (
            0..3_u32,
            prop_oneof![
                Just("minLength"),
                Just("maxLength"),
                Just("minItems"),
                Just("maxItems"),
                Just("minProperties"),
                Just("maxProperties")
            ]
        )
            .prop_map(|(n, word)| json!({word: n})),
        prop_oneof![Just(json!({"multipleOf": 2})), Just(json!({"multipleOf": 1})), Just(json!({"multipleOf": 0.5}))],
        prop_oneof![
            Just(json!({"pattern": "^a"})),
            Just(json!({"uniqueItems": true})),
            Just(json!({"const": 1})),
            Just(json!({"enum": [null, "a", 1, 2.5]}))
        ],
        prop::sample::subsequence(vec!["a", "b", "xc"], 1..3).prop_map(|names| json!({"required": names})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let word = prop_oneof![
            (prop::sample::select(vec!["a", "b", "xc"]), inner.clone())
                .prop_map(|(name, s)| json!({"properties": {name: s}})),
            inner.clone().prop_map(|s| json!({"additionalProperties": s})),
            Just(json!({"additionalProperties": false})),
            inner.clone().prop_map(|s| json!({"patternProperties": {"^x": s}})),
            inner.clone().prop_map(|s| json!({"propertyNames": s})),
            inner.clone().prop_map(|s| json!({"items": s})),
            Just(json!({"items": false})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"prefixItems": [a, b]})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"anyOf": [a, b]})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"oneOf": [a, b]})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"allOf": [a, b]})),
            inner.clone().prop_map(|s| json!({"not": s})),
            inner.clone().prop_map(|s| json!({"contains": s})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"if": a, "then": b})),
        ];
        // Several words at once.
        prop::collection::vec(prop_oneof![word, inner], 1..4).prop_map(|words| {
            let mut all = serde_json::Map::new();
            for word in words {
                if let Value::Object(word) = word {
                    all.extend(word);
                }
            }
            Value::Object(all)
        })
    })
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..5_i32).prop_map(Value::from),
        prop_oneof![Just(json!(0.5)), Just(json!(2.0)), Just(json!(2.5))],
        prop_oneof![Just("a"), Just(""), Just("ab"), Just("bbb")].prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(prop::sample::select(vec!["a", "b", "xc", "d"]), inner, 0..4).prop_map(
                |members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
            ),
        ]
    })
}

/// A schema that came out of another: a word less, or a number moved.
fn changed(schema: &Value, at: usize, by: i64) -> Value {
    let Value::Object(object) = schema else { return schema.clone() };
    let mut object = object.clone();
    let Some(name) = object.keys().nth(at % object.len().max(1)).cloned() else { return schema.clone() };
    match object.get_mut(&name) {
        Some(Value::Number(number)) if by != 0 => {
            let moved = number.as_i64().unwrap_or(1) + by;
            object.insert(name, json!(moved.max(0)));
        }
        Some(inner @ Value::Object(_)) if by != 0 => *inner = changed(inner, at / 2, by),
        Some(Value::Array(members)) if by != 0 && members.len() > 1 => drop(members.remove(at % members.len())),
        _ => drop(object.remove(&name)),
    }
    Value::Object(object)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]
    #[test]
    fn what_is_valid_under_the_one_is_valid_under_the_other_when_it_says_so(
        old in schema(), other in schema(), documents in prop::collection::vec(document(), 24), at in 0..8_usize, by in -1..2_i64,
    ) {
        let near = changed(&old, at, by);
        for (old, new) in [(&old, &other), (&old, &near), (&near, &old)] {
            if covers(old, new).is_err() {
                continue;
            }
            let (Ok(before), Ok(after)) = (validator(old), validator(new)) else { continue };
            for document in &documents {
                prop_assert!(!before.is_valid(document) || after.is_valid(document), "{old}\n{new}\n{document}");
            }
        }
    }
}
