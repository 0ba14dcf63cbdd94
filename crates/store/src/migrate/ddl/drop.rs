//! `drop`, and who depends on what.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{Drop, ObjectKind, ObjectName, ObjectRef};

use super::policy::policy_at;
use super::types::{no_type, uses_enum};
use super::{Ddl, Step, depended, refused, shown};
use crate::catalog::{ExprText, Name, QName, Relation, RelationKind, Returns};
use crate::error::{Result, SqlError};
use crate::migrate::walk;
use crate::translate::{Translator, physical_name, quote};

impl Ddl<'_> {
    pub(super) fn drop_objects(&mut self, drop: &Drop) -> Result<()> {
        let together: BTreeSet<QName> = drop
            .objects
            .iter()
            .filter_map(|object| self.find_relation(&object.name))
            .map(|relation| relation.name.clone())
            .collect();
        for object in &drop.objects {
            match drop.kind {
                ObjectKind::Table | ObjectKind::View => {
                    let kind = if drop.kind == ObjectKind::Table { RelationKind::Table } else { RelationKind::View };
                    self.drop_relation(&object.name, kind, drop.if_exists, drop.cascade, &together)?;
                }
                ObjectKind::Index => self.drop_index(&object.name, drop.if_exists)?,
                ObjectKind::Sequence => self.drop_sequence(&object.name, drop.if_exists, drop.cascade)?,
                ObjectKind::Type | ObjectKind::Domain => self.drop_type(&object.name, drop.if_exists, drop.cascade)?,
                ObjectKind::Function | ObjectKind::Routine | ObjectKind::Procedure => {
                    self.drop_function(object, drop.if_exists)?;
                }
                ObjectKind::Schema => self.drop_schema(&object.name.name, drop.if_exists, drop.cascade)?,
                ObjectKind::Policy => self.drop_policy(object, drop.if_exists)?,
                ObjectKind::Role => self.drop_role(&object.name.name, drop.if_exists)?,
                ObjectKind::Extension => {
                    self.notice(format!("Extension \"{}\": what it is used for stays built in.", object.name.name));
                }
                ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::MaterializedView | ObjectKind::EventTrigger
                    if drop.if_exists =>
                {
                    self.notice(format!("{} \"{}\" does not exist, skipping", drop.kind.words(), object.name.name));
                }
                other => {
                    return Err(refused(
                        format!("there is no {} on SQLite to drop", other.words()),
                        "Leave the statement out, or write IF EXISTS.",
                    ));
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, kind: &str, name: &ObjectName, if_exists: bool, code: &str) -> Result<()> {
        if if_exists {
            self.notice(format!("{kind} \"{}\" does not exist, skipping", shown(name)));
            return Ok(());
        }
        Err(SqlError::new(code, format!("{kind} \"{}\" does not exist", shown(name))).into())
    }

    fn drop_relation(
        &mut self,
        name: &ObjectName,
        kind: RelationKind,
        if_exists: bool,
        cascade: bool,
        together: &BTreeSet<QName>,
    ) -> Result<()> {
        let word = if kind == RelationKind::Table { "table" } else { "view" };
        let Some(relation) = self.find_relation(name) else {
            // One of the others took it along.
            if together.iter().any(|gone| gone.name == name.name) {
                return Ok(());
            }
            return self.skip(word, name, if_exists, "42P01");
        };
        if relation.kind != kind {
            return Err(SqlError::new("42809", format!("\"{}\" is not a {word}", relation.name.name)).into());
        }
        self.remove_relation(&relation, cascade, together)
    }

    /// Takes a table or view out, and with `cascade` what depends on it; what goes `together` with it does not count.
    pub(super) fn remove_relation(
        &mut self,
        relation: &Arc<Relation>,
        cascade: bool,
        together: &BTreeSet<QName>,
    ) -> Result<()> {
        let name = relation.name.clone();
        let mut by = BTreeSet::new();
        let views = self.dependent_views(&name)?;
        by.extend(views.iter().filter(|(view, _)| !together.contains(view)).map(|(view, _)| format!("view {view}")));
        let referrers: Vec<(QName, Name)> = self
            .catalog
            .relations
            .values()
            .filter(|other| other.name != name)
            .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
            .filter(|(_, key)| key.target == name)
            .map(|(other, key)| (other.name.clone(), key.name.clone()))
            .collect();
        by.extend(
            referrers
                .iter()
                .filter(|(other, _)| !together.contains(other))
                .map(|(other, key)| format!("constraint {key} on table {other}")),
        );
        let policies = self.policies_reading(&name, None);
        by.extend(
            policies
                .iter()
                .filter(|(other, _)| !together.contains(other))
                .map(|(other, policy)| format!("policy {policy} on table {other}")),
        );
        let functions = self.functions_of_row(&name);
        by.extend(functions.iter().map(|function| format!("function {function}")));
        if !by.is_empty() {
            if !cascade {
                let word = if relation.is_view() { "view" } else { "table" };
                return Err(depended(format!("{word} {}", name.name), &by));
            }
            self.notice(format!("drop cascades to {}", by.iter().cloned().collect::<Vec<_>>().join(", ")));
        }
        for (view, _) in views.iter().rev() {
            self.run(format!("DROP VIEW {}", quote(&physical_name(view))));
            self.catalog.relations.remove(view);
        }
        for (other, policy) in policies {
            if let Ok(other) = self.edit(&other) {
                other.policies.retain(|known| known.name != policy);
            }
        }
        // The table's rows must not go through foreign keys on their way out: who referred to it loses the key first.
        for (other, key) in referrers {
            let Some(old) = self.catalog.relations.get(&other).cloned() else { continue };
            let mut new = (*old).clone();
            new.foreign_keys.retain(|known| known.name != key);
            self.restructure(&old, new, &[])?;
        }
        let word = if relation.is_view() { "VIEW" } else { "TABLE" };
        self.run(format!("DROP {word} {}", quote(&physical_name(&name))));
        self.catalog.relations.remove(&name);
        self.forget_sequences_of(&name, None);
        for function in functions {
            self.catalog.functions.remove(&function);
        }
        Ok(())
    }

    /// Policies of other tables that read a relation, or one of its columns.
    fn policies_reading(&self, name: &QName, column: Option<&Name>) -> Vec<(QName, Name)> {
        let mut out = Vec::new();
        for relation in self.catalog.relations.values() {
            for policy in &relation.policies {
                let own = relation.name == *name;
                let reads = policy
                    .using
                    .iter()
                    .chain(&policy.check)
                    .any(|text| self.condition_reads(relation, text, name, column, own));
                if reads && !(own && column.is_none()) {
                    out.push((relation.name.clone(), policy.name.clone()));
                }
            }
        }
        out
    }

    fn condition_reads(
        &self,
        relation: &Arc<Relation>,
        text: &ExprText,
        name: &QName,
        column: Option<&Name>,
        own: bool,
    ) -> bool {
        let Some(tree) = text.tree() else { return false };
        if own && column.is_some_and(|column| walk::column_names(tree).contains(column)) {
            return true;
        }
        let reads = super::view::Reads::default();
        let public = [Name::from("public")];
        let mut translator = Translator::new(self.catalog, &reads, &public, &[]);
        let translated = translator.over_relation(tree, relation, &relation.name.name, None);
        let found =
            reads.into_inner().get(name).is_some_and(|columns| column.is_none_or(|column| columns.contains(column)));
        translated.is_ok() && found
    }

    fn functions_of_row(&self, name: &QName) -> Vec<QName> {
        self.catalog
            .functions
            .iter()
            .filter(|(_, overloads)| {
                overloads
                    .iter()
                    .any(|function| matches!(&function.returns, Returns::Relation { name: row, .. } if row == name))
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Frees a column of what depends on it: refuses, or with `cascade` drops the views, policies and foreign keys.
    pub(super) fn release_column(&mut self, relation: &Arc<Relation>, column: &Name, cascade: bool) -> Result<()> {
        let name = relation.name.clone();
        let views: Vec<QName> = self
            .dependent_views(&name)?
            .into_iter()
            .filter(|(_, columns)| columns.contains(column))
            .map(|(view, _)| view)
            .collect();
        let policies = self.policies_reading(&name, Some(column));
        let referrers: Vec<(QName, Name)> = self
            .catalog
            .relations
            .values()
            .filter(|other| other.name != name)
            .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
            .filter(|(_, key)| key.target == name && key.target_columns.contains(column))
            .map(|(other, key)| (other.name.clone(), key.name.clone()))
            .collect();
        let mut by: BTreeSet<String> = views.iter().map(|view| format!("view {view}")).collect();
        by.extend(policies.iter().map(|(table, policy)| format!("policy {policy} on table {table}")));
        by.extend(referrers.iter().map(|(table, key)| format!("constraint {key} on table {table}")));
        if by.is_empty() {
            return Ok(());
        }
        if !cascade {
            return Err(depended(format!("column {column} of table {}", name.name), &by));
        }
        self.notice(format!("drop cascades to {}", by.iter().cloned().collect::<Vec<_>>().join(", ")));
        let together = BTreeSet::new();
        for view in views.iter().rev() {
            if let Some(view) = self.catalog.relations.get(view).cloned() {
                self.remove_relation(&view, true, &together)?;
            }
        }
        for (table, policy) in policies {
            self.edit(&table)?.policies.retain(|known| known.name != policy);
        }
        for (other, key) in referrers {
            let old = self.catalog.relations[&other].clone();
            let mut new = (*old).clone();
            new.foreign_keys.retain(|known| known.name != key);
            self.restructure(&old, new, &[])?;
        }
        Ok(())
    }

    /// The foreign keys that need this key or unique index of a table.
    pub(super) fn referenced_key(&self, relation: &Relation, key: &str) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for (other, name) in self.references_through(relation, key) {
            out.insert(format!("constraint {name} on table {other}"));
        }
        out
    }

    fn references_through(&self, relation: &Relation, key: &str) -> Vec<(QName, Name)> {
        let keys = || relation.primary_key.iter().chain(&relation.uniques);
        let Some(found) = keys().find(|known| &*known.name == key) else { return Vec::new() };
        let covers = |columns: &[Name], key: &crate::catalog::Key| {
            key.columns.len() == columns.len() && key.columns.iter().all(|column| columns.contains(column))
        };
        self.catalog
            .relations
            .values()
            .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
            .filter(|(_, foreign)| foreign.target == relation.name && covers(&foreign.target_columns, found))
            // Another key over the same columns will do.
            .filter(|(_, foreign)| {
                !keys().any(|other| other.name != found.name && covers(&foreign.target_columns, other))
            })
            .map(|(other, foreign)| (other.name.clone(), foreign.name.clone()))
            .collect()
    }

    /// Drops the foreign keys that need a key.
    pub(super) fn drop_references(&mut self, relation: &mut Relation, key: &str) -> Result<()> {
        for (other, name) in self.references_through(relation, key) {
            self.notice(format!("drop cascades to constraint {name} on table {other}"));
            if other == relation.name {
                relation.foreign_keys.retain(|known| known.name != name);
                continue;
            }
            let old = self.catalog.relations[&other].clone();
            let mut new = (*old).clone();
            new.foreign_keys.retain(|known| known.name != name);
            self.restructure(&old, new, &[])?;
        }
        Ok(())
    }

    fn drop_sequence(&mut self, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
        let Some(sequence) = self.find_sequence(name) else { return self.skip("sequence", name, if_exists, "42P01") };
        let users: Vec<Arc<Relation>> = self
            .catalog
            .relations
            .values()
            .filter(|relation| relation.columns.iter().any(|column| column.sequence.as_ref() == Some(&sequence.name)))
            .cloned()
            .collect();
        let by: BTreeSet<String> =
            users.iter().map(|relation| format!("default value of a column of table {}", relation.name)).collect();
        let identity = users.iter().any(|relation| {
            relation
                .columns
                .iter()
                .any(|column| column.identity.is_some() && column.sequence.as_ref() == Some(&sequence.name))
        });
        if !by.is_empty() && (!cascade || identity) {
            return Err(depended(format!("sequence {}", sequence.name.name), &by));
        }
        for relation in users {
            let mut new = (*relation).clone();
            for column in new.columns.iter_mut().filter(|column| column.sequence.as_ref() == Some(&sequence.name)) {
                column.sequence = None;
            }
            self.restructure(&relation, new, &[])?;
        }
        self.catalog.sequences.remove(&sequence.name);
        self.steps.push(Step::SequenceDropped(sequence.name.clone()));
        Ok(())
    }

    fn drop_type(&mut self, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
        let (found, is_enum) = match (self.find_enum(name), self.find_domain(name)) {
            (Some(found), _) => (found, true),
            (None, Some(found)) => (found, false),
            (None, None) if if_exists => return self.skip("type", name, true, "42704"),
            (None, None) => return Err(no_type(name)),
        };
        let mut by = BTreeSet::new();
        for relation in self.catalog.relations.values() {
            for column in &relation.columns {
                let uses = if is_enum { uses_enum(&column.ty, &found) } else { column.domain.as_ref() == Some(&found) };
                if uses {
                    by.insert(format!("column {} of {}", column.name, relation.name));
                }
            }
        }
        for function in self.catalog.functions.values().flatten() {
            let returned = match &function.returns {
                Returns::Scalar { ty, .. } => uses_enum(ty, &found),
                Returns::Columns { columns, .. } => columns.iter().any(|(_, ty)| uses_enum(ty, &found)),
                Returns::Void | Returns::Relation { .. } | Returns::Record { .. } => false,
            };
            if is_enum && (returned || function.parameters.iter().any(|parameter| uses_enum(&parameter.ty, &found))) {
                by.insert(format!("function {}", function.name));
            }
        }
        let domains = self.catalog.domains.values().filter(|domain| is_enum && uses_enum(&domain.ty, &found));
        by.extend(domains.map(|domain| format!("domain {}", domain.name)));
        if !by.is_empty() {
            if cascade {
                return Err(refused(
                    format!("dropping type \"{}\" with everything that uses it is not supported on SQLite", found.name),
                    format!("Drop these first: {}.", by.iter().cloned().collect::<Vec<_>>().join(", ")),
                ));
            }
            return Err(depended(format!("type {}", found.name), &by));
        }
        self.catalog.enums.remove(&found);
        self.catalog.domains.remove(&found);
        Ok(())
    }

    fn drop_function(&mut self, object: &ObjectRef, if_exists: bool) -> Result<()> {
        let (name, index) = match self.find_function(object) {
            Ok(found) => found,
            Err(error) if if_exists && error.code() == Some("42883") => {
                self.notice(format!("function {} does not exist, skipping", shown(&object.name)));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let removed = self.catalog.functions(&name.schema, &name.name).get(index).cloned();
        self.forget_function(&name, index);
        // Whoever calls it cannot be translated any more.
        let mut by = BTreeSet::new();
        for relation in self.catalog.relations.values() {
            if relation.view.is_some() && self.view_reads(relation).is_err() {
                by.insert(format!("view {}", relation.name));
            }
            for policy in &relation.policies {
                let broken = policy.using.iter().chain(&policy.check).filter_map(ExprText::tree);
                if broken.into_iter().any(|tree| self.judge_condition(relation, tree).is_err()) {
                    by.insert(format!("policy {} on table {}", policy.name, relation.name));
                }
            }
        }
        if !by.is_empty() {
            if let Some(removed) = removed {
                self.catalog.functions.entry(name.clone()).or_default().insert(index, removed);
            }
            return Err(depended(format!("function {}", name.name), &by));
        }
        Ok(())
    }

    fn drop_policy(&mut self, object: &ObjectRef, if_exists: bool) -> Result<()> {
        let table = object.on.as_ref().ok_or_else(|| SqlError::new("42601", "a policy lies on a table"))?;
        if if_exists && self.find_relation(table).is_none() {
            return self.skip("relation", table, true, "42P01");
        }
        let relation = self.table(table)?;
        match policy_at(&relation, &object.name.name) {
            Ok(at) => {
                self.edit(&relation.name)?.policies.remove(at);
                Ok(())
            }
            Err(_) if if_exists => {
                self.notice(format!(
                    "policy \"{}\" for relation \"{}\" does not exist, skipping",
                    object.name.name, relation.name.name
                ));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn drop_schema(&mut self, name: &Name, if_exists: bool, cascade: bool) -> Result<()> {
        if !self.catalog.schemas.contains_key(name) {
            return self.skip("schema", &ObjectName::bare(name.clone()), if_exists, "3F000");
        }
        if matches!(&**name, "auth" | "public") {
            return Err(refused(
                format!("schema \"{name}\" cannot be dropped on SQLite"),
                "Drop the objects in it instead.",
            ));
        }
        let inside = |key: &QName| key.schema == *name;
        let relations: Vec<QName> = self.catalog.relations.keys().filter(|key| inside(key)).cloned().collect();
        let mut by: BTreeSet<String> = relations.iter().map(|key| format!("relation {key}")).collect();
        by.extend(self.catalog.sequences.keys().filter(|key| inside(key)).map(|key| format!("sequence {key}")));
        by.extend(self.catalog.functions.keys().filter(|key| inside(key)).map(|key| format!("function {key}")));
        let types: Vec<QName> =
            self.catalog.enums.keys().chain(self.catalog.domains.keys()).filter(|key| inside(key)).cloned().collect();
        by.extend(types.iter().map(|key| format!("type {key}")));
        if !by.is_empty() && !cascade {
            return Err(depended(format!("schema {name}"), &by));
        }
        let together: BTreeSet<QName> = relations.iter().cloned().collect();
        for key in relations {
            if let Some(relation) = self.catalog.relations.get(&key).cloned() {
                self.remove_relation(&relation, true, &together)?;
            }
        }
        let sequences: Vec<QName> = self.catalog.sequences.keys().filter(|key| inside(key)).cloned().collect();
        for key in sequences {
            self.drop_sequence(&ObjectName::qualified(key.schema, key.name), false, true)?;
        }
        self.catalog.functions.retain(|key, _| key.schema != *name);
        for key in types {
            self.drop_type(&ObjectName::qualified(key.schema, key.name), false, false)?;
        }
        self.catalog.schemas.remove(name);
        self.catalog.default_grants.retain(|grant| grant.schema.as_ref() != Some(name));
        Ok(())
    }
}
