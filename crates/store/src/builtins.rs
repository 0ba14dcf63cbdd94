//! PostgreSQL's built-in operators, functions, aggregates and casts as SQLite knows them here: one table that the translator
//! resolves names and overloads with, and whose every entry the SQLite engine registers or has of its own.

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
    /// Like `Function`, with the first argument's type name (`pg_name`, e.g. `_int4`) appended as a last text argument.
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
