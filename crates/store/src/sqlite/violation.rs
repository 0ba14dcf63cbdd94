//! Which constraint was broken, in PostgreSQL's words: SQLite names columns, the catalog knows the rest.
//!
//! SQLite's message is enough for NOT NULL, CHECK and the name of a unique constraint. What it does not say (the values of the
//! key, and everything about foreign keys) is found by [`detail`], which asks the database about the rows that were tried.

use std::collections::BTreeSet;

use values::Value;

use crate::catalog::{Catalog, FkAction, ForeignKey, Name, Relation};
use crate::conn::{Connection, Param};
use crate::error::{Result, SqlError};
use crate::translate::{physical_name, quote};

/// What SQLite says was broken. Columns are `table.column` with the physical table's name.
#[derive(Debug)]
pub(super) enum Broken<'a> {
    Unique(Vec<&'a str>),
    UniqueIndex(&'a str),
    NotNull(&'a str),
    Check(&'a str),
    ForeignKey,
}

fn relation<'a>(catalog: Option<&'a Catalog>, table: &str) -> Option<&'a Relation> {
    let catalog = catalog?;
    let found = catalog.relation("public", table).or_else(|| {
        let (schema, name) = table.split_once('.')?;
        catalog.relation(schema, name)
    });
    found.map(|relation| &**relation)
}

fn bare(table: &str, relation: Option<&Relation>) -> String {
    relation.map_or_else(|| table.to_owned(), |relation| relation.name.name.to_string())
}

pub(super) fn explain(catalog: Option<&Catalog>, broken: &Broken<'_>) -> SqlError {
    match broken {
        Broken::Unique(columns) => {
            let (table, _) = columns.first().and_then(|first| first.rsplit_once('.')).unwrap_or_default();
            let names: Vec<&str> = columns.iter().map(|c| c.rsplit_once('.').map_or(*c, |(_, name)| name)).collect();
            let relation = relation(catalog, table);
            let key = relation.and_then(|relation| {
                let mut keys = relation.primary_key.iter().chain(&relation.uniques);
                keys.find(|key| key.columns.len() == names.len() && key.columns.iter().all(|c| names.contains(&&**c)))
            });
            let name = key.map_or_else(
                || format!("{}_{}_key", bare(table, relation), names.join("_")),
                |key| key.name.to_string(),
            );
            SqlError { table: Some(bare(table, relation)), ..unique(&name) }
        }
        Broken::UniqueIndex(index) => {
            // An index is named `schema.index` outside public, like its table.
            unique(index.split_once('.').map_or(index, |(_, name)| name))
        }
        Broken::NotNull(column) => {
            let (table, column) = column.rsplit_once('.').unwrap_or(("", column));
            let table = bare(table, relation(catalog, table));
            let message =
                format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
            SqlError { table: Some(table), column: Some(column.to_owned()), ..SqlError::new("23502", message) }
        }
        Broken::Check(name) => check(catalog, name),
        Broken::ForeignKey => SqlError::new("23503", "a foreign key constraint is violated"),
    }
}

fn unique(name: &str) -> SqlError {
    SqlError::new("23505", format!("duplicate key value violates unique constraint \"{name}\"")).constraint(name)
}

/// Names of check constraints are unique in a table only, so the first table that has it is named; an unnamed check comes as its text.
fn check(catalog: Option<&Catalog>, name: &str) -> SqlError {
    if let Some(catalog) = catalog {
        for domain in catalog.domains.values() {
            if domain.checks.iter().any(|check| *check.name == *name) {
                let message = format!("value for domain {} violates check constraint \"{name}\"", domain.name.name);
                return SqlError::new("23514", message).constraint(name);
            }
        }
        if let Some(relation) = catalog.relations.values().find(|r| r.checks.iter().any(|check| *check.name == *name)) {
            let table = relation.name.name.to_string();
            let message = format!("new row for relation \"{table}\" violates check constraint \"{name}\"");
            return SqlError { table: Some(table), ..SqlError::new("23514", message).constraint(name) };
        }
    }
    SqlError::new("23514", format!("new row violates check constraint \"{name}\"")).constraint(name)
}

/// What a refused statement tried to do to which rows.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The table.
    pub table: &'a Relation,
    /// The columns that `rows` have, in order.
    pub columns: &'a [Name],
    /// The rows in stored form: new rows for an insert or update, old ones (at least their keys) for a delete.
    pub rows: &'a [Vec<Value>],
    /// What was tried with them.
    pub act: Act,
}

/// What a statement tries to do to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They come: an insert, or what an update makes of rows.
    Come,
    /// They go.
    Go,
    /// Their keys change: these are the rows as they were.
    Rekey,
}

/// How many rows [`detail`] looks at: the answer is a courtesy, not worth a scan.
const ROWS_PROBED_MAX: usize = 1000;

/// Completes a 23505, 23503, 23502 or 23514 with constraint, message and detail as PostgreSQL gives them, by asking for the rows
/// that were tried. To be called in the transaction in which the statement failed. Leaves `error` as it is when nothing is found.
pub fn detail(
    conn: &mut dyn Connection,
    catalog: &Catalog,
    attempt: &Attempt<'_>,
    mut error: SqlError,
) -> Result<SqlError> {
    match error.code.as_str() {
        "23505" => {
            let keys = attempt.table.primary_key.iter().chain(&attempt.table.uniques);
            let named: Vec<_> = keys.filter(|key| error.constraint.as_deref() == Some(&*key.name)).collect();
            if let Some(key) = named.first()
                && let Some(values) = duplicate(conn, attempt, &key.columns)?
            {
                error.detail = Some(format!("Key {} already exists.", key_text(attempt.table, &key.columns, &values)));
            }
        }
        "23503" if attempt.act != Act::Come => {
            if let Some(Held { table, child, key, values }) = still_referenced(conn, catalog, attempt, None, 0)? {
                error.message = format!(
                    "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
                    table.name.name, key.name, child.name.name
                );
                let text = key_text(table, &key.target_columns, &values);
                error.detail = Some(format!("Key {text} is still referenced from table \"{}\".", child.name.name));
                error.constraint = Some(key.name.to_string());
                error.table = Some(child.name.name.to_string());
            }
        }
        "23503" => {
            if let Some((key, values)) = missing_parent(conn, catalog, attempt)? {
                let table = &attempt.table.name.name;
                error.message =
                    format!("insert or update on table \"{table}\" violates foreign key constraint \"{}\"", key.name);
                let text = key_text(attempt.table, &key.columns, &values);
                error.detail = Some(format!("Key {text} is not present in table \"{}\".", key.target.name));
                error.constraint = Some(key.name.to_string());
                error.table = Some(table.to_string());
            }
        }
        "23502" => {
            let column = error.column.clone().unwrap_or_default();
            let failing = attempt
                .rows
                .iter()
                .find(|row| picked(attempt, row, &[Name::from(column.as_str())]).is_none_or(|v| v[0].is_null()));
            if let Some(row) = failing {
                error.detail = failing_row(attempt, row, None);
            }
        }
        "23514" => {
            // Two tables may have constraints of one name; here it is known whose was broken.
            let name = error.constraint.clone().unwrap_or_default();
            if attempt.table.checks.iter().any(|check| *check.name == *name) {
                let table = &attempt.table.name.name;
                error.message = format!("new row for relation \"{table}\" violates check constraint \"{name}\"");
                error.table = Some(table.to_string());
            }
            // Which row failed is only known when there was one.
            if let [row] = attempt.rows {
                error.detail = failing_row(attempt, row, None);
            }
        }
        _ => {}
    }
    Ok(error)
}

/// The values of `columns` in a row; `None` when the row does not have them all.
fn picked<'r>(attempt: &Attempt<'_>, row: &'r [Value], columns: &[Name]) -> Option<Vec<&'r Value>> {
    columns.iter().map(|column| row.get(attempt.columns.iter().position(|c| c == column)?)).collect()
}

fn text_of(table: &Relation, column: &str, value: &Value) -> String {
    let mut out = String::new();
    match table.column(column) {
        Some(column) => values::write_text(&column.ty, value.as_ref(), &mut out),
        None => values::write_text(&values::Type::Text, value.as_ref(), &mut out),
    }
    out
}

/// `(a, b)=(1, x)`.
fn key_text(table: &Relation, columns: &[Name], values: &[Value]) -> String {
    let names: Vec<String> = columns.iter().map(|column| values::quote::ident(column)).collect();
    let texts: Vec<String> = columns.iter().zip(values).map(|(column, value)| text_of(table, column, value)).collect();
    format!("({})=({})", names.join(", "), texts.join(", "))
}

/// `Failing row contains (…).` with values cut at 64 bytes, as PostgreSQL cuts them: the whole row, or those of its columns that are `shown`,
/// by name. Nothing when none is.
pub fn failing_row(attempt: &Attempt<'_>, row: &[Value], shown: Option<&BTreeSet<Name>>) -> Option<String> {
    let is_shown = |name: &Name| shown.is_none_or(|shown| shown.contains(name));
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    for column in attempt.table.columns.iter().filter(|column| is_shown(&column.name)) {
        names.push(&*column.name);
        texts.push(match picked(attempt, row, std::slice::from_ref(&column.name)).as_deref() {
            Some([value]) if !value.is_null() => {
                let mut text = text_of(attempt.table, &column.name, value);
                let cut = (0..=64.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                if cut < text.len() {
                    text.truncate(cut);
                    text.push_str("...");
                }
                text
            }
            _ => "null".to_owned(),
        });
    }
    let texts = texts.join(", ");
    match shown {
        None => Some(format!("Failing row contains ({texts}).")),
        Some(_) if names.is_empty() => None,
        Some(_) => Some(format!("Failing row contains ({}) = ({texts}).", names.join(", "))),
    }
}

/// Is there a row of `table` with these values in these columns.
fn exists(conn: &mut dyn Connection, table: &Relation, columns: &[Name], row: &[&Value]) -> Result<bool> {
    let (text, params) = having(table, columns, row, "1", 1);
    Ok(conn.query(&text, &params, &mut |_| Ok(()))? > 0)
}

/// A query of the rows that have these values in these columns.
fn having(table: &Relation, columns: &[Name], row: &[&Value], items: &str, rows_max: usize) -> (String, Vec<Param>) {
    let conditions: Vec<String> =
        columns.iter().enumerate().map(|(n, column)| format!("{} = ?{}", quote(column), n + 1)).collect();
    let text = format!(
        "select {items} from {} where {} limit {rows_max}",
        quote(&physical_name(&table.name)),
        conditions.join(" and ")
    );
    let params = columns
        .iter()
        .zip(row)
        .map(|(column, value)| {
            Param::Value(table.column(column).map_or(values::Type::Text, |c| c.ty.clone()), (*value).clone())
        })
        .collect();
    (text, params)
}

/// The first tried key that another row has, in the table or earlier among the tried ones.
fn duplicate(conn: &mut dyn Connection, attempt: &Attempt<'_>, columns: &[Name]) -> Result<Option<Vec<Value>>> {
    let mut seen: Vec<Vec<&Value>> = Vec::new();
    for row in attempt.rows.iter().take(ROWS_PROBED_MAX) {
        let Some(key) = picked(attempt, row, columns).filter(|key| !key.iter().any(|value| value.is_null())) else {
            continue;
        };
        if seen.contains(&key) || exists(conn, attempt.table, columns, &key)? {
            return Ok(Some(key.into_iter().cloned().collect()));
        }
        seen.push(key);
    }
    Ok(None)
}

/// The first foreign key, in order of name, of which a tried row has no parent.
fn missing_parent<'a>(
    conn: &mut dyn Connection,
    catalog: &Catalog,
    attempt: &Attempt<'a>,
) -> Result<Option<(&'a ForeignKey, Vec<Value>)>> {
    let mut keys: Vec<&ForeignKey> = attempt.table.foreign_keys.iter().collect();
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    for row in attempt.rows.iter().take(ROWS_PROBED_MAX) {
        for key in &keys {
            let Some(values) = picked(attempt, row, &key.columns) else { continue };
            let Some(parent) = catalog.relation(&key.target.schema, &key.target.name) else { continue };
            if !values.iter().any(|value| value.is_null()) && !exists(conn, parent, &key.target_columns, &values)? {
                // A row may refer to another one of the same statement.
                let own = key.target == attempt.table.name
                    && attempt
                        .rows
                        .iter()
                        .any(|other| picked(attempt, other, &key.target_columns).is_some_and(|v| v == values));
                if !own {
                    return Ok(Some((key, values.into_iter().cloned().collect())));
                }
            }
        }
    }
    Ok(None)
}

/// A row that others hold on to.
struct Held<'c> {
    /// Its table.
    table: &'c Relation,
    /// The table whose rows refer to it.
    child: &'c Relation,
    key: &'c ForeignKey,
    /// The values of what it is referred to by.
    values: Vec<Value>,
}

/// How far cascades are followed, and how many of their rows are looked at for each key.
const CASCADES_MAX: usize = 4;
const CASCADED_ROWS_MAX: usize = 100;

/// The first foreign key of any table that holds on to a row that was to go or get another key: a row of the statement's own, else one that it
/// would have taken with it. `changed`: only these columns of the row do change.
fn still_referenced<'c>(
    conn: &mut dyn Connection,
    catalog: &'c Catalog,
    attempt: &Attempt<'_>,
    changed: Option<&[Name]>,
    depth: usize,
) -> Result<Option<Held<'c>>> {
    let Some(table) = catalog.relation(&attempt.table.name.schema, &attempt.table.name.name) else { return Ok(None) };
    let children: Vec<_> = catalog
        .relations
        .values()
        .flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)))
        .filter(|(_, key)| key.target == table.name)
        .filter(|(_, key)| changed.is_none_or(|names| key.target_columns.iter().any(|name| names.contains(name))))
        .map(|(child, key)| (child, key, if attempt.act == Act::Rekey { key.on_update } else { key.on_delete }))
        .collect();
    let rows = || attempt.rows.iter().take(ROWS_PROBED_MAX);
    for row in rows() {
        for (child, key, then) in &children {
            let Some(values) = picked(attempt, row, &key.target_columns) else { continue };
            if matches!(then, FkAction::NoAction | FkAction::Restrict) && exists(conn, child, &key.columns, &values)? {
                let values = values.into_iter().cloned().collect();
                return Ok(Some(Held { table, child, key, values }));
            }
        }
    }
    if depth == CASCADES_MAX {
        return Ok(None);
    }
    for (child, key, then) in &children {
        let (act, changed) = match then {
            FkAction::NoAction | FkAction::Restrict => continue,
            FkAction::Cascade if attempt.act == Act::Go => (Act::Go, None),
            FkAction::Cascade | FkAction::SetNull | FkAction::SetDefault => (Act::Rekey, Some(&*key.columns)),
        };
        let mut taken = Vec::new();
        for row in rows() {
            let Some(values) = picked(attempt, row, &key.target_columns) else { continue };
            taken.extend(referring(conn, child, &key.columns, &values, CASCADED_ROWS_MAX - taken.len())?);
        }
        let columns: Vec<Name> = child.columns.iter().map(|column| column.name.clone()).collect();
        let attempt = Attempt { table: child, columns: &columns, rows: &taken, act };
        if let Some(held) = still_referenced(conn, catalog, &attempt, changed, depth + 1)? {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

/// The first so many rows of `table`, whole, that have these values in these columns.
fn referring(
    conn: &mut dyn Connection,
    table: &Relation,
    columns: &[Name],
    row: &[&Value],
    rows_max: usize,
) -> Result<Vec<Vec<Value>>> {
    let names: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    let mut rows = Vec::new();
    let (text, params) = having(table, columns, row, &names.join(", "), rows_max);
    conn.query(&text, &params, &mut |row| {
        let values = table.columns.iter().enumerate().map(|(at, column)| row.value(at, &column.ty));
        rows.push(values.collect::<Result<Vec<Value>>>()?);
        Ok(())
    })?;
    Ok(rows)
}
