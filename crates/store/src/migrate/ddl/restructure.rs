//! From one form of a table to another, with as little movement of rows as SQLite allows.
//!
//! When rows keep their form (defaults, checks, foreign keys, not null, widening types) only the text in SQLite's schema changes,
//! after the rows were found to meet what is new. New columns at the end with a constant are added in place. Everything else copies:
//! the old table is renamed in the schema only, so that foreign keys that point at it by name wait for the new one, and dropping
//! the old one takes nobody along.

use std::sync::Arc;

use sql::ast::{Expr, Literal};

use super::physical::{Physical, default_sql, definition, over};
use super::{Ddl, Step};
use crate::catalog::{Column, ForeignKey, Name, Relation};
use crate::error::{Result, SqlError};
use crate::translate::{physical_name, quote};
use values::Type;

/// Where a column's values come from when rows are copied: SQLite text over the old table.
pub(super) type Copies = Vec<(Name, String)>;

/// The name under which an old table waits to be dropped.
fn waiting(table: &str) -> String {
    format!("~old~{table}")
}

impl Ddl<'_> {
    /// Changes a table to a new form, in the catalog and in the file. `copies` names the columns whose values are computed; others are
    /// taken over by name, and new ones get their default.
    pub(super) fn restructure(&mut self, old: &Arc<Relation>, new: Relation, copies: &[(Name, String)]) -> Result<()> {
        let before = self.physical(old)?;
        self.restructure_from(old, &before, new, copies)
    }

    /// The same where the old form cannot be computed any more, because a type it uses has changed.
    pub(super) fn restructure_from(
        &mut self,
        old: &Arc<Relation>,
        before: &Physical,
        new: Relation,
        copies: &[(Name, String)],
    ) -> Result<()> {
        let new = Arc::new(new);
        let after = self.physical(&new)?;
        let table = physical_name(&new.name);
        let same_rows = copies.is_empty() && before.layout == after.layout;
        let added = if copies.is_empty() { self.appended(before, &after, &new)? } else { None };
        if same_rows || added.is_some() {
            // Indexes that go first: a dropped key must not refuse what the statement's later parts do.
            for (name, sql) in &before.indexes {
                if after.indexes.get(name) != Some(sql) {
                    self.run(format!("DROP INDEX {}", quote(name)));
                }
            }
            for column in added.iter().flatten() {
                self.run(format!("ALTER TABLE {} ADD COLUMN {column}", quote(&table)));
            }
            self.verify(old, &new)?;
            if before.create != after.create {
                self.steps.push(Step::Schema { from: table.clone(), name: table.clone(), sql: after.create.clone() });
            }
            for (name, sql) in &after.indexes {
                if before.indexes.get(name) != Some(sql) {
                    self.run(sql.clone());
                }
            }
        } else {
            self.copy(before, &after, old, &new, copies)?;
        }
        self.catalog.relations.insert(new.name.clone(), new);
        Ok(())
    }

    /// The definitions of columns that can be added in place, when that is all that changes about the rows.
    fn appended(&self, before: &Physical, after: &Physical, new: &Arc<Relation>) -> Result<Option<Vec<String>>> {
        let kept = before.layout.len();
        if after.layout.len() <= kept || after.layout[..kept] != before.layout[..] {
            return Ok(None);
        }
        let mut out = Vec::new();
        for column in &new.columns[kept..] {
            let constant = column.sequence.is_none()
                && column.default.as_ref().is_none_or(|text| text.tree().is_some_and(|tree| is_constant(tree)));
            if column.generated.is_some()
                || !constant
                || after.layout.iter().any(|cell| cell.rowid && cell.name == column.name)
            {
                return Ok(None);
            }
            let default = default_sql(self.catalog, new, column)?;
            // SQLite wants a literal here, not a call of ours that gives one.
            if default.as_deref().is_some_and(|sql| sql.contains('(')) || (column.not_null && default.is_none()) {
                return Ok(None);
            }
            out.push(definition(self.catalog, new, column, false, None)?);
        }
        Ok(Some(out))
    }

    /// Refuses when rows do not meet what is new: not null, checks, foreign keys.
    fn verify(&mut self, old: &Relation, new: &Arc<Relation>) -> Result<()> {
        let table = quote(&physical_name(&new.name));
        let name = &new.name.name;
        for column in &new.columns {
            let was = old.column(&column.name).is_none_or(|old| old.not_null);
            if column.not_null && !was {
                let message = format!("column \"{}\" of relation \"{name}\" contains null values", column.name);
                let hint = "Fill the column first: update ... set ... where ... is null.";
                self.steps.push(Step::Verify {
                    sql: format!("SELECT 1 FROM {table} WHERE {} IS NULL LIMIT 1", quote(&column.name)),
                    error: SqlError::new("23502", message).hint(hint),
                });
            }
        }
        for check in &new.checks {
            if old.checks.iter().any(|known| known.expr == check.expr) {
                continue;
            }
            if let Some(tree) = check.expr.tree() {
                let condition = over(self.catalog, new, tree, Some(&Type::Bool), "a check constraint")?;
                self.verify_check(&table, name, &check.name, &condition);
            }
        }
        for column in new.columns.iter().filter(|column| column.domain.is_some()) {
            self.verify_domain(&table, new, column)?;
        }
        for key in &new.foreign_keys {
            if !old
                .foreign_keys
                .iter()
                .any(|known| known.name == key.name && known.columns == key.columns && known.target == key.target)
            {
                self.verify_foreign_key(new, key);
            }
        }
        Ok(())
    }

    fn verify_check(&mut self, table: &str, name: &str, check: &str, condition: &str) {
        let message = format!("check constraint \"{check}\" of relation \"{name}\" is violated by some row");
        self.steps.push(Step::Verify {
            sql: format!("SELECT 1 FROM {table} WHERE NOT ({condition}) LIMIT 1"),
            error: SqlError::new("23514", message).constraint(check).hint("Change or delete the rows first."),
        });
    }

    fn verify_domain(&mut self, table: &str, new: &Arc<Relation>, column: &Column) -> Result<()> {
        let Some(domain) = column.domain.as_ref().and_then(|domain| self.catalog.domains.get(domain)).cloned() else {
            return Ok(());
        };
        for check in &domain.checks {
            let Some(tree) = check.expr.tree() else { continue };
            let condition = super::physical::value_as(tree, &Expr::Column { parts: vec![column.name.clone()] });
            let condition = over(self.catalog, new, &condition, Some(&Type::Bool), "a domain's check")?;
            self.verify_check(table, &new.name.name, &check.name, &condition);
        }
        Ok(())
    }

    fn verify_foreign_key(&mut self, new: &Relation, key: &ForeignKey) {
        let child = quote("child");
        let parent = quote("parent");
        let nulls: Vec<String> =
            key.columns.iter().map(|column| format!("{child}.{} IS NOT NULL", quote(column))).collect();
        let equal: Vec<String> = key
            .columns
            .iter()
            .zip(&key.target_columns)
            .map(|(from, to)| format!("{parent}.{} = {child}.{}", quote(to), quote(from)))
            .collect();
        let sql = format!(
            "SELECT 1 FROM {} AS {child} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS {parent} WHERE {}) LIMIT 1",
            quote(&physical_name(&new.name)),
            nulls.join(" AND "),
            quote(&physical_name(&key.target)),
            equal.join(" AND ")
        );
        let message =
            format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", new.name.name, key.name);
        let error = SqlError::new("23503", message)
            .detail(format!("Some rows have no counterpart in table \"{}\".", key.target.name))
            .hint("Add the missing rows or change the referring ones first.")
            .constraint(&*key.name);
        self.steps.push(Step::Verify { sql, error });
    }

    /// Makes the table anew and copies its rows.
    fn copy(
        &mut self,
        before: &Physical,
        after: &Physical,
        old: &Relation,
        new: &Arc<Relation>,
        copies: &[(Name, String)],
    ) -> Result<()> {
        let table = physical_name(&new.name);
        let aside = waiting(&table);
        for name in before.indexes.keys() {
            self.run(format!("DROP INDEX {}", quote(name)));
        }
        // Without constraints: the rows are only read from here on.
        let mut cells: Vec<String> = Vec::with_capacity(before.layout.len());
        for cell in &before.layout {
            let mut text = format!("{} {}", quote(&cell.name), cell.ty);
            if let Some(collation) = &cell.collation {
                text.extend([" COLLATE ", &quote(collation)]);
            }
            if cell.rowid {
                text.push_str(" PRIMARY KEY");
            }
            if let Some(generated) = &cell.generated {
                text.extend([" GENERATED ALWAYS AS (", generated, ") STORED"]);
            }
            cells.push(text);
        }
        let strict = if before.layout.iter().all(|cell| cell.strict) { " STRICT" } else { "" };
        let plain = format!("CREATE TABLE {} ({}){strict}", quote(&aside), cells.join(", "));
        self.steps.push(Step::Schema { from: table.clone(), name: aside.clone(), sql: plain });
        self.run(after.create.clone());
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for column in new.columns.iter().filter(|column| column.generated.is_none()) {
            let value = if let Some((_, value)) = copies.iter().find(|(name, _)| *name == column.name) {
                value.clone()
            } else if old.column(&column.name).is_some() {
                quote(&column.name)
            } else if let Some(value) = default_sql(self.catalog, new, column)? {
                value
            } else {
                continue;
            };
            columns.push(quote(&column.name));
            values.push(value);
        }
        self.steps.push(Step::Run(format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS {}",
            quote(&table),
            columns.join(", "),
            values.join(", "),
            quote(&aside),
            quote(&new.name.name)
        )));
        self.run(format!("DROP TABLE {}", quote(&aside)));
        for sql in after.indexes.values() {
            self.run(sql.clone());
        }
        Ok(())
    }
}

/// A literal, whatever its type.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => !matches!(literal, Literal::Bits(_) | Literal::HexBits(_)),
        Expr::Cast { expr, .. } | Expr::Unary { expr, .. } => is_constant(expr),
        _ => false,
    }
}
