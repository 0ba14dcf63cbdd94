//! Views.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sql::ast::{CheckOption, CreateView, Query, StorageOption};
use values::Type;

use super::table::{empty_relation, plain_column};
use super::{Ddl, refused};
use crate::catalog::{Catalog, Function, Name, Privilege, QName, Relation, RelationKind, View, updatable, views};
use crate::error::{Result, SqlError};
use crate::translate::{Access, Guard, OutColumn, Translator, physical_name, quote};

/// What a query or expression reads, found by standing guard over its translation.
#[derive(Debug, Default)]
pub(super) struct Reads(RefCell<BTreeMap<QName, BTreeSet<Name>>>);

impl Reads {
    /// Relations and the columns read of each.
    pub(super) fn into_inner(self) -> BTreeMap<QName, BTreeSet<Name>> {
        self.0.into_inner()
    }
}

impl Guard for Reads {
    fn check(&self, relation: &Relation, access: &Access<'_>) -> Result<()> {
        self.0.borrow_mut().entry(relation.name.clone()).or_default().extend(access.columns.iter().cloned());
        Ok(())
    }
    fn visible(&self, _: &Catalog, _: &Relation) -> Result<Option<Arc<sql::ast::Expr>>> {
        Ok(None)
    }
    fn touchable(&self, _: &Catalog, _: &Relation, _: Privilege) -> Result<Option<Arc<sql::ast::Expr>>> {
        Ok(None)
    }
    fn execute(&self, _: &Function) -> Result<()> {
        Ok(())
    }
}

impl Ddl<'_> {
    pub(super) fn create_view(&mut self, create: &CreateView) -> Result<()> {
        if create.materialized {
            return Err(refused(
                "materialized views are not supported on SQLite",
                "Use a view, or a table that a job fills.",
            ));
        }
        if create.temporary {
            return Err(refused("temporary views are not supported on SQLite", "Create an ordinary view."));
        }
        if create.recursive {
            return Err(refused(
                "CREATE RECURSIVE VIEW is not supported on SQLite",
                "Write: create view ... as with recursive ... select ...",
            ));
        }
        let name = self.new_name(&create.name)?;
        let existing = self.catalog.relations.get(&name).cloned();
        match &existing {
            Some(old) if !create.or_replace => {
                return Err(SqlError::new("42P07", format!("relation \"{}\" already exists", old.name.name)).into());
            }
            Some(old) if old.kind != RelationKind::View => {
                return Err(SqlError::new("42809", format!("\"{}\" is not a view", old.name.name)).into());
            }
            Some(_) => {}
            None => self.free_name(&name)?,
        }
        let mut query = (*create.query).clone();
        views::expand(&mut query, self.catalog, &self.context.search_path);
        let translated = self.translator().select(&query)?;
        let names = column_names(&translated.columns, &create.columns)?;
        let mut view = empty_relation(name.clone(), RelationKind::View);
        for (name, column) in names.iter().zip(&translated.columns) {
            Self::free_column(&view, name)?;
            let ty = if column.ty == Type::Unknown { Type::Text } else { column.ty.clone() };
            view.columns.push(plain_column(name.clone(), ty));
        }
        let mut made = View {
            sources: views::sources(&query, self.catalog, &self.context.search_path),
            query: self.query_text(&query),
            security_invoker: false,
            security_barrier: false,
            check_option: create
                .check_option
                .map(|option| Name::from(if option == CheckOption::Local { "local" } else { "cascaded" })),
        };
        made.sources.resize(view.columns.len(), None);
        // A column shown unchanged keeps its domain.
        for (column, origin) in view.columns.iter_mut().zip(&made.sources) {
            let base = origin.as_ref().and_then(|(table, name)| self.catalog.relations.get(table)?.column(name));
            column.domain = base.and_then(|base| base.domain.clone());
        }
        options(&mut made, &create.options)?;
        view.view = Some(made);
        match &existing {
            Some(old) => {
                compatible(old, &view)?;
                view.grants.clone_from(&old.grants);
                view.comment.clone_from(&old.comment);
                for (new, old) in view.columns.iter_mut().zip(&old.columns) {
                    new.comment.clone_from(&old.comment);
                }
                self.run(format!("DROP VIEW {}", quote(&physical_name(&name))));
            }
            None => self.default_table_grants(&mut view),
        }
        self.run(view_sql(&view, &translated.sql));
        self.catalog.relations.insert(name, Arc::new(view));
        // Views upon this one may have become writable through it, or no longer.
        updatable::mark(self.catalog);
        Ok(())
    }

    /// Writes a view out again, from its query in the catalog as it is now.
    pub(super) fn view_text(&self, view: &Relation) -> Result<String> {
        let query = view_query(view)?;
        let public = [Name::from("public")];
        let translated = Translator::new(self.catalog, &crate::translate::Owner, &public, &[]).select(&query)?;
        Ok(view_sql(view, &translated.sql))
    }

    /// What a view reads.
    pub(super) fn view_reads(&self, view: &Relation) -> Result<BTreeMap<QName, BTreeSet<Name>>> {
        let query = view_query(view)?;
        let public = [Name::from("public")];
        let reads = Reads::default();
        Translator::new(self.catalog, &reads, &public, &[]).select(&query)?;
        Ok(reads.into_inner())
    }

    /// The views that read a relation, and which of its columns; those that read such a view included, in an order in which they can
    /// be made.
    pub(super) fn dependent_views(&self, name: &QName) -> Result<Vec<(QName, BTreeSet<Name>)>> {
        let mut reads = Vec::new();
        for view in self.catalog.relations.values().filter(|relation| relation.view.is_some()) {
            reads.push((view.name.clone(), self.view_reads(view)?));
        }
        let mut found: Vec<(QName, BTreeSet<Name>)> = Vec::new();
        let mut todo = vec![name.clone()];
        while let Some(next) = todo.pop() {
            for (view, read) in &reads {
                let Some(columns) = read.get(&next) else { continue };
                let columns = if next == *name { columns.clone() } else { BTreeSet::new() };
                if let Some((_, known)) = found.iter_mut().find(|(known, _)| known == view) {
                    known.extend(columns);
                } else {
                    found.push((view.clone(), columns));
                    todo.push(view.clone());
                }
            }
        }
        // A view comes after everything that it reads.
        let mut ordered: Vec<(QName, BTreeSet<Name>)> = Vec::with_capacity(found.len());
        while !found.is_empty() {
            let waits = |view: &QName| {
                let read = reads.iter().find(|(known, _)| known == view).map(|(_, read)| read);
                found.iter().any(|(other, _)| other != view && read.is_some_and(|read| read.contains_key(other)))
            };
            let at = found.iter().position(|(view, _)| !waits(view)).unwrap_or(0);
            ordered.push(found.remove(at));
        }
        Ok(ordered)
    }

    /// `set (security_invoker = …)` and its like.
    pub(super) fn view_options(&mut self, name: &QName, set: &[StorageOption], reset: &[Name]) -> Result<()> {
        let relation = self.edit(name)?;
        if let Some(view) = &mut relation.view {
            for name in reset {
                match &**name {
                    "security_invoker" => view.security_invoker = false,
                    "security_barrier" => view.security_barrier = false,
                    _ => view.check_option = None,
                }
            }
            options(view, set)?;
        }
        Ok(())
    }
}

fn view_query(view: &Relation) -> Result<Query> {
    let tree = view.view.as_ref().and_then(|view| view.query.tree());
    let tree =
        tree.ok_or_else(|| crate::Error::Internal(format!("the query of view {} cannot be read again", view.name)))?;
    Ok((**tree).clone())
}

fn view_sql(view: &Relation, query: &str) -> String {
    let columns: Vec<String> = view.columns.iter().map(|column| quote(&column.name)).collect();
    format!("CREATE VIEW {} ({}) AS {query}", quote(&physical_name(&view.name)), columns.join(", "))
}

fn column_names(columns: &[OutColumn], given: &[Name]) -> Result<Vec<Name>> {
    if given.len() > columns.len() {
        return Err(SqlError::new("42601", "CREATE VIEW specifies more column names than columns").into());
    }
    if columns.is_empty() {
        return Err(refused("a view without columns", "Select at least one column."));
    }
    let mut out: Vec<Name> = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let name = given.get(index).unwrap_or(&column.name).clone();
        if out.contains(&name) {
            return Err(SqlError::new("42701", format!("column \"{name}\" specified more than once"))
                .hint("Name the column with AS.")
                .into());
        }
        out.push(name);
    }
    Ok(out)
}

/// What `create or replace` may change: columns may be added at the end, nothing else.
fn compatible(old: &Relation, new: &Relation) -> Result<()> {
    if new.columns.len() < old.columns.len() {
        return Err(SqlError::new("42P16", "cannot drop columns from view").into());
    }
    for (old, new) in old.columns.iter().zip(&new.columns) {
        if old.name != new.name {
            let message = format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name);
            return Err(SqlError::new("42P16", message)
                .hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.")
                .into());
        }
        if old.ty != new.ty {
            let (old_ty, new_ty) = (old.ty.sql_name(), new.ty.sql_name());
            let message = format!("cannot change data type of view column \"{}\" from {old_ty} to {new_ty}", old.name);
            return Err(SqlError::new("42P16", message).into());
        }
    }
    Ok(())
}

fn options(view: &mut View, options: &[StorageOption]) -> Result<()> {
    for option in options {
        let on = match option.value.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "on" | "yes" | "1") => Some(true),
            Some("false" | "off" | "no" | "0") => Some(false),
            Some(_) => None,
        };
        match (&*option.name, on) {
            ("security_invoker", Some(on)) => view.security_invoker = on,
            ("security_barrier", Some(on)) => view.security_barrier = on,
            ("check_option", _) => {
                view.check_option = option.value.as_deref().map(|value| Name::from(value.to_ascii_lowercase()));
            }
            ("security_invoker" | "security_barrier", None) => {
                let value = option.value.as_deref().unwrap_or_default();
                return Err(SqlError::new(
                    "22023",
                    format!("invalid value for boolean option \"{}\": {value}", option.name),
                )
                .into());
            }
            (other, _) => return Err(SqlError::new("22023", format!("unrecognized parameter \"{other}\"")).into()),
        }
    }
    Ok(())
}
