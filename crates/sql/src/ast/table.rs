//! Tables, their columns and constraints, and what hangs on them: indexes, views, policies, triggers.

use super::{Expr, Name, ObjectName, Query, Role, SequenceOption, TypeName};

/// `create table`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// The table.
    pub name: ObjectName,
    /// How long it lives.
    pub persistence: Persistence,
    /// `if not exists`.
    pub if_not_exists: bool,
    /// Columns, constraints and copies, in their order.
    pub elements: Vec<TableElement>,
    /// `inherits (…)`.
    pub inherits: Vec<ObjectName>,
    /// `partition by …`: the text after these words.
    pub partition_by: Option<String>,
    /// `partition of parent …`: the parent and the text after it.
    pub partition_of: Option<(ObjectName, String)>,
    /// `using method`.
    pub access_method: Option<Name>,
    /// `with (…)`.
    pub options: Vec<StorageOption>,
    /// `on commit …`.
    pub on_commit: Option<OnCommit>,
    /// `tablespace …`.
    pub tablespace: Option<Name>,
    /// `as query`.
    pub as_query: Option<CreateAs>,
}

impl CreateTable {
    /// The columns in their order.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnDef> {
        self.elements.iter().filter_map(|element| match element {
            TableElement::Column(column) => Some(column),
            TableElement::Constraint(_) | TableElement::Like { .. } => None,
        })
    }

    /// The constraints of the table as a whole, in their order.
    pub fn constraints(&self) -> impl Iterator<Item = &TableConstraint> {
        self.elements.iter().filter_map(|element| match element {
            TableElement::Constraint(constraint) => Some(constraint),
            TableElement::Column(_) | TableElement::Like { .. } => None,
        })
    }
}

/// The query behind `create table … as` and its columns' names.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateAs {
    /// Names for the columns.
    pub columns: Vec<Name>,
    /// The query.
    pub query: Box<Query>,
    /// False for `with no data`.
    pub with_data: bool,
}

/// How long a table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// For good.
    Permanent,
    /// `unlogged`: may be lost in a crash.
    Unlogged,
    /// `temporary`: until the session ends.
    Temporary,
}

/// What happens to a temporary table at commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnCommit {
    /// `preserve rows`.
    PreserveRows,
    /// `delete rows`.
    DeleteRows,
    /// `drop`.
    Drop,
}

/// One element in the parentheses of `create table`.
#[derive(Clone, Debug, PartialEq)]
pub enum TableElement {
    /// A column.
    Column(ColumnDef),
    /// A constraint over the table.
    Constraint(TableConstraint),
    /// `like other including …`.
    Like {
        /// The table that is copied.
        table: ObjectName,
        /// `including` (true) or `excluding` (false) which properties, such as `all` or `defaults`.
        options: Vec<(bool, Name)>,
    },
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeName,
    /// `collate …`.
    pub collation: Option<ObjectName>,
    /// Its constraints in their order.
    pub constraints: Vec<ColumnConstraint>,
}

/// A constraint of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnConstraint {
    /// `constraint name`.
    pub name: Option<Name>,
    /// What it demands.
    pub kind: ColumnConstraintKind,
    /// When it is checked.
    pub timing: Timing,
}

/// What a column's constraint demands.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnConstraintKind {
    /// `not null`.
    NotNull,
    /// `null`.
    Null,
    /// `default x`.
    Default(Expr),
    /// `primary key`.
    PrimaryKey,
    /// `unique`.
    Unique {
        /// `nulls not distinct`.
        nulls_not_distinct: bool,
    },
    /// `check (x)`.
    Check {
        /// The condition.
        expr: Expr,
        /// `no inherit`.
        no_inherit: bool,
    },
    /// `references …`.
    References(ForeignRef),
    /// `generated always as (x) stored`.
    Generated {
        /// The value.
        expr: Expr,
        /// `stored`; false for `virtual`.
        stored: bool,
    },
    /// `generated … as identity (…)`.
    Identity {
        /// `always` rather than `by default`.
        always: bool,
        /// The options of its sequence.
        options: Vec<SequenceOption>,
    },
}

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timing {
    /// `deferrable`.
    pub deferrable: bool,
    /// `initially deferred`, which implies `deferrable`.
    pub initially_deferred: bool,
}

/// The far side of a foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignRef {
    /// The table.
    pub table: ObjectName,
    /// Its columns; none means its primary key.
    pub columns: Vec<Name>,
    /// `match full`.
    pub match_full: bool,
    /// `on delete`.
    pub on_delete: RefAction,
    /// `on update`.
    pub on_update: RefAction,
}

/// What happens to referencing rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RefAction {
    /// `no action`, the default.
    #[default]
    NoAction,
    /// `restrict`.
    Restrict,
    /// `cascade`.
    Cascade,
    /// `set null`, possibly only these columns.
    SetNull(Vec<Name>),
    /// `set default`, possibly only these columns.
    SetDefault(Vec<Name>),
}

/// A constraint over a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableConstraint {
    /// `constraint name`.
    pub name: Option<Name>,
    /// What it demands.
    pub kind: TableConstraintKind,
    /// When it is checked.
    pub timing: Timing,
    /// `not valid`.
    pub not_valid: bool,
}

/// What a table's constraint demands.
#[derive(Clone, Debug, PartialEq)]
pub enum TableConstraintKind {
    /// `primary key (…)`.
    PrimaryKey {
        /// The columns.
        columns: Vec<Name>,
        /// `include (…)`.
        include: Vec<Name>,
    },
    /// `unique (…)`.
    Unique {
        /// The columns.
        columns: Vec<Name>,
        /// `include (…)`.
        include: Vec<Name>,
        /// `nulls not distinct`.
        nulls_not_distinct: bool,
    },
    /// `primary key using index i` or `unique using index i`.
    UsingIndex {
        /// Primary key rather than unique.
        primary: bool,
        /// The index.
        index: Name,
    },
    /// `check (x)`.
    Check {
        /// The condition.
        expr: Expr,
        /// `no inherit`.
        no_inherit: bool,
    },
    /// `foreign key (…) references …`.
    ForeignKey {
        /// The columns on this side.
        columns: Vec<Name>,
        /// The other side.
        reference: ForeignRef,
    },
    /// `exclude …`: the text after the word.
    Exclude(String),
}

/// An option in `with (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOption {
    /// Its name; a namespace stays in front (`toast.x`).
    pub name: Name,
    /// Its value as text, where one was written.
    pub value: Option<String>,
}

/// `alter table`, also of views, indexes, sequences and the like.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    /// The word after `alter`.
    pub kind: RelationKind,
    /// `if exists`.
    pub if_exists: bool,
    /// `only`.
    pub only: bool,
    /// The relation.
    pub name: ObjectName,
    /// What changes, in order.
    pub actions: Vec<AlterAction>,
}

/// The relations that `alter` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// `table`.
    Table,
    /// `view`.
    View,
    /// `materialized view`.
    MaterializedView,
    /// `index`.
    Index,
    /// `sequence`.
    Sequence,
    /// `foreign table`.
    ForeignTable,
}

/// One change to a table.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterAction {
    /// `add column`.
    AddColumn {
        /// The column.
        column: ColumnDef,
        /// `if not exists`.
        if_not_exists: bool,
    },
    /// `drop column`.
    DropColumn {
        /// The column.
        name: Name,
        /// `if exists`.
        if_exists: bool,
        /// `cascade`.
        cascade: bool,
    },
    /// `alter column c type t`.
    SetType {
        /// The column.
        column: Name,
        /// Its new type.
        ty: TypeName,
        /// `collate …`.
        collation: Option<ObjectName>,
        /// `using x`.
        using: Option<Expr>,
    },
    /// `alter column c set default x` or, with none, `drop default`.
    Default {
        /// The column.
        column: Name,
        /// The default.
        value: Option<Expr>,
    },
    /// `alter column c set not null` (true) or `drop not null` (false).
    NotNull {
        /// The column.
        column: Name,
        /// Set rather than dropped.
        set: bool,
    },
    /// `alter column c add generated … as identity`.
    AddIdentity {
        /// The column.
        column: Name,
        /// `always` rather than `by default`.
        always: bool,
        /// The options of its sequence.
        options: Vec<SequenceOption>,
    },
    /// `alter column c set generated … set …`.
    SetIdentity {
        /// The column.
        column: Name,
        /// `set generated always` (true) or `by default` (false).
        always: Option<bool>,
        /// The options of its sequence.
        options: Vec<SequenceOption>,
    },
    /// `alter column c drop identity`.
    DropIdentity {
        /// The column.
        column: Name,
        /// `if exists`.
        if_exists: bool,
    },
    /// `alter column c drop expression`.
    DropExpression {
        /// The column.
        column: Name,
        /// `if exists`.
        if_exists: bool,
    },
    /// Anything else about a column (`set statistics`, `set storage`, …): the text after the column.
    ColumnOther {
        /// The column.
        column: Name,
        /// The words.
        text: String,
    },
    /// `rename column a to b`.
    RenameColumn {
        /// The old name.
        from: Name,
        /// The new name.
        to: Name,
    },
    /// `rename constraint a to b`.
    RenameConstraint {
        /// The old name.
        from: Name,
        /// The new name.
        to: Name,
    },
    /// `rename to b`.
    RenameTo(Name),
    /// `set schema s`.
    SetSchema(Name),
    /// `owner to r`.
    OwnerTo(Role),
    /// `add constraint`.
    AddConstraint(TableConstraint),
    /// `validate constraint c`.
    ValidateConstraint(Name),
    /// `alter constraint c deferrable …`.
    AlterConstraint {
        /// The constraint.
        name: Name,
        /// When it is checked.
        timing: Timing,
    },
    /// `drop constraint c`.
    DropConstraint {
        /// The constraint.
        name: Name,
        /// `if exists`.
        if_exists: bool,
        /// `cascade`.
        cascade: bool,
    },
    /// `enable row level security` (true) or `disable` (false).
    RowSecurity(bool),
    /// `force row level security` (true) or `no force` (false).
    ForceRowSecurity(bool),
    /// `set (…)`.
    SetOptions(Vec<StorageOption>),
    /// `reset (…)`.
    ResetOptions(Vec<Name>),
    /// Anything else (`enable trigger`, `replica identity`, `attach partition`, `inherit`, …): its text.
    Other(String),
}

/// `create index`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the statement of its own")]
pub struct CreateIndex {
    /// Its name; PostgreSQL invents one when it is absent.
    pub name: Option<Name>,
    /// `unique`.
    pub unique: bool,
    /// `concurrently`.
    pub concurrently: bool,
    /// `if not exists`.
    pub if_not_exists: bool,
    /// The table.
    pub table: ObjectName,
    /// `only`.
    pub only: bool,
    /// `using btree|gin|…`.
    pub method: Option<Name>,
    /// What is indexed.
    pub elements: Vec<IndexElement>,
    /// `include (…)`.
    pub include: Vec<Name>,
    /// `nulls not distinct`.
    pub nulls_not_distinct: bool,
    /// `with (…)`.
    pub options: Vec<StorageOption>,
    /// `tablespace …`.
    pub tablespace: Option<Name>,
    /// `where …`.
    pub filter: Option<Expr>,
}

/// One column or expression of an index; also of `on conflict`.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexElement {
    /// The column or expression.
    pub expr: Expr,
    /// `collate …`.
    pub collation: Option<ObjectName>,
    /// The operator class.
    pub opclass: Option<ObjectName>,
    /// `(…)` after the operator class.
    pub opclass_options: Vec<StorageOption>,
    /// `asc` (false), `desc` (true), or neither.
    pub descending: Option<bool>,
    /// `nulls first` (true), `nulls last` (false), or neither.
    pub nulls_first: Option<bool>,
}

/// `create view` and `create materialized view`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the statement of its own")]
pub struct CreateView {
    /// The view.
    pub name: ObjectName,
    /// `or replace`.
    pub or_replace: bool,
    /// `temporary`.
    pub temporary: bool,
    /// `recursive`.
    pub recursive: bool,
    /// `materialized`.
    pub materialized: bool,
    /// `if not exists`, only materialized.
    pub if_not_exists: bool,
    /// Names for the columns.
    pub columns: Vec<Name>,
    /// `with (security_invoker = true, …)`.
    pub options: Vec<StorageOption>,
    /// The query.
    pub query: Box<Query>,
    /// `with [cascaded|local] check option`.
    pub check_option: Option<CheckOption>,
    /// False for `with no data`, only materialized.
    pub with_data: bool,
}

/// What `with check option` covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckOption {
    /// `cascaded`, the default.
    Cascaded,
    /// `local`.
    Local,
}

/// `create policy`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatePolicy {
    /// Its name.
    pub name: Name,
    /// The table.
    pub table: ObjectName,
    /// `as permissive` (the default) rather than `as restrictive`.
    pub permissive: bool,
    /// Which statements.
    pub command: PolicyCommand,
    /// Which roles; none means `public`.
    pub roles: Vec<Role>,
    /// `using (…)`.
    pub using: Option<Expr>,
    /// `with check (…)`.
    pub check: Option<Expr>,
}

/// Which statements a policy covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyCommand {
    /// `all`, the default.
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

/// `alter policy`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterPolicy {
    /// Its name.
    pub name: Name,
    /// The table.
    pub table: ObjectName,
    /// `rename to`, which excludes the rest.
    pub rename_to: Option<Name>,
    /// `to …`; none leaves the roles as they are.
    pub roles: Vec<Role>,
    /// `using (…)`.
    pub using: Option<Expr>,
    /// `with check (…)`.
    pub check: Option<Expr>,
}

/// `create trigger`, kept as text beyond what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTrigger {
    /// Its name.
    pub name: Name,
    /// The table or view.
    pub table: ObjectName,
    /// The function it calls.
    pub function: ObjectName,
    /// The whole statement.
    pub text: String,
}
