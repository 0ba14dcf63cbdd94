//! What PostgreSQL would say of a broken constraint, found out on SQLite after the fact: which key, which row, which reference.

use std::sync::Arc;

use policy::RoleGuard;
use sql::ast::{Assignment, Update};
use store::catalog::{Catalog, Name, Privilege, Relation};
use store::sqlite::{Act, Attempt};
use store::translate::{Owner, Translator, quote};
use store::{Connection, Error, Param, Row, SqlError};
use values::{Type, Value};

use super::Write;
use crate::compile::Params;
use crate::failure::Failure;
use crate::tree;

/// How many rows are looked at: the answer is a courtesy, not worth a scan.
const ROWS_MAX: usize = 100;

/// What is needed to explain a refusal.
#[derive(Clone, Debug)]
pub(super) struct Explain {
    pub(super) catalog: Arc<Catalog>,
    pub(super) guard: Arc<RoleGuard>,
    /// Reads the rows an update or delete was about, whole.
    pub(super) look: Option<(Arc<str>, Vec<Param>)>,
    /// Reads them as an update would have left them, with the first so many of its parameters.
    pub(super) after: Option<(Arc<str>, usize)>,
    /// Reads the first of them that would be outside a view's check option, after which option that is; with the first so many of its
    /// parameters.
    pub(super) outside: Option<(Arc<str>, usize)>,
    /// The columns of the table that an update sets.
    pub(super) set: Vec<Name>,
    /// The rows were to go.
    pub(super) removes: bool,
}

/// What was tried when a statement was refused.
pub(super) enum Tried<'t> {
    /// The write's one statement, with its parameters.
    Statement(&'t [Param]),
    /// The same, and this is the row, as it would be stored, that was refused.
    Changed(&'t [Value]),
    /// A new row: the columns given for it, their values, and the row as it was proposed, if it was.
    Row { given: &'t [Name], params: &'t [Param], whole: Option<&'t [Param]> },
    /// The columns set in a row that an upsert has found by its key, and their values; values of the key follow.
    Merged { given: &'t [Name], params: &'t [Param], key: &'t [Name] },
}

impl Write {
    /// The refusal, completed.
    pub(super) fn explained(&self, conn: &mut dyn Connection, error: Error, tried: &Tried<'_>) -> Failure {
        let (explain, inner) = match (&self.explain, error) {
            (Some(explain), Error::Sql(inner)) => (explain, inner),
            (_, error) => return error.into(),
        };
        if !matches!(inner.code.as_str(), "23505" | "23503" | "23502" | "23514" | "44000") {
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
        table: &Arc<Relation>,
        error: SqlError,
        tried: &Tried<'_>,
    ) -> store::Result<SqlError> {
        let all: Vec<Name> = table.columns.iter().map(|column| column.name.clone()).collect();
        let (new, set) = match tried {
            Tried::Row { given, params, whole } => (self.new_row(conn, table, given, params, *whole)?, *given),
            Tried::Merged { given, params, key } => (self.merged_row(conn, table, given, params, key)?, *given),
            Tried::Statement(params) if error.code == "44000" => (self.outside(conn, table, params)?, &*self.set),
            Tried::Statement(params) => (self.after(conn, table, params)?, &*self.set),
            Tried::Changed(row) => (vec![row.to_vec()], &*self.set),
        };
        let mut error = error;
        if let Tried::Statement(_) = tried
            && let Some((text, params)) = &self.look
        {
            let rows = read(conn, table, text, params, 0)?;
            let act = if self.removes { Act::Go } else { Act::Rekey };
            let old = Attempt { table, columns: &all, rows: &rows, act };
            if self.removes {
                return store::sqlite::detail(conn, &self.catalog, &old, error);
            }
            if error.code == "23503" {
                let plain = error.detail.clone();
                let attempt = Attempt { table, columns: &all, rows: &new, act: Act::Come };
                error = store::sqlite::detail(conn, &self.catalog, &attempt, error)?;
                return if error.detail == plain {
                    store::sqlite::detail(conn, &self.catalog, &old, error)
                } else {
                    Ok(error)
                };
            }
        }
        let attempt = Attempt { table, columns: &all, rows: &new, act: Act::Come };
        let mut error = store::sqlite::detail(conn, &self.catalog, &attempt, error)?;
        // A domain refuses a value before there is a row.
        let of_domain = error.code == "23514" && error.message.starts_with("value for domain ");
        if of_domain {
            error.detail = None;
        } else if matches!(error.code.as_str(), "23502" | "23514" | "44000") {
            let failing = self.failing(conn, table, &error, &new)?;
            error.detail = failing.and_then(|row| self.failing_row(&attempt, row, set));
        }
        Ok(error)
    }

    /// A new row with its defaults and generated columns.
    fn new_row(
        &self,
        conn: &mut dyn Connection,
        table: &Arc<Relation>,
        given: &[Name],
        params: &[Param],
        whole: Option<&[Param]>,
    ) -> store::Result<Vec<Vec<Value>>> {
        let stored = table.columns.iter().filter(|column| column.generated.is_none());
        let stored: Vec<Name> = stored.map(|column| column.name.clone()).collect();
        let (names, params) = whole.map_or((given, params), |whole| (&stored[..], whole));
        let types: Vec<Type> = names.iter().map(|name| type_of(table, name)).collect();
        let text = Translator::new(&self.catalog, &Owner, &[Name::from("public")], &types).tried(table, names)?;
        read(conn, table, &text.sql, params, 0)
    }

    /// The row that an upsert has found, with what is set in it.
    fn merged_row(
        &self,
        conn: &mut dyn Connection,
        table: &Arc<Relation>,
        given: &[Name],
        params: &[Param],
        key: &[Name],
    ) -> store::Result<Vec<Vec<Value>>> {
        let mut own = Params::default();
        let alias = own.alias(table);
        let mut next = |name: &Name| own.push(Param::Null, type_of(table, name));
        let set = given.iter().map(|name| Assignment::Column { column: name.clone(), value: next(name) }).collect();
        let filter = tree::all(key.iter().map(|name| tree::equal(tree::column(&alias, name), next(name))).collect());
        let update = Update {
            with: None,
            table: tree::object(&table.name),
            only: false,
            alias: Some(alias),
            set,
            from: Vec::new(),
            filter,
            returning: Vec::new(),
        };
        let path = [Name::from("public")];
        let text = Translator::new(&self.catalog, &Owner, &path, &own.types).changed(&update, true)?;
        read(conn, table, &text.sql, params, 0)
    }

    fn after(
        &self,
        conn: &mut dyn Connection,
        table: &Arc<Relation>,
        params: &[Param],
    ) -> store::Result<Vec<Vec<Value>>> {
        match &self.after {
            Some((text, count)) => read(conn, table, text, &params[..(*count).min(params.len())], 0),
            None => Ok(Vec::new()),
        }
    }

    fn outside(
        &self,
        conn: &mut dyn Connection,
        table: &Arc<Relation>,
        params: &[Param],
    ) -> store::Result<Vec<Vec<Value>>> {
        match &self.outside {
            Some((text, count)) => read(conn, table, text, &params[..(*count).min(params.len())], 1),
            None => Ok(Vec::new()),
        }
    }

    /// The first of the rows that is refused, if that can be told.
    fn failing<'r>(
        &self,
        conn: &mut dyn Connection,
        table: &Arc<Relation>,
        error: &SqlError,
        rows: &'r [Vec<Value>],
    ) -> store::Result<Option<&'r Vec<Value>>> {
        if let [row] = rows {
            return Ok(Some(row));
        }
        if error.code == "23502" {
            let place = table.columns.iter().position(|column| error.column.as_deref() == Some(&*column.name));
            return Ok(place.and_then(|place| rows.iter().find(|row| row[place].is_null())));
        }
        let check = table.checks.iter().find(|check| error.constraint.as_deref() == Some(&*check.name));
        let Some(tree) = check.filter(|_| error.code == "23514").and_then(|check| check.expr.tree()) else {
            return Ok(None);
        };
        let path = [Name::from("public")];
        let condition = Translator::new(&self.catalog, &Owner, &path, &[]).over_relation(tree, table, "row", None)?;
        let columns = table.columns.iter().enumerate();
        let items: Vec<String> =
            columns.map(|(at, column)| format!("?{} AS {}", at + 1, quote(&column.name))).collect();
        let query =
            format!("SELECT 1 FROM (SELECT {}) AS \"row\" WHERE ({}) IS FALSE", items.join(", "), condition.sql);
        for row in rows {
            let values = table.columns.iter().zip(row);
            let params: Vec<Param> =
                values.map(|(column, value)| Param::Value(column.ty.clone(), value.clone())).collect();
            if conn.query(&query, &params, &mut |_| Ok(()))? > 0 {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// A refused row as far as PostgreSQL shows it: all of it to those who may read the whole table; to others the columns that they may
    /// read or have given themselves; nothing to those whom row security binds.
    fn failing_row(&self, attempt: &Attempt<'_>, row: &[Value], set: &[Name]) -> Option<String> {
        let table = attempt.table;
        if self.guard.bound_by(table) {
            return None;
        }
        if self.guard.may_all(table, Privilege::Select) {
            return store::sqlite::failing_row(attempt, row, None);
        }
        let names = table.columns.iter().map(|column| &column.name);
        let shown = names.filter(|name| set.contains(name) || self.guard.may_column(table, Privilege::Select, name));
        store::sqlite::failing_row(attempt, row, Some(&shown.cloned().collect()))
    }

    /// PostgreSQL shows no values of keys to those whom row security binds, nor to those who may not read all columns of the key.
    fn withheld(&self, table: &Relation, mut error: SqlError) -> SqlError {
        if !matches!(error.code.as_str(), "23505" | "23503") {
            return error;
        }
        let constraint = error.constraint.as_deref().unwrap_or_default();
        let own = table.primary_key.iter().chain(&table.uniques).find(|key| *key.name == *constraint);
        let (table, columns) = if let Some(key) = own {
            (table, Some(&key.columns))
        } else if error.message.starts_with("update or delete on table") {
            self.held(table, error.table.as_deref().unwrap_or_default(), constraint)
        } else {
            let key = table.foreign_keys.iter().find(|key| *key.name == *constraint);
            (table, key.map(|key| &key.columns))
        };
        let readable = self.guard.may_all(table, Privilege::Select)
            || columns.is_some_and(|columns| {
                columns.iter().all(|name| self.guard.may_column(table, Privilege::Select, name))
            });
        if readable && !self.guard.bound_by(table) {
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

    /// The table whose row a foreign key holds, and the columns that the key refers to. It need not be the table that was written to: a cascade
    /// may have come upon it.
    fn held<'t>(&'t self, table: &'t Relation, child: &str, constraint: &str) -> (&'t Relation, Option<&'t Vec<Name>>) {
        let children = self.catalog.relations.values().filter(|relation| *relation.name.name == *child);
        let keys = children.flat_map(|child| &child.foreign_keys).filter(|key| *key.name == *constraint);
        let mut found: Vec<_> =
            keys.filter_map(|key| Some((&**self.catalog.relations.get(&key.target)?, &key.target_columns))).collect();
        found.sort_by_key(|(held, _)| held.name != table.name);
        found.first().map_or((table, None), |(held, columns)| (*held, Some(*columns)))
    }
}

/// The first rows of a query that gives all columns of a table, after `skip` others.
fn read(
    conn: &mut dyn Connection,
    table: &Relation,
    text: &str,
    params: &[Param],
    skip: usize,
) -> store::Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    conn.query(text, params, &mut |row| {
        if rows.len() < ROWS_MAX {
            rows.push(whole(table, row, skip)?);
        }
        Ok(())
    })?;
    Ok(rows)
}

/// The row of a table whose columns come after `skip` others.
pub(super) fn whole(table: &Relation, row: &dyn Row, skip: usize) -> store::Result<Vec<Value>> {
    table.columns.iter().enumerate().map(|(at, column)| row.value(skip + at, &column.ty)).collect()
}

fn type_of(table: &Relation, name: &str) -> Type {
    table.column(name).map_or(Type::Text, |column| column.ty.clone())
}
