//! One text, two engines: PostgreSQL's trees in, SQLite's text out.
//!
//! PostgreSQL gets the text as people wrote it. For SQLite every statement (a view's body, a policy, a default, a migration's insert,
//! a request's query) goes through this translator: names are resolved against the catalog, every expression gets its PostgreSQL type,
//! literals become values in stored form, and operators become the SQLite operator or registered function that means the same on
//! stored forms ([`crate::builtins`]).
//!
//! **Row security lives here too.** Every relation reference passes a [`Guard`], which refuses it (42501), lets it pass, or gives the
//! condition its rows must meet; the reference is then replaced by its filtered form. A view with the owner's rights is read through
//! its physical view; one with the invoker's rights is unfolded, and the guard sees what is inside.
//!
//! **Invariants.** No text of a user becomes text of SQL except as a quoted identifier that the catalog knows or a quoted literal
//! that [`values`] has read. What cannot be said on SQLite is an error (`0A000`) that names it, never a different meaning.

mod aggregate;
mod circle;
mod compare;
mod dml;
mod expr;
mod function;
mod guard;
mod proposed;
mod query;
mod resolve;
mod scope;
mod through;
mod types;
mod view;

use std::sync::Arc;

use sql::ast::{Expr, Query};
use values::{Type, Value};

use crate::catalog::{Catalog, Name, QName, Relation};
use crate::error::{Result, SqlError};

pub(crate) use aggregate::is_aggregate;
pub(crate) use function::is_set_function;
pub use guard::{Access, Deferred, Guard, Owner, Usage};
pub use through::Destination;
pub use types::resolve_type;

/// A translated statement.
#[derive(Clone, Debug)]
pub struct Translated {
    /// SQLite's text; parameters are `?1`….
    pub sql: String,
    /// What it returns.
    pub columns: Vec<OutColumn>,
}

/// One column of an answer.
#[derive(Clone, Debug)]
pub struct OutColumn {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// The base column it shows unchanged, if it does.
    pub source: Option<(QName, Name)>,
}

/// An expression in SQLite's text with its PostgreSQL type.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The text, safe to stand as an operand.
    pub sql: String,
    /// The type; [`Type::Unknown`] for a string literal or null that nothing has typed yet.
    pub ty: Type,
    /// The text of a string literal not typed yet.
    literal: Option<String>,
}

impl Typed {
    fn new(sql: impl Into<String>, ty: Type) -> Self {
        Self { sql: sql.into(), ty, literal: None }
    }
}

/// Translates statements against one catalog, for one guard.
pub struct Translator<'a> {
    catalog: &'a Catalog,
    guard: &'a dyn Guard,
    /// The guard of the current user. It differs from `guard` inside a view that is read with its owner's rights: functions called
    /// there, and views with the invoker's rights, still work for whoever asks.
    caller: &'a dyn Guard,
    search_path: &'a [Name],
    params: &'a [Type],
    frames: Vec<scope::Frame>,
    /// Relations whose policies are being unfolded, to find recursion.
    unfolding: Vec<QName>,
    /// Functions that are being unfolded, outermost first.
    calling: Vec<QName>,
    /// Where what has been translated looks.
    looks: scope::Looks,
    /// Inside a function that sees what its statement has done so far.
    afresh: bool,
    /// The parameter that holds the place of the only row to be changed.
    row: Option<usize>,
    /// Depth of functions and views being unfolded.
    depth: usize,
    aliases: usize,
    /// The time zone of literals; migrations and requests are in UTC unless the request says otherwise.
    session: values::Session,
}

/// How deep views, functions and policies may unfold into each other.
const DEPTH_MAX: usize = 24;

impl<'a> Translator<'a> {
    /// A translator for one statement or a few, with the given parameter types.
    pub fn new(catalog: &'a Catalog, guard: &'a dyn Guard, search_path: &'a [Name], params: &'a [Type]) -> Self {
        Self {
            catalog,
            guard,
            caller: guard,
            search_path,
            params,
            frames: Vec::new(),
            unfolding: Vec::new(),
            calling: Vec::new(),
            looks: scope::Looks::default(),
            afresh: false,
            row: None,
            depth: 0,
            aliases: 0,
            session: values::Session::default(),
        }
    }

    /// The updates and deletes that follow change one row of those that they would: the one whose place, as [`Translator::places`] gives it, is
    /// the last parameter. Of all conditions only those with volatile functions are asked again, as PostgreSQL asks them row by row.
    #[must_use]
    pub fn one_row(mut self) -> Self {
        self.row = Some(self.params.len() + 1);
        self
    }

    /// Does anything translated so far ask a function that sees what its own statement has done, as PostgreSQL's volatile ones do.
    pub fn looks_afresh(&self) -> bool {
        self.looks.afresh
    }

    /// Translates a query.
    pub fn select(&mut self, query: &Query) -> Result<Translated> {
        let (sql, columns) = self.query(query)?;
        self.circles_of_query(query)?;
        Ok(Translated { sql, columns })
    }

    /// Translates the call of a function of the user's, for what it does; what it returns may be anything.
    pub fn invoke(&mut self, call: &sql::ast::FunctionCall) -> Result<Translated> {
        let (sql, columns) = self.called(call)?;
        Ok(Translated { sql, columns })
    }

    /// Translates an expression over the columns of one relation (a check, a default, a generated column, a policy), which SQLite knows
    /// by `alias`; an empty alias leaves the columns bare, as `create table` and `create index` want them. The result is coerced to `target`
    /// as in an assignment, if one is given.
    pub fn over_relation(
        &mut self,
        expr: &Expr,
        relation: &Arc<Relation>,
        alias: &str,
        target: Option<&Type>,
    ) -> Result<Typed> {
        let mut frame = scope::Frame::barrier();
        frame.push(scope::Source::of_relation(
            relation,
            &relation.name.name,
            if alias.is_empty() { String::new() } else { quote(alias) },
        ));
        self.frames.push(frame);
        let result = self.expr(expr).and_then(|typed| match target {
            Some(target) => self.assign(typed, target),
            None => self.settle(typed),
        });
        self.frames.pop();
        result
    }

    /// Translates an expression without any column, coerced to `target` as in an assignment.
    pub fn constant(&mut self, expr: &Expr, target: &Type) -> Result<Typed> {
        let typed = self.expr(expr)?;
        self.assign(typed, target)
    }
}

/// A SQLite identifier, always quoted.
pub fn quote(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    push_quoted(&mut out, name);
    out
}

fn push_quoted(out: &mut String, name: &str) {
    out.push('"');
    for c in name.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

/// The name a relation has in the SQLite file: its own in schema `public`, `schema.name` elsewhere.
pub fn physical_name(name: &QName) -> String {
    if &*name.schema == "public" { name.name.to_string() } else { format!("{}.{}", name.schema, name.name) }
}

/// A value in stored form as SQLite text.
pub fn value_sql(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) if number.is_infinite() => if *number > 0.0 { "9e999" } else { "-9e999" }.to_owned(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => text_sql(text),
        Value::Blob(bytes) => {
            let mut out = String::with_capacity(bytes.len() * 2 + 3);
            out.push_str("x'");
            for byte in bytes {
                out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
                out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
            }
            out.push('\'');
            out
        }
    }
}

/// A text as a SQLite literal.
pub fn text_sql(text: &str) -> String {
    // A NUL would end SQLite's text; PostgreSQL has no NUL in text either, and the reader of values refuses it.
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        if c == '\'' {
            out.push('\'');
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// What SQLite cannot say, named.
pub(crate) fn unsupported(what: impl std::fmt::Display) -> crate::Error {
    SqlError::new("0A000", format!("{what} is not supported on SQLite"))
        .hint("Write it another way, or serve this app on PostgreSQL, where it works as it is.")
        .into()
}
