//! What PostgreSQL would say of a broken constraint, found out on SQLite after the fact: which key, which row, which reference.

use std::sync::Arc;

use policy::RoleGuard;
use store::catalog::{Catalog, Name, Privilege, Relation};
use store::sqlite::{Act, Attempt};
use store::{Connection, Error, Param, SqlError};
use values::Value;

use super::Write;
use crate::failure::Failure;

/// How many rows are looked at: the answer is a courtesy, not worth a scan.
const ROWS_MAX: usize = 100;

/// What is needed to explain a refusal.
#[derive(Clone, Debug)]
pub(super) struct Explain {
    pub(super) catalog: Arc<Catalog>,
    pub(super) guard: Arc<RoleGuard>,
    /// Reads the rows an update or delete was about, whole.
    pub(super) look: Option<(Arc<str>, Vec<Param>)>,
    /// What an update sets: place of the column, place of the parameter.
    pub(super) set: Vec<(usize, usize)>,
    /// The rows were to go.
    pub(super) removes: bool,
}

/// What was tried when a statement was refused.
pub(super) enum Tried<'t> {
    /// The write's one statement, with its parameters.
    Statement(&'t [Param]),
    /// One row, with these columns; `None` for all that can be stored.
    Row { columns: Option<&'t [Name]>, params: &'t [Param] },
}

impl Write {
    /// The refusal, completed.
    pub(super) fn explained(&self, conn: &mut dyn Connection, error: Error, tried: &Tried<'_>) -> Failure {
        let (explain, inner) = match (&self.explain, error) {
            (Some(explain), Error::Sql(inner)) => (explain, inner),
            (_, error) => return error.into(),
        };
        if !matches!(inner.code.as_str(), "23505" | "23503" | "23502" | "23514") {
            return Error::Sql(inner).into();
        }
        let original = (*inner).clone();
        let completed = explain.complete(conn, &self.relation, *inner, tried).unwrap_or(original);
        Error::from(explain.withheld(&self.relation, completed)).into()
    }
}

impl Explain {
    fn complete(
        &self,
        conn: &mut dyn Connection,
        relation: &Relation,
        error: SqlError,
        tried: &Tried<'_>,
    ) -> store::Result<SqlError> {
        let stored: Vec<Name> = relation
            .columns
            .iter()
            .filter(|column| column.generated.is_none())
            .map(|column| column.name.clone())
            .collect();
        let all: Vec<Name> = relation.columns.iter().map(|column| column.name.clone()).collect();
        match tried {
            Tried::Row { columns, params } => {
                let columns = columns.unwrap_or(&stored);
                let row = params.iter().map(value_of).collect();
                let attempt = Attempt { table: relation, columns, rows: &[row], act: Act::Come };
                store::sqlite::detail(conn, &self.catalog, &attempt, error)
            }
            Tried::Statement(given) => {
                let Some((text, params)) = &self.look else { return Ok(error) };
                let mut rows: Vec<Vec<Value>> = Vec::new();
                conn.query(text, params, &mut |row| {
                    if rows.len() < ROWS_MAX {
                        let values =
                            relation.columns.iter().enumerate().map(|(place, column)| row.value(place, &column.ty));
                        rows.push(values.collect::<store::Result<_>>()?);
                    }
                    Ok(())
                })?;
                let act = if self.removes { Act::Go } else { Act::Rekey };
                let old = Attempt { table: relation, columns: &all, rows: &rows, act };
                if self.removes {
                    return store::sqlite::detail(conn, &self.catalog, &old, error);
                }
                let mut new = rows.clone();
                for row in &mut new {
                    for (place, param) in &self.set {
                        row[*place] = given.get(*param).map_or(Value::Null, value_of);
                    }
                }
                let plain = error.detail.clone();
                let attempt = Attempt { table: relation, columns: &all, rows: &new, act: Act::Come };
                let found = store::sqlite::detail(conn, &self.catalog, &attempt, error)?;
                if found.code == "23503" && found.detail == plain {
                    return store::sqlite::detail(conn, &self.catalog, &old, found);
                }
                Ok(found)
            }
        }
    }

    /// PostgreSQL shows no values of rows to those whom row security binds, nor of columns they may not read.
    fn withheld(&self, relation: &Relation, mut error: SqlError) -> SqlError {
        // Of a key only its columns have to be readable; of a whole row all.
        let constraint = error.constraint.as_deref().unwrap_or_default();
        let key = relation
            .primary_key
            .iter()
            .chain(&relation.uniques)
            .find(|key| *key.name == *constraint)
            .map(|key| &key.columns)
            .or_else(|| relation.foreign_keys.iter().find(|key| *key.name == *constraint).map(|key| &key.columns));
        let readable = |name: &Name| self.guard.may_column(relation, Privilege::Select, name);
        let readable = match key {
            Some(columns) => columns.iter().all(readable),
            None => relation.columns.iter().all(|column| readable(&column.name)),
        };
        if readable && !self.guard.bound_by(relation) {
            return error;
        }
        error.detail = match (error.code.as_str(), error.detail) {
            ("23503", Some(detail)) => detail
                .find(" is not present")
                .or_else(|| detail.find(" is still referenced"))
                .map(|at| format!("Key{}", &detail[at..])),
            _ => None,
        };
        error
    }
}

fn value_of(param: &Param) -> Value {
    match param {
        Param::Value(_, value) => value.clone(),
        _ => Value::Null,
    }
}
