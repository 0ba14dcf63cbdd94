//! Running a compiled write as a transaction function.

use std::collections::HashSet;
use std::sync::Arc;

use store::catalog::Name;
use store::{Connection, Event, Param, SqlError, Tx};
use values::{Type, Value};

use super::again::{Again, Lists};
use super::explain::Tried;
use super::order::Sort;
use super::{Checks, KeyPart, Returning, Shape, Steps, Write, Written};
use crate::compile::Compiled;
use crate::failure::Failure;
use crate::request::ApiError;
use crate::rows::{Collector, Rows};

impl Write {
    /// How the returned rows are presented.
    pub(crate) fn level(&self) -> Option<&Compiled> {
        let returning = self.returning.as_ref()?;
        Some(returning.again.as_ref().map_or(&returning.level, |again| &again.level))
    }

    /// Runs the write. May be run again: it has no effect but through `tx`.
    pub(crate) fn run(&self, tx: &mut Tx<'_>) -> Result<Written, Failure> {
        let written = Running {
            write: self,
            conn: tx.conn(),
            taken: self.returning.as_ref().map(Taken::new),
            written: Written::default(),
        }
        .run()?;
        if written.affected > 0 {
            tx.emit(Event {
                kind: "data.rows.written",
                subject: self.relation.name.to_string(),
                data: format!("{{\"rows\":{}}}", written.affected),
            });
        } else {
            tx.quiet("no row was touched");
        }
        Ok(written)
    }

    /// The one statement that this write is on PostgreSQL, when what it answers decides nothing any more: no count is judged, and nothing
    /// is read after it.
    pub(crate) fn alone(&self) -> Option<(&str, &[Param])> {
        let Steps::Statements(statements) = &self.steps else { return None };
        let [(text, params)] = statements.as_slice() else { return None };
        let judged = self.max_affected.is_some() || self.singular;
        let embeds = self.level().is_some_and(|level| !level.children.is_empty());
        let again = self.returning.as_ref().is_some_and(|returning| returning.again.is_some());
        (!judged && !embeds && !again).then_some((&**text, &**params))
    }

    /// Collects what that statement returns.
    pub(crate) fn taking(&self) -> Taking<'_> {
        Taking { taken: self.returning.as_ref().map(Taken::new), fresh: 0 }
    }

    fn refers(&self) -> bool {
        !self.relation.foreign_keys.is_empty()
    }

    fn refused(&self, policy: Option<&Name>, using: bool) -> Failure {
        let policy = policy.map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let using = if using { " (USING expression)" } else { "" };
        let table = &self.relation.name.name;
        let message = format!("new row violates row-level security policy{policy}{using} for table \"{table}\"");
        store::Error::from(SqlError::new("42501", message)).into()
    }
}

/// A write under way.
struct Running<'w, 'c> {
    write: &'w Write,
    conn: &'c mut dyn Connection,
    taken: Option<Taken<'w>>,
    written: Written,
}

impl Running<'_, '_> {
    fn run(mut self) -> Result<Written, Failure> {
        let write = self.write;
        match &write.steps {
            Steps::Nothing => {}
            Steps::Statements(statements) if write.returns_before() => {
                for (text, params) in statements {
                    self.returning_before(text, params)?;
                }
            }
            Steps::Statements(statements) => {
                for (text, params) in statements {
                    self.statement(text, params, &Tried::Statement(params))?;
                }
            }
            Steps::Checked { look, checks, change, params } => {
                if let Some(failed) = self.first_failed(look, params, checks)? {
                    return Err(write.refused(failed.as_ref(), false));
                }
                self.statement(change, params, &Tried::Statement(params))?;
            }
            Steps::Rows { rows, shapes, merge } if rows.len() > 1 && write.refers() => {
                self.rows_together(rows, shapes, *merge)?;
            }
            Steps::Rows { rows, shapes, merge } => self.rows(rows, shapes, *merge)?,
        }
        if let Some(max) = write.max_affected
            && self.written.affected > max
        {
            return Err(ApiError::max_affected(self.written.affected).into());
        }
        // What is read from the returned rows decides how many there are to show.
        let known = |written: &Written| match written.shown.unwrap_or(written.affected) {
            1 => Ok(()),
            rows => Err(ApiError::singular(rows)),
        };
        let again = write.returning.as_ref().is_some_and(|returning| returning.again.is_some());
        if write.singular && !again {
            known(&self.written)?;
        }
        if let Some(taken) = self.taken {
            taken.finish(self.conn, &mut self.written)?;
        }
        if write.singular && again {
            known(&self.written)?;
        }
        Ok(self.written)
    }

    fn statement(&mut self, text: &str, params: &[Param], tried: &Tried<'_>) -> Result<(), Failure> {
        let mut fresh = 0;
        let done = match &mut self.taken {
            None => self.conn.execute(text, params),
            Some(taken) => self.conn.query(text, params, &mut |row| taken.row(row, &mut fresh)),
        };
        match done {
            Ok(touched) => {
                self.written.affected += touched;
                self.written.inserted += if self.taken.is_some() { fresh } else { touched };
                Ok(())
            }
            Err(error) => Err(self.write.explained(self.conn, error, tried)),
        }
    }

    /// A delete whose embeds may go with its rows: it is run once to learn the rows, undone to read what hangs on them, and run again.
    fn returning_before(&mut self, text: &str, params: &[Param]) -> Result<(), Failure> {
        let Some(mut taken) = self.taken.take() else { return self.statement(text, params, &Tried::Statement(params)) };
        let mut failed = None;
        let mut undone = false;
        let result = self.conn.savepoint(&mut |conn| {
            let mut fresh = 0;
            match conn.query(text, params, &mut |row| taken.row(row, &mut fresh)) {
                Ok(_) => undone = true,
                Err(error) => failed = Some(error),
            }
            // Whatever came of it is undone.
            Err(store::Error::Internal("undone on purpose".to_owned()))
        });
        if let Some(error) = failed {
            return Err(self.write.explained(self.conn, error, &Tried::Statement(params)));
        }
        if !undone {
            result?;
        }
        taken.finish(self.conn, &mut self.written)?;
        self.written.affected += self.conn.execute(text, params)?;
        Ok(())
    }

    /// Rows that refer to others, perhaps to each other in any order: references are judged when all are there, as at the end of one
    /// statement, and after everything else that may be wrong with any row.
    fn rows_together(&mut self, rows: &[(usize, Vec<Param>)], shapes: &[Shape], merge: bool) -> Result<(), Failure> {
        if self.conn.has_broken_references() {
            // Somebody has put a check off already: whose reference is broken could not be told apart.
            return self.rows(rows, shapes, merge);
        }
        self.conn.execute("PRAGMA defer_foreign_keys = ON", &[])?;
        let done = self.rows(rows, shapes, merge);
        // Asked before the checks are immediate again: that forgets what was counted.
        let broken = self.conn.has_broken_references();
        self.conn.execute("PRAGMA defer_foreign_keys = OFF", &[])?;
        done?;
        if !broken {
            return Ok(());
        }
        let mut failure = Failure::from(store::Error::sql("23503", "a foreign key constraint is violated"));
        for (shape, params) in rows {
            let error = store::Error::sql("23503", "a foreign key constraint is violated");
            let tried = Tried::Row { given: &shapes[*shape].given, params, whole: None };
            failure = self.write.explained(self.conn, error, &tried);
            if matches!(&failure, Failure::Store(store::Error::Sql(found)) if found.constraint.is_some()) {
                break;
            }
        }
        Err(failure)
    }

    fn rows(&mut self, rows: &[(usize, Vec<Param>)], shapes: &[Shape], merge: bool) -> Result<(), Failure> {
        // PostgreSQL judges every row of a statement by what was there before it: all proposals come first.
        let mut proposed = Vec::with_capacity(rows.len());
        // What is wrong with an earlier row is said first: those before the refused one are still tried.
        let mut refusal = None;
        for (shape, params) in rows {
            match self.propose(&shapes[*shape], params) {
                Ok(row) => proposed.push(row),
                Err(failure) => {
                    refusal = Some(failure);
                    break;
                }
            }
        }
        let mut seen: HashSet<String> = HashSet::new();
        for ((shape, params), proposed) in rows.iter().zip(proposed) {
            let shape = &shapes[*shape];
            let tried = Tried::Row { given: &shape.given, params, whole: proposed.as_deref() };
            let row = proposed.as_deref().unwrap_or(params);
            if merge && let Some(found) = &shape.find {
                let key: Vec<Param> = shape
                    .key
                    .iter()
                    .map(|part| match part {
                        KeyPart::Given(place) => params[*place].clone(),
                        KeyPart::Proposed(place) => row[*place].clone(),
                    })
                    .collect();
                if !key.contains(&Param::Null) && !seen.insert(format!("{key:?}")) {
                    return Err(twice());
                }
                if self.merged(shape, found, &key, params, (row, &tried))? {
                    continue;
                }
            }
            let before = self.written.affected;
            self.statement(&shape.insert, row, &tried)?;
            // On SQLite every row that an insert returns is new.
            if self.taken.is_some() {
                self.written.inserted += self.written.affected - before;
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// The row as it would be stored, once its checks have passed; `None` when nothing has to be checked.
    fn propose(&mut self, shape: &Shape, params: &[Param]) -> Result<Option<Vec<Param>>, Failure> {
        let Some((text, types, checks)) = &shape.propose else { return Ok(None) };
        let mut values = Vec::with_capacity(types.len());
        let mut failed = None;
        self.conn.query(text, params, &mut |row| {
            for (column, ty) in types.iter().enumerate() {
                let value = row.value(column, ty)?;
                values.push(if value.is_null() { Param::Null } else { Param::Value(ty.clone(), value) });
            }
            for (place, policy) in checks.iter().enumerate() {
                if failed.is_none() && row.value(types.len() + place, &Type::Bool)? != Value::Int(1) {
                    failed = Some(policy.clone());
                }
            }
            Ok(())
        })?;
        match failed {
            None => Ok(Some(values)),
            Some(policy) => Err(self.write.refused(policy.as_ref(), false)),
        }
    }

    /// Updates the row that has the key, if there is one.
    fn merged(
        &mut self,
        shape: &Shape,
        (find, checks): &(Arc<str>, Checks),
        key: &[Param],
        params: &[Param],
        (row, tried): (&[Param], &Tried<'_>),
    ) -> Result<bool, Failure> {
        let mut failed = None;
        let found = self.conn.query(find, key, &mut |row| {
            for (place, policy) in checks.iter().enumerate() {
                if failed.is_none() && row.value(place, &Type::Bool)? != Value::Int(1) {
                    failed = Some(policy.clone());
                }
            }
            Ok(())
        })?;
        if found == 0 {
            return Ok(false);
        }
        if let Some(probe) = &shape.probe {
            // The proposed row is judged although it will not be inserted.
            if let Err(error) = self.conn.execute(probe, row) {
                return Err(self.write.explained(self.conn, error, tried));
            }
        }
        if let Some(policy) = failed {
            return Err(self.write.refused(policy.as_ref(), true));
        }
        let params: Vec<Param> = params.iter().chain(key).cloned().collect();
        if let Some((text, checks)) = &shape.violates
            && let Some(policy) = self.first_failed(text, &params, checks)?
        {
            return Err(self.write.refused(policy.as_ref(), false));
        }
        if let Some(update) = &shape.update {
            let before = self.written.inserted;
            self.statement(
                update,
                &params,
                &Tried::Merged { given: &shape.given, params: &params, key: &shape.found_by },
            )?;
            self.written.inserted = before;
        }
        Ok(true)
    }

    /// The policy behind the first check that some row fails; a check of joined permissive policies has no name.
    #[expect(clippy::option_option, reason = "whether one failed, and whether it has a name, are two questions")]
    fn first_failed(
        &mut self,
        text: &str,
        params: &[Param],
        checks: &[Option<Name>],
    ) -> Result<Option<Option<Name>>, Failure> {
        let mut failed = None;
        self.conn.query(text, params, &mut |row| {
            for (place, policy) in checks.iter().enumerate() {
                if failed.is_none() && row.value(place, &Type::Bool)? != Value::Int(1) {
                    failed = Some(policy.clone());
                }
            }
            Ok(())
        })?;
        Ok(failed)
    }
}

fn twice() -> Failure {
    let hint = "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.";
    let error = SqlError::new("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time").hint(hint);
    store::Error::from(error).into()
}

/// Collects what the only statement of a write returns.
pub(crate) struct Taking<'w> {
    taken: Option<Taken<'w>>,
    fresh: u64,
}

impl Taking<'_> {
    /// Takes one row.
    pub(crate) fn row(&mut self, row: &dyn store::Row) -> store::Result<()> {
        match &mut self.taken {
            Some(taken) => taken.row(row, &mut self.fresh),
            None => Ok(()),
        }
    }

    /// What the write did, once the statement touched so many rows.
    pub(crate) fn done(self, touched: u64) -> Written {
        let mut written = Written { affected: touched, inserted: touched, ..Written::default() };
        if let Some(taken) = self.taken {
            written.inserted = self.fresh;
            taken.alone(&mut written);
        }
        written
    }
}

/// Collects the rows that a write returns.
struct Taken<'w> {
    returning: &'w Returning,
    collector: Collector<'w>,
    /// What the rows give to those that are read again.
    lists: Lists,
    key: Vec<Option<String>>,
    sort: Sort,
}

impl<'w> Taken<'w> {
    fn new(returning: &'w Returning) -> Self {
        Self {
            returning,
            collector: Collector::root(&returning.level, returning.form),
            lists: returning.again.as_ref().map(Again::lists).unwrap_or_default(),
            key: Vec::new(),
            sort: Sort::default(),
        }
    }

    fn row(&mut self, row: &dyn store::Row, fresh: &mut u64) -> store::Result<()> {
        let level = &self.returning.level;
        if self.returning.again.is_some() {
            self.lists.row(row, &level.types)?;
        } else {
            self.collector.row(row)?;
        }
        if !self.returning.key.is_empty() {
            self.key.clear();
            for column in self.returning.key.clone() {
                let mut text = String::new();
                row.write_text(column, &level.types[column], &mut text)?;
                self.key.push((!row.is_null(column)).then_some(text));
            }
        }
        self.sort.row(row, self.returning, &mut self.collector)?;
        if let Some(column) = self.returning.fresh {
            *fresh += u64::from(row.value(column, &Type::Bool)? == Value::Int(1));
        }
        Ok(())
    }

    fn finish(self, conn: &mut dyn Connection, written: &mut Written) -> Result<(), Failure> {
        if let Some(again) = &self.returning.again {
            let rows = again.read(conn, self.lists, self.returning.form)?;
            written.shown = Some(rows.len() as u64);
            written.rows = Some(rows);
            return Ok(());
        }
        let rows = self.collector.finish(conn)?;
        given(self.returning, rows, self.key, self.sort, written);
        Ok(())
    }

    /// Without embeds there is nothing to fetch.
    fn alone(self, written: &mut Written) {
        given(self.returning, self.collector.alone(), self.key, self.sort, written);
    }
}

/// Puts the rows that a write returned where its answer finds them, in the order asked for.
fn given(returning: &Returning, mut rows: Rows, key: Vec<Option<String>>, sort: Sort, written: &mut Written) {
    sort.apply(returning, &mut rows);
    written.rows = Some(rows);
    written.key = key;
}
