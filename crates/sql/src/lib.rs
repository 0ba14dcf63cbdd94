//! The language: PostgreSQL's SQL as words and trees.
//!
//! # What
//! A lexer, trees, a parser, a printer and a statement splitter for the SQL that people write in migrations, policies
//! and functions. No catalog, no types, no meaning: names are only names here.

pub mod ast;
mod error;
mod keyword;
pub mod lex;

pub use error::SyntaxError;
