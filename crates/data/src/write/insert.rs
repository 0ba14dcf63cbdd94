//! Compiling inserts and upserts.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    Assignment, ConflictAction, ConflictTarget, Expr, IndexElement, Insert, InsertSource, Name, OnConflict, Update,
};
use store::catalog::{Column, Identity, Privilege};
use store::translate::{Access, Destination, Guard as _};
use store::{Engine, Param, SqlError};
use values::Type;

use super::bind::{Gives, runs};
use super::{Returning, Shape, Steps, Upsert, Write, Writer, merged, recordset, split};
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
        self.judge_values(&columns)?;
        if let Some(upsert) = upsert {
            self.judge_key(upsert)?;
        }
        match self.compiler.engine {
            Engine::Postgres => self.insert_postgres(payload, &columns, missing, upsert),
            Engine::Sqlite => self.insert_sqlite(payload, &columns, missing, upsert),
        }
    }

    /// Columns that take no value are refused before anybody's privileges are, as PostgreSQL does.
    fn judge_values(&self, columns: &[&Column]) -> Result<(), Failure> {
        if self.compiler.engine == Engine::Postgres || self.relation.is_view() {
            return Ok(());
        }
        let always = |column: &&&Column| column.generated.is_some() || column.identity == Some(Identity::Always);
        let Some(column) = columns.iter().find(always) else { return Ok(()) };
        let error =
            SqlError::new("428C9", format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name));
        let error = if column.generated.is_some() {
            error.detail(format!("Column \"{}\" is a generated column.", column.name))
        } else {
            error
                .detail(format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name))
                .hint("Use OVERRIDING SYSTEM VALUE to override.")
        };
        Err(store::Error::from(error).into())
    }

    /// An upsert's key must be one of the table's. PostgreSQL says so before it asks who may do what; SQLite would say it last or, when
    /// the rows go another way, never.
    fn judge_key(&self, upsert: &Upsert) -> Result<(), Failure> {
        if self.compiler.engine == Engine::Postgres || self.relation.is_view() {
            return Ok(());
        }
        if let Some(name) = upsert.key.iter().find(|name| self.relation.column(name).is_none()) {
            return Err(store::Error::sql("42703", format!("column \"{name}\" does not exist")).into());
        }
        let wanted: BTreeSet<&Name> = upsert.key.iter().collect();
        let mut keys = self.relation.primary_key.iter().chain(&self.relation.uniques);
        if keys.any(|key| key.columns.iter().collect::<BTreeSet<_>>() == wanted) {
            return Ok(());
        }
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        Err(store::Error::sql("42P10", message).into())
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
                filter: (self.relation.is_view() && self.compiler.engine == Engine::Postgres).then(merged::leave),
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
        let mut shapes = Vec::new();
        let mut returned = None;
        for (places, _) in runs(payload, missing) {
            let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
            let (shape, returning) = self.shape(&given, upsert, merge)?;
            returned = returning;
            shapes.push(shape);
        }
        let mut write = self.finish(Steps::Rows { rows: Vec::new(), shapes: shapes.into(), merge }, returned);
        write.gives = Gives::Rows(missing, columns.iter().map(|column| column.ty.clone()).collect());
        Ok(write)
    }

    fn shape(
        &self,
        given: &[&Column],
        upsert: Option<&Upsert>,
        merge: bool,
    ) -> Result<(Shape, Option<Returning>), Failure> {
        let names: Vec<Name> = given.iter().map(|column| column.name.clone()).collect();
        let types: Vec<Type> = given.iter().map(|column| column.ty.clone()).collect();
        if let Some(upsert) = upsert {
            // The key is compared with rows that are there; and PostgreSQL wants to be allowed to read what a merge takes over.
            let taken = given.iter().filter(|_| merge).map(|column| &column.name);
            let columns: BTreeSet<Name> = upsert.key.iter().chain(taken).cloned().collect();
            let access = Access { privilege: Privilege::Select, columns: &columns };
            self.guard.check(self.relation, &access)?;
        }
        let to = self.destination(Privilege::Insert)?;
        let reads = self.reads() || upsert.is_some();
        let (checks, names_of) =
            split(if to.binds_caller { self.guard.insert_checks(&to.table, reads) } else { Vec::new() });
        let propose = if checks.is_empty() {
            None
        } else {
            let proposed = self.translator(&types).propose(self.relation, &names, &checks)?;
            let stored: Vec<Type> = proposed.columns[..proposed.columns.len() - checks.len()]
                .iter()
                .map(|column| column.ty.clone())
                .collect();
            Some((Arc::from(proposed.sql), stored, names_of))
        };
        // A proposed row comes back whole, defaults filled in, and is inserted as it is.
        let stored: Vec<&Column> = to.table.columns.iter().filter(|column| column.generated.is_none()).collect();
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
        let insert = Insert {
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
        let mut translator = self.translator(&params.types);
        let insert = if propose.is_some() {
            translator.insert_proposed(&insert, &names)?
        } else {
            translator.insert(&insert)?
        };
        let returning = returning.map(|mut returning| {
            returning.level.types = insert.columns.iter().map(|column| column.ty.clone()).collect();
            returning
        });
        let below = |column: &&Column| {
            let place = self.relation.columns.iter().position(|known| known.name == column.name)?;
            to.columns[place].clone()
        };
        let stored: Vec<Name> = given.iter().filter_map(below).collect();
        let must = |column: &&Column| {
            column.not_null && column.default.is_none() && column.sequence.is_none() && column.generated.is_none()
        };
        let missing = to
            .table
            .columns
            .iter()
            .filter(must)
            .find(|column| !stored.contains(&column.name))
            .map(|column| column.name.clone());
        let mut shape = Shape {
            given: stored,
            propose,
            insert: Arc::from(insert.sql),
            find: None,
            violates: None,
            update: None,
            key: Vec::new(),
            missing,
        };
        if let Some(upsert) = upsert.filter(|_| merge) {
            self.merge_shape(&mut shape, given, upsert, &to)?;
        }
        Ok((shape, returning))
    }

    fn merge_shape(
        &self,
        shape: &mut Shape,
        given: &[&Column],
        upsert: &Upsert,
        to: &Destination,
    ) -> Result<(), Failure> {
        let key: Vec<usize> = upsert
            .key
            .iter()
            .map(|name| given.iter().position(|column| column.name == *name))
            .collect::<Option<_>>()
            .unwrap_or_default();
        if key.len() != upsert.key.len() {
            // A key that is not given cannot be there already.
            return Ok(());
        }
        let (checks, names) = split(if to.binds_caller { self.guard.conflict_checks(&to.table) } else { Vec::new() });
        let found = self.translator(&[]).existing(self.relation, &upsert.key, &checks)?;
        shape.find = Some((Arc::from(found.sql), key.clone(), names));
        let mut params = Params::default();
        let alias = self.relation.name.name.clone();
        let values: Vec<Expr> = given.iter().map(|column| params.push(Param::Null, column.ty.clone())).collect();
        let set = given
            .iter()
            .zip(&values)
            .map(|(column, value)| Assignment::Column { column: column.name.clone(), value: value.clone() })
            .collect();
        let filter = tree::all(
            key.iter()
                .map(|place| tree::equal(tree::column(&alias, &given[*place].name), values[*place].clone()))
                .collect(),
        );
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
        let (checks, names) =
            split(if to.binds_caller { self.guard.update_checks(&to.table, true) } else { Vec::new() });
        if !checks.is_empty() {
            let look = self.translator(&params.types).update_violations(&update, &checks)?;
            shape.violates = Some((Arc::from(look.sql), names));
        }
        shape.update = Some(Arc::from(self.translator(&params.types).update(&update)?.sql));
        shape.key = key;
        Ok(())
    }
}
