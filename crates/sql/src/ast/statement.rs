//! Statements and where they stood.

use super::{
    AlterDefaultPrivileges, AlterDomain, AlterFunction, AlterObject, AlterPolicy, AlterRole, AlterSequence, AlterTable,
    AlterType, Comment, CreateDomain, CreateExtension, CreateFunction, CreateIndex, CreatePolicy, CreateRole,
    CreateSchema, CreateSequence, CreateTable, CreateTrigger, CreateType, CreateView, Delete, Do, Drop, Explain,
    FunctionCall, Grant, GrantRole, Insert, Name, Query, RefreshView, SetVariable, Truncate, Update,
};
use std::ops::Range;

/// Something that stood in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// What it is.
    pub node: T,
    /// Where its first token begins, in bytes from the start of the text.
    pub offset: usize,
    /// The line of its first token, counted from 1.
    pub line: u32,
    /// From its first token to the end of its last, without the semicolon.
    pub range: Range<usize>,
}

/// A statement. What is not here is a [`crate::SyntaxError`] that names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `select`, `values`, `table`, `with … select`.
    Query(Box<Query>),
    /// `insert`.
    Insert(Box<Insert>),
    /// `update`.
    Update(Box<Update>),
    /// `delete`.
    Delete(Box<Delete>),
    /// `truncate`.
    Truncate(Truncate),
    /// `create table`, `create table as`.
    CreateTable(Box<CreateTable>),
    /// `alter table|view|materialized view|index|sequence|foreign table`.
    AlterTable(Box<AlterTable>),
    /// `create index`.
    CreateIndex(Box<CreateIndex>),
    /// `create view`, `create materialized view`.
    CreateView(Box<CreateView>),
    /// `refresh materialized view`.
    RefreshView(RefreshView),
    /// `create type`.
    CreateType(CreateType),
    /// `alter type`.
    AlterType(AlterType),
    /// `create domain`.
    CreateDomain(Box<CreateDomain>),
    /// `alter domain`.
    AlterDomain(Box<AlterDomain>),
    /// `create sequence`.
    CreateSequence(CreateSequence),
    /// `alter sequence` with options.
    AlterSequence(AlterSequence),
    /// `create schema`.
    CreateSchema(CreateSchema),
    /// `create function`, `create procedure`.
    CreateFunction(Box<CreateFunction>),
    /// `alter function` with options.
    AlterFunction(Box<AlterFunction>),
    /// `create trigger`.
    CreateTrigger(CreateTrigger),
    /// `create policy`.
    CreatePolicy(Box<CreatePolicy>),
    /// `alter policy`.
    AlterPolicy(Box<AlterPolicy>),
    /// `alter …` that renames, moves or hands over an object that is not a relation.
    AlterObject(Box<AlterObject>),
    /// `drop …`.
    Drop(Drop),
    /// `grant` and `revoke` on objects.
    Grant(Box<Grant>),
    /// `grant` and `revoke` of roles.
    GrantRole(GrantRole),
    /// `alter default privileges`.
    AlterDefaultPrivileges(AlterDefaultPrivileges),
    /// `create role`.
    CreateRole(CreateRole),
    /// `alter role`.
    AlterRole(AlterRole),
    /// `comment on`.
    Comment(Comment),
    /// `create extension`.
    CreateExtension(CreateExtension),
    /// `do`.
    Do(Do),
    /// `set`.
    Set(SetVariable),
    /// `set transaction …`, `set session characteristics …`, `set constraints …`: the text after `set`.
    SetOther(String),
    /// `reset x`; none is `reset all`.
    Reset(Option<Name>),
    /// `show x`; none is `show all`.
    Show(Option<Name>),
    /// `begin`, `start transaction`: the modes as text.
    Begin(String),
    /// `commit`, `end`.
    Commit,
    /// `rollback`, `abort`.
    Rollback,
    /// `savepoint s`.
    Savepoint(Name),
    /// `release savepoint s`.
    Release(Name),
    /// `rollback to savepoint s`.
    RollbackTo(Name),
    /// `call p(…)`.
    Call(Box<FunctionCall>),
    /// `notify channel, 'payload'`.
    Notify {
        /// The channel.
        channel: Name,
        /// The payload.
        payload: Option<String>,
    },
    /// `explain`.
    Explain(Explain),
    /// `copy`: the whole statement's text.
    Copy(String),
    /// `analyze`, `vacuum`, `reindex`, `cluster`, `lock`, `listen`, `unlisten`, `discard`, `checkpoint`: the text.
    Maintenance {
        /// The first word.
        command: Name,
        /// The whole statement.
        text: String,
    },
}

impl Statement {
    /// The words a message would use for the statement, such as `create table`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Query(_) => "select",
            Self::Insert(_) => "insert",
            Self::Update(_) => "update",
            Self::Delete(_) => "delete",
            Self::Truncate(_) => "truncate",
            Self::CreateTable(create) if create.as_query.is_some() => "create table as",
            Self::CreateTable(_) => "create table",
            Self::AlterTable(alter) => match alter.kind {
                super::RelationKind::Table => "alter table",
                super::RelationKind::View => "alter view",
                super::RelationKind::MaterializedView => "alter materialized view",
                super::RelationKind::Index => "alter index",
                super::RelationKind::Sequence => "alter sequence",
                super::RelationKind::ForeignTable => "alter foreign table",
            },
            Self::CreateIndex(_) => "create index",
            Self::CreateView(view) if view.materialized => "create materialized view",
            Self::CreateView(_) => "create view",
            Self::RefreshView(_) => "refresh materialized view",
            Self::CreateType(_) => "create type",
            Self::AlterType(_) => "alter type",
            Self::CreateDomain(_) => "create domain",
            Self::AlterDomain(_) => "alter domain",
            Self::CreateSequence(_) => "create sequence",
            Self::AlterSequence(_) => "alter sequence",
            Self::CreateSchema(_) => "create schema",
            Self::CreateFunction(function) if function.procedure => "create procedure",
            Self::CreateFunction(_) => "create function",
            Self::AlterFunction(_) => "alter function",
            Self::CreateTrigger(_) => "create trigger",
            Self::CreatePolicy(_) => "create policy",
            Self::AlterPolicy(_) => "alter policy",
            Self::AlterObject(_) => "alter",
            Self::Drop(_) => "drop",
            Self::Grant(grant) if grant.revoke => "revoke",
            Self::GrantRole(grant) if grant.revoke => "revoke",
            Self::Grant(_) | Self::GrantRole(_) => "grant",
            Self::AlterDefaultPrivileges(_) => "alter default privileges",
            Self::CreateRole(_) => "create role",
            Self::AlterRole(_) => "alter role",
            Self::Comment(_) => "comment",
            Self::CreateExtension(_) => "create extension",
            Self::Do(_) => "do",
            Self::Set(_) | Self::SetOther(_) => "set",
            Self::Reset(_) => "reset",
            Self::Show(_) => "show",
            Self::Begin(_) => "begin",
            Self::Commit => "commit",
            Self::Rollback | Self::RollbackTo(_) => "rollback",
            Self::Savepoint(_) => "savepoint",
            Self::Release(_) => "release",
            Self::Call(_) => "call",
            Self::Notify { .. } => "notify",
            Self::Explain(_) => "explain",
            Self::Copy(_) => "copy",
            Self::Maintenance { .. } => "maintenance",
        }
    }
}
