//! PostgreSQL's statements that change what a database *is*, applied to the catalog, with the steps that make a SQLite file follow.
//!
//! [`apply`] is pure: it reads and changes a [`Catalog`] and answers with [`Step`]s; nothing is run. So a whole file can be judged
//! before its first statement touches the database, and the catalog after it is known for the statements that follow.
//!
//! **How tables lie in the file.** A table is one `CREATE TABLE` with columns, checks and foreign keys; `STRICT` unless it has a float
//! column (whose `NaN` is text). A single integer primary key is SQLite's rowid ([`crate::translate`] has the same rule); every other
//! primary key, unique constraint and index is a named `CREATE [UNIQUE] INDEX`, so that none of them needs the table rewritten when it
//! comes or goes. What changes no stored row (defaults, checks, foreign keys, not null) changes the text of the table in SQLite's own
//! schema; only what changes rows copies the table.

mod access;
mod alter;
mod comment;
mod constraint;
mod drop;
mod follow;
mod function;
mod index;
mod misc;
mod physical;
mod policy;
mod rename;
mod restructure;
mod role;
mod sequence;
mod table;
mod types;
mod view;

pub(crate) use misc::transaction_refused;

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{Expr, FunctionCall, ObjectName, Query, Statement, TypeName};
use values::EnumType;

use crate::catalog::{Catalog, Column, ExprText, Name, QName, QueryText, Relation, RelationKind, Sequence};
use crate::error::{Error, Result, SqlError};
use crate::migrate::names::Taken;
use crate::migrate::walk::{self, Visit};
use crate::translate::{Owner, Translator};

/// What a statement asks of a SQLite file, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A text to run; rows it returns are not read.
    Run(String),
    /// A query that must return no row; when it returns one, the statement is refused with this error.
    Verify {
        /// The query.
        sql: String,
        /// The refusal.
        error: SqlError,
    },
    /// The text of a table in SQLite's schema is replaced; no row changes its form. With `name` different from `from` the table is
    /// renamed without anything that refers to it following.
    Schema {
        /// The table's name in the file.
        from: String,
        /// Its name from now on.
        name: String,
        /// Its new `CREATE TABLE`.
        sql: String,
    },
    /// An enum's order must be known to the connection before the next step.
    Enum(Arc<EnumType>),
    /// A sequence is new or has new bounds.
    Sequence(Arc<Sequence>),
    /// A sequence's position: its last value, and whether that has been given out.
    Position {
        /// The sequence.
        name: QName,
        /// The last value.
        value: i64,
        /// Given out already.
        called: bool,
    },
    /// A sequence has another name; its position goes with it.
    SequenceRenamed {
        /// The old name.
        from: QName,
        /// The new name.
        to: QName,
    },
    /// A sequence is gone.
    SequenceDropped(QName),
    /// Something was accepted without effect; said to whoever runs the migration.
    Notice(String),
}

/// What holds from one statement of a file to the next.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where unqualified names are looked for; new objects go into the first one that exists.
    pub search_path: Vec<Name>,
}

impl Default for Context {
    fn default() -> Self {
        Self { search_path: vec![Name::from("public")] }
    }
}

/// Applies one statement to the catalog. When it fails the catalog may be half changed: give it a copy.
pub fn apply(catalog: &mut Catalog, statement: &Statement, context: &mut Context) -> Result<Vec<Step>> {
    let mut ddl = Ddl { catalog, context, steps: Vec::new() };
    ddl.statement(statement)?;
    let steps = ddl.steps;
    if !matches!(
        statement,
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Set(_)
    ) {
        catalog.version += 1;
    }
    Ok(steps)
}

/// One statement at work.
struct Ddl<'c> {
    catalog: &'c mut Catalog,
    context: &'c mut Context,
    steps: Vec<Step>,
}

impl Ddl<'_> {
    fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::CreateTable(create) => self.create_table(create),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateIndex(create) => self.create_index(create),
            Statement::CreateView(create) => self.create_view(create),
            Statement::CreateType(create) => self.create_type(create),
            Statement::AlterType(alter) => self.alter_type(alter),
            Statement::CreateDomain(create) => self.create_domain(create),
            Statement::AlterDomain(alter) => self.alter_domain(alter),
            Statement::CreateSequence(create) => self.create_sequence(create),
            Statement::AlterSequence(alter) => self.alter_sequence(alter),
            Statement::CreateSchema(create) => self.create_schema(create),
            Statement::CreateFunction(create) => self.create_function(create),
            Statement::AlterFunction(alter) => self.alter_function(alter),
            Statement::CreatePolicy(create) => self.create_policy(create),
            Statement::AlterPolicy(alter) => self.alter_policy(alter),
            Statement::AlterObject(alter) => self.alter_object(alter),
            Statement::Drop(drop) => self.drop_objects(drop),
            Statement::Grant(grant) => self.grant(grant),
            Statement::GrantRole(grant) => self.grant_role(grant),
            Statement::AlterDefaultPrivileges(alter) => self.default_privileges(alter),
            Statement::CreateRole(create) => self.create_role(create),
            Statement::AlterRole(alter) => self.alter_role(alter),
            Statement::Comment(comment) => self.comment(comment),
            other => self.other(other),
        }
    }

    fn run(&mut self, sql: impl Into<String>) {
        self.steps.push(Step::Run(sql.into()));
    }

    fn notice(&mut self, text: impl Into<String>) {
        self.steps.push(Step::Notice(text.into()));
    }

    /// The schema and name of something new.
    fn new_name(&self, name: &ObjectName) -> Result<QName> {
        let schema = match &name.schema {
            Some(schema) => schema.clone(),
            None => self
                .context
                .search_path
                .iter()
                .find(|schema| self.catalog.schemas.contains_key(*schema))
                .cloned()
                .ok_or_else(|| SqlError::new("3F000", "no schema has been selected to create in"))?,
        };
        if !self.catalog.schemas.contains_key(&schema) {
            return Err(SqlError::new("3F000", format!("schema \"{schema}\" does not exist")).into());
        }
        Ok(QName { schema, name: name.name.clone() })
    }

    /// The schemas a name is looked for in.
    fn schemas_of(&self, name: &ObjectName) -> Vec<Name> {
        match &name.schema {
            Some(schema) => vec![schema.clone()],
            None => self.context.search_path.clone(),
        }
    }

    fn find_relation(&self, name: &ObjectName) -> Option<Arc<Relation>> {
        self.schemas_of(name).iter().find_map(|schema| self.catalog.relation(schema, &name.name)).cloned()
    }

    /// A table or view.
    fn relation(&self, name: &ObjectName) -> Result<Arc<Relation>> {
        self.find_relation(name).ok_or_else(|| no_relation(name))
    }

    /// A table.
    fn table(&self, name: &ObjectName) -> Result<Arc<Relation>> {
        let relation = self.relation(name)?;
        if relation.kind == RelationKind::Table {
            Ok(relation)
        } else {
            Err(SqlError::new("42809", format!("\"{}\" is not a table", name.name)).into())
        }
    }

    fn find_sequence(&self, name: &ObjectName) -> Option<Arc<Sequence>> {
        self.schemas_of(name)
            .iter()
            .find_map(|schema| self.catalog.sequences.get(&QName::new(schema.clone(), name.name.clone())))
            .cloned()
    }

    /// The relation of this name, to be changed.
    fn edit(&mut self, name: &QName) -> Result<&mut Relation> {
        let relation = self.catalog.relations.get_mut(name);
        relation.map(Arc::make_mut).ok_or_else(|| Error::Internal(format!("relation {name} left the catalog")))
    }

    /// Refuses a name that a table, view, index, sequence or type has already, and names that one SQLite file cannot hold beside each
    /// other.
    fn free_name(&self, name: &QName) -> Result<()> {
        if Taken::of(self.catalog, &name.schema).has_relation(&name.name) {
            return Err(SqlError::new("42P07", format!("relation \"{}\" already exists", name.name)).into());
        }
        self.free_physical(name)
    }

    fn free_physical(&self, name: &QName) -> Result<()> {
        let physical = crate::translate::physical_name(name);
        let lower = physical.to_ascii_lowercase();
        if lower.starts_with("sqlite_") || lower.starts_with("_store_") || lower.starts_with(crate::house::PREFIX) {
            return Err(SqlError::new("42939", format!("the name \"{}\" is reserved", name.name))
                .hint("Names that begin with sqlite_, _store_ or _mainstay_ belong to the database itself. Choose another name.")
                .into());
        }
        for schema in self.catalog.schemas.keys() {
            let taken = Taken::of(self.catalog, schema);
            if taken.has_physical(schema, &lower) {
                return Err(SqlError::new("42P07", format!("the name \"{}\" cannot be told from an existing one on SQLite", name.name))
                    .hint("SQLite ignores the case of ASCII letters in names, and keeps schema.name as one name. Choose another name.")
                    .into());
            }
        }
        Ok(())
    }

    /// A translator for the owner, at the catalog as it is now.
    fn translator(&self) -> Translator<'_> {
        Translator::new(self.catalog, &Owner, &self.context.search_path, &[])
    }

    /// An expression as the catalog keeps it: names outside `public` qualified, so that it means the same under any search path.
    fn expr_text(&self, expr: &Expr) -> ExprText {
        let mut tree = expr.clone();
        walk::expr(&mut tree, &mut Qualify { ddl: self });
        ExprText::new(tree.to_string())
    }

    /// The same for a query.
    fn query_text(&self, query: &Query) -> QueryText {
        let mut tree = query.clone();
        walk::query(&mut tree, &mut Qualify { ddl: self });
        QueryText::new(tree.to_string())
    }
}

/// Qualifies what was found through the search path outside `public`.
struct Qualify<'d, 'c> {
    ddl: &'d Ddl<'c>,
}

impl Qualify<'_, '_> {
    fn qualify(&self, name: &mut ObjectName, known: impl Fn(&QName) -> bool) {
        if name.schema.is_some() {
            return;
        }
        let found =
            self.ddl.context.search_path.iter().find(|schema| known(&QName::new((*schema).clone(), name.name.clone())));
        if let Some(schema) = found
            && &**schema != "public"
        {
            name.schema = Some(schema.clone());
        }
    }
}

impl Visit for Qualify<'_, '_> {
    fn table(&mut self, name: &mut ObjectName) {
        self.qualify(name, |name| self.ddl.catalog.relations.contains_key(name));
    }
    fn call(&mut self, call: &mut FunctionCall) {
        if !call.keyword {
            self.qualify(&mut call.name, |name| self.ddl.catalog.functions.contains_key(name));
        }
    }
    fn type_name(&mut self, ty: &mut TypeName) {
        let catalog = &self.ddl.catalog;
        self.qualify(&mut ty.name, |name| catalog.enums.contains_key(name) || catalog.domains.contains_key(name));
    }
}

/// 42P01.
fn no_relation(name: &ObjectName) -> Error {
    SqlError::new("42P01", format!("relation \"{}\" does not exist", shown(name))).into()
}

/// A name as it was written.
fn shown(name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.to_string(),
    }
}

/// The column of a table, or 42703.
fn column<'r>(relation: &'r Relation, name: &str) -> Result<&'r Column> {
    relation.column(name).ok_or_else(|| no_column(relation, name))
}

/// The column of a table to be changed, or 42703.
fn column_mut<'r>(relation: &'r mut Relation, name: &str) -> Result<&'r mut Column> {
    if relation.column(name).is_none() {
        return Err(no_column(relation, name));
    }
    let found = relation.columns.iter_mut().find(|column| &*column.name == name);
    found.ok_or_else(|| Error::Internal(format!("column {name} left its table")))
}

fn no_column(relation: &Relation, name: &str) -> Error {
    SqlError::new("42703", format!("column \"{name}\" of relation \"{}\" does not exist", relation.name.name)).into()
}

/// What cannot be had on SQLite, with its reason and the way out.
fn refused(message: impl Into<String>, way_out: impl Into<String>) -> Error {
    SqlError::new("0A000", message).hint(way_out).into()
}

/// What another object needs cannot go alone.
fn depended(what: impl std::fmt::Display, by: &BTreeSet<String>) -> Error {
    let list: Vec<&str> = by.iter().map(String::as_str).collect();
    SqlError::new("2BP01", format!("cannot drop {what} because other objects depend on it"))
        .detail(format!("Depending on it: {}.", list.join(", ")))
        .hint("Use DROP ... CASCADE to drop the dependent objects too.")
        .into()
}
