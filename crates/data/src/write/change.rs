//! Compiling updates and deletes.

use std::sync::Arc;

use sql::ast::{Assignment, Delete, Expr, Name, Update};
use store::catalog::{Column, Privilege};
use store::translate::Deferred;
use store::{Engine, Param};
use values::Type;

use super::bind::Gives;
use super::{Steps, Write, Writer, recordset, split, with_types};
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
        let reads = self.reads() || filter.is_some();
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
                let late = Deferred::new(&**self.guard);
                let params_types = params.types.clone();
                let change = self.translator(&late, &params.types).update(&update)?;
                let returning = with_types(returning, &change);
                let to = self.destination(Privilege::Update)?;
                let (checks, names) =
                    split(if to.binds_caller { self.guard.update_checks(&to.table, reads) } else { Vec::new() });
                let change = Arc::from(change.sql);
                let steps = if checks.is_empty() {
                    Steps::Statements(vec![(change, params.values)])
                } else {
                    let look = self.translator(&late, &params.types).update_violations(&update, &checks)?;
                    let (look, checks) = (Arc::from(look.sql), Arc::new(names));
                    Steps::Checked { look, checks, change, params: params.values }
                };
                late.judge()?;
                let mut write = self.explaining(self.finish(steps, returning), false);
                if let Some(explain) = &mut write.explain {
                    // Without it a refusal says less; what is wrong with the statement itself has been said.
                    let update = Update { returning: Vec::new(), ..update };
                    let after = self.translator(&**self.guard, &params_types[..count]).changed(&update, false);
                    explain.after = after.ok().map(|after| (Arc::from(after.sql), count));
                    explain.set = columns.iter().filter_map(|column| self.below(&to, &column.name)).collect();
                }
                write.gives = gives;
                Ok(write)
            }
        }
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
        let (text, returning) = match self.compiler.engine {
            Engine::Postgres => (Arc::from(sql::ast::Statement::Delete(Box::new(delete)).to_string()), returning),
            Engine::Sqlite => {
                let late = Deferred::new(&**self.guard);
                let change = self.translator(&late, &params.types).delete(&delete)?;
                late.judge()?;
                let returning = with_types(returning, &change);
                (Arc::from(change.sql), returning)
            }
        };
        let mut write = self.finish(Steps::Statements(vec![(text, params.values)]), returning);
        write.removes = true;
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
