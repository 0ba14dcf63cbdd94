//! Renaming and moving relations, columns and constraints: whatever refers to them follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sql::ast::ObjectName;

use super::follow::{Following, Meaning, meanings};
use super::{Ddl, Step, column_mut, refused};
use crate::catalog::{ExprText, Name, QName, QueryText, Relation, RelationKind, Sequence, View};
use crate::error::{Result, SqlError};
use crate::translate::{physical_name, quote};

impl Ddl<'_> {
    pub(super) fn rename_relation(&mut self, relation: &Arc<Relation>, to: &Name) -> Result<()> {
        self.rename_to(relation, &QName { schema: relation.name.schema.clone(), name: to.clone() })
    }

    pub(super) fn move_relation(&mut self, relation: &Arc<Relation>, schema: &Name) -> Result<()> {
        let to = self.new_name(&ObjectName { schema: Some(schema.clone()), name: relation.name.name.clone() })?;
        if to == relation.name {
            return Ok(());
        }
        self.rename_to(relation, &to)?;
        // Its own sequences move along.
        let owned: Vec<Arc<Sequence>> = self
            .catalog
            .sequences
            .values()
            .filter(|sequence| sequence.owned_by.as_ref().is_some_and(|(owner, _)| *owner == to))
            .cloned()
            .collect();
        for sequence in owned {
            self.rename_sequence(&sequence, &QName { schema: to.schema.clone(), name: sequence.name.name.clone() })?;
        }
        Ok(())
    }

    fn rename_to(&mut self, relation: &Arc<Relation>, to: &QName) -> Result<()> {
        self.free_name(to)?;
        let from = relation.name.clone();
        let before = meanings(self.catalog, None)?;
        let views = self.dependent_views(&from)?;
        for (view, _) in views.iter().rev() {
            self.run(format!("DROP VIEW {}", quote(&physical_name(view))));
        }
        let is_view = relation.kind == RelationKind::View;
        if is_view {
            self.run(format!("DROP VIEW {}", quote(&physical_name(&from))));
        } else {
            let old = self.physical(relation)?;
            // Indexes carry the schema in their name in the file.
            if from.schema != to.schema {
                for name in old.indexes.keys() {
                    self.run(format!("DROP INDEX {}", quote(name)));
                }
            }
            self.run(format!("ALTER TABLE {} RENAME TO {}", quote(&physical_name(&from)), quote(&physical_name(to))));
        }
        let mut new = (**relation).clone();
        new.name = to.clone();
        for key in new.foreign_keys.iter_mut().filter(|key| key.target == from) {
            key.target = to.clone();
        }
        self.catalog.relations.remove(&from);
        self.catalog.relations.insert(to.clone(), Arc::new(new));
        let following = Following { from: &from, to, column: None };
        self.follow(&following)?;
        self.unchanged(&before, &following)?;
        for other in self.catalog.relations.values_mut() {
            if other.foreign_keys.iter().any(|key| key.target == from) {
                for key in Arc::make_mut(other).foreign_keys.iter_mut().filter(|key| key.target == from) {
                    key.target = to.clone();
                }
            }
        }
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((owner, _)) = &mut Arc::make_mut(sequence).owned_by
                && *owner == from
            {
                *owner = to.clone();
            }
        }
        let new = self.catalog.relations[to].clone();
        if is_view {
            let sql = self.view_text(&new)?;
            self.run(sql);
        } else if from.schema != to.schema {
            for sql in self.physical(&new)?.indexes.into_values() {
                self.run(sql);
            }
        }
        for (view, _) in views {
            let view = self.catalog.relations[&view].clone();
            let sql = self.view_text(&view)?;
            self.run(sql);
        }
        Ok(())
    }

    pub(super) fn rename_column(&mut self, relation: &Arc<Relation>, from: &Name, to: &Name) -> Result<()> {
        super::column(relation, from)?;
        let mut others = (**relation).clone();
        others.columns.retain(|column| column.name != *from);
        Self::free_column(&others, to)?;
        let before = meanings(self.catalog, None)?;
        let views = self.dependent_views(&relation.name)?;
        for (view, _) in views.iter().rev() {
            self.run(format!("DROP VIEW {}", quote(&physical_name(view))));
        }
        let is_view = relation.kind == RelationKind::View;
        let table = quote(&physical_name(&relation.name));
        if is_view {
            self.run(format!("DROP VIEW {table}"));
        } else {
            self.run(format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quote(from), quote(to)));
        }
        let mut new = (**relation).clone();
        rename_in(&mut new, from, to)?;
        let name = relation.name.clone();
        self.catalog.relations.insert(name.clone(), Arc::new(new));
        for other in self.catalog.relations.values_mut() {
            if other.foreign_keys.iter().any(|key| key.target == name && key.target_columns.contains(from)) {
                let other = Arc::make_mut(other);
                for key in other.foreign_keys.iter_mut().filter(|key| key.target == name) {
                    replace(&mut key.target_columns, from, to);
                }
            }
        }
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((owner, column)) = &mut Arc::make_mut(sequence).owned_by
                && *owner == name
                && column == from
            {
                *column = to.clone();
            }
        }
        let following = Following { from: &name, to: &name, column: Some((from, to)) };
        self.follow(&following)?;
        self.unchanged(&before, &following)?;
        if is_view {
            let view = self.catalog.relations[&name].clone();
            let sql = self.view_text(&view)?;
            self.run(sql);
        }
        for (view, _) in views {
            let view = self.catalog.relations[&view].clone();
            let sql = self.view_text(&view).map_err(|error| {
                refused(
                    format!("view {} cannot follow the new name of column \"{from}\": {error}", view.name),
                    "Drop the view, rename the column, and create the view again.",
                )
            })?;
            self.run(sql);
        }
        Ok(())
    }

    /// Refuses a rename that a view or policy could not follow with its meaning unchanged.
    fn unchanged(&self, before: &BTreeMap<String, Meaning>, following: &Following<'_>) -> Result<()> {
        let what = following
            .column
            .map_or_else(|| following.from.to_string(), |(from, _)| format!("{}.{from}", following.from));
        let refuse = |who: &str, why: String| {
            refused(
                format!("{who} cannot follow the new name of {what}{why}"),
                "Drop it, rename, and create it again with the new name.",
            )
        };
        let after = match meanings(self.catalog, Some(following)) {
            Ok(after) => after,
            Err(error) => return Err(refuse("a view or policy", format!(": {error}"))),
        };
        for (who, before) in before {
            if !after.get(who).is_some_and(|after| before.is(after, following)) {
                return Err(refuse(who, String::new()));
            }
        }
        Ok(())
    }

    pub(super) fn rename_constraint(&mut self, relation: &Arc<Relation>, from: &Name, to: &Name) -> Result<()> {
        if super::constraint::has_constraint(relation, to) {
            let table = &relation.name.name;
            return Err(
                SqlError::new("42710", format!("constraint \"{to}\" for relation \"{table}\" already exists")).into()
            );
        }
        let mut new = (**relation).clone();
        let keys = new.primary_key.iter_mut().chain(&mut new.uniques);
        let names = keys
            .filter(|key| !key.index_only)
            .map(|key| &mut key.name)
            .chain(new.checks.iter_mut().map(|check| &mut check.name))
            .chain(new.foreign_keys.iter_mut().map(|key| &mut key.name));
        let mut found = false;
        for name in names.filter(|name| *name == from) {
            *name = to.clone();
            found = true;
        }
        if !found {
            let table = &relation.name.name;
            return Err(
                SqlError::new("42704", format!("constraint \"{from}\" for table \"{table}\" does not exist")).into()
            );
        }
        let keys = relation.primary_key.iter().chain(&relation.uniques);
        if keys.into_iter().any(|key| key.name == *from) {
            self.free_name(&QName { schema: relation.name.schema.clone(), name: to.clone() })?;
        }
        self.restructure(relation, new, &[])
    }

    pub(super) fn rename_sequence(&mut self, sequence: &Arc<Sequence>, to: &QName) -> Result<()> {
        self.free_name(to)?;
        let from = sequence.name.clone();
        let users: Vec<Arc<Relation>> = self
            .catalog
            .relations
            .values()
            .filter(|relation| relation.columns.iter().any(|column| column.sequence.as_ref() == Some(&from)))
            .cloned()
            .collect();
        let mut renamed = (**sequence).clone();
        renamed.name = to.clone();
        let renamed = Arc::new(renamed);
        self.catalog.sequences.remove(&from);
        self.catalog.sequences.insert(to.clone(), renamed.clone());
        self.steps.push(Step::Sequence(renamed));
        self.steps.push(Step::SequenceRenamed { from: from.clone(), to: to.clone() });
        for relation in users {
            let mut new = (*relation).clone();
            for column in new.columns.iter_mut().filter(|column| column.sequence.as_ref() == Some(&from)) {
                column.sequence = Some(to.clone());
            }
            self.restructure(&relation, new, &[])?;
        }
        Ok(())
    }

    /// Lets every stored query and expression follow a rename.
    fn follow(&mut self, following: &Following<'_>) -> Result<()> {
        let names: Vec<QName> = self.catalog.relations.keys().cloned().collect();
        for name in names {
            let relation = self.catalog.relations[&name].clone();
            let own = name == *following.to;
            let mut new = (*relation).clone();
            if let Some(view) = &mut new.view {
                self.follow_view(view, following)?;
            }
            let mut each = |text: &mut ExprText| {
                if let Some(tree) = text.tree() {
                    let mut tree = (**tree).clone();
                    if following.expr(&mut tree, own, self.catalog) {
                        *text = ExprText::new(tree.to_string());
                    }
                }
            };
            for policy in &mut new.policies {
                policy.using.iter_mut().chain(&mut policy.check).for_each(&mut each);
            }
            if own {
                new.checks.iter_mut().for_each(|check| each(&mut check.expr));
                for column in &mut new.columns {
                    column.generated.iter_mut().for_each(&mut each);
                }
                for index in &mut new.indexes {
                    index.predicate.iter_mut().for_each(&mut each);
                    index.keys.iter_mut().for_each(|key| key.expr.iter_mut().for_each(&mut each));
                }
            }
            self.catalog.relations.insert(name, Arc::new(new));
        }
        Ok(())
    }

    fn follow_view(&self, view: &mut View, following: &Following<'_>) -> Result<()> {
        let tree = view
            .query
            .tree()
            .ok_or_else(|| crate::Error::Internal("a view's query cannot be read again".to_owned()))?;
        let mut tree = (**tree).clone();
        if following.query(&mut tree, self.catalog) {
            view.query = QueryText::new(tree.to_string());
        }
        for (table, column) in view.sources.iter_mut().flatten() {
            if table == following.from {
                *table = following.to.clone();
                if let Some((from, to)) = following.column
                    && column == from
                {
                    *column = to.clone();
                }
            }
        }
        Ok(())
    }
}

fn replace(columns: &mut [Name], from: &Name, to: &Name) {
    for column in columns.iter_mut().filter(|column| *column == from) {
        *column = to.clone();
    }
}

/// Renames a column in everything of its own table but expressions.
fn rename_in(relation: &mut Relation, from: &Name, to: &Name) -> Result<()> {
    column_mut(relation, from)?.name = to.clone();
    for key in relation.primary_key.iter_mut().chain(&mut relation.uniques) {
        replace(&mut key.columns, from, to);
    }
    let own = relation.name.clone();
    for key in &mut relation.foreign_keys {
        replace(&mut key.columns, from, to);
        if key.target == own {
            replace(&mut key.target_columns, from, to);
        }
    }
    for index in &mut relation.indexes {
        replace(&mut index.include, from, to);
        for key in &mut index.keys {
            if key.column.as_ref() == Some(from) {
                key.column = Some(to.clone());
            }
        }
    }
    let grants = std::mem::take(&mut relation.grants.columns);
    relation.grants.columns = grants
        .into_iter()
        .map(|(role, privilege, column)| (role, privilege, if column == *from { to.clone() } else { column }))
        .collect::<BTreeSet<_>>();
    Ok(())
}
