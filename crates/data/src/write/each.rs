//! Running an insert row by row (SQLite), with the steps that PostgreSQL takes inside one statement.

use std::collections::HashSet;
use std::sync::Arc;

use store::{Param, SqlError};

use super::explain::Tried;
use super::run::{Running, failing, first_failed};
use super::{Checks, Demand, KeyPart, Shape};
use crate::failure::Failure;

/// A row, judged by what was there when the statement began.
struct Judged {
    /// As it would be stored, if it was proposed.
    whole: Option<Vec<Param>>,
    /// The check option that it violates.
    outside: Option<Demand>,
    /// The key of an upsert, if the row has it whole.
    key: Option<Vec<Param>>,
    /// There is a row with that key.
    found: Option<Merge>,
}

/// What policies and check options say of merging a row into the one that is there.
#[derive(Default)]
struct Merge {
    /// What the row that is there fails.
    using: Option<Demand>,
    /// What the merged row would fail.
    check: Option<Demand>,
}

impl Running<'_, '_> {
    /// Rows that refer to others, perhaps to each other in any order: references are judged when all are there, as at the end of one
    /// statement, and after everything else that may be wrong with any row.
    pub(super) fn rows_together(
        &mut self,
        rows: &[(usize, Vec<Param>)],
        shapes: &[Shape],
        merge: bool,
    ) -> Result<(), Failure> {
        if self.referring_late(|this| this.rows(rows, shapes, merge))? {
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

    pub(super) fn rows(&mut self, rows: &[(usize, Vec<Param>)], shapes: &[Shape], merge: bool) -> Result<(), Failure> {
        // PostgreSQL judges every row of a statement by what was there before it: all are judged first.
        let several = rows.len() > 1;
        let mut judged = Vec::with_capacity(rows.len());
        // What is wrong with an earlier row is said first: those before the refused one are still tried.
        let mut refusal = None;
        for (shape, params) in rows {
            match self.judge(&shapes[*shape], params, merge, several) {
                Ok(row) => judged.push(row),
                Err(failure) => {
                    refusal = Some(failure);
                    break;
                }
            }
        }
        let mut seen: HashSet<String> = HashSet::new();
        for ((shape, params), judged) in rows.iter().zip(judged) {
            let shape = &shapes[*shape];
            let tried = Tried::Row { given: &shape.given, params, whole: judged.whole.as_deref() };
            let row = judged.whole.as_deref().unwrap_or(params);
            if several && let (Some((_, text)), Some((_, _, checks))) = (&shape.afresh, &shape.propose) {
                self.passes(text, row, checks)?;
            }
            if let Some(key) = &judged.key {
                if !seen.insert(format!("{key:?}")) {
                    self.probe(shape, row, &tried, false)?;
                    return Err(twice());
                }
                // Volatile functions see what has become of the rows before.
                let again = if several && shape.merges_afresh { self.found(shape, params, key)? } else { None };
                if let Some(merge) = again.or(judged.found) {
                    self.merge(shape, merge, key, params, (row, &tried))?;
                    continue;
                }
            }
            let before = self.written.affected;
            let done = if shape.returned.is_empty() {
                self.statement(&shape.insert, row, &tried)
            } else {
                self.statement(&shape.insert, &[row, &shape.returned].concat(), &tried)
            };
            // A row that was left out because another has its key is in nobody's way.
            let outside = judged.outside.filter(|_| done.is_err() || self.written.affected > before);
            self.stays_within(done, outside.as_ref(), &tried)?;
            // On SQLite every row that an insert returns is new.
            if self.taken.is_some() {
                self.written.inserted += self.written.affected - before;
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Proposes a row and looks for one with its key.
    fn judge(&mut self, shape: &Shape, params: &[Param], merge: bool, several: bool) -> Result<Judged, Failure> {
        let (whole, outside) = self.propose(shape, params, several)?;
        let row = whole.as_deref().unwrap_or(params);
        let part = |part: &KeyPart| match part {
            KeyPart::Given(place) => params[*place].clone(),
            KeyPart::Proposed(place) => row[*place].clone(),
        };
        let key: Option<Vec<Param>> = (merge && shape.find.is_some()).then(|| shape.key.iter().map(part).collect());
        let key = key.filter(|key| !key.contains(&Param::Null));
        let found = key.as_ref().map(|key| self.found(shape, params, key)).transpose()?.flatten();
        Ok(Judged { whole, outside, key, found })
    }

    /// The row as it would be stored, once its policies have passed but for those that are asked afresh of one of several rows, and the check
    /// option that it violates; no row when nothing has to be proposed.
    fn propose(
        &mut self,
        shape: &Shape,
        params: &[Param],
        several: bool,
    ) -> Result<(Option<Vec<Param>>, Option<Demand>), Failure> {
        let Some((text, types, checks)) = &shape.propose else { return Ok((None, None)) };
        let text = shape.afresh.as_ref().filter(|_| several).map_or(text, |(text, _)| text);
        let mut values = Vec::with_capacity(types.len());
        let mut failed = None;
        self.conn.query(text, params, &mut |row| {
            for (column, ty) in types.iter().enumerate() {
                let value = row.value(column, ty)?;
                values.push(if value.is_null() { Param::Null } else { Param::Value(ty.clone(), value) });
            }
            failed = failing(row, checks, types.len())?.cloned();
            Ok(())
        })?;
        match failed {
            Some(Demand::Policy(policy)) => Err(self.write.refused(policy.as_ref(), false)),
            outside => Ok((Some(values), outside)),
        }
    }

    /// Refuses a row that fails a policy.
    fn passes(&mut self, text: &Arc<str>, row: &[Param], checks: &Checks) -> Result<(), Failure> {
        match first_failed(self.conn, text, row, checks, None)? {
            Some((Demand::Policy(policy), _)) => Err(self.write.refused(policy.as_ref(), false)),
            Some((Demand::Option(_), _)) | None => Ok(()),
        }
    }

    /// Looks for the row that has a key, and asks whether it may be what the merge would make of it.
    fn found(&mut self, shape: &Shape, params: &[Param], key: &[Param]) -> Result<Option<Merge>, Failure> {
        let Some((find, checks)) = &shape.find else { return Ok(None) };
        let mut merge = Merge::default();
        let found = self.conn.query(find, key, &mut |row| {
            merge.using = failing(row, checks, 0)?.cloned();
            Ok(())
        })?;
        if found == 0 {
            return Ok(None);
        }
        if let Some((text, checks)) = &shape.violates
            && merge.using.is_none()
        {
            let params: Vec<Param> = params.iter().chain(key).cloned().collect();
            merge.check = first_failed(self.conn, text, &params, checks, None)?.map(|(demand, _)| demand);
        }
        Ok(Some(merge))
    }

    /// Judges a proposed row by what the table demands, although it will not be inserted.
    fn probe(&mut self, shape: &Shape, row: &[Param], tried: &Tried<'_>, merges: bool) -> Result<(), Failure> {
        match &shape.probe {
            Some((probe, always)) if *always || !merges => {
                let done = self.conn.execute(probe, row);
                done.map(drop).map_err(|error| self.write.explained(self.conn, error, tried))
            }
            _ => Ok(()),
        }
    }

    /// Updates the row that has the key.
    fn merge(
        &mut self,
        shape: &Shape,
        merge: Merge,
        key: &[Param],
        params: &[Param],
        (row, tried): (&[Param], &Tried<'_>),
    ) -> Result<(), Failure> {
        self.probe(shape, row, tried, true)?;
        if let Some(Demand::Policy(policy)) = merge.using {
            return Err(self.write.refused(policy.as_ref(), true));
        }
        if let Some(Demand::Policy(policy)) = &merge.check {
            return Err(self.write.refused(policy.as_ref(), false));
        }
        if let Some(update) = &shape.update {
            let params: Vec<Param> = params.iter().chain(key).cloned().collect();
            let before = self.written.inserted;
            let tried = Tried::Merged { given: &shape.given, params: &params, key: &shape.found_by };
            let done = self.statement(update, &[&params[..], &shape.returned].concat(), &tried);
            self.stays_within(done, merge.check.as_ref(), &tried)?;
            self.written.inserted = before;
        }
        Ok(())
    }
}

fn twice() -> Failure {
    let hint = "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.";
    let error = SqlError::new("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time").hint(hint);
    store::Error::from(error).into()
}
