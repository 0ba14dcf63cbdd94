//! Compiling inserts and upserts.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    Assignment, ConflictAction, ConflictTarget, Expr, IndexElement, Insert, InsertSource, Name, OnConflict, Update,
};
use store::catalog::{Column, Identity, Privilege};
use store::translate::{Access, Deferred, Destination, Guard as _};
use store::{Engine, Param, SqlError};
use values::Type;

use super::bind::{Gives, runs};
use super::{KeyPart, Returning, Shape, Steps, Upsert, Write, Writer, merged, recordset, split};
use crate::compile::Params;
use crate::failure::Failure;
use crate::request::{Missing, Payload, Resolution};
use crate::tree;

impl Writer<'_> {
    /// An insert of the payload's rows.
    pub(crate) fn insert(
        &self,
        payload: &Payload,
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let columns = self.payload_columns(payload)?;
        match self.compiler.engine {
            Engine::Postgres => self.insert_postgres(payload, &columns, missing, upsert),
            Engine::Sqlite => self.insert_sqlite(payload, &columns, missing, upsert),
        }
    }

    fn conflict(&self, upsert: &Upsert, columns: &[&Column]) -> OnConflict {
        let elements = upsert
            .key
            .iter()
            .map(|name| IndexElement {
                expr: Expr::Column { parts: vec![name.clone()] },
                collation: None,
                opclass: None,
                opclass_options: Vec::new(),
                descending: None,
                nulls_first: None,
            })
            .collect();
        let action = match upsert.resolution {
            Resolution::IgnoreDuplicates => ConflictAction::Nothing,
            Resolution::MergeDuplicates if columns.is_empty() => ConflictAction::Nothing,
            Resolution::MergeDuplicates => ConflictAction::Update {
                set: columns
                    .iter()
                    .map(|column| Assignment::Column {
                        column: column.name.clone(),
                        value: tree::column(&Name::from("excluded"), &column.name),
                    })
                    .collect(),
                filter: (self.compiler.engine == Engine::Postgres).then(merged::leave),
            },
        };
        OnConflict { target: Some(ConflictTarget::Index { elements, filter: None }), action }
    }

    fn insert_postgres(
        &self,
        payload: &Payload,
        columns: &[&Column],
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let merge = upsert.is_some_and(|upsert| upsert.resolution == Resolution::MergeDuplicates);
        // A default that is asked for by name is a value like others: not for columns that make their own.
        if missing == Missing::Default && payload.has_absent() {
            columns.iter().try_for_each(|column| takes_values(column))?;
        }
        let mut statements = Vec::new();
        let mut returned = None;
        for (places, _) in runs(payload, missing) {
            let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
            let mut params = Params::default();
            let alias = self.relation.name.name.clone();
            let source = if given.is_empty() {
                InsertSource::DefaultValues
            } else {
                let body = params.push(Param::Null, Type::Json);
                let record = Name::from("payload");
                let items = given.iter().map(|column| tree::item(tree::column(&record, &column.name))).collect();
                let select = tree::select(items, vec![recordset(body, &record, &given)], None);
                InsertSource::Query(Box::new(tree::query(select)))
            };
            let (items, returning) = self.returning(&alias, &mut params, merge)?;
            let insert = Insert {
                with: None,
                table: self.target(),
                alias: Some(alias),
                columns: given.iter().map(|column| column.name.clone()).collect(),
                overriding_system: None,
                source,
                on_conflict: upsert.map(|upsert| self.conflict(upsert, &given)),
                returning: items,
            };
            statements.push((Arc::from(sql::ast::Statement::Insert(Box::new(insert)).to_string()), params.values));
            returned = returning;
        }
        let mut write = self.finish(Steps::Statements(statements), returned);
        write.gives = Gives::Bodies(missing);
        Ok(write)
    }

    fn insert_sqlite(
        &self,
        payload: &Payload,
        columns: &[&Column],
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let merge =
            upsert.is_some_and(|upsert| upsert.resolution == Resolution::MergeDuplicates) && !columns.is_empty();
        let late = Deferred::new(&**self.guard);
        let names: Vec<Name> = columns.iter().map(|column| column.name.clone()).collect();
        let key = upsert.map(|upsert| &*upsert.key);
        let reads = self.reads() || upsert.is_some();
        if let Err(error) = self.translator(&late, &[]).judge_insert(self.relation, &names, key, reads, merge) {
            if error.code() == Some("42P10") {
                // The privileges of views, also of those that policies read, are asked for before a key is looked for; those of tables
                // after. That the statement cannot be made is known.
                let _ = self.shape(columns, upsert, merge, &late);
                let _ = self.shape(columns, None, false, &late);
                late.judge_views()?;
            }
            return Err(error.into());
        }
        let mut shapes = Vec::new();
        let mut returned = None;
        for (places, _) in runs(payload, missing) {
            let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
            let (shape, returning) = self.shape(&given, upsert, merge, &late)?;
            returned = returning;
            shapes.push(shape);
        }
        late.judge()?;
        let mut write = self.finish(Steps::Rows { rows: Vec::new(), shapes: shapes.into(), merge }, returned);
        write.gives = Gives::Rows(missing, columns.iter().map(|column| column.ty.clone()).collect());
        Ok(write)
    }

    fn shape(
        &self,
        given: &[&Column],
        upsert: Option<&Upsert>,
        merge: bool,
        late: &Deferred<'_>,
    ) -> Result<(Shape, Option<Returning>), Failure> {
        let names: Vec<Name> = given.iter().map(|column| column.name.clone()).collect();
        let types: Vec<Type> = given.iter().map(|column| column.ty.clone()).collect();
        if upsert.is_some() {
            let columns = compared(given, upsert, merge);
            late.check(self.relation, &Access { privilege: Privilege::Select, columns: &columns })?;
        }
        let to = self.destination(Privilege::Insert)?;
        let reads = self.reads() || upsert.is_some();
        let checks = if to.binds_caller { self.guard.insert_checks(&to.table, reads) } else { Vec::new() };
        let (checks, demands) = split(checks, &to.options);
        // A key that is not given may come of a default, and a row with it be there.
        let fills = |upsert: &Upsert| merge && upsert.key.iter().any(|name| !names.contains(name));
        // A proposed row comes back whole, defaults filled in, and is inserted as it is.
        let stored: Vec<&Column> = to.table.columns.iter().filter(|column| column.generated.is_none()).collect();
        let (mut propose, mut afresh) = (None, None);
        if !demands.is_empty() || upsert.is_some_and(fills) {
            let stored: Vec<Type> = stored.iter().map(|column| column.ty.clone()).collect();
            let text = |several| {
                let text = self.translator(late, &types).propose(self.relation, &names, &checks, several)?;
                Ok::<Arc<str>, Failure>(Arc::from(text.sql))
            };
            if let Some(again) = self.translator(late, &stored).propose_afresh(&to.table, &checks)? {
                afresh = Some((text(true)?, Arc::from(again.sql)));
            }
            propose = Some((text(false)?, stored, demands));
        }
        let inserted = if propose.is_some() { &stored[..] } else { given };
        let mut params = Params::default();
        let alias = self.relation.name.name.clone();
        let row: Vec<Expr> = inserted.iter().map(|column| params.push(Param::Null, column.ty.clone())).collect();
        let (items, returning) = self.returning(&alias, &mut params, merge)?;
        // Identity columns that the proposal has filled from their sequence may be given then.
        let overriding = (propose.is_some() && !given.iter().any(|column| column.identity == Some(Identity::Always)))
            .then_some(true);
        let on_conflict = match upsert {
            Some(upsert) if !merge => Some(self.conflict(upsert, given)),
            _ => None,
        };
        let insert_tree = Insert {
            with: None,
            table: self.target(),
            alias: Some(alias.clone()),
            columns: inserted.iter().map(|column| column.name.clone()).collect(),
            overriding_system: overriding,
            source: if inserted.is_empty() {
                InsertSource::DefaultValues
            } else {
                InsertSource::Query(Box::new(sql::ast::Query::from_body(sql::ast::QueryBody::Values(vec![row]))))
            },
            on_conflict,
            returning: items.clone(),
        };
        let mut translator = self.translator(late, &params.types);
        let insert = if propose.is_some() {
            translator.insert_proposed(&insert_tree, &names)?
        } else {
            translator.insert(&insert_tree)?
        };
        let returning = returning.map(|mut returning| {
            returning.level.types = insert.columns.iter().map(|column| column.ty.clone()).collect();
            returning
        });
        let stored: Vec<Name> = given.iter().filter_map(|column| self.below(&to, &column.name)).collect();
        let mut shape = Shape {
            given: stored,
            propose,
            afresh,
            insert: Arc::from(insert.sql),
            find: None,
            violates: None,
            merges_afresh: false,
            update: None,
            key: Vec::new(),
            found_by: Vec::new(),
            returned: params.values.split_off(inserted.len()),
            probe: None,
        };
        if let Some(upsert) = upsert.filter(|_| merge) {
            self.merge_shape(&mut shape, given, upsert, &to, late)?;
            shape.probe = self.probe(&shape, &names, insert_tree, &to, late)?;
        }
        Ok((shape, returning))
    }

    fn merge_shape(
        &self,
        shape: &mut Shape,
        given: &[&Column],
        upsert: &Upsert,
        to: &Destination,
        late: &Deferred<'_>,
    ) -> Result<(), Failure> {
        let stored = || to.table.columns.iter().filter(|column| column.generated.is_none());
        let part = |name: &Name| {
            let given = given.iter().position(|column| column.name == *name).map(KeyPart::Given);
            given.or_else(|| {
                let below = self.below(to, name)?;
                stored().position(|column| column.name == below).map(KeyPart::Proposed)
            })
        };
        let key: Option<Vec<KeyPart>> = upsert.key.iter().map(part).collect();
        let key = key.unwrap_or_default();
        let checks = if to.binds_caller { self.guard.conflict_checks(&to.table) } else { Vec::new() };
        let (checks, demands) = split(checks, &[]);
        let mut translator = self.translator(late, &[]);
        let found = translator.existing(self.relation, &upsert.key, &checks)?;
        shape.merges_afresh = translator.looks_afresh();
        shape.find = Some((Arc::from(found.sql), demands));
        let mut params = Params::default();
        let alias = self.relation.name.name.clone();
        let values: Vec<Expr> = given.iter().map(|column| params.push(Param::Null, column.ty.clone())).collect();
        let set = given
            .iter()
            .zip(&values)
            .map(|(column, value)| Assignment::Column { column: column.name.clone(), value: value.clone() })
            .collect();
        let equals = |name: &Name| {
            let ty = self.relation.column(name).map_or(Type::Text, |column| column.ty.clone());
            tree::equal(tree::column(&alias, name), params.push(Param::Null, ty))
        };
        let filter = tree::all(upsert.key.iter().map(equals).collect());
        let (items, _) = self.returning(&alias, &mut params, true)?;
        let update = Update {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            set,
            from: Vec::new(),
            filter,
            returning: items,
        };
        let checks = if to.binds_caller { self.guard.update_checks(&to.table, true) } else { Vec::new() };
        let (checks, demands) = split(checks, &to.options);
        if !demands.is_empty() {
            let mut translator = self.translator(late, &params.types);
            let look = translator.merge_violations(&update, &checks)?;
            shape.merges_afresh |= translator.looks_afresh();
            shape.violates = Some((Arc::from(look.sql), demands));
        }
        shape.update = Some(Arc::from(self.translator(late, &params.types).merge(&update)?.sql));
        shape.key = key;
        shape.found_by = upsert.key.iter().filter_map(|name| self.below(to, name)).collect();
        Ok(())
    }

    /// PostgreSQL asks what a table demands of a new row before it looks for one with the same key. Needed where the demands are more than
    /// those on what is given, which the update is asked for too; a number that is drawn for the row is used up.
    fn probe(
        &self,
        shape: &Shape,
        names: &[Name],
        insert: Insert,
        to: &Destination,
        late: &Deferred<'_>,
    ) -> Result<Option<(Arc<str>, bool)>, Failure> {
        let demands = |column: &Column| {
            let drawn = column.sequence.is_some();
            let free = column.generated.is_none() && !shape.given.contains(&column.name);
            free && ((column.not_null && !drawn) || !to.table.checks.is_empty() || (drawn && shape.propose.is_none()))
        };
        // Where policies have a say in the update, what is wrong with the row is said before they are asked.
        let judged = shape.find.as_ref().is_some_and(|(_, checks)| !checks.is_empty()) || shape.violates.is_some();
        let strict = !to.table.checks.is_empty() || to.table.columns.iter().any(|column| column.not_null);
        let always = to.table.columns.iter().any(demands) || judged && strict;
        if !always && !strict {
            return Ok(None);
        }
        let types: Vec<Type> = match &shape.propose {
            Some((_, types, _)) => types.clone(),
            None => names
                .iter()
                .map(|name| self.relation.column(name).map_or(Type::Text, |column| column.ty.clone()))
                .collect(),
        };
        let on_conflict = Some(OnConflict { target: None, action: ConflictAction::Nothing });
        let insert = Insert { on_conflict, returning: Vec::new(), ..insert };
        let mut translator = self.translator(late, &types);
        let text = if shape.propose.is_some() {
            translator.insert_proposed(&insert, names)?
        } else {
            translator.insert(&insert)?
        };
        Ok(Some((Arc::from(text.sql), always)))
    }
}

/// PostgreSQL's refusal of a value for a column that makes its own.
fn takes_values(column: &Column) -> Result<(), Failure> {
    let name = &column.name;
    let (detail, hint) = if column.identity == Some(Identity::Always) {
        let detail = format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS.");
        (detail, Some("Use OVERRIDING SYSTEM VALUE to override."))
    } else if column.generated.is_some() {
        (format!("Column \"{name}\" is a generated column."), None)
    } else {
        return Ok(());
    };
    let mut error = SqlError::new("428C9", format!("cannot insert a non-DEFAULT value into column \"{name}\""));
    error = error.detail(detail);
    if let Some(hint) = hint {
        error = error.hint(hint);
    }
    Err(store::Error::from(error).into())
}

/// What an upsert reads: its key is compared with rows that are there, and PostgreSQL wants to be allowed to read what a merge takes over.
fn compared(given: &[&Column], upsert: Option<&Upsert>, merge: bool) -> BTreeSet<Name> {
    let key = upsert.into_iter().flat_map(|upsert| &upsert.key);
    key.chain(given.iter().filter(|_| merge).map(|column| &column.name)).cloned().collect()
}
