//! `create index`.

use std::sync::Arc;

use sql::ast::{CreateIndex, Expr, IndexElement};

use super::physical::index_sql;
use super::{Ddl, no_column, refused};
use crate::catalog::{Index, IndexKey, Key, Name, QName};
use crate::error::{Result, SqlError};
use crate::migrate::names::{Taken, index_columns};
use crate::translate::{physical_name, quote};

impl Ddl<'_> {
    pub(super) fn create_index(&mut self, create: &CreateIndex) -> Result<()> {
        let relation = self.table(&create.table)?;
        let taken = Taken::of(self.catalog, &relation.name.schema);
        if let Some(name) = &create.name
            && create.if_not_exists
            && taken.has_relation(name)
        {
            self.notice(format!("relation \"{name}\" already exists, skipping"));
            return Ok(());
        }
        if create.nulls_not_distinct {
            return Err(super::constraint::nulls_not_distinct_refused());
        }
        let name = if let Some(name) = &create.name {
            name.clone()
        } else {
            let mut columns = index_columns(create.elements.iter().map(|element| &element.expr));
            columns.extend(create.include.iter().cloned());
            taken.index(&relation.name.name, &columns)
        };
        self.free_name(&QName { schema: relation.name.schema.clone(), name: name.clone() })?;
        let method = create.method.clone().unwrap_or_else(|| Name::from("btree"));
        let effective = match &*method {
            "btree" | "hash" => true,
            "gin" | "gist" | "spgist" | "brin" => false,
            other => return Err(SqlError::new("42704", format!("access method \"{other}\" does not exist")).into()),
        };
        if create.unique && !effective {
            return Err(
                SqlError::new("0A000", format!("access method \"{method}\" does not support unique indexes")).into()
            );
        }
        let mut keys = Vec::with_capacity(create.elements.len());
        for element in &create.elements {
            keys.push(self.index_key(&relation, element)?);
        }
        for column in &create.include {
            relation.column(column).ok_or_else(|| no_column(&relation, column))?;
        }
        if create.concurrently {
            self.notice("CONCURRENTLY has no effect on SQLite: the index is made in the migration's transaction.");
        }
        let plain: Option<Vec<Name>> = keys.iter().map(|key| key.column.clone()).collect();
        let index = Index {
            name: name.clone(),
            unique: create.unique,
            method: method.clone(),
            keys,
            include: create.include.clone(),
            predicate: create.filter.as_ref().map(|filter| self.expr_text(filter)),
            effective,
        };
        if effective {
            let sql = index_sql(self.catalog, &relation, &index)?;
            self.run(sql);
        } else {
            self.notice(format!(
                "Index \"{name}\": {method} indexes do not exist on SQLite; it is remembered, and queries scan."
            ));
        }
        let key = match plain {
            Some(columns) if create.unique && create.filter.is_none() => {
                Some(Key { name, columns, nulls_not_distinct: false, index_only: true })
            }
            _ => None,
        };
        let edited = self.edit(&relation.name)?;
        edited.uniques.extend(key);
        edited.indexes.push(index);
        Ok(())
    }

    fn index_key(&self, relation: &Arc<crate::catalog::Relation>, element: &IndexElement) -> Result<IndexKey> {
        if let Some(collation) = &element.collation
            && !matches!(&*collation.name, "C" | "POSIX" | "default" | "ucs_basic")
        {
            return Err(refused(
                format!("collation \"{}\" is not supported on SQLite", collation.name),
                "Leave it out, or use \"C\".",
            ));
        }
        let descending = element.descending.unwrap_or(false);
        let nulls_first = element.nulls_first.unwrap_or(descending);
        let (column, expr) = match &element.expr {
            Expr::Column { parts } if parts.len() == 1 => {
                let name = &parts[0];
                relation
                    .column(name)
                    .ok_or_else(|| SqlError::new("42703", format!("column \"{name}\" does not exist")))?;
                (Some(name.clone()), None)
            }
            other => (None, Some(self.expr_text(other))),
        };
        Ok(IndexKey { column, expr, descending, nulls_first })
    }

    /// Drops an index by name; keys that are constraints stay.
    pub(super) fn drop_index(&mut self, name: &sql::ast::ObjectName, if_exists: bool) -> Result<()> {
        let Some((table, index)) = self.find_index(name) else {
            if if_exists {
                self.notice(format!("index \"{}\" does not exist, skipping", name.name));
                return Ok(());
            }
            return Err(SqlError::new("42704", format!("index \"{}\" does not exist", name.name)).into());
        };
        let relation = self.catalog.relations[&table].clone();
        let constraint =
            relation.primary_key.iter().chain(&relation.uniques).find(|key| key.name == index && !key.index_only);
        if constraint.is_some() {
            return Err(SqlError::new(
                "2BP01",
                format!("cannot drop index {index} because constraint {index} on table {} requires it", table.name),
            )
            .hint(format!("You can drop constraint {index} on table {} instead.", table.name))
            .into());
        }
        let used = self.referenced_key(&relation, &index);
        if !used.is_empty() {
            return Err(super::depended(format!("index {index}"), &used));
        }
        if relation.indexes.iter().any(|known| known.name == index && known.effective) {
            self.run(format!(
                "DROP INDEX {}",
                quote(&physical_name(&QName { schema: table.schema.clone(), name: index.clone() }))
            ));
        }
        let edited = self.edit(&table)?;
        edited.indexes.retain(|known| known.name != index);
        edited.uniques.retain(|key| key.name != index);
        Ok(())
    }

    /// The table an index lies on, and its name.
    pub(super) fn find_index(&self, name: &sql::ast::ObjectName) -> Option<(QName, Name)> {
        for schema in self.schemas_of(name) {
            for relation in self.catalog.relations.values().filter(|relation| relation.name.schema == schema) {
                let known = relation.indexes.iter().any(|index| index.name == name.name)
                    || relation.primary_key.iter().chain(&relation.uniques).any(|key| key.name == name.name);
                if known {
                    return Some((relation.name.clone(), name.name.clone()));
                }
            }
        }
        None
    }
}
