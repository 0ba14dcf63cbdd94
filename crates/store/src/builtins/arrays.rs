//! Arrays.

use super::{Builtin, F, T, Y, scalar};

pub(super) const TABLE: &[Builtin] = &[
    scalar("@>", &["anyarray", "anyarray"], "bool", Y("pg_array_contains")),
    scalar("<@", &["anyarray", "anyarray"], "bool", Y("pg_array_contained")),
    scalar("&&", &["anyarray", "anyarray"], "bool", Y("pg_array_overlaps")),
    scalar("||", &["anyarray", "anyarray"], "anyarray", F("pg_array_concat")),
    scalar("||", &["anyarray", "anyelement"], "anyarray", F("pg_array_append")),
    scalar("||", &["anyelement", "anyarray"], "anyarray", F("pg_array_prepend")),
    scalar("array_append", &["anyarray", "anyelement"], "anyarray", F("pg_array_append")),
    scalar("array_prepend", &["anyelement", "anyarray"], "anyarray", F("pg_array_prepend")),
    scalar("array_cat", &["anyarray", "anyarray"], "anyarray", F("pg_array_concat")),
    scalar("array_remove", &["anyarray", "anyelement"], "anyarray", Y("pg_array_remove")),
    scalar("array_replace", &["anyarray", "anyelement", "anyelement"], "anyarray", Y("pg_array_replace")),
    scalar("array_position", &["anyarray", "anyelement"], "int4", Y("pg_array_position")),
    scalar("array_position", &["anyarray", "anyelement", "int4"], "int4", Y("pg_array_position_from")),
    scalar("array_positions", &["anyarray", "anyelement"], "_int4", Y("pg_array_positions")),
    scalar("array_to_string", &["anyarray", "text"], "text", Y("pg_array_to_string")),
    scalar("array_to_string", &["anyarray", "text", "text"], "text", Y("pg_array_to_string")),
    scalar("string_to_array", &["text", "text"], "_text", F("pg_string_to_array")),
    scalar("string_to_array", &["text", "text", "text"], "_text", F("pg_string_to_array")),
    scalar("array_length", &["anyarray", "int4"], "int4", F("pg_array_length")),
    scalar("array_upper", &["anyarray", "int4"], "int4", F("pg_array_upper")),
    scalar("array_lower", &["anyarray", "int4"], "int4", F("pg_array_lower")),
    scalar("array_ndims", &["anyarray"], "int4", F("pg_array_ndims")),
    scalar("array_dims", &["anyarray"], "text", F("pg_array_dims")),
    scalar("cardinality", &["anyarray"], "int4", F("pg_cardinality")),
    scalar("trim_array", &["anyarray", "int4"], "anyarray", F("pg_trim_array")),
    scalar("array_fill", &["anyelement", "_int4"], "anyarray", T("pg_array_fill({0}, {1})")),
];
