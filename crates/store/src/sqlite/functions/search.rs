//! Full-text search: vectors, the four query syntaxes, and `@@`.

use std::fmt::Display;

use values::fts::{self, Config, Query};
use values::{Result, Value, ValueRef};

use super::{Scalar, strict, text};

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// The configuration and the text: with one argument, PostgreSQL's usual default.
fn configured<'b>(args: Args<'_, 'b>) -> Result<(Config, &'b str)> {
    match args {
        [_] => Ok((Config::English, text(args, 0)?)),
        _ => Ok((Config::named(text(args, 0)?)?, text(args, 1)?)),
    }
}

fn made(value: impl Display) -> Value {
    Value::Text(value.to_string())
}

fn vector(args: Args<'_, '_>) -> Result<Value> {
    let (config, text) = configured(args)?;
    fts::to_vector(config, text).map(made)
}

fn query(args: Args<'_, '_>, f: fn(Config, &str) -> Result<Query>) -> Result<Value> {
    let (config, text) = configured(args)?;
    f(config, text).map(made)
}

/// `text @@ tsquery`: the text is made a vector first.
fn text_matches(args: Args<'_, '_>) -> Result<Value> {
    let vector = fts::to_vector(Config::English, text(args, 0)?)?.to_string();
    fts::matches(&vector, text(args, 1)?).map(Value::bool)
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    strict("pg_to_tsvector", 1, vector),
    strict("pg_to_tsvector", 2, vector),
    strict("pg_to_tsquery", 1, |a| query(a, fts::to_query)),
    strict("pg_to_tsquery", 2, |a| query(a, fts::to_query)),
    strict("pg_plainto_tsquery", 1, |a| query(a, fts::plain_query)),
    strict("pg_plainto_tsquery", 2, |a| query(a, fts::plain_query)),
    strict("pg_phraseto_tsquery", 1, |a| query(a, fts::phrase_query)),
    strict("pg_phraseto_tsquery", 2, |a| query(a, fts::phrase_query)),
    strict("pg_websearch_to_tsquery", 1, |a| query(a, fts::web_query)),
    strict("pg_websearch_to_tsquery", 2, |a| query(a, fts::web_query)),
    strict("pg_ts_match", 2, |a| fts::matches(text(a, 0)?, text(a, 1)?).map(Value::bool)),
    strict("pg_ts_match_text", 2, text_matches),
];
