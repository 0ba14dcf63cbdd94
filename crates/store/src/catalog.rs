//! The catalog: what the database holds, in PostgreSQL's words, whichever engine keeps it.
//!
//! On PostgreSQL it is read from the live system catalogs; on SQLite it is built by the migrations and kept in the database file,
//! because SQLite's own schema cannot say `numeric(10,2)`, who was granted what, or what a policy demands. Everything above the
//! store (API, OpenAPI, row security, types) derives from this one model; there is no second one.

mod speech;
pub(crate) mod updatable;
pub mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sql::ast::{Expr, Query};
use values::Type;

/// An identifier, already folded as PostgreSQL folds it.
pub type Name = Arc<str>;

/// A schema-qualified name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QName {
    /// The schema.
    pub schema: Name,
    /// The object's own name.
    pub name: Name,
}

impl QName {
    /// Joins a schema and a name.
    pub fn new(schema: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

impl std::fmt::Display for QName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Everything known about a database's user-visible objects at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Grows with every change; caches of plans and statements are keyed by it.
    pub version: u64,
    /// Schemas by name.
    pub schemas: BTreeMap<Name, Schema>,
    /// Tables and views by qualified name.
    #[serde(with = "pairs")]
    pub relations: BTreeMap<QName, Arc<Relation>>,
    /// Enumerations by qualified name.
    #[serde(with = "pairs")]
    pub enums: BTreeMap<QName, Arc<values::EnumType>>,
    /// Domains by qualified name.
    #[serde(with = "pairs")]
    pub domains: BTreeMap<QName, Arc<Domain>>,
    /// Functions by qualified name; overloads side by side.
    #[serde(with = "pairs")]
    pub functions: BTreeMap<QName, Vec<Arc<Function>>>,
    /// Sequences by qualified name.
    #[serde(with = "pairs")]
    pub sequences: BTreeMap<QName, Arc<Sequence>>,
    /// Roles by name. `public` is not among them.
    pub roles: BTreeMap<Name, Role>,
    /// Default privileges for objects made later (`alter default privileges`), in the order given.
    pub default_grants: Vec<DefaultGrant>,
    /// A function that is not listed here, such as a trigger's, may set `response.headers` or `response.status`.
    #[serde(default)]
    pub triggers_speak: bool,
}

/// A schema.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Schema {
    /// `comment on schema`.
    pub comment: Option<String>,
    /// Who may look inside (`usage`), `public` included as a name.
    pub usage: BTreeSet<Name>,
}

/// What kind of relation this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationKind {
    /// A base table.
    Table,
    /// A view.
    View,
    /// A materialized view (PostgreSQL only).
    MaterializedView,
    /// A foreign table (PostgreSQL only).
    ForeignTable,
    /// A partitioned parent (PostgreSQL only).
    PartitionedTable,
}

/// A table or view.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the database, each with a name of its own")]
pub struct Relation {
    /// Qualified name.
    pub name: QName,
    /// Table, view, …
    pub kind: RelationKind,
    /// Columns in declared order (dropped ones absent).
    pub columns: Vec<Column>,
    /// The primary key, if any.
    pub primary_key: Option<Key>,
    /// Unique constraints, and unique indexes over plain columns without a predicate.
    pub uniques: Vec<Key>,
    /// Foreign keys leaving this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// Check constraints.
    pub checks: Vec<Check>,
    /// Indexes, those of keys excluded.
    pub indexes: Vec<Index>,
    /// `comment on table/view`.
    pub comment: Option<String>,
    /// The owner; on SQLite always `postgres`, the role migrations run as.
    pub owner: Name,
    /// `enable row level security`.
    pub row_security: bool,
    /// `force row level security`.
    pub row_security_forced: bool,
    /// Row policies in order of name.
    pub policies: Vec<Policy>,
    /// Who may do what.
    pub grants: Grants,
    /// What a view is made of.
    pub view: Option<View>,
    /// May rows be inserted (tables; automatically updatable views).
    pub insertable: bool,
    /// May rows be updated.
    pub updatable: bool,
    /// May rows be deleted.
    pub deletable: bool,
    /// The planner's row estimate (PostgreSQL's `reltuples`), if any.
    pub estimated_rows: Option<u64>,
}

/// A column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: Name,
    /// Its type; a domain's base type when `domain` is set.
    pub ty: Type,
    /// The domain it was declared with.
    pub domain: Option<QName>,
    /// `not null` (primary keys and domains included).
    pub not_null: bool,
    /// Default expression, as PostgreSQL text.
    pub default: Option<ExprText>,
    /// `generated … as identity`.
    pub identity: Option<Identity>,
    /// `generated always as (…) stored`.
    pub generated: Option<ExprText>,
    /// The sequence that `serial` or `identity` owns.
    pub sequence: Option<QName>,
    /// `comment on column`.
    pub comment: Option<String>,
}

/// The two kinds of identity column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// A supplied value is refused (428C9) unless overridden.
    Always,
    /// A supplied value wins.
    ByDefault,
}

/// A primary key or unique constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Constraint (or index) name.
    pub name: Name,
    /// Key columns in order.
    pub columns: Vec<Name>,
    /// `nulls not distinct`.
    pub nulls_not_distinct: bool,
    /// Made by `create unique index` rather than as a constraint.
    pub index_only: bool,
}

/// What happens to referencing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FkAction {
    /// `no action`: checked at the end of the statement.
    NoAction,
    /// `restrict`: checked at once.
    Restrict,
    /// `cascade`.
    Cascade,
    /// `set null`.
    SetNull,
    /// `set default`.
    SetDefault,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Constraint name.
    pub name: Name,
    /// Referencing columns.
    pub columns: Vec<Name>,
    /// Referenced table.
    pub target: QName,
    /// Referenced columns, in the order of `columns`.
    pub target_columns: Vec<Name>,
    /// `on delete`.
    pub on_delete: FkAction,
    /// `on update`.
    pub on_update: FkAction,
    /// `deferrable`.
    pub deferrable: bool,
    /// `initially deferred`.
    pub deferred: bool,
}

/// A check constraint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Constraint name.
    pub name: Name,
    /// What must not be false.
    pub expr: ExprText,
}

/// An index that is not a key's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: Name,
    /// Unique over expressions or with a predicate (others are in `Relation::uniques` too).
    pub unique: bool,
    /// Access method as declared: `btree`, `gin`, …
    pub method: Name,
    /// Keys as PostgreSQL text: a plain column's name, or an expression.
    pub keys: Vec<IndexKey>,
    /// `include (…)`.
    pub include: Vec<Name>,
    /// `where …`.
    pub predicate: Option<ExprText>,
    /// False when the engine keeps no such index (GIN on SQLite): declared, but of no help.
    pub effective: bool,
}

/// One key of an index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexKey {
    /// The column, when the key is a plain one.
    pub column: Option<Name>,
    /// The expression otherwise.
    pub expr: Option<ExprText>,
    /// `desc`.
    pub descending: bool,
    /// `nulls first`.
    pub nulls_first: bool,
}

/// A row policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Permissive (any may pass) or restrictive (all must).
    pub permissive: bool,
    /// The command it is for.
    pub command: PolicyCommand,
    /// Roles it binds; `public` binds all.
    pub roles: Vec<Name>,
    /// Which existing rows are visible.
    pub using: Option<ExprText>,
    /// Which new rows are allowed; absent means `using`.
    pub check: Option<ExprText>,
}

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyCommand {
    /// Every command.
    All,
    /// `select`.
    Select,
    /// `insert`.
    Insert,
    /// `update`.
    Update,
    /// `delete`.
    Delete,
}

/// A privilege on a relation, column, sequence, function or schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Privilege {
    /// Read.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
    /// Empty the table.
    Truncate,
    /// Make foreign keys to it.
    References,
    /// Make triggers on it.
    Trigger,
    /// Use a schema or sequence.
    Usage,
    /// Call a function.
    Execute,
}

/// Grants on one relation: for the whole of it and for single columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// (grantee, privilege); grantee `public` means everybody.
    pub table: BTreeSet<(Name, Privilege)>,
    /// (grantee, privilege, column).
    pub columns: BTreeSet<(Name, Privilege, Name)>,
}

/// What `alter default privileges` asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultGrant {
    /// Only in this schema; none means in all.
    pub schema: Option<Name>,
    /// `tables`, `sequences`, `functions`, `types` or `schemas`.
    pub objects: Name,
    /// Who.
    pub grantee: Name,
    /// What.
    pub privileges: Vec<Privilege>,
}

/// A view's own part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// Its query, as PostgreSQL text.
    pub query: QueryText,
    /// `security_invoker = true`: the caller's rights and policies bind inside; otherwise the owner's.
    pub security_invoker: bool,
    /// `security_barrier = true`.
    pub security_barrier: bool,
    /// `with [local|cascaded] check option`.
    pub check_option: Option<Name>,
    /// For each output column: the base column it shows unchanged, if it does.
    pub sources: Vec<Option<(QName, Name)>>,
}

/// A domain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Domain {
    /// Qualified name.
    pub name: QName,
    /// Base type.
    pub ty: Type,
    /// `not null`.
    pub not_null: bool,
    /// Default expression.
    pub default: Option<ExprText>,
    /// Checks over `value`.
    pub checks: Vec<Check>,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Qualified name.
    pub name: QName,
    /// First value.
    pub start: i64,
    /// Step, never 0.
    pub increment: i64,
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// Starts over at the end instead of failing (2200H).
    pub cycle: bool,
    /// The column that owns it: dropped together.
    pub owned_by: Option<(QName, Name)>,
    /// Who may use it (`usage`, `select`, `update`).
    pub grants: BTreeSet<(Name, Privilege)>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Row policies do not bind it.
    pub bypass_rls: bool,
    /// No check binds it.
    pub superuser: bool,
    /// Roles whose privileges it has.
    pub member_of: BTreeSet<Name>,
}

/// Volatility of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Volatility {
    /// Same answer for ever.
    Immutable,
    /// Same answer within a statement.
    Stable,
    /// May change anything.
    Volatile,
}

/// A function's parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name; unnamed ones can only be given by position.
    pub name: Option<Name>,
    /// Its type.
    pub ty: Type,
    /// Its default.
    pub default: Option<ExprText>,
    /// `variadic`.
    pub variadic: bool,
}

/// What a function returns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Returns {
    /// Nothing.
    Void,
    /// One value, or a set of them.
    Scalar {
        /// The type.
        ty: Type,
        /// `setof`.
        set: bool,
    },
    /// A table's row type.
    Relation {
        /// The table or view.
        name: QName,
        /// `setof`.
        set: bool,
        /// `rows 1`: a set of at most one.
        single: bool,
    },
    /// `returns table (…)` or out parameters.
    Columns {
        /// The columns.
        columns: Vec<(Name, Type)>,
        /// `setof`/`table`.
        set: bool,
    },
    /// `record` without columns.
    Record {
        /// `setof`.
        set: bool,
    },
}

/// A function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// Qualified name.
    pub name: QName,
    /// In parameters.
    pub parameters: Vec<Parameter>,
    /// Result.
    pub returns: Returns,
    /// Language; on SQLite only `sql` is accepted.
    pub language: Name,
    /// Body as PostgreSQL text (the statements themselves, without quotes).
    pub body: String,
    /// Volatility.
    pub volatility: Volatility,
    /// `strict`: null in, null out.
    pub strict: bool,
    /// Runs with its owner's rights.
    pub security_definer: bool,
    /// `comment on function`.
    pub comment: Option<String>,
    /// Who may execute; `public` from the start.
    pub grants: BTreeSet<(Name, Privilege)>,
}

/// An expression as PostgreSQL text, parsed at most once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExprText {
    text: Arc<str>,
    #[serde(skip)]
    tree: OnceLock<Option<Arc<Expr>>>,
}

impl ExprText {
    /// Keeps `text`, which parses as an expression on first use.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), tree: OnceLock::new() }
    }
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The tree; `None` when this version of the parser cannot read what the engine accepted.
    pub fn tree(&self) -> Option<&Arc<Expr>> {
        self.tree.get_or_init(|| sql::parse_expr(&self.text).ok().map(Arc::new)).as_ref()
    }
}

impl PartialEq for ExprText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A query as PostgreSQL text, parsed at most once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueryText {
    text: Arc<str>,
    #[serde(skip)]
    tree: OnceLock<Option<Arc<Query>>>,
}

impl QueryText {
    /// Keeps `text`, which parses as a query on first use.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), tree: OnceLock::new() }
    }
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The tree; `None` when this version of the parser cannot read what the engine accepted.
    pub fn tree(&self) -> Option<&Arc<Query>> {
        self.tree.get_or_init(|| sql::parse_query(&self.text).ok().map(Arc::new)).as_ref()
    }
}

impl Catalog {
    /// A table or view by qualified name.
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        // The map is keyed by an owned pair; a range over the schema would be no cheaper than making the key.
        self.relations.get(&QName::new(schema, name))
    }

    /// A table or view by name, looked for along a search path.
    pub fn find_relation(&self, path: &[Name], name: &str) -> Option<&Arc<Relation>> {
        path.iter().find_map(|schema| self.relation(schema, name))
    }

    /// Functions of this qualified name.
    pub fn functions(&self, schema: &str, name: &str) -> &[Arc<Function>] {
        self.functions.get(&QName::new(schema, name)).map_or(&[], Vec::as_slice)
    }

    /// May SQL of this schema set `response.headers` or `response.status`: does any of its texts mention such a name, or set something
    /// whose name it puts together at run time.
    pub fn speaks(&self) -> bool {
        let says = speech::speaks;
        let expr = |expr: &Option<ExprText>| expr.as_ref().is_some_and(|expr| says(expr.text()));
        self.triggers_speak
            || self.functions.values().flatten().any(|function| says(&function.body))
            || self.relations.values().any(|relation| {
                relation.view.as_ref().is_some_and(|view| says(view.query.text()))
                    || relation.columns.iter().any(|column| expr(&column.default))
                    || relation.policies.iter().any(|policy| expr(&policy.using) || expr(&policy.check))
            })
    }

    /// The role itself and every role it is a member of, directly or not; `public` is always among them.
    pub fn role_closure(&self, role: &str) -> BTreeSet<Name> {
        let mut seen = BTreeSet::from([Name::from("public")]);
        let mut todo = vec![Name::from(role)];
        while let Some(next) = todo.pop() {
            if seen.insert(next.clone())
                && let Some(found) = self.roles.get(&next)
            {
                todo.extend(found.member_of.iter().cloned());
            }
        }
        seen
    }
}

impl Relation {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// The column that is SQLite's rowid under another name: the single integer primary key. SQLite would invent a value for a missing
    /// one, which PostgreSQL never does, so whoever writes to the table fills it in.
    pub fn rowid_column(&self) -> Option<&Column> {
        let [name] = self.primary_key.as_ref()?.columns.as_slice() else { return None };
        self.column(name).filter(|column| column.ty.is_integer())
    }

    /// Is this a view of any kind.
    pub fn is_view(&self) -> bool {
        matches!(self.kind, RelationKind::View | RelationKind::MaterializedView)
    }
}

impl Grants {
    /// May any of `roles` do `privilege` on the whole relation.
    pub fn allows(&self, roles: &BTreeSet<Name>, privilege: Privilege) -> bool {
        roles.iter().any(|role| self.table.contains(&(role.clone(), privilege)))
    }

    /// May any of `roles` do `privilege` on this column, through the relation or the column itself.
    pub fn allows_column(&self, roles: &BTreeSet<Name>, privilege: Privilege, column: &str) -> bool {
        self.allows(roles, privilege)
            || roles.iter().any(|role| self.columns.contains(&(role.clone(), privilege, Name::from(column))))
    }

    /// May any of `roles` do `privilege` on at least one column.
    pub fn allows_any_column(&self, roles: &BTreeSet<Name>, privilege: Privilege) -> bool {
        self.allows(roles, privilege)
            || self.columns.iter().any(|(role, held, _)| *held == privilege && roles.contains(role))
    }
}

/// Maps whose key is a structure, kept in JSON as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
