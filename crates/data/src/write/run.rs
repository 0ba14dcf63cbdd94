//! Running a compiled write as a transaction function.

use store::catalog::{Name, Relation};
use store::{Connection, Param, Row, SqlError, Tx};
use values::{Type, Value};

use super::again::{Again, Lists};
use super::explain::{self, Tried};
use super::order::Sort;
use super::{Demand, Returning, Steps, Write, Written};
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
        tx.quiet("changes of rows are taken down by the engine");
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

    pub(super) fn refused(&self, policy: Option<&Name>, using: bool) -> Failure {
        let policy = policy.map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let using = if using { " (USING expression)" } else { "" };
        let table = &self.relation.name.name;
        let message = format!("new row violates row-level security policy{policy}{using} for table \"{table}\"");
        store::Error::from(SqlError::new("42501", message)).into()
    }
}

/// A write under way.
pub(super) struct Running<'w, 'c> {
    pub(super) write: &'w Write,
    pub(super) conn: &'c mut dyn Connection,
    pub(super) taken: Option<Taken<'w>>,
    pub(super) written: Written,
}

impl<'w> Running<'w, '_> {
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
                    self.change(text, params)?;
                }
            }
            Steps::Checked { look, looks_with, checks, change, params } => {
                if !self.row_by_row(params)? {
                    let failed = self.judge_all(look, &params[..*looks_with], checks)?;
                    let done = self.statement(change, params, &Tried::Statement(params));
                    self.changed(done, failed)?;
                }
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

    pub(super) fn statement(&mut self, text: &str, params: &[Param], tried: &Tried<'_>) -> Result<(), Failure> {
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

    /// A statement, or as many as it meets rows.
    fn change(&mut self, text: &str, params: &[Param]) -> Result<(), Failure> {
        if self.row_by_row(params)? { Ok(()) } else { self.statement(text, params, &Tried::Statement(params)) }
    }

    /// An update or delete row by row, where volatile functions have a say in it and it meets several rows; whether it was done.
    fn row_by_row(&mut self, params: &[Param]) -> Result<bool, Failure> {
        let Some(each) = self.write.each.clone() else { return Ok(false) };
        let mut params = params.to_vec();
        let last = params.len();
        params.push(Param::Null);
        let mut places = Vec::new();
        self.conn.query(&each.places, &params, &mut |row| {
            places.push(Param::Value(Type::Int8, row.value(0, &Type::Int8)?));
            Ok(())
        })?;
        if places.len() < 2 {
            return Ok(false);
        }
        let mut failed = None;
        if let Some(text) = &each.before {
            failed = self.judge_all(text, &params[..each.looks_with], &each.checks)?;
        }
        let done = self.apart(|apart| {
            apart.referring_late(|this| {
                for place in &places {
                    params[last].clone_from(place);
                    if let Some(text) = &each.look {
                        this.judge_all(text, &params, &each.checks)?;
                    }
                    this.statement(&each.change, &params, &Tried::Statement(&params[..last]))?;
                }
                Ok(())
            })
        });
        let done = done.and_then(|kept| {
            let broken = || store::Error::sql("23503", "a foreign key constraint is violated");
            let tried = Tried::Statement(&params[..last]);
            if kept { Ok(()) } else { Err(self.write.explained(self.conn, broken(), &tried)) }
        });
        self.changed(done, failed)?;
        Ok(true)
    }

    /// Runs `f` by itself: what it has done stays if it says so.
    fn apart(&mut self, mut f: impl FnMut(&mut Running<'w, '_>) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let Self { write, conn, taken, written } = self;
        let mut done = None;
        let ended = conn.savepoint(&mut |conn| {
            let mut inner = Running { write, conn, taken: taken.take(), written: std::mem::take(written) };
            let result = f(&mut inner);
            (*taken, *written) = (inner.taken, inner.written);
            let stays = matches!(result, Ok(true));
            done = Some(result);
            if stays { Ok(()) } else { Err(store::Error::Internal("undone on purpose".to_owned())) }
        });
        match done {
            Some(Ok(true)) | None => ended.map(|()| true).map_err(Failure::from),
            Some(undone) => undone,
        }
    }

    /// Refuses what some row's policies refuse; a check option that the first of them violates waits for [`Self::changed`].
    fn judge_all(&mut self, text: &str, params: &[Param], checks: &[Demand]) -> Result<Option<Failed>, Failure> {
        let failed = first_failed(self.conn, text, params, checks, Some(&self.write.relation))?;
        match failed {
            Some((Demand::Policy(policy), _)) => Err(self.write.refused(policy.as_ref(), false)),
            failed => Ok(failed),
        }
    }

    fn changed(&mut self, done: Result<(), Failure>, failed: Option<Failed>) -> Result<(), Failure> {
        match failed {
            Some((demand, row)) => self.stays_within(done, Some(&demand), &Tried::Changed(&row)),
            None => done,
        }
    }

    /// What came of a statement, unless its row violates a check option: that is said when nothing else was wrong, but before references,
    /// which PostgreSQL judges at the end.
    pub(super) fn stays_within(
        &mut self,
        done: Result<(), Failure>,
        failed: Option<&Demand>,
        tried: &Tried<'_>,
    ) -> Result<(), Failure> {
        let Some(Demand::Option(view)) = failed else { return done };
        match done {
            Err(failure) if !matches!(&failure, Failure::Store(error) if error.code() == Some("23503")) => Err(failure),
            Ok(()) | Err(_) => {
                let message = format!("new row violates check option for view \"{view}\"");
                Err(self.write.explained(self.conn, store::Error::sql("44000", message), tried))
            }
        }
    }

    /// Judges references when `f` has done all, as at the end of one statement; whether they are kept.
    pub(super) fn referring_late(&mut self, f: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<bool, Failure> {
        if self.conn.has_broken_references() {
            // Somebody has put a check off already: whose reference is broken could not be told apart.
            return f(self).map(|()| true);
        }
        self.conn.execute("PRAGMA defer_foreign_keys = ON", &[])?;
        let done = f(self);
        // Asked before the checks are immediate again: that forgets what was counted.
        let broken = self.conn.has_broken_references();
        self.conn.execute("PRAGMA defer_foreign_keys = OFF", &[])?;
        done.map(|()| !broken)
    }

    /// A delete whose embeds may go with its rows: it is run once to learn the rows, undone to read what hangs on them, and run again.
    fn returning_before(&mut self, text: &str, params: &[Param]) -> Result<(), Failure> {
        self.apart(|apart| apart.change(text, params).map(|()| false))?;
        self.written = Written::default();
        if let Some(taken) = self.taken.take() {
            taken.finish(self.conn, &mut self.written)?;
        }
        self.change(text, params)
    }
}

/// What a row fails, and the row.
type Failed = (Demand, Vec<Value>);

/// The demand that the first failing row fails first, and that row's values where it is of a table whose columns come after its place.
pub(super) fn first_failed(
    conn: &mut dyn Connection,
    text: &str,
    params: &[Param],
    checks: &[Demand],
    table: Option<&Relation>,
) -> Result<Option<Failed>, Failure> {
    let mut failed = None;
    conn.query(text, params, &mut |row| {
        if failed.is_none()
            && let Some(demand) = failing(row, checks, 0)?
        {
            let values = table.map_or(Ok(Vec::new()), |table| explain::whole(table, row, 1))?;
            failed = Some((demand.clone(), values));
        }
        Ok(())
    })?;
    Ok(failed)
}

/// The demand whose place is in this column.
pub(super) fn failing<'d>(row: &dyn Row, demands: &'d [Demand], column: usize) -> store::Result<Option<&'d Demand>> {
    let Value::Int(place) = row.value(column, &Type::Int4)? else { return Ok(None) };
    let unknown = || store::Error::Internal(format!("there is no check {place}"));
    Ok(Some(usize::try_from(place).ok().and_then(|place| demands.get(place)).ok_or_else(unknown)?))
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
pub(super) struct Taken<'w> {
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
