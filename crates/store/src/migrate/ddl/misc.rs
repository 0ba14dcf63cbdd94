//! Schemas, settings, extensions, truncate, the statements that change rows, and everything that is refused by name.

use sql::ast::{
    AlterObject, AlterObjectAction, CreateExtension, CreateSchema, ObjectKind, SetScope, SetValue, SetVariable,
    SettingValue, Statement, Truncate,
};
use values::Type;

use super::{Ddl, Step, refused, shown};
use crate::catalog::{Name, Privilege, QName, Schema};
use crate::error::{Result, SqlError};
use crate::translate::{physical_name, quote};

/// Extensions whose use is covered by what is built in.
const EXTENSIONS: [&str; 5] = ["pgcrypto", "uuid-ossp", "citext", "pg_trgm", "plpgsql"];

impl Ddl<'_> {
    pub(super) fn other(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Query(query) => {
                let sql = self.translator().select(query)?.sql;
                self.run(sql);
            }
            Statement::Insert(insert) => {
                let sql = self.translator().insert(insert)?.sql;
                self.run(sql);
            }
            Statement::Update(update) => {
                let sql = self.translator().update(update)?.sql;
                self.run(sql);
            }
            Statement::Delete(delete) => {
                let sql = self.translator().delete(delete)?.sql;
                self.run(sql);
            }
            Statement::Truncate(truncate) => self.truncate(truncate)?,
            Statement::CreateExtension(extension) => self.extension(extension)?,
            Statement::Set(set) => self.set(set)?,
            Statement::Reset(name) => {
                if name.as_deref().is_none_or(|name| name == "search_path") {
                    self.context.search_path = vec![Name::from("public")];
                }
            }
            Statement::SetOther(text) => {
                if text.to_ascii_lowercase().starts_with("session authorization") {
                    return Err(set_role_refused());
                }
                self.notice(format!("SET {text} has no effect on SQLite."));
            }
            Statement::Show(_) => {}
            Statement::Maintenance { command, .. } => {
                self.notice(format!("{command} has no effect in a migration on SQLite."));
            }
            Statement::Notify { .. } => self.notice("NOTIFY has no effect on SQLite."),
            Statement::Do(_) => {
                return Err(refused(
                    "DO blocks are PL/pgSQL, which cannot run on SQLite",
                    "Write the statements themselves, without a block; most have IF [NOT] EXISTS.",
                ));
            }
            Statement::CreateTrigger(trigger) => {
                return Err(refused(
                    format!("triggers are not supported on SQLite (trigger \"{}\")", trigger.name),
                    "Use defaults, generated columns, checks and foreign keys, or serve this app on PostgreSQL.",
                ));
            }
            Statement::Call(_) => {
                return Err(refused("procedures are not supported on SQLite", "Write a function and select it."));
            }
            Statement::RefreshView(_) => {
                return Err(refused(
                    "materialized views are not supported on SQLite",
                    "Use a view, or a table that a job fills.",
                ));
            }
            Statement::Explain(_) => {
                return Err(refused("EXPLAIN has no place in a migration", "Remove the statement."));
            }
            Statement::Copy(_) => {
                return Err(refused(
                    "COPY is not supported in migrations",
                    "Write insert statements, with many rows each.",
                ));
            }
            Statement::Begin(_)
            | Statement::Commit
            | Statement::Rollback
            | Statement::Savepoint(_)
            | Statement::Release(_)
            | Statement::RollbackTo(_) => return Err(transaction_refused(statement.kind())),
            other => {
                return Err(refused(
                    format!("\"{}\" is not supported on SQLite", other.kind()),
                    "Leave the statement out, or serve this app on PostgreSQL.",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn create_schema(&mut self, create: &CreateSchema) -> Result<()> {
        let name = match (&create.name, &create.owner) {
            (Some(name), _) => name.clone(),
            (None, Some(role)) => self.role(role)?,
            (None, None) => return Err(SqlError::new("42601", "a schema needs a name").into()),
        };
        if self.catalog.schemas.contains_key(&name) {
            if create.if_not_exists {
                self.notice(format!("schema \"{name}\" already exists, skipping"));
                return Ok(());
            }
            return Err(SqlError::new("42P06", format!("schema \"{name}\" already exists")).into());
        }
        if name.starts_with("pg_") || matches!(&*name, "information_schema" | "mainstay" | "main" | "temp") {
            return Err(SqlError::new("42939", format!("unacceptable schema name \"{name}\""))
                .hint(
                    "The names pg_..., information_schema, mainstay, main and temp are reserved. Choose another name.",
                )
                .into());
        }
        if let Some(other) = self.catalog.schemas.keys().find(|other| other.eq_ignore_ascii_case(&name)) {
            return Err(refused(
                format!("schemas \"{other}\" and \"{name}\" differ only in the case of their letters"),
                "SQLite ignores the case of ASCII letters in names. Choose another name.",
            ));
        }
        let usage = self.default_grants_on("schemas", &name).into_iter();
        let usage = usage.filter(|(_, privilege)| *privilege == Privilege::Usage).map(|(role, _)| role).collect();
        self.catalog.schemas.insert(name, Schema { comment: None, usage });
        Ok(())
    }

    fn extension(&mut self, extension: &CreateExtension) -> Result<()> {
        if EXTENSIONS.contains(&&*extension.name) {
            self.notice(format!("Extension \"{}\": what it is used for is built in.", extension.name));
            return Ok(());
        }
        Err(refused(
            format!("extension \"{}\" is not available on SQLite", extension.name),
            format!(
                "Known are {}. Write what it is used for in another way, or serve this app on PostgreSQL.",
                EXTENSIONS.join(", ")
            ),
        ))
    }

    fn set(&mut self, set: &SetVariable) -> Result<()> {
        match &*set.name {
            "search_path" => {
                let path: Vec<Name> = match &set.value {
                    SetValue::Values(values) => values
                        .iter()
                        .map(|value| match value {
                            SettingValue::Word(word) => word.clone(),
                            SettingValue::String(text) | SettingValue::Number(text) => Name::from(text.as_str()),
                        })
                        .filter(|schema| !schema.is_empty() && &**schema != "$user" && &**schema != "pg_catalog")
                        .collect(),
                    SetValue::Default | SetValue::FromCurrent => vec![Name::from("public")],
                };
                self.context.search_path = path;
            }
            "role" | "session_authorization" => return Err(set_role_refused()),
            // What pg_dump writes, and what changes nothing here.
            "client_encoding"
            | "standard_conforming_strings"
            | "client_min_messages"
            | "check_function_bodies"
            | "xmloption"
            | "statement_timeout"
            | "lock_timeout"
            | "idle_in_transaction_session_timeout"
            | "row_security"
            | "default_tablespace"
            | "default_table_access_method"
            | "transaction_timeout" => {}
            other => {
                let scope = if set.scope == Some(SetScope::Local) { "SET LOCAL" } else { "SET" };
                self.notice(format!("{scope} {other} has no effect on SQLite."));
            }
        }
        Ok(())
    }

    fn truncate(&mut self, truncate: &Truncate) -> Result<()> {
        let mut tables: Vec<QName> = Vec::new();
        for name in &truncate.tables {
            let table = self.table(name)?;
            if !tables.contains(&table.name) {
                tables.push(table.name.clone());
            }
        }
        loop {
            let referrer = self.catalog.relations.values().find(|relation| {
                !tables.contains(&relation.name) && relation.foreign_keys.iter().any(|key| tables.contains(&key.target))
            });
            match referrer {
                Some(relation) if truncate.cascade => {
                    let name = relation.name.clone();
                    self.notice(format!("truncate cascades to table \"{}\"", name.name));
                    tables.push(name);
                }
                Some(relation) => {
                    return Err(SqlError::new(
                        "0A000",
                        "cannot truncate a table referenced in a foreign key constraint",
                    )
                    .detail(format!("Table \"{}\" references it.", relation.name.name))
                    .hint("Truncate the tables at the same time, or use TRUNCATE ... CASCADE.")
                    .into());
                }
                None => break,
            }
        }
        // Children before parents, so that no row is left without its parent even for a moment.
        let mut left = tables.clone();
        while !left.is_empty() {
            let at = left
                .iter()
                .position(|table| {
                    !left.iter().any(|other| {
                        other != table
                            && self.catalog.relations[other].foreign_keys.iter().any(|key| key.target == *table)
                    })
                })
                .unwrap_or(0);
            let table = left.remove(at);
            self.run(format!("DELETE FROM {}", quote(&physical_name(&table))));
        }
        if truncate.restart_identity {
            let sequences: Vec<Step> = self
                .catalog
                .sequences
                .values()
                .filter(|sequence| sequence.owned_by.as_ref().is_some_and(|(owner, _)| tables.contains(owner)))
                .map(|sequence| Step::Position { name: sequence.name.clone(), value: sequence.start, called: false })
                .collect();
            self.steps.extend(sequences);
        }
        Ok(())
    }

    pub(super) fn alter_object(&mut self, alter: &AlterObject) -> Result<()> {
        if let AlterObjectAction::OwnerTo(role) = &alter.action {
            return self.owner_to(role);
        }
        let name = &alter.object.name;
        match (alter.kind, &alter.action) {
            (ObjectKind::Function | ObjectKind::Routine, AlterObjectAction::RenameTo(to)) => {
                let (name, index) = self.find_function(&alter.object)?;
                let to = QName { schema: name.schema.clone(), name: to.clone() };
                self.move_function(&name, index, to)
            }
            (ObjectKind::Function | ObjectKind::Routine, AlterObjectAction::SetSchema(schema)) => {
                let (name, index) = self.find_function(&alter.object)?;
                let to =
                    self.new_name(&sql::ast::ObjectName { schema: Some(schema.clone()), name: name.name.clone() })?;
                self.move_function(&name, index, to)
            }
            (
                ObjectKind::Type | ObjectKind::Domain,
                AlterObjectAction::RenameTo(_) | AlterObjectAction::SetSchema(_),
            ) => Err(refused(
                format!("renaming type \"{}\" is not supported on SQLite", shown(name)),
                "Create the new type and change the columns to it.",
            )),
            (ObjectKind::Policy, AlterObjectAction::RenameTo(to)) => {
                let table =
                    alter.object.on.as_ref().ok_or_else(|| SqlError::new("42601", "a policy lies on a table"))?;
                let change = sql::ast::AlterPolicy {
                    name: name.name.clone(),
                    table: table.clone(),
                    rename_to: Some(to.clone()),
                    roles: Vec::new(),
                    using: None,
                    check: None,
                };
                self.alter_policy(&change)
            }
            (kind, _) => Err(refused(
                format!("altering a {} in this way is not supported on SQLite", kind.words()),
                "Create a new one and drop the old one.",
            )),
        }
    }

    fn move_function(&mut self, from: &QName, index: usize, to: QName) -> Result<()> {
        let mut function = self.edit_function(from, index)?.clone();
        function.name = to.clone();
        let types = |function: &crate::catalog::Function| -> Vec<Type> {
            function.parameters.iter().map(|parameter| parameter.ty.unmodified()).collect()
        };
        let taken = self.catalog.functions(&to.schema, &to.name).iter().any(|other| types(other) == types(&function));
        if taken {
            return Err(SqlError::new(
                "42723",
                format!("function \"{}\" already exists with same argument types", to.name),
            )
            .into());
        }
        self.forget_function(from, index);
        self.catalog.functions.entry(to).or_default().push(std::sync::Arc::new(function));
        Ok(())
    }

    /// Takes a function out of the catalog.
    pub(super) fn forget_function(&mut self, name: &QName, index: usize) {
        if let Some(overloads) = self.catalog.functions.get_mut(name) {
            if index < overloads.len() {
                overloads.remove(index);
            }
            if overloads.is_empty() {
                self.catalog.functions.remove(name);
            }
        }
    }
}

fn set_role_refused() -> crate::Error {
    refused(
        "SET ROLE is not supported in migrations on SQLite",
        "Migrations run as postgres, the owner of everything. Remove the statement.",
    )
}

/// Every file is a transaction of its own, on both engines.
pub(crate) fn transaction_refused(kind: &str) -> crate::Error {
    SqlError::new("25001", format!("{} is not allowed in a migration", kind.to_uppercase()))
        .hint("Every file runs in a transaction of its own. Remove the statement; split the file where you need two transactions.")
        .into()
}
