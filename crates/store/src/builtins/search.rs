//! Full-text search.

use super::{Builtin, F, T, scalar};

pub(super) const TABLE: &[Builtin] = &[
    scalar("to_tsvector", &["text"], "tsvector", F("pg_to_tsvector")),
    scalar("to_tsvector", &["text", "text"], "tsvector", F("pg_to_tsvector")),
    scalar("to_tsquery", &["text"], "tsquery", F("pg_to_tsquery")),
    scalar("to_tsquery", &["text", "text"], "tsquery", F("pg_to_tsquery")),
    scalar("plainto_tsquery", &["text"], "tsquery", F("pg_plainto_tsquery")),
    scalar("plainto_tsquery", &["text", "text"], "tsquery", F("pg_plainto_tsquery")),
    scalar("phraseto_tsquery", &["text"], "tsquery", F("pg_phraseto_tsquery")),
    scalar("phraseto_tsquery", &["text", "text"], "tsquery", F("pg_phraseto_tsquery")),
    scalar("websearch_to_tsquery", &["text"], "tsquery", F("pg_websearch_to_tsquery")),
    scalar("websearch_to_tsquery", &["text", "text"], "tsquery", F("pg_websearch_to_tsquery")),
    scalar("@@", &["tsvector", "tsquery"], "bool", F("pg_ts_match")),
    scalar("@@", &["tsquery", "tsvector"], "bool", T("pg_ts_match({1}, {0})")),
    scalar("@@", &["text", "tsquery"], "bool", F("pg_ts_match_text")),
];
