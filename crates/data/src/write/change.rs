//! Compiling updates and deletes.

use std::sync::Arc;

use sql::ast::{Assignment, Delete, Expr, Name, Update};
use store::catalog::{Column, Privilege};
use store::translate::{Deferred, Translator};
use store::{Engine, Param};
use values::Type;

use super::bind::Gives;
use super::{Checks, Each, Returning, Steps, Write, Writer, recordset, split, with_types};
use crate::compile::Params;
use crate::failure::Failure;
use crate::request::{Cell, Missing, Payload};
use crate::tree;

impl Writer<'_> {
    /// An update of the rows that meet the plan's conditions.
    pub(crate) fn update(&self, payload: &Payload, missing: Missing) -> Result<Write, Failure> {
        let columns = self.payload_columns(payload)?;
        let mut params = Params::default();
        let alias = params.alias(self.relation);
        if payload.rows() == 0 || columns.is_empty() {
            let (_, returning) = self.returning(&alias, &mut params, false)?;
            return Ok(self.finish(Steps::Nothing, returning));
        }
        let mut from = Vec::new();
        let mut set = Vec::with_capacity(columns.len());
        let absent = |place: usize| missing == Missing::Default && matches!(payload.cell(0, place), Cell::Absent);
        let gives = match self.compiler.engine {
            Engine::Postgres => {
                let places: Vec<usize> = (0..columns.len()).filter(|place| !absent(*place)).collect();
                let set_by: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
                let body = params.push(Param::Null, Type::Json);
                let record = Name::from("payload");
                if !set_by.is_empty() {
                    from.push(recordset(body, &record, &set_by));
                }
                for column in &set_by {
                    set.push(Assignment::Column {
                        column: column.name.clone(),
                        value: tree::column(&record, &column.name),
                    });
                }
                Gives::Body(places)
            }
            Engine::Sqlite => {
                let mut cells = Vec::with_capacity(columns.len());
                for (place, column) in columns.iter().enumerate().filter(|(place, _)| !absent(*place)) {
                    let value = params.push(Param::Null, column.ty.clone());
                    set.push(Assignment::Column { column: column.name.clone(), value });
                    cells.push((place, column.ty.clone()));
                }
                Gives::Cells(cells.into())
            }
        };
        for (_, column) in columns.iter().enumerate().filter(|(place, _)| absent(*place)) {
            set.push(Assignment::Column { column: column.name.clone(), value: Expr::Default });
        }
        let filter = tree::all(self.compiler.conditions(self.plan, &alias, &mut params)?);
        let count = params.types.len();
        let (items, returning) = self.returning(&alias, &mut params, false)?;
        let update = Update {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            set: set.clone(),
            from,
            filter,
            returning: items,
        };
        match self.compiler.engine {
            Engine::Postgres => {
                let text = Arc::from(sql::ast::Statement::Update(Box::new(update)).to_string());
                let mut write = self.finish(Steps::Statements(vec![(text, params.values)]), returning);
                write.gives = gives;
                Ok(write)
            }
            Engine::Sqlite => {
                let mut write = self.update_sqlite(update, (params, count), returning)?;
                if let Some(explain) = &mut write.explain {
                    let to = self.destination(Privilege::Update)?;
                    explain.set = columns.iter().filter_map(|column| self.below(&to, &column.name)).collect();
                }
                write.gives = gives;
                Ok(write)
            }
        }
    }

    /// With `count` parameters but for those of what it returns.
    fn update_sqlite(
        &self,
        update: Update,
        (params, count): (Params, usize),
        returning: Option<Returning>,
    ) -> Result<Write, Failure> {
        let late = Deferred::new(&**self.guard);
        let translator = || self.translator(&late, &params.types);
        let mut whole = translator();
        let change = whole.update(&update)?;
        let returning = with_types(returning, &change);
        let to = self.destination(Privilege::Update)?;
        let reads = self.reads() || update.filter.is_some();
        let checks = if to.binds_caller { self.guard.update_checks(&to.table, reads) } else { Vec::new() };
        let (checks, demands) = split(checks, &to.options);
        let mut looking = translator();
        let steps = if demands.is_empty() {
            Steps::Statements(vec![(Arc::from(change.sql), params.values.clone())])
        } else {
            let look = Arc::from(looking.update_violations(&update, &checks)?.sql);
            let change = Arc::from(translator().update_proposed(&update)?.sql);
            let checks = Arc::new(demands.clone());
            Steps::Checked { look, looks_with: count, checks, change, params: params.values.clone() }
        };
        let mut each = None;
        if whole.looks_afresh() || looking.looks_afresh() {
            let judge = |mut translator: Translator<'_>| -> Result<_, Failure> {
                Ok(translator.row_violations(&update, &checks)?.map(|text| Arc::from(text.sql)))
            };
            each = Some(Arc::new(Each {
                places: Arc::from(translator().places(&update, Privilege::Update)?.sql),
                before: judge(translator())?,
                looks_with: count,
                look: judge(translator().one_row())?,
                checks: demands,
                change: Arc::from(translator().one_row().update_proposed(&update)?.sql),
            }));
        }
        late.judge()?;
        let mut write = self.explaining(self.finish(steps, returning), false);
        write.each = each;
        if let Some(explain) = &mut write.explain {
            // Without it a refusal says less; what is wrong with the statement itself has been said.
            let update = Update { returning: Vec::new(), ..update };
            let translator = || self.translator(&**self.guard, &params.types[..count]);
            let after = translator().changed(&update, false);
            explain.after = after.ok().map(|after| (Arc::from(after.sql), count));
            if to.has_options {
                let outside = translator().outside_options(&update);
                explain.outside = outside.ok().map(|outside| (Arc::from(outside.sql), count));
            }
        }
        Ok(write)
    }

    /// A delete of the rows that meet the plan's conditions.
    pub(crate) fn delete(&self) -> Result<Write, Failure> {
        let mut params = Params::default();
        let alias = params.alias(self.relation);
        let filter = tree::all(self.compiler.conditions(self.plan, &alias, &mut params)?);
        let (items, returning) = self.returning(&alias, &mut params, false)?;
        let delete = Delete {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            using: Vec::new(),
            filter,
            returning: items,
        };
        let mut each = None;
        let (text, returning) = match self.compiler.engine {
            Engine::Postgres => (Arc::from(sql::ast::Statement::Delete(Box::new(delete)).to_string()), returning),
            Engine::Sqlite => {
                let late = Deferred::new(&**self.guard);
                let translator = || self.translator(&late, &params.types);
                let mut whole = translator();
                let change = whole.delete(&delete)?;
                if whole.looks_afresh() {
                    let met = met(&delete);
                    each = Some(Arc::new(Each {
                        places: Arc::from(translator().places(&met, Privilege::Delete)?.sql),
                        before: None,
                        looks_with: 0,
                        look: None,
                        checks: Checks::new(),
                        change: Arc::from(translator().one_row().delete(&delete)?.sql),
                    }));
                }
                late.judge()?;
                let returning = with_types(returning, &change);
                (Arc::from(change.sql), returning)
            }
        };
        let mut write = self.finish(Steps::Statements(vec![(text, params.values)]), returning);
        write.removes = true;
        write.each = each;
        Ok(self.explaining(write, true))
    }

    /// Adds what explains a broken constraint of an update or delete: the rows it was about, as far as the caller may read them.
    fn explaining(&self, mut write: Write, removes: bool) -> Write {
        let Some(explain) = &mut write.explain else { return write };
        // With parameters of its own: a statement must be given exactly those that it names.
        let mut own = Params::default();
        let alias = own.alias(self.relation);
        if let Ok(conditions) = self.compiler.conditions(self.plan, &alias, &mut own) {
            let update = Update {
                with: None,
                table: self.target(),
                only: false,
                alias: Some(alias),
                set: Vec::new(),
                from: Vec::new(),
                filter: tree::all(conditions),
                returning: Vec::new(),
            };
            let privilege = if removes { Privilege::Delete } else { Privilege::Update };
            if let Ok(look) = self.translator(&**self.guard, &own.types).met(&update, privilege) {
                explain.look = Some((Arc::from(look.sql), own.values));
            }
        }
        explain.removes = removes;
        write
    }
}

/// The rows of a delete as those of an update that sets nothing.
fn met(delete: &Delete) -> Update {
    Update {
        with: None,
        table: delete.table.clone(),
        only: false,
        alias: delete.alias.clone(),
        set: Vec::new(),
        from: Vec::new(),
        filter: delete.filter.clone(),
        returning: delete.returning.clone(),
    }
}
