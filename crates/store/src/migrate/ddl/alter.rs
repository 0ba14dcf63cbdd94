//! `alter table` and its like on views, indexes and sequences.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{AlterAction, AlterTable, Expr, RelationKind as Word, SequenceOption, TypeName};
use values::Type;

use super::constraint::{Wanted, has_constraint};
use super::restructure::Copies;
use super::{Ddl, column, column_mut, refused};
use crate::catalog::{Column, Identity, Name, QName, Relation, RelationKind};
use crate::error::{Result, SqlError};
use crate::migrate::names::Taken;
use crate::translate::{Owner, Translator, quote, resolve_type};

impl Ddl<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) -> Result<()> {
        match alter.kind {
            Word::Index => return self.alter_index(alter),
            Word::Sequence => return self.alter_sequence_like(alter),
            Word::MaterializedView | Word::ForeignTable => {
                return Err(refused(
                    "there are no materialized views or foreign tables on SQLite",
                    "Leave the statement out.",
                ));
            }
            Word::Table | Word::View => {}
        }
        let Some(relation) = self.find_relation(&alter.name) else {
            // ALTER TABLE may name a sequence or an index too.
            if self.find_sequence(&alter.name).is_some() {
                return self.alter_sequence_like(alter);
            }
            if self.find_index(&alter.name).is_some() {
                return self.alter_index(alter);
            }
            if alter.if_exists {
                self.notice(format!("relation \"{}\" does not exist, skipping", alter.name.name));
                return Ok(());
            }
            return Err(super::no_relation(&alter.name));
        };
        if relation.kind == RelationKind::View {
            return self.alter_view(&relation, alter);
        }
        if alter.kind == Word::View {
            return Err(SqlError::new("42809", format!("\"{}\" is not a view", alter.name.name)).into());
        }
        // Renaming stands alone in PostgreSQL's grammar.
        match alter.actions.as_slice() {
            [AlterAction::RenameTo(to)] => return self.rename_relation(&relation, to),
            [AlterAction::RenameColumn { from, to }] => return self.rename_column(&relation, from, to),
            [AlterAction::RenameConstraint { from, to }] => return self.rename_constraint(&relation, from, to),
            [AlterAction::SetSchema(schema)] => return self.move_relation(&relation, schema),
            _ => {}
        }
        let mut change = Change { new: (*relation).clone(), copies: Vec::new() };
        let mut taken = Taken::of(self.catalog, &relation.name.schema);
        // PostgreSQL adds columns and changes types before it adds constraints, whatever the order in the text.
        let mut wanted = Vec::new();
        for action in &alter.actions {
            self.alter_action(&relation, &mut change, &mut taken, &mut wanted, action)?;
        }
        wanted.sort_by_key(|wanted: &Wanted| wanted.kind.turn());
        for wanted in &wanted {
            if wanted.not_valid {
                self.notice("NOT VALID has no effect on SQLite: existing rows are checked at once.");
            }
            self.constrain(&mut change.new, &mut taken, wanted)?;
        }
        let used = self.catalog.relations.get(&relation.name).cloned().unwrap_or(relation);
        self.restructure(&used, change.new, &change.copies)
    }

    fn alter_action(
        &mut self,
        old: &Arc<Relation>,
        change: &mut Change,
        taken: &mut Taken,
        wanted: &mut Vec<Wanted>,
        action: &AlterAction,
    ) -> Result<()> {
        let new = &mut change.new;
        match action {
            AlterAction::AddColumn { column, if_not_exists } => {
                if *if_not_exists && new.column(&column.name).is_some() {
                    self.notice(format!(
                        "column \"{}\" of relation \"{}\" already exists, skipping",
                        column.name, old.name.name
                    ));
                    return Ok(());
                }
                self.add_column(new, taken, column, wanted)
            }
            AlterAction::DropColumn { name, if_exists, cascade } => {
                self.drop_column(old, change, name, *if_exists, *cascade)
            }
            AlterAction::SetType { column, ty, collation, using } => {
                if collation.as_ref().is_some_and(|collation| !matches!(&*collation.name, "C" | "POSIX" | "default")) {
                    return Err(refused("collations of columns are not supported on SQLite", "Leave COLLATE out."));
                }
                self.set_type(old, change, column, ty, using.as_ref())
            }
            AlterAction::Default { column: name, value } => self.set_default(new, name, value.as_ref()),
            AlterAction::NotNull { column: name, set } => {
                if !set {
                    not_null_needed(new, name)?;
                }
                column_mut(new, name)?.not_null = *set;
                Ok(())
            }
            AlterAction::AddIdentity { .. }
            | AlterAction::SetIdentity { .. }
            | AlterAction::DropIdentity { .. }
            | AlterAction::DropExpression { .. }
            | AlterAction::ColumnOther { .. } => self.alter_generation(old, change, taken, action),
            AlterAction::OwnerTo(role) => self.owner_to(role),
            AlterAction::AddConstraint(constraint) => {
                wanted.push(Wanted::of_table(constraint)?);
                Ok(())
            }
            AlterAction::ValidateConstraint(name) => {
                if has_constraint(new, name) {
                    Ok(())
                } else {
                    Err(no_constraint(new, name))
                }
            }
            AlterAction::AlterConstraint { name, timing } => {
                let table = new.name.name.clone();
                let key = new.foreign_keys.iter_mut().find(|key| key.name == *name);
                let key = key.ok_or_else(|| {
                    SqlError::new(
                        "42809",
                        format!("constraint \"{name}\" of relation \"{table}\" is not a foreign key constraint"),
                    )
                })?;
                key.deferrable = timing.deferrable || timing.initially_deferred;
                key.deferred = timing.initially_deferred;
                Ok(())
            }
            AlterAction::DropConstraint { name, if_exists, cascade } => {
                self.drop_constraint(new, name, *if_exists, *cascade)
            }
            AlterAction::RowSecurity(on) => {
                new.row_security = *on;
                Ok(())
            }
            AlterAction::ForceRowSecurity(on) => {
                new.row_security_forced = *on;
                Ok(())
            }
            AlterAction::SetOptions(_) | AlterAction::ResetOptions(_) => {
                self.notice("Storage options have no effect on SQLite.");
                Ok(())
            }
            AlterAction::Other(text) => self.alter_other(text),
            AlterAction::RenameColumn { .. }
            | AlterAction::RenameConstraint { .. }
            | AlterAction::RenameTo(_)
            | AlterAction::SetSchema(_) => {
                Err(SqlError::new("42601", "renaming must be the only action of its statement").into())
            }
        }
    }

    /// Where a column's values come from: identity and generation.
    fn alter_generation(
        &mut self,
        old: &Arc<Relation>,
        change: &mut Change,
        taken: &mut Taken,
        action: &AlterAction,
    ) -> Result<()> {
        let new = &mut change.new;
        match action {
            AlterAction::AddIdentity { column: name, always, options } => {
                let found = column(new, name)?;
                if found.identity.is_some() || found.sequence.is_some() || found.default.is_some() {
                    return Err(SqlError::new(
                        "55000",
                        format!("column \"{name}\" of relation \"{}\" already has a default value", old.name.name),
                    )
                    .into());
                }
                if !found.ty.is_integer() {
                    return Err(
                        SqlError::new("22023", "identity column type must be smallint, integer, or bigint").into()
                    );
                }
                if !found.not_null {
                    return Err(SqlError::new("55000", format!("column \"{name}\" of relation \"{}\" must be declared NOT NULL before identity can be added", old.name.name)).into());
                }
                let ty = found.ty.clone();
                let sequence = self.own_sequence(new, taken, name, &ty, options)?;
                let found = column_mut(new, name)?;
                found.sequence = Some(sequence);
                found.identity = Some(if *always { Identity::Always } else { Identity::ByDefault });
                Ok(())
            }
            AlterAction::SetIdentity { column: name, always, options } => {
                self.set_identity(new, name, *always, options)
            }
            AlterAction::DropIdentity { column: name, if_exists } => {
                let found = column_mut(new, name)?;
                if found.identity.take().is_none() {
                    if *if_exists {
                        return Ok(());
                    }
                    return Err(SqlError::new(
                        "55000",
                        format!("column \"{name}\" of relation \"{}\" is not an identity column", old.name.name),
                    )
                    .into());
                }
                found.sequence = None;
                self.forget_sequences_of(&old.name, Some(name));
                Ok(())
            }
            AlterAction::DropExpression { column: name, if_exists } => {
                let found = column_mut(new, name)?;
                if found.generated.take().is_none() && !if_exists {
                    return Err(SqlError::new(
                        "55000",
                        format!("column \"{name}\" of relation \"{}\" is not a stored generated column", old.name.name),
                    )
                    .into());
                }
                // The values stay: they are copied from the generated column of the old table.
                change.copies.push((name.clone(), quote(name)));
                Ok(())
            }
            AlterAction::ColumnOther { column: name, text } => {
                column(new, name)?;
                self.notice(format!("ALTER COLUMN {name} {text} has no effect on SQLite."));
                Ok(())
            }
            _ => Err(crate::Error::Internal("an action of another kind".to_owned())),
        }
    }

    fn alter_other(&mut self, text: &str) -> Result<()> {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("replica identity") || lower.starts_with("cluster") || lower.starts_with("set without") {
            self.notice(format!("{text} has no effect on SQLite."));
            return Ok(());
        }
        let way = if lower.contains("trigger") {
            "There are no triggers on SQLite. Leave the statement out."
        } else {
            "Leave the statement out, or serve this app on PostgreSQL."
        };
        Err(refused(format!("alter table ... {text} is not supported on SQLite"), way))
    }

    fn set_identity(
        &mut self,
        new: &mut Relation,
        name: &Name,
        always: Option<bool>,
        options: &[SequenceOption],
    ) -> Result<()> {
        let table = new.name.name.clone();
        let found = column_mut(new, name)?;
        let Some(identity) = &mut found.identity else {
            return Err(SqlError::new(
                "55000",
                format!("column \"{name}\" of relation \"{table}\" is not an identity column"),
            )
            .into());
        };
        if let Some(always) = always {
            *identity = if always { Identity::Always } else { Identity::ByDefault };
        }
        let ty = found.ty.clone();
        let sequence = found.sequence.as_ref().and_then(|sequence| self.catalog.sequences.get(sequence)).cloned();
        match sequence {
            Some(sequence) if !options.is_empty() => self.change_sequence(&sequence, Some(&ty), options),
            _ => Ok(()),
        }
    }

    fn set_type(
        &mut self,
        old: &Arc<Relation>,
        change: &mut Change,
        name: &Name,
        ty: &TypeName,
        using: Option<&Expr>,
    ) -> Result<()> {
        let (ty, domain) = resolve_type(self.catalog, &self.context.search_path, ty)?;
        super::table::storable(&ty, name)?;
        let before = column(old, name)?.clone();
        let views: BTreeSet<String> = self
            .dependent_views(&old.name)?
            .into_iter()
            .filter(|(_, columns)| columns.contains(name))
            .map(|(view, _)| view.to_string())
            .collect();
        if !views.is_empty() {
            let list: Vec<&str> = views.iter().map(String::as_str).collect();
            return Err(SqlError::new("0A000", "cannot alter type of a column used by a view or rule")
                .detail(format!("Views: {}.", list.join(", ")))
                .hint("Drop the views, alter the column, and create them again.")
                .into());
        }
        let value = match using {
            Some(using) => {
                let public = self.context.search_path.clone();
                let mut translator = Translator::new(self.catalog, &Owner, &public, &[]);
                translator.over_relation(using, old, &old.name.name, Some(&ty)).map(|typed| Some(typed.sql))
            }
            None if widens(&before.ty, &ty) && before.domain.is_none() && domain.is_none() => Ok(None),
            None => {
                let own = Expr::Column { parts: vec![name.clone()] };
                let mut translator = Translator::new(self.catalog, &Owner, &[], &[]);
                translator.over_relation(&own, old, &old.name.name, Some(&ty)).map(|typed| Some(typed.sql))
            }
        };
        let value = value.map_err(|error| match error {
            crate::Error::Sql(inner) if using.is_none() && matches!(inner.code.as_str(), "42804" | "42846") => {
                SqlError::new(
                    "42804",
                    format!("column \"{name}\" cannot be cast automatically to type {}", ty.base_name()),
                )
                .hint(format!("You might need to specify \"USING {name}::{}\".", ty.sql_name()))
                .into()
            }
            other => other,
        })?;
        if let Some(value) = value {
            change.copies.retain(|(known, _)| known != name);
            change.copies.push((name.clone(), value));
        }
        let found = column_mut(&mut change.new, name)?;
        found.ty = ty;
        found.domain = domain.as_ref().map(|domain| domain.name.clone());
        found.not_null |= domain.as_ref().is_some_and(|domain| domain.not_null);
        if found.identity.is_some() && !found.ty.is_integer() {
            return Err(SqlError::new("22023", "identity column type must be smallint, integer, or bigint").into());
        }
        Ok(())
    }

    fn drop_column(
        &mut self,
        old: &Arc<Relation>,
        change: &mut Change,
        name: &Name,
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        let Some(found) = change.new.column(name) else {
            if if_exists {
                self.notice(format!("column \"{name}\" of relation \"{}\" does not exist, skipping", old.name.name));
                return Ok(());
            }
            return Err(super::no_column(old, name));
        };
        if change.new.columns.len() == 1 {
            return Err(refused("a table without columns cannot be kept on SQLite", "Drop the table instead."));
        }
        let found: Column = found.clone();
        self.release_column(old, name, cascade)?;
        let new = &mut change.new;
        // What only this column made possible goes with it; what others need of it is refused by `release_column`.
        let has = |columns: &[Name]| columns.contains(name);
        if new.primary_key.as_ref().is_some_and(|key| has(&key.columns)) {
            new.primary_key = None;
        }
        new.uniques.retain(|key| !has(&key.columns));
        new.foreign_keys.retain(|key| !has(&key.columns) && (key.target != old.name || !has(&key.target_columns)));
        let reads = |text: &crate::catalog::ExprText| {
            text.tree().is_some_and(|tree| crate::migrate::walk::column_names(tree).contains(name))
        };
        new.checks.retain(|check| !reads(&check.expr));
        new.indexes.retain(|index| {
            !index.keys.iter().any(|key| key.column.as_ref() == Some(name) || key.expr.as_ref().is_some_and(&reads))
                && !has(&index.include)
                && !index.predicate.as_ref().is_some_and(&reads)
        });
        let generated: Vec<Name> = new
            .columns
            .iter()
            .filter(|column| column.name != *name && column.generated.as_ref().is_some_and(&reads))
            .map(|column| column.name.clone())
            .collect();
        if !generated.is_empty() && !cascade {
            let by = generated.iter().map(|column| format!("column {column} of table {}", old.name.name)).collect();
            return Err(super::depended(format!("column {name} of table {}", old.name.name), &by));
        }
        new.columns.retain(|column| column.name != *name && !generated.contains(&column.name));
        new.grants.columns.retain(|(_, _, column)| column != name);
        if let Some(sequence) = &found.sequence
            && self.catalog.sequences.get(sequence).is_some_and(|sequence| sequence.owned_by.is_some())
        {
            self.forget_sequences_of(&old.name, Some(name));
        }
        Ok(())
    }

    fn drop_constraint(&mut self, new: &mut Relation, name: &Name, if_exists: bool, cascade: bool) -> Result<()> {
        if !has_constraint(new, name) {
            if if_exists {
                self.notice(format!(
                    "constraint \"{name}\" of relation \"{}\" does not exist, skipping",
                    new.name.name
                ));
                return Ok(());
            }
            return Err(no_constraint(new, name));
        }
        let referrers = self.referenced_key(new, name);
        if !referrers.is_empty() {
            if !cascade {
                return Err(super::depended(format!("constraint {name} on table {}", new.name.name), &referrers));
            }
            self.drop_references(new, name)?;
        }
        if new.primary_key.as_ref().is_some_and(|key| key.name == *name) {
            new.primary_key = None;
        }
        new.uniques.retain(|key| key.index_only || key.name != *name);
        new.checks.retain(|check| check.name != *name);
        new.foreign_keys.retain(|key| key.name != *name);
        Ok(())
    }

    fn alter_view(&mut self, relation: &Arc<Relation>, alter: &AlterTable) -> Result<()> {
        for action in &alter.actions {
            match action {
                AlterAction::SetOptions(options) => self.view_options(&relation.name, options, &[])?,
                AlterAction::ResetOptions(options) => self.view_options(&relation.name, &[], options)?,
                AlterAction::OwnerTo(role) => self.owner_to(role)?,
                AlterAction::RenameTo(to) => self.rename_relation(relation, to)?,
                AlterAction::RenameColumn { from, to } => self.rename_column(relation, from, to)?,
                AlterAction::SetSchema(schema) => self.move_relation(relation, schema)?,
                _ => {
                    return Err(refused(
                        "this change of a view is not supported on SQLite",
                        "Use create or replace view, or drop and create it.",
                    ));
                }
            }
        }
        Ok(())
    }

    fn alter_index(&mut self, alter: &AlterTable) -> Result<()> {
        let Some((table, index)) = self.find_index(&alter.name) else {
            if alter.if_exists {
                self.notice(format!("relation \"{}\" does not exist, skipping", alter.name.name));
                return Ok(());
            }
            return Err(super::no_relation(&alter.name));
        };
        let [AlterAction::RenameTo(to)] = alter.actions.as_slice() else {
            self.notice("This change of an index has no effect on SQLite.");
            return Ok(());
        };
        let old = self.table(&sql::ast::ObjectName { schema: Some(table.schema), name: table.name })?;
        self.free_name(&QName { schema: old.name.schema.clone(), name: to.clone() })?;
        let mut new = (*old).clone();
        for key in new.primary_key.iter_mut().chain(&mut new.uniques).filter(|key| key.name == index) {
            key.name = to.clone();
        }
        for known in new.indexes.iter_mut().filter(|known| known.name == index) {
            known.name = to.clone();
        }
        self.restructure(&old, new, &[])
    }

    fn alter_sequence_like(&mut self, alter: &AlterTable) -> Result<()> {
        let Some(sequence) = self.find_sequence(&alter.name) else {
            if alter.if_exists {
                self.notice(format!("relation \"{}\" does not exist, skipping", alter.name.name));
                return Ok(());
            }
            return Err(super::no_relation(&alter.name));
        };
        for action in &alter.actions {
            match action {
                AlterAction::RenameTo(to) => {
                    self.rename_sequence(&sequence, &QName { schema: sequence.name.schema.clone(), name: to.clone() })?;
                }
                AlterAction::SetSchema(schema) => {
                    self.rename_sequence(
                        &sequence,
                        &QName { schema: schema.clone(), name: sequence.name.name.clone() },
                    )?;
                }
                AlterAction::OwnerTo(role) => self.owner_to(role)?,
                _ => return Err(SqlError::new("42809", format!("\"{}\" is a sequence", alter.name.name)).into()),
            }
        }
        Ok(())
    }
}

/// A table on its way to a new form.
struct Change {
    new: Relation,
    copies: Copies,
}

/// May a value of the first type be read as one of the second without touching it.
fn widens(from: &Type, to: &Type) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        (Type::Int2, Type::Int4 | Type::Int8)
        | (Type::Int4, Type::Int8)
        | (Type::Varchar(_) | Type::Text, Type::Text | Type::Varchar(None))
        | (Type::Numeric(Some(_)), Type::Numeric(None)) => true,
        (Type::Varchar(Some(from)), Type::Varchar(Some(to))) => from <= to,
        (Type::Numeric(Some((from, scale))), Type::Numeric(Some((to, same)))) => scale == same && from <= to,
        _ => false,
    }
}

fn not_null_needed(relation: &Relation, name: &Name) -> Result<()> {
    let found = column(relation, name)?;
    if relation.primary_key.as_ref().is_some_and(|key| key.columns.contains(name)) {
        return Err(SqlError::new("42P16", format!("column \"{name}\" is in a primary key")).into());
    }
    if found.identity.is_some() {
        let table = &relation.name.name;
        return Err(
            SqlError::new("42601", format!("column \"{name}\" of relation \"{table}\" is an identity column")).into()
        );
    }
    Ok(())
}

fn no_constraint(relation: &Relation, name: &str) -> crate::Error {
    SqlError::new("42704", format!("constraint \"{name}\" of relation \"{}\" does not exist", relation.name.name))
        .into()
}
