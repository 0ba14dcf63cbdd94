//! Everything that is not a table: types, domains, sequences, schemas, functions, roles, privileges, comments.

use super::{Expr, Name, ObjectName, Statement, StorageOption, TypeName};

/// A role as grants and policies name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A role by its name.
    Named(Name),
    /// `public`: everyone.
    Public,
    /// `current_user`.
    CurrentUser,
    /// `current_role`.
    CurrentRole,
    /// `session_user`.
    SessionUser,
}

/// The kinds of objects that statements name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// `table`.
    Table,
    /// `foreign table`.
    ForeignTable,
    /// `view`.
    View,
    /// `materialized view`.
    MaterializedView,
    /// `index`.
    Index,
    /// `sequence`.
    Sequence,
    /// `type`.
    Type,
    /// `domain`.
    Domain,
    /// `function`.
    Function,
    /// `procedure`.
    Procedure,
    /// `routine`.
    Routine,
    /// `aggregate`.
    Aggregate,
    /// `schema`.
    Schema,
    /// `policy`, which lies on a table.
    Policy,
    /// `trigger`, which lies on a table.
    Trigger,
    /// `rule`, which lies on a table.
    Rule,
    /// `column`, which lies on a table.
    Column,
    /// `constraint`, which lies on a table.
    Constraint,
    /// `constraint … on domain …`.
    DomainConstraint,
    /// `extension`.
    Extension,
    /// `role`; also `user` and `group`.
    Role,
    /// `database`.
    Database,
    /// `language`.
    Language,
    /// `collation`.
    Collation,
    /// `publication`.
    Publication,
    /// `tablespace`.
    Tablespace,
    /// `event trigger`.
    EventTrigger,
    /// `foreign data wrapper`.
    ForeignDataWrapper,
    /// `server`.
    Server,
}

impl ObjectKind {
    /// The words PostgreSQL uses for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::ForeignTable => "foreign table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Index => "index",
            Self::Sequence => "sequence",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Function => "function",
            Self::Procedure => "procedure",
            Self::Routine => "routine",
            Self::Aggregate => "aggregate",
            Self::Schema => "schema",
            Self::Policy => "policy",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
            Self::Column => "column",
            Self::Constraint | Self::DomainConstraint => "constraint",
            Self::Extension => "extension",
            Self::Role => "role",
            Self::Database => "database",
            Self::Language => "language",
            Self::Collation => "collation",
            Self::Publication => "publication",
            Self::Tablespace => "tablespace",
            Self::EventTrigger => "event trigger",
            Self::ForeignDataWrapper => "foreign data wrapper",
            Self::Server => "server",
        }
    }
}

/// One object as a statement names it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectRef {
    /// Its name. Columns, policies, triggers and constraints have no schema of their own.
    pub name: ObjectName,
    /// The table (or domain) it lies on, for columns, policies, triggers, rules and constraints.
    pub on: Option<ObjectName>,
    /// The arguments of a function, where they were written; `f()` has some, empty.
    pub args: Option<Vec<FunctionParam>>,
}

/// `drop …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drop {
    /// What kind of object.
    pub kind: ObjectKind,
    /// The objects, at least one.
    pub objects: Vec<ObjectRef>,
    /// `if exists`.
    pub if_exists: bool,
    /// `concurrently`, only indexes.
    pub concurrently: bool,
    /// `cascade` rather than `restrict`.
    pub cascade: bool,
}

/// `alter <kind> <object>` for what every kind of object has. Relations have [`super::AlterTable`] instead.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterObject {
    /// What kind of object.
    pub kind: ObjectKind,
    /// Which.
    pub object: ObjectRef,
    /// What changes.
    pub action: AlterObjectAction,
}

/// What can change about any object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterObjectAction {
    /// `rename to n`.
    RenameTo(Name),
    /// `set schema s`.
    SetSchema(Name),
    /// `owner to r`.
    OwnerTo(Role),
}

/// `create type`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateType {
    /// The type.
    pub name: ObjectName,
    /// What it is.
    pub definition: TypeDefinition,
}

/// What a created type is.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeDefinition {
    /// `as enum (…)`: the labels in order.
    Enum(Vec<String>),
    /// `as (a int, …)`: fields with types and collations.
    Composite(Vec<(Name, TypeName, Option<ObjectName>)>),
    /// `as range (…)`: the text in the parentheses.
    Range(String),
    /// `(input = …)`: the text in the parentheses.
    Base(String),
    /// `create type t;`.
    Shell,
}

/// `alter type`, beyond what [`AlterObject`] covers.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterType {
    /// The type.
    pub name: ObjectName,
    /// What changes.
    pub action: AlterTypeAction,
}

/// What changes about a type.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterTypeAction {
    /// `add value 'x'`.
    AddValue {
        /// The label.
        value: String,
        /// `if not exists`.
        if_not_exists: bool,
        /// Its place; none is last.
        place: Option<EnumPlace>,
    },
    /// `rename value 'a' to 'b'`.
    RenameValue {
        /// The old label.
        from: String,
        /// The new label.
        to: String,
    },
    /// Anything else (attributes of composite types, …): its text.
    Other(String),
}

/// Where a new label goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnumPlace {
    /// `before 'x'`.
    Before(String),
    /// `after 'x'`.
    After(String),
}

/// `create domain`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDomain {
    /// The domain.
    pub name: ObjectName,
    /// What it is made of.
    pub ty: TypeName,
    /// `collate …`.
    pub collation: Option<ObjectName>,
    /// Its constraints: default, null, not null and check only.
    pub constraints: Vec<super::ColumnConstraint>,
}

/// `alter domain`, beyond what [`AlterObject`] covers.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterDomain {
    /// The domain.
    pub name: ObjectName,
    /// What changes.
    pub action: AlterDomainAction,
}

/// What changes about a domain.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterDomainAction {
    /// `set default x` or, with none, `drop default`.
    Default(Option<Expr>),
    /// `set not null` (true) or `drop not null` (false).
    NotNull(bool),
    /// `add constraint … check (x)`.
    AddCheck {
        /// Its name.
        name: Option<Name>,
        /// The condition on `value`.
        expr: Expr,
        /// `not valid`.
        not_valid: bool,
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
    /// `rename constraint a to b`.
    RenameConstraint {
        /// The old name.
        from: Name,
        /// The new name.
        to: Name,
    },
    /// `validate constraint c`.
    ValidateConstraint(Name),
}

/// `create sequence`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateSequence {
    /// The sequence.
    pub name: ObjectName,
    /// `temporary`.
    pub temporary: bool,
    /// `if not exists`.
    pub if_not_exists: bool,
    /// Its options.
    pub options: Vec<SequenceOption>,
}

/// `alter sequence` with options. Renaming and the like are [`super::AlterTable`] with its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterSequence {
    /// The sequence.
    pub name: ObjectName,
    /// `if exists`.
    pub if_exists: bool,
    /// Its options.
    pub options: Vec<SequenceOption>,
}

/// An option of a sequence or identity column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceOption {
    /// `as int`.
    As(TypeName),
    /// `increment by n`.
    Increment(i64),
    /// `minvalue n` or `no minvalue`.
    MinValue(Option<i64>),
    /// `maxvalue n` or `no maxvalue`.
    MaxValue(Option<i64>),
    /// `start with n`.
    Start(i64),
    /// `restart [with n]`.
    Restart(Option<i64>),
    /// `cache n`.
    Cache(i64),
    /// `cycle` (true) or `no cycle` (false).
    Cycle(bool),
    /// `owned by t.c` or, with none, `owned by none`.
    OwnedBy(Option<(ObjectName, Name)>),
    /// `sequence name n`, inside identity columns.
    SequenceName(ObjectName),
}

/// `create schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSchema {
    /// Its name; absent in `create schema authorization r`, where it is the role's.
    pub name: Option<Name>,
    /// `if not exists`.
    pub if_not_exists: bool,
    /// `authorization r`.
    pub owner: Option<Role>,
}

/// `create function` and `create procedure`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFunction {
    /// The function.
    pub name: ObjectName,
    /// `create procedure`.
    pub procedure: bool,
    /// `or replace`.
    pub or_replace: bool,
    /// Its parameters, `out` ones included.
    pub params: Vec<FunctionParam>,
    /// What it returns; none for procedures and functions with `out` parameters only.
    pub returns: Option<Returns>,
    /// `language l`.
    pub language: Option<Name>,
    /// What it does.
    pub body: Option<FunctionBody>,
    /// Everything else, in its order.
    pub options: Vec<FunctionOption>,
}

/// A parameter of a function; in references to functions only mode, name and type.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionParam {
    /// Its mode; none is `in`.
    pub mode: ParamMode,
    /// Its name.
    pub name: Option<Name>,
    /// Its type.
    pub ty: TypeName,
    /// `default x` or `= x`.
    pub default: Option<Expr>,
}

/// The mode of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ParamMode {
    /// `in`, the default.
    #[default]
    In,
    /// `out`.
    Out,
    /// `inout`.
    InOut,
    /// `variadic`.
    Variadic,
}

/// What a function returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Returns {
    /// A type, with `setof` in it; `void` and `trigger` are types.
    Type(TypeName),
    /// `table (…)`.
    Table(Vec<(Name, TypeName)>),
}

/// What a function does.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionBody {
    /// `as '…'`: the text in the function's language.
    Text(String),
    /// `as 'file', 'symbol'`.
    Linked(String, String),
    /// `return x`.
    Return(Box<Expr>),
    /// `begin atomic …; end`.
    Atomic(Vec<Statement>),
}

/// Everything else about a function.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionOption {
    /// `immutable`, `stable` or `volatile`.
    Volatility(Volatility),
    /// `strict` or `returns null on null input` (true), `called on null input` (false).
    Strict(bool),
    /// `security definer` (true) or `security invoker` (false).
    SecurityDefiner(bool),
    /// `leakproof` (true) or `not leakproof` (false).
    Leakproof(bool),
    /// `window`.
    Window,
    /// `parallel safe|restricted|unsafe`.
    Parallel(Name),
    /// `cost n`.
    Cost(String),
    /// `rows n`.
    Rows(String),
    /// `support f`.
    Support(ObjectName),
    /// `set name = value`.
    Set(SetVariable),
    /// `reset name`, only in `alter function`; none is `reset all`.
    Reset(Option<Name>),
}

/// How steady a function's answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Volatility {
    /// `immutable`.
    Immutable,
    /// `stable`.
    Stable,
    /// `volatile`.
    Volatile,
}

/// `alter function` with options; also of procedures and routines.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterFunction {
    /// Function, procedure or routine.
    pub kind: ObjectKind,
    /// Which.
    pub object: ObjectRef,
    /// What changes.
    pub options: Vec<FunctionOption>,
}

/// `grant` and `revoke` of privileges on objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// `revoke` rather than `grant`.
    pub revoke: bool,
    /// `with grant option`, or `grant option for`.
    pub grant_option: bool,
    /// Which privileges.
    pub privileges: Privileges,
    /// On what.
    pub target: GrantTarget,
    /// To or from whom.
    pub roles: Vec<Role>,
    /// `granted by r`.
    pub granted_by: Option<Role>,
    /// `cascade`, only `revoke`.
    pub cascade: bool,
}

/// Which privileges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// `all [privileges]`, possibly of these columns.
    All(Vec<Name>),
    /// These, each possibly only of some columns.
    List(Vec<(Privilege, Vec<Name>)>),
}

/// A privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Privilege {
    /// `select`.
    Select,
    /// `insert`.
    Insert,
    /// `update`.
    Update,
    /// `delete`.
    Delete,
    /// `truncate`.
    Truncate,
    /// `references`.
    References,
    /// `trigger`.
    Trigger,
    /// `usage`.
    Usage,
    /// `create`.
    Create,
    /// `connect`.
    Connect,
    /// `temporary`.
    Temporary,
    /// `execute`.
    Execute,
    /// `maintain`.
    Maintain,
}

impl Privilege {
    /// All of them, in the order of their names in PostgreSQL's documentation.
    pub const ALL: [Self; 13] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Truncate,
        Self::References,
        Self::Trigger,
        Self::Usage,
        Self::Create,
        Self::Connect,
        Self::Temporary,
        Self::Execute,
        Self::Maintain,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::References => "references",
            Self::Trigger => "trigger",
            Self::Usage => "usage",
            Self::Create => "create",
            Self::Connect => "connect",
            Self::Temporary => "temporary",
            Self::Execute => "execute",
            Self::Maintain => "maintain",
        }
    }
}

/// What privileges are granted on.
#[derive(Clone, Debug, PartialEq)]
pub enum GrantTarget {
    /// Named objects. Tables stand for views too, as in PostgreSQL.
    Objects {
        /// Their kind.
        kind: ObjectKind,
        /// Which.
        objects: Vec<ObjectRef>,
    },
    /// `all tables in schema …` and the like.
    AllInSchemas {
        /// Their kind.
        kind: ObjectKind,
        /// In which schemas.
        schemas: Vec<Name>,
    },
}

/// `grant role to role` and `revoke role from role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRole {
    /// `revoke` rather than `grant`.
    pub revoke: bool,
    /// The roles that are granted.
    pub granted: Vec<Name>,
    /// To or from whom.
    pub roles: Vec<Role>,
    /// `with admin option`, or `admin option for`.
    pub admin_option: bool,
    /// `granted by r`.
    pub granted_by: Option<Role>,
    /// `cascade`, only `revoke`.
    pub cascade: bool,
}

/// `alter default privileges`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterDefaultPrivileges {
    /// `for role …`.
    pub for_roles: Vec<Role>,
    /// `in schema …`.
    pub schemas: Vec<Name>,
    /// `revoke` rather than `grant`.
    pub revoke: bool,
    /// `with grant option`, or `grant option for`.
    pub grant_option: bool,
    /// Which privileges.
    pub privileges: Privileges,
    /// On which kind of new objects: table, sequence, function, type or schema.
    pub kind: ObjectKind,
    /// To or from whom.
    pub roles: Vec<Role>,
    /// `cascade`, only `revoke`.
    pub cascade: bool,
}

/// `create role`, `create user`, `create group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRole {
    /// Its name.
    pub name: Name,
    /// `create user`, which implies `login`.
    pub user: bool,
    /// Its options.
    pub options: Vec<RoleOption>,
}

/// `alter role`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterRole {
    /// The role; none is `all`.
    pub role: Option<Role>,
    /// What changes.
    pub action: AlterRoleAction,
}

/// What changes about a role.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterRoleAction {
    /// Options.
    Options(Vec<RoleOption>),
    /// `[in database d] set …`.
    Set {
        /// Only in this database.
        database: Option<Name>,
        /// The setting.
        setting: SetVariable,
    },
    /// `[in database d] reset x`; none is `reset all`.
    Reset {
        /// Only in this database.
        database: Option<Name>,
        /// The setting.
        setting: Option<Name>,
    },
    /// `rename to n`.
    RenameTo(Name),
}

/// An option of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleOption {
    /// `superuser`, `createdb`, `createrole`, `inherit`, `login`, `replication`, `bypassrls`, with or without `no`.
    Flag(Name, bool),
    /// `password 'x'` or, with none, `password null`.
    Password(Option<String>),
    /// `connection limit n`.
    ConnectionLimit(i64),
    /// `valid until 't'`.
    ValidUntil(String),
    /// `in role …`.
    InRole(Vec<Name>),
    /// `role …`: its members.
    Members(Vec<Name>),
    /// `admin …`: its members with admin option.
    Admins(Vec<Name>),
}

/// `comment on …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// What kind of object.
    pub kind: ObjectKind,
    /// Which.
    pub object: ObjectRef,
    /// The comment; none removes it.
    pub text: Option<String>,
}

/// `set name to value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVariable {
    /// The setting, dots included: `search_path`, `request.jwt.claims`.
    pub name: Name,
    /// `local` or `session`.
    pub scope: Option<SetScope>,
    /// The new value.
    pub value: SetValue,
}

/// How long a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetScope {
    /// `local`: until the transaction ends.
    Local,
    /// `session`.
    Session,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetValue {
    /// The values as written; `time zone` and `role` come here too, under the names `timezone` and `role`.
    Values(Vec<SettingValue>),
    /// `default`.
    Default,
    /// `from current`, only in functions.
    FromCurrent,
}

/// One value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// A word.
    Word(Name),
    /// A string.
    String(String),
    /// A number with its sign.
    Number(String),
}

/// `do $$ … $$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Do {
    /// `language l`; `plpgsql` when absent.
    pub language: Option<Name>,
    /// The block.
    pub body: String,
}

/// `create extension`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateExtension {
    /// Its name.
    pub name: Name,
    /// `if not exists`.
    pub if_not_exists: bool,
    /// `schema s`.
    pub schema: Option<Name>,
    /// `version v`.
    pub version: Option<String>,
    /// `cascade`.
    pub cascade: bool,
}

/// `explain`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// `analyze`, `verbose` or the options in parentheses.
    pub options: Vec<StorageOption>,
    /// What is explained.
    pub statement: Box<Statement>,
}

/// `refresh materialized view`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshView {
    /// The view.
    pub name: ObjectName,
    /// `concurrently`.
    pub concurrently: bool,
    /// False for `with no data`.
    pub with_data: bool,
}
