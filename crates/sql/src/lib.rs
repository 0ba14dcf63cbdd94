//! The language: PostgreSQL's SQL as words and trees.
//!
//! # What
//! A lexer, trees, a parser, a printer and a statement splitter for the SQL that people write in migrations, policies
//! and functions. No catalog, no types, no meaning: names are only names here.

pub mod ast;
mod error;
mod keyword;
pub mod lex;
mod parse;
mod print;
mod split;
pub mod visit;

pub use error::SyntaxError;
pub use parse::{DEPTH_MAX, HEIGHT_MAX, parse_expr, parse_query, parse_statement, parse_statements};
pub use print::{quote_ident, quote_literal};
pub use split::split;
