//! The trees: what PostgreSQL's SQL means, without how it was laid out.
//!
//! The nodes are owned and comparable. Different spellings of the same thing give the same tree wherever PostgreSQL
//! itself makes them one, so that whoever reads a tree has one case to handle:
//!
//! - identifiers are [`Name`]s, already folded to lower case unless they were quoted;
//! - `x::t`, `cast(x as t)`, `t 'x'` and `interval '1' day` are all [`Expr::Cast`];
//! - `x at time zone z` is the function call `timezone(z, x)`; `at local` is `timezone(x)`;
//! - `extract(f from x)` is `extract('f', x)`, `position(a in b)` is `position(b, a)`, `substring(a from b for c)` is
//!   `substring(a, b, c)`, `substring(a for c)` is `substring(a, 1, c)`, `overlay(a placing b from c)` is
//!   `overlay(a, b, c)`, `trim` is `btrim`, `ltrim` or `rtrim`, `a overlaps b` is `overlaps(a1, a2, b1, b2)`;
//! - `x like any (…)` is [`Expr::Quantified`] with the operator `~~` (`!~~`, `~~*`, `!~~*`);
//! - `!=` is `<>`; `isnull` and `notnull` are [`Expr::IsNull`];
//! - parentheses leave no node, except that they turn a query into a nested one where it has its own `order by`;
//! - `table t` is `select * from t`; `limit all` is no limit; `fetch first n rows only` is `limit n`;
//! - type names are canonical: see [`TypeName`].

mod expr;
mod objects;
mod query;
mod statement;
mod table;

pub use expr::*;
pub use objects::*;
pub use query::*;
pub use statement::*;
pub use table::*;

use std::sync::Arc;

/// An identifier: lower case unless it was quoted in the text.
pub type Name = Arc<str>;

/// A name with an optional schema before it. Three-part names (`database.schema.name`) are refused while parsing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// The schema, where one was written.
    pub schema: Option<Name>,
    /// The object's own name.
    pub name: Name,
}

impl ObjectName {
    /// A name without a schema.
    pub fn bare(name: impl Into<Name>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// A name inside a schema.
    pub fn qualified(schema: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }

    /// Whether this is `name`, unqualified or in `pg_catalog`: how built-in functions and types are recognised.
    pub fn is_builtin(&self, name: &str) -> bool {
        self.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") && *self.name == *name
    }
}

/// A type as written in casts, columns and signatures.
///
/// PostgreSQL's own multi-word and alias names are folded into the catalog's names: `int`, `integer` → `int4`;
/// `bigint` → `int8`; `smallint` → `int2`; `real`, `float(1..24)` → `float4`; `double precision`, `float` → `float8`;
/// `decimal`, `dec` → `numeric`; `boolean` → `bool`; `character varying` → `varchar`; `character(n)`, `char(n)`,
/// `nchar(n)` → `bpchar(n)` and `char` → `bpchar(1)`; `bit varying` → `varbit`, `bit` → `bit(1)`; `timestamp with time
/// zone` → `timestamptz`, `time with time zone` → `timetz`; `serial`, `bigserial`, `smallserial` → `serial4`,
/// `serial8`, `serial2`. A quoted `"char"` keeps the name `char`, PostgreSQL's one-byte type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeName {
    /// The type's name, canonical when it is built in and unqualified.
    pub name: ObjectName,
    /// What stands in parentheses after it, each a number or a word: `numeric(10,2)` has `["10", "2"]`.
    pub modifiers: Vec<String>,
    /// The fields of an interval, as in `interval day to second`: printed words such as `day to second`.
    pub fields: Option<Name>,
    /// How many pairs of brackets follow. Bounds are dropped, as PostgreSQL drops them.
    pub array_dims: u8,
    /// `setof`, only in functions' results.
    pub setof: bool,
}

impl TypeName {
    /// A plain type without modifiers.
    pub fn plain(name: impl Into<Name>) -> Self {
        Self { name: ObjectName::bare(name), modifiers: Vec::new(), fields: None, array_dims: 0, setof: false }
    }
}
