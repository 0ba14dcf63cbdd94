//! PostgreSQL's built-in operators, functions, aggregates and casts as SQLite knows them here: one table that the translator
//! resolves names and overloads with, and whose every entry the SQLite engine registers or has of its own.

mod aggregates;
mod arrays;
mod context;
mod documents;
mod numbers;
mod ranges;
mod search;
mod strings;
mod time;

use self::Call::{Function as F, Infix as I, Template as T, Typed as Y};

/// What kind of function this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value from its arguments.
    Scalar,
    /// One value from many rows; usable as a window function when `window`.
    Aggregate {
        /// Has an inverse, so that it may be used with `over`.
        window: bool,
    },
    /// Window only (`row_number`, `lag`, …).
    Window,
}

/// How SQLite calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A function of this name over the arguments in stored form; ours (registered, `pg_…`) or SQLite's own.
    Function(&'static str),
    /// Like `Function`, with the first argument's type name (`pg_name`, e.g. `_int4`) appended as a last text argument. Where the
    /// entry ends in `...`, the names of all arguments' types, joined by commas; for missing ones the function guesses from the
    /// stored form.
    Typed(&'static str),
    /// An infix operator of SQLite that means the same on stored forms.
    Infix(&'static str),
    /// A text in which `{0}`, `{1}`… are the arguments.
    Template(&'static str),
}

/// One entry. Names of types are PostgreSQL's (`int4`, `numeric`, `_text`), or one of the pseudo types `any`, `anyelement`,
/// `anyarray`, `anynonarray`, `anyenum`, `anyrange`, `anycompatible`.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// PostgreSQL's name: `round`, `+`, `->>`.
    pub name: &'static str,
    /// Argument types. A last entry of `...` repeats the one before it any number of times, zero included.
    pub args: &'static [&'static str],
    /// Result type; `anyelement`/`anyarray`/`anyrange` follow the arguments.
    pub returns: &'static str,
    /// Kind.
    pub kind: Kind,
    /// How SQLite calls it.
    pub call: Call,
}

const fn scalar(name: &'static str, args: &'static [&'static str], returns: &'static str, call: Call) -> Builtin {
    Builtin { name, args, returns, kind: Kind::Scalar, call }
}

/// Joins tables into one, while compiling.
const fn join<const N: usize>(parts: &[&[Builtin]]) -> [Builtin; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut n = 0;
        while n < parts[part].len() {
            all[at] = parts[part][n];
            at += 1;
            n += 1;
        }
        part += 1;
    }
    assert!(at == N, "the length of a joined table is the sum of its parts'");
    all
}

const PARTS: &[&[Builtin]] = &[
    // Of two that cost the same the first is chosen: `jsonb || '…'` is of two documents, not of two texts.
    numbers::TABLE,
    documents::TABLE,
    strings::TABLE,
    arrays::TABLE,
    time::TABLE,
    ranges::TABLE,
    search::TABLE,
    context::TABLE,
    aggregates::TABLE,
];

const fn total() -> usize {
    let (mut sum, mut part) = (0, 0);
    while part < PARTS.len() {
        sum += PARTS[part].len();
        part += 1;
    }
    sum
}

/// All of them.
pub static BUILTINS: &[Builtin] = &join::<{ total() }>(PARTS);
