//! Queries and the statements that change rows.

use super::{Expr, FunctionCall, Name, ObjectName, TypeName, Window};

/// A query with everything around its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// `with …`.
    pub with: Option<With>,
    /// What yields rows.
    pub body: QueryBody,
    /// `order by`.
    pub order_by: Vec<OrderBy>,
    /// `limit n` or `fetch first n rows`.
    pub limit: Option<Expr>,
    /// `fetch first … with ties`; only with a limit.
    pub with_ties: bool,
    /// `offset n`.
    pub offset: Option<Expr>,
    /// `for update …`.
    pub locks: Vec<Lock>,
}

impl Query {
    /// A query that is its body and nothing else.
    pub fn from_body(body: QueryBody) -> Self {
        Self { with: None, body, order_by: Vec::new(), limit: None, with_ties: false, offset: None, locks: Vec::new() }
    }
}

/// What yields rows.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// `select …`.
    Select(Box<Select>),
    /// `values (…), (…)`.
    Values(Vec<Vec<Expr>>),
    /// `a union b` and its like.
    SetOp {
        /// Which.
        op: SetOp,
        /// Keep duplicates.
        all: bool,
        /// First operand.
        left: Box<QueryBody>,
        /// Second operand.
        right: Box<QueryBody>,
    },
    /// A query in parentheses that has its own `with`, `order by`, `limit` or lock.
    Nested(Box<Query>),
}

/// How two results combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetOp {
    /// `union`.
    Union,
    /// `intersect`, which binds tighter than the others.
    Intersect,
    /// `except`.
    Except,
}

/// A `with` clause.
#[derive(Clone, Debug, PartialEq)]
pub struct With {
    /// `with recursive`.
    pub recursive: bool,
    /// The named queries, at least one.
    pub ctes: Vec<Cte>,
}

/// One named query of a `with` clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    /// Its name.
    pub name: Name,
    /// Names for its columns.
    pub columns: Vec<Name>,
    /// `materialized` (true) or `not materialized` (false).
    pub materialized: Option<bool>,
    /// What it runs.
    pub body: CteBody,
}

/// What a named query runs.
#[derive(Clone, Debug, PartialEq)]
pub enum CteBody {
    /// A query.
    Query(Box<Query>),
    /// An insert, usually with `returning`.
    Insert(Box<Insert>),
    /// An update.
    Update(Box<Update>),
    /// A delete.
    Delete(Box<Delete>),
}

/// A `select` up to its windows; order and limit belong to [`Query`].
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// `distinct`.
    pub distinct: Distinct,
    /// The output columns; PostgreSQL allows none.
    pub items: Vec<SelectItem>,
    /// The comma-separated sources.
    pub from: Vec<FromItem>,
    /// `where`.
    pub filter: Option<Expr>,
    /// `group by`.
    pub group_by: Vec<GroupItem>,
    /// `having`.
    pub having: Option<Expr>,
    /// `window w as (…)`.
    pub windows: Vec<(Name, Window)>,
}

impl Select {
    /// A select of nothing from nowhere, to be filled.
    pub fn empty() -> Self {
        Self {
            distinct: Distinct::No,
            items: Vec::new(),
            from: Vec::new(),
            filter: None,
            group_by: Vec::new(),
            having: None,
            windows: Vec::new(),
        }
    }
}

/// Whether duplicates are dropped.
#[derive(Clone, Debug, PartialEq)]
pub enum Distinct {
    /// All rows.
    No,
    /// `distinct`.
    Yes,
    /// `distinct on (…)`.
    On(Vec<Expr>),
}

/// One output column or group of columns; also an item of `returning`.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*`.
    Wildcard,
    /// `t.*` or `s.t.*`.
    TableWildcard(ObjectName),
    /// `(x).*`.
    FieldWildcard(Expr),
    /// `x [as alias]`.
    Expr {
        /// The value.
        expr: Expr,
        /// Its name, where one was written.
        alias: Option<Name>,
    },
}

/// One item of `group by`.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupItem {
    /// An expression.
    Expr(Expr),
    /// `rollup (…)`.
    Rollup(Vec<Expr>),
    /// `cube (…)`.
    Cube(Vec<Expr>),
    /// `grouping sets (…)`.
    Sets(Vec<GroupItem>),
    /// `()`.
    Empty,
}

/// One item of `order by`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// What is ordered by.
    pub expr: Expr,
    /// `asc` (false), `desc` (true), or neither.
    pub descending: Option<bool>,
    /// `nulls first` (true), `nulls last` (false), or neither.
    pub nulls_first: Option<bool>,
    /// `using operator`, instead of a direction.
    pub using: Option<Name>,
}

/// A row lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// How strong.
    pub strength: LockStrength,
    /// `of t, u`.
    pub of: Vec<ObjectName>,
    /// What to do when rows are locked already.
    pub wait: LockWait,
}

/// How strong a row lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockStrength {
    /// `for update`.
    Update,
    /// `for no key update`.
    NoKeyUpdate,
    /// `for share`.
    Share,
    /// `for key share`.
    KeyShare,
}

/// What to do when rows are locked already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockWait {
    /// Wait.
    Wait,
    /// `nowait`.
    Nowait,
    /// `skip locked`.
    SkipLocked,
}

/// A source of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum FromItem {
    /// A table, view or named query.
    Table {
        /// Which.
        name: ObjectName,
        /// `only`, without inheriting tables.
        only: bool,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `(select …) alias`.
    Query {
        /// `lateral`.
        lateral: bool,
        /// The query.
        query: Box<Query>,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `f(…) alias` or `rows from (f(…), g(…)) alias`.
    Function {
        /// `lateral`.
        lateral: bool,
        /// The calls; more than one only in `rows from`.
        calls: Vec<TableFunction>,
        /// `rows from (…)` was written.
        rows_from: bool,
        /// `with ordinality`.
        ordinality: bool,
        /// Its alias; the name is empty in `f() as (a int)`.
        alias: Option<TableAlias>,
        /// `as t(a int, b text)`: columns with types, for functions that return `record`.
        columns: Vec<(Name, TypeName)>,
    },
    /// `a join b …`.
    Join {
        /// Which kind.
        kind: JoinKind,
        /// Left side.
        left: Box<FromItem>,
        /// Right side.
        right: Box<FromItem>,
        /// What joins them.
        condition: JoinCondition,
        /// `(a join b …) as alias`.
        alias: Option<TableAlias>,
    },
}

/// A function among the sources.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFunction {
    /// The call.
    pub call: FunctionCall,
    /// `as (a int, b text)` inside `rows from`.
    pub columns: Vec<(Name, TypeName)>,
}

/// A name for a source and possibly for its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableAlias {
    /// The source's name. Empty only for a function with typed columns and no name.
    pub name: Name,
    /// Names for its first columns.
    pub columns: Vec<Name>,
}

/// The kind of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// `join`.
    Inner,
    /// `left join`.
    Left,
    /// `right join`.
    Right,
    /// `full join`.
    Full,
    /// `cross join`, whose condition is always [`JoinCondition::None`].
    Cross,
}

/// What joins two sources.
#[derive(Clone, Debug, PartialEq)]
pub enum JoinCondition {
    /// Nothing, for `cross join`.
    None,
    /// `on x`.
    On(Box<Expr>),
    /// `using (a, b) [as alias]`.
    Using {
        /// The columns.
        columns: Vec<Name>,
        /// A name for the merged columns.
        alias: Option<Name>,
    },
    /// `natural`.
    Natural,
}

/// An `insert`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// `with …`.
    pub with: Option<With>,
    /// The table.
    pub table: ObjectName,
    /// `as alias`.
    pub alias: Option<Name>,
    /// The columns; none means all. Subscripts and fields of columns are refused while parsing.
    pub columns: Vec<Name>,
    /// `overriding system value` (true) or `overriding user value` (false).
    pub overriding_system: Option<bool>,
    /// The rows.
    pub source: InsertSource,
    /// `on conflict …`.
    pub on_conflict: Option<OnConflict>,
    /// `returning …`.
    pub returning: Vec<SelectItem>,
}

/// Where inserted rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// `default values`.
    DefaultValues,
    /// `values` (with `default` allowed inside) or any other query.
    Query(Box<Query>),
}

/// `on conflict …`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnConflict {
    /// Which conflicts; none means any.
    pub target: Option<ConflictTarget>,
    /// What to do.
    pub action: ConflictAction,
}

/// Which conflicts are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictTarget {
    /// Those of an index over these columns or expressions.
    Index {
        /// The index's elements.
        elements: Vec<super::IndexElement>,
        /// The predicate of a partial index.
        filter: Option<Expr>,
    },
    /// Those of a named constraint.
    Constraint(Name),
}

/// What to do about a conflict.
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictAction {
    /// `do nothing`.
    Nothing,
    /// `do update set … where …`.
    Update {
        /// The assignments.
        set: Vec<Assignment>,
        /// Which rows.
        filter: Option<Expr>,
    },
}

/// One assignment of `set`.
#[derive(Clone, Debug, PartialEq)]
pub enum Assignment {
    /// `column = value`.
    Column {
        /// The column.
        column: Name,
        /// Its value; may be [`Expr::Default`].
        value: Expr,
    },
    /// `(a, b) = (x, y)`, `(a, b) = row(x, y)` or `(a, b) = (select …)`.
    Columns {
        /// The columns.
        columns: Vec<Name>,
        /// A row (whose items may be [`Expr::Default`]) or a subquery; for one column possibly a plain expression.
        value: Expr,
    },
}

/// An `update`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// `with …`.
    pub with: Option<With>,
    /// The table.
    pub table: ObjectName,
    /// `only`.
    pub only: bool,
    /// Its alias.
    pub alias: Option<Name>,
    /// The assignments.
    pub set: Vec<Assignment>,
    /// Further sources.
    pub from: Vec<FromItem>,
    /// `where`.
    pub filter: Option<Expr>,
    /// `returning …`.
    pub returning: Vec<SelectItem>,
}

/// A `delete`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// `with …`.
    pub with: Option<With>,
    /// The table.
    pub table: ObjectName,
    /// `only`.
    pub only: bool,
    /// Its alias.
    pub alias: Option<Name>,
    /// Further sources.
    pub using: Vec<FromItem>,
    /// `where`.
    pub filter: Option<Expr>,
    /// `returning …`.
    pub returning: Vec<SelectItem>,
}

/// A `truncate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncate {
    /// The tables.
    pub tables: Vec<ObjectName>,
    /// `restart identity`.
    pub restart_identity: bool,
    /// `cascade`.
    pub cascade: bool,
}
