//! The language: PostgreSQL's SQL as words and trees.
//!
//! # What
//! A lexer, trees, a parser, a printer and a splitter for the SQL that people write in migrations, policies and
//! functions. [`parse_statements`] reads a file, [`split`] only cuts it, [`ast::Statement::to_sql`] and its siblings
//! write a tree back, and [`visit`] walks over one.
//!
//! # Words
//! - *statement*: what ends with a semicolon; *query*: what yields rows; *body*: a query without its `with` and `order by`.
//! - *name*: an identifier after folding; *object*: a name with an optional schema.
//! - *source*: what stands in `from`; *target*: the table that an insert, update or delete changes.
//!
//! # Invariants
//! - What a tree prints is read back as the same tree (random trees and mutated texts are tried in the tests). The
//!   exception are trees within a few levels of [`DEPTH_MAX`], whose text may need more parentheses than may be read.
//! - No text makes the crate panic or overflow the stack: nesting ends at [`DEPTH_MAX`], trees at [`HEIGHT_MAX`].
//! - Time is linear in the text: nothing at depth is tried twice.
//! - What is accepted means what PostgreSQL means by it; what is not known is refused by name, never skipped.
//!
//! # Walk
//! Text → [`lex`] → tokens → `parse` (one file per kind of statement, `parse/expr.rs` holds the precedence) → [`ast`] →
//! `print`, whose files mirror the parser's.
//!
//! # Not here
//! No catalog, no types, no name resolution, no other dialect: names are only names, and bodies of functions that are
//! strings stay closed until someone parses them. `default` is read wherever PostgreSQL's grammar reads an expression;
//! whether it may stand there is for those to say who know the statement.

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
