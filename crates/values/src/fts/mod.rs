//! Full-text search: `tsvector`, `tsquery`, their four query syntaxes and `@@`.
//!
//! Two configurations are known, `simple` and `english` (a Snowball stemmer and a stop list); any other is refused with
//! 42704. Ranking is not here.

mod query;
mod stem;
mod token;
mod vector;

pub use query::{Query, phrase_query, plain_query, to_query, web_query};
pub use stem::stem;
pub use vector::{Vector, to_vector};

use crate::{Result, ValueError};

/// The longest text that is searched or made into a vector, in bytes (PostgreSQL's own bound on a `tsvector`).
pub const BYTES_MAX: usize = 1 << 20;

/// How tokens become lexemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Config {
    /// Lower-case words as they are.
    Simple,
    /// Stems of words, without stop words.
    English,
}

impl Config {
    /// A configuration by name, with or without `pg_catalog.`; 42704 for one that is not known.
    pub fn named(name: &str) -> Result<Self> {
        match name.strip_prefix("pg_catalog.").unwrap_or(name) {
            "simple" => Ok(Self::Simple),
            "english" => Ok(Self::English),
            _ => Err(ValueError::new("42704", format!("text search configuration \"{name}\" does not exist"))),
        }
    }

    /// The lexeme of a token, or `None` for a stop word.
    fn lexeme(self, token: &token::Token<'_>) -> Option<String> {
        let lower = token.text.to_lowercase();
        if self == Self::Simple || !token.word {
            return Some(lower);
        }
        (!stem::is_stop_word(&lower)).then(|| stem(&lower))
    }
}

/// `vector @@ query` of two stored texts.
pub fn matches(vector: &str, query: &str) -> Result<bool> {
    Ok(Query::parse(query)?.matches(&Vector::parse(vector)?))
}

/// `tsvector` input in canonical form.
pub(crate) fn parse_vector(text: &str) -> Result<String> {
    Ok(Vector::parse(text)?.to_string())
}

/// `tsquery` input in canonical form.
pub(crate) fn parse_query(text: &str) -> Result<String> {
    Ok(Query::parse(text)?.to_string())
}

/// Appends a lexeme in quotes.
fn put_quoted(lexeme: &str, out: &mut String) {
    out.push('\'');
    for c in lexeme.chars() {
        if matches!(c, '\'' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn(Config, &str) -> Result<Query>;

    #[test]
    fn texts_match_queries_as_in_postgresql() {
        let text = "The quick brown foxes jumped over the lazy-dog's fence, twice in 2021";
        let cases: &[(Make, &str, bool)] = &[
            (to_query, "fox & jump", true),
            (to_query, "fox <-> jump", true),
            (to_query, "quick <-> fox", false),
            (to_query, "quick <2> fox", true),
            (to_query, "!cat", true),
            (to_query, "cat | fenc:*", true),
            (to_query, "fe:*", true),
            (to_query, "!fox", false),
            (to_query, "(brown | red) <-> fox", true),
            (to_query, "brown <-> !fox", false),
            (plain_query, "jumping foxes", true),
            (plain_query, "jumping cats", false),
            (phrase_query, "quick brown foxes", true),
            (phrase_query, "jumped foxes", false),
            (web_query, "\"brown foxes\" -cat", true),
            (web_query, "cat or fox", true),
            (web_query, "fox -fence", false),
            (web_query, "2021", true),
            (plain_query, "the", false),
        ];
        let vector = to_vector(Config::English, text).unwrap();
        for (make, query, want) in cases {
            let q = make(Config::English, query).unwrap();
            assert_eq!(q.matches(&vector), *want, "{query} {q}");
            assert_eq!(Query::parse(&q.to_string()).unwrap().to_string(), q.to_string());
        }
        assert!(matches("'a':1A 'b':2", "a:A & b").unwrap() && !matches("'a':1A 'b':2", "b:A").unwrap());
        assert_eq!(Config::named("klingon").unwrap_err().sqlstate, "42704");
    }
}
